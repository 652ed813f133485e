/**
 * BLS12-381: arithmetic in G1 and G2, hashing to them, pairings, and signatures. Law: for any bytes whatsoever the result is
 * a function of these bytes; a predicate is 1 or 0; what yields a point returns 1 and writes it, or returns 0 and writes
 * nothing.
 *
 * Points are in the compressed form of the ZCash protocol specification (section 5.4.9.2), 48 bytes for G1 and 96 for G2:
 * each must be canonical, on the curve and in the subgroup of order r, and may be the identity, except for a public key.
 * Scalars are 32 bytes big endian, any value, and mean their remainder modulo r. A sum of no points is the identity and a
 * product of no pairings is one; no signature is an aggregate of none.
 *
 * Hashing is RFC 9380 with SSWU_RO and SHA-256. Signatures are draft-irtf-cfrg-bls-signature with keys in G1 and proofs of
 * possession, as Ethereum's: the contract must know that each key's owner has proven possession of its secret.
 */
import { mulAddUnsafe } from "@noble/curves/abstract/curve.js";
import type { H2CHasher } from "@noble/curves/abstract/hash-to-curve.js";
import type { Fp2 } from "@noble/curves/abstract/tower.js";
import type { WeierstrassPoint, WeierstrassPointCons } from "@noble/curves/abstract/weierstrass.js";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { numberToBytesBE } from "@noble/curves/utils.js";
import { BorshError, bytes, decode, vec } from "../borsh.ts";
import type { HostPrice } from "../metering/schedule.ts";
import { type HostCall, halt } from "./host.ts";
import { decodePoint } from "./point-encoding.ts";

/** Points, pairs or keys of one call. */
export const BLS_COUNT_MAX = 256;
const SCALAR_SIZE = 32;
const COORDINATE_SIZE = 48;
/** RFC 9380, sections 3.1 and 5.3.1: a tag is not empty, and its length is one byte. */
const TAG_SIZE_MAX = 255;
const signatureTag = new TextEncoder().encode("BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_");

const { Fp, Fp12, Fr } = bls12_381.fields;

interface Group<F> {
  readonly curve: H2CHasher<WeierstrassPointCons<F>>;
  /** Bytes of a point. */
  readonly size: number;
  /** A coordinate as numbers below p, in the order of the encoding. */
  readonly parts: (coordinate: F) => readonly bigint[];
}

const g1: Group<bigint> = { curve: bls12_381.G1, size: COORDINATE_SIZE, parts: (x) => [x] };
const g2: Group<Fp2> = { curve: bls12_381.G2, size: 2 * COORDINATE_SIZE, parts: ({ c0, c1 }) => [c1, c0] };
type G1Point = WeierstrassPoint<bigint>;
type G2Point = WeierstrassPoint<Fp2>;

/** Bits of the first byte. */
const COMPRESSED = 0x80;
const INFINITY = 0x40;
const GREATER_Y = 0x20;

/** The library's own encoder would test the subgroup once more, which is as dear as decoding. */
function encode<F>({ size, parts }: Group<F>, point: WeierstrassPoint<F>): Uint8Array {
  const encoded = new Uint8Array(size);
  if (point.is0()) {
    encoded[0] = COMPRESSED | INFINITY;
    return encoded;
  }
  const { x, y } = point.toAffine();
  for (const [i, part] of parts(x).entries()) encoded.set(numberToBytesBE(part, COORDINATE_SIZE), i * COORDINATE_SIZE);
  // Of y and -y the greater one has its first part that is not zero above p / 2.
  const decisive = parts(y).find((part) => part !== 0n) ?? 0n;
  encoded[0]! |= COMPRESSED | (decisive * 2n > Fp.ORDER ? GREATER_Y : 0);
  return encoded;
}

function readPoint<F>(call: HostCall, { curve, size }: Group<F>, pointer: number): WeierstrassPoint<F> | null {
  return decodePoint(curve.Point, call.read(pointer, size));
}

/** A list of points, or null when one of them is none. `count` was checked and the region too. */
function readPoints<F>(
  call: HostCall,
  group: Group<F>,
  pointer: number,
  count: number,
): readonly WeierstrassPoint<F>[] | null {
  const points: WeierstrassPoint<F>[] = [];
  for (let i = 0; i < count; i++) {
    const point = readPoint(call, group, (pointer >>> 0) + i * group.size);
    if (point === null) return null;
    points.push(point);
  }
  return points;
}

function readScalar(call: HostCall, pointer: number): bigint {
  return Fr.fromBytes(call.read(pointer, SCALAR_SIZE));
}

function checkCount(count: number): void {
  if (count >>> 0 > BLS_COUNT_MAX) halt("BadHostArgument");
}

function add<F>(group: Group<F>) {
  return (call: HostCall, price: HostPrice, a: number, b: number, out: number): number => {
    for (const pointer of [a, b, out]) call.checkRegion(pointer, group.size);
    call.charge(price.base);
    const left = readPoint(call, group, a);
    const right = left === null ? null : readPoint(call, group, b);
    if (left === null || right === null) return 0;
    call.write(out, encode(group, left.add(right)));
    return 1;
  };
}

export const g1Add = add(g1);
export const g2Add = add(g2);

function multiply<F>(group: Group<F>) {
  return (call: HostCall, price: HostPrice, point: number, scalar: number, out: number): number => {
    call.checkRegion(point, group.size);
    call.checkRegion(scalar, SCALAR_SIZE);
    call.checkRegion(out, group.size);
    call.charge(price.base);
    const factor = readPoint(call, group, point);
    if (factor === null) return 0;
    call.write(out, encode(group, factor.multiplyUnsafe(readScalar(call, scalar))));
    return 1;
  };
}

export const g1Mul = multiply(g1);
export const g2Mul = multiply(g2);

/** The sum of `count` products. */
function multiplyAndSum<F>(group: Group<F>) {
  return (call: HostCall, price: HostPrice, points: number, scalars: number, count: number, out: number): number => {
    checkCount(count);
    call.checkRegion(points, count * group.size);
    call.checkRegion(scalars, count * SCALAR_SIZE);
    call.checkRegion(out, group.size);
    call.charge(price.base + price.perItem * count);
    const terms = readPoints(call, group, points, count);
    if (terms === null) return 0;
    const factors = terms.map((_, i) => readScalar(call, (scalars >>> 0) + i * SCALAR_SIZE));
    call.write(out, encode(group, mulAddUnsafe(group.curve.Point, [...terms], factors)));
    return 1;
  };
}

export const g1Msm = multiplyAndSum(g1);
export const g2Msm = multiplyAndSum(g2);

function hashTo<F>(group: Group<F>) {
  return (
    call: HostCall,
    price: HostPrice,
    message: number,
    messageLength: number,
    tag: number,
    tagLength: number,
    out: number,
  ): void => {
    call.checkRegion(message, messageLength);
    call.checkRegion(tag, tagLength);
    call.checkRegion(out, group.size);
    if (tagLength === 0 || tagLength >>> 0 > TAG_SIZE_MAX) halt("BadHostArgument");
    call.charge(price.base + price.perByte * ((messageLength >>> 0) + tagLength));
    const DST = call.read(tag, tagLength);
    call.write(out, encode(group, group.curve.hashToCurve(call.read(message, messageLength), { DST })));
  };
}

export const hashToG1 = hashTo(g1);
export const hashToG2 = hashTo(g2);

/** Whether the product of the pairings is one. The identity pairs with anything to one; the Miller loop cannot take it. */
function isProductOne(pairs: readonly (readonly [G1Point, G2Point])[]): boolean {
  const { calcPairingPrecomputes } = bls12_381.utils;
  const terms = pairs
    .filter(([p, q]) => !p.is0() && !q.is0())
    .map(([p, q]): Parameters<typeof bls12_381.millerLoopBatch>[0][number] => {
      const { x, y } = p.toAffine();
      return [calcPairingPrecomputes(q), x, y];
    });
  return Fp12.eql(Fp12.finalExponentiate(bls12_381.millerLoopBatch(terms)), Fp12.ONE);
}

export function pairingCheck(
  call: HostCall,
  price: HostPrice,
  g1Points: number,
  g2Points: number,
  count: number,
): number {
  checkCount(count);
  call.checkRegion(g1Points, count * g1.size);
  call.checkRegion(g2Points, count * g2.size);
  call.charge(price.base + price.perItem * count);
  const lefts = readPoints(call, g1, g1Points, count);
  const rights = lefts === null ? null : readPoints(call, g2, g2Points, count);
  if (lefts === null || rights === null) return 0;
  return isProductOne(lefts.map((left, i) => [left, rights[i]!])) ? 1 : 0;
}

/** KeyValidate of the draft, for each: the identity is no key. Null unless there is at least one and all are keys. */
function readKeys(call: HostCall, pointer: number, count: number): readonly G1Point[] | null {
  const keys = readPoints(call, g1, pointer, count);
  return keys === null || count === 0 || keys.some((key) => key.is0()) ? null : keys;
}

const negatedGenerator = g1.curve.Point.BASE.negate();

/** Whether the pairings of keys with hashed messages multiply to that of the generator with the signature. */
function isSigned(pairs: readonly (readonly [G1Point, Uint8Array])[], signature: G2Point): boolean {
  const hashed = pairs.map(([key, message]) => [key, g2.curve.hashToCurve(message, { DST: signatureTag })] as const);
  return isProductOne([...hashed, [negatedGenerator, signature]]);
}

const messagesCodec = vec(bytes, BLS_COUNT_MAX);

function readMessages(call: HostCall, pointer: number, length: number, count: number): readonly Uint8Array[] {
  let messages: readonly Uint8Array[];
  try {
    messages = decode(messagesCodec, call.read(pointer, length));
  } catch (error) {
    if (error instanceof BorshError) return halt("BadHostArgument");
    throw error;
  }
  if (messages.length !== count) halt("BadHostArgument");
  return messages;
}

/** AggregateVerify: key i signed message i. Messages may be equal, as proofs of possession allow. */
export function aggregateVerify(
  call: HostCall,
  price: HostPrice,
  publicKeys: number,
  count: number,
  messages: number,
  messagesLength: number,
  signature: number,
): number {
  checkCount(count);
  call.checkRegion(publicKeys, count * g1.size);
  call.checkRegion(messages, messagesLength);
  call.checkRegion(signature, g2.size);
  call.charge(price.base + price.perByte * (messagesLength >>> 0) + price.perItem * count);
  const list = readMessages(call, messages, messagesLength, count);
  const sum = readPoint(call, g2, signature);
  const keys = sum === null ? null : readKeys(call, publicKeys, count);
  if (sum === null || keys === null) return 0;
  const pairs = keys.map((key, i) => [key, list[i]!] as const);
  return isSigned(pairs, sum) ? 1 : 0;
}

/** FastAggregateVerify: all keys signed one message. Keys that cancel each other out are no key. */
export function fastAggregateVerify(
  call: HostCall,
  price: HostPrice,
  publicKeys: number,
  count: number,
  message: number,
  messageLength: number,
  signature: number,
): number {
  checkCount(count);
  call.checkRegion(publicKeys, count * g1.size);
  call.checkRegion(message, messageLength);
  call.checkRegion(signature, g2.size);
  call.charge(price.base + price.perByte * (messageLength >>> 0) + price.perItem * count);
  const sum = readPoint(call, g2, signature);
  const keys = sum === null ? null : readKeys(call, publicKeys, count);
  if (sum === null || keys === null) return 0;
  const key = keys.reduce((total, next) => total.add(next));
  return !key.is0() && isSigned([[key, call.read(message, messageLength)]], sum) ? 1 : 0;
}
