/**
 * `npm run fuzz -- --seconds N --seed S`: random contracts on both engines until the time is over, then mutated bytes through
 * the decoder. First a canary: with one opcode wrong on one side, the fuzzer must find a difference, or it proves nothing.
 *
 * A find is shrunk and written to `test/fuzz/finds/`, where `finds.test.ts` runs it for ever after.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { prepareContract } from "../../vm/contract.ts";
import { InputError } from "../../vm/errors.ts";
import { createRandom } from "../support/programs.ts";
import { findCanary } from "./canary.ts";
import { differenceOf } from "./differential.ts";
import { createModule } from "./generate.ts";
import { shrink } from "./shrink.ts";

const { values } = parseArgs({ options: { seconds: { type: "string" }, seed: { type: "string" } } });
const seconds = Number(values.seconds ?? 60);
const firstSeed = Number(values.seed ?? Math.floor(Math.random() * 1e9));
const findsFolder = join("test", "fuzz", "finds");

function keep(name: string, code: Uint8Array): string {
  mkdirSync(findsFolder, { recursive: true });
  const path = join(findsFolder, `${name}.wasm`);
  writeFileSync(path, code);
  return path;
}

function fuzzEngines(deadline: number): { programs: number; differences: number } {
  let programs = 0;
  let differences = 0;
  for (let seed = firstSeed; Date.now() < deadline; seed++) {
    const code = createModule(seed);
    programs++;
    const difference = differenceOf(code, createRandom(seed));
    if (difference === null) continue;
    differences++;
    const small = shrink(code, (candidate) => differenceOf(candidate, createRandom(seed))?.field === difference.field);
    console.log(`seed ${seed}: ${difference.field} at gas limit ${difference.gasLimit}`);
    console.log(
      `  jit          ${difference.jit.slice(0, 300)}\n  interpreter  ${difference.interpreter.slice(0, 300)}`,
    );
    console.log(`  kept as ${keep(`difference-${seed}`, small)} (${small.length} bytes)`);
    if (differences >= 5) break;
  }
  return { programs, differences };
}

/** Mutated modules: whatever the decoder makes of them, it neither crashes nor accepts what the engine refuses. */
function fuzzBytes(deadline: number): { modules: number; accepted: number; faults: number } {
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
        console.log(`mutated module: ${error}\n  kept as ${keep(`bytes-${firstSeed}-${modules}`, mutated)}`);
      }
    }
  }
  return { modules, accepted, faults };
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

console.log(`canary found after ${findCanary()} programs`);
console.log(`SEED=${firstSeed}, ${seconds} seconds`);
const start = Date.now();
const engines = fuzzEngines(start + seconds * 800);
console.log(`${engines.programs} programs on two engines, 5 gas limits each: ${engines.differences} differences`);
const bytes = fuzzBytes(start + seconds * 1000);
console.log(`${bytes.modules} mutated modules: ${bytes.accepted} still contracts, ${bytes.faults} faults`);
if (engines.differences + bytes.faults > 0) process.exitCode = 1;
