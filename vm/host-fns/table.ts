/**
 * All host functions: the one door out of the sandbox. Import module `lockstep`; i32 pointers and lengths are unsigned;
 * amounts are 16 bytes little endian.
 *
 * The linker and the profile's import check follow this table, `REFERENCE.md` is written from it, and a test compares the
 * SDK's declarations with it.
 */
import { type HostPrice, hostPrices } from "../metering/schedule.ts";
import * as bls from "./bls12-381.ts";
import * as calls from "./calls.ts";
import * as context from "./context.ts";
import * as hash from "./hash.ts";
import type { HostCall } from "./host.ts";
import * as message from "./message.ts";
import * as signatures from "./signatures.ts";
import * as storage from "./storage.ts";

export type HostValueType = "i32" | "i64";

/** Arguments arrive as the engine passes them: i32 as a signed number, i64 as a bigint. */
export type HostImplementation = (call: HostCall, price: HostPrice, ...args: never[]) => number | bigint | void;

export interface HostFunction {
  readonly name: string;
  /** What it belongs to, for people. */
  readonly group: string;
  /** The version of the host interface that brought it. */
  readonly since: number;
  readonly params: readonly HostValueType[];
  /** In the order of `params`. */
  readonly paramNames: readonly string[];
  readonly result: HostValueType | null;
  readonly price: HostPrice;
  readonly doc: string;
  readonly run: HostImplementation;
}

const table: HostFunction[] = [];

/** What the chain offers as a whole; it grows, and nothing in it ever changes. */
const HOST_VERSION = 1;

/**
 * A way to define the functions of a group. A signature reads `name(parameter, ...) -> result`; a parameter is an i32 unless it
 * says `: i64`.
 */
function definer(group: string, since = HOST_VERSION) {
  return (signature: string, doc: string, run: HostImplementation): void => {
    const [, name, params, result] = /^(\w+)\(([^)]*)\)(?: -> (i32|i64))?$/.exec(signature)!;
    const declared = params === "" ? [] : params!.split(", ").map((param) => param.split(": "));
    table.push({
      name: name!,
      group,
      since,
      params: declared.map(([, type]) => (type === "i64" ? "i64" : "i32")),
      paramNames: declared.map(([paramName]) => paramName!),
      result: (result as HostValueType | undefined) ?? null,
      price: hostPrices[name as keyof typeof hostPrices],
      doc,
      run,
    });
  };
}

const defineContext = definer("The call and its block");
defineContext("self_address(out)", "Writes the running contract's 32-byte address.", context.selfAddress);
defineContext("caller(out)", "Writes the 32-byte address of who called: an account or a contract.", context.caller);
defineContext("signer(out)", "Writes the 32-byte address of who signed the transaction.", context.signer);
defineContext("value(out)", "Writes the amount that came with the call, 16 bytes.", context.value);
defineContext("block_height() -> i64", "The height of the block being made.", context.blockHeight);
defineContext("block_time() -> i64", "The block's time in milliseconds since 1970.", context.blockTime);
defineContext("chain_id(out, capacity) -> i32", "Result: the chain's name in UTF-8.", context.chainId);
defineContext("gas_left() -> i64", "Gas left after this call was paid.", context.gasLeft);
defineContext(
  "random(out)",
  "Writes 32 bytes that follow from the parent block, the transaction and the calls before: equal on every machine, and known to whoever makes the block.",
  context.random,
);

const defineMessage = definer("Input, results and ends");
defineMessage("input(out, capacity) -> i32", "Result: the call's arguments, a borsh tuple.", message.input);
defineMessage(
  "last_result(out, offset, length)",
  "Copies a part of the last variable-length result.",
  message.lastResult,
);
defineMessage("last_result_size() -> i32", "The length of the last variable-length result.", message.lastResultSize);
defineMessage("return_data(pointer, length)", "Sets what the call returns. The last one counts.", message.returnData);
defineMessage(
  "revert(code, pointer, length)",
  "Undoes the call and never returns. With code 0 the data is a message in UTF-8; other codes are the ABI's errors.",
  message.revert,
);

const defineStorage = definer("Storage");
defineStorage(
  "storage_get(key, keyLength, out, capacity) -> i32",
  "Result: the value under the key; -1 when there is none.",
  storage.storageGet,
);
defineStorage("storage_set(key, keyLength, value, valueLength)", "Writes a value.", storage.storageSet);
defineStorage("storage_remove(key, keyLength)", "Removes a value; removing none is allowed.", storage.storageRemove);
defineStorage(
  "storage_has(key, keyLength) -> i32",
  "1 when there is a value under the key, else 0.",
  storage.storageHas,
);
defineStorage(
  "storage_scan(start, startLength, end, endLength, limit, reverse, out, capacity) -> i32",
  "Result: a borsh list of {key, value}, the entries with start <= key < end in byte order, or from the end down when reverse is 1; at most limit (1 to 1,024), and not beyond the one that brings keys and values to 64 KiB. An empty start is the first key, an empty end is none. Its items are the keys visited.",
  storage.storageScan,
);

const defineOutput = definer("Events and text");
defineOutput(
  "emit(topics, topicsLength, data, dataLength)",
  "Records an event. Topics are a borsh list of 1 to 4 byte strings of at most 64 bytes; the first is the event's name.",
  message.emit,
);
defineOutput("debug_log(pointer, length)", "Shows text to the developer. Outside consensus.", message.debugLog);

const defineAccounts = definer("Other accounts");
defineAccounts("balance(address, out)", "Writes the balance of any account, 16 bytes.", calls.balance);
defineAccounts(
  "code_hash(address, out) -> i32",
  "1, and writes the 32-byte hash of a contract's code; 0 when the address is no contract.",
  calls.codeHash,
);
defineAccounts(
  "transfer(to, amount) -> i32",
  "Status: moves an amount of the contract's to an account that is no contract; contracts get value by calls.",
  calls.transfer,
);
defineAccounts(
  "call(contract, method, methodLength, args, argsLength, value, gas: i64) -> i32",
  "Status: calls a method of another contract, with borsh arguments, an amount, and at most so much gas. Result: its return data.",
  calls.call,
);
defineAccounts(
  "view(contract, method, methodLength, args, argsLength, gas: i64) -> i32",
  "Status: as call, but nothing below it may write, emit or move value. Result: its return data.",
  calls.view,
);
defineAccounts(
  "create(codeHash, salt, args, argsLength, value, gas: i64, out) -> i32",
  "Status: makes a contract from stored code, runs its init, and writes its 32-byte address, which follows from creator, salt and code hash.",
  calls.create,
);
defineAccounts(
  "upgrade(codeHash, args, argsLength, gas: i64) -> i32",
  "Status: gives this contract other code, from its next call on, and runs that code's migrate. Result: its return data.",
  calls.upgrade,
);

const defineHashes = definer("Hashes");
defineHashes("sha256(pointer, length, out)", "Writes the 32-byte SHA-256 of a region.", hash.sha256Hash);
defineHashes(
  "keccak256(pointer, length, out)",
  "Writes the 32-byte Keccak-256 of a region, as Ethereum's.",
  hash.keccak256Hash,
);
defineHashes("blake3(pointer, length, out)", "Writes the 32-byte BLAKE3 of a region, without a key.", hash.blake3Hash);
defineHashes("ripemd160(pointer, length, out)", "Writes the 20-byte RIPEMD-160 of a region.", hash.ripemd160Hash);

const defineSignatures = definer("Signatures");
defineSignatures(
  "ed25519_verify(message, messageLength, signature, publicKey) -> i32",
  "1 when the 64-byte signature is the 32-byte key's under ZIP-215, else 0.",
  signatures.ed25519Verify,
);
defineSignatures(
  "secp256k1_verify(hash, signature, publicKey, publicKeyLength) -> i32",
  "1 when r and s, 32 bytes each and s the lower, sign the 32-byte hash for the SEC 1 key of 33 or 65 bytes, else 0.",
  signatures.secp256k1Verify,
);
defineSignatures(
  "secp256k1_recover(hash, signature, recoveryId, out) -> i32",
  "1, and writes the signer's key in 65 bytes; 0 when no key signed the 32-byte hash so, or s is the higher.",
  signatures.secp256k1Recover,
);
defineSignatures(
  "p256_verify(hash, signature, publicKey, publicKeyLength) -> i32",
  "1 when r and s, 32 bytes each, sign the 32-byte hash for the SEC 1 key of 33 or 65 bytes, else 0.",
  signatures.p256Verify,
);

const defineBls = definer("BLS12-381");
defineBls(
  "bls12_381_g1_add(a, b, out) -> i32",
  "1, and writes the sum of two points of 48 bytes; 0 when one is no point of G1.",
  bls.g1Add,
);
defineBls(
  "bls12_381_g2_add(a, b, out) -> i32",
  "1, and writes the sum of two points of 96 bytes; 0 when one is no point of G2.",
  bls.g2Add,
);
defineBls(
  "bls12_381_g1_mul(point, scalar, out) -> i32",
  "1, and writes the product with 32 bytes big endian, modulo the group's order; 0 when it is no point of G1.",
  bls.g1Mul,
);
defineBls(
  "bls12_381_g2_mul(point, scalar, out) -> i32",
  "1, and writes the product with 32 bytes big endian, modulo the group's order; 0 when it is no point of G2.",
  bls.g2Mul,
);
defineBls(
  "bls12_381_g1_msm(points, scalars, count, out) -> i32",
  "1, and writes the sum of up to 256 products; 0 when one is no point of G1. An item is a product.",
  bls.g1Msm,
);
defineBls(
  "bls12_381_g2_msm(points, scalars, count, out) -> i32",
  "1, and writes the sum of up to 256 products; 0 when one is no point of G2. An item is a product.",
  bls.g2Msm,
);
defineBls(
  "bls12_381_hash_to_g1(message, messageLength, tag, tagLength, out)",
  "Writes the 48-byte point of a message under RFC 9380, XMD:SHA-256_SSWU_RO; the tag has 1 to 255 bytes.",
  bls.hashToG1,
);
defineBls(
  "bls12_381_hash_to_g2(message, messageLength, tag, tagLength, out)",
  "Writes the 96-byte point of a message under RFC 9380, XMD:SHA-256_SSWU_RO; the tag has 1 to 255 bytes.",
  bls.hashToG2,
);
defineBls(
  "bls12_381_pairing_check(g1Points, g2Points, count) -> i32",
  "1 when the product of up to 256 pairings is one, as that of none is, else 0. An item is a pair.",
  bls.pairingCheck,
);
defineBls(
  "bls12_381_aggregate_verify(publicKeys, count, messages, messagesLength, signature) -> i32",
  "1 when 1 to 256 keys signed a message each, a borsh list of byte strings, else 0. An item is a key.",
  bls.aggregateVerify,
);
defineBls(
  "bls12_381_fast_aggregate_verify(publicKeys, count, message, messageLength, signature) -> i32",
  "1 when 1 to 256 keys all signed one message, else 0. An item is a key.",
  bls.fastAggregateVerify,
);

export const hostFunctions: ReadonlyMap<string, HostFunction> = new Map(table.map((entry) => [entry.name, entry]));
