import { describe, expect, test } from "vitest";
import { addressAt, balanceAt, forkOf, startForkedNode } from "../test/support/forked-node.ts";
import { withAbi } from "../test/support/sample-contracts.ts";
import { signed, transfer } from "../test/support/signing.ts";
import { alice, bob, TestChain, testGenesis } from "../test/support/test-chain.ts";
import { wat } from "../test/support/wat.ts";
import { InputError } from "../vm/errors.ts";
import { contractAddress } from "./address.ts";
import { hash } from "./crypto.ts";
import { type Answer, Execution } from "./execution.ts";
import type { ExecutorMethod, ExecutorMethods, ImportResult, ProduceResult } from "./executor.ts";
import { readAccount } from "./message-call.ts";
import { storageKey } from "./state/account.ts";
import { type Fetch, StateMissing } from "./state-missing.ts";
import { Store } from "./store.ts";

/** Lists its keys in a view, and counts in a call. */
const lister = withAbi(
  wat(`(module
    (import "lockstep" "storage_scan" (func $scan (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (import "lockstep" "storage_get" (func $get (param i32 i32 i32 i32) (result i32)))
    (import "lockstep" "storage_set" (func $set (param i32 i32 i32 i32)))
    (memory 1)
    (func (export "list") (drop (call $scan (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 9)
      (i32.const 0) (i32.const 64) (i32.const 9000))))
    (func (export "count")
      (drop (call $get (i32.const 0) (i32.const 1) (i32.const 8) (i32.const 1)))
      (i32.store8 (i32.const 8) (i32.add (i32.load8_u (i32.const 8)) (i32.const 1)))
      (call $set (i32.const 0) (i32.const 1) (i32.const 8) (i32.const 1))))`),
  [
    { name: "list", mutability: "view" },
    { name: "count", mutability: "call" },
  ],
);
const noBytes = new Uint8Array();
const codeHash = hash("code", lister);
const contract = contractAddress({ creator: alice.address, origin: { kind: "nonce", nonce: 0, action: 1 }, codeHash });

function executionOn(store: Store, fetch?: Fetch) {
  const faults: unknown[] = [];
  const execution = new Execution(store, { keptRootCount: null, fetch, onFault: (error) => void faults.push(error) });
  const ask = <M extends ExecutorMethod>(method: M, params: ExecutorMethods[M]["params"]): Promise<Answer> =>
    new Promise((resolve) => execution.request(method, params, resolve));
  const produce = (...transactions: Uint8Array[]) =>
    ask("produce", { time: 0, transactions, mayBeEmpty: false }) as Promise<{ readonly result: ProduceResult }>;
  return { ask, produce, faults };
}

const deployment = signed(alice, [
  { kind: "upload", code: lister },
  { kind: "create", codeHash, salt: null, args: noBytes, value: 0n },
]).encoded;
const counting = (nonce: number) =>
  signed(alice, [{ kind: "call", contract, method: "count", args: noBytes, value: 0n }], { nonce }).encoded;
const listing = { contract, method: "list", args: noBytes };

test("what the state cannot tell a contract is told to who asked, and execution goes on", async () => {
  const { ask, produce, faults } = executionOn(Store.inMemory(testGenesis));
  expect((await produce(deployment)).result.invalid).toEqual([]);
  await produce(counting(1));
  expect(await ask("view", { ...listing, height: 1 })).toMatchObject({ error: { code: "scan_of_history" } });
  expect(await ask("view", listing)).toMatchObject({ result: { outcome: { kind: "success" } } });
  expect(faults).toEqual([]);
});

test("a block whose state is fetched on the way, from inside contracts too, is made once", async () => {
  const { url, store: remote, chain, proxy } = await startForkedNode();
  const setup = [
    signed(alice, [{ kind: "upload", code: lister }], { nonce: 3 }),
    signed(alice, [{ kind: "create", codeHash, salt: null, args: noBytes, value: 0n }], { nonce: 4 }),
  ];
  for (const transaction of setup) {
    await chain.extend({ time: chain.head.time, proposer: remote.genesis.proposer, transactions: [transaction] });
  }
  const created = contractAddress({ creator: alice.address, origin: { kind: "nonce", nonce: 4, action: 0 }, codeHash });
  const call = (nonce: number) =>
    signed(alice, [{ kind: "call", contract: created, method: "count", args: noBytes, value: 0n }], { nonce }).encoded;
  const fork = await forkOf(url);
  proxy.calls.length = 0;
  const { produce, faults } = executionOn(fork.store, (missing) => fork.source.fetch(missing));
  const { result } = await produce(call(5), call(6));
  expect(result.invalid).toEqual([]);
  expect(fork.store.headHeight).toBe(6);
  const key = storageKey(created, Uint8Array.of(0));
  expect(fork.store.flat.get(key)).toEqual(Uint8Array.of(2));
  expect(proxy.calls.length).toBeGreaterThan(2);
  expect(faults).toEqual([]);
});

test("a block whose state cannot be fetched is not made, and the next one is", async () => {
  const { url } = await startForkedNode();
  const fork = await forkOf(url);
  let isOut = true;
  const { ask, produce, faults } = executionOn(fork.store, async (missing) => {
    if (isOut) throw new InputError("fork_unreachable", "gone");
    await fork.source.fetch(missing);
  });
  const { encoded } = signed(alice, [transfer(addressAt(9), 5n)], { nonce: 3 });
  expect(await produce(encoded)).toMatchObject({ error: { code: "fork_unreachable" } });
  expect(await ask("simulate", { encoded })).toMatchObject({ error: { code: "fork_unreachable" } });
  expect(fork.store.headHeight).toBe(3);
  isOut = false;
  expect((await produce(encoded)).result.sealed).not.toBeNull();
  expect(fork.store.headHeight).toBe(4);
  expect(readAccount(fork.store.flat, addressAt(9)).balance).toBe(balanceAt(9) + 5n);
  expect(faults).toEqual([]);
});

describe("of blocks that are claimed together", () => {
  async function claimed(count: number) {
    const other = await TestChain.create();
    for (let made = 0; made < count; made++) await other.extend([other.sign(alice, [transfer(bob.address, 1n)])]);
    return Array.from({ length: count }, (_, index) => other.store.rawBlock(index + 1)!);
  }
  type Imported = Promise<{ readonly result: ImportResult }>;

  test("each is kept in its order, and who asks for the rest again gets all of them", async () => {
    const claims = await claimed(30);
    const store = Store.inMemory(testGenesis);
    const { ask, faults } = executionOn(store);
    for (let rest = claims; rest.length > 0; ) {
      const { result } = await (ask("import", rest) as Imported);
      expect([result.difference, result.error]).toEqual([null, null]);
      expect(result.sealed.length).toBeGreaterThan(0);
      rest = rest.slice(result.sealed.length);
    }
    expect(claims.map((_, index) => store.rawBlock(index + 1))).toEqual(claims);
    expect(faults).toEqual([]);
  });

  test.each([0, 1, 2])(
    "those before the one that differs are kept, and nothing of it or above: the differing %i",
    async (at) => {
      const claims = await claimed(5);
      const store = Store.inMemory(testGenesis);
      const { ask, faults } = executionOn(store);
      const forged = claims.with(at, { ...claims[at]!, receipts: [] });
      const { result } = await (ask("import", forged) as Imported);
      expect(result).toMatchObject({ difference: { height: at + 1, field: "receipts" }, error: null });
      expect([result.sealed.length, store.headHeight]).toEqual([at, at]);
      expect(store.rawBlock(at + 1)).toBeUndefined();
      // The truth goes on from there.
      expect(await ask("import", claims.slice(at, at + 1))).toMatchObject({ result: { sealed: [{}] } });
      expect(faults).toEqual([]);
    },
  );

  test("those before the one whose state cannot be fetched are kept, and told with the error", async () => {
    const claims = await claimed(3);
    const store = Store.inMemory(testGenesis);
    const missing = new StateMissing({ kind: "all" });
    let isOut = true;
    const { get } = store.flat;
    Object.assign(store.flat, {
      get: (key: Uint8Array) => {
        if (isOut && store.headHeight === 2) throw missing;
        return get(key);
      },
    });
    const { ask, faults } = executionOn(store, async () => {
      throw new InputError("fork_unreachable", "gone");
    });
    const { result } = await (ask("import", claims) as Imported);
    expect(result).toMatchObject({ difference: null, error: { code: "fork_unreachable" } });
    expect([result.sealed.length, store.headHeight]).toEqual([2, 2]);
    isOut = false;
    expect(await ask("import", claims.slice(2))).toMatchObject({ result: { sealed: [{}] } });
    expect(faults).toEqual([]);
  });
});
