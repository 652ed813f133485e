/** The engines that the suite runs on, behind one face: bytes are refused, or become something that runs. */
import { callContract, type Host, prepareContract } from "../../vm/contract.ts";
import { decodeModule } from "../../vm/decode.ts";
import { interpret, prepareInterpreter } from "../../vm/interpreter.ts";
import type { CallResult } from "../../vm/outcome.ts";
import { validateModule } from "../../vm/validate.ts";
import { createTestHost } from "../support/contracts.ts";
import { RUN_METHOD } from "./driver.ts";

export interface Engine {
  readonly name: string;
  /** Throws `InputError` for what is no contract. */
  prepare(code: Uint8Array): PreparedModule;
}

export interface PreparedModule {
  /** Calls the driver. */
  run(step: number, part: number): CallResult;
}

/**
 * Ample: a call of the suite takes at most 8 million, but a bulk operation pays by its length before its bounds are looked at,
 * and the suite gives it lengths up to 2^32 - 1.
 */
const GAS_LIMIT = 1_000_000_000_000;
const noInput = new Uint8Array();

function hostAskingFor(step: number, part: number): Host {
  const host = createTestHost();
  return { ...host, context: { ...host.context, blockHeight: step, blockTime: part } };
}

const jit: Engine = {
  name: "jit",
  prepare(code) {
    const contract = prepareContract(code);
    return {
      run(step, part) {
        const host = hostAskingFor(step, part);
        return callContract(contract, {
          method: RUN_METHOD,
          input: noInput,
          gasLimit: GAS_LIMIT,
          readOnly: true,
          host,
        });
      },
    };
  },
};

const interpreter: Engine = {
  name: "interpreter",
  prepare(code) {
    const { instantiateGas } = prepareContract(code);
    const module = decodeModule(code);
    const interpreted = prepareInterpreter(module, validateModule(module));
    return {
      run(step, part) {
        const host = hostAskingFor(step, part);
        const gasLimit = GAS_LIMIT - instantiateGas;
        const call = { host, input: noInput, readOnly: true, gasLimit, stackHeight: 0, exports: [RUN_METHOD] };
        const { outcome, gasUsed } = interpret(interpreted, call);
        return { outcome, gasUsed: instantiateGas + gasUsed };
      },
    };
  },
};

export const engines: readonly Engine[] = [jit, interpreter];
