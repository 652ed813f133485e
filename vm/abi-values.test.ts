import * as oracle from "borsh";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { codeOf } from "../test/support/refusals.ts";
import { type Abi, type AbiField, type AbiType, type ScalarName, typeToText } from "./abi.ts";
import {
  type AbiValue,
  type AddressText,
  decodeArgs,
  decodeValue,
  encodeArgs,
  encodeValue,
  NAMED_DEPTH_MAX,
  parseValue,
  valueToJson,
} from "./abi-values.ts";
import { InputError } from "./errors.ts";

const scalar = (name: ScalarName): AbiType => ({ kind: "scalar", name });
const vec = (inner: AbiType): AbiType => ({ kind: "vec", inner });
const option = (inner: AbiType): AbiType => ({ kind: "option", inner });
const array = (inner: AbiType, length: number): AbiType => ({ kind: "array", inner, length });
const map = (key: AbiType, value: AbiType): AbiType => ({ kind: "map", key, value });
const named = (index: number): AbiType => ({ kind: "named", index });

type NamedType = Abi["types"][number];
const structType = (name: string, fields: AbiField[]): NamedType => ({
  name,
  doc: "",
  shape: { kind: "struct", fields },
});

function abiOf(...types: NamedType[]): Abi {
  return { version: 1, name: "test", types, methods: [], events: [], errors: [], storage: [], doc: "" };
}

/** Point and Shape, the named types of these tests. */
const abi = abiOf(
  structType("Point", [
    { name: "x", type: scalar("i32") },
    { name: "y", type: scalar("i64") },
  ]),
  {
    name: "Shape",
    doc: "",
    shape: {
      kind: "enum",
      variants: [
        { name: "Empty", tag: 0, fields: [] },
        { name: "Dot", tag: 1, fields: [{ name: "at", type: named(0) }] },
        { name: "Line", tag: 7, fields: [{ name: "to", type: option(named(0)) }] },
      ],
    },
  },
);
const point = named(0);
const shape = named(1);

const hexOf = (bytes: Uint8Array) => `0x${Buffer.from(bytes).toString("hex")}`;
const addresses: AddressText = {
  fromText(text) {
    if (!/^@[0-9a-f]{64}$/.test(text)) throw new InputError("address_invalid", `"${text}" is not an address`);
    return Uint8Array.from(Buffer.from(text.slice(1), "hex"));
  },
  toText: (address) => `@${Buffer.from(address).toString("hex")}`,
};

const parse = (type: AbiType, text: string) => parseValue(type, abi, text, { addresses, name: "p" });

/** A type, a generator of its values, and the same for the borsh package, whose bytes judge ours. */
interface Sample {
  readonly type: AbiType;
  readonly value: fc.Arbitrary<AbiValue>;
  readonly schema: oracle.Schema;
  readonly toOracle: (value: never) => unknown;
}

const same = (value: unknown) => value;
const unsignedSample = (bits: 8 | 16 | 32 | 64 | 128): Sample => ({
  type: scalar(`u${bits}`),
  value: bits <= 32 ? fc.nat({ max: 2 ** bits - 1 }) : fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n }),
  schema: `u${bits}` as oracle.Schema,
  toOracle: same,
});
const signedSample = (bits: 8 | 16 | 32 | 64 | 128): Sample => ({
  type: scalar(`i${bits}`),
  value:
    bits <= 32
      ? fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 })
      : fc.bigInt({ min: -(1n << BigInt(bits - 1)), max: (1n << BigInt(bits - 1)) - 1n }),
  schema: `i${bits}` as oracle.Schema,
  toOracle: same,
});
const thirtyTwo: Omit<Sample, "type"> = {
  value: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  schema: { array: { type: "u8", len: 32 } },
  toOracle: (value: Uint8Array) => [...value],
};

const scalarSamples: readonly Sample[] = [
  ...([8, 16, 32, 64, 128] as const).map(unsignedSample),
  ...([8, 16, 32, 64, 128] as const).map(signedSample),
  {
    // The package has no u256; two words of 128 bits, the lower first, are the same bytes.
    type: scalar("u256"),
    value: fc.bigInt({ min: 0n, max: (1n << 256n) - 1n }),
    schema: { struct: { low: "u128", high: "u128" } },
    toOracle: (value: bigint) => ({ low: BigInt.asUintN(128, value), high: value >> 128n }),
  },
  { type: scalar("bool"), value: fc.boolean(), schema: "bool", toOracle: same },
  { type: scalar("string"), value: fc.string({ unit: "binary" }), schema: "string", toOracle: same },
  {
    type: scalar("bytes"),
    value: fc.uint8Array(),
    schema: { array: { type: "u8" } },
    toOracle: (value: Uint8Array) => [...value],
  },
  { type: scalar("address"), ...thirtyTwo },
  { type: scalar("hash"), ...thirtyTwo },
];

const pointSample: Sample = {
  type: point,
  value: fc.record({
    x: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    y: fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }),
  }),
  schema: { struct: { x: "i32", y: "i64" } },
  toOracle: same,
};

const listOf = ({ type, value, schema, toOracle }: Sample): Sample => ({
  type: vec(type),
  value: fc.array(value, { maxLength: 5 }),
  schema: { array: { type: schema } },
  toOracle: (values: AbiValue[]) => values.map((item) => toOracle(item as never)),
});
const tripleOf = ({ type, value, schema, toOracle }: Sample): Sample => ({
  type: array(type, 3),
  value: fc.array(value, { minLength: 3, maxLength: 3 }),
  schema: { array: { type: schema, len: 3 } },
  toOracle: (values: AbiValue[]) => values.map((item) => toOracle(item as never)),
});
const optionOf = ({ type, value, schema, toOracle }: Sample): Sample => ({
  type: option(type),
  value: fc.option(value),
  schema: { option: schema },
  toOracle: (given: AbiValue) => (given === null ? null : toOracle(given as never)),
});
const samples: readonly Sample[] = [
  ...scalarSamples,
  pointSample,
  ...[...scalarSamples, pointSample].flatMap((sample) => [listOf(sample), tripleOf(sample), optionOf(sample)]),
  listOf(listOf(optionOf(pointSample))),
];

const anySample = fc
  .constantFrom(...samples)
  .chain((sample) => fc.record({ sample: fc.constant(sample), value: sample.value }));

describe("bytes", () => {
  test("the borsh package writes the same bytes", () => {
    fc.assert(
      fc.property(anySample, ({ sample: { type, schema, toOracle }, value }) => {
        const ours = encodeValue(abi, type, value, addresses);
        expect(hexOf(ours)).toBe(hexOf(oracle.serialize(schema, toOracle(value as never))));
      }),
      { numRuns: 500 },
    );
  });

  test("what is written is read back equal", () => {
    fc.assert(
      fc.property(anySample, ({ sample: { type }, value }) => {
        expect(decodeValue(abi, type, encodeValue(abi, type, value, addresses))).toEqual(value);
      }),
      { numRuns: 300 },
    );
  });

  test("an i256 is 32 bytes of two's complement", () => {
    expect(hexOf(encodeValue(abi, scalar("i256"), -2n, addresses))).toBe(`0xfe${"ff".repeat(31)}`);
    expect(decodeValue(abi, scalar("i256"), new Uint8Array(32).fill(0xff))).toBe(-1n);
  });

  test("a variant is its declared tag and its fields", () => {
    const line = { variant: "Line", fields: { to: { x: -1, y: 2n } } };
    const bytes = encodeValue(abi, shape, line, addresses);
    expect(hexOf(bytes)).toBe("0x0701ffffffff0200000000000000");
    expect(decodeValue(abi, shape, bytes)).toEqual(line);
    expect(hexOf(encodeValue(abi, shape, "Empty", addresses))).toBe("0x00");
  });

  test("a map is written in the order of its encoded keys", () => {
    const type = map(scalar("u16"), scalar("bool"));
    const given: ReadonlyMap<AbiValue, AbiValue> = new Map([
      [256, true],
      [1, false],
    ]);
    expect(hexOf(encodeValue(abi, type, given, addresses))).toBe("0x02000000000101010000");
    expect(decodeValue(abi, type, encodeValue(abi, type, given, addresses))).toEqual(given);
  });

  test.each([
    ["a truncated integer", scalar("u64"), "00", "borsh_truncated"],
    ["trailing bytes", scalar("u8"), "0000", "borsh_trailing"],
    ["boolean 2", scalar("bool"), "02", "borsh_bool"],
    ["an undeclared tag", shape, "02", "borsh_tag"],
    ["a count without its items", vec(scalar("u8")), "ffffffff", "borsh_truncated"],
    ["an array of 2^32 - 1 without its items", array(scalar("u8"), 0xffff_ffff), "00", "borsh_truncated"],
    ["map keys that descend", map(scalar("u8"), scalar("u8")), "0200000002000100", "borsh_map_order"],
  ] as const)("bytes with %s are refused", (_, type, hex, code) => {
    expect(codeOf(() => decodeValue(abi, type, Uint8Array.from(Buffer.from(hex, "hex"))))).toBe(code);
  });
});

describe("types of a stranger", () => {
  test("a type without bytes is refused when used, and only then", () => {
    const hostile = abiOf(structType("Nothing", []), structType("Something", [{ name: "a", type: scalar("u8") }]));
    const lists = [named(0), vec(named(0)), array(named(0), 2 ** 32 - 1), option(named(0))];
    for (const type of lists)
      expect(codeOf(() => decodeValue(hostile, type, new Uint8Array(8)))).toBe("abi_empty_type");
    expect(codeOf(() => decodeValue(hostile, array(scalar("u8"), 0), new Uint8Array()))).toBe("abi_empty_type");
    expect(decodeValue(hostile, named(1), Uint8Array.of(5))).toEqual({ a: 5 });
  });

  test("doubling types end with the bytes", () => {
    const types = [structType("T0", [{ name: "a", type: scalar("u8") }])];
    for (let i = 1; i < 50; i++) {
      types.push(
        structType(`T${i}`, [
          { name: "a", type: named(i - 1) },
          { name: "b", type: named(i - 1) },
        ]),
      );
    }
    expect(codeOf(() => decodeValue(abiOf(...types), named(49), new Uint8Array(1000)))).toBe("borsh_truncated");
  });

  test("named types nest to the limit and no deeper", () => {
    const types = [structType("T0", [{ name: "a", type: scalar("u8") }])];
    for (let i = 1; i < 60_000; i++) types.push(structType(`T${i}`, [{ name: "a", type: named(i - 1) }]));
    const deep = abiOf(...types);
    expect(codeOf(() => decodeValue(deep, named(NAMED_DEPTH_MAX - 1), Uint8Array.of(1)))).toBe("accepted");
    expect(codeOf(() => decodeValue(deep, named(NAMED_DEPTH_MAX), Uint8Array.of(1)))).toBe("abi_type_depth");
    expect(codeOf(() => decodeValue(deep, named(59_999), Uint8Array.of(1)))).toBe("abi_type_depth");
  });

  test("an option of an option is refused", () => {
    expect(codeOf(() => decodeValue(abi, option(option(scalar("u8"))), Uint8Array.of(1, 0)))).toBe("abi_nested_option");
  });

  test("field names keep their order and mean only themselves", () => {
    const odd = abiOf(
      structType("Odd", [
        { name: "b", type: scalar("u8") },
        { name: "1", type: scalar("u8") },
        { name: "__proto__", type: scalar("u8") },
      ]),
    );
    const value = decodeValue(odd, named(0), Uint8Array.of(1, 2, 3)) as Record<string, number>;
    expect([value.b, value["1"], Object.getOwnPropertyDescriptor(value, "__proto__")?.value]).toEqual([1, 2, 3]);
    expect(hexOf(encodeValue(odd, named(0), value, addresses))).toBe("0x010203");
    expect(codeOf(() => encodeValue(odd, named(0), JSON.parse('{"b":1,"1":2}'), addresses))).toBe("argument_type");
  });
});

describe("text and JSON", () => {
  test("the JSON of a value is that value again", () => {
    fc.assert(
      fc.property(anySample, ({ sample: { type }, value }) => {
        const json = JSON.parse(JSON.stringify(valueToJson(type, abi, value, addresses)));
        expect(encodeValue(abi, type, json, addresses)).toEqual(encodeValue(abi, type, value, addresses));
      }),
      { numRuns: 300 },
    );
  });

  const accepted: readonly [AbiType, string, AbiValue][] = [
    [scalar("u8"), "255", 255],
    [scalar("u8"), "0xff", 255],
    [scalar("i8"), "-128", -128],
    [scalar("u64"), "18446744073709551615", 18446744073709551615n],
    [scalar("i256"), "-5", -5n],
    [scalar("bool"), "true", true],
    [scalar("string"), "5", "5"],
    [scalar("string"), "", ""],
    [scalar("bytes"), "0x", new Uint8Array()],
    [scalar("bytes"), "0xABcd", Uint8Array.of(0xab, 0xcd)],
    [option(scalar("u64")), "null", null],
    [option(scalar("u64")), "7", 7n],
    [vec(scalar("u64")), '[1,"18446744073709551615"]', [1n, 18446744073709551615n]],
    [array(scalar("bool"), 2), "[true,false]", [true, false]],
    [point, '{"x":-1,"y":"9"}', { x: -1, y: 9n }],
    [shape, "Empty", { variant: "Empty", fields: {} }],
    [shape, '"Empty"', { variant: "Empty", fields: {} }],
    [shape, '{"Dot":{"at":{"x":1,"y":2}}}', { variant: "Dot", fields: { at: { x: 1, y: 2n } } }],
    [shape, '{"Line":{}}', { variant: "Line", fields: { to: null } }],
    [map(scalar("string"), scalar("u8")), '[["a",1]]', new Map([["a", 1]])],
  ];
  test.each(accepted.map(([type, text, value]) => ({ name: typeToText(type, abi), type, text, value })))(
    "$name reads $text",
    ({ type, text, value }) => {
      expect(parse(type, text)).toEqual(value);
    },
  );

  test("an address is what the given reader says", () => {
    const text = `@${"07".repeat(32)}`;
    expect(parse(scalar("address"), text)).toEqual(new Uint8Array(32).fill(7));
    expect(valueToJson(scalar("address"), abi, new Uint8Array(32).fill(7), addresses)).toBe(text);
  });

  const refused: readonly [AbiType, string][] = [
    [scalar("u8"), "256"],
    [scalar("u8"), "-1"],
    [scalar("u8"), "1.0"],
    [scalar("u8"), "1e2"],
    [scalar("u8"), ""],
    [scalar("u8"), " 1"],
    [scalar("u8"), "+1"],
    [scalar("u8"), "1_000"],
    [scalar("u8"), "-0x1"],
    [scalar("i8"), "128"],
    [scalar("u64"), "18446744073709551616"],
    [scalar("u256"), "9".repeat(100_000)],
    [scalar("bool"), "1"],
    [scalar("bool"), "True"],
    [scalar("bytes"), "0x1"],
    [scalar("bytes"), "1234"],
    [scalar("bytes"), "0xzz"],
    [scalar("hash"), "0x12"],
    [scalar("hash"), "ab".repeat(32)],
    [scalar("address"), "nobody"],
    [scalar("string"), "\ud800"],
    [option(scalar("u8")), "x"],
    [vec(scalar("u8")), "1,2"],
    [vec(scalar("u8")), '{"0":1}'],
    [vec(scalar("u8")), "[256]"],
    [vec(scalar("u8")), "[null]"],
    [vec(scalar("u64")), "[9007199254740993]"],
    [vec(scalar("bool")), '["true"]'],
    [array(scalar("u8"), 2), "[1]"],
    [array(scalar("u8"), 2), "[1,2,3]"],
    [point, '{"x":1}'],
    [point, '{"x":1,"y":2,"z":3}'],
    [point, "[1,2]"],
    [point, "null"],
    [shape, "Circle"],
    [shape, '{"Dot":{}}'],
    [shape, '{"Dot":{"at":{"x":1,"y":2}},"Empty":{}}'],
    [shape, "{}"],
    [map(scalar("u8"), scalar("u8")), '{"1":2}'],
    [map(scalar("u8"), scalar("u8")), "[[1]]"],
    [map(scalar("u8"), scalar("u8")), '[[1,2],["0x1",3]]'],
  ];
  test.each(refused.map(([type, text]) => ({ name: typeToText(type, abi), given: text.slice(0, 40), type, text })))(
    "$name refuses $given",
    ({ type, text }) => {
      expect(codeOf(() => parse(type, text))).toBe("argument_type");
    },
  );

  test("a refusal names the place, the type and what was given", () => {
    try {
      parse(vec(point), '[{"x":1,"y":2},{"x":1,"y":"many"}]');
      expect.unreachable();
    } catch (error) {
      expect((error as InputError).details).toEqual({ parameter: "p[1].y", type: "i64", given: '"many"' });
      expect((error as InputError).message).toBe('argument "p[1].y" is an i64; given was "many"');
    }
  });
});

describe("arguments", () => {
  const params: readonly AbiField[] = [
    { name: "to", type: scalar("address") },
    { name: "amount", type: scalar("u128") },
    { name: "memo", type: option(scalar("string")) },
  ];
  const to = new Uint8Array(32).fill(1);

  test("they are the borsh tuple in the order of the parameters", () => {
    const bytes = encodeArgs(abi, params, { memo: "hi", amount: 5, to }, addresses);
    expect(hexOf(bytes)).toBe(`0x${"01".repeat(32)}05${"00".repeat(15)}01020000006869`);
    expect(decodeArgs(abi, params, bytes)).toEqual({ to, amount: 5n, memo: "hi" });
  });

  test("an option may be left out and is absent", () => {
    const bytes = encodeArgs(abi, params, { amount: 5n, to }, addresses);
    expect(decodeArgs(abi, params, bytes)).toEqual({ to, amount: 5n, memo: null });
  });

  test.each([
    ["a missing argument", { to }, "argument_missing"],
    ["an unknown argument", { to, amount: 1, amout: 1 }, "argument_unknown"],
    ["an argument named as a property of every object", { to, amount: 1, constructor: 1 }, "argument_unknown"],
    ["an argument of another type", { to, amount: true }, "argument_type"],
    ["an argument that is undefined", { to, amount: undefined }, "argument_type"],
    ["an address of 31 bytes", { to: to.subarray(1), amount: 1 }, "argument_type"],
    ["a fraction", { to, amount: 0.5 }, "argument_type"],
    ["NaN", { to, amount: Number.NaN }, "argument_type"],
  ] as [string, Record<string, unknown>, string][])("%s is refused", (_, values, code) => {
    expect(codeOf(() => encodeArgs(abi, params, values, addresses))).toBe(code);
  });

  test("an argument that nobody gave is not taken from Object.prototype", () => {
    const odd: readonly AbiField[] = [{ name: "constructor", type: scalar("string") }];
    expect(codeOf(() => encodeArgs(abi, odd, {}, addresses))).toBe("argument_missing");
  });

  test("bytes after the last argument are refused", () => {
    expect(codeOf(() => decodeArgs(abi, [], Uint8Array.of(0)))).toBe("borsh_trailing");
  });
});
