/**
 * Gas schedule 1: what every instruction and host function costs. The only place where a price stands.
 *
 * One gas is at most 0.9 nanoseconds of one core of 2024, in the worst case that a contract can bring about, and 0.3 in the
 * median; `CALIBRATION.md` has every case and how it is measured. Weights are integers; all sums stay below 2^53.
 */
import { op, opcodes } from "../opcodes.ts";

export const SCHEDULE_VERSION = 1;

/** A load that waits for the one before takes 13 ns in the largest memory, fifty times an addition. */
const LOAD_WEIGHT = 20;

/** What differs from the weight 1. Structure costs nothing, but for the header of a loop, which compares. */
const weights: Readonly<Record<string, number>> = {
  block: 0,
  else: 0,
  end: 0,
  nop: 0,
  unreachable: 0,
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
  // A function call in baseline code.
  "i32.rotl": 5,
  "i32.rotr": 5,
  "i64.rotl": 5,
  "i64.rotr": 5,
  // Growing by nothing makes the engine look at everything that knows the memory.
  "memory.grow": 8_000,
  "memory.init": 12,
  "memory.copy": 12,
  "memory.fill": 12,
  "table.init": 30,
  "table.copy": 30,
};

/** Of `br_table`, for each step of a search for the label, and one more. */
const BR_TABLE_STEP_WEIGHT = 5;

const weightByCode: number[] = [];
for (const { code, name } of opcodes) {
  weightByCode[slot(code)] = weights[name] ?? (name.includes(".load") ? LOAD_WEIGHT : 1);
}

function slot(code: number): number {
  return code < 0x100 ? code : 0x100 + (code & 0xff);
}

/** `labelCount` is that of a `br_table`, the default included. */
export function weightOf(code: number, labelCount = 1): number {
  if (code === op.brTable) return BR_TABLE_STEP_WEIGHT * (1 + ceilLog2(labelCount));
  return weightByCode[slot(code)]!;
}

function ceilLog2(count: number): number {
  return 32 - Math.clz32(count - 1);
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

/** Of each parameter and local, when its function is entered. */
export const LOCAL_GAS = 1;
/** Gas per page that `memory.grow` really adds: the kernel's zeroing, and a memory that is lost to those who come after. */
export const PAGE_GAS = 200_000;
/** Bulk memory operations cost one gas for every 16 bytes begun. */
export const BULK_BYTES_PER_GAS_LOG2 = 4;
/** Bulk table operations: gas per entry. */
export const TABLE_ENTRY_GAS = 40;

/**
 * For a contract's code, once in a transaction that calls it: a node that has not kept it prepared must validate and compile it
 * first, and no price may depend on what a node has kept.
 */
export const LOAD_BYTE_GAS = 600;
export const LOAD_FUNCTION_GAS = 3_000;

/** Making an instance: in any case, and for what the module has. */
export const INSTANTIATE_GAS = 20_000;
export const INITIAL_PAGE_GAS = 2_000;
export const IMPORT_GAS = 500;
export const EXPORT_GAS = 1_500;
export const GLOBAL_GAS = 400;
export const FUNCTION_GAS = 10;
export const SEGMENT_GAS = 20;
/** Active data costs one gas for every two bytes. */
export const DATA_BYTES_PER_GAS_LOG2 = 1;

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
  self_address: price(300),
  caller: price(300),
  signer: price(300),
  value: price(2_300),
  block_height: price(200),
  block_time: price(200),
  chain_id: price(2_300, 1),
  gas_left: price(200),
  random: price(12_000),
  input: price(200, 1),
  last_result: price(300, 1),
  last_result_size: price(200),
  return_data: price(600, OUTPUT_BYTE_GAS),
  revert: price(200, OUTPUT_BYTE_GAS),
  storage_get: price(25_000, 2),
  storage_set: price(370_000, 20),
  storage_remove: price(370_000, 2),
  storage_has: price(25_000, 2),
  storage_scan: price(800_000, 4, 12_000),
  emit: price(8_000, OUTPUT_BYTE_GAS),
  balance: price(25_000),
  code_hash: price(25_000),
  transfer: price(650_000),
  call: price(40_000, 4),
  view: price(40_000, 4),
  create: price(350_000, 4),
  upgrade: price(350_000, 4),
  sha256: price(4_000, 8),
  keccak256: price(10_000, 50),
  blake3: price(15_000, 24),
  ripemd160: price(5_000, 14),
  ed25519_verify: price(1_500_000, 14),
  secp256k1_verify: price(2_100_000),
  secp256k1_recover: price(2_100_000),
  p256_verify: price(3_000_000),
  bls12_381_g1_add: price(3_000_000),
  bls12_381_g2_add: price(6_200_000),
  bls12_381_g1_mul: price(3_800_000),
  bls12_381_g2_mul: price(10_500_000),
  bls12_381_g1_msm: price(2_000_000, 0, 1_800_000),
  bls12_381_g2_msm: price(6_000_000, 0, 4_500_000),
  bls12_381_hash_to_g1: price(3_000_000, 12),
  bls12_381_hash_to_g2: price(10_500_000, 12),
  bls12_381_pairing_check: price(10_500_000, 0, 8_500_000),
  bls12_381_aggregate_verify: price(17_000_000, 12, 16_000_000),
  bls12_381_fast_aggregate_verify: price(32_000_000, 12, 1_350_000),
  debug_log: price(1_000, 5),
} as const satisfies Record<string, HostPrice>;
