/**
 * Canonical borsh: one value has one encoding, and every second spelling is refused.
 *
 * A codec is a pair of functions over a cursor. Law: `decode(encode(v))` equals `v`, and `decode(b)` succeeds only if
 * `encode(decode(b))` equals `b`. So booleans are 0 or 1, text is well-formed UTF-8, map keys ascend strictly, no byte
 * trails, and integers out of range are refused on the way out too. Format: https://borsh.io
 */
import { InputError } from "./errors.ts";

/** Bytes that are not the canonical encoding of any value; `offset` is where reading stopped. */
export class BorshError extends InputError {
  override readonly name = "BorshError";
  readonly offset: number;

  constructor(code: string, message: string, offset: number) {
    super(code, `${message} at byte ${offset}`, { details: { offset } });
    this.offset = offset;
  }
}

/** A value that its codec cannot hold, on the way out. */
function refuse(message: string): never {
  throw new InputError("borsh_value", message);
}

export class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  offset = 0;
  /** Nesting of recursive codecs; bounded by `lazy`. */
  depth = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get remaining(): number {
    return this.#bytes.length - this.offset;
  }

  #advance(size: number): number {
    if (size > this.remaining) this.fail("borsh_truncated", `needs ${size} bytes, ${this.remaining} are left`);
    const at = this.offset;
    this.offset += size;
    return at;
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1));
  }
  u16(): number {
    return this.#view.getUint16(this.#advance(2), true);
  }
  u32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }
  u64(): bigint {
    return this.#view.getBigUint64(this.#advance(8), true);
  }
  /** A copy, so that a decoded value never keeps its message alive. */
  bytes(length: number): Uint8Array {
    const at = this.#advance(length);
    return this.#bytes.slice(at, at + length);
  }
  fail(code: string, message: string): never {
    throw new BorshError(code, message, this.offset);
  }
}

export class Writer {
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;

  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  #grow(size: number): number {
    const at = this.#length;
    this.#length += size;
    if (this.#length > this.#bytes.length) {
      const wider = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2));
      wider.set(this.#bytes.subarray(0, at));
      this.#bytes = wider;
      this.#view = new DataView(wider.buffer);
    }
    return at;
  }

  u8(value: number): void {
    const at = this.#grow(1);
    this.#view.setUint8(at, value);
  }
  u16(value: number): void {
    const at = this.#grow(2);
    this.#view.setUint16(at, value, true);
  }
  u32(value: number): void {
    const at = this.#grow(4);
    this.#view.setUint32(at, value, true);
  }
  u64(value: bigint): void {
    const at = this.#grow(8);
    this.#view.setBigUint64(at, value, true);
  }
  bytes(value: Uint8Array): void {
    const at = this.#grow(value.length);
    this.#bytes.set(value, at);
  }
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }
}

export interface Codec<T> {
  readonly read: (reader: Reader) => T;
  readonly write: (writer: Writer, value: T) => void;
}

/** The value type of a codec: `type Header = Infer<typeof headerCodec>`. */
export type Infer<C> = C extends Codec<infer T> ? T : never;

export function encode<T>(codec: Codec<T>, value: T): Uint8Array {
  const writer = new Writer();
  codec.write(writer, value);
  return writer.finish();
}

/** Throws `BorshError` unless `bytes` is exactly one canonical value. */
export function decode<T>(codec: Codec<T>, bytes: Uint8Array): T {
  const reader = new Reader(bytes);
  const value = codec.read(reader);
  if (reader.remaining > 0) reader.fail("borsh_trailing", `${reader.remaining} bytes follow the value`);
  return value;
}

function smallInteger(name: string, max: number, read: (r: Reader) => number, write: (w: Writer, v: number) => void) {
  const codec: Codec<number> = {
    read,
    write(writer, value) {
      if (!Number.isInteger(value) || value < 0 || value > max) refuse(`${value} is not a ${name}`);
      write(writer, value);
    },
  };
  return codec;
}

export const u8 = smallInteger(
  "u8",
  0xff,
  (r) => r.u8(),
  (w, v) => w.u8(v),
);
export const u16 = smallInteger(
  "u16",
  0xffff,
  (r) => r.u16(),
  (w, v) => w.u16(v),
);
export const u32 = smallInteger(
  "u32",
  0xffff_ffff,
  (r) => r.u32(),
  (w, v) => w.u32(v),
);

/** An integer of `words` little-endian 64-bit words; two's complement when signed. */
export function bigInteger(words: number, signed: boolean): Codec<bigint> {
  const bits = words * 64;
  const name = `${signed ? "i" : "u"}${bits}`;
  return {
    read(reader) {
      let value = 0n;
      for (let word = 0; word < words; word++) value |= reader.u64() << BigInt(word * 64);
      return signed ? BigInt.asIntN(bits, value) : value;
    },
    write(writer, value) {
      if (typeof value !== "bigint") refuse(`${typeof value} ${String(value)} is not a ${name}; give a bigint`);
      if (value !== (signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value)))
        refuse(`${value} is not a ${name}`);
      for (let word = 0; word < words; word++) writer.u64(BigInt.asUintN(64, value >> BigInt(word * 64)));
    },
  };
}

export const u64 = bigInteger(1, false);
export const u128 = bigInteger(2, false);
export const u256 = bigInteger(4, false);

/** A u64 that is a safe integer in memory: heights, gas, milliseconds. */
export const safeU64: Codec<number> = {
  read(reader) {
    const value = reader.u64();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) reader.fail("borsh_range", `${value} is above 2^53 - 1`);
    return Number(value);
  },
  write(writer, value) {
    if (!Number.isSafeInteger(value) || value < 0) refuse(`${value} is not an integer from 0 to 2^53 - 1`);
    writer.u64(BigInt(value));
  },
};

export const bool: Codec<boolean> = {
  read(reader) {
    const byte = reader.u8();
    if (byte > 1) reader.fail("borsh_bool", `boolean ${byte}`);
    return byte === 1;
  },
  write(writer, value) {
    if (typeof value !== "boolean") refuse(`${String(value)} is not a boolean`);
    writer.u8(value ? 1 : 0);
  },
};

/** Exactly `length` bytes, no prefix. */
export function fixedBytes(length: number): Codec<Uint8Array> {
  return {
    read: (reader) => reader.bytes(length),
    write(writer, value) {
      if (value.length !== length) refuse(`${value.length} bytes where ${length} belong`);
      writer.bytes(value);
    },
  };
}

export const bytes32 = fixedBytes(32);

export const bytes: Codec<Uint8Array> = {
  read: (reader) => reader.bytes(reader.u32()),
  write(writer, value) {
    writer.u32(value.length);
    writer.bytes(value);
  },
};

const utf8Encoder = new TextEncoder();
const utf8Decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Well-formed UTF-8, byte-exact: no normalisation, a leading BOM is kept, lone surrogates are refused. */
export const string: Codec<string> = {
  read(reader) {
    const encoded = reader.bytes(reader.u32());
    try {
      return utf8Decoder.decode(encoded);
    } catch (error) {
      // An exhausted stack says nothing about the bytes.
      if (!(error instanceof TypeError)) throw error;
      return reader.fail("borsh_utf8", "text is not well-formed UTF-8");
    }
  },
  write(writer, value) {
    const encoded = utf8Encoder.encode(value);
    if (utf8Decoder.decode(encoded) !== value) refuse("text with a lone surrogate has no UTF-8 form");
    writer.u32(encoded.length);
    writer.bytes(encoded);
  },
};

/** `null` is the absent value, as in JSON. */
export function option<T>(inner: Codec<T>): Codec<T | null> {
  return {
    read(reader) {
      const tag = reader.u8();
      if (tag > 1) reader.fail("borsh_option", `option tag ${tag}`);
      return tag === 0 ? null : inner.read(reader);
    },
    write(writer, value) {
      writer.u8(value === null ? 0 : 1);
      if (value !== null) inner.write(writer, value);
    },
  };
}

/** A counted list. The count is never trusted for an allocation: a list ends where its bytes end. */
export function vec<T>(inner: Codec<T>, lengthMax = 0xffff_ffff): Codec<readonly T[]> {
  return {
    read(reader) {
      const length = reader.u32();
      if (length > lengthMax) reader.fail("borsh_length", `list of ${length}, at most ${lengthMax}`);
      const values: T[] = [];
      for (let i = 0; i < length; i++) {
        const before = reader.offset;
        values.push(inner.read(reader));
        if (reader.offset === before) reader.fail("borsh_length", "list of empty values");
      }
      return values;
    },
    write(writer, values) {
      if (values.length > lengthMax) refuse(`list of ${values.length}, at most ${lengthMax}`);
      writer.u32(values.length);
      for (const value of values) inner.write(writer, value);
    },
  };
}

/** Exactly `length` values, no prefix. */
export function array<T>(inner: Codec<T>, length: number): Codec<readonly T[]> {
  return {
    read(reader) {
      const values: T[] = [];
      for (let i = 0; i < length; i++) values.push(inner.read(reader));
      return values;
    },
    write(writer, values) {
      if (values.length !== length) refuse(`${values.length} values where ${length} belong`);
      for (const value of values) inner.write(writer, value);
    },
  };
}

/** Entries ascend strictly by the encoded key, so a map has one encoding and no key twice. */
export function map<K, V>(key: Codec<K>, value: Codec<V>): Codec<ReadonlyMap<K, V>> {
  return {
    read(reader) {
      const length = reader.u32();
      const entries = new Map<K, V>();
      let last: Uint8Array | undefined;
      for (let i = 0; i < length; i++) {
        const k = key.read(reader);
        const encoded = encode(key, k);
        if (last !== undefined && compareBytes(last, encoded) >= 0)
          reader.fail("borsh_map_order", "map keys do not ascend");
        last = encoded;
        entries.set(k, value.read(reader));
      }
      return entries;
    },
    write(writer, entries) {
      const sorted = [...entries].map(([k, v]) => ({ encoded: encode(key, k), v }));
      sorted.sort((a, b) => compareBytes(a.encoded, b.encoded));
      writer.u32(sorted.length);
      let last: Uint8Array | undefined;
      for (const { encoded, v } of sorted) {
        if (last !== undefined && compareBytes(last, encoded) === 0) refuse("map with one key twice");
        last = encoded;
        writer.bytes(encoded);
        value.write(writer, v);
      }
    },
  };
}

type Fields = Readonly<Record<string, Codec<never>>>;
// biome-ignore lint/suspicious/noExplicitAny: a record of codecs of any value types
type AnyFields = Readonly<Record<string, Codec<any>>>;

/** Fields in the order they are written down. Field names that look like integers would reorder, so none may. */
export function struct<F extends AnyFields>(fields: F): Codec<{ readonly [K in keyof F]: Infer<F[K]> }> {
  const entries = Object.entries(fields as unknown as Fields);
  return {
    read(reader) {
      const value: Record<string, unknown> = {};
      for (const [name, codec] of entries) value[name] = codec.read(reader);
      return value as { readonly [K in keyof F]: Infer<F[K]> };
    },
    write(writer, value) {
      for (const [name, codec] of entries) codec.write(writer, value[name as keyof F] as never);
    },
  };
}

type Tagged<V extends AnyFields> = { readonly [K in keyof V]: { readonly kind: K } & Infer<V[K]> }[keyof V];

/**
 * A discriminated union: one tag byte, then the variant's struct. Variants count from 0 in the order they are written
 * down. In memory the variant's name is the field `kind`.
 */
export function union<V extends AnyFields>(variants: V): Codec<Tagged<V>> {
  const entries = Object.entries(variants as unknown as Fields);
  const tagOf = new Map(entries.map(([kind], tag) => [kind, tag]));
  return {
    read(reader) {
      const tag = reader.u8();
      const variant = entries[tag];
      if (variant === undefined) return reader.fail("borsh_tag", `unknown tag ${tag}`);
      const [kind, codec] = variant;
      return { kind, ...(codec.read(reader) as object) } as unknown as Tagged<V>;
    },
    write(writer, value) {
      const tag = tagOf.get(value.kind as string);
      if (tag === undefined) refuse(`unknown variant ${String(value.kind)}`);
      writer.u8(tag);
      entries[tag]![1].write(writer, value as never);
    },
  };
}

/** One byte out of a closed list of names, counted from 0. */
export function names<const N extends readonly string[]>(list: N): Codec<N[number]> {
  return {
    read(reader) {
      const tag = reader.u8();
      return list[tag] ?? reader.fail("borsh_tag", `unknown tag ${tag}`);
    },
    write(writer, value) {
      const tag = list.indexOf(value);
      if (tag < 0) refuse(`unknown name ${value}`);
      writer.u8(tag);
    },
  };
}

/** A codec that may contain itself, at most `depthMax` deep. */
export function lazy<T>(codec: () => Codec<T>, depthMax: number): Codec<T> {
  return {
    read(reader) {
      if (++reader.depth > depthMax) reader.fail("borsh_depth", `nested deeper than ${depthMax}`);
      const value = codec().read(reader);
      reader.depth--;
      return value;
    },
    write(writer, value) {
      codec().write(writer, value);
    },
  };
}

/** Byte order: the order of keys in maps, in state and in hashes. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && compareBytes(a, b) === 0;
}
