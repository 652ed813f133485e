/**
 * Transactions that were admitted and wait for a block.
 *
 * Law: `take` gives only transactions whose nonces follow the accounts' without a gap, each sender's in nonce order, and at
 * each step the best of the senders' next ones: the dearest gas, or the first to arrive. Gaps are kept until they are filled,
 * within bounds, and whatever is behind one is the first to go. Nothing here costs more for what waits and is not concerned:
 * every operation touches the senders it is about and O(log n) places of four heaps.
 */
import type { InputError } from "../vm/errors.ts";
import type { PoolEntry } from "./control.ts";
import { Heap, walkBestFirst } from "./mempool/heap.ts";
import { byArrival, isDearer, isEarlier, isGapped, isWorse } from "./mempool/order.ts";
import * as refusals from "./mempool/refusals.ts";
import { SenderQueue, type Waiting } from "./mempool/sender-queue.ts";
import { nameOf } from "./name-of.ts";
import type { PooledTransaction, PoolQuery } from "./rpc/service.ts";
import type { EncodedTransaction } from "./transaction.ts";

export interface MempoolOptions {
  /** What goes first into a block: the dearest gas, or what came first. */
  readonly order: "fees" | "fifo";
  readonly countMax: number;
  /** Of the encoded transactions. */
  readonly bytesMax: number;
  /** Waiting transactions of one sender; also how far a nonce may lie ahead of its account. */
  readonly senderCountMax: number;
  /** Of these, behind a gap. */
  readonly gapCountMax: number;
  /** How long transactions wait for one and the same missing nonce. */
  readonly gapLifetimeMs: number;
}

export const defaultMempoolOptions: MempoolOptions = {
  order: "fees",
  countMax: 20_000,
  bytesMax: 64 * 1024 * 1024,
  senderCountMax: 10_000,
  gapCountMax: 64,
  gapLifetimeMs: 60 * 60 * 1000,
};

/** How much dearer, in percent, a transaction must be to take the place of another: each replacement costs the node work. */
const REPLACEMENT_MARKUP_PERCENT = 10n;

/** A transaction that had to leave the pool without a block, and why. */
export interface Dropped {
  readonly entry: EncodedTransaction;
  /** `replaced`, `evicted`, `expired`, `gap_expired` or `nonce_too_low`. */
  readonly error: InputError;
}

function pooled(waiting: Waiting): PooledTransaction {
  const { entry, queue, nonce, admittedAt } = waiting;
  return { entry, isReady: nonce >= queue.accountNonce && nonce < queue.missingNonce, admittedAt };
}

/** Throws unless a transaction of this price may take the place of `other`. */
function checkReplacement(other: Waiting, gasPrice: bigint): void {
  if (other.isTaken) throw refusals.nonceTaken(other.nonce);
  const markup = (other.gasPrice * REPLACEMENT_MARKUP_PERCENT + 99n) / 100n;
  const gasPriceMin = other.gasPrice + (markup > 0n ? markup : 1n);
  if (gasPrice < gasPriceMin) throw refusals.replacementUnderpriced(other.nonce, other.gasPrice, gasPriceMin);
}

export class Mempool {
  readonly #options: MempoolOptions;
  /** Whether one ready transaction goes before another. */
  readonly #isBefore: (a: Waiting, b: Waiting) => boolean;
  readonly #byHash = new Map<string, Waiting>();
  readonly #queues = new Map<string, SenderQueue>();
  /** The senders of whom something is ready, by what is next. */
  readonly #ready: Heap<"readySlot", SenderQueue>;
  /** All senders, by their last transaction: the only one that can be evicted without leaving a gap. */
  readonly #worst = new Heap<"worstSlot", SenderQueue>("worstSlot", (a, b) => isWorse(a.last!, b.last!));
  /** The senders with a gap, the oldest first. */
  readonly #gaps = new Heap<"gapSlot", SenderQueue>("gapSlot", (a, b) => a.gapSince! < b.gapSince!);
  readonly #expiries = new Heap<"expirySlot", Waiting>("expirySlot", (a, b) => a.expiryHeight < b.expiryHeight);
  #firstArrival: Waiting | undefined;
  #lastArrival: Waiting | undefined;
  #arrivalCount = 0;
  #bytes = 0;
  #readyCount = 0;
  #taken: readonly Waiting[] = [];
  #hasLeftReady = false;
  /** As last told. */
  #now = 0;

  constructor(options: Partial<MempoolOptions> = {}) {
    this.#options = { ...defaultMempoolOptions, ...options };
    const isBefore = this.#options.order === "fees" ? isDearer : isEarlier;
    this.#isBefore = isBefore;
    this.#ready = new Heap("readySlot", (a, b) => isBefore(a.readyAt(0)!, b.readyAt(0)!));
  }

  get options(): MempoolOptions {
    return this.#options;
  }

  get size(): number {
    return this.#byHash.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get readyCount(): number {
    return this.#readyCount;
  }

  /** Whether the last `take` left out what was ready, because a limit was reached. */
  get hasLeftReady(): boolean {
    return this.#hasLeftReady;
  }

  has(hash: Uint8Array): boolean {
    return this.#byHash.has(nameOf(hash));
  }

  get(hash: Uint8Array): PooledTransaction | undefined {
    const waiting = this.#byHash.get(nameOf(hash));
    return waiting === undefined ? undefined : pooled(waiting);
  }

  /**
   * Admits a transaction; returns what had to go for it. `accountNonce` is its sender's account nonce, `now` the time in
   * milliseconds. Throws `InputError`, and then nothing has gone: `already_known`, `nonce_too_low`, `nonce_too_high`,
   * `nonce_taken` (by one that is being put into a block), `replacement_underpriced`, `sender_full`, `mempool_full`.
   */
  add(entry: EncodedTransaction, accountNonce: number, now: number): readonly Dropped[] {
    this.#now = now;
    const { sender, nonce, gasPrice } = entry.transaction.body;
    if (this.has(entry.hash)) throw refusals.alreadyKnown();
    const queue = this.#queueOf(sender, accountNonce);
    if (nonce < accountNonce) throw refusals.nonceTooLow(nonce, accountNonce);
    const other = queue.withNonce(nonce);
    if (other !== undefined) checkReplacement(other, gasPrice);
    const ownLast = other === undefined ? this.#checkShare(queue, nonce, sender) : undefined;
    const leaving = other ?? ownLast;
    const victims = this.#victimsFor(entry, queue, leaving);

    const dropped: Dropped[] = [];
    if (other !== undefined) dropped.push({ entry: other.entry, error: refusals.replaced(nonce) });
    if (ownLast !== undefined) dropped.push({ entry: ownLast.entry, error: refusals.gaveWay(nonce) });
    if (victims.length > 0) {
      const error = refusals.evicted();
      for (const victim of victims) dropped.push({ entry: victim.entry, error });
    }
    // A heap takes one change of rank at a time, so this sender's own come last: they are one change with the newcomer.
    for (const victim of victims) if (victim.queue !== queue) this.#delete(victim);
    if (leaving !== undefined) this.#unqueue(leaving);
    for (const victim of victims) if (victim.queue === queue) this.#unqueue(victim);
    this.#enqueue(entry, queue, now);
    this.#noteChange(queue);
    return dropped;
  }

  /** Takes out what a block refused; what followed it waits behind a gap now. */
  remove(hash: Uint8Array): EncodedTransaction | undefined {
    const waiting = this.#byHash.get(nameOf(hash));
    if (waiting !== undefined) this.#delete(waiting);
    return waiting?.entry;
  }

  /** The first nonce from `accountNonce` on that no waiting transaction has. */
  nextNonce(sender: Uint8Array, accountNonce: number): number {
    return this.#queues.get(nameOf(sender))?.nextNonce(accountNonce) ?? accountNonce;
  }

  /**
   * What goes into the next block, in its order there, up to the first that does not fit: the gas limits sum up to at most
   * `gasLimit`, the encodings to at most `sizeMax` bytes. All of it stays in the pool until it is settled or removed, and can be
   * neither replaced nor evicted before `settle` or the next `take`: whoever waits for it must not be told that it is gone.
   */
  take(gasLimit: number, countMax: number, sizeMax: number): EncodedTransaction[] {
    this.release();
    const taken: Waiting[] = [];
    let gasLeft = gasLimit;
    let sizeLeft = sizeMax;
    for (const waiting of walkBestFirst(this.#ready, (queue, index) => queue.readyAt(index), this.#isBefore)) {
      const { encoded, transaction } = waiting.entry;
      gasLeft -= transaction.body.gasLimit;
      sizeLeft -= encoded.length;
      this.#hasLeftReady = gasLeft < 0 || sizeLeft < 0 || taken.length >= countMax;
      if (this.#hasLeftReady) break;
      taken.push(waiting);
    }
    for (const waiting of taken) waiting.isTaken = true;
    this.#taken = taken;
    return taken.map(({ entry }) => entry);
  }

  /**
   * After a block: the accounts in it have these nonces now, and `nextHeight` is the next block's. What was included leaves
   * silently; what can enter no block any more, and what has waited behind a gap for too long, is returned.
   */
  settle(
    accounts: Iterable<{ sender: Uint8Array; nonce: number }>,
    includedHashes: readonly Uint8Array[],
    nextHeight: number,
    now: number,
  ): Dropped[] {
    this.#now = now;
    this.release();
    const dropped: Dropped[] = [];
    const included = new Set(includedHashes.map(nameOf));
    for (const { sender, nonce } of accounts) {
      const queue = this.#queues.get(nameOf(sender));
      if (queue === undefined) continue;
      queue.moveTo(nonce);
      for (const waiting of queue.past()) {
        this.#forget(waiting);
        if (!included.has(nameOf(waiting.entry.hash)))
          dropped.push({ entry: waiting.entry, error: refusals.overtaken(waiting.nonce) });
      }
      queue.deletePast();
      this.#noteChange(queue);
    }
    for (const name of included) {
      const waiting = this.#byHash.get(name);
      if (waiting !== undefined) this.#delete(waiting);
    }
    // One for all: they may be many, and a stack trace costs more than the rest.
    let expired: InputError | undefined;
    for (let next = this.#expiries.first; next !== undefined; next = this.#expiries.first) {
      if (next.expiryHeight >= nextHeight) break;
      this.#delete(next);
      expired ??= refusals.expired(nextHeight);
      dropped.push({ entry: next.entry, error: expired });
    }
    for (let queue = this.#gaps.first; queue !== undefined; queue = this.#gaps.first) {
      const waitedMs = now - queue.gapSince!;
      if (waitedMs < this.#options.gapLifetimeMs) break;
      const error = refusals.gapExpired(queue.missingNonce, waitedMs);
      for (const waiting of queue.gapped()) {
        this.#forget(waiting);
        dropped.push({ entry: waiting.entry, error });
      }
      queue.deleteGapped();
      this.#noteChange(queue);
    }
    return dropped;
  }

  /** In order of arrival. */
  list({ sender, after, limit }: PoolQuery): PooledTransaction[] {
    const start = after === undefined ? undefined : this.#byHash.get(nameOf(after));
    if (after !== undefined && start === undefined) return [];
    if (sender !== undefined) {
      const own = this.#queues.get(nameOf(sender))?.waiting ?? [];
      const listed = own.filter(({ arrival }) => start === undefined || arrival > start.arrival);
      return listed.sort(byArrival).slice(0, limit).map(pooled);
    }
    const listed: PooledTransaction[] = [];
    let next = start === undefined ? this.#firstArrival : start.later;
    for (; next !== undefined && listed.length < limit; next = next.later) listed.push(pooled(next));
    return listed;
  }

  /**
   * Takes out by hand: one, all of a sender, or all, but nothing that is being put into a block, for it is in the chain in a
   * moment. Returns them in order of arrival.
   */
  removeWhere({ hash, sender }: { readonly hash?: Uint8Array; readonly sender?: Uint8Array }): EncodedTransaction[] {
    if (hash !== undefined) {
      const waiting = this.#byHash.get(nameOf(hash));
      if (waiting === undefined || waiting.isTaken) return [];
      this.#delete(waiting);
      return [waiting.entry];
    }
    const queues = sender === undefined ? [...this.#queues.values()] : [this.#queues.get(nameOf(sender))];
    const gone: Waiting[] = [];
    for (const queue of queues) {
      if (queue === undefined) continue;
      for (const waiting of queue.waiting) {
        if (waiting.isTaken) continue;
        this.#forget(waiting);
        gone.push(waiting);
      }
      queue.deleteUntaken();
      this.#noteChange(queue);
    }
    return gone.sort(byArrival).map(({ entry }) => entry);
  }

  /** All that waits, in order of arrival. */
  entries(): PoolEntry[] {
    const entries: PoolEntry[] = [];
    for (let next = this.#firstArrival; next !== undefined; next = next.later) {
      entries.push({ entry: next.entry, admittedAt: next.admittedAt });
    }
    return entries;
  }

  /**
   * Puts what `entries` once gave in place of all that waits, in that order, but what can enter no block from `nextHeight` on.
   * `accountNonce` is asked once for each sender. Returns what waited and does so no longer, in order of arrival. How long gaps
   * have been there is counted anew.
   */
  restore(
    entries: readonly PoolEntry[],
    accountNonce: (sender: Uint8Array) => number,
    nextHeight: number,
    now: number,
  ): EncodedTransaction[] {
    this.#now = now;
    this.release();
    const before = this.removeWhere({});
    for (const { entry, admittedAt } of entries) {
      const { sender, nonce, expiryHeight } = entry.transaction.body;
      if (expiryHeight < nextHeight) continue;
      const name = nameOf(sender);
      const queue = this.#queues.get(name) ?? new SenderQueue(name, accountNonce(sender));
      if (nonce >= queue.accountNonce) this.#enqueue(entry, queue, admittedAt);
    }
    // Each comes into the heaps once, when all of it is there.
    for (const queue of this.#queues.values()) this.#noteChange(queue);
    return before.filter(({ hash }) => !this.has(hash));
  }

  #queueOf(sender: Uint8Array, accountNonce: number): SenderQueue {
    const name = nameOf(sender);
    const queue = this.#queues.get(name);
    if (queue === undefined) return new SenderQueue(name, accountNonce);
    if (queue.accountNonce !== accountNonce) {
      queue.moveTo(accountNonce);
      this.#noteChange(queue);
    }
    return queue;
  }

  /**
   * Throws unless there is room for one more of this sender's. Returns what must give way to it: of a sender who has as many as
   * may wait, one that is ready takes the place of the last behind the gap, or gaps could never be filled.
   */
  #checkShare(queue: SenderQueue, nonce: number, sender: Uint8Array): Waiting | undefined {
    const { senderCountMax, gapCountMax } = this.#options;
    const { accountNonce, missingNonce, last } = queue;
    if (nonce > missingNonce) {
      const nonceMax = accountNonce + senderCountMax - 1;
      if (nonce > nonceMax) throw refusals.nonceTooHigh(sender, nonce, missingNonce, nonceMax);
      const { gappedCount } = queue;
      if (gappedCount >= gapCountMax) throw refusals.senderGapFull(sender, gappedCount, missingNonce);
    }
    if (queue.size < senderCountMax) return undefined;
    if (nonce === missingNonce && queue.hasGap && !last!.isTaken) return last;
    throw refusals.senderFull(sender, queue.size);
  }

  /**
   * What must be evicted so that the pool keeps its bounds with `newcomer` in and `leaving` out. Throws `mempool_full` unless
   * the newcomer is worth more than each of them.
   */
  #victimsFor(newcomer: EncodedTransaction, queue: SenderQueue, leaving: Waiting | undefined): Waiting[] {
    const { countMax, bytesMax } = this.#options;
    const { nonce, gasPrice } = newcomer.transaction.body;
    let overCount = this.size + 1 - countMax;
    let overBytes = this.#bytes + newcomer.encoded.length - bytesMax;
    if (leaving !== undefined) {
      overCount--;
      overBytes -= leaving.entry.encoded.length;
    }
    const victims: Waiting[] = [];
    if (overCount <= 0 && overBytes <= 0) return victims;
    const isNewcomerReady = nonce <= queue.missingNonce;
    const evictableAt = (other: SenderQueue, index: number): Waiting | undefined => {
      const last = other.waiting[other.size - 1 - index];
      // Nobody makes a gap below himself.
      if (last === undefined || last.isTaken || last.nonce < other.accountNonce) return undefined;
      return other === queue && last.nonce < nonce ? undefined : last;
    };
    /** Of the dearest that is not worth less than the newcomer. */
    let priceToBeat: bigint | undefined;
    let canPay = true;
    for (const victim of walkBestFirst(this.#worst, evictableAt, isWorse)) {
      if (victim === leaving) continue;
      const isOfWorseKind = isNewcomerReady && isGapped(victim);
      const isOfBetterKind = !isNewcomerReady && !isGapped(victim);
      if (isOfBetterKind) canPay = false;
      else if (!isOfWorseKind && victim.gasPrice >= gasPrice && victim.gasPrice >= (priceToBeat ?? 0n)) {
        priceToBeat = victim.gasPrice;
      }
      victims.push(victim);
      overCount--;
      overBytes -= victim.entry.encoded.length;
      if (!canPay || (overCount <= 0 && overBytes <= 0)) break;
    }
    const isEnough = canPay && overCount <= 0 && overBytes <= 0;
    if (isEnough && priceToBeat === undefined) return victims;
    throw refusals.mempoolFull(this.size, this.#bytes, isEnough ? priceToBeat! + 1n : null);
  }

  #delete(waiting: Waiting): void {
    this.#unqueue(waiting);
    this.#noteChange(waiting.queue);
  }

  #unqueue(waiting: Waiting): void {
    this.#forget(waiting);
    waiting.queue.delete(waiting);
  }

  #enqueue(entry: EncodedTransaction, queue: SenderQueue, admittedAt: number): void {
    const { nonce, gasPrice, expiryHeight } = entry.transaction.body;
    const waiting: Waiting = {
      entry,
      queue,
      nonce,
      gasPrice,
      expiryHeight,
      arrival: this.#arrivalCount++,
      admittedAt,
      isTaken: false,
      earlier: this.#lastArrival,
      later: undefined,
      expirySlot: -1,
    };
    if (this.#lastArrival === undefined) this.#firstArrival = waiting;
    else this.#lastArrival.later = waiting;
    this.#lastArrival = waiting;
    this.#byHash.set(nameOf(entry.hash), waiting);
    this.#bytes += entry.encoded.length;
    this.#expiries.set(waiting);
    this.#queues.set(queue.name, queue);
    queue.insert(waiting);
  }

  /** Takes it out of everything but its queue. */
  #forget(waiting: Waiting): void {
    const { entry, earlier, later } = waiting;
    if (earlier === undefined) this.#firstArrival = later;
    else earlier.later = later;
    if (later === undefined) this.#lastArrival = earlier;
    else later.earlier = earlier;
    this.#byHash.delete(nameOf(entry.hash));
    this.#bytes -= entry.encoded.length;
    this.#expiries.delete(waiting);
  }

  /** Brings what is noted about a sender up to date, after each change of its queue and before another queue's. */
  #noteChange(queue: SenderQueue): void {
    this.#readyCount += queue.readyCount - queue.readyCountSeen;
    queue.readyCountSeen = queue.readyCount;
    if (queue.readyCount > 0) this.#ready.set(queue);
    else this.#ready.delete(queue);
    if (queue.size > 0) {
      this.#worst.set(queue);
    } else {
      this.#worst.delete(queue);
      this.#queues.delete(queue.name);
    }
    if (!queue.hasGap) {
      this.#gaps.delete(queue);
      queue.gapSince = undefined;
    } else if (queue.gapSince === undefined || queue.gapNonce !== queue.missingNonce) {
      queue.gapSince = this.#now;
      queue.gapNonce = queue.missingNonce;
      this.#gaps.set(queue);
    }
  }

  /** No block is in the making of what was taken. */
  release(): void {
    for (const waiting of this.#taken) waiting.isTaken = false;
    this.#taken = [];
    this.#hasLeftReady = false;
  }
}
