/**
 * Edits: what the rules of a development chain let its developer do to the state, as transactions of the zero address, for which
 * nobody can sign. Law: an edit is done to its last action, or the journal is as it was. What is done has a nonce, a receipt and
 * a place in a block like anything else, so a replay does it again.
 */
import { InputError } from "../vm/errors.ts";
import { STORAGE_KEY_SIZE_MAX, STORAGE_VALUE_SIZE_MAX } from "../vm/host-fns/storage.ts";
import { addressToText } from "./address.ts";
import type { Receipt } from "./block.ts";
import type { ContractCache } from "./contract-cache.ts";
import { readAccount, writeAccount } from "./message-call.ts";
import type { Params } from "./params.ts";
import { BALANCE_MAX, storageKey } from "./state/account.ts";
import type { Journal } from "./state/journal.ts";
import { storeCode } from "./stored-code.ts";
import {
  type EditChange,
  type EncodedTransaction,
  InvalidTransaction,
  isUnsigned,
  type Transaction,
  type TransactionBody,
} from "./transaction.ts";

/** The most that an edit sets a nonce to: far enough from the last that there is that nobody comes there. */
export const EDITED_NONCE_MAX = 2 ** 52;

/** Whether a transaction has to be what `checkEdit` asks for: it has an edit's sender or an edit's action. */
export function isEdit({ sender, actions }: TransactionBody, { development }: Pick<Params, "development">): boolean {
  return (development && sender.every((byte) => byte === 0)) || actions.some(({ kind }) => kind === "edit");
}

/**
 * What an edit must be, beside what every transaction must. Throws `InvalidTransaction`: `not_development`, `edit_sender`,
 * `edit_signed`, `edit_actions`, `edit_gas`.
 */
export function checkEdit(transaction: Transaction, { development }: Pick<Params, "development">): void {
  const { sender, actions, gasLimit, gasPrice } = transaction.body;
  if (!development) {
    throw new InvalidTransaction("not_development", "the state can be edited on development chains alone", {
      hint: "`lockstep dev` runs one.",
    });
  }
  if (sender.some((byte) => byte !== 0)) {
    throw new InvalidTransaction("edit_sender", `edits come from the zero address, not from ${addressToText(sender)}`);
  }
  if (!isUnsigned(transaction)) {
    throw new InvalidTransaction("edit_signed", "a transaction of the zero address is unsigned");
  }
  if (actions.length === 0 || actions.some(({ kind }) => kind !== "edit")) {
    throw new InvalidTransaction(
      "edit_actions",
      "a transaction of the zero address holds edits, at least one, and no more",
    );
  }
  if (gasLimit !== 0 || gasPrice !== 0n) {
    throw new InvalidTransaction(
      "edit_gas",
      `an edit has gas limit 0 and gas price 0, not ${gasLimit} and ${gasPrice}`,
    );
  }
}

/**
 * Counts and does an edit that `checkEdit` passed. Throws `InvalidTransaction`, and then the journal is as it was:
 * `balance_overflow`, `nonce_decreased`, `nonce_too_large`, `not_a_contract`, `storage_key_empty`, `storage_key_too_large`,
 * `storage_value_too_large`, and what `prepareContract` throws.
 */
export function applyEdit(
  contracts: ContractCache,
  journal: Journal,
  { transaction: { body }, hash: transactionHash }: EncodedTransaction,
): Receipt {
  const { sender, nonce, actions } = body;
  const checkpoint = journal.checkpoint();
  try {
    // Counted, so no two edits have one hash.
    writeAccount(journal, sender, { ...readAccount(journal, sender), nonce: nonce + 1 });
    for (const action of actions) if (action.kind === "edit") applyChange(contracts, journal, action.change);
  } catch (error) {
    journal.revert(checkpoint);
    throw error;
  }
  journal.commit(checkpoint);
  return {
    transactionHash,
    status: { kind: "success" },
    gasUsed: 0,
    fee: 0n,
    actions: actions.map(() => ({ gasUsed: 0, returnData: new Uint8Array(), created: [] })),
    events: [],
  };
}

function applyChange(contracts: ContractCache, journal: Journal, change: EditChange): void {
  switch (change.kind) {
    case "balance": {
      const { address, balance } = change;
      writeAccount(journal, address, { ...readAccount(journal, address), balance });
      return;
    }
    case "credit": {
      const { address, amount } = change;
      const account = readAccount(journal, address);
      const balance = account.balance + amount;
      if (balance > BALANCE_MAX) {
        const message = `${addressToText(address)} has ${account.balance}; ${amount} more is above 2^128 - 1`;
        throw new InvalidTransaction("balance_overflow", message, { hint: "Set the balance instead, or give less." });
      }
      writeAccount(journal, address, { ...account, balance });
      return;
    }
    case "nonce":
      return setNonce(journal, change.address, change.nonce);
    case "code": {
      const { address, code } = change;
      const codeHash = code === null ? null : stored(journal, contracts, code);
      writeAccount(journal, address, { ...readAccount(journal, address), codeHash });
      return;
    }
    case "storage":
      return setStorage(journal, change.contract, change.key, change.value);
    case "upload":
      stored(journal, contracts, change.code);
      return;
  }
}

function stored(journal: Journal, contracts: ContractCache, code: Uint8Array): Uint8Array {
  const codeHash = storeCode(journal, contracts, code);
  if (codeHash instanceof InputError) throw invalidFor(codeHash);
  return codeHash;
}

/** A nonce that was used must not come again: it would let a transaction into the chain twice, under one hash. */
function setNonce(journal: Journal, address: Uint8Array, nonce: number): void {
  const account = readAccount(journal, address);
  if (nonce < account.nonce) {
    const message = `the nonce of ${addressToText(address)} is ${account.nonce} already, and never decreases`;
    throw new InvalidTransaction("nonce_decreased", message, {
      hint: "Go back to a snapshot to have an earlier nonce again.",
    });
  }
  if (nonce > EDITED_NONCE_MAX) {
    throw new InvalidTransaction("nonce_too_large", `a nonce is set to at most 2^52, not to ${nonce}`);
  }
  writeAccount(journal, address, { ...account, nonce });
}

/** What the contract could have written itself. */
function setStorage(journal: Journal, contract: Uint8Array, key: Uint8Array, value: Uint8Array | null): void {
  if (readAccount(journal, contract).codeHash === null) {
    throw new InvalidTransaction("not_a_contract", `${addressToText(contract)} is no contract: it has no storage`);
  }
  if (key.length === 0) throw new InvalidTransaction("storage_key_empty", "a storage key has at least one byte");
  if (key.length > STORAGE_KEY_SIZE_MAX) {
    const message = `a storage key has at most ${STORAGE_KEY_SIZE_MAX} bytes, this one ${key.length}`;
    throw new InvalidTransaction("storage_key_too_large", message);
  }
  if (value === null) {
    journal.remove(storageKey(contract, key));
    return;
  }
  if (value.length > STORAGE_VALUE_SIZE_MAX) {
    const message = `a storage value has at most ${STORAGE_VALUE_SIZE_MAX} bytes, this one ${value.length}`;
    throw new InvalidTransaction("storage_value_too_large", message);
  }
  journal.set(storageKey(contract, key), value);
}

function invalidFor({ code, message, hint, details }: InputError): InvalidTransaction {
  return new InvalidTransaction(code, message, {
    ...(hint !== undefined && { hint }),
    ...(details !== undefined && { details }),
  });
}
