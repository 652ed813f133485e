/**
 * What the `interpreter` engine runs: the original bodies, read once into cells of 32 bits.
 *
 * An instruction is its opcode and its immediates, a cell each (an i64 takes two, the lower half first). Structure is gone:
 * `block`, `loop` and `end` leave no cell, a label is the cell to go on at. Code that cannot run is left out. The bulk operations
 * lose their prefix, and some cells hold operations of our own (`step`): what a function does on entry, gas, and the trace.
 *
 *     source          cells
 *     (func           enter  gas height parameters locals
 *       loop
 *         local.get 0 checkPoint gas, local.get 0     <- the label is the cell of checkPoint
 *         call $f     call   cell of $f
 *         br_if 0     br_if  cell of the label
 *       end)          return results
 */
import { assert } from "./errors.ts";
import { InstructionReader } from "./instruction-reader.ts";
import { gasOfBlocks } from "./interpreter-gas.ts";
import { LOCAL_GAS } from "./metering/schedule.ts";
import { EMPTY_BLOCK_TYPE, type FunctionBody, type FunctionType, type Module, typeOfFunction } from "./module.ts";
import { op, opcodeOf } from "./opcodes.ts";
import type { FunctionFacts } from "./validate-function.ts";

/** Operations beside those of Wasm, in bytes that no opcode of profile 1 uses. Cells: */
export const step = {
  /** gas, logical stack height, parameters, locals. */
  enter: 0xd0,
  /** gas: accrues. */
  charge: 0xd1,
  /** gas: accrues and compares. */
  checkPoint: 0xd2,
  /** function, byte offset, opcode: tells the hook about the next instruction. */
  trace: 0xd3,
  /** target, values carried, operands dropped below them. A `br` and `br_if` of Wasm's own codes drop none: target. */
  brMove: 0xd4,
  brIfMove: 0xd5,
  /** target: the way around the first arm of an `if`. */
  brUnless: 0xd6,
  /** import. */
  callHost: 0xd7,
} as const;

/** The byte that stands for an opcode of the prefix 0xfc. */
const bulkByte = (code: number) => 0xe0 | (code & 0x0f);

export interface InterpreterCode {
  readonly cells: Int32Array;
  /** The first cell of each defined function. */
  readonly entries: Int32Array;
}

/** `typeIds` gives equal function types equal numbers, by type index. With `traced`, each instruction is told to the hook. */
export function encodeCells(
  module: Module,
  facts: readonly FunctionFacts[],
  typeIds: Int32Array,
  traced: boolean,
): InterpreterCode {
  const cells: number[] = [];
  const entries = new Int32Array(module.bodies.length);
  const calls: number[] = [];
  for (const [i, body] of module.bodies.entries()) {
    entries[i] = cells.length;
    new BodyEncoder(module, i, body, facts[i]!, typeIds, traced, cells, calls).encode();
  }
  // Until here a call names its function.
  for (const at of calls) cells[at] = entries[cells[at]!]!;
  return { cells: Int32Array.from(cells), entries };
}

/** A construct that is open at the place where encoding is. */
interface Label {
  readonly opcode: number;
  readonly type: FunctionType;
  /** Operands below its parameters. */
  readonly height: number;
  /** Whether code in its arms can run. */
  readonly live: boolean;
  /** Where a branch to a loop goes. */
  readonly start: number;
  /** Cells that wait for the place behind the `end`. */
  readonly toEnd: number[];
  /** The cell that waits for the place behind the first arm; -1 when none does. */
  toElse: number;
}

class BodyEncoder {
  readonly #module: Module;
  readonly #functionIndex: number;
  readonly #body: FunctionBody;
  readonly #facts: FunctionFacts;
  readonly #typeIds: Int32Array;
  readonly #traced: boolean;
  readonly #cells: number[];
  readonly #calls: number[];
  readonly #reader: InstructionReader;
  readonly #labels: Label[] = [];
  #height = 0;
  #live = true;

  constructor(
    module: Module,
    bodyIndex: number,
    body: FunctionBody,
    facts: FunctionFacts,
    typeIds: Int32Array,
    traced: boolean,
    cells: number[],
    calls: number[],
  ) {
    this.#module = module;
    this.#functionIndex = module.imports.length + bodyIndex;
    this.#body = body;
    this.#facts = facts;
    this.#typeIds = typeIds;
    this.#traced = traced;
    this.#cells = cells;
    this.#calls = calls;
    this.#reader = new InstructionReader(module.bytes, body.start, body.end);
  }

  encode(): void {
    const cells = this.#cells;
    const gas = gasOfBlocks(this.#module, this.#body);
    const type = typeOfFunction(this.#module, this.#functionIndex)!;
    const slots = type.params.length + this.#body.localCount;
    const entryGas = gas.get(this.#body.start)! + slots * LOCAL_GAS;
    const height = this.#facts.frameHeight;
    cells.push(step.enter, entryGas, height, type.params.length, this.#body.localCount);

    this.#open(op.block, { params: [], results: type.results });
    const reader = this.#reader;
    let afterLoop = false;
    while (!reader.done) {
      const { code } = reader.next();
      if (this.#live) {
        const blockGas = gas.get(reader.offset) ?? 0;
        if (afterLoop) cells.push(step.checkPoint, blockGas);
        else if (blockGas > 0 && reader.offset > this.#body.start) cells.push(step.charge, blockGas);
        if (this.#traced) cells.push(step.trace, this.#functionIndex, reader.offset, code);
      }
      afterLoop = code === op.loop;
      this.#instruction(code);
    }
    assert(this.#labels.length === 0, "a body ends with its last end");
    cells.push(op.return, type.results.length);
  }

  #open(opcode: number, type: FunctionType): void {
    const height = this.#height - type.params.length;
    const start = this.#cells.length;
    this.#labels.push({ opcode, type, height, live: this.#live, start, toEnd: [], toElse: -1 });
  }

  #instruction(code: number): void {
    switch (code) {
      case op.block:
      case op.loop:
        this.#open(code, this.#blockType());
        return;
      case op.if: {
        this.#height--;
        this.#open(code, this.#blockType());
        if (this.#live) this.#labels.at(-1)!.toElse = this.#cells.push(step.brUnless, 0) - 1;
        return;
      }
      case op.else: {
        const label = this.#labels.at(-1)!;
        if (this.#live) label.toEnd.push(this.#cells.push(op.br, 0) - 1);
        if (label.toElse >= 0) this.#cells[label.toElse] = this.#cells.length;
        label.toElse = -1;
        this.#live = label.live;
        this.#height = label.height + label.type.params.length;
        return;
      }
      case op.end: {
        const label = this.#labels.pop()!;
        for (const at of label.toEnd) this.#cells[at] = this.#cells.length;
        if (label.toElse >= 0) this.#cells[label.toElse] = this.#cells.length;
        this.#live = label.live;
        this.#height = label.height + label.type.results.length;
        return;
      }
    }
    if (this.#live) this.#plain(code);
  }

  /** An instruction that neither opens nor closes anything, and can run. */
  #plain(code: number): void {
    const cells = this.#cells;
    const { a, b, wide, labels } = this.#reader;
    switch (code) {
      case op.nop:
        return;
      case op.unreachable:
        cells.push(code);
        this.#live = false;
        return;
      case op.br:
        this.#branch(a, code, step.brMove);
        this.#live = false;
        return;
      case op.brIf:
        this.#height--;
        this.#branch(a, code, step.brIfMove);
        return;
      case op.brTable:
        this.#height--;
        cells.push(code, labels.length - 1);
        for (const label of labels) {
          cells.push(0, this.#arity(label), this.#dropCount(label));
          this.#target(label, cells.length - 3);
        }
        this.#live = false;
        return;
      case op.return:
        cells.push(code, this.#labels[0]!.type.results.length);
        this.#live = false;
        return;
      case op.call: {
        const importCount = this.#module.imports.length;
        if (a < importCount) cells.push(step.callHost, a);
        else this.#calls.push(cells.push(code, a - importCount) - 1);
        this.#passCall(typeOfFunction(this.#module, a)!);
        return;
      }
      case op.callIndirect:
        cells.push(code, this.#typeIds[a]!);
        this.#height--;
        this.#passCall(this.#module.types[a]!);
        return;
      case op.drop:
        cells.push(code);
        this.#height--;
        return;
      case op.select:
      case op.selectTyped:
        cells.push(op.select);
        this.#height -= 2;
        return;
      case op.localGet:
      case op.globalGet:
        cells.push(code, a);
        this.#height++;
        return;
      case op.localSet:
      case op.globalSet:
        cells.push(code, a);
        this.#height--;
        return;
      case op.localTee:
        cells.push(code, a);
        return;
    }
    const { signature, immediate } = opcodeOf(code)!;
    const [params, results] = signature!.split(":");
    this.#height += results!.length - params!.length;
    cells.push(code < 0x100 ? code : bulkByte(code));
    switch (immediate) {
      case "i32":
        cells.push(a);
        return;
      case "i64":
        cells.push(Number(BigInt.asIntN(32, wide)), Number(wide >> 32n));
        return;
      case "memarg":
        cells.push(b | 0);
        return;
      case "data":
      case "dataAndMemory":
      case "element":
      case "elementAndTable":
        cells.push(a);
        return;
    }
  }

  #blockType(): FunctionType {
    const index = this.#reader.a;
    if (index >= 0) return this.#module.types[index]!;
    // A single result's type does not matter here: every value takes one place.
    return { params: [], results: index === EMPTY_BLOCK_TYPE ? [] : [0x7f] };
  }

  #passCall({ params, results }: FunctionType): void {
    this.#height += results.length - params.length;
  }

  #branch(label: number, plain: number, moving: number): void {
    const drop = this.#dropCount(label);
    if (drop === 0) {
      this.#target(label, this.#cells.push(plain, 0) - 1);
    } else {
      this.#target(label, this.#cells.push(moving, 0, this.#arity(label), drop) - 3);
    }
  }

  #labelAt(label: number): Label {
    return this.#labels.at(-1 - label)!;
  }

  #arity(label: number): number {
    const { opcode, type } = this.#labelAt(label);
    return (opcode === op.loop ? type.params : type.results).length;
  }

  /** Operands between those that a branch carries and those that its target leaves in place. */
  #dropCount(label: number): number {
    // The body's end returns, and that takes the results from the top.
    if (label === this.#labels.length - 1) return 0;
    return this.#height - this.#arity(label) - this.#labelAt(label).height;
  }

  /** Puts into the cell `at` where a branch to `label` goes, now or once it is known. */
  #target(label: number, at: number): void {
    const { opcode, start, toEnd } = this.#labelAt(label);
    if (opcode === op.loop) this.#cells[at] = start;
    else toEnd.push(at);
  }
}
