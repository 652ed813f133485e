/**
 * A devnet that goes on from a block of another, both as the package ships them, with a proxy in between that lies and dies.
 * The oracle is the forked node itself: what happens on both must be the same, root for root.
 */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createDevnet, type Devnet, type DevnetOptions, type ListeningDevnet } from "lockstep/devnet";
import { describe, expect, onTestFinished, test } from "vitest";
import { hash } from "../node/crypto.ts";
import { toHex } from "../node/rpc/json.ts";
import type { Action } from "../node/transaction.ts";
import { startLyingProxy } from "./support/lying-proxy.ts";
import { encodeScript, puppet, type Script } from "./support/puppet.ts";
import { withAbi } from "./support/sample-contracts.ts";
import { testAccount, transfer } from "./support/signing.ts";
import { temporaryFolder } from "./support/test-chain.ts";
import { wat } from "./support/wat.ts";

/** Keeps entries: the first byte of the arguments is the key. */
const shelf = withAbi(
  wat(`(module
    (import "lockstep" "input" (func $input (param i32 i32) (result i32)))
    (import "lockstep" "return_data" (func $return_data (param i32 i32)))
    (import "lockstep" "storage_get" (func $get (param i32 i32 i32 i32) (result i32)))
    (import "lockstep" "storage_set" (func $set (param i32 i32 i32 i32)))
    (import "lockstep" "storage_remove" (func $remove (param i32 i32)))
    (import "lockstep" "storage_scan" (func $scan (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (memory 4)
    (func $read (result i32) (call $input (i32.const 1024) (i32.const 1000)))
    (func $list (result i32)
      (call $scan (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1024) (i32.const 0)
        (i32.const 4096) (i32.const 100000)))
    (func (export "put")
      (call $set (i32.const 1024) (i32.const 1) (i32.const 1025) (i32.sub (call $read) (i32.const 1))))
    (func (export "drop") (drop (call $read)) (call $remove (i32.const 1024) (i32.const 1)))
    (func (export "get") (local $size i32)
      (drop (call $read))
      (local.set $size (call $get (i32.const 1024) (i32.const 1) (i32.const 4096) (i32.const 100)))
      (if (i32.ge_s (local.get $size) (i32.const 0)) (then (call $return_data (i32.const 4096) (local.get $size)))))
    (func (export "list") (call $return_data (i32.const 4096) (call $list)))
    (func (export "keep_list") (drop (call $list)) (call $set (i32.const 4096) (i32.const 4) (i32.const 4096) (i32.const 200))))`),
  [
    { name: "put", mutability: "call" },
    { name: "drop", mutability: "call" },
    { name: "get", mutability: "view" },
    { name: "list", mutability: "view" },
    { name: "keep_list", mutability: "call" },
  ],
);

const ENTRY_COUNT = 24;
const keyAt = (index: number) => Uint8Array.of(index);
const noBytes = new Uint8Array();

async function started<O extends DevnetOptions>(
  options: O,
): Promise<O extends { listen: number } ? ListeningDevnet : Devnet> {
  const devnet = await createDevnet(options);
  onTestFinished(() => devnet.close());
  return devnet as never;
}

/** A devnet with a contract that keeps some entries, and a proxy before it. */
async function startRemote() {
  const remote = await started({ listen: 0, deterministic: true });
  const [dev0] = remote.accounts;
  const { receipt } = await remote.send(dev0!, [
    { kind: "upload", code: shelf },
    { kind: "create", codeHash: hash("code", shelf), salt: null, args: noBytes, value: 0n },
  ]);
  const contract = receipt.actions[1]!.created[0]!;
  const calls = Array.from({ length: ENTRY_COUNT }, (_, index) => put(contract, index, 100 + index));
  for (let from = 0; from < calls.length; from += 8) await remote.send(dev0!, calls.slice(from, from + 8));
  const proxy = await startLyingProxy(remote.url!);
  return { remote, contract, proxy };
}

function call(contract: Uint8Array, method: string, ...args: number[]): Action {
  return { kind: "call", contract, method, args: Uint8Array.from(args), value: 0n };
}

function put(contract: Uint8Array, key: number, value: number): Action {
  return call(contract, "put", key, value);
}

async function list(devnet: Devnet, contract: Uint8Array): Promise<string> {
  const { outcome } = await devnet.view({ contract, method: "list", args: noBytes });
  if (outcome.kind !== "success") throw new Error(`list ended as ${JSON.stringify(outcome)}`);
  return toHex(outcome.data);
}

/** What a fork's first block does, done to the remote too. */
async function fundAgain(remote: Devnet): Promise<void> {
  await remote.edit(remote.accounts.map(({ address }) => ({ kind: "credit", address, amount: 10n ** 18n })));
}

/** In a process of its own, as people run it. */
async function replay(...args: string[]): Promise<unknown> {
  const cli = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [cli, "replay", "--json", ...args]);
  return JSON.parse(stdout);
}

const rootOf = (devnet: Devnet) => toHex(devnet.head.header.stateRoot);
const failing = (code: string) => expect.objectContaining({ code });

const places: [string, () => Partial<DevnetOptions>][] = [
  ["in memory", () => ({})],
  ["in a folder", () => ({ dataDir: temporaryFolder() })],
];

describe.each(places)("a fork %s", (_, place) => {
  test("makes of the same transactions the same states as the node that it forked, root for root", async () => {
    const { remote, contract, proxy } = await startRemote();
    const fork = await started({ ...place(), deterministic: true, fork: { url: proxy.url } });
    expect(fork.height).toBe(remote.head.header.height + 1);
    await fundAgain(remote);
    expect(rootOf(fork)).toBe(rootOf(remote));
    const [dev0, dev1] = remote.accounts;
    const steps: Action[][] = [
      [transfer(testAccount(9).address, 5n)],
      [put(contract, 3, 1)],
      [put(contract, 200, 2), call(contract, "drop", 7)],
      [call(contract, "drop", 250)],
      [call(contract, "keep_list")],
      Array.from({ length: 12 }, (_, key) => call(contract, "drop", key)),
      Array.from({ length: 12 }, (_, key) => call(contract, "drop", 12 + key)),
      [call(contract, "keep_list"), put(contract, 7, 7)],
      [call(contract, "keep_list")],
      [{ kind: "create", codeHash: hash("code", shelf), salt: null, args: noBytes, value: 0n }],
      [{ kind: "upload", code: shelf }],
    ];
    for (const [index, actions] of steps.entries()) {
      const sender = index % 2 === 0 ? dev0! : dev1!;
      const [there, here] = [await remote.send(sender, actions), await fork.send(sender, actions)];
      expect(here.receipt.status, `step ${index}`).toEqual(there.receipt.status);
      expect(here.receipt.gasUsed, `step ${index}`).toBe(there.receipt.gasUsed);
      expect(rootOf(fork), `step ${index}`).toBe(rootOf(remote));
    }
    expect(await list(fork, contract)).toBe(await list(remote, contract));
  });

  test("undoes what it did, and reads of its base what it read before", async () => {
    const { contract, proxy } = await startRemote();
    const fork = await started({ ...place(), fork: { url: proxy.url } });
    const before = rootOf(fork);
    const snapshot = await fork.snapshot();
    await fork.send(fork.accounts[0]!, [put(contract, 1, 9), call(contract, "drop", 2)]);
    expect(await fork.storage(contract, keyAt(1))).toEqual(Uint8Array.of(9));
    expect(await fork.storage(contract, keyAt(2))).toBeUndefined();
    await fork.revert(snapshot);
    expect(rootOf(fork)).toBe(before);
    expect(await fork.storage(contract, keyAt(1))).toEqual(Uint8Array.of(101));
    expect(await fork.storage(contract, keyAt(2))).toEqual(Uint8Array.of(102));
  });

  test("undoes what it did before its keys were listed", async () => {
    const { remote, contract, proxy } = await startRemote();
    const fork = await started({ ...place(), fork: { url: proxy.url } });
    const snapshot = await fork.snapshot();
    await fork.send(fork.accounts[0]!, [put(contract, 1, 9), call(contract, "drop", 2), put(contract, 99, 1)]);
    expect(await list(fork, contract)).not.toBe(await list(remote, contract));
    await fork.revert(snapshot);
    expect(await list(fork, contract)).toBe(await list(remote, contract));
    expect(await fork.storage(contract, keyAt(1))).toEqual(Uint8Array.of(101));
    expect(await fork.storage(contract, keyAt(2))).toEqual(Uint8Array.of(102));
    expect(await fork.storage(contract, keyAt(99))).toBeUndefined();
  });

  test("goes on when the node is gone, with what it read, and says what it cannot", async () => {
    const { remote, contract, proxy } = await startRemote();
    const fork = await started({ ...place(), fork: { url: proxy.url } });
    const [dev0] = fork.accounts;
    await fork.send(dev0!, [put(contract, 1, 77)]);
    expect(await fork.storage(contract, keyAt(5))).toEqual(Uint8Array.of(105));
    await proxy.close();
    await remote.close();
    expect(await fork.storage(contract, keyAt(5))).toEqual(Uint8Array.of(105));
    await fork.send(dev0!, [put(contract, 1, 78)]);
    expect(await fork.storage(contract, keyAt(1))).toEqual(Uint8Array.of(78));
    const { height } = fork.head.header;
    for (const attempt of [
      () => fork.storage(contract, keyAt(9)),
      () => list(fork, contract),
      () => fork.send(dev0!, [call(contract, "keep_list")]),
    ]) {
      await expect(attempt()).rejects.toEqual(failing("fork_unreachable"));
    }
    expect(fork.head.header.height).toBe(height);
    // What could not be had spoils nothing.
    await fork.send(dev0!, [put(contract, 1, 79)]);
    expect(fork.head.header.height).toBe(height + 1);
  });

  test("is not deceived, in reads, views and blocks, and goes on when the lies end", async () => {
    const { contract, proxy } = await startRemote();
    const fork = await started({ ...place(), fork: { url: proxy.url } });
    const [dev0] = fork.accounts;
    const { height } = fork.head.header;
    proxy.lie = (result, method) => {
      if (method !== "state_nodes") return result;
      const alter = (hex: string) => hex.slice(0, -1) + (hex.endsWith("0") ? "1" : "0");
      return {
        ...result,
        nodes: result.nodes.map((node: { record: string } | null) => node && { ...node, record: alter(node.record) }),
      };
    };
    for (const attempt of [
      () => fork.storage(contract, keyAt(5)),
      () => fork.view({ contract, method: "get", args: keyAt(5) }),
      () => fork.send(dev0!, [put(contract, 5, 1)]),
      () => list(fork, contract),
    ]) {
      await expect(attempt()).rejects.toEqual(failing("fork_lied"));
    }
    expect(fork.head.header.height).toBe(height);
    proxy.lie = (result) => result;
    const { outcome } = await fork.view({ contract, method: "get", args: keyAt(5) });
    expect(outcome).toMatchObject({ kind: "success", data: Uint8Array.of(105) });
    await fork.send(dev0!, [put(contract, 5, 1)]);
    expect(await fork.storage(contract, keyAt(5))).toEqual(Uint8Array.of(1));
  });

  test("survives that the node dies in the middle of a read, and says so when it does so again and again", async () => {
    const { contract, proxy } = await startRemote();
    const fork = await started({ ...place(), fork: { url: proxy.url } });
    proxy.deathCount = 1;
    expect(await fork.storage(contract, keyAt(4))).toEqual(Uint8Array.of(104));
    proxy.deathCount = 3;
    await expect(fork.storage(contract, keyAt(11))).rejects.toEqual(failing("fork_interrupted"));
    expect(await fork.storage(contract, keyAt(11))).toEqual(Uint8Array.of(111));
  });

  test("lists its keys for the first time while blocks are made", async () => {
    const { remote, contract, proxy } = await startRemote();
    const fork = await started({ ...place(), deterministic: true, fork: { url: proxy.url } });
    await fundAgain(remote);
    const [dev0, dev1] = fork.accounts;
    const work = async (devnet: Devnet): Promise<void> => {
      for (let key = 0; key < ENTRY_COUNT; key += 2) {
        await devnet.send(dev0!, [call(contract, "drop", key), put(contract, 100 + key, key)]);
      }
    };
    await work(remote);
    const looks = async (): Promise<void> => {
      for (let look = 0; look < 8; look++) {
        await list(fork, contract);
        await fork.account(dev1!.address);
      }
    };
    await Promise.all([work(fork), looks(), looks()]);
    expect(rootOf(fork)).toBe(rootOf(remote));
    expect(await list(fork, contract)).toBe(await list(remote, contract));
    for (let key = 0; key < 100 + ENTRY_COUNT; key++) {
      expect(await fork.storage(contract, keyAt(key))).toEqual(await remote.storage(contract, keyAt(key)));
    }
  });

  test("can be forked", async () => {
    const { remote, contract, proxy } = await startRemote();
    const first = await started({ ...place(), listen: 0, fork: { url: proxy.url } });
    await first.send(first.accounts[0]!, [put(contract, 1, 55), call(contract, "drop", 2)]);
    const second = await started({ ...place(), fork: { url: first.url! } });
    await second.send(second.accounts[0]!, [put(contract, 3, 66)]);
    const values = await Promise.all([1, 2, 3, 4].map((key) => second.storage(contract, keyAt(key))));
    expect(values).toEqual([Uint8Array.of(55), undefined, Uint8Array.of(66), Uint8Array.of(104)]);
    expect(await first.storage(contract, keyAt(3))).toEqual(Uint8Array.of(103));
    expect(await remote.storage(contract, keyAt(1))).toEqual(Uint8Array.of(101));
    expect((await list(second, contract)).length).toBeGreaterThan(100);
  });
});

describe("the folder of a fork", () => {
  test("remembers what was read: at the next start nothing is asked for it, and the node need not be there", async () => {
    const { remote, contract, proxy } = await startRemote();
    const dataDir = temporaryFolder();
    const options = { dataDir, fork: { url: proxy.url } };
    const first = await started(options);
    await first.send(first.accounts[0]!, [put(contract, 1, 55)]);
    expect(await first.storage(contract, keyAt(5))).toEqual(Uint8Array.of(105));
    const root = rootOf(first);
    await first.close();
    proxy.calls.length = 0;
    const second = await started(options);
    expect(rootOf(second)).toBe(root);
    expect(await second.storage(contract, keyAt(5))).toEqual(Uint8Array.of(105));
    expect(proxy.calls).toEqual([]);
    await second.close();
    await proxy.close();
    await remote.close();
    const third = await started(options);
    expect(await third.storage(contract, keyAt(1))).toEqual(Uint8Array.of(55));
    await expect(third.storage(contract, keyAt(9))).rejects.toEqual(failing("fork_unreachable"));
    await third.close();
    const offline = await started({ dataDir });
    expect(await offline.storage(contract, keyAt(5))).toEqual(Uint8Array.of(105));
    await expect(offline.storage(contract, keyAt(9))).rejects.toEqual(failing("fork_offline"));
    await expect(offline.send(offline.accounts[0]!, [put(contract, 9, 1)])).rejects.toEqual(failing("fork_offline"));
  });

  test("with all keys listed needs nobody any more", async () => {
    const { remote, contract, proxy } = await startRemote();
    const fork = await started({ dataDir: temporaryFolder(), deterministic: true, fork: { url: proxy.url } });
    const listed = await list(fork, contract);
    expect(listed).toBe(await list(remote, contract));
    await proxy.close();
    for (let key = 0; key < ENTRY_COUNT; key++) {
      expect(await fork.storage(contract, keyAt(key))).toEqual(Uint8Array.of(100 + key));
    }
    await fundAgain(remote);
    const drops = Array.from({ length: ENTRY_COUNT }, (_, key) => call(contract, "drop", key));
    for (const devnet of [remote, fork]) {
      for (let from = 0; from < drops.length; from += 8) {
        const { receipt } = await devnet.send(devnet.accounts[0]!, drops.slice(from, from + 8));
        expect(receipt.status).toEqual({ kind: "success" });
      }
    }
    expect(rootOf(fork)).toBe(rootOf(remote));
    expect(await list(fork, contract)).toBe("0x00000000");
  });
});

test("a contract that calls another finds what that one keeps in the base, and its root is the other node's", async () => {
  const remote = await started({ listen: 0, deterministic: true });
  const [dev0] = remote.accounts;
  const codeHash = hash("code", puppet);
  const create = (key: number): Action => {
    const args = encodeScript([{ kind: "set", key, value: 100 + key }]);
    return { kind: "create", codeHash, salt: new Uint8Array(32).fill(key), args, value: 0n };
  };
  const made = await remote.send(dev0!, [{ kind: "upload", code: puppet }, create(1), create(2), create(3)]);
  const [outer, middle, inner] = made.receipt.actions.slice(1).map(({ created }) => created[0]!);
  const calling = (contract: Uint8Array, script: Script): Script => [
    { kind: "get", key: 9 },
    { kind: "call", contract, method: "work", value: 0n, gas: 20_000_000n, script },
    { kind: "set", key: 5, value: 5 },
  ];
  const script = calling(
    middle!,
    calling(inner!, [
      { kind: "get", key: 3 },
      { kind: "set", key: 3, value: 7 },
    ]),
  );
  const action: Action = { kind: "call", contract: outer!, method: "work", args: encodeScript(script), value: 0n };
  const fork = await started({ deterministic: true, fork: { url: remote.url } });
  await fundAgain(remote);
  const [there, here] = [await remote.send(dev0!, [action]), await fork.send(dev0!, [action])];
  expect(there.receipt.status).toEqual({ kind: "success" });
  expect(here.receipt.gasUsed).toBe(there.receipt.gasUsed);
  expect(here.receipt.actions[0]!.returnData).toEqual(there.receipt.actions[0]!.returnData);
  expect(rootOf(fork)).toBe(rootOf(remote));
});

test("a fork at a height has that height's state, written in the address or beside it", async () => {
  const { remote, contract, proxy } = await startRemote();
  const { height } = remote.head.header;
  await remote.send(remote.accounts[0]!, [put(contract, 1, 1)]);
  for (const fork of [{ url: proxy.url, height }, { url: `${proxy.url}@${height}` }]) {
    const devnet = await started({ fork });
    expect(await devnet.storage(contract, keyAt(1))).toEqual(Uint8Array.of(101));
    expect(devnet.genesis.base?.height).toBe(height);
  }
});

test("a fork is replayed through its node, on what the forked node proves of the base", async () => {
  const { contract, proxy } = await startRemote();
  const fork = await started({ fork: { url: proxy.url }, listen: 0, dataDir: temporaryFolder() });
  await fork.send(fork.accounts[0]!, [put(contract, 1, 1), call(contract, "drop", 2), call(contract, "keep_list")]);
  const replayed = await replay("--url", fork.url);
  expect(replayed).toMatchObject({ equal: true, blocks: 2, stateRoot: rootOf(fork) });
  await fork.close();
});

test.each<[string, (url: string) => string, string]>([
  ["the address is none", () => "nowhere", "fork_url_invalid"],
  ["nobody is there", () => "ws://127.0.0.1:1", "fork_unreachable"],
  ["there is no such block", (url) => `${url}@999`, "fork_height_unknown"],
])("no fork begins, and nothing stays behind, when %s", async (_, addressOf, code) => {
  const { proxy } = await startRemote();
  const dataDir = temporaryFolder();
  await expect(createDevnet({ dataDir, fork: { url: addressOf(proxy.url) } })).rejects.toEqual(failing(code));
  const devnet = await started({ dataDir });
  expect(devnet.genesis.base).toBeNull();
});
