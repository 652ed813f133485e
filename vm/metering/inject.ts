/**
 * Rewrites a valid module so that it charges itself, by the gas rule:
 *
 *   Entering a metered block accrues its gas. Accrued gas is compared with the limit at check points: function entry, loop
 *   header, before a host call, `memory.grow` and bulk operations (which also accrue by their operand before they touch
 *   anything), and when the call returns. Above the limit, the call halts.
 *
 * The counter counts down. Inside a function it lives in a local; the global holds it across calls. A second pair of global
 * and local is the logical stack: a caller publishes its height before each call, so a leaf function only reads.
 *
 *     (func $f  prologue: stack check, entry charge and check
 *       block   the original body; `return` becomes a branch to this block
 *       end
 *       global.set $gas (local.get $gas'))
 *
 * New types, functions, globals and locals come after the original ones, so no index of the original moves. The module's
 * memory becomes an import, which lets the engine hand in a used one.
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
import { ACTIVATION_HEIGHT, INSTRUMENTED_SIZE_MAX, MEMORY_PAGE_COUNT_MAX, STACK_HEIGHT_MAX } from "../profile.ts";
import type { FunctionFacts } from "../validate-function.ts";
import { meteredBlocks } from "./blocks.ts";
import { BULK_BYTES_PER_GAS_LOG2, FREE_LOCAL_COUNT, PAGE_GAS, paysByOperand, TABLE_ENTRY_GAS } from "./schedule.ts";

/** Changes whenever the output for one input changes: part of the identity of a prepared module. */
export const INSTRUMENTER_VERSION = 1;

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
  const code = new ByteWriter().u32(module.bodies.length + layout.helpers.length);
  for (const [i, body] of module.bodies.entries()) {
    const type = typeOfFunction(module, module.imports.length + i)!;
    code.sized((out) => new BodyInjector(module, layout, type, body, facts[i]!, out).write());
    if (code.length > INSTRUMENTED_SIZE_MAX) {
      throw new ModuleError("limit_instrumented_size", "the module grows too much under metering", body.start);
    }
  }
  for (const helper of layout.helpers) code.sized((out) => helper.write(out, layout, module.memory));
  return encode(module, layout, code.view());
}

interface Helper {
  readonly write: (out: ByteWriter, layout: Layout, memory: Limits | null) => void;
}

interface Layout {
  readonly types: readonly FunctionType[];
  /** The type i32 -> i32 of every helper. */
  readonly helperType: number;
  readonly helpers: readonly Helper[];
  readonly growFunction: number;
  readonly bulkMemoryFunction: number;
  readonly bulkTableFunction: number;
  readonly gasGlobal: number;
  readonly stackGlobal: number;
  readonly haltGlobal: number;
  readonly peakGlobal: number | null;
  /** Block type of "no parameters, these results", for results that have no short form. */
  readonly resultTypes: ReadonlyMap<FunctionType, number>;
}

function planLayout(module: Module, tracksPeak: boolean): Layout {
  const types = [...module.types];
  const resultTypes = new Map<FunctionType, number>();
  for (const type of module.types) {
    if (type.results.length > 1) resultTypes.set(type, types.push({ params: [], results: type.results }) - 1);
  }
  const helperType = types.push({ params: [i32], results: [i32] }) - 1;
  const firstHelper = module.imports.length + module.functions.length;
  return {
    types,
    helperType,
    helpers: [{ write: writeGrow }, { write: writeBulkMemory }, { write: writeBulkTable }],
    growFunction: firstHelper,
    bulkMemoryFunction: firstHelper + 1,
    bulkTableFunction: firstHelper + 2,
    gasGlobal: module.globals.length,
    stackGlobal: module.globals.length + 1,
    haltGlobal: module.globals.length + 2,
    peakGlobal: tracksPeak ? module.globals.length + 3 : null,
    resultTypes,
  };
}

/** `if` the i32 on the operand stack is not zero, halt with `code`. */
function writeHaltIf(out: ByteWriter, layout: Layout, code: number): void {
  out.u8(op.if, 0x40, op.i32Const).signed(code).u8(op.globalSet).u32(layout.haltGlobal).u8(op.unreachable, op.end);
}

class BodyInjector {
  readonly #module: Module;
  readonly #layout: Layout;
  readonly #type: FunctionType;
  readonly #body: FunctionBody;
  readonly #facts: FunctionFacts;
  readonly #out: ByteWriter;
  readonly #gasLocal: number;
  readonly #stackLocal: number;

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
    this.#gasLocal = type.params.length + body.localCount;
    this.#stackLocal = this.#gasLocal + 1;
  }

  write(): void {
    const out = this.#out;
    const { locals } = this.#body;
    out.u32(locals.length + 2);
    for (const { count, type } of locals) out.u32(count).u8(type);
    out.u32(1).u8(i64).u32(1).u8(i32);

    const blocks = meteredBlocks(this.#module, this.#body);
    this.#writePrologue(blocks[0]!.gas);
    out.u8(op.block);
    this.#writeResultType();
    this.#writeInstructions(blocks.slice(1));
    out.u8(op.localGet).u32(this.#gasLocal).u8(op.globalSet).u32(this.#layout.gasGlobal).u8(op.end);
  }

  #writeResultType(): void {
    const { results } = this.#type;
    if (results.length === 0) this.#out.signed(EMPTY_BLOCK_TYPE);
    else if (results.length === 1) this.#out.u8(results[0]!);
    else this.#out.signed(this.#layout.resultTypes.get(this.#type)!);
  }

  #writePrologue(entryGas: number): void {
    const out = this.#out;
    const { gasGlobal, stackGlobal } = this.#layout;
    const slots = this.#type.params.length + this.#body.localCount;
    const height = ACTIVATION_HEIGHT + slots + this.#facts.operandHeightMax;
    out.u8(op.globalGet).u32(gasGlobal).u8(op.localSet).u32(this.#gasLocal);
    this.#writeCharge(entryGas + Math.max(0, slots - FREE_LOCAL_COUNT), true);
    out.u8(op.globalGet).u32(stackGlobal).u8(op.i32Const).signed(height).u8(op.i32Sub);
    out.u8(op.localTee).u32(this.#stackLocal).u8(op.i32Const).signed(0).u8(op.i32LtS);
    writeHaltIf(out, this.#layout, haltCode.stackOverflow);
    const { peakGlobal } = this.#layout;
    if (peakGlobal === null) return;
    out.u8(op.localGet).u32(this.#stackLocal).u8(op.globalGet).u32(peakGlobal).u8(op.i32LtS, op.if, 0x40);
    out.u8(op.localGet).u32(this.#stackLocal).u8(op.globalSet).u32(peakGlobal).u8(op.end);
  }

  /** Accrues `gas`; at a check point also compares. */
  #writeCharge(gas: number, isCheckPoint: boolean): void {
    const out = this.#out;
    if (gas === 0 && !isCheckPoint) return;
    out.u8(op.localGet).u32(this.#gasLocal);
    if (gas > 0) out.u8(op.i64Const).signed(gas).u8(op.i64Sub);
    if (!isCheckPoint) {
      out.u8(op.localSet).u32(this.#gasLocal);
      return;
    }
    if (gas > 0) out.u8(op.localTee).u32(this.#gasLocal);
    out.u8(op.i64Const).signed(0).u8(op.i64LtS);
    writeHaltIf(out, this.#layout, haltCode.outOfGas);
  }

  /** Publishes both counters around a call, and takes the gas back after it. */
  #writeCall(call: () => void): void {
    const out = this.#out;
    out.u8(op.localGet).u32(this.#gasLocal).u8(op.globalSet).u32(this.#layout.gasGlobal);
    out.u8(op.localGet).u32(this.#stackLocal).u8(op.globalSet).u32(this.#layout.stackGlobal);
    call();
    out.u8(op.globalGet).u32(this.#layout.gasGlobal).u8(op.localSet).u32(this.#gasLocal);
  }

  #writeInstructions(blocks: ReturnType<typeof meteredBlocks>): void {
    const out = this.#out;
    const reader = new InstructionReader(this.#module.bytes, this.#body.start, this.#body.end);
    let next = 0;
    // Blocks open inside the wrapping block: what `return` has to leave.
    let depth = 0;
    while (!reader.done) {
      const block = blocks[next];
      if (block !== undefined && block.start === reader.nextOffset) {
        this.#writeCharge(block.gas, block.isLoop);
        next++;
      }
      const { code } = reader.next();
      const original = this.#module.bytes.subarray(reader.offset, reader.nextOffset);
      if (code === op.block || code === op.loop || code === op.if) depth++;
      else if (code === op.end) depth--;
      if (code === op.return) {
        out.u8(op.br).u32(depth);
      } else if (code === op.call || code === op.callIndirect) {
        this.#writeCall(() => out.bytes(original));
      } else if (code === op.memoryGrow) {
        this.#writeCall(() => out.u8(op.call).u32(this.#layout.growFunction));
      } else if (paysByOperand(code)) {
        const onTable = code === op.tableInit || code === op.tableCopy;
        const helper = onTable ? this.#layout.bulkTableFunction : this.#layout.bulkMemoryFunction;
        this.#writeCall(() => out.u8(op.call).u32(helper));
        out.bytes(original);
      } else {
        out.bytes(original);
      }
    }
  }
}

/** A helper begins as a check point: what was accrued so far is compared before anything else. */
function writeGasCheck(out: ByteWriter, layout: Layout): void {
  out.u8(op.globalGet).u32(layout.gasGlobal).u8(op.i64Const).signed(0).u8(op.i64LtS);
  writeHaltIf(out, layout, haltCode.outOfGas);
}

/** Charges the i64 on the operand stack and compares. It is below 2^48, and so is the counter: nothing overflows. */
function writeChargeOperand(out: ByteWriter, layout: Layout): void {
  const amountLocal = 1;
  out.u8(op.localSet).u32(amountLocal);
  out.u8(op.globalGet).u32(layout.gasGlobal).u8(op.localGet).u32(amountLocal).u8(op.i64Sub);
  out.u8(op.globalSet).u32(layout.gasGlobal);
  writeGasCheck(out, layout);
}

const PARAM = [op.localGet, 0] as const;
/** One i64 local behind the i32 parameter. */
const HELPER_LOCALS = [1, 1, i64] as const;

/** `memory.grow` below the cap, paid per page; above it -1, unpaid, whatever the engine could still give. */
function writeGrow(out: ByteWriter, layout: Layout, memory: Limits | null): void {
  out.u8(...HELPER_LOCALS);
  if (memory === null) {
    out.u8(op.i32Const).signed(-1).u8(op.end);
    return;
  }
  const cap = Math.min(memory.max ?? MEMORY_PAGE_COUNT_MAX, MEMORY_PAGE_COUNT_MAX);
  writeGasCheck(out, layout);
  out.u8(...PARAM, op.i64ExtendI32U, op.memorySize, 0, op.i64ExtendI32U, op.i64Add);
  out.u8(op.i64Const).signed(cap).u8(op.i64GtU, op.if, 0x40, op.i32Const).signed(-1).u8(op.return, op.end);
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
  out.u8(...PARAM, op.end);
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
  out.u8(...PARAM, op.end);
}

function writeBulkTable(out: ByteWriter, layout: Layout): void {
  out.u8(...HELPER_LOCALS);
  writeGasCheck(out, layout);
  out
    .u8(...PARAM, op.i64ExtendI32U, op.i64Const)
    .signed(TABLE_ENTRY_GAS)
    .u8(op.i64Mul);
  writeChargeOperand(out, layout);
  out.u8(...PARAM, op.end);
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
    const helperTypes = layout.helpers.map(() => layout.helperType);
    content.list([...module.functions, ...helperTypes], (typeIndex) => content.u32(typeIndex));
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
    const functions = module.exports.filter(({ kind }) => kind === "function");
    content.u32(functions.length + (layout.peakGlobal === null ? 3 : 4));
    for (const { name, index } of functions)
      content
        .name(injected.functionPrefix + name)
        .u8(0)
        .u32(index);
    content.name(injected.gas).u8(3).u32(layout.gasGlobal);
    content.name(injected.stack).u8(3).u32(layout.stackGlobal);
    content.name(injected.halt).u8(3).u32(layout.haltGlobal);
    if (layout.peakGlobal !== null) content.name(injected.peak).u8(3).u32(layout.peakGlobal);
  });
  if (module.elements.length > 0) {
    out.section(9, (content) => content.list(module.elements, (segment) => writeElementSegment(content, segment)));
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

function writeElementSegment(out: ByteWriter, { mode, tableOffset, functions }: ElementSegment): void {
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
