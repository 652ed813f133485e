/**
 * What the fuzzer found, for ever after; a taste of the fuzzer itself; and the canary that proves it can find something.
 * `npm run fuzz` runs it for longer.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { createRandom } from "../support/programs.ts";
import { findCanary } from "./canary.ts";
import { differenceOf } from "./differential.ts";
import { createModule } from "./generate.ts";

const folder = fileURLToPath(new URL("./finds", import.meta.url));
const finds = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".wasm")) : [];

test("the engines agree on everything that they once differed on", () => {
  expect(finds.length).toBeGreaterThan(0);
  for (const name of finds) {
    const code = new Uint8Array(readFileSync(`${folder}/${name}`));
    for (let seed = 0; seed < 5; seed++) expect(differenceOf(code, createRandom(seed)), name).toBeNull();
  }
});

test("the engines agree on random contracts", () => {
  const first = Number(process.env.SEED ?? Math.floor(Math.random() * 1e9));
  for (let seed = first; seed < first + 300; seed++) {
    expect(differenceOf(createModule(seed), createRandom(seed)), `SEED=${seed}`).toBeNull();
  }
});

test("a wrong opcode on one side is found", () => {
  expect(findCanary()).toBeLessThan(20_000);
});
