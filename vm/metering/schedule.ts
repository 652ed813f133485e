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

/** Making an instance: base, and per page of initial memory, per byte of active data, per entry of active elements. */
export const INSTANTIATE_GAS = 20_000;
export const INITIAL_PAGE_GAS = 5_000;
export const DATA_BYTES_PER_GAS_LOG2 = 3;
/** Per defined function and global of the module. */
export const DEFINITION_GAS = 50;

/** A host function costs `base`, and `perByte` for every byte that its arguments declare or its result carries. */
export interface HostPrice {
  readonly base: number;
  readonly perByte: number;
}

/** A byte that a receipt keeps for ever. A block of 10^9 gas then adds at most 20 MB of receipts. */
const OUTPUT_BYTE_GAS = 50;

export const hostPrices = {
  self_address: { base: 200, perByte: 0 },
  caller: { base: 200, perByte: 0 },
  signer: { base: 200, perByte: 0 },
  value: { base: 200, perByte: 0 },
  block_height: { base: 200, perByte: 0 },
  block_time: { base: 200, perByte: 0 },
  chain_id: { base: 200, perByte: 1 },
  gas_left: { base: 200, perByte: 0 },
  input: { base: 200, perByte: 1 },
  last_result: { base: 200, perByte: 1 },
  return_data: { base: 200, perByte: OUTPUT_BYTE_GAS },
  revert: { base: 200, perByte: OUTPUT_BYTE_GAS },
  storage_get: { base: 30_000, perByte: 2 },
  storage_set: { base: 60_000, perByte: 20 },
  storage_remove: { base: 50_000, perByte: 2 },
  storage_has: { base: 30_000, perByte: 2 },
  emit: { base: 5_000, perByte: OUTPUT_BYTE_GAS },
  sha256: { base: 1_500, perByte: 15 },
  debug_log: { base: 500, perByte: 2 },
} as const satisfies Record<string, HostPrice>;
