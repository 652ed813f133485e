/**
 * Makes a module smaller while it keeps a property: instructions are taken out of function bodies in runs of falling length,
 * and every step must still validate. Deterministic, so the same find gives the same case.
 */

import { ByteReader } from "../../vm/byte-reader.ts";
import { ByteWriter } from "../../vm/byte-writer.ts";
import { decodeModule } from "../../vm/decode.ts";
import { InputError } from "../../vm/errors.ts";
import { InstructionReader } from "../../vm/instruction-reader.ts";
import { validateModule } from "../../vm/validate.ts";

/** A body as its locals and its instructions, each as bytes. */
interface Body {
  readonly locals: Uint8Array;
  readonly instructions: readonly Uint8Array[];
}

function bodiesOf(code: Uint8Array): Body[] {
  const { bodies } = decodeModule(code);
  return bodies.map(({ locals, start, end }) => {
    const out = new ByteWriter().u32(locals.length);
    for (const { count, type } of locals) out.u32(count).u8(type);
    const instructions: Uint8Array[] = [];
    for (const reader = new InstructionReader(code, start, end); !reader.done; ) {
      reader.next();
      instructions.push(code.slice(reader.offset, reader.nextOffset));
    }
    return { locals: out.view().slice(), instructions };
  });
}

/** `code` with other bodies; every other section as it was. */
function withBodies(code: Uint8Array, bodies: readonly Body[]): Uint8Array {
  const out = new ByteWriter().bytes(code.subarray(0, 8));
  const reader = new ByteReader(code, 8);
  while (!reader.done) {
    const start = reader.offset;
    const id = reader.u8();
    reader.slice(reader.u32());
    if (id !== 10) {
      out.bytes(code.subarray(start, reader.offset));
      continue;
    }
    out.section(10, (section) => {
      section.u32(bodies.length);
      for (const { locals, instructions } of bodies) {
        section.sized((body) => {
          body.bytes(locals);
          for (const instruction of instructions) body.bytes(instruction);
        });
      }
    });
  }
  return out.view().slice();
}

function isValid(code: Uint8Array): boolean {
  try {
    validateModule(decodeModule(code));
    return true;
  } catch (error) {
    if (error instanceof InputError) return false;
    throw error;
  }
}

/** The smallest module found for which `keeps` holds; it must hold for `code`. Tries at most `triesMax` modules. */
export function shrink(code: Uint8Array, keeps: (code: Uint8Array) => boolean, triesMax = 4_000): Uint8Array {
  let best = code;
  let bodies = bodiesOf(code);
  let tries = 0;
  for (let progress = true; progress && tries < triesMax; ) {
    progress = false;
    for (let index = 0; index < bodies.length; index++) {
      for (let length = Math.max(1, bodies[index]!.instructions.length >> 1); length > 0; length >>= 1) {
        for (let at = 0; at + length < bodies[index]!.instructions.length && tries < triesMax; ) {
          const instructions = bodies[index]!.instructions.toSpliced(at, length);
          const candidate = bodies.with(index, { ...bodies[index]!, instructions });
          const bytes = withBodies(best, candidate);
          tries++;
          if (isValid(bytes) && keeps(bytes)) {
            best = bytes;
            bodies = candidate;
            progress = true;
          } else {
            at += length;
          }
        }
      }
    }
  }
  return best;
}
