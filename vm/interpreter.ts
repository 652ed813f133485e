/**
 * The `interpreter` engine: our own loop over the original module, which knows nothing of the instrumented one. Oracle, tracer
 * and debugger, and for every call it agrees with the `jit` engine on outcome and gas, bit for bit.
 *
 * A value takes one place of the operand stack, an i32 in `lo`, an i64 in `lo` and `hi`. Locals lie on the same stack below the
 * operands of their activation, so a call's operands become the callee's parameters where they are:
 *
 *     ... operands of the caller | parameters  locals | operands of the callee ...
 *                                  ^ base                                        ^ top
 *
 * Guest calls push onto `frames` and never onto the native stack. Gas counts down in a local; below zero it is overdrawn, which
 * is looked at in check points only.
 */
import { assert, Fault } from "./errors.ts";
import { GuestExit, HostCall, halt } from "./host-fns/host.ts";
import { type HostFunction, hostFunctions } from "./host-fns/table.ts";
import { encodeCells, type InterpreterCode } from "./interpreter-code.ts";
import type { JitCall } from "./jit.ts";
import { BULK_BYTES_PER_GAS_LOG2, PAGE_GAS, TABLE_ENTRY_GAS } from "./metering/schedule.ts";
import { type Module, typeOfFunction } from "./module.ts";
import * as numeric from "./numerics.ts";
import type { CallResult } from "./outcome.ts";
import { ACTIVATION_HEIGHT, MEMORY_PAGE_COUNT_MAX, STACK_HEIGHT_MAX } from "./profile.ts";
import type { FunctionFacts } from "./validate-function.ts";

const PAGE_SIZE = 64 * 1024;
/** Cells of one entry of `frames`: where the caller goes on, its base, its logical height. */
const FRAME_SIZE = 3;
const EMPTY_SLOT = -1;

export interface InterpretedModule {
  readonly module: Module;
  readonly facts: readonly FunctionFacts[];
  /** Of each type index; equal types have equal numbers. */
  readonly typeIds: Int32Array;
  readonly code: InterpreterCode;
  /** The same with a step before each instruction; made when a hook first asks for it. */
  tracedCode: InterpreterCode | undefined;
  /** The host function behind each import. */
  readonly hostFunctions: readonly HostFunction[];
}

/** An instruction that is about to run. */
export interface InstructionEvent {
  readonly functionIndex: number;
  /** Its byte offset in the module. */
  readonly offset: number;
  readonly opcode: number;
  /** Limit less accrued gas, the metered block of the instruction included; below zero until the next check point. */
  readonly gasLeft: number;
  /** Logical stack height, this activation included. */
  readonly height: number;
}

export interface InterpreterCall extends JitCall {
  /** Told before each instruction, which costs several times the running. Without it, nothing is told and nothing costs. */
  readonly onInstruction?: (event: InstructionEvent) => void;
}

/** `facts` come from `validateModule`. The result holds no state of a call. */
export function prepareInterpreter(module: Module, facts: readonly FunctionFacts[]): InterpretedModule {
  const idByType = new Map<string, number>();
  const typeIds = Int32Array.from(module.types, ({ params, results }) => {
    const key = `${params}:${results}`;
    const id = idByType.get(key) ?? idByType.size;
    idByType.set(key, id);
    return id;
  });
  return {
    module,
    facts,
    typeIds,
    code: encodeCells(module, facts, typeIds, false),
    tracedCode: undefined,
    hostFunctions: module.imports.map(({ name }) => hostFunctions.get(name)!),
  };
}

export function interpret(prepared: InterpretedModule, call: InterpreterCall): CallResult {
  const { gasLimit } = call;
  const instance = new Instance(prepared, call);
  const { hostCall } = instance;
  let code = prepared.code;
  if (call.onInstruction !== undefined) {
    prepared.tracedCode ??= encodeCells(prepared.module, prepared.facts, prepared.typeIds, true);
    code = prepared.tracedCode;
  }
  try {
    for (const name of call.exports) {
      instance.stackHeight = call.stackHeight;
      const functionIndex = exportedFunction(prepared.module, name);
      const { length: importCount } = prepared.hostFunctions;
      if (functionIndex < importCount) instance.callHost(functionIndex, 0);
      else execute(instance, code, functionIndex - importCount, call.onInstruction);
      // The return to the host is a check point.
      if (hostCall.gas < 0) halt("OutOfGas");
    }
    return { outcome: { kind: "success", data: hostCall.returnData }, gasUsed: gasLimit - hostCall.gas };
  } catch (error) {
    if (error instanceof Fault) throw error;
    if (!(error instanceof GuestExit)) throw new Fault(`the interpreter failed: ${String(error)}`, { cause: error });
    const { exit } = error;
    if (exit.kind === "halt") return { outcome: exit, gasUsed: gasLimit };
    return { outcome: { kind: "revert", code: exit.code, data: exit.data }, gasUsed: gasLimit - hostCall.gas };
  } finally {
    call.onFinish?.({ memory: instance.memory, stackHeightMax: instance.stackHeightMax });
  }
}

function exportedFunction(module: Module, name: string): number {
  const found = module.exports.find((item) => item.kind === "function" && item.name === name);
  assert(found !== undefined, `export ${name} is no function`);
  const { params, results } = typeOfFunction(module, found.index)!;
  assert(params.length === 0 && results.length === 0, `export ${name} is no method`);
  return found.index;
}

/** What lives as long as one call: memory, globals, table, segments, and the stacks. */
class Instance {
  readonly module: Module;
  readonly hostCall: HostCall;
  readonly lo: Int32Array;
  readonly hi: Int32Array;
  readonly frames: Int32Array;
  readonly globalsLo: Int32Array;
  readonly globalsHi: Int32Array;
  /** Function indices. */
  readonly table: Int32Array;
  /** Type of each function of the joint index space. */
  readonly functionTypeIds: Int32Array;
  memory: Uint8Array<ArrayBuffer>;
  /** Logical height, as of the last host call. */
  stackHeight: number;
  stackHeightMax = 0;
  readonly #hostFunctions: readonly HostFunction[];
  readonly #droppedData: Uint8Array;
  readonly #droppedElements: Uint8Array;

  constructor({ module, typeIds, hostFunctions }: InterpretedModule, call: JitCall) {
    this.module = module;
    this.#hostFunctions = hostFunctions;
    this.hostCall = new HostCall(call.host, call.input, call.readOnly, {
      memoryBuffer: () => this.memory.buffer,
      stackHeight: () => this.stackHeight,
    });
    this.hostCall.gas = call.gasLimit;
    this.stackHeight = call.stackHeight;
    const free = STACK_HEIGHT_MAX - call.stackHeight;
    this.lo = new Int32Array(free);
    this.hi = new Int32Array(free);
    // One more than fit by height: a frame is pushed before the callee's entry is refused.
    this.frames = new Int32Array((Math.floor(free / ACTIVATION_HEIGHT) + 1) * FRAME_SIZE);
    this.globalsLo = Int32Array.from(module.globals, ({ value }) => Number(BigInt.asIntN(32, value)));
    this.globalsHi = Int32Array.from(module.globals, ({ value }) => Number(value >> 32n));
    const functions = [...module.imports.map(({ typeIndex }) => typeIndex), ...module.functions];
    this.functionTypeIds = Int32Array.from(functions, (typeIndex) => typeIds[typeIndex]!);
    this.table = new Int32Array(module.table?.min ?? 0).fill(EMPTY_SLOT);
    this.memory = new Uint8Array((module.memory?.min ?? 0) * PAGE_SIZE);
    this.#droppedData = new Uint8Array(module.data.length);
    this.#droppedElements = new Uint8Array(module.elements.length);
    // Segments fit: the validator saw to it. Once used, an active one counts as dropped, as does a declarative one from birth.
    for (const [i, { mode, tableOffset, functions }] of module.elements.entries()) {
      if (mode === "active") this.tableInit(i, tableOffset, 0, functions.length);
      if (mode !== "passive") this.elementDrop(i);
    }
    for (const [i, { mode, memoryOffset, bytes }] of module.data.entries()) {
      if (mode !== "active") continue;
      this.memory.set(bytes, memoryOffset);
      this.dataDrop(i);
    }
  }

  /** Calls import `index` with the arguments below `top`, and returns the new top. */
  callHost(index: number, top: number): number {
    const { hostCall, lo, hi } = this;
    // A host call is a check point, before anything else of it.
    if (hostCall.gas < 0) halt("OutOfGas");
    const { params, result, price, run } = this.#hostFunctions[index]!;
    const base = top - params.length;
    const args = params.map((type, i) => {
      const low = lo[base + i]!;
      return type === "i32" ? low : (BigInt(hi[base + i]!) << 32n) | BigInt(low >>> 0);
    });
    const value = run(hostCall, price, ...(args as never[]));
    if (result === null) return base;
    lo[base] = result === "i32" ? (value as number) : Number(BigInt.asIntN(32, value as bigint));
    if (result === "i64") hi[base] = Number(BigInt.asIntN(32, (value as bigint) >> 32n));
    return base + 1;
  }

  /** Grows by `pageCount`, which fits below the cap. */
  grow(pageCount: number): void {
    const { memory } = this;
    try {
      this.memory = new Uint8Array(memory.length + pageCount * PAGE_SIZE);
    } catch (error) {
      throw new Fault("no memory left below the cap", { cause: error });
    }
    this.memory.set(memory);
  }

  memoryInit(index: number, to: number, from: number, length: number): void {
    const { memory } = this;
    const bytes = this.module.data[index]!.bytes;
    const available = this.#droppedData[index] === 1 ? 0 : bytes.length;
    if (from + length > available || to + length > memory.length) halt("MemoryOutOfBounds");
    memory.set(bytes.subarray(from, from + length), to);
  }

  memoryCopy(to: number, from: number, length: number): void {
    const { memory } = this;
    if (from + length > memory.length || to + length > memory.length) halt("MemoryOutOfBounds");
    memory.copyWithin(to, from, from + length);
  }

  memoryFill(to: number, value: number, length: number): void {
    if (to + length > this.memory.length) halt("MemoryOutOfBounds");
    this.memory.fill(value & 0xff, to, to + length);
  }

  tableInit(index: number, to: number, from: number, length: number): void {
    const { functions } = this.module.elements[index]!;
    const available = this.#droppedElements[index] === 1 ? 0 : functions.length;
    if (from + length > available || to + length > this.table.length) halt("TableOutOfBounds");
    for (let i = 0; i < length; i++) this.table[to + i] = functions[from + i] ?? EMPTY_SLOT;
  }

  tableCopy(to: number, from: number, length: number): void {
    const { table } = this;
    if (from + length > table.length || to + length > table.length) halt("TableOutOfBounds");
    table.copyWithin(to, from, from + length);
  }

  dataDrop(index: number): void {
    this.#droppedData[index] = 1;
  }

  elementDrop(index: number): void {
    this.#droppedElements[index] = 1;
  }
}

/**
 * Runs a defined function `() -> ()` to its end, from and to `hostCall.gas`.
 *
 * The cases carry literals, since V8 makes a jump table of literals only, and the stacks are locals, since that keeps them
 * in registers. Both are worth it: this loop is all there is to the engine's speed.
 */
function execute(
  instance: Instance,
  { cells, entries }: InterpreterCode,
  bodyIndex: number,
  onInstruction: InterpreterCall["onInstruction"],
): void {
  const { hostCall, lo, hi, frames, globalsLo, globalsHi, table, functionTypeIds } = instance;
  const importCount = instance.module.imports.length;
  const { memory: limits } = instance.module;
  const pageCountMax = Math.min(limits?.max ?? MEMORY_PAGE_COUNT_MAX, MEMORY_PAGE_COUNT_MAX);
  let view = new DataView(instance.memory.buffer);
  let size = view.byteLength;
  let gas = hostCall.gas;
  let at = entries[bodyIndex]!;
  let top = 0;
  let base = 0;
  let height = instance.stackHeight;
  let frame = 0;

  for (;;) {
    switch (cells[at++]) {
      case 0xd0: {
        // enter
        gas -= cells[at]!;
        if (gas < 0) halt("OutOfGas");
        height += cells[at + 1]!;
        if (height > STACK_HEIGHT_MAX) halt("StackOverflow");
        if (height > instance.stackHeightMax) instance.stackHeightMax = height;
        base = top - cells[at + 2]!;
        for (const end = top + cells[at + 3]!; top < end; top++) {
          lo[top] = 0;
          hi[top] = 0;
        }
        at += 4;
        break;
      }
      case 0xd1: // charge
        gas -= cells[at++]!;
        break;
      case 0xd2: // checkPoint
        gas -= cells[at++]!;
        if (gas < 0) halt("OutOfGas");
        break;
      case 0xd3: {
        // trace
        const event = {
          functionIndex: cells[at]!,
          offset: cells[at + 1]!,
          opcode: cells[at + 2]!,
          gasLeft: gas,
          height,
        };
        at += 3;
        onInstruction?.(event);
        break;
      }

      // Control instructions.
      case 0x00: // unreachable
        halt("Unreachable");
        break;
      case 0x0c: // br
        at = cells[at]!;
        break;
      case 0x0d: // br_if
        at = lo[--top] !== 0 ? cells[at]! : at + 1;
        break;
      case 0xd6: // brUnless
        at = lo[--top] === 0 ? cells[at]! : at + 1;
        break;
      case 0xd5: // brIfMove
        if (lo[--top] === 0) {
          at += 3;
          break;
        }
        top = move(lo, hi, top, cells[at + 1]!, cells[at + 2]!);
        at = cells[at]!;
        break;
      case 0xd4: // brMove
        top = move(lo, hi, top, cells[at + 1]!, cells[at + 2]!);
        at = cells[at]!;
        break;
      case 0x0e: {
        // br_table
        const index = Math.min(lo[--top]! >>> 0, cells[at]!);
        const entry = at + 1 + 3 * index;
        if (cells[entry + 2] !== 0) top = move(lo, hi, top, cells[entry + 1]!, cells[entry + 2]!);
        at = cells[entry]!;
        break;
      }
      case 0x0f: {
        // return
        const count = cells[at]!;
        top = move(lo, hi, top, count, top - count - base);
        if (frame === 0) {
          hostCall.gas = gas;
          return;
        }
        frame -= FRAME_SIZE;
        at = frames[frame]!;
        base = frames[frame + 1]!;
        height = frames[frame + 2]!;
        break;
      }
      case 0x10: // call
        frames[frame] = at + 1;
        frames[frame + 1] = base;
        frames[frame + 2] = height;
        frame += FRAME_SIZE;
        at = cells[at]!;
        break;
      case 0xd7: // callHost
        hostCall.gas = gas;
        instance.stackHeight = height;
        top = instance.callHost(cells[at++]!, top);
        gas = hostCall.gas;
        break;
      case 0x11: {
        // call_indirect
        const index = lo[--top]! >>> 0;
        if (index >= table.length) halt("TableOutOfBounds");
        const callee = table[index]!;
        if (callee === EMPTY_SLOT) halt("IndirectCallMismatch");
        if (functionTypeIds[callee] !== cells[at++]) halt("IndirectCallMismatch");
        if (callee < importCount) {
          hostCall.gas = gas;
          instance.stackHeight = height;
          top = instance.callHost(callee, top);
          gas = hostCall.gas;
          break;
        }
        frames[frame] = at;
        frames[frame + 1] = base;
        frames[frame + 2] = height;
        frame += FRAME_SIZE;
        at = entries[callee - importCount]!;
        break;
      }

      // Parametric and variable instructions.
      case 0x1a: // drop
        top--;
        break;
      case 0x1b: // select
        top -= 2;
        if (lo[top + 1] === 0) {
          lo[top - 1] = lo[top]!;
          hi[top - 1] = hi[top]!;
        }
        break;
      case 0x20: {
        // local.get
        const local = base + cells[at++]!;
        lo[top] = lo[local]!;
        hi[top++] = hi[local]!;
        break;
      }
      case 0x21: {
        // local.set
        const local = base + cells[at++]!;
        lo[local] = lo[--top]!;
        hi[local] = hi[top]!;
        break;
      }
      case 0x22: {
        // local.tee
        const local = base + cells[at++]!;
        lo[local] = lo[top - 1]!;
        hi[local] = hi[top - 1]!;
        break;
      }
      case 0x23: {
        // global.get
        const global = cells[at++]!;
        lo[top] = globalsLo[global]!;
        hi[top++] = globalsHi[global]!;
        break;
      }
      case 0x24: {
        // global.set
        const global = cells[at++]!;
        globalsLo[global] = lo[--top]!;
        globalsHi[global] = hi[top]!;
        break;
      }

      // Memory instructions. An effective address stays below 2^33.
      case 0x28: {
        // i32.load
        const address = (lo[top - 1]! >>> 0) + (cells[at++]! >>> 0);
        if (address + 4 > size) halt("MemoryOutOfBounds");
        lo[top - 1] = view.getInt32(address, true);
        break;
      }
      case 0x29: {
        // i64.load
        const address = (lo[top - 1]! >>> 0) + (cells[at++]! >>> 0);
        if (address + 8 > size) halt("MemoryOutOfBounds");
        lo[top - 1] = view.getInt32(address, true);
        hi[top - 1] = view.getInt32(address + 4, true);
        break;
      }
      case 0x2c: {
        // i32.load8_s
        const address = (lo[top - 1]! >>> 0) + (cells[at++]! >>> 0);
        if (address + 1 > size) halt("MemoryOutOfBounds");
        lo[top - 1] = view.getInt8(address);
        break;
      }
      case 0x2d: {
        // i32.load8_u
        const address = (lo[top - 1]! >>> 0) + (cells[at++]! >>> 0);
        if (address + 1 > size) halt("MemoryOutOfBounds");
        lo[top - 1] = view.getUint8(address);
        break;
      }
      case 0x2e: {
        // i32.load16_s
        const address = (lo[top - 1]! >>> 0) + (cells[at++]! >>> 0);
        if (address + 2 > size) halt("MemoryOutOfBounds");
        lo[top - 1] = view.getInt16(address, true);
        break;
      }
      case 0x2f: {
        // i32.load16_u
        const address = (lo[top - 1]! >>> 0) + (cells[at++]! >>> 0);
        if (address + 2 > size) halt("MemoryOutOfBounds");
        lo[top - 1] = view.getUint16(address, true);
        break;
      }
      case 0x30: {
        // i64.load8_s
        const address = (lo[top - 1]! >>> 0) + (cells[at++]! >>> 0);
        if (address + 1 > size) halt("MemoryOutOfBounds");
        lo[top - 1] = view.getInt8(address);
        hi[top - 1] = lo[top - 1]! >> 31;
        break;
      }
      case 0x31: {
        // i64.load8_u
        const address = (lo[top - 1]! >>> 0) + (cells[at++]! >>> 0);
        if (address + 1 > size) halt("MemoryOutOfBounds");
        lo[top - 1] = view.getUint8(address);
        hi[top - 1] = 0;
        break;
      }
      case 0x32: {
        // i64.load16_s
        const address = (lo[top - 1]! >>> 0) + (cells[at++]! >>> 0);
        if (address + 2 > size) halt("MemoryOutOfBounds");
        lo[top - 1] = view.getInt16(address, true);
        hi[top - 1] = lo[top - 1]! >> 31;
        break;
      }
      case 0x33: {
        // i64.load16_u
        const address = (lo[top - 1]! >>> 0) + (cells[at++]! >>> 0);
        if (address + 2 > size) halt("MemoryOutOfBounds");
        lo[top - 1] = view.getUint16(address, true);
        hi[top - 1] = 0;
        break;
      }
      case 0x34: {
        // i64.load32_s
        const address = (lo[top - 1]! >>> 0) + (cells[at++]! >>> 0);
        if (address + 4 > size) halt("MemoryOutOfBounds");
        lo[top - 1] = view.getInt32(address, true);
        hi[top - 1] = lo[top - 1]! >> 31;
        break;
      }
      case 0x35: {
        // i64.load32_u
        const address = (lo[top - 1]! >>> 0) + (cells[at++]! >>> 0);
        if (address + 4 > size) halt("MemoryOutOfBounds");
        lo[top - 1] = view.getInt32(address, true);
        hi[top - 1] = 0;
        break;
      }
      case 0x36: {
        // i32.store
        top -= 2;
        const address = (lo[top]! >>> 0) + (cells[at++]! >>> 0);
        if (address + 4 > size) halt("MemoryOutOfBounds");
        view.setInt32(address, lo[top + 1]!, true);
        break;
      }
      case 0x37: {
        // i64.store
        top -= 2;
        const address = (lo[top]! >>> 0) + (cells[at++]! >>> 0);
        if (address + 8 > size) halt("MemoryOutOfBounds");
        view.setInt32(address, lo[top + 1]!, true);
        view.setInt32(address + 4, hi[top + 1]!, true);
        break;
      }
      case 0x3a: {
        // i32.store8
        top -= 2;
        const address = (lo[top]! >>> 0) + (cells[at++]! >>> 0);
        if (address + 1 > size) halt("MemoryOutOfBounds");
        view.setInt8(address, lo[top + 1]!);
        break;
      }
      case 0x3b: {
        // i32.store16
        top -= 2;
        const address = (lo[top]! >>> 0) + (cells[at++]! >>> 0);
        if (address + 2 > size) halt("MemoryOutOfBounds");
        view.setInt16(address, lo[top + 1]!, true);
        break;
      }
      case 0x3c: {
        // i64.store8
        top -= 2;
        const address = (lo[top]! >>> 0) + (cells[at++]! >>> 0);
        if (address + 1 > size) halt("MemoryOutOfBounds");
        view.setInt8(address, lo[top + 1]!);
        break;
      }
      case 0x3d: {
        // i64.store16
        top -= 2;
        const address = (lo[top]! >>> 0) + (cells[at++]! >>> 0);
        if (address + 2 > size) halt("MemoryOutOfBounds");
        view.setInt16(address, lo[top + 1]!, true);
        break;
      }
      case 0x3e: {
        // i64.store32
        top -= 2;
        const address = (lo[top]! >>> 0) + (cells[at++]! >>> 0);
        if (address + 4 > size) halt("MemoryOutOfBounds");
        view.setInt32(address, lo[top + 1]!, true);
        break;
      }
      case 0x3f: // memory.size
        lo[top++] = size / PAGE_SIZE;
        break;
      case 0x40: {
        // memory.grow
        if (gas < 0) halt("OutOfGas");
        const pageCount = lo[top - 1]! >>> 0;
        const sizeBefore = size / PAGE_SIZE;
        if (sizeBefore + pageCount > pageCountMax) {
          lo[top - 1] = -1;
          break;
        }
        gas -= pageCount * PAGE_GAS;
        if (gas < 0) halt("OutOfGas");
        if (pageCount > 0) instance.grow(pageCount);
        view = new DataView(instance.memory.buffer);
        size = view.byteLength;
        lo[top - 1] = sizeBefore;
        break;
      }
      case 0xe8: // memory.init
        top -= 3;
        gas -= bulkGas(lo[top + 2]! >>> 0);
        if (gas < 0) halt("OutOfGas");
        instance.memoryInit(cells[at++]!, lo[top]! >>> 0, lo[top + 1]! >>> 0, lo[top + 2]! >>> 0);
        break;
      case 0xe9: // data.drop
        instance.dataDrop(cells[at++]!);
        break;
      case 0xea: // memory.copy
        top -= 3;
        gas -= bulkGas(lo[top + 2]! >>> 0);
        if (gas < 0) halt("OutOfGas");
        instance.memoryCopy(lo[top]! >>> 0, lo[top + 1]! >>> 0, lo[top + 2]! >>> 0);
        break;
      case 0xeb: // memory.fill
        top -= 3;
        gas -= bulkGas(lo[top + 2]! >>> 0);
        if (gas < 0) halt("OutOfGas");
        instance.memoryFill(lo[top]! >>> 0, lo[top + 1]!, lo[top + 2]! >>> 0);
        break;
      case 0xec: // table.init
        top -= 3;
        gas -= (lo[top + 2]! >>> 0) * TABLE_ENTRY_GAS;
        if (gas < 0) halt("OutOfGas");
        instance.tableInit(cells[at++]!, lo[top]! >>> 0, lo[top + 1]! >>> 0, lo[top + 2]! >>> 0);
        break;
      case 0xed: // elem.drop
        instance.elementDrop(cells[at++]!);
        break;
      case 0xee: // table.copy
        top -= 3;
        gas -= (lo[top + 2]! >>> 0) * TABLE_ENTRY_GAS;
        if (gas < 0) halt("OutOfGas");
        instance.tableCopy(lo[top]! >>> 0, lo[top + 1]! >>> 0, lo[top + 2]! >>> 0);
        break;

      // Numeric instructions.
      case 0x41: // i32.const
        lo[top++] = cells[at++]!;
        break;
      case 0x42: // i64.const
        lo[top] = cells[at++]!;
        hi[top++] = cells[at++]!;
        break;
      case 0x45: // i32.eqz
        lo[top - 1] = lo[top - 1] === 0 ? 1 : 0;
        break;
      case 0x46: // i32.eq
        top--;
        lo[top - 1] = lo[top - 1] === lo[top] ? 1 : 0;
        break;
      case 0x47: // i32.ne
        top--;
        lo[top - 1] = lo[top - 1] !== lo[top] ? 1 : 0;
        break;
      case 0x48: // i32.lt_s
        top--;
        lo[top - 1] = lo[top - 1]! < lo[top]! ? 1 : 0;
        break;
      case 0x49: // i32.lt_u
        top--;
        lo[top - 1] = lo[top - 1]! >>> 0 < lo[top]! >>> 0 ? 1 : 0;
        break;
      case 0x4a: // i32.gt_s
        top--;
        lo[top - 1] = lo[top - 1]! > lo[top]! ? 1 : 0;
        break;
      case 0x4b: // i32.gt_u
        top--;
        lo[top - 1] = lo[top - 1]! >>> 0 > lo[top]! >>> 0 ? 1 : 0;
        break;
      case 0x4c: // i32.le_s
        top--;
        lo[top - 1] = lo[top - 1]! <= lo[top]! ? 1 : 0;
        break;
      case 0x4d: // i32.le_u
        top--;
        lo[top - 1] = lo[top - 1]! >>> 0 <= lo[top]! >>> 0 ? 1 : 0;
        break;
      case 0x4e: // i32.ge_s
        top--;
        lo[top - 1] = lo[top - 1]! >= lo[top]! ? 1 : 0;
        break;
      case 0x4f: // i32.ge_u
        top--;
        lo[top - 1] = lo[top - 1]! >>> 0 >= lo[top]! >>> 0 ? 1 : 0;
        break;
      case 0x50: // i64.eqz
        lo[top - 1] = (lo[top - 1]! | hi[top - 1]!) === 0 ? 1 : 0;
        break;
      case 0x51: // i64.eq
        top--;
        lo[top - 1] = numeric.ieq64(lo, hi, top - 1) ? 1 : 0;
        break;
      case 0x52: // i64.ne
        top--;
        lo[top - 1] = numeric.ieq64(lo, hi, top - 1) ? 0 : 1;
        break;
      case 0x53: // i64.lt_s
        top--;
        lo[top - 1] = numeric.iltS64(lo, hi, top - 1, top) ? 1 : 0;
        break;
      case 0x54: // i64.lt_u
        top--;
        lo[top - 1] = numeric.iltU64(lo, hi, top - 1, top) ? 1 : 0;
        break;
      case 0x55: // i64.gt_s
        top--;
        lo[top - 1] = numeric.iltS64(lo, hi, top, top - 1) ? 1 : 0;
        break;
      case 0x56: // i64.gt_u
        top--;
        lo[top - 1] = numeric.iltU64(lo, hi, top, top - 1) ? 1 : 0;
        break;
      case 0x57: // i64.le_s
        top--;
        lo[top - 1] = numeric.iltS64(lo, hi, top, top - 1) ? 0 : 1;
        break;
      case 0x58: // i64.le_u
        top--;
        lo[top - 1] = numeric.iltU64(lo, hi, top, top - 1) ? 0 : 1;
        break;
      case 0x59: // i64.ge_s
        top--;
        lo[top - 1] = numeric.iltS64(lo, hi, top - 1, top) ? 0 : 1;
        break;
      case 0x5a: // i64.ge_u
        top--;
        lo[top - 1] = numeric.iltU64(lo, hi, top - 1, top) ? 0 : 1;
        break;
      case 0x67: // i32.clz
        lo[top - 1] = Math.clz32(lo[top - 1]!);
        break;
      case 0x68: // i32.ctz
        lo[top - 1] = numeric.ictz32(lo[top - 1]!);
        break;
      case 0x69: // i32.popcnt
        lo[top - 1] = numeric.ipopcnt32(lo[top - 1]!);
        break;
      case 0x6a: // i32.add
        top--;
        lo[top - 1] = lo[top - 1]! + lo[top]!;
        break;
      case 0x6b: // i32.sub
        top--;
        lo[top - 1] = lo[top - 1]! - lo[top]!;
        break;
      case 0x6c: // i32.mul
        top--;
        lo[top - 1] = Math.imul(lo[top - 1]!, lo[top]!);
        break;
      case 0x6d: // i32.div_s
        top--;
        lo[top - 1] = numeric.idivS32(lo[top - 1]!, lo[top]!);
        break;
      case 0x6e: // i32.div_u
        top--;
        lo[top - 1] = numeric.idivU32(lo[top - 1]!, lo[top]!);
        break;
      case 0x6f: // i32.rem_s
        top--;
        lo[top - 1] = numeric.iremS32(lo[top - 1]!, lo[top]!);
        break;
      case 0x70: // i32.rem_u
        top--;
        lo[top - 1] = numeric.iremU32(lo[top - 1]!, lo[top]!);
        break;
      case 0x71: // i32.and
        top--;
        lo[top - 1] = lo[top - 1]! & lo[top]!;
        break;
      case 0x72: // i32.or
        top--;
        lo[top - 1] = lo[top - 1]! | lo[top]!;
        break;
      case 0x73: // i32.xor
        top--;
        lo[top - 1] = lo[top - 1]! ^ lo[top]!;
        break;
      case 0x74: // i32.shl
        top--;
        lo[top - 1] = lo[top - 1]! << lo[top]!;
        break;
      case 0x75: // i32.shr_s
        top--;
        lo[top - 1] = lo[top - 1]! >> lo[top]!;
        break;
      case 0x76: // i32.shr_u
        top--;
        lo[top - 1] = lo[top - 1]! >>> lo[top]!;
        break;
      case 0x77: // i32.rotl
        top--;
        lo[top - 1] = numeric.irotl32(lo[top - 1]!, lo[top]!);
        break;
      case 0x78: // i32.rotr
        top--;
        lo[top - 1] = numeric.irotl32(lo[top - 1]!, -lo[top]!);
        break;
      case 0x79: // i64.clz
        numeric.iclz64(lo, hi, top - 1);
        break;
      case 0x7a: // i64.ctz
        numeric.ictz64(lo, hi, top - 1);
        break;
      case 0x7b: // i64.popcnt
        numeric.ipopcnt64(lo, hi, top - 1);
        break;
      case 0x7c: // i64.add
        top--;
        numeric.iadd64(lo, hi, top - 1);
        break;
      case 0x7d: // i64.sub
        top--;
        numeric.isub64(lo, hi, top - 1);
        break;
      case 0x7e: // i64.mul
        top--;
        numeric.imul64(lo, hi, top - 1);
        break;
      case 0x7f: // i64.div_s
        top--;
        numeric.idivS64(lo, hi, top - 1);
        break;
      case 0x80: // i64.div_u
        top--;
        numeric.idivU64(lo, hi, top - 1);
        break;
      case 0x81: // i64.rem_s
        top--;
        numeric.iremS64(lo, hi, top - 1);
        break;
      case 0x82: // i64.rem_u
        top--;
        numeric.iremU64(lo, hi, top - 1);
        break;
      case 0x83: // i64.and
        top--;
        lo[top - 1] = lo[top - 1]! & lo[top]!;
        hi[top - 1] = hi[top - 1]! & hi[top]!;
        break;
      case 0x84: // i64.or
        top--;
        lo[top - 1] = lo[top - 1]! | lo[top]!;
        hi[top - 1] = hi[top - 1]! | hi[top]!;
        break;
      case 0x85: // i64.xor
        top--;
        lo[top - 1] = lo[top - 1]! ^ lo[top]!;
        hi[top - 1] = hi[top - 1]! ^ hi[top]!;
        break;
      case 0x86: // i64.shl
        top--;
        numeric.ishl64(lo, hi, top - 1);
        break;
      case 0x87: // i64.shr_s
        top--;
        numeric.ishrS64(lo, hi, top - 1);
        break;
      case 0x88: // i64.shr_u
        top--;
        numeric.ishrU64(lo, hi, top - 1);
        break;
      case 0x89: // i64.rotl
        top--;
        numeric.irotl64(lo, hi, top - 1);
        break;
      case 0x8a: // i64.rotr
        top--;
        numeric.irotr64(lo, hi, top - 1);
        break;
      case 0xa7: // i32.wrap_i64
        // The upper half of an i32 is never read.
        break;
      case 0xac: // i64.extend_i32_s
        hi[top - 1] = lo[top - 1]! >> 31;
        break;
      case 0xad: // i64.extend_i32_u
        hi[top - 1] = 0;
        break;
      case 0xc0: // i32.extend8_s
        lo[top - 1] = (lo[top - 1]! << 24) >> 24;
        break;
      case 0xc1: // i32.extend16_s
        lo[top - 1] = (lo[top - 1]! << 16) >> 16;
        break;
      case 0xc2: // i64.extend8_s
        lo[top - 1] = (lo[top - 1]! << 24) >> 24;
        hi[top - 1] = lo[top - 1]! >> 31;
        break;
      case 0xc3: // i64.extend16_s
        lo[top - 1] = (lo[top - 1]! << 16) >> 16;
        hi[top - 1] = lo[top - 1]! >> 31;
        break;
      case 0xc4: // i64.extend32_s
        hi[top - 1] = lo[top - 1]! >> 31;
        break;
      default:
        throw new Fault(`no step ${cells[at - 1]} at cell ${at - 1}`);
    }
  }
}

/** Moves the `count` values at the top down over `drop` others. Returns the new top. */
function move(lo: Int32Array, hi: Int32Array, top: number, count: number, drop: number): number {
  const end = top - drop;
  for (let to = end - count; to < end; to++) {
    lo[to] = lo[to + drop]!;
    hi[to] = hi[to + drop]!;
  }
  return end;
}

/** Gas for `length` bytes of a bulk operation; `length` is unsigned. */
function bulkGas(length: number): number {
  return Math.ceil(length / (1 << BULK_BYTES_PER_GAS_LOG2));
}
