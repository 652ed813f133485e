/**
 * Rewrites a valid module so that it charges itself, by the gas rule:
 *
 *   Entering a metered block accrues its gas. Accrued gas is compared with the limit at check points: function entry, loop
 *   header, before a host call, `memory.grow` and bulk operations (which also accrue by their operand before they touch
 *   anything), and when the call returns. Above the limit, the call halts.
 *
 * The counter counts down. Gas and logical stack travel with the calls, where they stay in registers: every function takes
 * them behind its own parameters and gives the gas back behind its own results. A function of type `P -> R` becomes
 *
 *     (func (param P) (param $gas i64) (param $stack i32) (result R) (result i64)
 *       (block $stackOverflow
 *         (block $outOfGas
 *           prologue: entry charge and check, then the stack's
 *           (block (result R)  the original body; `return` becomes a branch to this block; `call f` hands $gas and $stack
 *                              on and takes $gas back; declared locals have moved up by two)
 *           (return (local.get $gas)))
 *         halt) halt)
 *
 * Globals hold both only where the guest meets the host: shims stand before exported methods, and before host functions that
 * lie in the table. No function, global, data or element index of the original moves. The module's memory becomes an import,
 * which lets the engine hand in a used one.
 */
import { ByteWriter } from "../byte-writer.ts";
import { InstructionReader } from "../instruction-reader.ts";
import {
  type ElementSegment,
  EMPTY_BLOCK_TYPE,
  type FunctionBody,
  type FunctionType,
  type Limits,
  type Module,
  typeOfFunction,
  valueType,
} from "../module.ts";
import { ModuleError } from "../module-error.ts";
import { op } from "../opcodes.ts";
import { INSTRUMENTED_SIZE_MAX, MEMORY_PAGE_COUNT_MAX, STACK_HEIGHT_MAX } from "../profile.ts";
import type { FunctionFacts } from "../validate-function.ts";
import { meteredBlocks } from "./blocks.ts";
import { BULK_BYTES_PER_GAS_LOG2, LOCAL_GAS, PAGE_GAS, paysByOperand, TABLE_ENTRY_GAS } from "./schedule.ts";

/** Names in the instrumented module. It exports nothing of the original's but functions, prefixed, so nothing collides. */
export const injected = {
  memoryModule: "lockstep:memory",
  memory: "memory",
  gas: "gas",
  stack: "stack",
  halt: "halt",
  /** Only with `tracksPeak`. */
  peak: "peak",
  functionPrefix: "f:",
} as const;

/** What the `halt` global holds after a trap that instrumentation made; 0 for a trap of the guest's own. */
export const haltCode = { none: 0, outOfGas: 1, stackOverflow: 2, noPage: 3 } as const;

const { i32, i64 } = valueType;
const MUTABLE = 1;

export interface InjectOptions {
  /** Also keeps the lowest value the stack counter had, for comparing engines. Nothing else changes by it. */
  readonly tracksPeak?: boolean;
}

/** Throws `ModuleError` `limit_instrumented_size`. `facts` come from `validateModule`. */
export function injectMetering(
  module: Module,
  facts: readonly FunctionFacts[],
  { tracksPeak = false }: InjectOptions = {},
): Uint8Array {
  const layout = planLayout(module, tracksPeak);
  const { importShims, exportShims } = layout;
  const code = new ByteWriter().u32(module.bodies.length + importShims.length + exportShims.length + helpers.length);
  for (const [i, body] of module.bodies.entries()) {
    const type = typeOfFunction(module, module.imports.length + i)!;
    code.sized((out) => new BodyInjector(module, layout, type, body, facts[i]!, out).write());
    if (code.length > INSTRUMENTED_SIZE_MAX) {
      throw new ModuleError("limit_instrumented_size", "the module grows too much under metering", body.start);
    }
  }
  for (const index of importShims) code.sized((out) => writeImportShim(out, module, layout, index));
  for (const { index } of exportShims) code.sized((out) => writeExportShim(out, layout, index));
  for (const write of helpers) code.sized((out) => write(out, layout, module.memory));
  return encode(module, layout, code.view());
}

interface Layout {
  /** The original types, their metered forms in the same order, then what else is needed. */
  readonly types: readonly FunctionType[];
  /** The metered form of type `i` is type `firstMeteredType + i`. */
  readonly firstMeteredType: number;
  /** Of the helpers: (i32, gas) -> (i32, gas). */
  readonly helperType: number;
  /** Block type of "no parameters, these results", for results that have no short form. */
  readonly resultTypes: ReadonlyMap<FunctionType, number>;
  /** Imports that may be called through the table or as a method; each has a shim of the metered type. */
  readonly importShims: readonly number[];
  readonly firstImportShim: number;
  /** The callable exports: () -> (). */
  readonly exportShims: readonly { readonly name: string; readonly index: number; readonly typeIndex: number }[];
  readonly firstExportShim: number;
  readonly growFunction: number;
  readonly bulkMemoryFunction: number;
  readonly bulkTableFunction: number;
  readonly gasGlobal: number;
  readonly stackGlobal: number;
  readonly haltGlobal: number;
  readonly peakGlobal: number | null;
}

function planLayout(module: Module, tracksPeak: boolean): Layout {
  const types = [...module.types];
  const firstMeteredType = types.length;
  for (const { params, results } of module.types)
    types.push({ params: [...params, i64, i32], results: [...results, i64] });
  const helperType = types.push({ params: [i32, i64], results: [i32, i64] }) - 1;
  const resultTypes = new Map<FunctionType, number>();
  for (const type of module.types) {
    if (type.results.length > 1) resultTypes.set(type, types.push({ params: [], results: type.results }) - 1);
  }
  const exportShims = module.exports.flatMap(({ kind, name, index }) => {
    if (kind !== "function") return [];
    const { params, results } = typeOfFunction(module, index)!;
    const typeIndex = typeIndexOf(module, index);
    return params.length === 0 && results.length === 0 ? [{ name, index, typeIndex }] : [];
  });
  const shimmed = new Set([
    ...module.elements.flatMap(({ functions }) => functions),
    ...exportShims.map(({ index }) => index),
  ]);
  const importShims = module.imports.map((_, index) => index).filter((index) => shimmed.has(index));
  const firstImportShim = module.imports.length + module.functions.length;
  const firstExportShim = firstImportShim + importShims.length;
  const firstHelper = firstExportShim + exportShims.length;
  const firstGlobal = module.globals.length;
  return {
    types,
    firstMeteredType,
    helperType,
    resultTypes,
    importShims,
    firstImportShim,
    exportShims,
    firstExportShim,
    growFunction: firstHelper,
    bulkMemoryFunction: firstHelper + 1,
    bulkTableFunction: firstHelper + 2,
    gasGlobal: firstGlobal,
    stackGlobal: firstGlobal + 1,
    haltGlobal: firstGlobal + 2,
    peakGlobal: tracksPeak ? firstGlobal + 3 : null,
  };
}

function typeIndexOf(module: Module, functionIndex: number): number {
  const importCount = module.imports.length;
  return functionIndex < importCount
    ? module.imports[functionIndex]!.typeIndex
    : module.functions[functionIndex - importCount]!;
}

/** The function of metered type behind an index of the original: itself, or the shim of an import. */
function meteredFunction(layout: Layout, index: number): number {
  const shim = layout.importShims.indexOf(index);
  return shim < 0 ? index : layout.firstImportShim + shim;
}

/** Metered on the outside, a host call within. */
function writeImportShim(out: ByteWriter, module: Module, layout: Layout, index: number): void {
  const paramCount = typeOfFunction(module, index)!.params.length;
  out.u8(0);
  out.u8(op.localGet).u32(paramCount).u8(op.globalSet).u32(layout.gasGlobal);
  out
    .u8(op.localGet)
    .u32(paramCount + 1)
    .u8(op.globalSet)
    .u32(layout.stackGlobal);
  for (let i = 0; i < paramCount; i++) out.u8(op.localGet).u32(i);
  out.u8(op.call).u32(index).u8(op.globalGet).u32(layout.gasGlobal).u8(op.end);
}

/** What the host calls: takes both counters out of the globals and puts the gas back. */
function writeExportShim(out: ByteWriter, layout: Layout, index: number): void {
  out.u8(0, op.globalGet).u32(layout.gasGlobal).u8(op.globalGet).u32(layout.stackGlobal);
  out.u8(op.call).u32(meteredFunction(layout, index)).u8(op.globalSet).u32(layout.gasGlobal).u8(op.end);
}

function writeHalt(out: ByteWriter, layout: Layout, code: number): void {
  out.u8(op.i32Const).signed(code).u8(op.globalSet).u32(layout.haltGlobal).u8(op.unreachable);
}

/** `if` the i32 on the operand stack is not zero, halt with `code`. */
function writeHaltIf(out: ByteWriter, layout: Layout, code: number): void {
  out.u8(op.if, 0x40);
  writeHalt(out, layout, code);
  out.u8(op.end);
}

/** Around the original body: the block that `return` leaves, then the two that a failed check leaves. */
const BODY_BLOCKS = 1;
const TO_OUT_OF_GAS = BODY_BLOCKS;
const PROLOGUE_TO_STACK_OVERFLOW = 1;

class BodyInjector {
  readonly #module: Module;
  readonly #layout: Layout;
  readonly #type: FunctionType;
  readonly #body: FunctionBody;
  readonly #facts: FunctionFacts;
  readonly #out: ByteWriter;
  readonly #gasLocal: number;
  readonly #stackLocal: number;
  /** Holds the table slot of `call_indirect` while the counters go below it. */
  readonly #slotLocal: number;

  constructor(
    module: Module,
    layout: Layout,
    type: FunctionType,
    body: FunctionBody,
    facts: FunctionFacts,
    out: ByteWriter,
  ) {
    this.#module = module;
    this.#layout = layout;
    this.#type = type;
    this.#body = body;
    this.#facts = facts;
    this.#out = out;
    this.#gasLocal = type.params.length;
    this.#stackLocal = this.#gasLocal + 1;
    this.#slotLocal = this.#stackLocal + 1 + body.localCount;
  }

  write(): void {
    const out = this.#out;
    const { locals } = this.#body;
    out.u32(locals.length + 1);
    for (const { count, type } of locals) out.u32(count).u8(type);
    out.u32(1).u8(i32);

    const blocks = meteredBlocks(this.#module, this.#body);
    out.u8(op.block, 0x40, op.block, 0x40);
    this.#writePrologue(blocks[0]!.gas);
    out.u8(op.block);
    this.#writeResultType();
    this.#writeInstructions(blocks.slice(1));
    this.#get(this.#gasLocal).u8(op.return, op.end);
    writeHalt(out, this.#layout, haltCode.outOfGas);
    out.u8(op.end);
    writeHalt(out, this.#layout, haltCode.stackOverflow);
    out.u8(op.end);
  }

  #get(local: number): ByteWriter {
    return this.#out.u8(op.localGet).u32(local);
  }

  #set(local: number): ByteWriter {
    return this.#out.u8(op.localSet).u32(local);
  }

  #writeResultType(): void {
    const { results } = this.#type;
    if (results.length === 0) this.#out.signed(EMPTY_BLOCK_TYPE);
    else if (results.length === 1) this.#out.u8(results[0]!);
    else this.#out.signed(this.#layout.resultTypes.get(this.#type)!);
  }

  #writePrologue(entryGas: number): void {
    const out = this.#out;
    const { peakGlobal } = this.#layout;
    const slots = this.#type.params.length + this.#body.localCount;
    this.#writeCharge(entryGas + slots * LOCAL_GAS);
    this.#writeCheck(0);
    this.#get(this.#stackLocal).u8(op.i32Const).signed(this.#facts.frameHeight).u8(op.i32Sub);
    out.u8(op.localTee).u32(this.#stackLocal).u8(op.i32Const).signed(0).u8(op.i32LtS);
    out.u8(op.brIf).u32(PROLOGUE_TO_STACK_OVERFLOW);
    if (peakGlobal === null) return;
    this.#get(this.#stackLocal).u8(op.globalGet).u32(peakGlobal).u8(op.i32LtS, op.if, 0x40);
    this.#get(this.#stackLocal).u8(op.globalSet).u32(peakGlobal).u8(op.end);
  }

  #writeCharge(gas: number): void {
    if (gas === 0) return;
    this.#get(this.#gasLocal).u8(op.i64Const).signed(gas).u8(op.i64Sub);
    this.#set(this.#gasLocal);
  }

  /** Halts when overdrawn; `label` leads to the block for that. */
  #writeCheck(label: number): void {
    this.#get(this.#gasLocal).u8(op.i64Const).signed(0).u8(op.i64LtS, op.brIf).u32(label);
  }

  #writeInstructions(blocks: ReturnType<typeof meteredBlocks>): void {
    const out = this.#out;
    const reader = new InstructionReader(this.#module.bytes, this.#body.start, this.#body.end);
    let next = 0;
    // Blocks open inside the one that `return` leaves.
    let depth = 0;
    // What stays as it is, is copied in one piece, up to the next place that does not.
    let copied = this.#body.start;
    const copyTo = (offset: number) => {
      out.bytes(this.#module.bytes.subarray(copied, offset));
      copied = offset;
    };
    while (!reader.done) {
      const block = blocks[next];
      if (block !== undefined && block.start === reader.nextOffset) {
        copyTo(block.start);
        this.#writeCharge(block.gas);
        if (block.isLoop) this.#writeCheck(depth + TO_OUT_OF_GAS);
        next++;
      }
      const { code } = reader.next();
      if (code === op.block || code === op.loop || code === op.if) depth++;
      else if (code === op.end) depth--;
      if (!this.#changes(reader, code)) continue;
      copyTo(reader.offset);
      copied = reader.nextOffset;
      if (code === op.return) out.u8(op.br).u32(depth);
      else this.#writeChanged(reader, code);
    }
    copyTo(this.#body.end);
  }

  #changes(reader: InstructionReader, code: number): boolean {
    switch (code) {
      case op.localGet:
      case op.localSet:
      case op.localTee:
        return reader.a >= this.#gasLocal;
      case op.return:
      case op.call:
      case op.callIndirect:
        return true;
      default:
        return paysByOperand(code);
    }
  }

  /** Writes what takes the place of the instruction. */
  #writeChanged(reader: InstructionReader, code: number): void {
    const out = this.#out;
    const layout = this.#layout;
    switch (code) {
      case op.localGet:
      case op.localSet:
      case op.localTee:
        out.u8(code).u32(reader.a + 2);
        return;
      case op.call:
        this.#get(this.#gasLocal);
        if (reader.a < this.#module.imports.length) {
          out.u8(op.globalSet).u32(layout.gasGlobal);
          this.#get(this.#stackLocal).u8(op.globalSet).u32(layout.stackGlobal);
          out.u8(op.call).u32(reader.a).u8(op.globalGet).u32(layout.gasGlobal);
        } else {
          this.#get(this.#stackLocal).u8(op.call).u32(reader.a);
        }
        this.#set(this.#gasLocal);
        return;
      case op.callIndirect:
        this.#set(this.#slotLocal);
        this.#get(this.#gasLocal);
        this.#get(this.#stackLocal);
        this.#get(this.#slotLocal)
          .u8(op.callIndirect)
          .u32(layout.firstMeteredType + reader.a)
          .u32(reader.b);
        this.#set(this.#gasLocal);
        return;
      case op.memoryGrow:
        // The helper grows; the others only take the price and hand the length back.
        this.#writeHelperCall(layout.growFunction);
        return;
      default: {
        const onTable = code === op.tableInit || code === op.tableCopy;
        this.#writeHelperCall(onTable ? layout.bulkTableFunction : layout.bulkMemoryFunction);
        out.bytes(this.#module.bytes.subarray(reader.offset, reader.nextOffset));
      }
    }
  }

  #writeHelperCall(helper: number): void {
    this.#get(this.#gasLocal).u8(op.call).u32(helper);
    this.#set(this.#gasLocal);
  }
}

// Helpers: (i32, gas) -> (i32, gas), with one local for an amount.

const PARAM = [op.localGet, 0] as const;
const GAS = [op.localGet, 1] as const;
const AMOUNT_LOCAL = 2;
const HELPER_LOCALS = [1, 1, i64] as const;

type Helper = (out: ByteWriter, layout: Layout, memory: Limits | null) => void;

/** In the order of their function indices. */
const helpers: readonly Helper[] = [writeGrow, writeBulkMemory, writeBulkTable];

/** A helper begins as a check point: what was accrued so far is compared before anything else. */
function writeGasCheck(out: ByteWriter, layout: Layout): void {
  out.u8(...GAS, op.i64Const, 0, op.i64LtS);
  writeHaltIf(out, layout, haltCode.outOfGas);
}

/** Charges the i64 on the operand stack and compares. It is below 2^48, and so is the counter: nothing overflows. */
function writeChargeOperand(out: ByteWriter, layout: Layout): void {
  out.u8(op.localSet, AMOUNT_LOCAL, ...GAS, op.localGet, AMOUNT_LOCAL, op.i64Sub, op.localSet, 1);
  writeGasCheck(out, layout);
}

/** `memory.grow` below the cap, paid per page; above it -1, unpaid, whatever the engine could still give. */
function writeGrow(out: ByteWriter, layout: Layout, memory: Limits | null): void {
  out.u8(...HELPER_LOCALS);
  if (memory === null) {
    // Never called, since a module without memory grows none.
    out.u8(op.unreachable, op.end);
    return;
  }
  const cap = Math.min(memory.max ?? MEMORY_PAGE_COUNT_MAX, MEMORY_PAGE_COUNT_MAX);
  writeGasCheck(out, layout);
  out.u8(...PARAM, op.i64ExtendI32U, op.memorySize, 0, op.i64ExtendI32U, op.i64Add);
  out.u8(op.i64Const).signed(cap).u8(op.i64GtU, op.if, 0x40);
  out
    .u8(op.i32Const)
    .signed(-1)
    .u8(...GAS, op.return, op.end);
  out
    .u8(...PARAM, op.i64ExtendI32U, op.i64Const)
    .signed(PAGE_GAS)
    .u8(op.i64Mul);
  writeChargeOperand(out, layout);
  out.u8(...PARAM, op.memoryGrow, 0, op.localSet, 0);
  out
    .u8(...PARAM, op.i32Const)
    .signed(-1)
    .u8(op.i32Eq);
  writeHaltIf(out, layout, haltCode.noPage);
  out.u8(...PARAM, ...GAS, op.end);
}

/** Takes the length of a bulk operation, charges for it, and gives it back. */
function writeBulkMemory(out: ByteWriter, layout: Layout): void {
  out.u8(...HELPER_LOCALS);
  writeGasCheck(out, layout);
  out
    .u8(...PARAM, op.i64ExtendI32U, op.i64Const)
    .signed((1 << BULK_BYTES_PER_GAS_LOG2) - 1)
    .u8(op.i64Add);
  out.u8(op.i64Const).signed(BULK_BYTES_PER_GAS_LOG2).u8(op.i64ShrU);
  writeChargeOperand(out, layout);
  out.u8(...PARAM, ...GAS, op.end);
}

function writeBulkTable(out: ByteWriter, layout: Layout): void {
  out.u8(...HELPER_LOCALS);
  writeGasCheck(out, layout);
  out
    .u8(...PARAM, op.i64ExtendI32U, op.i64Const)
    .signed(TABLE_ENTRY_GAS)
    .u8(op.i64Mul);
  writeChargeOperand(out, layout);
  out.u8(...PARAM, ...GAS, op.end);
}

function encode(module: Module, layout: Layout, code: Uint8Array): Uint8Array {
  const out = new ByteWriter();
  out.u8(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00);
  out.section(1, (content) => {
    content.list(layout.types, ({ params, results }) => {
      content.u8(0x60);
      content.list(params, (type) => content.u8(type));
      content.list(results, (type) => content.u8(type));
    });
  });
  const memoryCount = module.memory === null ? 0 : 1;
  if (module.imports.length + memoryCount > 0) {
    out.section(2, (content) => {
      content.u32(module.imports.length + memoryCount);
      for (const { module: from, name, typeIndex } of module.imports)
        content.name(from).name(name).u8(0).u32(typeIndex);
      if (module.memory !== null) {
        content.name(injected.memoryModule).name(injected.memory).u8(2);
        content.u8(1).u32(module.memory.min).u32(MEMORY_PAGE_COUNT_MAX);
      }
    });
  }
  out.section(3, (content) => {
    const metered = [...module.functions, ...layout.importShims.map((index) => typeIndexOf(module, index))];
    const typeIndices = [
      ...metered.map((typeIndex) => layout.firstMeteredType + typeIndex),
      ...layout.exportShims.map(({ typeIndex }) => typeIndex),
      ...helpers.map(() => layout.helperType),
    ];
    content.list(typeIndices, (typeIndex) => content.u32(typeIndex));
  });
  if (module.table !== null) {
    const { min, max } = module.table;
    out.section(4, (content) => {
      content.u32(1).u8(0x70);
      if (max === null) content.u8(0).u32(min);
      else content.u8(1).u32(min).u32(max);
    });
  }
  out.section(6, (content) => {
    content.u32(module.globals.length + (layout.peakGlobal === null ? 3 : 4));
    for (const { type, mutable, value } of module.globals) {
      content.u8(type, mutable ? MUTABLE : 0, type === i32 ? op.i32Const : op.i64Const);
      content.signed(value).u8(op.end);
    }
    content.u8(i64, MUTABLE, op.i64Const, 0, op.end);
    content.u8(i32, MUTABLE, op.i32Const, 0, op.end);
    content.u8(i32, MUTABLE, op.i32Const, haltCode.none, op.end);
    if (layout.peakGlobal !== null) content.u8(i32, MUTABLE, op.i32Const).signed(STACK_HEIGHT_MAX).u8(op.end);
  });
  out.section(7, (content) => {
    content.u32(layout.exportShims.length + (layout.peakGlobal === null ? 3 : 4));
    for (const [i, { name }] of layout.exportShims.entries()) {
      content
        .name(injected.functionPrefix + name)
        .u8(0)
        .u32(layout.firstExportShim + i);
    }
    content.name(injected.gas).u8(3).u32(layout.gasGlobal);
    content.name(injected.stack).u8(3).u32(layout.stackGlobal);
    content.name(injected.halt).u8(3).u32(layout.haltGlobal);
    if (layout.peakGlobal !== null) content.name(injected.peak).u8(3).u32(layout.peakGlobal);
  });
  if (module.elements.length > 0) {
    out.section(9, (content) =>
      content.list(module.elements, (segment) => writeElementSegment(content, layout, segment)),
    );
  }
  if (module.hasDataCount) out.section(12, (content) => content.u32(module.data.length));
  out.section(10, (content) => content.bytes(code));
  if (module.data.length > 0) {
    out.section(11, (content) => {
      content.list(module.data, ({ mode, memoryOffset, bytes }) => {
        if (mode === "active")
          content
            .u8(0, op.i32Const)
            .signed(memoryOffset | 0)
            .u8(op.end);
        else content.u8(1);
        content.u32(bytes.length).bytes(bytes);
      });
    });
  }
  return out.view().slice();
}

function writeElementSegment(out: ByteWriter, layout: Layout, segment: ElementSegment): void {
  const { mode, tableOffset } = segment;
  const functions = segment.functions.map((index) => (index === null ? null : meteredFunction(layout, index)));
  const modeBits = mode === "active" ? 0 : mode === "passive" ? 1 : 3;
  // Empty slots can only be said with expressions.
  const expressions = functions.includes(null);
  out.u32(modeBits | (expressions ? 4 : 0));
  if (mode === "active")
    out
      .u8(op.i32Const)
      .signed(tableOffset | 0)
      .u8(op.end);
  else out.u8(expressions ? 0x70 : 0x00);
  out.list(functions, (index) => {
    if (!expressions) out.u32(index!);
    else if (index === null) out.u8(op.refNull, 0x70, op.end);
    else out.u8(op.refFunc).u32(index).u8(op.end);
  });
}
