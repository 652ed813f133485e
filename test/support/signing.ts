/** Accounts with keys, and signed transactions of theirs, for tests of the chain. */
import { publicKeyOf } from "../../node/crypto.ts";
import {
  type Action,
  type EncodedTransaction,
  encodedTransaction,
  encodeTransaction,
  signTransaction,
  type TransactionBody,
} from "../../node/transaction.ts";

export interface TestAccount {
  readonly secretKey: Uint8Array;
  readonly address: Uint8Array;
}

export const TEST_CHAIN_ID = "test";

/** The same account for the same number, always. */
export function testAccount(number: number): TestAccount {
  const secretKey = new Uint8Array(32).fill(0x5a);
  new DataView(secretKey.buffer).setUint32(0, number);
  return { secretKey, address: publicKeyOf(secretKey) };
}

export type BodyOptions = Partial<Omit<TransactionBody, "sender" | "actions">>;

/** Plenty of gas at price 1, first nonce, no expiry, unless said otherwise. */
export function signed(sender: TestAccount, actions: readonly Action[], options: BodyOptions = {}): EncodedTransaction {
  const body: TransactionBody = {
    chainId: TEST_CHAIN_ID,
    sender: sender.address,
    nonce: 0,
    gasLimit: 20_000_000,
    gasPrice: 1n,
    expiryHeight: Number.MAX_SAFE_INTEGER,
    actions,
    ...options,
  };
  return encodedTransaction(encodeTransaction(signTransaction(body, sender.secretKey)));
}

export function transfer(to: Uint8Array, amount: bigint): Action {
  return { kind: "transfer", to, amount };
}
