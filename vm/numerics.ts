/**
 * Integer operators, named as the Wasm core spec names them (section 4.3.2), for the `interpreter` engine.
 *
 * An i32 is a signed JavaScript number. An i64 is two of them, in two arrays that run side by side: `lo[at]` and `hi[at]`.
 * An operator on i64 reads its operands at `at` and `at + 1` and leaves the result at `at`, so nothing is allocated. BigInt
 * appears in one place: the division of numbers of 53 bits and more.
 */
import { halt } from "./host-fns/host.ts";

type Halves = Int32Array;

export function ictz32(a: number): number {
  return a === 0 ? 32 : 31 - Math.clz32(a & -a);
}

export function ipopcnt32(a: number): number {
  let count = a - ((a >>> 1) & 0x5555_5555);
  count = (count & 0x3333_3333) + ((count >>> 2) & 0x3333_3333);
  count = (count + (count >>> 4)) & 0x0f0f_0f0f;
  return Math.imul(count, 0x0101_0101) >>> 24;
}

export function idivS32(a: number, b: number): number {
  if (b === 0) halt("IntegerDivideByZero");
  if (b === -1 && a === -0x8000_0000) halt("IntegerOverflow");
  return (a / b) | 0;
}

export function idivU32(a: number, b: number): number {
  if (b === 0) halt("IntegerDivideByZero");
  return ((a >>> 0) / (b >>> 0)) | 0;
}

export function iremS32(a: number, b: number): number {
  if (b === 0) halt("IntegerDivideByZero");
  return (a % b) | 0;
}

export function iremU32(a: number, b: number): number {
  if (b === 0) halt("IntegerDivideByZero");
  return ((a >>> 0) % (b >>> 0)) | 0;
}

export function irotl32(a: number, b: number): number {
  return (a << b) | (a >>> -b);
}

export function ieq64(lo: Halves, hi: Halves, at: number): boolean {
  return lo[at] === lo[at + 1] && hi[at] === hi[at + 1];
}

/** Whether the value at `a` is below the one at `b`. The other orders follow: a > b is b < a, and a <= b is not b < a. */
export function iltS64(lo: Halves, hi: Halves, a: number, b: number): boolean {
  return hi[a] === hi[b] ? lo[a]! >>> 0 < lo[b]! >>> 0 : hi[a]! < hi[b]!;
}

export function iltU64(lo: Halves, hi: Halves, a: number, b: number): boolean {
  return hi[a] === hi[b] ? lo[a]! >>> 0 < lo[b]! >>> 0 : hi[a]! >>> 0 < hi[b]! >>> 0;
}

export function iclz64(lo: Halves, hi: Halves, at: number): void {
  lo[at] = hi[at] === 0 ? 32 + Math.clz32(lo[at]!) : Math.clz32(hi[at]!);
  hi[at] = 0;
}

export function ictz64(lo: Halves, hi: Halves, at: number): void {
  lo[at] = lo[at] === 0 ? 32 + ictz32(hi[at]!) : ictz32(lo[at]!);
  hi[at] = 0;
}

export function ipopcnt64(lo: Halves, hi: Halves, at: number): void {
  lo[at] = ipopcnt32(lo[at]!) + ipopcnt32(hi[at]!);
  hi[at] = 0;
}

export function iadd64(lo: Halves, hi: Halves, at: number): void {
  const a = lo[at]! >>> 0;
  const sum = a + (lo[at + 1]! >>> 0);
  lo[at] = sum | 0;
  hi[at] = hi[at]! + hi[at + 1]! + (sum > 0xffff_ffff ? 1 : 0);
}

export function isub64(lo: Halves, hi: Halves, at: number): void {
  const difference = (lo[at]! >>> 0) - (lo[at + 1]! >>> 0);
  lo[at] = difference | 0;
  hi[at] = hi[at]! - hi[at + 1]! - (difference < 0 ? 1 : 0);
}

/** The upper half of the lower halves' product comes from products of 16 bits; no sum reaches 2^32. */
export function imul64(lo: Halves, hi: Halves, at: number): void {
  const a = lo[at]!;
  const b = lo[at + 1]!;
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  const carried = (middle & 0xffff) + a0 * b1;
  const upper = a1 * b1 + (middle >>> 16) + (carried >>> 16);
  lo[at] = Math.imul(a, b);
  hi[at] = upper + Math.imul(a, hi[at + 1]!) + Math.imul(hi[at]!, b);
}

export function idivS64(lo: Halves, hi: Halves, at: number): void {
  if ((lo[at + 1]! | hi[at + 1]!) === 0) halt("IntegerDivideByZero");
  const isMinimum = hi[at] === -0x8000_0000 && lo[at] === 0;
  if (isMinimum && lo[at + 1] === -1 && hi[at + 1] === -1) halt("IntegerOverflow");
  const negative = hi[at]! < 0 !== hi[at + 1]! < 0;
  makeAbsolute(lo, hi, at);
  makeAbsolute(lo, hi, at + 1);
  divide(lo, hi, at, false);
  if (negative) negate(lo, hi, at);
}

export function idivU64(lo: Halves, hi: Halves, at: number): void {
  if ((lo[at + 1]! | hi[at + 1]!) === 0) halt("IntegerDivideByZero");
  divide(lo, hi, at, false);
}

/** The remainder has the sign of the dividend. */
export function iremS64(lo: Halves, hi: Halves, at: number): void {
  if ((lo[at + 1]! | hi[at + 1]!) === 0) halt("IntegerDivideByZero");
  const negative = hi[at]! < 0;
  makeAbsolute(lo, hi, at);
  makeAbsolute(lo, hi, at + 1);
  divide(lo, hi, at, true);
  if (negative) negate(lo, hi, at);
}

export function iremU64(lo: Halves, hi: Halves, at: number): void {
  if ((lo[at + 1]! | hi[at + 1]!) === 0) halt("IntegerDivideByZero");
  divide(lo, hi, at, true);
}

/** The smallest i64 stays as it is, which read unsigned is its absolute value. */
function makeAbsolute(lo: Halves, hi: Halves, at: number): void {
  if (hi[at]! < 0) negate(lo, hi, at);
}

function negate(lo: Halves, hi: Halves, at: number): void {
  hi[at] = lo[at] === 0 ? -hi[at]! : ~hi[at]!;
  lo[at] = -lo[at]!;
}

const TWO_32 = 0x1_0000_0000;
const wide = new DataView(new ArrayBuffer(16));

/**
 * Unsigned quotient or remainder. Below 2^53 the quotient of doubles, rounded down, is exact: the true quotient misses the
 * next integer n by at least 1/b, which is more than half a unit in the last place of n since n * b <= 2^53.
 */
function divide(lo: Halves, hi: Halves, at: number, wantsRemainder: boolean): void {
  const upperA = hi[at]! >>> 0;
  const upperB = hi[at + 1]! >>> 0;
  if (upperA < 0x20_0000 && upperB < 0x20_0000) {
    const a = upperA * TWO_32 + (lo[at]! >>> 0);
    const b = upperB * TWO_32 + (lo[at + 1]! >>> 0);
    const quotient = Math.floor(a / b);
    const result = wantsRemainder ? a - quotient * b : quotient;
    lo[at] = result | 0;
    hi[at] = (result / TWO_32) | 0;
    return;
  }
  wide.setInt32(0, hi[at]!);
  wide.setInt32(4, lo[at]!);
  wide.setInt32(8, hi[at + 1]!);
  wide.setInt32(12, lo[at + 1]!);
  const a = wide.getBigUint64(0);
  const b = wide.getBigUint64(8);
  wide.setBigUint64(0, wantsRemainder ? a % b : a / b);
  hi[at] = wide.getInt32(0);
  lo[at] = wide.getInt32(4);
}

/** Shifts of JavaScript count modulo 32; both halves of a count of 32 and more come from one half of the operand. */
export function ishl64(lo: Halves, hi: Halves, at: number): void {
  const count = lo[at + 1]! & 63;
  if (count >= 32) {
    hi[at] = lo[at]! << count;
    lo[at] = 0;
  } else if (count > 0) {
    hi[at] = (hi[at]! << count) | (lo[at]! >>> -count);
    lo[at] = lo[at]! << count;
  }
}

export function ishrS64(lo: Halves, hi: Halves, at: number): void {
  const count = lo[at + 1]! & 63;
  if (count >= 32) {
    lo[at] = hi[at]! >> count;
    hi[at] = hi[at]! >> 31;
  } else if (count > 0) {
    lo[at] = (lo[at]! >>> count) | (hi[at]! << -count);
    hi[at] = hi[at]! >> count;
  }
}

export function ishrU64(lo: Halves, hi: Halves, at: number): void {
  const count = lo[at + 1]! & 63;
  if (count >= 32) {
    lo[at] = hi[at]! >>> count;
    hi[at] = 0;
  } else if (count > 0) {
    lo[at] = (lo[at]! >>> count) | (hi[at]! << -count);
    hi[at] = hi[at]! >>> count;
  }
}

export function irotl64(lo: Halves, hi: Halves, at: number): void {
  rotateLeft(lo, hi, at, lo[at + 1]! & 63);
}

export function irotr64(lo: Halves, hi: Halves, at: number): void {
  rotateLeft(lo, hi, at, -lo[at + 1]! & 63);
}

function rotateLeft(lo: Halves, hi: Halves, at: number, count: number): void {
  const swapped = count >= 32;
  const upper = swapped ? lo[at]! : hi[at]!;
  const lower = swapped ? hi[at]! : lo[at]!;
  const shift = count & 31;
  hi[at] = shift === 0 ? upper : (upper << shift) | (lower >>> -shift);
  lo[at] = shift === 0 ? lower : (lower << shift) | (upper >>> -shift);
}
