/**
 * The chain on LevelDB: one folder, one key space, one atomic batch a block.
 *
 *     00 "format" | "genesis" | "head"     what this folder is, and where the chain stands
 *     01 height                            block
 *     02 block hash                        height
 *     03 transaction hash                  height, index
 *     04 height index                      receipt
 *     10 node key                          node of the state tree; its key begins with its version
 *     11 height node key                   node that became stale at that height
 *     12 state key                         flat view: the state at the head, for one-get reads and for scans
 *
 * Integers are big endian, so ranges are in order. Whatever a block changes stands in its batch, with the head pointer: after
 * a kill at any moment the folder holds a whole number of blocks. Reads are synchronous.
 */
import { existsSync, mkdirSync, readdirSync, realpathSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join as joinPath } from "node:path";
import { Level } from "level";
import { equalBytes } from "../vm/borsh.ts";
import { assert, Fault, InputError } from "../vm/errors.ts";
import {
  type Block,
  blockHash,
  decodeBlock,
  decodeReceipt,
  encodeBlock,
  encodeReceipt,
  type Receipt,
} from "./block.ts";
import { hash } from "./crypto.ts";
import { checkGenesis, decodeGenesis, encodeGenesis, type Genesis } from "./genesis.ts";
import { ScanThread } from "./scan-thread.ts";
import type { ScannedState, StateReader } from "./state/journal.ts";
import type { NodeReader } from "./state/tree.ts";
import { type AppliedBlock, applyGenesis, type State } from "./state-transition.ts";

/** Changes with the layout above. A folder of another format is refused, never misread. */
const FORMAT = "lockstep-2";

/**
 * What an acknowledged block survives. `os`: the death of the process, kill -9 included, because the operating system holds
 * the write. `sync`: also a power failure, because the disk has it; slower.
 */
export type Durability = "os" | "sync";

/** Room for a few blocks and LevelDB's own files. */
const ROOM_BYTES = 1024 * 1024;

const space = {
  meta: 0x00,
  block: 0x01,
  blockHash: 0x02,
  transaction: 0x03,
  receipt: 0x04,
  node: 0x10,
  stale: 0x11,
  flat: 0x12,
};

type Database = Level<Uint8Array, Uint8Array>;

export class Store implements State {
  readonly genesis: Genesis;
  readonly genesisHash: Uint8Array;
  readonly flat: StateReader = {
    get: (key) => this.#get(join(space.flat, key)),
    scan: (from, to, reverse) => this.#scan(from, to, reverse),
  };
  readonly nodes: NodeReader = { getNode: (key) => this.#get(join(space.node, key)) };
  /** The folder's one true path. */
  readonly location: string;
  readonly #directory: string;
  readonly #durability: Durability;
  #database: Database;
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
   * Throws `InputError`: `data_locked`, `data_empty`, `data_format`, `storage_full`, `storage_failed`, `genesis_*`.
   */
  static async open(directory: string, options: { genesis?: Genesis; durability?: Durability } = {}): Promise<Store> {
    const database = await openDatabase(directory, options.genesis !== undefined);
    const durability = options.durability ?? "os";
    try {
      const known = await readGenesis(database, directory);
      const genesis = known ?? options.genesis;
      if (genesis === undefined) throw noChain(directory);
      checkGenesis(genesis);
      if (known !== undefined) return new Store(directory, durability, database, known);
      const store = new Store(directory, durability, database, genesis);
      await store.#write([
        { type: "put", key: metaKey("format"), value: text(FORMAT) },
        { type: "put", key: metaKey("genesis"), value: encodeGenesis(genesis) },
        ...blockOperations(applyGenesis(genesis, store.genesisHash)),
      ]);
      return store;
    } catch (error) {
      await database.close();
      throw error;
    }
  }

  /** Opens again after `close`. */
  async reopen(): Promise<void> {
    this.#database = await openDatabase(this.#directory, false);
  }

  async close(): Promise<void> {
    await this.#scanThread?.close();
    this.#scanThread = undefined;
    await this.#database.close();
  }

  /**
   * Whether the folder takes as much as opening it again may write, which is its log in another form. Asked before a database
   * that can still be read is given up for one that perhaps cannot be opened.
   */
  hasRoom(): boolean {
    const probe = joinPath(this.#directory, "room-probe");
    try {
      const logs = readdirSync(this.#directory).filter((name) => name.endsWith(".log"));
      const logBytes = logs.reduce((sum, name) => sum + statSync(joinPath(this.#directory, name)).size, 0);
      writeFileSync(probe, new Uint8Array(logBytes + ROOM_BYTES));
      return true;
    } catch {
      return false;
    } finally {
      rmSync(probe, { force: true });
    }
  }

  get headHeight(): number {
    const encoded = this.#get(metaKey("head"));
    assert(encoded !== undefined, "the folder has no head");
    return readHeight(encoded, 0);
  }

  block(height: number): Block | undefined {
    const encoded = this.#get(join(space.block, heightBytes(height)));
    return encoded && decodeBlock(encoded);
  }

  /** The block at a height that exists. */
  requireBlock(height: number): Block {
    const block = this.block(height);
    assert(block !== undefined, `block ${height} is missing`);
    return block;
  }

  /** A block and its receipts as they are stored, unread. */
  rawBlock(height: number): { readonly block: Uint8Array; readonly receipts: readonly Uint8Array[] } | undefined {
    const block = this.#get(join(space.block, heightBytes(height)));
    if (block === undefined) return undefined;
    const receipts: Uint8Array[] = [];
    for (;;) {
      const receipt = this.#get(join(space.receipt, heightBytes(height), indexBytes(receipts.length)));
      if (receipt === undefined) return { block, receipts };
      receipts.push(receipt);
    }
  }

  receipt(height: number, index: number): Receipt | undefined {
    const encoded = this.#get(join(space.receipt, heightBytes(height), indexBytes(index)));
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

  heightOf(hashOfBlock: Uint8Array): number | undefined {
    const encoded = this.#get(join(space.blockHash, hashOfBlock));
    return encoded && readHeight(encoded, 0);
  }

  transactionPosition(transactionHash: Uint8Array): { readonly height: number; readonly index: number } | undefined {
    const encoded = this.#get(join(space.transaction, transactionHash));
    return (
      encoded && {
        height: readHeight(encoded, 0),
        index: new DataView(encoded.buffer, encoded.byteOffset).getUint32(8),
      }
    );
  }

  /** One atomic batch. When this returns, the block survives what the durability mode names; when it throws, nothing was written. */
  async commit(applied: AppliedBlock): Promise<void> {
    assert(applied.block.header.height === this.headHeight + 1, "a block goes on top of the head");
    await this.#write(blockOperations(applied));
  }

  async #write(operations: Operations): Promise<void> {
    try {
      await this.#database.batch(operations, { sync: this.#durability === "sync" });
    } catch (error) {
      throw storageError(error, this.#directory);
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
      for (const { key, value } of this.#scanThread.scan(join(space.flat, from), join(space.flat, to), reverse)) {
        yield { key: key.subarray(1), value };
      }
    } catch (error) {
      throw error instanceof Fault ? error : storageError(error, this.#directory);
    }
  }
}

/** What LevelDB gives is a Buffer, whose `slice` is a view where that of bytes is a copy. None gets past here. */
function read(database: Database, key: Uint8Array): Uint8Array | undefined {
  const value = database.getSync(key);
  return value && new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
}

async function openDatabase(directory: string, create: boolean): Promise<Database> {
  try {
    if (create) mkdirSync(directory, { recursive: true });
    // LevelDB would leave its files in a folder that holds no database.
    if (!existsSync(joinPath(directory, "CURRENT"))) {
      if (!create) throw noChain(directory);
      checkUnused(directory);
    }
    // It knows a folder by the text of its path: under two names, one folder would be two databases that damage each other.
    const database: Database = new Level(realpathSync(directory), {
      keyEncoding: "view",
      valueEncoding: "view",
      createIfMissing: create,
      // The node's thread, the execution worker and their scan threads open the folder; each sees the other's writes at once.
      multithreading: true,
    });
    await database.open();
    return database;
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw storageError(error, directory);
  }
}

async function readGenesis(database: Database, directory: string): Promise<Genesis | undefined> {
  const format = read(database, metaKey("format"));
  if (format === undefined) {
    if ((await database.keys({ limit: 1 }).all()).length === 0) return undefined;
    throw new InputError("data_format", `${directory} is a database of another program`, {
      hint: "Use another folder.",
    });
  }
  if (!equalBytes(format, text(FORMAT))) {
    throw new InputError(
      "data_format",
      `${directory} has the format "${new TextDecoder().decode(format)}", not "${FORMAT}"`,
      { hint: "Open it with the version of Lockstep that wrote it, or use another folder." },
    );
  }
  const encoded = read(database, metaKey("genesis"));
  assert(encoded !== undefined, "the folder has a format and no genesis");
  return decodeGenesis(encoded);
}

/** What a start that was killed may have left behind is no use of the folder by others. */
const ownFiles = /^(LOCK|LOG|LOG\.old|MANIFEST-\d+|\d+\.(log|dbtmp|ldb))$/;

function checkUnused(directory: string): void {
  const foreign = readdirSync(directory).find((name) => !ownFiles.test(name));
  if (foreign === undefined) return;
  throw new InputError("data_format", `${directory} holds "${foreign}" and no chain`, {
    hint: "Name a folder that is empty, does not exist, or was made by Lockstep.",
  });
}

function noChain(directory: string): InputError {
  return new InputError("data_empty", `${directory} holds no chain`, {
    hint: "Name the folder that `lockstep dev --data` was given.",
  });
}

/** LevelDB's errors as ours. What it says is shown to people and decides nothing beyond the three cases. */
function storageError(error: unknown, directory: string): InputError {
  const causes: string[] = [];
  for (let at: unknown = error; at instanceof Error; at = at.cause)
    causes.push(`${"code" in at ? at.code : ""} ${at.message}`);
  const said = causes.join(": ");
  // The folder's own name must not be taken for what happened to it.
  const names = existsSync(directory) ? [realpathSync(directory), directory] : [directory];
  const happened = names.reduce((text, name) => text.replaceAll(name, ""), said);
  if (happened.includes("LEVEL_LOCKED")) {
    return new InputError("data_locked", `${directory} is in use by another process`, {
      hint: "Stop the other node, or give this one a folder of its own with --data.",
    });
  }
  if (/ENOSPC|EDQUOT|no space left|disk quota/i.test(happened)) {
    return new InputError("storage_full", `no space is left for ${directory}`, {
      hint: "Free some space; the node goes on by itself, and nothing acknowledged is lost.",
    });
  }
  return new InputError("storage_failed", `${directory} cannot be used: ${said.trim()}`, {
    hint: "Check that the folder is there, that it is yours, and that the disk is well.",
  });
}

interface Put {
  readonly type: "put";
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}
type Operations = (Put | { readonly type: "del"; readonly key: Uint8Array })[];

function blockOperations(applied: AppliedBlock): Operations {
  const { block, receipts, transactionHashes, changes, tree } = applied;
  const height = heightBytes(block.header.height);
  const operations: Operations = [];
  const put = (key: Uint8Array, value: Uint8Array) => operations.push({ type: "put", key, value });
  put(join(space.block, height), encodeBlock(block));
  put(join(space.blockHash, blockHash(block.header)), height);
  for (const [index, transactionHash] of transactionHashes.entries()) {
    put(join(space.transaction, transactionHash), concat(height, indexBytes(index)));
    put(join(space.receipt, height, indexBytes(index)), encodeReceipt(receipts[index]!));
  }
  for (const { key, bytes } of tree.newNodes) put(join(space.node, key), bytes);
  for (const key of tree.staleNodes) put(join(space.stale, height, key), new Uint8Array());
  for (const { key, value } of changes) {
    if (value === null) operations.push({ type: "del", key: join(space.flat, key) });
    else put(join(space.flat, key), value);
  }
  put(metaKey("head"), height);
  return operations;
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function metaKey(name: string): Uint8Array {
  return join(space.meta, text(name));
}

function heightBytes(height: number): Uint8Array {
  const encoded = new Uint8Array(8);
  new DataView(encoded.buffer).setBigUint64(0, BigInt(height));
  return encoded;
}

function readHeight(encoded: Uint8Array, offset: number): number {
  return Number(new DataView(encoded.buffer, encoded.byteOffset).getBigUint64(offset));
}

function indexBytes(index: number): Uint8Array {
  const encoded = new Uint8Array(4);
  new DataView(encoded.buffer).setUint32(0, index);
  return encoded;
}

function concat(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}

function join(prefix: number, ...parts: Uint8Array[]): Uint8Array {
  return concat(Uint8Array.of(prefix), ...parts);
}
