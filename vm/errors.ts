/**
 * The failures that are not outcomes.
 *
 * Three classes never mix. Bad input is an `InputError`: a stable code, a position where there is one, and a hint for
 * the next step. A guest that failed is an outcome value (`outcome.ts`), never an exception that leaves the VM. A
 * mistake of ours is a `Fault`: it stops the node and never becomes a receipt.
 */

/** Somebody handed us something wrong. `code` is stable API: `snake_case`, never renamed, safe to match on. */
export class InputError extends Error {
  override readonly name: string = "InputError";
  readonly code: string;
  /** What the reader can do next; absent where the message says it all. */
  readonly hint?: string;
  /** Facts for programs; the values are JSON. */
  readonly details?: Readonly<Record<string, unknown>>;

  constructor(
    code: string,
    message: string,
    more: { hint?: string; details?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(message);
    this.code = code;
    if (more.hint !== undefined) this.hint = more.hint;
    if (more.details !== undefined) this.details = more.details;
  }
}

/** We are wrong. Nobody catches this to go on; a node that meets one stops with its database intact. */
export class Fault extends Error {
  override readonly name = "Fault";
}

/** Stops on a condition that only a bug of ours can break. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Fault(message);
}
