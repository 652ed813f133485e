/**
 * `npm run test:stack`: that the logical stack limit trips before the native stack, in every tier, and by how much. For each
 * shape and tier it looks for the smallest native stack that still suffices.
 *
 * `SEED=` repeats the random shapes of a run.
 */
import { randomShape, shapes } from "./shapes.ts";
import { probe, STACK_SIZE_KB, type Tier } from "./tiers.ts";

const RANDOM_SHAPE_COUNT = 12;
/** How exactly the smallest stack is found. */
const STEP_KB = 8;
/** More than this and Linux's own 8 MB of the main thread would run out. */
const SEARCH_MAX_KB = 7_168;

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 1e9));
console.log(`SEED=${seed}, stack ${STACK_SIZE_KB} KB, Node ${process.version}`);
const randomNames = Array.from({ length: RANDOM_SHAPE_COUNT }, (_, index) => randomShape(seed + index).name);
const names = [...shapes.map(({ name }) => name), ...randomNames];

let failureCount = 0;
const depths = new Map<string, number>();
for (const tier of ["default", "liftoff", "turbofan"] as const) {
  const lines = probe({ tier, stackSizeKb: STACK_SIZE_KB, rounds: 3, names });
  if (lines.length !== names.length) throw new Error(`the ${tier} probe ended early`);
  for (const { shape, depth, failure } of lines) {
    depths.set(shape, depth);
    if (failure === null) continue;
    failureCount++;
    console.log(`${tier}: ${shape}: ${failure.slice(0, 200)}`);
  }
}

/** The smallest stack on which the shape passes, to `STEP_KB`; null when none up to `SEARCH_MAX_KB` suffices. */
function smallestStackKb(tier: Tier, name: string): number | null {
  const passes = (steps: number) => probe({ tier, stackSizeKb: steps * STEP_KB, names: [name] })[0]?.failure === null;
  let [fails, suffices] = [0, STACK_SIZE_KB / STEP_KB];
  if (!passes(suffices)) {
    [fails, suffices] = [suffices, SEARCH_MAX_KB / STEP_KB];
    if (!passes(suffices)) return null;
  }
  while (suffices - fails > 1) {
    const middle = (fails + suffices) >> 1;
    if (passes(middle)) suffices = middle;
    else fails = middle;
  }
  return suffices * STEP_KB;
}

const cell = (sizeKb: number | null) =>
  sizeKb === null ? `> ${SEARCH_MAX_KB} KB    ` : `${sizeKb} KB (${(STACK_SIZE_KB / sizeKb).toFixed(2)}x)`;

console.log(`${"shape".padEnd(28)}${"frames".padStart(7)}${"liftoff".padStart(18)}${"turbofan".padStart(18)}`);
for (const name of names) {
  const cells = (["liftoff", "turbofan"] as const).map((tier) => cell(smallestStackKb(tier, name)).padStart(18));
  console.log(`${name.padEnd(28)}${String(depths.get(name)).padStart(7)}${cells.join("")}`);
}
console.log(`${failureCount} failures`);
if (failureCount > 0) process.exitCode = 1;
