/**
 * Transactions: what an account asks the chain to do, in one canonical encoding.
 *
 * The signature covers the tagged hash of the borsh body. The transaction's hash covers body and signature. The actions
 * run in order and all or none of them take effect. On development chains a transaction may be unsigned, in anybody's name.
 */
import * as borsh from "../vm/borsh.ts";
import { InputError } from "../vm/errors.ts";
import { hash, isSmallOrder, publicKeyOf, SIGNATURE_SIZE, sign, verifySignature } from "./crypto.ts";
import type { Params } from "./params.ts";

/** A megabyte of code and a generous rest. Checked before decoding. */
export const TRANSACTION_SIZE_MAX = 1024 * 1024 + 64 * 1024;
export const ACTION_COUNT_MAX = 16;
export const CHAIN_ID_SIZE_MAX = 32;

/** What an edit sets. An account or an entry that is not there yet comes to be. */
const editChangeCodec = borsh.union({
  balance: borsh.struct({ address: borsh.bytes32, balance: borsh.u128 }),
  /** Adds to the balance. */
  credit: borsh.struct({ address: borsh.bytes32, amount: borsh.u128 }),
  nonce: borsh.struct({ address: borsh.bytes32, nonce: borsh.safeU64 }),
  /** A Wasm module; null makes the account one without code. */
  code: borsh.struct({ address: borsh.bytes32, code: borsh.option(borsh.bytes) }),
  /** An entry of a contract; null removes it. */
  storage: borsh.struct({ contract: borsh.bytes32, key: borsh.bytes, value: borsh.option(borsh.bytes) }),
  /** Stores a Wasm module, as an upload does. */
  upload: borsh.struct({ code: borsh.bytes }),
});

export type EditChange = borsh.Infer<typeof editChangeCodec>;

const actionCodec = borsh.union({
  /** Moves `amount` from the sender to `to`. */
  transfer: borsh.struct({ to: borsh.bytes32, amount: borsh.u128 }),
  /** Stores a Wasm module under the hash of its bytes. Storing the same code twice is allowed and changes nothing. */
  upload: borsh.struct({ code: borsh.bytes }),
  /** Creates a contract from stored code and runs its `init` with `args`, giving it `value`. */
  create: borsh.struct({
    codeHash: borsh.bytes32,
    salt: borsh.option(borsh.bytes32),
    args: borsh.bytes,
    value: borsh.u128,
  }),
  /** Calls `method` of `contract` with borsh `args`, giving it `value`. */
  call: borsh.struct({ contract: borsh.bytes32, method: borsh.string, args: borsh.bytes, value: borsh.u128 }),
  /** Changes the state of a development chain by decree (`edits.ts`). */
  edit: borsh.struct({ change: editChangeCodec }),
});

export type Action = borsh.Infer<typeof actionCodec>;

const bodyCodec = borsh.struct({
  chainId: borsh.string,
  sender: borsh.bytes32,
  nonce: borsh.safeU64,
  gasLimit: borsh.safeU64,
  /** Fee for one gas, in the smallest unit of the balance. */
  gasPrice: borsh.u128,
  /** The last height at which the transaction may enter a block. */
  expiryHeight: borsh.safeU64,
  actions: borsh.vec(actionCodec, ACTION_COUNT_MAX),
});

export type TransactionBody = borsh.Infer<typeof bodyCodec>;

export const transactionCodec = borsh.struct({ body: bodyCodec, signature: borsh.fixedBytes(SIGNATURE_SIZE) });

export type Transaction = borsh.Infer<typeof transactionCodec>;

/** What the signature signs. */
export function signingHash(body: TransactionBody): Uint8Array {
  return hash("signing", borsh.encode(bodyCodec, body));
}

export function signTransaction(body: TransactionBody, secretKey: Uint8Array): Transaction {
  if (!borsh.equalBytes(publicKeyOf(secretKey), body.sender)) {
    throw new InputError("wrong_key", "the secret key does not belong to the sender");
  }
  return { body, signature: sign(signingHash(body), secretKey) };
}

/** In place of a signature: nobody signed. Such a transaction may be in blocks of development chains alone. */
export const UNSIGNED = new Uint8Array(SIGNATURE_SIZE);

export function isUnsigned({ signature }: Transaction): boolean {
  return borsh.equalBytes(signature, UNSIGNED);
}

export function unsignedTransaction(body: TransactionBody): Transaction {
  return { body, signature: UNSIGNED };
}

export function encodeTransaction(transaction: Transaction): Uint8Array {
  return borsh.encode(transactionCodec, transaction);
}

/** Throws `InputError`: `transaction_too_large`, or a `borsh_*` code with the offset. */
export function decodeTransaction(bytes: Uint8Array): Transaction {
  if (bytes.length > TRANSACTION_SIZE_MAX) {
    throw new InputError(
      "transaction_too_large",
      `transaction of ${bytes.length} bytes, at most ${TRANSACTION_SIZE_MAX}`,
    );
  }
  return borsh.decode(transactionCodec, bytes);
}

export function transactionHash(encoded: Uint8Array): Uint8Array {
  return hash("transaction", encoded);
}

/**
 * A transaction that may not be in this block. Only this keeps one out: whatever else goes wrong, a disk that cannot be read
 * included, is not the transaction's doing, and then there is no block.
 */
export class InvalidTransaction extends InputError {
  override readonly name = "InvalidTransaction";
}

/** A transaction with the bytes it came as and its name. */
export interface EncodedTransaction {
  readonly transaction: Transaction;
  readonly encoded: Uint8Array;
  readonly hash: Uint8Array;
}

export function encodedTransaction(encoded: Uint8Array): EncodedTransaction {
  return { transaction: decodeTransaction(encoded), encoded, hash: transactionHash(encoded) };
}

/**
 * As `encodedTransaction`, and throws `InputError` `bad_signature` or `sender_invalid` unless the sender signed it or, on a
 * development chain, nobody did.
 */
export function verifiedTransaction(
  encoded: Uint8Array,
  { development }: Pick<Params, "development"> = { development: false },
): EncodedTransaction {
  const entry = encodedTransaction(encoded);
  if (development && isUnsigned(entry.transaction)) return entry;
  const { signature, message, sender } = claimOf(entry);
  checkClaim(entry, verifySignature(signature, message, sender));
  return entry;
}

/** What a transaction claims: that this signature of this message is the sender's. */
export function claimOf({ transaction: { body, signature }, encoded }: EncodedTransaction) {
  // The encoding is canonical, so the bytes before the signature are the body's.
  const message = hash("signing", encoded.subarray(0, encoded.length - SIGNATURE_SIZE));
  return { signature, message, sender: body.sender };
}

/** Throws as `verifiedTransaction`, once it is known whether the claim is true. */
export function checkClaim({ transaction: { body } }: EncodedTransaction, isTrue: boolean): void {
  if (!isTrue) {
    throw new InputError("bad_signature", "the signature is not the sender's", {
      hint: "Sign the transaction with the sender's key and this chain's id, after the last change to it.",
    });
  }
  // What was sent to the zero address, as contracts do to burn it, must not be there for everybody to take.
  if (isSmallOrder(body.sender)) {
    throw new InputError("sender_invalid", "the sender's key is of small order: everybody can sign for it");
  }
}
