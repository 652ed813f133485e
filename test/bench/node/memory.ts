/** Resident memory of a process, and whether a series of measurements goes up. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

const KILOBYTE = 1024;

/** Megabytes of 10^6 bytes. */
export function residentMb(pid: number): number {
  return (residentKilobytes(pid) * KILOBYTE) / 1e6;
}

function residentKilobytes(pid: number): number {
  if (process.platform !== "linux") return Number(execFileSync("ps", ["-o", "rss=", "-p", String(pid)]));
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]);
}

export interface Sample {
  readonly x: number;
  readonly y: number;
}

/** Of the line that fits best by least squares: what `y` gains while `x` gains one. Needs two samples of different `x`. */
export function slopeOf(samples: readonly Sample[]): number {
  const meanX = mean(samples.map(({ x }) => x));
  const meanY = mean(samples.map(({ y }) => y));
  const covariance = mean(samples.map(({ x, y }) => (x - meanX) * (y - meanY)));
  return covariance / mean(samples.map(({ x }) => (x - meanX) ** 2));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
