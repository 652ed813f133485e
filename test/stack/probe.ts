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
import { ContractCache } from "../../node/contract-cache.ts";
import { callMessage, createScope, outermostFrame, writeAccount } from "../../node/message-call.ts";
import { codeInfoKey, codeKey, encodeCodeInfo } from "../../node/state/account.ts";
import { Journal } from "../../node/state/journal.ts";
import type { Engine, MessageResult } from "../../vm/contract.ts";
import { decodeModule } from "../../vm/decode.ts";
import type { Host } from "../../vm/host-fns/host.ts";
import { interpret, prepareInterpreter } from "../../vm/interpreter.ts";
import { compile, type JitCall, run } from "../../vm/jit.ts";
import { injectMetering } from "../../vm/metering/inject.ts";
import type { CallResult } from "../../vm/outcome.ts";
import { ACTIVATION_HEIGHT, CALL_DEPTH_MAX, STACK_HEIGHT_MAX } from "../../vm/profile.ts";
import { validateModule } from "../../vm/validate.ts";
import { createTestHost } from "../support/contracts.ts";
import type { Shape } from "./recursion.ts";
import { randomShape, shapes } from "./shapes.ts";

export interface ProbeLine {
  readonly shape: string;
  /** Frames that fit the logical stack. */
  readonly depth: number;
  /** Null when all is as it must be. */
  readonly failure: string | null;
}

const GAS_LIMIT = 100_000_000_000;
/** Between rounds: time for the engine to compile a busy function again, where it does that. */
const ROUND_PAUSE_MS = 1_500;

function host(stored: string[]): Host {
  return {
    ...createTestHost(),
    storageSet: (key, value) => void stored.push(Buffer.concat([key, value]).toString("hex")),
  };
}

/** Outcome, gas and storage writes as text. */
type Execute = (depth: number) => string;

function inputOf(depth: number): Uint8Array {
  const input = new Uint8Array(4);
  new DataView(input.buffer).setUint32(0, depth, true);
  return input;
}

function show({ outcome, gasUsed }: MessageResult, stored: readonly string[]): string {
  return `${outcome.kind === "halt" ? outcome.reason : outcome.kind} ${gasUsed} ${stored}`;
}

/** One contract. */
function alone({ exports }: Shape, execute: (call: JitCall) => CallResult): Execute {
  return (depth) => {
    const stored: string[] = [];
    const options = { readOnly: false, gasLimit: GAS_LIMIT, stackHeight: 0, exports };
    return show(execute({ host: host(stored), input: inputOf(depth), ...options }), stored);
  };
}

class CountingJournal extends Journal {
  writeCount = 0;

  override set(key: Uint8Array, value: Uint8Array): void {
    this.writeCount++;
    super.set(key, value);
  }
}

/** The contract under the zero address, which calls itself through the chain; its last frame writes once. */
function nested({ code }: Shape, engine: Engine): Execute {
  const zeros = new Uint8Array(32);
  const contracts = new ContractCache();
  return (depth) => {
    const journal = new CountingJournal({ get: () => undefined, scan: () => [][Symbol.iterator]() });
    journal.set(codeKey(zeros), code);
    journal.set(codeInfoKey(zeros), encodeCodeInfo({ size: code.length, functionCount: 0 }));
    writeAccount(journal, zeros, { nonce: 0, balance: 0n, codeHash: zeros });
    journal.writeCount = 0;
    const environment = { chainId: "stack", blockHeight: 1, blockTime: 1, signer: zeros, randomSeed: zeros };
    const scope = createScope({ journal, contracts, engine, ...environment });
    const message = { caller: zeros, contract: zeros, method: "run", args: inputOf(depth), value: 0n };
    const result = callMessage(scope, { ...message, frame: outermostFrame(GAS_LIMIT) });
    // Deeper contracts may overflow where the first ones do not, and those go on.
    if (result.outcome.kind === "success" && journal.writeCount < CALL_DEPTH_MAX) {
      return `StackOverflow in a callee ${result.gasUsed} ${journal.writeCount}`;
    }
    return show(result, [String(journal.writeCount)]);
  };
}

/** The largest depth that the interpreter, which has no native recursion, lets succeed. */
function depthThatFits(execute: Execute): number {
  let [fits, overflows] = [0, Math.ceil(STACK_HEIGHT_MAX / ACTIVATION_HEIGHT)];
  while (overflows - fits > 1) {
    const depth = (fits + overflows) >> 1;
    if (execute(depth).startsWith("success")) fits = depth;
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
  readonly jit: Execute;
  /** Frames that fit the logical stack. */
  readonly depth: number;
  readonly expectations: readonly Expectation[];
}

function prepare(shape: Shape): Probe {
  const { jit, interpreter } = engines(shape);
  const depth = shape.isCounted ? depthThatFits(interpreter) : 0;
  const expect = (at: number, start: string): Expectation => {
    const shown = interpreter(at);
    if (!shown.startsWith(start)) throw new Error(`the interpreter says ${shown} of ${shape.name} at depth ${at}`);
    return { depth: at, shown };
  };
  const expectations = [expect(depth + 1, "StackOverflow")];
  if (shape.isCounted) expectations.push(expect(depth, "success"));
  return { shape, jit, depth, expectations };
}

function engines(shape: Shape): { readonly jit: Execute; readonly interpreter: Execute } {
  if (shape.isNested) return { jit: nested(shape, "jit"), interpreter: nested(shape, "interpreter") };
  const module = decodeModule(shape.code);
  const facts = validateModule(module);
  const interpreted = prepareInterpreter(module, facts);
  const compiled = compile(module, injectMetering(module, facts));
  return {
    jit: alone(shape, (call) => run(compiled, call)),
    interpreter: alone(shape, (call) => interpret(interpreted, call)),
  };
}

function failureOf({ jit, expectations }: Probe): string | null {
  for (const { depth, shown: expected } of expectations) {
    let shown: string;
    try {
      shown = jit(depth);
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
