import { describe, expect, test } from "vitest";
import { createTestHost } from "../test/support/contracts.ts";
import { createRandom } from "../test/support/programs.ts";
import { wat } from "../test/support/wat.ts";
import { decodeModule } from "./decode.ts";
import { interpret, prepareInterpreter } from "./interpreter.ts";
import { type Opcode, opcodes } from "./opcodes.ts";
import type { Outcome } from "./outcome.ts";
import { validateModule } from "./validate.ts";

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 1e9));
const random = createRandom(seed);

/** Where the cases lie in memory, 16 bytes each, and where the results go, 8 bytes each. */
const RESULTS = 131_072;
const PAGES = 3;

const edges = [
  ...[0n, 1n, 2n, 3n, 7n, 8n, 31n, 32n, 33n, 63n, 64n, 65n, 0x80n, 0xffn, 0x7fffn, 0x8000n, 0xffffn, 0x1_0000n],
  ...[0x7fff_ffffn, 0x8000_0000n, 0xffff_ffffn, 0x1_0000_0000n, 0x1_0000_0001n, 0xffff_0000_ffffn],
  ...[2n ** 52n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 62n, 2n ** 63n - 1n],
].flatMap((value) => [value, -value - 1n]);

/** Of any bit length, so that small, middle and large numbers meet. */
function randomValue(): bigint {
  const words = [random(0x1_0000), random(0x1_0000), random(0x1_0000), random(0x1_0000)];
  const value = words.reduce((sum, word) => (sum << 16n) | BigInt(word), 0n);
  return BigInt.asIntN(64, random(2) === 0 ? value >> BigInt(random(64)) : -(value >> BigInt(random(64))));
}

type Pair = readonly [bigint, bigint];
const pairs: readonly Pair[] = [
  ...edges.flatMap((a) => edges.map((b): Pair => [a, b])),
  ...Array.from({ length: 800 }, (): Pair => [randomValue(), randomValue()]),
  // Just below a multiple of the divisor, where a rounded quotient would be one too many.
  ...Array.from({ length: 400 }, (): Pair => {
    const b = BigInt.asUintN(26, randomValue()) + 1n;
    return [b * (BigInt.asUintN(26, randomValue()) + 1n) - 1n, b];
  }),
];

function dataOf(values: readonly Pair[]): string {
  const bytes = new DataView(new ArrayBuffer(values.length * 16));
  for (const [i, [a, b]] of values.entries()) {
    bytes.setBigInt64(i * 16, a, true);
    bytes.setBigInt64(i * 16 + 8, b, true);
  }
  return new Uint8Array(bytes.buffer).reduce((text, byte) => `${text}\\${byte.toString(16).padStart(2, "0")}`, "");
}

/** Runs `run` of a module on our interpreter and on the host engine, and gives both memories. */
function runBoth(code: Uint8Array): { ours: Uint8Array; outcome: Outcome; theirs: Uint8Array; trapped: boolean } {
  const module = decodeModule(code);
  let ours = new Uint8Array();
  const { outcome } = interpret(prepareInterpreter(module, validateModule(module)), {
    host: createTestHost(),
    input: new Uint8Array(),
    readOnly: false,
    gasLimit: 1e9,
    stackHeight: 0,
    exports: ["run"],
    onFinish: ({ memory }) => {
      ours = memory.slice();
    },
  });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(code));
  let trapped = false;
  try {
    (exports.run as () => void)();
  } catch (error) {
    if (!(error instanceof WebAssembly.RuntimeError)) throw error;
    trapped = true;
  }
  const theirs = new Uint8Array((exports.memory as WebAssembly.Memory).buffer).slice();
  return { ours, outcome, theirs, trapped };
}

const typeName = (letter: string) => (letter === "i" ? "i32" : "i64");

/** Applies the opcode to every case, in a loop. */
function applyToAll({ name, signature }: Opcode, values: readonly Pair[]): Uint8Array {
  const [params, results] = signature!.split(":") as [string, string];
  const operands = [...params].map((letter, i) => `local.get $case ${typeName(letter)}.load offset=${8 * i}`);
  return wat(`(module (memory (export "memory") ${PAGES}) (data (i32.const 0) "${dataOf(values)}")
    (func (export "run") (local $case i32)
      loop
        local.get $case i32.const 1 i32.shr_u
        ${operands.join(" ")} ${name} ${typeName(results)}.store offset=${RESULTS}
        local.get $case i32.const 16 i32.add local.tee $case i32.const ${values.length * 16} i32.lt_u br_if 0
      end))`);
}

const integerOperators = opcodes.filter(
  ({ feature, signature, immediate, name }) =>
    feature === undefined && immediate === "none" && signature !== undefined && name !== "nop",
);

/** Whether the operator traps, by its definition. */
function traps(name: string, [a, b]: Pair): boolean {
  const [type, operator] = name.split(".") as [string, string];
  if (!/^(div|rem)_/.test(operator)) return false;
  const width = type === "i32" ? 32 : 64;
  if (BigInt.asUintN(width, b) === 0n) return true;
  const isMinimum = BigInt.asIntN(width, a) === -(1n << BigInt(width - 1));
  return operator === "div_s" && isMinimum && BigInt.asIntN(width, b) === -1n;
}

test("there are 66 integer operators", () => {
  expect(integerOperators.length).toBe(66);
  expect(pairs.length * 16).toBeLessThanOrEqual(RESULTS);
});

describe("every integer operator gives what the host engine's gives", () => {
  for (const opcode of integerOperators) {
    test(opcode.name, () => {
      const values = pairs.filter((pair) => !traps(opcode.name, pair));
      const { ours, outcome, theirs, trapped } = runBoth(applyToAll(opcode, values));
      expect(trapped).toBe(false);
      expect(outcome.kind).toBe("success");
      const wrong = values.findIndex((_, i) => {
        const at = RESULTS + 8 * i;
        return Buffer.compare(ours.subarray(at, at + 8), theirs.subarray(at, at + 8)) !== 0;
      });
      expect(wrong < 0 ? "equal" : `SEED=${seed}: ${opcode.name} of ${values[wrong]}`).toBe("equal");
    });
  }
});

describe("division traps for the two reasons it has", () => {
  for (const opcode of integerOperators.filter(({ name }) => /div|rem/.test(name))) {
    for (const pair of [
      [5n, 0n],
      [0n, 0n],
      [-1n, 0n],
      [-(2n ** 31n), -1n],
      [-(2n ** 63n), -1n],
    ] as const) {
      test(`${opcode.name} of ${pair}`, () => {
        const { outcome, trapped } = runBoth(applyToAll(opcode, [pair]));
        const expected = traps(opcode.name, pair);
        expect(trapped).toBe(expected);
        if (!expected) expect(outcome.kind).toBe("success");
        else {
          const reason = pair[1] === 0n ? "IntegerDivideByZero" : "IntegerOverflow";
          expect(outcome).toEqual({ kind: "halt", reason });
        }
      });
    }
  }
});

describe("every load and store does what the host engine's does", () => {
  const size = PAGES * 65_536;
  for (const { name, signature, align } of opcodes.filter(({ align }) => align !== undefined)) {
    const width = 2 ** align!;
    const isLoad = signature!.endsWith("i") || signature!.endsWith("I");
    const type = typeName(isLoad ? signature!.at(-1)! : signature![1]!);
    const module = (body: string) =>
      wat(`(module (memory (export "memory") ${PAGES}) (data (i32.const 0) "${dataOf(pairs.slice(0, 256))}")
        (func (export "run") (local $at i32) ${body}))`);

    test(`${name}, aligned or not, at any offset`, () => {
      for (const offset of [0, 1, 6, 250, 65_533]) {
        const step = isLoad
          ? `local.get $at i32.const 3 i32.shl
             local.get $at ${name} offset=${offset} ${type}.store offset=${RESULTS + 8}`
          : `local.get $at i32.const 13 i32.mul
             local.get $at ${type}.load ${name} offset=${offset}`;
        const { ours, outcome, theirs } = runBoth(
          module(`loop ${step} local.get $at i32.const 1 i32.add local.tee $at i32.const 700 i32.lt_u br_if 0 end`),
        );
        expect(outcome.kind).toBe("success");
        expect(Buffer.compare(ours, theirs), `offset ${offset}`).toBe(0);
      }
    });

    test(`${name} reaches to the last byte and no further`, () => {
      const access = (address: number, offset: number) =>
        isLoad
          ? `i32.const ${address} ${name} offset=${offset} drop`
          : `i32.const ${address} ${type}.const -1 ${name} offset=${offset}`;
      const cases = [
        [size - width, 0],
        [0, size - width],
        [size - width - 9, 9],
        [size - width + 1, 0],
        [0, size - width + 1],
        [1, size - width],
        [size, 0],
        [-1, 0],
        [-1, 0xffff_ffff],
        [-width, width],
        [-0x8000_0000, 0x8000_0000],
      ] as const;
      for (const [address, offset] of cases) {
        const { ours, outcome, theirs, trapped } = runBoth(module(access(address, offset)));
        const inside = (address >>> 0) + offset + width <= size;
        expect(trapped, `${address} + ${offset}`).toBe(!inside);
        expect(outcome.kind === "halt" ? outcome.reason : "inside", `${address} + ${offset}`).toBe(
          inside ? "inside" : "MemoryOutOfBounds",
        );
        expect(Buffer.compare(ours, theirs)).toBe(0);
      }
    });
  }
});
