/** The ready file: whole, private, and never in anyone's way. */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { codeOf } from "../test/support/refusals.ts";
import { temporaryFolder } from "../test/support/test-chain.ts";
import { clearReadyFile, READY_SCHEMA_VERSION, removeReadyFile, writeReadyFile } from "./ready-file.ts";

const facts = { schemaVersion: READY_SCHEMA_VERSION, pid: 7, url: "ws://127.0.0.1:1", balance: 2n ** 70n };

test("holds the facts, for the owner's eyes only, and leaves nothing beside it", () => {
  const folder = join(temporaryFolder(), "run");
  const path = join(folder, "ready.json");
  writeReadyFile(path, facts);
  const text = readFileSync(path, "utf8");
  expect(text.endsWith("\n")).toBe(true);
  expect(JSON.parse(text)).toEqual({ ...facts, balance: "1180591620717411303424" });
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(["ready.json"]);
});

test("is replaced when a node that was killed left it, and removed by the process that wrote it only", () => {
  const path = join(temporaryFolder(), "ready.json");
  clearReadyFile(path);
  writeReadyFile(path, facts);
  clearReadyFile(path);
  expect(existsSync(path)).toBe(false);
  writeReadyFile(path, { ...facts, pid: 8 });
  removeReadyFile(path, 7);
  expect(JSON.parse(readFileSync(path, "utf8")).pid).toBe(8);
  removeReadyFile(path, 8);
  expect(existsSync(path)).toBe(false);
  removeReadyFile(path, 8);
});

test.each(["", "{}", "null", "[]", '{"name":"lockstep","version":"1.0.0"}', "schemaVersion", '{"schemaVersion":1}'])(
  "what is no ready file is not touched: %j",
  (text) => {
    const path = join(temporaryFolder(), "package.json");
    writeFileSync(path, text);
    expect(codeOf(() => clearReadyFile(path))).toBe("ready_file_foreign");
    expect(codeOf(() => writeReadyFile(path, facts))).toBe("ready_file_foreign");
    removeReadyFile(path, 7);
    expect(readFileSync(path, "utf8")).toBe(text);
  },
);

test("a folder is refused, and so is a place where nothing can be written", () => {
  expect(codeOf(() => clearReadyFile(temporaryFolder()))).toBe("file_unreadable");
  expect(codeOf(() => writeReadyFile("/proc/ready.json", facts))).toBe("file_unwritable");
});
