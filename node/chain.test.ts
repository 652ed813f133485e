import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { codeOf } from "../test/support/refusals.ts";
import { sampleContract } from "../test/support/sample-contracts.ts";
import { transfer } from "../test/support/signing.ts";
import { alice, bob, stranger, TEST_BALANCE, TestChain, testGenesis } from "../test/support/test-chain.ts";
import { ModuleError } from "../vm/contract.ts";
import { Fault, InputError } from "../vm/errors.ts";
import { blockHash, encodeBlock, encodeReceipt } from "./block.ts";
import { Chain } from "./chain.ts";
import { hash } from "./crypto.ts";
import { accountKey, storageKey } from "./state/account.ts";
import { readRoot, readValue } from "./state/tree.ts";
import type { HeldState } from "./store.ts";
import { type Action, encodedTransaction, encodeTransaction } from "./transaction.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const noBytes = new Uint8Array();
const codeHash = hash("code", sampleContract);

function call(contract: Uint8Array, method: string, args = noBytes, value = 0n): Action {
  return { kind: "call", contract, method, args, value };
}

async function deployed() {
  const chain = await TestChain.create();
  const contract = await chain.deploy(sampleContract, codeHash, utf8("first"));
  return { chain, contract };
}

describe("the head", () => {
  test("moves with each commit and is there again when the store is opened by another chain", async () => {
    const chain = await TestChain.create();
    expect(chain.chain.head.height).toBe(0);
    for (let height = 1; height <= 3; height++) {
      const parent = chain.chain.head;
      const { block } = await chain.extend([chain.sign(alice, [transfer(bob.address, 1n)])]);
      expect(chain.chain.head).toEqual(block.header);
      expect(block.header.height).toBe(height);
      expect(block.header.parentHash).toEqual(blockHash(parent));
      expect(new Chain(chain.store).head).toEqual(block.header);
    }
  });

  test("stays where it is when a block is applied and not committed", async () => {
    const chain = await TestChain.create();
    const { head } = chain.chain;
    chain.apply([chain.sign(alice, [transfer(bob.address, 1n)])]);
    expect(chain.chain.head).toBe(head);
    expect(chain.account(alice.address).nonce).toBe(0);
  });

  test("is the only place to build on: a block for an older one is our fault", async () => {
    const chain = await TestChain.create();
    const stale = chain.apply([]);
    await chain.extend([]);
    await expect(chain.chain.commit(stale)).rejects.toThrow(Fault);
    expect(chain.chain.head.height).toBe(1);
  });

  test("has a time that is not before its parent's", async () => {
    const chain = await TestChain.create();
    const input = { ...chain.input([]), time: chain.chain.head.time - 1 };
    expect(() => chain.chain.apply(input)).toThrow(Fault);
    expect((await chain.chain.extend({ ...input, time: chain.chain.head.time })).block.header.height).toBe(1);
  });

  test("commits to a state that the flat view and the tree agree on, at every height", async () => {
    const { chain, contract } = await deployed();
    const applied = [];
    for (const [method, args] of [
      ["set", "a"],
      ["refuse", "b"],
      ["remove", ""],
      ["set", "c"],
    ] as const) {
      applied.push(await chain.extend([chain.sign(alice, [call(contract, method, utf8(args))])]));
    }
    for (const { block, changes } of applied) {
      const { height, stateRoot } = block.header;
      expect(readRoot(chain.store.nodes, height)).toEqual(stateRoot);
      for (const { key, value } of changes) {
        expect(readValue(chain.store.nodes, height, key)).toEqual(value ?? undefined);
      }
    }
    const keys = new Map(applied.flatMap(({ changes }) => changes.map(({ key }) => [String(key), key] as const)));
    for (const key of keys.values()) {
      expect(readValue(chain.store.nodes, chain.chain.head.height, key)).toEqual(chain.store.flat.get(key));
    }
  });
});

describe("a view", () => {
  test("returns what the method returns at the head", async () => {
    const { chain, contract } = await deployed();
    const result = chain.chain.view({ contract, method: "get", args: noBytes });
    expect(result).toMatchObject({ outcome: { kind: "success", data: utf8("first") }, height: 1, logs: [] });
    await chain.run([call(contract, "set", utf8("second"))]);
    expect(chain.chain.view({ contract, method: "get", args: noBytes }).outcome).toEqual({
      kind: "success",
      data: utf8("second"),
    });
  });

  test("leaves no trace, whatever method it runs", async () => {
    const { chain, contract } = await deployed();
    const transactions = [chain.sign(alice, [call(contract, "set", utf8("x")), call(contract, "get")])];
    const before = encodeBlock(chain.apply(transactions).block);
    const outcomes = ["get", "set", "tell", "remove", "refuse", "trap", "sneak", "log", "when"].map((method) => {
      const { outcome } = chain.chain.view({ contract, method, args: utf8("y"), gasLimit: 5_000_000 });
      return outcome.kind === "halt" ? outcome.reason : outcome.kind;
    });
    const refusedWrite = "ReadOnlyViolation";
    expect(outcomes).toEqual([
      "success",
      refusedWrite,
      refusedWrite,
      refusedWrite,
      refusedWrite,
      refusedWrite,
      refusedWrite,
      "success",
      "success",
    ]);
    expect(encodeBlock(chain.apply(transactions).block)).toEqual(before);
    expect(chain.storage(contract, "k")).toEqual(utf8("first"));
    expect(chain.chain.head.height).toBe(1);
  });

  test("shows debug text and costs at most its gas limit", async () => {
    const { chain, contract } = await deployed();
    expect(chain.chain.view({ contract, method: "log", args: utf8("hello") }).logs).toEqual(["hello"]);
    for (const gasLimit of [0, 1, 50_000, 5_000_000]) {
      expect(chain.chain.view({ contract, method: "burn", args: noBytes, gasLimit })).toMatchObject({
        outcome: { kind: "halt", reason: "OutOfGas" },
        gasUsed: gasLimit,
      });
    }
    const { gasUsed } = chain.chain.view({
      contract,
      method: "burn",
      args: noBytes,
      gasLimit: Number.MAX_SAFE_INTEGER,
    });
    expect(gasUsed).toBe(testGenesis.params.blockGasLimit);
  });

  test.each<[string, string, (contract: Uint8Array) => { contract: Uint8Array; method: string; args?: Uint8Array }]>([
    ["an account", "not_a_contract", () => ({ contract: alice.address, method: "get" })],
    ["nobody", "not_a_contract", () => ({ contract: new Uint8Array(32), method: "get" })],
    ["a method that is not there", "no_such_method", (contract) => ({ contract, method: "nothing" })],
    ["init", "no_such_method", (contract) => ({ contract, method: "init" })],
    ["too much", "input_too_large", (contract) => ({ contract, method: "get", args: new Uint8Array(65_537) })],
  ])("of %s is refused: %s", async (_, code, make) => {
    const { chain, contract } = await deployed();
    expect(codeOf(() => chain.chain.view({ args: noBytes, ...make(contract) }))).toBe(code);
  });
});

describe("a simulation", () => {
  test("tells the receipt that the transaction will have, but for hash and fee, and leaves no trace", async () => {
    const { chain, contract } = await deployed();
    const method = fc.constantFrom("set", "get", "tell", "refuse", "trap", "pay", "log", "nothing", "remove");
    const action = fc.oneof(
      fc.tuple(method, fc.nat(300), fc.nat(3)).map(([name, size, value]) => {
        return call(contract, name, new Uint8Array(size).fill(1), BigInt(value));
      }),
      fc.constant<Action>({ kind: "create", codeHash, salt: null, args: noBytes, value: 1n }),
      fc.bigInt(0n, TEST_BALANCE / 1000n).map((amount) => transfer(stranger.address, amount)),
    );
    const options = fc.record({
      gasLimit: fc.constantFrom(1_000_000, 3_000_000, 8_000_000),
      gasPrice: fc.bigInt(1n, 3n),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 3 }), options, async (actions, chosen) => {
        const transaction = chain.sign(alice, actions, chosen);
        const before = encodeBlock(chain.apply([]).block);
        const simulated = chain.chain.simulate(transaction.encoded);
        expect(encodeBlock(chain.apply([]).block)).toEqual(before);
        expect(simulated.height).toBe(chain.chain.head.height);
        const { receipts, logs, changes } = await chain.extend([transaction]);
        const [receipt] = receipts;
        expect(encodeReceipt({ ...simulated.receipt, fee: receipt!.fee })).toEqual(encodeReceipt(receipt!));
        expect(simulated.logs).toEqual(logs[0]);
        // What it said would change has changed so; only who pays gas and who is paid stand out.
        const paid = [accountKey(alice.address), accountKey(testGenesis.proposer)].map(String);
        const difference = simulated.differences.filter(({ key }) => !paid.includes(String(key)));
        for (const { key, before: old, after } of difference) {
          expect(chain.store.stateAt(simulated.height).get(key) ?? null).toEqual(old);
          expect(chain.store.flat.get(key) ?? null).toEqual(after);
        }
        const changed = changes.filter(({ key }) => !paid.includes(String(key)));
        expect(difference.map(({ key }) => String(key)).sort()).toEqual(changed.map(({ key }) => String(key)).sort());
      }),
      { numRuns: 40 },
    );
  });

  test("asks for no signature, no nonce, no money for gas and no time", async () => {
    const { chain, contract } = await deployed();
    const { transaction } = chain.sign(stranger, [call(contract, "get")], { nonce: 99, expiryHeight: 0 });
    const encoded = encodeTransaction({ ...transaction, signature: new Uint8Array(64) });
    const { receipt } = chain.chain.simulate(encoded);
    expect(receipt.status).toEqual({ kind: "success" });
    expect(receipt.actions[0]!.returnData).toEqual(utf8("first"));
    expect(receipt.fee).toBe(0n);
    expect(receipt.transactionHash).toEqual(encodedTransaction(encoded).hash);
  });

  test.each([
    ["for another chain", { chainId: "other" }, "wrong_chain"],
    ["with more gas than a block", { gasLimit: testGenesis.params.blockGasLimit + 1 }, "gas_limit_too_high"],
    ["with too little gas to be in a block", { gasLimit: 1 }, "gas_limit_too_low"],
  ])("of a transaction %s is refused: %s", async (_, options, code) => {
    const { chain } = await deployed();
    expect(codeOf(() => chain.chain.simulate(chain.sign(alice, [], options).encoded))).toBe(code);
  });

  test("of no transaction is refused", async () => {
    const { chain } = await deployed();
    expect(codeOf(() => chain.chain.simulate(Uint8Array.of(1, 2, 3)))).toBe("borsh_truncated");
  });
});

describe("a view at a height", () => {
  test("sees the state that the block there left, and its height and time", async () => {
    const { chain, contract } = await deployed();
    const values = ["first"];
    for (const value of ["second", "third", "fourth"]) {
      await chain.run([call(contract, "set", utf8(value))]);
      values.push(value);
    }
    for (const [index, value] of values.entries()) {
      const height = 1 + index;
      const result = chain.chain.view({ contract, method: "get", args: noBytes, height });
      expect(result).toMatchObject({ outcome: { kind: "success", data: utf8(value) }, height });
      const { outcome } = chain.chain.view({ contract, method: "when", args: noBytes, height });
      const data = new DataView((outcome as { data: Uint8Array }).data.slice().buffer);
      expect(Number(data.getBigUint64(0, true))).toBe(height + 1);
      expect(Number(data.getBigUint64(8, true))).toBe(chain.store.header(height).time);
    }
  });

  test.each([
    ["before the contract was there", () => 0, "not_a_contract"],
    ["above the head", () => 3, "height_unknown"],
    ["below zero", () => -1, "height_unknown"],
    ["that is none", () => 0.5, "height_unknown"],
  ])("%s is refused: %s", async (_, height, code) => {
    const { chain, contract } = await deployed();
    expect(codeOf(() => chain.chain.view({ contract, method: "get", args: noBytes, height: height() }))).toBe(code);
  });

  test("that was pruned is refused, and the head is not", async () => {
    const { chain, contract } = await deployed();
    await chain.run([call(contract, "set", utf8("second"))]);
    while (!(await chain.chain.prune(1, 1_000))) {}
    const view = (height: number) => chain.chain.view({ contract, method: "get", args: noBytes, height });
    expect(codeOf(() => view(1))).toBe("height_pruned");
    expect(view(2).outcome).toMatchObject({ kind: "success" });
  });
});

describe("the state at the head, held still", () => {
  test("stays as it was while blocks are made", async () => {
    const { chain, contract } = await deployed();
    const key = storageKey(contract, utf8("k"));
    const held = chain.store.snapshot();
    await chain.run([call(contract, "set", utf8("second"))]);
    expect(held.header.height).toBe(1);
    expect(held.state.get(key)).toEqual(utf8("first"));
    held.checkStill();
    held.close();
    expect(chain.store.flat.get(key)).toEqual(utf8("second"));
  });

  test("says so when keys were listed that blocks may have changed meanwhile", async () => {
    const { chain, contract } = await deployed();
    const from = storageKey(contract, noBytes);
    const list = (held: HeldState) => [...held.state.scan(from, Uint8Array.of(from[0]! + 1), false)].length;
    const held = chain.store.snapshot();
    expect(list(held)).toBe(1);
    held.checkStill();
    await chain.run([call(contract, "set", utf8("second"))]);
    expect(codeOf(() => held.checkStill())).toBe("head_moved");
    held.close();
  });
});

describe("checking code", () => {
  test("says of code that is no contract what is wrong and where", async () => {
    const { chain } = await deployed();
    expect(() => chain.chain.checkCode(utf8("no module"))).toThrow(ModuleError);
    expect(() => chain.chain.checkCode(sampleContract.slice(0, -1))).toThrow(InputError);
    expect(() => chain.chain.checkCode(sampleContract)).not.toThrow();
  });
});
