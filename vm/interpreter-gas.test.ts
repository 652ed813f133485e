import { expect, test } from "vitest";
import { createProgram, createRandom } from "../test/support/programs.ts";
import { wat } from "../test/support/wat.ts";
import { ByteWriter } from "./byte-writer.ts";
import { decodeModule } from "./decode.ts";
import { gasOfBlocks } from "./interpreter-gas.ts";
import { meteredBlocks } from "./metering/blocks.ts";
import { op } from "./opcodes.ts";
import { BODY_SIZE_MAX, NESTING_MAX } from "./profile.ts";
import { validateModule } from "./validate.ts";

const firstSeed = Number(process.env.SEED ?? Math.floor(Math.random() * 1e9));

/** Both ways to find the metered blocks, each as gas by offset. */
function bothWays(text: string): [theirs: [number, number][], ours: [number, number][]][] {
  const module = decodeModule(wat(text));
  validateModule(module);
  return module.bodies.map((body) => {
    const ours = [...gasOfBlocks(module, body)].sort(([a], [b]) => a - b);
    return [meteredBlocks(module, body).map(({ start, gas }) => [start, gas]), ours];
  });
}

test("walking ahead and reading once find the same blocks with the same gas, on random programs", () => {
  for (let seed = firstSeed; seed < firstSeed + 300; seed++) {
    const { fields, functions } = createProgram(seed);
    const bodies = functions.map(({ header, body }) => `${header}\n${body.join("\n")})`);
    for (const [theirs, ours] of bothWays(`(module ${fields.join("\n")} ${bodies.join("\n")})`)) {
      expect(ours, `SEED=${seed}`).toEqual(theirs);
    }
  }
});

test("and on control flow alone, where every construct and every way out meet", () => {
  for (let seed = firstSeed; seed < firstSeed + 1_500; seed++) {
    for (const [theirs, ours] of bothWays(`(module (func ${createControl(seed)}))`)) {
      expect(ours, `SEED=${seed}`).toEqual(theirs);
    }
  }
});

/** Weights differ from place to place, so that two blocks never hold the same by chance. */
function createControl(seed: number): string {
  const random = createRandom(seed);
  let budget = 60;
  const sequence = (depth: number): string => {
    let text = "";
    for (let count = random(5); count > 0 && budget > 0; count--) {
      budget--;
      text += "i32.const 0 drop ".repeat(random(20));
      const label = random(depth + 1);
      const inner = () => (depth < 12 ? sequence(depth + 1) : "");
      switch (random(11)) {
        case 0:
        case 1:
        case 2:
          text += `block ${inner()} end `;
          break;
        case 3:
          text += `loop ${inner()} end `;
          break;
        case 4:
          text += `i32.const 0 if ${inner()} end `;
          break;
        case 5:
          text += `i32.const 0 if ${inner()} else ${inner()} end `;
          break;
        case 6:
        case 7:
          text += `i32.const 0 br_if ${label} `;
          break;
        case 8:
          text += `br ${label} `;
          break;
        case 9:
          text += `i32.const 0 br_table ${label} ${random(depth + 1)} `;
          break;
        default:
          text += random(2) === 0 ? "return " : "unreachable ";
      }
    }
    return text;
  };
  return sequence(0);
}

test("the largest bodies take no time, whatever their shape", () => {
  const depth = NESTING_MAX;
  const repeat = (count: number, bytes: (i: number) => readonly number[]) =>
    Array.from({ length: count }, (_, i) => bytes(i)).flat();
  const open = repeat(depth, () => [op.block, 0x40]);
  const close = repeat(depth, () => [op.end]);
  const leave = (label: number) => [op.i32Const, 0, op.brIf, (label & 0x7f) | 0x80, label >> 7];
  const shapes = [
    // Branches from the deepest place, each going further in or further out than the last.
    [...open, ...repeat(depth, (i) => leave(depth - i)), ...close],
    [...open, ...repeat(depth, (i) => leave(i)), ...close],
    [...open, ...repeat(2_000, () => leave(0)), ...close],
    [...open, ...leave(depth), ...repeat(depth, () => [op.end, ...leave(0)])],
  ];
  for (const [i, shape] of shapes.entries()) {
    const out = new ByteWriter().u8(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00);
    out.section(1, (types) => types.u32(1).u8(0x60, 0, 0));
    out.section(3, (functions) => functions.u32(1).u32(0));
    const count = Math.floor((BODY_SIZE_MAX - 10) / shape.length);
    out.section(10, (code) => {
      code.u32(1).sized((body) =>
        body
          .u8(0)
          .bytes(Uint8Array.from(repeat(count, () => shape)))
          .u8(op.end),
      );
    });
    const module = decodeModule(out.view());
    validateModule(module);
    const began = performance.now();
    const ours = [...gasOfBlocks(module, module.bodies[0]!)].sort(([a], [b]) => a - b);
    expect(performance.now() - began, `shape ${i}`).toBeLessThan(1_000);
    expect(ours).toEqual(meteredBlocks(module, module.bodies[0]!).map(({ start, gas }) => [start, gas]));
  }
});
