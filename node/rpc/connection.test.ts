/**
 * Clients that do not read, do not answer, or want too much: they harm neither the node nor other clients.
 */
import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { describe, expect, test, vi } from "vitest";
import type { RawData } from "ws";
import { call, contract, noHash, transaction } from "../../test/support/fake-node.ts";
import {
  client,
  closeOf,
  connectWs,
  failing,
  handshake,
  http,
  nextMessage,
  rpc,
  settled,
  start,
} from "../../test/support/rpc-server.ts";
import { InputError } from "../../vm/errors.ts";
import { addressToText } from "../address.ts";
import { decodeTransaction } from "../transaction.ts";

describe("a client that does not read", () => {
  test("its requests are held back, not its answers piled up, and none is lost when it reads again", async () => {
    const { url, node } = await start();
    const socket = await connectWs(url);
    const request = rpc("contract_code", { codeHash: `0x${"ff".repeat(32)}` });
    socket.pause();
    const count = 60;
    for (let i = 0; i < count; i++) socket.send(request);
    await settled(() => node.codeReads);
    // Two megabytes each: what the kernel's buffers take, and one or two more.
    expect(node.codeReads).toBeLessThan(count / 2);
    let answers = 0;
    const all = new Promise<void>((resolve) => {
      socket.on("message", (data: Buffer) => {
        expect(data.length).toBeGreaterThan(2 * node.bigCode.length);
        if (++answers === count) resolve();
      });
    });
    socket.resume();
    await all;
    expect(node.codeReads).toBe(count);
  });

  test("is dropped when it still takes nothing after two heartbeats, and its answers with it", async () => {
    const { url, node, logs } = await start({ limits: { heartbeatMs: 100 } });
    const socket = await connectWs(url);
    socket.pause();
    for (let i = 0; i < 20; i++) socket.send(rpc("contract_code", { codeHash: `0x${"ff".repeat(32)}` }));
    await vi.waitFor(() => expect(logs).toEqual([expect.stringContaining("ping")]));
    const reads = node.codeReads;
    expect(reads).toBeLessThan(20);
    const closed = closeOf(socket);
    socket.resume();
    expect(await closed).toMatchObject({ code: 1006 });
    expect(node.codeReads).toBe(reads);
  });

  test("of heads costs a bounded number of bytes, sees every head when it reads again, and others see them at once", async () => {
    const { url, node, logs } = await start();
    const api = client(url);
    let seen = 0;
    await api.subscribe({ topic: "heads" }, ({ sequence }) => expect(sequence).toBe(seen++));
    const socket = await connectWs(url);
    for (let i = 0; i < 32; i++) {
      socket.send(rpc("chain_subscribe", { topic: "heads" }));
      await nextMessage(socket);
    }
    const sequences = new Map<string, number>();
    socket.on("message", (data: RawData) => {
      const { subscription, sequence, head } = JSON.parse(data.toString()).params;
      expect(sequence).toBe(sequences.get(subscription) ?? 0);
      expect(head.height).toBe(sequence + 1);
      sequences.set(subscription, sequence + 1);
    });
    socket.pause();
    const transactions = Array(100).fill(decodeTransaction(transaction(call)));
    const heads = 100;
    for (let i = 1; i <= heads; i++) {
      node.seal(transactions);
      if (i % 10 === 0) await new Promise(setImmediate);
    }
    // Nobody waits for the one that does not read.
    await vi.waitFor(() => expect(seen).toBe(heads));
    expect(sequences.size).toBeLessThan(32);
    socket.resume();
    await vi.waitFor(() => expect([...sequences.values()]).toEqual(Array(32).fill(heads)), { timeout: 30_000 });
    expect(logs).toEqual([]);
  });

  test("of heads is dropped when it answers no ping, and what it left unread is freed", async () => {
    const { url, node, logs, server } = await start({ limits: { heartbeatMs: 100 } });
    const socket = await connectWs(url);
    socket.send(rpc("chain_subscribe", { topic: "heads" }));
    await nextMessage(socket);
    socket.pause();
    const transactions = Array(1000).fill(decodeTransaction(transaction(call)));
    const timer = setInterval(() => node.seal(transactions), 5);
    await vi.waitFor(() => expect(logs).toEqual([expect.stringContaining("ping")]), { timeout: 10_000 });
    clearInterval(timer);
    await vi.waitFor(() => expect(server.connectionCount).toBe(0));
    expect(server.subscriptionCount).toBe(0);
  });
});

describe("one client does not take what is everybody's", () => {
  const view = rpc("contract_view", { contract: addressToText(contract), method: "get" });

  test("calls in flight on a connection are bounded, and the rest stay with the client until it is their turn", async () => {
    const { url, node, logs } = await start({ limits: { inFlightMax: 4, heartbeatMs: 20 } });
    const releases: (() => void)[] = [];
    let running = 0;
    let peak = 0;
    node.onView = async () => {
      peak = Math.max(peak, ++running);
      await new Promise<void>((resolve) => releases.push(resolve));
      running--;
    };
    const socket = await connectWs(url);
    let answers = 0;
    socket.on("message", () => answers++);
    // 60 MB, so that most of them fit in no buffer between the two.
    const [large, count] = [view.padEnd(1024 * 1024), 60];
    for (let i = 0; i < count; i++) socket.send(large);
    await settled(() => socket.bufferedAmount);
    expect(socket.bufferedAmount).toBeGreaterThan((count / 2) * large.length);
    // Small ones come many in one read.
    for (let i = 0; i < 10 * count; i++) socket.send(view);
    while (answers < 11 * count) {
      for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
      for (const release of releases.splice(0)) release();
    }
    expect(peak).toBe(4);
    expect(logs).toEqual([]);
  });

  test("a few of a connection's calls run contracts at once, in their order; other calls pass them", async () => {
    const { url, node } = await start({ limits: { executionsMax: 3 } });
    const releases: (() => void)[] = [];
    let running = 0;
    let peak = 0;
    const order: number[] = [];
    node.view = async ({ gasLimit = 0 }) => {
      order.push(gasLimit);
      peak = Math.max(peak, ++running);
      await new Promise<void>((resolve) => releases.push(resolve));
      running--;
      if (gasLimit % 5 === 0) throw new InputError("no", "no");
      return { outcome: { kind: "success", data: noHash }, gasUsed: 0, height: 0, logs: [] };
    };
    const [greedy, other] = [client(url), client(url)];
    const viewing = (api: typeof greedy, gasLimit: number) =>
      api.call("contract_view", { contract: addressToText(contract), method: "get", gasLimit }).catch(() => {});
    const views = Array.from({ length: 20 }, (_, i) => viewing(greedy, i));
    await vi.waitFor(() => expect(order).toEqual([0, 1, 2]));
    await greedy.call("chain_info", {});
    // The other client's turn does not come behind the rest of them.
    views.push(viewing(other, 100));
    await vi.waitFor(() => expect(order).toEqual([0, 1, 2, 100]));
    while (running > 0) {
      for (const release of releases.splice(0)) release();
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await Promise.all(views);
    expect(peak).toBe(4);
    expect(order.filter((gasLimit) => gasLimit < 100)).toEqual(Array.from({ length: 20 }, (_, i) => i));
  });

  test("the messages of calls in flight are bounded in size", async () => {
    const { url, node } = await start({ limits: { inFlightLengthMax: 100_000, executionsMax: 64 } });
    const releases: (() => void)[] = [];
    let begun = 0;
    node.onView = () => {
      begun++;
      return new Promise<void>((resolve) => releases.push(resolve));
    };
    const socket = await connectWs(url);
    let answers = 0;
    socket.on("message", () => answers++);
    for (let i = 0; i < 20; i++) socket.send(view.padEnd(30_000));
    await settled(() => begun);
    // The one that went above it is the last.
    expect(begun).toBe(4);
    while (answers < 20) {
      for (const release of releases.splice(0)) release();
      await new Promise(setImmediate);
    }
    expect(begun).toBe(20);
  });

  test("a batch of calls that are quick one by one does not hold up other clients", async () => {
    const { url, node } = await start();
    node.storage = () => {
      const endsAt = performance.now() + 2;
      while (performance.now() < endsAt);
      return undefined;
    };
    const socket = await connectWs(url);
    const other = client(url);
    await other.call("chain_info", {});
    const read = rpc("state_storage", { contract: addressToText(contract), key: "0x" });
    socket.send(`[${Array(100).fill(read).join(",")}]`);
    const answered = nextMessage(socket).then(() => "batch");
    // Both went out together, and the batch takes 200 ms.
    expect(await Promise.race([other.call("chain_info", {}).then(() => "call"), answered])).toBe("call");
    await answered;
  });

  test("calls start in the order of their messages", async () => {
    const { url, node } = await start();
    const order: number[] = [];
    node.view = async ({ gasLimit = 0 }) => {
      order.push(gasLimit);
      await new Promise((resolve) => setTimeout(resolve, (gasLimit * 7) % 5));
      return { outcome: { kind: "success", data: noHash }, gasUsed: 0, height: 0, logs: [] };
    };
    const api = client(url);
    const indices = Array.from({ length: 200 }, (_, index) => index);
    const name = addressToText(contract);
    await Promise.all(
      indices.map((gasLimit) => api.call("contract_view", { contract: name, method: "get", gasLimit })),
    );
    expect(order).toEqual(indices);
  });

  test("subscriptions on a connection are bounded, and one that ends makes room", async () => {
    const { url } = await start({ limits: { subscriptionsMax: 2 } });
    const api = client(url);
    const first = await api.subscribe({ topic: "heads" }, () => {});
    await api.subscribe({ topic: "heads" }, () => {});
    await expect(api.subscribe({ topic: "heads" }, () => {})).rejects.toThrow(failing("too_many_subscriptions"));
    await first.unsubscribe();
    await api.subscribe({ topic: "heads" }, () => {});
    expect(await api.call("chain_unsubscribe", { subscription: "no such" })).toBe(false);
  });

  test("connections are bounded: one too many is told so, and one that ends makes room", async () => {
    const { url, port } = await start({ limits: { connectionsMax: 2 } });
    const sockets = [await connectWs(url), await connectWs(url)];
    const answer = await http(port, { body: rpc("chain_info") });
    expect(answer.status).toBe(503);
    expect(JSON.parse(answer.text).error.data.code).toBe("too_many_connections");
    await expect(client(url).call("chain_info", {})).rejects.toThrow(failing("too_many_connections"));
    sockets[0]!.close();
    await closeOf(sockets[0]!);
    await vi.waitFor(() => connectWs(url));
  });

  test("connections from one address of another machine are bounded apart", async () => {
    const address = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .find(({ internal, family }) => !internal && family === "IPv4")?.address;
    const { port } = await start({ host: "0.0.0.0", limits: { connectionsPerAddressMax: 2 } });
    for (let i = 0; i < 5; i++) await connectWs(`ws://127.0.0.1:${port}`);
    // Some machines have no other address.
    if (address === undefined) return;
    const sockets = [await connectWs(`ws://${address}:${port}`), await connectWs(`ws://${address}:${port}`)];
    await expect(client(`ws://${address}:${port}`).call("chain_info", {})).rejects.toMatchObject({
      code: "too_many_connections",
      message: expect.stringContaining("one address"),
    });
    sockets[0]!.close();
    await closeOf(sockets[0]!);
    await vi.waitFor(() => connectWs(`ws://${address}:${port}`));
  });

  test("a call abandoned by its client harms nobody", async () => {
    const { port, node, faults } = await start();
    let release = () => {};
    node.onView = () => new Promise<void>((resolve) => (release = resolve));
    const viewing = new Promise<void>((resolve) => {
      const { onView } = node;
      node.onView = () => {
        resolve();
        return onView();
      };
    });
    const socket = connect(port, "127.0.0.1");
    socket.write(
      `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${view.length}\r\n\r\n${view}`,
    );
    await viewing;
    socket.resetAndDestroy();
    await new Promise((resolve) => setTimeout(resolve, 20));
    release();
    // Half a body, then gone.
    const half = connect(port, "127.0.0.1");
    half.write(`POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`);
    await new Promise((resolve) => setTimeout(resolve, 20));
    half.resetAndDestroy();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect((await http(port, { method: "GET", path: "/health" })).status).toBe(200);
    expect(faults).toEqual([]);
  });

  test("a WebSocket client that answers no ping is dropped, and one that does is not", async () => {
    const { url, port, logs } = await start({ limits: { heartbeatMs: 50 } });
    const alive = await connectWs(url);
    const dead = await handshake(port);
    dead.resume();
    await new Promise((resolve) => dead.once("close", resolve));
    expect(logs).toEqual([expect.stringContaining("ping")]);
    alive.send(rpc("chain_info"));
    expect(JSON.parse(await nextMessage(alive))).toHaveProperty("result");
  });

  test.each([
    ["headers", "POST / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "],
    ["a body", "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"],
    [
      "a body that was refused",
      "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 5000000\r\n\r\n{",
    ],
  ])("who sends %s a byte at a time is cut off", async (_, start_) => {
    const { port } = await start({ limits: { headersTimeoutMs: 200, requestTimeoutMs: 300 } });
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    socket.resume();
    socket.write(start_);
    const timer = setInterval(() => socket.write("x"), 20);
    await new Promise((resolve) => socket.once("close", resolve));
    clearInterval(timer);
  });
});
