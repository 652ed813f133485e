/**
 * The subscriptions of a client that reads whenever it likes, against a naive model: whoever was told everything so far
 * knows what the chain holds.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { call, contract, FakeNode, transactionWith } from "../../test/support/fake-node.ts";
import { endOfBlock } from "../events.ts";
import { decodeTransaction, type Transaction } from "../transaction.ts";
import type { SubscriptionEvent } from "./api.ts";
import { Feed, RecentTexts } from "./feed.ts";
import { fromHex, toHex } from "./json.ts";
import { ConnectionSubscriptions, type SubscriptionRequest } from "./subscriptions.ts";

const UNSENT_MAX = 2_000;
/** More than one notification of these tests, and less than two. */
const NOTIFICATION_LENGTH_MAX = 1_500;

/** A client with one subscription, and what it was told. */
class Client {
  readonly told: SubscriptionEvent[] = [];
  readonly subscriptions: ConnectionSubscriptions;
  unsentLength = 0;
  peak = 0;
  hasFailed = false;

  constructor(feed: Feed, request: SubscriptionRequest, blocksBehindMax: number) {
    const client = this;
    const outlet = {
      get isFull() {
        return client.unsentLength > UNSENT_MAX;
      },
      send(text: string) {
        client.unsentLength += text.length;
        client.peak = Math.max(client.peak, client.unsentLength);
        client.told.push(JSON.parse(text).params);
      },
      fail() {
        client.hasFailed = true;
      },
    };
    this.subscriptions = new ConnectionSubscriptions(feed, outlet, { subscriptionsMax: 32, blocksBehindMax });
    const message = this.subscriptions.forMessage();
    message.add(request);
    message.start();
  }

  read(): void {
    this.unsentLength = 0;
    this.subscriptions.resume();
  }
}

const signed = decodeTransaction(transactionWith({}, call));
let madeCount = 0;
/** Never the same twice, so that no block is made again. */
const transactions = (count: number): Transaction[] =>
  Array.from({ length: count }, () => ({ ...signed, body: { ...signed.body, nonce: ++madeCount } }));

type Step =
  | { readonly kind: "seal"; readonly count: number; readonly size: number }
  | { readonly kind: "rollBack"; readonly by: number }
  | { readonly kind: "read" }
  | { readonly kind: "turn" };

const step = (withRollBack: boolean): fc.Arbitrary<Step> =>
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant("seal" as const), count: fc.nat(12), size: fc.nat(3) }) },
    { weight: 2, arbitrary: fc.constant({ kind: "read" as const }) },
    { weight: 2, arbitrary: fc.constant({ kind: "turn" as const }) },
    ...(withRollBack ? [fc.record({ kind: fc.constant("rollBack" as const), by: fc.nat(20) })] : []),
  );

const turn = () => new Promise(setImmediate);

/** Runs the steps, then lets the client read until nothing is left to tell. */
async function run(
  steps: readonly Step[],
  requestAt: (node: FakeNode) => SubscriptionRequest,
  blocksBehindMax = 100_000,
): Promise<{ node: FakeNode; client: Client }> {
  const node = new FakeNode();
  const faults: unknown[] = [];
  const feed = new Feed(node, (fault) => faults.push(fault));
  for (let i = 0; i < 20; i++) node.seal(transactions(i % 3));
  const client = new Client(feed, requestAt(node), blocksBehindMax);
  for (const step of steps) {
    if (step.kind === "seal") for (let i = 0; i < step.count; i++) node.seal(transactions(step.size));
    else if (step.kind === "read") client.read();
    else if (step.kind === "turn") await turn();
    else {
      node.rollBack(Math.max(0, node.head().header.height - step.by));
    }
  }
  await settle(client);
  expect(faults).toEqual([]);
  expect(client.hasFailed).toBe(false);
  expect(client.told.map(({ sequence }) => sequence)).toEqual(client.told.map((_, index) => index));
  expect(client.peak).toBeLessThan(UNSENT_MAX + NOTIFICATION_LENGTH_MAX);
  feed.end();
  client.subscriptions.end();
  expect(node.listenerCount).toBe(0);
  return { node, client };
}

/** Reads until nothing is left to be told. */
async function settle(client: Client): Promise<void> {
  for (let quiet = 0; quiet < 5; quiet++) {
    const { length } = client.told;
    client.read();
    await turn();
    if (client.told.length > length) quiet = 0;
  }
}

test("heads: whoever puts each on top of its parent has the node's chain, wherever it began", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step(true), { maxLength: 30 }), fc.nat(20), async (steps, after) => {
      const { node, client } = await run(steps, () => ({ topic: "heads", after }));
      const hashes: string[] = [];
      for (let height = 0; height <= after; height++) hashes.push(toHex(node.block(height)?.hash ?? new Uint8Array()));
      for (const event of client.told) {
        if (event.kind !== "head") throw new Error(`told of ${event.kind}`);
        expect(event.cursor).toBe(String(event.head.height));
        expect(event.head.height).toBeLessThanOrEqual(hashes.length);
        hashes.length = event.head.height;
        hashes.push(event.head.hash);
      }
      const chain = Array.from({ length: node.head().header.height + 1 }, (_, i) => toHex(node.block(i)!.hash));
      expect(hashes).toEqual(chain);
    }),
    { numRuns: 60 },
  );
});

test("events: each that matches is told once and in order, wherever it began", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step(false), { maxLength: 30 }),
      fc.record({ height: fc.nat(20), transactionIndex: fc.nat(2), eventIndex: fc.constant(0) }),
      fc.boolean(),
      async (steps, after, isMatching) => {
        const filter = isMatching ? { contract } : { name: new Uint8Array([1]) };
        const { node, client } = await run(steps, () => ({ topic: "events", filter, after }));
        const { height } = node.head().header;
        const page = await node.events({ filter, fromHeight: 0, toHeight: height, after, limit: 1_000_000 });
        const expected = page.events.map(({ position }) => Object.values(position).join("-"));
        expect(client.told.map((event) => (event.kind === "event" ? event.cursor : event.kind))).toEqual(expected);
      },
    ),
    { numRuns: 60 },
  );
});

test("events: of a chain that is taken back, what stayed is told once and what came is told, in order", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step(true), { maxLength: 30 }),
      fc.record({ height: fc.nat(20), transactionIndex: fc.nat(2), eventIndex: fc.constant(0) }),
      async (steps, after) => {
        const filter = { contract };
        let lowest = Number.POSITIVE_INFINITY;
        const { node, client } = await run(steps, (node) => {
          const rollBack = node.rollBack.bind(node);
          node.rollBack = (height) => {
            lowest = Math.min(lowest, height);
            rollBack(height);
          };
          return { topic: "events", filter, after };
        });
        const toHeight = node.head().header.height;
        const from = lowest < after.height ? endOfBlock(lowest) : after;
        const query = { filter, fromHeight: 0, toHeight, after: from, limit: 1_000_000 };
        const expected = (await node.events(query)).events.map(({ blockHash, position }) => [
          toHex(blockHash),
          position.transactionIndex,
        ]);
        const told = client.told.map((event) => {
          if (event.kind !== "event") throw new Error(`told of ${event.kind}`);
          return event.event;
        });
        const stayed = told.filter(({ blockHash }) => node.heightOf(fromHex(blockHash)) !== undefined);
        expect(stayed.map(({ blockHash, transactionIndex }) => [blockHash, transactionIndex])).toEqual(expected);
      },
    ),
    { numRuns: 60 },
  );
});

test("the head that is left by a revert is told again, also when nothing was taken back; its events are not", async () => {
  const node = new FakeNode();
  const feed = new Feed(node, () => {});
  const heads = new Client(feed, { topic: "heads" }, 100_000);
  const events = new Client(feed, { topic: "events", filter: {} }, 100_000);
  const told = async () => {
    await settle(heads);
    await settle(events);
    const cursors = [heads, events].map((client) =>
      client.told.splice(0).map((event) => ("cursor" in event ? event.cursor : event.kind)),
    );
    return cursors;
  };
  for (let height = 1; height <= 6; height++) node.seal(transactions(1));
  expect(await told()).toEqual([
    ["1", "2", "3", "4", "5", "6"],
    ["1-0-0", "2-0-0", "3-0-0", "4-0-0", "5-0-0", "6-0-0"],
  ]);
  node.rollBack(6);
  expect(await told()).toEqual([["6"], []]);
  // Nobody was told of block 7, and it is told no more.
  node.seal(transactions(1));
  node.rollBack(1);
  node.seal(transactions(2));
  expect(await told()).toEqual([
    ["1", "2"],
    ["2-0-0", "2-1-0"],
  ]);
  const late = new Client(
    feed,
    { topic: "events", filter: {}, after: { height: 2, transactionIndex: 0, eventIndex: 0 } },
    9,
  );
  await settle(late);
  expect(late.told.map((event) => event.kind === "event" && event.cursor)).toEqual(["2-1-0"]);
});

test("heads: what lags out and what is told is all there was, once", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step(false), { maxLength: 40 }), async (steps) => {
      const { node, client } = await run(steps, () => ({ topic: "heads" }), 10);
      let height = 20;
      for (const event of client.told) {
        if (event.kind === "lagged") height += event.missed;
        else if (event.kind === "head") expect(event.head.height).toBe(++height);
      }
      expect(height).toBe(node.head().header.height);
    }),
    { numRuns: 60 },
  );
});

test("recent texts: the last ones are kept, by count and by length, each under its number", () => {
  fc.assert(
    fc.property(fc.nat(5), fc.nat(30), fc.array(fc.string({ maxLength: 12 })), (countMax, lengthMax, texts) => {
      const recent = new RecentTexts(countMax, lengthMax);
      for (const text of texts) recent.add(text);
      let first = texts.length;
      let length = 0;
      while (first > 0 && texts.length - first < countMax && length + texts[first - 1]!.length <= lengthMax) {
        length += texts[--first]!.length;
      }
      expect([recent.first, recent.next]).toEqual([first, texts.length]);
      texts.forEach((text, index) => {
        expect(recent.get(index)).toBe(index < first ? undefined : text);
      });
    }),
  );
});
