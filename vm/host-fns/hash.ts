/**
 * Hashes of a region of memory, over an audited library. Law: the digest is the published function of exactly these bytes,
 * however the input and the result overlap.
 *
 * Each pays for its whole input before it reads any of it.
 */
import { blake3 } from "@noble/hashes/blake3.js";
import { ripemd160 } from "@noble/hashes/legacy.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import type { HostPrice } from "../metering/schedule.ts";
import type { HostCall } from "./host.ts";

type HashFunction = (message: Uint8Array) => Uint8Array;

function hostHash(hash: HashFunction, digestSize: number) {
  return (call: HostCall, price: HostPrice, pointer: number, length: number, out: number): void => {
    call.checkRegion(pointer, length);
    call.checkRegion(out, digestSize);
    call.charge(price.base + price.perByte * (length >>> 0));
    call.write(out, hash(call.read(pointer, length)));
  };
}

export const sha256Hash = hostHash(sha256, 32);
export const keccak256Hash = hostHash(keccak_256, 32);
export const blake3Hash = hostHash((message) => blake3(message), 32);
export const ripemd160Hash = hostHash(ripemd160, 20);
