/**
 * Validates one function body in one pass with an operand stack and a control stack: the algorithm of the Wasm core spec,
 * appendix, section 7.3. Both stacks are explicit, so nesting never reaches the native stack.
 *
 * By-product: the largest operand height, which the logical stack limit is made of.
 */
import { InstructionReader } from "./instruction-reader.ts";
import {
  EMPTY_BLOCK_TYPE,
  type FunctionBody,
  type FunctionType,
  type Module,
  typeOfFunction,
  type ValueType,
  valueType,
} from "./module.ts";
import { ModuleError } from "./module-error.ts";
import { type Feature, featureText, op } from "./opcodes.ts";
import {
  ACTIVATION_HEIGHT,
  COMPUTATIONS_PER_UNIT,
  LOOP_MERGE_EXTRA,
  LOOP_MERGE_FACTOR,
  MERGE_COST_MAX,
  NESTING_MAX,
} from "./profile.ts";

/** The bottom type: an operand of code that is never reached. */
const UNKNOWN = 0;
type Operand = ValueType | typeof UNKNOWN;

interface Frame {
  /** The opcode that opened the block; `block` for the function itself. */
  readonly opcode: number;
  readonly type: FunctionType;
  /** Operand height at the start of the block, parameters taken off. */
  readonly height: number;
  unreachable: boolean;
}

export interface FunctionFacts {
  /**
   * Logical stack height of one activation, in the profile's unit: its own cost, its parameters and locals, its largest
   * operand height, and what an optimizer may keep of its computations.
   */
  readonly frameHeight: number;
  /** What its merges cost an optimizing compiler; at most `MERGE_COST_MAX`. */
  readonly mergeCost: number;
}

const { i32, i64 } = valueType;
const noTypes: readonly ValueType[] = [];
const blockTypes = new Map<number, FunctionType>([
  [EMPTY_BLOCK_TYPE, { params: noTypes, results: noTypes }],
  [i32 - 0x80, { params: noTypes, results: [i32] }],
  [i64 - 0x80, { params: noTypes, results: [i64] }],
]);

/** Throws `ModuleError` naming the function, the opcode and the offset. */
export function validateFunction(module: Module, functionIndex: number, type: FunctionType, body: FunctionBody) {
  const validator = new FunctionValidator(module, type, body);
  try {
    return validator.run();
  } catch (error) {
    if (!(error instanceof ModuleError)) throw error;
    const functionName = module.functionNames.get(functionIndex);
    const opcode = validator.instructions.opcode?.name;
    throw error.at({
      functionIndex,
      ...(functionName === undefined ? {} : { functionName }),
      ...(opcode === undefined ? {} : { opcode }),
    });
  }
}

class FunctionValidator {
  readonly instructions: InstructionReader;
  readonly #module: Module;
  /** Of each parameter and local, its type: bytes, because a small function may have a thousand. */
  readonly #locals: Uint8Array;
  readonly #operands: Operand[] = [];
  readonly #frames: Frame[] = [];
  #operandHeightMax = 0;
  #computationCount = 0;
  #mergeCost = 0;

  constructor(module: Module, type: FunctionType, body: FunctionBody) {
    this.#module = module;
    this.instructions = new InstructionReader(module.bytes, body.start, body.end);
    this.#locals = new Uint8Array(type.params.length + body.localCount);
    this.#locals.set(type.params);
    let at = type.params.length;
    for (const { count, type: local } of body.locals) {
      this.#locals.fill(local, at, at + count);
      at += count;
    }
    this.#frames.push({
      opcode: op.block,
      type: { params: noTypes, results: type.results },
      height: 0,
      unreachable: false,
    });
  }

  run(): FunctionFacts {
    const { instructions } = this;
    while (this.#frames.length > 0) {
      const { code, signature, align } = instructions.next();
      if (signature !== undefined) {
        if (computes(code)) this.#computationCount++;
        if (align !== undefined) this.#checkAccess(align);
        this.#checkIndices(code);
        this.#apply(signature);
      } else {
        this.#contextual(code);
      }
      if (this.#operands.length > this.#operandHeightMax) this.#operandHeightMax = this.#operands.length;
    }
    if (!instructions.done)
      this.#fail("code_after_end", "instructions follow the end of the body", instructions.nextOffset);
    const kept = Math.ceil(this.#computationCount / COMPUTATIONS_PER_UNIT);
    const frameHeight = ACTIVATION_HEIGHT + this.#locals.length + this.#operandHeightMax + kept;
    return { frameHeight, mergeCost: this.#mergeCost };
  }

  #fail(code: string, problem: string, offset = this.instructions.offset): never {
    throw new ModuleError(code, problem, offset);
  }

  /** Two ways meet that carry every local, the two counters, and `carried` values. */
  #merge(carried: number, factor = 1, extra = 0): void {
    this.#mergeCost += factor * (this.#locals.length + 2 + carried + extra);
    if (this.#mergeCost > MERGE_COST_MAX) {
      this.#fail("limit_merges", `branches join too many values: a merge cost above ${MERGE_COST_MAX}`);
    }
  }

  #push(type: Operand): void {
    this.#operands.push(type);
  }

  #pushAll(types: readonly ValueType[]): void {
    for (const type of types) this.#operands.push(type);
  }

  #pop(expected: Operand): Operand {
    const frame = this.#frames.at(-1)!;
    if (this.#operands.length === frame.height) {
      if (frame.unreachable) return expected;
      this.#fail("type_mismatch", `${typeName(expected)} expected, the operand stack is empty`);
    }
    const actual = this.#operands.pop()!;
    if (actual !== expected && actual !== UNKNOWN && expected !== UNKNOWN) {
      this.#fail("type_mismatch", `${typeName(expected)} expected, ${typeName(actual)} found`);
    }
    return actual === UNKNOWN ? expected : actual;
  }

  #popAll(types: readonly ValueType[]): void {
    for (let i = types.length - 1; i >= 0; i--) this.#pop(types[i]!);
  }

  #apply(signature: string): void {
    const colon = signature.indexOf(":");
    for (let i = colon - 1; i >= 0; i--) this.#pop(signature[i] === "i" ? i32 : i64);
    for (let i = colon + 1; i < signature.length; i++) this.#push(signature[i] === "i" ? i32 : i64);
  }

  #open(opcode: number, type: FunctionType): void {
    if (this.#frames.length > NESTING_MAX) this.#fail("limit_nesting", `blocks nested deeper than ${NESTING_MAX}`);
    this.#popAll(type.params);
    this.#frames.push({ opcode, type, height: this.#operands.length, unreachable: false });
    this.#pushAll(type.params);
  }

  #close(): Frame {
    const frame = this.#frames.at(-1)!;
    this.#popAll(frame.type.results);
    if (this.#operands.length !== frame.height) {
      this.#fail("type_mismatch", `${this.#operands.length - frame.height} operands too many at the end of the block`);
    }
    this.#frames.pop();
    return frame;
  }

  #setUnreachable(): void {
    const frame = this.#frames.at(-1)!;
    this.#operands.length = frame.height;
    frame.unreachable = true;
  }

  #blockType(): FunctionType {
    const index = this.instructions.a;
    const type = index < 0 ? blockTypes.get(index) : this.#module.types[index];
    if (type !== undefined) return type;
    const feature = featureOfType(index + 0x80);
    if (feature !== null) return this.#fail(feature, featureText[feature]);
    return this.#fail("unknown_type", `block type ${index} does not exist`);
  }

  /** What a branch to `label` carries. */
  #labelTypes(label: number): readonly ValueType[] {
    const frame = this.#frames.at(-1 - label);
    if (frame === undefined)
      return this.#fail("unknown_label", `label ${label}, ${this.#frames.length} blocks are open`);
    return frame.opcode === op.loop ? frame.type.params : frame.type.results;
  }

  #local(): ValueType {
    const type = this.#locals[this.instructions.a];
    if (type === undefined) {
      return this.#fail("unknown_local", `local ${this.instructions.a}, there are ${this.#locals.length}`);
    }
    return type as ValueType;
  }

  #checkAccess(align: number): void {
    if (this.#module.memory === null) this.#fail("unknown_memory", "the module has no memory");
    if (this.instructions.a > align) {
      this.#fail("alignment", `alignment 2^${this.instructions.a} above the natural 2^${align}`);
    }
  }

  /** Index immediates of the instructions that have a fixed signature. */
  #checkIndices(code: number): void {
    const { a, b } = this.instructions;
    const module = this.#module;
    switch (code) {
      case op.memorySize:
      case op.memoryGrow:
      case op.memoryCopy:
      case op.memoryFill:
      case op.memoryInit:
        if (module.memory === null) this.#fail("unknown_memory", "the module has no memory");
        if (code === op.memoryInit) this.#checkData(a);
        return;
      case op.dataDrop:
        this.#checkData(a);
        return;
      case op.tableInit:
        this.#checkElement(a);
        this.#checkTable(b);
        return;
      case op.elemDrop:
        this.#checkElement(a);
        return;
      case op.tableCopy:
        this.#checkTable(a);
        this.#checkTable(b);
        return;
    }
  }

  #checkData(index: number): void {
    if (!this.#module.hasDataCount)
      this.#fail("data_count", "the module uses data segments by number but gives no data count");
    if (index >= this.#module.data.length) this.#fail("unknown_data", `data segment ${index} does not exist`);
  }

  #checkElement(index: number): void {
    if (index >= this.#module.elements.length) this.#fail("unknown_element", `element segment ${index} does not exist`);
  }

  #checkTable(index: number): void {
    if (index !== 0 || this.#module.table === null) this.#fail("unknown_table", `table ${index} does not exist`);
  }

  #contextual(code: number): void {
    const { instructions } = this;
    const module = this.#module;
    switch (code) {
      case op.unreachable:
        this.#setUnreachable();
        return;
      case op.block:
        this.#open(code, this.#blockType());
        return;
      case op.loop: {
        const type = this.#blockType();
        this.#merge(type.params.length, LOOP_MERGE_FACTOR, LOOP_MERGE_EXTRA);
        this.#open(code, type);
        return;
      }
      case op.if: {
        const type = this.#blockType();
        this.#merge(type.params.length);
        this.#pop(i32);
        this.#open(code, type);
        return;
      }
      case op.else: {
        if (this.#frames.at(-1)!.opcode !== op.if) this.#fail("unexpected_else", "else without if");
        const { type } = this.#close();
        this.#frames.push({ opcode: op.else, type, height: this.#operands.length, unreachable: false });
        this.#pushAll(type.params);
        return;
      }
      case op.end: {
        const { opcode, type } = this.#close();
        // An `if` without `else` passes its parameters through.
        if (opcode === op.if && !sameTypes(type.params, type.results)) {
          this.#fail("type_mismatch", "an if without else changes the operand types");
        }
        this.#pushAll(type.results);
        return;
      }
      case op.br: {
        const types = this.#labelTypes(instructions.a);
        this.#merge(types.length);
        this.#popAll(types);
        this.#setUnreachable();
        return;
      }
      case op.brIf: {
        this.#pop(i32);
        const types = this.#labelTypes(instructions.a);
        this.#merge(types.length);
        this.#popAll(types);
        this.#pushAll(types);
        return;
      }
      case op.brTable:
        this.#brTable();
        return;
      case op.return:
        this.#merge(this.#frames[0]!.type.results.length);
        this.#popAll(this.#frames[0]!.type.results);
        this.#setUnreachable();
        return;
      case op.call: {
        const type = typeOfFunction(module, instructions.a);
        if (type === undefined) return this.#fail("unknown_function", `function ${instructions.a} does not exist`);
        this.#popAll(type.params);
        this.#pushAll(type.results);
        return;
      }
      case op.callIndirect: {
        this.#checkTable(instructions.b);
        const type = module.types[instructions.a];
        if (type === undefined) return this.#fail("unknown_type", `type ${instructions.a} does not exist`);
        this.#pop(i32);
        this.#popAll(type.params);
        this.#pushAll(type.results);
        return;
      }
      case op.drop:
        this.#pop(UNKNOWN);
        return;
      case op.select: {
        this.#pop(i32);
        const second = this.#pop(UNKNOWN);
        this.#push(this.#pop(second));
        return;
      }
      case op.selectTyped: {
        const type = instructions.a;
        if (type !== i32 && type !== i64) {
          const feature = featureOfType(type) ?? "reference_types";
          return this.#fail(feature, featureText[feature]);
        }
        this.#pop(i32);
        this.#pop(type);
        this.#pop(type);
        this.#push(type);
        return;
      }
      case op.localGet:
        this.#push(this.#local());
        return;
      case op.localSet:
        this.#pop(this.#local());
        return;
      case op.localTee: {
        const type = this.#local();
        this.#pop(type);
        this.#push(type);
        return;
      }
      case op.globalGet:
      case op.globalSet: {
        const global = module.globals[instructions.a];
        if (global === undefined) return this.#fail("unknown_global", `global ${instructions.a} does not exist`);
        if (code === op.globalGet) {
          this.#push(global.type);
          return;
        }
        if (!global.mutable) this.#fail("immutable_global", `global ${instructions.a} is immutable`);
        this.#pop(global.type);
        return;
      }
    }
    this.#fail("unknown_opcode", "instruction outside profile 1");
  }

  #brTable(): void {
    const { labels } = this.instructions;
    this.#pop(i32);
    const defaultTypes = this.#labelTypes(labels.at(-1)!);
    let checked: readonly ValueType[] | undefined;
    for (const label of labels) {
      const types = this.#labelTypes(label);
      this.#merge(types.length);
      if (types === checked) continue;
      checked = types;
      if (types.length !== defaultTypes.length) {
        this.#fail(
          "type_mismatch",
          `label ${label} carries ${types.length} values, the default ${defaultTypes.length}`,
        );
      }
      // Popped operands go back as they were, since in unreachable code one may fit several types.
      const popped: Operand[] = [];
      for (let i = types.length - 1; i >= 0; i--) popped.push(this.#pop(types[i]!));
      for (const operand of popped.reverse()) this.#push(operand);
    }
    this.#popAll(defaultTypes);
    this.#setUnreachable();
  }
}

/** Loads, stores, comparisons, arithmetic and conversions: what leaves a value, or an address, that may be kept. */
function computes(code: number): boolean {
  return (
    code >= FIRST_LOAD &&
    code <= LAST_CONVERSION &&
    code !== op.memorySize &&
    code !== op.memoryGrow &&
    !isConstant(code)
  );
}

const FIRST_LOAD = 0x28;
const LAST_CONVERSION = 0xc4;

function isConstant(code: number): boolean {
  return code === op.i32Const || code === op.i64Const;
}

/** The feature that the byte of a value type outside the profile belongs to. */
function featureOfType(byte: number): Feature | null {
  if (byte === 0x7d || byte === 0x7c) return "float";
  if (byte === 0x7b) return "simd";
  return byte === 0x70 || byte === 0x6f ? "reference_types" : null;
}

function sameTypes(a: readonly ValueType[], b: readonly ValueType[]): boolean {
  return a.length === b.length && a.every((type, i) => type === b[i]);
}

function typeName(type: Operand): string {
  return type === i32 ? "i32" : type === i64 ? "i64" : "a value";
}
