/**
 * What the subscriptions of all connections share: the node's news as long as it is worth keeping, and turns to send it.
 *
 * Law: it stays as small and as quick however many subscribe and however slowly they read. Heads and events are taken from
 * the chain when somebody is ready for them, and of recent heads the text is made once for all. What happens in the pool
 * is nowhere else, so the latest of it is kept here, once for all; who is slower than that has missed it. Sending takes
 * turns of bounded length, after the answers to calls.
 */

import { InputError } from "../../vm/errors.ts";
import { Gate } from "./gate.ts";
import { blockToJson, droppedToJson, pooledToJson, toHex } from "./json.ts";
import type { BlockRecord, EventPage, EventQuery, NodeService, PoolEvent } from "./service.ts";

/** How long one turn of sending takes. */
const TURN_MS = 2;
/** Characters of the heads that are kept as text: of one full block or of thousands that are nearly empty. */
const HEAD_TEXTS_LENGTH_MAX = 1024 * 1024;
/** Blocks whose events are matched in memory; subscribers that are further behind ask the service. */
const RECENT_BLOCKS = 4;
/** Searches of older blocks that run at once, for all connections. */
const QUERIES_MAX = 2;
/** Before what could not be read is read again. */
export const REST_MS = 100;
/** Of the pool: a burst of some seconds. */
const POOL_NEWS_COUNT_MAX = 4096;
const POOL_NEWS_LENGTH_MAX = 2 * 1024 * 1024;

/** Who is woken when something may be due. */
export interface Follower {
  wake(): void;
}

export interface ChainFollower extends Follower {
  /** The chain ends with the block at `height` now, which is the one that it had there; those above it are no more. */
  rollBack(height: number): void;
}

export interface Watcher extends Follower {
  onPool(event: PoolEvent): void;
}

export interface Sender {
  /** Sends some of what is due, and stops when the turn is over; returns whether there is more. */
  send(isOver: () => boolean): boolean;
  /** What it sends could not be made. */
  fail(): void;
}

export class Feed {
  readonly service: NodeService;
  readonly poolNews = new RecentTexts(POOL_NEWS_COUNT_MAX, POOL_NEWS_LENGTH_MAX);
  readonly chainFollowers = new Set<ChainFollower>();
  readonly poolFollowers = new Set<Follower>();
  /** To be told how many notifications were left out. */
  readonly onLagged: (missed: number) => void;
  readonly #watchers = new Map<string, Set<Watcher>>();
  readonly #onFault: (error: unknown) => void;
  readonly #queries = new Gate(QUERIES_MAX);
  readonly #recent = new Map<number, BlockRecord>();
  readonly #headTexts = new Map<number, string>();
  #headTextsLength = 0;
  #height: number;
  readonly #senders = new Set<Sender>();
  #turn: NodeJS.Immediate | undefined;
  readonly #enders: (() => void)[];

  constructor(service: NodeService, onFault: (error: unknown) => void, onLagged: (missed: number) => void = () => {}) {
    this.service = service;
    this.#onFault = onFault;
    this.onLagged = onLagged;
    this.#height = service.head().header.height;
    this.#enders = [service.onHead((record) => this.#onHead(record)), service.onPool((event) => this.#onPool(event))];
  }

  end(): void {
    for (const end of this.#enders) end();
    this.#senders.clear();
    clearImmediate(this.#turn);
  }

  watch(hash: Uint8Array, watcher: Watcher): void {
    const key = toHex(hash);
    const watchers = this.#watchers.get(key) ?? new Set();
    this.#watchers.set(key, watchers.add(watcher));
  }

  unwatch(hash: Uint8Array, watcher: Watcher): void {
    const key = toHex(hash);
    const watchers = this.#watchers.get(key);
    watchers?.delete(watcher);
    if (watchers?.size === 0) this.#watchers.delete(key);
  }

  /** Gives `sender` a turn, soon. */
  schedule(sender: Sender): void {
    this.#senders.add(sender);
    this.#turn ??= setImmediate(() => this.#takeTurn());
  }

  unschedule(sender: Sender): void {
    this.#senders.delete(sender);
  }

  #takeTurn(): void {
    this.#turn = undefined;
    const endsAt = performance.now() + TURN_MS;
    const isOver = () => performance.now() >= endsAt;
    for (const sender of this.#senders) {
      this.#senders.delete(sender);
      try {
        // At the end of the queue: everybody sends a little in turn.
        if (sender.send(isOver)) this.#senders.add(sender);
      } catch (error) {
        if (error instanceof InputError) this.#rest(sender);
        else this.fail(sender, error);
      }
      if (isOver()) break;
    }
    if (this.#senders.size > 0) this.#turn = setImmediate(() => this.#takeTurn());
  }

  /** The store can be read again in a moment: it is opened anew after it took no writes. Nothing of what is due is lost. */
  #rest(sender: Sender): void {
    setTimeout(() => this.schedule(sender), REST_MS).unref();
  }

  fail(sender: Sender, error: unknown): void {
    this.#onFault(error);
    sender.fail();
  }

  /** The JSON of a block, or `undefined` when there is none at `height`. */
  headText(height: number): string | undefined {
    const known = this.#headTexts.get(height);
    if (known !== undefined) return known;
    const record = this.#recent.get(height) ?? this.service.block(height);
    if (record === undefined) return undefined;
    const text = JSON.stringify(blockToJson(record));
    this.#headTexts.set(height, text);
    this.#headTextsLength += text.length;
    for (const oldest of this.#headTexts.keys()) {
      if (this.#headTextsLength <= HEAD_TEXTS_LENGTH_MAX) break;
      this.#forgetHeadText(oldest);
    }
    return text;
  }

  /** A block of the last few. */
  recentBlock(height: number): BlockRecord | undefined {
    return this.#recent.get(height);
  }

  /** As the service's `events`, in its turn; `makeQuery` is called when that has come. */
  async findEvents(makeQuery: () => EventQuery): Promise<EventPage> {
    return this.#queries.run(() => this.service.events(makeQuery()));
  }

  /** A head that is no higher than the one before says how far the chain was taken back: each time it is, the node says so. */
  #onHead(record: BlockRecord): void {
    const { height } = record.header;
    if (height <= this.#height) this.#rollBack(height);
    this.#height = height;
    if (this.chainFollowers.size > 0) this.#recent.set(height, record);
    for (const known of this.#recent.keys()) {
      if (known > height - RECENT_BLOCKS) break;
      this.#recent.delete(known);
    }
    for (const follower of this.chainFollowers) follower.wake();
    if (this.#watchers.size === 0) return;
    for (const { transactionHash } of record.receipts) {
      for (const watcher of this.#watchers.get(toHex(transactionHash)) ?? []) watcher.wake();
    }
  }

  #rollBack(height: number): void {
    for (const known of [...this.#recent.keys()]) if (known > height) this.#recent.delete(known);
    for (const known of [...this.#headTexts.keys()]) if (known > height) this.#forgetHeadText(known);
    for (const follower of this.chainFollowers) follower.rollBack(height);
  }

  #forgetHeadText(height: number): void {
    this.#headTextsLength -= this.#headTexts.get(height)?.length ?? 0;
    this.#headTexts.delete(height);
  }

  #onPool(event: PoolEvent): void {
    const { hash } = event.entry;
    if (this.#watchers.size > 0) for (const watcher of this.#watchers.get(toHex(hash)) ?? []) watcher.onPool(event);
    if (this.poolFollowers.size === 0) return;
    const text = this.#poolText(event);
    if (text === undefined) return;
    this.poolNews.add(text);
    for (const follower of this.poolFollowers) follower.wake();
  }

  #poolText(event: PoolEvent): string | undefined {
    const { hash } = event.entry;
    if (event.kind === "dropped") {
      const { code, message } = droppedToJson(event.error);
      return membersOf({ kind: "dropped", hash: toHex(hash), code, message });
    }
    // Who was taken in and went at once has not waited.
    const pooled = this.service.pooled(hash);
    return pooled && membersOf({ kind: "pending", transaction: pooledToJson(pooled) });
  }
}

/** The last texts of a sequence, each with its number in it. */
export class RecentTexts {
  readonly #countMax: number;
  readonly #lengthMax: number;
  readonly #texts = new Map<number, string>();
  #length = 0;
  #next = 0;

  constructor(countMax: number, lengthMax: number) {
    this.#countMax = countMax;
    this.#lengthMax = lengthMax;
  }

  /** The number of the oldest that is kept. */
  get first(): number {
    return this.#next - this.#texts.size;
  }

  /** The number that the next one will have. */
  get next(): number {
    return this.#next;
  }

  get(number: number): string | undefined {
    return this.#texts.get(number);
  }

  add(text: string): void {
    this.#texts.set(this.#next++, text);
    this.#length += text.length;
    for (const [number, oldest] of this.#texts) {
      if (this.#texts.size <= this.#countMax && this.#length <= this.#lengthMax) break;
      this.#texts.delete(number);
      this.#length -= oldest.length;
    }
  }
}

/** The JSON of an object without its braces, to stand among other members. */
export function membersOf(value: object): string {
  return JSON.stringify(value).slice(1, -1);
}
