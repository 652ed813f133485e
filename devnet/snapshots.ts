/**
 * Where a devnet stood, to go back to: of each snapshot a handful of references, so taking one costs no more than listing the
 * transactions that wait.
 *
 * Law: snapshots lie on one another as the blocks do. Going back to one keeps it and makes every later one unknown, for the
 * chain they were taken from is no more. They live as long as the process does.
 */
import type { PoolEntry } from "../node/control.ts";
import type { Head, Sealing, SnapshotInfo } from "../node/rpc/service.ts";
import { InputError } from "../vm/errors.ts";
import type { ClockSetting } from "./clock.ts";
import type { Impersonated } from "./impersonated.ts";
import type { Labels } from "./labels.ts";

/** Everything that a revert brings back. */
export interface Snapshot {
  readonly head: Head;
  readonly pool: readonly PoolEntry[];
  readonly clock: ClockSetting;
  readonly sealing: Sealing;
  readonly impersonated: Impersonated;
  readonly labels: Labels;
}

interface Taken extends Snapshot {
  readonly id: number;
  /** Of the pool's contents that are kept for it alone. */
  readonly size: number;
}

/** More than a test suite takes. */
const SNAPSHOT_COUNT_MAX = 100_000;
/** Bytes of waiting transactions that are kept for all of them. */
const POOLS_SIZE_MAX = 256 * 1024 * 1024;
/** What a kept transaction takes beside its bytes. */
const ENTRY_SIZE = 1024;

export class Snapshots {
  /** In the order of their taking, and so of their ids and heights. */
  readonly #taken: Taken[] = [];
  #lastId = 0;
  #size = 0;

  /** An id that no snapshot had before. Throws `InputError` `too_many_snapshots`. */
  take(snapshot: Snapshot): SnapshotInfo {
    const newest = this.#taken.at(-1);
    const isSamePool = newest !== undefined && isSame(newest.pool, snapshot.pool);
    const pool = isSamePool ? newest.pool : snapshot.pool;
    const size = isSamePool ? 0 : sizeOf(pool);
    if (this.#taken.length >= SNAPSHOT_COUNT_MAX || this.#size + size > POOLS_SIZE_MAX) {
      const message = `${this.#taken.length} snapshots are kept already, and all that waited then`;
      throw new InputError("too_many_snapshots", message, {
        hint: "Revert to an early one, which forgets those after it.",
      });
    }
    this.#taken.push({ ...snapshot, pool, size, id: ++this.#lastId });
    this.#size += size;
    return { id: this.#lastId, height: snapshot.head.header.height };
  }

  /** The oldest first. */
  get list(): readonly SnapshotInfo[] {
    return this.#taken.map(({ id, head }) => ({ id, height: head.header.height }));
  }

  /** Throws `InputError` `snapshot_unknown`. */
  get(id: number): Snapshot {
    const snapshot = this.#taken.findLast((taken) => taken.id === id);
    if (snapshot === undefined) {
      throw new InputError("snapshot_unknown", `there is no snapshot ${id}, or none any more`, {
        hint: "A snapshot ends with a revert to an earlier one, with a reset, and with the node.",
      });
    }
    return snapshot;
  }

  /** Forgets what was taken after the snapshot `id`; all of them, if that is 0. */
  dropAfter(id: number): void {
    for (let newest = this.#taken.at(-1); newest !== undefined && newest.id > id; newest = this.#taken.at(-1)) {
      this.#taken.pop();
      this.#size -= newest.size;
    }
  }
}

function isSame(a: readonly PoolEntry[], b: readonly PoolEntry[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ entry, admittedAt }, index) => entry === b[index]!.entry && admittedAt === b[index]!.admittedAt)
  );
}

function sizeOf(pool: readonly PoolEntry[]): number {
  return pool.reduce((size, { entry }) => size + entry.encoded.length + ENTRY_SIZE, 0);
}
