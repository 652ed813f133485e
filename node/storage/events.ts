/**
 * Events by contract and name: the index says in which blocks to look, the receipts there hold the events.
 *
 * Law: who follows `next` from the beginning is given exactly the events that a walk over all receipts of the range meets, in
 * that order, whatever the filter and the limit, also while blocks are added. A page is read from one snapshot of the folder,
 * so that a rollback beside it takes nothing out from under it. What a page may cost is bounded, matches or not.
 */
import { setImmediate } from "node:timers/promises";
import { assert, InputError } from "../../vm/errors.ts";
import { decodeReceipt, type Event } from "../block.ts";
import { endOfBlock, INDEX_END, isEndOfBlock, isMatch } from "../events.ts";
import type { EventPage, EventPosition, EventQuery, EventRecord } from "../rpc/service.ts";
import type { Database, Snapshot } from "./database.ts";
import { eventHeight, keys } from "./layout.ts";

/** What a page may cost, matches or not. Each of them leaves room for one more step, so that every page gets on. */
export interface EventBounds {
  /** Entries that are read of each index. */
  readonly entryCount: number;
  /** Receipts that are decoded, and their bytes. */
  readonly receiptCount: number;
  readonly receiptBytes: number;
  /** Topics and data of the events in the answer, which JSON makes twice as long. */
  readonly answerBytes: number;
}

/** Two milliseconds of the index and at most 50 of receipts, in turns, on the thread that answers everybody. */
const defaultBounds: EventBounds = {
  entryCount: 1_000,
  receiptCount: 2_000,
  receiptBytes: 8 * 1024 * 1024,
  answerBytes: 4 * 1024 * 1024,
};

/** Receipts between two turns of the event loop: 5 ms. */
const TURN_RECEIPT_COUNT = 200;

/**
 * The first matching events behind `after`, at most `limit` of them, of blocks up to `headHeight`. Throws `InputError`
 * `range_invalid`, `limit_invalid`, and what the database throws.
 */
export async function findEvents(
  database: Database,
  query: EventQuery,
  headHeight: number,
  bounds = defaultBounds,
): Promise<EventPage> {
  checkQuery(query);
  const snapshot = database.snapshot();
  try {
    const toHeight = Math.min(query.toHeight, headHeight);
    return await new Page(snapshot, { ...query, toHeight }, bounds).read();
  } finally {
    await snapshot.close();
  }
}

function checkQuery({ fromHeight, toHeight, limit }: EventQuery): void {
  const isHeight = (height: number) => Number.isSafeInteger(height) && height >= 0;
  if (!isHeight(fromHeight) || !isHeight(toHeight) || fromHeight > toHeight) {
    throw new InputError("range_invalid", `there are no blocks from ${fromHeight} to ${toHeight}`, {
      hint: "Name two heights, the lower first; both are part of the range.",
    });
  }
  if (!Number.isSafeInteger(limit) || limit < 1) {
    throw new InputError("limit_invalid", `a page of ${limit} events`, { hint: "Ask for 1 event or more." });
  }
}

interface Heights {
  readonly heights: readonly number[];
  /** Up to here there are no others. */
  readonly knownTo: number;
}

class Page {
  readonly #records: Snapshot;
  readonly #query: EventQuery;
  readonly #bounds: EventBounds;
  readonly #events: EventRecord[] = [];
  #receiptCount = 0;
  #receiptBytes = 0;
  #answerBytes = 0;

  constructor(records: Snapshot, query: EventQuery, bounds: EventBounds) {
    this.#records = records;
    this.#query = query;
    this.#bounds = bounds;
  }

  async read(): Promise<EventPage> {
    const { after, fromHeight, toHeight } = this.#query;
    const from = Math.max(fromHeight, after === undefined ? 0 : after.height + (isEndOfBlock(after) ? 1 : 0));
    const { heights, knownTo } = await this.#blocks(from);
    for (const height of heights) {
      const next = await this.#readBlock(height);
      if (next !== null) return { events: this.#events, next };
    }
    return { events: this.#events, next: knownTo < toHeight ? endOfBlock(knownTo) : null };
  }

  /** In which blocks to look, and up to which height these are all. */
  async #blocks(from: number): Promise<Heights> {
    const { contract, name } = this.#query.filter;
    const ofContract = (height: number) => keys.eventContract(contract!, height);
    const ofName = (height: number) => keys.eventName(name!, height);
    // Each has an event that matches, but for that of `after`, and one more says whether there are others.
    const enough = this.#query.limit + 2;
    if (contract === undefined) return this.#heights(name === undefined ? keys.eventBlock : ofName, from, enough);
    const first = await this.#heights(ofContract, from, name === undefined ? enough : Number.POSITIVE_INFINITY);
    const start = first.heights[0];
    if (name === undefined || start === undefined) return first;
    // Whichever of the two begins later, nothing in both is before it.
    const second = await this.#heights(ofName, start, Number.POSITIVE_INFINITY);
    const begin = second.heights[0];
    if (begin === undefined) return second;
    const knownTo = Math.max(Math.min(first.knownTo, second.knownTo), begin - 1);
    const named = new Set(second.heights);
    return { heights: first.heights.filter((height) => height <= knownTo && named.has(height)), knownTo };
  }

  /** The first entries of an index from a height on. */
  async #heights(keyAt: (height: number) => Uint8Array, from: number, enough: number): Promise<Heights> {
    const { toHeight } = this.#query;
    if (from > toHeight) return { heights: [], knownTo: toHeight };
    const limit = Math.min(this.#bounds.entryCount, enough);
    const range = { gte: keyAt(from), lte: keyAt(toHeight) };
    const heights: number[] = [];
    for await (const key of this.#records.keys({ ...range, limit })) heights.push(eventHeight(key));
    return { heights, knownTo: heights.length < limit ? toHeight : heights.at(-1)! };
  }

  /** Takes what matches; where to go on when the page ends in this block, and null when it does not. */
  async #readBlock(height: number): Promise<EventPosition | null> {
    const { after, filter, limit } = this.#query;
    const blockHash = this.#records.get(keys.eventBlock(height));
    assert(blockHash !== undefined, `block ${height} is in one event index and not in the other`);
    const start = after?.height === height ? after : undefined;
    let last = endOfBlock(height - 1);
    for (let transactionIndex = start?.transactionIndex ?? 0; transactionIndex <= INDEX_END; transactionIndex++) {
      const encoded = this.#records.get(keys.receipt(height, transactionIndex));
      if (encoded === undefined) return null;
      const isResumed = transactionIndex === start?.transactionIndex;
      if (!isResumed && !this.#hasRoomFor(encoded)) return last;
      if (this.#receiptCount % TURN_RECEIPT_COUNT === 0) await setImmediate();
      const { transactionHash, events } = decodeReceipt(encoded);
      const begin = isResumed ? start.eventIndex + 1 : 0;
      for (let eventIndex = begin; eventIndex < events.length; eventIndex++) {
        const event = events[eventIndex]!;
        if (!isMatch(event, filter)) continue;
        const isFull = this.#events.length === limit || this.#answerBytes >= this.#bounds.answerBytes;
        if (isFull) return this.#events.at(-1)!.position;
        this.#events.push({ event, position: { height, transactionIndex, eventIndex }, transactionHash, blockHash });
        this.#answerBytes += sizeOf(event);
      }
      last = { height, transactionIndex, eventIndex: Math.max(events.length - 1, 0) };
    }
    return null;
  }

  /** Counts a receipt, unless it is one too many for this page. The first behind `after` never is. */
  #hasRoomFor({ length }: Uint8Array): boolean {
    const { receiptCount, receiptBytes } = this.#bounds;
    const isBeyond = this.#receiptCount >= receiptCount || this.#receiptBytes + length > receiptBytes;
    if (this.#receiptCount > 0 && isBeyond) return false;
    this.#receiptCount++;
    this.#receiptBytes += length;
    return true;
  }
}

function sizeOf({ topics, data }: Event): number {
  return topics.reduce((sum, topic) => sum + topic.length, data.length);
}
