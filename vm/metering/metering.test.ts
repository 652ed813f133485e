import { expect, test } from "vitest";
import { createContract, createTestHost } from "../../test/support/contracts.ts";
import { createProgram, PROGRAM_LOCAL_COUNT, type Program } from "../../test/support/programs.ts";
import { wat } from "../../test/support/wat.ts";
import { callContract, prepareContract } from "../contract.ts";
import { opcodes } from "../opcodes.ts";
import { LOCAL_GAS, PAGE_GAS, weightOf } from "./schedule.ts";

// Of a typed and an untyped select, either will do: they weigh the same.
const codes = new Map(opcodes.map(({ name, code }) => [name, code]));

/** Of an instruction as text. */
function textWeight(instruction: string): number {
  const [name, ...immediates] = instruction.split(" ");
  return weightOf(codes.get(name!)!, name === "br_table" ? immediates.length : undefined);
}

function assemble(
  { fields, functions }: Program,
  count: (instruction: string) => string[],
  run: string,
  entry: readonly string[] = [],
): Uint8Array {
  const bodies = functions.map(({ header, body }) => `${header}\n${[...entry, ...body.flatMap(count)].join("\n")})`);
  return wat(`(module ${fields.join("\n")} ${bodies.join("\n")} ${run})`);
}

/** The sum of the weights of the instructions that really run: a count before each one, in a module of the test's own. */
function executedWeight(program: Program): bigint {
  const add = (gas: number) => `global.get $count i64.const ${gas} i64.add global.set $count`;
  const count = (instruction: string): string[] => {
    const weight = textWeight(instruction);
    return weight === 0 ? [instruction] : [add(weight), instruction];
  };
  const fields = [...program.fields, "(global $count (mut i64) (i64.const 0))", '(export "count" (global $count))'];
  const run = '(func (export "run") i32.const 3 call $f0 drop)';
  const code = assemble({ ...program, fields }, count, run, [add(PROGRAM_LOCAL_COUNT * LOCAL_GAS)]);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(code));
  (exports.run as () => void)();
  return (exports.count as WebAssembly.Global).value as bigint;
}

/** What `run` itself costs: a constant, a call and a drop. */
const runWeight = textWeight("i32.const 3") + textWeight("call $f0") + textWeight("drop");

test("the gas charged is the weight of the instructions executed, on random programs", () => {
  const first = Number(process.env.SEED ?? Math.floor(Math.random() * 1e9));
  for (let seed = first; seed < first + 300; seed++) {
    const program = createProgram(seed);
    const code = assemble(program, (instruction) => [instruction], '(func (export "run") i32.const 3 call $f0 drop)');
    const contract = prepareContract(code);
    const call = {
      method: "run",
      input: new Uint8Array(),
      gasLimit: 100_000_000,
      readOnly: false,
      host: createTestHost(),
    };
    const { outcome, gasUsed } = callContract(contract, call);
    expect(outcome.kind, `SEED=${seed}`).toBe("success");
    expect(BigInt(gasUsed - contract.instantiateGas - runWeight), `SEED=${seed}`).toBe(executedWeight(program));

    // The same programs at every limit around the exact one: enough is enough, one less is not.
    const exact = callContract(contract, { ...call, gasLimit: gasUsed, host: createTestHost() });
    expect(exact, `SEED=${seed}`).toEqual({ outcome, gasUsed });
    const short = callContract(contract, { ...call, gasLimit: gasUsed - 1, host: createTestHost() });
    expect(short, `SEED=${seed}`).toEqual({ outcome: { kind: "halt", reason: "OutOfGas" }, gasUsed: gasUsed - 1 });
  }
});

/** Gas of one call, the instance taken off. */
function gasOf(body: string, fields = ""): number {
  const { prepared, call } = createContract(`(module ${fields} (func (export "run") ${body}))`);
  const { outcome, gasUsed } = call("run");
  expect(outcome.kind).toBe("success");
  return gasUsed - prepared.instantiateGas;
}

test("code before an untaken if is charged (CWA-2024-007)", () => {
  const adds = "i32.const 1 i32.const 1 i32.add drop ".repeat(1_000);
  expect(gasOf(`${adds} i32.const 0 if end`)).toBe(4_000 + 2);
});

test("a taken branch does not pay for what it jumps over", () => {
  const skipped = "i32.const 1 drop ".repeat(500);
  expect(gasOf(`block i32.const 1 br_if 0 ${skipped} end`)).toBe(2);
  expect(gasOf(`block i32.const 0 br_if 0 ${skipped} end`)).toBe(2 + 1_000);
});

test("code that cannot run is free", () => {
  expect(gasOf(`block br 0 ${"i32.const 1 drop ".repeat(500)} end`)).toBe(1);
  expect(gasOf(`return ${"loop br 0 end ".repeat(10)}`)).toBe(1);
});

test("locals cost one gas each, parameters counted", () => {
  expect(gasOf("", "")).toBe(0);
  const body = (count: number) => gasOf("i32.const 0 call $f", `(func $f (param i32) (local ${"i64 ".repeat(count)}))`);
  expect(body(30) - body(15)).toBe(15);
  expect(body(15) - body(0)).toBe(15);
});

test("bulk operations pay one gas per 16 bytes begun, before they touch anything", () => {
  const fill = (length: number) => gasOf(`i32.const 0 i32.const 1 i32.const ${length} memory.fill`, "(memory 1)");
  expect(fill(16) - fill(0)).toBe(1);
  expect(fill(17) - fill(0)).toBe(2);
  expect(fill(65_536) - fill(0)).toBe(4_096);
  const { call, prepared } = createContract(
    '(module (memory 1) (func (export "run") i32.const 0 i32.const 1 i32.const -1 memory.fill))',
  );
  const cost = 2 ** 28;
  const limit = prepared.instantiateGas + cost + 15;
  expect(call("run", { gasLimit: limit }).outcome).toEqual({ kind: "halt", reason: "MemoryOutOfBounds" });
  expect(call("run", { gasLimit: limit - 1 }).outcome).toEqual({ kind: "halt", reason: "OutOfGas" });
});

test("memory.grow pays for pages it adds, and nothing for a refusal", () => {
  const grow = (pages: number) => gasOf(`i32.const ${pages} memory.grow drop`, "(memory 1 4)");
  expect(grow(1) - grow(0)).toBe(PAGE_GAS);
  expect(grow(3) - grow(0)).toBe(3 * PAGE_GAS);
  for (const pages of [4, 0x7fff_ffff, -1]) expect(grow(pages)).toBe(grow(0));
});

test("gas limits beyond 2^32 stay exact", () => {
  const { call, prepared } = createContract('(module (func (export "run") (loop br 0)) (func (export "idle")))');
  const gasLimit = Number.MAX_SAFE_INTEGER;
  expect(call("idle", { gasLimit }).gasUsed).toBe(prepared.instantiateGas);
  expect(call("run", { gasLimit: 2 ** 26 }).gasUsed).toBe(2 ** 26);
});
