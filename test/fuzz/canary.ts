/**
 * The canary: one engine gets every contract with one opcode wrong, `i32.rotr` where `i32.rotl` stands, as alike as two
 * opcodes can be. A fuzzer that does not find that finds nothing.
 */
import { decodeModule } from "../../vm/decode.ts";
import { InstructionReader } from "../../vm/instruction-reader.ts";
import { createRandom } from "../support/programs.ts";
import { findDifference, interpreterEngine, jitEngine } from "./differential.ts";
import { createModule } from "./generate.ts";

const ROTL = 0x77;
const ROTR = 0x78;
const PROGRAMS_MAX = 20_000;

/** How many programs it took. Throws when so many did not suffice. */
export function findCanary(): number {
  const random = createRandom(1);
  for (let seed = 0; seed < PROGRAMS_MAX; seed++) {
    const code = createModule(seed);
    const wrong = withWrongOpcode(code);
    if (wrong !== null && findDifference(jitEngine(code), interpreterEngine(wrong), random) !== null) return seed + 1;
  }
  throw new Error("the canary lives: a wrong opcode was not found");
}

/** Null when there is nothing to get wrong. */
function withWrongOpcode(code: Uint8Array): Uint8Array | null {
  const wrong = code.slice();
  let changed = false;
  for (const { start, end } of decodeModule(code).bodies) {
    for (const reader = new InstructionReader(code, start, end); !reader.done; ) {
      if (reader.next().code !== ROTL) continue;
      wrong[reader.offset] = ROTR;
      changed = true;
    }
  }
  return changed ? wrong : null;
}
