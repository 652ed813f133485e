/**
 * The same case inside a contract of one import, on both engines. Law: outcome, gas, memory and all that is asked of the
 * chain are what they were without any Wasm between. The contract itself compares the result with the expected one.
 */
import { ByteWriter } from "../../../vm/byte-writer.ts";
import { decodeModule } from "../../../vm/decode.ts";
import { type HostFunction, type HostValueType, hostFunctions } from "../../../vm/host-fns/table.ts";
import { interpret, prepareInterpreter } from "../../../vm/interpreter.ts";
import { compile, type JitCall, run } from "../../../vm/jit.ts";
import { injectMetering } from "../../../vm/metering/inject.ts";
import { weightOf } from "../../../vm/metering/schedule.ts";
import { op } from "../../../vm/opcodes.ts";
import type { CallResult } from "../../../vm/outcome.ts";
import { validateModule } from "../../../vm/validate.ts";
import { type HostCase, memoryOf } from "./case.ts";
import { createHost, type HostStep, hostStepsOf, type Observation, show } from "./run.ts";

const I32_NE = 0x47;
const I64_NE = 0x52;
const typeCode = { i32: 0x7f, i64: 0x7e } as const;
const inputFunction = hostFunctions.get("input")!;

/** Null when both engines do as `seen`. */
export function engineDifference(fn: HostFunction, hostCase: HostCase, seen: Observation): string | null {
  const { code, gas } = createContract(fn, hostCase, seen);
  const module = decodeModule(code);
  const facts = validateModule(module);
  const expected = show(expectedOf(seen, gas));
  const compiled = compile(module, injectMetering(module, facts));
  const jit = show(observe(hostCase, seen.gasGiven + gas, (call) => run(compiled, call)));
  if (jit !== expected) return `jit ${jit} instead of ${expected}`;
  const prepared = prepareInterpreter(module, facts);
  const interpreted = show(observe(hostCase, seen.gasGiven + gas, (call) => interpret(prepared, call)));
  return interpreted === expected ? null : `interpreter ${interpreted} instead of ${expected}`;
}

interface Shown {
  readonly result: CallResult;
  readonly memory: Uint8Array;
  readonly asked: readonly string[];
}

function shownSteps(steps: readonly HostStep[]): readonly string[] {
  return steps.map(({ method, shown, message }) => `${method} ${shown} ${message?.frame.gasLimit ?? ""}`);
}

function expectedOf(seen: Observation, gas: number): Shown {
  const { ending, gasGiven, gasLeft, returnData, memory } = seen;
  const gasUsed = gas + gasGiven - (ending.kind === "halt" ? 0 : gasLeft);
  const outcome =
    ending.kind === "halt" || ending.kind === "revert" ? ending : { kind: "success" as const, data: returnData };
  return { result: { outcome, gasUsed }, memory, asked: shownSteps(hostStepsOf(seen)) };
}

function observe(hostCase: HostCase, gasLimit: number, execute: (call: JitCall) => CallResult): Shown {
  const steps: HostStep[] = [];
  const { input, readOnly } = hostCase;
  const host = createHost(hostCase, (step) => steps.push(step));
  let memory = new Uint8Array();
  const onFinish: NonNullable<JitCall["onFinish"]> = (facts) => {
    memory = facts.memory.slice();
  };
  const result = execute({ host, input, readOnly, gasLimit, stackHeight: 0, exports: ["run"], onFinish });
  return { result, memory, asked: shownSteps(steps) };
}

/** The module, and what it uses beside the call in question. */
function createContract(
  fn: HostFunction,
  hostCase: HostCase,
  { ending }: Observation,
): { code: Uint8Array; gas: number } {
  let gas = 0;
  const body = new ByteWriter().u32(0);
  const emit = (code: number): ByteWriter => {
    gas += weightOf(code);
    return body.u8(code);
  };
  const constant = (type: HostValueType, value: number | bigint) =>
    emit(type === "i32" ? op.i32Const : op.i64Const).signed(value);
  if (hostCase.inputFetched) {
    constant("i32", 0);
    constant("i32", 0);
    emit(op.call).u32(0);
    emit(op.drop);
    gas += inputFunction.price.base + inputFunction.price.perByte * hostCase.input.length;
  }
  for (const [i, type] of fn.params.entries()) constant(type, hostCase.args[i]!);
  emit(op.call).u32(1);
  if (fn.result !== null) {
    // Where the call did not return, what is compared does not matter.
    constant(fn.result, ending.kind === "returned" ? (ending.value as number | bigint) : fn.result === "i32" ? 0 : 0n);
    emit(fn.result === "i32" ? I32_NE : I64_NE);
    emit(op.if).u8(0x40);
    emit(op.unreachable);
    emit(op.end);
  }
  emit(op.end);

  const memory = memoryOf(hostCase);
  const out = new ByteWriter().u8(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00);
  out.section(1, (section) => {
    section.list([inputFunction, fn, { params: [], result: null }], ({ params, result }) => {
      section.u8(0x60).list(params, (type) => section.u8(typeCode[type]));
      section.list(result === null ? [] : [result], (type) => section.u8(typeCode[type]));
    });
  });
  out.section(2, (section) => {
    section.u32(2);
    for (const [type, { name }] of [inputFunction, fn].entries()) section.name("lockstep").name(name).u8(0).u32(type);
  });
  out.section(3, (section) => section.u32(1).u32(2));
  out.section(5, (section) => section.u32(1).u8(0).u32(hostCase.pageCount));
  out.section(7, (section) => section.u32(1).name("run").u8(0).u32(2));
  out.section(10, (section) => section.u32(1).sized((content) => content.bytes(body.view())));
  out.section(11, (section) => section.u32(1).u8(0, op.i32Const, 0, op.end).u32(memory.length).bytes(memory));
  return { code: out.view().slice(), gas };
}
