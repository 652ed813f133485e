/**
 * One process, one tier, one native stack: runs shapes on both engines and prints a line of JSON for each.
 *
 * Law: whatever fits the logical stack succeeds, whatever does not halts with StackOverflow, and both engines say the same. A
 * native overflow is a `Fault`, and shows as a failure here.
 *
 *     node [V8 flags] probe.js [--rounds N] SHAPE...       SHAPE is a name out of shapes.ts, or "random SEED"
 */
import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import { decodeModule } from "../../vm/decode.ts";
import type { Host } from "../../vm/host-fns/host.ts";
import { type InterpretedModule, interpret, prepareInterpreter } from "../../vm/interpreter.ts";
import { type CompiledModule, compile, type JitCall, run } from "../../vm/jit.ts";
import { injectMetering } from "../../vm/metering/inject.ts";
import type { CallResult } from "../../vm/outcome.ts";
import { ACTIVATION_HEIGHT, STACK_HEIGHT_MAX } from "../../vm/profile.ts";
import { validateModule } from "../../vm/validate.ts";
import type { Shape } from "./recursion.ts";
import { randomShape, shapes } from "./shapes.ts";

export interface ProbeLine {
  readonly shape: string;
  /** Frames that fit the logical stack. */
  readonly depth: number;
  /** Null when all is as it must be. */
  readonly failure: string | null;
}

const GAS_LIMIT = 1_000_000_000;
/** Between rounds: time for the engine to compile a busy function again, where it does that. */
const ROUND_PAUSE_MS = 1_500;

function host(stored: string[]): Host {
  const zeros = new Uint8Array(32);
  return {
    context: { self: zeros, caller: zeros, signer: zeros, value: 0n, blockHeight: 1, blockTime: 1, chainId: "stack" },
    storageGet: () => undefined,
    storageSet: (key, value) => void stored.push(Buffer.concat([key, value]).toString("hex")),
    storageRemove: () => undefined,
    emit: () => true,
    debugLog: () => undefined,
  };
}

/** Outcome, gas and storage writes as text. */
function observe(execute: (call: JitCall) => CallResult, { exports }: Shape, depth: number): string {
  const stored: string[] = [];
  const input = new Uint8Array(4);
  new DataView(input.buffer).setUint32(0, depth, true);
  const { outcome, gasUsed } = execute({ host: host(stored), input, readOnly: false, gasLimit: GAS_LIMIT, exports });
  return `${outcome.kind === "halt" ? outcome.reason : outcome.kind} ${gasUsed} ${stored}`;
}

/** The largest depth that the interpreter, which has no native recursion, lets succeed. */
function depthThatFits(interpreted: InterpretedModule, shape: Shape): number {
  let [fits, overflows] = [0, Math.ceil(STACK_HEIGHT_MAX / ACTIVATION_HEIGHT)];
  while (overflows - fits > 1) {
    const depth = (fits + overflows) >> 1;
    const shown = observe((call) => interpret(interpreted, call), shape, depth);
    if (shown.startsWith("success")) fits = depth;
    else overflows = depth;
  }
  return fits;
}

/** What an engine must show at a depth. */
interface Expectation {
  readonly depth: number;
  readonly shown: string;
}

interface Probe {
  readonly shape: Shape;
  readonly compiled: CompiledModule;
  /** Frames that fit the logical stack. */
  readonly depth: number;
  readonly expectations: readonly Expectation[];
}

function prepare(shape: Shape): Probe {
  const module = decodeModule(shape.code);
  const facts = validateModule(module);
  const interpreted = prepareInterpreter(module, facts);
  const compiled = compile(module, injectMetering(module, facts));
  const depth = shape.isCounted ? depthThatFits(interpreted, shape) : 0;
  const expect = (at: number, start: string): Expectation => {
    const shown = observe((call) => interpret(interpreted, call), shape, at);
    if (!shown.startsWith(start)) throw new Error(`the interpreter says ${shown} of ${shape.name} at depth ${at}`);
    return { depth: at, shown };
  };
  const expectations = [expect(depth + 1, "StackOverflow")];
  if (shape.isCounted) expectations.push(expect(depth, "success"));
  return { shape, compiled, depth, expectations };
}

function failureOf({ shape, compiled, expectations }: Probe): string | null {
  for (const { depth, shown: expected } of expectations) {
    let shown: string;
    try {
      shown = observe((call) => run(compiled, call), shape, depth);
    } catch (error) {
      shown = String(error);
    }
    if (shown !== expected) return `${shown} at depth ${depth}, not ${expected}`;
  }
  return null;
}

function shapeOf(name: string): Shape {
  const seed = /^random (\d+)$/.exec(name)?.[1];
  const shape = seed === undefined ? allShapes.find((item) => item.name === name) : randomShape(Number(seed));
  if (shape === undefined) throw new Error(`no shape is called ${name}`);
  return shape;
}

const { values, positionals } = parseArgs({ options: { rounds: { type: "string" } }, allowPositionals: true });
const allShapes = shapes;
const probes = positionals.map((name) => prepare(shapeOf(name)));
const failures = probes.map(failureOf);
for (let round = 1; round < Number(values.rounds ?? 1); round++) {
  await setTimeout(ROUND_PAUSE_MS);
  for (const [index, probe] of probes.entries()) failures[index] ??= failureOf(probe);
}
for (const [index, { shape, depth }] of probes.entries()) {
  const line: ProbeLine = { shape: shape.name, depth, failure: failures[index]! };
  console.log(JSON.stringify(line));
}
