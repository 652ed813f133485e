import {
  Bls12381,
  Hash,
  blake3,
  ed25519Verify,
  keccak256,
  p256Verify,
  ripemd160,
  secp256k1Recover,
  secp256k1Verify,
  sha256,
} from "lockstep/sdk";

/** Every cryptographic function, as it is. */
@contract
class Crypto {
  @view hashes(data: Uint8Array): Uint8Array[] {
    return [sha256(data).toBytes(), keccak256(data).toBytes(), blake3(data).toBytes(), ripemd160(data)];
  }

  @view ed25519(message: Uint8Array, signature: Uint8Array, publicKey: Uint8Array): bool {
    return ed25519Verify(message, signature, publicKey);
  }

  @view secp256k1(hash: Hash, signature: Uint8Array, publicKey: Uint8Array): bool {
    return secp256k1Verify(hash, signature, publicKey);
  }

  @view recover(hash: Hash, signature: Uint8Array, recoveryId: u8): Uint8Array | null {
    return secp256k1Recover(hash, signature, recoveryId);
  }

  @view p256(hash: Hash, signature: Uint8Array, publicKey: Uint8Array): bool {
    return p256Verify(hash, signature, publicKey);
  }

  @view g1(a: Uint8Array, b: Uint8Array, scalar: Uint8Array): Array<Uint8Array | null> {
    return [Bls12381.g1Add(a, b), Bls12381.g1Mul(a, scalar), Bls12381.g1Msm(join(a, b), join(scalar, scalar))];
  }

  @view g2(a: Uint8Array, b: Uint8Array, scalar: Uint8Array): Array<Uint8Array | null> {
    return [Bls12381.g2Add(a, b), Bls12381.g2Mul(a, scalar), Bls12381.g2Msm(join(a, b), join(scalar, scalar))];
  }

  @view hashToCurve(message: Uint8Array, tag: Uint8Array): Uint8Array[] {
    return [Bls12381.hashToG1(message, tag), Bls12381.hashToG2(message, tag)];
  }

  @view pairing(g1Points: Uint8Array, g2Points: Uint8Array): bool {
    return Bls12381.pairingCheck(g1Points, g2Points);
  }

  @view aggregate(publicKeys: Uint8Array, messages: Uint8Array[], signature: Uint8Array): bool {
    return Bls12381.aggregateVerify(publicKeys, messages, signature);
  }

  @view fastAggregate(publicKeys: Uint8Array, message: Uint8Array, signature: Uint8Array): bool {
    return Bls12381.fastAggregateVerify(publicKeys, message, signature);
  }
}

function join(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
