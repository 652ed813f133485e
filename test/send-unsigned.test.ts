/** Transactions in another's name: `--impersonate` of the commands that send. */
import { beforeEach, expect, test } from "vitest";
import { fromHex } from "../node/rpc/json.ts";
import { decodeTransaction, isUnsigned, verifiedTransaction } from "../node/transaction.ts";
import { InputError } from "../vm/errors.ts";
import { answers, BOB, dev1, HASH, STRANGER, stranger } from "./support/answering-node.ts";
import { commandTests } from "./support/command.ts";

const { node, lockstep, lockstepJson } = commandTests();

beforeEach(() => {
  node.special = { contract_abi: { ...answers.contract_abi, abi: null } };
});

const sending = ["transfer dev1 5", "call token any --args 0x01", "deploy empty.wasm"];

function submitted(): Uint8Array {
  const { params } = node.requests.find(({ method }) => method === "tx_submitAndWait")!;
  return fromHex(params.transaction as string);
}

test.each(sending)("%s sends unsigned, with the nonce and balance of the account in whose name it is", async (args) => {
  const { code, answer } = await lockstepJson(...args.split(" "), "--impersonate", "token");
  expect([code, answer.ok, answer.transactionHash]).toEqual([0, true, HASH]);
  expect(node.asked).toContainEqual(["state_account", { address: STRANGER }]);
  const transaction = decodeTransaction(submitted());
  expect(isUnsigned(transaction)).toBe(true);
  expect(transaction.body).toMatchObject({ sender: stranger, nonce: 4, chainId: "test" });
  if (args.startsWith("transfer")) expect(answer.from).toBe(STRANGER);
});

test.each(sending)("%s is signed as ever without --impersonate", async (args) => {
  expect((await lockstep([...args.split(" "), "--from", "dev1"])).code).toBe(0);
  expect(verifiedTransaction(submitted()).transaction.body.sender).toEqual(dev1.address);
});

test("who is impersonated needs no key on this machine", async () => {
  const args = ["transfer", "dev1", "5", "--from", "nobody"];
  expect((await lockstepJson(...args)).answer.error.code).toBe("account_unknown");
  expect((await lockstep([...args, "--impersonate", BOB])).code).toBe(0);
});

test.each(sending)("%s that the node does not take unsigned says how to make it", async (args) => {
  const refusal = { code: "bad_signature", message: "not signed", hint: "other words" };
  node.special = { ...node.special, tx_submitAndWait: new InputError(refusal.code, refusal.message, refusal) };
  const { code, answer } = await lockstepJson(...args.split(" "), "--impersonate", "token");
  expect([code, answer.error.code]).toEqual([4, "bad_signature"]);
  expect(answer.error.hint).toContain(`\`lockstep impersonate ${STRANGER}\``);
  // A bad signature of our own is no question of impersonation.
  expect((await lockstepJson(...args.split(" "))).answer.error).toEqual(refusal);
});

test("an impersonated account that cannot pay is sent to the faucet", async () => {
  node.special = { state_account: { ...answers.state_account, balance: "3" } };
  const { code, answer } = await lockstepJson("transfer", "dev1", "5", "--impersonate", "token");
  expect([code, answer.error.code]).toEqual([4, "insufficient_balance"]);
  expect(answer.error.hint).toContain("`lockstep faucet token`");
  expect(answer.error.details.address).toBe(STRANGER);
  expect(node.asked.map(([method]) => method)).toEqual(["state_account"]);
});

test.each([
  ["nobody", "name_unknown"],
  [`${STRANGER}x`, "address_invalid"],
  ["", "name_unknown"],
])("nothing is sent in the name of %j", async (name, error) => {
  const { code, answer } = await lockstepJson("transfer", "dev1", "5", "--impersonate", name);
  expect([code, answer.error.code]).toEqual([2, error]);
  expect(node.asked).toEqual([]);
});
