/** What is kept in memory against what LevelDB keeps, record by record and as a chain. */
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { arbitraryBlock, createBlock, type MadeBlock } from "../../test/support/made-blocks.ts";
import { codeOfWork } from "../../test/support/refusals.ts";
import { TestChain, temporaryFolder, testGenesis } from "../../test/support/test-chain.ts";
import { equalBytes } from "../../vm/borsh.ts";
import { Store } from "../store.ts";
import type { Database, EntryRange, RecordReader } from "./database.ts";
import { del, type Operation, put } from "./layout.ts";
import { openDatabase } from "./level-database.ts";
import { MemoryDatabase } from "./memory-database.ts";

const arbitraryKey = fc.uint8Array({ minLength: 1, maxLength: 3 }).map((bytes) => bytes.map((byte) => byte & 0x83));
const arbitraryOperation: fc.Arbitrary<Operation> = fc.oneof(
  fc.tuple(arbitraryKey, fc.uint8Array({ maxLength: 4 })).map(([key, value]) => put(key, value)),
  arbitraryKey.map((key) => del(key)),
);
const arbitraryBatches = fc.array(fc.array(arbitraryOperation, { maxLength: 60 }), { minLength: 1, maxLength: 4 });
const arbitraryRange: fc.Arbitrary<EntryRange> = fc
  .record(
    { gte: arbitraryKey, isClosed: fc.boolean(), end: arbitraryKey, limit: fc.integer({ min: 1, max: 9 }) },
    { requiredKeys: ["isClosed"] },
  )
  .map(({ isClosed, end, ...range }) => ({ ...range, ...(end && (isClosed ? { lte: end } : { lt: end })) }));

async function list<T>(entries: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const entry of entries) all.push(entry);
  return all;
}

/** What a reader says to each range and of each key. */
async function told(reader: RecordReader, ranges: readonly EntryRange[]): Promise<unknown> {
  const entries = await list(reader.entries({}));
  return {
    entries,
    ranges: await Promise.all(ranges.map((range) => list(reader.entries(range)))),
    keys: await Promise.all(ranges.map((range) => list(reader.keys(range)))),
    values: entries.map(({ key }) => reader.get(key)),
    nothing: reader.get(Uint8Array.of(0x80, 0, 0, 0)),
  };
}

test("whatever was written, both answer alike, live, in order, and as it was when a snapshot was taken", async () => {
  const scenario = fc.tuple(arbitraryBatches, fc.array(arbitraryRange, { minLength: 4, maxLength: 4 }));
  await fc.assert(
    fc.asyncProperty(scenario, async ([batches, ranges]) => {
      const level = await openDatabase(temporaryFolder(), true);
      const memory = new MemoryDatabase();
      try {
        const before = [level.snapshot(), memory.snapshot()] as const;
        for (const [index, batch] of batches.entries()) {
          const [ofLevel, ofMemory] = [level.snapshot(), memory.snapshot()];
          const atFirst = await told(ofMemory, ranges);
          await level.write(batch);
          await memory.write(batch);
          expect(await told(memory, ranges)).toEqual(await told(level, ranges));
          expect(await told(ofMemory, ranges)).toEqual(await told(ofLevel, ranges));
          expect(await told(ofMemory, ranges)).toEqual(atFirst);
          await ofLevel.close();
          if (index < 2) expectSameScans(level, memory, ranges);
        }
        expect(await told(before[1], ranges)).toEqual(await told(before[0], ranges));
        for (const snapshot of before) await snapshot.close();
      } finally {
        await level.close();
      }
    }),
    { numRuns: 40 },
  );
});

function expectSameScans(level: Database, memory: Database, ranges: readonly EntryRange[]): void {
  for (const { gte: from = new Uint8Array(), lt: to = Uint8Array.of(0xff) } of ranges) {
    for (const reverse of [false, true]) {
      expect([...memory.scan(from, to, reverse)]).toEqual([...level.scan(from, to, reverse)]);
    }
  }
}

test("a batch that cannot be made whole changes nothing", async () => {
  const memory = new MemoryDatabase();
  const key = Uint8Array.of(1);
  await memory.write([put(key, key)]);
  const torn = function* (): Generator<Operation> {
    yield del(key);
    throw new Error("torn");
  };
  await expect(memory.write(torn())).rejects.toThrow("torn");
  expect(memory.get(key)).toEqual(key);
});

test("a part of something larger does not change with it", async () => {
  const memory = new MemoryDatabase();
  const large = new Uint8Array(100).fill(7);
  await memory.write([put(Uint8Array.of(1), large.subarray(10, 12))]);
  large.fill(8);
  expect(memory.get(Uint8Array.of(1))).toEqual(Uint8Array.of(7, 7));
});

type Step =
  | { readonly kind: "block"; readonly block: MadeBlock }
  | { readonly kind: "rollback"; readonly share: number }
  | { readonly kind: "prune"; readonly rootCount: number };

const arbitraryStep: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: arbitraryBlock.map((block) => ({ kind: "block", block }) as const), weight: 6 },
  {
    arbitrary: fc.double({ min: 0, max: 1, noNaN: true }).map((share) => ({ kind: "rollback", share }) as const),
    weight: 1,
  },
  { arbitrary: fc.integer({ min: 1, max: 5 }).map((rootCount) => ({ kind: "prune", rootCount }) as const), weight: 1 },
);

async function take(store: Store, step: Step): Promise<void> {
  const { headHeight, lowestHeight } = store;
  if (step.kind === "block") await store.commit(createBlock(store, step.block));
  else if (step.kind === "prune") while (!(await store.prune(step.rootCount, 5)));
  else await store.rollback(lowestHeight + Math.floor(step.share * (headHeight - lowestHeight)));
}

const [FIRST, BEHIND] = [Uint8Array.of(0x00), Uint8Array.of(0xff)];
const madeKeys = Array.from({ length: 40 }, (_, number) => Uint8Array.of(0x73, number));

/** All that a chain tells: its blocks, its state at every height, in order, under a snapshot, and its events. */
async function chainOf(store: Store): Promise<unknown> {
  const { headHeight, lowestHeight } = store;
  const heights = Array.from({ length: headHeight + 2 }, (_, height) => height);
  const query = { filter: { contract: new Uint8Array(32) }, fromHeight: 0, toHeight: headHeight, limit: 7 };
  const snapshot = store.snapshot();
  try {
    return {
      headHeight,
      lowestHeight,
      blocks: heights.map((height) => store.rawBlock(height)),
      states: await Promise.all(
        heights.map((height) =>
          codeOfWork(Promise.resolve().then(() => store.stateAt(height))).then((code) =>
            code === "accepted" ? madeKeys.map((key) => store.stateAt(height).get(key)) : code,
          ),
        ),
      ),
      flat: madeKeys.map((key) => store.flat.get(key)),
      held: madeKeys.map((key) => snapshot.state.get(key)),
      scans: [false, true].map((reverse) => [...store.flat.scan(FIRST, BEHIND, reverse)]),
      events: await store.events(query, headHeight),
    };
  } finally {
    snapshot.close();
  }
}

test("a chain in memory lives as one in a folder does: blocks, states, scans, events, rollbacks, pruning", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(arbitraryStep, { minLength: 1, maxLength: 12 }), async (steps) => {
      const folder = await Store.open(temporaryFolder(), { genesis: testGenesis });
      const memory = Store.inMemory(testGenesis);
      try {
        expect(memory.genesisHash).toEqual(folder.genesisHash);
        for (const step of steps) {
          await take(folder, step);
          await take(memory, step);
        }
        expect(await chainOf(memory)).toEqual(await chainOf(folder));
      } finally {
        await folder.close();
      }
    }),
    { numRuns: 40 },
  );
});

test("a snapshot in memory holds still while blocks are made and taken back", async () => {
  const blocks = fc.sample(arbitraryBlock, { numRuns: 8, seed: 21 });
  const store = Store.inMemory(testGenesis);
  for (const block of blocks.slice(0, 4)) await store.commit(createBlock(store, block));
  const held = store.snapshot();
  const expected = madeKeys.map((key) => store.flat.get(key));
  for (const block of blocks.slice(4)) await store.commit(createBlock(store, block));
  expect(madeKeys.map((key) => held.state.get(key))).toEqual(expected);
  await store.rollback(1);
  expect(madeKeys.map((key) => held.state.get(key))).toEqual(expected);
  expect(equalBytes(held.header.stateRoot, store.header(1).stateRoot)).toBe(false);
  expect([...held.state.scan(FIRST, BEHIND, false)].length).toBeGreaterThan(0);
  expect(() => held.checkStill()).toThrow(expect.objectContaining({ code: "head_moved" }));
});

test("a genesis that cannot be begins no chain in memory either", async () => {
  const open = (part: object) => codeOfWork(Promise.resolve().then(() => Store.inMemory({ ...testGenesis, ...part })));
  expect(await open({ chainId: "" })).toBe("genesis_chain_id");
  expect(await open({ params: { ...testGenesis.params, schedule: 99 } })).toBe("genesis_unsupported");
  expect(await open({})).toBe("accepted");
});

test("it has room, and once it is closed it does not come back", async () => {
  const { store } = await TestChain.create();
  onTestFinished(() => store.close());
  const memory = Store.inMemory(testGenesis);
  expect(memory.hasRoom()).toBe(true);
  expect(memory.location).not.toBe(store.location);
  await memory.close();
  await expect(memory.reopen()).rejects.toMatchObject({ name: "Fault" });
});
