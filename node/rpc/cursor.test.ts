import fc from "fast-check";
import { expect, test } from "vitest";
import { endOfBlock, isEndOfBlock } from "../events.ts";
import { decodeCursor, encodeCursor } from "./cursor.ts";

const heights = fc.maxSafeNat();
const indices = fc.integer({ min: 0, max: 0xffff_fffe });

test("a cursor comes back as the position it was made from, and is its only spelling", () => {
  fc.assert(
    fc.property(heights, indices, indices, (height, transactionIndex, eventIndex) => {
      const position = { height, transactionIndex, eventIndex };
      expect(decodeCursor(encodeCursor(position))).toEqual(position);
      expect(isEndOfBlock(position)).toBe(false);
      expect(encodeCursor(decodeCursor(String(height)))).toBe(String(height));
      expect(decodeCursor(String(height))).toEqual(endOfBlock(height));
    }),
  );
  fc.assert(
    fc.property(fc.stringMatching(/^[0-9-]{0,12}$/), (text) => {
      let spelling: string | undefined;
      try {
        spelling = encodeCursor(decodeCursor(text));
      } catch {
        // Refused.
      }
      expect([undefined, text]).toContain(spelling);
    }),
  );
});

test("the end of a block is behind all its events", () => {
  const end = endOfBlock(7);
  expect(encodeCursor(end)).toBe("7");
  expect(isEndOfBlock(end)).toBe(true);
  expect(end.transactionIndex).toBeGreaterThan(0xffff_fffe);
  expect(encodeCursor({ height: 7, transactionIndex: Number.MAX_SAFE_INTEGER, eventIndex: 0 })).toBe("7");
});

test.each([
  "",
  "-",
  "01",
  "1-2",
  "1-2-",
  "1--2",
  "-1-2-3",
  "1-2-3-4",
  "1-02-3",
  "1-2-03",
  "1.5",
  "1e3",
  "+1",
  " 1",
  "1 ",
  "1\n",
  "0x1",
  "١",
  "9007199254740992",
  "1-4294967295-0",
  "1-0-4294967295",
  "1".repeat(1_000_000),
])("%.20j is no cursor", (text) => {
  expect(() => decodeCursor(text)).toThrow(expect.objectContaining({ code: "cursor_invalid" }));
});
