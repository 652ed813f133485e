import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { codeOf } from "../test/support/refusals.ts";
import {
  floatModule,
  sampleContract,
  stillbornContract,
  untypedContract,
  variantOf,
} from "../test/support/sample-contracts.ts";
import { signed, type TestAccount, transfer } from "../test/support/signing.ts";
import { alice, bob, proposer, stranger, TEST_BALANCE, TestChain, testGenesis } from "../test/support/test-chain.ts";
import { checkModule } from "../vm/contract.ts";
import { InputError } from "../vm/errors.ts";
import { LOAD_BYTE_GAS, LOAD_FUNCTION_GAS } from "../vm/metering/schedule.ts";
import { contractAddress } from "./address.ts";
import { blockHash, encodeBlock, encodeReceipt, type Receipt } from "./block.ts";
import { Chain } from "./chain.ts";
import { ContractCache } from "./contract-cache.ts";
import { hash } from "./crypto.ts";
import { checkGenesis, decodeGenesis, encodeGenesis } from "./genesis.ts";
import { accountKey } from "./state/account.ts";
import { type AppliedBlock, applyBlock, applyGenesis } from "./state-transition.ts";
import type { Action, EncodedTransaction } from "./transaction.ts";

const { params } = testGenesis;
const utf8 = (text: string) => new TextEncoder().encode(text);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const noBytes = new Uint8Array();
const sampleHash = hash("code", sampleContract);

function upload(code = sampleContract): Action {
  return { kind: "upload", code };
}

function create({ codeHash = sampleHash, salt = null as Uint8Array | null, args = noBytes, value = 0n } = {}): Action {
  return { kind: "create", codeHash, salt, args, value };
}

function call(contract: Uint8Array, method: string, args = noBytes, value = 0n): Action {
  return { kind: "call", contract, method, args, value };
}

/** Everything that a block writes, as one text: equal texts, equal blocks, receipts, trees and states. */
function everything({ block, receipts, transactionHashes, changes, tree }: AppliedBlock): string {
  return JSON.stringify([
    hex(encodeBlock(block)),
    receipts.map((receipt) => hex(encodeReceipt(receipt))),
    transactionHashes.map(hex),
    changes.map(({ key, value }) => [hex(key), value && hex(value)]),
    hex(tree.root),
    tree.newNodes.map(({ key, bytes }) => [hex(key), hex(bytes)]),
    tree.staleNodes.map(hex),
  ]);
}

function codesOf({ invalid }: AppliedBlock): string[] {
  return invalid.map(({ error }) => error.code);
}

function intrinsicGas({ encoded }: EncodedTransaction, codeSize = 0): number {
  return params.transactionBaseGas + params.transactionByteGas * encoded.length + params.uploadByteGas * codeSize;
}

describe("fees", () => {
  test("are gas times price, from the sender to the proposer, and nothing else moves", async () => {
    const chain = await TestChain.create();
    const transaction = chain.sign(alice, [transfer(bob.address, 5n)], { gasPrice: 3n });
    const { receipts, block } = await chain.extend([transaction]);
    const [receipt] = receipts as [Receipt];
    expect(receipt.status).toEqual({ kind: "success" });
    expect(receipt.gasUsed).toBe(intrinsicGas(transaction) + params.transferGas);
    expect(receipt.fee).toBe(3n * BigInt(receipt.gasUsed));
    expect(block.header.gasUsed).toBe(receipt.gasUsed);
    expect(chain.account(alice.address)).toEqual({
      nonce: 1,
      balance: TEST_BALANCE - 5n - receipt.fee,
      codeHash: null,
    });
    expect(chain.account(bob.address)).toEqual({ nonce: 0, balance: TEST_BALANCE + 5n, codeHash: null });
    expect(chain.account(proposer)).toEqual({ nonce: 0, balance: receipt.fee, codeHash: null });
  });

  test("make no money and lose none, whatever transactions do and whoever proposes", async () => {
    const chain = await TestChain.create();
    const contract = await chain.deploy(sampleContract, sampleHash);
    const supply = BigInt(testGenesis.balances.length) * TEST_BALANCE;
    const addresses = new Set<string>([alice.address, bob.address, proposer, contract].map(hex));
    const people = [alice, bob, stranger];
    const target = fc.constantFrom(...people.map(({ address }) => address), proposer, contract);
    const amount = fc.oneof(fc.bigInt(0n, 1000n), fc.bigInt(0n, TEST_BALANCE), fc.constant(TEST_BALANCE * 3n));
    const action = fc.oneof(
      fc.tuple(target, amount).map(([to, value]) => transfer(to, value)),
      fc
        .tuple(fc.constantFrom("pay", "refuse", "trap", "set", "nothing"), amount)
        .map(([method, value]) => call(contract, method, Uint8Array.of(1), value)),
      amount.map((value) => create({ value })),
    );
    const transaction = fc.record({
      sender: fc.constantFrom(...people),
      actions: fc.array(action, { maxLength: 3 }),
      gasPrice: fc.bigInt(0n, 40n),
      gasLimit: fc.constantFrom(100_000, 400_000, 700_000, 3_000_000),
    });
    const proposers = fc.constantFrom(proposer, alice.address, bob.address, contract);
    await fc.assert(
      fc.asyncProperty(fc.array(transaction, { maxLength: 4 }), proposers, async (list, blockProposer) => {
        const nonces = new Map(people.map(({ address }) => [address, chain.account(address).nonce]));
        const transactions = list.map(({ sender, actions, ...options }) => {
          const nonce = nonces.get(sender.address)!;
          nonces.set(sender.address, nonce + 1);
          return signed(sender, actions, { nonce, ...options });
        });
        const applied = await chain.chain.extend({ ...chain.input(transactions), proposer: blockProposer });
        for (const { key } of applied.changes) if (key[0] === 0x61) addresses.add(hex(key.slice(1)));
        let total = 0n;
        for (const address of addresses) total += chain.account(new Uint8Array(Buffer.from(address, "hex"))).balance;
        expect(total).toBe(supply);
        for (const receipt of applied.receipts) expect(receipt.gasUsed).toBeGreaterThan(0);
      }),
      { numRuns: 60 },
    );
  });

  test("are paid in full by a halt, and nothing else is kept", async () => {
    const chain = await TestChain.create();
    const contract = await chain.deploy(sampleContract, sampleHash);
    const before = chain.account(alice.address);
    const receipt = await chain.run([call(contract, "trap", utf8("x"), 9n)], { gasLimit: 5_000_000, gasPrice: 2n });
    expect(receipt).toMatchObject({
      status: { kind: "halt", reason: "Unreachable" },
      gasUsed: 5_000_000,
      fee: 10_000_000n,
      events: [],
    });
    expect(chain.account(alice.address).balance).toBe(before.balance - 10_000_000n);
    expect(chain.account(contract).balance).toBe(0n);
    expect(chain.storage(contract, "k")).toEqual(noBytes);
  });

  test("of an endless loop are the gas limit", async () => {
    const chain = await TestChain.create();
    const contract = await chain.deploy(sampleContract, sampleHash);
    const receipt = await chain.run([call(contract, "burn")], { gasLimit: 5_000_000 });
    expect(receipt).toMatchObject({ status: { kind: "halt", reason: "OutOfGas" }, gasUsed: 5_000_000 });
  });

  test("of a revert and of a refusal are what was used, and nothing else is kept", async () => {
    const chain = await TestChain.create();
    const contract = await chain.deploy(sampleContract, sampleHash, utf8("old"));
    const before = chain.account(alice.address);
    const actions = [create({ args: utf8("new"), value: 3n }), call(contract, "refuse", utf8("why"), 9n)];
    const receipt = await chain.run(actions);
    expect(receipt.status).toEqual({ kind: "revert", code: 7, data: utf8("why") });
    expect(receipt.events).toEqual([]);
    expect(receipt.gasUsed).toBeLessThan(4_000_000);
    expect(receipt.actions.map(({ created }) => created.length)).toEqual([1, 0]);
    expect(chain.account(alice.address)).toEqual({
      ...before,
      nonce: before.nonce + 1,
      balance: before.balance - receipt.fee,
    });
    expect(chain.account(contract).balance).toBe(0n);
    expect(chain.storage(contract, "k")).toEqual(utf8("old"));
    const created = receipt.actions[0]!.created[0]!;
    expect(chain.account(created)).toEqual({ nonce: 0, balance: 0n, codeHash: null });
    expect(chain.storage(created, "k")).toBeUndefined();

    const transaction = chain.sign(alice, [call(contract, "nothing")]);
    const refused = (await chain.extend([transaction])).receipts[0]!;
    expect(refused.status).toEqual({ kind: "refused", reason: "NoSuchMethod" });
    // That a contract has no such method shows only in its code, so the code was loaded.
    const { functionCount } = checkModule(sampleContract);
    const loadGas = sampleContract.length * LOAD_BYTE_GAS + functionCount * LOAD_FUNCTION_GAS;
    expect(refused.gasUsed).toBe(intrinsicGas(transaction) + params.callGas + loadGas);
  });

  test("may take the last unit of a balance", async () => {
    const chain = await TestChain.create();
    const probe = chain.sign(alice, [transfer(bob.address, TEST_BALANCE)]);
    const fee = BigInt(intrinsicGas(probe) + params.transferGas);
    const options = { gasLimit: Number(fee) };
    const receipt = await chain.run([transfer(bob.address, TEST_BALANCE - fee)], options);
    expect(receipt.status).toEqual({ kind: "success" });
    expect(chain.account(alice.address)).toEqual({ nonce: 1, balance: 0n, codeHash: null });
  });
});

describe("a transaction may be in a block", () => {
  const action = transfer(bob.address, 1n);

  test.each<[string, string, (chain: TestChain) => EncodedTransaction]>([
    ["for another chain", "wrong_chain", () => signed(alice, [action], { chainId: "other" })],
    ["after its expiry height", "expired", () => signed(alice, [action], { expiryHeight: 0 })],
    ["with a nonce that was used", "nonce_too_low", () => signed(bob, [action], { nonce: 0 })],
    ["with a nonce ahead of the next", "nonce_too_high", () => signed(alice, [action], { nonce: 1 })],
    ["below the lowest price", "gas_price_too_low", () => signed(alice, [action], { gasPrice: 0n })],
    [
      "with more gas than a block",
      "gas_limit_too_high",
      () => signed(alice, [action], { gasLimit: params.blockGasLimit + 1 }),
    ],
    [
      "with less gas than it costs to be there",
      "gas_limit_too_low",
      (chain) => signed(alice, [action], { gasLimit: intrinsicGas(chain.sign(alice, [action])) - 1 }),
    ],
    [
      "with less gas than its upload costs",
      "gas_limit_too_low",
      (chain) =>
        signed(alice, [upload()], {
          gasLimit: intrinsicGas(chain.sign(alice, [upload()]), sampleContract.length) - 1,
        }),
    ],
    ["without money", "insufficient_balance", () => signed(stranger, [action])],
    [
      "with one unit too little for its gas limit",
      "insufficient_balance",
      () => signed(alice, [action], { gasLimit: 10_000_000, gasPrice: TEST_BALANCE / 10_000_000n + 1n }),
    ],
  ])("not %s: %s, and then it leaves no trace", async (_, code, make) => {
    const chain = await TestChain.create();
    await chain.run([], {}, bob);
    const empty = chain.apply([]);
    const applied = chain.apply([make(chain)]);
    expect(codesOf(applied)).toEqual([code]);
    expect(everything(applied)).toBe(everything(empty));
  });

  test("not under a megabyte of a chain's name, and the refusal does not repeat it", async () => {
    const chain = await TestChain.create();
    const [refusal] = chain.apply([signed(alice, [], { chainId: "\n".repeat(1_000_000) })]).invalid;
    expect(refusal!.error.code).toBe("wrong_chain");
    expect(refusal!.error.message).not.toContain("\n");
    expect(refusal!.error.message.length).toBeLessThan(200);
  });

  test("up to every one of these bounds", async () => {
    const chain = await TestChain.create();
    const probe = chain.sign(alice, []);
    const bounds = [
      { expiryHeight: 1 },
      { gasPrice: 1n },
      { gasLimit: params.blockGasLimit },
      { gasLimit: intrinsicGas(probe) },
      { gasLimit: 10_000_000, gasPrice: TEST_BALANCE / 10_000_000n },
    ];
    for (const options of bounds) expect(codesOf(chain.apply([signed(alice, [], options)]))).toEqual([]);
  });

  test("only while the gas used before it leaves room for its limit", async () => {
    const chain = await TestChain.create();
    const contract = await chain.deploy(sampleContract, sampleHash);
    const burn = chain.sign(alice, [call(contract, "burn")], { gasLimit: 60_000_000 });
    const tooMuch = chain.sign(bob, [action], { gasLimit: params.blockGasLimit - 60_000_000 + 1 });
    const fits = chain.sign(bob, [action], { gasLimit: params.blockGasLimit - 60_000_000 });
    const applied = chain.apply([burn, tooMuch, fits]);
    expect(codesOf(applied)).toEqual(["block_full"]);
    expect(applied.transactionHashes).toEqual([burn.hash, fits.hash]);
    expect(applied.block.header.gasUsed).toBeLessThanOrEqual(params.blockGasLimit);
  });

  test("once, and in nonce order", async () => {
    const chain = await TestChain.create();
    const [zero, one, two] = [0, 1, 2].map((nonce) => signed(alice, [], { nonce })) as [
      EncodedTransaction,
      EncodedTransaction,
      EncodedTransaction,
    ];
    const applied = await chain.extend([one, zero, zero, one, two]);
    expect(codesOf(applied)).toEqual(["nonce_too_high", "nonce_too_low"]);
    expect(applied.transactionHashes).toEqual([zero, one, two].map((transaction) => transaction.hash));
    expect(codesOf(await chain.extend([zero, one, two]))).toEqual(["nonce_too_low", "nonce_too_low", "nonce_too_low"]);
    expect(chain.account(alice.address).nonce).toBe(3);
  });

  test("or not be there: the block is as if only the valid ones had come", async () => {
    const chain = await TestChain.create();
    const contract = await chain.deploy(sampleContract, sampleHash);
    const kind = fc.constantFrom("good", "fails", "stranger", "chain", "expired", "poor", "low", "high");
    fc.assert(
      fc.property(fc.array(kind, { maxLength: 8 }), (kinds) => {
        let { nonce } = chain.account(alice.address);
        const valid: EncodedTransaction[] = [];
        const all = kinds.map((name) => {
          switch (name) {
            case "good":
            case "fails": {
              const actions = [call(contract, name === "good" ? "set" : "refuse", Uint8Array.of(nonce))];
              const transaction = signed(alice, actions, { nonce: nonce++, gasLimit: 2_000_000 });
              valid.push(transaction);
              return transaction;
            }
            case "stranger":
              return signed(stranger, []);
            case "chain":
              return signed(alice, [], { nonce, chainId: "other" });
            case "expired":
              return signed(alice, [], { nonce, expiryHeight: 1 });
            case "poor":
              return signed(alice, [], { nonce, gasPrice: TEST_BALANCE });
            case "low":
              return signed(alice, [], { nonce: nonce - 1 });
            default:
              return signed(alice, [], { nonce: nonce + 1 });
          }
        });
        const applied = chain.apply(all);
        expect(applied.invalid.length).toBe(all.length - valid.length);
        expect(everything(applied)).toBe(everything(chain.apply(valid)));
        for (const { index, hash: name } of applied.invalid) expect(all[index]!.hash).toEqual(name);
      }),
      { numRuns: 60 },
    );
  });
});

describe("an action is refused", () => {
  const salt = new Uint8Array(32).fill(9);
  const unknown = new Uint8Array(32).fill(0xaa);

  test.each<[string, string, (contract: Uint8Array, untyped: Uint8Array) => readonly Action[]]>([
    ["a transfer of more than there is", "InsufficientBalance", () => [transfer(bob.address, TEST_BALANCE)]],
    [
      "a call with more value than there is",
      "InsufficientBalance",
      (contract) => [call(contract, "pay", noBytes, TEST_BALANCE)],
    ],
    ["a creation with more value than there is", "InsufficientBalance", () => [create({ value: TEST_BALANCE })]],
    ["a creation from code nobody uploaded", "UnknownCode", () => [create({ codeHash: unknown })]],
    ["an upload of no module", "InvalidCode", () => [upload(utf8("no module"))]],
    ["an upload of nothing", "InvalidCode", () => [upload(noBytes)]],
    ["an upload of a module with a float", "InvalidCode", () => [upload(floatModule)]],
    ["a second creation under one salt", "AddressTaken", () => [create({ salt }), create({ salt })]],
    ["a call of an account", "NotAContract", () => [call(bob.address, "get")]],
    ["a call of nobody", "NotAContract", () => [call(unknown, "get")]],
    ["a call of a method that is not there", "NoSuchMethod", (contract) => [call(contract, "nothing")]],
    ["a call of init", "NoSuchMethod", (contract) => [call(contract, "init")]],
    ["a call of an empty name", "NoSuchMethod", (contract) => [call(contract, "")]],
    ["a call of what every object has", "NoSuchMethod", (contract) => [call(contract, "constructor")]],
    [
      "arguments for an init that is not there",
      "NoSuchMethod",
      () => [create({ codeHash: hash("code", untypedContract), args: utf8("x") })],
    ],
    ["value for a call", "NotPayable", (contract) => [call(contract, "set", noBytes, 1n)]],
    ["value for a view", "NotPayable", (contract) => [call(contract, "get", noBytes, 1n)]],
    ["a bare transfer to a contract", "NotPayable", (contract) => [transfer(contract, 1n)]],
    [
      "a byte too many of arguments",
      "InputTooLarge",
      (contract) => [call(contract, "set", new Uint8Array(64 * 1024 + 1))],
    ],
    ["a byte too many for init", "InputTooLarge", () => [create({ args: new Uint8Array(64 * 1024 + 1) })]],
  ])("%s: %s", async (_, reason, make) => {
    const chain = await TestChain.create();
    const contract = await chain.deploy(sampleContract, sampleHash);
    const untyped = await chain.deploy(untypedContract, hash("code", untypedContract));
    const before = chain.account(alice.address);
    const actions = make(contract, untyped);
    const receipt = await chain.run(actions);
    expect(receipt.status).toEqual({ kind: "refused", reason });
    expect(receipt.gasUsed).toBeLessThan(20_000_000);
    expect(receipt.actions.length).toBe(actions.length);
    expect(receipt.events).toEqual([]);
    expect(chain.account(alice.address).balance).toBe(before.balance - receipt.fee);
    expect(chain.account(contract).balance).toBe(0n);
  });

  test("but not the largest arguments there may be", async () => {
    const chain = await TestChain.create();
    const contract = await chain.deploy(sampleContract, sampleHash);
    const args = new Uint8Array(64 * 1024).fill(7);
    expect((await chain.run([call(contract, "set", args)])).status).toEqual({ kind: "success" });
    expect(chain.storage(contract, "k")).toEqual(args);
  });

  test("without gas for its base it halts", async () => {
    const chain = await TestChain.create();
    const actions = [transfer(bob.address, 1n)];
    const gasLimit = intrinsicGas(chain.sign(alice, actions)) + params.transferGas - 1;
    expect(await chain.run(actions, { gasLimit })).toMatchObject({
      status: { kind: "halt", reason: "OutOfGas" },
      gasUsed: gasLimit,
    });
  });
});

describe("actions", () => {
  test("take effect all or none, in order", async () => {
    const chain = await TestChain.create();
    const contract = await chain.deploy(sampleContract, sampleHash, utf8("0"));
    const good = [transfer(stranger.address, 5n), call(contract, "set", utf8("1")), call(contract, "tell", utf8("e"))];
    for (const bad of [call(contract, "refuse"), call(contract, "nothing"), call(contract, "trap")]) {
      for (let at = 0; at <= good.length; at++) {
        const receipt = await chain.run([...good.slice(0, at), bad, ...good.slice(at)], { gasLimit: 3_000_000 });
        expect(receipt.status.kind).not.toBe("success");
        expect(receipt.actions.length).toBe(at + 1);
        expect(receipt.events).toEqual([]);
        expect(chain.account(stranger.address).balance).toBe(0n);
        expect(chain.storage(contract, "k")).toEqual(utf8("0"));
      }
    }
    const receipt = await chain.run([...good, call(contract, "get")]);
    expect(receipt.status).toEqual({ kind: "success" });
    expect(receipt.events).toEqual([{ contract, topics: [utf8("E")], data: utf8("e") }]);
    expect(receipt.actions.at(-1)!.returnData).toEqual(utf8("1"));
    expect(chain.account(stranger.address).balance).toBe(5n);
  });

  test("need not be any: the nonce counts and the fee is paid", async () => {
    const chain = await TestChain.create();
    const receipt = await chain.run([]);
    expect(receipt).toMatchObject({ status: { kind: "success" }, actions: [], events: [] });
    expect(chain.account(alice.address)).toMatchObject({ nonce: 1, balance: TEST_BALANCE - receipt.fee });
  });

  test("upload, create and call in one transaction", async () => {
    const chain = await TestChain.create();
    const salt = new Uint8Array(32).fill(4);
    const address = contractAddress({ creator: alice.address, origin: { kind: "salt", salt }, codeHash: sampleHash });
    const receipt = await chain.run([
      upload(),
      create({ salt, args: utf8("a") }),
      call(address, "get"),
      call(address, "set", utf8("b")),
      call(address, "get"),
    ]);
    expect(receipt.status).toEqual({ kind: "success" });
    expect(receipt.actions.map(({ returnData }) => returnData)).toEqual([
      sampleHash,
      noBytes,
      utf8("a"),
      noBytes,
      utf8("b"),
    ]);
    expect(receipt.actions[1]!.created).toEqual([address]);
  });

  test("that upload what is there already change nothing but the sender's account", async () => {
    const chain = await TestChain.create();
    const first = await chain.extend([chain.sign(alice, [upload()])]);
    const second = await chain.extend([chain.sign(bob, [upload()])]);
    expect(second.receipts[0]!.status).toEqual({ kind: "success" });
    expect(second.receipts[0]!.actions[0]!.returnData).toEqual(sampleHash);
    const keys = ({ changes }: AppliedBlock) => changes.map(({ key }) => String.fromCharCode(key[0]!));
    expect(keys(first)).toEqual(["a", "a", "c", "i"]);
    expect(keys(second)).toEqual(["a", "a"]);
    expect(second.receipts[0]!.gasUsed).toBe(first.receipts[0]!.gasUsed);
  });

  test("that fail take the uploads before them along", async () => {
    const chain = await TestChain.create();
    expect((await chain.run([upload(), create({ value: TEST_BALANCE })])).status.kind).toBe("refused");
    expect((await chain.run([create()])).status).toEqual({ kind: "refused", reason: "UnknownCode" });
  });

  test("that pay oneself change nothing", async () => {
    const chain = await TestChain.create();
    const receipt = await chain.run([transfer(alice.address, TEST_BALANCE / 2n)]);
    expect(receipt.status).toEqual({ kind: "success" });
    expect(chain.account(alice.address).balance).toBe(TEST_BALANCE - receipt.fee);
  });

  test("cannot spend the gas that was bought", async () => {
    const chain = await TestChain.create();
    const options = { gasLimit: 10_000_000, gasPrice: 10n };
    const bought = 100_000_000n;
    expect((await chain.run([transfer(bob.address, TEST_BALANCE - bought + 1n)], options)).status).toEqual({
      kind: "refused",
      reason: "InsufficientBalance",
    });
  });
});

describe("a created contract", () => {
  test("has an address of creator, code, and nonce with the action's place, or salt", async () => {
    const chain = await TestChain.create();
    const salt = new Uint8Array(32).fill(1);
    await chain.run([upload()]);
    const receipt = await chain.run([create(), create(), create({ salt })]);
    const origins = [
      { kind: "nonce", nonce: 1, action: 0 },
      { kind: "nonce", nonce: 1, action: 1 },
      { kind: "salt", salt },
    ] as const;
    expect(receipt.actions.map(({ created }) => created)).toEqual(
      origins.map((origin) => [contractAddress({ creator: alice.address, origin, codeHash: sampleHash })]),
    );
    const byBob = await chain.run([create({ salt })], {}, bob);
    expect(byBob.status).toEqual({ kind: "success" });
    expect(byBob.actions[0]!.created).not.toEqual(receipt.actions[2]!.created);
    // The salt is taken for this creator and this code, at any nonce; other code is another contract.
    expect((await chain.run([create({ salt })])).status).toEqual({ kind: "refused", reason: "AddressTaken" });
    const variant = variantOf(sampleContract, 1);
    const other = await chain.run([upload(variant), create({ salt, codeHash: hash("code", variant) })]);
    expect(other.status).toEqual({ kind: "success" });
  });

  test("keeps what was sent to its address before", async () => {
    const chain = await TestChain.create();
    const salt = new Uint8Array(32).fill(1);
    const address = contractAddress({ creator: alice.address, origin: { kind: "salt", salt }, codeHash: sampleHash });
    await chain.run([transfer(address, 11n)], {}, bob);
    await chain.run([upload(), create({ salt, value: 4n })]);
    expect(chain.account(address)).toEqual({ nonce: 0, balance: 15n, codeHash: sampleHash });
  });

  test("is not there when its init fails", async () => {
    const chain = await TestChain.create();
    const codeHash = hash("code", stillbornContract);
    const receipt = await chain.run([upload(stillbornContract), create({ codeHash, value: 5n })]);
    expect(receipt.status).toEqual({ kind: "revert", code: 1, data: noBytes });
    expect(receipt.actions[1]!.created).toEqual([]);
    const address = contractAddress({
      creator: alice.address,
      origin: { kind: "nonce", nonce: 0, action: 1 },
      codeHash,
    });
    expect(chain.account(address)).toEqual({ nonce: 0, balance: 0n, codeHash: null });
  });

  test("without an ABI takes value with any method, and at its creation", async () => {
    const chain = await TestChain.create();
    const codeHash = hash("code", untypedContract);
    const receipt = await chain.run([upload(untypedContract), create({ codeHash, value: 5n })]);
    const contract = receipt.actions[1]!.created[0]!;
    expect((await chain.run([call(contract, "touch", utf8("ignored"), 6n)])).status).toEqual({ kind: "success" });
    expect(chain.account(contract)).toEqual({ nonce: 0, balance: 11n, codeHash });
  });

  test("sees the value that came, and the block it is in", async () => {
    const chain = await TestChain.create();
    const contract = await chain.deploy(sampleContract, sampleHash);
    const receipt = await chain.run([call(contract, "pay", noBytes, 0x0102n), call(contract, "when")]);
    expect(hex(receipt.actions[0]!.returnData)).toBe("0201".padEnd(32, "0"));
    const view = new DataView(receipt.actions[1]!.returnData.buffer);
    expect([view.getBigUint64(0, true), view.getBigUint64(8, true)]).toEqual([2n, 3_000n]);
  });

  test("has its storage to itself", async () => {
    const chain = await TestChain.create();
    const variant = variantOf(sampleContract, 1);
    const [one, two, three] = [
      await chain.deploy(sampleContract, sampleHash, utf8("1")),
      await chain.deploy(sampleContract, sampleHash, utf8("2")),
      await chain.deploy(variant, hash("code", variant), utf8("3")),
    ];
    await chain.run([call(one, "set", utf8("one")), call(three, "remove")]);
    expect([one, two, three].map((contract) => chain.storage(contract, "k"))).toEqual([
      utf8("one"),
      utf8("2"),
      undefined,
    ]);
  });

  test.each([
    ["1,024 events", 1_024, 0],
    ["256 KiB of topics and data", 15, 16 * 1024],
  ])("tells at most %s in a transaction, over all its actions", async (_, countMax, size) => {
    const chain = await TestChain.create();
    const contract = await chain.deploy(sampleContract, sampleHash);
    const chatter = (count: number) => {
      const args = new Uint8Array(4 + size);
      new DataView(args.buffer).setUint32(0, count, true);
      return call(contract, "chatter", args);
    };
    const first = Math.floor(countMax / 2);
    for (const actions of [[chatter(countMax)], [chatter(first), chatter(countMax - first)]]) {
      const receipt = await chain.run(actions);
      expect(receipt.status).toEqual({ kind: "success" });
      expect(receipt.events.length).toBe(countMax);
    }
    for (const actions of [[chatter(countMax + 1)], [chatter(first), chatter(countMax - first + 1)]]) {
      expect(await chain.run(actions)).toMatchObject({ status: { kind: "halt", reason: "OutputLimit" }, events: [] });
    }
  });

  test("cannot write in a view", async () => {
    const chain = await TestChain.create();
    const contract = await chain.deploy(sampleContract, sampleHash);
    expect((await chain.run([call(contract, "sneak")])).status).toEqual({ kind: "halt", reason: "ReadOnlyViolation" });
  });
});

describe("a block", () => {
  test("is a function of parent, state and input, whatever the cache holds", async () => {
    const [one, two] = [await TestChain.create(), await TestChain.create()];
    const addresses = [];
    for (const chain of [one, two]) addresses.push(await chain.deploy(sampleContract, sampleHash, utf8("x")));
    expect(addresses[0]).toEqual(addresses[1]);
    const [contract] = addresses as [Uint8Array];
    const transactions = (sender: TestAccount) =>
      ["set", "get", "refuse", "trap", "tell", "log"].map((method, nonce) =>
        signed(sender, [call(contract, method, utf8(method))], {
          nonce: nonce + one.account(sender.address).nonce,
          gasLimit: 5_000_000,
        }),
      );
    const list = [...transactions(alice), ...transactions(bob)];
    const first = everything(one.apply(list));
    expect(everything(one.apply(list))).toBe(first);
    expect(everything(two.apply(list))).toBe(first);
    const cold = new Chain(one.store);
    expect(everything(cold.apply(one.input(list)))).toBe(first);
    // One cache for both chains, warm from the other.
    const rules = { chainId: testGenesis.chainId, params, contracts: new ContractCache(), engine: "jit" as const };
    for (const { store, chain } of [one, two]) {
      expect(everything(applyBlock(rules, store, chain.head, one.input(list)))).toBe(first);
    }
  });

  test("of nothing changes the head and no state", async () => {
    const chain = await TestChain.create();
    const before = chain.chain.head;
    const { block, changes } = await chain.extend([]);
    expect(changes).toEqual([]);
    expect(block.header).toMatchObject({ height: 1, gasUsed: 0, stateRoot: before.stateRoot });
    expect(block.header.parentHash).toEqual(blockHash(before));
    expect(chain.chain.head).toEqual(block.header);
  });

  test("keeps debug text beside the receipts, also of what failed", async () => {
    const chain = await TestChain.create();
    const contract = await chain.deploy(sampleContract, sampleHash);
    const { logs, receipts } = await chain.extend([
      chain.sign(alice, [call(contract, "log", utf8("hello")), call(contract, "refuse")]),
      chain.sign(bob, []),
    ]);
    expect(logs).toEqual([["hello"], []]);
    expect(receipts[0]!.status.kind).toBe("revert");
  });

  test("is not made when the state cannot be read, and no transaction is blamed", async () => {
    const chain = await TestChain.create();
    const contract = await chain.deploy(sampleContract, sampleHash);
    const transactions = [chain.sign(alice, [call(contract, "set", utf8("x"))]), chain.sign(bob, [])];
    const { chainId } = testGenesis;
    const { store } = chain;
    let reads = 0;
    const applyFailingAt = (failing: number): AppliedBlock => {
      reads = 0;
      const get = (key: Uint8Array) => {
        if (reads++ === failing) throw new InputError("storage_failed", "the disk is gone");
        return store.flat.get(key);
      };
      return applyBlock(
        // A cache that has the code would not read it.
        { chainId, params, contracts: new ContractCache(), engine: "jit" },
        { nodes: store.nodes, flat: { ...store.flat, get } },
        chain.chain.head,
        chain.input(transactions),
      );
    };
    expect(codesOf(applyFailingAt(Number.POSITIVE_INFINITY))).toEqual([]);
    const readCount = reads;
    expect(readCount).toBeGreaterThan(4);
    for (let at = 0; at < readCount; at++) expect(() => applyFailingAt(at)).toThrow("the disk is gone");
  });
});

describe("genesis", () => {
  const genesisHash = new Uint8Array(32);

  test("adds up what one address is given twice", () => {
    const balances = [alice, bob, alice].map(({ address }) => ({ address, balance: 7n }));
    const { changes } = applyGenesis({ ...testGenesis, balances }, genesisHash);
    expect(changes.map(({ key }) => hex(key)).sort()).toEqual(
      [alice, bob].map(({ address }) => hex(accountKey(address))).sort(),
    );
  });

  test.each([
    ["a supply that overflows", { balances: [alice, bob].map(({ address }) => ({ address, balance: 1n << 127n })) }],
    ["an empty chain id", { chainId: "" }],
    ["a chain id that is too long", { chainId: "x".repeat(33) }],
    ["another protocol", { params: { ...params, protocolVersion: 1 } }],
    ["another profile", { params: { ...params, profile: 2 } }],
    ["another gas schedule", { params: { ...params, schedule: 0 } }],
  ])("is refused with %s", async (_, part) => {
    const code = await TestChain.create({ ...testGenesis, ...part }).then(
      () => "accepted",
      (error) => (error instanceof InputError ? error.code : String(error)),
    );
    expect(code).toMatch(/^genesis_/);
  });

  const base = { height: 7, blockHash: new Uint8Array(32).fill(7) };
  const fork = { ...testGenesis, params: { ...params, development: true }, balances: [], base };

  test("that goes on from another chain's block is a development chain's, without balances", () => {
    expect(codeOf(() => checkGenesis(fork))).toBe("accepted");
    expect(codeOf(() => checkGenesis({ ...fork, base: null }))).toBe("accepted");
    expect(codeOf(() => checkGenesis({ ...fork, params }))).toBe("genesis_base");
    expect(codeOf(() => checkGenesis({ ...fork, balances: testGenesis.balances }))).toBe("genesis_base");
    expect(codeOf(() => checkGenesis({ ...fork, balances: testGenesis.balances, params }))).toBe("genesis_base");
  });

  test("that goes on from another chain's block has no block 0 of its own", () => {
    expect(codeOf(() => applyGenesis(fork, genesisHash))).toBe("genesis_base");
  });

  test("comes back from its bytes, whatever it goes on from, and no other bytes are it", () => {
    const encodings = [testGenesis, fork, { ...fork, base: null }, { ...fork, params }].map(encodeGenesis);
    expect(new Set(encodings.map(hex)).size).toBe(4);
    expect(decodeGenesis(encodings[0]!)).toEqual(testGenesis);
    expect(decodeGenesis(encodings[1]!)).toEqual(fork);
    for (const encoded of encodings) {
      expect(codeOf(() => decodeGenesis(encoded.slice(0, -1)))).toBe("borsh_truncated");
      expect(codeOf(() => decodeGenesis(Uint8Array.of(...encoded, 0)))).toBe("borsh_trailing");
    }
  });
});
