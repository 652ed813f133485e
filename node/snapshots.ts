/**
 * Where a chain stood, to go back to: a height and a root each, so taking one costs nothing.
 *
 * Law: snapshots lie on one another as the blocks do. Going back to one keeps it and makes every later one unknown, for the
 * chain they were taken from is no more. They live as long as the process does.
 */
import { InputError } from "../vm/errors.ts";

export interface Snapshot {
  readonly height: number;
  readonly stateRoot: Uint8Array;
}

/** More than a test suite takes; what is kept of each is a hundred bytes. */
const SNAPSHOT_COUNT_MAX = 100_000;

export class Snapshots {
  /** In the order of their taking, and so of their ids and heights. */
  readonly #taken: (Snapshot & { readonly id: number })[] = [];
  #lastId = 0;

  /** An id that no snapshot had before. Throws `InputError` `too_many_snapshots`. */
  take({ height, stateRoot }: Snapshot): number {
    if (this.#taken.length >= SNAPSHOT_COUNT_MAX) {
      throw new InputError("too_many_snapshots", `${SNAPSHOT_COUNT_MAX} snapshots are kept already`, {
        hint: "Revert to an early one, which forgets those after it.",
      });
    }
    this.#taken.push({ id: ++this.#lastId, height, stateRoot });
    return this.#lastId;
  }

  /** Throws `InputError` `snapshot_unknown`. */
  get(id: number): Snapshot {
    const snapshot = this.#taken.findLast((taken) => taken.id === id);
    if (snapshot === undefined) {
      throw new InputError("snapshot_unknown", `there is no snapshot ${id}, or none any more`, {
        hint: "A snapshot ends with a revert to an earlier one, and with the node.",
      });
    }
    return snapshot;
  }

  /** Forgets what was taken after the snapshot `id`. */
  dropAfter(id: number): void {
    while (this.#newest !== undefined && this.#newest.id > id) this.#taken.pop();
  }

  /** Forgets the snapshots of blocks above `height`. */
  dropAbove(height: number): void {
    while (this.#newest !== undefined && this.#newest.height > height) this.#taken.pop();
  }

  get #newest() {
    return this.#taken.at(-1);
  }
}
