/**
 * One call of every RPC method, against a node where each has something to say: a block with a transaction, another that
 * waits, and a contract.
 */
import { addressToText } from "../../node/address.ts";
import type { RpcMethod, RpcMethods } from "../../node/rpc/api.ts";
import { toHex } from "../../node/rpc/json.ts";
import { type CallContext, callMethod } from "../../node/rpc/methods.ts";
import { accountKey, storageKey } from "../../node/state/account.ts";
import { transactionHash } from "../../node/transaction.ts";
import {
  bareCode,
  call,
  codeHash,
  contract,
  FakeNode,
  sender,
  transaction,
  transactionWith,
  upload,
} from "./fake-node.ts";

const included = transaction(call);
const waiting = transactionWith({ nonce: 5 }, { kind: "transfer", to: contract, amount: 5n });
const key = Uint8Array.of(1);

export const contractText = addressToText(contract);
export const senderText = addressToText(sender);
export const includedHash = toHex(transactionHash(included));
export const waitingHash = toHex(transactionHash(waiting));
/** Neither in a block nor waiting. */
export const another = toHex(transactionWith({ nonce: 6 }, upload(5)));

/** A new node for each call, since some change it. */
export async function exampleNode(): Promise<FakeNode> {
  const node = new FakeNode();
  await node.submit(included);
  node.admit(waiting);
  node.development?.setLabel(sender, "alice");
  await node.development?.snapshot();
  return node;
}

export const examples: { readonly [M in RpcMethod]: RpcMethods[M]["params"] } = {
  chain_info: {},
  chain_params: {},
  chain_genesis: {},
  chain_block: { height: 1 },
  chain_rawBlock: { height: 1 },
  chain_events: { contract: contractText, name: "Moved", limit: 10 },
  chain_subscribe: { topic: "events", contract: contractText, after: "1-0-0" },
  chain_unsubscribe: { subscription: "1" },
  tx_submit: { transaction: another },
  tx_submitAndWait: { transaction: another, timeoutMs: 5_000 },
  tx_get: { hash: includedHash },
  tx_receipt: { hash: includedHash },
  tx_status: { hash: waitingHash },
  tx_proof: { hash: includedHash },
  tx_simulate: { transaction: another },
  tx_fees: {},
  tx_pool: { sender: senderText, limit: 10 },
  state_account: { address: senderText },
  state_storage: { contract: contractText, key: toHex(key), height: 1 },
  state_proof: { keys: [toHex(accountKey(sender)), toHex(storageKey(contract, key))] },
  state_ics23Proof: { key: toHex(accountKey(sender)) },
  state_nodes: { places: ["", "0"] },
  contract_code: { codeHash: toHex(codeHash) },
  contract_abi: { contract: contractText },
  contract_view: { contract: contractText, method: "get", args: "0x" },
  dev_accounts: {},
  dev_faucet: { address: senderText, amount: "5000" },
  dev_setBalance: { address: senderText, balance: "1000000" },
  dev_setNonce: { address: senderText, nonce: 12 },
  dev_setCode: { address: contractText, code: toHex(bareCode) },
  dev_setStorage: { contract: contractText, key: toHex(key), value: "0x2a" },
  dev_impersonate: { address: senderText },
  dev_stopImpersonating: { address: senderText },
  dev_mine: { count: 2 },
  dev_setSealing: { kind: "interval", intervalMs: 1_000 },
  dev_dropTransactions: { sender: senderText },
  dev_time: {},
  dev_setTime: { time: 1_735_689_600_000 },
  dev_advanceTime: { ms: 86_400_000, mine: false },
  dev_setTimeStep: { stepMs: 500 },
  dev_snapshot: {},
  dev_snapshots: {},
  dev_revert: { snapshot: 1 },
  dev_reset: {},
  dev_dump: {},
  dev_load: { dump: "0x0102" },
  dev_setLabel: { address: senderText, label: "alice" },
  dev_labels: {},
  node_info: {},
  rpc_discover: {},
};

/** As the client sees it: what a method answers, once it has been text. */
export async function answerOf(
  method: string,
  params: unknown,
  context: Omit<CallContext, "mayControl"> & Partial<CallContext>,
): Promise<unknown> {
  return JSON.parse(JSON.stringify(await callMethod(method, params, { mayControl: true, ...context })));
}

export async function exampleAnswer(method: RpcMethod): Promise<unknown> {
  const subscriptions = { add: () => "1", remove: () => true };
  return answerOf(method, examples[method], { service: await exampleNode(), subscriptions });
}
