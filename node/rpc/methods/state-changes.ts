/** What a transaction would change in the state, told in accounts, storage entries and code instead of keys. */
import { assert } from "../../../vm/errors.ts";
import { ADDRESS_SIZE, addressToText } from "../../address.ts";
import { decodeAccount } from "../../state/account.ts";
import { toHex } from "../json.ts";
import type { StateDifference } from "../service.ts";
import type { AccountStateJson, StateChangesJson } from "../types.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer I)[] ? I[] : never };

export function stateChangesToJson(differences: readonly StateDifference[]): StateChangesJson {
  const changes: Mutable<StateChangesJson> = { accounts: [], storage: [], code: [] };
  for (const { key, before, after } of differences) {
    // Every key begins with a letter; an address or a code's hash follows.
    const name = key.subarray(1, 1 + ADDRESS_SIZE);
    switch (String.fromCharCode(key[0]!)) {
      case "a":
        changes.accounts.push({
          address: addressToText(name),
          before: accountToJson(before),
          after: accountToJson(after),
        });
        break;
      case "s":
        changes.storage.push({
          contract: addressToText(name),
          key: toHex(key.subarray(1 + ADDRESS_SIZE)),
          before: before && toHex(before),
          after: after && toHex(after),
        });
        break;
      case "c":
        assert(after !== null, "code is never removed");
        changes.code.push({ codeHash: toHex(name), codeSize: after.length });
        break;
      case "i":
        // Follows from the code.
        break;
      default:
        assert(false, "the state has four kinds of keys");
    }
  }
  return changes;
}

function accountToJson(encoded: Uint8Array | null): AccountStateJson | null {
  if (encoded === null) return null;
  const { nonce, balance, codeHash } = decodeAccount(encoded);
  return { nonce, balance: String(balance), codeHash: codeHash === null ? null : toHex(codeHash) };
}
