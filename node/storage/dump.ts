/**
 * A chain as one stream, to be kept or carried elsewhere: genesis, every block with its receipts, and the state at the head in
 * the order of the tree's paths. What it leaves out is the state of earlier heights; a replay of the blocks makes that again.
 *
 * Law: a chain that was loaded goes on with the same blocks and roots as the one that was dumped, and dumps to the same bytes.
 * Both directions check what goes through them, block by block and leaf by leaf, and never hold more than one of each.
 */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { rename, rm, rmdir } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { Fault, InputError } from "../../vm/errors.ts";
import { encodeGenesis, type Genesis } from "../genesis.ts";
import { leavesOf } from "../state/tree-stream.ts";
import { StateMissing } from "../state-missing.ts";
import type { Store } from "../store.ts";
import { ChainStream, type StreamedChain } from "./chain-stream.ts";
import type { Database } from "./database.ts";
import { type DumpRecord, readDump, syncFolder, writeDump } from "./dump-file.ts";
import { FORMAT, heightBytes, keys, NOTHING, type Operation, put, text } from "./layout.ts";
import { openDatabase, storageError } from "./level-database.ts";

export type DumpProgress = (part: "blocks" | "state" | "file", done: number) => void;

/**
 * Throws `InputError`: `data_damaged` when there is no dump to be made of it, `data_partial` when a part of its base's state was
 * not fetched, `storage_full`, `storage_failed`.
 */
export async function dumpChain(
  store: Store,
  path: string,
  onProgress: DumpProgress = () => {},
): Promise<StreamedChain> {
  const refuse = (problem: string) =>
    new InputError("data_damaged", `${store.location} cannot be dumped: ${problem}`, {
      hint: "`lockstep db check` names the record at fault.",
    });
  if (!store.isWhole) throw partial(store);
  const stream = new ChainStream(refuse);
  let facts: StreamedChain | undefined;
  const checked = function* (): Generator<DumpRecord> {
    try {
      for (const record of recordsOf(store, onProgress)) {
        stream.take(record);
        yield record;
      }
    } catch (error) {
      if (error instanceof StateMissing) throw partial(store);
      // To who trusts the folder, a node that is missing or misspelt is a fault of ours. Here it is the folder's.
      throw error instanceof Fault ? refuse(error.message) : error;
    }
    facts = stream.end();
  };
  await writeDump(path, checked());
  return facts!;
}

function partial({ location, genesis }: Store): InputError {
  return new InputError("data_partial", `${location} does not hold all of the state it was forked from`, {
    hint: `Dump the chain it was forked from, which has block ${genesis.base?.height}, or keep the folder itself.`,
  });
}

function* recordsOf(store: Store, onProgress: DumpProgress): Generator<DumpRecord> {
  const head = store.headHeight;
  yield { kind: "genesis", genesis: encodeGenesis(store.genesis) };
  const first = store.genesis.base?.height ?? 0;
  for (let height = first; height <= head; height++) {
    const raw = store.rawBlock(height);
    if (raw === undefined) continue;
    yield { kind: "block", block: raw.block };
    for (const receipt of raw.receipts) yield { kind: "receipt", receipt };
    onProgress("blocks", (height - first + 1) / (head - first + 1));
  }
  let count = 0;
  for (const { keyHash, key, value } of leavesOf(store.nodes, head)) {
    yield { kind: "entry", key, value };
    if (++count % 1_000 === 0) onProgress("state", (keyHash[0]! * 256 + keyHash[1]!) / 65_536);
  }
}

/** Bytes of one write. With a megabyte, loading a million entries peaked at 270 MB instead of 190. */
const BATCH_SIZE = 256 * 1024;

/**
 * Makes `directory`, which must not exist or be empty, a chain's folder. It appears when all of it is there and verified; when
 * this throws, nothing changed. Throws `InputError`: `data_exists`, `dump_*`, `genesis_*`, `storage_full`, `storage_failed`.
 */
export async function loadChain(
  path: string,
  directory: string,
  onProgress: DumpProgress = () => {},
): Promise<StreamedChain> {
  checkFree(directory);
  const target = resolve(directory);
  const temporary = `${target}.loading-${randomBytes(8).toString("hex")}`;
  let database: Database | undefined;
  try {
    let operations: Operation[] = [];
    let size = 0;
    const add = (operation: Operation): void => {
      operations.push(operation);
      size += operation.key.length + (operation.type === "put" ? operation.value.length : 0);
    };
    const stream = new ChainStream((problem) => new InputError("dump_invalid", `${path} is no chain: ${problem}`), add);
    for await (const record of readDump(path, (done) => onProgress("file", done))) {
      stream.take(record);
      if (size < BATCH_SIZE) continue;
      database ??= await openNew(temporary);
      await database.write(operations);
      operations = [];
      size = 0;
    }
    const facts = stream.end();
    database ??= await openNew(temporary);
    // Only now it says that it is a chain.
    await database.write([...operations, ...metaOperations(stream.genesis, facts.height)], true);
    await database.close();
    database = undefined;
    await syncFolder(temporary);
    await publish(temporary, directory);
    return facts;
  } catch (error) {
    throw error instanceof Error && "code" in error ? storageError(error, directory) : error;
  } finally {
    await database?.close();
    await rm(temporary, { recursive: true, force: true });
  }
}

function checkFree(directory: string): void {
  if (!existsSync(directory) || isEmptyFolder(directory)) return;
  throw new InputError("data_exists", `${directory} is there already and not empty`, {
    hint: "Name a folder that does not exist: a dump is never loaded over something.",
  });
}

function isEmptyFolder(directory: string): boolean {
  try {
    return readdirSync(directory).length === 0;
  } catch {
    return false;
  }
}

async function openNew(temporary: string): Promise<Database> {
  mkdirSync(temporary, { recursive: true });
  return openDatabase(temporary, true);
}

async function publish(temporary: string, directory: string): Promise<void> {
  checkFree(directory);
  // Takes nothing but an empty folder away.
  if (existsSync(directory)) await rmdir(directory);
  await rename(temporary, directory);
  await syncFolder(dirname(resolve(directory)));
}

function metaOperations(genesis: Genesis, height: number): Operation[] {
  return [
    put(keys.meta("format"), text(FORMAT)),
    put(keys.meta("genesis"), encodeGenesis(genesis)),
    put(keys.meta("head"), heightBytes(height)),
    // All its nodes are of this version.
    ...(height > 0 ? [put(keys.meta("lowest"), heightBytes(height))] : []),
    ...(genesis.base === null ? [] : [put(keys.meta("whole"), NOTHING)]),
  ];
}
