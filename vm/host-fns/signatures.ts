/**
 * Signature checks and key recovery on ed25519, secp256k1 and P-256. Law: for any bytes whatsoever the result is 1 when the
 * rule holds and 0 when it does not, and equal bytes give equal results on every machine.
 *
 * - ed25519 follows ZIP-215: any encoding of the points, small orders included; s below the group's order; the equation
 *   times the cofactor.
 * - ECDSA takes a 32-byte digest, r and s as 32 bytes big endian each, and a SEC 1 key of 33 or 65 bytes. On secp256k1 only
 *   the lower of the two possible s counts, as in Bitcoin and Ethereum; P-256 takes both, as FIPS 186 and RIP-7212 do.
 *
 * The arithmetic is the library's. Its own `verify` is not used: it answers "no" to every exception, an exhausted stack
 * included, and a node must stop there.
 */
import { ed25519 } from "@noble/curves/ed25519.js";
import { p256 } from "@noble/curves/nist.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { bytesToNumberBE, bytesToNumberLE } from "@noble/curves/utils.js";
import { sha512 } from "@noble/hashes/sha2.js";
import type { HostPrice } from "../metering/schedule.ts";
import type { HostCall } from "./host.ts";
import { decodePoint } from "./point-encoding.ts";

const SCALAR_SIZE = 32;
const DIGEST_SIZE = 32;
const SIGNATURE_SIZE = 64;
const ED25519_KEY_SIZE = 32;
const COMPRESSED_SIZE = 33;
const UNCOMPRESSED_SIZE = 65;

export function ed25519Verify(
  call: HostCall,
  price: HostPrice,
  message: number,
  messageLength: number,
  signature: number,
  publicKey: number,
): number {
  call.checkRegion(message, messageLength);
  call.checkRegion(signature, SIGNATURE_SIZE);
  call.checkRegion(publicKey, ED25519_KEY_SIZE);
  call.charge(price.base + price.perByte * (messageLength >>> 0));
  const holds = holdsEd25519(
    call.read(message, messageLength),
    call.read(signature, SIGNATURE_SIZE),
    call.read(publicKey, ED25519_KEY_SIZE),
  );
  return holds ? 1 : 0;
}

/** Whether 8(R + kA) = 8sB. */
function holdsEd25519(message: Uint8Array, signature: Uint8Array, publicKey: Uint8Array): boolean {
  const { Point } = ed25519;
  const s = bytesToNumberLE(signature.subarray(SCALAR_SIZE));
  if (s >= Point.Fn.ORDER) return false;
  const encodedR = signature.subarray(0, SCALAR_SIZE);
  const a = decodePoint(Point, publicKey, true);
  const r = decodePoint(Point, encodedR, true);
  if (a === null || r === null) return false;
  const challenge = sha512.create().update(encodedR).update(publicKey).update(message).digest();
  const k = Point.Fn.create(bytesToNumberLE(challenge));
  return r.add(a.multiplyUnsafe(k)).subtract(Point.BASE.multiplyUnsafe(s)).clearCofactor().is0();
}

/** A curve y^2 = x^3 + ax + b of prime order over a field where p mod 4 is 3. */
type Curve = typeof secp256k1 | typeof p256;
type Point = ReturnType<Curve["Point"]["fromAffine"]>;

/** The point with this x and a y that is odd or even, or null. */
function pointAt(curve: Curve, x: bigint, isOdd: boolean): Point | null {
  const { Fp } = curve.Point;
  if (x >= Fp.ORDER) return null;
  const square = ySquared(curve, x);
  const y = Fp.pow(square, (Fp.ORDER + 1n) / 4n);
  if (!Fp.eql(Fp.sqr(y), square)) return null;
  return curve.Point.fromAffine({ x, y: ((y & 1n) === 1n) === isOdd ? y : Fp.neg(y) });
}

function ySquared(curve: Curve, x: bigint): bigint {
  const { Fp } = curve.Point;
  const { a, b } = curve.Point.CURVE();
  return Fp.add(Fp.mul(Fp.add(Fp.sqr(x), a), x), b);
}

/** SEC 1, section 2.3.4, without the point at infinity and without hybrid forms. */
function decodeKey(curve: Curve, key: Uint8Array): Point | null {
  const { Fp } = curve.Point;
  const x = bytesToNumberBE(key.subarray(1, COMPRESSED_SIZE));
  if (key.length === COMPRESSED_SIZE) {
    return key[0] === 2 || key[0] === 3 ? pointAt(curve, x, key[0] === 3) : null;
  }
  const y = bytesToNumberBE(key.subarray(COMPRESSED_SIZE));
  if (key[0] !== 4 || x >= Fp.ORDER || y >= Fp.ORDER) return null;
  return Fp.eql(Fp.sqr(y), ySquared(curve, x)) ? curve.Point.fromAffine({ x, y }) : null;
}

interface EcdsaSignature {
  readonly r: bigint;
  readonly s: bigint;
}

function decodeEcdsa(curve: Curve, bytes: Uint8Array, sMax: bigint): EcdsaSignature | null {
  const r = bytesToNumberBE(bytes.subarray(0, SCALAR_SIZE));
  const s = bytesToNumberBE(bytes.subarray(SCALAR_SIZE));
  return r > 0n && r < curve.Point.Fn.ORDER && s > 0n && s <= sMax ? { r, s } : null;
}

const secp256k1SMax = secp256k1.Point.Fn.ORDER >> 1n;
const p256SMax = p256.Point.Fn.ORDER - 1n;

function verifyEcdsa(curve: Curve, sMax: bigint) {
  return (
    call: HostCall,
    price: HostPrice,
    hash: number,
    signature: number,
    publicKey: number,
    publicKeyLength: number,
  ): number => {
    call.checkRegion(hash, DIGEST_SIZE);
    call.checkRegion(signature, SIGNATURE_SIZE);
    call.checkRegion(publicKey, publicKeyLength);
    call.charge(price.base);
    // Bytes of another length are no key. They are not paid for, so they are not read.
    if (publicKeyLength !== COMPRESSED_SIZE && publicKeyLength !== UNCOMPRESSED_SIZE) return 0;
    const rs = decodeEcdsa(curve, call.read(signature, SIGNATURE_SIZE), sMax);
    const key = rs === null ? null : decodeKey(curve, call.read(publicKey, publicKeyLength));
    if (rs === null || key === null) return 0;
    return holdsEcdsa(curve, call.read(hash, DIGEST_SIZE), rs, key) ? 1 : 0;
  };
}

export const secp256k1Verify = verifyEcdsa(secp256k1, secp256k1SMax);
export const p256Verify = verifyEcdsa(p256, p256SMax);

/** SEC 1, section 4.1.4: whether the x of (h/s)G + (r/s)Q is r. */
function holdsEcdsa(curve: Curve, digest: Uint8Array, { r, s }: EcdsaSignature, key: Point): boolean {
  const { BASE, Fn } = curve.Point;
  const h = Fn.create(bytesToNumberBE(digest));
  const w = Fn.inv(s);
  const point = BASE.mulAddUnsafe(Fn.mul(h, w), key, Fn.mul(r, w));
  return !point.is0() && Fn.create(point.toAffine().x) === r;
}

/** SEC 1, section 4.1.6: Q = (s/r)R - (h/r)G. Bit 0 of the id is the parity of R's y, bit 1 says that its x is r + n. */
export function secp256k1Recover(
  call: HostCall,
  price: HostPrice,
  hash: number,
  signature: number,
  recoveryId: number,
  out: number,
): number {
  call.checkRegion(hash, DIGEST_SIZE);
  call.checkRegion(signature, SIGNATURE_SIZE);
  call.checkRegion(out, UNCOMPRESSED_SIZE);
  call.charge(price.base);
  const rs = decodeEcdsa(secp256k1, call.read(signature, SIGNATURE_SIZE), secp256k1SMax);
  if (rs === null || recoveryId >>> 0 > 3) return 0;
  const { BASE, Fn } = secp256k1.Point;
  const point = pointAt(secp256k1, (recoveryId & 2) === 0 ? rs.r : rs.r + Fn.ORDER, (recoveryId & 1) === 1);
  if (point === null) return 0;
  const h = Fn.create(bytesToNumberBE(call.read(hash, DIGEST_SIZE)));
  const w = Fn.inv(rs.r);
  const key = BASE.mulAddUnsafe(Fn.neg(Fn.mul(h, w)), point, Fn.mul(rs.s, w));
  if (key.is0()) return 0;
  call.write(out, key.toBytes(false));
  return 1;
}
