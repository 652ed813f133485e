/**
 * What a chain that goes on from another's block has not fetched yet. It is thrown where the state is read, which is synchronous
 * and pure; whoever runs the read catches it, fetches, and runs the read again from its beginning.
 */

/** A node of the base's tree, by its key; or all of them, for the tree has no order to list keys in. */
export type Missing =
  | { readonly kind: "node"; readonly key: Uint8Array; readonly path: Uint8Array }
  | { readonly kind: "all" };

/** Neither bad input nor a fault: never shown to anybody. */
export class StateMissing extends Error {
  override readonly name = "StateMissing";
  readonly missing: Missing;

  constructor(missing: Missing) {
    super("a part of the base's state is not here yet");
    this.missing = missing;
  }
}

/** Brings what is missing into the store. Throws `InputError` `fork_*` when it cannot be had or is not what the root says. */
export type Fetch = (missing: Missing) => Promise<void>;

/** Runs `read` until nothing is missing. Each run that ends early costs one fetch, and none is made twice. */
export async function whenFetched<T>(read: () => T | Promise<T>, fetch: Fetch): Promise<T> {
  for (;;) {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof StateMissing)) throw error;
      await fetch(error.missing);
    }
  }
}
