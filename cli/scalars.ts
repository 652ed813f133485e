/**
 * Numbers and hashes that are arguments of the command itself: amounts and prices, gas, heights, counts. One spelling
 * each, decimal or `0x`, with its range in the error.
 */
import type { Hex } from "../node/rpc/api.ts";
import { BALANCE_MAX } from "../node/state/account.ts";
import { InputError } from "../vm/errors.ts";

/** Throws `InputError` `amount_invalid`. */
export function readAmount(text: string, what = "amount"): bigint {
  if (!/^[0-9]{1,40}$/.test(text) || BigInt(text) > BALANCE_MAX) {
    throw new InputError("amount_invalid", `${JSON.stringify(text)} is no ${what}`, {
      hint: "Write a whole number from 0 to 2^128 - 1, in the smallest unit, in decimal digits.",
    });
  }
  return BigInt(text);
}

/** Throws `InputError` `number_invalid`. */
export function readInteger(text: string, what: string, { min = 0, max = Number.MAX_SAFE_INTEGER } = {}): number {
  const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) {
    throw new InputError("number_invalid", `${JSON.stringify(text)} is no ${what}`, {
      hint: `Write a whole number from ${min} to ${max}.`,
    });
  }
  return value;
}

/** Throws `InputError` `hash_invalid`. */
export function readHash(text: string): Hex {
  if (!/^0x[0-9a-fA-F]{64}$/.test(text)) {
    throw new InputError("hash_invalid", `${JSON.stringify(text)} is no hash`, {
      hint: "A hash is 0x and 64 hexadecimal digits.",
    });
  }
  return text.toLowerCase() as Hex;
}
