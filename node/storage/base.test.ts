/** Chains that go on from a block of another: each against that other chain itself, when it makes the same blocks. */
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { arbitraryBlock, createBlock, type MadeBlock, tamper } from "../../test/support/made-blocks.ts";
import { codeOf, codeOfWork } from "../../test/support/refusals.ts";
import { signed, transfer } from "../../test/support/signing.ts";
import { alice, stranger, TestChain, temporaryFolder, testGenesis } from "../../test/support/test-chain.ts";
import { blockHash, decodeBlock, encodeBlock } from "../block.ts";
import { Chain } from "../chain.ts";
import type { ClaimedBlock } from "../claimed-block.ts";
import type { Genesis } from "../genesis.ts";
import { readAccount } from "../message-call.ts";
import { readRoot } from "../state/tree.ts";
import { decodeNode, hash, nibbleAt, nodeKey } from "../state/tree-node.ts";
import { leavesOf } from "../state/tree-stream.ts";
import { type Fetch, StateMissing, whenFetched } from "../state-missing.ts";
import { Store } from "../store.ts";
import { checkDatabase } from "./check.ts";
import { dumpChain, loadChain } from "./dump.ts";
import { keys } from "./layout.ts";

const FIRST = Uint8Array.of(0x00);
const BEHIND = Uint8Array.of(0xff);
const madeKey = (number: number) => Uint8Array.of(0x73, number);
const madeKeys = Array.from({ length: 40 }, (_, number) => madeKey(number));

/** A chain of these blocks, which keeps every state, and what a fork of its head begins with. */
async function oracleOf(blocks: readonly MadeBlock[]) {
  const oracle = Store.inMemory(testGenesis);
  for (const block of blocks) await oracle.commit(createBlock(oracle, block));
  return forkOf(oracle);
}

/** What a fork of the chain's head begins with. */
function forkOf(oracle: Store) {
  const height = oracle.headHeight;
  const header = oracle.header(height);
  const genesis: Genesis = {
    ...testGenesis,
    params: { ...testGenesis.params, development: true },
    balances: [],
    base: { height, blockHash: blockHash(header) },
  };
  return { oracle, genesis, base: oracle.rawBlock(height)! };
}

/** The records on a path of the tree of `height`, from the root down. */
function pathOf(oracle: Store, height: number, path: Uint8Array) {
  const nodes: { key: Uint8Array; bytes: Uint8Array }[] = [];
  for (let version = height, depth = 0; ; depth++) {
    const key = nodeKey(version, path, depth);
    const bytes = oracle.nodes.getNode(key)!;
    nodes.push({ key, bytes });
    const node = decodeNode(bytes);
    const child = node.kind === "inner" ? node.children[nibbleAt(path, depth)] : undefined;
    if (child === undefined) return nodes;
    version = child.version;
  }
}

/** How a fork is given what it lacks. `leavesOnly`: all of the state at once comes without the tree's nodes. */
function fetchFrom(oracle: Store, fork: Store, leavesOnly = false): Fetch & { count: number } {
  const height = fork.genesis.base!.height;
  const fetch = async (missing: StateMissing["missing"]): Promise<void> => {
    fetch.count++;
    if (missing.kind === "node") {
      const nodes = pathOf(oracle, height, missing.path);
      expect(nodes.map(({ key }) => Buffer.from(key).toString("hex"))).toContain(
        Buffer.from(missing.key).toString("hex"),
      );
      await fork.putNodes(nodes);
      return;
    }
    const leaves = [...leavesOf(oracle.nodes, height)];
    if (!leavesOnly) for (const { keyHash } of leaves) await fork.putNodes(pathOf(oracle, height, keyHash));
    await fork.setWhole(leaves);
  };
  fetch.count = 0;
  return fetch;
}

type Step =
  | { readonly kind: "block"; readonly block: MadeBlock }
  | { readonly kind: "rollback"; readonly share: number }
  | { readonly kind: "read"; readonly key: number; readonly share: number }
  | { readonly kind: "scan"; readonly reverse: boolean }
  | { readonly kind: "prune"; readonly rootCount: number }
  | { readonly kind: "reopen" };

const share = fc.double({ min: 0, max: 1, noNaN: true });
const arbitraryStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 9, arbitrary: fc.record({ kind: fc.constant("block" as const), block: arbitraryBlock }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("rollback" as const), share }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("read" as const), key: fc.nat(39), share }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("scan" as const), reverse: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("prune" as const), rootCount: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("reopen" as const) }) },
);

const scenario = fc.record({
  before: fc.array(arbitraryBlock, { maxLength: 6 }),
  steps: fc.array(arbitraryStep, { maxLength: 14 }),
  leavesOnly: fc.boolean(),
});

class Pair {
  readonly #oracle: Store;
  readonly #fork: Store;
  readonly #fetch: Fetch;

  constructor(oracle: Store, fork: Store, leavesOnly: boolean) {
    this.#oracle = oracle;
    this.#fork = fork;
    this.#fetch = fetchFrom(oracle, fork, leavesOnly);
  }

  async take(step: Step): Promise<void> {
    const [oracle, fork] = [this.#oracle, this.#fork];
    const { lowestHeight, headHeight } = fork;
    const heightOf = (part: number) => lowestHeight + Math.floor(part * (headHeight - lowestHeight));
    if (step.kind === "block") {
      await oracle.commit(createBlock(oracle, step.block));
      const applied = await this.#fetched(() => createBlock(fork, step.block));
      await fork.commit(applied);
      expect(applied.block.header).toEqual(oracle.header(oracle.headHeight));
      expect(readRoot(fork.nodes, fork.headHeight)).toEqual(applied.block.header.stateRoot);
    } else if (step.kind === "rollback") {
      for (const store of [oracle, fork]) await store.rollback(heightOf(step.share));
    } else if (step.kind === "read") {
      await this.#sameReads(madeKey(step.key), heightOf(step.share));
    } else if (step.kind === "scan") {
      const scan = (store: Store) => [...store.flat.scan(FIRST, BEHIND, step.reverse)];
      expect(await this.#fetched(() => scan(fork))).toEqual(scan(oracle));
    } else if (step.kind === "prune") {
      // Of the fork alone, for the oracle is asked for what is missing.
      while (!(await fork.prune(step.rootCount, 5)));
    } else if (fork.location !== oracle.location) {
      await fork.close();
      await fork.reopen();
    }
  }

  async sameReadsOfAll(): Promise<void> {
    expect(this.#fork.headHeight).toBe(this.#oracle.headHeight);
    const { lowestHeight, headHeight } = this.#fork;
    for (const key of madeKeys) await this.#sameReads(key, headHeight);
    for (let height = lowestHeight; height < headHeight; height++) {
      await this.#sameReads(madeKey(height % 40), height);
      await this.#sameReads(madeKey((height * 7) % 40), height);
    }
  }

  async #sameReads(key: Uint8Array, height: number): Promise<void> {
    const [oracle, fork] = [this.#oracle, this.#fork];
    const held = fork.snapshot();
    try {
      // What is fetched now is not in the snapshot.
      expect(await this.#fetched(() => held.state.get(key))).toEqual(oracle.flat.get(key));
    } finally {
      held.close();
    }
    expect(await this.#fetched(() => fork.flat.get(key))).toEqual(oracle.flat.get(key));
    expect(await this.#fetched(() => fork.stateAt(height).get(key))).toEqual(oracle.stateAt(height).get(key));
  }

  #fetched<T>(read: () => T): Promise<T> {
    return whenFetched(read, this.#fetch);
  }
}

describe("a chain that goes on from another's block is that chain, when it makes the same blocks", () => {
  test("in memory: roots, reads at every height, scans and rollbacks", async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async ({ before, steps, leavesOnly }) => {
        const { oracle, genesis, base } = await oracleOf(before);
        const pair = new Pair(oracle, Store.inMemory(genesis, base), leavesOnly);
        for (const step of steps) await pair.take(step);
        await pair.sameReadsOfAll();
        await pair.take({ kind: "scan", reverse: false });
        await pair.sameReadsOfAll();
      }),
      { numRuns: 200 },
    );
  });

  test("in a folder, which is whole by `db check` whatever was fetched", async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async ({ before, steps, leavesOnly }) => {
        const { oracle, genesis, base } = await oracleOf(before);
        const fork = await Store.open(temporaryFolder(), { genesis, base });
        try {
          const pair = new Pair(oracle, fork, leavesOnly);
          for (const step of steps) {
            await pair.take(step);
            await checkDatabase(fork.location);
          }
          await pair.sameReadsOfAll();
          const { height, lowestHeight } = await checkDatabase(fork.location);
          expect([height, lowestHeight]).toEqual([fork.headHeight, fork.lowestHeight]);
        } finally {
          await fork.close();
        }
      }),
      { numRuns: 40 },
    );
  });
});

const blocks = fc.sample(arbitraryBlock, { numRuns: 12, seed: 3 });

describe("what is missing", () => {
  test("is named by one node and the whole path of the key, and comes with one fetch", async () => {
    const { oracle, genesis, base } = await oracleOf(blocks);
    for (const key of madeKeys) {
      const fork = Store.inMemory(genesis, base);
      const fetch = fetchFrom(oracle, fork);
      const missing = await Promise.resolve()
        .then(() => fork.flat.get(key))
        .catch((error) => error.missing);
      expect(missing).toEqual({ kind: "node", key: nodeKey(12, FIRST, 0), path: hash(key) });
      expect(await whenFetched(() => fork.flat.get(key), fetch)).toEqual(oracle.flat.get(key));
      expect(await whenFetched(() => fork.stateAt(12).get(key), fetch)).toEqual(oracle.flat.get(key));
      expect(fetch.count).toBe(1);
    }
  });

  test("is all, when keys are listed before all is there; afterwards nothing is fetched", async () => {
    const { oracle, genesis, base } = await oracleOf(blocks);
    const fork = Store.inMemory(genesis, base);
    expect(fork.isWhole).toBe(false);
    for (const state of [fork.flat, fork.stateAt(12), fork.snapshot().state]) {
      expect(() => [...state.scan(FIRST, BEHIND, false)]).toThrow(StateMissing);
    }
    const fetch = fetchFrom(oracle, fork, true);
    await fetch({ kind: "all" });
    expect(fork.isWhole).toBe(true);
    expect([...fork.flat.scan(FIRST, BEHIND, true)]).toEqual([...oracle.flat.scan(FIRST, BEHIND, true)]);
    expect(madeKeys.map((key) => fork.flat.get(key))).toEqual(madeKeys.map((key) => oracle.flat.get(key)));
  });

  test("is never a node that this chain wrote, and none of these is overwritten", async () => {
    const { oracle, genesis, base } = await oracleOf(blocks);
    const fork = Store.inMemory(genesis, base);
    const fetch = fetchFrom(oracle, fork);
    await fork.commit(await whenFetched(() => createBlock(fork, blocks[0]!), fetch));
    expect(fork.nodes.getNode(nodeKey(14, FIRST, 0))).toBeUndefined();
    const own = { key: nodeKey(13, FIRST, 0), bytes: Uint8Array.of(0) };
    await expect(fork.putNodes([own])).rejects.toMatchObject({ name: "Fault" });
    await expect(oracle.putNodes([own])).rejects.toMatchObject({ name: "Fault" });
    expect(fork.nodes.getNode(own.key)).not.toEqual(own.bytes);
  });

  test("stays missing where reading fails, and what is fetched lies in the folder for the next time", async () => {
    const { oracle, genesis, base } = await oracleOf(blocks);
    const fork = await Store.open(temporaryFolder(), { genesis, base });
    onTestFinished(() => fork.close());
    const fetch = fetchFrom(oracle, fork);
    const refuse = () => Promise.reject(new Error("no connection"));
    await expect(whenFetched(() => fork.flat.get(madeKey(1)), refuse)).rejects.toThrow("no connection");
    await whenFetched(() => fork.flat.get(madeKey(1)), fetch);
    await fork.close();
    await fork.reopen();
    expect(fork.flat.get(madeKey(1))).toEqual(oracle.flat.get(madeKey(1)));
  });
});

test("transactions run over what is fetched, and make the blocks that they make on the other chain", async () => {
  const own = await TestChain.create();
  const { chain, store: oracle } = own;
  for (let height = 1; height <= 3; height++) await own.extend([]);
  const { genesis, base } = forkOf(oracle);
  const fork = Store.inMemory(genesis, base);
  const fetch = fetchFrom(oracle, fork);
  const forked = new Chain(fork);
  for (let nonce = 0; nonce < 3; nonce++) {
    const transactions = [signed(alice, [transfer(stranger.address, 5n)], { nonce })];
    const input = { time: chain.head.time + 1_000, proposer: genesis.proposer, transactions };
    const applied = await whenFetched(() => forked.apply(input), fetch);
    expect(applied.receipts.map(({ status }) => status.kind)).toEqual(["success"]);
    await forked.commit(applied);
    expect(applied.block).toEqual((await chain.extend(input)).block);
  }
  expect(fetch.count).toBeGreaterThan(0);
  await forked.rollback(4);
  expect(await whenFetched(() => readAccount(fork.flat, stranger.address).balance, fetch)).toBe(5n);
});

test("events are those of its own blocks, the base among them", async () => {
  const { oracle, genesis, base } = await oracleOf([...blocks, { changes: [], transactionCount: 2 }]);
  const fork = Store.inMemory(genesis, base);
  const query = { filter: {}, fromHeight: 0, toHeight: 13, limit: 100 };
  const page = await fork.events(query, 13);
  expect(page.events.length).toBe(2);
  expect(page).toEqual(await oracle.events({ ...query, fromHeight: 13 }, 13));
});

test("whoever else has the folder open sees what was fetched, and that all was", async () => {
  const { oracle, genesis, base } = await oracleOf(blocks);
  const fork = await Store.open(temporaryFolder(), { genesis, base });
  onTestFinished(() => fork.close());
  const other = await Store.open(fork.location);
  onTestFinished(() => other.close());
  const before = other.snapshot();
  const fetch = fetchFrom(oracle, fork, true);
  await whenFetched(() => fork.flat.get(madeKey(1)), fetch);
  expect(other.flat.get(madeKey(1))).toEqual(oracle.flat.get(madeKey(1)));
  await fetch({ kind: "all" });
  const expected = madeKeys.map((key) => oracle.flat.get(key));
  expect(madeKeys.map((key) => other.flat.get(key))).toEqual(expected);
  expect([...other.flat.scan(FIRST, BEHIND, false)]).toEqual([...oracle.flat.scan(FIRST, BEHIND, false)]);
  // Its flat view is that of before, and what it lacks is in the tree.
  const held = madeKeys.map((key) => whenFetched(() => before.state.get(key), fetch));
  expect(await Promise.all(held)).toEqual(expected);
  before.close();
});

test("no block is made while the flat view is completed", async () => {
  const { oracle, genesis, base } = await oracleOf(blocks);
  const fork = Store.inMemory(genesis, base);
  const leaves = async function* () {
    yield* leavesOf(oracle.nodes, 12);
    await fork.commit(await whenFetched(() => createBlock(fork, blocks[0]!), fetchFrom(oracle, fork)));
  };
  await expect(fork.setWhole(leaves())).rejects.toMatchObject({ name: "Fault" });
  expect(fork.isWhole).toBe(false);
});

describe("below the base", () => {
  test("there is no block, and every other question is height_before_base", async () => {
    const { genesis, base } = await oracleOf(blocks);
    const fork = Store.inMemory(genesis, base);
    expect([fork.headHeight, fork.lowestHeight]).toEqual([12, 12]);
    expect(fork.rawBlock(12)).toEqual(base);
    expect(fork.heightOf(genesis.base!.blockHash)).toBe(12);
    for (const height of [0, 5, 11]) {
      expect(fork.block(height)).toBeUndefined();
      expect(codeOf(() => fork.stateAt(height))).toBe("height_before_base");
      expect(codeOf(() => fork.nodesAt(height))).toBe("height_before_base");
      expect(await codeOfWork(fork.rollback(height))).toBe("height_before_base");
    }
    for (const height of [-1, 0.5, 13]) expect(codeOf(() => fork.stateAt(height))).toBe("height_unknown");
  });
});

describe("a chain does not go on from", () => {
  const wrong: [string, (base: ClaimedBlock, below: ClaimedBlock) => ClaimedBlock][] = [
    ["another block", (_, below) => below],
    [
      "a block that says something else",
      ({ block, receipts }) => {
        const { header, transactions } = decodeBlock(block);
        return { block: encodeBlock({ header: { ...header, time: header.time + 1 }, transactions }), receipts };
      },
    ],
    [
      "a block without its transactions",
      ({ block }) => ({ block: encodeBlock({ ...decodeBlock(block), transactions: [] }), receipts: [] }),
    ],
    ["a block that lacks a receipt", ({ block, receipts }) => ({ block, receipts: receipts.slice(1) })],
    ["a block with a receipt too many", ({ block, receipts }) => ({ block, receipts: [...receipts, receipts[0]!] })],
    [
      "a block with its receipts in another order",
      ({ block, receipts }) => ({ block, receipts: receipts.toReversed() }),
    ],
  ];
  test.each(wrong)("%s: fork_block_invalid, and there is no chain", async (_, make) => {
    const made = { changes: [], transactionCount: 2 };
    const { oracle, genesis, base } = await oracleOf([...blocks, made]);
    const claimed = make(base, oracle.rawBlock(12)!);
    const folder = temporaryFolder();
    expect(await codeOfWork(Store.open(folder, { genesis, base: claimed }))).toBe("fork_block_invalid");
    expect(codeOf(() => Store.inMemory(genesis, claimed))).toBe("fork_block_invalid");
    expect(await codeOfWork(Store.open(folder))).toBe("data_empty");
    const store = await Store.open(folder, { genesis, base });
    await store.close();
  });

  test("none at all: genesis_base", async () => {
    const { genesis } = await oracleOf(blocks);
    expect(codeOf(() => Store.inMemory(genesis))).toBe("genesis_base");
    expect(await codeOfWork(Store.open(temporaryFolder(), { genesis }))).toBe("genesis_base");
  });
});

test("a folder goes on as what it is, whatever base it is opened with", async () => {
  const { genesis, base } = await oracleOf(blocks);
  const folder = temporaryFolder();
  await (await Store.open(folder, { genesis, base })).close();
  const other = await oracleOf(blocks.slice(1));
  const again = await Store.open(folder, { genesis: other.genesis, base: other.base });
  onTestFinished(() => again.close());
  expect(again.genesis).toEqual(genesis);
  expect(again.headHeight).toBe(12);
});

async function grownFork(): Promise<{ fork: Store; fetch: Fetch }> {
  const { oracle, genesis, base } = await oracleOf(blocks);
  const fork = await Store.open(temporaryFolder(), { genesis, base });
  onTestFinished(() => fork.close());
  const fetch = fetchFrom(oracle, fork);
  for (const block of blocks.slice(0, 3)) await fork.commit(await whenFetched(() => createBlock(fork, block), fetch));
  return { fork, fetch };
}

describe("a dump", () => {
  test("of a chain whose base is not all there is refused: data_partial", async () => {
    const { fork } = await grownFork();
    expect(await codeOfWork(dumpChain(fork, `${temporaryFolder()}/dump`))).toBe("data_partial");
  });

  test("of one that is whole makes a chain that dumps to the same facts and is whole", async () => {
    const { fork, fetch } = await grownFork();
    await fetch({ kind: "all" });
    const dump = `${temporaryFolder()}/dump`;
    const facts = await dumpChain(fork, dump);
    const folder = `${temporaryFolder()}/loaded`;
    expect(await loadChain(dump, folder)).toEqual(facts);
    await checkDatabase(folder);
    const loaded = await Store.open(folder);
    onTestFinished(() => loaded.close());
    expect([...loaded.flat.scan(FIRST, BEHIND, false)]).toEqual([...fork.flat.scan(FIRST, BEHIND, false)]);
    const next = [createBlock(loaded, blocks[5]!), await whenFetched(() => createBlock(fork, blocks[5]!), fetch)];
    expect(next[0]!.block).toEqual(next[1]!.block);
  });
});

describe("`db check` of a fork finds", () => {
  const own = nodeKey(15, FIRST, 0);
  const damage: [string, Uint8Array, Uint8Array | null][] = [
    ["a node of its own that is missing", keys.node(own), null],
    ["a node of the base that is another", keys.node(nodeKey(12, FIRST, 0)), Uint8Array.of(0)],
    ["a node that nothing reaches", keys.node(nodeKey(14, Uint8Array.of(0x77, 0x77), 3)), Uint8Array.of(0)],
    ["an entry of the flat view that the tree has not", keys.flat(madeKey(200)), Uint8Array.of(1)],
    ["a block below the base", keys.block(3), Uint8Array.of(1)],
    ["a lowest height below the base", keys.meta("lowest"), new Uint8Array(8)],
    ["a mark that says more than that it is whole", keys.meta("whole"), Uint8Array.of(1)],
  ];
  test.each(damage)("%s", async (_, key, value) => {
    const { fork, fetch } = await grownFork();
    for (const made of [...madeKeys, madeKey(200)]) await whenFetched(() => fork.flat.get(made), fetch);
    await checkDatabase(fork.location);
    await tamper(fork.location, (database) => (value === null ? database.del(key) : database.put(key, value)));
    expect(await codeOfWork(checkDatabase(fork.location))).toBe("data_damaged");
  });

  test("that it is called whole and is not", async () => {
    const { fork } = await grownFork();
    await tamper(fork.location, (database) => database.put(keys.meta("whole"), new Uint8Array()));
    expect(await codeOfWork(checkDatabase(fork.location))).toBe("data_damaged");
  });
});

test("no mark says of a chain without a base that it is whole", async () => {
  const store = await Store.open(temporaryFolder(), { genesis: testGenesis });
  onTestFinished(() => store.close());
  await tamper(store.location, (database) => database.put(keys.meta("whole"), new Uint8Array()));
  expect(await codeOfWork(checkDatabase(store.location))).toBe("data_damaged");
});
