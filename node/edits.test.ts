import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { developmentGenesis, edit, unsigned, zeroAddress } from "../test/support/edits.ts";
import { encodeScript, puppet } from "../test/support/puppet.ts";
import { codeOf, codeOfWork, refusalOf } from "../test/support/refusals.ts";
import { floatModule, sampleContract, untypedContract } from "../test/support/sample-contracts.ts";
import { type BodyOptions, signed, transfer } from "../test/support/signing.ts";
import { alice, bob, proposer, stranger, TEST_BALANCE, TestChain, testGenesis } from "../test/support/test-chain.ts";
import { ABI_SECTION } from "../vm/abi.ts";
import { prepareContract } from "../vm/contract.ts";
import { STORAGE_KEY_SIZE_MAX, STORAGE_VALUE_SIZE_MAX } from "../vm/host-fns/storage.ts";
import { decodeBlock, encodeBlock } from "./block.ts";
import { ContractCache } from "./contract-cache.ts";
import { hash } from "./crypto.ts";
import { EDITED_NONCE_MAX } from "./edits.ts";
import type { Genesis } from "./genesis.ts";
import { readAccount } from "./message-call.ts";
import { replayChain } from "./replay.ts";
import { accountKey, BALANCE_MAX, codeInfoKey, codeKey, storageKey } from "./state/account.ts";
import { Journal } from "./state/journal.ts";
import { applyTransaction } from "./state-transition.ts";
import {
  type Action,
  type EditChange,
  type EncodedTransaction,
  encodedTransaction,
  encodeTransaction,
  InvalidTransaction,
} from "./transaction.ts";
import { runSimulation } from "./views.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const utf8 = (text: string) => new TextEncoder().encode(text);
const noBytes = new Uint8Array();
const sampleHash = hash("code", sampleContract);
const garbage = Uint8Array.of(1, 2, 3);
const contracts = new ContractCache();

const credit = (address: Uint8Array, amount: bigint): EditChange => ({ kind: "credit", address, amount });
const balance = (address: Uint8Array, value: bigint): EditChange => ({ kind: "balance", address, balance: value });
const nonce = (address: Uint8Array, value: number): EditChange => ({ kind: "nonce", address, nonce: value });
const code = (address: Uint8Array, bytes: Uint8Array | null): EditChange => ({ kind: "code", address, code: bytes });
const storage = (contract: Uint8Array, key: Uint8Array, value: Uint8Array | null): EditChange => {
  return { kind: "storage", contract, key, value };
};
const call = (contract: Uint8Array, method: string, args: Uint8Array = noBytes): Action => {
  return { kind: "call", contract, method, args, value: 0n };
};

/** A state without a chain around it, and what a block of one transaction would do to it. */
class World {
  readonly journal = new Journal({ get: () => undefined, scan: () => [].values() });

  run(entry: EncodedTransaction, params = developmentGenesis.params) {
    const rules = { chainId: developmentGenesis.chainId, params, contracts, engine: "jit" } as const;
    const environment = { height: 5, parentHash: new Uint8Array(32), time: 5_000, proposer, gasLeft: 100_000_000 };
    return applyTransaction(rules, this.journal, environment, entry).receipt;
  }

  edit(...changes: EditChange[]) {
    return this.run(edit(readAccount(this.journal, zeroAddress).nonce, changes));
  }

  all(): string[] {
    return this.journal.changes().map(({ key, value }) => `${hex(key)} ${hex(value!)}`);
  }
}

const codeOfModule = (bytes: Uint8Array) => codeOf(() => prepareContract(bytes));

/** What an account and its storage are, said a second time and as plainly as can be. */
interface ModelAccount {
  nonce: number;
  balance: bigint;
  code: Uint8Array | null;
  readonly storage: Map<string, Uint8Array>;
}

class Model {
  accounts = new Map<string, ModelAccount>();

  at(address: Uint8Array): ModelAccount {
    const name = hex(address);
    const account = this.accounts.get(name) ?? { nonce: 0, balance: 0n, code: null, storage: new Map() };
    this.accounts.set(name, account);
    return account;
  }

  /** The code of the first refusal; then nothing was done. */
  run(changes: readonly EditChange[]): string {
    const before = structuredClone(this.accounts);
    this.at(zeroAddress).nonce++;
    for (const change of changes) {
      const refusal = this.#change(change);
      if (refusal === null) continue;
      this.accounts = before;
      return refusal;
    }
    return "accepted";
  }

  #change(change: EditChange): string | null {
    if (change.kind === "upload") return change.code === garbage ? codeOfModule(garbage) : null;
    const account = this.at(change.kind === "storage" ? change.contract : change.address);
    switch (change.kind) {
      case "balance":
        account.balance = change.balance;
        return null;
      case "credit":
        if (account.balance + change.amount >= 2n ** 128n) return "balance_overflow";
        account.balance += change.amount;
        return null;
      case "nonce":
        if (change.nonce < account.nonce) return "nonce_decreased";
        account.nonce = change.nonce;
        return change.nonce > 2 ** 52 ? "nonce_too_large" : null;
      case "code":
        if (change.code === garbage || change.code === floatModule) return codeOfModule(change.code);
        account.code = change.code;
        return null;
      case "storage":
        if (account.code === null) return "not_a_contract";
        if (change.key.length < 1) return "storage_key_empty";
        if (change.key.length > 1024) return "storage_key_too_large";
        if (change.value === null) account.storage.delete(hex(change.key));
        else if (change.value.length > 65_536) return "storage_value_too_large";
        else account.storage.set(hex(change.key), change.value);
        return null;
    }
  }
}

describe("an edit", () => {
  const addresses = [alice.address, bob.address, sampleHash, zeroAddress];
  const address = fc.constantFrom(...addresses);
  const codes: readonly (Uint8Array | null)[] = [sampleContract, untypedContract, null, garbage, floatModule];
  const amount = fc.oneof(fc.bigInt(0n, 9n), fc.bigInt(0n, BALANCE_MAX), fc.constant(BALANCE_MAX));
  const key = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom("a", "b", "c").map(utf8) },
    { weight: 1, arbitrary: fc.constantFrom(0, STORAGE_KEY_SIZE_MAX, STORAGE_KEY_SIZE_MAX + 1).map(zeros) },
  );
  const bytes = fc.oneof(
    { weight: 4, arbitrary: fc.uint8Array({ maxLength: 3 }) },
    { weight: 1, arbitrary: fc.constantFrom(STORAGE_VALUE_SIZE_MAX, STORAGE_VALUE_SIZE_MAX + 1).map(zeros) },
  );
  const value = fc.option(bytes);
  const change = fc.oneof(
    fc.tuple(address, amount).map(([whose, much]) => balance(whose, much)),
    fc.tuple(address, amount).map(([whose, much]) => credit(whose, much)),
    fc.tuple(address, fc.oneof(fc.nat(30), fc.constantFrom(2 ** 52, 2 ** 52 + 1))).map(([whose, n]) => nonce(whose, n)),
    fc.tuple(address, fc.constantFrom(...codes)).map(([whose, wasm]) => code(whose, wasm)),
    { weight: 3, arbitrary: fc.tuple(address, key, value).map(([whose, k, v]) => storage(whose, k, v)) },
    fc.constantFrom(untypedContract, garbage).map((wasm) => ({ kind: "upload", code: wasm }) as const),
  );
  const script = fc.array(fc.array(change, { minLength: 1, maxLength: 4 }), { maxLength: 12 });

  test("does what it says to its last change, or nothing", () => {
    const met = new Set<string>();
    fc.assert(
      fc.property(script, (edits) => {
        const world = new World();
        const model = new Model();
        const contractsFirst = [code(alice.address, sampleContract), code(sampleHash, untypedContract)];
        for (const changes of [contractsFirst, ...edits]) {
          const before = world.all();
          const expected = model.run(changes);
          met.add(expected);
          expect(codeOf(() => world.edit(...changes))).toBe(expected);
          if (expected !== "accepted") expect(world.all()).toEqual(before);
        }
        for (const whose of addresses) {
          const { storage: entries, code: bytes, ...account } = model.at(whose);
          const codeHash = bytes === null ? null : hash("code", bytes);
          expect(readAccount(world.journal, whose)).toEqual({ ...account, codeHash });
          const prefix = hex(storageKey(whose, noBytes));
          const kept = world.all().filter((line) => line.startsWith(prefix));
          const wanted = [...entries].map(([name, bytesOf]) => `${prefix}${name} ${hex(bytesOf)}`);
          expect(kept).toEqual(wanted.sort());
        }
      }),
      { numRuns: 300 },
    );
    const refusals = ["balance_overflow", "nonce_decreased", "nonce_too_large", "not_a_contract"];
    const sizes = ["storage_key_empty", "storage_key_too_large", "storage_value_too_large"];
    const ofCode = [garbage, floatModule].map(codeOfModule);
    expect([...met].sort()).toEqual(["accepted", ...refusals, ...sizes, ...ofCode].sort());
  });

  test("is a success that cost nothing and paid nobody, with an entry for each change", async () => {
    const chain = await TestChain.create(developmentGenesis);
    const entry = edit(0, [credit(stranger.address, 5n), code(stranger.address, sampleContract)]);
    const { block, receipts, changes, logs } = await chain.extend([entry]);
    const nothing = { gasUsed: 0, returnData: noBytes, created: [] };
    expect(receipts).toEqual([
      {
        transactionHash: entry.hash,
        status: { kind: "success" },
        gasUsed: 0,
        fee: 0n,
        actions: [nothing, nothing],
        events: [],
      },
    ]);
    expect(block.header.gasUsed).toBe(0);
    expect(logs).toEqual([[]]);
    const keys = [accountKey(zeroAddress), accountKey(stranger.address), codeKey(sampleHash), codeInfoKey(sampleHash)];
    expect(changes.map((changed) => hex(changed.key)).sort()).toEqual(keys.map(hex).sort());
  });

  test("stores code as an upload does", async () => {
    const edited = await TestChain.create(developmentGenesis);
    const uploaded = await TestChain.create(developmentGenesis);
    await edited.extend([edit(0, [code(stranger.address, sampleContract)])]);
    await uploaded.run([{ kind: "upload", code: sampleContract }]);
    for (const key of [codeKey(sampleHash), codeInfoKey(sampleHash)]) {
      expect(edited.store.flat.get(key)).toBeDefined();
      expect(edited.store.flat.get(key)).toEqual(uploaded.store.flat.get(key));
    }
  });

  test("makes a contract that runs on the storage it was given, until its code is taken away", async () => {
    const chain = await TestChain.create(developmentGenesis);
    const contract = stranger.address;
    await chain.extend([edit(0, [code(contract, sampleContract), storage(contract, utf8("k"), utf8("v"))])]);
    expect((await chain.run([call(contract, "get")])).actions[0]!.returnData).toEqual(utf8("v"));
    await chain.run([call(contract, "set", utf8("w"))]);
    expect(chain.storage(contract, "k")).toEqual(utf8("w"));
    await chain.extend([edit(1, [code(contract, null)])]);
    const reason = "NotAContract";
    expect((await chain.run([call(contract, "get")])).status).toEqual({ kind: "refused", reason });
    // What the contract stored is there still when it gets other code.
    await chain.extend([edit(2, [code(contract, sampleContract), storage(contract, utf8("z"), utf8("z"))])]);
    expect((await chain.run([call(contract, "get")])).actions[0]!.returnData).toEqual(utf8("w"));
  });

  test("and what follows it in its block agree: later transactions see what it did", async () => {
    const chain = await TestChain.create(developmentGenesis);
    const { receipts, invalid } = await chain.extend([
      signed(stranger, [transfer(bob.address, 1n)]),
      edit(0, [credit(stranger.address, 10n ** 9n)]),
      signed(stranger, [transfer(bob.address, 7n)]),
      edit(1, [nonce(stranger.address, 9)]),
      signed(stranger, [transfer(bob.address, 7n)], { nonce: 1 }),
      signed(stranger, [transfer(bob.address, 7n)], { nonce: 9 }),
    ]);
    expect(invalid.map(({ index, error }) => [index, error.code])).toEqual([
      [0, "insufficient_balance"],
      [4, "nonce_too_low"],
    ]);
    expect(receipts).toHaveLength(4);
    expect(chain.account(bob.address).balance).toBe(TEST_BALANCE + 14n);
  });

  test("has a hash of its own, for its nonce is used once", () => {
    const world = new World();
    const same = [1, 2, 3].map(() => hex(world.edit(credit(alice.address, 1n)).transactionHash));
    expect(new Set(same).size).toBe(3);
    for (const used of [0, 1, 2]) {
      expect(codeOf(() => world.run(edit(used, [credit(alice.address, 1n)])))).toBe("nonce_too_low");
    }
    expect(codeOf(() => world.edit(nonce(zeroAddress, 3)))).toBe("nonce_decreased");
    world.edit(nonce(zeroAddress, 100));
    expect(codeOf(() => world.run(edit(99, [credit(alice.address, 1n)])))).toBe("nonce_too_low");
    expect(codeOf(() => world.run(edit(101, [credit(alice.address, 1n)])))).toBe("nonce_too_high");
    expect(codeOf(() => world.run(edit(100, [credit(alice.address, 1n)])))).toBe("accepted");
    expect(readAccount(world.journal, alice.address).balance).toBe(4n);
  });
});

describe("no block takes", () => {
  const some = [credit(alice.address, 1n)];
  const action: Action = { kind: "edit", change: some[0]! };
  const resigned = (entry: EncodedTransaction, signature: Uint8Array) =>
    encodedTransaction(encodeTransaction({ ...entry.transaction, signature }));
  const gasless: BodyOptions = { gasLimit: 0, gasPrice: 0n };

  test.each<[string, string, EncodedTransaction]>([
    ["an edit that an account signed", "edit_sender", signed(alice, [action])],
    ["one among what an account signed", "edit_sender", signed(alice, [transfer(bob.address, 1n), action], gasless)],
    ["an unsigned one of an account", "edit_sender", unsigned(alice.address, [action], gasless)],
    ["one with any signature", "edit_signed", resigned(edit(0, some), zeros(64).with(0, 1))],
    ["one with gas", "edit_gas", edit(0, some, { gasLimit: 1 })],
    ["one with a gas limit beyond the block's", "edit_gas", edit(0, some, { gasLimit: Number.MAX_SAFE_INTEGER })],
    ["one with a price", "edit_gas", edit(0, some, { gasPrice: 1n })],
    ["one without changes", "edit_actions", edit(0, [])],
    ["one with a transfer", "edit_actions", unsigned(zeroAddress, [action, transfer(bob.address, 0n)], gasless)],
    ["a transfer of the zero address", "edit_actions", unsigned(zeroAddress, [transfer(bob.address, 0n)], gasless)],
    ["one that pays its way", "edit_actions", unsigned(zeroAddress, [transfer(bob.address, 0n)])],
    ["an edit of another chain", "wrong_chain", edit(0, some, { chainId: "other" })],
    ["one that expired", "expired", edit(0, some, { expiryHeight: 0 })],
    ["one before its turn", "nonce_too_high", edit(1, some)],
  ])("%s: %s", async (_, expected, entry) => {
    const chain = await TestChain.create({
      ...developmentGenesis,
      balances: [...developmentGenesis.balances, { address: zeroAddress, balance: TEST_BALANCE }],
    });
    const { invalid, block, changes } = await chain.extend([entry]);
    expect(invalid.map(({ error }) => error.code)).toEqual([expected]);
    expect(block.transactions).toEqual([]);
    expect(changes).toEqual([]);
  });

  test("any edit on a chain that is for more than development", async () => {
    const chain = await TestChain.create(testGenesis);
    const entries = [edit(0, some), edit(0, []), signed(alice, [action]), unsigned(zeroAddress, [action, action])];
    const { invalid, changes } = await chain.extend(entries);
    // The second is an ordinary transaction there: one that has no gas.
    const codes = ["not_development", "gas_price_too_low", "not_development", "not_development"];
    expect(invalid.map(({ error }) => error.code)).toEqual(codes);
    expect(changes).toEqual([]);
  });

  test.each<[string, readonly EditChange[]]>([
    ["balance_overflow", [balance(alice.address, BALANCE_MAX), credit(alice.address, 1n)]],
    ["balance_overflow", [credit(alice.address, BALANCE_MAX), credit(alice.address, BALANCE_MAX)]],
    ["nonce_decreased", [nonce(alice.address, 5), nonce(alice.address, 4)]],
    ["nonce_decreased", [nonce(zeroAddress, 0)]],
    ["nonce_too_large", [nonce(alice.address, EDITED_NONCE_MAX + 1)]],
    ["nonce_too_large", [nonce(zeroAddress, Number.MAX_SAFE_INTEGER)]],
    ["not_a_contract", [storage(alice.address, utf8("k"), utf8("v"))]],
    ["not_a_contract", [storage(alice.address, utf8("k"), null)]],
    [
      "not_a_contract",
      [code(alice.address, sampleContract), code(alice.address, null), storage(alice.address, utf8("k"), null)],
    ],
    ["storage_key_empty", [code(alice.address, sampleContract), storage(alice.address, noBytes, null)]],
    ["storage_key_too_large", [code(alice.address, sampleContract), storage(alice.address, zeros(1025), null)]],
    [
      "storage_value_too_large",
      [code(alice.address, sampleContract), storage(alice.address, utf8("k"), zeros(65_537))],
    ],
  ])("an edit with %s, nor what it did before that", async (expected, changes) => {
    const chain = await TestChain.create(developmentGenesis);
    const kept = edit(0, [credit(stranger.address, 1n)]);
    const alone = chain.apply([kept]);
    const { invalid, changes: made, block } = chain.apply([edit(0, [credit(bob.address, 1n), ...changes]), kept]);
    expect(invalid.map(({ error }) => [error.name, error.code])).toEqual([["InvalidTransaction", expected]]);
    expect(made).toEqual(alone.changes);
    expect(block).toEqual(alone.block);
  });

  test.each([
    ["no module", garbage],
    ["a module with floats", floatModule],
    ["nothing", noBytes],
    ["a module cut off", sampleContract.slice(0, -1)],
    ["of another version's making", Uint8Array.of(...untypedContract, 0, 14, 12, ...utf8(ABI_SECTION), 99)],
  ])("code that is %s, and says what the VM says", (_, bytes) => {
    const world = new World();
    const wanted = refusalOf(() => prepareContract(bytes));
    const refusal = refusalOf(() => world.edit(code(alice.address, bytes)));
    expect(refusal).toBeInstanceOf(InvalidTransaction);
    const { code: name, message, hint, details } = wanted;
    expect({ ...refusal, message: refusal.message }).toMatchObject({ code: name, message, details });
    expect(refusal.hint).toBe(hint);
    expect(world.all()).toEqual([]);
  });

  test("an edit when the disk fails under it: then there is no block, and the edit is not to blame", () => {
    const journal = new Journal({
      get(key) {
        if (hex(key) === hex(accountKey(bob.address))) throw new Error("the disk is gone");
        return undefined;
      },
      scan: () => [].values(),
    });
    const rules = { ...developmentGenesis, contracts, engine: "jit" } as const;
    const environment = { height: 1, parentHash: new Uint8Array(32), time: 1, proposer, gasLeft: 0 };
    const entry = edit(0, [credit(alice.address, 1n), credit(bob.address, 1n)]);
    expect(() => applyTransaction(rules, journal, environment, entry)).toThrow("the disk is gone");
    expect(journal.changes()).toEqual([]);
  });
});

describe("balances that add up to more than one can hold", () => {
  test("stop no block: a fee is paid as far as it fits", async () => {
    const chain = await TestChain.create(developmentGenesis);
    for (const room of [0n, 1n, 1_000n]) {
      await chain.extend([edit(chain.account(zeroAddress).nonce, [balance(proposer, BALANCE_MAX - room)])]);
      const before = chain.account(alice.address).balance;
      const receipt = await chain.run([transfer(bob.address, 1n)]);
      expect(receipt.status.kind).toBe("success");
      expect(chain.account(alice.address).balance).toBe(before - receipt.fee - 1n);
      expect(chain.account(proposer).balance).toBe(BALANCE_MAX);
    }
  });

  test("stop no block: unused gas comes back as far as it fits", async () => {
    const chain = await TestChain.create(developmentGenesis);
    const contract = stranger.address;
    const rich = [balance(alice.address, BALANCE_MAX), balance(contract, BALANCE_MAX), code(contract, puppet)];
    await chain.extend([edit(0, rich)]);
    const gasLimit = 20_000_000;
    const script = encodeScript([{ kind: "transfer", to: alice.address, amount: BigInt(gasLimit) }]);
    const receipt = await chain.run([call(contract, "work", script)], { gasLimit });
    expect(receipt.status.kind).toBe("success");
    expect(chain.account(contract).balance).toBe(BALANCE_MAX - BigInt(gasLimit));
    expect(chain.account(alice.address).balance).toBe(BALANCE_MAX);
  });
});

describe("a simulation", () => {
  async function simulate(genesis: Genesis, { encoded }: EncodedTransaction) {
    const { chain, store } = await TestChain.create(genesis);
    const rules = { chainId: genesis.chainId, params: genesis.params, contracts, engine: "jit" } as const;
    return runSimulation(rules, { header: chain.head, state: store.flat }, encoded);
  }

  test("asks for no signature, and for an edit of the zero address only where it can edit", async () => {
    for (const genesis of [testGenesis, developmentGenesis]) {
      const { receipt } = await simulate(genesis, unsigned(alice.address, [transfer(bob.address, 1n)], { nonce: 9 }));
      expect(receipt.status.kind).toBe("success");
    }
    const ofNobody = unsigned(zeroAddress, [transfer(bob.address, 0n)]);
    expect((await simulate(testGenesis, ofNobody)).receipt.status.kind).toBe("success");
    expect(await codeOfWork(simulate(developmentGenesis, ofNobody))).toBe("edit_actions");
  });

  test("of an edit tells what it would change, and refuses what a block would", async () => {
    const { differences } = await simulate(developmentGenesis, edit(0, [credit(stranger.address, 1n)]));
    const keys = [accountKey(zeroAddress), accountKey(stranger.address)];
    expect(differences.map(({ key }) => hex(key)).sort()).toEqual(keys.map(hex).sort());
    const tooMuch = edit(0, [credit(alice.address, BALANCE_MAX)]);
    expect(await codeOfWork(simulate(developmentGenesis, tooMuch))).toBe("balance_overflow");
    expect(await codeOfWork(simulate(testGenesis, tooMuch))).toBe("not_development");
  });
});

describe("a replay of a chain that was edited", () => {
  async function editedChain(): Promise<TestChain> {
    const chain = await TestChain.create(developmentGenesis);
    const contract = stranger.address;
    await chain.extend([edit(0, [credit(contract, 10n ** 12n), code(contract, sampleContract)])]);
    await chain.extend([chain.sign(alice, [call(contract, "set", utf8("a"))])]);
    // In the name of another account, and of a contract.
    await chain.extend([
      unsigned(bob.address, [transfer(alice.address, 5n)]),
      unsigned(contract, [transfer(alice.address, 6n)]),
    ]);
    await chain.extend([edit(1, [storage(contract, utf8("k"), null), nonce(bob.address, 40)])]);
    await chain.extend([unsigned(bob.address, [call(contract, "get")], { nonce: 40 })]);
    return chain;
  }

  const sourceOf = (chain: TestChain) => ({
    genesis: chain.store.genesis,
    height: chain.chain.head.height,
    block: async (height: number) => chain.store.rawBlock(height)!,
    close: async () => {},
  });

  test("agrees in everything", async () => {
    const chain = await editedChain();
    expect(chain.account(bob.address).nonce).toBe(41);
    expect(await replayChain(sourceOf(chain))).toMatchObject({
      blocks: 5,
      transactions: 6,
      stateRoot: chain.chain.head.stateRoot,
      difference: null,
    });
  });

  test("takes no unsigned transaction and no edit into a chain that is for more than development", async () => {
    const honest = await TestChain.create(testGenesis);
    await honest.extend([]);
    const lies = [edit(0, [credit(alice.address, 1n)]), unsigned(bob.address, [transfer(alice.address, 1n)])];
    for (const { transaction } of lies) {
      const block = decodeBlock(honest.store.rawBlock(1)!.block);
      const lie = { block: encodeBlock({ ...block, transactions: [transaction] }), receipts: [] };
      const source = sourceOf(honest);
      const { difference } = await replayChain({
        ...source,
        block: async (height) => (height === 1 ? lie : source.block(height)),
      });
      expect(difference).toMatchObject({ height: 1, transactionIndex: 0, field: "transaction", expected: "valid" });
      expect(difference!.actual).toMatch(/^(bad_signature|sender_invalid)$/);
    }
  });
});

function zeros(length: number): Uint8Array {
  return new Uint8Array(length);
}
