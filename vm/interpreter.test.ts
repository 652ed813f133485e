import { describe, expect, test } from "vitest";
import { createTestHost, type TestHost } from "../test/support/contracts.ts";
import { createProgram, createRandom, PROGRAM_LABEL_COUNT, PROGRAM_LOCAL_COUNT } from "../test/support/programs.ts";
import { wat } from "../test/support/wat.ts";
import { decodeModule } from "./decode.ts";
import { type Host, halt } from "./host-fns/host.ts";
import { hostFunctions } from "./host-fns/table.ts";
import { type InstructionEvent, interpret, prepareInterpreter } from "./interpreter.ts";
import { compile, type FinishFacts, run } from "./jit.ts";
import { injectMetering } from "./metering/inject.ts";
import { LOCAL_GAS, weightOf } from "./metering/schedule.ts";
import { op } from "./opcodes.ts";
import type { CallResult } from "./outcome.ts";
import { ACTIVATION_HEIGHT, STACK_HEIGHT_MAX } from "./profile.ts";
import { validateModule } from "./validate.ts";

const firstSeed = Number(process.env.SEED ?? Math.floor(Math.random() * 1e9));

interface Options {
  readonly exports?: readonly string[];
  readonly input?: Uint8Array;
  readonly gasLimit?: number;
  readonly readOnly?: boolean;
}

/** All that a call leaves behind. */
interface Trail {
  readonly result: CallResult;
  readonly memory: Buffer;
  readonly stackHeightMax: number | null;
  readonly storage: TestHost["storage"];
  readonly events: TestHost["events"];
  readonly logs: TestHost["logs"];
}

/** Prepares a module on both engines. Each call runs on both, expects the same trail of each, and gives it. */
function onBothEngines(text: string, name = text) {
  const module = decodeModule(wat(text));
  const facts = validateModule(module);
  const compiled = compile(module, injectMetering(module, facts, { tracksPeak: true }));
  const prepared = prepareInterpreter(module, facts);

  const follow = (options: Options, engine: (call: Parameters<typeof run>[1]) => CallResult): Trail => {
    const host = createTestHost();
    let finish: FinishFacts | undefined;
    const result = engine({
      host,
      input: new Uint8Array(),
      readOnly: false,
      gasLimit: 10_000_000,
      stackHeight: 0,
      exports: ["run"],
      ...options,
      onFinish: ({ memory, stackHeightMax }) => {
        finish = { memory: memory.slice(), stackHeightMax };
      },
    });
    const { storage, events, logs } = host;
    const { memory, stackHeightMax } = finish!;
    return { result, memory: Buffer.from(memory.buffer), stackHeightMax, storage, events, logs };
  };

  const call = (options: Options = {}): Trail => {
    const jit = follow(options, (call) => run(compiled, call));
    const interpreter = follow(options, (call) => interpret(prepared, call));
    const { memory: jitMemory, ...jitTrail } = jit;
    const { memory, ...trail } = interpreter;
    expect(trail, name).toEqual(jitTrail);
    expect(memory.equals(jitMemory), `${name}: memory`).toBe(true);
    return interpreter;
  };

  const trace = (options: Options = {}): { events: InstructionEvent[]; trail: Trail } => {
    const events: InstructionEvent[] = [];
    const onInstruction = (event: InstructionEvent) => void events.push(event);
    const trail = follow(options, (call) => interpret(prepared, { ...call, onInstruction }));
    return { events, trail };
  };
  return { call, trace };
}

function textOf(seed: number): string {
  const { fields, functions } = createProgram(seed);
  const bodies = functions.map(({ header, body }) => `${header}\n${body.join("\n")})`);
  return `(module ${fields.join("\n")} ${bodies.join("\n")} (func (export "run") i32.const 3 call $f0 drop))`;
}

describe("random programs", () => {
  test("end alike on both engines at any gas limit", () => {
    for (let seed = firstSeed; seed < firstSeed + 300; seed++) {
      const random = createRandom(seed);
      const { call } = onBothEngines(textOf(seed), `SEED=${seed}`);
      const { gasUsed, outcome } = call().result;
      expect(outcome.kind, `SEED=${seed}`).toBe("success");
      expect(call({ gasLimit: gasUsed }).result, `SEED=${seed}`).toEqual({ outcome, gasUsed });
      const limits = [gasUsed - 1, ...Array.from({ length: 4 }, () => random(gasUsed))];
      for (const gasLimit of limits) {
        expect(call({ gasLimit }).result.outcome, `SEED=${seed}`).toEqual({ kind: "halt", reason: "OutOfGas" });
      }
    }
  });

  test("are charged what the trace says was executed", () => {
    for (let seed = firstSeed; seed < firstSeed + 100; seed++) {
      const { trace } = onBothEngines(textOf(seed), `SEED=${seed}`);
      const { events, trail } = trace();
      const executed = events.reduce((sum, { opcode }) => {
        if (opcode === op.call || opcode === op.callIndirect) sum += PROGRAM_LOCAL_COUNT * LOCAL_GAS;
        return sum + weightOf(opcode, PROGRAM_LABEL_COUNT);
      }, 0);
      expect(trail.result.gasUsed, `SEED=${seed}`).toBe(executed);
    }
  });

  test("that use memory and the table in every way leave the same memory", () => {
    let halts = 0;
    for (let seed = firstSeed; seed < firstSeed + 150; seed++) {
      const { call } = onBothEngines(createMemoryProgram(seed), `SEED=${seed}`);
      const { result } = call();
      if (result.outcome.kind === "halt") halts++;
      const random = createRandom(seed);
      for (let i = 0; i < 3; i++) call({ gasLimit: random(result.gasUsed) });
    }
    expect(halts).toBeGreaterThan(20);
    expect(halts).toBeLessThan(130);
  });
});

/** Statements over three pages, now and then past their end: loads, stores, bulk operations, growth, segments, the table. */
function createMemoryProgram(seed: number): string {
  const random = createRandom(seed);
  const pick = <T>(items: readonly T[]): T => items[random(items.length)]!;
  const address = () => (random(200) === 0 ? pick([-1, 196_608, 196_604, 0x7fff_ffff]) : random(131_000));
  const length = () => (random(100) === 0 ? pick([-1, 200_000]) : random(3_000));
  const slot = () => (random(60) === 0 ? 9 : random(6));
  const index = () => (random(60) === 0 ? random(20) : random(4));
  const stores = ["i32.store", "i32.store8", "i32.store16", "i64.store", "i64.store8", "i64.store16", "i64.store32"];
  const loads = ["i32.load", "i32.load8_s", "i32.load16_u", "i64.load", "i64.load8_u", "i64.load16_s", "i64.load32_s"];
  const statement = (): string => {
    const [from, to, other] = [address(), address(), random(500)];
    switch (random(12)) {
      case 0:
      case 1: {
        const store = pick(stores);
        const value = `${store.slice(0, 3)}.const ${random(2 ** 32)}`;
        return `i32.const ${to} ${value} ${store} offset=${other}`;
      }
      case 2:
      case 3: {
        const load = pick(loads);
        return `i32.const ${to} i32.const ${from} ${load} offset=${other} ${load.slice(0, 3)}.store`;
      }
      case 4:
        return `i32.const ${to} i32.const ${from} i32.const ${length()} memory.copy`;
      case 5:
        return `i32.const ${to} i32.const ${random(2 ** 32)} i32.const ${length()} memory.fill`;
      case 6:
        return `i32.const ${to} i32.const ${random(3)} i32.const ${random(4)} memory.init $bytes`;
      case 7:
        return `i32.const ${to} i32.const ${pick([0, 1, 2, 600, -1])} memory.grow i32.store`;
      case 8:
        return random(4) === 0 ? pick(["data.drop $bytes", "elem.drop $few"]) : `i32.const ${to} memory.size i32.store`;
      case 9:
        return `i32.const ${slot()} i32.const ${random(3)} i32.const ${random(3)} table.init $few`;
      case 10:
        return `i32.const ${slot()} i32.const ${slot()} i32.const ${random(3)} table.copy`;
      default:
        return `i32.const ${to} i32.const ${index()} call_indirect (result i32) i32.store`;
    }
  };
  const body = Array.from({ length: 40 }, statement).join("\n");
  return `(module (memory 3 40) (table 8 funcref) (elem (i32.const 0) $one $two $one $two)
    (elem $few func $two $one $wide) (data (i32.const 100) "active") (data $bytes "passive")
    (func $one (result i32) i32.const 1) (func $two (result i32) i32.const 2) (func $wide (result i64) i64.const 3)
    (func (export "run") ${body}))`;
}

describe("every trap has the same reason on both engines", () => {
  const cases: [string, string][] = [
    ["Unreachable", "unreachable"],
    ["IntegerDivideByZero", "i32.const 1 i32.const 0 i32.div_s drop"],
    ["IntegerDivideByZero", "i64.const 1 i64.const 0 i64.rem_u drop"],
    ["IntegerOverflow", "i32.const 0x80000000 i32.const -1 i32.div_s drop"],
    ["IntegerOverflow", "i64.const 0x8000000000000000 i64.const -1 i64.div_s drop"],
    ["MemoryOutOfBounds", "i32.const -1 i64.load offset=0xffffffff drop"],
    ["MemoryOutOfBounds", "i32.const 65533 i32.load drop"],
    ["MemoryOutOfBounds", "i32.const 65536 i32.const 0 i32.store8"],
    ["MemoryOutOfBounds", "i32.const 65530 i64.const -1 i64.store"],
    ["MemoryOutOfBounds", "i32.const 65537 i32.const 0 i32.const 0 memory.fill"],
    ["MemoryOutOfBounds", "i32.const 65537 i32.const 0 i32.const 0 memory.copy"],
    ["MemoryOutOfBounds", "i32.const 0 i32.const 65537 i32.const 0 memory.copy"],
    ["MemoryOutOfBounds", "i32.const 0 i32.const 65530 i32.const 7 memory.copy"],
    ["MemoryOutOfBounds", "i32.const 0 i32.const 1 i32.const 1 memory.init $d"],
    ["MemoryOutOfBounds", "i32.const 0 i32.const 2 i32.const 0 memory.init $d"],
    ["MemoryOutOfBounds", "i32.const 65537 i32.const 0 i32.const 0 memory.init $d"],
    ["MemoryOutOfBounds", "data.drop $d i32.const 0 i32.const 0 i32.const 1 memory.init $d"],
    ["MemoryOutOfBounds", "i32.const 0 i32.const 0 i32.const 1 memory.init $active"],
    ["TableOutOfBounds", "i32.const 3 call_indirect"],
    ["TableOutOfBounds", "i32.const -1 call_indirect"],
    ["TableOutOfBounds", "i32.const 2 i32.const 0 i32.const 2 table.copy"],
    ["TableOutOfBounds", "i32.const 4 i32.const 0 i32.const 0 table.copy"],
    ["TableOutOfBounds", "i32.const 0 i32.const 0 i32.const 2 table.init $e"],
    ["TableOutOfBounds", "i32.const 4 i32.const 0 i32.const 0 table.init $e"],
    ["TableOutOfBounds", "elem.drop $e i32.const 0 i32.const 0 i32.const 1 table.init $e"],
    ["IndirectCallMismatch", "i32.const 1 call_indirect"],
    ["IndirectCallMismatch", "i32.const 0 call_indirect (result i32) drop"],
    ["IndirectCallMismatch", "i32.const 1 i32.const 2 i32.const 1 table.copy i32.const 1 call_indirect"],
    ["OutOfGas", "loop br 0 end"],
    ["OutOfGas", "i32.const 0 i32.const 1 i32.const -1 memory.fill"],
    ["OutOfGas", "i32.const 4 i32.const 0 i32.const -1 table.copy"],
    ["StackOverflow", "call $deep"],
  ];
  for (const [reason, body] of cases) {
    test(`${reason}: ${body}`, () => {
      const { call } = onBothEngines(`(module (memory 1) (table 3 funcref) (elem (i32.const 0) $noop) (func $noop)
        (func $deep call $deep) (data $d "x") (data $active (i32.const 0) "y") (elem $e func $noop) (func (export "run") ${body}))`);
      const gasLimit = 1_000_000;
      expect(call({ gasLimit }).result).toEqual({ outcome: { kind: "halt", reason }, gasUsed: gasLimit });
    });
  }

  test("and what does not trap, does on neither", () => {
    const { call } = onBothEngines(`(module (memory 1) (table 1 funcref) (elem $e func $noop) (data $d "x") (func $noop)
      (func (export "run") i32.const 0x80000000 i32.const -1 i32.rem_s drop
        i64.const 0x8000000000000000 i64.const -1 i64.rem_s drop
        i32.const 65536 i32.const 0 i32.const 0 memory.fill
        i32.const 65536 i32.const 65536 i32.const 0 memory.copy
        i32.const 65536 i32.const 1 i32.const 0 memory.init $d data.drop $d
        i32.const 65536 i32.const 0 i32.const 0 memory.init $d data.drop $d
        i32.const 1 i32.const 1 i32.const 0 table.init $e elem.drop $e
        i32.const 1 i32.const 1 i32.const 0 table.copy))`);
    expect(call().result.outcome.kind).toBe("success");
  });
});

describe("control flow of every shape gives the same gas and the same memory", () => {
  const fields = `(import "lockstep" "gas_left" (func $gasLeft (result i64))) (memory 1)
    (global $at (mut i32) (i32.const 0))
    (func $put (param i64) global.get $at local.get 0 i64.store global.get $at i32.const 8 i32.add global.set $at)`;
  // The guest writes down the gas it has left, so a charge that comes early or late shows as well as a wrong sum.
  const note = "call $gasLeft call $put";
  const cases: [string, string][] = [
    ["a branch that jumps a part", `block local.get 0 br_if 0 ${note} end ${note}`],
    ["a branch further out", `block block local.get 0 br_if 1 ${note} end ${note} nop i32.const 1 drop end ${note}`],
    ["an arm that leaves", `block local.get 0 if ${note} br 1 else nop end i32.const 1 drop ${note} end ${note}`],
    ["an if without else", `local.get 0 if ${note} end i32.const 1 drop ${note}`],
    ["a way out of dead code", `block block br 0 br 1 end i32.const 1 drop ${note} end ${note}`],
    ["a block that is never left behind", `block local.get 0 if unreachable end end ${note}`],
    ["an early return", `block local.get 0 if return end end i32.const 1 drop ${note}`],
    ["a nested block after a branch", `block local.get 0 br_if 0 block i32.const 1 drop end ${note} end ${note}`],
    [
      "loops in loops",
      `i32.const 3 local.set 1
       loop i32.const 2 local.set 2
         loop ${note} local.get 2 i32.const 1 i32.sub local.tee 2 br_if 0 end
         local.get 1 i32.const 1 i32.sub local.tee 1 br_if 0 ${note}
       end ${note}`,
    ],
    ["an empty loop", `loop end i32.const 1 drop loop loop end end ${note}`],
    [
      "a table of branches",
      `block block block local.get 1 br_table 0 1 2 1 end ${note} end i32.const 1 drop ${note} end ${note}`,
    ],
    [
      "a table of branches that carry a value over others",
      `block (result i64)
         i64.const 4
         block (result i64) i64.const 5 i64.const 6 i64.const 7 local.get 1 br_table 0 1 0 end
         i64.add
       end call $put`,
    ],
    [
      "branches that carry values over others",
      `block (result i64 i32) i32.const 1 i64.const 2 i64.const 0x500000006 i32.const 3 local.get 0 br_if 0
         drop drop drop drop i64.const 9 i32.const 8 end
       i64.extend_i32_u call $put call $put`,
    ],
    [
      "a loop with parameters",
      `i64.const 0 i32.const 5
       loop (param i64 i32) (result i64)
         local.set 1 i64.const 3 i64.add
         local.get 1 i32.const 1 i32.sub local.tee 2 local.get 2 br_if 0 drop
       end call $put`,
    ],
    ["a return over operands", "i32.const 7 i32.const 8 local.get 0 if return end drop drop i64.const 1 call $put"],
    ["select of both types", "i64.const 0x100000002 i64.const 3 local.get 0 select call $put"],
    ["select with a type", "i64.const 0x100000002 i64.const 3 local.get 1 select (result i64) call $put"],
    ["growth, and its refusal", `i32.const 1 memory.grow drop ${note} i32.const -1 memory.grow drop ${note}`],
    ["bulk lengths", `i32.const 0 i32.const 9 i32.const 17 memory.fill ${note}`],
  ];
  for (const [name, body] of cases) {
    test(name, () => {
      const { call } = onBothEngines(`(module ${fields}
        (func $case (param i32 i32 i32) ${body})
        (func (export "run") i32.const 0 i32.const 0 i32.const 0 call $case i32.const 1 i32.const 1 i32.const 1 call $case
          i32.const 0 i32.const 2 i32.const 9 call $case i32.const 9 i32.const -1 i32.const 3 call $case))`);
      const { gasUsed } = call().result;
      for (let gasLimit = gasUsed; gasLimit > gasUsed - 60; gasLimit--) call({ gasLimit });
    });
  }
});

test("globals, start values and types of both widths survive calls, direct and indirect", () => {
  const { call } = onBothEngines(`(module (memory 1) (table 2 funcref) (elem (i32.const 0) $swap)
    (type $pair (func (param i64 i32) (result i32 i64))) (type $same (func (param i64 i32) (result i32 i64)))
    (global $wide (mut i64) (i64.const -5000000000)) (global $low i32 (i32.const -7))
    (func $swap (type $pair) (local i64) local.get 1 local.get 0 local.get 2 i64.add)
    (func (export "run")
      i32.const 0 global.get $wide global.get $low call $swap global.set $wide i32.store
      global.get $wide i32.const 5 i32.const 0 call_indirect (type $same) global.set $wide drop
      i32.const 8 global.get $wide i64.store))`);
  const { result, memory } = call();
  expect(result.outcome.kind).toBe("success");
  expect(memory.readInt32LE(0)).toBe(-7);
  expect(memory.readBigInt64LE(8)).toBe(-5_000_000_000n);
});

describe("host functions", () => {
  const imports = [...hostFunctions.values()].map(({ name, params, result }) => {
    const types = params.length > 0 ? `(param ${params.join(" ")})` : "";
    return `(import "lockstep" "${name}" (func $${name} ${types} ${result === null ? "" : `(result ${result})`}))`;
  });
  const bytes = Array.from({ length: 100 }, (_, i) => `\\${(i + 1).toString(16).padStart(2, "0")}`).join("");
  const module = (body: string) => `(module ${imports.join("\n")} (memory 1) (table 3 funcref)
    (elem (i32.const 0) $storage_set $block_time $return_data)
    (data (i32.const 0) "${bytes}") (data (i32.const 200) "\\01\\00\\00\\00\\01\\00\\00\\00a") (func (export "run") ${body}))`;
  const input = Uint8Array.from({ length: 40 }, (_, i) => i);
  const region = "i32.const 0 i32.const 5";
  const other = "i32.const 10 i32.const 7";
  const cases = [
    "i32.const 1024 call $self_address i32.const 1064 call $caller i32.const 2048 call $signer i32.const 4096 call $value",
    "i32.const 1024 call $block_height i64.store i32.const 1032 call $block_time i64.store",
    "i32.const 1024 i32.const 32 call $chain_id drop i32.const 1100 i32.const 2 call $chain_id drop",
    "i32.const 1024 call $gas_left i64.store i32.const 1032 call $gas_left i64.store",
    "i32.const 1024 i32.const 40 call $input drop i32.const 2048 i32.const 3 call $input drop i32.const 3000 i32.const 38 i32.const 2 call $last_result",
    "i32.const 1024 i32.const 3 call $input drop i32.const 0 i32.const -1 i32.const 1 call $last_result",
    `${region} call $return_data`,
    `${region} ${other} call $storage_set ${region} i32.const 1024 i32.const 20 call $storage_get drop ${region} call $storage_has drop`,
    `${region} ${other} call $storage_set ${region} call $storage_remove ${region} i32.const 0 i32.const 0 call $storage_get drop`,
    "i32.const 200 i32.const 9 i32.const 0 i32.const 50 call $emit",
    `${"i32.const 200 i32.const 9 i32.const 0 i32.const 50 call $emit ".repeat(5)}`,
    "i32.const 0 i32.const 9 i32.const 0 i32.const 50 call $emit",
    "i32.const 0 i32.const 64 i32.const 1024 call $sha256",
    `${region} call $debug_log`,
    `i32.const -1 ${region} call $revert unreachable`,
    `${region} ${other} call $storage_set i32.const 3 ${region} call $revert`,
    `${region} ${other} i32.const 0 call_indirect (param i32 i32 i32 i32)`,
    "i32.const 1024 i32.const 1 call_indirect (result i64) i64.store",
    `${region} i32.const 1 call_indirect (param i32 i32)`,
    "i32.const -1 i32.const 1 call $return_data",
    "i32.const 0 i32.const -1 call $storage_has drop",
    "i32.const 0 i32.const 0 call $storage_has drop",
    "i32.const 65530 call $self_address",
    "i32.const 0 i32.const 1 call $debug_log i32.const 1 memory.grow drop i32.const 131071 i32.const 1 call $return_data",
    `block i32.const 0 br_if 0 ${"i32.const 0 drop ".repeat(500)} i32.const -1 i32.const -1 call $return_data end`,
  ];
  for (const body of cases) {
    test(body.slice(0, 100), () => {
      const { call } = onBothEngines(module(body));
      const { result } = call({ input });
      call({ input, readOnly: true });
      if (result.outcome.kind === "halt") {
        for (const gasLimit of [1, 100, 400, 700, 20_000]) call({ input, gasLimit });
        return;
      }
      expect(call({ input, gasLimit: result.gasUsed }).result.outcome.kind).toBe(result.outcome.kind);
      for (const gasLimit of [result.gasUsed - 1, result.gasUsed >> 1, 10]) {
        expect(call({ input, gasLimit }).result.outcome).toEqual({ kind: "halt", reason: "OutOfGas" });
      }
    });
  }

  test("several exports run in one instance, each from an empty stack", () => {
    const text = module(`${region} call $return_data`).replace(
      "(func (export",
      '(func (export "first") i32.const 0 i32.const 77 i32.store8) (func (export',
    );
    const { call } = onBothEngines(text);
    const { result } = call({ exports: ["first", "run"] });
    expect(result.outcome).toEqual({ kind: "success", data: Uint8Array.of(77, 2, 3, 4, 5) });
    for (let gasLimit = 1; gasLimit < 20; gasLimit++) call({ exports: ["first", "run"], gasLimit });
  });

  test("a mistake of the host is a fault, never an outcome", () => {
    const code = wat(module(`${region} call $debug_log`));
    const decoded = decodeModule(code);
    const prepared = prepareInterpreter(decoded, validateModule(decoded));
    const broken = (debugLog: Host["debugLog"]) => () =>
      interpret(prepared, {
        host: { ...createTestHost(), debugLog },
        input,
        readOnly: false,
        gasLimit: 1e6,
        stackHeight: 0,
        exports: ["run"],
      });
    const fault = expect.objectContaining({ name: "Fault" });
    expect(
      broken(() => {
        throw new RangeError("no disk");
      }),
    ).toThrowError(fault);
    expect(broken(() => halt("OutputLimit"))()).toMatchObject({ outcome: { reason: "OutputLimit" } });
  });
});

describe("the logical stack", () => {
  const wide = `(local ${"i64 ".repeat(256)})`;
  // Slots, operands, and one unit for the two computations begun.
  const shapes: [string, string, number][] = [
    ["empty frames", "(func $f (param i32) local.get 0 if local.get 0 i32.const 1 i32.sub call $f end)", 1 + 2 + 1],
    [
      "wide frames",
      `(func $f (param i32) ${wide} local.get 0 if local.get 0 i32.const 1 i32.sub call $f end)`,
      257 + 2 + 1,
    ],
    [
      "deep operands",
      `(func $f (param i32) local.get 0 if ${"i64.const 1 ".repeat(100)} local.get 0 i32.const 1 i32.sub call $f ${"drop ".repeat(100)} end)`,
      1 + 102 + 1,
    ],
    [
      "indirect calls",
      `(table 1 funcref) (elem (i32.const 0) $f)
       (func $f (param i32) local.get 0 if local.get 0 i32.const 1 i32.sub i32.const 0 call_indirect (param i32) end)`,
      1 + 2 + 1,
    ],
  ];
  for (const [name, fields, slots] of shapes) {
    test(`${name}: the last that fits, and the first that does not`, () => {
      // `run` itself: its activation and the argument.
      const bottom = ACTIVATION_HEIGHT + 1;
      const depth = Math.floor((STACK_HEIGHT_MAX - bottom) / (ACTIVATION_HEIGHT + slots));
      const recursion = (count: number) =>
        onBothEngines(`(module ${fields} (func (export "run") i32.const ${count - 1} call $f))`).call();
      for (const count of [1, 7, depth]) {
        const { result, stackHeightMax } = recursion(count);
        expect(result.outcome.kind).toBe("success");
        expect(stackHeightMax).toBe(bottom + count * (ACTIVATION_HEIGHT + slots));
      }
      for (const count of [depth + 1, 1_000_000]) {
        const { result, stackHeightMax } = recursion(count);
        expect(result.outcome).toEqual({ kind: "halt", reason: "StackOverflow" });
        expect(stackHeightMax).toBe(bottom + depth * (ACTIVATION_HEIGHT + slots));
      }
    });
  }

  test("at an entry gas is looked at before height", () => {
    const { call } = onBothEngines('(module (func $f call $f) (func (export "run") call $f))');
    const activations = Math.floor(STACK_HEIGHT_MAX / ACTIVATION_HEIGHT);
    // Each entry pays the call that stands in the body: `run` pays one, and so does each $f, also the one that does not fit.
    const gasLimit = 6 * (activations + 1);
    expect(call({ gasLimit }).result.outcome).toEqual({ kind: "halt", reason: "StackOverflow" });
    expect(call({ gasLimit: gasLimit - 1 }).result.outcome).toEqual({ kind: "halt", reason: "OutOfGas" });
  });

  test("is free again after a return, and locals are zero again", () => {
    const { call } =
      onBothEngines(`(module (memory 1) (func $f (result i64) (local i64 i32) local.get 0 i64.const -1 local.set 0
        i32.const -1 local.set 1)
      (func (export "run") (local i32) loop call $f i64.eqz i32.eqz if unreachable end
        local.get 0 i32.const 1 i32.add local.tee 0 i32.const 5000 i32.lt_u br_if 0 end))`);
    const { result, stackHeightMax } = call();
    expect(result.outcome.kind).toBe("success");
    expect(stackHeightMax).toBeLessThan(50);
  });
});

describe("the trace", () => {
  test("names each instruction that runs, where it stands, and the gas left", () => {
    const text = `(module (func $leaf (param i32) (result i32) local.get 0)
      (func (export "run") block i32.const 0 br_if 0 i32.const 5 call $leaf drop end))`;
    const { call, trace } = onBothEngines(text);
    const { events, trail } = trace({ gasLimit: 100 });
    expect(trail).toEqual(call({ gasLimit: 100 }));
    expect(events.map(({ functionIndex, opcode }) => [functionIndex, opcode])).toEqual([
      [1, op.block],
      [1, op.i32Const],
      [1, op.brIf],
      [1, op.i32Const],
      [1, op.call],
      [0, op.localGet],
      [0, op.end],
      [1, op.drop],
      [1, op.end],
      [1, op.end],
    ]);
    expect(events.map(({ gasLeft }) => gasLeft)).toEqual([98, 98, 98, 90, 90, 88, 88, 88, 88, 88]);
    expect(events.map(({ height }) => height)).toEqual([13, 13, 13, 13, 13, 27, 27, 13, 13, 13]);
    const bytes = wat(text);
    for (const { offset, opcode } of events) expect(bytes[offset]).toBe(opcode);
  });

  test("changes nothing", () => {
    for (let seed = firstSeed; seed < firstSeed + 50; seed++) {
      const { call, trace } = onBothEngines(createMemoryProgram(seed), `SEED=${seed}`);
      const { memory, ...trail } = trace().trail;
      const { memory: untracedMemory, ...untraced } = call();
      expect(trail, `SEED=${seed}`).toEqual(untraced);
      expect(memory.equals(untracedMemory), `SEED=${seed}`).toBe(true);
    }
  });
});
