import { expect, test } from "vitest";
import { codesOutsideProfile, importedModules } from "./outside-profile.ts";
import { type List, parseExpressions } from "./s-expression.ts";

const look = (text: string) => parseExpressions(text)[0] as List;

const inside = [
  "(module)",
  '(module (func $f32 (export "f64.add") (param $f64 i32)) (export "externref" (func $f32)))',
  '(module (import "lockstep" "block_height" (func (result i64))))',
  "(module (table $t 2 funcref) (elem (i32.const 0) func $f $f) (elem funcref (ref.null func)) (func $f))",
  "(module (table funcref (elem $f $f)) (func $f (table.copy (i32.const 0) (i32.const 0) (i32.const 0))))",
  '(module (memory 1) (data (i32.const 0xffff) "a") (data "bcd"))',
  "(module (memory 64 65536) (table 10000 0xffffffff funcref))",
];
for (const text of inside) test(`inside: ${text}`, () => expect([...codesOutsideProfile(look(text))]).toEqual([]));

const outside: [string, string[]][] = [
  ["(module (func (param f32)))", ["float"]],
  ["(module (func i32.const 0 f64.convert_i32_s drop))", ["float"]],
  ["(module (func (drop (i32.trunc_sat_f32_s (unreachable)))))", ["float"]],
  ["(module (type (func (result externref))))", ["reference_types"]],
  ["(module (func (drop (ref.null func))))", ["reference_types"]],
  ["(module (table 1 funcref) (func (drop (table.size 0))))", ["reference_types"]],
  ["(module (table 1 externref))", ["reference_types"]],
  ["(module (table 1 funcref) (table 1 funcref))", ["reference_types"]],
  ["(module (global funcref (ref.null func)))", ["reference_types"]],
  ["(module (elem externref (ref.null extern)))", ["reference_types"]],
  ["(module (memory 1) (memory 1))", ["multi_memory"]],
  ['(module (import "spectest" "print" (func)))', ["unknown_import"]],
  ['(module (func $f (import "spectest" "print")))', ["unknown_import"]],
  ['(module (global (import "lockstep" "g") i32))', ["import_kind"]],
  ['(module (import "m" "m" (memory 70000)))', ["import_kind"]],
  ["(module (func $f) (start $f))", ["start_function"]],
  ["(module (memory 513))", ["limit_memory"]],
  ["(module (memory 0 65537))", ["limit_memory"]],
  ["(module (table 10001 funcref))", ["limit_table"]],
  [`(module (func (local${" i64".repeat(1025)})))`, ["limit_locals"]],
  [`(module (func ${"(local $x i64)".repeat(1025)}))`, ["limit_locals"]],
  [`(module (func (param${" i32".repeat(65)})))`, ["limit_params"]],
  [`(module (type (func (result${" i32".repeat(17)}))))`, ["limit_results"]],
  [`(module (func br_table ${"0 ".repeat(4098)}))`, ["limit_br_table"]],
  ['(module (memory 1) (data (i32.const 0x10000) "a"))', ["segment_out_of_bounds"]],
  ['(module (memory 1) (data (offset (i32.const -1)) "a"))', ["segment_out_of_bounds"]],
  ["(module (table 1 funcref) (elem (i32.const 0) $f $f) (func $f))", ["segment_out_of_bounds"]],
  ["(module (table 1 funcref) (elem (i32.const 1) funcref (ref.null func)))", ["segment_out_of_bounds"]],
  ['(module (import "spectest" "f" (func (param f64))) (start 0))', ["unknown_import", "float", "start_function"]],
];
for (const [text, codes] of outside) {
  test(`outside: ${text.slice(0, 80)}`, () => expect(codesOutsideProfile(look(text))).toEqual(new Set(codes)));
}

test("imports are found in both spellings", () => {
  const text = '(module (import "a" "x" (func)) (func) (memory (import "b" "y") 1) (export "c" (func 0)))';
  expect(importedModules(look(text))).toEqual(["a", "b"]);
});
