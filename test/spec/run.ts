/**
 * Runs scripts of the suite on an engine and counts: passed, failed, skipped and why. A module counts as one check (it is
 * accepted and starts, or is refused under the right code), and each assertion as one.
 *
 * Skipped is only what cannot concern a contract, each under its reason: text that never becomes bytes; what a script does
 * with a module that was refused, under the refusal's code; what it does with a module after a refused one was linked to it;
 * and the deviations.
 */
import { decodeModule } from "../../vm/decode.ts";
import { InputError } from "../../vm/errors.ts";
import { type Module, typeOfFunction, type ValueType, valueType } from "../../vm/module.ts";
import { haltReasons } from "../../vm/outcome.ts";
import { assemble, disassemble } from "./assemble.ts";
import { type Step, withDriver } from "./driver.ts";
import type { Engine, PreparedModule } from "./engines.ts";
import { codesOutsideProfile, importedModules } from "./outside-profile.ts";
import { type List, parseExpressions } from "./s-expression.ts";
import type { Action, Command, ModuleSource, Value } from "./wast.ts";
import { codesByMessage, deviations, reasonsByMessage } from "./wording.ts";

export const TEXT_FORMAT = "text format";
export const LINKED = "linked to a refused module";

export interface Failure {
  /** File and line. */
  readonly place: string;
  readonly problem: string;
  /** The module under test. */
  readonly bytes: Uint8Array;
}

export interface Tally {
  passed: number;
  readonly failures: Failure[];
  readonly skipped: Map<string, number>;
  /** What each call cost, and where the module under it stands; engines must agree on all. */
  readonly calls: { readonly place: string; readonly gas: number }[];
}

export function createTally(): Tally {
  return { passed: 0, failures: [], skipped: new Map(), calls: [] };
}

interface Expectation {
  readonly place: string;
  readonly action: Action;
  /** What must come of it, in the words of `answerOf`; empty when anything but a halt will do. */
  readonly answers: readonly string[];
  readonly halts: boolean;
  /** It speaks of a state that a refused module would have changed. */
  readonly linked: boolean;
}

/** A module that the suite instantiates, with everything that its script does with the instance. */
interface ModuleCase {
  readonly kind: "module";
  readonly place: string;
  readonly bytes: Uint8Array | null;
  /** Why it is no contract; empty when it must be one. */
  readonly codes: ReadonlySet<string>;
  readonly expectations: Expectation[];
}

/** A module that must be refused. */
interface RefusalCase {
  readonly kind: "refusal";
  readonly place: string;
  readonly bytes: Uint8Array | null;
  readonly codes: ReadonlySet<string>;
}

export type Case = ModuleCase | RefusalCase;

/** Gathers the commands of a script by the module that they are about. Serves every engine. */
export function planScript(file: string, commands: readonly Command[]): Case[] {
  const cases: Case[] = [];
  const named = new Map<string, ModuleCase>();
  const registered = new Map<string, ModuleCase>();
  const linked = new Set<ModuleCase>();
  let last: ModuleCase | undefined;
  for (const command of commands) {
    const place = `${file}:${command.line}`;
    const moduleCalled = (name: string | null): ModuleCase => {
      const found = name === null ? last : named.get(name);
      if (found === undefined) throw new Error(`${place}: there is no module ${name ?? ""}`);
      return found;
    };
    switch (command.kind) {
      case "register":
        registered.set(command.as, moduleCalled(command.name));
        break;
      case "module": {
        const { bytes, codes, imports } = inspect(command.module);
        for (const name of imports) if (registered.has(name)) linked.add(registered.get(name)!);
        last = { kind: "module", place, bytes, codes, expectations: [] };
        cases.push(last);
        if (command.name !== null) named.set(command.name, last);
        break;
      }
      case "assert_malformed":
        // Malformed text is not ours to judge, even where a lenient assembler makes bytes of it.
        cases.push({
          kind: "refusal",
          place,
          bytes: command.module.form === "binary" ? command.module.bytes : null,
          codes: new Set(codesByMessage[command.message]),
        });
        break;
      case "assert_invalid": {
        const { bytes, codes } = inspect(command.module);
        cases.push({
          kind: "refusal",
          place,
          bytes,
          codes: new Set([...codes, ...(codesByMessage[command.message] ?? [])]),
        });
        break;
      }
      case "assert_unlinkable":
      case "assert_uninstantiable": {
        const { bytes, codes, imports } = inspect(command.module);
        // Before it fails, instantiation writes the segments that fit.
        for (const name of imports) if (registered.has(name)) linked.add(registered.get(name)!);
        cases.push({ kind: "refusal", place, bytes, codes });
        break;
      }
      default: {
        const target = moduleCalled(command.action.module);
        const halts = command.kind === "assert_trap" || command.kind === "assert_exhaustion";
        const answers = halts
          ? (reasonsByMessage[command.message] ?? [`a reason for "${command.message}"`])
          : command.kind === "assert_return"
            ? [valuesText(command.expected)]
            : [];
        target.expectations.push({ place, action: command.action, answers, halts, linked: linked.has(target) });
      }
    }
  }
  return cases;
}

function inspect(source: ModuleSource) {
  const bytes = assemble(source);
  const text = source.form === "text" || bytes === null ? null : disassemble(bytes);
  const fields = source.form === "text" ? source.fields : text === null ? null : (parseExpressions(text)[0] as List);
  const codes: ReadonlySet<string> = fields === null ? new Set() : codesOutsideProfile(fields);
  return { bytes, codes, imports: fields === null ? [] : importedModules(fields) };
}

export function runCases(cases: readonly Case[], engine: Engine, tally: Tally): void {
  for (const item of cases) {
    const { bytes } = item;
    if (bytes === null) {
      skip(tally, TEXT_FORMAT, 1 + (item.kind === "module" ? item.expectations.length : 0));
      continue;
    }
    try {
      runCase(tally, engine, item, bytes);
    } catch (error) {
      // A fault of ours in one module is a failure there and hides no other.
      fail(tally, item, item.place, String(error));
    }
  }
}

function runCase(tally: Tally, engine: Engine, item: Case, bytes: Uint8Array): void {
  const refusal = refusalOf(engine, bytes);
  if (item.kind === "refusal" || item.codes.size > 0) {
    const expected = [...item.codes].join(" or ") || "a code for this message";
    if (refusal !== null && item.codes.has(refusal)) tally.passed++;
    else fail(tally, item, item.place, `expected refusal as ${expected}, got ${refusal ?? "a contract"}`);
  } else if (refusal !== null) {
    fail(tally, item, item.place, `expected a contract, got refusal as ${refusal}`);
  }
  if (item.kind !== "module") return;
  if (refusal === null) runModule(tally, engine, item, bytes);
  else skip(tally, refusal, item.expectations.length);
}

function skip(tally: Tally, reason: string, count = 1): void {
  if (count > 0) tally.skipped.set(reason, (tally.skipped.get(reason) ?? 0) + count);
}

function fail(tally: Tally, { bytes }: Case, place: string, problem: string): void {
  tally.failures.push({ place, problem, bytes: bytes! });
}

function refusalOf(engine: Engine, bytes: Uint8Array): string | null {
  try {
    engine.prepare(bytes);
    return null;
  } catch (error) {
    if (error instanceof InputError) return error.code;
    throw error;
  }
}

function runModule(tally: Tally, engine: Engine, item: ModuleCase, bytes: Uint8Array): void {
  const module = decodeModule(bytes);
  const steps: Step[] = [];
  const runnable: Expectation[] = [];
  for (const expectation of item.expectations) {
    if (expectation.linked) {
      skip(tally, LINKED);
      continue;
    }
    const step = stepOf(module, expectation);
    if (typeof step === "string") {
      fail(tally, item, expectation.place, step);
    } else {
      steps.push(step);
      runnable.push(expectation);
    }
  }
  const prepared = engine.prepare(withDriver(module, steps));
  const call: PreparedModule["run"] = (step, part) => {
    const result = prepared.run(step, part);
    tally.calls.push({ place: `${item.place}, step ${step}`, gas: result.gasUsed });
    return result;
  };
  const started = answerOf(call, -1, []);
  if (started === NOTHING) tally.passed++;
  else fail(tally, item, item.place, `the instance does not start: ${started}`);
  for (const [i, { place, answers, halts }] of runnable.entries()) {
    const answer = answerOf(call, i, halts ? [] : resultTypes(module, steps[i]!));
    const isRight =
      answers.length === 0 ? !(haltReasons as readonly string[]).includes(answer) : answers.includes(answer);
    const deviation = deviations[place];
    if (deviation?.actual === answer) skip(tally, deviation.reason);
    else if (isRight) tally.passed++;
    else fail(tally, item, place, `expected ${answers.join(" or ") || "no halt"}, got ${answer}`);
  }
}

/** The action as a step of the driver, or what keeps it from being one. */
function stepOf(module: Module, { action, halts }: Expectation): Step | string {
  const { kind, exportName } = action;
  const wantedKind = kind === "invoke" ? "function" : "global";
  const found = module.exports.find((item) => item.name === exportName && item.kind === wantedKind);
  if (found === undefined) return `no ${wantedKind} is exported as "${exportName}"`;
  const params = kind === "invoke" ? typeOfFunction(module, found.index)!.params : [];
  const args: bigint[] = [];
  for (const [i, value] of action.args.entries()) {
    if (value.type === "outside" || value.type !== typeName(params[i])) return `argument ${i} has another type`;
    args.push(value.bits);
  }
  if (args.length !== params.length) return `${args.length} arguments for ${params.length} parameters`;
  return { kind, index: found.index, args, traps: halts };
}

function resultTypes(module: Module, step: Step): readonly ValueType[] {
  return step.kind === "invoke" ? typeOfFunction(module, step.index)!.results : [module.globals[step.index]!.type];
}

const NOTHING = "nothing";

/** What a step gives: a halt reason, or its results in the words of `valuesText`. */
function answerOf(call: PreparedModule["run"], step: number, types: readonly ValueType[]): string {
  const actual: Value[] = [];
  let part = 0;
  for (const type of types) {
    let bits = 0n;
    for (let shift = 0n; shift < (type === valueType.i32 ? 32n : 64n); shift += 32n) {
      const { outcome } = call(step, part++);
      if (outcome.kind === "halt") return outcome.reason;
      if (outcome.kind !== "revert") return "no result";
      bits |= BigInt(outcome.code) << shift;
    }
    actual.push({ type: typeName(type), bits });
  }
  if (types.length > 0) return valuesText(actual);
  const { outcome } = call(step, 0);
  if (outcome.kind === "halt") return outcome.reason;
  return outcome.kind === "success" ? NOTHING : "a result";
}

function typeName(type: ValueType | undefined): "i32" | "i64" {
  return type === valueType.i64 ? "i64" : "i32";
}

function valuesText(values: readonly Value[]): string {
  if (values.length === 0) return NOTHING;
  return values
    .map((value) => (value.type === "outside" ? value.text : `${value.type} 0x${value.bits.toString(16)}`))
    .join(", ");
}
