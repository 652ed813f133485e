/**
 * Pruning: forgets the state below a height, a batch at a time. Blocks and receipts stay.
 *
 * Law: a node that became stale at height h is reached from no root at h or above, so what is stale at `lowest` or below is
 * reached from no kept root. The new lowest height stands in the same batch as the first removals below it: whoever may still
 * read a root finds it whole. What a kill leaves over is still in the stale index, and the next step takes it.
 */
import type { Database } from "./database.ts";
import { decodeStaleNodes, del, encodeStaleNodes, keys, type Operation, put, ranges, space } from "./layout.ts";

export interface PruneStep {
  readonly operations: readonly Operation[];
  /** Nothing is left that could go. */
  readonly isLast: boolean;
  /** Where the next step begins: LevelDB walks over what was removed until it compacts. */
  readonly next: Uint8Array;
}

/** Removes at most `limit` nodes, from the key `from` on, that no root at `lowest` or above reaches. */
export async function pruneStep(
  database: Database,
  lowest: number,
  limit: number,
  from: Uint8Array | undefined,
): Promise<PruneStep> {
  const { gte, lt } = ranges.heights(space.stale, 0, lowest + 1);
  const operations: Operation[] = [];
  let room = limit;
  let next = from ?? gte;
  for await (const { key, value } of database.entries({ gte: next, lt })) {
    if (room === 0) return { operations, isLast: false, next };
    next = key;
    const nodeKeys = decodeStaleNodes(value);
    for (const nodeKey of nodeKeys.slice(0, room)) operations.push(del(keys.node(nodeKey)));
    if (nodeKeys.length > room) {
      operations.push(put(next, encodeStaleNodes(nodeKeys.slice(room))));
      return { operations, isLast: false, next };
    }
    operations.push(del(next));
    room -= nodeKeys.length;
  }
  return { operations, isLast: true, next };
}
