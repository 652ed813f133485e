import { describe, expect, test } from "vitest";
import { startForkedNode } from "../../test/support/forked-node.ts";
import { encodeBlock, encodeHeader } from "../block.ts";
import { hash } from "../crypto.ts";
import { encodeGenesis, type Genesis } from "../genesis.ts";
import { toHex } from "../rpc/json.ts";
import { openFork, parseForkUrl } from "./open-fork.ts";

const failing = (code: string) =>
  expect.objectContaining({ code, message: expect.any(String), hint: expect.any(String) });

describe("an address to fork", () => {
  test.each<[string, { url: string; height?: number }]>([
    ["ws://127.0.0.1:4600", { url: "ws://127.0.0.1:4600" }],
    ["ws://127.0.0.1:4600@0", { url: "ws://127.0.0.1:4600", height: 0 }],
    ["ws://127.0.0.1:4600@1200", { url: "ws://127.0.0.1:4600", height: 1200 }],
    ["http://[::1]:4600/@7", { url: "http://[::1]:4600/", height: 7 }],
    ["wss://me:secret@example.org:1", { url: "wss://me:secret@example.org:1" }],
    ["wss://me:123@example.org@45", { url: "wss://me:123@example.org", height: 45 }],
    ["ws://me@host@1@2", { url: "ws://me@host@1", height: 2 }],
  ])("may be %s", (text, expected) => {
    expect(parseForkUrl(text)).toEqual(expected);
  });

  test.each([
    "",
    "@5",
    "5",
    "127.0.0.1:4600",
    "localhost:4600@3",
    "ftp://host@3",
    "file:///chain",
    "ws://",
    "ws://@5",
    "ws://127.0.0.1:4600@latest",
    "ws://localhost:4600@0x10",
    "ws://host:port",
    "ws://host:70000",
    "ws://host@9007199254740993",
    "ws://host@99999999999999999999",
  ])("is not %j", (text) => {
    expect(() => parseForkUrl(text)).toThrow(failing("fork_url_invalid"));
  });
});

describe("a fork begins", () => {
  test("at the head, or at the height that is asked for, with the remote's rules and powers of development", async () => {
    const { url, store } = await startForkedNode();
    for (const height of [undefined, 0, 1, 3]) {
      const at = height ?? 3;
      const { genesis, base, header } = await openFork(url, height);
      expect(header).toEqual(store.header(at));
      expect(base).toEqual(store.rawBlock(at));
      expect(genesis).toEqual({
        ...store.genesis,
        params: { ...store.genesis.params, development: true },
        balances: [],
        base: { height: at, blockHash: hash("block", encodeHeader(header)) },
      });
    }
  });

  test("under the name that is asked for", async () => {
    const { url } = await startForkedNode();
    expect((await openFork(url, 2, { chainId: "mine" })).genesis.chainId).toBe("mine");
    await expect(openFork(url, 2, { chainId: "" })).rejects.toMatchObject({ code: "genesis_chain_id" });
  });

  test("and leaves no connection", async () => {
    const { url, server } = await startForkedNode();
    await openFork(url);
    for (let waited = 0; server.connectionCount > 0; waited++) {
      expect(waited).toBeLessThan(100);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  });
});

describe("no fork begins", () => {
  test("above the head", async () => {
    const { url } = await startForkedNode();
    await expect(openFork(url, 4)).rejects.toEqual(failing("fork_height_unknown"));
  });

  test("where the state is not kept", async () => {
    const { url, store } = await startForkedNode();
    while (!(await store.prune(1, 1_000))) {}
    await expect(openFork(url, 1)).rejects.toEqual(failing("fork_pruned"));
    expect((await openFork(url, 3)).header.height).toBe(3);
  });

  test("where nobody is", async () => {
    const { url, proxy } = await startForkedNode();
    await proxy.close();
    const named = url.replace("ws://", "ws://me:secret@");
    const error = await openFork(named).catch((reason) => reason);
    expect(error).toEqual(failing("fork_unreachable"));
    expect(JSON.stringify([error.message, error.hint, error.details])).not.toContain("secret");
  });

  test("at an address that is none", async () => {
    await expect(openFork("nowhere")).rejects.toEqual(failing("fork_url_invalid"));
  });

  const altered = (params: Partial<Genesis["params"]>) => (genesis: Genesis) =>
    encodeGenesis({ ...genesis, params: { ...genesis.params, ...params } });

  test.each<[string, (genesis: Genesis) => Uint8Array]>([
    ["other rules", altered({ protocolVersion: 99 })],
    ["another profile", altered({ profile: 99 })],
    ["other prices", altered({ schedule: 99 })],
  ])("from a chain of %s", async (_, alter) => {
    const { url, proxy, store } = await startForkedNode();
    const bytes = alter(store.genesis);
    proxy.lie = (result, method) => {
      if (method === "chain_genesis") return { genesis: toHex(bytes) };
      return method === "chain_info" ? { ...result, genesisHash: toHex(hash("genesis", bytes)) } : result;
    };
    await expect(openFork(url)).rejects.toEqual(failing("fork_unsupported"));
  });

  test("from a node of another version", async () => {
    const { url, proxy } = await startForkedNode();
    proxy.lie = (result, method) => (method === "chain_info" ? { ...result, protocolVersion: 1 } : result);
    await expect(openFork(url)).rejects.toEqual(failing("fork_unsupported"));
  });

  const flip = (hex: string, at: number) => hex.slice(0, at) + (hex[at] === "0" ? "1" : "0") + hex.slice(at + 1);

  // biome-ignore lint/suspicious/noExplicitAny: an answer of any method.
  test.each<[string, string, (result: any, store: Awaited<ReturnType<typeof startForkedNode>>["store"]) => unknown]>([
    ["its genesis", "chain_genesis", ({ genesis }) => ({ genesis: flip(genesis, 20) })],
    ["its genesis, which is cut", "chain_genesis", ({ genesis }) => ({ genesis: genesis.slice(0, -2) })],
    ["its genesis' hash", "chain_info", (info) => ({ ...info, genesisHash: flip(info.genesisHash, 2) })],
    ["its head", "chain_info", (info) => ({ ...info, headHash: flip(info.headHash, 2) })],
    ["its block", "chain_rawBlock", (raw) => ({ ...raw, block: flip(raw.block, 100) })],
    ["its block, which is cut", "chain_rawBlock", (raw) => ({ ...raw, block: raw.block.slice(0, -2) })],
    ["its block, which it denies", "chain_rawBlock", () => null],
    ["its block, which is another's", "chain_rawBlock", (_, store) => rawJson(store.rawBlock(2)!)],
    [
      "its transactions",
      "chain_rawBlock",
      (raw, store) => ({
        ...raw,
        block: toHex(encodeBlock({ ...store.requireBlock(3), transactions: [] })),
        receipts: [],
      }),
    ],
    [
      "its receipts",
      "chain_rawBlock",
      (raw) => ({ ...raw, receipts: raw.receipts.map((receipt: string) => flip(receipt, 90)) }),
    ],
    ["its receipts, which are cut", "chain_rawBlock", (raw) => ({ ...raw, receipts: ["0x00"] })],
    ["its receipts, of which it has none", "chain_rawBlock", (raw) => ({ ...raw, receipts: [] })],
    [
      "its receipts, of which there are too many",
      "chain_rawBlock",
      (raw) => ({ ...raw, receipts: [...raw.receipts, ...raw.receipts] }),
    ],
    ["its state's header", "state_nodes", (answer) => ({ ...answer, header: flip(answer.header, 30) })],
    [
      "its state's root",
      "state_nodes",
      ({ header, nodes: [root] }) => ({ header, nodes: [{ ...root, record: flip(root.record, 60) }] }),
    ],
    ["its state, which is absent", "state_nodes", ({ header }) => ({ header, nodes: [null] })],
    [
      "its state, which is empty",
      "state_nodes",
      ({ header }) => ({ header, nodes: [{ record: "0x00", children: "0x" }] }),
    ],
    ["its state, of which it says nothing", "state_nodes", ({ header }) => ({ header, nodes: [] })],
  ])("from a node that lies about %s", async (_, method, lie) => {
    const { url, proxy, store } = await startForkedNode();
    proxy.lie = (result, called) => (called === method ? lie(result, store) : result);
    const error = await openFork(url).catch((reason) => reason);
    expect(error).toEqual(failing("fork_lied"));
    expect(error.details).toMatchObject({ url, height: expect.any(Number) });
  });

  test.each<[string, string, unknown]>([
    ["nothing of itself", "chain_info", null],
    ["a height below 0", "chain_info", { genesisHash: "0x", height: -1, headHash: "0x", protocolVersion: 2 }],
    ["a height that is text", "chain_info", { genesisHash: "0x", height: "3", headHash: "0x", protocolVersion: 2 }],
    ["a genesis that is no hex", "chain_genesis", { genesis: "genesis" }],
    ["a block without receipts", "chain_rawBlock", { block: "0x" }],
    ["receipts that are no list", "chain_rawBlock", { block: "0x", receipts: 3 }],
  ])("from what tells %s", async (_, method, answer) => {
    const { url, proxy } = await startForkedNode();
    proxy.lie = (result, called) => (called === method ? answer : result);
    await expect(openFork(url)).rejects.toEqual(failing("fork_not_a_node"));
  });

  test("from a node that dies in the middle", async () => {
    const { url, proxy } = await startForkedNode();
    proxy.deathCount = 3;
    await expect(openFork(url)).rejects.toEqual(failing("fork_interrupted"));
  });
});

const rawJson = ({ block, receipts }: { block: Uint8Array; receipts: readonly Uint8Array[] }) => ({
  block: toHex(block),
  receipts: receipts.map(toHex),
});
