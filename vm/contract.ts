/**
 * The VM's public face: bytes in, outcome out.
 *
 * `prepareContract` decides once per code whether a module is a contract and compiles it; `callContract` runs one method of
 * it against a `Host`. Both are pure functions: what they return depends on nothing but their arguments.
 */
import { ABI_SECTION, type Abi, type AbiMethod, decodeAbi } from "./abi.ts";
import { decodeModule } from "./decode.ts";
import { assert, InputError } from "./errors.ts";
import { surveyFloats } from "./float-survey.ts";
import type { Host } from "./host-fns/host.ts";
import { INPUT_SIZE_MAX } from "./host-fns/message.ts";
import {
  type InstructionEvent,
  type InterpretedModule,
  type InterpreterCall,
  interpret,
  prepareInterpreter,
} from "./interpreter.ts";
import { type CompiledModule, compile, run } from "./jit.ts";
import { injectMetering } from "./metering/inject.ts";
import {
  DATA_BYTES_PER_GAS_LOG2,
  EXPORT_GAS,
  FUNCTION_GAS,
  GLOBAL_GAS,
  IMPORT_GAS,
  INITIAL_PAGE_GAS,
  INSTANTIATE_GAS,
  SEGMENT_GAS,
  TABLE_ENTRY_GAS,
} from "./metering/schedule.ts";
import { type Module, typeOfFunction } from "./module.ts";
import { ModuleError } from "./module-error.ts";
import type { CallResult } from "./outcome.ts";
import { MEMORY_PAGE_COUNT_MAX, STACK_HEIGHT_MAX } from "./profile.ts";
import { validateModule } from "./validate.ts";
import type { FunctionFacts } from "./validate-function.ts";

export {
  ABI_SECTION,
  type Abi,
  type AbiMethod,
  type AbiType,
  decodeAbi,
  encodeAbi,
  INIT_METHOD,
  MIGRATE_METHOD,
} from "./abi.ts";
export { Fault, InputError } from "./errors.ts";
export type { FloatUse } from "./float-survey.ts";
export type {
  CallContext,
  CallRequest,
  CreateRequest,
  Frame,
  Host,
  MessageResult,
  ScannedEntry,
  ScanRange,
  UpgradeRequest,
} from "./host-fns/host.ts";
export { hostFunctions } from "./host-fns/table.ts";
export type { InstructionEvent } from "./interpreter.ts";
export { ModuleError } from "./module-error.ts";
export {
  type CallResult,
  type HaltReason,
  haltReasons,
  type Outcome,
  type Refusal,
  type RefusalReason,
  refusalReasons,
} from "./outcome.ts";

/**
 * The export that the VM runs before a method when a module has it: static initialisers, under the name that the toolchains
 * of C, Rust and AssemblyScript give them. It is paid like all code.
 */
export const INITIALIZE_EXPORT = "_initialize";

/** What a module is, found without running it. */
export interface ModuleSummary {
  /** Names that can be called, `init` included; in byte order of the module. */
  readonly methods: readonly string[];
  readonly abi: Abi | null;
  /** Null when the module has no memory. `maximum` is where growth ends. */
  readonly memoryPages: { readonly initial: number; readonly maximum: number } | null;
  /** Host functions it uses. */
  readonly imports: readonly string[];
  readonly functionCount: number;
  /** Bytes. */
  readonly codeSize: number;
}

export interface PreparedContract {
  readonly summary: ModuleSummary;
  /** For the `jit` engine. */
  readonly compiled: CompiledModule;
  /** For the `interpreter` engine; made when first asked for. */
  readonly interpreted: () => InterpretedModule;
  readonly methods: ReadonlyMap<string, AbiMethod | null>;
  readonly hasInitialize: boolean;
  /** Gas for making an instance, charged before each call. */
  readonly instantiateGas: number;
}

/**
 * Decides whether `code` is a contract. Throws `ModuleError`, or `InputError` (`abi_*`, `borsh_*`) for its ABI section. A
 * `float` error names in `details.floats` every function that holds one (`FloatUse`).
 */
export function checkModule(code: Uint8Array): ModuleSummary {
  try {
    const { module, facts, summary } = inspect(code);
    // Its size is bounded too, which shows only when it is made.
    injectMetering(module, facts);
    return summary;
  } catch (error) {
    if (!(error instanceof ModuleError) || error.code !== "float") throw error;
    throw error.with({ floats: surveyFloats(code) });
  }
}

/** As `checkModule`, and compiles. The result may be kept for as long as one likes: it holds no state. */
export function prepareContract(code: Uint8Array): PreparedContract {
  const { module, facts, summary } = inspect(code);
  const compiled = compile(module, injectMetering(module, facts));
  let interpreted: InterpretedModule | undefined;
  const abiMethods = new Map(summary.abi?.methods.map((method) => [method.name, method]));
  return {
    summary,
    compiled,
    interpreted: () => {
      interpreted ??= prepareInterpreter(module, facts);
      return interpreted;
    },
    methods: new Map(summary.methods.map((name) => [name, abiMethods.get(name) ?? null])),
    hasInitialize: module.exports.some(({ kind, name }) => kind === "function" && name === INITIALIZE_EXPORT),
    instantiateGas: instantiateGas(module),
  };
}

function inspect(code: Uint8Array) {
  const module = decodeModule(code);
  const facts: readonly FunctionFacts[] = validateModule(module);
  const methods = methodNames(module);
  const abi = readAbi(module, methods);
  const summary: ModuleSummary = {
    methods,
    abi,
    memoryPages: module.memory && {
      initial: module.memory.min,
      maximum: Math.min(module.memory.max ?? MEMORY_PAGE_COUNT_MAX, MEMORY_PAGE_COUNT_MAX),
    },
    imports: [...new Set(module.imports.map(({ name }) => name))],
    functionCount: module.imports.length + module.functions.length,
    codeSize: code.length,
  };
  return { module, facts, summary };
}

/** A method is an exported function `() -> ()`. Other functions may be exported and cannot be called. */
function methodNames(module: Module): readonly string[] {
  const names: string[] = [];
  for (const { name, kind, index, offset } of module.exports) {
    if (kind !== "function") continue;
    const { params, results } = typeOfFunction(module, index)!;
    const callable = params.length === 0 && results.length === 0;
    if (name !== INITIALIZE_EXPORT) {
      if (callable) names.push(name);
    } else if (!callable) {
      throw new ModuleError("initialize_type", `export "${INITIALIZE_EXPORT}" must be () -> ()`, offset);
    }
  }
  return names;
}

function readAbi(module: Module, methods: readonly string[]): Abi | null {
  const sections = module.customs.filter(({ name }) => name === ABI_SECTION);
  const [section, second] = sections;
  if (section === undefined) return null;
  if (second !== undefined) throw new InputError("abi_duplicate", `two sections named ${ABI_SECTION}`);
  const abi = decodeAbi(section.bytes);
  const declared = new Set(abi.methods.map(({ name }) => name));
  for (const name of methods) {
    if (!declared.has(name)) {
      throw new InputError("abi_exports", `the module exports the method "${name}", its ABI does not have it`);
    }
    declared.delete(name);
  }
  const [missing] = declared;
  if (missing !== undefined) {
    throw new InputError(
      "abi_exports",
      `the ABI has the method "${missing}", the module does not export it as () -> ()`,
    );
  }
  return abi;
}

function instantiateGas({ imports, exports, functions, globals, memory, table, data, elements }: Module): number {
  let gas = INSTANTIATE_GAS + (memory?.min ?? 0) * INITIAL_PAGE_GAS + (table?.min ?? 0) * TABLE_ENTRY_GAS;
  gas += imports.length * IMPORT_GAS + exports.length * EXPORT_GAS;
  gas += globals.length * GLOBAL_GAS + functions.length * FUNCTION_GAS;
  gas += (data.length + elements.length) * SEGMENT_GAS;
  for (const { bytes } of data) gas += bytes.length >>> DATA_BYTES_PER_GAS_LOG2;
  for (const element of elements) gas += element.functions.length * TABLE_ENTRY_GAS;
  return gas;
}

export type Engine = "jit" | "interpreter";

export interface CallOptions {
  /** A name out of `PreparedContract.methods`. */
  readonly method: string;
  /** Borsh arguments, at most `INPUT_SIZE_MAX` bytes. */
  readonly input: Uint8Array;
  /** From 0 to 2^53 - 1. */
  readonly gasLimit: number;
  /** Writes and events halt the call; methods that the ABI calls views always run so. */
  readonly readOnly: boolean;
  readonly host: Host;
  /** Logical height of the native stack that is in use already, by contracts that wait for this one. None by default. */
  readonly stackHeight?: number;
  /** Both give the same result. `jit`, the default, is fast; `interpreter` is independent of the host's WebAssembly. */
  readonly engine?: Engine;
  /** Told before each instruction; only the interpreter can. */
  readonly onInstruction?: (event: InstructionEvent) => void;
}

/** Runs one method in a fresh instance. Never throws for anything that a guest can do. */
export function callContract(contract: PreparedContract, options: CallOptions): CallResult {
  const { method, input, gasLimit, host } = options;
  const description = contract.methods.get(method);
  assert(description !== undefined, `method ${method} does not exist`);
  assert(input.length <= INPUT_SIZE_MAX, `input of ${input.length} bytes`);
  assert(Number.isSafeInteger(gasLimit) && gasLimit >= 0, `gas limit ${gasLimit}`);
  const guestGas = gasLimit - contract.instantiateGas;
  if (guestGas < 0) return { outcome: { kind: "halt", reason: "OutOfGas" }, gasUsed: gasLimit };
  const { engine = "jit", stackHeight = 0, onInstruction } = options;
  assert(onInstruction === undefined || engine === "interpreter", "only the interpreter traces instructions");
  const call: InterpreterCall = {
    host,
    input,
    readOnly: options.readOnly || description?.mutability === "view",
    gasLimit: guestGas,
    // Whoever begins above the limit is refused at its first function, as is whoever begins right below it.
    stackHeight: Math.min(stackHeight, STACK_HEIGHT_MAX),
    exports: contract.hasInitialize ? [INITIALIZE_EXPORT, method] : [method],
    ...(onInstruction === undefined ? {} : { onInstruction }),
  };
  const { outcome, gasUsed } =
    engine === "jit" ? run(contract.compiled, call) : interpret(contract.interpreted(), call);
  return { outcome, gasUsed: contract.instantiateGas + gasUsed };
}
