import { describe, expect, test } from "vitest";
import { createContract, createTestHost } from "../test/support/contracts.ts";
import { wat } from "../test/support/wat.ts";
import { ABI_VERSION, encodeAbi } from "./abi.ts";
import { ByteWriter } from "./byte-writer.ts";
import { callContract, checkModule, prepareContract } from "./contract.ts";
import { haltReasons, refusalReasons } from "./outcome.ts";

describe("every trap has one reason of our own, and costs the whole limit", () => {
  const cases: [string, string, string?][] = [
    ["Unreachable", "unreachable"],
    ["IntegerDivideByZero", "i32.const 1 i32.const 0 i32.div_s drop"],
    ["IntegerDivideByZero", "i64.const 1 i64.const 0 i64.rem_u drop"],
    ["IntegerOverflow", "i32.const 0x80000000 i32.const -1 i32.div_s drop"],
    ["IntegerOverflow", "i64.const 0x8000000000000000 i64.const -1 i64.div_s drop"],
    ["MemoryOutOfBounds", "i32.const -1 i64.load offset=0xffffffff drop"],
    ["MemoryOutOfBounds", "i32.const 65533 i32.load drop"],
    ["MemoryOutOfBounds", "i32.const 65536 i32.const 0 i32.store8"],
    ["MemoryOutOfBounds", "i32.const 65537 i32.const 0 i32.const 0 memory.fill"],
    ["MemoryOutOfBounds", "i32.const 0 i32.const 65530 i32.const 7 memory.copy"],
    ["MemoryOutOfBounds", "i32.const 0 i32.const 1 i32.const 1 memory.init $d"],
    ["MemoryOutOfBounds", "data.drop $d i32.const 0 i32.const 0 i32.const 1 memory.init $d"],
    ["TableOutOfBounds", "i32.const 3 call_indirect"],
    ["TableOutOfBounds", "i32.const -1 call_indirect"],
    ["TableOutOfBounds", "i32.const 2 i32.const 0 i32.const 2 table.copy"],
    ["TableOutOfBounds", "i32.const 0 i32.const 0 i32.const 2 table.init $e"],
    ["IndirectCallMismatch", "i32.const 1 call_indirect"],
    ["IndirectCallMismatch", "i32.const 0 call_indirect (result i32) drop"],
    ["OutOfGas", "loop br 0 end"],
    ["StackOverflow", "call $deep"],
  ];
  for (const [reason, body] of cases) {
    test(`${reason}: ${body}`, () => {
      const { call } = createContract(`(module (memory 1) (table 3 funcref) (elem (i32.const 0) $noop)
        (func $noop) (func $deep call $deep) (data $d "x") (elem $e func $noop)
        (func (export "run") ${body}))`);
      expect(call("run", { gasLimit: 1_000_000 })).toEqual({ outcome: { kind: "halt", reason }, gasUsed: 1_000_000 });
    });
  }

  test("a trap after half of a block costs the same as at its start", () => {
    const { call } = createContract(
      '(module (func (export "run") i32.const 1 drop i32.const 1 i32.const 0 i32.div_u drop))',
    );
    expect(call("run").gasUsed).toBe(10_000_000);
  });

  test("edge cases that do not trap", () => {
    const { call } = createContract(`(module (memory 1) (table 1 funcref) (func $noop) (func (export "run")
      i32.const 0x80000000 i32.const -1 i32.rem_s drop
      i32.const 65536 i32.const 0 i32.const 0 memory.fill
      i32.const 65536 i32.const 65536 i32.const 0 memory.copy))`);
    expect(call("run").outcome.kind).toBe("success");
  });
});

describe("the logical stack trips before the native one", () => {
  const wide = "(local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)".repeat(16);
  const cases: [string, string][] = [
    ["empty frames", "(func $f call $f)"],
    ["wide frames", `(func $f ${wide} call $f)`],
    [
      "live locals",
      `(func $f (param i64 i64 i64 i64 i64 i64 i64 i64) (result i64)
       local.get 0 local.get 1 local.get 2 local.get 3 local.get 4 local.get 5 local.get 6 local.get 7
       call $f local.get 0 local.get 1 i64.add local.get 2 i64.add local.get 3 i64.add local.get 4 i64.add
       local.get 5 i64.add local.get 6 i64.add local.get 7 i64.add i64.add)`,
    ],
    ["deep operands", `(func $f (result i64) ${"i64.const 1 ".repeat(900)} call $f ${"i64.add ".repeat(900)})`],
    ["indirect calls", "(table 1 funcref) (elem (i32.const 0) $f) (func $f i32.const 0 call_indirect)"],
  ];
  for (const [name, fields] of cases) {
    test(name, () => {
      const hasResult = fields.includes("(result i64)");
      const args = fields.includes("(param") ? "i64.const 1 ".repeat(8) : "";
      const { call } = createContract(
        `(module ${fields} (func (export "run") ${args} call $f ${hasResult ? "drop" : ""}))`,
      );
      // Often enough for the optimising tier to take over.
      for (let i = 0; i < 50; i++) {
        expect(call("run", { gasLimit: 1e9 }).outcome).toEqual({ kind: "halt", reason: "StackOverflow" });
      }
    });
  }
});

test("memory is fresh in every call, also after growth and after a trap", () => {
  const { call } = createContract(`(module (import "lockstep" "return_data" (func $return (param i32 i32))) (memory 1 8)
    (func (export "dirty") i32.const 2 memory.grow drop i32.const 0 i32.const 255 memory.size i32.const 16 i32.shl memory.fill)
    (func (export "trap") i32.const 0 i32.const 255 i32.const 65536 memory.fill unreachable)
    (func (export "sum") (local i32 i32) (loop
        local.get 1 local.get 0 i32.load i32.or local.set 1
        local.get 0 i32.const 4 i32.add local.tee 0 memory.size i32.const 16 i32.shl i32.lt_u br_if 0)
      i32.const 0 local.get 1 i32.store i32.const 4 memory.size i32.store i32.const 0 i32.const 8 call $return))`);
  for (let i = 0; i < 5; i++) {
    expect(call("dirty").outcome.kind).toBe("success");
    expect(call("trap").outcome.kind).toBe("halt");
    expect(call("sum").outcome).toEqual({ kind: "success", data: Uint8Array.of(0, 0, 0, 0, 1, 0, 0, 0) });
  }
});

test("globals and tables are fresh in every call", () => {
  const { call } = createContract(`(module (import "lockstep" "return_data" (func $return (param i32 i32))) (memory 1)
    (global $g (mut i32) (i32.const 5)) (table 1 funcref) (elem $e func $f) (func $f)
    (func (export "run") i32.const 0 global.get $g i32.store global.get $g i32.const 1 i32.add global.set $g
      i32.const 0 i32.const 4 call $return))`);
  for (let i = 0; i < 3; i++) expect(call("run").outcome).toMatchObject({ data: Uint8Array.of(5, 0, 0, 0) });
});

test("memory.grow ends at the cap of the module, and at the profile's when it is lower", () => {
  const grown = (limits: string) => {
    const { call } =
      createContract(`(module (import "lockstep" "return_data" (func $return (param i32 i32))) (memory ${limits})
      (func (export "run") (loop i32.const 1 memory.grow i32.const -1 i32.ne br_if 0)
        i32.const 0 memory.size i32.store i32.const 0 i32.const 4 call $return))`);
    const { outcome } = call("run", { gasLimit: 1e9 });
    return outcome.kind === "success" && new DataView(outcome.data.buffer).getUint32(0, true);
  };
  expect(grown("1 7")).toBe(7);
  expect(grown("1")).toBe(64);
  expect(grown("1 65536")).toBe(64);
  expect(grown("3 3")).toBe(3);
});

test("static initialisers run before the method, are paid, and share its instance", () => {
  const module = (
    initialise: string,
  ) => `(module (import "lockstep" "return_data" (func $return (param i32 i32))) (memory 1)
    (func (export "_initialize") ${initialise}) (func (export "run") i32.const 0 i32.const 1 call $return))`;
  const idle = createContract(module("")).call("run");
  const busy = createContract(module("i32.const 0 i32.const 7 i32.store8")).call("run");
  expect(busy.outcome).toEqual({ kind: "success", data: Uint8Array.of(7) });
  expect(busy.gasUsed - idle.gasUsed).toBe(3);
  expect(createContract(module("unreachable")).call("run").outcome).toEqual({ kind: "halt", reason: "Unreachable" });
});

test("exports cannot collide with ours or with what JavaScript looks for", () => {
  const names = ["gas", "stack", "halt", "then", "__proto__", "constructor", "toString", "memory", "f:gas", ""];
  const { prepared, call } = createContract(`(module ${names.map((name) => `(func (export "${name}"))`).join("")})`);
  expect(prepared.summary.methods).toEqual(names);
  for (const name of names) expect(call(name).outcome.kind).toBe("success");
});

test("multi-value results survive an early return", () => {
  const { call } = createContract(`(module (import "lockstep" "return_data" (func $return (param i32 i32))) (memory 1)
    (func $three (param i32) (result i32 i64 i32)
      i32.const 1 i64.const 2 i32.const 3
      local.get 0 if (param i32 i64 i32) (result i32 i64 i32) drop i32.const 4 return end)
    (func $keep (param i32 i32 i64 i32)
      local.get 0 local.get 1 i32.store8 local.get 0 local.get 2 i64.store8 offset=1 local.get 0 local.get 3 i32.store8 offset=2)
    (func (export "run")
      i32.const 0 i32.const 0 call $three call $keep
      i32.const 3 i32.const 1 call $three call $keep
      i32.const 0 i32.const 6 call $return))`);
  expect(call("run").outcome).toEqual({ kind: "success", data: Uint8Array.of(1, 2, 3, 1, 2, 4) });
});

describe("the ABI section", () => {
  const abi = (methods: readonly string[]) =>
    encodeAbi({
      version: ABI_VERSION,
      name: "Test",
      types: [],
      methods: methods.map((name) => ({
        name,
        mutability: "call" as const,
        access: "public" as const,
        params: [],
        returns: null,
        doc: "",
      })),
      events: [],
      errors: [],
      storage: [],
      doc: "",
    });
  const withSection = (text: string, ...sections: Uint8Array[]) => {
    const out = new ByteWriter().bytes(wat(text));
    for (const bytes of sections) out.section(0, (section) => section.name("lockstep.abi").bytes(bytes));
    return out.view().slice();
  };
  const module =
    '(module (func (export "a")) (func (export "b")) (memory (export "memory") 1) (func (export "typed") (param i32)))';

  test("must name exactly the exported methods", () => {
    expect(checkModule(withSection(module, abi(["b", "a"]))).abi?.name).toBe("Test");
    expect(() => checkModule(withSection(module, abi(["a"])))).toThrowError(
      expect.objectContaining({ code: "abi_exports" }),
    );
    for (const extra of ["typed", "memory", "c"]) {
      const section = abi(["a", "b", extra]);
      expect(() => checkModule(withSection(module, section))).toThrowError(
        expect.objectContaining({ code: "abi_exports" }),
      );
    }
  });

  test("stands once and is canonical", () => {
    const section = abi(["a", "b"]);
    const code = (bytes: Uint8Array) => {
      try {
        checkModule(bytes);
      } catch (error) {
        return (error as { code: string }).code;
      }
      return "accepted";
    };
    expect(code(withSection(module, section, section))).toBe("abi_duplicate");
    expect(code(withSection(module, section.subarray(0, -1)))).toBe("borsh_truncated");
    expect(code(withSection(module, Uint8Array.of(...section, 0)))).toBe("borsh_trailing");
    expect(code(withSection(module, Uint8Array.of(1, ...section.subarray(1))))).toBe("abi_version");
  });

  test("makes a view read-only whoever calls it", () => {
    const text = `(module (import "lockstep" "storage_remove" (func $remove (param i32 i32))) (memory 1)
      (func (export "look") i32.const 0 i32.const 1 call $remove))`;
    const section = encodeAbi({
      version: ABI_VERSION,
      name: "Test",
      types: [],
      methods: [{ name: "look", mutability: "view", access: "public", params: [], returns: null, doc: "" }],
      events: [],
      errors: [],
      storage: [],
      doc: "",
    });
    const contract = prepareContract(withSection(text, section));
    const call = { method: "look", input: new Uint8Array(), gasLimit: 1e6, readOnly: false, host: createTestHost() };
    expect(callContract(contract, call).outcome).toEqual({ kind: "halt", reason: "ReadOnlyViolation" });
  });
});

test("halt and refusal reasons are closed lists whose order never changes", () => {
  expect(haltReasons).toEqual([
    "OutOfGas",
    "StackOverflow",
    "Unreachable",
    "IntegerDivideByZero",
    "IntegerOverflow",
    "MemoryOutOfBounds",
    "TableOutOfBounds",
    "IndirectCallMismatch",
    "BadHostArgument",
    "ReadOnlyViolation",
    "OutputLimit",
    "CallDepth",
    "Reentrancy",
  ]);
  expect(refusalReasons).toEqual([
    "InsufficientBalance",
    "BalanceOverflow",
    "UnknownCode",
    "InvalidCode",
    "AddressTaken",
    "NotAContract",
    "NoSuchMethod",
    "NotPayable",
    "InputTooLarge",
    "PrivateMethod",
  ]);
});
