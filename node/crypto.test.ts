import { createPublicKey, verify as nativeVerify } from "node:crypto";
import { ed25519 } from "@noble/curves/ed25519.js";
import { sha256, sha512 } from "@noble/hashes/sha2.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { smallOrderKeys } from "../test/support/small-order.ts";
import { hash, isSmallOrder, publicKeyOf, sign, verifySignature } from "./crypto.ts";

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"));
const utf8 = (text: string) => new TextEncoder().encode(text);
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });

/** The judge of last resort, alone. */
function nobleSays(signature: Uint8Array, message: Uint8Array, key: Uint8Array): boolean {
  try {
    return ed25519.verify(signature, message, key, { zip215: true });
  } catch {
    return false;
  }
}

/** The fast judge, alone. */
function nativeSays(signature: Uint8Array, message: Uint8Array, key: Uint8Array): boolean {
  const spki = Buffer.concat([bytes("302a300506032b6570032100"), key]);
  try {
    return nativeVerify(null, message, createPublicKey({ key: spki, format: "der", type: "spki" }), signature);
  } catch {
    return false;
  }
}

// RFC 8032 section 7.1: secret key, public key, message, signature.
const rfc8032 = [
  [
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    "",
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  ],
  [
    "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    "72",
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  ],
  [
    "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
    "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
    "af82",
    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
  ],
] as const;

const { Point } = ed25519;
const { BASE, Fn } = Point;
const L = Fn.ORDER;

function littleEndian(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, index) => Number((value >> BigInt(8 * index)) & 0xffn));
}

function challenge(r: Uint8Array, key: Uint8Array, message: Uint8Array): bigint {
  const digest = sha512(Uint8Array.of(...r, ...key, ...message));
  return digest.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n) % L;
}

describe("the hash", () => {
  test("is SHA-256 of tag, zero byte and payload", () => {
    const payload = utf8("payload");
    expect(hash("block", payload)).toEqual(sha256(Uint8Array.of(...utf8("lockstep/block/1"), 0, ...payload)));
  });

  test("differs from purpose to purpose", () => {
    const tags = ["transaction", "signing", "block", "genesis", "code", "contract"] as const;
    const hashes = tags.map((tag) => Buffer.from(hash(tag, new Uint8Array())).toString("hex"));
    expect(new Set(hashes).size).toBe(tags.length);
  });
});

describe("a signature", () => {
  test.each(rfc8032)("is RFC 8032's for the key %s", (secretKey, publicKey, message, signature) => {
    expect(publicKeyOf(bytes(secretKey))).toEqual(bytes(publicKey));
    expect(sign(bytes(message), bytes(secretKey))).toEqual(bytes(signature));
    expect(verifySignature(bytes(signature), bytes(message), bytes(publicKey))).toBe(true);
  });

  test("is the same from OpenSSL and from noble", () => {
    fc.assert(
      fc.property(bytes32, fc.uint8Array({ maxLength: 200 }), (secretKey, message) => {
        expect(sign(message, secretKey)).toEqual(ed25519.sign(message, secretKey));
      }),
      { numRuns: 30 },
    );
  });

  test("is by the key that an array holds, not by the one that it held", () => {
    const message = new Uint8Array(5);
    const array = new Uint8Array(32).fill(1);
    const first = sign(message, array);
    array.fill(2);
    expect(sign(message, array)).toEqual(ed25519.sign(message, new Uint8Array(32).fill(2)));
    expect(sign(message, array)).not.toEqual(first);
  });

  test("with any bit flipped anywhere is refused, by either judge", () => {
    const [, publicKey, message, signature] = rfc8032[2].map(bytes) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
    const parts = [signature, message, publicKey] as const;
    for (const [part, original] of parts.entries()) {
      for (let at = 0; at < original.length; at++) {
        const flipped = original.with(at, original[at]! ^ (1 << (at % 8)));
        const [s, m, k] = [...parts.with(part, flipped)] as [Uint8Array, Uint8Array, Uint8Array];
        expect(verifySignature(s, m, k)).toBe(false);
        expect(nativeSays(s, m, k)).toBe(false);
      }
    }
  });

  const [, publicKey, message, signature] = rfc8032[1].map(bytes) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  test.each([
    ["no bytes", new Uint8Array(), publicKey],
    ["63 bytes", signature.slice(0, 63), publicKey],
    ["65 bytes", Uint8Array.of(...signature, 0), publicKey],
    ["a key of no bytes", signature, new Uint8Array()],
    ["a key of 31 bytes", signature, publicKey.slice(0, 31)],
    ["a key of 33 bytes", signature, Uint8Array.of(...publicKey, 0)],
    ["zeros", new Uint8Array(64), publicKey],
    ["ones", new Uint8Array(64).fill(0xff), publicKey],
    // y = 2 is on no curve.
    ["a key that is no point", signature, Uint8Array.of(2, ...new Uint8Array(31))],
    ["an R that is no point", Uint8Array.of(2, ...new Uint8Array(31), ...signature.slice(32)), publicKey],
  ])("is refused with %s", (_, s, k) => {
    expect(verifySignature(s, message, k)).toBe(false);
  });

  test("has one S: S + L is refused", () => {
    const s = signature.slice(32).reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
    for (const other of [s + L, s + 2n * L, s + 8n * L]) {
      if (other >= 1n << 256n) continue;
      const forged = Uint8Array.of(...signature.slice(0, 32), ...littleEndian(other));
      expect(verifySignature(forged, message, publicKey)).toBe(false);
    }
    // Where the equation holds for every S that is a multiple of L.
    const identity = smallOrderKeys[0]!;
    expect(verifySignature(Uint8Array.of(...identity, ...littleEndian(0n)), message, identity)).toBe(true);
    expect(verifySignature(Uint8Array.of(...identity, ...littleEndian(L)), message, identity)).toBe(false);
  });
});

describe("a key", () => {
  test("is of small order in 14 encodings, and in no other", () => {
    expect(new Set(smallOrderKeys.map(String)).size).toBe(14);
    for (const key of smallOrderKeys) {
      expect(isSmallOrder(key)).toBe(true);
      expect(Point.fromBytes(key, true).isSmallOrder()).toBe(true);
    }
    const torsion = Point.fromBytes(smallOrderKeys[4]!, true);
    const others = [BASE, BASE.add(torsion), BASE.multiply(8n)].map((point) => point.toBytes());
    // All encodings with y at or above 2^255 - 19 but the known ones.
    for (let low = 0xef; low <= 0xff; low++) {
      for (const high of [0x7f, 0xff]) others.push(Uint8Array.of(low, ...new Uint8Array(30).fill(0xff), high));
    }
    for (const key of others) expect(isSmallOrder(key)).toBe(false);
    for (const length of [0, 31, 33]) expect(isSmallOrder(new Uint8Array(length))).toBe(false);
    fc.assert(
      fc.property(bytes32, (key) => {
        expect(isSmallOrder(publicKeyOf(key))).toBe(false);
      }),
    );
  });
});

describe("ZIP-215", () => {
  test("admits all 196 pairs of a key and an R of small order with S = 0", () => {
    const message = utf8("Zcash");
    let nativeCount = 0;
    for (const key of smallOrderKeys) {
      for (const r of smallOrderKeys) {
        const signature = Uint8Array.of(...r, ...new Uint8Array(32));
        expect(verifySignature(signature, message, key)).toBe(true);
        if (nativeSays(signature, message, key)) nativeCount++;
      }
    }
    // OpenSSL alone would have split the chain here.
    expect(nativeCount).toBeGreaterThan(0);
    expect(nativeCount).toBeLessThan(196);
  });

  test("admits what only the equation with cofactor admits, and noble decides it", () => {
    const torsion = Point.fromBytes(smallOrderKeys[4]!, true);
    let decidedByNoble = 0;
    for (let number = 1n; number <= 12n; number++) {
      const [a, r] = [number * 0x1234_5678_9abc_def1n, number * 0xfedc_ba98_7654_3211n];
      const message = littleEndian(number);
      for (const [isKeyMixed, isRMixed] of [
        [true, false],
        [false, true],
        [true, true],
      ]) {
        const key = (isKeyMixed ? BASE.multiply(a).add(torsion) : BASE.multiply(a)).toBytes();
        const encodedR = (isRMixed ? BASE.multiply(r).add(torsion) : BASE.multiply(r)).toBytes();
        const s = Fn.create(r + challenge(encodedR, key, message) * a);
        const signature = Uint8Array.of(...encodedR, ...littleEndian(s));
        expect(verifySignature(signature, message, key)).toBe(true);
        if (!nativeSays(signature, message, key)) decidedByNoble++;
        expect(verifySignature(signature, Uint8Array.of(...message, 0), key)).toBe(false);
      }
    }
    expect(decidedByNoble).toBeGreaterThan(20);
  });

  test("is what both judges together say, whatever comes in", () => {
    const point = fc.oneof(
      bytes32,
      fc.constantFrom(...smallOrderKeys),
      fc.integer({ min: 1, max: 50 }).map((factor) => BASE.multiply(BigInt(factor)).toBytes()),
      // y from p to 2^255 - 1, with either sign: the non-canonical encodings.
      fc
        .tuple(fc.integer({ min: 0xed, max: 0xff }), fc.boolean())
        .map(([low, sign]) => Uint8Array.of(low, ...new Uint8Array(30).fill(0xff), sign ? 0xff : 0x7f)),
    );
    const scalar = fc.oneof(
      bytes32,
      fc.constantFrom(0n, 1n, 8n, L - 1n, L, L + 1n, (1n << 253n) - 1n).map(littleEndian),
    );
    fc.assert(
      fc.property(point, point, scalar, fc.uint8Array({ maxLength: 4 }), (key, r, s, message) => {
        const signature = Uint8Array.of(...r, ...s);
        const expected = nobleSays(signature, message, key);
        expect(verifySignature(signature, message, key)).toBe(expected);
        if (nativeSays(signature, message, key)) expect(expected).toBe(true);
      }),
      { numRuns: 150 },
    );
  });
});
