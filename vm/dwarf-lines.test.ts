import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { readDwarfLines } from "./dwarf-lines.ts";

const read = (name: string) =>
  Uint8Array.from(readFileSync(new URL(`../test/vectors/source-lines/${name}`, import.meta.url)));

/** Where llvm-objdump says that the contents of the code section start, found by the bytes that stand there. */
function codeStart(wasm: Uint8Array, head: readonly number[]): number {
  return Buffer.from(wasm).indexOf(Uint8Array.from(head));
}

// Rows as `llvm-dwarfdump --debug-line` prints them, version 14.0.6.
test.each(["c-dwarf4.wasm", "c-dwarf5.wasm"])("positions of %s are those that llvm-dwarfdump prints", (name) => {
  const wasm = read(name);
  const at = readDwarfLines(wasm)!;
  // Three functions, then the first one's size, no locals, i32.const 0.
  const start = codeStart(wasm, [3, 0x17, 0, 0x41, 0]);
  expect(start).toBeGreaterThan(0);
  const of = (address: number) => at(start + address);
  expect(of(0x03)).toEqual({ file: "price.c", line: 7, column: 9 });
  expect(of(0x1a)).toEqual({ file: "price.c", line: 10, column: null });
  expect(of(0x27)).toEqual({ file: "price.c", line: 10, column: 69 });
  expect(of(0x61)).toEqual({ file: "price.h", line: 2, column: 16 });
  expect(of(0xa0)).toEqual({ file: "price.c", line: 15, column: 1 });
  for (const none of [0x01, 0x19, 0x38, 0x40, 0xa1, 0x1000]) expect(of(none)).toBeNull();
});

test("a module without a line table has no lines", () => {
  expect(readDwarfLines(read("asc.wasm"))).toBeNull();
  expect(readDwarfLines(new Uint8Array())).toBeNull();
});

test("damage gives fewer answers and never throws", () => {
  const wasm = read("c-dwarf5.wasm");
  const change = fc.tuple(fc.nat(wasm.length - 1), fc.nat(255));
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 20 }), fc.nat(wasm.length), (changes, length) => {
      const damaged = wasm.slice();
      for (const [at, byte] of changes) damaged[at] = byte;
      for (const code of [damaged, wasm.subarray(0, length)]) {
        const lookup = readDwarfLines(code);
        for (let offset = 0; offset < 400; offset += 7) lookup?.(offset);
      }
    }),
  );
});
