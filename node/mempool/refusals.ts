/**
 * Why a transaction may not wait, or waits no more: every `InputError` of the mempool. Amounts in `details` are decimal text.
 */
import { InputError } from "../../vm/errors.ts";
import { addressToText } from "../address.ts";

// Not admitted.

export function alreadyKnown(): InputError {
  return new InputError("already_known", "the transaction is waiting already");
}

export function nonceTooLow(nonce: number, accountNonce: number): InputError {
  return new InputError("nonce_too_low", `nonce ${nonce} is used; the account's next is ${accountNonce}`);
}

export function nonceTooHigh(sender: Uint8Array, nonce: number, missingNonce: number, nonceMax: number): InputError {
  const message = `nonce ${nonce}; the next of ${addressToText(sender)} is ${missingNonce}`;
  return new InputError("nonce_too_high", message, { hint: `Up to ${nonceMax} it could wait for those before it.` });
}

export function nonceTaken(nonce: number): InputError {
  return new InputError("nonce_taken", `a transaction with nonce ${nonce} is being put into a block`, {
    hint: "Use the account's next nonce, or wait for the block.",
  });
}

export function replacementUnderpriced(nonce: number, gasPrice: bigint, gasPriceMin: bigint): InputError {
  const message = `a transaction with nonce ${nonce} waits already and pays ${gasPrice} for a gas`;
  return new InputError("replacement_underpriced", message, {
    hint: `A gas price of ${gasPriceMin} replaces it. To send another beside it, use the account's next nonce.`,
    details: { gasPriceMin: gasPriceMin.toString() },
  });
}

export function senderFull(sender: Uint8Array, count: number): InputError {
  return new InputError("sender_full", `${count} transactions of ${addressToText(sender)} wait already`, {
    hint: "Wait for blocks and submit again.",
  });
}

export function senderGapFull(sender: Uint8Array, count: number, missingNonce: number): InputError {
  const message = `${count} transactions of ${addressToText(sender)} wait for nonce ${missingNonce} already`;
  return new InputError("sender_full", message, { hint: `Submit the transaction with nonce ${missingNonce} first.` });
}

/** `gasPriceMin` would do; null when no price would. */
export function mempoolFull(count: number, bytes: number, gasPriceMin: bigint | null): InputError {
  const message = `${count} transactions of ${bytes} bytes wait already`;
  if (gasPriceMin === null) {
    return new InputError("mempool_full", message, {
      hint: "Wait for blocks and submit again, in the order of the nonces.",
    });
  }
  return new InputError("mempool_full", message, {
    hint: `Wait for blocks and submit again, or pay a gas price of ${gasPriceMin}.`,
    details: { gasPriceMin: gasPriceMin.toString() },
  });
}

// Dropped.

export function replaced(nonce: number): InputError {
  return new InputError(
    "replaced",
    `another transaction of the sender with nonce ${nonce} pays more and took its place`,
  );
}

/** To one that its sender needs first. */
export function gaveWay(nonce: number): InputError {
  return new InputError("evicted", `the sender has as many waiting as may be, and needs nonce ${nonce} first`, {
    hint: "Submit it again when those before it are in blocks.",
  });
}

export function evicted(): InputError {
  return new InputError(
    "evicted",
    "the mempool is full, and another transaction pays more or can be in a block earlier",
    {
      hint: "Submit it again, perhaps with a higher gas price.",
    },
  );
}

export function expired(nextHeight: number): InputError {
  return new InputError("expired", `the transaction's expiry height is past: the next block is ${nextHeight}`, {
    hint: "Sign it again with a later expiry height.",
  });
}

export function gapExpired(missingNonce: number, waitedMs: number): InputError {
  const message = `the transaction waited for nonce ${missingNonce}, which did not come for ${Math.floor(waitedMs / 1000)} s`;
  return new InputError("gap_expired", message, {
    hint: `Submit the one with nonce ${missingNonce}, then this again.`,
  });
}

export function overtaken(nonce: number): InputError {
  return new InputError("nonce_too_low", `another transaction of the sender with nonce ${nonce} is in a block`);
}
