/**
 * The 62 adversarial cases collected from the mistakes of other contract VMs. `catalogue` says of each where it is held, or
 * why there is nothing to hold; the lists below hold those that need both engines, with the exact outcome and gas.
 */
import { ByteWriter } from "../../vm/byte-writer.ts";
import type { HaltReason } from "../../vm/outcome.ts";
import { BODY_SIZE_MAX, CODE_SIZE_MAX } from "../../vm/profile.ts";
import { wat } from "../support/wat.ts";

/** `here`, a test file, or why there is nothing to hold. */
export const catalogue: readonly (readonly [number: number, what: string, held: string])[] = [
  [1, "work before an untaken if", "here"],
  [2, "self-recursion without end", "here"],
  [3, "binary tree of recursion", "here"],
  [4, "allocator export that calls an import", "here"],
  [5, "wide signature shared by many functions", "here"],
  [6, "locals beyond counting", "here"],
  [7, "nesting 100,000 deep", "here"],
  [8, "br_table with 65,520 targets", "here"],
  [9, "many empty segments, globals, exports", "here"],
  [10, "segments that overlap or do not fit", "here"],
  [11, "counts that lie", "vm/validate.test.ts"],
  [12, "a start function", "vm/validate.test.ts"],
  [13, "memory.grow to the cap and past it", "here"],
  [14, "memory.grow by absurd amounts", "here"],
  [15, "memories outside the profile", "here"],
  [16, "bulk operation over 4 GiB", "here"],
  [17, "bulk operation of length 0 at the end", "here"],
  [18, "table.grow, table.fill, ref.func, externref", "here"],
  [19, "floats anywhere", "vm/validate.test.ts"],
  [20, "floats by reinterpretation", "vm/validate.test.ts"],
  [21, "proposals outside the profile", "here"],
  [22, "catching the host's exception", "vm/validate.test.ts"],
  [23, "imports named like prototypes", "vm/validate.test.ts"],
  [24, "an export named then", "vm/jit.test.ts"],
  [25, "names of the instrumentation's own", "vm/jit.test.ts"],
  [26, "imports of a wrong type", "vm/validate.test.ts"],
  [27, "exported globals and tables", "here"],
  [28, "gas exactly enough, one less, and 2^53 - 1", "here"],
  [29, "a block that costs more than 32 bits", "here"],
  [30, "a trap in the middle of a block", "here"],
  [31, "one reason for every trap", "vm/interpreter.test.ts"],
  [32, "recursion to the limit, and past it", "here"],
  [33, "wide frames to the limit", "here"],
  [34, "a native stack that is too small", "here"],
  [35, "cross-contract recursion", "node/message-call.test.ts"],
  [36, "a callee that traps after writing", "node/message-call.test.ts"],
  [37, "gas forwarded to a callee", "node/message-call.test.ts"],
  [38, "host calls with large regions", "here"],
  [39, "host regions at every edge", "here"],
  [40, "a list whose prefix promises too much", "here"],
  [41, "memory that grows around a host call", "vm/host-fns/host-fns.test.ts"],
  [42, "pointers from 2^31 on", "vm/host-fns/host-fns.test.ts"],
  [43, "keys that are no text", "here"],
  [44, "two spellings of an address", "node/address.test.ts"],
  [45, "a range that changes while it is scanned", "vm/host-fns/storage.test.ts"],
  [46, "scans over foreign keys", "vm/host-fns/storage.test.ts"],
  [47, "a flood of events", "here"],
  [48, "uploading twice, or in a simulation", "node/state-transition.test.ts"],
  [49, "damaged caches", "not there: nothing prepared is kept on disk"],
  [50, "a cache of another version", "not there: nothing prepared is kept on disk"],
  [51, "upload, call and migrate in one block", "node/message-call.test.ts"],
  [52, "upgrading oneself, then a trap", "node/message-call.test.ts"],
  [53, "creating where something is already", "node/state-transition.test.ts"],
  [54, "memory of an earlier call", "vm/jit.test.ts"],
  [55, "tracing on and off", "vm/interpreter.test.ts"],
  [56, "writing in a view", "here"],
  [57, "curve points out of place", "vm/host-fns/signatures.test.ts"],
  [58, "time, height and randomness in a replay", "node/message-call.test.ts"],
  [59, "damaged module bytes", "here"],
  [60, "a module that only the engine refuses", "here"],
  [61, "growth under instrumentation", "here"],
  [62, "forged handles", "not there: no host function gives a handle, a scan is a page"],
];

export interface Rejection {
  readonly number: number;
  readonly name: string;
  readonly code: string;
  readonly module: () => Uint8Array;
}

export interface Run {
  readonly number: number;
  readonly name: string;
  readonly module: () => Uint8Array;
  readonly end: "success" | HaltReason;
  /**
   * Of a success, the gas used. Of a halt, the least gas limit that gets as far: with one less, the call is out of gas.
   * Both without what the instance costs.
   */
  readonly gas: number;
  readonly readOnly?: boolean;
  /** Hexadecimal keys that are left in storage, in order. */
  readonly keys?: readonly string[];
}

type Section = readonly [id: number, content: (out: ByteWriter) => void];

function sections(...all: readonly Section[]): Uint8Array {
  const out = new ByteWriter().u8(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00);
  for (const [id, content] of all) out.section(id, content);
  return out.view().slice();
}

const oneType: Section = [1, (out) => out.u8(1, 0x60, 0, 0)];
const oneFunction: Section = [3, (out) => out.u8(1, 0)];
const onePage: Section = [5, (out) => out.u8(1, 1, 1, 1)];
const exportRun: Section = [7, (out) => out.u32(1).name("run").u8(0, 0)];

/** One method whose body is `unit` many times, between `before` and `after`; for text, it would be too long. */
function repeated(
  count: number,
  unit: readonly number[],
  before: readonly number[] = [],
  after: readonly number[] = [],
) {
  const code: Section = [
    10,
    (out) => {
      out.u32(1).sized((body) => {
        body.u8(0, ...before);
        for (let i = 0; i < count; i++) body.u8(...unit);
        body.u8(...after, 0x0b);
      });
    },
  ];
  return sections(oneType, oneFunction, onePage, exportRun, code);
}

function rejection(number: number, code: string, name: string, module: string | (() => Uint8Array)): Rejection {
  return { number, name, code, module: typeof module === "string" ? () => wat(module, { check: false }) : module };
}

function body(...bytes: number[]): () => Uint8Array {
  return () => repeated(1, bytes);
}

export const rejections: readonly Rejection[] = [
  rejection(5, "limit_params", "1,000 parameters", () =>
    sections([1, (out) => out.u8(1, 0x60).u32(1_000).bytes(new Uint8Array(1_000).fill(0x7f)).u8(0)]),
  ),
  rejection(5, "limit_functions", "a signature used by 10,001 functions", () =>
    sections(oneType, [3, (out) => out.u32(10_001).bytes(new Uint8Array(10_001))]),
  ),
  rejection(6, "limit_locals", "50,000 locals", () =>
    sections(oneType, oneFunction, [10, (out) => out.u32(1).sized((code) => code.u8(1).u32(50_000).u8(0x7e, 0x0b))]),
  ),
  rejection(6, "limit_locals", "groups of locals whose sum leaves 32 bits", () =>
    sections(oneType, oneFunction, [
      10,
      (out) => out.u32(1).sized((code) => code.u8(2).u32(0xffff_ffff).u8(0x7e).u32(2).u8(0x7f, 0x0b)),
    ]),
  ),
  rejection(7, "limit_nesting", "65,000 blocks open", () => repeated(65_000, [0x02, 0x40])),
  rejection(7, "limit_body_size", "100,000 blocks", () => repeated(100_000, [0x02, 0x40])),
  rejection(8, "limit_br_table", "65,520 targets", () => repeated(65_521, [0], [0x41, 0, 0x0e, 0xf0, 0xff, 0x03])),
  rejection(8, "limit_br_table", "2^32 - 1 targets announced", body(0x41, 0, 0x0e, 0xff, 0xff, 0xff, 0xff, 0x0f, 0)),
  rejection(9, "limit_data_segments", "100,000 empty data segments", () =>
    sections([11, (out) => out.u32(100_000).bytes(new Uint8Array(200_000).fill(1))]),
  ),
  rejection(9, "limit_globals", "50,000 globals", () => sections([6, (out) => out.u32(50_000)])),
  rejection(9, "limit_exports", "10,000 exports", () => sections([7, (out) => out.u32(10_000)])),
  rejection(9, "limit_types", "2^32 - 1 types announced", () => sections([1, (out) => out.u32(0xffff_ffff)])),
  rejection(10, "segment_out_of_bounds", "data past the end", '(module (memory 1) (data (i32.const 65535) "xy"))'),
  rejection(10, "segment_out_of_bounds", "data at 2^32 - 1", '(module (memory 1) (data (i32.const -1) "x"))'),
  rejection(
    10,
    "segment_out_of_bounds",
    "elements past the end",
    "(module (table 1 funcref) (func) (elem (i32.const 1) 0))",
  ),
  rejection(15, "limit_memory", "more pages than the cap", "(module (memory 513))"),
  rejection(15, "multi_memory", "two memories", () => sections([5, (out) => out.u8(2, 0, 1, 0, 1)])),
  rejection(15, "import_kind", "an imported memory", '(module (import "lockstep" "memory" (memory 1)))'),
  rejection(15, "threads", "a shared memory", "(module (memory 1 1 shared))"),
  rejection(15, "memory64", "a 64-bit memory", "(module (memory i64 1))"),
  rejection(15, "unknown_memory", "none, and a load", "(module (func (drop (i32.load (i32.const 0)))))"),
  rejection(
    18,
    "reference_types",
    "table.grow",
    "(module (table 1 funcref) (func (drop (table.grow 0 (ref.null func) (i32.const 1)))))",
  ),
  rejection(
    18,
    "reference_types",
    "table.fill",
    "(module (table 1 funcref) (func (table.fill 0 (i32.const 0) (ref.null func) (i32.const 1))))",
  ),
  rejection(18, "reference_types", "ref.func", "(module (elem declare func $f) (func $f (drop (ref.func $f))))"),
  rejection(18, "reference_types", "externref parameter", "(module (func (param externref)))"),
  rejection(21, "simd", "relaxed SIMD in dead code", body(0x00, 0xfd, 0x80, 0x02)),
  rejection(21, "threads", "atomic.fence in dead code", body(0x00, 0xfe, 0x03, 0x00)),
  rejection(21, "tail_call", "return_call in dead code", body(0x00, 0x12, 0x00)),
  rejection(21, "exceptions", "try_table in dead code", body(0x00, 0x1f, 0x40, 0x00, 0x0b)),
  rejection(21, "malformed_limits", "custom page size", () => sections([5, (out) => out.u8(1, 0x08, 1, 0)])),
  rejection(
    21,
    "unknown_import",
    "string builtins",
    '(module (import "wasm:js-string" "length" (func (param i32) (result i32))))',
  ),
  rejection(59, "section_order", "two type sections", () => sections(oneType, oneType)),
  rejection(59, "unexpected_end", "a section longer than the module", () =>
    Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0x0f),
  ),
  rejection(59, "leb128", "a count of six bytes", () =>
    sections([1, (out) => out.u8(0x80, 0x80, 0x80, 0x80, 0x80, 0)]),
  ),
  rejection(59, "unexpected_end", "a custom section whose name leaves it", () =>
    sections([0, (out) => out.u8(5, 0x61)]),
  ),
  rejection(59, "malformed_utf8", "a custom section whose name is no text", () =>
    sections([0, (out) => out.u8(1, 0xc0)]),
  ),
  rejection(59, "section_size", "bytes behind the types", () => sections([1, (out) => out.u8(0, 0)])),
  rejection(61, "limit_instrumented_size", "host calls in dead code, which grow most", () => {
    // A few bytes below the size of a module, with globals enough to make the index of the last one two bytes long.
    const count = CODE_SIZE_MAX / BODY_SIZE_MAX;
    const calls = new Uint8Array(BODY_SIZE_MAX - 160).map((_, i) => (i % 2 === 0 ? 0x10 : 0));
    return sections(
      [1, (out) => out.u8(2, 0x60, 0, 0, 0x60, 1, 0x7f, 0)],
      [2, (out) => out.u32(1).name("lockstep").name("caller").u8(0, 1)],
      [3, (out) => out.u32(count).bytes(new Uint8Array(count))],
      [6, (out) => out.u32(150).bytes(new Uint8Array(750).map((_, i) => [0x7f, 1, 0x41, 0, 0x0b][i % 5]!))],
      [
        10,
        (out) => {
          out.u32(count);
          for (let i = 0; i < count; i++) out.sized((code) => code.u8(0, 0x00).bytes(calls).u8(0x0b));
        },
      ],
    );
  }),
];

/** A method `run`, with the host functions that the cases use and one page of memory. */
function method(instructions: string, fields = "(memory 1)"): () => Uint8Array {
  return () =>
    wat(`(module
      (import "lockstep" "input" (func $input (param i32 i32) (result i32)))
      (import "lockstep" "storage_set" (func $storage_set (param i32 i32 i32 i32)))
      (import "lockstep" "emit" (func $emit (param i32 i32 i32 i32)))
      (import "lockstep" "sha256" (func $sha256 (param i32 i32 i32)))
      ${fields} (func (export "run") ${instructions}))`);
}

function run(
  number: number,
  name: string,
  end: Run["end"],
  gas: number,
  module: () => Uint8Array,
  rest: Partial<Run> = {},
): Run {
  return { number, name, end, gas, module, ...rest };
}

const trapUnless = (value: string) => `${value} i32.ne if unreachable end`;
const countdown = (
  call: string,
  locals = "",
) => `(memory 1) (table 1 funcref) (elem (i32.const 0) $f) (type $t (func (param i32)))
  (func $f (type $t) ${locals} local.get 0 if local.get 0 i32.const 1 i32.sub ${call} end)`;
const direct = countdown("call $f");
const indirect = countdown("i32.const 0 call_indirect (type $t)");
const wideFrames = countdown("call $f", `(local ${"i64 ".repeat(200)})`);
const fourGiB = 3 + 12 + 2 ** 28;

export const runs: readonly Run[] = [
  run(1, "10,000 adds are paid before an if that is not taken", "success", 40_003, () =>
    repeated(10_000, [0x41, 1, 0x41, 1, 0x6a, 0x1a], [0x03, 0x40], [0x41, 0, 0x04, 0x40, 0x0b, 0x0b]),
  ),
  // Frames of 12 slots: 2,730 fit, and the next has paid its entry when it does not.
  run(
    2,
    "every call counts, to the one that does not fit",
    "StackOverflow",
    2_731 * 6,
    method("call $f", "(func $f call $f)"),
  ),
  run(
    3,
    "2^30 leaves",
    "OutOfGas",
    1_000_000,
    method(
      "i32.const 30 call $t",
      `(func $t (param i32) local.get 0 if local.get 0 i32.const 1 i32.sub call $t local.get 0 i32.const 1 i32.sub call $t end)`,
    ),
  ),
  run(
    4,
    "an export named allocate is never called by the host",
    "success",
    1 + 1 + 6 + 1 + 200,
    method(
      "i32.const 0 i32.const 9 call $input drop",
      '(memory 1) (func (export "allocate") (param i32) (result i32) unreachable)',
    ),
  ),
  ...[0, 4_095, 4_096, -1].map((index) =>
    run(
      8,
      `4,096 targets cost the same at ${index}`,
      "success",
      1 + 5 * (1 + 13),
      method(`i32.const ${index} br_table ${"0 ".repeat(4_097)}`),
    ),
  ),
  run(
    10,
    "of overlapping segments the last counts",
    "success",
    24,
    method(
      `i32.const 1 i32.load8_u ${trapUnless("i32.const 99")}`,
      '(memory 1) (data (i32.const 0) "ab") (data (i32.const 1) "c")',
    ),
  ),
  run(
    13,
    "memory grows to the cap and no further",
    "success",
    2 * 8_004 + 600_000,
    method(
      `i32.const 3 memory.grow ${trapUnless("i32.const 1")} i32.const 1 memory.grow ${trapUnless("i32.const -1")}`,
      "(memory 1 4)",
    ),
  ),
  run(
    14,
    "growth by 2^31 - 1 and by 2^32 - 1 is refused, unpaid",
    "success",
    2 * 8_004,
    method(
      `i32.const 0x7fffffff memory.grow ${trapUnless("i32.const -1")} i32.const -1 memory.grow ${trapUnless("i32.const -1")}`,
    ),
  ),
  run(
    15,
    "a maximum above the cap counts as the cap",
    "success",
    8_004,
    method(`i32.const 64 memory.grow ${trapUnless("i32.const -1")}`, "(memory 1 65536)"),
  ),
  ...["memory.fill", "memory.copy", "memory.init $d"].map((name) =>
    run(
      16,
      `${name} over 4 GiB is paid before bounds are looked at`,
      "MemoryOutOfBounds",
      fourGiB,
      method(`i32.const 0 i32.const 0 i32.const -1 ${name}`, '(memory 1) (data $d "x")'),
    ),
  ),
  run(
    17,
    "length 0 at the end of memory",
    "success",
    15,
    method("i32.const 65536 i32.const 0 i32.const 0 memory.fill"),
  ),
  run(
    17,
    "length 0 one past it",
    "MemoryOutOfBounds",
    15,
    method("i32.const 65537 i32.const 0 i32.const 0 memory.fill"),
  ),
  run(
    27,
    "what a guest exports under the instrumentation's names is not read",
    "success",
    2,
    method(
      "i64.const -1 global.set $g",
      `(global $g (export "gas") (mut i64) (i64.const -5)) (table (export "stack") 1 funcref) (memory (export "halt") 1)`,
    ),
  ),
  run(29, "the most expensive body there is", "success", 60_000 * 8_000 + 2, () =>
    repeated(60_000, [0x40, 0], [0x41, 0], [0x1a]),
  ),
  run(
    30,
    "the whole block is paid, though the division is its third instruction",
    "IntegerDivideByZero",
    111,
    method(`i32.const 1 i32.const 0 i32.div_u drop ${"i32.const 1 drop ".repeat(50)}`),
  ),
  run(
    31,
    "the largest address with the largest offset",
    "MemoryOutOfBounds",
    22,
    method("i32.const -1 i64.load offset=0xffffffff drop"),
  ),
  // Frames of 16 units on top of 13: 2,047 fit.
  run(
    32,
    "direct recursion to the last frame that fits",
    "success",
    8 + 12 * 2_046 + 2,
    method("i32.const 2046 call $f", direct),
  ),
  run(32, "one frame more", "StackOverflow", 8 + 12 * 2_047 + 2, method("i32.const 2047 call $f", direct)),
  run(32, "ten times as many", "StackOverflow", 8 + 12 * 2_047 + 2, method("i32.const 20470 call $f", direct)),
  run(
    32,
    "indirect recursion to the last frame that fits",
    "success",
    8 + 19 * 2_046 + 2,
    method("i32.const 2046 call $f", indirect),
  ),
  run(32, "one frame more, indirect", "StackOverflow", 8 + 19 * 2_047 + 2, method("i32.const 2047 call $f", indirect)),
  // Frames of 216 units: 151 fit; the parameter and the locals of each are paid.
  run(
    33,
    "frames of 200 locals to the last that fits",
    "success",
    7 + 151 * 201 + 150 * 11 + 2,
    method("i32.const 150 call $f", wideFrames),
  ),
  run(
    33,
    "one wide frame more",
    "StackOverflow",
    7 + 152 * 201 + 151 * 11 + 2,
    method("i32.const 151 call $f", wideFrames),
  ),
  run(
    38,
    "2 MiB are paid before they are hashed",
    "success",
    9 + 4_000 + 8 * 2 ** 21,
    method("i32.const 0 i32.const 0x200000 i32.const 0 call $sha256", "(memory 33)"),
  ),
  run(
    39,
    "a region that ends with memory, its result over itself",
    "success",
    9 + 4_000 + 8 * 32,
    method("i32.const 65504 i32.const 32 i32.const 65504 call $sha256"),
  ),
  run(
    39,
    "a result that leaves memory by a byte",
    "MemoryOutOfBounds",
    9,
    method("i32.const 0 i32.const 32 i32.const 65505 call $sha256"),
  ),
  run(
    39,
    "a region that wraps around",
    "MemoryOutOfBounds",
    9,
    method("i32.const -8 i32.const 16 i32.const 0 call $sha256"),
  ),
  run(
    40,
    "a list of 2^32 - 1 topics in four bytes",
    "BadHostArgument",
    10 + 8_000 + 50 * 4,
    method(
      "i32.const 0 i32.const 4 i32.const 0 i32.const 0 call $emit",
      '(memory 1) (data (i32.const 0) "\\ff\\ff\\ff\\ff")',
    ),
  ),
  run(
    43,
    "keys with a byte order mark, a surrogate, a zero, and digits stay bytes",
    "success",
    4 * 370_010 + 20 * (9 + 4),
    method(
      [
        [0, 3],
        [3, 3],
        [6, 1],
        [7, 2],
      ]
        .map(([at, size]) => `i32.const ${at} i32.const ${size} i32.const 0 i32.const 1 call $storage_set`)
        .join(" "),
      '(memory 1) (data (i32.const 0) "\\ef\\bb\\bf\\ed\\a0\\80\\0010")',
    ),
    { keys: ["00", "3130", "eda080", "efbbbf"] },
  ),
  run(
    47,
    "a flood of events ends where the host says",
    "OutputLimit",
    1 + 4 * (11 + 8_000 + 50 * 8),
    method(
      "loop i32.const 0 i32.const 8 i32.const 0 i32.const 0 call $emit br 0 end",
      '(memory 1) (data (i32.const 0) "\\01")',
    ),
  ),
  run(
    56,
    "a write in a view",
    "ReadOnlyViolation",
    10,
    method("i32.const 0 i32.const 1 i32.const 0 i32.const 1 call $storage_set"),
    { readOnly: true },
  ),
  run(59, "custom sections in every gap change nothing", "success", 2, () => {
    const custom: Section = [0, (out) => out.name("gap").u8(0xff)];
    const code: Section = [10, (out) => out.u32(1).sized((code) => code.u8(0, 0x41, 0, 0x1a, 0x0b))];
    return sections(custom, oneType, custom, oneFunction, custom, onePage, custom, exportRun, custom, code, custom);
  }),
];
