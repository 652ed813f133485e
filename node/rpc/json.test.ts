import fc from "fast-check";
import { expect, test } from "vitest";
import { fromHex, receiptToJson, statusToJson, toHex } from "./json.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);

test("hex comes back as the bytes it was made from, in memory of its own", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const decoded = fromHex(toHex(bytes));
      expect(decoded).toEqual(bytes);
      expect(decoded.buffer.byteLength).toBe(bytes.length);
      expect(fromHex(`0x${toHex(bytes).slice(2).toUpperCase()}`)).toEqual(bytes);
    }),
  );
  expect(toHex(Uint8Array.of(1, 2, 255).subarray(1))).toBe("0x02ff");
});

test.each([
  "",
  "0",
  "x",
  "00",
  "0X00",
  "0x0",
  "0x000",
  "0x0g",
  "0xg0",
  "0x 0",
  "0x00 ",
  " 0x00",
  "0x0000zz00",
  "0x-1",
  "0xé0",
])("%j is not hex", (text) => {
  expect(() => fromHex(text)).toThrow(expect.objectContaining({ code: "hex_invalid" }));
});

test("a revert has a message exactly when its code is 0 and its data is text", () => {
  const message = (code: number, data: Uint8Array) =>
    (statusToJson({ kind: "revert", code, data }) as { message?: string }).message;
  expect(message(0, utf8("not enough"))).toBe("not enough");
  expect(message(0, utf8("\ufeffé😀"))).toBe("\ufeffé😀");
  expect(message(1, utf8("not enough"))).toBeUndefined();
  expect(message(0, Uint8Array.of(0xff))).toBeUndefined();
  expect(message(0, Uint8Array.of(0xed, 0xa0, 0x80))).toBeUndefined();
  expect(message(0, new Uint8Array())).toBeUndefined();
});

test("amounts above 2^53 keep every digit, and an event without a topic or with an odd one has a name", () => {
  const contract = new Uint8Array(32);
  const event = (...topics: Uint8Array[]) => ({ contract, topics, data: new Uint8Array() });
  const json = receiptToJson({
    transactionHash: new Uint8Array(32),
    status: { kind: "halt", reason: "OutOfGas" },
    gasUsed: 5,
    fee: (1n << 128n) - 1n,
    actions: [{ gasUsed: 5, returnData: Uint8Array.of(1), created: [contract] }],
    events: [event(), event(utf8("Transfer"), Uint8Array.of(7)), event(Uint8Array.of(0xff))],
  });
  expect(json.fee).toBe("340282366920938463463374607431768211455");
  expect(json.events.map(({ name }) => name)).toEqual(["", "Transfer", "\ufffd"]);
  expect(json.actions[0]!.created[0]).toMatch(/^lock1/);
  expect(JSON.parse(JSON.stringify(json))).toEqual(json);
});
