import { createHash, randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { callFromContract, callHostFunction, OUT, untouched } from "../../test/support/host-function.ts";
import { hostPrices } from "../metering/schedule.ts";

interface Vectors {
  readonly blake3: readonly { length: number; digest: string }[];
  readonly ripemd160: readonly { text: string; count: number; digest: string }[];
  readonly keccak256: readonly { message: string; digest: string }[];
}

const vectors: Vectors = JSON.parse(
  readFileSync(new URL("../../test/vectors/crypto/hashes.json", import.meta.url), "utf8"),
);
const digestSizes = { sha256: 32, keccak256: 32, blake3: 32, ripemd160: 20 } as const;
type HashName = keyof typeof digestSizes;
const names = Object.keys(digestSizes) as HashName[];

function digestOf(name: HashName, message: Uint8Array): string {
  const { out } = callHostFunction(name, message, message.length, OUT);
  const size = digestSizes[name];
  expect(out.subarray(size), "nothing is written behind the digest").toEqual(untouched.subarray(size));
  return Buffer.from(out.subarray(0, size)).toString("hex");
}

test("BLAKE3 gives the published digests", () => {
  for (const { length, digest } of vectors.blake3) {
    const message = Uint8Array.from({ length }, (_, i) => i % 251);
    expect(digestOf("blake3", message), `${length} bytes`).toBe(digest);
  }
});

test("RIPEMD-160 gives the published digests", () => {
  for (const { text, count, digest } of vectors.ripemd160) {
    expect(digestOf("ripemd160", Buffer.from(text.repeat(count))), text).toBe(digest);
  }
});

test("Keccak-256 gives the published digests, which are not SHA-3's", () => {
  for (const { message, digest } of vectors.keccak256) {
    expect(digestOf("keccak256", Buffer.from(message, "hex")), message).toBe(digest);
    expect(digest).not.toBe(createHash("sha3-256").update(message, "hex").digest("hex"));
  }
});

test("SHA-256 and RIPEMD-160 agree with OpenSSL on messages around every block boundary", () => {
  const seed = randomInt(2 ** 32);
  const lengths = [...Array(140).keys(), 1_000, 4_095, 4_096, 70_000];
  for (const length of lengths) {
    const message = Uint8Array.from({ length }, (_, i) => (Math.imul(i + seed, 0x9e3779b1) >>> 13) & 0xff);
    for (const [name, theirs] of [["sha256", "sha256"], ["ripemd160", "ripemd160"]] as const) {
      const expected = createHash(theirs).update(message).digest("hex");
      expect(digestOf(name, message), `${name}, ${length} bytes, seed ${seed}`).toBe(expected);
    }
  }
}); // biome-ignore format: a table

describe.each(names)("%s", (name) => {
  test("is the same on both engines as without one", () => {
    for (const message of [new Uint8Array(), Uint8Array.from({ length: 200 }, (_, i) => i)]) {
      const direct = callHostFunction(name, message, message.length, OUT);
      const jit = callFromContract("jit", name, message, message.length, OUT);
      expect(jit.out).toEqual(direct.out);
      expect(callFromContract("interpreter", name, message, message.length, OUT)).toEqual(jit);
    }
  });

  test("may write over its own input", () => {
    const apart = callHostFunction(name, untouched, 100, OUT).out;
    expect(callHostFunction(name, OUT, 100, OUT).out).toEqual(apart);
  });

  test("pays for each byte that it is asked to read", () => {
    const { base, perByte } = hostPrices[name];
    for (const length of [0, 1, 1_000]) {
      expect(callHostFunction(name, new Uint8Array(1_000), length, OUT).gas).toBe(base + perByte * length);
    }
  });
});
