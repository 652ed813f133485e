/** Hashes over an audited library; priced per byte. */
import { sha256 } from "@noble/hashes/sha2.js";
import type { HostPrice } from "../metering/schedule.ts";
import type { HostCall } from "./host.ts";

const HASH_SIZE = 32;

export function sha256Hash(call: HostCall, price: HostPrice, pointer: number, length: number, out: number): void {
  call.checkRegion(pointer, length);
  call.checkRegion(out, HASH_SIZE);
  call.charge(price.base + price.perByte * (length >>> 0));
  call.write(out, sha256(call.read(pointer, length)));
}
