/**
 * Changes of the state as the transactions that make them: unsigned, of the zero address, in the order of the changes, none of
 * them with more than a transaction may hold.
 */
import type { Genesis } from "../node/genesis.ts";
import {
  ACTION_COUNT_MAX,
  type EditChange,
  type EncodedTransaction,
  encodedTransaction,
  encodeTransaction,
  TRANSACTION_SIZE_MAX,
  unsignedTransaction,
} from "../node/transaction.ts";

/** Nobody can sign for it, so that edits can be told from everything else. */
export const EDITOR = new Uint8Array(32);

/** What a transaction has beside its actions, and an action beside its code, key and value, at most. */
const BODY_SIZE = 256;
const ACTION_SIZE = 64;

/** As few as can be; `nonce` is the first one's. Throws `InputError` `transaction_too_large` when a single change is too large. */
export function editTransactions(
  { chainId }: Pick<Genesis, "chainId">,
  nonce: number,
  changes: readonly EditChange[],
): EncodedTransaction[] {
  return inGroups(changes, sizeOf, ACTION_COUNT_MAX, TRANSACTION_SIZE_MAX - BODY_SIZE).map((group, index) => {
    const body = {
      chainId,
      sender: EDITOR,
      nonce: nonce + index,
      gasLimit: 0,
      gasPrice: 0n,
      expiryHeight: Number.MAX_SAFE_INTEGER,
      actions: group.map((change) => ({ kind: "edit", change }) as const),
    };
    return encodedTransaction(encodeTransaction(unsignedTransaction(body)));
  });
}

/** Neighbours together, up to so many and so much; what is too large by itself is alone. */
export function inGroups<T>(
  items: readonly T[],
  sizeOfItem: (item: T) => number,
  countMax: number,
  sizeMax: number,
): T[][] {
  const groups: T[][] = [];
  let group: T[] = [];
  let size = 0;
  for (const item of items) {
    const itemSize = sizeOfItem(item);
    if (group.length > 0 && (group.length === countMax || size + itemSize > sizeMax)) {
      groups.push(group);
      group = [];
      size = 0;
    }
    group.push(item);
    size += itemSize;
  }
  if (group.length > 0) groups.push(group);
  return groups;
}

function sizeOf(change: EditChange): number {
  switch (change.kind) {
    case "code":
    case "upload":
      return ACTION_SIZE + (change.code?.length ?? 0);
    case "storage":
      return ACTION_SIZE + change.key.length + (change.value?.length ?? 0);
    default:
      return ACTION_SIZE;
  }
}
