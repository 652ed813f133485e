/**
 * How the gas bench measures: work that can be repeated, in nanoseconds of processor time and gas per repetition.
 *
 * A reading is the difference between many repetitions and one, in time and in gas, so that what surrounds the work falls
 * out of both: making the instance, filling its memory, the transaction, the block. The loop that repeats is part of the
 * work and pays its own gas.
 */
/** The engine's compilers: code is baseline when it is new and optimised when it is hot. `any` is as the engine pleases. */
export type Tier = "baseline" | "optimised" | "any";

/** What is read in processes of their own: the engine's flags, and the tier that they leave. */
export const parts = {
  baseline: { tier: "baseline", flags: ["--liftoff-only"] },
  optimised: { tier: "optimised", flags: ["--no-liftoff", "--no-wasm-tier-up"] },
  preparation: { tier: "baseline", flags: ["--liftoff-only", "--no-wasm-lazy-compilation", "--single-threaded"] },
} as const satisfies Readonly<Record<string, { tier: Tier; flags: readonly string[] }>>;

export type Part = keyof typeof parts;

export interface Reading {
  readonly group: string;
  readonly name: string;
  readonly tier: Tier;
  /** Of one repetition. */
  readonly ns: number;
  readonly gas: number;
}

/** Runs the work `count` times over and gives the gas that this took. */
export type Run = (count: number) => number | Promise<number>;

export interface MeasureOptions {
  /** Repetitions at most. */
  readonly countMax?: number;
  /** How long many repetitions are to take: long against the clock, and short against the reader's patience. */
  readonly targetMs?: number;
}

const ROUND_COUNT = 5;
/** What takes this long needs no second round. */
const SLOW_MS = 300;

/**
 * Repetitions grow until they take long enough; then one and many are timed in turn. The least of each counts: whatever else
 * the machine does takes caches away and can only add.
 */
export async function measure(
  run: Run,
  { countMax = 50_000_000, targetMs = 4 }: MeasureOptions = {},
): Promise<{ readonly ns: number; readonly gas: number }> {
  let one = await best(run, 1, 2);
  let count = 1;
  let many = one;
  while (many.ms - one.ms < targetMs && count < countMax) {
    const factor = (1.5 * targetMs) / Math.max(many.ms - one.ms, targetMs / 100);
    count = Math.min(countMax, Math.ceil(count * Math.min(16, Math.max(2, factor))));
    many = await best(run, count, 2);
  }
  for (let round = 1; round < ROUND_COUNT && many.ms < SLOW_MS; round++) {
    one = await best(run, 1, 1, one);
    many = await best(run, count, 1, many);
  }
  return { ns: ((many.ms - one.ms) * 1e6) / (count - 1), gas: (many.gas - one.gas) / (count - 1) };
}

interface Timing {
  readonly ms: number;
  readonly gas: number;
}

/** The fastest of some tries, and of what is known. */
async function best(run: Run, count: number, tryCount: number, known?: Timing): Promise<Timing> {
  let least = known;
  for (let i = 0; i < tryCount; i++) {
    const next = await timed(run, count);
    if (least === undefined || next.ms < least.ms) least = next;
  }
  return least!;
}

async function timed(run: Run, count: number): Promise<Timing> {
  const start = cpuMs();
  const gas = await run(count);
  return { ms: cpuMs() - start, gas };
}

/** Processor time of this process, of which the waiting for a processor that others use is no part. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e3;
}
