/*
 * Amounts: unsigned 128-bit integers that refuse to wrap.
 *
 * Values are immutable. An operator whose result does not fit reverts with "integer overflow", so a sum of balances needs
 * no check around it. The memory of an object is its little-endian encoding.
 */
import { divisionByZero, overflow } from "./failure";

export class u128 {
  constructor(
    readonly lo: u64 = 0,
    readonly hi: u64 = 0,
  ) {}

  /** Any integer that is not negative. */
  static from<T>(value: T): u128 {
    if (!isInteger<T>()) ERROR("u128.from takes an integer");
    if (isSigned<T>() && value < 0) overflow();
    return new u128(value);
  }

  // @ts-ignore: decorator
  @inline
  static get Zero(): u128 {
    return new u128();
  }

  // @ts-ignore: decorator
  @inline
  static get Max(): u128 {
    return new u128(u64.MAX_VALUE, u64.MAX_VALUE);
  }

  get isZero(): bool {
    return !(this.lo | this.hi);
  }

  /** The value as a u64; reverts when it does not fit. */
  toU64(): u64 {
    if (this.hi) overflow();
    return this.lo;
  }

  toString(): string {
    // The largest value has 39 digits; they are laid down from the right.
    const digits = memory.data(78);
    let at = digits + 78;
    let hi = this.hi;
    let lo = this.lo;
    do {
      // Long division by ten, in base 2^32: a remainder and a digit fit 64 bits.
      const a = ((hi % 10) << 32) | (lo >> 32);
      const b = ((a % 10) << 32) | (lo & 0xffffffff);
      hi /= 10;
      lo = ((a / 10) << 32) | (b / 10);
      at -= 2;
      store<u16>(at, 48 + <u32>(b % 10));
    } while (hi | lo);
    const length = digits + 78 - at;
    const text = __new(length, idof<string>());
    memory.copy(text, at, length);
    return changetype<string>(text);
  }

  // @ts-ignore: decorator
  @operator("+")
  add(other: u128): u128 {
    const lo = this.lo + other.lo;
    const carry = u64(lo < other.lo);
    const hi = this.hi + other.hi;
    const sum = hi + carry;
    if (hi < other.hi || sum < carry) overflow();
    return new u128(lo, sum);
  }

  // @ts-ignore: decorator
  @operator("-")
  sub(other: u128): u128 {
    if (this < other) overflow();
    return new u128(this.lo - other.lo, this.hi - other.hi - u64(this.lo < other.lo));
  }

  // @ts-ignore: decorator
  @operator("*")
  mul(other: u128): u128 {
    if (this.hi && other.hi) overflow();
    const low = multiplyWords(this.lo, other.lo);
    // One of the two high words is zero, so one product holds both cross terms.
    const cross = multiplyWords(this.hi | other.hi, this.hi ? other.lo : this.lo);
    const hi = low.hi + cross.lo;
    if (cross.hi || hi < cross.lo) overflow();
    return new u128(low.lo, hi);
  }

  // @ts-ignore: decorator
  @operator("/")
  div(other: u128): u128 {
    return divide(this, other, true);
  }

  // @ts-ignore: decorator
  @operator("%")
  rem(other: u128): u128 {
    return divide(this, other, false);
  }

  // @ts-ignore: decorator
  @operator("==")
  eq(other: u128): bool {
    return this.lo == other.lo && this.hi == other.hi;
  }

  // @ts-ignore: decorator
  @operator("!=")
  ne(other: u128): bool {
    return !this.eq(other);
  }

  // @ts-ignore: decorator
  @operator("<")
  lt(other: u128): bool {
    return this.hi == other.hi ? this.lo < other.lo : this.hi < other.hi;
  }

  // @ts-ignore: decorator
  @operator(">")
  gt(other: u128): bool {
    return other.lt(this);
  }

  // @ts-ignore: decorator
  @operator("<=")
  le(other: u128): bool {
    return !other.lt(this);
  }

  // @ts-ignore: decorator
  @operator(">=")
  ge(other: u128): bool {
    return !this.lt(other);
  }
}

/** All 128 bits of a product, by the schoolbook in base 2^32. */
function multiplyWords(a: u64, b: u64): u128 {
  const a0 = a & 0xffffffff;
  const a1 = a >> 32;
  const b0 = b & 0xffffffff;
  const b1 = b >> 32;
  const low = a0 * b0;
  const middle = a1 * b0 + (low >> 32);
  const cross = a0 * b1 + (middle & 0xffffffff);
  return new u128((cross << 32) | (low & 0xffffffff), a1 * b1 + (middle >> 32) + (cross >> 32));
}

/** Shift and subtract, one step for each bit the quotient can have. */
function divide(dividend: u128, divisor: u128, wantQuotient: bool): u128 {
  if (divisor.isZero) divisionByZero();
  let lo = dividend.lo;
  let hi = dividend.hi;
  if (!(hi | divisor.hi)) {
    return new u128(wantQuotient ? lo / divisor.lo : lo % divisor.lo);
  }
  let quotientLo: u64 = 0;
  let quotientHi: u64 = 0;
  let shift = leadingZeros(divisor.lo, divisor.hi) - leadingZeros(lo, hi);
  for (; shift >= 0; shift--) {
    const shiftedHi = shift ? (shift < 64 ? (divisor.hi << shift) | (divisor.lo >> (64 - shift)) : divisor.lo << (shift - 64)) : divisor.hi;
    const shiftedLo = shift < 64 ? divisor.lo << shift : 0;
    const fits = hi == shiftedHi ? lo >= shiftedLo : hi > shiftedHi;
    if (fits) {
      hi -= shiftedHi + u64(lo < shiftedLo);
      lo -= shiftedLo;
    }
    quotientHi = (quotientHi << 1) | (quotientLo >> 63);
    quotientLo = (quotientLo << 1) | u64(fits);
  }
  return wantQuotient ? new u128(quotientLo, quotientHi) : new u128(lo, hi);
}

function leadingZeros(lo: u64, hi: u64): i32 {
  return <i32>(hi ? clz(hi) : 64 + clz(lo));
}
