/**
 * Every host function as the gas bench calls it: with the least it takes, with the most, and with what is worst for it. A
 * function of the table without a case ends the bench.
 *
 * All cases are methods of one contract. Its memory is laid out by the constants below; numbers among the arguments are
 * constants, anything else is an instruction.
 */
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { ed25519 } from "@noble/curves/ed25519.js";
import { p256 } from "@noble/curves/nist.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import * as borsh from "../../../vm/borsh.ts";
import { assert } from "../../../vm/errors.ts";
import { BLS_COUNT_MAX } from "../../../vm/host-fns/bls12-381.ts";
import { EVENT_SIZE_MAX, LOG_SIZE_MAX, RETURN_SIZE_MAX, TOPIC_SIZE_MAX } from "../../../vm/host-fns/message.ts";
import { SCAN_COUNT_MAX, STORAGE_KEY_SIZE_MAX, STORAGE_VALUE_SIZE_MAX } from "../../../vm/host-fns/storage.ts";
import { type HostFunction, hostFunctions } from "../../../vm/host-fns/table.ts";

/** What the input holds and where it stands in memory: rounds, the other contract, and the hash of the code of each. */
export const inputCodec = borsh.struct({
  count: borsh.u32,
  callee: borsh.fixedBytes(32),
  calleeCode: borsh.fixedBytes(32),
  ownCode: borsh.fixedBytes(32),
});
const INPUT = 0;
const CALLEE = INPUT + 4;
const CALLEE_CODE = CALLEE + 32;
const OWN_CODE = CALLEE_CODE + 32;
const INPUT_SIZE = OWN_CODE + 32;
/** Holds a number, then the block's height where the key is to be a new one, then zeros. */
const KEY = 1_024;
const KEY_SIZE = 32;
/** An account's address, and an amount of 16 bytes. */
const ADDRESS = 4_096;
const AMOUNT = 4_160;
/** What the case brings along. */
const DATA = 65_536;
const OUT = 262_144;
const PAGE_COUNT = 16;

const LARGE = 64 * 1024;
const ALL_GAS = "(i64.const -1)";

/** Entries that the contract's storage holds, and accounts that the chain has, before anything is measured. */
export const ENTRY_COUNT = 100_000;
export const LARGE_ENTRY_COUNT = 64;
export const ACCOUNT_COUNT = 20_000;

export function accountAddress(number: number): Uint8Array {
  const address = new Uint8Array(32).fill(0xaa);
  new DataView(address.buffer).setUint32(0, number, true);
  return address;
}

interface HostCase {
  readonly name: string;
  readonly args: readonly (number | string)[];
  /** Stands at `DATA`. */
  readonly data?: Uint8Array;
  /** Before the first call. */
  readonly setup?: string;
  /** Before each call. */
  readonly before?: string;
  /** Rounds at most. */
  readonly countMax?: number;
  /** Another function to call, when this one is reached through it. */
  readonly through?: string;
}

/** Another number in every round of every block, below `count`. */
function someOf(count: number): string {
  return `(i32.rem_u (i32.add (i32.mul (i32.wrap_i64 (call $block_height)) (i32.const 7919))
    (i32.mul (local.get $count) (i32.const 40503))) (i32.const ${count}))`;
}

const newKey = `(i64.store (i32.const ${KEY + 4}) (call $block_height)) (i32.store (i32.const ${KEY}) (local.get $count))`;
const someKey = `(i32.store (i32.const ${KEY}) ${someOf(ENTRY_COUNT)})`;
const largeKey = `(i32.store (i32.const ${KEY}) (i32.add (i32.const ${ENTRY_COUNT}) ${someOf(LARGE_ENTRY_COUNT)}))`;
const newAddress = `(i64.store (i32.const ${ADDRESS}) (call $block_height)) (i32.store (i32.const ${ADDRESS + 8}) (local.get $count))`;
const someAddress = `(memory.fill (i32.const ${ADDRESS}) (i32.const 0xaa) (i32.const 32))
  (i32.store (i32.const ${ADDRESS}) ${someOf(ACCOUNT_COUNT)})`;
const oneUnit = `(i32.store (i32.const ${AMOUNT}) (i32.const 1))`;
const noAmount = `(i32.store (i32.const ${AMOUNT}) (i32.const 0))`;

const ones = (size: number) => new Uint8Array(size).fill(0xff);

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function topics(count: number, size: number): Uint8Array {
  return borsh.encode(
    borsh.vec(borsh.bytes, count),
    Array.from({ length: count }, () => ones(size)),
  );
}

/** The callee's methods. */
const IDLE = "idle";
const methodName = (name: string) => new TextEncoder().encode(name);
const named = (name: string) => ({ data: methodName(name), size: name.length });

function callOf(method: string, argsSize: number, value: string, more: Partial<HostCase> = {}): HostCase {
  const { data, size } = named(method);
  const args = [CALLEE, DATA, size, OUT, argsSize, AMOUNT, ALL_GAS];
  return { name: method, args, data, before: value, ...more };
}

function viewOf(method: string, argsSize: number, more: Partial<HostCase> = {}): HostCase {
  const { data, size } = named(method);
  return { name: method, args: [CALLEE, DATA, size, OUT, argsSize, ALL_GAS], data, ...more };
}

const digest = new Uint8Array(32).fill(0x5a);
const secret = new Uint8Array(32).fill(7);

const edPublic = ed25519.getPublicKey(secret);
const edSmall = concat(ed25519.sign(digest, secret), edPublic, digest);
/** A scalar below the group's order with as many ones as there can be. */
const edOnes = concat(edPublic, ones(31), Uint8Array.of(0x0f), edPublic, digest);

function ecdsa(curve: typeof secp256k1 | typeof p256, compressed: boolean) {
  const signature = curve.sign(digest, secret, { prehash: false, format: "compact" });
  return concat(digest, signature, curve.getPublicKey(secret, compressed));
}

function secpRecovery(): { readonly data: Uint8Array; readonly id: number } {
  const signed = secp256k1.sign(digest, secret, { prehash: false, format: "recovered" });
  return { data: concat(digest, signed.subarray(1)), id: signed[0]! };
}
const recovery = secpRecovery();

const { G1, G2 } = bls12_381;
const SMALL_COUNT = 16;
const order = bls12_381.fields.Fr.ORDER;
/** Points far from the generator, as points of others are. */
const g1Points = Array.from({ length: SMALL_COUNT }, (_, i) => G1.Point.BASE.multiply(order / BigInt(i + 3)).toBytes());
const g2Points = Array.from({ length: SMALL_COUNT }, (_, i) => G2.Point.BASE.multiply(order / BigInt(i + 3)).toBytes());
/** 2^254 - 1. */
const blsScalar = concat(Uint8Array.of(0x3f), ones(31));
const repeat = (bytes: Uint8Array, count: number) => concat(...Array.from({ length: count }, () => bytes));

/** Points, then scalars. */
function msm(points: readonly Uint8Array[], size: number, count: number): HostCase {
  const data = concat(...points.slice(0, count), repeat(blsScalar, count));
  return { name: `${count} points`, args: [DATA, DATA + size * count, count, OUT], data };
}

function pairing(count: number): HostCase {
  const data = concat(...g1Points.slice(0, count), ...g2Points.slice(0, count));
  return { name: `${count} pairs`, args: [DATA, DATA + 48 * count, count], data };
}

/** Keys, then a signature, then messages. No key signed: that is found only when all is done. */
function aggregate(count: number, isFast: boolean): HostCase {
  const keys = concat(...g1Points.slice(0, count));
  const messages = isFast ? digest : borsh.encode(borsh.vec(borsh.bytes, count), Array(count).fill(digest));
  const data = concat(keys, g2Points[0]!, messages);
  const signature = DATA + keys.length;
  return { name: `${count} keys`, args: [DATA, count, signature + 96, messages.length, signature], data };
}

const hashes: readonly HostCase[] = [
  { name: "of nothing", args: [DATA, 0, OUT] },
  { name: "of 100 bytes", args: [DATA, 100, OUT] },
  { name: "of 64 KiB", args: [DATA, LARGE, OUT] },
];

const facts: readonly HostCase[] = [{ name: "", args: [OUT] }];
const numbers: readonly HostCase[] = [{ name: "", args: [] }];
const tag = { data: methodName("TAG-OF-A-BENCH"), size: 14 };

export const hostCases: Readonly<Record<string, readonly HostCase[]>> = {
  self_address: facts,
  caller: facts,
  signer: facts,
  value: facts,
  block_height: numbers,
  block_time: numbers,
  chain_id: [{ name: "", args: [OUT, 64] }],
  gas_left: numbers,
  random: facts,
  input: [
    { name: "of 100 bytes", args: [OUT, INPUT_SIZE] },
    { name: "that does not fit", args: [OUT, 0] },
    callOf("largeInput", LARGE, noAmount, { name: "of 64 KiB, in another contract", through: "call" }),
  ],
  last_result: [
    { name: "of nothing", args: [OUT, 0, 0] },
    {
      name: "of 64 KiB",
      args: [OUT, 0, LARGE],
      data: methodName("largeReturn"),
      setup: callText(hostFunctions.get("call")!, [CALLEE, DATA, 11, OUT, 0, AMOUNT, ALL_GAS]),
    },
  ],
  last_result_size: numbers,
  return_data: [
    { name: "of nothing", args: [DATA, 0] },
    { name: "of 64 KiB", args: [DATA, RETURN_SIZE_MAX] },
  ],
  revert: [
    callOf("smallRevert", 0, noAmount, { name: "of nothing, in another contract", through: "call" }),
    callOf("largeRevert", 0, noAmount, { name: "of 64 KiB, in another contract", through: "call" }),
  ],
  storage_get: [
    { name: "of a key that is not there", args: [KEY, KEY_SIZE, OUT, LARGE], before: newKey },
    { name: "of one of 100,000", args: [KEY, KEY_SIZE, OUT, LARGE], before: someKey },
    { name: "of the same again", args: [KEY, KEY_SIZE, OUT, LARGE] },
    { name: "of 64 KiB", args: [KEY, KEY_SIZE, OUT, LARGE], before: largeKey },
    { name: "of a long key that is not there", args: [KEY, STORAGE_KEY_SIZE_MAX, OUT, LARGE], before: newKey },
  ],
  storage_set: [
    { name: "of a new key", args: [KEY, KEY_SIZE, DATA, 32], before: newKey },
    { name: "of one of 100,000", args: [KEY, KEY_SIZE, DATA, 40], before: someKey },
    { name: "of the same again", args: [KEY, KEY_SIZE, DATA, 32] },
    { name: "of 64 KiB under a new key", args: [KEY, KEY_SIZE, DATA, STORAGE_VALUE_SIZE_MAX], before: newKey },
    { name: "of 64 KiB under the same again", args: [KEY, KEY_SIZE, DATA, STORAGE_VALUE_SIZE_MAX] },
    { name: "of nothing under a long new key", args: [KEY, STORAGE_KEY_SIZE_MAX, DATA, 0], before: newKey },
  ],
  storage_remove: [
    { name: "of a key that is not there", args: [KEY, KEY_SIZE], before: newKey },
    { name: "of one of 100,000", args: [KEY, KEY_SIZE], before: someKey },
  ],
  storage_has: [
    { name: "of a key that is not there", args: [KEY, KEY_SIZE], before: newKey },
    { name: "of one of 100,000", args: [KEY, KEY_SIZE], before: someKey },
    { name: "of 64 KiB", args: [KEY, KEY_SIZE], before: largeKey },
  ],
  storage_scan: [
    { name: "of one entry", args: [KEY, KEY_SIZE, KEY, 0, 1, 0, OUT, LARGE], before: someKey },
    { name: "of one entry, down", args: [KEY, 0, KEY, KEY_SIZE, 1, 1, OUT, LARGE], before: someKey },
    { name: "of 20 entries", args: [KEY, KEY_SIZE, KEY, 0, 20, 0, OUT, LARGE], before: someKey },
    { name: "of 1,024 entries", args: [KEY, KEY_SIZE, KEY, 0, SCAN_COUNT_MAX, 0, OUT, LARGE], before: someKey },
  ],
  emit: [
    { name: "of the least", args: [DATA, 8, DATA, 0], data: topics(1, 0), countMax: 1_000 },
    { name: "of the most topics", args: [DATA, 276, DATA, 0], data: topics(4, TOPIC_SIZE_MAX), countMax: 900 },
    { name: "of 16 KiB", args: [DATA, 8, DATA, EVENT_SIZE_MAX], data: topics(1, 0), countMax: 15 },
  ],
  balance: [
    { name: "of an unknown address", args: [ADDRESS, OUT], before: newAddress },
    { name: "of one of 20,000", args: [ADDRESS, OUT], before: someAddress },
    { name: "of the same again", args: [ADDRESS, OUT] },
  ],
  code_hash: [
    { name: "of an unknown address", args: [ADDRESS, OUT], before: newAddress },
    { name: "of one of 20,000", args: [ADDRESS, OUT], before: someAddress },
    { name: "of a contract again", args: [CALLEE, OUT] },
  ],
  transfer: [
    { name: "to a new address", args: [ADDRESS, AMOUNT], before: newAddress + oneUnit },
    { name: "to one of 20,000", args: [ADDRESS, AMOUNT], before: someAddress + oneUnit },
    { name: "to the same again", args: [ADDRESS, AMOUNT], before: oneUnit },
  ],
  call: [
    callOf(IDLE, 0, noAmount, { name: "of an idle method" }),
    callOf(IDLE, 0, oneUnit, { name: "of an idle method, with value" }),
    callOf(IDLE, LARGE, noAmount, { name: "with 64 KiB" }),
    callOf("largeReturn", 0, noAmount, { name: "that returns 64 KiB" }),
    callOf("halt", 0, noAmount, {
      name: "that halts, with little gas",
      args: [CALLEE, DATA, 4, OUT, 0, AMOUNT, "(i64.const 100000)"],
    }),
    callOf("none", 0, noAmount, { name: "of no method" }),
  ],
  view: [
    viewOf(IDLE, 0, { name: "of an idle method" }),
    viewOf(IDLE, LARGE, { name: "with 64 KiB" }),
    viewOf("none", 0, { name: "of no method" }),
  ],
  create: [
    { name: "of a small contract", args: [CALLEE_CODE, KEY, DATA, 0, AMOUNT, ALL_GAS, OUT], before: newKey + noAmount },
    { name: "of unknown code", args: [KEY, KEY, DATA, 0, AMOUNT, ALL_GAS, OUT], before: newKey + noAmount },
  ],
  upgrade: [
    { name: "to the code it has", args: [OWN_CODE, DATA, 0, ALL_GAS] },
    { name: "to unknown code", args: [KEY, DATA, 0, ALL_GAS], before: newKey },
  ],
  sha256: hashes,
  keccak256: hashes,
  blake3: hashes,
  ripemd160: hashes,
  ed25519_verify: [
    { name: "of 32 bytes", args: [DATA + 96, 32, DATA, DATA + 64], data: edSmall },
    { name: "of a scalar of ones", args: [DATA + 96, 32, DATA, DATA + 64], data: edOnes },
    { name: "of 64 KiB", args: [DATA + 96, LARGE, DATA, DATA + 64], data: edSmall },
  ],
  secp256k1_verify: [
    { name: "by a key of 33 bytes", args: [DATA, DATA + 32, DATA + 96, 33], data: ecdsa(secp256k1, true) },
    { name: "by a key of 65 bytes", args: [DATA, DATA + 32, DATA + 96, 65], data: ecdsa(secp256k1, false) },
  ],
  secp256k1_recover: [{ name: "", args: [DATA, DATA + 32, recovery.id, OUT], data: recovery.data }],
  p256_verify: [
    { name: "by a key of 33 bytes", args: [DATA, DATA + 32, DATA + 96, 33], data: ecdsa(p256, true) },
    { name: "by a key of 65 bytes", args: [DATA, DATA + 32, DATA + 96, 65], data: ecdsa(p256, false) },
  ],
  bls12_381_g1_add: [{ name: "", args: [DATA, DATA + 48, OUT], data: concat(g1Points[0]!, g1Points[1]!) }],
  bls12_381_g2_add: [{ name: "", args: [DATA, DATA + 96, OUT], data: concat(g2Points[0]!, g2Points[1]!) }],
  bls12_381_g1_mul: [{ name: "", args: [DATA, DATA + 48, OUT], data: concat(g1Points[0]!, blsScalar) }],
  bls12_381_g2_mul: [{ name: "", args: [DATA, DATA + 96, OUT], data: concat(g2Points[0]!, blsScalar) }],
  bls12_381_g1_msm: [msm([], 48, 0), msm(g1Points, 48, 1), msm(g1Points, 48, SMALL_COUNT)],
  bls12_381_g2_msm: [msm([], 96, 0), msm(g2Points, 96, 1), msm(g2Points, 96, SMALL_COUNT)],
  bls12_381_hash_to_g1: [
    { name: "of nothing", args: [DATA, 0, DATA, tag.size, OUT], data: tag.data },
    { name: "of 64 KiB", args: [DATA, LARGE, DATA, tag.size, OUT], data: tag.data },
  ],
  bls12_381_hash_to_g2: [
    { name: "of nothing", args: [DATA, 0, DATA, tag.size, OUT], data: tag.data },
    { name: "of 64 KiB", args: [DATA, LARGE, DATA, tag.size, OUT], data: tag.data },
  ],
  bls12_381_pairing_check: [pairing(0), pairing(1), pairing(SMALL_COUNT)],
  bls12_381_aggregate_verify: [aggregate(1, false), aggregate(SMALL_COUNT, false)],
  bls12_381_fast_aggregate_verify: [aggregate(1, true), aggregate(SMALL_COUNT, true)],
  debug_log: [
    { name: "of nothing", args: [DATA, 0] },
    { name: "of 4 KiB", args: [DATA, LOG_SIZE_MAX] },
    {
      name: "of 4 KiB that is no text",
      args: [OUT, LOG_SIZE_MAX],
      before: `(memory.fill (i32.const ${OUT}) (i32.const 0xff) (i32.const 4096))`,
      countMax: 2_000,
    },
  ],
};
assert(BLS_COUNT_MAX >= SMALL_COUNT, "a list of points is too long");

export interface HostMethod {
  readonly group: "host" | "crypto";
  readonly name: string;
  /** Of the bench's contract. */
  readonly method: string;
  readonly countMax?: number;
}

const isCrypto = ({ name }: HostFunction) => /^(sha|keccak|blake|ripemd|ed25519|secp|p256|bls)/.test(name);

export const hostMethods: readonly HostMethod[] = [...hostFunctions.values()].flatMap((hostFunction) => {
  const cases = hostCases[hostFunction.name];
  assert(cases !== undefined, `the gas bench has no case for ${hostFunction.name}`);
  return cases.map(({ name, countMax }, i) => ({
    group: isCrypto(hostFunction) ? ("crypto" as const) : ("host" as const),
    name: `${hostFunction.name} ${name}`.trim(),
    method: `${hostFunction.name}${i}`,
    ...(countMax === undefined ? {} : { countMax }),
  }));
});

function importText({ name, params, result }: HostFunction): string {
  const types = params.length === 0 ? "" : `(param ${params.join(" ")})`;
  return `(import "lockstep" "${name}" (func $${name} ${types} ${result === null ? "" : `(result ${result})`}))`;
}

function callText({ name, params, result }: HostFunction, args: HostCase["args"]): string {
  assert(args.length === params.length, `${name} takes ${params.length} arguments`);
  const operands = args.map((arg, i) => (typeof arg === "number" ? `(${params[i]}.const ${arg})` : arg));
  const text = `(call $${name} ${operands.join(" ")})`;
  return result === null ? text : `(drop ${text})`;
}

function dataText(bytes: Uint8Array): string {
  return [...bytes].map((byte) => `\\${byte.toString(16).padStart(2, "0")}`).join("");
}

function methodText(
  hostFunction: HostFunction,
  { args, data, setup = "", before = "", through }: HostCase,
  i: number,
): string {
  const called = through === undefined ? hostFunction : hostFunctions.get(through)!;
  const segment = `$${hostFunction.name}${i}`;
  const load =
    data === undefined ? "" : `(memory.init ${segment} (i32.const ${DATA}) (i32.const 0) (i32.const ${data.length}))`;
  return `${data === undefined ? "" : `(data ${segment} "${dataText(data)}")`}
    ${method(`${hostFunction.name}${i}`, load + setup, `${before} ${callText(called, args)}`)}`;
}

/** A method that reads its input and does `body` as often as that says. */
function method(name: string, setup: string, body: string): string {
  return `(func (export "${name}") (local $count i32)
    (drop (call $input (i32.const ${INPUT}) (i32.const ${INPUT_SIZE})))
    (local.set $count (i32.load (i32.const ${INPUT})))
    ${setup}
    (loop $round
      ${body}
      (br_if $round (local.tee $count (i32.sub (local.get $count) (i32.const 1))))))`;
}

function set(size: number, first: number): string {
  return `(i32.store (i32.const ${KEY}) (i32.add (i32.const ${first - 1}) (local.get $count)))
    (call $storage_set (i32.const ${KEY}) (i32.const ${KEY_SIZE}) (i32.const ${DATA}) (i32.const ${size}))`;
}

/** Methods `populateN` write a tenth of the entries each, so that no transaction is too large. */
export const POPULATE_COUNT = 10;

export function hostContractText(): string {
  const functions = [...hostFunctions.values()];
  const share = ENTRY_COUNT / POPULATE_COUNT;
  return `(module
    ${functions.map(importText).join("\n")}
    (memory ${PAGE_COUNT} ${PAGE_COUNT})
    (func (export "migrate"))
    ${Array.from({ length: POPULATE_COUNT }, (_, i) => method(`populate${i}`, "", set(32, i * share))).join("\n")}
    ${method("populateLarge", "", set(LARGE, ENTRY_COUNT))}
    ${functions.map((entry) => hostCases[entry.name]!.map((each, i) => methodText(entry, each, i)).join("\n")).join("\n")})`;
}

export function calleeText(): string {
  const imported = ["input", "return_data", "revert"].map((name) => importText(hostFunctions.get(name)!));
  return `(module
    ${imported.join("\n")}
    (memory 1 1)
    (func (export "${IDLE}"))
    (func (export "halt") unreachable)
    (func (export "largeInput") (drop (call $input (i32.const 0) (i32.const ${LARGE}))))
    (func (export "largeReturn") (call $return_data (i32.const 0) (i32.const ${LARGE})))
    (func (export "smallRevert") (call $revert (i32.const 1) (i32.const 0) (i32.const 0)))
    (func (export "largeRevert") (call $revert (i32.const 1) (i32.const 0) (i32.const ${LARGE}))))`;
}
