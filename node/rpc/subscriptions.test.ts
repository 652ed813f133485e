/**
 * Subscriptions over real sockets: what each topic tells, from where on, and what it does when it cannot.
 */
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { type RawData, WebSocket } from "ws";
import { call, contract, eventName, FakeNode, noHash, transactionWith } from "../../test/support/fake-node.ts";
import { client, connectWs, failing, http, nextMessage, rpc, settled, start } from "../../test/support/rpc-server.ts";
import { InputError } from "../../vm/errors.ts";
import { decodeTransaction, transactionHash } from "../transaction.ts";
import type { SubscriptionEvent } from "./api.ts";
import type { EventOfTopic } from "./client.ts";
import { encodeCursor } from "./cursor.ts";
import { toHex } from "./json.ts";
import type { EventQuery } from "./service.ts";

const transactions = (count: number) => Array(count).fill(decodeTransaction(transactionWith({}, call)));
/** Short for what was told. */
const told = (event: EventOfTopic<"heads" | "events">): string =>
  event.kind === "lagged" ? `lagged ${event.missed}` : event.cursor;

/** Collects what a subscription of its own client tells. */
async function follow(url: string, params: Parameters<ReturnType<typeof client>["subscribe"]>[0]) {
  const events: SubscriptionEvent[] = [];
  const subscription = await client(url).subscribe(params, (event) => events.push(event));
  return { events, subscription };
}

describe("heads", () => {
  test("follow the answer and carry every head from then on, in order", async () => {
    const { url, node } = await start();
    const socket = await connectWs(url);
    const messages: { id?: number; result?: unknown; params?: EventOfTopic<"heads"> }[] = [];
    socket.on("message", (data: RawData) => messages.push(JSON.parse(data.toString())));
    // Heads inside the very turn that answers must not come first.
    const { head } = node;
    node.head = () => {
      node.head = head;
      void Promise.resolve().then(() => node.seal([]));
      return node.head();
    };
    socket.send(`[${rpc("chain_subscribe", { topic: "heads" }, 1)},${rpc("chain_info", {}, 2)}]`);
    await vi.waitFor(() => expect(messages).toHaveLength(2));
    for (let i = 0; i < 3; i++) node.seal([]);
    await vi.waitFor(() => expect(messages).toHaveLength(5));
    expect(messages[0]).toMatchObject([{ id: 1, result: { subscription: "1" } }, { id: 2 }]);
    expect(messages.slice(1).map(({ params }) => [params!.subscription, params!.sequence, told(params!)])).toEqual([
      ["1", 0, "1"],
      ["1", 1, "2"],
      ["1", 2, "3"],
      ["1", 3, "4"],
    ]);
    const { params } = messages[2]!;
    expect(params).toMatchObject({ kind: "head", head: await client(url).call("chain_block", { height: 2 }) });
  });

  test("go on behind a cursor, and the client keeps the last one", async () => {
    const { url, node } = await start();
    for (let i = 0; i < 300; i++) node.seal([]);
    const idle = await follow(url, { topic: "heads", after: "300" });
    expect(idle.subscription.cursor).toBe("300");
    const first = await follow(url, { topic: "heads", after: "100" });
    await vi.waitFor(() => expect(first.events).toHaveLength(200));
    const second = await follow(url, { topic: "heads", after: first.subscription.cursor! });
    node.seal([]);
    await vi.waitFor(() => expect(second.events).toMatchObject([{ sequence: 0, cursor: "301" }]));
    expect(first.events.map((event) => (event as EventOfTopic<"heads"> & { cursor: string }).cursor)).toEqual(
      Array.from({ length: 201 }, (_, i) => String(101 + i)),
    );
  });

  test("say how many were left out when the client is too far behind, and go on at the head", async () => {
    const missed: number[] = [];
    const { url, node } = await start({ limits: { blocksBehindMax: 50 }, onLagged: (count) => missed.push(count) });
    for (let i = 0; i < 200; i++) node.seal([]);
    const near = await follow(url, { topic: "heads", after: "150" });
    const far = await follow(url, { topic: "heads", after: "149" });
    await vi.waitFor(() => expect(near.events).toHaveLength(50));
    await vi.waitFor(() => expect(far.events).toHaveLength(2));
    expect(far.events).toMatchObject([
      { sequence: 0, kind: "lagged", missed: 50 },
      { sequence: 1, kind: "head", cursor: "200" },
    ]);
    expect(missed).toEqual([50]);
  });

  test("of blocks that are gone are left out, with their number", async () => {
    const { url, node } = await start();
    for (let i = 0; i < 10; i++) node.seal([]);
    const { block } = node;
    node.block = (height) => (height < 7 ? undefined : block.call(node, height));
    const { events } = await follow(url, { topic: "heads", after: "2" });
    await vi.waitFor(() => expect(events).toHaveLength(2));
    expect(events).toMatchObject([{ missed: 7 }, { cursor: "10" }]);
  });

  test("go back with the chain: heights repeat, and each head names its parent", async () => {
    const { url, node } = await start();
    const { events } = await follow(url, { topic: "heads" });
    for (let i = 0; i < 3; i++) node.seal([]);
    await vi.waitFor(() => expect(events).toHaveLength(3));
    node.rollBack(1);
    node.seal(transactions(1));
    node.seal(transactions(1));
    await vi.waitFor(() => expect(events).toHaveLength(6));
    const heads = events.map((event) => (event as Extract<SubscriptionEvent, { kind: "head" }>).head);
    expect(heads.map(({ height }) => height)).toEqual([1, 2, 3, 1, 2, 3]);
    expect(heads[3]).toEqual(heads[0]);
    expect(heads[4]!.parentHash).toBe(heads[0]!.hash);
    expect(heads[5]!.parentHash).toBe(heads[4]!.hash);
  });

  test.each(["heads", "events"] as const)(
    "wait while the store is opened anew, and nothing of %s is missing",
    async (topic) => {
      const { url, node, faults } = await start();
      for (let i = 0; i < 10; i++) node.seal(transactions(1));
      const { block, events: find } = node;
      const away = vi.fn(() => {
        throw new InputError("storage_failed", "the database is not open");
      });
      node.block = away;
      node.events = async () => away();
      const { events } = await follow(url, { topic, after: "0" });
      await vi.waitFor(() => expect(away.mock.calls.length).toBeGreaterThan(1));
      expect(events).toEqual([]);
      node.block = block;
      node.events = find;
      await vi.waitFor(() => expect(events).toHaveLength(10));
      expect(events.every(({ kind }) => kind !== "lagged")).toBe(true);
      expect(faults).toEqual([]);
    },
  );

  test("behind a cursor above the head say so at once", async () => {
    const { url, node } = await start();
    const { events } = await follow(url, { topic: "heads", after: "7" });
    await vi.waitFor(() => expect(events).toMatchObject([{ kind: "lagged", missed: 0 }]));
    node.seal([]);
    await vi.waitFor(() => expect(events).toHaveLength(2));
    expect(events[1]).toMatchObject({ kind: "head", cursor: "1", sequence: 1 });
  });

  test("that cannot be shown are a fault, not a crash of whoever made them", async () => {
    const { url, node, faults } = await start();
    const ended: InputError[] = [];
    await client(url).subscribe(
      { topic: "heads" },
      () => {},
      (error) => ended.push(error),
    );
    node.seal([]);
    node.announce({ ...node.head(), header: { ...node.head().header, stateRoot: undefined as never } });
    await vi.waitFor(() => expect(ended).toMatchObject([{ code: "connection_lost", details: { closeCode: 1011 } }]));
    expect(faults).toHaveLength(1);
  });

  test("of thousands of blocks are caught up with while others are served", async () => {
    const { url, node } = await start();
    for (let i = 0; i < 5_000; i++) node.seal([]);
    const followers = await Promise.all(Array.from({ length: 4 }, () => follow(url, { topic: "heads", after: "0" })));
    const other = client(url);
    let calls = 0;
    let slowestMs = 0;
    while (followers.some(({ events }) => events.length < 5_000)) {
      const startedAt = performance.now();
      await other.call("chain_info", {});
      slowestMs = Math.max(slowestMs, performance.now() - startedAt);
      calls++;
    }
    // The clients are in this very process, so this is loose.
    expect(calls).toBeGreaterThan(4);
    expect(slowestMs).toBeLessThan(1_000);
    for (const { events } of followers) expect(events.at(-1)).toMatchObject({ cursor: "5000", sequence: 4_999 });
  });
});

describe("events", () => {
  test("that match are told once, in order, from the chain and from new blocks alike", async () => {
    const { url, node } = await start();
    for (let i = 0; i < 30; i++) node.seal(transactions(i % 4));
    const all = await follow(url, { topic: "events", after: "0" });
    const none = await follow(url, { topic: "events", after: "0", name: "Other" });
    const middle = await follow(url, { topic: "events", after: "7-1-0" });
    for (let i = 0; i < 30; i++) {
      node.seal(transactions(i % 4));
      await new Promise(setImmediate);
    }
    const { events: expected } = await node.events({
      filter: { contract, name: eventName },
      fromHeight: 0,
      toHeight: 60,
      limit: 1000,
    });
    await vi.waitFor(() => expect(all.events).toHaveLength(expected.length));
    const cursors = expected.map(({ position }) => encodeCursor(position));
    expect(all.events.map((event) => told(event as EventOfTopic<"events">))).toEqual(cursors);
    expect(all.events[0]).toMatchObject({ sequence: 0, event: { height: 2, name: "Moved", data: "0x01" } });
    expect(middle.events.map((event) => told(event as EventOfTopic<"events">))).toEqual(
      cursors.slice(cursors.indexOf("7-1-0") + 1),
    );
    expect(none.events).toEqual([]);
  });

  test("of one search are told even when the next one takes long, and searches are few at once", async () => {
    const { url, node } = await start();
    for (let i = 0; i < 200; i++) node.seal(transactions(1));
    const { events } = node;
    let running = 0;
    let peak = 0;
    node.events = async (query: EventQuery) => {
      peak = Math.max(peak, ++running);
      await new Promise((resolve) => setTimeout(resolve, 2));
      running--;
      return events.call(node, query);
    };
    const followers = await Promise.all(Array.from({ length: 6 }, () => follow(url, { topic: "events", after: "0" })));
    for (const { events } of followers) await vi.waitFor(() => expect(events).toHaveLength(200), { timeout: 10_000 });
    expect(peak).toBe(2);
  });

  test("that cannot be searched any more are left out, and new ones follow", async () => {
    const { url, node } = await start();
    for (let i = 0; i < 10; i++) node.seal(transactions(1));
    node.events = async () => {
      throw new InputError("height_pruned", "gone");
    };
    const { events } = await follow(url, { topic: "events", after: "3" });
    await vi.waitFor(() => expect(events).toMatchObject([{ kind: "lagged", missed: 7 }]));
    node.seal(transactions(1));
    await vi.waitFor(() => expect(events).toHaveLength(2));
    expect(events[1]).toMatchObject({ cursor: "11-0-0", sequence: 1 });
  });

  test("that the node fails to search end the connection, and are its fault", async () => {
    const { url, node, faults } = await start();
    node.seal([]);
    node.events = async () => {
      throw new Error("secret");
    };
    const ended: InputError[] = [];
    const listener = () => {};
    await client(url).subscribe({ topic: "events", after: "0" }, listener, (error) => ended.push(error));
    await vi.waitFor(() => expect(ended).toHaveLength(1));
    expect(ended[0]!.message).not.toContain("secret");
    expect(faults).toHaveLength(1);
  });

  test("go back with the chain, in the middle of a search too", async () => {
    const { url, node } = await start();
    for (let i = 0; i < 5; i++) node.seal(transactions(1));
    const { events: search } = node;
    let isFirst = true;
    node.events = async (query: EventQuery) => {
      const page = await search.call(node, query);
      if (isFirst) {
        isFirst = false;
        node.rollBack(2);
        node.seal(transactions(2));
      }
      return page;
    };
    const { events } = await follow(url, { topic: "events", after: "1" });
    const cursors = () => events.map((event) => told(event as EventOfTopic<"events">));
    await vi.waitFor(() => expect(cursors()).toEqual(["2-0-0", "3-0-0", "3-1-0"]));
    node.rollBack(2);
    node.seal(transactions(3));
    await vi.waitFor(() => expect(cursors().slice(-3)).toEqual(["3-0-0", "3-1-0", "3-2-0"]));
  });
});

describe("a transaction", () => {
  const encoded = transactionWith({ nonce: 9 }, call);
  const hash = toHex(transactionHash(encoded));

  test("is told of from the present on until it is in a block", async () => {
    const { url, node, server } = await start();
    const { events } = await follow(url, { topic: "transaction", hash });
    await vi.waitFor(() => expect(events).toMatchObject([{ kind: "status", status: { kind: "unknown" } }]));
    node.admit(encoded);
    await vi.waitFor(() => expect(events).toHaveLength(2));
    expect(events[1]).toMatchObject({ sequence: 1, status: { kind: "pending", nonce: 9, hash } });
    node.seal([]);
    node.seal([decodeTransaction(encoded)]);
    await vi.waitFor(() => expect(events).toHaveLength(3));
    expect(events[2]).toMatchObject({ status: { kind: "included", receipt: { transactionHash: hash, height: 2 } } });
    expect(server.subscriptionCount).toBe(0);
    const late = await follow(url, { topic: "transaction", hash });
    await vi.waitFor(() => expect(late.events).toMatchObject([{ sequence: 0, status: { kind: "included" } }]));
  });

  test("that is dropped is told of with the reason, and then no more", async () => {
    const { url, node, server } = await start();
    node.admit(encoded);
    const { events } = await follow(url, { topic: "transaction", hash });
    await vi.waitFor(() => expect(events).toMatchObject([{ status: { kind: "pending" } }]));
    node.drop({ hash: transactionHash(encoded) });
    await vi.waitFor(() => expect(events).toHaveLength(2));
    expect(events[1]).toMatchObject({ status: { kind: "dropped", code: "transaction_dropped" } });
    node.admit(encoded);
    node.seal([decodeTransaction(encoded)]);
    await client(url).call("chain_info", {});
    expect(events).toHaveLength(2);
    expect(server.subscriptionCount).toBe(0);
  });

  test("that went through everything in one turn is told of as it is then", async () => {
    const { url, node } = await start();
    const { events } = await follow(url, { topic: "transaction", hash });
    await vi.waitFor(() => expect(events).toHaveLength(1));
    node.admit(encoded);
    node.drop({});
    node.admit(encoded);
    node.seal([decodeTransaction(encoded)]);
    await vi.waitFor(() => expect(events).toHaveLength(2));
    expect(events[1]).toMatchObject({ sequence: 1, status: { kind: "included" } });
  });
});

describe("the pool", () => {
  test("is told of as transactions come and go, from now on", async () => {
    const { url, node } = await start();
    const [a, b, c] = [1, 2, 3].map((nonce) => transactionWith({ nonce }, call)) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    node.admit(a);
    const { events } = await follow(url, { topic: "pending" });
    node.admit(b);
    node.drop({ hash: transactionHash(b) });
    node.admit(c);
    node.seal([decodeTransaction(a), decodeTransaction(c)]);
    await vi.waitFor(() => expect(events).toHaveLength(3));
    expect(events).toMatchObject([
      { sequence: 0, kind: "pending", transaction: { nonce: 2, isReady: true, actions: ["call"] } },
      { sequence: 1, kind: "dropped", hash: toHex(transactionHash(b)), code: "transaction_dropped" },
      { sequence: 2, kind: "pending", transaction: { nonce: 3 } },
    ]);
  });

  test("lags behind for who does not read: the oldest are left out, and how many is said", async () => {
    const { url, node } = await start();
    const socket = await connectWs(url);
    socket.send(rpc("chain_subscribe", { topic: "pending" }));
    await nextMessage(socket);
    const events: SubscriptionEvent[] = [];
    socket.on("message", (data: RawData) => events.push(JSON.parse(data.toString()).params));
    socket.pause();
    const encoded = transactionWith({}, call);
    const count = 40_000;
    for (let i = 1; i <= count; i++) {
      node.admit(encoded);
      if (i % 100 === 0) await new Promise(setImmediate);
    }
    socket.resume();
    await settled(() => events.length);
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, i) => i));
    const lags = events.filter((event) => event.kind === "lagged");
    expect(lags.length).toBeGreaterThan(0);
    const missed = lags.reduce((sum, event) => sum + event.missed, 0);
    expect(missed + events.length - lags.length).toBe(count);
    // The latest is always there.
    expect(events.at(-1)).toMatchObject({ kind: "pending" });
  });
});

describe("a subscription", () => {
  test("ends when it is ended, and is nobody else's to end", async () => {
    const { url, node, server } = await start();
    const [mine, other] = [client(url), client(url)];
    const heights: string[] = [];
    const subscription = await mine.subscribe({ topic: "heads" }, (event) => heights.push(told(event)));
    node.seal([]);
    await vi.waitFor(() => expect(heights).toEqual(["1"]));
    expect(await other.call("chain_unsubscribe", { subscription: "1" })).toBe(false);
    node.seal([]);
    await vi.waitFor(() => expect(heights).toEqual(["1", "2"]));
    expect(server.subscriptionCount).toBe(1);
    await subscription.unsubscribe();
    node.seal([]);
    await mine.call("chain_info", {});
    expect(heights).toEqual(["1", "2"]);
    expect(server.subscriptionCount).toBe(0);
  });

  test("needs a WebSocket", async () => {
    const { http: url, port } = await start();
    await expect(client(url).subscribe({ topic: "heads" }, () => {})).rejects.toThrow(failing("websocket_only"));
    for (const [method, params] of [
      ["chain_subscribe", { topic: "heads" }],
      ["chain_unsubscribe", { subscription: "1" }],
    ] as const) {
      const answer = JSON.parse((await http(port, { body: rpc(method, params) })).text);
      expect(answer.error).toMatchObject({ code: -32000, data: { code: "websocket_only" } });
    }
  });

  test("leaves nothing behind, and neither does the server", async () => {
    const { url, server, node } = await start();
    const socket = await connectWs(url);
    const topics = [
      { topic: "heads" },
      { topic: "events" },
      { topic: "pending" },
      { topic: "transaction", hash: toHex(noHash) },
    ];
    for (const params of topics) {
      socket.send(rpc("chain_subscribe", params));
      await nextMessage(socket);
    }
    expect(server.subscriptionCount).toBe(4);
    socket.terminate();
    await vi.waitFor(() => expect(server.subscriptionCount).toBe(0));
    node.seal([]);
    await server.close();
    expect(node.listenerCount).toBe(0);
  });
});

/** A chain of a million blocks that exist only while they are looked at. */
class LongNode extends FakeNode {
  height = 0;
  readonly #template = this.seal(transactions(1000));

  #recordAt(height: number) {
    return { ...this.#template, header: { ...this.#template.header, height } };
  }
  override head() {
    return this.height === undefined ? super.head() : this.#recordAt(this.height);
  }
  override block(height: number) {
    return height > this.height ? undefined : this.#recordAt(height);
  }
  advance(): void {
    this.height++;
    this.announce(this.#recordAt(this.height));
  }
}

test("a client that never reads, with all its subscriptions, costs the node less than 2 MB", async () => {
  const node = new LongNode();
  const { url, server } = await start({ service: node });
  const socket = await connectWs(url);
  for (let i = 0; i < 32; i++) {
    const topic = (["heads", "events", "pending"] as const)[i % 3];
    socket.send(rpc("chain_subscribe", { topic }));
    await nextMessage(socket);
  }
  expect(server.subscriptionCount).toBe(32);
  socket.pause();
  const encoded = transactionWith({}, call);
  const run = async (blocks: number) => {
    for (let i = 0; i < blocks; i++) {
      node.advance();
      node.admit(encoded);
      await new Promise(setImmediate);
    }
    return (await unsentBytes()) / 1024 / 1024;
  };
  // What the server holds unsent, as its own sockets have it.
  const unsentBytes = async () =>
    (process as unknown as { _getActiveHandles(): { writableLength?: number }[] })
      ._getActiveHandles()
      .reduce((sum, { writableLength = 0 }) => sum + writableLength, 0);
  const early = await run(100);
  const late = await run(2_000);
  expect(early).toBeGreaterThan(0.2);
  expect(late).toBeLessThan(2);
  expect(late - early).toBeLessThan(0.5);
  expect(socket.readyState).toBe(WebSocket.OPEN);
  onTestFinished(() => socket.terminate());
  // Whoever reads in between is not held up.
  const reader = await follow(url, { topic: "heads", after: String(node.height - 10) });
  await vi.waitFor(() => expect(reader.events).toHaveLength(10));
});
