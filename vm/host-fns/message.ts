/** What a call takes and gives: input, return data, revert, events, and text for the developer. */
import { BorshError, bytes, decode, vec } from "../borsh.ts";
import type { HostPrice } from "../metering/schedule.ts";
import { GuestExit, type HostCall, halt } from "./host.ts";

/** Bytes of a call's arguments, of its return data and of a revert's data. */
export const INPUT_SIZE_MAX = 64 * 1024;
export const RETURN_SIZE_MAX = 64 * 1024;
export const TOPIC_COUNT_MAX = 4;
export const TOPIC_SIZE_MAX = 64;
/** Bytes of one event's data. */
export const EVENT_SIZE_MAX = 16 * 1024;
/** Bytes of one line of text; what is longer is cut. */
export const LOG_SIZE_MAX = 4 * 1024;

const topicsCodec = vec(bytes, TOPIC_COUNT_MAX);
// Text for people may be damaged; it never decides anything.
const lenientUtf8 = new TextDecoder("utf-8", { ignoreBOM: true });

export function input(call: HostCall, price: HostPrice, out: number, capacity: number): number {
  call.checkRegion(out, capacity);
  call.charge(price.base + price.perByte * call.input.length);
  return call.giveResult(out, capacity, call.input);
}

export function lastResult(call: HostCall, price: HostPrice, out: number, offset: number, length: number): void {
  call.checkRegion(out, length);
  const from = offset >>> 0;
  const to = from + (length >>> 0);
  if (to > call.lastResult.length) halt("BadHostArgument");
  call.charge(price.base + price.perByte * (length >>> 0));
  call.write(out, call.lastResult.subarray(from, to));
}

export function lastResultSize(call: HostCall, price: HostPrice): number {
  call.charge(price.base);
  return call.lastResult.length;
}

export function returnData(call: HostCall, price: HostPrice, pointer: number, length: number): void {
  call.checkRegion(pointer, length);
  if (length >>> 0 > RETURN_SIZE_MAX) halt("OutputLimit");
  call.charge(price.base + price.perByte * (length >>> 0));
  call.returnData = call.read(pointer, length);
}

export function revert(call: HostCall, price: HostPrice, code: number, pointer: number, length: number): never {
  call.checkRegion(pointer, length);
  if (length >>> 0 > RETURN_SIZE_MAX) halt("OutputLimit");
  call.charge(price.base + price.perByte * (length >>> 0));
  throw new GuestExit({ kind: "revert", code: code >>> 0, data: call.read(pointer, length) });
}

export function emit(
  call: HostCall,
  price: HostPrice,
  topics: number,
  topicsLength: number,
  data: number,
  dataLength: number,
): void {
  call.checkRegion(topics, topicsLength);
  call.checkRegion(data, dataLength);
  call.checkWritable();
  if (topicsLength >>> 0 > 4 + TOPIC_COUNT_MAX * (4 + TOPIC_SIZE_MAX)) halt("BadHostArgument");
  if (dataLength >>> 0 > EVENT_SIZE_MAX) halt("OutputLimit");
  call.charge(price.base + price.perByte * ((topicsLength >>> 0) + (dataLength >>> 0)));
  const list = readTopics(call.read(topics, topicsLength));
  if (!call.host.emit(list, call.read(data, dataLength))) halt("OutputLimit");
}

function readTopics(encoded: Uint8Array): readonly Uint8Array[] {
  let list: readonly Uint8Array[];
  try {
    list = decode(topicsCodec, encoded);
  } catch (error) {
    if (error instanceof BorshError) return halt("BadHostArgument");
    throw error;
  }
  if (list.length === 0 || list.some((topic) => topic.length > TOPIC_SIZE_MAX)) halt("BadHostArgument");
  return list;
}

export function debugLog(call: HostCall, price: HostPrice, pointer: number, length: number): void {
  call.checkRegion(pointer, length);
  call.charge(price.base + price.perByte * (length >>> 0));
  const shown = Math.min(length >>> 0, LOG_SIZE_MAX);
  call.host.debugLog(lenientUtf8.decode(call.read(pointer, shown)));
}
