/**
 * The chain on LevelDB: one folder, one key space (`storage/layout.ts`), one atomic batch a block.
 *
 * Whatever a block changes stands in its batch, with the head pointer: after a kill at any moment the folder holds a whole
 * number of blocks. Reads are synchronous. Of the state, the head's is read from the flat view, and that of any height that
 * is kept from the tree.
 */
import { realpathSync } from "node:fs";
import { equalBytes } from "../vm/borsh.ts";
import { assert, Fault, InputError } from "../vm/errors.ts";
import { type Block, decodeBlock, decodeReceipt, type Header, headerOfBlock, type Receipt } from "./block.ts";
import { hash } from "./crypto.ts";
import { checkGenesis, decodeGenesis, encodeGenesis, type Genesis } from "./genesis.ts";
import type { EventPage, EventQuery } from "./rpc/service.ts";
import { ScanThread } from "./scan-thread.ts";
import type { ScannedState, StateReader } from "./state/journal.ts";
import { type NodeReader, readValue } from "./state/tree.ts";
import type { TreeNode } from "./state/tree-node.ts";
import { type AppliedBlock, applyGenesis, type State } from "./state-transition.ts";
import {
  type Database,
  hasRoom,
  holdsChain,
  noChain,
  openDatabase,
  plain,
  read,
  storageError,
  write,
} from "./storage/database.ts";
import { findEvents } from "./storage/events.ts";
import {
  blockOperations,
  del,
  FORMAT,
  heightBytes,
  keys,
  type Operation,
  type Position,
  put,
  readHeight,
  readPosition,
  text,
} from "./storage/layout.ts";
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

export class Store implements State {
  readonly genesis: Genesis;
  readonly genesisHash: Uint8Array;
  readonly flat: StateReader = {
    get: (key) => this.#get(keys.flat(key)),
    scan: (from, to, reverse) => this.#scan(from, to, reverse),
  };
  readonly nodes: NodeReader = {
    getNode: (key) => this.#get(keys.node(key)),
    rootNode: (version) => (this.#top?.version === version ? this.#top.rootNode : undefined),
  };
  /** The folder's one true path. */
  readonly location: string;
  readonly #directory: string;
  readonly #durability: Durability;
  #database: Database;
  /** A record that was cut short ends LevelDB's log: what came behind it would be lost. So nothing does until `reopen`. */
  #writeFailure: InputError | undefined;
  /**
   * The upper tree of the block that was committed last. What a block undid may be there again under the same heights and
   * hashes and yet refer to other nodes, so nothing of it outlives a rollback, ours or another's while the folder was let go.
   */
  #top: { readonly version: number; readonly rootNode: TreeNode } | undefined;
  /** Where the stale index begins to hold something; nothing is ever put before it. */
  #pruneFrom: Uint8Array | undefined;
  /** From the first scan on; most threads that read never scan. */
  #scanThread: ScanThread | undefined;

  private constructor(directory: string, durability: Durability, database: Database, genesis: Genesis) {
    this.location = realpathSync(directory);
    this.#directory = directory;
    this.#durability = durability;
    this.#database = database;
    this.genesis = genesis;
    this.genesisHash = hash("genesis", encodeGenesis(genesis));
  }

  /**
   * Opens a folder. An existing chain keeps its own genesis; without one, the folder begins with `genesis`.
   * A rollback that was interrupted is finished first. Throws `InputError`: `data_locked`, `data_empty`, `data_format`, `storage_full`, `storage_failed`, `genesis_*`.
   */
  static async open(directory: string, options: { genesis?: Genesis; durability?: Durability } = {}): Promise<Store> {
    const database = await openDatabase(directory, options.genesis !== undefined);
    const durability = options.durability ?? "os";
    try {
      const isNew = !(await holdsChain(database, directory));
      const genesis = isNew ? options.genesis : storedGenesis(database);
      if (genesis === undefined) throw noChain(directory);
      checkGenesis(genesis);
      const store = new Store(directory, durability, database, genesis);
      if (isNew) {
        await store.#write([
          put(keys.meta("format"), text(FORMAT)),
          put(keys.meta("genesis"), encodeGenesis(genesis)),
          ...blockOperations(applyGenesis(genesis, store.genesisHash)),
        ]);
      }
      await store.#finishRollback();
      return store;
    } catch (error) {
      await database.close();
      throw error;
    }
  }

  /** Opens again after `close`. */
  async reopen(): Promise<void> {
    this.#database = await openDatabase(this.#directory, false);
    this.#writeFailure = undefined;
    this.#top = undefined;
    await this.#finishRollback();
  }

  async close(): Promise<void> {
    await this.#scanThread?.close();
    this.#scanThread = undefined;
    await this.#database.close();
  }

  /** Whether the folder can be opened again. Asked before what can still be read is given up for what perhaps cannot. */
  hasRoom(): boolean {
    return hasRoom(this.#directory);
  }

  get headHeight(): number {
    const encoded = this.#get(keys.meta("head"));
    assert(encoded !== undefined, "the folder has no head");
    return readHeight(encoded);
  }

  block(height: number): Block | undefined {
    const encoded = this.#get(keys.block(height));
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
    const encoded = this.#get(keys.block(height));
    assert(encoded !== undefined, `block ${height} is missing`);
    return headerOfBlock(encoded);
  }

  /** A block and its receipts as they are stored, unread. */
  rawBlock(height: number): { readonly block: Uint8Array; readonly receipts: readonly Uint8Array[] } | undefined {
    const block = this.#get(keys.block(height));
    if (block === undefined) return undefined;
    const receipts: Uint8Array[] = [];
    for (;;) {
      const receipt = this.#get(keys.receipt(height, receipts.length));
      if (receipt === undefined) return { block, receipts };
      receipts.push(receipt);
    }
  }

  receipt(height: number, index: number): Receipt | undefined {
    const encoded = this.#get(keys.receipt(height, index));
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
    return this.#guard(findEvents(this.#database, query, headHeight));
  }

  heightOf(hashOfBlock: Uint8Array): number | undefined {
    const encoded = this.#get(keys.blockHash(hashOfBlock));
    return encoded && readHeight(encoded);
  }

  transactionPosition(transactionHash: Uint8Array): Position | undefined {
    const encoded = this.#get(keys.transaction(transactionHash));
    return encoded && readPosition(encoded);
  }

  /** One atomic batch. When this returns, the block survives what the durability mode names; when it throws, nothing was written. */
  async commit(applied: AppliedBlock): Promise<void> {
    // Nobody else writes, so after a commit of our own the head is known.
    const headHeight = this.#top?.version ?? this.headHeight;
    assert(applied.block.header.height === headHeight + 1, "a block goes on top of the head");
    // The scan thread cannot see to this alone: why, `scan-worker.ts` says.
    const slow = this.#scanThread?.takeSlowRange() ?? null;
    const operations = function* () {
      yield* blockOperations(applied);
      if (slow !== null) yield* [del(slow.start), del(slow.end)];
    };
    await this.#write(operations());
    this.#top = { version: applied.block.header.height, rootNode: applied.tree.rootNode };
    if (slow !== null) this.#scanThread?.compact(slow);
  }

  /** The lowest height whose state is kept: 0 unless the chain was pruned, or began with a dump. */
  get lowestHeight(): number {
    const encoded = this.#get(keys.meta("lowest"));
    return encoded === undefined ? 0 : readHeight(encoded);
  }

  /**
   * The state as the block at `height` left it, key by key; scans are for the head alone, for the tree has no order.
   * Throws `InputError`, also later, when the height is pruned meanwhile: `height_pruned`, `height_unknown`, `scan_of_history`.
   */
  stateAt(height: number): StateReader {
    const nodes = this.nodesAt(height);
    return {
      get: (key) => readValue(nodes, height, key),
      scan: (from, to, reverse) => {
        if (height === this.headHeight) return this.flat.scan(from, to, reverse);
        throw new InputError("scan_of_history", `keys can be listed at the head only, not at height ${height}`, {
          hint: "Read the keys you know one by one, or list them at the head.",
        });
      },
    };
  }

  /** The state at the head, held still while other threads write. Whoever takes it closes it. */
  snapshot(): HeldState {
    const snapshot = this.#database.snapshot();
    const options = { snapshot };
    const get = (key: Uint8Array): Uint8Array | undefined => {
      try {
        const value = this.#database.getSync(key, options);
        return value && plain(value);
      } catch (error) {
        throw storageError(error, this.#directory);
      }
    };
    const height = readHeight(get(keys.meta("head"))!);
    const header = headerOfBlock(get(keys.block(height))!);
    let hasScanned = false;
    const scan: StateReader["scan"] = (from, to, reverse) => {
      hasScanned = true;
      return this.#scan(from, to, reverse);
    };
    return {
      header,
      state: { get: (key) => get(keys.flat(key)), scan },
      checkStill: () => {
        // Scans go through a thread that holds nothing still.
        if (!hasScanned || (this.headHeight === height && equalBytes(this.header(height).stateRoot, header.stateRoot)))
          return;
        throw new InputError("head_moved", "blocks were made while keys were listed", { hint: "Ask again." });
      },
      close: () => void snapshot.close(),
    };
  }

  /** The nodes that the root of `height` reaches. Throws `height_pruned` and `height_unknown`, now and when one is missing. */
  nodesAt(height: number): NodeReader {
    this.#checkKept(height);
    return {
      getNode: (key) => {
        const node = this.nodes.getNode(key);
        if (node === undefined) this.#checkKept(height);
        return node;
      },
    };
  }

  #checkKept(height: number): void {
    const { headHeight, lowestHeight } = this;
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
   * Throws `InputError`: `height_pruned`, `height_unknown`.
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
      await this.#write([...(await this.#guard(undoOperations(this.#database, height))), mark]);
    }
  }

  async #finishRollback(): Promise<void> {
    const target = this.#get(keys.meta("rollback"));
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
    const { operations, isLast, next } = await this.#guard(pruneStep(this.#database, lowest, limit, this.#pruneFrom));
    const mark = lowest === before ? [] : [put(keys.meta("lowest"), heightBytes(lowest))];
    // A power failure may bring back what was forgotten, and then it is forgotten again.
    if (operations.length + mark.length > 0) await this.#write([...mark, ...operations], false);
    this.#pruneFrom = next;
    return isLast;
  }

  async #write(operations: Iterable<Operation>, sync = this.#durability === "sync"): Promise<void> {
    if (this.#writeFailure !== undefined) throw this.#writeFailure;
    try {
      await write(this.#database, operations, sync);
    } catch (error) {
      this.#writeFailure = storageError(error, this.#directory);
      // Nobody knows which block is the head now.
      this.#top = undefined;
      throw this.#writeFailure;
    }
  }

  async #guard<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      throw error instanceof Fault ? error : storageError(error, this.#directory);
    }
  }

  #get(key: Uint8Array): Uint8Array | undefined {
    try {
      return read(this.#database, key);
    } catch (error) {
      throw storageError(error, this.#directory);
    }
  }

  *#scan(from: Uint8Array, to: Uint8Array, reverse: boolean): Generator<ScannedState, void, undefined> {
    try {
      // The thread would open a folder that was let go.
      if (this.#database.status !== "open") throw new Error("the database is not open");
      this.#scanThread ??= new ScanThread(this.location);
      for (const { key, value } of this.#scanThread.scan(keys.flat(from), keys.flat(to), reverse)) {
        yield { key: key.subarray(1), value };
      }
    } catch (error) {
      throw error instanceof Fault ? error : storageError(error, this.#directory);
    }
  }
}

function storedGenesis(database: Database): Genesis {
  const encoded = read(database, keys.meta("genesis"));
  assert(encoded !== undefined, "the folder has a format and no genesis");
  return decodeGenesis(encoded);
}
