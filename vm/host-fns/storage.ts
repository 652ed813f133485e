/** The contract's own key-value storage: byte-exact keys, no normalisation, no order but that of bytes. */
import type { HostPrice } from "../metering/schedule.ts";
import { ABSENT, type HostCall, halt } from "./host.ts";

/** Bytes of a key. It stands in every tree leaf and in the flat view. */
export const STORAGE_KEY_SIZE_MAX = 1024;
/** Bytes of a value. Larger things belong under several keys, so that a change rewrites little. */
export const STORAGE_VALUE_SIZE_MAX = 64 * 1024;

function checkKey(call: HostCall, key: number, keyLength: number): void {
  call.checkRegion(key, keyLength);
  const size = keyLength >>> 0;
  if (size === 0 || size > STORAGE_KEY_SIZE_MAX) halt("BadHostArgument");
}

export function storageGet(
  call: HostCall,
  price: HostPrice,
  key: number,
  keyLength: number,
  out: number,
  capacity: number,
): number {
  checkKey(call, key, keyLength);
  call.checkRegion(out, capacity);
  call.charge(price.base + price.perByte * (keyLength >>> 0));
  const value = call.host.storageGet(call.read(key, keyLength));
  if (value === undefined) return ABSENT;
  call.charge(price.perByte * value.length);
  return call.giveResult(out, capacity, value);
}

export function storageSet(
  call: HostCall,
  price: HostPrice,
  key: number,
  keyLength: number,
  value: number,
  valueLength: number,
): void {
  checkKey(call, key, keyLength);
  call.checkRegion(value, valueLength);
  call.checkWritable();
  const size = valueLength >>> 0;
  if (size > STORAGE_VALUE_SIZE_MAX) halt("BadHostArgument");
  call.charge(price.base + price.perByte * ((keyLength >>> 0) + size));
  call.host.storageSet(call.read(key, keyLength), call.read(value, valueLength));
}

export function storageRemove(call: HostCall, price: HostPrice, key: number, keyLength: number): void {
  checkKey(call, key, keyLength);
  call.checkWritable();
  call.charge(price.base + price.perByte * (keyLength >>> 0));
  call.host.storageRemove(call.read(key, keyLength));
}

export function storageHas(call: HostCall, price: HostPrice, key: number, keyLength: number): number {
  checkKey(call, key, keyLength);
  call.charge(price.base + price.perByte * (keyLength >>> 0));
  return call.host.storageGet(call.read(key, keyLength)) === undefined ? 0 : 1;
}
