/** `lockstep node --follow`, a process of its own, behind a node of the package: in step, away, lied to, and refused. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createClient } from "lockstep/client";
import { logicalClock, Node } from "lockstep/node";
import { describe, expect, onTestFinished, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { createDevnet } from "../devnet/devnet.ts";
import { addressToText } from "../node/address.ts";
import { decodeBlock, decodeReceipt, encodeBlock, encodeReceipt } from "../node/block.ts";
import { hash } from "../node/crypto.ts";
import { startFollower } from "../node/follow.ts";
import { encodeGenesis } from "../node/genesis.ts";
import { openReplaySource, replayChain } from "../node/replay.ts";
import { fromHex, toHex } from "../node/rpc/json.ts";
import { startLyingProxy } from "./support/lying-proxy.ts";
import { recordsOf } from "./support/made-blocks.ts";
import { signed, transfer } from "./support/signing.ts";
import { alice, bob, temporaryFolder, testGenesis } from "./support/test-chain.ts";

const lockstep = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));

async function startNode(directory = temporaryFolder(), { port = 0, genesis = testGenesis } = {}) {
  const node = await Node.start({ directory, genesis, clock: logicalClock, port });
  onTestFinished(() => node.close());
  let nonce = node.account(alice.address).nonce;
  /** So many blocks, a transfer in each. */
  const extend = async (count: number) => {
    nonce = node.account(alice.address).nonce;
    for (let made = 0; made < count; made++) {
      const { encoded } = signed(alice, [transfer(bob.address, 1n)], { nonce: nonce++ });
      await node.submitAndWait(encoded, 10_000);
    }
  };
  return { node, directory, extend };
}

interface Follower {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly ended: Promise<number | null>;
}

function spawnFollower(url: string, folder: string, ...args: string[]): Follower {
  const command = [lockstep, "node", "--follow", url, "--data", folder, "--port", "0", "--json", ...args];
  const child = spawn(process.execPath, command, { stdio: ["ignore", "pipe", "pipe"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].on("data", (chunk) => {
      texts[name] += chunk;
    });
  }
  const ended = once(child, "close").then(([code]) => code as number | null);
  return { child, stdout: () => texts.stdout, stderr: () => texts.stderr, ended };
}

async function until(condition: () => boolean | Promise<boolean>, what: () => string): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!(await condition())) {
    expect(performance.now(), what()).toBeLessThan(deadline);
    await sleep(10);
  }
}

/** A follower that serves, and a client of it. */
async function startFollowing(url: string, folder: string, ...args: string[]) {
  const follower = spawnFollower(url, folder, ...args);
  await until(
    () => {
      expect(follower.child.exitCode, follower.stdout() + follower.stderr()).toBeNull();
      return follower.stdout().includes("\n");
    },
    () => `a first line, beside ${follower.stderr()}`,
  );
  const facts = JSON.parse(follower.stdout().split("\n")[0]!);
  const client = createClient(facts.url);
  onTestFinished(() => client.close());
  const stop = async (signal: NodeJS.Signals = "SIGTERM") => {
    follower.child.kill(signal);
    return follower.ended;
  };
  /** Until the follower's head is the node's. */
  const inStep = (node: Pick<Node, "head">) =>
    until(
      async () => (await client.call("chain_info", {})).headHash === toHex(node.head().hash),
      () => `the head of block ${node.head().header.height}, beside ${follower.stderr()}`,
    );
  return { ...follower, facts, client, stop, inStep };
}

const errorIn = (follower: Follower) => JSON.parse(follower.stdout().trim().split("\n").at(-1)!).error;

type Alter = (height: number, answer: { block: string; receipts: string[] }) => void;

/** Between a follower and a node: what goes through may be altered. */
async function startProxy(target: string, alter: Alter): Promise<string> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  server.on("connection", (socket) => {
    const upstream = new WebSocket(target);
    const heights = new Map<number, number>();
    const opened = once(upstream, "open");
    socket.on("message", async (data) => {
      const request = JSON.parse(data.toString());
      if (request.method === "chain_rawBlock") heights.set(request.id, request.params.height);
      await opened;
      upstream.send(data.toString());
    });
    upstream.on("message", (data) => {
      const answer = JSON.parse(data.toString());
      const height = heights.get(answer.id);
      if (height !== undefined && answer.result) alter(height, answer.result);
      socket.send(JSON.stringify(answer));
    });
    upstream.on("error", () => socket.terminate());
    upstream.on("close", () => socket.terminate());
    socket.on("close", () => upstream.terminate());
  });
  return `ws://127.0.0.1:${(server.address() as { port: number }).port}`;
}

describe("a follower", () => {
  test("takes the genesis, computes every block, serves reads and heads, and takes no transactions", async () => {
    const { node, extend } = await startNode();
    await extend(20);
    const folder = join(temporaryFolder(), "data");
    const { facts, client, inStep, stop } = await startFollowing(node.url, folder);
    expect(facts).toMatchObject({ ok: true, event: "listening", followed: node.url, chainId: testGenesis.chainId });
    expect(facts.genesisHash).toBe(toHex(node.genesisHash));
    await inStep(node);
    const heads: number[] = [];
    await client.subscribe({ topic: "heads" }, (event) => {
      if (event.kind === "head") heads.push(event.head.height);
    });
    await extend(3);
    await inStep(node);
    await until(
      () => heads.length === 3,
      () => `heads ${heads}`,
    );
    expect(heads).toEqual([21, 22, 23]);
    const address = addressToText(bob.address);
    expect(await client.call("state_account", { address })).toMatchObject({
      balance: String(node.account(bob.address).balance),
    });
    const { encoded } = signed(alice, [transfer(bob.address, 1n)], { nonce: 23 });
    for (const method of ["tx_submit", "tx_submitAndWait"] as const) {
      await expect(client.call(method, { transaction: toHex(encoded) })).rejects.toMatchObject({
        code: "follower_read_only",
        hint: expect.stringContaining(node.url),
      });
    }
    await expect(client.call("dev_mine", {})).rejects.toMatchObject({ code: "development_disabled" });
    expect(await stop()).toBe(0);
    const source = await openReplaySource({ dataDir: folder });
    const { blocks, difference, headHash } = await replayChain(source).finally(() => source.close());
    expect({ blocks, difference, headHash: toHex(headHash) }).toEqual({
      blocks: 23,
      difference: null,
      headHash: toHex(node.head().hash),
    });
  });

  test("catches up after it was killed, and after the other node was away", async () => {
    const followed = await startNode();
    const { port, url } = followed.node;
    await followed.extend(5);
    const folder = join(temporaryFolder(), "data");
    const first = await startFollowing(url, folder);
    await first.inStep(followed.node);
    await first.stop("SIGKILL");
    await followed.extend(40);
    const second = await startFollowing(url, folder);
    expect(second.facts.height).toBe(5);
    await second.inStep(followed.node);
    await followed.node.close();
    await until(
      () => second.stderr().includes("following rests"),
      () => second.stderr(),
    );
    // What it has, it serves.
    expect((await second.client.call("chain_info", {})).height).toBe(45);
    const again = await startNode(followed.directory, { port });
    await again.extend(3);
    await second.inStep(again.node);
    expect(second.stderr().match(/following rests/g)).toHaveLength(1);
    expect(await second.stop()).toBe(0);
    // And it begins while nobody answers.
    await again.node.close();
    const third = await startFollowing(url, folder);
    expect(third.facts.height).toBe(48);
    expect(await third.stop()).toBe(0);
  });

  test("in memory is in step too, and leaves nothing", async () => {
    const { node, extend } = await startNode();
    await extend(5);
    const folder = join(temporaryFolder(), "data");
    const { facts, inStep, stop } = await startFollowing(node.url, folder, "--durability", "memory");
    expect(facts).toMatchObject({ dataDir: null, durability: "memory" });
    await inStep(node);
    await extend(2);
    await inStep(node);
    expect(await stop()).toBe(0);
    expect(existsSync(folder)).toBe(false);
  });

  test("tells of every head it came by, in order, however many came at once", async () => {
    const { node, extend } = await startNode();
    await extend(120);
    const heights: number[] = [];
    const following = await startFollower({
      url: node.url,
      onBlock: ({ header }) => {
        heights.push(header.height);
      },
    });
    onTestFinished(() => following.close());
    await until(
      () => heights.length >= 120,
      () => `${heights.length} heads`,
    );
    expect(heights).toEqual(Array.from({ length: 120 }, (_, index) => index + 1));
  });

  test("goes back with the other node, and says so", async () => {
    const { node, extend } = await startNode();
    await extend(12);
    const { inStep, stderr, client } = await startFollowing(node.url, join(temporaryFolder(), "data"));
    await inStep(node);
    await node.rollBack(4);
    const { encoded } = signed(bob, [transfer(alice.address, 9n)], { nonce: 0 });
    await node.submitAndWait(encoded, 10_000);
    await inStep(node);
    expect((await client.call("chain_info", {})).height).toBe(5);
    expect(stderr()).toMatch(/"from":12,"to":4/);
  });
});

describe("a follower that is lied to stops, keeps nothing of the block, and reports the place", () => {
  const lies: [string, Alter, object][] = [
    [
      "a header",
      (_, answer) => {
        const block = decodeBlock(fromHex(answer.block));
        answer.block = toHex(encodeBlock({ ...block, header: { ...block.header, gasUsed: 1 } }));
      },
      { transactionIndex: null, transactionHash: null, field: "gasUsed", claimed: "1" },
    ],
    [
      "a receipt",
      (_, answer) => {
        const receipt = decodeReceipt(fromHex(answer.receipts[0]!));
        answer.receipts[0] = toHex(encodeReceipt({ ...receipt, fee: 1n }));
      },
      { transactionIndex: 0, transactionHash: expect.stringMatching(/^0x[0-9a-f]{64}$/), field: "receipt.fee" },
    ],
    [
      "a transaction",
      (_, answer) => {
        const block = decodeBlock(fromHex(answer.block));
        const [transaction] = block.transactions;
        const body = { ...transaction!.body, actions: [transfer(alice.address, 7n)] };
        answer.block = toHex(encodeBlock({ ...block, transactions: [{ ...transaction!, body }] }));
      },
      { transactionIndex: 0, field: "transaction", claimed: "valid", computed: "bad_signature" },
    ],
  ];
  test.each(lies)("about %s", async (_, alter, place) => {
    const { node, extend } = await startNode();
    await extend(10);
    const url = await startProxy(node.url, (height, answer) => {
      if (height === 7) alter(height, answer);
    });
    const folder = join(temporaryFolder(), "data");
    const follower = spawnFollower(url, folder);
    expect(await follower.ended, follower.stderr()).toBe(6);
    const path = join(folder, "difference-report-7.json");
    expect(errorIn(follower)).toMatchObject({ code: "block_differs", details: { height: 7, report: path, ...place } });
    expect(follower.stderr()).toContain("block_differs");
    expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({ code: "block_differs", height: 7, url, ...place });
    // From the truth it goes on where it stopped.
    const honest = await startFollowing(node.url, folder);
    expect(honest.facts.height).toBe(6);
    await honest.inStep(node);
    expect(await honest.stop()).toBe(0);
  });
});

describe("a fork", () => {
  /** A fork of a devnet, two blocks behind its base, and what both of them hold. */
  async function startFork() {
    const origin = await createDevnet({ listen: 0 });
    onTestFinished(() => origin.close());
    await origin.setBalance(stranger, 5n);
    const fork = await createDevnet({ fork: { url: origin.url }, listen: 0 });
    onTestFinished(() => fork.close());
    const [from, to] = fork.accounts;
    await fork.send(from!, [transfer(to!.address, 3n)]);
    return { fork, from: from!, to: to!.address };
  }
  const stranger = new Uint8Array(32).fill(0x33);

  test("is followed like any chain, and what nobody read before is read through it", async () => {
    const { fork, from, to } = await startFork();
    const following = await startFollower({ url: fork.url });
    onTestFinished(() => following.close());
    const { node } = following;
    const same = () => toHex(node.head().hash) === toHex(fork.head.hash);
    await until(same, () => "the fork's head");
    await fork.send(from, [transfer(to, 4n)]);
    await until(same, () => "the head after it");
    expect(node.genesis.base?.height).toBe(fork.genesis.base?.height);
    for (const address of [from.address, to, stranger]) {
      expect(await node.withState(() => node.account(address))).toEqual(await fork.account(address));
    }
  });

  test("is followed in a folder, which goes on where it stopped", async () => {
    const { fork, from, to } = await startFork();
    const folder = join(temporaryFolder(), "data");
    for (const amount of [4n, 5n]) {
      const before = fork.head.header.height;
      const following = await startFollowing(fork.url!, folder);
      if (amount === 5n) expect(following.facts.height).toBe(before);
      await fork.send(from, [transfer(to, amount)]);
      await following.inStep({ head: () => fork.head });
      const { balance } = await following.client.call("state_account", { address: addressToText(stranger) });
      expect(balance).toBe("5");
      expect(await following.stop()).toBe(0);
    }
  });

  test("whose node lies about the base's state gets no block, and the truth goes on", async () => {
    const { fork } = await startFork();
    const proxy = await startLyingProxy(fork.url);
    let lieCount = 0;
    proxy.lie = (result, method) => {
      if (method !== "state_nodes") return result;
      lieCount++;
      return { ...result, nodes: result.nodes.map(() => null) };
    };
    const following = await startFollower({ url: proxy.url });
    onTestFinished(() => following.close());
    await until(
      () => lieCount > 1,
      () => "two lies",
    );
    expect(following.node.head().header.height).toBe(fork.genesis.base?.height);
    proxy.lie = (result) => result;
    await until(
      () => toHex(following.node.head().hash) === toHex(fork.head.hash),
      () => "the fork's head",
    );
  });
});

describe("what cannot be followed is refused", () => {
  test("another chain, with the folder as it was", async () => {
    const { node, extend } = await startNode();
    await extend(3);
    const folder = join(temporaryFolder(), "data");
    const first = await startFollowing(node.url, folder);
    await first.inStep(node);
    expect(await first.stop()).toBe(0);
    const before = await recordsOf(folder);
    const stranger = await startNode(temporaryFolder(), { genesis: { ...testGenesis, time: 1_001 } });
    await stranger.extend(5);
    const refused = spawnFollower(stranger.node.url, folder);
    expect(await refused.ended, refused.stderr()).toBe(3);
    expect(errorIn(refused)).toMatchObject({ code: "other_chain" });
    expect(await recordsOf(folder)).toEqual(before);
    expect(readdirSync(folder).filter((name) => name.endsWith(".json"))).toEqual([]);
  });

  test("nothing to begin with, and no folder is made", async () => {
    const folder = join(temporaryFolder(), "data");
    const { node } = await startNode();
    const { url } = node;
    await node.close();
    const follower = spawnFollower(url, folder);
    expect(await follower.ended, follower.stderr()).toBe(4);
    expect(errorIn(follower)).toMatchObject({ code: "node_unreachable" });
    for (const address of ["not a url", "ftp://127.0.0.1"]) {
      await expect(startFollower({ url: address, directory: folder })).rejects.toMatchObject({ code: "url_invalid" });
    }
    expect(existsSync(folder)).toBe(false);
  });

  test("a genesis that cannot be the chain's, or that is no chain's to follow", async () => {
    const { node } = await startNode();
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    await once(server, "listening");
    onTestFinished(() => {
      for (const socket of server.clients) socket.terminate();
      server.close();
    });
    let answers: Record<string, unknown> = {};
    server.on("connection", (socket) =>
      socket.on("message", (data) => {
        const { id, method } = JSON.parse(data.toString());
        socket.send(JSON.stringify({ jsonrpc: "2.0", id, result: answers[method] ?? null }));
      }),
    );
    const info = { genesisHash: toHex(node.genesisHash), height: 0, headHash: toHex(node.head().hash) };
    const named = (genesis: Uint8Array) => ({
      chain_info: { ...info, genesisHash: toHex(hash("genesis", genesis)) },
      chain_genesis: { genesis: toHex(genesis) },
    });
    const base = { height: 7, blockHash: new Uint8Array(32) };
    const params = { ...testGenesis.params, development: true };
    const fork = { ...testGenesis, params, balances: [], base };
    const raw = await createClient(node.url).call("chain_rawBlock", { height: 0 });
    const hostile: [string, Record<string, unknown>][] = [
      ["answer_invalid", { chain_info: info, chain_genesis: { genesis: "0x00" } }],
      ["answer_invalid", { chain_info: info, chain_genesis: { genesis: 7 } }],
      ["answer_invalid", { chain_info: info, chain_genesis: null }],
      ["answer_invalid", { chain_info: { ...info, height: -1 }, chain_genesis: { genesis: "0x00" } }],
      ["answer_invalid", { chain_info: { ...info, genesisHash: "no" }, chain_genesis: { genesis: "0x00" } }],
      ["answer_invalid", { chain_info: "text" }],
      ["answer_invalid", named(Uint8Array.of(1, 2, 3))],
      ["genesis_chain_id", named(encodeGenesis({ ...testGenesis, chainId: "" }))],
      ["genesis_unsupported", named(encodeGenesis({ ...testGenesis, params: { ...testGenesis.params, schedule: 9 } }))],
      ["answer_invalid", named(encodeGenesis(fork))],
      ["answer_invalid", { ...named(encodeGenesis(fork)), chain_rawBlock: { block: "0x00", receipts: [] } }],
      ["answer_invalid", { ...named(encodeGenesis(fork)), chain_rawBlock: raw }],
    ];
    const url = `ws://127.0.0.1:${(server.address() as { port: number }).port}`;
    const folder = join(temporaryFolder(), "data");
    for (const [code, next] of hostile) {
      answers = next;
      await expect(startFollower({ url, directory: folder })).rejects.toMatchObject({ name: "InputError", code });
    }
    expect(existsSync(folder)).toBe(false);
  });
});
