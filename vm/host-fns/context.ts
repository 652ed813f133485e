/** Read-only facts about the call: who, with what, in which block; and random bytes that follow from them. */
import { encode, u128 } from "../borsh.ts";
import type { HostPrice } from "../metering/schedule.ts";
import type { HostCall } from "./host.ts";

const RANDOM_SIZE = 32;
const utf8 = new TextEncoder();

function writeFact(call: HostCall, price: HostPrice, out: number, fact: Uint8Array): void {
  call.checkRegion(out, fact.length);
  call.charge(price.base);
  call.write(out, fact);
}

export function selfAddress(call: HostCall, price: HostPrice, out: number): void {
  writeFact(call, price, out, call.host.context.self);
}

export function caller(call: HostCall, price: HostPrice, out: number): void {
  writeFact(call, price, out, call.host.context.caller);
}

export function signer(call: HostCall, price: HostPrice, out: number): void {
  writeFact(call, price, out, call.host.context.signer);
}

export function value(call: HostCall, price: HostPrice, out: number): void {
  writeFact(call, price, out, encode(u128, call.host.context.value));
}

export function blockHeight(call: HostCall, price: HostPrice): bigint {
  call.charge(price.base);
  return BigInt(call.host.context.blockHeight);
}

export function blockTime(call: HostCall, price: HostPrice): bigint {
  call.charge(price.base);
  return BigInt(call.host.context.blockTime);
}

export function chainId(call: HostCall, price: HostPrice, out: number, capacity: number): number {
  const name = utf8.encode(call.host.context.chainId);
  call.checkRegion(out, capacity);
  call.charge(price.base + price.perByte * name.length);
  return call.giveResult(out, capacity, name);
}

export function gasLeft(call: HostCall, price: HostPrice): bigint {
  call.charge(price.base);
  return BigInt(call.gas);
}

export function random(call: HostCall, price: HostPrice, out: number): void {
  call.checkRegion(out, RANDOM_SIZE);
  call.charge(price.base);
  call.write(out, call.host.random());
}
