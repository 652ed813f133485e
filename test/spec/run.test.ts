/** The runner itself: what a script must not get past it. */
import { describe, expect, test } from "vitest";
import { engines } from "./engines.ts";
import { createTally, planScript, runCases } from "./run.ts";
import { parseScript } from "./wast.ts";

for (const engine of engines) {
  const run = (script: string) => {
    const tally = createTally();
    runCases(planScript("test.wast", parseScript(script)), engine, tally);
    const { passed, failures, skipped } = tally;
    return { passed, problems: failures.map(({ problem }) => problem), skipped: Object.fromEntries(skipped) };
  };

  describe(`on the ${engine.name} engine`, () => {
    test("an instance keeps its state from step to step, and what traps is not repeated", () => {
      const script = `
        (module $A
          (memory 1) (table 2 funcref) (elem (i32.const 0) $next) (data (i32.const 8) "\\2a")
          (global $count (export "count") (mut i64) (i64.const -1))
          (func $next (export "next") (result i64)
            (global.set $count (i64.add (global.get $count) (i64.const 1))) (global.get $count))
          (func (export "call") (param i32) (result i64) (call_indirect (result i64) (local.get 0)))
          (func (export "swap") (param i32 i64) (result i64 i32) (local.get 1) (local.get 0))
          (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
          (func (export "store") (param i32 i32) (i32.store (local.get 0) (local.get 1)))
          (func $deep (export "deep") (call $deep)))
        (module $B (func (export "next") (result i32) (i32.const 7)))
        (assert_return (get $A "count") (i64.const 0xffffffffffffffff))
        (assert_return (invoke $A "next") (i64.const 0))
        (assert_return (invoke "next") (i32.const 7))
        (assert_trap (invoke $A "call" (i32.const 1)) "uninitialized element")
        (assert_trap (invoke $A "call" (i32.const 2)) "undefined element")
        (assert_return (invoke $A "call" (i32.const 0)) (i64.const 1))
        (assert_return (invoke $A "swap" (i32.const -2) (i64.const 0x123456789abcdef0))
          (i64.const 0x123456789abcdef0) (i32.const 0xfffffffe))
        (assert_return (invoke $A "load" (i32.const 8)) (i32.const 42))
        (invoke $A "store" (i32.const 8) (i32.const 43))
        (assert_return (invoke $A "load" (i32.const 8)) (i32.const 43))
        (assert_trap (invoke $A "load" (i32.const -1)) "out of bounds memory access")
        (assert_exhaustion (invoke $A "deep") "call stack exhausted")
        (assert_return (get $A "count") (i64.const 1))`;
      expect(run(script)).toEqual({ passed: 15, problems: [], skipped: {} });
    });

    const module = `(module
      (func (export "seven") (result i32) (i32.const 7))
      (func (export "wide") (result i64) (i64.const 0x1_0000_0007))
      (func (export "echo") (param i32) (result i32) (local.get 0))
      (func (export "none"))
      (func (export "trap") unreachable))`;
    const failing: [string, string][] = [
      ['(assert_return (invoke "seven") (i32.const 8))', "expected i32 0x8, got i32 0x7"],
      ['(assert_return (invoke "seven") (i64.const 7))', "expected i64 0x7, got i32 0x7"],
      ['(assert_return (invoke "seven"))', "expected nothing, got i32 0x7"],
      ['(assert_return (invoke "wide") (i64.const 7))', "expected i64 0x7, got i64 0x100000007"],
      ['(assert_return (invoke "none") (i32.const 0))', "expected i32 0x0, got nothing"],
      ['(assert_return (invoke "trap"))', "expected nothing, got Unreachable"],
      ['(invoke "trap")', "expected no halt, got Unreachable"],
      ['(assert_trap (invoke "trap") "integer overflow")', "expected IntegerOverflow, got Unreachable"],
      ['(assert_trap (invoke "trap") "boredom")', 'expected a reason for "boredom", got Unreachable'],
      ['(assert_trap (invoke "seven") "unreachable")', "expected Unreachable, got a result"],
      ['(assert_exhaustion (invoke "trap") "call stack exhausted")', "expected StackOverflow, got Unreachable"],
      ['(invoke "nobody")', 'no function is exported as "nobody"'],
      ['(get "seven")', 'no global is exported as "seven"'],
      ['(invoke "none" (i32.const 1))', "1 arguments for 0 parameters"],
      ['(invoke "echo" (i64.const 1))', "argument 0 has another type"],
      ['(invoke "echo" (f32.const 1))', "argument 0 has another type"],
      [
        '(assert_invalid (module) "type mismatch")',
        "expected refusal as type_mismatch or constant_expression, got a contract",
      ],
      ['(assert_invalid (module (func br 1)) "unknown local")', "expected refusal as unknown_local, got unknown_label"],
      [
        '(assert_malformed (module binary "") "boredom")',
        "expected refusal as a code for this message, got unexpected_end",
      ],
      ['(assert_unlinkable (module) "unknown import")', "got a contract"],
      ['(module (func (export "f")) (func br 1))', "expected a contract, got refusal as unknown_label"],
    ];
    for (const [command, problem] of failing) {
      test(`failed: ${command}`, () => {
        const { problems } = run(`${module} ${command}`);
        expect(problems).toHaveLength(1);
        expect(problems[0]).toContain(problem);
      });
    }

    test("what a script does with a refused module is skipped under the code of the refusal", () => {
      const script = `
        (module (func (export "f") (result f32) (f32.const 1)))
        (assert_return (invoke "f") (f32.const 1))
        (assert_trap (invoke "f") "unreachable")
        (module (import "spectest" "print" (func)))
        (invoke "g")`;
      expect(run(script)).toEqual({ passed: 2, problems: [], skipped: { float: 2, unknown_import: 1 } });
    });

    test("a module is judged no more once a refused one was linked to it", () => {
      const script = `
        (module $A (memory (export "m") 1) (func (export "f") (result i32) (i32.load8_u (i32.const 0))))
        (register "A" $A)
        (assert_return (invoke $A "f") (i32.const 0))
        (module (import "A" "m" (memory 1)) (data (i32.const 0) "x"))
        (assert_return (invoke $A "f") (i32.const 120))`;
      expect(run(script)).toEqual({ passed: 3, problems: [], skipped: { "linked to a refused module": 1 } });
    });

    test("malformed text is skipped, malformed bytes are not", () => {
      const script = `
        (assert_malformed (module quote "(func") "unexpected token")
        (assert_malformed (module binary "\\00asm\\02\\00\\00\\00") "unknown binary version")`;
      expect(run(script)).toEqual({ passed: 1, problems: [], skipped: { "text format": 1 } });
    });
  });
}
