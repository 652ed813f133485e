/**
 * Who is impersonated: the accounts whose transactions a devnet takes unsigned. A value that never changes, so that a snapshot
 * keeps it by a reference.
 */
import { nameOf } from "../node/name-of.ts";
import type { Impersonation } from "../node/rpc/service.ts";
import { InputError } from "../vm/errors.ts";

const ADDRESS_COUNT_MAX = 1_000;

export class Impersonated implements Impersonation {
  static readonly nobody = new Impersonated(false, new Map());

  readonly everybody: boolean;
  readonly #byName: ReadonlyMap<string, Uint8Array>;

  private constructor(everybody: boolean, byName: ReadonlyMap<string, Uint8Array>) {
    this.everybody = everybody;
    this.#byName = byName;
  }

  /** Those who are named, in the order of their naming. */
  get addresses(): readonly Uint8Array[] {
    return [...this.#byName.values()];
  }

  has(address: Uint8Array): boolean {
    return this.everybody || this.#byName.has(nameOf(address));
  }

  /** With an address, or everybody (null). Throws `InputError` `too_many_impersonated`. */
  with(address: Uint8Array | null): Impersonated {
    if (address === null) return new Impersonated(true, this.#byName);
    const name = nameOf(address);
    if (this.#byName.has(name)) return this;
    if (this.#byName.size >= ADDRESS_COUNT_MAX) {
      throw new InputError("too_many_impersonated", `${ADDRESS_COUNT_MAX} accounts are impersonated already`, {
        hint: "Impersonate everybody, or stop impersonating those who are not needed.",
      });
    }
    return new Impersonated(this.everybody, new Map(this.#byName).set(name, address));
  }

  /** Without an address; or, for null, without everybody who is not named. */
  without(address: Uint8Array | null): Impersonated {
    if (address === null) return new Impersonated(false, this.#byName);
    const byName = new Map(this.#byName);
    byName.delete(nameOf(address));
    return new Impersonated(this.everybody, byName);
  }
}
