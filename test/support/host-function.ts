/**
 * Calls a host function with arguments of its own: directly over a memory, with no Wasm between, or from a contract on
 * either engine. Byte strings are laid out in memory and passed by their address.
 */
import { callContract, prepareContract } from "../../vm/contract.ts";
import { HostCall } from "../../vm/host-fns/host.ts";
import { hostFunctions } from "../../vm/host-fns/table.ts";
import type { Outcome } from "../../vm/outcome.ts";
import { createTestHost } from "./contracts.ts";
import { wat } from "./wat.ts";

/** Stands for the address where the function writes. */
export const OUT = "out";
export type HostArgument = number | Uint8Array | typeof OUT;

const OUT_SIZE = 128;
const FILL = 0xee;
const PAGE_SIZE = 64 * 1024;
const GAS_LIMIT = 10_000_000_000;

export interface HostFunctionResult {
  readonly result: number;
  /** What lies at `OUT`; `untouched` when nothing was written there. */
  readonly out: Uint8Array;
  readonly gas: number;
}

export const untouched = new Uint8Array(OUT_SIZE).fill(FILL);

function layOut(args: readonly HostArgument[]) {
  const chunks: Uint8Array[] = [untouched];
  let end = OUT_SIZE;
  const values = args.map((arg) => {
    if (arg === OUT) return 0;
    if (typeof arg === "number") return arg;
    chunks.push(arg);
    end += arg.length;
    return end - arg.length;
  });
  return { bytes: Buffer.concat(chunks), values };
}

/** Throws `GuestExit` when the function halts. */
export function callHostFunction(name: string, ...args: readonly HostArgument[]): HostFunctionResult {
  const { bytes, values } = layOut(args);
  const memory = new Uint8Array(Math.ceil(bytes.length / PAGE_SIZE) * PAGE_SIZE);
  memory.set(bytes);
  const guest = { memoryBuffer: () => memory.buffer, stackHeight: () => 0 };
  const call = new HostCall(createTestHost(), new Uint8Array(), false, guest);
  call.gas = GAS_LIMIT;
  const { run, price } = hostFunctions.get(name)!;
  const result = (run as (call: HostCall, ...rest: unknown[]) => number | undefined)(call, price, ...values) ?? 0;
  return { result, out: memory.slice(0, OUT_SIZE), gas: GAS_LIMIT - call.gas };
}

/** The same from a contract, which returns the result and then what lies at `OUT`. */
export function callFromContract(
  engine: "jit" | "interpreter",
  name: string,
  ...args: readonly HostArgument[]
): { readonly outcome: Outcome; readonly result: number; readonly out: Uint8Array; readonly gas: number } {
  const { bytes, values } = layOut(args);
  const { params, result } = hostFunctions.get(name)!;
  const resultAt = Math.ceil(bytes.length / 4) * 4;
  const data = [...bytes].map((byte) => `\\${byte.toString(16).padStart(2, "0")}`).join("");
  const call = `${values.map((value) => `i32.const ${value}`).join(" ")} call $f`;
  const prepared = prepareContract(
    wat(`(module
      (import "lockstep" "${name}" (func $f (param ${params.join(" ")}) ${result === null ? "" : "(result i32)"}))
      (import "lockstep" "return_data" (func $return_data (param i32 i32)))
      (memory ${Math.ceil((resultAt + 4) / PAGE_SIZE)})
      (data (i32.const 0) "${data}")
      (func (export "run")
        ${result === null ? call : `i32.const ${resultAt} ${call} i32.store`}
        i32.const 0 i32.const ${resultAt + 4} call $return_data))`),
  );
  const options = { method: "run", input: new Uint8Array(), gasLimit: GAS_LIMIT, readOnly: true, engine };
  const { outcome, gasUsed } = callContract(prepared, { ...options, host: createTestHost() });
  const memory = outcome.kind === "success" ? Buffer.from(outcome.data) : Buffer.alloc(resultAt + 4);
  return {
    outcome,
    result: memory.readInt32LE(resultAt),
    out: Uint8Array.from(memory.subarray(0, OUT_SIZE)),
    gas: gasUsed,
  };
}
