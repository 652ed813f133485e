/**
 * Modules that pass every limit of profile 1, or nearly, and are as expensive as possible to decode, validate, instrument,
 * compile or run once: the worst cases of preparation. Each stands at the limits of `vm/profile.ts`, whatever they are.
 */
import { ByteWriter } from "../../vm/byte-writer.ts";
import { valueType } from "../../vm/module.ts";
import { op } from "../../vm/opcodes.ts";
import * as profile from "../../vm/profile.ts";

const { i32, i64 } = valueType;
const EMPTY = 0x40;

interface Body {
  /** `[count, type]` groups. */
  readonly locals?: readonly (readonly [number, number])[];
  readonly before?: readonly number[];
  /** Repeated until the body or the module is full. */
  readonly unit: readonly number[];
  readonly after?: readonly number[];
  readonly size?: number;
}

interface Shape {
  /** Type 0 is `() -> ()`; these follow. */
  readonly types?: readonly (readonly [params: readonly number[], results: readonly number[]])[];
  /** Bodies of type 0; function 0 is `run`, which calls each once. */
  readonly body: Body;
  /** Of the code size. */
  readonly share?: number;
  readonly functionCountMax?: number;
  readonly globalCount?: number;
  /** Written between the function section and the code. */
  readonly sections?: (out: ByteWriter) => void;
  readonly data?: (out: ByteWriter) => void;
}

function repeated(count: number, ...bytes: readonly number[]): number[] {
  return Array.from({ length: count }, () => bytes).flat();
}

function u32(value: number): number[] {
  return [...new ByteWriter().u32(value).view()];
}

function writeBody(out: ByteWriter, { locals = [], before = [], unit, after = [], size }: Body): void {
  out.list(locals, ([count, type]) => out.u32(count).u8(type)).bytes(Uint8Array.from(before));
  const room = (size ?? profile.BODY_SIZE_MAX) - out.length - after.length - 1;
  const bytes = Uint8Array.from(unit);
  for (let left = Math.floor(room / Math.max(1, unit.length)); left > 0; left--) out.bytes(bytes);
  out.u8(...after, op.end);
}

function build({ types = [], body, share = 1, functionCountMax = 9_000, globalCount = 0, sections, data }: Shape) {
  const written = new ByteWriter();
  writeBody(written, body);
  // A definition, a call of it, and the body with its size.
  const each = written.length + 8;
  const room = profile.CODE_SIZE_MAX * share - 30_000;
  const count = Math.max(1, Math.min(functionCountMax, Math.floor(room / each)));
  const out = new ByteWriter().u8(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00);
  out.section(1, (section) => {
    section.list([[[], []], ...types] as const, ([params, results]) => {
      section.u8(0x60).list(params, (type) => section.u8(type));
      section.list(results, (type) => section.u8(type));
    });
  });
  out.section(3, (section) => section.bytes(Uint8Array.from([...u32(count + 1), ...repeated(count + 1, 0)])));
  out.section(4, (section) => section.u8(1, 0x70, 0).u32(profile.TABLE_SIZE_MAX));
  out.section(5, (section) => section.u8(1, 0, 1));
  if (globalCount > 0) {
    const globals = repeated(globalCount, i32, 1, op.i32Const, 0, op.end);
    out.section(6, (section) => section.u32(globalCount).bytes(Uint8Array.from(globals)));
  }
  if (sections === undefined) out.section(7, (section) => section.u32(1).name("run").u8(0, 0));
  else sections(out);
  out.section(10, (section) => {
    section.u32(count + 1).sized((run) => {
      run.u8(0, op.loop, EMPTY);
      for (let i = 1; i <= count; i++) run.u8(op.call).u32(i);
      run.u8(op.br, 0, op.end, op.end);
    });
    for (let i = 0; i < count; i++) section.sized((content) => content.bytes(written.view()));
  });
  data?.(out);
  return out.view().slice();
}

const wide = Array.from({ length: profile.PARAM_COUNT_MAX }, (_, i) => (i % 2 === 0 ? i32 : i64));
const tuple = wide.slice(0, profile.RESULT_COUNT_MAX);
const allLocals = [[profile.LOCAL_COUNT_MAX, i64]] as const;
const writes = Array.from({ length: profile.LOCAL_COUNT_MAX }, (_, i) => [
  op.i64Const,
  1,
  op.localSet,
  ...u32(i),
]).flat();
const wideConstants = wide.flatMap((type) => [type === i32 ? op.i32Const : op.i64Const, 0]);
const tupleConstants = tuple.flatMap((type) => [type === i32 ? op.i32Const : op.i64Const, 0]);

/** Nested loops that each take the operands of `start`, around `inside`, which does not return; what follows is reached. */
function deepLoops(count: number, start: readonly number[], inside: readonly number[]): readonly number[] {
  const loops = [...repeated(count, op.loop, 1), ...inside, ...repeated(count, op.end)];
  return [op.block, EMPTY, op.i32Const, 1, op.brIf, 0, ...start, ...loops, op.end];
}

/** A br_table over labels 0 to `count` again and again, full. */
function tableOver(count: number): number[] {
  const labels = Array.from({ length: profile.BR_TABLE_SIZE_MAX + 1 }, (_, i) => u32(i % count)).flat();
  return [op.brTable, ...u32(profile.BR_TABLE_SIZE_MAX), ...labels];
}

export interface Bomb {
  readonly name: string;
  readonly build: () => Uint8Array;
}

function bomb(name: string, shape: Shape): Bomb {
  return { name, build: () => build(shape) };
}

export const bombs: readonly Bomb[] = [
  bomb("tiny functions", { body: { unit: [], size: 2 } }),
  bomb("tiny functions with all locals", { body: { unit: [], size: 2, locals: allLocals } }),
  bomb("locals in as many groups as there are", {
    body: { unit: [], size: 2, locals: Array.from({ length: profile.LOCAL_COUNT_MAX }, () => [1, i64] as const) },
  }),
  bomb("nops", { body: { unit: [op.nop] } }),
  bomb("constants and drops", { body: { unit: [op.i32Const, 0, op.drop] } }),
  bomb("i64 constants of ten bytes", { body: { unit: [op.i64Const, ...repeated(9, 0x80), 0x7f, op.drop] } }),
  bomb("a deep operand stack", {
    body: { before: repeated(40_000, op.i32Const, 0), unit: [op.nop], after: repeated(40_000, op.drop) },
  }),
  bomb("deepest nesting", {
    body: {
      unit: [...repeated(profile.NESTING_MAX - 1, op.block, EMPTY), ...repeated(profile.NESTING_MAX - 1, op.end)],
    },
  }),
  bomb("empty blocks", { body: { unit: [op.block, EMPTY, op.end] } }),
  bomb("empty loops", { body: { unit: [op.loop, EMPTY, op.end] } }),
  bomb("empty loops in a third of the code", { body: { unit: [op.loop, EMPTY, op.end] }, share: 1 / 3 }),
  bomb("ifs", { body: { unit: [op.i32Const, 0, op.if, EMPTY, op.else, op.end] } }),
  bomb("ifs over all locals", {
    body: { locals: allLocals, unit: [op.i32Const, 0, op.if, EMPTY, op.localGet, 0, op.drop, op.end] },
  }),
  bomb("ifs that write locals", {
    body: {
      locals: allLocals,
      unit: [
        op.i32Const,
        1,
        op.if,
        EMPTY,
        op.localGet,
        1,
        op.localSet,
        0,
        op.else,
        op.localGet,
        2,
        op.localSet,
        3,
        op.end,
      ],
    },
  }),
  bomb("branches out of a block over all locals", {
    body: { locals: allLocals, before: [op.block, EMPTY], unit: [op.i32Const, 0, op.brIf, 0], after: [op.end] },
  }),
  bomb("loops over all locals", {
    body: { locals: allLocals, unit: [op.loop, EMPTY, op.localGet, 1, op.localSet, 0, op.end] },
  }),
  bomb("nested loops around writes to all locals", {
    body: {
      locals: allLocals,
      unit: [...repeated(500, op.loop, EMPTY), ...writes, ...repeated(500, op.end)],
    },
  }),
  bomb("branches with tuples", {
    types: [[[], tuple]],
    body: {
      before: [op.block, 1, ...tupleConstants],
      unit: [op.i32Const, 0, op.brIf, 0],
      after: [op.end, ...repeated(tuple.length, op.drop)],
    },
  }),
  bomb("blocks with tuples", {
    types: [[tuple, tuple]],
    body: { before: tupleConstants, unit: [op.block, 1, op.end], after: repeated(tuple.length, op.drop) },
  }),
  bomb("blocks with 64 parameters in dead code", {
    types: [[wide, tuple]],
    body: { before: [op.unreachable], unit: [op.block, 1, op.unreachable, op.end], after: [op.unreachable] },
  }),
  bomb("calls with 64 parameters in dead code", {
    types: [[wide, tuple]],
    body: { before: [op.unreachable], unit: [op.i32Const, 0, op.callIndirect, 1, 0], after: [op.unreachable] },
  }),
  bomb("branches with 64 values", {
    types: [[wide, []]],
    body: {
      before: [...wideConstants, op.loop, 1, ...wideConstants],
      unit: [op.i32Const, 0, op.brIf, 0],
      after: [...repeated(wide.length, op.drop), op.unreachable, op.end],
    },
  }),
  bomb("br_table to one label", { body: { unit: [op.block, EMPTY, op.i32Const, 0, ...tableOver(1), op.end] } }),
  bomb("br_table to every label", {
    body: {
      unit: [...repeated(500, op.block, EMPTY), op.i32Const, 0, ...tableOver(500), ...repeated(500, op.end)],
    },
  }),
  bomb("br_table with 64 values to one label", {
    types: [[wide, []]],
    body: { unit: deepLoops(1, wideConstants, [op.i32Const, 0, ...tableOver(1)]) },
  }),
  bomb("br_table with 64 values to every label", {
    types: [[wide, []]],
    body: { unit: deepLoops(500, wideConstants, [op.i32Const, 0, ...tableOver(500)]) },
  }),
  bomb("br_table with 16 values to every label", {
    types: [[tuple, []]],
    body: { unit: deepLoops(500, tupleConstants, [op.i32Const, 0, ...tableOver(500)]) },
  }),
  bomb("calls", { body: { unit: [op.call, 0] } }),
  bomb("calls in two thirds of the code", { body: { unit: [op.call, 1] }, share: 0.7 }),
  bomb("calls around many globals", {
    body: { unit: [op.call, 1], locals: [[200, i32]] },
    globalCount: profile.GLOBAL_COUNT_MAX,
    share: 0.7,
  }),
  bomb("indirect calls", { body: { unit: [op.i32Const, 0, op.callIndirect, 0, 0] } }),
  bomb("memory.grow", {
    body: { before: [op.i32Const, 0], unit: [op.memoryGrow, 0], after: [op.drop] },
    share: 0.7,
  }),
  bomb("loads", { body: { before: [op.i32Const, 0], unit: [0x28, 2, 0], after: [op.drop] } }),
  bomb("stores", { body: { unit: [op.i32Const, 0, op.i32Const, 0, 0x36, 2, 0] } }),
  bomb("64-bit divisions", { body: { before: [op.i64Const, 1], unit: [op.i64Const, 3, 0x7f], after: [op.drop] } }),
  bomb("selects over all locals", {
    body: {
      locals: allLocals,
      before: [op.i64Const, 0],
      unit: [op.localGet, 7, op.localGet, 9, 0xa7, op.select, op.localTee, 5],
      after: [op.drop],
    },
  }),
  bomb("values live over the whole body", {
    body: {
      locals: allLocals,
      before: Array.from({ length: 1_000 }, (_, i) => [op.localGet, ...u32(i)]).flat(),
      unit: [op.i64Const, 1, op.i64Add],
      after: [...repeated(999, op.i64Add), op.drop],
    },
  }),
  bomb("dead code", { body: { before: [op.unreachable], unit: [op.i32Add], after: [op.unreachable] } }),
  bomb("dead blocks", { body: { before: [op.unreachable], unit: [op.block, EMPTY, op.br, 0, op.end] } }),
  bomb("types", {
    types: Array.from({ length: profile.TYPE_COUNT_MAX - 1 }, () => [wide, tuple] as const),
    body: { unit: [op.nop] },
    share: 0.6,
  }),
  bomb("exports, elements, segments and names", {
    body: { unit: [], size: 2 },
    functionCountMax: 9_000,
    globalCount: profile.GLOBAL_COUNT_MAX,
    sections: (out) => {
      out.section(7, (section) => {
        section.u32(profile.EXPORT_COUNT_MAX).name("run").u8(0, 0);
        for (let i = 1; i < profile.EXPORT_COUNT_MAX; i++) section.name(`${i}`.padStart(300, "x")).u8(0, 1);
      });
      const each = Math.floor(profile.TABLE_SIZE_MAX / profile.ELEMENT_SEGMENT_COUNT_MAX);
      const segment = Uint8Array.from([0, op.i32Const, 0, op.end, each, ...repeated(each, 0)]);
      out.section(9, (section) => {
        section.u32(profile.ELEMENT_SEGMENT_COUNT_MAX);
        for (let i = 0; i < profile.ELEMENT_SEGMENT_COUNT_MAX; i++) section.bytes(segment);
      });
    },
    data: (out) => {
      const segment = Uint8Array.from([0, op.i32Const, 0, op.end, 1, 7]);
      out.section(11, (section) => {
        section.u32(profile.DATA_SEGMENT_COUNT_MAX);
        for (let i = 0; i < profile.DATA_SEGMENT_COUNT_MAX; i++) section.bytes(segment);
      });
      out.section(0, (section) => {
        section
          .name("name")
          .u8(1)
          .sized((names) => {
            names.u32(100_000);
            while (names.length < profile.CODE_SIZE_MAX - out.length - 100) names.u32(5).name("x");
          });
      });
    },
  }),
];
