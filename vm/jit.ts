/**
 * The `jit` engine: the instrumented module on the host's own WebAssembly.
 *
 * The module's `$gas` global holds what is left whenever a host function runs, so gas, stack and halt codes cross the border
 * as globals and no import beyond the host functions exists. Every way out is sorted into an outcome or a fault; no message
 * of the engine gets past this file.
 */
import { assert, Fault } from "./errors.ts";
import { GuestExit, type Host, HostCall } from "./host-fns/host.ts";
import { type HostFunction, hostFunctions } from "./host-fns/table.ts";
import { returnMemory, takeMemory } from "./memory-pool.ts";
import { haltCode, injected } from "./metering/inject.ts";
import type { Module } from "./module.ts";
import type { CallResult, HaltReason, Outcome } from "./outcome.ts";
import { STACK_HEIGHT_MAX } from "./profile.ts";
import { haltReasonOf } from "./traps.ts";
import { HOST_MODULE } from "./validate.ts";

export interface CompiledModule {
  readonly engineModule: WebAssembly.Module;
  /** The host functions it imports. */
  readonly imports: readonly HostFunction[];
  /** Null when the module has no memory. */
  readonly memoryPageCount: number | null;
}

/** `instrumented` comes from `injectMetering`. A refusal by the engine is a fault: our validator had accepted. */
export function compile(module: Module, instrumented: Uint8Array): CompiledModule {
  let engineModule: WebAssembly.Module;
  try {
    engineModule = new WebAssembly.Module(instrumented);
  } catch (error) {
    throw new Fault(`the engine refuses an instrumented module: ${String(error)}`);
  }
  const imports = new Map(module.imports.map(({ name }) => [name, hostFunctions.get(name)!]));
  return { engineModule, imports: [...imports.values()], memoryPageCount: module.memory?.min ?? null };
}

export interface JitCall {
  readonly host: Host;
  readonly input: Uint8Array;
  readonly readOnly: boolean;
  /** Gas for the guest, above zero. */
  readonly gasLimit: number;
  /** Logical height of the native stack in use already, at most `STACK_HEIGHT_MAX`. */
  readonly stackHeight: number;
  /** Exported functions to run in this order, in one instance. */
  readonly exports: readonly string[];
  /** Told at the end, however it came, of what no outcome shows; for comparing engines. */
  readonly onFinish?: (facts: FinishFacts) => void;
}

export interface FinishFacts {
  /** Linear memory as the call left it; a view that is good until this returns. */
  readonly memory: Uint8Array;
  /** Largest logical stack height, in the profile's unit; null from an engine that did not track it. */
  readonly stackHeightMax: number | null;
}

interface Counters {
  readonly gas: WebAssembly.Global;
  readonly stack: WebAssembly.Global;
  readonly halt: WebAssembly.Global;
  readonly peak?: WebAssembly.Global;
}

export function run(compiled: CompiledModule, call: JitCall): CallResult {
  const memory = compiled.memoryPageCount === null ? null : takeMemory(compiled.memoryPageCount);
  const noMemory = new ArrayBuffer(0);
  let counters: Counters | undefined;
  const hostCall = new HostCall(call.host, call.input, call.readOnly, {
    memoryBuffer: () => memory?.buffer ?? noMemory,
    stackHeight: () => STACK_HEIGHT_MAX - (counters!.stack.value as number),
  });
  try {
    const instance = instantiate(compiled, memory, hostCall, () => counters!);
    counters = instance.exports as unknown as Counters;
    const { gas, stack } = counters;
    gas.value = BigInt(call.gasLimit);
    for (const name of call.exports) {
      stack.value = STACK_HEIGHT_MAX - call.stackHeight;
      const guest = instance.exports[injected.functionPrefix + name];
      assert(typeof guest === "function", `export ${name} is no function`);
      guest();
      // The return to the host is a check point.
      if ((gas.value as bigint) < 0n) return halted("OutOfGas", call.gasLimit);
    }
    const left = gas.value as bigint;
    return { outcome: { kind: "success", data: hostCall.returnData }, gasUsed: call.gasLimit - Number(left) };
  } catch (error) {
    return failed(error, call.gasLimit, hostCall, counters);
  } finally {
    call.onFinish?.({
      memory: new Uint8Array(memory?.buffer ?? noMemory),
      stackHeightMax: counters?.peak === undefined ? null : STACK_HEIGHT_MAX - (counters.peak.value as number),
    });
    if (memory !== null) returnMemory(memory, compiled.memoryPageCount!);
  }
}

function instantiate(
  { engineModule, imports }: CompiledModule,
  memory: WebAssembly.Memory | null,
  hostCall: HostCall,
  counters: () => Counters,
): WebAssembly.Instance {
  // No prototypes: an import named `toString` must not find one.
  const functions: Record<string, unknown> = Object.create(null);
  for (const { name, price, run } of imports) {
    const implementation = run as (call: HostCall, ...args: unknown[]) => unknown;
    functions[name] = (...args: unknown[]) => {
      const { gas } = counters();
      hostCall.gas = Number(gas.value);
      // A host call is a check point, before anything else of it.
      if (hostCall.gas < 0) throw new GuestExit({ kind: "halt", reason: "OutOfGas" });
      const result = implementation(hostCall, price, ...args);
      gas.value = BigInt(hostCall.gas);
      return result;
    };
  }
  const importObject: Record<string, Record<string, unknown>> = Object.create(null);
  importObject[HOST_MODULE] = functions;
  if (memory !== null) importObject[injected.memoryModule] = { [injected.memory]: memory };
  return new WebAssembly.Instance(engineModule, importObject);
}

function halted(reason: HaltReason, gasLimit: number): CallResult {
  return { outcome: { kind: "halt", reason }, gasUsed: gasLimit };
}

function failed(error: unknown, gasLimit: number, hostCall: HostCall, counters: Counters | undefined): CallResult {
  if (error instanceof GuestExit) {
    const { exit } = error;
    if (exit.kind === "halt") return halted(exit.reason, gasLimit);
    const outcome: Outcome = { kind: "revert", code: exit.code, data: exit.data };
    return { outcome, gasUsed: gasLimit - hostCall.gas };
  }
  if (error instanceof Fault) throw error;
  if (!(error instanceof WebAssembly.RuntimeError) || counters === undefined) {
    // A native stack overflow is a RangeError, and our logical limit should have come first.
    throw new Fault(`the engine failed: ${String(error)}`, { cause: error });
  }
  switch (counters.halt.value) {
    case haltCode.outOfGas:
      return halted("OutOfGas", gasLimit);
    case haltCode.stackOverflow:
      return halted("StackOverflow", gasLimit);
    case haltCode.noPage:
      throw new Fault("the engine could not grow a memory below the cap");
    default:
      return halted(haltReasonOf(error), gasLimit);
  }
}
