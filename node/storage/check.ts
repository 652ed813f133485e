/**
 * `lockstep db check`: whether a folder is, record for record, a chain that this program could have written.
 *
 *     blocks     each follows from its parent and covers its transactions and receipts; block 0 is the genesis's
 *     indices    block hash to height, transaction to place, contract and name to blocks with their events: all that there
 *                should be, and nothing else
 *     state      the head's tree from its leaves to the header's state root; the flat view is its leaves, both ways
 *     history    the kept trees below the head, and the index of stale nodes; no node that no kept root reaches, but those
 *                that pruning has still to remove, which nobody reads
 *
 * A chain that goes on from another's block begins with that block, and of that block's state has what was fetched: nodes of
 * it may be missing and may be left over, and the flat view may lack what is in the tree.
 *
 * It stops at the first fault. Nothing is executed: whether the results are right, a replay says. Memory does not grow with
 * the chain, and nothing is written.
 */

import { compareBytes, equalBytes } from "../../vm/borsh.ts";
import { type Block, blockHash, decodeBlock, decodeReceipt, type Header, type Receipt } from "../block.ts";
import { decodeGenesis, type Genesis } from "../genesis.ts";
import { nameOf } from "../name-of.ts";
import { type NodeReader, readValue } from "../state/tree.ts";
import { StateMissing } from "../state-missing.ts";
import { missingNode } from "./base.ts";
import { blockFault, genesisFault, receiptsFault } from "./block-links.ts";
import { damaged, readable } from "./damage.ts";
import type { Database, Entry } from "./database.ts";
import {
  eventHeight,
  eventRecords,
  HEIGHT_SIZE,
  heightBytes,
  type KeyRange,
  keys,
  position,
  ranges,
  readHeight,
  readPosition,
  space,
} from "./layout.ts";
import { holdsChain, noChain, openDatabase } from "./level-database.ts";
import { checkTree, checkTreeBelow, isReached, type ReadRecord, staleNodes, type TreeSize } from "./tree-check.ts";

/** Below all of a chain without a base. */
const NO_VERSION = -1;

export type CheckPart = "blocks" | "state" | "history";

export interface CheckedChain {
  readonly height: number;
  readonly lowestHeight: number;
  readonly headHash: Uint8Array;
  readonly stateRoot: Uint8Array;
  readonly transactionCount: number;
  readonly entryCount: number;
  readonly nodeCount: number;
}

/**
 * `onProgress` hears how much of a part is done, from 0 to 1. Throws `InputError`: `data_damaged` with the record in its
 * details, and what opening a folder throws.
 */
export async function checkDatabase(
  directory: string,
  onProgress: (part: CheckPart, done: number) => void = () => {},
): Promise<CheckedChain> {
  const database = await openDatabase(directory, false);
  try {
    if (!(await holdsChain(database, directory))) throw noChain(directory);
    return await new Check(database, onProgress).run();
  } finally {
    await database.close();
  }
}

interface Facts {
  readonly genesis: Genesis;
  readonly head: number;
  readonly lowest: number;
  /** Where the blocks begin. */
  readonly first: number;
  /** All of the state at the head is in the flat view. */
  readonly isWhole: boolean;
}

class Check {
  readonly #database: Database;
  readonly #read: ReadRecord;
  readonly #onProgress: (part: CheckPart, done: number) => void;

  constructor(database: Database, onProgress: (part: CheckPart, done: number) => void) {
    this.#database = database;
    this.#read = (key) => database.get(key);
    this.#onProgress = onProgress;
  }

  async run(): Promise<CheckedChain> {
    const facts = await this.#meta();
    await this.#noForeignSpace();
    const { header, transactionCount, eventRecordCount } = await this.#blocks(facts);
    await this.#indices(facts, transactionCount, eventRecordCount);
    const { leafCount, nodeCount } = await this.#state(facts, header);
    await this.#history(facts, header, nodeCount);
    const { head, lowest } = facts;
    const [headHash, stateRoot] = [blockHash(header), header.stateRoot];
    return {
      height: head,
      lowestHeight: lowest,
      headHash,
      stateRoot,
      transactionCount,
      entryCount: leafCount,
      nodeCount,
    };
  }

  async #meta(): Promise<Facts> {
    const known = (["format", "genesis", "head", "lowest", "rollback", "whole"] as const).map(keys.meta);
    for await (const key of this.#database.keys(ranges.all(space.meta))) {
      if (!known.some((own) => equalBytes(own, key))) throw damaged(key, null, "belongs to nothing");
    }
    const height = (name: "head" | "lowest" | "rollback"): number | undefined => {
      const encoded = this.#read(keys.meta(name));
      if (encoded === undefined) return undefined;
      const value = encoded.length === HEIGHT_SIZE ? readHeight(encoded) : Number.NaN;
      if (!Number.isSafeInteger(value)) throw damaged(keys.meta(name), null, "is no height");
      return value;
    };
    const head = height("head");
    if (head === undefined) throw damaged(keys.meta("head"), null, "is missing");
    const lowest = height("lowest") ?? 0;
    if (lowest > head) throw damaged(keys.meta("lowest"), lowest, "is above the head");
    const rollback = height("rollback") ?? lowest;
    if (rollback < lowest || rollback > head)
      throw damaged(keys.meta("rollback"), rollback, "is no height that is kept");
    const key = keys.meta("genesis");
    const encoded = this.#read(key);
    if (encoded === undefined) throw damaged(key, null, "is missing");
    const genesis = readable(key, null, () => decodeGenesis(encoded));
    const first = genesis.base?.height ?? 0;
    if (lowest < first) throw damaged(keys.meta("lowest"), lowest, "is below the chain's first block");
    const whole = this.#read(keys.meta("whole"));
    if (whole !== undefined && (genesis.base === null || whole.length > 0)) {
      throw damaged(keys.meta("whole"), null, "belongs to nothing");
    }
    return { genesis, head, lowest, first, isWhole: genesis.base === null || whole !== undefined };
  }

  async #noForeignSpace(): Promise<void> {
    const gaps = [
      { gte: Uint8Array.of(space.eventBlock + 1), lt: Uint8Array.of(space.node) },
      { gte: Uint8Array.of(space.flat + 1) },
    ];
    for (const gap of gaps) {
      for await (const key of this.#database.keys({ ...gap, limit: 1 })) throw damaged(key, null, "belongs to nothing");
    }
  }

  /** The head's header, once every block up to it is right. */
  async #blocks({ genesis, head, first }: Facts): Promise<{
    readonly header: Header;
    readonly transactionCount: number;
    readonly eventRecordCount: number;
  }> {
    const blocks = this.#database.entries(ranges.all(space.block));
    const receipts = this.#database.entries(ranges.all(space.receipt));
    try {
      let parent: Header | undefined;
      let transactionCount = 0;
      let eventRecordCount = 0;
      for (let height = first; height <= head; height++) {
        const key = keys.block(height);
        const encoded = await expected(blocks, key, height);
        const block = readable(key, height, () => decodeBlock(encoded));
        const fault = parent === undefined ? genesisFault(block, genesis) : blockFault(parent, block);
        if (fault !== null) throw damaged(key, height, fault);
        eventRecordCount += await this.#receiptsOf(block, receipts);
        transactionCount += block.transactions.length;
        parent = block.header;
        this.#onProgress("blocks", (height - first + 1) / (head - first + 1));
      }
      await nothingMore(blocks);
      await nothingMore(receipts);
      return { header: parent!, transactionCount, eventRecordCount };
    } finally {
      await blocks.return();
      await receipts.return();
    }
  }

  /** The receipts of a block, and what finds the block, them and their events; how many records find events. */
  async #receiptsOf(block: Block, records: Records): Promise<number> {
    const { height } = block.header;
    const receipts: Receipt[] = [];
    for (const index of block.transactions.keys()) {
      const key = keys.receipt(height, index);
      const encoded = await expected(records, key, height);
      receipts.push(readable(key, height, () => decodeReceipt(encoded)));
    }
    const fault = receiptsFault(block, receipts);
    if (fault !== null) throw damaged(keys.block(height), height, fault);
    const hashOfBlock = blockHash(block.header);
    this.#mustBe(keys.blockHash(hashOfBlock), height, heightBytes(height));
    for (const [index, { transactionHash }] of receipts.entries()) {
      this.#mustBe(keys.transaction(transactionHash), height, position(height, index));
    }
    const findsEvents = eventRecords(height, hashOfBlock, receipts);
    for (const { key, value } of findsEvents) this.#mustBe(key, height, value);
    return findsEvents.length;
  }

  #mustBe(key: Uint8Array, height: number, value: Uint8Array): void {
    const found = this.#read(key);
    if (found === undefined) throw damaged(key, height, "is missing");
    if (!equalBytes(found, value)) throw damaged(key, height, "leads somewhere else");
  }

  /** All that belong there were seen, so that it takes a count to know of others. */
  async #indices({ head, first }: Facts, transactionCount: number, eventRecordCount: number): Promise<void> {
    await this.#onlyOwn(ranges.all(space.blockHash), head - first + 1, (key, value) => {
      const encoded = value.length === HEIGHT_SIZE ? this.#read(keys.block(readHeight(value))) : undefined;
      return encoded !== undefined && equalBytes(keys.blockHash(blockHash(decodeBlock(encoded).header)), key);
    });
    await this.#onlyOwn(ranges.all(space.transaction), transactionCount, (key, value) => {
      if (value.length !== position(0, 0).length) return false;
      const { height, index } = readPosition(value);
      const encoded = this.#read(keys.receipt(height, index));
      return encoded !== undefined && equalBytes(keys.transaction(decodeReceipt(encoded).transactionHash), key);
    });
    await this.#onlyOwn(ranges.events, eventRecordCount, (key) => {
      const height = key.length > HEIGHT_SIZE ? eventHeight(key) : head + 1;
      const encoded = height <= head ? this.#read(keys.block(height)) : undefined;
      if (encoded === undefined) return false;
      const { header, transactions } = decodeBlock(encoded);
      const receipts = transactions.map((_, index) => decodeReceipt(this.#read(keys.receipt(height, index))!));
      return eventRecords(height, blockHash(header), receipts).some((own) => equalBytes(own.key, key));
    });
  }

  async #state({ genesis, isWhole }: Facts, { height, stateRoot }: Header): Promise<TreeSize> {
    const size = checkTree(
      this.#read,
      height,
      stateRoot,
      genesis.base?.height ?? NO_VERSION,
      (leaf) => {
        const key = keys.flat(leaf.key);
        const value = this.#read(key);
        if (value === undefined && isWhole) throw damaged(key, height, "is missing, and the tree has it");
        if (value !== undefined && !equalBytes(value, leaf.value))
          throw damaged(key, height, "has another value than the tree");
      },
      (done) => this.#onProgress("state", done),
    );
    const nodes: NodeReader = {
      getNode: (key, path) => this.#read(keys.node(key)) ?? missingNode(genesis, key, path),
    };
    const isOwn = (key: Uint8Array): boolean => {
      try {
        return readValue(nodes, height, key.subarray(1)) !== undefined;
      } catch (error) {
        // It was fetched alone.
        if (error instanceof StateMissing) return true;
        throw error;
      }
    };
    if (genesis.base === null) await this.#onlyOwn(ranges.all(space.flat), size.leafCount, isOwn);
    else await this.#noneBut(ranges.all(space.flat), isOwn);
    this.#onProgress("state", 1);
    return size;
  }

  async #history({ genesis, head, lowest }: Facts, header: Header, headNodeCount: number): Promise<void> {
    let [above, nodeCount] = [header, headNodeCount];
    for (let height = head; height > lowest; height--) {
      const below = decodeBlock(this.#read(keys.block(height - 1))!).header;
      const { writtenCount, staleCount } = checkTreeBelow(this.#read, height, above.stateRoot, below.stateRoot);
      await this.#onlyOwn(ranges.heights(space.node, height, height + 1), writtenCount, (key) =>
        isReached(this.#read, height, key.subarray(1)),
      );
      await this.#onlyOwn(ranges.heights(space.stale, height, height + 1), 1, (key) =>
        equalBytes(key, keys.stale(height)),
      );
      nodeCount += staleCount - writtenCount;
      above = below;
      this.#onProgress("history", (head - height + 1) / (head - lowest));
    }
    await this.#forgotten(genesis.base, lowest, nodeCount);
    for (const first of [space.node, space.stale]) {
      const { gte } = ranges.heights(first, head + 1, head + 1);
      await this.#onlyOwn({ gte, lt: Uint8Array.of(first + 1) }, 0, () => false);
    }
    this.#onProgress("history", 1);
  }

  /** What the lowest kept root reaches, and what pruning has still to forget. */
  async #forgotten(base: Genesis["base"], lowest: number, nodeCount: number): Promise<void> {
    const stale = { gte: Uint8Array.of(space.stale), lt: ranges.heights(space.stale, 0, lowest + 1).lt };
    let pendingCount = 0;
    for await (const { key, value } of this.#database.entries(stale)) {
      if (key.length !== keys.stale(0).length) throw damaged(key, null, "belongs to nothing");
      for (const nodeKey of staleNodes(key, null, value).values()) {
        if (this.#read(keys.node(nodeKey)) === undefined || isReached(this.#read, lowest, nodeKey)) {
          throw damaged(key, null, "names a node that is not there or not to be forgotten");
        }
        pendingCount++;
      }
    }
    const begin = base === null ? Uint8Array.of(space.node) : ranges.heights(space.node, base.height + 1, 0).gte;
    const nodes = { gte: begin, lt: ranges.heights(space.node, 0, lowest + 1).lt };
    if (base === null && (await this.#count(nodes)) === nodeCount + pendingCount) return;
    const pending = new Set<string>();
    for await (const { key, value } of this.#database.entries(stale)) {
      for (const name of staleNodes(key, null, value).keys()) pending.add(name);
    }
    const isOwn = (key: Uint8Array): boolean => {
      const nodeKey = key.subarray(1);
      return isReached(this.#read, lowest, nodeKey) || pending.has(nameOf(nodeKey));
    };
    if (base === null) await this.#onlyOwn(nodes, nodeCount + pendingCount, isOwn);
    else await this.#noneBut(nodes, isOwn);
  }

  /** All own records of the range were seen; if there are more, names the first that is none. */
  async #onlyOwn(
    range: KeyRange,
    ownCount: number,
    isOwn: (key: Uint8Array, value: Uint8Array) => boolean,
  ): Promise<void> {
    if ((await this.#count(range)) === ownCount) return;
    await this.#noneBut(range, isOwn);
    throw damaged(range.gte, null, "begins a range that lost records while it was checked");
  }

  async #noneBut(range: KeyRange, isOwn: (key: Uint8Array, value: Uint8Array) => boolean): Promise<void> {
    for await (const { key, value } of this.#database.entries(range)) {
      if (!isOwn(key, value)) throw damaged(key, null, "belongs to nothing");
    }
  }

  async #count(range: KeyRange): Promise<number> {
    let count = 0;
    for await (const _ of this.#database.keys(range)) count++;
    return count;
  }
}

type Records = AsyncIterator<Entry, void>;

/** The value of the next record, which must be that of `key`. */
async function expected(records: Records, key: Uint8Array, height: number): Promise<Uint8Array> {
  const { value: found } = await records.next();
  const order = found === undefined ? 1 : compareBytes(found.key, key);
  if (order > 0) throw damaged(key, height, "is missing");
  if (order < 0) throw damaged(found!.key, null, "belongs to nothing");
  return found!.value;
}

async function nothingMore(records: Records): Promise<void> {
  const { value: next } = await records.next();
  if (next !== undefined) throw damaged(next.key, null, "belongs to nothing");
}
