/** Bytes without meaning, the same in every run, and what to choose with: out of a seed, so that a failure replays. */
import { createRandom } from "../../support/programs.ts";

/** A number from 0 up to what is given. */
export type Random = (below: number) => number;

export const PAGE_SIZE = 65_536;
export const PAGE_COUNT_MAX = 2;

export const noise: Uint8Array = createNoise();

function createNoise(): Uint8Array {
  const random = createRandom(7);
  return Uint8Array.from({ length: PAGE_COUNT_MAX * PAGE_SIZE }, () => random(256));
}

export function noiseBytes(random: Random, size: number): Uint8Array {
  const at = random(noise.length - size + 1);
  return noise.slice(at, at + size);
}

export function pick<T>(random: Random, items: readonly T[]): T {
  return items[random(items.length)]!;
}
