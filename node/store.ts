/**
 * The chain on LevelDB: one folder, one key space (`storage/layout.ts`), one atomic batch a block. Or the same in memory.
 *
 * Whatever a block changes stands in its batch, with the head pointer: after a kill at any moment the folder holds a whole
 * number of blocks. Reads are synchronous. Of the state, the head's is read from the flat view, and that of any height that
 * is kept from the tree. A chain that goes on from another's block reads what it has not changed from that block's tree, of
 * which nodes may be missing until they are fetched: `StateMissing`.
 */
import { setImmediate } from "node:timers/promises";
import { equalBytes } from "../vm/borsh.ts";
import { assert, InputError } from "../vm/errors.ts";
import { type Block, decodeBlock, decodeReceipt, type Header, headerOfBlock, type Receipt } from "./block.ts";
import type { ClaimedBlock } from "./claimed-block.ts";
import { hash } from "./crypto.ts";
import { checkGenesis, decodeGenesis, encodeGenesis, type Genesis } from "./genesis.ts";
import type { EventPage, EventQuery } from "./rpc/service.ts";
import type { ScannedState, StateReader } from "./state/journal.ts";
import { type NodeReader, readValue, type StoredNode } from "./state/tree.ts";
import type { TreeNode } from "./state/tree-node.ts";
import { StateMissing } from "./state-missing.ts";
import { type AppliedBlock, applyGenesis, type State } from "./state-transition.ts";
import { assertOfBase, baseOperations, flatBatches, type Leaves, missingNode } from "./storage/base.ts";
import type { Database, RecordReader, Snapshot } from "./storage/database.ts";
import { findEvents } from "./storage/events.ts";
import {
  blockOperations,
  del,
  FORMAT,
  heightBytes,
  keys,
  NOTHING,
  type Operation,
  type Position,
  put,
  readHeight,
  readPosition,
  text,
} from "./storage/layout.ts";
import { hasRoom, holdsChain, noChain, openDatabase } from "./storage/level-database.ts";
import { MemoryDatabase } from "./storage/memory-database.ts";
import { pruneStep } from "./storage/prune.ts";
import { undoOperations } from "./storage/rollback.ts";

/**
 * What an acknowledged block survives. `os`: the death of the process, kill -9 included, because the operating system holds
 * the write. `sync`: also a power failure, because the disk has it; slower.
 */
export type Durability = "os" | "sync";

/** The state after the block with this header. */
export interface HeldState {
  readonly header: Header;
  readonly state: StateReader;
  /** Throws `InputError` `head_moved` when `state` was scanned and may have shown more than one state. */
  checkStill(): void;
  close(): void;
}

/** Blocks that are taken back between two turns of the event loop: a few milliseconds. */
const UNDO_TURN_COUNT = 128;
/** Where a chain in memory is, in words. */
const IN_MEMORY = "memory";

export class Store implements State {
  readonly genesis: Genesis;
  readonly genesisHash: Uint8Array;
  readonly flat: StateReader = {
    get: (key) => this.#stateOf(this.#database, this.nodes, key),
    scan: (from, to, reverse) => this.#scan(from, to, reverse),
  };
  readonly nodes: NodeReader = {
    getNode: (key, path) => this.#database.get(keys.node(key)) ?? missingNode(this.genesis, key, path),
    rootNode: (version) => (this.#top?.version === version ? this.#top.rootNode : undefined),
  };
  /** The folder's one true path, or `memory`. */
  readonly location: string;
  /** Null in memory. */
  readonly #directory: string | null;
  readonly #durability: Durability;
  #database: Database;
  /** A record that was cut short ends LevelDB's log: what came behind it would be lost. So nothing does until `reopen`. */
  #writeFailure: unknown;
  /**
   * The upper tree of the block that was committed last. What a block undid may be there again under the same heights and
   * hashes and yet refer to other nodes, so nothing of it outlives a rollback, ours or another's while the folder was let go.
   */
  #top: { readonly version: number; readonly rootNode: TreeNode } | undefined;
  /** Where the stale index begins to hold something; nothing is ever put before it. */
  #pruneFrom: Uint8Array | undefined;

  private constructor(place: Place, durability: Durability, genesis: Genesis) {
    this.location = place.location;
    this.#directory = place.directory;
    this.#durability = durability;
    this.#database = place.database;
    this.genesis = genesis;
    this.genesisHash = hash("genesis", encodeGenesis(genesis));
  }

  /**
   * Opens a folder. An existing chain keeps its own genesis; without one, the folder begins with `genesis`, and where that has
   * a base, with that block. A rollback that was interrupted is finished first, but not for a reader: the folder's writer may be
   * in the middle of it.
   * Throws `InputError`: `data_locked`, `data_empty`, `data_format`, `storage_full`, `storage_failed`, `genesis_*`, `fork_block_invalid`.
   */
  static async open(
    directory: string,
    options: { genesis?: Genesis; base?: ClaimedBlock; durability?: Durability; isReader?: boolean } = {},
  ): Promise<Store> {
    const database = await openDatabase(directory, options.genesis !== undefined);
    try {
      const isNew = !(await holdsChain(database, directory));
      const genesis = isNew ? options.genesis : storedGenesis(database);
      if (genesis === undefined) throw noChain(directory);
      checkGenesis(genesis);
      const place = { directory, location: database.location, database };
      const store = new Store(place, options.durability ?? "os", genesis);
      if (isNew) await store.#write(store.#firstOperations(options.base));
      if (options.isReader !== true) await store.#finishRollback();
      return store;
    } catch (error) {
      await database.close();
      throw error;
    }
  }

  /** A new chain without a folder, which ends with the process. Throws `InputError`: `genesis_*`, `fork_block_invalid`. */
  static inMemory(genesis: Genesis, base?: ClaimedBlock): Store {
    checkGenesis(genesis);
    const database = new MemoryDatabase();
    const store = new Store({ directory: null, location: IN_MEMORY, database }, "os", genesis);
    database.apply(store.#firstOperations(base));
    return store;
  }

  /** Opens the folder again after `close`. */
  async reopen(): Promise<void> {
    assert(this.#directory !== null, "a chain in memory ends when it is closed");
    this.#database = await openDatabase(this.#directory, false);
    this.#writeFailure = undefined;
    this.#top = undefined;
    await this.#finishRollback();
  }

  close(): Promise<void> {
    return this.#database.close();
  }

  /** Whether the folder can be opened again. Asked before what can still be read is given up for what perhaps cannot. */
  hasRoom(): boolean {
    return this.#directory === null || hasRoom(this.#directory);
  }

  get headHeight(): number {
    return headHeightOf(this.#database);
  }

  block(height: number): Block | undefined {
    const encoded = this.#database.get(keys.block(height));
    return encoded && decodeBlock(encoded);
  }

  /** The block at a height that exists. */
  requireBlock(height: number): Block {
    const block = this.block(height);
    assert(block !== undefined, `block ${height} is missing`);
    return block;
  }

  /** Of the block at a height that exists. */
  header(height: number): Header {
    const encoded = this.#database.get(keys.block(height));
    assert(encoded !== undefined, `block ${height} is missing`);
    return headerOfBlock(encoded);
  }

  /** A block and its receipts as they are stored, unread. */
  rawBlock(height: number): { readonly block: Uint8Array; readonly receipts: readonly Uint8Array[] } | undefined {
    const block = this.#database.get(keys.block(height));
    if (block === undefined) return undefined;
    const receipts: Uint8Array[] = [];
    for (;;) {
      const receipt = this.#database.get(keys.receipt(height, receipts.length));
      if (receipt === undefined) return { block, receipts };
      receipts.push(receipt);
    }
  }

  receipt(height: number, index: number): Receipt | undefined {
    const encoded = this.#database.get(keys.receipt(height, index));
    return encoded && decodeReceipt(encoded);
  }

  /** The receipts of a block, in order. */
  receipts(height: number, block: Block): Receipt[] {
    return block.transactions.map((_, index) => {
      const receipt = this.receipt(height, index);
      assert(receipt !== undefined, `receipt ${index} of block ${height} is missing`);
      return receipt;
    });
  }

  /** As `findEvents`; only blocks up to `headHeight` are known. */
  events(query: EventQuery, headHeight: number): Promise<EventPage> {
    return findEvents(this.#database, query, headHeight);
  }

  heightOf(hashOfBlock: Uint8Array): number | undefined {
    const encoded = this.#database.get(keys.blockHash(hashOfBlock));
    return encoded && readHeight(encoded);
  }

  transactionPosition(transactionHash: Uint8Array): Position | undefined {
    const encoded = this.#database.get(keys.transaction(transactionHash));
    return encoded && readPosition(encoded);
  }

  /** One atomic batch. When this returns, the block survives what the durability mode names; when it throws, nothing was written. */
  async commit(applied: AppliedBlock): Promise<void> {
    // Nobody else writes, so after a commit of our own the head is known.
    const headHeight = this.#top?.version ?? this.headHeight;
    assert(applied.block.header.height === headHeight + 1, "a block goes on top of the head");
    await this.#write(blockOperations(applied));
    this.#top = { version: applied.block.header.height, rootNode: applied.tree.rootNode };
  }

  /** The lowest height whose state is kept: 0 unless the chain was pruned, or began with a dump or another's block. */
  get lowestHeight(): number {
    return lowestHeightOf(this.#database);
  }

  /**
   * The state as the block at `height` left it, key by key; scans are for the head alone, for the tree has no order.
   * Throws `InputError`, also later, when the height is pruned meanwhile: `height_pruned`, `height_unknown`,
   * `height_before_base`, `scan_of_history`.
   */
  stateAt(height: number): StateReader {
    const nodes = this.nodesAt(height);
    return {
      get: (key) => readValue(nodes, height, key),
      scan: (from, to, reverse) => {
        if (height === this.headHeight) return this.flat.scan(from, to, reverse);
        throw scanOfHistory(height);
      },
    };
  }

  /**
   * The state at `at`, or at the head, held still while other threads write and take back. Whoever takes it closes it. Throws as
   * `stateAt` does, and `scan_of_history` when keys are listed below the head.
   */
  snapshot(at?: number): HeldState {
    const snapshot = this.#database.snapshot();
    try {
      if (at !== undefined) this.#checkKept(at, snapshot);
      return this.#held(snapshot, at);
    } catch (error) {
      void snapshot.close();
      throw error;
    }
  }

  #held(snapshot: Snapshot, at: number | undefined): HeldState {
    const headHeight = headHeightOf(snapshot);
    const height = at ?? headHeight;
    const header = headerOfBlock(snapshot.get(keys.block(height))!);
    // A node of the base may have been fetched since.
    const nodes: NodeReader = {
      getNode: (key, path) => snapshot.get(keys.node(key)) ?? this.nodes.getNode(key, path),
    };
    let hasScanned = false;
    const scan: StateReader["scan"] = (from, to, reverse) => {
      if (height !== headHeight) throw scanOfHistory(height);
      hasScanned = true;
      return this.#scan(from, to, reverse);
    };
    const get: StateReader["get"] = (key) =>
      height === headHeight ? this.#stateOf(snapshot, nodes, key) : readValue(nodes, height, key);
    return {
      header,
      state: { get, scan },
      checkStill: () => {
        // Scans go through a thread that holds nothing still.
        if (!hasScanned) return;
        const block = this.headHeight === height ? this.#database.get(keys.block(height)) : undefined;
        if (block !== undefined && equalBytes(headerOfBlock(block).stateRoot, header.stateRoot)) return;
        throw new InputError("head_moved", "blocks were made while keys were listed", { hint: "Ask again." });
      },
      close: () => void snapshot.close(),
    };
  }

  /** The nodes that the root of `height` reaches. Throws as `stateAt` does, now and when one is missing. */
  nodesAt(height: number): NodeReader {
    this.#checkKept(height);
    return {
      getNode: (key, path) => {
        const node = this.#database.get(keys.node(key));
        if (node !== undefined) return node;
        this.#checkKept(height);
        return missingNode(this.genesis, key, path);
      },
    };
  }

  #checkKept(height: number, records: RecordReader = this.#database): void {
    const [headHeight, lowestHeight] = [headHeightOf(records), lowestHeightOf(records)];
    const baseHeight = this.genesis.base?.height ?? 0;
    if (Number.isSafeInteger(height) && height >= 0 && height < baseHeight) {
      throw new InputError("height_before_base", `the chain goes on from block ${baseHeight} of another chain`, {
        hint: `The chain it was forked from has height ${height}; here the lowest is ${lowestHeight}.`,
      });
    }
    if (!Number.isSafeInteger(height) || height < 0 || height > headHeight) {
      throw new InputError("height_unknown", `there is no block ${height} yet; the head is ${headHeight}`, {
        hint: `Name a height from ${lowestHeight} to ${headHeight}.`,
      });
    }
    if (height < lowestHeight) {
      throw new InputError(
        "height_pruned",
        `the state at height ${height} is gone; the lowest kept is ${lowestHeight}`,
        {
          hint: `Name a height from ${lowestHeight} to ${headHeight}, or ask a node that prunes nothing.`,
        },
      );
    }
  }

  /**
   * Takes back the blocks above `height`, of which the folder keeps no trace; it then equals one that never went further.
   * One batch for each block: the target stands in the first, and opening the folder finishes what a kill interrupted.
   * Throws `InputError`: `height_pruned`, `height_unknown`, `height_before_base`.
   */
  async rollback(height: number): Promise<void> {
    this.#checkKept(height);
    await this.#undoTo(height);
  }

  async #undoTo(target: number): Promise<void> {
    this.#top = undefined;
    for (let height = this.headHeight; height > target; height--) {
      const isLast = height === target + 1;
      const mark = isLast ? del(keys.meta("rollback")) : put(keys.meta("rollback"), heightBytes(target));
      await this.#write([...undoOperations(this.#database, height), mark]);
      // In memory a write takes no turn of the event loop, and others wait for one.
      if (height % UNDO_TURN_COUNT === 0) await setImmediate();
    }
  }

  async #finishRollback(): Promise<void> {
    const target = this.#database.get(keys.meta("rollback"));
    if (target !== undefined) await this.#undoTo(readHeight(target));
  }

  /**
   * Goes a step towards keeping the state of the last `rootCount` blocks and no more: forgets at most `limit` nodes. True when
   * nothing is left to forget. May be stopped and taken up again at any time.
   */
  async prune(rootCount: number, limit: number): Promise<boolean> {
    assert(rootCount >= 1 && limit >= 1, "the head's state is kept, and a step is one");
    const before = this.lowestHeight;
    const lowest = Math.max(before, this.headHeight - rootCount + 1);
    if (lowest === 0) return true;
    const { operations, isLast, next } = await pruneStep(this.#database, lowest, limit, this.#pruneFrom);
    const mark = lowest === before ? [] : [put(keys.meta("lowest"), heightBytes(lowest))];
    // A power failure may bring back what was forgotten, and then it is forgotten again.
    if (operations.length + mark.length > 0) await this.#write([...mark, ...operations], false);
    this.#pruneFrom = next;
    return isLast;
  }

  /** Whether all of the state is here, so that keys can be listed; always, but for a chain with a base. */
  get isWhole(): boolean {
    return this.genesis.base === null || this.#database.get(keys.meta("whole")) !== undefined;
  }

  /**
   * Keeps nodes of the base's tree, which the caller has verified; of any number of them, in any order. Nothing that a block of
   * this chain wrote is among them.
   */
  async putNodes(nodes: readonly StoredNode[]): Promise<void> {
    assertOfBase(this.genesis, nodes);
    // What a power failure takes is fetched again.
    await this.#write(
      nodes.map(({ key, bytes }) => put(keys.node(key), bytes)),
      false,
    );
  }

  /**
   * Completes the flat view with the entries of the base's state, which are all there and verified; keys that blocks of this
   * chain have changed are not touched. No block is committed or taken back meanwhile. May be stopped and done again.
   */
  async setWhole(leaves: Leaves): Promise<void> {
    const head = this.headHeight;
    for await (const batch of flatBatches(this.genesis, this.nodes, head, leaves)) {
      assert(this.headHeight === head, "the chain stands still while its flat view is completed");
      await this.#write(batch, false);
    }
    await this.#write([put(keys.meta("whole"), NOTHING)]);
  }

  #firstOperations(base: ClaimedBlock | undefined): Operation[] {
    const { genesis, genesisHash } = this;
    return [
      put(keys.meta("format"), text(FORMAT)),
      put(keys.meta("genesis"), encodeGenesis(genesis)),
      ...(genesis.base !== null && base !== undefined
        ? baseOperations(genesis, base)
        : blockOperations(applyGenesis(genesis, genesisHash))),
    ];
  }

  async #write(operations: Iterable<Operation>, sync = this.#durability === "sync"): Promise<void> {
    if (this.#writeFailure !== undefined) throw this.#writeFailure;
    try {
      await this.#database.write(operations, sync);
    } catch (error) {
      this.#writeFailure = error;
      // Nobody knows which block is the head now.
      this.#top = undefined;
      throw error;
    }
  }

  /** At the head: what the flat view does not have, a chain with a base may have in the tree. */
  #stateOf(records: RecordReader, nodes: NodeReader, key: Uint8Array): Uint8Array | undefined {
    const flatKey = keys.flat(key);
    const value = records.get(flatKey);
    if (value !== undefined || this.genesis.base === null) return value;
    // Another thread may have completed it just now.
    if (records.get(keys.meta("whole")) !== undefined) return records.get(flatKey);
    return readValue(nodes, readHeight(records.get(keys.meta("head"))!), key);
  }

  *#scan(from: Uint8Array, to: Uint8Array, reverse: boolean): Generator<ScannedState, void, undefined> {
    if (!this.isWhole) throw new StateMissing({ kind: "all" });
    for (const { key, value } of this.#database.scan(keys.flat(from), keys.flat(to), reverse)) {
      yield { key: key.subarray(1), value };
    }
  }
}

/** A folder, or memory. */
interface Place {
  readonly directory: string | null;
  readonly location: string;
  readonly database: Database;
}

function headHeightOf(records: RecordReader): number {
  const encoded = records.get(keys.meta("head"));
  assert(encoded !== undefined, "the folder has no head");
  return readHeight(encoded);
}

function lowestHeightOf(records: RecordReader): number {
  const encoded = records.get(keys.meta("lowest"));
  return encoded === undefined ? 0 : readHeight(encoded);
}

function scanOfHistory(height: number): InputError {
  return new InputError("scan_of_history", `keys can be listed at the head only, not at height ${height}`, {
    hint: "Read the keys you know one by one, or list them at the head.",
  });
}

function storedGenesis(database: Database): Genesis {
  const encoded = database.get(keys.meta("genesis"));
  assert(encoded !== undefined, "the folder has a format and no genesis");
  return decodeGenesis(encoded);
}
