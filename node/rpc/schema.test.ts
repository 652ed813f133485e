import fc from "fast-check";
import { expect, test } from "vitest";
import { contractText, includedHash } from "../../test/support/rpc-examples.ts";
import { problemsOf } from "../../test/support/rpc-schema.ts";
import { api } from "./api.ts";
import {
  address,
  count,
  cursor,
  field,
  hash,
  hex,
  integer,
  kinds,
  listOf,
  object,
  oneOf,
  optional,
  orNull,
  type Readable,
  readableList,
  type Schema,
  string,
  text,
  variant,
} from "./schema.ts";

test("what a parameter's reader takes, its schema takes", () => {
  const params = Object.values(api).flatMap(({ params }) => Object.entries(params));
  const schemas = new Map(params.map(([name, { schema }]) => [JSON.stringify(schema.json), { name, schema }]));
  const taken = new Set<string>();
  const check = (value: unknown): void => {
    for (const [key, { name, schema }] of schemas) {
      try {
        if (schema.read(value) === undefined) continue;
      } catch {
        continue;
      }
      taken.add(key);
      expect(problemsOf(schema.json, value), `${name}: ${JSON.stringify(value)}`).toBeNull();
    }
  };
  const taking = [
    contractText,
    includedHash,
    "12",
    "1-2-3",
    "0x00",
    "heads",
    "manual",
    1,
    true,
    ["0x", "0x00"],
    ["", "0f"],
  ];
  for (const value of taking) check(value);
  expect([...taken].sort()).toEqual([...schemas.keys()].sort());

  const pieces = fc.constantFrom(
    "0x",
    "00",
    "ab",
    "0X",
    "1",
    "-",
    "0",
    "é",
    "heads",
    "lock1",
    contractText,
    includedHash,
  );
  const values = fc.oneof(
    fc.array(pieces, { maxLength: 4 }).map((parts) => parts.join("")),
    fc.array(fc.oneof(pieces, fc.integer()), { maxLength: 3 }),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.jsonValue(),
    fc.string({ maxLength: 300 }),
  );
  fc.assert(fc.property(values, check), { numRuns: 300 });
});

const good = "0x00";
const digits = (count: number) => `0x${"ab".repeat(count)}`;

test.each<[string, Readable<unknown, unknown>, unknown, unknown]>([
  ["an integer", integer(1, 5), 5, 5],
  ["text", text(2), "é", "é"],
  ["one of some texts", oneOf(["a", "b"]), "b", "b"],
  ["hex", hex, "0xAb", Uint8Array.of(0xab)],
  ["no bytes", hex, "0x", new Uint8Array()],
  ["a hash", hash, digits(32), new Uint8Array(32).fill(0xab)],
  ["an address", address, contractText, new Uint8Array(32).fill(3)],
  ["a cursor", cursor, "1-2-3", { height: 1, transactionIndex: 2, eventIndex: 3 }],
  ["a list", readableList(hex, 2), ["0x01", "0x"], [Uint8Array.of(1), new Uint8Array()]],
])("%s is read", (_, schema, value, expected) => {
  expect(schema.read(value)).toEqual(expected);
  expect(problemsOf(schema.json, value)).toBeNull();
});

test.each<[string, Readable<unknown, unknown>, unknown]>([
  ["an integer too small", integer(1, 5), 0],
  ["an integer too large", integer(1, 5), 6],
  ["a fraction", integer(1, 5), 1.5],
  ["an integer as text", integer(1, 5), "1"],
  ["an integer that lost digits", count, 2 ** 53],
  ["no number", count, Number.NaN],
  ["text too long", text(2), "abc"],
  ["half a character", text(2), "\ud800"],
  ["a list as text", text(2), ["a"]],
  ["another text", oneOf(["a", "b"]), "c"],
  ["a text of the prototype", oneOf(["a", "b"]), "toString"],
  ["a number as hex", hex, 0],
  ["a hash too short", hash, digits(31)],
  ["a hash too long", hash, digits(33)],
  ["a long text as address", address, "x".repeat(129)],
  ["a number as cursor", cursor, 1],
  ["an empty list", readableList(hex, 2), []],
  ["a list too long", readableList(hex, 2), [good, good, good]],
  ["a list with something else", readableList(hex, 2), [good, 1]],
  ["a list with a list", readableList(hex, 2), [[good]]],
  ["no list", readableList(hex, 2), good],
  ["an object like a list", readableList(hex, 2), { 0: good, length: 1 }],
])("%s is of the wrong type", (_, schema, value) => {
  expect(schema.read(value)).toBeUndefined();
});

test.each<[string, Readable<unknown, unknown>, unknown]>([
  ["hex_invalid", hex, "00"],
  ["hex_invalid", hex, "0x0"],
  ["hex_invalid", hash, "0xzz"],
  ["hex_invalid", readableList(hex, 2), [good, "0xz"]],
  ["address_invalid", address, contractText.toUpperCase()],
  ["address_invalid", address, ""],
  ["cursor_invalid", cursor, "1-2"],
])("%s is told where there is more to say", (code, schema, value) => {
  expect(() => schema.read(value)).toThrow(expect.objectContaining({ code }));
});

test("objects have their members and no others; kinds tell variants apart; null is said", () => {
  const point = object({ x: field(count, "One."), label: optional(string, "Two.") });
  const shape = kinds(
    { dot: variant("A.", {}), disk: variant("B.", { radius: field(count, "Three.") }) },
    { at: field(listOf(orNull(point)), "Four.") },
  );
  const accepts = (schema: Schema<unknown>, value: unknown) => problemsOf(schema.json, value) === null;
  for (const value of [{ x: 1 }, { x: 0, label: "" }]) expect(accepts(point, value)).toBe(true);
  for (const value of [{}, { x: "1" }, { x: 1, y: 1 }, { x: 1, label: null }, null, []])
    expect(accepts(point, value)).toBe(false);
  for (const value of [
    { kind: "dot", at: [] },
    { kind: "disk", at: [null, { x: 1 }], radius: 1 },
  ]) {
    expect(accepts(shape, value)).toBe(true);
  }
  for (const value of [
    { at: [] },
    { kind: "dot" },
    { kind: "dot", at: [], radius: 1 },
    { kind: "disk", at: [] },
    { kind: "line", at: [] },
    { kind: "dot", at: null },
    { kind: "dot", at: [{}] },
  ]) {
    expect(accepts(shape, value)).toBe(false);
  }
});
