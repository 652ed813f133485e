/**
 * What the fuzzer found, for ever after; a taste of the fuzzer itself; and the canary that proves it can find something.
 * `npm run fuzz` runs it for longer.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { hostFunctions } from "../../vm/host-fns/table.ts";
import { createRandom } from "../support/programs.ts";
import { findCanary } from "./canary.ts";
import { differenceOf, findDifference, interpreterEngine, jitEngine } from "./differential.ts";
import { createModule } from "./generate.ts";
import { decodeCase } from "./host/case.ts";
import { judge } from "./host/laws.ts";

const folder = fileURLToPath(new URL("./finds", import.meta.url));
const kept = existsSync(folder) ? readdirSync(folder) : [];
const finds = kept.filter((name) => name.endsWith(".wasm"));

test("the engines agree on everything that they once differed on", () => {
  expect(finds.length).toBeGreaterThan(0);
  for (const name of finds) {
    const code = new Uint8Array(readFileSync(`${folder}/${name}`));
    for (let seed = 0; seed < 5; seed++) expect(differenceOf(code, createRandom(seed)), name).toBeNull();
  }
});

test("host functions keep the laws that they once broke, be it with a mistake put in on purpose", () => {
  const hostFinds = kept.filter((name) => name.endsWith(".json"));
  expect(hostFinds.length).toBeGreaterThan(0);
  for (const name of hostFinds) {
    const hostCase = decodeCase(readFileSync(`${folder}/${name}`, "utf8"));
    const fn = hostFunctions.get(hostCase.function);
    expect(fn, name).toBeDefined();
    expect(judge(fn!, hostCase).breaches, name).toEqual([]);
  }
});

test("the engines agree on random contracts", () => {
  const first = Number(process.env.SEED ?? Math.floor(Math.random() * 1e9));
  for (let seed = first; seed < first + 300; seed++) {
    const code = createModule(seed);
    const difference = findDifference(jitEngine(code), interpreterEngine(code), createRandom(seed));
    expect(difference, `SEED=${seed}`).toBeNull();
  }
});

test("a wrong opcode on one side is found", () => {
  expect(findCanary()).toBeLessThan(20_000);
});
