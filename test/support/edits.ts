/** A development chain's genesis, and transactions that nobody signed. */
import type { Genesis } from "../../node/genesis.ts";
import {
  type Action,
  type EditChange,
  type EncodedTransaction,
  encodedTransaction,
  encodeTransaction,
  unsignedTransaction,
} from "../../node/transaction.ts";
import { type BodyOptions, TEST_CHAIN_ID } from "./signing.ts";
import { testGenesis } from "./test-chain.ts";

export const zeroAddress = new Uint8Array(32);

export const developmentGenesis: Genesis = { ...testGenesis, params: { ...testGenesis.params, development: true } };

/** Of `sender`, with the options of `signed`. */
export function unsigned(
  sender: Uint8Array,
  actions: readonly Action[],
  options: BodyOptions = {},
): EncodedTransaction {
  const body = {
    chainId: TEST_CHAIN_ID,
    sender,
    nonce: 0,
    gasLimit: 20_000_000,
    gasPrice: 1n,
    expiryHeight: Number.MAX_SAFE_INTEGER,
    actions,
    ...options,
  };
  return encodedTransaction(encodeTransaction(unsignedTransaction(body)));
}

/** These changes in one transaction; `nonce` counts edits. */
export function edit(nonce: number, changes: readonly EditChange[], options: BodyOptions = {}): EncodedTransaction {
  const actions = changes.map((change) => ({ kind: "edit", change }) as const);
  return unsigned(zeroAddress, actions, { nonce, gasLimit: 0, gasPrice: 0n, ...options });
}
