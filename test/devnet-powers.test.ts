/**
 * A devnet's powers over its port, on LevelDB with execution threads, in the hands of several clients at once: what any order
 * of their calls must leave true of the answers, of what subscribers are told, of the chain and of its folder.
 */
import {
  createClient,
  type EventOfTopic,
  type Hex,
  type Client as RpcClient,
  type RpcMethod,
  type RpcMethods,
} from "lockstep/client";
import { createDevnet, type DevnetOptions, type ListeningDevnet } from "lockstep/devnet";
import { verifyKeys } from "lockstep/proof";
import { expect, onTestFinished, test } from "vitest";
import { addressToText, contractAddress } from "../node/address.ts";
import { decodeHeader } from "../node/block.ts";
import { hash } from "../node/crypto.ts";
import { openReplaySource, replayChain } from "../node/replay.ts";
import { api } from "../node/rpc/api.ts";
import { fromHex, toHex } from "../node/rpc/json.ts";
import { accountKey, storageKey } from "../node/state/account.ts";
import { checkDatabase } from "../node/storage/check.ts";
import type { Action } from "../node/transaction.ts";
import { encodeScript, puppet, type Script } from "./support/puppet.ts";
import { randomFrom } from "./support/random.ts";
import { signed, type TestAccount, transfer } from "./support/signing.ts";
import { temporaryFolder } from "./support/test-chain.ts";

const CLIENT_COUNT = 5;
const ROUND_COUNT = 4;
const CALLS_PER_ROUND = Number(process.env.POWERS_CALLS ?? 50);

class Random {
  readonly #next: () => number;
  constructor(seed: number) {
    this.#next = randomFrom(seed);
  }
  /** 0 to `bound`, without it. */
  below(bound: number): number {
    return Math.floor(this.#next() * bound);
  }
  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Codes of every call, beside those of the method. */
const ofEveryCall = new Set(["invalid_params", "hex_invalid", "address_invalid", "cursor_invalid"]);

function isNamed(method: RpcMethod, code: string): boolean {
  const { errors = {} } = api[method] as { errors?: Readonly<Record<string, string>> };
  const names = (name: string) => (name.endsWith("*") ? code.startsWith(name.slice(0, -1)) : code === name);
  return ofEveryCall.has(code) || Object.keys(errors).some(names);
}

const codeHash = hash("code", puppet);
const STORAGE_KEYS = [1, 2, 3, 4, 5, 6, 7, 8];
/** All entries are always alike, so whoever sees two values sees two states. */
const writeAll = (value: number): Script => STORAGE_KEYS.map((key) => ({ kind: "set", key, value }));
const readAll = toHex(encodeScript(STORAGE_KEYS.map((key) => ({ kind: "get", key }))));

interface Call {
  readonly method: RpcMethod;
  readonly code: string;
}

/** A devnet with the puppet deployed, and a client that may be handed to many. */
async function start(options: Partial<DevnetOptions> = {}) {
  const dataDir = temporaryFolder();
  const made = new Map<string, number>();
  const devnet = await createDevnet({
    listen: 0,
    dataDir,
    onBlock: ({ hash: of }) => made.set(toHex(of), (made.get(toHex(of)) ?? 0) + 1),
    ...options,
  });
  const connect = () => {
    const client = createClient(devnet.url);
    onTestFinished(() => client.close());
    return client;
  };
  onTestFinished(() => devnet.close().catch(() => {}));
  const [owner] = devnet.accounts;
  const deployed = await devnet.send(owner!, [
    { kind: "upload", code: puppet },
    { kind: "create", codeHash, salt: null, args: encodeScript(writeAll(0)), value: 0n },
  ]);
  expect(deployed.receipt.status.kind).toBe("success");
  const contract = contractAddress({
    creator: owner!.address,
    origin: { kind: "nonce", nonce: 0, action: 1 },
    codeHash,
  });
  return { devnet, dataDir, connect, contract, made };
}

type Started = Awaited<ReturnType<typeof start>>;

/** What one client does, and what became of it. */
class Actor {
  readonly calls: Call[] = [];
  readonly waits: Promise<void>[] = [];
  readonly unsettled = new Set<Hex>();
  readonly faults: string[] = [];
  readonly client: RpcClient;
  readonly #account: TestAccount;
  readonly #others: readonly TestAccount[];
  readonly #random: Random;
  readonly #contract: Uint8Array;
  #dump: Hex | undefined;
  static readonly snapshots: number[] = [];

  constructor({ devnet, connect, contract }: Started, index: number, random: Random) {
    this.client = connect();
    this.#account = devnet.accounts[index + 1]!;
    this.#others = devnet.accounts;
    this.#random = random;
    this.#contract = contract;
  }

  /** Undefined for what was refused. */
  call<M extends RpcMethod>(method: M, params: RpcMethods[M]["params"]): Promise<RpcMethods[M]["result"] | undefined> {
    return this.client.call(method, params).then(
      (result) => {
        this.calls.push({ method, code: "result" });
        return result;
      },
      ({ code, message }: { code: string; message: string }) => {
        this.calls.push({ method, code });
        if (!isNamed(method, code)) this.faults.push(`${method}: ${code}: ${message}`);
        return undefined;
      },
    );
  }

  async #send(actions: readonly Action[], waits: boolean): Promise<void> {
    const { address } = this.#account;
    const account = await this.call("state_account", { address: addressToText(address) });
    const ahead = this.#random.below(8) === 0 ? 1 : 0;
    const options = {
      chainId: "lockstep-dev",
      nonce: account!.nextNonce + ahead,
      gasPrice: BigInt(1 + this.#random.below(50)),
      gasLimit: 20_000_000 + this.#random.below(1_000_000),
    };
    const { encoded, hash: name } = signed(this.#account, actions, options);
    const transaction = toHex(encoded);
    if (!waits) return void (await this.call("tx_submit", { transaction }));
    this.unsettled.add(toHex(name));
    const settled = this.call("tx_submitAndWait", { transaction, timeoutMs: 60_000 });
    this.waits.push(settled.then(() => void this.unsettled.delete(toHex(name))));
  }

  async #checkProof(height: number): Promise<void> {
    const keys = [
      accountKey(this.#account.address),
      ...[1, 9].map((key) => storageKey(this.#contract, Uint8Array.of(key))),
    ];
    const answer = await this.call("state_proof", { keys: keys.map(toHex), height });
    if (answer === undefined) return;
    const { stateRoot, height: at } = decodeHeader(fromHex(answer.header));
    expect(at).toBe(height);
    const claims = keys.map((key, i) => ({
      key,
      value: answer.values[i]! === null ? null : fromHex(answer.values[i]!),
    }));
    verifyKeys(stateRoot, claims, fromHex(answer.proof));
  }

  async #checkView(height: number | undefined): Promise<void> {
    const contract = addressToText(this.#contract);
    const at = height === undefined ? {} : { height };
    const view = await this.call("contract_view", { contract, method: "look", args: readAll, ...at });
    if (view === undefined) return;
    if (height !== undefined) expect(view.height).toBe(height);
    expect(view.status.kind).toBe("success");
    expect(new Set(fromHex(view.returnData)).size, "what a view sees is one state").toBe(1);
  }

  async step(): Promise<void> {
    const random = this.#random;
    const other = random.of(this.#others).address;
    const address = addressToText(other);
    const kind = random.below(30);
    const head = await this.call("chain_info", {});
    const height = random.below(head!.height + 1);
    if (kind < 4) return this.#send([transfer(other, 1n)], random.below(2) === 0);
    if (kind < 8) {
      const args = encodeScript([...writeAll(random.below(256)), { kind: "emit", data: random.below(256) }]);
      return this.#send([{ kind: "call", contract: this.#contract, method: "work", args, value: 0n }], kind < 6);
    }
    switch (kind) {
      case 8:
        return void (await this.call("state_account", { address, height }));
      case 9:
        return this.#checkProof(height);
      case 10:
      case 11:
        return this.#checkView(random.below(3) === 0 ? undefined : height);
      case 12: {
        const block = await this.call("chain_block", { height });
        if (block) expect(block.height).toBe(height);
        return;
      }
      case 13: {
        const taken = await this.call("dev_snapshot", {});
        if (taken !== undefined) Actor.snapshots.push(taken.snapshot);
        return;
      }
      case 14:
      case 15:
        return void (await this.call("dev_revert", { snapshot: random.of([...Actor.snapshots.slice(-4), 0]) }));
      case 16: {
        const { head: time } = (await this.call("dev_time", {}))!;
        return void (await this.call("dev_setTime", { time: time + random.below(5_000), mine: random.below(2) === 0 }));
      }
      case 17:
        return void (await this.call("dev_advanceTime", { ms: random.below(5_000), mine: random.below(2) === 0 }));
      case 18:
        return void (await this.call("dev_setBalance", {
          address,
          balance: String(10n ** 18n + BigInt(random.below(99))),
        }));
      case 19: {
        const account = await this.call("state_account", { address });
        return void (await this.call("dev_setNonce", { address, nonce: account!.nonce + random.below(2) }));
      }
      case 20: {
        const [contract, key] = [addressToText(this.#contract), toHex(Uint8Array.of(9, random.below(4)))];
        const value = random.below(2) === 0 ? null : toHex(Uint8Array.of(random.below(256)));
        return void (await this.call("dev_setStorage", { contract, key, value }));
      }
      case 21:
        return void (await this.call("dev_mine", { count: 1 + random.below(4) }));
      case 22:
        this.#dump = (await this.call("dev_dump", {}))?.dump ?? this.#dump;
        return;
      case 23:
        if (this.#dump !== undefined) await this.call("dev_load", { dump: this.#dump });
        return;
      case 24:
        return void (await this.call("dev_dropTransactions", random.below(2) === 0 ? {} : { sender: address }));
      case 25:
        return void (await this.call("dev_setLabel", { address, label: random.of(["a", "b", null]) }));
      case 26:
        return void (await this.call("dev_impersonate", random.below(8) === 0 ? {} : { address }));
      case 27:
        return void (await this.call("dev_stopImpersonating", random.below(2) === 0 ? {} : { address }));
      case 28:
        return void (await this.call("dev_setTimeStep", { stepMs: random.of([null, 0, 1_000]) }));
      default: {
        const sealing = random.of([
          { kind: "transaction" },
          { kind: "manual" },
          { kind: "interval", intervalMs: 5 },
          { kind: "mixed", intervalMs: 5 },
        ] as const);
        return void (await this.call("dev_setSealing", sealing));
      }
    }
  }
}

/** What somebody who watches knows of the chain: its blocks as far as they were told and not taken back. */
class Watched {
  readonly #blocks: EventOfTopic<"heads">[] = [];
  readonly events: EventOfTopic<"events">[] = [];
  readonly wrong: string[] = [];

  onHead(event: EventOfTopic<"heads">): void {
    if (event.kind !== "head") return void this.wrong.push(`heads: ${event.kind}`);
    const { height, parentHash, hash: own } = event.head;
    const isOf = (at: number) => this.#blocks.findIndex((known) => known.kind === "head" && known.head.height === at);
    const last = this.#blocks.at(-1);
    if (last?.kind === "head" && height > last.head.height) {
      if (height !== last.head.height + 1 || parentHash !== last.head.hash) {
        this.wrong.push(`block ${height} does not follow block ${last.head.height}`);
      }
    } else if (last !== undefined) {
      const back = isOf(height);
      // Where the chain ends is told once more, and is the block that was there.
      const known = this.#blocks[back];
      if (known?.kind === "head" && known.head.hash !== own) this.wrong.push(`block ${height} is another than it was`);
      this.#blocks.length = Math.max(back, 0);
    }
    this.#blocks.push(event);
  }

  get chain(): readonly string[] {
    return this.#blocks.map((event) => (event.kind === "head" ? `${event.head.height} ${event.head.hash}` : ""));
  }
}

/** Everything there is to see and to be brought back. */
async function observe(client: RpcClient, { devnet, contract }: Started) {
  const info = await client.call("chain_info", {});
  const addresses = [...devnet.accounts.map(({ address }) => address), contract, new Uint8Array(32)].map(addressToText);
  const time = await client.call("dev_time", {});
  return {
    info,
    accounts: await Promise.all(addresses.map((address) => client.call("state_account", { address }))),
    pool: await client.call("tx_pool", {}),
    next: time.next,
    stepMs: time.stepMs,
    sealing: (await client.call("node_info", {})).sealing,
    labels: await client.call("dev_labels", {}),
    // Of nobody, so that it changes nothing.
    impersonation: await client.call("dev_stopImpersonating", { address: addressToText(new Uint8Array(32).fill(7)) }),
    fees: await client.call("tx_fees", {}),
    head: await client.call("chain_block", {}),
    view: await client.call("contract_view", { contract: addressToText(contract), method: "look", args: readAll }),
  };
}

/** Nothing is on its way any more, and nothing is left that makes a block by itself. */
async function settled(client: RpcClient, actors: readonly Actor[]): Promise<void> {
  for (const { unsettled } of actors) {
    for (const name of unsettled) {
      while (unsettled.has(name) && (await client.call("tx_status", { hash: name })).kind === "unknown") await pause(2);
    }
  }
  for (;;) {
    const { pool } = await client.call("tx_pool", { limit: 1 });
    const { sealing } = await client.call("node_info", {});
    if (pool.readyCount === 0 || sealing.kind === "manual") return;
    await pause(5);
  }
}

async function chainOf(client: RpcClient): Promise<{ hashes: string[]; transactions: Set<string> }> {
  const { height } = await client.call("chain_info", {});
  const [hashes, transactions]: [string[], Set<string>] = [[], new Set()];
  for (let at = 0; at <= height; at++) {
    const block = (await client.call("chain_block", { height: at }))!;
    expect(block.height).toBe(at);
    if (at > 0) expect(block.parentHash, `block ${at}`).toBe(hashes[at - 1]);
    hashes.push(block.hash);
    for (const transaction of block.transactions) transactions.add(transaction);
  }
  return { hashes, transactions };
}

async function expectWhole(devnet: ListeningDevnet, dataDir: string): Promise<void> {
  const { header, hash: headHash } = devnet.head;
  await devnet.close();
  expect(await checkDatabase(dataDir)).toMatchObject({ height: header.height, headHash });
  const source = await openReplaySource({ dataDir });
  onTestFinished(() => source.close());
  expect(await replayChain(source)).toMatchObject({ difference: null, headHash });
}

test("many clients at once: every call ends as the reference says, and all that is told and kept agrees", async () => {
  const seed = Number(process.env.POWERS_SEED ?? Date.now() % 1_000_000);
  console.log(`devnet-powers seed ${seed}`);
  const random = new Random(seed);
  const started = await start();
  const { devnet, dataDir, connect, made } = started;
  const watcher = connect();
  const watched = new Watched();
  const from = devnet.head.header.height;
  await watcher.subscribe({ topic: "heads", after: `${from - 1}` }, (event) => watched.onHead(event));
  await watcher.subscribe({ topic: "events" }, (event) => watched.events.push(event));
  const actors = Array.from(
    { length: CLIENT_COUNT },
    (_, index) => new Actor(started, index, new Random(random.below(2 ** 31))),
  );
  const controller = connect();
  Actor.snapshots.length = 0;

  for (let round = 0; round < ROUND_COUNT; round++) {
    await Promise.all(
      actors.map(async (actor) => {
        // Two at a time of each.
        const run = async () => {
          for (let count = 0; count < CALLS_PER_ROUND / 2; count++) await actor.step();
        };
        await Promise.all([run(), run()]);
      }),
    );
    expect(actors.flatMap(({ faults }) => faults)).toEqual([]);

    // Quiet: one alone goes on, and back.
    await controller.call("dev_setSealing", random.of([{ kind: "manual" }, { kind: "transaction" }] as const));
    await settled(controller, actors);
    const { transactions } = await chainOf(controller);
    const pool = await controller.call("tx_pool", {});
    expect(pool.transactions.filter(({ hash: waiting }) => transactions.has(waiting))).toEqual([]);
    // It waits for the block that is in the making.
    const { snapshot } = await controller.call("dev_snapshot", {});
    const { next: nextBefore, ...before } = await observe(controller, started);
    const [alone] = actors as [Actor];
    // The only one it may go back to meanwhile.
    Actor.snapshots.splice(0, Actor.snapshots.length, snapshot);
    for (let count = 0; count < 15; count++) await alone.step();
    await controller.call("dev_mine", { count: 3 });
    await settled(controller, actors);
    await alone.client.call("dev_revert", { snapshot });
    const { next, ...after } = await observe(controller, started);
    expect(after).toEqual(before);
    // The machine's clock goes on.
    expect(next - nextBefore).toBeGreaterThanOrEqual(0);
    expect(next - nextBefore).toBeLessThan(10_000);
  }

  // Whoever waits still, waits for something that waits.
  await controller.call("dev_setSealing", { kind: "transaction" });
  await settled(controller, actors);
  await controller.call("dev_dropTransactions", {});
  await Promise.race([Promise.all(actors.flatMap(({ waits }) => waits)), pause(2_000)]);
  expect(actors.flatMap(({ unsettled }) => [...unsettled])).toEqual([]);
  const codes = new Map<string, number>();
  for (const { method, code } of actors.flatMap(({ calls }) => calls)) {
    codes.set(`${method} ${code}`, (codes.get(`${method} ${code}`) ?? 0) + 1);
  }
  if (process.env.POWERS_VERBOSE)
    console.log(
      [...codes]
        .sort()
        .map(([key, count]) => `${count} ${key}`)
        .join("\n"),
    );
  expect(actors.flatMap(({ faults }) => faults)).toEqual([]);
  for (const expected of [
    "dev_revert result",
    "dev_load result",
    "tx_submitAndWait chain_reverted",
    "contract_view result",
  ]) {
    expect(codes.get(expected) ?? 0, expected).toBeGreaterThan(0);
  }
  expect([...codes.keys()].filter((key) => key.endsWith("wait_timeout"))).toEqual([]);

  // What is told, and what is.
  const { hashes } = await chainOf(controller);
  const height = hashes.length - 1;
  while (watched.chain.at(-1) !== `${height} ${hashes[height]}`) await pause(5);
  expect(watched.wrong).toEqual([]);
  expect(watched.chain).toEqual(hashes.map((own, at) => `${at} ${own}`).slice(Number(watched.chain[0]!.split(" ")[0])));
  const stayed: string[] = [];
  for (let after: string | null | undefined; after !== null; ) {
    const page = await controller.call("chain_events", { fromHeight: from + 1, ...(after && { after }) });
    stayed.push(...page.events.map((event) => JSON.stringify(event)));
    after = page.next;
  }
  const told = new Map<string, number>();
  for (const event of watched.events) {
    expect(event.kind).toBe("event");
    if (event.kind !== "event") continue;
    told.set(JSON.stringify(event.event), (told.get(JSON.stringify(event.event)) ?? 0) + 1);
  }
  for (const event of stayed) {
    const { blockHash } = JSON.parse(event) as { blockHash: string };
    const times = told.get(event) ?? 0;
    expect(times, event).toBeGreaterThan(0);
    // A block that was taken back and made again, the same to the last bit, is told of again.
    expect(times, event).toBeLessThanOrEqual(made.get(blockHash)!);
  }
  await watcher.close();
  await expectWhole(devnet, dataDir);
}, 60_000);
