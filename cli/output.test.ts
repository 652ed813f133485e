/** What stands between text of strangers and a terminal. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { printable, printableLine, toJson } from "./output.ts";

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this is about
const control = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;
const unit = fc.oneof(
  fc.constantFrom("\u001b", "\u007f", "\u009b", "\u202e", "\u2069", "\n", "\r", "\\"),
  fc.string({ unit: "binary", maxLength: 1 }),
);
const hostile = fc.string({ unit, maxLength: 20 });

test("JSON says the same with every control character as an escape", () => {
  fc.assert(
    fc.property(hostile, hostile, (key, value) => {
      const object = Object.fromEntries([[key, [value, 2n ** 70n]]]);
      const text = toJson(object);
      expect(text).not.toMatch(control);
      expect(text).not.toContain("\n");
      expect(JSON.parse(text)).toEqual(
        JSON.parse(JSON.stringify(object, (_, each) => (typeof each === "bigint" ? `${each}` : each))),
      );
    }),
  );
});

test("printed text keeps its lines and no other control character, and a line is one", () => {
  fc.assert(
    fc.property(hostile, (text) => {
      expect(printable(text)).not.toMatch(control);
      expect(printable(text).split("\n").length).toBe(text.split("\n").length);
      expect(printableLine(text)).not.toMatch(control);
      expect(printableLine(text)).not.toContain("\n");
    }),
  );
  expect(printableLine("a\n\u001b[2J")).toBe("a\\n\\u{1b}[2J");
});
