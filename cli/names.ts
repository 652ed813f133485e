/**
 * Names people give to accounts and contracts. They become file names and stand where an address may stand, so they are
 * lower case, and never look like an address or like the accounts every devnet has.
 */
import { InputError } from "../vm/errors.ts";

const namePattern = /^[a-z0-9][a-z0-9_-]{0,62}$/;

/** Throws `InputError`: `name_invalid`, `name_reserved`. */
export function checkName(name: string): void {
  if (!namePattern.test(name)) {
    throw new InputError("name_invalid", `${JSON.stringify(name)} is no name`, {
      hint: "A name is 1 to 63 lower-case letters, digits, - and _, and begins with a letter or digit.",
    });
  }
  if (devAccountIndex(name) !== null || name.startsWith("lock1")) {
    throw new InputError("name_reserved", `"${name}" is not free`, {
      hint: "dev0, dev1, ... are the accounts of every devnet, and lock1... are addresses.",
    });
  }
}

/** 7 for `dev7`. */
export function devAccountIndex(name: string): number | null {
  return /^dev(0|[1-9][0-9]{0,8})$/.test(name) ? Number(name.slice(3)) : null;
}
