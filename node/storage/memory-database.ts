/**
 * A chain's records in memory: an ordered map, gone with the process.
 *
 * Law: it answers as LevelDB does. Records are kept as they are given, so whoever gives or reads one never writes to it again;
 * only a part of something larger is copied, for it would hold on to all of that. Execution over it is inline and synchronous:
 * a scan sees the live records, and nothing can be written while it runs.
 */
import { createRequire } from "node:module";
import { nameOf } from "../name-of.ts";
import type { Database, Entry, EntryRange, RecordReader, Snapshot } from "./database.ts";
import type { Operation } from "./layout.ts";

type SortedBTree = typeof import("sorted-btree", { with: { "resolution-mode": "require" }});

// It is CommonJS, and loaders do not agree what its default export is.
const { default: BTree, simpleComparator }: SortedBTree = createRequire(import.meta.url)("sorted-btree");

/** Values by the names of their keys, which compare as the keys do. */
type Records = InstanceType<typeof BTree<string, Uint8Array>>;

export class MemoryDatabase implements Database {
  readonly #records: Records = new BTree<string, Uint8Array>(undefined, simpleComparator);
  #isOpen = true;

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#records.get(nameOf(key));
  }

  entries(range: EntryRange): AsyncGenerator<Entry, void, undefined> {
    return this.snapshot().entries(range);
  }

  keys(range: EntryRange): AsyncGenerator<Uint8Array, void, undefined> {
    return this.snapshot().keys(range);
  }

  /** Costs nothing by itself: what is written later is written to copies of the map's nodes. */
  snapshot(): Snapshot {
    return new MemorySnapshot(this.#records.clone());
  }

  *scan(from: Uint8Array, to: Uint8Array, reverse: boolean): Generator<Entry, void, undefined> {
    const [low, high] = [nameOf(from), nameOf(to)];
    if (low >= high) return;
    const entries = reverse ? this.#records.entriesReversed(high, undefined, true) : this.#records.entries(low);
    for (const [name, value] of entries) {
      if (reverse ? name < low : name >= high) return;
      yield { key: bytesOf(name), value };
    }
  }

  async write(operations: Iterable<Operation>): Promise<void> {
    this.apply(operations);
  }

  /** `write`, done when it returns. */
  apply(operations: Iterable<Operation>): void {
    // All are there before the first is done.
    for (const operation of [...operations]) {
      if (operation.type === "put") this.#records.set(nameOf(operation.key), whole(operation.value));
      else this.#records.delete(nameOf(operation.key));
    }
  }

  async close(): Promise<void> {
    this.#isOpen = false;
  }
}

class MemorySnapshot implements Snapshot, RecordReader {
  readonly #records: Records;

  constructor(records: Records) {
    this.#records = records;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#records.get(nameOf(key));
  }

  async *entries({ gte, lt, lte, limit = Number.POSITIVE_INFINITY }: EntryRange): AsyncGenerator<Entry> {
    const [below, last] = [lt && nameOf(lt), lte && nameOf(lte)];
    let room = limit;
    for (const [name, value] of this.#records.entries(gte && nameOf(gte))) {
      if (room-- <= 0 || (below !== undefined && name >= below) || (last !== undefined && name > last)) return;
      yield { key: bytesOf(name), value };
    }
  }

  async *keys(range: EntryRange): AsyncGenerator<Uint8Array> {
    for await (const { key } of this.entries(range)) yield key;
  }

  async close(): Promise<void> {}
}

function bytesOf(name: string): Uint8Array {
  const bytes = new Uint8Array(name.length);
  for (let at = 0; at < bytes.length; at++) bytes[at] = name.charCodeAt(at);
  return bytes;
}

function whole(value: Uint8Array): Uint8Array {
  return value.length === value.buffer.byteLength ? value : value.slice();
}
