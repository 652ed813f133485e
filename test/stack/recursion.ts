/**
 * Writes a contract that recurses through a ring of frames. `run` reads how deep to go from its input; every frame puts values
 * on the stack, goes one deeper, and uses them after. The last frame makes host calls, which need native stack of their own.
 *
 * Values come from memory, because an optimizer can neither fold a load nor move it behind the call.
 */
import { ByteWriter } from "../../vm/byte-writer.ts";
import { valueType } from "../../vm/module.ts";
import { op } from "../../vm/opcodes.ts";
import { withAbi } from "../support/sample-contracts.ts";

export interface Shape {
  readonly name: string;
  readonly code: Uint8Array;
  /** Exported functions to run in this order. */
  readonly exports: readonly string[];
  /** False when it never stops by itself, whatever the input says. */
  readonly isCounted: boolean;
  /** The last frame calls the contract itself by way of the chain, as deep as contracts may call each other. */
  readonly isNested: boolean;
}

/** What one frame holds while the next one runs; all of it i64. */
export interface Frame {
  readonly params: number;
  readonly results: number;
  readonly locals: number;
  readonly operands: number;
  /** Products of the first parameter, computed before the call and again after it: an optimizer keeps them meanwhile. */
  readonly recomputed: number;
  /** Called through the table. */
  readonly isIndirect: boolean;
  /** Without, the frame is nothing but its call. */
  readonly isCounted: boolean;
}

const { i32, i64 } = valueType;
const i32Load = 0x28;
const i64Load = 0x29;
const i64Xor = 0x85;
const NO_RESULT = 0x40;
/** Log2 of the alignment of a load; it is a hint, and this one is always right. */
const ALIGNMENT = 0;

interface Signature {
  readonly params: readonly number[];
  readonly results: readonly number[];
}

const hostImports: readonly (Signature & { readonly name: string })[] = [
  { name: "input", params: [i32, i32], results: [i32] },
  { name: "sha256", params: [i32, i32, i32], results: [] },
  { name: "storage_set", params: [i32, i32, i32, i32], results: [] },
  { name: "call", params: [i32, i32, i32, i32, i32, i32, i64], results: [i32] },
];
const [INPUT, SHA256, STORAGE_SET, CALL, RUN, BOTTOM, FIRST_FRAME] = [0, 1, 2, 3, 4, 5, 6] as const;
/** Types stand in the order of the functions they are for; `run` and `bottom` share one. */
const METHOD_TYPE = hostImports.length;
const FIRST_FRAME_TYPE = METHOD_TYPE + 1;
/** Globals: how many frames are still to come, and where used values end. */
const LEFT = 0;
const SINK = 1;
/** Room for as many different addresses as a frame has values. */
const MEMORY_PAGE_COUNT = 5;
/** The method's name lies here, before an address and an amount of zeros. */
const NAME_ADDRESS = MEMORY_PAGE_COUNT * 65_536 - 64;
const METHOD = "run";
const ZEROS_ADDRESS = NAME_ADDRESS + 8;

/** A ring of frames: each calls the next, the last one calls the first. `_initialize` or `run` enters it. */
export function recursion(
  name: string,
  frames: readonly Frame[],
  { entry = "run" as "run" | "_initialize", isNested = false } = {},
): Shape {
  const list = (count: number) => Array<number>(count).fill(i64);
  const types: readonly Signature[] = [
    ...hostImports,
    { params: [], results: [] },
    ...frames.map(({ params, results }) => ({ params: list(params), results: list(results) })),
  ];
  const out = new ByteWriter().u8(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00);
  out.section(1, (content) => {
    content.list(types, ({ params, results }) => {
      content.u8(0x60).list(params, (type) => content.u8(type));
      content.list(results, (type) => content.u8(type));
    });
  });
  out.section(2, (content) => {
    content.u32(hostImports.length);
    for (const [index, host] of hostImports.entries()) content.name("lockstep").name(host.name).u8(0).u32(index);
  });
  out.section(3, (content) => {
    const frameTypes = frames.map((_, index) => FIRST_FRAME_TYPE + index);
    content.list([METHOD_TYPE, METHOD_TYPE, ...frameTypes], (type) => content.u32(type));
  });
  out.section(4, (content) => content.u8(1, 0x70, 0).u32(frames.length));
  out.section(5, (content) => content.u8(1, 0).u32(MEMORY_PAGE_COUNT));
  out.section(6, (content) => content.u8(2, i32, 1, op.i32Const, 0, op.end, i64, 1, op.i64Const, 0, op.end));
  out.section(7, (content) => {
    content
      .u32(entry === "run" ? 1 : 2)
      .name(entry)
      .u8(0)
      .u32(RUN);
    if (entry !== "run") content.name("run").u8(0).u32(BOTTOM);
  });
  out.section(9, (content) => {
    content.u8(1, 0, op.i32Const, 0, op.end).u32(frames.length);
    for (const index of frames.keys()) content.u32(FIRST_FRAME + index);
  });
  out.section(10, (content) => {
    content.u32(2 + frames.length);
    content.sized((body) => writeRun(body, frames));
    content.sized((body) => writeBottom(body, isNested));
    for (const index of frames.keys()) content.sized((body) => writeFrame(body, frames, index));
  });
  out.section(11, (content) => {
    // A segment is its length and its bytes, as a name is.
    content.u8(1, 0, op.i32Const).signed(NAME_ADDRESS).u8(op.end).name(METHOD);
  });
  const isCounted = frames.every((frame) => frame.isCounted);
  const module = out.view().slice();
  const code = isNested ? withAbi(module, [{ name: METHOD, mutability: "call", access: "reentrant" }]) : module;
  return { name, code, exports: entry === "run" ? ["run"] : [entry, "run"], isCounted, isNested };
}

function writeRun(out: ByteWriter, frames: readonly Frame[]): void {
  out.u32(0).u8(op.i32Const, 0, op.i32Const, 4, op.call, INPUT, op.drop);
  out.u8(op.i32Const, 0, i32Load, ALIGNMENT, 0, op.globalSet, LEFT);
  writeCall(out, frames, 0);
  out.u8(op.end);
}

function writeBottom(out: ByteWriter, isNested: boolean): void {
  out.u32(0);
  if (isNested) {
    const constant = (value: number) => out.u8(op.i32Const).signed(value);
    // The address of this contract, the name, the input as it came, no value, and all the gas.
    for (const argument of [ZEROS_ADDRESS, NAME_ADDRESS, METHOD.length, 0, 4, ZEROS_ADDRESS]) constant(argument);
    out.u8(op.i64Const).signed(-1).u8(op.call, CALL, op.drop);
  }
  out.u8(op.i32Const, 0, op.i32Const).signed(1_024).u8(op.i32Const).signed(2_048).u8(op.call, SHA256);
  out.u8(op.i32Const, 0, op.i32Const, 8, op.i32Const, 8, op.i32Const, 32, op.call, STORAGE_SET, op.end);
}

function writeFrame(out: ByteWriter, frames: readonly Frame[], index: number): void {
  const { params, locals, operands, recomputed, results, isCounted } = frames[index]!;
  const localCount = Math.max(0, locals - params);
  if (localCount === 0) out.u32(0);
  else out.u32(1).u32(localCount).u8(i64);
  for (let local = params; local < params + localCount; local++) {
    writeLoad(out, local);
    out.u8(op.localSet).u32(local);
  }
  for (let operand = 0; operand < operands; operand++) writeLoad(out, operand);
  writeProducts(out, recomputed);
  const next = (index + 1) % frames.length;
  if (isCounted) {
    out.u8(op.globalGet, LEFT, op.if, NO_RESULT);
    out.u8(op.globalGet, LEFT, op.i32Const, 1, op.i32Sub, op.globalSet, LEFT);
    writeCall(out, frames, next);
    out.u8(op.else, op.call, BOTTOM, op.end);
  } else {
    writeCall(out, frames, next);
  }
  writeProducts(out, recomputed);
  for (let operand = 0; operand < operands; operand++) writeUse(out);
  for (let local = 0; local < params + localCount; local++) {
    out.u8(op.localGet).u32(local);
    writeUse(out);
  }
  for (let result = 0; result < results; result++) writeLoad(out, result);
  out.u8(op.end);
}

/** Calls a frame of the ring with values of the memory, and uses its results. */
function writeCall(out: ByteWriter, frames: readonly Frame[], index: number): void {
  const { params, results, isIndirect } = frames[index]!;
  for (let param = 0; param < params; param++) writeLoad(out, param);
  if (isIndirect) {
    out
      .u8(op.i32Const)
      .signed(index)
      .u8(op.callIndirect)
      .u32(FIRST_FRAME_TYPE + index)
      .u8(0);
  } else {
    out.u8(op.call).u32(FIRST_FRAME + index);
  }
  for (let result = 0; result < results; result++) writeUse(out);
}

/** Pushes the `index`-th value of the memory. */
function writeLoad(out: ByteWriter, index: number): void {
  out.u8(op.i32Const, 0, i64Load, ALIGNMENT).u32(8 * index);
}

/** Pops a value so that it counts. */
function writeUse(out: ByteWriter): void {
  out.u8(op.globalGet, SINK, i64Xor, op.globalSet, SINK);
}

function writeProducts(out: ByteWriter, count: number): void {
  if (count === 0) return;
  // A start that differs, or the whole sum would be one value.
  out.u8(op.globalGet, SINK);
  for (let i = 0; i < count; i++) {
    out
      .u8(op.localGet, 0, op.i64Const)
      .signed(2 * i + 3)
      .u8(op.i64Mul, i64Xor);
  }
  out.u8(op.globalSet, SINK);
}
