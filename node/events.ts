/**
 * Positions of events in the chain, and filters of them: what the store's search and the subscriptions have in common, so that
 * one gives just what the other gives.
 */
import { equalBytes } from "../vm/borsh.ts";
import type { Event } from "./block.ts";
import type { EventFilter, EventPosition } from "./rpc/service.ts";

/** Above every index within a block. */
export const INDEX_END = 0xffff_ffff;

/** The position behind every event of a block. */
export function endOfBlock(height: number): EventPosition {
  return { height, transactionIndex: INDEX_END, eventIndex: INDEX_END };
}

export function isEndOfBlock({ transactionIndex }: EventPosition): boolean {
  return transactionIndex >= INDEX_END;
}

export function isMatch({ contract, topics }: Event, filter: EventFilter): boolean {
  if (filter.contract !== undefined && !equalBytes(contract, filter.contract)) return false;
  if (filter.name === undefined) return true;
  const name = topics[0];
  return name !== undefined && equalBytes(name, filter.name);
}
