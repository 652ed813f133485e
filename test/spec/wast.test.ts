import { describe, expect, test } from "vitest";
import { parseExpressions, SyntaxFailure } from "./s-expression.ts";
import { parseInteger, parseScript } from "./wast.ts";

const only = (source: string) => {
  const commands = parseScript(source);
  expect(commands).toHaveLength(1);
  return commands[0]!;
};

describe("S-expressions", () => {
  test("comments vanish, also nested ones and those that hold quotes and parentheses", () => {
    const source = `;; (line "\n(a (; b (; c ;) ") ;) d);;)\n(;;)`;
    expect(parseExpressions(source)).toMatchObject([{ kind: "list", items: [{ text: "a" }, { text: "d" }], line: 2 }]);
  });

  test("a list knows its place in the source", () => {
    const source = "(x)\n\n (y (z) )";
    const [, second] = parseExpressions(source);
    expect(second).toMatchObject({ kind: "list", line: 3, start: 6, end: 14 });
  });

  test("strings are bytes, whatever their escapes make", () => {
    const [literal] = parseExpressions(String.raw`"a\00\ff\t\n\"\\\u{20ac}é;)("`);
    const expected = [0x61, 0, 0xff, 9, 10, 34, 92, 0xe2, 0x82, 0xac, 0xc3, 0xa9, 0x3b, 0x29, 0x28];
    expect(literal).toMatchObject({ kind: "string", bytes: Uint8Array.from(expected) });
  });

  test("nesting does not reach the native stack", () => {
    const depth = 100_000;
    expect(parseExpressions("(".repeat(depth) + ")".repeat(depth))).toHaveLength(1);
  });

  for (const source of ["(", ")", "(a))", '"a', '("a\\")', "(; (; ;)", String.raw`"\q"`, String.raw`"\u{}"`]) {
    test(`refused: ${source}`, () => expect(() => parseExpressions(source)).toThrow(SyntaxFailure));
  }
});

describe("integers", () => {
  const cases: [string, bigint][] = [
    ["0", 0n],
    ["-1", -1n],
    ["+7", 7n],
    ["1_000", 1000n],
    ["0x8000_0000", 0x8000_0000n],
    ["-0x8000000000000000", -0x8000_0000_0000_0000n],
  ];
  for (const [text, value] of cases) test(text, () => expect(parseInteger(text)).toBe(value));
  for (const text of ["", "-", "0x", "1_", "_1", "1__0", "1.0", "0x0p+0", "nan", "ff"]) {
    test(`refused: ${text}`, () => expect(() => parseInteger(text)).toThrow(SyntaxFailure));
  }
});

describe("commands", () => {
  test("a module stays what it was in the script", () => {
    expect(only("(module $M (func))")).toMatchObject({
      kind: "module",
      name: "$M",
      module: { form: "text", text: "(module $M (func))" },
    });
    expect(only(String.raw`(module binary "\00asm" "\01\00\00\00")`)).toMatchObject({
      name: null,
      module: { form: "binary", bytes: Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0) },
    });
    expect(only('(module $M quote "(func" ")")')).toMatchObject({
      name: "$M",
      module: { form: "quote", text: "(func\n)" },
    });
  });

  test("a script may be the fields of one module", () => {
    expect(only('(func)\n(func (export "f"))')).toMatchObject({ kind: "module", module: { form: "text" } });
  });

  test("values are bits, and what no contract can hold is kept as text", () => {
    expect(
      only('(assert_return (invoke $M "f" (i32.const -1) (i64.const 0xf)) (f32.const nan:canonical) (ref.extern 1))'),
    ).toEqual({
      kind: "assert_return",
      action: {
        kind: "invoke",
        module: "$M",
        exportName: "f",
        args: [
          { type: "i32", bits: 0xffff_ffffn },
          { type: "i64", bits: 15n },
        ],
      },
      expected: [
        { type: "outside", text: "f32.const nan:canonical" },
        { type: "outside", text: "ref.extern 1" },
      ],
      line: 1,
    });
  });

  test("every other command", () => {
    const commands = parseScript(`(module $M) (register "m" $M) (register "n")
      (invoke "f") (get $M "g")
      (assert_trap (invoke "f") "unreachable")
      (assert_trap (module) "out of bounds memory access")
      (assert_exhaustion (invoke "f") "call stack exhausted")
      (assert_malformed (module quote "") "") (assert_invalid (module) "") (assert_unlinkable (module) "")`);
    expect(commands.slice(1)).toMatchObject([
      { kind: "register", as: "m", name: "$M" },
      { kind: "register", as: "n", name: null },
      { kind: "action", action: { kind: "invoke", module: null }, line: 2 },
      { kind: "action", action: { kind: "get", module: "$M", exportName: "g", args: [] } },
      { kind: "assert_trap", message: "unreachable" },
      { kind: "assert_uninstantiable", message: "out of bounds memory access" },
      { kind: "assert_exhaustion" },
      { kind: "assert_malformed" },
      { kind: "assert_invalid" },
      { kind: "assert_unlinkable" },
    ]);
  });

  const refused = [
    "(module) nonsense",
    "(module) (assert_maybe (module))",
    "(module) (assert_return)",
    '(module) (assert_return (call "f"))',
    "(module) (invoke f)",
    '(module) (invoke "f" (i32.const))',
    '(module) (invoke "f" (i32.const 1.5))',
    '(module) (assert_trap (invoke "f"))',
    '(module) (assert_invalid (func) "type mismatch")',
    "(module) (register)",
  ];
  for (const source of refused)
    test(`refused: ${source}`, () => expect(() => parseScript(source)).toThrow(SyntaxFailure));
});
