/**
 * Host functions with random memory, arguments, gas and chain, and no Wasm between: every one of the table, under the laws
 * of `host/laws.ts`. Slow functions get fewer calls, so that each gets about the same time.
 */
import { type HostFunction, hostFunctions } from "../../vm/host-fns/table.ts";
import { createRandom } from "../support/programs.ts";
import { createCase, type HostCase } from "./host/case.ts";
import { type Breach, judge } from "./host/laws.ts";
import type { Random } from "./host/noise.ts";
import type { Observation } from "./host/run.ts";

export interface HostFind extends Breach {
  readonly seed: number;
  readonly hostCase: HostCase;
}

/** How calls of each function ended: `returned`, `returned 0`, `revert`, or the reason of the halt. */
export type HostStatistics = ReadonlyMap<string, ReadonlyMap<string, number>>;

export interface HostFuzzing {
  readonly statistics: HostStatistics;
  readonly caseCount: number;
  readonly finds: readonly HostFind[];
}

const FINDS_MAX = 5;
/** What a case takes beside the function itself, in gas, which is about a nanosecond. */
const CASE_GAS = 50_000;
/** How often a function is tried until it has done its work once. */
const OPENING_CASES_MAX = 300;

/** Begins with every function until it has returned once; then goes on at random for as long as `goesOn` says. */
export function fuzzHost(firstSeed: number, goesOn: (caseCount: number) => boolean): HostFuzzing {
  const functions = [...hostFunctions.values()];
  const statistics = new Map(functions.map(({ name }) => [name, new Map<string, number>()]));
  const finds: HostFind[] = [];
  let caseCount = 0;
  const tryOne = (choose: (random: Random) => HostFunction): Observation => {
    const seed = firstSeed + caseCount++;
    const random = createRandom(seed);
    const fn = choose(random);
    const hostCase = createCase(fn, random);
    const { seen, breaches } = judge(fn, hostCase);
    const counts = statistics.get(fn.name)!;
    const label = labelOf(fn, seen);
    counts.set(label, (counts.get(label) ?? 0) + 1);
    const [first] = breaches;
    const isKnown = finds.some((find) => find.law === first?.law && find.hostCase.function === fn.name);
    if (first !== undefined && !isKnown) finds.push({ ...first, seed, hostCase: shrinkCase(fn, hostCase, first) });
    return seen;
  };
  for (const fn of functions) {
    for (let tries = 0; tries < OPENING_CASES_MAX && finds.length < FINDS_MAX; tries++) {
      const { kind } = tryOne(() => fn).ending;
      if (kind === "returned" || kind === "revert") break;
    }
  }
  const choose = weighted(functions);
  while (finds.length < FINDS_MAX && goesOn(caseCount)) tryOne(choose);
  return { statistics, caseCount, finds };
}

function weighted(functions: readonly HostFunction[]): (random: Random) => HostFunction {
  let total = 0;
  const ends = functions.map(({ price }) => {
    total += Math.ceil(1e12 / (CASE_GAS + price.base + price.perItem));
    return total;
  });
  return (random) => {
    const point = random(total);
    return functions[ends.findIndex((end) => point < end)]!;
  };
}

function labelOf({ result }: HostFunction, { ending }: Observation): string {
  if (ending.kind === "returned") return result === "i32" && ending.value === 0 ? "returned 0" : "returned";
  return ending.kind === "halt" ? ending.reason : ending.kind;
}

/** Functions that never did their work, however they were called. */
export function neverReturned(statistics: HostStatistics): readonly string[] {
  return [...statistics]
    .filter(([, counts]) => !["returned", "returned 0", "revert"].some((label) => counts.has(label)))
    .map(([name]) => name);
}

/** One line a function: calls, then each ending with its share. */
export function describe(statistics: HostStatistics): string {
  const lines = [...statistics].map(([name, counts]) => {
    const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
    const endings = [...counts].sort(([, a], [, b]) => b - a);
    const shares = endings.map(([label, count]) => `${label} ${((100 * count) / total).toFixed(1)}%`);
    return `  ${name.padEnd(33)} ${String(total).padStart(7)}  ${shares.join(", ")}`;
  });
  return lines.join("\n");
}

/** The case with as little in it as keeps the law broken. */
function shrinkCase(fn: HostFunction, hostCase: HostCase, { law }: Breach): HostCase {
  let best = hostCase;
  for (let progress = true; progress; ) {
    progress = false;
    for (const smaller of smallerCases(best)) {
      if (!judge(fn, smaller).breaches.some((breach) => breach.law === law)) continue;
      best = smaller;
      progress = true;
      break;
    }
  }
  return best;
}

function* smallerCases(hostCase: HostCase): Generator<HostCase> {
  const { plants, storage, input, inputFetched, readOnly, inEngines, pageCount, args } = hostCase;
  for (const i of plants.keys()) yield { ...hostCase, plants: plants.toSpliced(i, 1) };
  for (const i of storage.keys()) yield { ...hostCase, storage: storage.toSpliced(i, 1) };
  if (inputFetched) yield { ...hostCase, inputFetched: false };
  if (input.length > 0) yield { ...hostCase, input: input.subarray(0, input.length >> 1) };
  if (readOnly) yield { ...hostCase, readOnly: false };
  if (inEngines) yield { ...hostCase, inEngines: false };
  if (pageCount > 1 && plants.length === 0) yield { ...hostCase, pageCount: 1 };
  for (const [i, value] of args.entries()) {
    if (Number(value) !== 0) yield { ...hostCase, args: args.with(i, typeof value === "bigint" ? 0n : 0) };
  }
}
