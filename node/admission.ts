/**
 * Reading and verifying transactions as they come. Law: a sender's leave in the order in which they came, whatever each takes,
 * and nobody waits for another sender's.
 */
import { verifyNatively, verifyNativelyAside } from "./crypto.ts";
import { nameOf } from "./name-of.ts";
import { checkClaim, claimOf, type EncodedTransaction, encodedTransaction } from "./transaction.ts";

/** What a transaction claims, for who decides whether it is true. */
export type Claim = ReturnType<typeof claimOf>;

/** Decides by ZIP-215 what OpenSSL did not take. Slow, so it has to be done elsewhere. */
export type Decide = (claim: Claim) => Promise<boolean>;

export class Admission {
  readonly #decide: Decide;
  /** By sender: settles when the one that came last has left; never rejects. */
  readonly #last = new Map<string, Promise<unknown>>();

  constructor(decide: Decide) {
    this.#decide = decide;
  }

  /**
   * Verifies a transaction and, in its turn, hands it to `admit`, which may wait. Throws what `verifiedTransaction`, `admit` and
   * `decide` throw. Alone it is verified at once, which is sooner; among others (`isBusy`, or there are some here) on a thread of
   * Node's pool, while the next is read.
   */
  async run<T>(encoded: Uint8Array, isBusy: boolean, admit: (entry: EncodedTransaction) => T | Promise<T>): Promise<T> {
    const entry = encodedTransaction(encoded);
    const claim = claimOf(entry);
    const verify = isBusy || this.#last.size > 0 ? verifyNativelyAside : verifyNatively;
    const isKnownTrue = verify(claim.signature, claim.message, claim.sender);
    const sender = nameOf(claim.sender);
    const before = this.#last.get(sender);
    const admitted = this.#inTurn(entry, claim, isKnownTrue, before, admit);
    const left = admitted.catch(() => {});
    this.#last.set(sender, left);
    try {
      return await admitted;
    } finally {
      if (this.#last.get(sender) === left) this.#last.delete(sender);
    }
  }

  async #inTurn<T>(
    entry: EncodedTransaction,
    claim: Claim,
    isKnownTrue: boolean | Promise<boolean>,
    before: Promise<unknown> | undefined,
    admit: (entry: EncodedTransaction) => T | Promise<T>,
  ): Promise<T> {
    checkClaim(entry, (await isKnownTrue) || (await this.#decide(claim)));
    await before;
    return admit(entry);
  }
}
