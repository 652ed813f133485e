/** Runs the probe in processes of their own: a tier and a native stack are chosen when V8 starts. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { ProbeLine } from "./probe.ts";

/** V8's flags for each way to compile; `default` starts in the baseline compiler and optimizes what is busy. */
export const tiers = {
  default: [],
  liftoff: ["--liftoff-only"],
  turbofan: ["--no-liftoff"],
} as const satisfies Record<string, readonly string[]>;

export type Tier = keyof typeof tiers;

/** What V8 gives the main thread when nobody says anything: the smallest stack we support. */
export const STACK_SIZE_KB = 984;

export interface ProbeOptions {
  readonly tier: Tier;
  readonly stackSizeKb: number;
  readonly rounds?: number;
  readonly names: readonly string[];
  /** The compiled probe.js. */
  readonly probePath?: string;
}

/** The probe's lines; an empty list when the process itself does not live on so little stack. */
export function probe({
  tier,
  stackSizeKb,
  rounds = 1,
  names,
  probePath = besideThis,
}: ProbeOptions): readonly ProbeLine[] {
  const flags = [...tiers[tier], `--stack-size=${stackSizeKb}`];
  const { stdout } = spawnSync(process.execPath, [...flags, probePath, "--rounds", String(rounds), ...names], {
    encoding: "utf8",
    timeout: 120_000,
  });
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as ProbeLine);
}

const besideThis = fileURLToPath(new URL("probe.js", import.meta.url));
