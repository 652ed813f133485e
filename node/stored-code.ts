/**
 * Code on its way into the state: the bytes under their hash, and beside them what the price of loading them follows from. Law:
 * whoever brings code, an upload or an edit, nothing is stored that is no contract.
 */
import { InputError } from "../vm/errors.ts";
import type { ContractCache } from "./contract-cache.ts";
import { hash } from "./crypto.ts";
import { isStored } from "./message-call.ts";
import { codeInfoKey, codeKey, encodeCodeInfo } from "./state/account.ts";
import type { Journal } from "./state/journal.ts";

/** Returns the code's hash, or why it is no contract. Code that is stored already is left as it is. */
export function storeCode(journal: Journal, contracts: ContractCache, code: Uint8Array): Uint8Array | InputError {
  const codeHash = hash("code", code);
  if (isStored(journal, codeHash)) return codeHash;
  const contract = preparedCode(contracts, codeHash, code);
  if (contract instanceof InputError) return contract;
  const { codeSize: size, functionCount } = contract.summary;
  journal.set(codeKey(codeHash), code);
  journal.set(codeInfoKey(codeHash), encodeCodeInfo({ size, functionCount }));
  return codeHash;
}

function preparedCode(contracts: ContractCache, codeHash: Uint8Array, code: Uint8Array) {
  try {
    return contracts.prepare(codeHash, () => code);
  } catch (error) {
    if (error instanceof InputError) return error;
    throw error;
  }
}
