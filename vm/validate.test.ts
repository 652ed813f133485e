import { describe, expect, test } from "vitest";
import { wat } from "../test/support/wat.ts";
import { ByteWriter } from "./byte-writer.ts";
import { checkModule, prepareContract } from "./contract.ts";
import { opcodes } from "./opcodes.ts";
import * as profile from "./profile.ts";

function rejection(code: Uint8Array) {
  try {
    checkModule(code);
  } catch (error) {
    return error as { code: string; offset: number; functionIndex?: number; functionName?: string; opcode?: string };
  }
  throw new Error("the module was accepted");
}

const header = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

/** A module out of raw sections. */
function raw(...sections: readonly (readonly [number, readonly number[]])[]): Uint8Array {
  const out = new ByteWriter().u8(...header);
  for (const [id, content] of sections) out.section(id, (section) => section.u8(...content));
  return out.view().slice();
}

/** A module with one function of the given type and body bytes, the size and the final `end` added. */
function withBody(body: readonly number[], type: readonly number[] = [0x60, 0, 0]): Uint8Array {
  return raw([1, [1, ...type]], [3, [1, 0]], [5, [1, 0, 1]], [10, [1, body.length + 2, 0, ...body, 0x0b]]);
}

test("a rejected float names its code, offset, function and opcode", () => {
  const code = wat(
    `(module (func $fine) (func $mean (param i32) (result i32)
       local.get 0 f64.convert_i32_s f64.const 2 f64.div i32.trunc_f64_s))`,
    { names: true },
  );
  const error = rejection(code);
  expect(error).toMatchObject({ code: "float", functionIndex: 1, functionName: "mean", opcode: "f64.convert_i32_s" });
  expect(code[error.offset]).toBe(0xb7);
});

test("so does a float among the locals, though its body is never read", () => {
  const code = wat("(module (func $fine) (func $sum (local i32 f64)))", { names: true });
  expect(rejection(code)).toMatchObject({ code: "float", functionIndex: 1, functionName: "sum" });
});

describe("everything of the engine's that profile 1 leaves out is refused by its own code", () => {
  const cases: [string, string][] = [
    ["float", "(module (func (param f32)))"],
    ["float", "(module (func (result f64) f64.const 0))"],
    ["float", "(module (func (local f32)))"],
    ["float", "(module (global f32 (f32.const 0)))"],
    ["float", "(module (type (func (param f64))))"],
    ["float", "(module (func unreachable f32.add drop))"],
    ["float", "(module (func (block (result f32) unreachable) drop))"],
    ["float", "(module (func (i32.trunc_sat_f32_s (f32.const 0)) drop))"],
    ["float", "(module (func (i32.reinterpret_f32 (f32.const nan:0x200000)) drop))"],
    ["float", "(module (func unreachable (select (result f64)) drop))"],
    ["simd", "(module (func (drop (v128.const i32x4 0 0 0 0))))"],
    ["simd", "(module (func (param v128)))"],
    ["threads", "(module (memory 1 1 shared))"],
    ["threads", "(module (memory 1) (func (drop (i32.atomic.load (i32.const 0)))))"],
    ["tail_call", "(module (func $f return_call $f))"],
    ["exceptions", "(module (tag $e) (func (throw $e)))"],
    ["exceptions", "(module (func try catch_all end))"],
    ["reference_types", "(module (func (param externref)))"],
    ["reference_types", "(module (func (result funcref) ref.null func))"],
    ["reference_types", "(module (table 1 funcref) (func (drop (table.size 0))))"],
    ["reference_types", "(module (table 1 funcref) (func (drop (table.grow 0 (ref.null func) (i32.const 1)))))"],
    ["reference_types", "(module (table 1 externref))"],
    ["reference_types", "(module (table 1 funcref) (table 1 funcref))"],
    ["memory64", "(module (memory i64 1))"],
    ["start_function", "(module (func $s) (start $s))"],
  ];
  for (const [code, text] of cases)
    test(`${code}: ${text}`, () => expect(rejection(wat(text, { check: false })).code).toBe(code));

  test("every opcode outside the profile, wherever it stands", () => {
    const outside = opcodes.filter(({ feature }) => feature !== undefined);
    expect(outside.length).toBeGreaterThan(100);
    for (const { code, feature, name } of outside) {
      const bytes = code < 0x100 ? [code] : [0xfc, code & 0xff];
      const dead = withBody([0x00, ...bytes, 0x00, 0x00]);
      expect(rejection(dead), name).toMatchObject({ code: feature, opcode: name, functionIndex: 0 });
    }
  });

  test("bytes that no proposal uses", () => {
    for (const bytes of [[0x27], [0xff], [0xfc, 0x12], [0xfc, 0x80, 0x01], [0xc5], [0xd7]]) {
      expect(rejection(withBody([0x00, ...bytes])).code).toBe("unknown_opcode");
    }
  });
});

describe("imports", () => {
  const cases: [string, string][] = [
    ["unknown_import", '(module (import "env" "abort" (func (param i32 i32 i32 i32))))'],
    ["unknown_import", '(module (import "wasi_snapshot_preview1" "fd_write" (func)))'],
    ["unknown_import", '(module (import "lockstep" "clock" (func (result i64))))'],
    ["unknown_import", '(module (import "lockstep" "toString" (func)))'],
    ["unknown_import", '(module (import "lockstep" "__proto__" (func)))'],
    ["unknown_import", '(module (import "lockstep" "constructor" (func)))'],
    ["unknown_import", '(module (import "lockstep" "hasOwnProperty" (func)))'],
    ["unknown_import", '(module (import "__proto__" "caller" (func (param i32))))'],
    ["unknown_import", '(module (import "lockstep:memory" "memory" (func)))'],
    ["import_type", '(module (import "lockstep" "caller" (func (param i64))))'],
    ["import_type", '(module (import "lockstep" "caller" (func (param i32) (result i32))))'],
    ["import_type", '(module (import "lockstep" "block_height" (func (result i32))))'],
    ["import_kind", '(module (import "lockstep" "memory" (memory 1)))'],
    ["import_kind", '(module (import "lockstep" "caller" (global i32)))'],
    ["import_kind", '(module (import "lockstep" "table" (table 1 funcref)))'],
  ];
  for (const [code, text] of cases) test(`${code}: ${text}`, () => expect(rejection(wat(text)).code).toBe(code));

  test("the same host function twice is allowed", () => {
    const twice = `(module (import "lockstep" "caller" (func (param i32))) (import "lockstep" "caller" (func (param i32))))`;
    expect(prepareContract(wat(twice)).summary.imports).toEqual(["caller"]);
  });
});

describe("malformed bytes", () => {
  const good = wat(`(module (import "lockstep" "caller" (func (param i32))) (memory 1) (global i32 (i32.const 1))
    (table 1 funcref) (elem (i32.const 0) 0) (data (i32.const 0) "x")
    (func (export "run") (local i64) i32.const 0 call 0 block br 0 end))`);

  test("a truncation at any offset but between sections is refused, and none crashes", () => {
    for (let length = 0; length < good.length; length++) {
      const cut = good.subarray(0, length);
      try {
        checkModule(cut);
      } catch (error) {
        expect(error, `at ${length}`).toMatchObject({ code: expect.any(String), offset: expect.any(Number) });
        continue;
      }
      // What is left must be a whole module: the engine agrees.
      expect(() => new WebAssembly.Module(cut)).not.toThrow();
    }
  });

  test("no single changed byte crashes the decoder or passes it and fails the engine", () => {
    for (let at = 0; at < good.length; at++) {
      for (const value of [0x00, 0x01, 0x0b, 0x40, 0x60, 0x7c, 0x7f, 0x80, 0xff]) {
        const changed = good.slice();
        changed[at] = value;
        try {
          prepareContract(changed);
        } catch (error) {
          expect(error, `byte ${at} = ${value}`).toMatchObject({ name: "ModuleError" });
        }
      }
    }
  });

  const cases: [string, Uint8Array][] = [
    ["malformed_magic", Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 1, 0, 0, 0)],
    ["malformed_version", Uint8Array.of(0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0)],
    ["unexpected_end", new Uint8Array()],
    ["section_order", raw([3, [0]], [1, [0]])],
    ["section_order", raw([1, [0]], [1, [0]])],
    ["section_size", raw([1, [0, 0]])],
    ["malformed_section", raw([14, []])],
    ["exceptions", raw([13, [0]])],
    ["leb128", raw([1, [0x80, 0x80, 0x80, 0x80, 0x80, 0x00]])],
    ["leb128", raw([1, [0x80, 0x80, 0x80, 0x80, 0x10]])],
    ["leb128", withBody([0x41, 0x80, 0x80, 0x80, 0x80, 0x40, 0x1a])],
    ["leb128", withBody([0x42, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02, 0x1a])],
    ["malformed_utf8", raw([2, [1, 1, 0xff, 1, 0x61, 0, 0]])],
    ["malformed_type", raw([1, [1, 0x61, 0, 0]])],
    ["gc", raw([1, [1, 0x5f, 0]])],
    ["code_count", raw([1, [1, 0x60, 0, 0]], [3, [1, 0]])],
    ["code_count", raw([1, [1, 0x60, 0, 0]], [3, [1, 0]], [10, [2, 2, 0, 0x0b, 2, 0, 0x0b]])],
    ["data_count", raw([5, [1, 0, 1]], [12, [2]], [11, [1, 1, 0]])],
    ["limits_order", raw([5, [1, 1, 2, 1]])],
    ["multi_memory", raw([5, [2, 0, 1, 0, 1]])],
    ["code_after_end", withBody([0x0b])],
    ["unexpected_end", raw([1, [1, 0x60, 0, 0]], [3, [1, 0]], [10, [1, 2, 0, 0x02]])],
    ["unknown_type", raw([1, [0]], [3, [1, 0]], [10, [1, 2, 0, 0x0b]])],
  ];
  for (const [code, bytes] of cases)
    test(`${code}: ${[...bytes.subarray(8)]}`, () => expect(rejection(bytes).code).toBe(code));
});

describe("invalid modules", () => {
  const cases: [string, string][] = [
    ["type_mismatch", "(module (func (result i32)))"],
    ["type_mismatch", "(module (func i32.const 0))"],
    ["type_mismatch", "(module (func i64.const 0 i32.eqz drop))"],
    ["type_mismatch", "(module (func (result i32) i32.const 1 if (result i32) i32.const 1 else i64.const 1 end))"],
    ["type_mismatch", "(module (func (result i32) i32.const 1 if (result i32) i32.const 1 end))"],
    ["type_mismatch", "(module (func (param i64) i32.const 0 i64.const 0 i32.const 1 select drop))"],
    ["type_mismatch", "(module (func unreachable i64.const 0 i32.add drop))"],
    ["type_mismatch", "(module (func (block (result i32) (block (br_table 0 1 (i32.const 0) )) i32.const 1) drop))"],
    ["immutable_global", "(module (global i32 (i32.const 0)) (func i32.const 0 global.set 0))"],
    ["unknown_memory", "(module (func i32.const 0 i32.load drop))"],
    ["unknown_memory", '(module (data (i32.const 0) "x"))'],
    ["alignment", "(module (memory 1) (func i32.const 0 i32.load align=8 drop))"],
    ["duplicate_export", '(module (func (export "a")) (func (export "a")))'],
    ["segment_out_of_bounds", '(module (memory 1) (data (i32.const 65536) "x"))'],
    ["segment_out_of_bounds", '(module (memory 1) (data (i32.const -1) "x"))'],
    ["segment_out_of_bounds", "(module (table 1 funcref) (func) (elem (i32.const 1) 0))"],
    ["constant_expression", "(module (global i32 (i32.const 0)) (global i32 (global.get 0)))"],
    ["initialize_type", '(module (func (export "_initialize") (param i32)))'],
  ];
  for (const [code, text] of cases)
    test(`${code}: ${text}`, () => expect(rejection(wat(text, { check: false })).code).toBe(code));

  const bodies: [string, number[]][] = [
    ["unknown_local", [0x20, 0, 0x1a]],
    ["unknown_global", [0x23, 0, 0x1a]],
    ["unknown_label", [0x0c, 1]],
    ["unknown_function", [0x10, 9]],
    ["unknown_table", [0x41, 0, 0x11, 0, 0]],
    ["unexpected_else", [0x05]],
    ["unknown_type", [0x02, 5, 0x0b]],
    ["multi_memory", [0x41, 0, 0x28, 0x42, 0, 0, 0x1a]],
    ["multi_memory", [0x3f, 1, 0x1a]],
    ["alignment", [0x41, 0, 0x28, 0x80, 0x01, 0, 0x1a]],
    ["data_count", [0xfc, 0x09, 0]],
    ["unknown_element", [0xfc, 0x0d, 0]],
    ["select_arity", [0x00, 0x1c, 2, 0x7f, 0x7f, 0x1a]],
  ];
  for (const [code, body] of bodies)
    test(`${code}: body ${body}`, () => expect(rejection(withBody(body)).code).toBe(code));
});

describe("limits refuse at the limit plus one and accept at the limit", () => {
  const repeat = (count: number, text: string) => text.repeat(count);
  const cases: [string, number, (count: number) => string][] = [
    ["limit_params", profile.PARAM_COUNT_MAX, (n) => `(module (func (param ${repeat(n, "i32 ")})))`],
    ["limit_locals", profile.LOCAL_COUNT_MAX, (n) => `(module (func (local ${repeat(n, "i32 ")})))`],
    ["limit_globals", profile.GLOBAL_COUNT_MAX, (n) => `(module ${repeat(n, "(global i32 (i32.const 0))")})`],
    ["limit_memory", profile.MEMORY_PAGE_COUNT_MAX, (n) => `(module (memory ${n}))`],
    ["limit_table", profile.TABLE_SIZE_MAX, (n) => `(module (table ${n} funcref))`],
    [
      "limit_br_table",
      profile.BR_TABLE_SIZE_MAX,
      (n) => `(module (func (br_table ${repeat(n + 1, "0 ")} (i32.const 0))))`,
    ],
    [
      "limit_data_segments",
      profile.DATA_SEGMENT_COUNT_MAX,
      (n) => `(module (memory 1) ${repeat(n, '(data (i32.const 0) "")')})`,
    ],
  ];
  for (const [code, limit, text] of cases) {
    test(code, () => {
      expect(() => prepareContract(wat(text(limit)))).not.toThrow();
      expect(rejection(wat(text(limit + 1))).code).toBe(code);
    });
  }

  test("2^32 - 1 locals in five bytes are counted, not allocated", () => {
    const bytes = raw([1, [1, 0x60, 0, 0]], [3, [1, 0]], [10, [1, 8, 1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x7f, 0x0b]]);
    expect(rejection(bytes).code).toBe("limit_locals");
  });

  test("a wide signature shared by many functions is refused by their sum", () => {
    const functions = "(func (type 0))".repeat(1_000);
    const text = `(module (type (func (param ${"i32 ".repeat(60)})))${functions})`;
    expect(rejection(wat(text)).code).toBe("limit_signatures");
  });

  test("a module above the code size is refused before it is read", () => {
    expect(rejection(new Uint8Array(profile.CODE_SIZE_MAX + 1)).code).toBe("limit_code_size");
  });

  /** Blocks nested `depth` deep; wabt's parser is no match for them. */
  function nested(depth: number): Uint8Array {
    const out = new ByteWriter().u8(...header);
    out.section(1, (s) => s.u8(1, 0x60, 0, 0)).section(3, (s) => s.u8(1, 0));
    out.section(10, (s) => {
      s.u32(1).sized((body) => {
        body.u8(0);
        for (let i = 0; i < depth; i++) body.u8(0x02, 0x40);
        for (let i = 0; i <= depth; i++) body.u8(0x0b);
      });
    });
    return out.view().slice();
  }

  test("limit_nesting", () => {
    expect(() => prepareContract(nested(profile.NESTING_MAX))).not.toThrow();
    expect(rejection(nested(profile.NESTING_MAX + 1)).code).toBe("limit_nesting");
  });

  test("blocks nested forty thousand deep do not reach the native stack", () => {
    expect(rejection(nested(40_000)).code).toBe("limit_nesting");
  });
});

test("accepts what stock compilers emit beyond the MVP", () => {
  const text = `(module (type $pair (func (result i32 i32))) (memory 1 4) (table 4 funcref) (global (mut i64) (i64.const -1))
    (func $two (type $pair) i32.const 1 i32.const 2)
    (func (export "run") (local i32 i64)
      call $two i32.add local.set 0
      (block (type $pair) i32.const 3 i32.const 4) drop drop
      local.get 0 i32.extend8_s drop i64.const 1 i64.extend32_s drop
      i32.const 0 i32.const 0 i32.const 8 memory.fill
      i32.const 0 i32.const 0 i32.const 1 memory.init $d data.drop $d
      i32.const 0 i32.const 0 i32.const 1 table.init $e elem.drop $e
      i32.const 0 (call_indirect (type $pair)) drop drop
      i32.const 1 i32.const 2 i32.const 0 select (result i32) drop)
    (data $d "x") (elem $e func $two $two) (elem declare func $two) (elem (i32.const 2) funcref (ref.null func) (ref.func $two)))`;
  const { summary } = prepareContract(wat(text));
  expect(summary).toMatchObject({
    methods: ["run"],
    abi: null,
    memoryPages: { initial: 1, maximum: 4 },
    functionCount: 2,
  });
});

test("extended constant expressions are computed as the proposal says", () => {
  // (global i32 (i32.sub (i32.mul (i32.const 7) (i32.const 6)) (i32.const 43))), a data offset of i32.add 1 2
  const bytes = raw(
    [1, [1, 0x60, 0, 0]],
    [3, [1, 0]],
    [5, [1, 0, 1]],
    [6, [1, 0x7f, 0, 0x41, 7, 0x41, 6, 0x6c, 0x41, 43, 0x6b, 0x0b]],
    [7, [1, 3, 0x72, 0x75, 0x6e, 0, 0]],
    // Traps unless the global is -1 and byte 3 of memory is 0x2a.
    [
      10,
      [1, 20, 0, 0x23, 0, 0x41, 0x7f, 0x47, 0x04, 0x40, 0x00, 0x0b, 0x41, 3, 0x2d, 0, 0, 0x41, 0x2a, 0x6b, 0x1a, 0x0b],
    ],
    [11, [1, 0, 0x41, 1, 0x41, 2, 0x6a, 0x0b, 1, 0x2a]],
  );
  expect(checkModule(bytes).methods).toEqual(["run"]);
});
