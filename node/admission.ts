/**
 * Reading and verifying transactions as they come. Law: they leave in the order in which they came, whatever each takes, so
 * that a sender's are admitted in the order of their nonces.
 */
import { verifySignatureAside } from "./crypto.ts";
import {
  checkClaim,
  claimOf,
  type EncodedTransaction,
  encodedTransaction,
  verifiedTransaction,
} from "./transaction.ts";

export class Admission {
  /** Settles when the one that came last has left; never rejects. */
  #last: Promise<unknown> = Promise.resolve();
  #count = 0;

  /**
   * Verifies a transaction and, in its turn, hands it to `admit`, which may wait. Throws what `verifiedTransaction` and `admit`
   * throw. Alone it is verified at once, which is sooner; among others (`isBusy`, or there are some here) on a thread of Node's
   * pool, while the next is read.
   */
  async run<T>(encoded: Uint8Array, isBusy: boolean, admit: (entry: EncodedTransaction) => T | Promise<T>): Promise<T> {
    const verified = isBusy || this.#count > 0 ? verifiedAside(encoded) : verifiedTransaction(encoded);
    const before = this.#last;
    const admitted = inTurn(verified, before, admit);
    this.#last = admitted.catch(() => {});
    this.#count++;
    try {
      return await admitted;
    } finally {
      this.#count--;
    }
  }
}

async function inTurn<T>(
  verified: EncodedTransaction | Promise<EncodedTransaction>,
  before: Promise<unknown>,
  admit: (entry: EncodedTransaction) => T | Promise<T>,
): Promise<T> {
  const entry = await verified;
  await before;
  return admit(entry);
}

async function verifiedAside(encoded: Uint8Array): Promise<EncodedTransaction> {
  const entry = encodedTransaction(encoded);
  const { signature, message, sender } = claimOf(entry);
  checkClaim(entry, await verifySignatureAside(signature, message, sender));
  return entry;
}
