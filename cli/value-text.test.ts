/** Text of bounded length: what `JSON.stringify` writes is the oracle for what fits. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Json } from "../vm/abi-values.ts";
import { toJson } from "./output.ts";
import { fieldsLine, isJsonWithin, plainWord, valueLine } from "./value-text.ts";

const json = fc.jsonValue({ maxDepth: 3 }).map((value) => value as Json);

test("a value is within the length of its JSON, and within none below", () => {
  fc.assert(
    fc.property(json, (value) => {
      const { length } = toJson(value);
      expect(isJsonWithin(value, length)).toBe(true);
      expect(isJsonWithin(value, length - 1)).toBe(false);
    }),
  );
});

test("a line is the whole value, or its beginning and three dots", () => {
  fc.assert(
    fc.property(json, fc.nat(60), (value, lengthMax) => {
      const whole = valueLine(value, Number.MAX_SAFE_INTEGER);
      const line = valueLine(value, lengthMax);
      expect(line).toBe(whole.length <= lengthMax ? whole : `${whole.slice(0, lengthMax)}...`);
    }),
  );
});

test("a value whose text would be longer than any string costs no more than its limit", () => {
  const name = "n".repeat(100_000);
  const value = Array.from({ length: 100_000 }, () => ({ [name]: 1 }));
  const began = performance.now();
  expect(isJsonWithin(value, 1_000)).toBe(false);
  expect(valueLine(value, 1_000).length).toBe(1_003);
  expect(fieldsLine({ value }, 1_000).length).toBeLessThan(1_010);
  expect(performance.now() - began).toBeLessThan(1_000);
});

test.each([
  [{}, "()"],
  [{ to: "lock1abc..wxyz", amount: "5", isLast: true }, "(to: lock1abc..wxyz, amount: 5, isLast: true)"],
  [{ list: [["a", 1], null], of: { deep: "x y" } }, '(list: [[a, 1], null], of: {deep: "x y"})'],
  [{ "odd name": "a}" }, '("odd name": "a}")'],
] as [Record<string, Json>, string][])("%j reads %s", (fields, line) => {
  expect(fieldsLine(fields, 100)).toBe(line);
});

test.each(["", " ", "null", "true", "false", "a b", "a,b", "a:b", "(", "}", "é", "\n", "\u001b", "\u009b", "\u202e"])(
  "%j is no plain word, and is quoted",
  (word) => {
    expect(plainWord(word)).toBe(toJson(word));
    expect(plainWord(word)).toMatch(/^"[^\p{Cc}\u202e]*"$/u);
  },
);
