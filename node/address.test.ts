import { bech32, bech32m } from "@scure/base";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { codeOf } from "../test/support/refusals.ts";
import { addressFromText, addressToText, contractAddress } from "./address.ts";

const address = Uint8Array.from({ length: 32 }, (_, index) => index * 7);
const text = addressToText(address);

const refusalOf = (input: string) => codeOf(() => addressFromText(input));

describe("an address", () => {
  test("has one text, and the text one address", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        const written = addressToText(bytes);
        expect(written).toMatch(/^lock1[02-9ac-hj-np-z]{58}$/);
        expect(addressFromText(written)).toEqual(bytes);
      }),
    );
  });

  test("stays the same text for ever", () => {
    expect(addressToText(new Uint8Array(32))).toBe("lock1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqvn7qyz");
  });

  const words = bech32m.toWords(address);
  test.each([
    ["nothing", ""],
    ["upper case", text.toUpperCase()],
    ["mixed case", `${text.slice(0, -1)}${text.slice(-1).toUpperCase()}`],
    ["an upper-case prefix", `LOCK${text.slice(4)}`],
    ["bech32 in place of bech32m", bech32.encode("lock", words)],
    ["another prefix", bech32m.encode("lok", words)],
    ["a longer prefix", bech32m.encode("locks", words)],
    ["31 bytes", bech32m.encode("lock", bech32m.toWords(address.slice(0, 31)))],
    ["33 bytes", bech32m.encode("lock", bech32m.toWords(Uint8Array.of(...address, 0)))],
    ["no bytes", bech32m.encode("lock", [])],
    ["padding bits that are not zero", bech32m.encode("lock", [...words.slice(0, -1), words.at(-1)! | 1])],
    ["a word of padding", bech32m.encode("lock", [...words, 0])],
    ["no separator", text.replace("1", "")],
    ["a second separator", text.replace("lock1", "lock11")],
    ["a space before", ` ${text}`],
    ["a space behind", `${text} `],
    ["a line end", `${text}\n`],
    ["a zero byte", `${text}\0`],
    ["hex", Buffer.from(address).toString("hex")],
    ["a letter outside ASCII", text.replace("lock", "loсk")],
    ["a wide letter", text.replace("lock", "ｌock")],
    ["a megabyte", "q".repeat(1 << 20)],
  ])("is refused with %s", (_, input) => {
    expect(refusalOf(input)).toBe("address_invalid");
  });

  test("is refused with any one letter changed, dropped or added", () => {
    const alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l1bio";
    for (let at = 0; at < text.length; at++) {
      expect(refusalOf(text.slice(0, at) + text.slice(at + 1))).toBe("address_invalid");
      for (const letter of alphabet) {
        if (letter !== text[at])
          expect(refusalOf(text.slice(0, at) + letter + text.slice(at + 1))).toBe("address_invalid");
        expect(refusalOf(text.slice(0, at) + letter + text.slice(at))).toBe("address_invalid");
      }
    }
  });
});

describe("a contract's address", () => {
  const codeHash = new Uint8Array(32).fill(1);
  const salt = new Uint8Array(32).fill(2);
  const base = { creator: address, origin: { kind: "nonce", nonce: 5, action: 1 }, codeHash } as const;

  test("is the same for the same origin, and differs with every part of it", () => {
    const others = [
      base,
      { ...base, creator: codeHash },
      { ...base, codeHash: salt },
      { ...base, origin: { kind: "nonce", nonce: 6, action: 1 } },
      { ...base, origin: { kind: "nonce", nonce: 5, action: 2 } },
      { ...base, origin: { kind: "nonce", nonce: 1, action: 5 } },
      { ...base, origin: { kind: "salt", salt } },
      { ...base, origin: { kind: "salt", salt: codeHash } },
    ] as const;
    const texts = others.map((origin) => addressToText(contractAddress(origin)));
    expect(new Set(texts).size).toBe(others.length);
    expect(others.map((origin) => addressToText(contractAddress(origin)))).toEqual(texts);
  });

  test("stays the same for ever", () => {
    expect(addressToText(contractAddress(base))).toBe(
      "lock122grzr9tcanuajmjl8dhfqghraqmw9fuz6hj88jxqfmptha3sk0qguy9ed",
    );
  });
});
