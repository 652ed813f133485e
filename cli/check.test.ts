import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { withAbi } from "../test/support/sample-contracts.ts";
import { wat } from "../test/support/wat.ts";
import { ModuleError } from "../vm/contract.ts";
import { moduleReport } from "./commands/check.ts";

const pathOf = (name: string) => fileURLToPath(new URL(`../test/vectors/source-lines/${name}`, import.meta.url));

function refusalOf(name: string): ModuleError {
  const path = pathOf(name);
  try {
    moduleReport(path, Uint8Array.from(readFileSync(path)));
  } catch (error) {
    if (error instanceof ModuleError) return error;
    throw error;
  }
  throw new Error("the module was accepted");
}

function linesOf(error: ModuleError) {
  const floats = error.details?.floats as { functionName: string; source: { file: string; line: number } | null }[];
  return Object.fromEntries(
    floats.map(({ functionName, source }) => [functionName, source && `${source.file}:${source.line}`]),
  );
}

test.each([
  ["c-dwarf4.wasm", { share: "price.c:10", run: "price.c:12" }],
  ["c-dwarf5.wasm", { share: "price.c:10", run: "price.c:12" }],
])("a refusal of %s names the lines of its floats", (name, lines) => {
  expect(linesOf(refusalOf(name))).toEqual(lines);
});

test("lines of rustc and of asc's source map are named too", () => {
  expect(Object.values(linesOf(refusalOf("rust.wasm")))).toContain("price.rs:9");
  const error = refusalOf("asc.wasm");
  const floats = error.details?.floats as { source: unknown }[];
  expect(floats.map(({ source }) => source)).toContainEqual(expect.objectContaining({ file: "price.ts", line: 5 }));
});

test("a contract's methods are listed by what they do and who may call them", () => {
  const code = withAbi(wat(`(module (func (export "open")) (func (export "own")) (func (export "back")))`), [
    { name: "open", mutability: "view" },
    { name: "own", mutability: "call", access: "private" },
    { name: "back", mutability: "payable", access: "reentrant" },
  ]);
  const { text } = moduleReport("sample.wasm", code);
  const methods = text.filter((line) => /\bmethod\b/.test(line)).map((line) => line.replace(/^.*method\s+/, ""));
  expect(methods).toEqual(["open()  [view]", "own()  [call, private]", "back()  [payable, reentrant]"]);
});
