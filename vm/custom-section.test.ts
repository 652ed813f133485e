import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readCustomSection } from "./custom-section.ts";

const header = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const text = new TextEncoder();

function section(id: number, payload: readonly number[]): number[] {
  return [id, ...leb128(payload.length), ...payload];
}

function custom(name: string, content: readonly number[]): number[] {
  const encoded = text.encode(name);
  return section(0, [...leb128(encoded.length), ...encoded, ...content]);
}

function leb128(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    bytes.push(rest > 0x7f ? (rest & 0x7f) | 0x80 : rest);
    if (rest <= 0x7f) return bytes;
  }
}

const find = (bytes: readonly number[], name = "wanted") => readCustomSection(Uint8Array.from(bytes), name);

function engineReads(module: readonly number[]): Uint8Array {
  // The typings know the class, but not this function of it.
  const { customSections } = WebAssembly.Module as unknown as {
    customSections(module: WebAssembly.Module, name: string): readonly ArrayBuffer[];
  };
  return new Uint8Array(customSections(new WebAssembly.Module(Uint8Array.from(module)), "wanted")[0]!);
}

test("a section is found between any others, with all its bytes", () => {
  const content = fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 300 });
  const other = fc.oneof(
    fc.tuple(fc.integer({ min: 1, max: 13 }), content).map(([id, payload]) => section(id, payload)),
    fc.tuple(fc.constantFrom("", "name", "wanted2", "Wanted"), content).map(([name, payload]) => custom(name, payload)),
  );
  fc.assert(
    fc.property(fc.array(other), content, fc.array(other), (before, payload, after) => {
      const module = [...header, ...before.flat(), ...custom("wanted", payload), ...after.flat()];
      expect(find(module)).toEqual(Uint8Array.from(payload));
      expect(find([...header, ...before.flat(), ...after.flat()])).toBeUndefined();
      // The engine's own reading of the same bytes, where it takes them for a module.
      if (before.length + after.length === 0) {
        expect(find(module)).toEqual(engineReads(module));
      }
    }),
  );
});

test("the first of several counts, and a name need not be ASCII", () => {
  expect(find([...header, ...custom("wanted", [1]), ...custom("wanted", [2])])).toEqual(Uint8Array.of(1));
  expect(find([...header, ...custom("é😀", [7])], "é😀")).toEqual(Uint8Array.of(7));
});

describe("bytes without the section have no section and cause no error", () => {
  const whole = [...header, ...custom("wanted", [1, 2, 3])];
  test.each<[string, readonly number[]]>([
    ["nothing", []],
    ["an empty module", header],
    ["another magic", [...whole.slice(0, 3), 0x6e, ...whole.slice(4)]],
    ["another version", [...whole.slice(0, 4), 0x02, ...whole.slice(5)]],
    ["a section longer than the module", [...header, 0, ...leb128(200), 6, ...text.encode("wanted")]],
    ["a name longer than its section, though not than the module", [...header, 0, 3, 6, ...text.encode("wanted")]],
    ["a size in six bytes", [...header, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0, ...text.encode("wanted")]],
    ["a size above 32 bits", [...header, 0, 0xff, 0xff, 0xff, 0xff, 0x7f]],
    ["a size of 4 GiB", [...header, 0, 0xff, 0xff, 0xff, 0xff, 0x0f]],
    ["the section hidden inside another", [...header, ...section(10, custom("wanted", [1]))]],
    ["the section behind a broken one", [...header, 1, 0xff, 0x7f, ...custom("wanted", [1])]],
  ])("%s", (_, bytes) => {
    expect(find(bytes)).toBeUndefined();
  });

  test("the module cut at any byte", () => {
    for (let length = 0; length < whole.length; length++) expect(find(whole.slice(0, length))).toBeUndefined();
  });

  test("random bytes behind a good header", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(find([...header, ...bytes], "lockstep.abi")).toBeUndefined();
      }),
      { numRuns: 1000 },
    );
  });
});
