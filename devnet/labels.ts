/**
 * Names that a developer gives to addresses, for the devnet's own output. A value that never changes, so that a snapshot keeps
 * it by a reference.
 */
import { nameOf } from "../node/name-of.ts";
import { LABEL_LENGTH_MAX } from "../node/rpc/api/dev.ts";
import { InputError } from "../vm/errors.ts";

export interface Label {
  readonly address: Uint8Array;
  readonly label: string;
}

const LABEL_COUNT_MAX = 1_000;
/** Words of what a terminal shows as it is. */
const WORDS = /^[A-Za-z0-9._-]+( [A-Za-z0-9._-]+)*$/;

export class Labels {
  static readonly none = new Labels(new Map());

  readonly #byName: ReadonlyMap<string, Label>;

  private constructor(byName: ReadonlyMap<string, Label>) {
    this.#byName = byName;
  }

  /** In the order of their giving. */
  get list(): readonly Label[] {
    return [...this.#byName.values()];
  }

  /** With a label for an address, or without one (null). Throws `InputError` `label_invalid`, `too_many_labels`. */
  with(address: Uint8Array, label: string | null): Labels {
    const name = nameOf(address);
    const byName = new Map(this.#byName);
    // One that is given anew is the last.
    byName.delete(name);
    if (label === null) return new Labels(byName);
    if (label.length > LABEL_LENGTH_MAX || !WORDS.test(label)) {
      throw new InputError("label_invalid", `${JSON.stringify(label.slice(0, LABEL_LENGTH_MAX))} is no label`, {
        hint: `A label is 1 to ${LABEL_LENGTH_MAX} letters from A to Z, digits, and - _ . with single spaces between them.`,
      });
    }
    if (byName.size >= LABEL_COUNT_MAX) {
      throw new InputError("too_many_labels", `${LABEL_COUNT_MAX} addresses have labels already`, {
        hint: "Take the label of another away.",
      });
    }
    return new Labels(byName.set(name, { address, label }));
  }
}
