/**
 * What a module costs in a fresh process: milliseconds to prepare it, and the peak memory of the whole process, with one
 * call in a given tier of the engine when asked for. Runs the build, because a child knows no TypeScript.
 */
import { spawnSync } from "node:child_process";

/** The figures that preparation is held to. */
export const PREPARE_MS_MAX = 1_000;
export const PEAK_MB_MAX = 512;

const contract = new URL("../../dist/vm/contract.js", import.meta.url).href;

const script = `
  import { readFileSync } from "node:fs";
  const { prepareContract, callContract } = await import(${JSON.stringify(contract)});
  const code = new Uint8Array(readFileSync(0));
  const [runs] = process.argv.slice(1);
  const start = performance.now();
  let refusal = null;
  let prepared;
  try { prepared = prepareContract(code); } catch (error) { refusal = error.code ?? String(error); }
  const prepareMs = performance.now() - start;
  let runMs = 0;
  if (runs === "run" && prepared !== undefined) {
    const begun = performance.now();
    // Enough to enter every function once or a few times, too little for work.
    const gasLimit = prepared.instantiateGas + 40_000;
    callContract(prepared, { method: "run", input: new Uint8Array(), gasLimit, readOnly: false, host: {} });
    runMs = performance.now() - begun;
  }
  const peakMb = process.resourceUsage().maxRSS / 1024;
  process.stdout.write(JSON.stringify({ refusal, prepareMs, runMs, peakMb }));
`;

export interface Measurement {
  /** The code of a refusal; null when the module is accepted. */
  readonly refusal: string | null;
  readonly prepareMs: number;
  readonly runMs: number;
  readonly peakMb: number;
}

/** The engine's compilers, one at a time: left alone, it takes the second one when a function is hot. */
const tiers = {
  baseline: ["--liftoff-only"],
  optimising: ["--no-liftoff", "--no-wasm-tier-up"],
} as const;

/** With a `tier`, the module is also called once, compiled by that tier alone. */
export function measure(code: Uint8Array, tier?: keyof typeof tiers): Measurement {
  const flags = tier === undefined ? [] : tiers[tier];
  const args = [...flags, "--input-type=module", "--eval", script, ...(tier === undefined ? [] : ["run"])];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { input: code, encoding: "utf8" });
  if (status !== 0) throw new Error(`the child ended with ${status}: ${stderr}`);
  return JSON.parse(stdout);
}
