/**
 * A copy of a module with one method, `run`, that does what a script does with the module's instance. So every step of the
 * suite is a call of a contract like any other, through the door that each engine has anyway, and all get the same bytes.
 *
 * A contract's instance lives for one call, a script's for the whole script: so a call replays. The host says which step
 * (block height) and which part of its result (block time) it wants to see:
 *
 *     run:  for each step up to the wanted one:  push the arguments, call the function, keep the results
 *           after the wanted step:               revert(the wanted 32 bits of the results, no data)
 *
 * Steps that trap are run only when they are the wanted one. What such a step changed before its trap is gone with its call;
 * no script of the suite asks for it.
 *
 * The three host functions come first in the index space, so the copy is the original with every function index moved by
 * three, and the rest of each body byte for byte.
 */
import { ByteWriter } from "../../vm/byte-writer.ts";
import { hostFunctions } from "../../vm/host-fns/table.ts";
import { InstructionReader } from "../../vm/instruction-reader.ts";
import { type ElementSegment, type Limits, type Module, typeOfFunction, valueType } from "../../vm/module.ts";
import { op } from "../../vm/opcodes.ts";
import { HOST_MODULE } from "../../vm/validate.ts";

export interface Step {
  readonly kind: "invoke" | "get";
  /** Of the function or global in the original module. */
  readonly index: number;
  /** i32 or i64 by the function's type; signed or unsigned. */
  readonly args: readonly bigint[];
  readonly traps: boolean;
}

export const RUN_METHOD = "run";

const { i32, i64 } = valueType;
const IMPORTED = ["block_height", "block_time", "revert"] as const;
const [WANTED_STEP, WANTED_PART, REVERT] = [0, 1, 2];
const EMPTY = 0x40;
const I64_EQ = 0x51;
const I32_GE_S = 0x4e;
const I32_WRAP_I64 = 0xa7;

/** The module must be valid and import nothing. */
export function withDriver(module: Module, steps: readonly Step[]): Uint8Array {
  const types = module.types.length;
  const [plainType, wantedType, revertType] = [types, types + 1, types + 2];
  const out = new ByteWriter().u8(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00);
  out.section(1, (section) => {
    section.u32(types + 3);
    for (const { params, results } of module.types) {
      section.u8(0x60);
      for (const list of [params, results]) section.list(list, (type) => section.u8(type));
    }
    section.u8(0x60, 0, 0).u8(0x60, 0, 1, i64).u8(0x60, 3, i32, i32, i32, 0);
  });
  out.section(2, (section) => {
    section.list(IMPORTED, (name) => {
      const typeIndex = hostFunctions.get(name)!.result === null ? revertType : wantedType;
      section.name(HOST_MODULE).name(name).u8(0).u32(typeIndex);
    });
  });
  out.section(3, (section) => {
    section.list([...module.functions, ...steps.map(() => plainType), plainType], (type) => section.u32(type));
  });
  if (module.table !== null) out.section(4, (section) => writeLimits(section.u32(1).u8(0x70), module.table!));
  if (module.memory !== null) out.section(5, (section) => writeLimits(section.u32(1), module.memory!));
  if (module.globals.length > 0) {
    out.section(6, (section) => {
      section.list(module.globals, ({ type, mutable, value }) => {
        section.u8(type, mutable ? 1 : 0, type === i32 ? op.i32Const : op.i64Const);
        section.signed(value).u8(op.end);
      });
    });
  }
  const firstStep = IMPORTED.length + module.functions.length;
  out.section(7, (section) => {
    section
      .u32(1)
      .name(RUN_METHOD)
      .u8(0)
      .u32(firstStep + steps.length);
  });
  if (module.elements.length > 0) {
    out.section(9, (section) => section.list(module.elements, (segment) => writeElementSegment(section, segment)));
  }
  if (module.hasDataCount) out.section(12, (section) => section.u32(module.data.length));
  out.section(10, (section) => {
    section.u32(module.bodies.length + steps.length + 1);
    for (const body of module.bodies) section.sized((code) => writeMovedBody(code, module, body));
    for (const [i, step] of steps.entries()) section.sized((code) => writeStep(code, module, step, i));
    section.sized((code) => writeRun(code, steps, firstStep));
  });
  if (module.data.length > 0) {
    out.section(11, (section) => {
      section.list(module.data, ({ mode, memoryOffset, bytes }) => {
        if (mode === "active") writeOffset(section.u8(0), memoryOffset);
        else section.u8(1);
        section.u32(bytes.length).bytes(bytes);
      });
    });
  }
  return out.view().slice();
}

function writeMovedBody(code: ByteWriter, module: Module, body: Module["bodies"][number]): void {
  code.list(body.locals, ({ count, type }) => code.u32(count).u8(type));
  const reader = new InstructionReader(module.bytes, body.start, body.end);
  while (!reader.done) {
    if (reader.next().code === op.call) code.u8(op.call).u32(reader.a + IMPORTED.length);
    else code.bytes(module.bytes.subarray(reader.offset, reader.nextOffset));
  }
}

function writeStep(code: ByteWriter, module: Module, step: Step, position: number): void {
  const type = step.kind === "invoke" ? typeOfFunction(module, step.index)! : null;
  const results = type?.results ?? [module.globals[step.index]!.type];
  code.list(results, (result) => code.u32(1).u8(result));
  if (type === null) {
    code.u8(op.globalGet).u32(step.index);
  } else {
    for (const [i, param] of type.params.entries()) {
      const width = param === i32 ? 32 : 64;
      code.u8(param === i32 ? op.i32Const : op.i64Const).signed(BigInt.asIntN(width, step.args[i]!));
    }
    code.u8(op.call).u32(step.index + IMPORTED.length);
  }
  for (let i = results.length - 1; i >= 0; i--) code.u8(op.localSet).u32(i);
  code.u8(op.call, WANTED_STEP, op.i64Const).signed(position).u8(I64_EQ, op.if, EMPTY);
  let part = 0;
  for (const [i, result] of results.entries()) {
    writeReveal(code, part++, i, result === i32 ? [] : [I32_WRAP_I64]);
    if (result === i64) writeReveal(code, part++, i, [op.i64Const, 32, op.i64ShrU, I32_WRAP_I64]);
  }
  code.u8(op.end, op.end);
}

function writeReveal(code: ByteWriter, part: number, local: number, narrowing: readonly number[]): void {
  code.u8(op.call, WANTED_PART, op.i64Const).signed(part).u8(I64_EQ, op.if, EMPTY);
  code
    .u8(op.localGet)
    .u32(local)
    .u8(...narrowing);
  code.u8(op.i32Const, 0, op.i32Const, 0, op.call, REVERT, op.end);
}

function writeRun(code: ByteWriter, steps: readonly Step[], firstStep: number): void {
  const wanted = 0;
  code.u8(1, 1, i32, op.call, WANTED_STEP, I32_WRAP_I64, op.localSet, wanted);
  for (const [i, { traps }] of steps.entries()) {
    code.u8(op.localGet, wanted, op.i32Const).signed(i);
    code
      .u8(traps ? op.i32Eq : I32_GE_S, op.if, EMPTY, op.call)
      .u32(firstStep + i)
      .u8(op.end);
  }
  code.u8(op.end);
}

function writeLimits(out: ByteWriter, { min, max }: Limits): void {
  if (max === null) out.u8(0).u32(min);
  else out.u8(1).u32(min).u32(max);
}

function writeOffset(out: ByteWriter, offset: number): void {
  out
    .u8(op.i32Const)
    .signed(offset | 0)
    .u8(op.end);
}

/** Always with expressions, which can say an empty slot. */
function writeElementSegment(out: ByteWriter, { mode, tableOffset, functions }: ElementSegment): void {
  if (mode === "active") writeOffset(out.u8(4), tableOffset);
  else out.u8(mode === "passive" ? 5 : 7, 0x70);
  out.list(functions, (index) => {
    if (index === null) out.u8(op.refNull, 0x70, op.end);
    else
      out
        .u8(op.refFunc)
        .u32(index + IMPORTED.length)
        .u8(op.end);
  });
}
