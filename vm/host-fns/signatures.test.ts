import { createHash, generateKeyPairSync, type KeyObject, randomBytes, randomInt, sign, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { ed25519 } from "@noble/curves/ed25519.js";
import { p256 } from "@noble/curves/nist.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { describe, expect, test } from "vitest";
import { callFromContract, callHostFunction, OUT, untouched } from "../../test/support/host-function.ts";
import { hostPrices } from "../metering/schedule.ts";

function readVectors<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../../test/vectors/crypto/${name}.json`, import.meta.url), "utf8")) as T;
}

const hex = (text: string) => Uint8Array.from(Buffer.from(text, "hex"));
const toHex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const number = (bytes: Uint8Array) => BigInt(`0x${toHex(bytes)}`);
const bigEndian = (value: bigint) => hex(value.toString(16).padStart(64, "0"));
const littleEndian = (value: bigint) => bigEndian(value).reverse();
const join = (...parts: readonly Uint8Array[]) => Uint8Array.from(Buffer.concat(parts));
const sha256 = (message: Uint8Array) => Uint8Array.from(createHash("sha256").update(message).digest());

/** The bytes with one bit turned over. */
function flip(bytes: Uint8Array, bit: number): Uint8Array {
  const changed = bytes.slice();
  changed[bit >> 3]! ^= 1 << (bit & 7);
  return changed;
}

describe("ed25519_verify", () => {
  interface Case {
    readonly publicKey: string;
    readonly message: string;
    readonly signature: string;
    readonly valid: boolean;
    /** Set where ZIP-215 takes what RFC 8032 refuses. */
    readonly zip215?: true;
  }
  const vectors = readVectors<{ rfc8032: Case[]; wycheproof: Case[]; zip215: Pick<Case, "signature" | "publicKey">[] }>(
    "ed25519",
  );
  const check = (message: Uint8Array, signature: Uint8Array, publicKey: Uint8Array) =>
    callHostFunction("ed25519_verify", message, message.length, signature, publicKey).result;
  const order = ed25519.Point.Fn.ORDER;

  test("takes the signatures of RFC 8032, and none with a bit turned over", () => {
    for (const { message, signature, publicKey } of vectors.rfc8032) {
      const [m, s, k] = [hex(message), hex(signature), hex(publicKey)];
      expect(check(m, s, k)).toBe(1);
      for (let bit = 0; bit < 512; bit += 41) expect(check(m, flip(s, bit), k), `signature bit ${bit}`).toBe(0);
      for (let bit = 0; bit < 256; bit += 41) expect(check(m, s, flip(k, bit)), `key bit ${bit}`).toBe(0);
      expect(check(join(m, Uint8Array.of(0)), s, k)).toBe(0);
    }
  });

  test("takes and refuses what Project Wycheproof says, but for one R that only ZIP-215 takes", () => {
    for (const { message, signature, publicKey, valid, zip215 = false } of vectors.wycheproof) {
      expect(check(hex(message), hex(signature), hex(publicKey)), signature).toBe(valid || zip215 ? 1 : 0);
    }
  });

  test("takes all 196 encodings of small order, as ZIP-215 asks, with s = 0 and no other s", () => {
    expect(vectors.zip215).toHaveLength(196);
    const zcash = Buffer.from("Zcash");
    for (const { signature, publicKey } of vectors.zip215) {
      expect(check(zcash, hex(signature), hex(publicKey)), `${publicKey} ${signature}`).toBe(1);
    }
    const { signature, publicKey } = vectors.zip215[0]!;
    const r = hex(signature).subarray(0, 32);
    for (const s of [1n, order - 1n, order, order * 8n, 2n ** 256n - 1n]) {
      expect(check(zcash, join(r, littleEndian(s)), hex(publicKey)), `s = ${s}`).toBe(0);
    }
  });

  test("refuses s + L, the second spelling of s", () => {
    const { message, signature, publicKey } = vectors.rfc8032[1]!;
    const s = number(hex(signature).subarray(32).reverse());
    const second = join(hex(signature).subarray(0, 32), littleEndian(s + order));
    expect(check(hex(message), second, hex(publicKey))).toBe(0);
  });

  test("refuses each y that is on no point, as key and as R", () => {
    const { message, signature, publicKey } = vectors.rfc8032[0]!;
    let offCurve = 0;
    for (let y = 0n; y < 32n; y++) {
      const encoded = littleEndian(y);
      if (ed25519.utils.isValidPublicKey(encoded, true)) continue;
      offCurve++;
      expect(check(hex(message), hex(signature), encoded)).toBe(0);
      expect(check(hex(message), join(encoded, hex(signature).subarray(32)), hex(publicKey))).toBe(0);
    }
    expect(offCurve).toBeGreaterThan(8);
  });

  test("takes what OpenSSL takes, and decides damaged input as the library's own ZIP-215 does", () => {
    const seed = randomInt(2 ** 32);
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const key = hex(toHex(publicKey.export({ format: "der", type: "spki" }).subarray(-32)));
    for (let i = 0; i < 40; i++) {
      const message = randomBytes((seed + i * 7) % 300);
      const signature = Uint8Array.from(sign(null, message, privateKey));
      expect(verify(null, message, publicKey, signature)).toBe(true);
      expect(check(message, signature, key)).toBe(1);
      const damaged = flip(signature, (seed + i * 13) % 512);
      const expected = ed25519.verify(damaged, message, key, { zip215: true }) ? 1 : 0;
      expect(check(message, damaged, key), `seed ${seed}, ${toHex(message)} ${toHex(damaged)} ${toHex(key)}`).toBe(
        expected,
      );
    }
  });

  test("pays by the message's length and not by what the bytes are", () => {
    const { base, perByte } = hostPrices.ed25519_verify;
    const { message, signature, publicKey } = vectors.rfc8032[1]!;
    for (const bytes of [hex(signature), new Uint8Array(64), new Uint8Array(64).fill(255)]) {
      const { gas } = callHostFunction("ed25519_verify", hex(message), 1, bytes, hex(publicKey));
      expect(gas).toBe(base + perByte);
    }
  });
});

interface KeyVectors {
  readonly publicKey: string;
  readonly tests: readonly [message: string, signature: string, valid: boolean][];
}

const curves = [
  { name: "secp256k1", openssl: "secp256k1", curve: secp256k1, takesHighS: false },
  { name: "p256", openssl: "prime256v1", curve: p256, takesHighS: true },
] as const;

const compress = (key: Uint8Array) => join(Uint8Array.of(2 + (key[64]! & 1)), key.subarray(1, 33));

/** With the smaller of s and n - s. */
function withLowS(signature: Uint8Array, order: bigint): Uint8Array {
  const s = number(signature.subarray(32));
  return join(signature.subarray(0, 32), bigEndian(s > order / 2n ? order - s : s));
}

describe.each(curves)("$name_verify", ({ name, openssl, curve, takesHighS }) => {
  const { keys } = readVectors<{ keys: KeyVectors[] }>(name);
  const { Fn, Fp } = curve.Point;
  const order = Fn.ORDER;
  const check = (hash: Uint8Array, signature: Uint8Array, key: Uint8Array, keyLength = key.length) =>
    callHostFunction(`${name}_verify`, hash, signature, key, keyLength).result;

  test("takes and refuses what Project Wycheproof says, with both forms of the key", () => {
    let count = 0;
    for (const { publicKey, tests } of keys) {
      const key = hex(publicKey);
      for (const [message, signature, valid] of tests) {
        const isHigh = number(hex(signature).subarray(32)) > order / 2n;
        const expected = valid && (takesHighS || !isHigh) ? 1 : 0;
        const hash = sha256(hex(message));
        expect(check(hash, hex(signature), key), `${message} ${signature}`).toBe(expected);
        if (count++ % 4 === 0) expect(check(hash, hex(signature), compress(key)), signature).toBe(expected);
      }
    }
    expect(count).toBeGreaterThan(200);
  });

  test(`${takesHighS ? "takes" : "refuses"} the same signature with the higher s`, () => {
    const taken = keys.flatMap(({ publicKey, tests }) =>
      tests.filter(([, , valid]) => valid).map(([message, signature]) => ({ publicKey, message, signature })),
    );
    for (const { publicKey, message, signature } of taken.slice(0, 20)) {
      const low = withLowS(hex(signature), order);
      const high = join(low.subarray(0, 32), bigEndian(order - number(low.subarray(32))));
      expect(check(sha256(hex(message)), low, hex(publicKey))).toBe(1);
      expect(check(sha256(hex(message)), high, hex(publicKey))).toBe(takesHighS ? 1 : 0);
    }
  });

  const sampleKey = hex(keys[0]!.publicKey);
  const [sampleMessage, sampleSignature] = keys[0]!.tests.find(([, , valid]) => valid)!;
  const sampleHash = sha256(hex(sampleMessage));
  const sample = withLowS(hex(sampleSignature), order);
  const r = sample.subarray(0, 32);
  const s = sample.subarray(32);

  test("refuses r and s outside 1 to n - 1", () => {
    expect(check(sampleHash, sample, sampleKey)).toBe(1);
    for (const value of [0n, order, order + 1n, order + number(s), 2n ** 256n - 1n]) {
      expect(check(sampleHash, join(r, bigEndian(value % 2n ** 256n)), sampleKey), `s = ${value}`).toBe(0);
    }
    for (const value of [0n, order, order + 1n, 2n ** 256n - 1n]) {
      expect(check(sampleHash, join(bigEndian(value), s), sampleKey), `r = ${value}`).toBe(0);
    }
  });

  test("refuses keys that SEC 1 does not know, and keys off the curve", () => {
    const x = sampleKey.subarray(1, 33);
    const y = sampleKey.subarray(33);
    const withHead = (head: number, ...parts: Uint8Array[]) => join(Uint8Array.of(head), ...parts);
    const parity = y[31]! & 1;
    const bad: Uint8Array[] = [
      new Uint8Array(),
      Uint8Array.of(0),
      new Uint8Array(33),
      new Uint8Array(65),
      x,
      join(x, y),
      sampleKey.subarray(0, 64),
      join(sampleKey, Uint8Array.of(0)),
      withHead(4, x),
      withHead(2, x, y),
      withHead(6 + parity, x, y),
      withHead(5, x, y),
      withHead(3 - parity, x),
      withHead(4, x, bigEndian(Fp.ORDER - number(y))),
      withHead(4, x, x),
      withHead(4, y, x),
      withHead(4, bigEndian(0n), bigEndian(0n)),
      withHead(4, bigEndian(Fp.ORDER), y),
      withHead(4, x, bigEndian(Fp.ORDER)),
      withHead(2, bigEndian(Fp.ORDER)),
      withHead(2, bigEndian(2n ** 256n - 1n)),
      ...[0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n, 9n].map((value) => withHead(2, bigEndian(value))),
    ];
    for (const key of bad) expect(check(sampleHash, sample, key), toHex(key)).toBe(0);
  });

  test("refuses a coordinate that is only equal modulo p", () => {
    // Points with x so small that x + p still fits into 32 bytes.
    let small = 0;
    for (let x = 1n; x < 40n && x + Fp.ORDER < 2n ** 256n; x++) {
      const key = join(Uint8Array.of(2), bigEndian(x));
      if (!curve.utils.isValidPublicKey(key)) continue;
      small++;
      // Any key signs something: r and s are chosen first, and the hash follows.
      const point = curve.Point.BASE.multiplyUnsafe(77n).add(curve.Point.fromBytes(key).multiplyUnsafe(5n));
      const chosenR = point.toAffine().x % order;
      const chosenS = Fn.mul(chosenR, Fn.inv(5n));
      const signature = withLowS(join(bigEndian(chosenR), bigEndian(chosenS)), order);
      const isNegated = number(signature.subarray(32)) !== chosenS;
      const hash = bigEndian(Fn.mul(77n, isNegated ? Fn.neg(number(signature.subarray(32))) : chosenS));
      expect(check(hash, signature, key)).toBe(1);
      expect(check(hash, signature, join(Uint8Array.of(2), bigEndian(x + Fp.ORDER)))).toBe(0);
      const { y } = curve.Point.fromBytes(key).toAffine();
      expect(check(hash, signature, join(Uint8Array.of(4), bigEndian(x), bigEndian(y)))).toBe(1);
      expect(check(hash, signature, join(Uint8Array.of(4), bigEndian(x + Fp.ORDER), bigEndian(y)))).toBe(0);
    }
    expect(small).toBeGreaterThan(5);
  });

  test("agrees with OpenSSL on fresh signatures, whole and damaged", () => {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: openssl });
    const key = hex(toHex(publicKey.export({ format: "der", type: "spki" }).subarray(-65)));
    const encoding = { dsaEncoding: "ieee-p1363" } as const;
    const theirs = (message: Uint8Array, signature: Uint8Array, by: KeyObject) =>
      verify("sha256", message, { key: by, ...encoding }, signature) ? 1 : 0;
    for (let i = 0; i < 25; i++) {
      const message = randomBytes(i);
      const signature = withLowS(sign("sha256", message, { key: privateKey, ...encoding }), order);
      expect(theirs(message, signature, publicKey)).toBe(1);
      expect(check(sha256(message), signature, i % 2 === 0 ? key : compress(key))).toBe(1);
      const damaged = flip(signature, randomInt(512));
      const expected = withLowS(damaged, order).every((byte, at) => byte === damaged[at]) || takesHighS;
      expect(check(sha256(message), damaged, key), `${toHex(message)} ${toHex(damaged)} ${toHex(key)}`).toBe(
        expected ? theirs(message, damaged, publicKey) : 0,
      );
    }
  });

  test("pays the same for every input, and reads no key of another length", () => {
    const { base } = hostPrices[`${name}_verify`];
    for (const [signature, length] of [[sample, 65], [sample, 0], [sample, 60_000], [new Uint8Array(64), 33]] as const) {
      expect(callHostFunction(`${name}_verify`, sampleHash, signature, sampleKey, length).gas).toBe(base);
    }
    expect(check(sampleHash, sample, sampleKey, 60_000)).toBe(0);
    expect(() => check(sampleHash, sample, sampleKey, -1)).toThrow("halt");
  }); // biome-ignore format: a table
});

describe("secp256k1_recover", () => {
  interface Recovery {
    readonly hash: string;
    readonly v: string;
    readonly signature: string;
    readonly address: string;
  }
  const { keys, ecrecover } = readVectors<{ keys: KeyVectors[]; ecrecover: Recovery[] }>("secp256k1");
  const { Fn, Fp, BASE } = secp256k1.Point;
  const order = Fn.ORDER;

  /** The key, or null; a refusal writes nothing. */
  function recover(hash: Uint8Array, signature: Uint8Array, recoveryId: number): Uint8Array | null {
    const { result, out } = callHostFunction("secp256k1_recover", hash, signature, recoveryId, OUT);
    const written = result === 1 ? 65 : 0;
    expect(out.subarray(written)).toEqual(untouched.subarray(written));
    return result === 1 ? out.slice(0, 65) : null;
  }
  const check = (hash: Uint8Array, signature: Uint8Array, key: Uint8Array) =>
    callHostFunction("secp256k1_verify", hash, signature, key, key.length).result;

  test("finds what Ethereum's precompile finds, but for the higher s", () => {
    for (const { hash, v, signature, address } of ecrecover) {
      const high = hex(signature);
      expect(recover(hex(hash), high, Number(BigInt(`0x${v}`)) - 27)).toBeNull();
      // The other s belongs to the other y of R.
      const key = recover(hex(hash), withLowS(high, order), 28 - Number(BigInt(`0x${v}`)));
      const found = key && callHostFunction("keccak256", key.subarray(1), 64, OUT).out.subarray(12, 32);
      expect(found === null ? "" : toHex(found)).toBe(address);
    }
  });

  test("finds the key of each signature that verifies, and only keys that verify", () => {
    let found = 0;
    for (const { publicKey, tests } of keys) {
      for (const [message, signature, valid] of tests) {
        const low = withLowS(hex(signature), order);
        if (!valid) continue;
        const hash = sha256(hex(message));
        const candidates = [0, 1, 2, 3].map((id) => recover(hash, low, id)).filter((key) => key !== null);
        expect(candidates.map(toHex)).toContain(publicKey);
        if (found++ % 8 === 0) for (const key of candidates) expect(check(hash, low, key)).toBe(1);
      }
    }
    expect(found).toBeGreaterThan(150);
  });

  const hash = sha256(Buffer.from("recover"));
  const sample = (r: bigint, s: bigint) => join(bigEndian(r), bigEndian(s));

  test("takes ids 2 and 3 for an x of r + n, and refuses them where that is beyond the field", () => {
    let taken = 0;
    for (let r = 1n; r < 30n; r++) {
      for (const id of [2, 3]) {
        const key = recover(hash, sample(r, 5n), id);
        if (key === null) continue;
        taken++;
        expect(check(hash, sample(r, 5n), key)).toBe(1);
      }
    }
    expect(taken).toBeGreaterThan(10);
    expect(recover(hash, sample(Fp.ORDER - order, 5n), 2)).toBeNull();
    expect(recover(hash, sample(order - 1n, 5n), 3)).toBeNull();
  });

  test("refuses every other id, r and s out of range, an x of no point, and the key at infinity", () => {
    const { x: r } = BASE.toAffine();
    expect(recover(hash, sample(r, 5n), 0)).not.toBeNull();
    for (const id of [4, 5, 27, 28, 0x7fff_ffff, -1, -4]) expect(recover(hash, sample(r, 5n), id), `${id}`).toBeNull();
    for (const s of [0n, order / 2n + 1n, order - 1n, order, 2n ** 256n - 1n]) {
      expect(recover(hash, sample(r, s), 0), `s = ${s}`).toBeNull();
    }
    expect(recover(hash, sample(r, order / 2n), 0)).not.toBeNull();
    for (const bad of [0n, order, 2n ** 256n - 1n, 5n]) expect(recover(hash, sample(bad, 5n), 0)).toBeNull();
    // R is 9G and s is h/9, so sR - hG is nothing.
    const { x, y } = BASE.multiplyUnsafe(9n).toAffine();
    const h = Fn.mul(9n, 1_234n);
    expect(recover(bigEndian(h), sample(x, 1_234n), Number(y & 1n))).toBeNull();
  });

  test("pays the same for every input", () => {
    for (const id of [0, 3, 9]) {
      expect(callHostFunction("secp256k1_recover", hash, sample(1n, 5n), id, OUT).gas).toBe(
        hostPrices.secp256k1_recover.base,
      );
    }
  });
});

describe("from a contract, both engines give what the function gives alone:", () => {
  const { rfc8032 } = readVectors<{ rfc8032: { publicKey: string; signature: string }[] }>("ed25519");
  const samples = (name: "secp256k1" | "p256") => {
    const { keys } = readVectors<{ keys: KeyVectors[] }>(name);
    const [message, signature] = keys[0]!.tests.find(([, , valid]) => valid)!;
    return [sha256(hex(message)), withLowS(hex(signature), secp256k1.Point.Fn.ORDER), hex(keys[0]!.publicKey)] as const;
  };
  const [hash, signature, key] = samples("secp256k1");
  const [hash2, , key2] = samples("p256");
  const p256Signature = hex(
    readVectors<{ keys: KeyVectors[] }>("p256").keys[0]!.tests.find(([, , valid]) => valid)![1],
  );
  const calls: [string, ...(number | Uint8Array | typeof OUT)[]][] = [
    ["ed25519_verify", new Uint8Array(), 0, hex(rfc8032[0]!.signature), hex(rfc8032[0]!.publicKey)],
    ["ed25519_verify", new Uint8Array(1), 1, hex(rfc8032[0]!.signature), hex(rfc8032[0]!.publicKey)],
    ["secp256k1_verify", hash, signature, key, 65],
    ["secp256k1_verify", hash, signature, key, 64],
    ["secp256k1_recover", hash, signature, 1, OUT],
    ["secp256k1_recover", hash, signature, 4, OUT],
    ["p256_verify", hash2, p256Signature, key2, 65],
    ["p256_verify", flip(hash2, 7), p256Signature, key2, 65],
  ];
  for (const [i, call] of calls.entries()) {
    test(`${call[0]}, ${i % 2 === 0 ? "taken" : "refused"}`, () => {
      const direct = callHostFunction(...call);
      expect(direct.result).toBe(i % 2 === 0 ? 1 : 0);
      const jit = callFromContract("jit", ...call);
      expect({ result: jit.result, out: jit.out }).toEqual({ result: direct.result, out: direct.out });
      expect(callFromContract("interpreter", ...call)).toEqual(jit);
    });
  }
});
