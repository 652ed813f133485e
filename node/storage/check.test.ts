import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { arbitraryBlock, createBlock, type MadeBlock, recordsOf, tamper } from "../../test/support/made-blocks.ts";
import { sampleContract } from "../../test/support/sample-contracts.ts";
import { alice, TestChain, temporaryFolder, testGenesis } from "../../test/support/test-chain.ts";
import { InputError } from "../../vm/errors.ts";
import { hash } from "../crypto.ts";
import { nodeKey } from "../state/tree-node.ts";
import { Store } from "../store.ts";
import { checkDatabase } from "./check.ts";
import { decodeStaleNodes, encodeStaleNodes, heightBytes, keys, ranges, space } from "./layout.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const unhex = (text: string) => new Uint8Array(Buffer.from(text, "hex"));

async function chainOf(blocks: readonly MadeBlock[]): Promise<Store> {
  const store = await Store.open(temporaryFolder(), { genesis: testGenesis });
  onTestFinished(() => store.close());
  for (const block of blocks) await store.commit(createBlock(store, block));
  return store;
}

/** Eight blocks, the lowest three roots forgotten, with some of their nodes still there. */
async function prunedChain(): Promise<Store> {
  const store = await chainOf(fc.sample(arbitraryBlock, { numRuns: 8, seed: 11 }));
  expect(await store.prune(6, 5)).toBe(false);
  expect(store.lowestHeight).toBe(3);
  return store;
}

async function faultOf(directory: string): Promise<InputError | null> {
  try {
    await checkDatabase(directory);
    return null;
  } catch (error) {
    if (error instanceof InputError) return error;
    throw error;
  }
}

describe("a chain as it was written is whole", () => {
  test("whatever its blocks did, pruned or not, gone back or not", async () => {
    const scenario = fc.record({
      blocks: fc.array(arbitraryBlock, { maxLength: 8 }),
      rootCount: fc.integer({ min: 1, max: 9 }),
      limit: fc.nat(20),
      undone: fc.nat(3),
    });
    await fc.assert(
      fc.asyncProperty(scenario, async ({ blocks, rootCount, limit, undone }) => {
        const store = await chainOf(blocks);
        if (limit > 0) await store.prune(rootCount, limit);
        await store.rollback(Math.max(store.lowestHeight, store.headHeight - undone));
        const { stateRoot } = store.requireBlock(store.headHeight).header;
        expect(await checkDatabase(store.location)).toMatchObject({ height: store.headHeight, stateRoot });
      }),
      { numRuns: 40 },
    );
  });

  test("with real transactions in it, and it says what it has", async () => {
    const chain = await TestChain.create();
    const contract = await chain.deploy(sampleContract, hash("code", sampleContract));
    for (const method of ["set", "tell", "remove", "refuse"]) {
      await chain.run([{ kind: "call", contract, method, args: new Uint8Array(), value: 0n }]);
    }
    expect(chain.account(alice.address).nonce).toBe(5);
    const progress: string[] = [];
    const facts = await checkDatabase(chain.store.location, (part, done) => {
      expect(done).toBeGreaterThanOrEqual(0);
      expect(done).toBeLessThanOrEqual(1);
      if (progress.at(-1) !== part) progress.push(part);
    });
    const records = [...(await recordsOf(chain.store.location)).keys()];
    expect(facts).toMatchObject({ height: 5, lowestHeight: 0, transactionCount: 5 });
    expect(facts.entryCount).toBe(records.filter((key) => key.startsWith("12")).length);
    expect(progress).toEqual(["blocks", "state", "history"]);
  });
});

describe("a single record", () => {
  // Any value of "lowest" above its own is a chain that began to forget more; `a meta record` has its other faults.
  const lowestKey = hex(keys.meta("lowest"));

  async function expectEachNamed(
    change: (key: Uint8Array, value: Uint8Array) => [Uint8Array, Uint8Array | null] | null,
  ) {
    const store = await prunedChain();
    const records = await recordsOf(store.location);
    const named = new Set<string>();
    // Nodes that pruning has still to remove are reached from no root: what is in them, nothing says and nobody reads.
    const stale = ranges.heights(space.stale, 0, store.lowestHeight + 1);
    const pending = [...records].filter(([key]) => key < hex(stale.lt) && key >= hex(stale.gte));
    const unread = new Set(
      pending.flatMap(([, value]) => decodeStaleNodes(unhex(value)).map((nodeKey) => hex(keys.node(nodeKey)))),
    );
    expect(unread.size).toBeGreaterThan(0);
    for (const [hexKey, hexValue] of records) {
      if (hexKey === lowestKey) continue;
      if (unread.has(hexKey) && change(unhex(hexKey), unhex(hexValue))?.[1] !== null) continue;
      const changed = change(unhex(hexKey), unhex(hexValue));
      if (changed === null) continue;
      const [key, value] = changed;
      const before = records.get(hex(key));
      await tamper(store.location, (database) => (value === null ? database.del(key) : database.put(key, value)));
      const fault = await faultOf(store.location);
      expect(fault?.code, `${hexKey}`).toMatch(/^data_(damaged|format)$/);
      if (fault?.details?.space !== undefined) named.add(String(fault.details.space));
      await tamper(store.location, (database) =>
        before === undefined ? database.del(key) : database.put(key, unhex(before)),
      );
    }
    expect(await faultOf(store.location)).toBeNull();
    return [...named].sort();
  }

  test("that is deleted is missed", async () => {
    const named = await expectEachNamed((key) => [key, null]);
    expect(named).toEqual([
      "block",
      "block hash",
      "event block",
      "event contract",
      "event name",
      "meta",
      "receipt",
      "stale node",
      "state",
      "transaction",
      "tree node",
    ]);
  });

  test("of which one bit is another is noticed", async () => {
    let number = 0;
    const named = await expectEachNamed((key, value) => {
      number++;
      if (value.length === 0) return null;
      const flipped = value.slice();
      flipped[number % value.length]! ^= 1 << (number % 8);
      return [key, flipped];
    });
    expect(named).toEqual([
      "block",
      "block hash",
      "event block",
      "meta",
      "receipt",
      "stale node",
      "state",
      "transaction",
      "tree node",
    ]);
  });

  test("that is a byte longer is noticed", async () => {
    await expectEachNamed((key, value) => [key, Uint8Array.of(...value, 0)]);
  });

  test("that nobody wrote is noticed, be it a byte beside another or behind it", async () => {
    await expectEachNamed((key, value) => [Uint8Array.of(...key.subarray(0, -1), key.at(-1)! ^ 0x80), value]);
    await expectEachNamed((key, value) => [Uint8Array.of(...key, 0), value]);
    await expectEachNamed((key, value) => [key.subarray(0, 1), value]);
  });

  test("in a space that there is not is noticed", async () => {
    const store = await prunedChain();
    for (const first of [0x08, 0x0f, 0x13, 0xff]) {
      const key = Uint8Array.of(first, 1);
      await tamper(store.location, (database) => database.put(key, key));
      expect(await faultOf(store.location)).toMatchObject({ code: "data_damaged", details: { space: "foreign" } });
      await tamper(store.location, (database) => database.del(key));
    }
  });
});

describe("the record at fault is named with its height", () => {
  test.each([
    ["block", (_: Store) => keys.block(4), 4],
    ["receipt", (store: Store) => keys.receipt(receiptHeight(store), 0), null],
    ["event block", (store: Store) => keys.eventBlock(receiptHeight(store)), null],
    ["event contract", (store: Store) => keys.eventContract(new Uint8Array(32), receiptHeight(store)), null],
    ["event name", (store: Store) => keys.eventName(Uint8Array.of(receiptHeight(store)), receiptHeight(store)), null],
    ["tree node", (_: Store) => keys.node(nodeKey(8, new Uint8Array(32), 0)), 8],
    ["tree node", (_: Store) => keys.node(nodeKey(5, new Uint8Array(32), 0)), 5],
    ["stale node", (_: Store) => keys.stale(7), 7],
    ["meta", (_: Store) => keys.meta("head"), null],
  ])("%s", async (name, keyIn, height) => {
    const store = await prunedChain();
    const key = keyIn(store);
    expect((await recordsOf(store.location)).has(hex(key))).toBe(true);
    await tamper(store.location, (database) => database.del(key));
    const details = { space: name, key: `0x${hex(key)}`, ...(height !== null && { height }) };
    expect(await faultOf(store.location)).toMatchObject({ code: "data_damaged", details });
  });
});

test("a meta record that is no height, or none that can be, is noticed", async () => {
  const store = await prunedChain();
  for (const [name, value] of [
    ["head", heightBytes(9)],
    ["head", heightBytes(7)],
    ["head", new Uint8Array(7)],
    ["lowest", heightBytes(9)],
    ["lowest", heightBytes(2)],
    ["lowest", new Uint8Array(8).fill(0xff)],
    ["rollback", heightBytes(2)],
    ["rollback", heightBytes(9)],
  ] as const) {
    const before = (await recordsOf(store.location)).get(hex(keys.meta(name)));
    await tamper(store.location, (database) => database.put(keys.meta(name), value));
    expect((await faultOf(store.location))?.code, name).toBe("data_damaged");
    await tamper(store.location, (database) =>
      before === undefined ? database.del(keys.meta(name)) : database.put(keys.meta(name), unhex(before)),
    );
  }
  expect(await faultOf(store.location)).toBeNull();
});

test("an entry of state that the tree does not have, or has otherwise, is named by its key", async () => {
  const store = await prunedChain();
  const key = keys.flat(Uint8Array.of(0x73, 200));
  await tamper(store.location, (database) => database.put(key, key));
  const details = { space: "state", key: `0x${hex(key)}` };
  expect(await faultOf(store.location)).toMatchObject({ code: "data_damaged", details });
  expect(space.flat).toBe(key[0]);
});

describe("a list of stale nodes is damaged", () => {
  test.each([
    ["that names none", () => []],
    ["that names one less", (own: readonly Uint8Array[]) => own.slice(1)],
    ["that names one twice", (own: readonly Uint8Array[]) => [...own, own[0]!]],
    ["that names one that is not there", (own: readonly Uint8Array[]) => [...own, nodeKey(99, new Uint8Array(32), 0)]],
    ["that names one that is needed", (own: readonly Uint8Array[]) => [...own, nodeKey(8, new Uint8Array(32), 0)]],
  ])("%s", async (_, change) => {
    const store = await prunedChain();
    const records = await recordsOf(store.location);
    // One that waits to be forgotten, and one of a root that is kept.
    const lists = [...records].filter(([key]) => unhex(key)[0] === space.stale).map(([key]) => unhex(key));
    expect(Number(hex(lists[0]!.subarray(1)))).toBeLessThanOrEqual(3);
    for (const key of [lists[0]!, keys.stale(7)]) {
      const own = unhex(records.get(hex(key))!);
      const value = encodeStaleNodes(change(decodeStaleNodes(own)));
      await tamper(store.location, (database) => database.put(key, value));
      expect((await faultOf(store.location))?.code, hex(key)).toBe("data_damaged");
      await tamper(store.location, (database) => database.put(key, own));
    }
    expect(await faultOf(store.location)).toBeNull();
  });
});

test("an entry that finds events where there are none is named, whatever it names", async () => {
  const store = await prunedChain();
  const [contract, height] = [new Uint8Array(32).fill(9), receiptHeight(store)];
  const empty = Array.from({ length: 8 }, (_, at) => at + 1).find(
    (at) => store.requireBlock(at).transactions.length === 0,
  )!;
  const surplus = [
    ["event contract", keys.eventContract(contract, height)],
    ["event contract", keys.eventContract(new Uint8Array(32), empty)],
    ["event contract", keys.eventContract(contract, 9)],
    ["event name", keys.eventName(Uint8Array.of(200), height)],
    ["event block", keys.eventBlock(empty)],
    ["event block", keys.eventBlock(2 ** 53 - 1)],
    ["event name", Uint8Array.of(space.eventName)],
  ] as const;
  for (const [name, key] of surplus) {
    await tamper(store.location, (database) => database.put(key, new Uint8Array()));
    expect(await faultOf(store.location)).toMatchObject({
      code: "data_damaged",
      details: { space: name, key: `0x${hex(key)}`, problem: "belongs to nothing" },
    });
    await tamper(store.location, (database) => database.del(key));
  }
  expect(await faultOf(store.location)).toBeNull();
});

function receiptHeight(store: Store): number {
  for (let height = 1; ; height++) if (store.requireBlock(height).transactions.length > 0) return height;
}

test("a folder without a chain is refused: data_empty", async () => {
  expect((await faultOf(temporaryFolder()))?.code).toBe("data_empty");
});
