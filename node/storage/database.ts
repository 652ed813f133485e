/**
 * What a chain asks of where it is kept: one record, ranges of records in the order of their keys, and atomic writes. There are
 * two: LevelDB in a folder (`level-database.ts`) and an ordered map in memory (`memory-database.ts`).
 *
 * Law: both answer alike, byte for byte. What they hand out may be the record itself and is never written to.
 */
import type { KeyRange, Operation } from "./layout.ts";

export interface Entry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** Ascending, up to `lt` or `lte`. Of a range without bounds, all. */
export interface EntryRange extends Partial<KeyRange> {
  readonly lte?: Uint8Array;
  readonly limit?: number;
}

/** What is read does not move while it is read: neither under a held snapshot nor under a list that was begun. */
export interface RecordReader {
  get(key: Uint8Array): Uint8Array | undefined;
  entries(range: EntryRange): AsyncGenerator<Entry, void, undefined>;
  keys(range: EntryRange): AsyncGenerator<Uint8Array, void, undefined>;
}

/** The records of one moment. Whoever takes it closes it. */
export interface Snapshot extends RecordReader {
  close(): Promise<void>;
}

export interface Database extends RecordReader {
  readonly isOpen: boolean;
  snapshot(): Snapshot;
  /** The live records of `[from, to)` in order, or from the end down. Nothing may be written before its last entry was taken. */
  scan(from: Uint8Array, to: Uint8Array, reverse: boolean): Generator<Entry, void, undefined>;
  /** Atomic. With `sync`, the disk has it afterwards, and all that was written before it. */
  write(operations: Iterable<Operation>, sync?: boolean): Promise<void>;
  close(): Promise<void>;
}
