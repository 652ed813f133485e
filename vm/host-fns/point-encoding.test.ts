import { bls12_381 } from "@noble/curves/bls12-381.js";
import { ed25519 } from "@noble/curves/ed25519.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { describe, expect, test } from "vitest";
import { callHostFunction } from "../../test/support/host-function.ts";
import { decodePoint } from "./point-encoding.ts";

const bytes = new Uint8Array(32);

function throwing(error: unknown) {
  return {
    fromBytes(): never {
      throw error;
    },
  };
}

test("bytes that encode a point give it, and a plain error means that they encode none", () => {
  expect(decodePoint({ fromBytes: (given) => given }, bytes)).toBe(bytes);
  expect(decodePoint(throwing(new Error("bad point")), bytes)).toBeNull();
});

test("every other error is our fault and goes on", () => {
  for (const error of [new RangeError("stack"), new TypeError("type"), new (class extends Error {})(), "text", null]) {
    expect(() => decodePoint(throwing(error), bytes)).toThrow();
  }
});

describe("at the end of the stack a signature that holds is never taken for one that does not:", () => {
  const secret = new Uint8Array(32).fill(3);
  const digest = new Uint8Array(32).fill(4);
  const tag = "BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";
  const blsKey = bls12_381.longSignatures.getPublicKey(secret).toBytes();
  const blsSignature = bls12_381.longSignatures.sign(bls12_381.longSignatures.hash(digest, tag), secret).toBytes();
  const secpKey = secp256k1.getPublicKey(secret);
  const checks: Record<string, () => number> = {
    ed25519_verify: () =>
      callHostFunction("ed25519_verify", digest, 32, ed25519.sign(digest, secret), ed25519.getPublicKey(secret)).result,
    secp256k1_verify: () =>
      callHostFunction("secp256k1_verify", digest, secp256k1.sign(digest, secret, { prehash: false }), secpKey, 33)
        .result,
    bls12_381_fast_aggregate_verify: () =>
      callHostFunction("bls12_381_fast_aggregate_verify", blsKey, 1, digest, 32, blsSignature).result,
  };
  for (const [name, check] of Object.entries(checks)) {
    test(name, () => {
      expect(check()).toBe(1);
      const seen = new Set<number | "overflow">();
      // Overflows, and then tries on each frame on the way back until there is room enough.
      const dive = (): void => {
        try {
          dive();
        } catch (error) {
          if (!(error instanceof RangeError)) throw error;
          try {
            seen.add(check());
          } catch (inner) {
            if (!(inner instanceof RangeError)) throw inner;
            seen.add("overflow");
            throw inner;
          }
        }
      };
      dive();
      expect([...seen].sort()).toEqual([1, "overflow"]);
    });
  }
});
