/**
 * What the arguments of a host function mean, read off the names in the table: which are pointers, which lengths belong to
 * them, and what a call with them costs before it does anything. A new function follows the same names and is covered.
 */
import type { HostFunction } from "../../../vm/host-fns/table.ts";

/** Positions in the argument list. */
export interface Region {
  readonly name: string;
  readonly pointer: number;
  /** Null for a region of fixed size. */
  readonly length: number | null;
}

const plainNumbers = new Set(["code", "offset", "limit", "reverse", "count", "recoveryId"]);
const isLength = (name: string) => /length$/i.test(name);

function lengthPosition({ paramNames }: HostFunction, pointer: string): number | null {
  let name = `${pointer}Length`;
  if (pointer === "pointer") name = "length";
  if (pointer === "out") name = paramNames.includes("offset") ? "length" : "capacity";
  const position = paramNames.indexOf(name);
  return position < 0 ? null : position;
}

export function isPlainNumber(name: string): boolean {
  return plainNumbers.has(name);
}

export function regionsOf(fn: HostFunction): readonly Region[] {
  return fn.paramNames.flatMap((name, pointer) =>
    fn.params[pointer] === "i64" || isPlainNumber(name) || isLength(name) || name === "capacity"
      ? []
      : [{ name, pointer, length: lengthPosition(fn, name) }],
  );
}

/** The argument under this name, unsigned; null when the function has none. */
export function argumentOf(fn: HostFunction, args: readonly (number | bigint)[], name: string): number | null {
  const position = fn.paramNames.indexOf(name);
  return position < 0 ? null : Number(args[position]) >>> 0;
}

/** Bytes that the function writes at `out` when its result has a fixed size. */
export function fixedOutputSize({ name }: HostFunction): number {
  if (name === "value" || name === "balance") return 16;
  if (name === "ripemd160") return 20;
  if (name === "secp256k1_recover") return 65;
  if (name.startsWith("bls12_381")) return name.includes("g1") ? 48 : 96;
  return 32;
}

/** Bytes of a region as far as it is known: that of an input of fixed size is not, and counts as none. */
export function sizeOf(fn: HostFunction, { name, length }: Region, args: readonly (number | bigint)[]): number {
  if (length !== null) return Number(args[length]) >>> 0;
  return name === "out" ? fixedOutputSize(fn) : 0;
}

/** Bytes that the arguments declare and the price counts. */
export function declaredSize(fn: HostFunction, args: readonly (number | bigint)[]): number {
  const lengths = fn.paramNames.filter((name) => isLength(name));
  return lengths.reduce((sum, name) => sum + argumentOf(fn, args, name)!, 0);
}

/** What a call pays before anything of it happens: the base, and for what its arguments declare. */
export function entryPrice(fn: HostFunction, args: readonly (number | bigint)[]): number {
  const { base, perByte, perItem } = fn.price;
  return base + perByte * declaredSize(fn, args) + perItem * (argumentOf(fn, args, "count") ?? 0);
}
