import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { transfer } from "../test/support/signing.ts";
import { alice, bob, TestChain, temporaryFolder, testGenesis } from "../test/support/test-chain.ts";
import { extendByVaried } from "../test/support/varied-blocks.ts";
import { InputError } from "../vm/errors.ts";
import {
  type Block,
  blockHash,
  decodeBlock,
  decodeReceipt,
  encodeBlock,
  encodeReceipt,
  type Header,
  headerOfBlock,
  type Receipt,
} from "./block.ts";
import { type ClaimedBlock, type Difference, executeClaim, type ImportedBlocks } from "./claimed-block.ts";
import { Follower, type FollowerNode } from "./follower.ts";
import { silentLog } from "./log.ts";
import type { RemoteChain, RemoteTip } from "./remote-chain.ts";
import { toHex } from "./rpc/json.ts";
import {
  encodedTransaction,
  encodeTransaction,
  type Transaction,
  type TransactionBody,
  unsignedTransaction,
} from "./transaction.ts";

const other = new Uint8Array(32).fill(0xee);

/** A node without the rest of a node. */
class ChainNode implements FollowerNode {
  readonly own: TestChain;
  readonly imported: number[] = [];
  readonly rolledBack: number[] = [];
  /** How many blocks it was given at once, and of those it takes so many. */
  readonly batches: number[] = [];
  batchMax = Number.POSITIVE_INFINITY;
  /** Thrown by the next import. */
  refusal: InputError | null = null;
  floor: number | null = null;

  constructor(own: TestChain) {
    this.own = own;
  }

  static async create(genesis = testGenesis): Promise<ChainNode> {
    return new ChainNode(await TestChain.create(genesis));
  }

  get chainId(): string {
    return this.own.store.genesis.chainId;
  }
  get genesisHash(): Uint8Array {
    return this.own.store.genesisHash;
  }
  get lowestHeight(): number {
    return this.floor ?? this.own.store.lowestHeight;
  }
  get height(): number {
    return this.own.chain.head.height;
  }
  head() {
    const header = this.own.chain.head;
    return { header, hash: blockHash(header) };
  }
  hashAt(height: number): Uint8Array | undefined {
    const block = this.own.store.block(height);
    return block && blockHash(block.header);
  }
  async importBlocks(claims: readonly ClaimedBlock[]): Promise<ImportedBlocks> {
    this.batches.push(claims.length);
    for (const [count, claim] of claims.slice(0, this.batchMax).entries()) {
      const difference = await this.importBlock(claim);
      if (difference !== null) return { count, difference };
    }
    return { count: Math.min(claims.length, this.batchMax), difference: null };
  }
  async importBlock(claim: ClaimedBlock): Promise<Difference | null> {
    const { refusal } = this;
    this.refusal = null;
    if (refusal !== null) throw refusal;
    const applied = executeClaim(this.own.chain, this.own.store.genesis, claim);
    if ("field" in applied) return applied;
    await this.own.chain.commit(applied);
    this.imported.push(this.height);
    return null;
  }
  async rollBack(height: number): Promise<void> {
    await this.own.chain.rollback(height);
    this.rolledBack.push(height);
  }
}

/** What another node says, which a test may change at any time. */
class FakeRemote {
  readonly chain: TestChain;
  connections = 0;
  asked = 0;
  inFlight = 0;
  inFlightMax = 0;
  isAway = false;
  /** Applied to every answer. */
  tamper: (height: number, claim: ClaimedBlock) => ClaimedBlock | null = (_, claim) => claim;
  tamperTip: (tip: RemoteTip) => RemoteTip = (tip) => tip;
  beforeBlock: (height: number) => void | Promise<void> = () => {};
  readonly listeners = new Set<() => void>();

  constructor(chain: TestChain) {
    this.chain = chain;
  }

  get height(): number {
    return this.chain.chain.head.height;
  }

  /** Tells followers that the head moved. */
  tell(): void {
    for (const listener of this.listeners) listener();
  }

  async extend(count = 1): Promise<void> {
    for (let made = 0; made < count; made++) {
      await this.chain.extend([this.chain.sign(alice, [transfer(bob.address, 1n)])]);
    }
  }

  connect(): RemoteChain {
    this.connections++;
    const away = () => {
      if (this.isAway) throw new InputError("connection_lost", "the connection was lost");
    };
    let listener: (() => void) | undefined;
    return {
      tip: async () => {
        await sleep(0);
        away();
        const { head } = this.chain.chain;
        const tip = { genesisHash: this.chain.store.genesisHash, height: head.height, hash: blockHash(head) };
        return this.tamperTip(tip);
      },
      genesis: async () => new Uint8Array(),
      block: async (height) => {
        this.asked++;
        this.inFlight++;
        this.inFlightMax = Math.max(this.inFlightMax, this.inFlight);
        try {
          await sleep(0);
          await this.beforeBlock(height);
          away();
          const raw = this.chain.store.rawBlock(height);
          return raw === undefined ? null : this.tamper(height, raw);
        } finally {
          this.inFlight--;
        }
      },
      watch: async (onNews) => {
        listener = onNews;
        this.listeners.add(onNews);
      },
      close: async () => {
        if (listener !== undefined) this.listeners.delete(listener);
      },
    };
  }
}

/** Imports a block with the receipts that it should have. */
async function executedUnseen(node: ChainNode, block: Uint8Array): Promise<Difference | null> {
  const { time } = headerOfBlock(block);
  const transactions = decodeBlock(block).transactions.map((one) => encodedTransaction(encodeTransaction(one)));
  await node.own.chain.extend({ time, proposer: testGenesis.proposer, transactions });
  return null;
}

/** A success, a creation, an event, a revert, a halt and plain transfers: four blocks. */
async function honestRemote(genesis = testGenesis): Promise<FakeRemote> {
  const chain = await TestChain.create(genesis);
  await extendByVaried(chain);
  await chain.extend([chain.sign(alice, [transfer(bob.address, 1n)])]);
  return new FakeRemote(chain);
}

interface Logged {
  readonly level: string;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly message: string;
}

function follow(node: ChainNode, remote: FakeRemote) {
  const folder = temporaryFolder();
  const logs: Logged[] = [];
  const logger = (level: string) => (facts: object, message: string) =>
    void logs.push({ level, facts: facts as Logged["facts"], message });
  const follower = new Follower({
    node,
    url: "ws://remote",
    connect: () => remote.connect(),
    reportDirectory: folder,
    log: { ...silentLog, info: logger("info"), warn: logger("warn") },
  });
  onTestFinished(() => follower.stop());
  return { follower, folder, logs, warnings: () => logs.filter(({ level }) => level === "warn") };
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    expect(performance.now(), what).toBeLessThan(deadline);
    await sleep(5);
  }
}

const isSame = (node: ChainNode, remote: FakeRemote) =>
  toHex(node.head().hash) === toHex(blockHash(remote.chain.chain.head));
const inStep = (node: ChainNode, remote: FakeRemote) => until(() => isSame(node, remote), "the two are in step");

async function endOf(follower: Follower): Promise<InputError> {
  return follower.ended.then(
    () => Promise.reject(new Error("the follower ended in peace")),
    (error: InputError) => error,
  );
}

/** The follower's end with a remote that says something wrong from the first question on. */
async function endWith(change: (remote: FakeRemote) => void) {
  const remote = await honestRemote();
  change(remote);
  const node = await ChainNode.create();
  const { follower, folder } = follow(node, remote);
  const error = await endOf(follower);
  return { error, node, folder, remote };
}

function changedHeader(part: Partial<Header>) {
  return ({ block, receipts }: ClaimedBlock): ClaimedBlock => {
    const decoded = decodeBlock(block);
    return { block: encodeBlock({ ...decoded, header: { ...decoded.header, ...part } }), receipts };
  };
}

function changedTransactions(change: (list: Transaction[]) => Transaction[]) {
  return ({ block, receipts }: ClaimedBlock): ClaimedBlock => {
    const decoded: Block = decodeBlock(block);
    return { block: encodeBlock({ ...decoded, transactions: change([...decoded.transactions]) }), receipts };
  };
}

function changedReceipt(index: number, change: (receipt: Receipt) => Partial<Receipt>) {
  return ({ block, receipts }: ClaimedBlock): ClaimedBlock => {
    const receipt = decodeReceipt(receipts[index]!);
    return { block, receipts: receipts.with(index, encodeReceipt({ ...receipt, ...change(receipt) })) };
  };
}

const at =
  (height: number, change: (claim: ClaimedBlock) => ClaimedBlock | null) =>
  (asked: number, claim: ClaimedBlock): ClaimedBlock | null =>
    asked === height ? change(claim) : claim;

describe("a follower", () => {
  test("goes where the other node is, from the genesis on, and block by block after that", async () => {
    const remote = await honestRemote();
    const node = await ChainNode.create();
    const { follower, warnings } = follow(node, remote);
    await inStep(node, remote);
    expect(node.imported).toEqual([1, 2, 3, 4]);
    await remote.extend();
    remote.tell();
    await inStep(node, remote);
    await remote.extend(2);
    remote.tell();
    await inStep(node, remote);
    expect(node.imported).toEqual([1, 2, 3, 4, 5, 6, 7]);
    // What the state holds is what it would be, had the node made the blocks.
    expect(node.own.account(bob.address)).toEqual(remote.chain.account(bob.address));
    expect(warnings()).toEqual([]);
    await follower.stop();
    await expect(follower.ended).resolves.toBeUndefined();
  });

  test("executes what nobody signed and what a devnet decreed, where the chain allows it", async () => {
    const genesis = { ...testGenesis, params: { ...testGenesis.params, development: true } };
    const remote = new FakeRemote(await TestChain.create(genesis));
    const { chain } = remote;
    const unsigned = (body: TransactionBody) => encodedTransaction(encodeTransaction(unsignedTransaction(body)));
    const { body } = chain.sign(alice, [transfer(bob.address, 3n)]).transaction;
    const change = { kind: "balance", address: other, balance: 77n } as const;
    const edit: TransactionBody = {
      ...{ ...body, sender: new Uint8Array(32), nonce: 0, gasLimit: 0, gasPrice: 0n },
      actions: [{ kind: "edit", change }],
    };
    for (const one of [body, edit]) {
      const { receipts, invalid } = await chain.extend([unsigned(one)]);
      expect([receipts.length, invalid]).toEqual([1, []]);
    }
    const node = await ChainNode.create(genesis);
    follow(node, remote);
    await inStep(node, remote);
    expect(node.own.account(other).balance).toBe(77n);
  });

  test("notices what nobody told it of", async () => {
    const remote = await honestRemote();
    const node = await ChainNode.create();
    follow(node, remote);
    await inStep(node, remote);
    await remote.extend();
    await inStep(node, remote);
  });

  test("asks for many blocks at once, and for a bounded number", async () => {
    const remote = await honestRemote();
    await remote.extend(96);
    remote.beforeBlock = () => sleep(5);
    const node = await ChainNode.create();
    follow(node, remote);
    await inStep(node, remote);
    expect(remote.inFlightMax).toBeGreaterThan(8);
    expect(remote.inFlightMax).toBeLessThanOrEqual(32);
    expect(remote.asked).toBe(100);
  });

  test("has fewer blocks on their way when they are large", async () => {
    const remote = await honestRemote();
    await remote.extend(20);
    const node = await ChainNode.create();
    remote.tamper = (_, claim) => ({ ...claim, receipts: [new Uint8Array(4 * 1024 * 1024)] });
    remote.beforeBlock = () => sleep(5);
    // Whoever believes everything gets to the blocks behind the first.
    node.importBlock = ({ block }) => executedUnseen(node, block);
    follow(node, remote);
    await inStep(node, remote);
    expect(remote.inFlightMax).toBeGreaterThan(4);
    expect(remote.inFlightMax).toBeLessThanOrEqual(8);
  });

  test("hands over together what is there together, and again what its node did not begin", async () => {
    const remote = await honestRemote();
    await remote.extend(60);
    const node = await ChainNode.create();
    node.batchMax = 3;
    follow(node, remote);
    await inStep(node, remote);
    expect(node.imported).toEqual(Array.from({ length: 64 }, (_, index) => index + 1));
    expect(Math.max(...node.batches)).toBeGreaterThan(3);
    expect(Math.max(...node.batches)).toBeLessThanOrEqual(32);
  });

  test("hands over nothing any more once it stops, though more is there", async () => {
    const remote = await honestRemote();
    await remote.extend(60);
    const node = await ChainNode.create();
    node.batchMax = 1;
    const { follower } = follow(node, remote);
    let stopped: Promise<void> | undefined;
    const importBlock = node.importBlock.bind(node);
    node.importBlock = (claim) => {
      if (node.height === 20) stopped = follower.stop();
      return importBlock(claim);
    };
    await until(() => stopped !== undefined, "the stop");
    await stopped;
    expect(node.batches.at(-1)).toBeGreaterThan(1);
    expect(node.height).toBe(21);
  });

  test("goes on where it stopped", async () => {
    const remote = await honestRemote();
    const node = await ChainNode.create();
    const { follower } = follow(node, remote);
    await inStep(node, remote);
    await follower.stop();
    await remote.extend(3);
    follow(node, remote);
    await inStep(node, remote);
    expect(node.imported).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  test("waits for a node that is away, says so once, and goes on in the middle", async () => {
    const remote = await honestRemote();
    const node = await ChainNode.create();
    remote.beforeBlock = (height) => {
      if (height === 3) remote.isAway = true;
    };
    const { logs, warnings } = follow(node, remote);
    await until(() => remote.connections > 3, "several tries");
    expect(node.height).toBeLessThan(3);
    expect(warnings()).toHaveLength(1);
    expect(warnings()[0]).toMatchObject({ facts: { code: "connection_lost", url: "ws://remote" } });
    remote.beforeBlock = () => {};
    remote.isAway = false;
    await inStep(node, remote);
    expect(node.imported).toEqual([1, 2, 3, 4]);
    expect(logs.at(-1)).toMatchObject({ level: "info", message: "following goes on" });
    expect(logs).toHaveLength(2);
  });

  test("waits for its own store too, and imports no block twice", async () => {
    const remote = await honestRemote();
    const node = await ChainNode.create();
    node.refusal = new InputError("storage_full", "no space is left");
    const { warnings } = follow(node, remote);
    await inStep(node, remote);
    expect(node.imported).toEqual([1, 2, 3, 4]);
    expect(warnings()).toMatchObject([{ facts: { code: "storage_full" } }]);
  });

  test("stops while the other node does not answer", async () => {
    const remote = await honestRemote();
    let answer = () => {};
    const waiting = new Promise<void>((resolve) => {
      answer = resolve;
    });
    remote.beforeBlock = () => waiting;
    const node = await ChainNode.create();
    const { follower } = follow(node, remote);
    await until(() => remote.inFlight > 0, "a question");
    // A client that is closed rejects what it was asked.
    remote.isAway = true;
    const stopped = follower.stop();
    answer();
    await stopped;
    expect(node.height).toBe(0);
  });
});

describe("when the other chain goes back", () => {
  async function followed(blocks: number) {
    const remote = await honestRemote();
    await remote.extend(blocks);
    const node = await ChainNode.create();
    const followed = follow(node, remote);
    await inStep(node, remote);
    return { remote, node, ...followed };
  }

  test("it goes back to the same block, and on from there", async () => {
    for (const [back, forward] of [
      [1, 0],
      [1, 1],
      [2, 2],
      [3, 3],
      [4, 5],
      [5, 2],
      [5, 5],
      [5, 20],
      [6, 6],
      [7, 9],
      [10, 11],
      [23, 1],
      [24, 30],
    ] as const) {
      const { remote, node, follower, warnings } = await followed(20);
      await remote.chain.chain.rollback(24 - back);
      // Others than before: bob sends.
      for (let made = 0; made < forward; made++) {
        await remote.chain.extend([remote.chain.sign(bob, [transfer(alice.address, 7n)])]);
      }
      remote.tell();
      await inStep(node, remote);
      expect(node.rolledBack, `${back} back, ${forward} forward`).toEqual([24 - back]);
      expect(warnings()).toMatchObject([{ facts: { from: 24, to: 24 - back } }]);
      expect(node.own.account(bob.address)).toEqual(remote.chain.account(bob.address));
      await follower.stop();
    }
  });

  test("also while it catches up", async () => {
    const remote = await honestRemote();
    await remote.extend(60);
    const node = await ChainNode.create();
    let isBack = false;
    remote.beforeBlock = async (height) => {
      if (height !== 40 || isBack) return;
      isBack = true;
      await remote.chain.chain.rollback(4);
      for (let made = 0; made < 70; made++) await remote.chain.extend([]);
    };
    follow(node, remote);
    await inStep(node, remote);
    expect(node.height).toBe(74);
  });

  test("but not further than its states reach", async () => {
    const { remote, node, follower } = await followed(20);
    node.floor = 15;
    await remote.chain.chain.rollback(14);
    await remote.chain.extend([]);
    remote.tell();
    const error = await endOf(follower);
    expect(error).toMatchObject({ name: "FollowerError", code: "follower_pruned", details: { lowestHeight: 15 } });
    expect([node.height, node.rolledBack]).toEqual([24, []]);
  });

  test("nor to a chain that is shorter than its states reach", async () => {
    const { remote, node, follower } = await followed(20);
    node.floor = 15;
    await remote.chain.chain.rollback(9);
    remote.tell();
    expect(await endOf(follower)).toMatchObject({ code: "follower_pruned" });
    expect(node.height).toBe(24);
  });

  test("to the lowest of its states it does", async () => {
    const { remote, node } = await followed(20);
    node.floor = 15;
    await remote.chain.chain.rollback(15);
    remote.tell();
    await inStep(node, remote);
    expect(node.rolledBack).toEqual([15]);
  });
});

describe("of a wrong block nothing is kept, and the report names the place", () => {
  const headerLies: [keyof Header, Partial<Header>][] = [
    ["height", { height: 7 }],
    ["parentHash", { parentHash: other }],
    ["protocolVersion", { protocolVersion: 9 }],
    ["proposer", { proposer: other }],
    ["gasUsed", { gasUsed: 1 }],
    ["gasLimit", { gasLimit: 1 }],
    ["stateRoot", { stateRoot: other }],
    ["transactionsRoot", { transactionsRoot: other }],
    ["receiptsRoot", { receiptsRoot: other }],
    ["time", { time: 1 }],
  ];
  test.each(headerLies)("another %s in the header", async (field, part) => {
    for (const height of [2, 4]) {
      const { error, node, folder } = await endWith((remote) => {
        remote.tamper = at(height, changedHeader(part));
      });
      expect(error).toMatchObject({ code: "block_differs", details: { height, transactionIndex: null, field } });
      expect(node.height).toBe(height - 1);
      const report = JSON.parse(readFileSync(join(folder, `difference-report-${height}.json`), "utf8"));
      expect(report).toMatchObject({ code: "block_differs", height, field, transactionHash: null });
      expect(report.head).toEqual({ height: height - 1, hash: toHex(node.head().hash) });
    }
  });

  test("a later time, which is an input, in the block's hash or the next one's parent", async () => {
    for (const [height, place] of [
      [2, { height: 3, field: "parentHash" }],
      [4, { height: 4, field: "hash" }],
    ] as const) {
      const { error, node } = await endWith((remote) => {
        remote.tamper = at(height, (claim) => {
          const { time } = headerOfBlock(claim.block);
          return changedHeader({ time: time + 1 })(claim);
        });
      });
      expect(error).toMatchObject({ code: "block_differs", details: place });
      expect(node.height).toBe(place.height - 1);
    }
  });

  test("another receipt, whatever is other in it", async () => {
    const lies: [string, (receipt: Receipt) => Partial<Receipt>][] = [
      ["status", () => ({ status: { kind: "success" } })],
      ["gasUsed", ({ gasUsed }) => ({ gasUsed: gasUsed + 1 })],
      ["fee", () => ({ fee: 0n })],
      ["events", () => ({ events: [{ contract: other, topics: [], data: other }] })],
      ["actions", () => ({ actions: [] })],
      ["transactionHash", () => ({ transactionHash: other })],
    ];
    for (const [field, change] of lies) {
      const { error, node, folder, remote } = await endWith((lying) => {
        lying.tamper = at(2, changedReceipt(1, change));
      });
      const transactionHash = toHex(decodeReceipt(remote.chain.store.rawBlock(2)!.receipts[1]!).transactionHash);
      const place = { height: 2, transactionIndex: 1, transactionHash, field: `receipt.${field}` };
      expect(error).toMatchObject({ code: "block_differs", details: place });
      expect(node.height).toBe(1);
      const path = join(folder, "difference-report-2.json");
      expect(error.details!.report).toBe(path);
      const report = JSON.parse(readFileSync(path, "utf8"));
      expect(report).toMatchObject({ ...place, url: "ws://remote", chainId: testGenesis.chainId });
      expect(report.claimed).not.toBe(report.computed);
      expect(report.nextSteps).toMatch(/replay/);
      expect(readdirSync(folder)).toEqual(["difference-report-2.json"]);
    }
  });

  test("a transaction that was changed, left out, added or moved", async () => {
    const forged = (transaction: Transaction): Transaction => ({
      ...transaction,
      body: { ...transaction.body, actions: [transfer(bob.address, 1_000_000n)] },
    });
    const lies: [(list: Transaction[]) => Transaction[], object][] = [
      [
        (list) => list.with(1, forged(list[1]!)),
        { transactionIndex: 1, field: "transaction", computed: "bad_signature" },
      ],
      [(list) => [...list, list[0]!], { transactionIndex: 2, field: "transaction", computed: "nonce_too_low" }],
      [(list) => list.slice(0, 1), { transactionIndex: null, field: "receipts" }],
      [(list) => list.toReversed(), { transactionIndex: 0, field: "receipt.status" }],
      [
        (list) => list.with(0, { ...list[0]!, signature: new Uint8Array(64) }),
        { transactionIndex: 0, field: "transaction", computed: "bad_signature" },
      ],
    ];
    for (const [change, place] of lies) {
      const { error, node } = await endWith((remote) => {
        remote.tamper = at(2, changedTransactions(change));
      });
      expect(error).toMatchObject({ code: "block_differs", details: { height: 2, ...place } });
      expect(node.height).toBe(1);
    }
  });

  test("receipts that are missing, too many or swapped", async () => {
    for (const [change, place] of [
      [(list: readonly Uint8Array[]) => list.slice(1), { transactionIndex: null, field: "receipts" }],
      [() => [], { transactionIndex: null, field: "receipts", claimed: "0", computed: "2" }],
      [(list: readonly Uint8Array[]) => [...list, list[0]!], { transactionIndex: null, field: "receipts" }],
      [(list: readonly Uint8Array[]) => list.toReversed(), { transactionIndex: 0, field: "receipt.status" }],
    ] as const) {
      const { error } = await endWith((remote) => {
        remote.tamper = at(2, ({ block, receipts }) => ({ block, receipts: change(receipts) }));
      });
      expect(error).toMatchObject({ code: "block_differs", details: { height: 2, ...place } });
    }
  });

  test("bytes that are no block and no receipt", async () => {
    const breaks: ((claim: ClaimedBlock) => ClaimedBlock)[] = [
      (claim) => ({ ...claim, block: new Uint8Array() }),
      (claim) => ({ ...claim, block: claim.block.slice(0, -1) }),
      (claim) => ({ ...claim, block: Uint8Array.of(...claim.block, 0) }),
      (claim) => ({ ...claim, receipts: claim.receipts.with(0, Uint8Array.of(1, 2, 3)) }),
    ];
    for (const change of breaks) {
      const { error, node } = await endWith((remote) => {
        remote.tamper = at(2, change);
      });
      expect(error).toMatchObject({ code: "block_differs", details: { height: 2, field: "encoding" } });
      expect(node.height).toBe(1);
    }
  });

  test("a value too large to be told is cut short, in the report as in the sentence", async () => {
    const { error, folder } = await endWith((remote) => {
      const events = [{ contract: other, topics: [], data: new Uint8Array(1_000_000) }];
      remote.tamper = at(
        2,
        changedReceipt(1, () => ({ events })),
      );
    });
    expect(error.message.length).toBeLessThan(1_000);
    expect(readFileSync(join(folder, "difference-report-2.json")).length).toBeLessThan(20_000);
  });

  test("a folder that takes no report hides nothing", async () => {
    const remote = await honestRemote();
    remote.tamper = at(2, changedHeader({ gasUsed: 1 }));
    const follower = new Follower({
      node: await ChainNode.create(),
      url: "ws://remote",
      connect: () => remote.connect(),
      reportDirectory: join(temporaryFolder(), "missing"),
      log: silentLog,
    });
    const error = await endOf(follower);
    expect(error).toMatchObject({ code: "block_differs", details: { height: 2, field: "gasUsed" } });
    expect(error.details).not.toHaveProperty("report");
  });
});

describe("a follower ends", () => {
  test("at a node of another chain, and nothing changed", async () => {
    const remote = await honestRemote({ ...testGenesis, time: 1_001 });
    const node = await ChainNode.create();
    const { follower, folder } = follow(node, remote);
    expect(await endOf(follower)).toMatchObject({ name: "FollowerError", code: "other_chain" });
    expect([node.height, remote.asked, existsSync(join(folder, "difference-report-0.json"))]).toEqual([0, 0, false]);
  });

  test("at a node that became another chain's", async () => {
    const remote = await honestRemote();
    const node = await ChainNode.create();
    const { follower } = follow(node, remote);
    await inStep(node, remote);
    remote.tamperTip = (tip) => ({ ...tip, genesisHash: other });
    remote.tell();
    expect(await endOf(follower)).toMatchObject({ code: "other_chain" });
    expect(node.height).toBe(4);
  });

  test("at a chain of its genesis hash with no block in common", async () => {
    const remote = await honestRemote();
    const node = await ChainNode.create();
    const { follower } = follow(node, remote);
    await inStep(node, remote);
    remote.tamper = (height, claim) => changedHeader({ time: 1_000_000 + height, parentHash: other })(claim);
    await remote.extend();
    remote.tell();
    expect(await endOf(follower)).toMatchObject({ code: "other_chain" });
    expect(node.height).toBe(4);
  });

  test("at a node that lacks a block below its head", async () => {
    const { error, node } = await endWith((remote) => {
      remote.tamper = at(3, () => null);
    });
    expect(error).toMatchObject({ name: "FollowerError", code: "block_missing", details: { height: 3 } });
    expect(node.height).toBe(2);
  });

  test("at a node that claims a head far away, soon", async () => {
    const { error, remote } = await endWith((lying) => {
      lying.tamperTip = (tip) => ({ ...tip, height: Number.MAX_SAFE_INTEGER });
    });
    expect(error).toMatchObject({ code: "block_missing", details: { height: 5 } });
    expect(remote.asked).toBeLessThan(200);
  });

  test("not at one answer that contradicts another, or two", async () => {
    const remote = await honestRemote();
    const node = await ChainNode.create();
    let [parentLies, missingLies, tipLies] = [2, 2, 2];
    remote.tamper = (height, claim) => {
      if (height === 2 && node.height === 1 && parentLies-- > 0) return changedHeader({ parentHash: other })(claim);
      return height === 3 && node.height === 2 && missingLies-- > 0 ? null : claim;
    };
    remote.tamperTip = (tip) => (node.height === 4 && tipLies-- > 0 ? { ...tip, hash: other } : tip);
    const { follower, warnings } = follow(node, remote);
    follower.ended.catch(() => {});
    await until(() => tipLies < 0, "an honest answer after the lies");
    await inStep(node, remote);
    expect([warnings(), node.imported, node.rolledBack]).toEqual([[], [1, 2, 3, 4], []]);
  });

  test("not at a head that was lower for a moment", async () => {
    const remote = await honestRemote();
    const node = await ChainNode.create();
    follow(node, remote);
    await inStep(node, remote);
    let lies = 1;
    remote.tamperTip = (tip) => (lies-- > 0 ? { ...tip, height: 2, hash: node.hashAt(2)! } : tip);
    remote.tell();
    await until(() => node.imported.length === 6, "the blocks again");
    expect([node.imported, node.rolledBack]).toEqual([[1, 2, 3, 4, 3, 4], [2]]);
  });

  test("with a fault of its node's", async () => {
    const remote = await honestRemote();
    const node = await ChainNode.create();
    node.importBlock = () => Promise.reject(new Error("broken"));
    const { follower } = follow(node, remote);
    expect(await endOf(follower)).toMatchObject({ message: "broken" });
  });
});
