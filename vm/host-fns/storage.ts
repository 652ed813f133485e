/** The contract's own key-value storage: byte-exact keys, no normalisation, no order but that of bytes. */
import * as borsh from "../borsh.ts";
import type { HostPrice } from "../metering/schedule.ts";
import { ABSENT, type HostCall, halt } from "./host.ts";

/** Bytes of a key. It stands in every tree leaf and in the flat view. */
export const STORAGE_KEY_SIZE_MAX = 1024;
/** Bytes of a value. Larger things belong under several keys, so that a change rewrites little. */
export const STORAGE_VALUE_SIZE_MAX = 64 * 1024;
/** Entries of one page of a scan. */
export const SCAN_COUNT_MAX = 1024;
/** Bytes of keys and values with which a page ends: the entry that brings it here is its last. */
export const SCAN_SIZE_MAX = 64 * 1024;

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

const scanPage = borsh.vec(borsh.struct({ key: borsh.bytes, value: borsh.bytes }));

/**
 * A page is a copy: what is written after it does not change it, and there is nothing to hold open, to forge or to free. The
 * next page starts at the last key and a zero byte, or, from the end down, ends at the last key.
 *
 * Each key visited is paid before it is looked up. So is the look that finds no more, and a key that the block has removed.
 */
export function storageScan(
  call: HostCall,
  price: HostPrice,
  start: number,
  startLength: number,
  end: number,
  endLength: number,
  limit: number,
  reverse: number,
  out: number,
  capacity: number,
): number {
  const startSize = checkBound(call, start, startLength);
  const endSize = checkBound(call, end, endLength);
  call.checkRegion(out, capacity);
  if (limit < 1 || limit > SCAN_COUNT_MAX || reverse < 0 || reverse > 1) halt("BadHostArgument");
  call.charge(price.base + price.perByte * (startSize + endSize));
  const visited = call.host.storageScan({
    start: call.read(start, startLength),
    end: endSize === 0 ? null : call.read(end, endLength),
    reverse: reverse === 1,
  });
  const page: { key: Uint8Array; value: Uint8Array }[] = [];
  for (let size = 0; page.length < limit && size < SCAN_SIZE_MAX; ) {
    call.charge(price.perItem);
    const { done, value: entry } = visited.next();
    if (done === true) break;
    const { key, value } = entry;
    if (value === null) continue;
    call.charge(price.perByte * (key.length + value.length));
    page.push({ key, value });
    size += key.length + value.length;
  }
  return call.giveResult(out, capacity, borsh.encode(scanPage, page));
}

/** A bound may be one byte longer than a key, to lie directly behind any. */
function checkBound(call: HostCall, bound: number, boundLength: number): number {
  call.checkRegion(bound, boundLength);
  const size = boundLength >>> 0;
  if (size > STORAGE_KEY_SIZE_MAX + 1) halt("BadHostArgument");
  return size;
}
