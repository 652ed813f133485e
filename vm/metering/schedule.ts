/**
 * Gas schedule 1: what every instruction and host function costs. The only place where a price stands.
 *
 * One gas is about one nanosecond of the `jit` engine on a machine of 2020, so that a block gas limit is a time. Weights
 * are integers; all sums stay below 2^53.
 */
import { op, opcodes } from "../opcodes.ts";

export const SCHEDULE_VERSION = 1;

/** What differs from the weight 1. Structure costs nothing, but for the header of a loop, which compares. */
const weights: Readonly<Record<string, number>> = {
  block: 0,
  else: 0,
  end: 0,
  nop: 0,
  unreachable: 0,
  br_table: 4,
  call: 6,
  call_indirect: 12,
  "i32.div_s": 8,
  "i32.div_u": 8,
  "i32.rem_s": 8,
  "i32.rem_u": 8,
  "i64.div_s": 16,
  "i64.div_u": 16,
  "i64.rem_s": 16,
  "i64.rem_u": 16,
  "memory.grow": 500,
  "memory.init": 30,
  "memory.copy": 30,
  "memory.fill": 30,
  "data.drop": 30,
  "table.init": 30,
  "table.copy": 30,
  "elem.drop": 30,
};

const weightByCode: number[] = [];
for (const { code, name } of opcodes) weightByCode[slot(code)] = weights[name] ?? 1;

function slot(code: number): number {
  return code < 0x100 ? code : 0x100 + (code & 0xff);
}

export function weightOf(code: number): number {
  return weightByCode[slot(code)]!;
}

/** True where the rule asks for a check point before the instruction itself: it pays by its operand. */
export function paysByOperand(code: number): boolean {
  return (
    code === op.memoryGrow ||
    code === op.memoryInit ||
    code === op.memoryCopy ||
    code === op.memoryFill ||
    code === op.tableInit ||
    code === op.tableCopy
  );
}

/** Locals up to this number ride on the price of the call; each one above costs one gas at entry. */
export const FREE_LOCAL_COUNT = 16;
/** Gas per page that `memory.grow` really adds: the kernel's zeroing and the later clean-up. */
export const PAGE_GAS = 30_000;
/** Bulk memory operations cost one gas for every 8 bytes begun. */
export const BULK_BYTES_PER_GAS_LOG2 = 3;
/** Bulk table operations: gas per entry. */
export const TABLE_ENTRY_GAS = 16;

/**
 * Per byte of a contract's code, once in a transaction that calls it: a node that has not kept it prepared must validate and
 * compile it first, and no price may depend on what a node has kept.
 */
export const LOAD_BYTE_GAS = 64;

/** Making an instance: base, and per page of initial memory, per byte of active data, per entry of active elements. */
export const INSTANTIATE_GAS = 20_000;
export const INITIAL_PAGE_GAS = 5_000;
export const DATA_BYTES_PER_GAS_LOG2 = 3;
/** Per defined function and global of the module. */
export const DEFINITION_GAS = 50;

/**
 * A host function costs `base`; `perByte` for every byte that its arguments declare or its result carries; and `perItem` for
 * every item it names: a key visited, a point of a batch. The table of host functions says what its items are.
 */
export interface HostPrice {
  readonly base: number;
  readonly perByte: number;
  readonly perItem: number;
}

function price(base: number, perByte = 0, perItem = 0): HostPrice {
  return { base, perByte, perItem };
}

/** A byte that a receipt keeps for ever. A block of 10^9 gas then adds at most 20 MB of receipts. */
const OUTPUT_BYTE_GAS = 50;

export const hostPrices = {
  self_address: price(200),
  caller: price(200),
  signer: price(200),
  value: price(200),
  block_height: price(200),
  block_time: price(200),
  chain_id: price(200, 1),
  gas_left: price(200),
  random: price(2_000),
  input: price(200, 1),
  last_result: price(200, 1),
  last_result_size: price(200),
  return_data: price(200, OUTPUT_BYTE_GAS),
  revert: price(200, OUTPUT_BYTE_GAS),
  storage_get: price(30_000, 2),
  storage_set: price(60_000, 20),
  storage_remove: price(50_000, 2),
  storage_has: price(30_000, 2),
  storage_scan: price(150_000, 2, 5_000),
  emit: price(5_000, OUTPUT_BYTE_GAS),
  balance: price(30_000),
  code_hash: price(30_000),
  transfer: price(60_000),
  call: price(60_000, 4),
  view: price(60_000, 4),
  create: price(150_000, 4),
  upgrade: price(100_000, 4),
  sha256: price(1_500, 5),
  keccak256: price(4_000, 25),
  blake3: price(2_000, 15),
  ripemd160: price(1_500, 8),
  ed25519_verify: price(900_000, 8),
  secp256k1_verify: price(1_050_000),
  secp256k1_recover: price(1_100_000),
  p256_verify: price(1_700_000),
  bls12_381_g1_add: price(1_700_000),
  bls12_381_g2_add: price(3_600_000),
  bls12_381_g1_mul: price(2_400_000),
  bls12_381_g2_mul: price(7_500_000),
  bls12_381_g1_msm: price(1_200_000, 0, 1_250_000),
  bls12_381_g2_msm: price(4_200_000, 0, 3_200_000),
  bls12_381_hash_to_g1: price(1_650_000, 5),
  bls12_381_hash_to_g2: price(6_400_000, 5),
  bls12_381_pairing_check: price(6_000_000, 0, 5_300_000),
  bls12_381_aggregate_verify: price(10_200_000, 5, 9_600_000),
  bls12_381_fast_aggregate_verify: price(19_300_000, 5, 820_000),
  debug_log: price(500, 2),
} as const satisfies Record<string, HostPrice>;
