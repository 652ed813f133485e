/**
 * Reading and verifying transactions as they come. Law: a sender's leave in the order in which they came, whatever each takes,
 * and nobody waits for another sender's. Unsigned ones are taken of those alone whom the developer lets be impersonated.
 */
import { InputError } from "../vm/errors.ts";
import { addressToText } from "./address.ts";
import { verifyNatively, verifyNativelyAside } from "./crypto.ts";
import { nameOf } from "./name-of.ts";
import { checkClaim, claimOf, type EncodedTransaction, encodedTransaction, isUnsigned } from "./transaction.ts";

/** What a transaction claims, for who decides whether it is true. */
export type Claim = ReturnType<typeof claimOf>;

/** Decides by ZIP-215 what OpenSSL did not take. Slow, so it has to be done elsewhere. */
export type Decide = (claim: Claim) => Promise<boolean>;

export class Admission {
  readonly #decide: Decide;
  readonly #isImpersonated: ((sender: Uint8Array) => boolean) | undefined;
  /** By sender: settles when the one that came last has left; never rejects. */
  readonly #last = new Map<string, Promise<unknown>>();

  /** `isImpersonated` is there on development chains: whose unsigned transactions are taken. */
  constructor(decide: Decide, isImpersonated?: (sender: Uint8Array) => boolean) {
    this.#decide = decide;
    this.#isImpersonated = isImpersonated;
  }

  /**
   * Verifies a transaction and, in its turn, hands it to `admit`, which may wait. Throws what `verifiedTransaction`, `admit` and
   * `decide` throw. Alone it is verified at once, which is sooner; among others (`isBusy`, or there are some here) on a thread of
   * Node's pool, while the next is read.
   */
  async run<T>(encoded: Uint8Array, isBusy: boolean, admit: (entry: EncodedTransaction) => T | Promise<T>): Promise<T> {
    const entry = encodedTransaction(encoded);
    const claim = claimOf(entry);
    const isKnownTrue = this.#isTakenUnsigned(entry) || this.#verify(claim, isBusy);
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

  /** Throws for one that is not signed, where its sender could be impersonated and is not. */
  #isTakenUnsigned({ transaction }: EncodedTransaction): boolean {
    // Elsewhere, 64 zero bytes are a signature like any other, and never anybody's.
    if (this.#isImpersonated === undefined || !isUnsigned(transaction)) return false;
    const { sender } = transaction.body;
    if (this.#isImpersonated(sender)) return true;
    throw new InputError("bad_signature", "the transaction is not signed, and its sender is not impersonated", {
      hint: `Sign it, or let \`dev_impersonate\` take what ${addressToText(sender)} does not sign.`,
    });
  }

  #verify({ signature, message, sender }: Claim, isBusy: boolean): boolean | Promise<boolean> {
    const verify = isBusy || this.#last.size > 0 ? verifyNativelyAside : verifyNatively;
    return verify(signature, message, sender);
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
