/*
 * 32-byte names: of an account or contract, and of anything by its digest.
 *
 * Four words in a row, so an object's memory is the bytes themselves and comparing two is four compares.
 */
class Bytes32 {
  private a: u64;
  private b: u64;
  private c: u64;
  private d: u64;

  get isZero(): bool {
    return !(this.a | this.b | this.c | this.d);
  }

  toBytes(): Uint8Array {
    const bytes = new Uint8Array(32);
    memory.copy(bytes.dataStart, changetype<usize>(this), 32);
    return bytes;
  }

  // @ts-ignore: decorator
  @operator("==")
  equals(other: Bytes32): bool {
    return !((this.a ^ other.a) | (this.b ^ other.b) | (this.c ^ other.c) | (this.d ^ other.d));
  }

  // @ts-ignore: decorator
  @operator("!=")
  differs(other: Bytes32): bool {
    return !this.equals(other);
  }
}

/** Who calls, owns or receives. The zero address belongs to nobody. */
export class Address extends Bytes32 {
  /** The 32 bytes of `bytes`; any other length aborts. */
  static from(bytes: Uint8Array): Address {
    return from32(bytes, new Address());
  }
}

/** A digest of 32 bytes. */
export class Hash extends Bytes32 {
  /** The 32 bytes of `bytes`; any other length aborts. */
  static from(bytes: Uint8Array): Hash {
    return from32(bytes, new Hash());
  }
}

function from32<T>(bytes: Uint8Array, into: T): T {
  assert(bytes.length == 32, "32 bytes belong here");
  memory.copy(changetype<usize>(into), bytes.dataStart, 32);
  return into;
}
