/**
 * Takes the readings that depend on how the engine compiles, in a process whose flags choose that, and writes them to
 * standard output.
 */
import { callContract, prepareContract } from "../../../vm/contract.ts";
import { assert } from "../../../vm/errors.ts";
import { wat } from "../../support/wat.ts";
import { createHost } from "../host.ts";
import { measure, type Part, parts, type Reading, type Run, type Tier } from "./case.ts";
import { readPreparation } from "./preparation.ts";
import { moduleText, UNIT_COUNT, type WasmCase, wasmCases } from "./wasm-cases.ts";

async function readWasm(tier: Tier, only: string): Promise<readonly Reading[]> {
  const readings: Reading[] = [];
  for (const wasmCase of wasmCases) {
    const { group, name, unitCount = UNIT_COUNT, countMax } = wasmCase;
    if (!name.includes(only)) continue;
    const { ns, gas } = await measure(createRun(wasmCase), countMax === undefined ? {} : { countMax });
    readings.push({ group, name, tier, ns: ns / unitCount, gas: gas / unitCount });
  }
  return readings;
}

function createRun(wasmCase: WasmCase): Run {
  const contract = prepareContract(wat(moduleText(wasmCase)));
  const host = createHost();
  return (count) => {
    const input = new Uint8Array(Uint32Array.of(count).buffer);
    const call = { method: "run", input, gasLimit: Number.MAX_SAFE_INTEGER, readOnly: false, host };
    const { outcome, gasUsed } = callContract(contract, call);
    assert(outcome.kind === "success", `${wasmCase.name}: ${JSON.stringify(outcome)}`);
    return gasUsed;
  };
}

const [part, only = ""] = process.argv.slice(2) as [Part, string?];
const { tier } = parts[part];
const readings = part === "preparation" ? readPreparation(tier) : await readWasm(tier, only);
process.stdout.write(JSON.stringify(readings));
