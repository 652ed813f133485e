/**
 * Runs one contract on both engines and compares everything they can be told apart by: outcome, gas, storage, events, the
 * transcript of the host's side, final memory, stack peak. Law: there is no difference.
 */
import { createHash } from "node:crypto";
import { decodeModule } from "../../vm/decode.ts";
import { InputError } from "../../vm/errors.ts";
import type { Host } from "../../vm/host-fns/host.ts";
import { interpret, prepareInterpreter } from "../../vm/interpreter.ts";
import { compile, type FinishFacts, type JitCall, run } from "../../vm/jit.ts";
import { injectMetering } from "../../vm/metering/inject.ts";
import type { CallResult } from "../../vm/outcome.ts";
import { validateModule } from "../../vm/validate.ts";
import { createTestHost } from "../support/contracts.ts";

/** What one engine showed. Two of them are compared as text. */
export interface Observation {
  readonly result: CallResult;
  readonly storage: readonly (readonly [string, string])[];
  readonly events: readonly string[];
  readonly transcript: readonly string[];
  readonly memoryHash: string;
  readonly stackHeightMax: number | null;
}

export type Engine = (call: Pick<JitCall, "gasLimit" | "input" | "readOnly">) => Observation;

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function observe(execute: (call: JitCall) => CallResult, call: Parameters<Engine>[0]): Observation {
  const inner = createTestHost();
  const transcript: string[] = [];
  const recorded = <Arguments extends unknown[], Result>(name: string, run: (...args: Arguments) => Result) => {
    return (...args: Arguments): Result => {
      const result = run(...args);
      transcript.push(`${name} ${show(args)} ${show(result)}`);
      return result;
    };
  };
  const host: Host = {
    ...inner,
    transfer: recorded("transfer", inner.transfer),
    call: recorded("call", inner.call),
    create: recorded("create", inner.create),
    upgrade: recorded("upgrade", inner.upgrade),
    storageGet: recorded("get", inner.storageGet),
    storageSet: recorded("set", inner.storageSet),
    storageRemove: recorded("remove", inner.storageRemove),
    emit: recorded("emit", inner.emit),
    debugLog: recorded("log", inner.debugLog),
  };
  let facts: { memoryHash: string; stackHeightMax: number | null } | undefined;
  const onFinish = ({ memory, stackHeightMax }: FinishFacts) => {
    facts = { memoryHash: createHash("sha256").update(memory).digest("hex"), stackHeightMax };
  };
  const result = execute({ ...call, host, stackHeight: 0, exports: ["run"], onFinish });
  return {
    result,
    storage: [...inner.storage].map(([key, value]) => [hex(Buffer.from(key, "latin1")), hex(value)] as const).sort(),
    events: inner.events.map(({ topics, data }) => `${topics.map(hex)} ${hex(data)}`),
    transcript,
    ...facts!,
  };
}

/** The jit engine on `code`. Throws `InputError` for what is no contract. */
export function jitEngine(code: Uint8Array): Engine {
  const module = decodeModule(code);
  const compiled = compile(module, injectMetering(module, validateModule(module), { tracksPeak: true }));
  return (call) => observe((jitCall) => run(compiled, jitCall), call);
}

/** The interpreter on `code`. Throws `InputError` for what is no contract. */
export function interpreterEngine(code: Uint8Array): Engine {
  const module = decodeModule(code);
  const prepared = prepareInterpreter(module, validateModule(module));
  return (call) => observe((jitCall) => interpret(prepared, jitCall), call);
}

export interface Difference {
  readonly gasLimit: number;
  readonly field: keyof Observation;
  readonly jit: string;
  readonly interpreter: string;
}

const GAS_LIMIT = 3_000_000;
const input = Uint8Array.from({ length: 48 }, (_, i) => i * 5);

/** Null when the engines agree at every gas limit tried: ample, exact, one less, and some in between. */
export function findDifference(jit: Engine, interpreter: Engine, random: (below: number) => number): Difference | null {
  const ample = compareAt(jit, interpreter, GAS_LIMIT);
  if (ample.difference !== null) return ample.difference;
  const { gasUsed } = ample.result;
  for (const gasLimit of [gasUsed, gasUsed - 1, random(gasUsed + 1), random(gasUsed + 1)]) {
    if (gasLimit < 1) continue;
    const { difference } = compareAt(jit, interpreter, gasLimit);
    if (difference !== null) return difference;
  }
  return null;
}

function compareAt(jit: Engine, interpreter: Engine, gasLimit: number) {
  const call = { gasLimit, input, readOnly: gasLimit % 5 === 0 };
  const [one, two] = [jit(call), interpreter(call)];
  const result = one.result;
  for (const field of Object.keys(one) as (keyof Observation)[]) {
    // A frame that did not fit was entered by one engine and not by the other; which, is no part of the rule.
    if (result.outcome.kind === "halt" && field === "stackHeightMax") continue;
    const [a, b] = [show(one[field]), show(two[field])];
    if (a !== b) return { result, difference: { gasLimit, field, jit: a, interpreter: b } };
  }
  return { result, difference: null };
}

function show(value: unknown): string {
  return JSON.stringify(value, (_, item) => {
    if (item instanceof Uint8Array) return hex(item);
    return typeof item === "bigint" ? `${item}n` : item;
  });
}

/** As `findDifference` on one module; null also for bytes that both refuse. */
export function differenceOf(code: Uint8Array, random: (below: number) => number): Difference | null {
  try {
    return findDifference(jitEngine(code), interpreterEngine(code), random);
  } catch (error) {
    if (error instanceof InputError) return null;
    throw error;
  }
}
