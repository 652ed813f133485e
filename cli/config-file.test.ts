/** Config files on disk: which is found, what it gives, and why it cannot be used. */
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../test/support/test-chain.ts";
import { findConfigFile, loadConfigFile } from "./config-file.ts";

function write(name: string, text: string, folder = temporaryFolder()): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe("the config file of a folder", () => {
  test("is the one there is", () => {
    expect(findConfigFile(temporaryFolder())).toBeNull();
    for (const extension of ["ts", "js", "mjs", "json"]) {
      const file = write(`lockstep.config.${extension}`, "");
      expect(findConfigFile(join(file, ".."))).toBe(file);
    }
  });

  test("must be one: config_ambiguous", () => {
    const folder = join(write("lockstep.config.ts", ""), "..");
    write("lockstep.config.json", "{}", folder);
    expect(() => findConfigFile(folder)).toThrow(
      expect.objectContaining({
        code: "config_ambiguous",
        exitCode: 3,
        message: expect.stringContaining("config.json"),
      }),
    );
  });
});

describe("what a file exports by default", () => {
  const config = { dev: { port: 0, accounts: 3 } };
  test.each([
    ["lockstep.config.json", '{ "dev": { "port": 0, "accounts": 3 } }'],
    ["lockstep.config.mjs", "export default { dev: { port: 0, accounts: 1 + 2 } };"],
    ["lockstep.config.js", "export default { dev: { port: 0, accounts: 3 } };"],
    ["other.js", "module.exports = { dev: { port: 0, accounts: 3 } };"],
    [
      "lockstep.config.ts",
      `import type { Config } from "lockstep/devnet";
       import { three } from "./three.ts";
       enum Count { Three = three }
       export default { dev: { port: 0 as number, accounts: Count.Three } } satisfies Config;`,
    ],
    [
      "other.ts",
      "export const more = 1; const config: object = await Promise.resolve({ dev: { port: 0, accounts: 3 } }); export default config;",
    ],
  ])("is read from %s", async (name, text) => {
    const file = write(name, text);
    write("three.ts", "export const three: number = 3;", join(file, ".."));
    expect(await loadConfigFile(file)).toEqual(config);
    expect(readdirSync(join(file, "..")).sort(), "nothing is left behind").toEqual([name, "three.ts"].sort());
  });

  test("is read anew from a TypeScript file that changed", async () => {
    const file = write("lockstep.config.ts", "export default { dev: { port: 1 } };");
    expect(await loadConfigFile(file)).toEqual({ dev: { port: 1 } });
    writeFileSync(file, "export default { dev: { port: 2 } };");
    expect(await loadConfigFile(file)).toEqual({ dev: { port: 2 } });
  });
});

test.each([
  ["lockstep.config.json", "{ dev: {} }", /JSON/],
  ["lockstep.config.json", "", /JSON/],
  ["lockstep.config.ts", "export default { dev: {", /./],
  ["lockstep.config.ts", 'throw new Error("not today")', /not today/],
  ["lockstep.config.ts", 'import "./nowhere.ts"; export default {};', /nowhere/],
  ["lockstep.config.ts", "export const dev = {};", /by default/],
  ["lockstep.config.mjs", "export const dev = {};", /by default/],
  ["lockstep.config.mjs", "throw 7;", /7/],
  ["lockstep.config.mjs", `throw new Error("x".repeat(100_000));`, /x\.\.\.$/],
  ["lockstep.config.yaml", "dev: {}", /must end with/],
])("%s with %j is refused with its name and the reason", async (name, text, reason) => {
  const file = write(name, text);
  const error = (await loadConfigFile(file).catch((thrown) => thrown)) as Error;
  expect(error).toMatchObject({ code: "config_unreadable", exitCode: 3, details: { file } });
  expect(error.message).toContain(file);
  expect(error.message).toMatch(reason);
  expect(error.message.length).toBeLessThan(1_000);
});

test("a file that is not there, or none, is refused", async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "folder.ts"), { recursive: true });
  await expect(loadConfigFile(join(folder, "none.ts"))).rejects.toMatchObject({ code: "config_unreadable" });
  await expect(loadConfigFile(join(folder, "folder.ts"))).rejects.toMatchObject({ code: "config_unreadable" });
});
