/** A taste of the host target, and the proof that it would notice. `npm run fuzz -- --only host` runs it for longer. */
import { isDeepStrictEqual } from "node:util";
import { expect, test } from "vitest";
import { hostFunctions } from "../../vm/host-fns/table.ts";
import { createRandom } from "../support/programs.ts";
import { findHostCanaries } from "./host/canary.ts";
import { createCase, decodeCase, encodeCase } from "./host/case.ts";
import { fuzzHost, neverReturned } from "./host.ts";

const SEED = 1;
const CASE_COUNT = 2_000;

test("host functions keep their laws, whatever they are called with", () => {
  const { finds, statistics } = fuzzHost(SEED, (caseCount) => caseCount < CASE_COUNT);
  expect(finds).toEqual([]);
  expect(neverReturned(statistics)).toEqual([]);
});

test("a mistake against any of the laws is found", () => {
  for (const { law, caseCount } of findHostCanaries()) expect(caseCount, law).toBeLessThan(1_000);
});

test("a case is its JSON", () => {
  for (const fn of hostFunctions.values()) {
    const hostCase = createCase(fn, createRandom(SEED));
    expect(isDeepStrictEqual(decodeCase(encodeCase(hostCase)), hostCase), fn.name).toBe(true);
  }
});
