/**
 * What reaches other accounts: calls, creation, upgrade of the contract itself, transfers, and a look at others.
 *
 * A message ends in a status, and what it gave waits for `last_result`:
 *
 *     0 success   the return data
 *     1 revert    the code, 4 bytes little endian, then the data
 *     2 halt      one byte: the position in `haltReasons`
 *     3 refused   one byte: the position in `refusalReasons`; no guest ran
 *
 * Whatever the status, the caller goes on. Unless it is 0, nothing of the message is left but the gas it used. The gas given
 * is what the caller asks for, and at most 63/64 of what it has, so that it can always deal with the failure.
 */
import { decode, encode, u128 } from "../borsh.ts";
import { assert } from "../errors.ts";
import type { HostPrice } from "../metering/schedule.ts";
import { haltReasons, type Outcome, type Refusal, type RefusalReason, refusalReasons } from "../outcome.ts";
import { NAME_SIZE_MAX } from "../profile.ts";
import type { Frame, HostCall, MessageResult } from "./host.ts";
import { INPUT_SIZE_MAX } from "./message.ts";

const ADDRESS_SIZE = 32;
const HASH_SIZE = 32;
const AMOUNT_SIZE = 16;
/** The caller keeps one part in this many. */
const KEPT_GAS_DIVISOR = 64;

const status = { success: 0, revert: 1, halt: 2, refused: 3 } as const;
const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function call(
  call: HostCall,
  price: HostPrice,
  contract: number,
  method: number,
  methodLength: number,
  args: number,
  argsLength: number,
  value: number,
  gas: bigint,
): number {
  call.checkRegion(value, AMOUNT_SIZE);
  return callMethod(call, price, { contract, method, methodLength, args, argsLength, value, gas });
}

export function view(
  call: HostCall,
  price: HostPrice,
  contract: number,
  method: number,
  methodLength: number,
  args: number,
  argsLength: number,
  gas: bigint,
): number {
  return callMethod(call, price, { contract, method, methodLength, args, argsLength, value: null, gas });
}

interface CallArguments {
  readonly contract: number;
  readonly method: number;
  readonly methodLength: number;
  readonly args: number;
  readonly argsLength: number;
  /** Null in a view. */
  readonly value: number | null;
  readonly gas: bigint;
}

function callMethod(call: HostCall, price: HostPrice, given: CallArguments): number {
  const { contract, method, methodLength, args, argsLength } = given;
  call.checkRegion(contract, ADDRESS_SIZE);
  call.checkRegion(method, methodLength);
  call.checkRegion(args, argsLength);
  call.charge(price.base + price.perByte * ((methodLength >>> 0) + (argsLength >>> 0)));
  const value = given.value === null ? 0n : readAmount(call, given.value);
  if (value > 0n) call.checkWritable();
  if (argsLength >>> 0 > INPUT_SIZE_MAX) return giveRefusal(call, "InputTooLarge");
  const name = readName(call, method, methodLength);
  if (name === null) return giveRefusal(call, "NoSuchMethod");
  const frame = createFrame(call, given.gas, given.value === null);
  const request = {
    contract: call.read(contract, ADDRESS_SIZE),
    method: name,
    args: call.read(args, argsLength),
    value,
    frame,
  };
  return giveStatus(call, frame, call.host.call(request));
}

export function create(
  call: HostCall,
  price: HostPrice,
  codeHash: number,
  salt: number,
  args: number,
  argsLength: number,
  value: number,
  gas: bigint,
  out: number,
): number {
  call.checkRegion(codeHash, HASH_SIZE);
  call.checkRegion(salt, HASH_SIZE);
  call.checkRegion(args, argsLength);
  call.checkRegion(value, AMOUNT_SIZE);
  call.checkRegion(out, ADDRESS_SIZE);
  call.checkWritable();
  call.charge(price.base + price.perByte * (argsLength >>> 0));
  if (argsLength >>> 0 > INPUT_SIZE_MAX) return giveRefusal(call, "InputTooLarge");
  const frame = createFrame(call, gas, false);
  const result = call.host.create({
    codeHash: call.read(codeHash, HASH_SIZE),
    salt: call.read(salt, HASH_SIZE),
    args: call.read(args, argsLength),
    value: readAmount(call, value),
    frame,
  });
  const given = giveStatus(call, frame, result);
  if (given === status.success) call.write(out, result.created);
  return given;
}

export function upgrade(
  call: HostCall,
  price: HostPrice,
  codeHash: number,
  args: number,
  argsLength: number,
  gas: bigint,
): number {
  call.checkRegion(codeHash, HASH_SIZE);
  call.checkRegion(args, argsLength);
  call.checkWritable();
  call.charge(price.base + price.perByte * (argsLength >>> 0));
  if (argsLength >>> 0 > INPUT_SIZE_MAX) return giveRefusal(call, "InputTooLarge");
  const frame = createFrame(call, gas, false);
  const request = { codeHash: call.read(codeHash, HASH_SIZE), args: call.read(args, argsLength), frame };
  return giveStatus(call, frame, call.host.upgrade(request));
}

export function transfer(call: HostCall, price: HostPrice, to: number, amount: number): number {
  call.checkRegion(to, ADDRESS_SIZE);
  call.checkRegion(amount, AMOUNT_SIZE);
  call.checkWritable();
  call.charge(price.base);
  const refusal = call.host.transfer(call.read(to, ADDRESS_SIZE), readAmount(call, amount));
  if (refusal !== null) return giveRefusal(call, refusal);
  call.lastResult = new Uint8Array();
  return status.success;
}

export function balance(call: HostCall, price: HostPrice, address: number, out: number): void {
  call.checkRegion(address, ADDRESS_SIZE);
  call.checkRegion(out, AMOUNT_SIZE);
  call.charge(price.base);
  call.write(out, encode(u128, call.host.balanceOf(call.read(address, ADDRESS_SIZE))));
}

export function codeHash(call: HostCall, price: HostPrice, address: number, out: number): number {
  call.checkRegion(address, ADDRESS_SIZE);
  call.checkRegion(out, HASH_SIZE);
  call.charge(price.base);
  const hash = call.host.codeHashOf(call.read(address, ADDRESS_SIZE));
  if (hash === null) return 0;
  call.write(out, hash);
  return 1;
}

function readAmount(call: HostCall, pointer: number): bigint {
  return decode(u128, call.read(pointer, AMOUNT_SIZE));
}

/** Null for bytes that no method can be named. */
function readName(call: HostCall, pointer: number, length: number): string | null {
  if (length >>> 0 > NAME_SIZE_MAX) return null;
  try {
    return strictUtf8.decode(call.read(pointer, length));
  } catch (error) {
    // What the decoder says of bytes that are no text. Anything else, an exhausted stack too, is no answer about the name.
    if (error instanceof TypeError) return null;
    throw error;
  }
}

/** `gas` is an unsigned i64 that arrived signed. */
function createFrame(call: HostCall, gas: bigint, isView: boolean): Frame {
  const asked = BigInt.asUintN(64, gas);
  const most = call.gas - Math.floor(call.gas / KEPT_GAS_DIVISOR);
  return {
    gasLimit: asked < BigInt(most) ? Number(asked) : most,
    stackHeight: call.stackHeight,
    readOnly: call.readOnly || isView,
  };
}

function giveStatus(call: HostCall, frame: Frame, { outcome, gasUsed }: MessageResult): number {
  assert(gasUsed <= frame.gasLimit, `a message used ${gasUsed} of ${frame.gasLimit} gas`);
  call.charge(gasUsed);
  call.lastResult = resultBytes(outcome);
  return status[outcome.kind];
}

function giveRefusal(call: HostCall, reason: RefusalReason): number {
  call.lastResult = resultBytes({ kind: "refused", reason });
  return status.refused;
}

function resultBytes(outcome: Outcome | Refusal): Uint8Array {
  switch (outcome.kind) {
    case "success":
      return outcome.data;
    case "revert": {
      const bytes = new Uint8Array(4 + outcome.data.length);
      new DataView(bytes.buffer).setUint32(0, outcome.code, true);
      bytes.set(outcome.data, 4);
      return bytes;
    }
    case "halt":
      return Uint8Array.of(haltReasons.indexOf(outcome.reason));
    case "refused":
      return Uint8Array.of(refusalReasons.indexOf(outcome.reason));
  }
}
