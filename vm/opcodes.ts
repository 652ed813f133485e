/**
 * The instruction table: byte, mnemonic, immediate and signature, in the order and with the names of the Wasm core spec,
 * section 5.4. Decoder, validator and metering read these rows, so an instruction exists in all of them or in none.
 *
 * Instructions outside profile 1 are rows too: they carry the feature that rejects them, so a rejection can name it.
 */

/** `i` is i32 and `I` is i64. An instruction whose typing needs its context has no signature. */
export type Signature = `${string}:${string}`;

export type Immediate =
  | "none"
  | "blockType"
  | "label"
  | "labels"
  | "function"
  | "typeAndTable"
  | "types"
  | "local"
  | "global"
  | "memarg"
  | "memory"
  | "i32"
  | "i64"
  | "f32"
  | "f64"
  | "dataAndMemory"
  | "data"
  | "memories"
  | "elementAndTable"
  | "element"
  | "tables";

/** Why a row is outside the profile; also the rejection's code. */
export type Feature = "float" | "reference_types" | "tail_call" | "exceptions" | "gc" | "simd" | "threads";

/** What a rejection for a feature says. */
export const featureText: Readonly<Record<Feature, string>> = {
  float: "floats are outside profile 1, because machines need not agree on them; use integers",
  reference_types: "references as values are outside profile 1",
  tail_call: "tail calls are outside profile 1",
  exceptions: "exceptions are outside profile 1",
  gc: "garbage-collected types are outside profile 1",
  simd: "vectors are outside profile 1",
  threads: "shared memory and atomics are outside profile 1",
};

export interface Opcode {
  /** The byte, or 0xfc00 + the second number for the prefix 0xfc. */
  readonly code: number;
  readonly name: string;
  readonly immediate: Immediate;
  readonly signature?: Signature;
  /** Natural alignment as a power of two, for loads and stores. */
  readonly align?: number;
  readonly feature?: Feature;
}

export const PREFIX_BULK = 0xfc;

/** Opcodes that code refers to by name. */
export const op = {
  unreachable: 0x00,
  nop: 0x01,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  brTable: 0x0e,
  return: 0x0f,
  call: 0x10,
  callIndirect: 0x11,
  drop: 0x1a,
  select: 0x1b,
  selectTyped: 0x1c,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  globalGet: 0x23,
  globalSet: 0x24,
  memorySize: 0x3f,
  memoryGrow: 0x40,
  i32Const: 0x41,
  i64Const: 0x42,
  i32Eq: 0x46,
  i32LtS: 0x48,
  i64LtS: 0x53,
  i64GtU: 0x56,
  i32Add: 0x6a,
  i32Sub: 0x6b,
  i32Mul: 0x6c,
  i64Add: 0x7c,
  i64Sub: 0x7d,
  i64Mul: 0x7e,
  i64ShrU: 0x88,
  i64ExtendI32U: 0xad,
  refNull: 0xd0,
  refFunc: 0xd2,
  memoryInit: 0xfc08,
  dataDrop: 0xfc09,
  memoryCopy: 0xfc0a,
  memoryFill: 0xfc0b,
  tableInit: 0xfc0c,
  elemDrop: 0xfc0d,
  tableCopy: 0xfc0e,
} as const;

const rows: Opcode[] = [];

function row(code: number, name: string, immediate: Immediate = "none", signature?: Signature): void {
  rows.push({ code, name, immediate, ...(signature === undefined ? {} : { signature }) });
}

/** Consecutive codes of one signature. */
function run(first: number, prefix: string, suffixes: string, signature: Signature): void {
  for (const [i, suffix] of suffixes.split(" ").entries()) row(first + i, `${prefix}.${suffix}`, "none", signature);
}

function access(code: number, name: string, signature: Signature, align: number): void {
  rows.push({ code, name, immediate: "memarg", signature, align });
}

/** Floats have their immediates, so that a survey can read on behind them; the rest ends the reading. */
function outside(feature: Feature, first: number, spaced: string, immediates: readonly Immediate[] = []): void {
  for (const [i, name] of spaced.split(" ").entries()) {
    rows.push({ code: first + i, name, immediate: immediates[i] ?? "none", feature });
  }
}

// Control, parametric and variable instructions.
row(op.unreachable, "unreachable");
row(op.nop, "nop", "none", ":");
row(op.block, "block", "blockType");
row(op.loop, "loop", "blockType");
row(op.if, "if", "blockType");
row(op.else, "else");
outside("exceptions", 0x06, "try catch throw rethrow throw_ref");
row(op.end, "end");
row(op.br, "br", "label");
row(op.brIf, "br_if", "label");
row(op.brTable, "br_table", "labels");
row(op.return, "return");
row(op.call, "call", "function");
row(op.callIndirect, "call_indirect", "typeAndTable");
outside("tail_call", 0x12, "return_call return_call_indirect");
outside("gc", 0x14, "call_ref return_call_ref");
outside("exceptions", 0x18, "delegate catch_all");
row(op.drop, "drop");
row(op.select, "select");
row(op.selectTyped, "select", "types");
outside("exceptions", 0x1f, "try_table");
row(op.localGet, "local.get", "local");
row(op.localSet, "local.set", "local");
row(op.localTee, "local.tee", "local");
row(op.globalGet, "global.get", "global");
row(op.globalSet, "global.set", "global");
outside("reference_types", 0x25, "table.get table.set");

// Memory instructions.
access(0x28, "i32.load", "i:i", 2);
access(0x29, "i64.load", "i:I", 3);
outside("float", 0x2a, "f32.load f64.load", ["memarg", "memarg"]);
access(0x2c, "i32.load8_s", "i:i", 0);
access(0x2d, "i32.load8_u", "i:i", 0);
access(0x2e, "i32.load16_s", "i:i", 1);
access(0x2f, "i32.load16_u", "i:i", 1);
access(0x30, "i64.load8_s", "i:I", 0);
access(0x31, "i64.load8_u", "i:I", 0);
access(0x32, "i64.load16_s", "i:I", 1);
access(0x33, "i64.load16_u", "i:I", 1);
access(0x34, "i64.load32_s", "i:I", 2);
access(0x35, "i64.load32_u", "i:I", 2);
access(0x36, "i32.store", "ii:", 2);
access(0x37, "i64.store", "iI:", 3);
outside("float", 0x38, "f32.store f64.store", ["memarg", "memarg"]);
access(0x3a, "i32.store8", "ii:", 0);
access(0x3b, "i32.store16", "ii:", 1);
access(0x3c, "i64.store8", "iI:", 0);
access(0x3d, "i64.store16", "iI:", 1);
access(0x3e, "i64.store32", "iI:", 2);
row(op.memorySize, "memory.size", "memory", ":i");
row(op.memoryGrow, "memory.grow", "memory", "i:i");

// Numeric instructions.
row(op.i32Const, "i32.const", "i32", ":i");
row(op.i64Const, "i64.const", "i64", ":I");
outside("float", 0x43, "f32.const f64.const", ["f32", "f64"]);
const comparisons = "eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u";
const arithmetic = "add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr";
row(0x45, "i32.eqz", "none", "i:i");
run(0x46, "i32", comparisons, "ii:i");
row(0x50, "i64.eqz", "none", "I:i");
run(0x51, "i64", comparisons, "II:i");
outside("float", 0x5b, "f32.eq f32.ne f32.lt f32.gt f32.le f32.ge f64.eq f64.ne f64.lt f64.gt f64.le f64.ge");
run(0x67, "i32", "clz ctz popcnt", "i:i");
run(0x6a, "i32", arithmetic, "ii:i");
run(0x79, "i64", "clz ctz popcnt", "I:I");
run(0x7c, "i64", arithmetic, "II:I");
for (const [i, type] of ["f32", "f64"].entries()) {
  const operators = "abs neg ceil floor trunc nearest sqrt add sub mul div min max copysign";
  outside("float", 0x8b + 14 * i, operators.replace(/(\w+)/g, `${type}.$1`));
}
row(0xa7, "i32.wrap_i64", "none", "I:i");
outside("float", 0xa8, "i32.trunc_f32_s i32.trunc_f32_u i32.trunc_f64_s i32.trunc_f64_u");
row(0xac, "i64.extend_i32_s", "none", "i:I");
row(0xad, "i64.extend_i32_u", "none", "i:I");
outside("float", 0xae, "i64.trunc_f32_s i64.trunc_f32_u i64.trunc_f64_s i64.trunc_f64_u");
outside(
  "float",
  0xb2,
  "f32.convert_i32_s f32.convert_i32_u f32.convert_i64_s f32.convert_i64_u f32.demote_f64 " +
    "f64.convert_i32_s f64.convert_i32_u f64.convert_i64_s f64.convert_i64_u f64.promote_f32 " +
    "i32.reinterpret_f32 i64.reinterpret_f64 f32.reinterpret_i32 f64.reinterpret_i64",
);
run(0xc0, "i32", "extend8_s extend16_s", "i:i");
run(0xc2, "i64", "extend8_s extend16_s extend32_s", "I:I");

// Reference instructions.
outside("reference_types", op.refNull, "ref.null ref.is_null ref.func");
outside("gc", 0xd3, "ref.eq ref.as_non_null br_on_null br_on_non_null");

// The prefix 0xfc: saturating truncation and bulk operations.
outside(
  "float",
  0xfc00,
  "i32.trunc_sat_f32_s i32.trunc_sat_f32_u i32.trunc_sat_f64_s i32.trunc_sat_f64_u " +
    "i64.trunc_sat_f32_s i64.trunc_sat_f32_u i64.trunc_sat_f64_s i64.trunc_sat_f64_u",
);
row(op.memoryInit, "memory.init", "dataAndMemory", "iii:");
row(op.dataDrop, "data.drop", "data", ":");
row(op.memoryCopy, "memory.copy", "memories", "iii:");
row(op.memoryFill, "memory.fill", "memory", "iii:");
row(op.tableInit, "table.init", "elementAndTable", "iii:");
row(op.elemDrop, "elem.drop", "element", ":");
row(op.tableCopy, "table.copy", "tables", "iii:");
outside("reference_types", 0xfc0f, "table.grow table.size table.fill");

// Whole prefixes that no profile of ours admits.
outside("gc", 0xfb, "gc_prefix");
outside("simd", 0xfd, "simd_prefix");
outside("threads", 0xfe, "atomic_prefix");

export const opcodes: readonly Opcode[] = rows;

const byCode: (Opcode | undefined)[] = [];
for (const entry of rows) byCode[entry.code < 0x100 ? entry.code : 0x100 + (entry.code & 0xff)] = entry;

/** The row of `code`, or undefined for a code that no proposal we know of uses. */
export function opcodeOf(code: number): Opcode | undefined {
  return byCode[code < 0x100 ? code : 0x100 + (code & 0xff)];
}
