/**
 * The ways to run one program: unmetered on the engine, under our metering, under that of others, and on the interpreter. Each
 * instance of the engine is made once and run many times, so that a time holds the program and its metering and nothing else;
 * every run starts over by itself.
 */
import { INITIALIZE_EXPORT, type PreparedContract, prepareContract } from "../../vm/contract.ts";
import { decodeModule } from "../../vm/decode.ts";
import { assert } from "../../vm/errors.ts";
import { interpret, prepareInterpreter } from "../../vm/interpreter.ts";
import { type JitCall, run } from "../../vm/jit.ts";
import { injected } from "../../vm/metering/inject.ts";
import type { Module } from "../../vm/module.ts";
import { MEMORY_PAGE_COUNT_MAX, STACK_HEIGHT_MAX } from "../../vm/profile.ts";
import { validateModule } from "../../vm/validate.ts";
import type { FunctionFacts } from "../../vm/validate-function.ts";
import { createHost } from "./host.ts";
import { chargeImport, injectGlobalCounter, injectHostCalls } from "./injectors.ts";

export interface Variant {
  readonly name: "raw" | "ours" | "global" | "host" | "interpreter";
  readonly run: () => void;
  /** What the last run left in the program's memory. */
  readonly checksum: () => bigint;
}

/** More than any program spends. */
const GAS_LIMIT = Number.MAX_SAFE_INTEGER;

export function createVariants(code: Uint8Array): readonly Variant[] {
  const module = decodeModule(code);
  const facts = validateModule(module);
  const contract = prepareContract(code);
  const raw = instantiate(code, {});
  const address = (raw.checksum as WebAssembly.Global).value as number;
  let chargeCount = 0;
  const charge = (gas: number) => {
    chargeCount += gas;
    assert(chargeCount < Number.MAX_SAFE_INTEGER, "a program spent too much");
  };
  const host = { [chargeImport.module]: { [chargeImport.name]: charge } };
  return [
    plain("raw", raw, address),
    ours(contract, address),
    plain("global", instantiate(injectGlobalCounter(module), {}), address),
    plain("host", instantiate(injectHostCalls(module), host), address),
    interpreted(contract, module, facts, address),
  ];
}

type Exports = Readonly<Record<string, unknown>>;
type Imports = Record<string, Record<string, unknown>>;

function instantiate(code: Uint8Array, imports: Imports): Exports {
  return new WebAssembly.Instance(new WebAssembly.Module(code), imports).exports;
}

function plain(name: Variant["name"], exports: Exports, address: number): Variant {
  (exports[INITIALIZE_EXPORT] as (() => void) | undefined)?.();
  return {
    name,
    run: exports.run as () => void,
    checksum: () => readChecksum((exports.memory as WebAssembly.Memory).buffer, address),
  };
}

/** The module that `callContract` runs, driven as `vm/jit.ts` does. Its memory is an import, so the checksum can be read. */
function ours({ compiled, hasInitialize }: PreparedContract, address: number): Variant {
  const memory = new WebAssembly.Memory({ initial: compiled.memoryPageCount!, maximum: MEMORY_PAGE_COUNT_MAX });
  const imports = { [injected.memoryModule]: { [injected.memory]: memory } };
  const { exports } = new WebAssembly.Instance(compiled.engineModule, imports);
  const gas = exports[injected.gas] as WebAssembly.Global;
  const stack = exports[injected.stack] as WebAssembly.Global;
  const call = (name: string) => {
    const guest = exports[injected.functionPrefix + name] as () => void;
    return () => {
      gas.value = BigInt(GAS_LIMIT);
      stack.value = STACK_HEIGHT_MAX;
      guest();
    };
  };
  if (hasInitialize) call(INITIALIZE_EXPORT)();
  return { name: "ours", run: call("run"), checksum: () => readChecksum(memory.buffer, address) };
}

/** A fresh instance each time, as a call has it. Its gas is that of our metering on the engine, or nothing here means a thing. */
function interpreted(
  contract: PreparedContract,
  module: Module,
  facts: readonly FunctionFacts[],
  address: number,
): Variant {
  const prepared = prepareInterpreter(module, facts);
  let checksum = 0n;
  const call: JitCall = {
    host: createHost(),
    input: new Uint8Array(),
    readOnly: false,
    gasLimit: GAS_LIMIT,
    stackHeight: 0,
    exports: contract.hasInitialize ? [INITIALIZE_EXPORT, "run"] : ["run"],
    onFinish({ memory }) {
      checksum = readChecksum(memory.buffer as ArrayBuffer, address);
    },
  };
  const { gasUsed } = run(contract.compiled, call);
  return {
    name: "interpreter",
    run() {
      const result = interpret(prepared, call);
      assert(result.outcome.kind === "success", "a program failed on the interpreter");
      assert(result.gasUsed === gasUsed, `gas ${result.gasUsed} on the interpreter, ${gasUsed} on the engine`);
    },
    checksum: () => checksum,
  };
}

function readChecksum(memory: ArrayBuffer, address: number): bigint {
  return new DataView(memory).getBigUint64(address, true);
}
