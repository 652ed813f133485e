import { expect, test } from "vitest";
import { wat } from "../test/support/wat.ts";
import { checkModule, type FloatUse, type ModuleError } from "./contract.ts";

function floatsOf(text: string): readonly FloatUse[] {
  try {
    checkModule(wat(text, { names: true }));
  } catch (error) {
    expect(error).toMatchObject({ code: "float", name: "ModuleError" });
    return (error as ModuleError).details?.floats as readonly FloatUse[];
  }
  throw new Error("the module was accepted");
}

test("every function with a float is named, with the way to it from an export", () => {
  const floats = floatsOf(`(module (table 1 funcref) (elem (i32.const 0) $indirect)
    (func $clean (result i32) i32.const 1)
    (func $constant (drop (f64.const 2.5)) (drop (f32.const 1)))
    (func $middle call $constant)
    (func $local (local f32))
    (func $indirect (param i64) (drop (f32.load offset=8 (i32.const 0))))
    (memory 1)
    (func $signature (param f64))
    (func $lost (drop (f32.sqrt (f32.const 4))))
    (func (export "area") call $middle)
    (func (export "move") i64.const 0 i32.const 0 call_indirect (param i64) call $local (call $signature (f64.const 1))))`);
  const facts = floats.map(({ functionName, what, path }) => [functionName, what, path]);
  expect(facts).toEqual([
    ["constant", "f64.const", ["area", "function 7", "middle", "constant"]],
    ["local", "local", ["move", "function 8", "local"]],
    ["indirect", "f32.load", ["move", "function 8", "indirect"]],
    ["signature", "signature", ["move", "function 8", "signature"]],
    ["lost", "f32.const", null],
    [null, "f64.const", ["move", "function 8"]],
  ]);
});

test("recursion does not keep the survey from ending, nor does damage behind the float crash it", () => {
  const floats = floatsOf('(module (func $a (export "a") (drop (f32.const 0)) call $b) (func $b call $a))');
  expect(floats.map(({ path }) => path)).toEqual([["a", "a"]]);
  const code = wat('(module (func $a (export "a") (local f32)) (func $b (result i32) i32.const 7))', { names: true });
  let refused = 0;
  for (let length = 9; length < code.length; length++) {
    try {
      checkModule(code.subarray(0, length));
    } catch (error) {
      expect(error).toMatchObject({ name: "ModuleError" });
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(20);
});
