/**
 * The topics: what each kind of subscription sends next, and when it has nothing to send.
 *
 * Heads and events are positions in the chain. The pool is a position in the shared list of its latest news. A transaction's
 * status is looked up when it is sent.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { assert, InputError } from "../../vm/errors.ts";
import { endOfBlock, isEndOfBlock, isMatch } from "../events.ts";
import { encodeCursor } from "./cursor.ts";
import { type ChainFollower, type Feed, type Follower, membersOf, REST_MS, type Watcher } from "./feed.ts";
import { droppedToJson, eventToJson, includedToJson, pendingToJson } from "./json.ts";
import type { BlockRecord, EventFilter, EventPosition, EventQuery, EventRecord, PoolEvent } from "./service.ts";
import type { ConnectionSubscriptions } from "./subscriptions.ts";
import type { TransactionNewsJson } from "./types.ts";

/** Events that a search of older blocks gives at once: half a megabyte if they are of the largest. */
const EVENTS_PER_QUERY = 32;

export abstract class Subscription implements Follower {
  readonly id: string;
  /** Between the answer that names it and its end. */
  isStarted = false;
  protected readonly all: ConnectionSubscriptions;
  #sequence = 0;

  constructor(all: ConnectionSubscriptions, id: string) {
    this.all = all;
    this.id = id;
  }

  /** Sends what is due, and asks before each notification; returns whether there may be more. */
  abstract advance(mayGoOn: () => boolean): boolean;
  abstract end(): void;

  wake(): void {
    if (this.isStarted) this.all.wake(this);
  }

  protected get feed(): Feed {
    return this.all.feed;
  }

  protected notify(members: string): void {
    this.all.notify(this.id, this.#sequence++, members);
  }

  protected notifyLagged(missed: number): void {
    this.notify(membersOf({ kind: "lagged", missed }));
    this.feed.onLagged(missed);
  }
}

/** Follows the chain behind a height that it has dealt with. */
abstract class ChainSubscription extends Subscription implements ChainFollower {
  /** Whether `after` was above the head: the chain was taken back in between, or is another. */
  #isAhead: boolean;

  constructor(all: ConnectionSubscriptions, id: string, isAhead: boolean) {
    super(all, id);
    this.#isAhead = isAhead;
    this.feed.chainFollowers.add(this);
  }

  protected abstract readonly height: number;
  protected abstract skipTo(height: number): void;
  abstract rollBack(height: number): void;
  /** Sends what is due up to `headHeight`, which is not far. */
  protected abstract follow(headHeight: number, mayGoOn: () => boolean): boolean;

  protected get headHeight(): number {
    return this.feed.service.head().header.height;
  }

  end(): void {
    this.feed.chainFollowers.delete(this);
  }

  advance(mayGoOn: () => boolean): boolean {
    const { headHeight } = this;
    if (this.#isAhead) {
      this.#isAhead = false;
      this.notifyLagged(0);
    }
    if (headHeight - this.height > this.all.limits.blocksBehindMax) this.skip(headHeight);
    return this.follow(headHeight, mayGoOn);
  }

  /** Leaves out the blocks before the head, and says so. */
  protected skip(headHeight: number): void {
    this.notifyLagged(headHeight - 1 - this.height);
    this.skipTo(headHeight - 1);
  }
}

export class HeadSubscription extends ChainSubscription {
  protected height: number;

  constructor(all: ConnectionSubscriptions, id: string, after?: number) {
    const head = all.feed.service.head().header.height;
    super(all, id, after !== undefined && after > head);
    this.height = Math.min(after ?? head, head);
  }

  protected skipTo(height: number): void {
    this.height = height;
  }

  /** The block where the chain ends is told once more, so that who follows knows where that is. */
  rollBack(height: number): void {
    this.height = Math.min(this.height, height - 1);
  }

  protected follow(headHeight: number, mayGoOn: () => boolean): boolean {
    while (this.height < headHeight) {
      if (!mayGoOn()) return true;
      const next = this.height + 1;
      const text = this.feed.headText(next);
      if (text === undefined) {
        assert(next < headHeight, "the block of the head is stored");
        this.skip(headHeight);
        continue;
      }
      this.height = next;
      this.notify(`"kind":"head","cursor":"${next}","head":${text}`);
    }
    return false;
  }
}

export class EventSubscription extends ChainSubscription {
  readonly #filter: EventFilter;
  /** What was sent, or found to hold nothing. */
  #position: EventPosition;
  #isQuerying = false;

  constructor(all: ConnectionSubscriptions, id: string, filter: EventFilter, after?: EventPosition) {
    const head = all.feed.service.head().header.height;
    const isAhead = after !== undefined && after.height > head;
    super(all, id, isAhead);
    this.#filter = filter;
    this.#position = after === undefined || isAhead ? endOfBlock(head) : after;
  }

  protected get height(): number {
    return this.#position.height;
  }

  protected skipTo(height: number): void {
    this.#position = endOfBlock(height);
  }

  /** What stayed in the chain was told, or will be; it is not told again. */
  rollBack(height: number): void {
    // Another object in any case, so that a search that runs is of no use any more.
    this.#position = this.height > height ? endOfBlock(height) : { ...this.#position };
  }

  protected follow(headHeight: number, mayGoOn: () => boolean): boolean {
    while (!this.#isQuerying) {
      const next = this.#nextHeight;
      if (next > headHeight) return false;
      const block = this.feed.recentBlock(next);
      if (block === undefined) {
        this.#isQuerying = true;
        this.all.query(() => this.#find());
      } else if (this.#sendFrom(block, mayGoOn)) {
        this.skipTo(next);
      } else {
        return true;
      }
    }
    return false;
  }

  get #nextHeight(): number {
    return isEndOfBlock(this.#position) ? this.height + 1 : this.height;
  }

  /** Returns whether that was all of the block. */
  #sendFrom({ header, hash, receipts }: BlockRecord, mayGoOn: () => boolean): boolean {
    const { height } = header;
    const isBegun = !isEndOfBlock(this.#position);
    const { transactionIndex: sentIndex, eventIndex: sentEventIndex } = this.#position;
    for (let transactionIndex = isBegun ? sentIndex : 0; transactionIndex < receipts.length; transactionIndex++) {
      const { events, transactionHash } = receipts[transactionIndex]!;
      const first = isBegun && transactionIndex === sentIndex ? sentEventIndex + 1 : 0;
      for (let eventIndex = first; eventIndex < events.length; eventIndex++) {
        const event = events[eventIndex]!;
        if (!isMatch(event, this.#filter)) continue;
        if (!mayGoOn()) return false;
        const position = { height, transactionIndex, eventIndex };
        this.#notify({ event, position, transactionHash, blockHash: hash });
      }
    }
    return true;
  }

  async #find(): Promise<void> {
    if (!this.isStarted) return;
    let query = this.#query();
    try {
      const { events, next } = await this.feed.findEvents(() => {
        query = this.#query();
        return query;
      });
      // In between, the chain was taken back or the subscription ended.
      if (query.after !== this.#position || !this.isStarted) return;
      for (const event of events) {
        // Searching once more is better than holding what nobody reads.
        if (this.all.isFull) return;
        this.#notify(event);
      }
      this.#position = next ?? endOfBlock(query.toHeight);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      // The store is opened anew.
      if (error.code.startsWith("storage_")) return void (await sleep(REST_MS, undefined, { ref: false }));
      if (!this.isStarted) return;
      // What was to be searched is not there any more.
      const { headHeight } = this;
      this.notifyLagged(headHeight - this.height);
      this.skipTo(headHeight);
    } finally {
      this.#isQuerying = false;
      this.wake();
    }
  }

  #query(): EventQuery & { readonly after: EventPosition } {
    const after = this.#position;
    const fromHeight = this.#nextHeight;
    return {
      filter: this.#filter,
      fromHeight,
      toHeight: Math.max(fromHeight, this.headHeight),
      after,
      limit: EVENTS_PER_QUERY,
    };
  }

  #notify(record: EventRecord): void {
    this.#position = record.position;
    const cursor = encodeCursor(record.position);
    this.notify(membersOf({ kind: "event", cursor, event: eventToJson(record) }));
  }
}

export class TransactionSubscription extends Subscription implements Watcher {
  readonly #hash: Uint8Array;
  #told: TransactionNewsJson["kind"] | undefined;
  #dropped: InputError | undefined;

  constructor(all: ConnectionSubscriptions, id: string, hash: Uint8Array) {
    super(all, id);
    this.#hash = hash;
    this.feed.watch(hash, this);
  }

  end(): void {
    this.feed.unwatch(this.#hash, this);
  }

  onPool(event: PoolEvent): void {
    this.#dropped = event.kind === "dropped" ? event.error : undefined;
    this.wake();
  }

  /** A status is what is so at present: those that were over before the client could be told are left out. */
  advance(mayGoOn: () => boolean): boolean {
    if (!mayGoOn()) return true;
    const status = this.#status();
    if (status.kind === this.#told) return false;
    this.#told = status.kind;
    this.notify(membersOf({ kind: "status", status }));
    if (status.kind === "included" || status.kind === "dropped") this.all.remove(this.id);
    return false;
  }

  #status(): TransactionNewsJson {
    const { service } = this.feed;
    const included = service.transaction(this.#hash);
    if (included !== undefined) return includedToJson(included);
    const pooled = service.pooled(this.#hash);
    if (pooled !== undefined) return pendingToJson(pooled);
    return this.#dropped === undefined ? { kind: "unknown" } : droppedToJson(this.#dropped);
  }
}

export class PoolSubscription extends Subscription {
  #next: number;

  constructor(all: ConnectionSubscriptions, id: string) {
    super(all, id);
    this.#next = this.feed.poolNews.next;
    this.feed.poolFollowers.add(this);
  }

  end(): void {
    this.feed.poolFollowers.delete(this);
  }

  advance(mayGoOn: () => boolean): boolean {
    const { poolNews } = this.feed;
    while (this.#next < poolNews.next) {
      if (!mayGoOn()) return true;
      if (this.#next < poolNews.first) {
        this.notifyLagged(poolNews.first - this.#next);
        this.#next = poolNews.first;
        continue;
      }
      this.notify(poolNews.get(this.#next++)!);
    }
    return false;
  }
}
