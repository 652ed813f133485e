import { describe, expect, test } from "vitest";
import {
  type Block,
  blockHash,
  decodeHeader,
  encodeHeader,
  type Receipt,
  receiptsRoot,
  transactionsRoot,
} from "../node/block.ts";
import { publicKeyOf } from "../node/crypto.ts";
import type { RpcMethod, RpcMethods } from "../node/rpc/api.ts";
import type { Client } from "../node/rpc/client.ts";
import { fromHex, toHex } from "../node/rpc/json.ts";
import { callMethod } from "../node/rpc/methods.ts";
import type { NodeService } from "../node/rpc/service.ts";
import { accountKey, emptyAccount, encodeAccount, storageKey } from "../node/state/account.ts";
import { applyChanges, type Change } from "../node/state/tree.ts";
import { encodeTransaction, signTransaction, transactionHash } from "../node/transaction.ts";
import { Chain } from "./chain.ts";
import { CommandError, exitCodes } from "./exit-codes.ts";
import { provenAccount, provenState, provenTransaction } from "./proven.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const secretKey = new Uint8Array(32).fill(7);
const sender = publicKeyOf(secretKey);
const contract = new Uint8Array(32).fill(3);

// Two blocks of three transactions, and the state after each.

const transactions = [0, 1, 2, 3, 4, 5].map((nonce) =>
  signTransaction(
    { chainId: "test", sender, nonce, gasLimit: 100, gasPrice: 1n, expiryHeight: 1000, actions: [] },
    secretKey,
  ),
);
const hashes = transactions.map((transaction) => transactionHash(encodeTransaction(transaction)));
const receipts = hashes.map(
  (transactionHash): Receipt => ({
    transactionHash,
    status: { kind: "success" },
    gasUsed: 21,
    fee: 21n,
    actions: [],
    events: [],
  }),
);
const account = { ...emptyAccount, nonce: 3, balance: 5n };
const nodes = new Map<string, Uint8Array>();
const reader = { getNode: (key: Uint8Array) => nodes.get(toHex(key)) };
const states: readonly (readonly Change[])[] = [
  [
    { key: accountKey(sender), value: encodeAccount(account) },
    { key: storageKey(contract, utf8("total")), value: utf8("first") },
    ...[1, 2, 3, 4, 5].map((i) => ({ key: storageKey(contract, utf8(`entry ${i}`)), value: utf8(`${i}`) })),
  ],
  [{ key: storageKey(contract, utf8("total")), value: utf8("second") }],
];
const blocks = states.map((changes, height): Block => {
  const update = applyChanges(reader, height === 0 ? null : height - 1, height, changes);
  for (const { key, bytes } of update.newNodes) nodes.set(toHex(key), bytes);
  const own = [height * 3, height * 3 + 3] as const;
  const header = {
    height,
    parentHash: new Uint8Array(32),
    time: height,
    protocolVersion: 1,
    proposer: sender,
    gasUsed: 63,
    gasLimit: 1000,
    stateRoot: update.root,
    transactionsRoot: transactionsRoot(transactions.slice(...own)),
    receiptsRoot: receiptsRoot(receipts.slice(...own)),
  };
  return { header, transactions: transactions.slice(...own) };
});

const service = {
  withState: <T>(read: () => T) => read(),
  stateTree: (height = 1) => ({ header: blocks[height]!.header, nodes: reader }),
  block: (height: number) => {
    const block = blocks[height]!;
    const { header } = block;
    return { header, hash: blockHash(header), block, receipts: receipts.slice(height * 3, height * 3 + 3) };
  },
  transaction: (hash: Uint8Array) => {
    const at = hashes.findIndex((known) => toHex(known) === toHex(hash));
    if (at < 0) return undefined;
    const [height, index] = [Math.floor(at / 3), at % 3];
    const position = { height, index, blockHash: blockHash(blocks[height]!.header) };
    return { ...position, transaction: transactions[at]!, receipt: receipts[at]! };
  },
} as Partial<NodeService> as NodeService;

type Answer<M extends RpcMethod> = NonNullable<RpcMethods[M]["result"]>;

/** A chain behind a node that may lie: `alter` is what it makes of the honest answer. */
function chainOf<M extends RpcMethod>(alter: (answer: Answer<M>) => Answer<M> = (answer) => answer): Chain {
  const call = async (method: string, params: object) => {
    const answer = callMethod(method, JSON.parse(JSON.stringify(params)), { service, mayControl: false });
    return answer === null ? null : alter(answer as Answer<M>);
  };
  return new Chain({ call } as Partial<Client> as Client, {} as RpcMethods["chain_info"]["result"]);
}

const flip = (text: string, at: number) => toHex(fromHex(text).with(at, fromHex(text)[at]! ^ 1));
const endsWith = (code: string) => expect.objectContaining({ code, exitCode: exitCodes.node });

describe("state", () => {
  const keys = [storageKey(contract, utf8("total")), storageKey(contract, utf8("none")), accountKey(sender)];
  type Proof = Answer<"state_proof">;
  const read = (alter?: (answer: Proof) => Proof, height?: number) =>
    provenState(chainOf<"state_proof">(alter), keys, height);

  test("is what the block left, there and not there, at the head and before", async () => {
    const { header } = blocks[1]!;
    expect(await read()).toEqual({
      values: [utf8("second"), null, encodeAccount(account)],
      provenBy: { height: 1, blockHash: toHex(blockHash(header)), stateRoot: toHex(header.stateRoot) },
    });
    expect((await read(undefined, 0)).values[0]).toEqual(utf8("first"));
  });

  test("of an account is the account, and of one that nobody touched all zeros", async () => {
    expect((await provenAccount(chainOf(), sender)).account).toEqual(account);
    expect((await provenAccount(chainOf(), contract)).account).toEqual(emptyAccount);
  });

  test.each<[string, (answer: Proof) => Proof, string]>([
    [
      "another value",
      ({ values, ...rest }) => ({ ...rest, values: values.with(0, toHex(utf8("third"))) }),
      "proof_root",
    ],
    [
      "an earlier value",
      ({ values, ...rest }) => ({ ...rest, values: values.with(0, toHex(utf8("first"))) }),
      "proof_root",
    ],
    ["nothing for a value", ({ values, ...rest }) => ({ ...rest, values: values.with(0, null) }), "proof_claim"],
    ["a value for nothing", ({ values, ...rest }) => ({ ...rest, values: values.with(1, "0x") }), "proof_claim"],
    ["values exchanged", ({ values, ...rest }) => ({ ...rest, values: values.toReversed() }), "proof_root"],
    ["a value less", ({ values, ...rest }) => ({ ...rest, values: values.slice(1) }), "proof_other"],
    ["no values", (answer) => ({ ...answer, values: [] }), "proof_other"],
    ["an altered proof", ({ proof, ...rest }) => ({ ...rest, proof: flip(proof, -1) }), "proof_root"],
    ["no proof", (answer) => ({ ...answer, proof: "0x" }), "proof_malformed"],
    ["no hex", (answer) => ({ ...answer, proof: "0xg" as "0x" }), "hex_invalid"],
    ["another state root", (answer) => ({ ...answer, header: toHex(encodeHeader(blocks[0]!.header)) }), "proof_root"],
    ["no header", (answer) => ({ ...answer, header: "0x" }), "borsh_truncated"],
  ])("with %s is refused", async (_, alter, code) => {
    const failure = read(alter);
    await expect(failure).rejects.toThrow(endsWith(code));
    await expect(failure).rejects.toThrow(CommandError);
  });

  test("of another height than was asked for is refused", async () => {
    const header = toHex(encodeHeader({ ...decodeHeader(encodeHeader(blocks[0]!.header)), height: 1 }));
    await expect(read((answer) => ({ ...answer, header }), 0)).rejects.toThrow(endsWith("proof_other"));
  });
});

describe("a transaction", () => {
  type Proof = Answer<"tx_proof">;
  const hash = toHex(hashes[4]!);
  const read = (alter?: (answer: Proof) => Proof) => provenTransaction(chainOf<"tx_proof">(alter), hash);
  const proofOf = (at: number) =>
    callMethod("tx_proof", { hash: toHex(hashes[at]!) }, { service, mayControl: false }) as Proof;

  test("comes with its receipt and its block, and one that is nowhere does not come", async () => {
    expect(await read()).toEqual(service.transaction(hashes[4]!));
    expect(await provenTransaction(chainOf(), toHex(new Uint8Array(32)))).toBeNull();
  });

  test.each<[string, (answer: Proof) => Proof, string]>([
    ["another whole proof", () => proofOf(3), "proof_other"],
    ["another's receipt", ({ receipt: _, ...rest }) => ({ ...rest, receipt: proofOf(3).receipt }), "proof_root"],
    [
      "an altered receipt",
      ({ receipt, ...rest }) => ({ ...rest, receipt: { ...receipt, bytes: flip(receipt.bytes, 40) } }),
      "proof_root",
    ],
    [
      "an altered transaction",
      ({ transaction, ...rest }) => ({ ...rest, transaction: { ...transaction, bytes: flip(transaction.bytes, 9) } }),
      "proof_root",
    ],
    [
      "an altered path",
      ({ receipt, ...rest }) => ({
        ...rest,
        receipt: { ...receipt, path: receipt.path.map((step) => flip(step, 0)) as `0x${string}`[] },
      }),
      "proof_root",
    ],
    [
      "a path too short",
      ({ receipt, ...rest }) => ({ ...rest, receipt: { ...receipt, path: receipt.path.slice(1) } }),
      "proof_shape",
    ],
    ["another place", (answer) => ({ ...answer, index: 0 }), "proof_root"],
    ["a place that is none", (answer) => ({ ...answer, index: 3 }), "proof_index"],
    ["another block", (answer) => ({ ...answer, header: proofOf(0).header }), "proof_root"],
  ])("with %s is refused", async (_, alter, code) => {
    await expect(read(alter)).rejects.toThrow(endsWith(code));
  });
});
