/**
 * Which of two waiting transactions goes first: into a block, or out of a full pool. Equals go by arrival: into a block the
 * earlier, out of the pool the later.
 */
import type { Waiting } from "./sender-queue.ts";

export function isGapped({ queue, nonce }: Waiting): boolean {
  return nonce >= queue.missingNonce;
}

export function isEarlier(a: Waiting, b: Waiting): boolean {
  return a.arrival < b.arrival;
}

export function isDearer(a: Waiting, b: Waiting): boolean {
  return a.gasPrice === b.gasPrice ? a.arrival < b.arrival : a.gasPrice > b.gasPrice;
}

/** Which of two must go first when the pool is full. */
export function isWorse(a: Waiting, b: Waiting): boolean {
  const isAGapped = isGapped(a);
  if (isAGapped !== isGapped(b)) return isAGapped;
  return a.gasPrice === b.gasPrice ? a.arrival > b.arrival : a.gasPrice < b.gasPrice;
}

export function byArrival(a: Waiting, b: Waiting): number {
  return a.arrival - b.arrival;
}
