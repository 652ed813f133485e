import fc from "fast-check";
import { expect, test } from "vitest";
import { codeOf } from "../test/support/refusals.ts";
import { ABI_VERSION, type Abi, type AbiType } from "../vm/abi.ts";
import { type AddressText, decodeValue, encodeValue } from "../vm/abi-values.ts";
import { InputError } from "../vm/errors.ts";
import { valueText } from "./output.ts";
import { describeEntry, readHexEntry, readTypedEntry } from "./storage-entry.ts";

const u64: AbiType = { kind: "scalar", name: "u64" };
const text: AbiType = { kind: "scalar", name: "string" };
const prefix = Uint8Array.of(2, 0x61, 0x62);
const abi: Abi = {
  version: ABI_VERSION,
  name: "Names",
  types: [],
  methods: [],
  events: [],
  errors: [],
  storage: [
    { name: "total", prefix, key: null, value: u64 },
    { name: "names", prefix, key: text, value: text },
    { name: "lists", prefix, key: u64, value: { kind: "vec", inner: u64 } },
  ],
  doc: "",
};
const addresses: AddressText = {
  fromText: () => new Uint8Array(32),
  toText: () => "",
};
const read = (key: string, value: string) => readTypedEntry(key, value, { abi, addresses });

test("a field is under its prefix, and its value as the ABI says", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (number) => {
      const { key, value } = read("total", `${number}`);
      expect(key).toEqual(prefix);
      expect(decodeValue(abi, u64, value!)).toBe(number);
    }),
  );
});

test("an entry of a map is under prefix and key, whatever characters the key has", () => {
  const anyText = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("", "]", "[", "a]b[c", "\n", "0x00"));
  fc.assert(
    fc.property(anyText, anyText, (name, content) => {
      fc.pre(content !== "none");
      const { key, value } = read(`names[${name}]`, content);
      expect(key.subarray(0, prefix.length)).toEqual(prefix);
      expect(decodeValue(abi, text, key.slice(prefix.length))).toBe(name);
      expect(decodeValue(abi, text, value!)).toBe(content);
    }),
  );
});

test("what is more than a scalar is JSON", () => {
  expect(read("lists[5]", "[1, 2]")).toEqual({
    key: Uint8Array.of(...prefix, 5, 0, 0, 0, 0, 0, 0, 0),
    value: Uint8Array.of(2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0),
  });
});

test("none takes an entry away, of any type", () => {
  expect(read("total", "none").value).toBeNull();
  expect(read("names[a]", "none").value).toBeNull();
  expect(readHexEntry("0x61", "none")).toEqual({ key: Uint8Array.of(0x61), value: null });
});

test.each([
  ["", "1", "field_unknown"],
  ["Total", "1", "field_unknown"],
  ["total ", "1", "field_unknown"],
  ["[total]", "1", "field_unknown"],
  ["names]", "a", "field_unknown"],
  ["names[a", "a", "field_unknown"],
  ["total[1]", "1", "field_key"],
  ["names", "a", "field_key"],
  ["total", "", "argument_type"],
  ["total", "-1", "argument_type"],
  ["total", "18446744073709551616", "argument_type"],
  ["lists[x]", "[1]", "argument_type"],
  ["lists[1]", "1", "argument_type"],
  ["lists[1]", "[1", "argument_type"],
])("%j = %j is refused", (key, value, code) => {
  expect(codeOf(() => read(key, value))).toBe(code);
});

test.each([
  ["0x6", "0x00"],
  ["0x61", "00"],
  ["0x61", "0x0"],
  ["0x61", ""],
  ["0xzz", "none"],
])("%s = %j is no hexadecimal", (key, value) => {
  expect(codeOf(() => readHexEntry(key, value))).toBe("hex_invalid");
});

test("without an ABI nothing has a type", () => {
  expect(codeOf(() => readTypedEntry("total", "1", { abi: null, addresses }))).toBe("contract_untyped");
});

test("what an entry is called is read back as the same entry", () => {
  const distinct = {
    ...abi,
    storage: abi.storage.map((field, i) => ({ ...field, prefix: Uint8Array.of(...prefix, i) })),
  };
  const typed = { abi: distinct, addresses };
  const lists = fc.tuple(fc.nat(), fc.array(fc.nat())).map(([at, items]) => [`lists[${at}]`, JSON.stringify(items)]);
  const names = fc.string({ unit: "binary" }).map((name) => [`names[${name}]`, `of ${name}`]);
  const total = fc.nat().map((number) => ["total", `${number}`]);
  fc.assert(
    fc.property(fc.oneof(lists, names, total), ([name, text]) => {
      const entry = readTypedEntry(name!, text!, typed);
      const view = describeEntry(entry, typed);
      expect(readTypedEntry(view!.name, valueText(view!.value), typed)).toEqual(entry);
      expect(describeEntry({ ...entry, value: null }, typed)).toEqual({ name: view!.name, value: null });
    }),
  );
});

test("what is in no field has no name, and what a field cannot hold is refused", () => {
  expect(describeEntry({ key: Uint8Array.of(1), value: null }, { abi, addresses })).toBeUndefined();
  expect(describeEntry({ key: new Uint8Array(), value: null }, { abi, addresses })).toBeUndefined();
  expect(() => describeEntry({ key: prefix, value: Uint8Array.of(1) }, { abi, addresses })).toThrow(InputError);
});

test("a key that a contract's names make long is not spelled out", () => {
  const name = "x".repeat(200);
  const struct = { kind: "struct", fields: [{ name, type: text }] } as const;
  const list: AbiType = { kind: "vec", inner: { kind: "named", index: 0 } };
  const verbose: Abi = {
    ...abi,
    types: [{ name: "T", doc: "", shape: struct }],
    storage: [{ name: "f", prefix, key: list, value: u64 }],
  };
  const typed = { abi: verbose, addresses };
  const viewOf = (count: number) => {
    const key = encodeValue(typed.abi, list, Array(count).fill({ [name]: "" }), addresses);
    return describeEntry({ key: Uint8Array.of(...prefix, ...key), value: null }, typed);
  };
  expect(viewOf(3)?.name).toContain(name);
  expect(viewOf(100)).toBeUndefined();
});
