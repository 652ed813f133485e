/** A growing buffer that speaks LEB128 and sections: the encoding half of the Wasm core spec, section 5. */
export class ByteWriter {
  #bytes = new Uint8Array(1024);
  length = 0;

  #reserve(size: number): number {
    const at = this.length;
    this.length += size;
    if (this.length > this.#bytes.length) {
      const wider = new Uint8Array(Math.max(this.length, this.#bytes.length * 2));
      wider.set(this.#bytes.subarray(0, at));
      this.#bytes = wider;
    }
    return at;
  }

  u8(...bytes: number[]): this {
    const at = this.#reserve(bytes.length);
    // Not `set`, which asks an array what it is, and takes longer than a few bytes.
    for (let i = 0; i < bytes.length; i++) this.#bytes[at + i] = bytes[i]!;
    return this;
  }

  bytes(source: Uint8Array): this {
    const at = this.#reserve(source.length);
    this.#bytes.set(source, at);
    return this;
  }

  u32(value: number): this {
    let rest = value;
    while (rest >= 0x80) {
      this.u8((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    return this.u8(rest);
  }

  /** A signed constant of any width: `i32.const`, `i64.const`, block types. */
  signed(value: bigint | number): this {
    if (typeof value === "number" && value === (value | 0)) return this.#signed32(value);
    let rest = BigInt(value);
    for (;;) {
      const byte = Number(rest & 0x7fn);
      rest >>= 7n;
      if ((rest === 0n && byte < 0x40) || (rest === -1n && byte >= 0x40)) return this.u8(byte);
      this.u8(byte | 0x80);
    }
  }

  #signed32(value: number): this {
    let rest = value;
    while (rest < -0x40 || rest >= 0x40) {
      this.u8((rest & 0x7f) | 0x80);
      rest >>= 7;
    }
    return this.u8(rest & 0x7f);
  }

  name(text: string): this {
    const encoded = new TextEncoder().encode(text);
    return this.u32(encoded.length).bytes(encoded);
  }

  /** A counted list. */
  list<T>(items: readonly T[], write: (item: T) => void): this {
    this.u32(items.length);
    for (const item of items) write(item);
    return this;
  }

  /** What `write` writes, behind its size: sections and function bodies. */
  sized(write: (content: ByteWriter) => void): this {
    const start = this.length;
    write(this);
    // The size comes in front, and how long it is shows only now: the content moves.
    const size = this.length - start;
    this.u32(size);
    const sizeLength = this.length - start - size;
    this.#bytes.copyWithin(start + sizeLength, start, start + size);
    this.length = start;
    this.u32(size);
    this.length = start + sizeLength + size;
    return this;
  }

  section(id: number, write: (content: ByteWriter) => void): this {
    return this.u8(id).sized(write);
  }

  /** What was written, not copied; valid until the next write. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }
}
