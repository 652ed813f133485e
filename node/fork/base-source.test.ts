import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { WebSocketServer } from "ws";
import { addressAt, balanceAt, FUNDED_COUNT, forkOf, startForkedNode } from "../../test/support/forked-node.ts";
import type { LyingProxy } from "../../test/support/lying-proxy.ts";
import { proposer, stranger } from "../../test/support/test-chain.ts";
import { Fault } from "../../vm/errors.ts";
import { decodeHeader, encodeHeader } from "../block.ts";
import { readAccount } from "../message-call.ts";
import { fromHex, toHex } from "../rpc/json.ts";
import { decodeNode, encodeNode, type InnerNode } from "../state/tree-node.ts";
import { Store } from "../store.ts";
import { BaseSource } from "./base-source.ts";
import { NODES_ANSWER_SIZE_MAX, remoteAt } from "./remote-node.ts";

const failing = (code: string) =>
  expect.objectContaining({ code, message: expect.any(String), hint: expect.any(String) });

interface NodeJson {
  record: string;
  children: string;
}
type NodesLie = (nodes: (NodeJson | null)[], params: { places: string[] }) => unknown;

/** Alters the nodes of every answer. */
function lieInNodes(proxy: LyingProxy, lie: NodesLie): void {
  proxy.lie = (result, method, params) =>
    method === "state_nodes" ? { ...result, nodes: lie(result.nodes, params) } : result;
}

const isOfTag = (tag: string, node: NodeJson | null): node is NodeJson => node?.record.startsWith(tag) ?? false;
const isInner = (node: NodeJson | null): node is NodeJson => isOfTag("0x02", node);
const isLeaf = (node: NodeJson | null): node is NodeJson => isOfTag("0x01", node);
const countIn = (calls: readonly string[], method: string) => calls.filter((call) => call === method).length;
const flipLast = (hex: string) => hex.slice(0, -1) + (hex.endsWith("0") ? "1" : "0");

describe("an honest node", () => {
  test("is asked once for a key, and never again for what is here", async () => {
    const { url, proxy } = await startForkedNode();
    const fork = await forkOf(url);
    proxy.calls.length = 0;
    expect(await fork.balance(addressAt(7))).toBe(balanceAt(7));
    expect(proxy.calls).toEqual(["state_nodes"]);
    for (let again = 0; again < 3; again++) expect(await fork.balance(addressAt(7))).toBe(balanceAt(7));
    expect(proxy.calls).toEqual(["state_nodes"]);
  });

  test("gives every account what it has, and nothing to those that are none", async () => {
    const { url, store } = await startForkedNode();
    const fork = await forkOf(url);
    for (let index = 0; index < FUNDED_COUNT + 30; index += 3) {
      const address = addressAt(index);
      expect(await fork.balance(address)).toBe(readAccount(store.flat, address).balance);
    }
    expect(await fork.balance(stranger.address)).toBe(0n);
    expect(await fork.balance(proposer)).toBeGreaterThan(0n);
  });

  test("is read at the height that is asked for, whatever it does later", async () => {
    const { url, extend, chain } = await startForkedNode();
    const fork = await forkOf(url, { height: 1 });
    await extend();
    expect(chain.head.height).toBe(4);
    expect(await fork.balance(addressAt(0))).toBe(balanceAt(0) + 1n);
  });

  test("is asked once by two who miss the same", async () => {
    const { url, proxy } = await startForkedNode();
    const fork = await forkOf(url);
    proxy.calls.length = 0;
    const all = await Promise.all([1, 1, 1, 1].map((index) => fork.balance(addressAt(index))));
    expect(all).toEqual([1, 1, 1, 1].map(balanceAt));
    expect(proxy.calls).toEqual(["state_nodes"]);
  });

  test("that answers a node at a time is asked for the rest", async () => {
    const { url, proxy } = await startForkedNode();
    const fork = await forkOf(url);
    lieInNodes(proxy, (nodes) => nodes.slice(0, 1));
    expect(await fork.balance(addressAt(3))).toBe(balanceAt(3));
    expect(await fork.balance(stranger.address)).toBe(0n);
    expect(
      [...(await fork.read((state) => [...state.scan(new Uint8Array(), Uint8Array.of(0xff), false)]))].length,
    ).toBe(FUNDED_COUNT + 3);
  });
});

describe("listing keys", () => {
  const listed = (state: Store["flat"]) =>
    [...state.scan(new Uint8Array(), Uint8Array.of(0xff), false)].map(({ key, value }) => [
      toHex(key),
      value && toHex(value),
    ]);

  test("brings all of the state, after which nothing is asked and nobody is needed", async () => {
    const { url, store, proxy, server } = await startForkedNode();
    const fork = await forkOf(url);
    expect(await fork.read(listed)).toEqual(listed(store.flat));
    proxy.calls.length = 0;
    await proxy.close();
    await server.close();
    expect(await fork.read(listed)).toEqual(listed(store.flat));
    for (let index = 0; index < FUNDED_COUNT; index++) expect(await fork.balance(addressAt(index))).toBeDefined();
    expect(proxy.calls).toEqual([]);
  });

  test("asks only for what is not here yet", async () => {
    const { url, proxy } = await startForkedNode();
    const counts: number[] = [];
    for (const readsFirst of [false, true]) {
      const fork = await forkOf(url);
      for (let index = 0; readsFirst && index < FUNDED_COUNT; index++) await fork.balance(addressAt(index));
      proxy.calls.length = 0;
      await fork.read(listed);
      counts.push(countIn(proxy.calls, "state_nodes"));
    }
    expect(counts[1]!).toBeLessThan(counts[0]!);
  });

  test.each<[string, { leafCountMax: number; leavesSizeMax: number }]>([
    ["entries", { leafCountMax: 100, leavesSizeMax: 1e9 }],
    ["bytes", { leafCountMax: 1e9, leavesSizeMax: 1_000 }],
  ])("of too many %s is refused, and reading goes on", async (_, limits) => {
    const { url } = await startForkedNode();
    const fork = await forkOf(url, { limits });
    await expect(fork.read(listed)).rejects.toEqual(failing("fork_too_large"));
    expect(await fork.balance(addressAt(5))).toBe(balanceAt(5));
  });

  test("that is interrupted goes on where it was", async () => {
    const { url, proxy } = await startForkedNode();
    const fork = await forkOf(url);
    let left = 2;
    lieInNodes(proxy, (nodes) => (left-- > 0 ? nodes : [null]));
    await expect(fork.read(listed)).rejects.toEqual(failing("fork_lied"));
    expect(fork.store.isWhole).toBe(false);
    proxy.lie = (result) => result;
    await fork.read(listed);
    expect(fork.store.isWhole).toBe(true);
  });
});

const lies: [string, NodesLie][] = [
  [
    "alters a leaf's value",
    (nodes) => nodes.map((node) => (isLeaf(node) ? { ...node, record: flipLast(node.record) } : node)),
  ],
  [
    "alters a child's hash",
    (nodes) => nodes.map((node) => (isInner(node) ? { ...node, record: flipLast(node.record) } : node)),
  ],
  ["says absent of what is there", (nodes) => nodes.map((node) => (isLeaf(node) ? null : node))],
  ["says that nothing is there at all", (nodes) => nodes.map(() => null)],
  ["cuts its records", (nodes) => nodes.map((node) => node && { ...node, record: node.record.slice(0, -2) })],
  ["adds to its records", (nodes) => nodes.map((node) => node && { ...node, record: `${node.record}00` })],
  ["sends records of nothing", (nodes) => nodes.map((node) => node && { ...node, record: "0x" })],
  ["sends records of another kind", (nodes) => nodes.map((node) => node && { ...node, record: "0x00" })],
  ["sends enormous records", (nodes) => nodes.map((node) => node && { ...node, record: `0x${"ab".repeat(100_000)}` })],
  ["sends no witnesses", (nodes) => nodes.map((node) => node && { ...node, children: "0x" })],
  [
    "alters witnesses",
    (nodes) => nodes.map((node) => (isInner(node) ? { ...node, children: flipLast(node.children) } : node)),
  ],
  ["sends the root for everything", (nodes) => nodes.map(() => nodes[0]!)],
  ["sends the nodes in another order", (nodes) => nodes.toReversed()],
  ["does not answer", () => []],
  [
    "gives children versions above the base's, where the fork's own nodes are",
    (nodes) =>
      nodes.map((node) => {
        if (!isInner(node)) return node;
        const { children } = decodeNode(fromHex(node.record)) as InnerNode;
        const later = children.map((child) => child && { ...child, version: 4 });
        return { ...node, record: toHex(encodeNode({ kind: "inner", children: later })) };
      }),
  ],
  [
    "hides a child",
    (nodes) =>
      nodes.map((node) => {
        if (!isInner(node)) return node;
        const { children } = decodeNode(fromHex(node.record)) as InnerNode;
        const hidden = children.with(
          children.findIndex((child) => child !== undefined),
          undefined,
        );
        if (hidden.filter((child) => child !== undefined).length < 2) return null;
        return {
          record: toHex(encodeNode({ kind: "inner", children: hidden })),
          children: `0x${node.children.slice(2 + 128)}`,
        };
      }),
  ],
];

describe("a node that lies", () => {
  test.each(lies)(
    "and %s is found out, nothing of the lie is kept, and the truth is read afterwards",
    async (_, lie) => {
      const { url, proxy } = await startForkedNode();
      const fork = await forkOf(url);
      const wanted = addressAt(11);
      lieInNodes(proxy, lie);
      const error = await fork.balance(wanted).then(
        () => null,
        (reason) => reason,
      );
      expect(error).toEqual(failing("fork_lied"));
      expect(error.details).toMatchObject({ url, height: 3, depth: expect.any(Number), place: expect.any(String) });
      await expect(fork.read((state) => [...state.scan(new Uint8Array(), Uint8Array.of(0xff), false)])).rejects.toEqual(
        failing("fork_lied"),
      );
      proxy.lie = (result) => result;
      expect(await fork.balance(wanted)).toBe(balanceAt(11));
      for (let index = 0; index < FUNDED_COUNT; index += 17) {
        if (index > 0) expect(await fork.balance(addressAt(index))).toBe(balanceAt(index));
      }
    },
  );

  test("and sends more than an answer can have is not read to the end, and the truth is read afterwards", async () => {
    const { url, proxy } = await startForkedNode();
    const fork = await forkOf(url);
    const record = `0x${"ab".repeat(NODES_ANSWER_SIZE_MAX / 2)}`;
    lieInNodes(proxy, (nodes) => nodes.map((node, index) => (index === 0 && node ? { ...node, record } : node)));
    await expect(fork.balance(addressAt(11))).rejects.toMatchObject({
      code: "fork_not_a_node",
      message: expect.stringContaining(`more than ${NODES_ANSWER_SIZE_MAX} bytes`),
    });
    proxy.lie = (result) => result;
    expect(await fork.balance(addressAt(11))).toBe(balanceAt(11));
  });

  test("and says present of what is absent is found out", async () => {
    const { url, proxy } = await startForkedNode();
    const fork = await forkOf(url);
    let leaf: NodeJson | undefined;
    lieInNodes(proxy, (nodes) => {
      leaf ??= nodes.find(isLeaf);
      return nodes;
    });
    await fork.balance(addressAt(1));
    lieInNodes(proxy, (nodes) => nodes.map((node) => node ?? leaf!));
    await expect(fork.balance(stranger.address)).rejects.toEqual(failing("fork_lied"));
    proxy.lie = (result) => result;
    expect(await fork.balance(stranger.address)).toBe(0n);
  });

  test("of versions within the base's, which nothing proves, changes no value, even when it lies differently each time", async () => {
    const { url, proxy, store } = await startForkedNode();
    const fork = await forkOf(url);
    let turn = 0;
    lieInNodes(proxy, (nodes) =>
      nodes.map((node) => {
        if (!isInner(node)) return node;
        const { children } = decodeNode(fromHex(node.record)) as InnerNode;
        const other = children.map((child) => child && { ...child, version: turn++ % 4 });
        return { ...node, record: toHex(encodeNode({ kind: "inner", children: other })) };
      }),
    );
    for (let index = 0; index < FUNDED_COUNT; index += 7) {
      expect(await fork.balance(addressAt(index))).toBe(readAccount(store.flat, addressAt(index)).balance);
    }
  });

  test("about a version does not keep a node from where it is missed", async () => {
    const { url } = await startForkedNode();
    const fork = await forkOf(url);
    await fork.balance(addressAt(1));
    const root = fork.store.nodes.getNode(new Uint8Array([0, 0, 0, 0, 0, 0, 0, 3, 0]))!;
    const nibble = (decodeNode(root) as InnerNode).children.findIndex((child) => child !== undefined);
    const path = new Uint8Array(32);
    path[0] = nibble << 4;
    const { version } = (decodeNode(root) as InnerNode).children[nibble]!;
    const otherKey = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, (version + 1) % 4, 1, nibble << 4);
    await fork.source.fetch({ kind: "node", key: otherKey, path });
    expect(fork.store.nodes.getNode(otherKey)).toEqual(
      fork.store.nodes.getNode(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, version, 1, nibble << 4)),
    );
  });

  test("about its block is told as another chain's", async () => {
    const { url, proxy } = await startForkedNode();
    const fork = await forkOf(url);
    proxy.lie = (result, method) => {
      if (method !== "state_nodes") return result;
      const header = decodeHeader(fromHex(result.header));
      return { ...result, header: toHex(encodeHeader({ ...header, time: header.time + 1 })) };
    };
    await expect(fork.balance(addressAt(1))).rejects.toEqual(failing("fork_other_chain"));
  });

  test.each<[string, unknown]>([
    ["nothing", null],
    ["a number", 7],
    ["no nodes", { header: "0x" }],
    ["nodes that are no list", { header: "0x", nodes: "none" }],
    ["nodes that are numbers", { header: "0x", nodes: [1] }],
    ["nodes that are zeros", { header: "0x", nodes: [0] }],
    ["nodes that are false", { header: "0x", nodes: [false] }],
    ["nodes that are empty texts", { header: "0x", nodes: [""] }],
    ["nodes that are empty objects", { header: "0x", nodes: [{}] }],
    ["records that are numbers", { header: "0x", nodes: [{ record: 1, children: 2 }] }],
    ["records that are no hex", { header: "0x", nodes: [{ record: "zz", children: "0x" }] }],
    ["no witnesses", { header: "0x", nodes: [{ record: "0x" }] }],
    ["a hundred nodes for ten places", { header: "0x", nodes: new Array(100).fill(null) }],
  ])("by answering %s is no node", async (_, answer) => {
    const { url, proxy } = await startForkedNode();
    const fork = await forkOf(url);
    proxy.lie = (result, method) => (method === "state_nodes" ? answer : result);
    await expect(fork.balance(addressAt(1))).rejects.toEqual(failing("fork_not_a_node"));
    proxy.lie = (result) => result;
    expect(await fork.balance(addressAt(1))).toBe(balanceAt(1));
  });
});

describe("a node that goes away", () => {
  test("leaves what was read, and the rest is fork_unreachable until it is back", async () => {
    const { url, proxy, server } = await startForkedNode();
    const fork = await forkOf(url);
    expect(await fork.balance(addressAt(1))).toBe(balanceAt(1));
    await proxy.close();
    await server.close();
    expect(await fork.balance(addressAt(1))).toBe(balanceAt(1));
    const error = await fork.balance(addressAt(2)).catch((reason) => reason);
    expect(error).toEqual(failing("fork_unreachable"));
    expect(error.message).toContain(url);
  });

  test("in the middle of a read is asked again, twice", async () => {
    const { url, proxy } = await startForkedNode();
    const fork = await forkOf(url);
    proxy.deathCount = 2;
    proxy.calls.length = 0;
    expect(await fork.balance(addressAt(1))).toBe(balanceAt(1));
    expect(countIn(proxy.calls, "state_nodes")).toBe(3);
  });

  test("again and again is fork_interrupted", async () => {
    const { url, proxy } = await startForkedNode();
    const fork = await forkOf(url);
    proxy.deathCount = 3;
    await expect(fork.balance(addressAt(1))).rejects.toEqual(failing("fork_interrupted"));
    expect(await fork.balance(addressAt(1))).toBe(balanceAt(1));
  });

  test("and prunes is told so", async () => {
    const { url, store } = await startForkedNode();
    const fork = await forkOf(url, { height: 1 });
    while (!(await store.prune(1, 1_000))) {}
    await expect(fork.balance(addressAt(1))).rejects.toEqual(failing("fork_pruned"));
  });
});

test("a refusal is told in the node's words, as far as they go", async () => {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  onTestFinished(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  await once(server, "listening");
  const error = { code: -32000, message: "no ".repeat(1e6), data: { code: "too_busy" } };
  server.on("connection", (socket) =>
    socket.on("message", (data) =>
      socket.send(JSON.stringify({ jsonrpc: "2.0", id: JSON.parse(data.toString()).id, error })),
    ),
  );
  const refusal = await forkOf(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`).catch((reason) => reason);
  expect(refusal).toEqual(failing("fork_refused"));
  expect(refusal.message).toContain("too_busy");
  expect(refusal.message.length).toBeLessThan(400);
});

test("without an address, what was not read is fork_offline", async () => {
  const { url } = await startForkedNode();
  const fork = await forkOf(url);
  await fork.balance(addressAt(1));
  const offline = new BaseSource(fork.store, undefined);
  expect(readAccount(fork.store.flat, addressAt(1)).balance).toBe(balanceAt(1));
  const path = new Uint8Array(32);
  await expect(offline.fetch({ kind: "all" })).rejects.toEqual(failing("fork_offline"));
  const empty = Store.inMemory(fork.store.genesis, fork.store.rawBlock(3)!);
  const key = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 3, 0);
  await expect(new BaseSource(empty, undefined).fetch({ kind: "node", key, path })).rejects.toEqual(
    failing("fork_offline"),
  );
});

test("a closed source reads nothing any more", async () => {
  const { url } = await startForkedNode();
  const fork = await forkOf(url);
  await fork.source.close();
  await expect(fork.balance(addressAt(1))).rejects.toMatchObject({ code: "node_stopping" });
});

test("a source is of a fork, over the base's own block", async () => {
  const { url, store } = await startForkedNode();
  expect(() => new BaseSource(store, remoteAt(url))).toThrow(Fault);
  const fork = await forkOf(url);
  const { genesis, nodes } = fork.store;
  const [putNodes, setWhole] = [async () => {}, async () => {}];
  const other = { genesis, nodes, putNodes, setWhole, header: () => store.header(2) };
  expect(() => new BaseSource(other, remoteAt(url))).toThrow(Fault);
});

describe("what is no node", () => {
  test("over TCP is told so", async () => {
    const server = createServer((socket) => socket.end("220 hello\r\n"));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await expect(forkOf(url)).rejects.toEqual(failing("fork_not_a_node"));
  });

  test.each<[string, (text: string) => string]>([
    ["an echo", (text) => text],
    ["text", () => "hello"],
    [
      "another program's JSON-RPC",
      (text) => JSON.stringify({ jsonrpc: "2.0", id: JSON.parse(text).id, error: { code: -32601, message: "no" } }),
    ],
    ["results of nothing", (text) => JSON.stringify({ jsonrpc: "2.0", id: JSON.parse(text).id, result: null })],
  ])("over a WebSocket, answering %s, is told so", async (_, answer) => {
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    onTestFinished(() => {
      for (const socket of server.clients) socket.terminate();
      server.close();
    });
    await once(server, "listening");
    server.on("connection", (socket) => socket.on("message", (data) => socket.send(answer(data.toString()))));
    const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await expect(forkOf(url)).rejects.toEqual(failing("fork_not_a_node"));
  });
});
