import { createHash } from "node:crypto";
import { sha256 as audited } from "@noble/hashes/sha2.js";
import fc from "fast-check";
import { expect, test } from "vitest";
import { sha256 } from "./sha256.ts";
import { hash } from "./tree-hash.ts";

const native = (message: Uint8Array) => new Uint8Array(createHash("sha256").update(message).digest());

/** Every byte another, so that none can be taken for its neighbour. */
const counting = (length: number) => Uint8Array.from({ length }, (_, i) => i * 7 + (i >> 8));

test("the digest of the standard's examples", () => {
  const digestOf = (text: string) => Buffer.from(sha256(new TextEncoder().encode(text))).toString("hex");
  expect(digestOf("")).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  expect(digestOf("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  expect(digestOf("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")).toBe(
    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
  );
});

test("every length up to five blocks, in ascending order and back: nothing is left over of the message before", () => {
  const lengths = Array.from({ length: 321 }, (_, length) => length);
  for (const length of [...lengths, ...lengths.toReversed()]) {
    const message = counting(length);
    expect(sha256(message)).toEqual(native(message));
    expect(audited(message)).toEqual(native(message));
  }
});

test("any bytes, wherever they lie in a buffer", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1_000 }), fc.nat(70), (bytes, offset) => {
      const buffer = new Uint8Array(offset + bytes.length + 3).fill(0xff);
      buffer.set(bytes, offset);
      const message = buffer.subarray(offset, offset + bytes.length);
      expect(sha256(message)).toEqual(native(message));
      expect(hash(message)).toEqual(native(message));
      expect(message).toEqual(bytes);
    }),
  );
});

test("the length in bits is that of 32 bits and more", () => {
  const message = new Uint8Array(2 ** 29 + 1);
  message[2 ** 29] = 1;
  expect(sha256(message)).toEqual(native(message));
}, 60_000);

test("a digest is the caller's own", () => {
  const first = sha256(counting(77));
  const copy = first.slice();
  sha256(counting(80)).fill(0);
  sha256(counting(3));
  expect(first).toEqual(copy);
});
