/**
 * Hashes with domain tags, keys and signatures, over audited libraries.
 *
 * Every hash of the chain is SHA-256 of an ASCII tag, a zero byte and the payload, so that bytes made for one purpose
 * never serve another. Signatures are ed25519 under the rule of ZIP-215 (https://zips.z.cash/zip-0215), which decides
 * every input the same way on every implementation.
 */
import {
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign as nativeSign,
  verify as nativeVerify,
} from "node:crypto";
import { ed25519 } from "@noble/curves/ed25519.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { equalBytes } from "../vm/borsh.ts";

export const HASH_SIZE = 32;
export const KEY_SIZE = 32;
export const SIGNATURE_SIZE = 64;

const tags = {
  transaction: "lockstep/transaction/1",
  signing: "lockstep/signing/1",
  block: "lockstep/block/1",
  genesis: "lockstep/genesis/1",
  code: "lockstep/code/1",
  contract: "lockstep/contract/1",
  random: "lockstep/random/1",
} as const;

const encoder = new TextEncoder();

/** H(tag, 0x00, payload). */
export function hash(tag: keyof typeof tags, payload: Uint8Array): Uint8Array {
  return sha256
    .create()
    .update(encoder.encode(`${tags[tag]}\0`))
    .update(payload)
    .digest();
}

// The DER prefix of RFC 8410 before the 32 raw bytes of a secret key.
const pkcs8Prefix = Uint8Array.from(Buffer.from("302e020100300506032b657004220420", "hex"));

/** As a JSON Web Key, which Node reads nine times faster than DER. Throws for what OpenSSL takes for no key. */
function publicKeyObject(publicKey: Uint8Array): KeyObject {
  const x = Buffer.from(publicKey).toString("base64url");
  return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
}

/** OpenSSL takes ten times as long to read a secret key as to sign with it, so who signs with the same array has it read once. */
const privateKeyObjects = new WeakMap<Uint8Array, { readonly bytes: Uint8Array; readonly key: KeyObject }>();

function privateKeyObject(secretKey: Uint8Array): KeyObject {
  const known = privateKeyObjects.get(secretKey);
  // An array may hold another key by now.
  if (known !== undefined && equalBytes(known.bytes, secretKey)) return known.key;
  const key = createPrivateKey({ key: Buffer.concat([pkcs8Prefix, secretKey]), format: "der", type: "pkcs8" });
  privateKeyObjects.set(secretKey, { bytes: secretKey.slice(), key });
  return key;
}

/** The public key of a 32-byte secret key (RFC 8032 seed). */
export function publicKeyOf(secretKey: Uint8Array): Uint8Array {
  const { x } = createPublicKey(privateKeyObject(secretKey)).export({ format: "jwk" });
  return new Uint8Array(Buffer.from(x!, "base64url"));
}

/** RFC 8032 signature of `message`; deterministic. */
export function sign(message: Uint8Array, secretKey: Uint8Array): Uint8Array {
  return Uint8Array.from(nativeSign(null, message, privateKeyObject(secretKey)));
}

/**
 * ZIP-215 verification. OpenSSL answers yes 17 times faster than noble, and whatever it accepts ZIP-215 accepts too: its
 * equation has no cofactor, so it holds with one. Its no means less than ZIP-215's, so noble decides those.
 */
export function verifySignature(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  return verifyNatively(signature, message, publicKey) || verifyZip215(signature, message, publicKey);
}

/** OpenSSL's answer: yes is final, no is not. */
export function verifyNatively(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  if (signature.length !== SIGNATURE_SIZE || publicKey.length !== KEY_SIZE) return false;
  try {
    return nativeVerify(null, message, publicKeyObject(publicKey), signature);
  } catch {
    // A key that OpenSSL cannot load may still be a point that ZIP-215 admits.
    return false;
  }
}

/** The same on a thread of Node's pool: later than at once, and other messages are read meanwhile. */
export async function verifyNativelyAside(
  signature: Uint8Array,
  message: Uint8Array,
  publicKey: Uint8Array,
): Promise<boolean> {
  if (signature.length !== SIGNATURE_SIZE || publicKey.length !== KEY_SIZE) return false;
  try {
    const key = publicKeyObject(publicKey);
    return await new Promise((resolve, reject) => {
      nativeVerify(null, message, key, signature, (error, isValid) => (error ? reject(error) : resolve(isValid)));
    });
  } catch {
    return false;
  }
}

/** The rule itself; 3 ms. */
export function verifyZip215(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  if (signature.length !== SIGNATURE_SIZE || publicKey.length !== KEY_SIZE) return false;
  try {
    return ed25519.verify(signature, message, publicKey, { zip215: true });
  } catch {
    return false;
  }
}

// The y coordinates of the eight points of small order, little endian; the last two are 0 and 1 again, with 2^255 - 19 added.
const smallOrderY = [
  "00".repeat(32),
  `01${"00".repeat(31)}`,
  `ec${"ff".repeat(30)}7f`,
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  `ed${"ff".repeat(30)}7f`,
  `ee${"ff".repeat(30)}7f`,
].map((digits) => Uint8Array.from(Buffer.from(digits, "hex")));

/**
 * Whether a key is a point of small order, in whatever encoding. ZIP-215 admits these keys, and everybody can sign for them:
 * all zeros is one.
 */
export function isSmallOrder(publicKey: Uint8Array): boolean {
  if (publicKey.length !== KEY_SIZE) return false;
  const y = publicKey.with(31, publicKey[31]! & 0x7f);
  return smallOrderY.some((other) => equalBytes(y, other));
}
