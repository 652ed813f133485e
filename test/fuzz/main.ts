/**
 * `npm run fuzz -- --seconds N --seed S --only engines|bytes|host`: random contracts on both engines, mutated bytes through
 * the decoder, and host functions without any contract; together, or one of them for all of the time. First the canaries:
 * mistakes put in on purpose, which the fuzzer must find, or it proves nothing.
 *
 * A find is made small and written to `test/fuzz/finds/`, where `finds.test.ts` runs it for ever after.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { prepareContract } from "../../vm/contract.ts";
import { InputError } from "../../vm/errors.ts";
import { createRandom } from "../support/programs.ts";
import { findCanary } from "./canary.ts";
import { differenceOf, findDifference, interpreterEngine, jitEngine } from "./differential.ts";
import { createModule } from "./generate.ts";
import { findHostCanaries } from "./host/canary.ts";
import { encodeCase } from "./host/case.ts";
import { describe, fuzzHost, neverReturned } from "./host.ts";
import { shrink } from "./shrink.ts";

const { values } = parseArgs({
  options: { seconds: { type: "string" }, seed: { type: "string" }, only: { type: "string" } },
});
const seconds = Number(values.seconds ?? 60);
const firstSeed = Number(values.seed ?? Math.floor(Math.random() * 1e9));
const findsFolder = join("test", "fuzz", "finds");

function keep(fileName: string, content: Uint8Array | string): string {
  mkdirSync(findsFolder, { recursive: true });
  const path = join(findsFolder, fileName);
  writeFileSync(path, content);
  return path;
}

/** True when the engines never differed. */
function fuzzEngines(deadline: number): boolean {
  console.log(`canary found after ${findCanary()} programs`);
  let programs = 0;
  let differences = 0;
  for (let seed = firstSeed; Date.now() < deadline; seed++) {
    const code = createModule(seed);
    programs++;
    const difference = findDifference(jitEngine(code), interpreterEngine(code), createRandom(seed));
    if (difference === null) continue;
    differences++;
    const small = shrink(code, (candidate) => differenceOf(candidate, createRandom(seed))?.field === difference.field);
    console.log(`seed ${seed}: ${difference.field} at gas limit ${difference.gasLimit}`);
    console.log(
      `  jit          ${difference.jit.slice(0, 300)}\n  interpreter  ${difference.interpreter.slice(0, 300)}`,
    );
    console.log(`  kept as ${keep(`difference-${seed}.wasm`, small)} (${small.length} bytes)`);
    if (differences >= 5) break;
  }
  console.log(`${programs} programs on two engines, 5 gas limits each: ${differences} differences`);
  return differences === 0;
}

/** Mutated modules: whatever the decoder makes of them, it neither crashes nor accepts what the engine refuses. */
function fuzzBytes(deadline: number): boolean {
  const random = createRandom(firstSeed);
  let modules = 0;
  let accepted = 0;
  let faults = 0;
  while (Date.now() < deadline && faults < 5) {
    const code = createModule(firstSeed + modules);
    for (let round = 0; round < 20; round++) {
      const mutated = mutate(code, random);
      modules++;
      try {
        prepareContract(mutated);
        accepted++;
      } catch (error) {
        if (error instanceof InputError) continue;
        faults++;
        console.log(`mutated module: ${error}\n  kept as ${keep(`bytes-${firstSeed}-${modules}.wasm`, mutated)}`);
      }
    }
  }
  console.log(`${modules} mutated modules: ${accepted} still contracts, ${faults} faults`);
  return faults === 0;
}

/** True when every law held, and every function did its work at least once. */
function fuzzHostFunctions(deadline: number): boolean {
  for (const { law, function: name, mistake, caseCount } of findHostCanaries()) {
    console.log(`canary found after ${caseCount} cases: ${name} ${mistake} (${law})`);
  }
  const { caseCount, finds, statistics } = fuzzHost(firstSeed, () => Date.now() < deadline);
  for (const { seed, law, what, hostCase } of finds) {
    const { function: name, args, gas, readOnly } = hostCase;
    console.log(`seed ${seed}: ${law}: ${name}(${args.join(", ")}) with ${gas} gas${readOnly ? ", read-only" : ""}`);
    console.log(`  ${what.slice(0, 600)}\n  kept as ${keep(`host-${law}-${name}-${seed}.json`, encodeCase(hostCase))}`);
  }
  console.log(`${caseCount} calls of host functions: ${finds.length} finds\n${describe(statistics)}`);
  const idle = neverReturned(statistics);
  if (idle.length > 0) console.log(`never returned: ${idle.join(", ")}`);
  return finds.length === 0 && idle.length === 0;
}

function mutate(code: Uint8Array, random: (below: number) => number): Uint8Array {
  const bytes = [...code];
  for (let edits = 1 + random(3); edits > 0; edits--) {
    const at = 8 + random(bytes.length - 8);
    switch (random(5)) {
      case 0:
        bytes[at] = random(256);
        break;
      case 1:
        bytes[at]! ^= 1 << random(8);
        break;
      case 2:
        bytes.splice(at, 1 + random(4));
        break;
      case 3:
        bytes.splice(at, 0, random(256));
        break;
      default:
        bytes.splice(at, 0, ...bytes.slice(at, at + random(16)));
    }
    if (bytes.length < 9) break;
  }
  return Uint8Array.from(bytes);
}

/** With the share of the time that each gets when all run. */
const phases = [
  { name: "engines", share: 0.6, run: fuzzEngines },
  { name: "bytes", share: 0.15, run: fuzzBytes },
  { name: "host", share: 0.25, run: fuzzHostFunctions },
];

const chosen = phases.filter(({ name }) => values.only === undefined || values.only === name);
if (chosen.length === 0) throw new Error(`--only ${values.only}: one of ${phases.map(({ name }) => name).join(", ")}`);
console.log(`SEED=${firstSeed}, ${seconds} seconds`);
for (const { share, run } of chosen) {
  const part = chosen.length === 1 ? 1 : share;
  if (!run(Date.now() + seconds * 1000 * part)) process.exitCode = 1;
}
