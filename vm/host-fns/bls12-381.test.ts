import { randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import { FpIsSquare } from "@noble/curves/abstract/modular.js";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { describe, expect, test } from "vitest";
import {
  callFromContract,
  callHostFunction,
  type HostArgument,
  OUT,
  untouched,
} from "../../test/support/host-function.ts";
import { bytes, encode, vec } from "../borsh.ts";
import { hostPrices } from "../metering/schedule.ts";

interface Signed {
  readonly name: string;
  readonly publicKeys: readonly string[];
  readonly message: string;
  readonly signature: string;
  readonly valid: boolean;
}

interface Vectors {
  readonly g1Add: readonly { name: string; a: string; b: string; sum: string | null }[];
  readonly g2Add: Vectors["g1Add"];
  readonly g1Mul: readonly { name: string; point: string; scalar: string; product: string }[];
  readonly g2Mul: Vectors["g1Mul"];
  readonly g1Msm: readonly { name: string; points: string[]; scalars: string[]; sum: string }[];
  readonly pairing: readonly { name: string; g1: string[]; g2: string[]; holds: boolean }[];
  readonly hashToG1: readonly { message: string; tag: string; point: string }[];
  readonly hashToG2: Vectors["hashToG1"];
  readonly aggregateVerify: readonly (Omit<Signed, "message"> & { messages: string[] })[];
  readonly fastAggregateVerify: readonly Signed[];
  readonly wycheproof: readonly Signed[];
}

const vectors: Vectors = JSON.parse(
  readFileSync(new URL("../../test/vectors/crypto/bls12-381.json", import.meta.url), "utf8"),
);

const hex = (text: string) => Uint8Array.from(Buffer.from(text, "hex"));
const toHex = (value: Uint8Array) => Buffer.from(value).toString("hex");
const join = (parts: readonly Uint8Array[]) => Uint8Array.from(Buffer.concat(parts));
const bigEndian = (value: bigint, size: number) => hex(value.toString(16).padStart(2 * size, "0"));
const number = (value: Uint8Array) => BigInt(`0x${toHex(value)}`);

const G1 = bls12_381.G1.Point;
const G2 = bls12_381.G2.Point;
const { Fp, Fp2 } = bls12_381.fields;
const r = G1.Fn.ORDER;
const p = Fp.ORDER;

type Group = "g1" | "g2";
const sizes = { g1: 48, g2: 96 } as const;
const generators = { g1: G1.BASE.toBytes(), g2: G2.BASE.toBytes() };
const identities = { g1: hex(`c0${"00".repeat(47)}`), g2: hex(`c0${"00".repeat(95)}`) };
const scalar = (value: bigint) => bigEndian(value, 32);

/** The point that a function wrote, or null when it refused and wrote nothing. */
function pointOf(size: number, name: string, ...args: readonly HostArgument[]): string | null {
  const { result, out } = callHostFunction(name, ...args, OUT);
  const written = result === 1 ? size : 0;
  expect(out.subarray(written), `${name} writes no more than a point`).toEqual(untouched.subarray(written));
  return result === 1 ? toHex(out.subarray(0, size)) : null;
}

const add = (group: Group, a: Uint8Array, b: Uint8Array) => pointOf(sizes[group], `bls12_381_${group}_add`, a, b);
const multiply = (group: Group, point: Uint8Array, factor: Uint8Array) =>
  pointOf(sizes[group], `bls12_381_${group}_mul`, point, factor);
const msm = (group: Group, points: readonly Uint8Array[], factors: readonly Uint8Array[]) =>
  pointOf(sizes[group], `bls12_381_${group}_msm`, join(points), join(factors), points.length);
const pairingCheck = (lefts: readonly Uint8Array[], rights: readonly Uint8Array[]) =>
  callHostFunction("bls12_381_pairing_check", join(lefts), join(rights), lefts.length).result;

const messagesCodec = vec(bytes, 1_000);
function aggregateVerify(keys: readonly Uint8Array[], messages: readonly Uint8Array[], signature: Uint8Array): number {
  const list = encode(messagesCodec, [...messages]);
  return callHostFunction("bls12_381_aggregate_verify", join(keys), keys.length, list, list.length, signature).result;
}
const fastAggregateVerify = (keys: readonly Uint8Array[], message: Uint8Array, signature: Uint8Array) =>
  callHostFunction("bls12_381_fast_aggregate_verify", join(keys), keys.length, message, message.length, signature)
    .result;

function hashTo(group: Group, message: Uint8Array, tag: Uint8Array): string {
  const name = `bls12_381_hash_to_${group}`;
  const { out } = callHostFunction(name, message, message.length, tag, tag.length, OUT);
  expect(out.subarray(sizes[group])).toEqual(untouched.subarray(sizes[group]));
  return toHex(out.subarray(0, sizes[group]));
}

describe.each(["g1", "g2"] as const)("published vectors of %s:", (group) => {
  test("sums", () => {
    for (const { name, a, b, sum } of vectors[`${group}Add`]) expect(add(group, hex(a), hex(b)), name).toBe(sum);
  });

  test("products, also with factors above the group's order", () => {
    for (const { name, point, scalar: factor, product } of vectors[`${group}Mul`]) {
      expect(multiply(group, hex(point), hex(factor)), name).toBe(product);
    }
  });

  test("RFC 9380", () => {
    const cases = vectors[group === "g1" ? "hashToG1" : "hashToG2"];
    expect(cases).toHaveLength(5);
    for (const { message, tag, point } of cases) {
      expect(hashTo(group, Buffer.from(message), Buffer.from(tag)), message).toBe(point);
    }
  });
});

test("published sums of products in G1", () => {
  for (const { name, points, scalars, sum } of vectors.g1Msm) {
    expect(msm("g1", points.map(hex), scalars.map(hex)), name).toBe(sum);
  }
});

test("published products in G2 add up to the sum of products", () => {
  const cases = vectors.g2Mul;
  const total = cases.map(({ product }) => hex(product)).reduce((sum, product) => hex(add("g2", sum, product)!));
  const points = cases.map(({ point }) => hex(point));
  const factors = cases.map(({ scalar: factor }) => hex(factor));
  expect(msm("g2", points, factors)).toBe(toHex(total));
});

test("published pairings, with points outside the field or the subgroup refused", () => {
  for (const { name, g1, g2, holds } of vectors.pairing) {
    expect(pairingCheck(g1.map(hex), g2.map(hex)), name).toBe(holds ? 1 : 0);
  }
});

test("signatures of Ethereum's tests", () => {
  for (const { name, publicKeys, messages, signature, valid } of vectors.aggregateVerify) {
    expect(aggregateVerify(publicKeys.map(hex), messages.map(hex), hex(signature)), name).toBe(valid ? 1 : 0);
  }
  for (const { name, publicKeys, message, signature, valid } of vectors.fastAggregateVerify) {
    expect(fastAggregateVerify(publicKeys.map(hex), hex(message), hex(signature)), name).toBe(valid ? 1 : 0);
  }
});

test("signatures of Project Wycheproof, whichever function checks them", () => {
  for (const { name, publicKeys, message, signature, valid } of vectors.wycheproof) {
    const expected = valid ? 1 : 0;
    expect(fastAggregateVerify(publicKeys.map(hex), hex(message), hex(signature)), name).toBe(expected);
    expect(aggregateVerify(publicKeys.map(hex), [hex(message)], hex(signature)), name).toBe(expected);
  }
});

/** A point of the group whose first coordinate, plus p, still fits beside the flags: another spelling of the same x. */
function unreducedPoint(group: Group): Uint8Array {
  for (let factor = 1n; ; factor++) {
    const point = hex(multiply(group, generators[group], scalar(factor))!);
    const head = point[0]! & 0xe0;
    const x = number(Uint8Array.of(point[0]! & 0x1f, ...point.subarray(1, 48)));
    if (x + p >= 2n ** 381n) continue;
    const unreduced = join([bigEndian(x + p, 48), point.subarray(48)]);
    unreduced[0]! |= head;
    return unreduced;
  }
}

/** Whether the curve has a point with this number as x; the curve of G2 is over a larger field. */
const isOnCurve = {
  g1: (x: bigint) => FpIsSquare(Fp, Fp.add(Fp.mul(Fp.sqr(x), x), 4n)),
  g2: (x: bigint) =>
    FpIsSquare(Fp2, Fp2.add(Fp2.create({ c0: Fp.mul(Fp.sqr(x), x), c1: 0n }), Fp2.create({ c0: 4n, c1: 4n }))),
};

/** On the curve, and not in the subgroup: the first is the point of order 3 in G1's curve. */
function strayPoints(group: Group): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let x = 0n; found.length < 4; x++) {
    if (!isOnCurve[group](x)) continue;
    const encoded = new Uint8Array(sizes[group]);
    encoded.set(bigEndian(x, 48), sizes[group] - 48);
    encoded[0]! |= found.length % 2 === 0 ? 0x80 : 0xa0;
    found.push(encoded);
  }
  return found;
}
function badEncodings(group: Group): [string, Uint8Array][] {
  const size = sizes[group];
  const generator = generators[group];
  const identity = identities[group];
  const changed = (point: Uint8Array, at: number, byte: number) => {
    const copy = point.slice();
    copy[at] = byte;
    return copy;
  };
  const bad: [string, Uint8Array][] = [
    ["zeros", new Uint8Array(size)],
    ["ones", new Uint8Array(size).fill(255)],
    ["the generator as an uncompressed point", changed(generator, 0, generator[0]! & 0x7f)],
    ["the generator with the flag of the identity", changed(generator, 0, generator[0]! | 0x40)],
    ["a first coordinate of x + p", unreducedPoint(group)],
    ["a first coordinate of p", join([changed(bigEndian(p, 48), 0, 0x80 | Number(p >> 376n)), new Uint8Array(size - 48)])],
  ];
  for (const flags of [0x00, 0x20, 0x40, 0x60, 0xa0, 0xe0]) {
    bad.push([`the identity under flags ${flags.toString(16)}`, changed(identity, 0, flags)]);
  }
  bad.push(["the identity with a bit beside the flags", changed(identity, 0, 0xc1)]);
  for (let at = 1; at < size; at += 19) bad.push([`the identity with a rest at ${at}`, changed(identity, at, 1)]);
  bad.push(["the identity with a rest at its end", changed(identity, size - 1, 0x80)]);
  for (const [i, point] of strayPoints(group).entries()) bad.push([`a point outside the subgroup, ${i}`, point]);
  if (group === "g2") {
    const last = generator.slice();
    last.set(bigEndian(p, 48), 48);
    bad.push(["a second coordinate of p", last]);
  }
  // Neighbours of the generator; roughly every second x is on no curve.
  for (let i = 1; i <= 6; i++) bad.push([`a neighbour of the generator, ${i}`, changed(generator, size - 1, generator[size - 1]! ^ i)]);
  return bad;
} // biome-ignore format: a table

describe.each(["g1", "g2"] as const)("a point of %s", (group) => {
  test("is taken in one encoding only", () => {
    const size = sizes[group];
    expect(add(group, identities[group], identities[group])).toBe(toHex(identities[group]));
    expect(add(group, generators[group], identities[group])).toBe(toHex(generators[group]));
    const other = generators[group].slice();
    other[0]! ^= 0x20;
    expect(add(group, generators[group], other), "the other y").toBe(toHex(identities[group]));
    for (const [name, point] of badEncodings(group)) {
      expect(point.length, name).toBe(size);
      expect(multiply(group, point, scalar(1n)), name).toBeNull();
    }
  });

  test("is taken only if it is what would be written for it, whichever bits are turned over", () => {
    const seed = randomInt(2 ** 32);
    let random = seed;
    const below = (limit: number) => {
      random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((random / 2 ** 32) * limit);
    };
    let taken = 0;
    for (let i = 0; i < 120; i++) {
      const point = hex(multiply(group, generators[group], scalar(BigInt(i % 5)))!);
      for (let flips = below(3); flips > 0; flips--) {
        const bit = below(2) === 0 ? below(8) : below(8 * point.length);
        point[bit >> 3]! ^= 0x80 >> (bit & 7);
      }
      const again = add(group, point, identities[group]);
      if (again === null) continue;
      taken++;
      expect(again, `seed ${seed}`).toBe(toHex(point));
    }
    expect(taken).toBeGreaterThan(20);
    expect(taken).toBeLessThan(100);
  });

  test("is refused wherever it stands, and then nothing is written", () => {
    const good = generators[group];
    const bad = [strayPoints(group)[0]!, new Uint8Array(sizes[group]), unreducedPoint(group)];
    for (const point of bad) {
      expect(add(group, point, good)).toBeNull();
      expect(add(group, good, point)).toBeNull();
      expect(multiply(group, point, scalar(0n))).toBeNull();
      expect(msm(group, [good, good, point], [scalar(1n), scalar(1n), scalar(0n)])).toBeNull();
      const lefts = group === "g1" ? [point] : [identities.g1];
      const rights = group === "g2" ? [point] : [identities.g2];
      expect(pairingCheck(lefts, rights)).toBe(0);
      const { publicKeys, message, signature } = vectors.wycheproof.find(({ valid }) => valid)!;
      const keys = [...publicKeys.map(hex), ...(group === "g1" ? [point] : [])];
      const sum = group === "g2" ? point : hex(signature);
      expect(fastAggregateVerify(keys, hex(message), sum)).toBe(0);
      expect(aggregateVerify(keys, keys.map(() => hex(message)), sum)).toBe(0);
    }
  }); // biome-ignore format: reads as a list

  test("is what the library writes, for every sign and many scalars", () => {
    const Point = group === "g1" ? G1 : G2;
    for (let i = 0n; i < 6n; i++) {
      const factor = (r / 3n) * i + i;
      const expected = toHex(Point.BASE.multiplyUnsafe(factor % r).toBytes());
      expect(multiply(group, generators[group], scalar(factor))).toBe(expected);
    }
  });

  test("times a scalar obeys the laws of a module over the integers modulo r", () => {
    const g = generators[group];
    expect(multiply(group, g, scalar(0n))).toBe(toHex(identities[group]));
    expect(multiply(group, g, scalar(r))).toBe(toHex(identities[group]));
    expect(multiply(group, g, scalar(r + 5n))).toBe(multiply(group, g, scalar(5n)));
    const largest = new Uint8Array(32).fill(255);
    expect(multiply(group, g, largest)).toBe(multiply(group, g, scalar((2n ** 256n - 1n) % r)));
    const [a, b] = [hex(multiply(group, g, scalar(r - 3n))!), hex(multiply(group, g, scalar(1n << 200n))!)];
    expect(add(group, a, b)).toBe(add(group, b, a));
    expect(add(group, a, b)).toBe(multiply(group, g, scalar((1n << 200n) - 3n)));
    expect(add(group, a, a)).toBe(multiply(group, a, scalar(2n)));
    expect(msm(group, [a, b, identities[group]], [scalar(7n), largest, scalar(9n)])).toBe(
      add(group, hex(multiply(group, a, scalar(7n))!), hex(multiply(group, b, largest)!)),
    );
    expect(msm(group, [a, a], [scalar(4n), scalar(r - 4n)])).toBe(toHex(identities[group]));
  });

  test("is not needed for a sum of none, which is the identity", () => {
    expect(msm(group, [], [])).toBe(toHex(identities[group]));
  });
});

describe("a product of pairings", () => {
  const [g1, g2] = [generators.g1, generators.g2];
  const times = (group: Group, factor: bigint) => hex(multiply(group, generators[group], scalar(factor))!);

  test("of none is one, and of the identity with anything too", () => {
    expect(pairingCheck([], [])).toBe(1);
    expect(pairingCheck([identities.g1, g1], [g2, identities.g2])).toBe(1);
    expect(pairingCheck([g1], [g2])).toBe(0);
  });

  test("is bilinear: e(aP, bQ) e(-abP, Q) is one, and no other factor makes it so", () => {
    expect(pairingCheck([times("g1", 6n), times("g1", r - 42n)], [times("g2", 7n), g2])).toBe(1);
    expect(pairingCheck([times("g1", 6n), times("g1", r - 41n)], [times("g2", 7n), g2])).toBe(0);
  });
});

describe("a signature", () => {
  const tag = new TextEncoder().encode("BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_");
  const secrets = [5n, 123_456_789n, r - 2n];
  const keys = secrets.map((secret) => G1.BASE.multiplyUnsafe(secret).toBytes());
  const message = Buffer.from("message");
  const signBy = (secret: bigint, text: Uint8Array) =>
    bls12_381.G2.hashToCurve(text, { DST: tag }).multiplyUnsafe(secret % r);
  const all = secrets.reduce((sum, secret) => sum + secret, 0n);

  test("of all keys over one message is FastAggregateVerify's, and AggregateVerify's of the message repeated", () => {
    const signature = signBy(all, message).toBytes();
    expect(fastAggregateVerify(keys, message, signature)).toBe(1);
    expect(aggregateVerify(keys, [message, message, message], signature)).toBe(1);
    expect(fastAggregateVerify(keys.slice(1), message, signature)).toBe(0);
    expect(fastAggregateVerify(keys, Buffer.from("massage"), signature)).toBe(0);
    expect(fastAggregateVerify([keys[0]!, keys[0]!, keys[0]!], message, signBy(15n, message).toBytes())).toBe(1);
  });

  test("of each key over its own message holds in that order only", () => {
    const texts = [Buffer.from("a"), Buffer.alloc(0), Buffer.alloc(5_000, "c")];
    const parts = secrets.map((secret, i) => signBy(secret, texts[i]!));
    const signature = parts.reduce((sum, part) => sum.add(part)).toBytes();
    expect(aggregateVerify(keys, texts, signature)).toBe(1);
    expect(aggregateVerify(keys, [...texts].reverse(), signature)).toBe(0);
    expect(aggregateVerify(keys.slice(0, 2), texts.slice(0, 2), signature)).toBe(0);
  });

  test("under another tag does not count", () => {
    const foreign = bls12_381.G2.hashToCurve(message, { DST: "BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_NUL_" });
    expect(fastAggregateVerify([keys[0]!], message, foreign.multiplyUnsafe(5n).toBytes())).toBe(0);
  });

  test("of nobody, of the identity, or of keys that cancel out does not count", () => {
    const [key] = keys;
    const negated = G1.BASE.multiplyUnsafe(r - 5n).toBytes();
    expect(fastAggregateVerify([], message, identities.g2)).toBe(0);
    expect(aggregateVerify([], [], identities.g2)).toBe(0);
    expect(fastAggregateVerify([identities.g1], message, identities.g2)).toBe(0);
    expect(aggregateVerify([identities.g1], [message], identities.g2)).toBe(0);
    expect(fastAggregateVerify([key!, identities.g1], message, signBy(5n, message).toBytes())).toBe(0);
    expect(fastAggregateVerify([key!, negated], message, identities.g2)).toBe(0);
    expect(fastAggregateVerify([key!], message, identities.g2)).toBe(0);
  });

  test("that is the identity counts where two keys cancel out message by message, as the draft has it", () => {
    const negated = G1.BASE.multiplyUnsafe(r - 5n).toBytes();
    expect(aggregateVerify([keys[0]!, negated], [message, message], identities.g2)).toBe(1);
    expect(aggregateVerify([keys[0]!, negated], [message, Buffer.from("other")], identities.g2)).toBe(0);
  });
});

describe("what the caller gets wrong halts with BadHostArgument:", () => {
  const room = new Uint8Array(60_000);
  const noMessages = Uint8Array.of(0, 0, 0, 0);
  const oneMessage = Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0, 7, 8);
  const signature = generators.g2;
  const calls: [string, string, ...HostArgument[]][] = [
    ["an empty tag", "bls12_381_hash_to_g1", room, 1, room, 0, OUT],
    ["an empty tag", "bls12_381_hash_to_g2", room, 1, room, 0, OUT],
    ["a tag of 256 bytes", "bls12_381_hash_to_g1", room, 1, room, 256, OUT],
    ["a tag of 256 bytes", "bls12_381_hash_to_g2", room, 1, room, 256, OUT],
    ["257 points", "bls12_381_g1_msm", room, room, 257, OUT],
    ["257 points", "bls12_381_g2_msm", room, room, 257, OUT],
    ["2^32 - 1 points", "bls12_381_g1_msm", room, room, -1, OUT],
    ["257 pairs", "bls12_381_pairing_check", room, room, 257],
    ["257 keys", "bls12_381_aggregate_verify", room, 257, noMessages, 4, signature],
    ["257 keys", "bls12_381_fast_aggregate_verify", room, 257, room, 1, signature],
    ["a list that ends early", "bls12_381_aggregate_verify", generators.g1, 1, oneMessage, 9, signature],
    [
      "bytes after the list",
      "bls12_381_aggregate_verify",
      generators.g1,
      0,
      Uint8Array.of(0, 0, 0, 0, 0),
      5,
      signature,
    ],
    ["no list at all", "bls12_381_aggregate_verify", generators.g1, 0, noMessages, 0, signature],
    ["a list longer than its bytes", "bls12_381_aggregate_verify", room, 1, new Uint8Array(8).fill(255), 8, signature],
    ["fewer messages than keys", "bls12_381_aggregate_verify", room, 2, oneMessage, 10, signature],
    ["more messages than keys", "bls12_381_aggregate_verify", room, 0, oneMessage, 10, signature],
  ];
  for (const [what, name, ...args] of calls) {
    test(`${what} in ${name}`, () => {
      expect(() => callHostFunction(name, ...args)).toThrow(
        expect.objectContaining({ exit: { kind: "halt", reason: "BadHostArgument" } }),
      );
      expect(callFromContract("jit", name, ...args).outcome).toEqual({ kind: "halt", reason: "BadHostArgument" });
    });
  } // biome-ignore format: a table

  test("and the longest tag is taken", () => {
    const tag = new Uint8Array(255).fill(7);
    expect(hashTo("g1", room, tag)).toBe(toHex(bls12_381.G1.hashToCurve(room, { DST: tag }).toBytes()));
  });
});

test("gas follows from counts and lengths alone", () => {
  const zeros = new Uint8Array(48 * 256);
  for (const count of [0, 1, 256]) {
    for (const name of ["bls12_381_g1_msm", "bls12_381_pairing_check"] as const) {
      const rest: HostArgument[] = name === "bls12_381_g1_msm" ? [OUT] : [];
      const { base, perItem } = hostPrices[name];
      expect(callHostFunction(name, zeros, new Uint8Array(96 * 256), count, ...rest).gas).toBe(base + perItem * count);
    }
  }
  const { base, perByte, perItem } = hostPrices.bls12_381_fast_aggregate_verify;
  const call = callHostFunction("bls12_381_fast_aggregate_verify", zeros, 3, zeros, 100, new Uint8Array(96));
  expect(call).toMatchObject({ result: 0, gas: base + perByte * 100 + perItem * 3 });
});

describe("from a contract, both engines give what the function gives alone:", () => {
  const { publicKeys, message, signature } = vectors.wycheproof.find(({ valid }) => valid)!;
  const [key, text, signed] = [hex(publicKeys[0]!), hex(message), hex(signature)];
  const list = encode(messagesCodec, [text]);
  const { g1, g2 } = generators;
  const [noG1, noG2] = [new Uint8Array(48), new Uint8Array(96)];
  const two = scalar(2n);
  const calls: [string, ...HostArgument[]][] = [
    ["bls12_381_g1_add", g1, g1, OUT],
    ["bls12_381_g1_add", g1, noG1, OUT],
    ["bls12_381_g2_add", g2, g2, OUT],
    ["bls12_381_g2_add", noG2, g2, OUT],
    ["bls12_381_g1_mul", g1, two, OUT],
    ["bls12_381_g1_mul", noG1, two, OUT],
    ["bls12_381_g2_mul", g2, two, OUT],
    ["bls12_381_g2_mul", noG2, two, OUT],
    ["bls12_381_g1_msm", g1, two, 1, OUT],
    ["bls12_381_g1_msm", noG1, two, 1, OUT],
    ["bls12_381_g2_msm", g2, two, 1, OUT],
    ["bls12_381_g2_msm", noG2, two, 1, OUT],
    ["bls12_381_hash_to_g1", text, text.length, text, 1, OUT],
    ["bls12_381_hash_to_g2", text, text.length, text, 1, OUT],
    ["bls12_381_pairing_check", join([g1, G1.BASE.negate().toBytes()]), join([g2, g2]), 2],
    ["bls12_381_pairing_check", g1, g2, 1],
    ["bls12_381_aggregate_verify", key, 1, list, list.length, signed],
    ["bls12_381_aggregate_verify", key, 1, list, list.length, g2],
    ["bls12_381_fast_aggregate_verify", key, 1, text, text.length, signed],
    ["bls12_381_fast_aggregate_verify", key, 1, text, text.length, noG2],
  ];
  for (const call of calls) {
    test(`${call[0]} ${callHostFunction(...call).result}`, () => {
      const direct = callHostFunction(...call);
      const jit = callFromContract("jit", ...call);
      expect({ result: jit.result, out: jit.out }).toEqual({ result: direct.result, out: direct.out });
      expect(callFromContract("interpreter", ...call)).toEqual(jit);
    });
  }
});
