/*
 * Integers as keys of maps that are read in order: big endian, so that the order of their bytes is that of the numbers.
 *
 * Borsh is little endian, and storage knows the order of bytes only. The ABI calls such a key `[u8; 8]`.
 */
export class OrderedU64 {
  private bytes: u64;

  static from(value: u64): OrderedU64 {
    const key = new OrderedU64();
    key.bytes = bswap(value);
    return key;
  }

  get value(): u64 {
    return bswap(this.bytes);
  }
}
