/**
 * Pruning: forgets the state below a height, a batch at a time. Blocks and receipts stay.
 *
 * Law: a node that became stale at height h is reached from no root at h or above, so what is stale at `lowest` or below is
 * reached from no kept root. The new lowest height stands in the same batch as the first removals below it: whoever may still
 * read a root finds it whole. What a kill leaves over is still in the stale index, and the next step takes it.
 */
import type { Database } from "./database.ts";
import { del, keys, type Operation, ranges, space, staleNodeKey } from "./layout.ts";

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
  const stale = await database.keys({ gte: from ?? gte, lt, limit }).all();
  const operations = stale.flatMap((key) => [del(key), del(keys.node(staleNodeKey(key)))]);
  return { operations, isLast: stale.length < limit, next: stale.at(-1) ?? from ?? gte };
}
