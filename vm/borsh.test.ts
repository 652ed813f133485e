import * as oracle from "borsh";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as b from "./borsh.ts";

// biome-ignore lint/suspicious/noExplicitAny: tables of codecs of any value types
type AnyCodec = b.Codec<any>;

const pointCodec = b.struct({ x: b.u32, y: b.option(b.u64) });
const everything = b.struct({
  small: b.u8,
  medium: b.u16,
  large: b.u32,
  wide: b.u64,
  amount: b.u128,
  signed: b.bigInteger(2, true),
  flag: b.bool,
  text: b.string,
  blob: b.bytes,
  hash: b.bytes32,
  maybe: b.option(b.string),
  points: b.vec(pointCodec),
  pair: b.array(b.u16, 2),
});

const oracleSchema = {
  struct: {
    small: "u8",
    medium: "u16",
    large: "u32",
    wide: "u64",
    amount: "u128",
    signed: "i128",
    flag: "bool",
    text: "string",
    blob: { array: { type: "u8" } },
    hash: { array: { type: "u8", len: 32 } },
    maybe: { option: "string" },
    points: { array: { type: { struct: { x: "u32", y: { option: "u64" } } } } },
    pair: { array: { type: "u16", len: 2 } },
  },
} as const;

const uint = (bits: number) => fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n });
const bytes = (size: { minLength?: number; maxLength: number }) => fc.uint8Array(size);
// The oracle writes lone surrogates; ours refuses them, which a test of its own shows.
const text = fc.string({ unit: "grapheme" });

const value = fc.record({
  small: fc.nat(0xff),
  medium: fc.nat(0xffff),
  large: fc.nat(0xffff_ffff),
  wide: uint(64),
  amount: uint(128),
  signed: fc.bigInt({ min: -(1n << 127n), max: (1n << 127n) - 1n }),
  flag: fc.boolean(),
  text,
  blob: bytes({ maxLength: 40 }),
  hash: bytes({ minLength: 32, maxLength: 32 }),
  maybe: fc.option(text),
  points: fc.array(fc.record({ x: fc.nat(0xffff_ffff), y: fc.option(uint(64)) }), { maxLength: 5 }),
  pair: fc.tuple(fc.nat(0xffff), fc.nat(0xffff)),
});

test("encodes as the borsh package encodes, and decodes what it encoded", () => {
  fc.assert(
    fc.property(value, (v) => {
      const encoded = b.encode(everything, v);
      expect(encoded).toEqual(oracle.serialize(oracleSchema, v));
      expect(b.decode(everything, encoded)).toEqual(v);
    }),
  );
});

test("whatever decodes encodes to the same bytes: there is no second spelling", () => {
  const small = b.struct({ flag: b.bool, list: b.vec(b.option(b.u8), 3), text: b.string });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 24 }), (bytes) => {
      let decoded: b.Infer<typeof small>;
      try {
        decoded = b.decode(small, bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(b.BorshError);
        return;
      }
      expect(b.encode(small, decoded)).toEqual(bytes);
    }),
    { numRuns: 2000 },
  );
});

test("every truncation of an encoding is refused at a byte inside it", () => {
  const encoded = b.encode(b.struct({ text: b.string, amount: b.u128, list: b.vec(b.u16) }), {
    text: "lockstep",
    amount: 7n,
    list: [1, 2],
  });
  const codec = b.struct({ text: b.string, amount: b.u128, list: b.vec(b.u16) });
  for (let length = 0; length < encoded.length; length++) {
    expect(() => b.decode(codec, encoded.subarray(0, length))).toThrowError(
      expect.objectContaining({ code: "borsh_truncated", offset: expect.any(Number) }),
    );
  }
});

describe("refuses", () => {
  const shape = b.union({ circle: b.struct({ radius: b.u8 }), square: b.struct({ side: b.u8 }) });
  const nested: AnyCodec = b.lazy(() => b.option(nested), 4);
  const cases: [string, AnyCodec, number[]][] = [
    ["borsh_trailing", b.u8, [1, 2]],
    ["borsh_bool", b.bool, [2]],
    ["borsh_option", b.option(b.u8), [2, 0]],
    ["borsh_utf8", b.string, [1, 0, 0, 0, 0xff]],
    ["borsh_utf8", b.string, [3, 0, 0, 0, 0xed, 0xa0, 0x80]],
    ["borsh_utf8", b.string, [2, 0, 0, 0, 0xc0, 0x80]],
    ["borsh_tag", shape, [2, 0]],
    ["borsh_tag", b.names(["a", "b"]), [2]],
    ["borsh_range", b.safeU64, [0, 0, 0, 0, 0, 0, 0x20, 0]],
    ["borsh_truncated", b.bytes, [0xff, 0xff, 0xff, 0xff]],
    ["borsh_truncated", b.vec(b.u64), [0xff, 0xff, 0xff, 0xff, 1]],
    ["borsh_length", b.vec(b.u8, 2), [3, 0, 0, 0, 1, 2, 3]],
    ["borsh_length", b.vec(b.struct({})), [0xff, 0xff, 0xff, 0xff]],
    ["borsh_map_order", b.map(b.u8, b.u8), [2, 0, 0, 0, 2, 0, 1, 0]],
    ["borsh_map_order", b.map(b.u8, b.u8), [2, 0, 0, 0, 1, 0, 1, 0]],
    ["borsh_depth", nested, [1, 1, 1, 1, 1, 0]],
  ];
  for (const [code, codec, bytes] of cases) {
    test(`${JSON.stringify(bytes)} with ${code}`, () => {
      expect(() => b.decode(codec, Uint8Array.from(bytes))).toThrowError(expect.objectContaining({ code }));
    });
  }

  const values: [string, AnyCodec, unknown][] = [
    ["256 as u8", b.u8, 256],
    ["-1 as u32", b.u32, -1],
    ["1.5 as u16", b.u16, 1.5],
    ["2^64 as u64", b.u64, 1n << 64n],
    ["a number as u64", b.u64, 1],
    ["-1 as u128", b.u128, -1n],
    ["2^53 as a safe integer", b.safeU64, 2 ** 53],
    ["31 bytes as 32", b.bytes32, new Uint8Array(31)],
    ["a lone surrogate", b.string, "\ud800"],
    ["a string as a boolean", b.bool, "true"],
  ];
  for (const [name, codec, v] of values) {
    test(`to encode ${name}`, () => {
      expect(() => b.encode(codec, v as never)).toThrowError(expect.objectContaining({ code: "borsh_value" }));
    });
  }
});

test("text keeps a leading byte order mark and does not normalise", () => {
  for (const v of ["\ufeffx", "e\u0301", "\u00e9", "\0"]) expect(b.decode(b.string, b.encode(b.string, v))).toBe(v);
});

test("map entries are in byte order of their keys, whatever order they came in", () => {
  const codec = b.map(b.string, b.u8);
  const one = b.encode(codec, new Map([["b", 1], ["a", 2]])); // biome-ignore format: one line reads better
  expect(one).toEqual(b.encode(codec, new Map([["a", 2], ["b", 1]]))); // biome-ignore format: as above
  expect([...b.decode(codec, one).keys()]).toEqual(["a", "b"]);
});

test("a u256 is 32 bytes, little endian", () => {
  const value = (1n << 255n) + 2n;
  const encoded = b.encode(b.u256, value);
  expect([...encoded]).toEqual([2, ...new Array(30).fill(0), 0x80]);
  expect(b.decode(b.u256, encoded)).toBe(value);
});
