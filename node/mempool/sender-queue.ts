/**
 * The waiting transactions of one sender, by nonce.
 *
 * Law: those from the account's nonce on without a gap are ready, up to the first nonce that is missing; those after it wait
 * behind the gap. Those before the account's nonce are past: a block has them or others in their place, and the pool is about
 * to be told.
 */
import type { EncodedTransaction } from "../transaction.ts";

/** A transaction in the pool. */
export interface Waiting {
  readonly entry: EncodedTransaction;
  readonly queue: SenderQueue;
  readonly nonce: number;
  readonly gasPrice: bigint;
  readonly expiryHeight: number;
  /** Counts up over all that ever came. */
  readonly arrival: number;
  readonly admittedAt: number;
  /** Is being put into a block. */
  isTaken: boolean;
  /** Neighbours in the order of arrival. */
  earlier: Waiting | undefined;
  later: Waiting | undefined;
  expirySlot: number;
}

export class SenderQueue {
  readonly name: string;
  /** In the order of the nonces. */
  readonly #waiting: Waiting[] = [];
  #accountNonce: number;
  #missingNonce: number;
  /** What the pool has noted: since when it saw `gapNonce` missing with others waiting for it, and how many were ready. */
  gapSince: number | undefined;
  gapNonce = -1;
  readyCountSeen = 0;
  /** Places in the pool's heaps. */
  readySlot = -1;
  worstSlot = -1;
  gapSlot = -1;

  constructor(name: string, accountNonce: number) {
    this.name = name;
    this.#accountNonce = accountNonce;
    this.#missingNonce = accountNonce;
  }

  get size(): number {
    return this.#waiting.length;
  }

  get waiting(): readonly Waiting[] {
    return this.#waiting;
  }

  get accountNonce(): number {
    return this.#accountNonce;
  }

  /** The first from the account's nonce on that no transaction here has. */
  get missingNonce(): number {
    return this.#missingNonce;
  }

  get readyCount(): number {
    return this.#missingNonce - this.#accountNonce;
  }

  get last(): Waiting | undefined {
    return this.#waiting.at(-1);
  }

  get hasGap(): boolean {
    const { last } = this;
    return last !== undefined && last.nonce >= this.#missingNonce;
  }

  /** Those behind the gap. */
  gapped(): Waiting[] {
    return this.#waiting.slice(this.#indexFrom(this.#missingNonce));
  }

  get gappedCount(): number {
    return this.#waiting.length - this.#indexFrom(this.#missingNonce);
  }

  past(): Waiting[] {
    return this.#waiting.slice(0, this.#indexFrom(this.#accountNonce));
  }

  withNonce(nonce: number): Waiting | undefined {
    const waiting = this.#waiting[this.#indexFrom(nonce)];
    return waiting?.nonce === nonce ? waiting : undefined;
  }

  /** The ready ones from 0 on, in nonce order. */
  readyAt(index: number): Waiting | undefined {
    return index < this.readyCount ? this.withNonce(this.#accountNonce + index) : undefined;
  }

  /** The first from `accountNonce` on that no transaction here has. */
  nextNonce(accountNonce: number): number {
    if (accountNonce >= this.#accountNonce && accountNonce <= this.#missingNonce) return this.#missingNonce;
    return this.#endOfRun(accountNonce);
  }

  /** The account's nonce is another now. What is ready is so no longer than the gap allows. */
  moveTo(accountNonce: number): void {
    this.#missingNonce = this.nextNonce(accountNonce);
    this.#accountNonce = accountNonce;
  }

  /** Its nonce must be free. */
  insert(waiting: Waiting): void {
    this.#waiting.splice(this.#indexFrom(waiting.nonce), 0, waiting);
    if (waiting.nonce === this.#missingNonce) this.#missingNonce = this.#endOfRun(this.#missingNonce);
  }

  delete(waiting: Waiting): void {
    const { nonce } = waiting;
    this.#waiting.splice(this.#indexFrom(nonce), 1);
    if (nonce >= this.#accountNonce && nonce < this.#missingNonce) this.#missingNonce = nonce;
  }

  deletePast(): void {
    this.#waiting.splice(0, this.#indexFrom(this.#accountNonce));
  }

  deleteGapped(): void {
    this.#waiting.length = this.#indexFrom(this.#missingNonce);
  }

  /** All but those that are being put into a block. */
  deleteUntaken(): void {
    const taken = this.#waiting.filter(({ isTaken }) => isTaken);
    this.#waiting.splice(0, this.#waiting.length, ...taken);
    this.#missingNonce = this.#endOfRun(this.#accountNonce);
  }

  #endOfRun(start: number): number {
    let nonce = start;
    for (let index = this.#indexFrom(start); this.#waiting[index]?.nonce === nonce; index++) nonce++;
    return nonce;
  }

  /** Of the first with this nonce or a higher one. */
  #indexFrom(nonce: number): number {
    let low = 0;
    let high = this.#waiting.length;
    if (high === 0 || nonce <= this.#waiting[0]!.nonce) return 0;
    if (nonce > this.#waiting[high - 1]!.nonce) return high;
    // Without gaps among those before it, which is the common case, its place is known.
    const guess = nonce - this.#waiting[0]!.nonce;
    if (this.#waiting[guess]?.nonce === nonce) return guess;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#waiting[middle]!.nonce < nonce) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
