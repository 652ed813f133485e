import fc from "fast-check";
import { Level } from "level";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { createBlock, recordsOf, tamper } from "../../test/support/made-blocks.ts";
import { codeOfWork } from "../../test/support/refusals.ts";
import { temporaryFolder, testGenesis } from "../../test/support/test-chain.ts";
import { type Event, encodeReceipt, receiptsRoot } from "../block.ts";
import type { EventFilter, EventPage, EventPosition, EventQuery } from "../rpc/service.ts";
import { Store } from "../store.ts";
import { checkDatabase } from "./check.ts";
import { type EventBounds, findEvents } from "./events.ts";
import { keys } from "./layout.ts";
import { openDatabase } from "./level-database.ts";

const contracts = [1, 2, 3].map((byte) => new Uint8Array(32).fill(byte));
const names = ["", "a", "ab", "b"].map((text) => new TextEncoder().encode(text));

/** For each transaction of a block its events. */
type EventsOfBlock = readonly (readonly Event[])[];

async function newStore(): Promise<Store> {
  const store = await Store.open(temporaryFolder(), { genesis: testGenesis });
  onTestFinished(() => store.close());
  return store;
}

/** A block with these events, which differs with `salt` also when it has none. */
async function commit(store: Store, events: EventsOfBlock, salt = 0): Promise<void> {
  const made = createBlock(store, { changes: [], transactionCount: events.length }, salt);
  const receipts = made.receipts.map((receipt, index) => ({ ...receipt, events: events[index]! }));
  const header = { ...made.block.header, receiptsRoot: receiptsRoot(receipts) };
  const encodedReceipts = receipts.map(encodeReceipt);
  await store.commit({ ...made, block: { ...made.block, header }, receipts, encodedReceipts });
}

/** "height-transaction-event" of what matches, by a walk over all receipts. */
function naive(store: Store, { filter, fromHeight, toHeight }: EventQuery): string[] {
  const found: string[] = [];
  const isSame = (own: Uint8Array | undefined, wanted: Uint8Array | undefined) =>
    wanted === undefined || (own !== undefined && Buffer.compare(own, wanted) === 0);
  for (let height = fromHeight; height <= Math.min(toHeight, store.headHeight); height++) {
    for (const [index, { events }] of store.receipts(height, store.requireBlock(height)).entries()) {
      for (const [number, { contract, topics }] of events.entries()) {
        if (!isSame(contract, filter.contract) || !isSame(topics[0], filter.name)) continue;
        found.push(`${height}-${index}-${number}`);
      }
    }
  }
  return found;
}

const textOf = ({ height, transactionIndex, eventIndex }: EventPosition) =>
  `${height}-${transactionIndex}-${eventIndex}`;

type ReadPage = (query: EventQuery) => Promise<EventPage>;

/** Follows `next` to the end. No page has too much, and every page gets on. */
async function follow(read: ReadPage, query: EventQuery): Promise<string[]> {
  const found: string[] = [];
  let { after } = query;
  for (;;) {
    const { events, next } = await read({ ...query, ...(after !== undefined && { after }) });
    expect(events.length).toBeLessThanOrEqual(query.limit);
    found.push(...events.map(({ position }) => textOf(position)));
    if (next === null) return found;
    if (after !== undefined) expect(order(after, next)).toBeLessThan(0);
    expect(order({ height: -1, transactionIndex: 0, eventIndex: 0 }, next)).toBeLessThan(0);
    // As the text of a cursor has it: all of a block, or a place in it.
    const isEnd = next.transactionIndex === 0xffff_ffff && next.eventIndex === 0xffff_ffff;
    expect(isEnd || (next.transactionIndex < 0xffff_ffff && next.eventIndex < 0xffff_ffff)).toBe(true);
    expect(Math.min(next.transactionIndex, next.eventIndex)).toBeGreaterThanOrEqual(0);
    after = next;
  }
}

function order(a: EventPosition, b: EventPosition): number {
  return a.height - b.height || a.transactionIndex - b.transactionIndex || a.eventIndex - b.eventIndex;
}

const arbitraryEvent: fc.Arbitrary<Event> = fc.record({
  contract: fc.constantFrom(...contracts.slice(0, 2)),
  topics: fc.array(fc.constantFrom(...names.slice(0, 3)), { maxLength: 2 }),
  data: fc.uint8Array({ maxLength: 8 }),
});
const arbitraryBlock = fc.oneof(
  fc.constant([]),
  fc.array(fc.array(arbitraryEvent, { maxLength: 4 }), { maxLength: 3 }),
);
/** The third contract and the fourth name are nobody's. */
const arbitraryFilter: fc.Arbitrary<EventFilter> = fc.record(
  { contract: fc.constantFrom(...contracts), name: fc.constantFrom(...names) },
  { requiredKeys: [] },
);
const arbitraryQuery = fc
  .record({ filter: arbitraryFilter, fromHeight: fc.nat(12), span: fc.nat(14), limit: fc.integer({ min: 1, max: 5 }) })
  .map(({ span, ...query }): EventQuery => ({ ...query, toHeight: query.fromHeight + span }));
const arbitraryBounds: fc.Arbitrary<EventBounds> = fc.record({
  entryCount: fc.integer({ min: 1, max: 4 }),
  receiptCount: fc.integer({ min: 1, max: 4 }),
  receiptBytes: fc.integer({ min: 0, max: 600 }),
  answerBytes: fc.integer({ min: 1, max: 30 }),
});

describe("who follows `next` is given what a walk over all receipts meets, in its order", () => {
  test("whatever the filter, the range, the limit and the bounds of a page", async () => {
    const scenario = fc.record({
      blocks: fc.array(arbitraryBlock, { maxLength: 12 }),
      queries: fc.array(fc.tuple(arbitraryQuery, arbitraryBounds), { minLength: 8, maxLength: 8 }),
    });
    await fc.assert(
      fc.asyncProperty(scenario, async ({ blocks, queries }) => {
        const store = await newStore();
        for (const block of blocks) await commit(store, block);
        const database = await openDatabase(store.location, false);
        try {
          for (const [query, bounds] of queries) {
            const expected = naive(store, query);
            const head = store.headHeight;
            expect(await follow((page) => store.events(page, head), query)).toEqual(expected);
            expect(await follow((page) => findEvents(database, page, head, bounds), query)).toEqual(expected);
          }
        } finally {
          await database.close();
        }
      }),
      { numRuns: 60 },
    );
  });

  test("from any place on, be there an event or not", async () => {
    const store = await newStore();
    const event = (number: number): Event => ({ contract: contracts[number % 2]!, topics: [], data: new Uint8Array() });
    for (let height = 1; height <= 4; height++) {
      await commit(store, [[event(0), event(1)], [], height === 3 ? [] : [event(1), event(1), event(0)]]);
    }
    const query = { filter: { contract: contracts[1]! }, fromHeight: 0, toHeight: 4, limit: 2 };
    const all = naive(store, query);
    for (let height = 0; height <= 5; height++) {
      for (const transactionIndex of [0, 1, 2, 3, 0xffff_ffff]) {
        for (const eventIndex of [0, 1, 2, 5, 0xffff_ffff]) {
          const after = { height, transactionIndex, eventIndex };
          const expected = all.filter((text) => {
            const [at, index, number] = text.split("-").map(Number) as [number, number, number];
            return order({ height: at, transactionIndex: index, eventIndex: number }, after) > 0;
          });
          expect(await follow((page) => store.events(page, 4), { ...query, after }), textOf(after)).toEqual(expected);
        }
      }
    }
  });

  test("while blocks are added: a page is of the chain up to `toHeight` and the given head", async () => {
    const scenario = fc.record({
      blocks: fc.array(arbitraryBlock, { minLength: 1, maxLength: 8 }),
      more: fc.array(arbitraryBlock, { minLength: 1, maxLength: 4 }),
      query: arbitraryQuery,
    });
    await fc.assert(
      fc.asyncProperty(scenario, async ({ blocks, more, query }) => {
        const store = await newStore();
        for (const block of blocks) await commit(store, block);
        const head = store.headHeight;
        const expected = naive(store, { ...query, toHeight: Math.min(query.toHeight, head) });
        const waiting = [...more];
        const read = async (page: EventQuery) => {
          const [result] = await Promise.all([store.events(page, head), waiting.length > 0 && add()]);
          return result;
        };
        const add = () => commit(store, waiting.shift()!);
        expect(await follow(read, query)).toEqual(expected);
        while (waiting.length > 0) await add();
        expect(await follow((page) => store.events(page, store.headHeight), query)).toEqual(naive(store, query));
      }),
      { numRuns: 30 },
    );
  });

  test("after a rollback and other blocks in place of those", async () => {
    const scenario = fc.record({
      kept: fc.array(arbitraryBlock, { maxLength: 4 }),
      undone: fc.array(arbitraryBlock, { minLength: 1, maxLength: 4 }),
      instead: fc.array(arbitraryBlock, { maxLength: 4 }),
      query: arbitraryQuery,
    });
    await fc.assert(
      fc.asyncProperty(scenario, async ({ kept, undone, instead, query }) => {
        const [back, never] = [await newStore(), await newStore()];
        for (const block of kept) for (const store of [back, never]) await commit(store, block);
        for (const block of undone) await commit(back, block, 1);
        await back.rollback(kept.length);
        expect(await recordsOf(back.location)).toEqual(await recordsOf(never.location));
        for (const block of instead) await commit(back, block);
        await checkDatabase(back.location);
        expect(await follow((page) => back.events(page, back.headHeight), query)).toEqual(naive(back, query));
      }),
      { numRuns: 30 },
    );
  });
});

test("an event comes with its place, its transaction and its block, and the last page says that it is the last", async () => {
  const store = await newStore();
  const event: Event = { contract: contracts[0]!, topics: names, data: Uint8Array.of(1, 2) };
  await commit(store, []);
  await commit(store, [[], [event, event]]);
  const query = { filter: {}, fromHeight: 0, toHeight: 9, limit: 1 };
  const first = await store.events(query, 2);
  const { header } = store.requireBlock(2);
  const position = { height: 2, transactionIndex: 1, eventIndex: 0 };
  expect(first).toEqual({
    events: [
      {
        ...{ event, position },
        transactionHash: store.receipt(2, 1)!.transactionHash,
        blockHash: expect.toSatisfy((hash: Uint8Array) => store.heightOf(hash) === header.height),
      },
    ],
    next: position,
  });
  const second = await store.events({ ...query, after: position }, 2);
  expect([second.events.length, second.next]).toEqual([1, null]);
  expect(await store.events({ ...query, after: second.events[0]!.position }, 2)).toEqual({ events: [], next: null });
  expect(await store.events(query, 1)).toEqual({ events: [], next: null });
  expect(await store.events({ ...query, fromHeight: 3 }, 2)).toEqual({ events: [], next: null });
});

describe("a block with thousands of events", () => {
  test("has one entry for each contract and name, and is read in pages", async () => {
    const store = await newStore();
    const events = Array.from(
      { length: 3_000 },
      (_, number): Event => ({
        contract: contracts[number % 3]!,
        topics: [names[number % 4]!],
        data: new Uint8Array(16).fill(number),
      }),
    );
    await commit(store, [events.slice(0, 2_900), events.slice(2_900)]);
    const entries = [...(await recordsOf(store.location)).keys()].filter((key) => /^0[567]/.test(key));
    expect(entries.length).toBe(3 + 4 + 1);
    for (const filter of [{}, { contract: contracts[1]! }, { contract: contracts[1]!, name: names[2]! }]) {
      const query = { filter, fromHeight: 0, toHeight: 1, limit: 700 };
      expect(await follow((page) => store.events(page, 1), query)).toEqual(naive(store, query));
    }
  });

  test("fills an answer of 4 MiB and no more, however many are asked for", async () => {
    const store = await newStore();
    const event = { contract: contracts[0]!, topics: [], data: new Uint8Array(16 * 1024) };
    await commit(store, [Array.from({ length: 300 }, () => event)]);
    const query = { filter: {}, fromHeight: 0, toHeight: 1, limit: 10_000 };
    const { events, next } = await store.events(query, 1);
    expect(events.length).toBe(256);
    expect(next).toEqual(events.at(-1)!.position);
    expect((await follow((page) => store.events(page, 1), query)).length).toBe(300);
  });
});

test("a page looks at a bounded number of blocks, and empty ones cost nothing", async () => {
  const store = await newStore();
  const event = (name: number): Event => ({ contract: contracts[0]!, topics: [names[name]!], data: new Uint8Array() });
  for (let height = 1; height <= 40; height++) {
    await commit(store, height % 20 === 0 ? [[event(1)], [event(2)]] : [[]]);
  }
  const database = await openDatabase(store.location, false);
  onTestFinished(() => database.close());
  const reads = vi.spyOn(Level.prototype, "getSync");
  onTestFinished(() => reads.mockRestore());
  const query = { filter: { contract: contracts[0]!, name: names[2]! }, fromHeight: 0, toHeight: 40, limit: 10 };
  expect((await findEvents(database, query, 40)).events.length).toBe(2);
  // Of each block with events its hash, its two receipts, and that there is no third.
  expect(reads.mock.calls.length).toBe(2 * 4);
  const bounds = { entryCount: 1, receiptCount: 10, receiptBytes: 10_000, answerBytes: 10_000 };
  const { events, next } = await findEvents(database, query, 40, bounds);
  expect(events.map(({ position }) => textOf(position))).toEqual(["20-1-0"]);
  expect(next).toEqual({ height: 20, transactionIndex: 0xffff_ffff, eventIndex: 0xffff_ffff });
});

test("a transaction without events puts nothing into the index", async () => {
  const store = await newStore();
  await commit(store, [[], []]);
  expect([...(await recordsOf(store.location)).keys()].filter((key) => /^0[567]/.test(key))).toEqual([]);
});

describe("a page that is none is refused", () => {
  test.each([
    [2, 1],
    [-1, 1],
    [0, 0.5],
    [Number.NaN, 1],
    [0, 2 ** 53],
  ])("of the blocks from %s to %s: range_invalid", async (fromHeight, toHeight) => {
    const store = await newStore();
    expect(await codeOfWork(store.events({ filter: {}, fromHeight, toHeight, limit: 1 }, 0))).toBe("range_invalid");
  });

  test.each([0, -1, 1.5, Number.NaN])("of %s events: limit_invalid", async (limit) => {
    const store = await newStore();
    expect(await codeOfWork(store.events({ filter: {}, fromHeight: 0, toHeight: 1, limit }, 0))).toBe("limit_invalid");
  });

  test("of a store that is closed: storage_failed", async () => {
    const store = await newStore();
    await store.close();
    const query = { filter: {}, fromHeight: 0, toHeight: 1, limit: 1 };
    expect(await codeOfWork(store.events(query, 0))).toBe("storage_failed");
    await store.reopen();
    expect(await store.events(query, 0)).toEqual({ events: [], next: null });
  });
});

test("an entry that a check would find missing is not made up: the block stays unfound", async () => {
  const store = await newStore();
  await commit(store, [[{ contract: contracts[0]!, topics: [], data: new Uint8Array() }]]);
  await tamper(store.location, (database) => database.del(keys.eventContract(contracts[0]!, 1)));
  const query = { filter: { contract: contracts[0]! }, fromHeight: 0, toHeight: 1, limit: 1 };
  expect((await store.events(query, 1)).events).toEqual([]);
  expect((await store.events({ ...query, filter: {} }, 1)).events.length).toBe(1);
  expect(await codeOfWork(checkDatabase(store.location))).toBe("data_damaged");
});
