import { SourceMap } from "node:module";
import fc from "fast-check";
import { expect, test } from "vitest";
import { readSourceMap } from "./source-map.ts";

const mapOf = (mappings: string) => ({ version: 3, sources: ["a.ts", "b.ts"], names: [], mappings });

test("positions are those of Node's own reader", () => {
  const map = mapOf("kFCIS,EAAQ,SAAR,CAAP,GAIc,EAAN,EDAR");
  const lookup = readSourceMap(JSON.stringify(map))!;
  const oracle = new SourceMap({ file: "", sourcesContent: [], sourceRoot: "", ...map } as never);
  for (let offset = 82; offset < 120; offset++) {
    const entry = oracle.findEntry(0, offset) as {
      originalSource: string;
      originalLine: number;
      originalColumn: number;
    };
    const { originalSource: file, originalLine, originalColumn } = entry;
    expect(lookup(offset)).toEqual({ file, line: originalLine + 1, column: originalColumn + 1 });
  }
  expect(lookup(0)).toBeNull();
});

test.each([
  "",
  "null",
  "[]",
  "{",
  '{"version":2}',
  '{"version":3,"mappings":1,"sources":[]}',
  '{"version":3,"mappings":""}',
])("%j is no source map", (json) => expect(readSourceMap(json)).toBeNull());

test("bytes without a source have no position, nor have sources that are not there", () => {
  expect(readSourceMap(JSON.stringify(mapOf("AAAA,E")))!(5)).toBeNull();
  expect(readSourceMap(JSON.stringify(mapOf("AIAA")))!(5)).toBeNull();
  expect(readSourceMap(JSON.stringify(mapOf("AAAD")))!(5)).toBeNull();
});

test("no mappings make it throw", () => {
  const text = fc.string({ unit: fc.constantFrom(..."ADgz/9,;!é"), maxLength: 60 });
  fc.assert(fc.property(text, (mappings) => void readSourceMap(JSON.stringify(mapOf(mappings)))!(7)));
});
