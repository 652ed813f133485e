/**
 * Transactions that were admitted and wait for a block, in nonce order for each sender and in order of arrival otherwise.
 *
 * Law: `take` gives only transactions whose nonces follow the accounts' without a gap, and adding in any order gives each
 * sender's in nonce order. Gaps are kept until they are filled, within bounds.
 */
import { InputError } from "../vm/errors.ts";
import { addressToText } from "./address.ts";
import type { EncodedTransaction } from "./transaction.ts";

export const TRANSACTION_COUNT_MAX = 10_000;
export const BYTES_MAX = 64 * 1024 * 1024;
/** How far a nonce may lie ahead of its account: also the number of waiting transactions of one sender. */
export const NONCE_AHEAD_MAX = 1_000;

type NonceOf = (sender: Uint8Array) => number;

function nameOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

export class Mempool {
  /** By hash, in order of arrival. */
  readonly #entries = new Map<string, EncodedTransaction>();
  /** By sender, then nonce. */
  readonly #queues = new Map<string, Map<number, EncodedTransaction>>();
  #bytes = 0;

  get size(): number {
    return this.#entries.size;
  }

  has(hash: Uint8Array): boolean {
    return this.#entries.has(nameOf(hash));
  }

  /** Throws `InputError`: `already_known`, `nonce_taken`, `nonce_too_high`, `mempool_full`. */
  add(entry: EncodedTransaction, accountNonce: number): void {
    const { sender, nonce } = entry.transaction.body;
    if (this.has(entry.hash)) throw new InputError("already_known", "the transaction is waiting already");
    const queue = this.#queues.get(nameOf(sender));
    if (queue?.has(nonce)) {
      throw new InputError("nonce_taken", `another transaction with nonce ${nonce} is waiting`, {
        hint: "Use the account's `nextNonce`, or wait for the block.",
      });
    }
    if (nonce > accountNonce + NONCE_AHEAD_MAX) {
      throw new InputError("nonce_too_high", `nonce ${nonce}; the next of ${addressToText(sender)} is ${accountNonce}`);
    }
    if (this.#entries.size >= TRANSACTION_COUNT_MAX || this.#bytes + entry.encoded.length > BYTES_MAX) {
      throw new InputError("mempool_full", `${this.#entries.size} transactions wait already`, {
        hint: "Wait for blocks and submit again.",
      });
    }
    this.#entries.set(nameOf(entry.hash), entry);
    this.#bytes += entry.encoded.length;
    if (queue === undefined) this.#queues.set(nameOf(sender), new Map([[nonce, entry]]));
    else queue.set(nonce, entry);
  }

  remove({ transaction, encoded, hash }: EncodedTransaction): void {
    if (!this.#entries.delete(nameOf(hash))) return;
    this.#bytes -= encoded.length;
    const sender = nameOf(transaction.body.sender);
    const queue = this.#queues.get(sender);
    queue?.delete(transaction.body.nonce);
    if (queue?.size === 0) this.#queues.delete(sender);
  }

  /** The first nonce from `accountNonce` on that no waiting transaction has. */
  nextNonce(sender: Uint8Array, accountNonce: number): number {
    const queue = this.#queues.get(nameOf(sender));
    let nonce = accountNonce;
    while (queue?.has(nonce)) nonce++;
    return nonce;
  }

  /**
   * What can go into the next block, in its order there; stays in the pool until removed. The gas limits sum up to at most
   * `gasLimit`, the encodings to at most `sizeMax` bytes.
   */
  take(nonceOf: NonceOf, gasLimit: number, countMax: number, sizeMax = Number.POSITIVE_INFINITY): EncodedTransaction[] {
    const taken: EncodedTransaction[] = [];
    const next = new Map<string, number>();
    let gasLeft = gasLimit;
    let sizeLeft = sizeMax;
    // Arrived earlier than the entry at hand, and behind a gap.
    const passed = new Set<EncodedTransaction>();
    for (const arrival of this.#entries.values()) {
      const { sender, nonce } = arrival.transaction.body;
      const name = nameOf(sender);
      let expected = next.get(name) ?? nonceOf(sender);
      next.set(name, expected);
      if (nonce !== expected) {
        passed.add(arrival);
        continue;
      }
      // An arrival may fill a gap, and then what waited behind the gap follows at once; what came later has its own turn.
      const queue = this.#queues.get(name)!;
      let entry: EncodedTransaction | undefined = arrival;
      do {
        const gas = entry.transaction.body.gasLimit;
        const size = entry.encoded.length;
        if (gas > gasLeft || size > sizeLeft || taken.length >= countMax) return taken;
        taken.push(entry);
        gasLeft -= gas;
        sizeLeft -= size;
        entry = queue.get(++expected);
      } while (entry !== undefined && passed.has(entry));
      next.set(name, expected);
    }
    return taken;
  }

  /** Drops what can never enter a block any more, and returns it. */
  prune(nonceOf: NonceOf, nextHeight: number): EncodedTransaction[] {
    const dropped: EncodedTransaction[] = [];
    for (const queue of this.#queues.values()) {
      const entries = [...queue.values()];
      const accountNonce = nonceOf(entries[0]!.transaction.body.sender);
      for (const entry of entries) {
        const { nonce, expiryHeight } = entry.transaction.body;
        if (expiryHeight < nextHeight || nonce < accountNonce) dropped.push(entry);
      }
    }
    for (const entry of dropped) this.remove(entry);
    return dropped;
  }
}
