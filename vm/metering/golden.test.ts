/**
 * Small modules beside what metering makes of them, as text that a person can read. Each expectation opens with the metered
 * blocks by function: where the block starts, what it costs, and whether it is a loop.
 *
 * `BLESS=1` writes the expectations anew; the diff is then what to review.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { toWat, wat } from "../../test/support/wat.ts";
import { decodeModule } from "../decode.ts";
import type { Module } from "../module.ts";
import { validateModule } from "../validate.ts";
import { meteredBlocks } from "./blocks.ts";
import { injectMetering } from "./inject.ts";

const folder = new URL("../../test/vectors/metering/", import.meta.url);
const EXPECTED = ".expected.wat";
const files = readdirSync(folder);
const names = files.filter((file) => !file.endsWith(EXPECTED)).map((file) => file.replace(/\.wat$/, ""));

function describeBlocks(module: Module): string {
  const lines: string[] = [];
  for (const [index, body] of module.bodies.entries()) {
    lines.push(`;; function ${module.imports.length + index}`);
    for (const { start, gas, isLoop } of meteredBlocks(module, body)) {
      const offset = `0x${start.toString(16).padStart(4, "0")}`;
      lines.push(`;;   ${offset}  ${gas} gas${isLoop ? "  loop" : ""}`);
    }
  }
  return lines.join("\n");
}

test("there is an expectation for every module, and no other", () => {
  expect(names.length).toBeGreaterThan(10);
  if (process.env.BLESS) return;
  const expected = files.filter((file) => file.endsWith(EXPECTED)).map((file) => file.slice(0, -EXPECTED.length));
  expect(expected).toEqual(names);
});

test.each(names)("metering writes what was reviewed: %s", (name) => {
  const module = decodeModule(wat(readFileSync(new URL(`${name}.wat`, folder), "utf8")));
  const instrumented = toWat(injectMetering(module, validateModule(module)));
  // Assembled again with wabt's validator on, which is independent of ours.
  expect(() => wat(instrumented)).not.toThrow();

  const shown = `${describeBlocks(module)}\n${instrumented}`;
  const file = new URL(name + EXPECTED, folder);
  if (process.env.BLESS) writeFileSync(file, shown);
  expect(shown).toBe(readFileSync(file, "utf8"));
});
