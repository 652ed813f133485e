/**
 * Arguments with a meaning, so that calls get past the first checks: keys that are stored, lists of topics, amounts, names,
 * and signatures and points that are good. Each goes by the name of the parameter it is for; what has no entry is noise.
 */
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { ed25519 } from "@noble/curves/ed25519.js";
import { p256 } from "@noble/curves/nist.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { bytes, encode, u128, vec } from "../../../vm/borsh.ts";
import type { HostFunction } from "../../../vm/host-fns/table.ts";
import type { HostCase } from "./case.ts";
import { noiseBytes, pick, type Random } from "./noise.ts";

/** Bytes for a pointer, a number for a plain number. */
export type Material = Readonly<Record<string, Uint8Array | number>>;

const list = vec(bytes);

export function createMaterial(fn: HostFunction, random: Random, storage: HostCase["storage"]): Material {
  const key = () => {
    const stored = storage.length > 0 && random(4) > 0;
    return stored ? pick(random, storage).key : noiseBytes(random, pick(random, [0, 1, 32, 1_024]));
  };
  return {
    key: key(),
    start: random(3) === 0 ? new Uint8Array() : key(),
    end: random(2) === 0 ? new Uint8Array() : key(),
    limit: 1 + random(8),
    reverse: random(2),
    topics: createTopics(random),
    amount: createAmount(random),
    ...(fn.paramNames.includes("valueLength") ? {} : { value: createAmount(random) }),
    method: createName(random),
    ...createSigned(fn.name, random),
  };
}

function createTopics(random: Random): Uint8Array {
  const topics = Array.from({ length: pick(random, [0, 1, 1, 1, 2, 3, 4, 5]) }, () =>
    noiseBytes(random, pick(random, [0, 1, 32, 64, 64, 64, 64, 64, 65])),
  );
  const encoded = encode(list, topics);
  return random(8) === 0 ? encoded.subarray(0, random(encoded.length)) : encoded;
}

function createAmount(random: Random): Uint8Array {
  return encode(u128, pick(random, [0n, 0n, 1n, 1_000n, 2n ** 64n, 2n ** 128n - 1n]));
}

function createName(random: Random): Uint8Array {
  const names = ["m", "transfer", "überweise", "", "x".repeat(512), "x".repeat(513)];
  return random(6) === 0 ? noiseBytes(random, 6) : new TextEncoder().encode(pick(random, names));
}

const secret = new Uint8Array(32).fill(7);
const otherSecret = new Uint8Array(32).fill(8);
const message = new TextEncoder().encode("a message of some length");
const digest = new Uint8Array(32).fill(9);

/** Good arguments of the functions on curves, made when first asked for; every third time one byte is wrong. */
function createSigned(name: string, random: Random): Material {
  const family = families.find(([prefix]) => name.startsWith(prefix));
  if (family === undefined) return {};
  const [prefix, create] = family;
  const known = made.get(prefix) ?? create();
  made.set(prefix, known);
  const material = { ...pick(random, known) };
  if (random(3) > 0) return material;
  const spoilt = pick(random, Object.keys(material));
  const good = material[spoilt]!;
  if (typeof good === "number" || good.length === 0) return material;
  const at = random(good.length);
  return { ...material, [spoilt]: good.with(at, good[at]! ^ (1 << random(8))) };
}

const made = new Map<string, readonly Material[]>();

/** By the beginning of the function's name; the first that fits counts. */
const families: readonly (readonly [string, () => readonly Material[]])[] = [
  ["ed25519", () => [{ message, signature: ed25519.sign(message, secret), publicKey: ed25519.getPublicKey(secret) }]],
  ["secp256k1", () => ecdsaMaterial(secp256k1)],
  ["p256", () => ecdsaMaterial(p256)],
  ["bls12_381_pairing", pairingMaterial],
  ["bls12_381_hash", () => [{ message, tag: new TextEncoder().encode("A-TAG-OF-SOME-APPLICATION") }]],
  ["bls12_381_aggregate", () => [aggregateMaterial(1), aggregateMaterial(2)]],
  ["bls12_381_fast", () => [fastAggregateMaterial(1), fastAggregateMaterial(3)]],
  ["bls12_381_g1", () => pointMaterial(g1Points)],
  ["bls12_381_g2", () => pointMaterial(g2Points)],
];

function ecdsaMaterial(curve: typeof secp256k1 | typeof p256): readonly Material[] {
  const recovered = curve.sign(digest, secret, { prehash: false, format: "recovered" });
  const signed = { hash: digest, signature: recovered.slice(1), recoveryId: recovered[0]! };
  return [true, false].map((compressed) => ({ ...signed, publicKey: curve.getPublicKey(secret, compressed) }));
}

const { G1, G2, longSignatures } = bls12_381;
const g1Points = () => [G1.Point.BASE, G1.Point.BASE.negate(), G1.Point.ZERO].map((point) => point.toBytes());
const g2Points = () => [G2.Point.BASE, G2.Point.BASE.negate(), G2.Point.ZERO].map((point) => point.toBytes());

function join(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function pointMaterial(points: () => readonly Uint8Array[]): readonly Material[] {
  const [base, negated, zero] = points();
  const scalar = new Uint8Array(32).fill(0xfe);
  return [
    {
      a: base!,
      b: base!,
      point: base!,
      scalar,
      points: join([base!, negated!]),
      scalars: join([scalar, scalar]),
      count: 2,
    },
    { a: base!, b: negated!, point: negated!, scalar: digest, points: base!, scalars: scalar, count: 1 },
    { a: zero!, b: base!, point: zero!, scalar, points: zero!, scalars: scalar, count: 1 },
    { count: 0 },
  ];
}

/** e(P, Q) e(-P, Q) is one; e(P, Q) is not. */
function pairingMaterial(): readonly Material[] {
  const [p, minusP] = g1Points();
  const [q] = g2Points();
  return [
    { g1Points: join([p!, minusP!]), g2Points: join([q!, q!]), count: 2 },
    { g1Points: p!, g2Points: q!, count: 1 },
    { count: 0 },
  ];
}

const signatureTag = "BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";

function sign(text: Uint8Array, secretKey: Uint8Array) {
  return longSignatures.sign(longSignatures.hash(text, signatureTag), secretKey);
}

function aggregateMaterial(count: number): Material {
  const signers = [
    { text: message, secretKey: secret },
    { text: digest, secretKey: otherSecret },
  ].slice(0, count);
  return {
    publicKeys: join(signers.map(({ secretKey }) => longSignatures.getPublicKey(secretKey).toBytes())),
    count,
    messages: encode(
      list,
      signers.map(({ text }) => text),
    ),
    signature: longSignatures
      .aggregateSignatures(signers.map(({ text, secretKey }) => sign(text, secretKey)))
      .toBytes(),
  };
}

/** The same signer so many times, which is allowed. */
function fastAggregateMaterial(count: number): Material {
  const key = longSignatures.getPublicKey(secret).toBytes();
  const signature = sign(message, secret);
  return {
    publicKeys: join(new Array(count).fill(key)),
    count,
    message,
    signature: longSignatures.aggregateSignatures(new Array(count).fill(signature)).toBytes(),
  };
}
