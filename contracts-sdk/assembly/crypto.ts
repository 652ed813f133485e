/*
 * Hashes, signatures and pairings, computed by the host.
 *
 * Nothing here fails on bytes of others: what is no signature, key or point, or has another size, does not verify, and where
 * a point was asked for there is none. Points of BLS12-381 are compressed, 48 bytes in G1 and 96 in G2, lists of them lie one
 * behind the other, and scalars are 32 bytes big endian.
 */
import { Hash } from "./address";
import { begin, blank, newBytes, position, write } from "./codec";
import * as host from "./lockstep";
import { heapTop } from "./memory";

export function sha256(data: Uint8Array): Hash {
  const hash = blank<Hash>();
  host.sha256(data.dataStart, data.byteLength, changetype<usize>(hash));
  return hash;
}

/** As Ethereum's, which differs from SHA3-256. */
export function keccak256(data: Uint8Array): Hash {
  const hash = blank<Hash>();
  host.keccak256(data.dataStart, data.byteLength, changetype<usize>(hash));
  return hash;
}

export function blake3(data: Uint8Array): Hash {
  const hash = blank<Hash>();
  host.blake3(data.dataStart, data.byteLength, changetype<usize>(hash));
  return hash;
}

/** 20 bytes. */
export function ripemd160(data: Uint8Array): Uint8Array {
  const hash = newBytes(20);
  host.ripemd160(data.dataStart, data.byteLength, hash.dataStart);
  return hash;
}

const SIGNATURE_SIZE = 64;

/** Whether a signature of 64 bytes is that of the 32-byte key, by ZIP-215. */
export function ed25519Verify(message: Uint8Array, signature: Uint8Array, publicKey: Uint8Array): bool {
  if (signature.length != SIGNATURE_SIZE || publicKey.length != 32) return false;
  return host.ed25519_verify(message.dataStart, message.byteLength, signature.dataStart, publicKey.dataStart);
}

/** Whether r and s, 32 bytes each and s the lower of the two possible, sign the hash for a key of 33 or 65 bytes. */
export function secp256k1Verify(hash: Hash, signature: Uint8Array, publicKey: Uint8Array): bool {
  if (signature.length != SIGNATURE_SIZE || !isKeySize(publicKey.length)) return false;
  return host.secp256k1_verify(changetype<usize>(hash), signature.dataStart, publicKey.dataStart, publicKey.byteLength);
}

/** The key, in 65 bytes, that signed the hash so; `recoveryId` is 0 to 3. */
export function secp256k1Recover(hash: Hash, signature: Uint8Array, recoveryId: u32): Uint8Array | null {
  if (signature.length != SIGNATURE_SIZE) return null;
  const key = newBytes(65);
  return host.secp256k1_recover(changetype<usize>(hash), signature.dataStart, recoveryId, key.dataStart) ? key : null;
}

/** Whether r and s, 32 bytes each, sign the hash for a key of 33 or 65 bytes. */
export function p256Verify(hash: Hash, signature: Uint8Array, publicKey: Uint8Array): bool {
  if (signature.length != SIGNATURE_SIZE || !isKeySize(publicKey.length)) return false;
  return host.p256_verify(changetype<usize>(hash), signature.dataStart, publicKey.dataStart, publicKey.byteLength);
}

function isKeySize(length: i32): bool {
  return length == 33 || length == 65;
}

const G1_SIZE = 48;
const G2_SIZE = 96;
const SCALAR_SIZE = 32;

/** How many items of a size lie in a list, or -1 when the last one is cut. */
function countOf(list: Uint8Array, size: i32): i32 {
  return list.length % size ? -1 : list.length / size;
}

/** Lists have at most 256 items; a longer one halts. */
export class Bls12381 {
  static g1Add(a: Uint8Array, b: Uint8Array): Uint8Array | null {
    if (a.length != G1_SIZE || b.length != G1_SIZE) return null;
    const sum = newBytes(G1_SIZE);
    return host.bls12_381_g1_add(a.dataStart, b.dataStart, sum.dataStart) ? sum : null;
  }

  static g2Add(a: Uint8Array, b: Uint8Array): Uint8Array | null {
    if (a.length != G2_SIZE || b.length != G2_SIZE) return null;
    const sum = newBytes(G2_SIZE);
    return host.bls12_381_g2_add(a.dataStart, b.dataStart, sum.dataStart) ? sum : null;
  }

  static g1Mul(point: Uint8Array, scalar: Uint8Array): Uint8Array | null {
    if (point.length != G1_SIZE || scalar.length != SCALAR_SIZE) return null;
    const product = newBytes(G1_SIZE);
    return host.bls12_381_g1_mul(point.dataStart, scalar.dataStart, product.dataStart) ? product : null;
  }

  static g2Mul(point: Uint8Array, scalar: Uint8Array): Uint8Array | null {
    if (point.length != G2_SIZE || scalar.length != SCALAR_SIZE) return null;
    const product = newBytes(G2_SIZE);
    return host.bls12_381_g2_mul(point.dataStart, scalar.dataStart, product.dataStart) ? product : null;
  }

  /** The sum of each point times its scalar. */
  static g1Msm(points: Uint8Array, scalars: Uint8Array): Uint8Array | null {
    const count = countOf(points, G1_SIZE);
    if (count < 0 || count != countOf(scalars, SCALAR_SIZE)) return null;
    const sum = newBytes(G1_SIZE);
    return host.bls12_381_g1_msm(points.dataStart, scalars.dataStart, count, sum.dataStart) ? sum : null;
  }

  /** The sum of each point times its scalar. */
  static g2Msm(points: Uint8Array, scalars: Uint8Array): Uint8Array | null {
    const count = countOf(points, G2_SIZE);
    if (count < 0 || count != countOf(scalars, SCALAR_SIZE)) return null;
    const sum = newBytes(G2_SIZE);
    return host.bls12_381_g2_msm(points.dataStart, scalars.dataStart, count, sum.dataStart) ? sum : null;
  }

  /** By RFC 9380 with SHA-256 and SSWU. The tag, which says what the hash is for, has 1 to 255 bytes. */
  static hashToG1(message: Uint8Array, tag: Uint8Array): Uint8Array {
    const point = newBytes(G1_SIZE);
    host.bls12_381_hash_to_g1(message.dataStart, message.byteLength, tag.dataStart, tag.byteLength, point.dataStart);
    return point;
  }

  /** By RFC 9380 with SHA-256 and SSWU. The tag, which says what the hash is for, has 1 to 255 bytes. */
  static hashToG2(message: Uint8Array, tag: Uint8Array): Uint8Array {
    const point = newBytes(G2_SIZE);
    host.bls12_381_hash_to_g2(message.dataStart, message.byteLength, tag.dataStart, tag.byteLength, point.dataStart);
    return point;
  }

  /** Whether the pairings, each of a point in G1 with its one in G2, multiply to one. */
  static pairingCheck(g1Points: Uint8Array, g2Points: Uint8Array): bool {
    const count = countOf(g1Points, G1_SIZE);
    if (count < 0 || count != countOf(g2Points, G2_SIZE)) return false;
    return host.bls12_381_pairing_check(g1Points.dataStart, g2Points.dataStart, count);
  }

  /** Whether each key signed its message. The contract must know that each key's owner has proven to have its secret. */
  static aggregateVerify(publicKeys: Uint8Array, messages: Uint8Array[], signature: Uint8Array): bool {
    const count = countOf(publicKeys, G1_SIZE);
    if (count != messages.length || signature.length != G2_SIZE) return false;
    begin();
    write<Uint8Array[]>(messages);
    const at = heapTop();
    return host.bls12_381_aggregate_verify(publicKeys.dataStart, count, at, position() - at, signature.dataStart);
  }

  /** Whether all keys signed one message. The contract must know that each key's owner has proven to have its secret. */
  static fastAggregateVerify(publicKeys: Uint8Array, message: Uint8Array, signature: Uint8Array): bool {
    const count = countOf(publicKeys, G1_SIZE);
    if (count < 0 || signature.length != G2_SIZE) return false;
    return host.bls12_381_fast_aggregate_verify(publicKeys.dataStart, count, message.dataStart, message.byteLength, signature.dataStart);
  }
}
