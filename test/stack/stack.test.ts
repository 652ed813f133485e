/** The quick part of `npm run test:stack`: no margins, and a few random shapes. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { shapes } from "./shapes.ts";
import { probe, STACK_SIZE_KB, type Tier } from "./tiers.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const probePath = `${root}/dist-tools/test/stack/probe.js`;
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 1e9));
const names = [...shapes.map(({ name }) => name), `random ${seed}`, `random ${seed + 1}`];

beforeAll(() => {
  const tsc = `${root}/node_modules/typescript/bin/tsc`;
  const { status, stdout } = spawnSync(process.execPath, [tsc, "-p", "test/stack/tsconfig.json"], {
    cwd: root,
    encoding: "utf8",
  });
  expect(status, stdout).toBe(0);
});

function failuresIn(tier: Tier, stackSizeKb: number, shapeNames: readonly string[] = names): readonly string[] {
  const lines = probe({ tier, stackSizeKb, rounds: tier === "default" ? 2 : 1, names: shapeNames, probePath });
  expect(
    lines.map(({ shape }) => shape),
    `SEED=${seed}`,
  ).toEqual(shapeNames);
  return lines.flatMap(({ shape, failure }) => (failure === null ? [] : [`${shape}: ${failure}`]));
}

test.each(["default", "liftoff", "turbofan"] as const)(
  "the logical stack limit trips before the native stack, with both engines agreeing: %s",
  (tier) => expect(failuresIn(tier, STACK_SIZE_KB), `SEED=${seed}`).toEqual([]),
);

test("the probe sees a native stack that overflows first", () => {
  const failures = failuresIn("liftoff", 128, ["empty frame"]);
  expect(failures).toEqual([expect.stringContaining("empty frame: Fault: the engine failed: RangeError")]);
});

test("the limit holds for values that an optimizer keeps over a call", () => {
  expect(failuresIn("turbofan", STACK_SIZE_KB, ["1000 values recomputed"])).toEqual([]);
});
