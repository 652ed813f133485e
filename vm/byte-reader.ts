/**
 * A bounded cursor over a module's bytes: LEB128 with the width and padding checks of the Wasm core spec, section 5.2.2,
 * names, and raw ranges. Every failure is a `ModuleError` at the byte where reading stopped.
 */
import { ModuleError } from "./module-error.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class ByteReader {
  readonly bytes: Uint8Array;
  offset: number;
  /** Exclusive; never beyond `bytes`. */
  readonly end: number;
  /** Set by the survey that reads on behind a float to find the others. */
  allowsFloats = false;

  constructor(bytes: Uint8Array, offset = 0, end = bytes.length) {
    this.bytes = bytes;
    this.offset = offset;
    this.end = end;
  }

  get done(): boolean {
    return this.offset >= this.end;
  }

  fail(code: string, problem: string, offset = this.offset): never {
    throw new ModuleError(code, problem, offset);
  }

  u8(): number {
    if (this.offset >= this.end) this.fail("unexpected_end", "unexpected end");
    return this.bytes[this.offset++]!;
  }

  /** A view of the next `length` bytes. */
  slice(length: number): Uint8Array {
    if (length > this.end - this.offset) {
      this.fail("unexpected_end", `${length} bytes announced, ${this.end - this.offset} left`);
    }
    const at = this.offset;
    this.offset += length;
    return this.bytes.subarray(at, this.offset);
  }

  /** A cursor over the next `length` bytes, which this one skips. */
  sub(length: number): ByteReader {
    const at = this.offset;
    this.slice(length);
    const part = new ByteReader(this.bytes, at, this.offset);
    part.allowsFloats = this.allowsFloats;
    return part;
  }

  u32(): number {
    const at = this.offset;
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.u8();
      // The fifth byte holds four bits; the rest must be zero.
      if (shift === 28 && byte > 0x0f) this.fail("leb128", "LEB128 wider than 32 bits", at);
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    return this.fail("leb128", "LEB128 longer than 5 bytes", at);
  }

  /** Signed 32 bits. */
  s32(): number {
    const at = this.offset;
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.u8();
      value |= (byte & 0x7f) << shift;
      if (shift === 28) {
        // Four bits are left; the three above them repeat the sign, and nothing follows.
        const top = byte >> 3;
        if (top !== 0 && top !== 0x0f) this.fail("leb128", "LEB128 wider than 32 bits", at);
        return value;
      }
      if (byte < 0x80) return (value << (25 - shift)) >> (25 - shift);
    }
    return value;
  }

  /** Signed 33 bits: block types. */
  s33(): number {
    return Number(this.#signed(33));
  }

  s64(): bigint {
    return this.#signed(64);
  }

  #signed(width: 33 | 64): bigint {
    const at = this.offset;
    let value = 0n;
    for (let shift = 0; shift < width; shift += 7) {
      const byte = this.u8();
      value |= BigInt(byte & 0x7f) << BigInt(shift);
      const used = width - shift;
      if (used < 7) {
        // In the last byte that fits, the bits above the width repeat the sign.
        const top = (byte & 0x7f) >> (used - 1);
        if (byte >= 0x80 || (top !== 0 && top !== 0x7f >> (used - 1))) {
          this.fail("leb128", `LEB128 wider than ${width} bits`, at);
        }
      }
      if (byte < 0x80) return BigInt.asIntN(Math.min(shift + 7, width), value);
    }
    return this.fail("leb128", "LEB128 too long", at);
  }

  name(lengthMax: number): string {
    const at = this.offset;
    const length = this.u32();
    const encoded = this.slice(length);
    if (length > lengthMax) this.fail("limit_name", `name of ${length} bytes, at most ${lengthMax}`, at);
    try {
      return utf8.decode(encoded);
    } catch (error) {
      // An exhausted stack says nothing about the bytes.
      if (!(error instanceof TypeError)) throw error;
      return this.fail("malformed_utf8", "name is not well-formed UTF-8", at);
    }
  }
}
