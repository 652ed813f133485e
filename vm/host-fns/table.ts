/**
 * All host functions, version 1: the one door out of the sandbox. Import module `lockstep`; i32 pointers and lengths are
 * unsigned; amounts are 16 bytes little endian.
 *
 * The linker, the profile's import check and the SDK's declarations all follow this table; a test compares them.
 */
import { type HostPrice, hostPrices } from "../metering/schedule.ts";
import * as context from "./context.ts";
import * as crypto from "./crypto.ts";
import type { HostCall } from "./host.ts";
import * as message from "./message.ts";
import * as storage from "./storage.ts";

export type HostValueType = "i32" | "i64";

/** Arguments arrive as the engine passes them: i32 as a signed number, i64 as a bigint. */
export type HostImplementation = (call: HostCall, price: HostPrice, ...args: never[]) => number | bigint | void;

export interface HostFunction {
  readonly name: string;
  readonly params: readonly HostValueType[];
  readonly result: HostValueType | null;
  readonly price: HostPrice;
  readonly doc: string;
  readonly run: HostImplementation;
}

const table: HostFunction[] = [];

/** `signature` reads `name(parameter, ...) -> result`; parameters are i32. */
function define(signature: string, doc: string, run: HostImplementation): void {
  const [, name, params, result] = /^(\w+)\(([^)]*)\)(?: -> (i32|i64))?$/.exec(signature)!;
  table.push({
    name: name!,
    params: params === "" ? [] : params!.split(", ").map(() => "i32"),
    result: (result as HostValueType | undefined) ?? null,
    price: hostPrices[name as keyof typeof hostPrices],
    doc,
    run,
  });
}

define("self_address(out)", "Writes the running contract's 32-byte address.", context.selfAddress);
define("caller(out)", "Writes the 32-byte address of who called: an account or a contract.", context.caller);
define("signer(out)", "Writes the 32-byte address of who signed the transaction.", context.signer);
define("value(out)", "Writes the amount that came with the call, 16 bytes.", context.value);
define("block_height() -> i64", "The height of the block being made.", context.blockHeight);
define("block_time() -> i64", "The block's time in milliseconds since 1970.", context.blockTime);
define("chain_id(out, capacity) -> i32", "Result: the chain's name in UTF-8.", context.chainId);
define("gas_left() -> i64", "Gas left after this call was paid.", context.gasLeft);
define("input(out, capacity) -> i32", "Result: the call's arguments, a borsh tuple.", message.input);
define("last_result(out, offset, length)", "Copies a part of the last variable-length result.", message.lastResult);
define("return_data(pointer, length)", "Sets what the call returns. The last one counts.", message.returnData);
define(
  "revert(code, pointer, length)",
  "Undoes the call and never returns. With code 0 the data is a message in UTF-8; other codes are the ABI's errors.",
  message.revert,
);
define(
  "storage_get(key, keyLength, out, capacity) -> i32",
  "Result: the value under the key; -1 when there is none.",
  storage.storageGet,
);
define("storage_set(key, keyLength, value, valueLength)", "Writes a value.", storage.storageSet);
define("storage_remove(key, keyLength)", "Removes a value; removing none is allowed.", storage.storageRemove);
define("storage_has(key, keyLength) -> i32", "1 when there is a value under the key, else 0.", storage.storageHas);
define(
  "emit(topics, topicsLength, data, dataLength)",
  "Records an event. Topics are a borsh list of 1 to 4 byte strings of at most 64 bytes; the first is the event's name.",
  message.emit,
);
define("sha256(pointer, length, out)", "Writes the 32-byte SHA-256 of a region.", crypto.sha256Hash);
define("debug_log(pointer, length)", "Shows text to the developer. Outside consensus.", message.debugLog);

export const hostFunctions: ReadonlyMap<string, HostFunction> = new Map(table.map((entry) => [entry.name, entry]));
