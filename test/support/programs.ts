/**
 * Random programs for the metering tests: integer functions with nested blocks, branches of every kind and calls, which
 * always end. They are written one instruction a line, so that a test can put its own counting between any two.
 *
 * A global holds fuel; every loop header and every function entry burns one and leaves through `return` when it is gone.
 */
export interface Program {
  /** The module's fields outside functions. */
  readonly fields: readonly string[];
  readonly functions: readonly { readonly header: string; readonly body: readonly string[] }[];
}

/** Pseudo-random numbers out of a seed (mulberry32), so that a failure replays. */
export function createRandom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const FUNCTION_COUNT = 4;
/** Of each function, the parameter included. */
export const PROGRAM_LOCAL_COUNT = 3;
/** Of each `br_table`, the default included. */
export const PROGRAM_LABEL_COUNT = 3;
const FUEL = 60;

export function createProgram(seed: number): Program {
  const random = createRandom(seed);
  const fields = [
    `(global $fuel (mut i32) (i32.const ${FUEL}))`,
    "(memory 1)",
    "(table 4 funcref)",
    "(elem (i32.const 0) $f0 $f1 $f2 $f3)",
  ];
  const functions = Array.from({ length: FUNCTION_COUNT }, (_, index) => ({
    header: `(func $f${index} (param i32) (result i32) (local i32 i64)`,
    body: createBody(random),
  }));
  return { fields, functions };
}

const burnFuel = [
  "global.get $fuel",
  "i32.eqz",
  "if",
  "i32.const -1",
  "return",
  "end",
  "global.get $fuel",
  "i32.const 1",
  "i32.sub",
  "global.set $fuel",
];

function createBody(random: (below: number) => number): string[] {
  const lines = [...burnFuel];
  let budget = 40;

  /** Leaves one i32 on the operand stack. */
  const value = (): void => {
    switch (random(7)) {
      case 0:
        lines.push(`i32.const ${random(100)}`);
        return;
      case 1:
        lines.push("local.get 0");
        return;
      case 2:
        lines.push("local.get 1", "local.get 0", ["i32.add", "i32.sub", "i32.mul", "i32.xor"][random(4)]!);
        return;
      case 3:
        lines.push("i32.const 0", "i32.load offset=8");
        return;
      case 4:
        lines.push("local.get 2", "i32.wrap_i64", "i32.const 7", "i32.and");
        return;
      case 5:
        lines.push(`i32.const ${random(50)}`, `i32.const ${1 + random(9)}`, "i32.rem_u");
        return;
      default:
        if (random(3) > 0) {
          lines.push("local.get 1", `call $f${random(FUNCTION_COUNT)}`);
        } else {
          lines.push("local.get 0", `i32.const ${random(FUNCTION_COUNT)}`, "call_indirect (param i32) (result i32)");
        }
    }
  };

  const condition = (): void => {
    value();
    lines.push(`i32.const ${2 + random(3)}`, "i32.rem_u");
  };

  /** Statements at `depth` open blocks; labels are numbers. */
  const statements = (depth: number): void => {
    for (let count = 1 + random(4); count > 0 && budget > 0; count--) {
      budget--;
      switch (random(12)) {
        case 0:
          value();
          lines.push("local.set 1");
          break;
        case 1:
          value();
          lines.push("i64.extend_i32_u", "local.set 2");
          break;
        case 2:
          lines.push("i32.const 8");
          value();
          lines.push("i32.store");
          break;
        case 3:
          lines.push("nop");
          break;
        case 4:
          lines.push("block");
          statements(depth + 1);
          lines.push("end");
          break;
        case 5:
          lines.push("loop", ...burnFuel);
          statements(depth + 1);
          if (random(2) === 0) {
            condition();
            lines.push("br_if 0");
          }
          lines.push("end");
          break;
        case 6:
        case 7:
          condition();
          lines.push("if");
          statements(depth + 1);
          if (random(2) === 0) {
            lines.push("else");
            statements(depth + 1);
          }
          lines.push("end");
          break;
        case 8:
          if (depth === 0) break;
          condition();
          lines.push(`br_if ${random(depth)}`);
          break;
        case 9:
          if (depth === 0 || random(2) === 0) break;
          // What follows in the block is dead code, on purpose.
          lines.push(`br ${random(depth)}`);
          break;
        case 10:
          if (depth === 0 || random(2) === 0) break;
          value();
          lines.push(`br_table ${random(depth)} ${random(depth)} ${random(depth)}`);
          break;
        default:
          if (random(4) > 0) break;
          value();
          lines.push("return");
          break;
      }
    }
  };
  statements(0);
  value();
  return lines;
}
