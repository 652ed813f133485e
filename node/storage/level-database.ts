/**
 * LevelDB under a chain: opening a folder, its records, and its errors in our words.
 *
 * A folder is opened under its one true path, and only if it is empty or ours. Values are plain bytes and nobody else's.
 */
import { existsSync, mkdirSync, readdirSync, realpathSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join as joinPath } from "node:path";
import { Level } from "level";
import { equalBytes } from "../../vm/borsh.ts";
import { Fault, InputError } from "../../vm/errors.ts";
import { ScanThread } from "../scan-thread.ts";
import type { Database, Entry, EntryRange, Snapshot } from "./database.ts";
import { FORMAT, keys, type Operation, text } from "./layout.ts";

type LevelFolder = Level<Uint8Array, Uint8Array>;
type LevelSnapshot = ReturnType<LevelFolder["snapshot"]>;

/** Of what LevelDB read and unpacked; its own is 8 MB. All threads of the process that open a folder share it. */
export const CACHE_SIZE = 32 * 1024 * 1024;

/** Throws `InputError`: `data_locked`, `data_empty`, `data_format`, `storage_full`, `storage_failed`. */
export async function openDatabase(directory: string, create: boolean): Promise<LevelDatabase> {
  try {
    if (create) mkdirSync(directory, { recursive: true });
    // LevelDB would leave its files in a folder that holds no database.
    if (!existsSync(joinPath(directory, "CURRENT"))) {
      if (!create) throw noChain(directory);
      checkUnused(directory);
    }
    // It knows a folder by the text of its path: under two names, one folder would be two databases that damage each other.
    const location = realpathSync(directory);
    const level: LevelFolder = new Level(location, {
      keyEncoding: "view",
      valueEncoding: "view",
      createIfMissing: create,
      // The node's thread, the execution worker and their scan threads open the folder; each sees the other's writes at once.
      multithreading: true,
      cacheSize: CACHE_SIZE,
    });
    await level.open();
    return new LevelDatabase(level, location, directory);
  } catch (error) {
    throw storageError(error, directory);
  }
}

/** Entries that LevelDB is asked for at once; it gives fewer when they are large. */
const PAGE_COUNT = 1_000;

/** Every method throws `InputError` `storage_failed` or `storage_full` for what LevelDB throws. */
export class LevelDatabase implements Database {
  /** The folder's one true path. */
  readonly location: string;
  /** As whoever opened it called it. */
  readonly #directory: string;
  readonly #level: LevelFolder;
  /** From the first scan on; most threads that read never scan. */
  #scanThread: ScanThread | undefined;

  constructor(level: LevelFolder, location: string, directory: string) {
    this.#level = level;
    this.location = location;
    this.#directory = directory;
  }

  get isOpen(): boolean {
    return this.#level.status === "open";
  }

  get(key: Uint8Array): Uint8Array | undefined {
    try {
      const value = this.#level.getSync(key);
      return value && plain(value);
    } catch (error) {
      throw this.#error(error);
    }
  }

  entries(range: EntryRange): AsyncGenerator<Entry, void, undefined> {
    return this.#entries(range);
  }

  keys(range: EntryRange): AsyncGenerator<Uint8Array, void, undefined> {
    return this.#keys(range);
  }

  snapshot(): Snapshot {
    let snapshot: LevelSnapshot;
    try {
      snapshot = this.#level.snapshot();
    } catch (error) {
      throw this.#error(error);
    }
    const options = { snapshot };
    return {
      get: (key) => {
        try {
          const value = this.#level.getSync(key, options);
          return value && plain(value);
        } catch (error) {
          throw this.#error(error);
        }
      },
      entries: (range) => this.#entries({ ...range, snapshot }),
      keys: (range) => this.#keys({ ...range, snapshot }),
      close: () => snapshot.close(),
    };
  }

  /** Through a thread of its own, which holds nothing still. */
  *scan(from: Uint8Array, to: Uint8Array, reverse: boolean): Generator<Entry, void, undefined> {
    try {
      // The thread would open a folder that was let go.
      if (!this.isOpen) throw new Error("the database is not open");
      this.#scanThread ??= new ScanThread(this.location);
      yield* this.#scanThread.scan(from, to, reverse);
    } catch (error) {
      throw this.#error(error);
    }
  }

  /**
   * Operation by operation, which takes a third of the time of an array: `level` copies each of an array's objects and hands
   * them over by their properties' names.
   */
  async write(operations: Iterable<Operation>, sync = false): Promise<void> {
    // The scan thread cannot see to this alone: why, `scan-worker.ts` says.
    const slow = this.#scanThread?.takeSlowRange() ?? null;
    try {
      const batch = this.#level.batch();
      for (const operation of operations) {
        if (operation.type === "put") batch.put(operation.key, operation.value);
        else batch.del(operation.key);
      }
      if (slow !== null) batch.del(slow.start).del(slow.end);
      await batch.write({ sync });
    } catch (error) {
      throw this.#error(error);
    }
    if (slow !== null) this.#scanThread?.compact(slow);
  }

  async close(): Promise<void> {
    await this.#scanThread?.close();
    this.#scanThread = undefined;
    await this.#level.close();
  }

  async *#entries(range: EntryRange & { snapshot?: LevelSnapshot }): AsyncGenerator<Entry, void, undefined> {
    for await (const page of this.#pages(() => this.#level.iterator(range))) {
      for (const [key, value] of page) yield { key: plain(key), value: plain(value) };
    }
  }

  async *#keys(range: EntryRange & { snapshot?: LevelSnapshot }): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const page of this.#pages(() => this.#level.keys(range))) {
      for (const key of page) yield plain(key);
    }
  }

  async *#pages<T>(open: () => Pages<T>): AsyncGenerator<T[], void, undefined> {
    let pages: Pages<T> | undefined;
    try {
      pages = open();
      for (;;) {
        const page = await pages.nextv(PAGE_COUNT);
        if (page.length === 0) return;
        yield page;
      }
    } catch (error) {
      throw this.#error(error);
    } finally {
      await pages?.close();
    }
  }

  #error(error: unknown): Error {
    return error instanceof Fault ? error : storageError(error, this.#directory);
  }
}

interface Pages<T> {
  nextv(count: number): Promise<T[]>;
  close(): Promise<void>;
}

/** What LevelDB gives is a Buffer, whose `slice` is a view where that of bytes is a copy. None gets past here. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Whether there is a chain of our format, or nothing at all. Throws `InputError` `data_format` when it is something else. */
export async function holdsChain(database: Database, directory: string): Promise<boolean> {
  const format = database.get(keys.meta("format"));
  if (format === undefined) {
    for await (const _ of database.keys({ limit: 1 })) {
      throw new InputError("data_format", `${directory} is a database of another program`, {
        hint: "Use another folder.",
      });
    }
    return false;
  }
  if (!equalBytes(format, text(FORMAT))) throw otherFormat(directory, new TextDecoder().decode(format));
  return true;
}

/** Formats of before, and who wrote them. Their geneses are encoded in another way, so dumps of them are not read either. */
const olderFormats: ReadonlyMap<string, string> = new Map([
  ["lockstep-1", "Lockstep 0.1"],
  ["lockstep-2", "Lockstep 0.2"],
  ["lockstep-3", "Lockstep 0.3"],
]);
/** Of a name that somebody else gave. */
const FORMAT_TEXT_MAX = 40;

function otherFormat(directory: string, format: string): InputError {
  const named = JSON.stringify(format.slice(0, FORMAT_TEXT_MAX));
  const writer = olderFormats.get(format);
  const hint =
    writer === undefined
      ? "Open it with the version of Lockstep that wrote it, or use another folder."
      : `${writer} wrote it: open it with that version, or use another folder.`;
  return new InputError("data_format", `${directory} has the format ${named}; this version writes "${FORMAT}"`, {
    hint,
    details: { format: format.slice(0, FORMAT_TEXT_MAX), supported: FORMAT },
  });
}

/** Room for a few blocks and LevelDB's own files. */
const ROOM_BYTES = 1024 * 1024;

/** Whether a folder takes as much as opening it may write, which is its log in another form. */
export function hasRoom(directory: string): boolean {
  const probe = joinPath(directory, "room-probe");
  try {
    const logs = readdirSync(directory).filter((name) => name.endsWith(".log"));
    const logBytes = logs.reduce((sum, name) => sum + statSync(joinPath(directory, name)).size, 0);
    writeFileSync(probe, new Uint8Array(logBytes + ROOM_BYTES));
    return true;
  } catch {
    return false;
  } finally {
    rmSync(probe, { force: true });
  }
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

export function noChain(directory: string): InputError {
  return new InputError("data_empty", `${directory} holds no chain`, {
    hint: "Name the folder that `lockstep dev --data` was given.",
  });
}

/** LevelDB's errors as ours. What it says is shown to people and decides nothing beyond the three cases. */
export function storageError(error: unknown, directory: string): InputError {
  if (error instanceof InputError) return error;
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
