/**
 * Where the suite's scripts are: `WASM_TESTSUITE`, or beside the repository. They are not ours to ship, so a run without them
 * stops at once and says where to get them.
 */
import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const byDefault = fileURLToPath(new URL("../../../shared/wasm-testsuite", import.meta.url));

export const suiteFolder = process.env.WASM_TESTSUITE ?? byDefault;

export function scriptNames(): string[] {
  if (!existsSync(suiteFolder)) return [];
  return readdirSync(suiteFolder)
    .filter((name) => name.endsWith(".wast"))
    .sort();
}

/** Vitest calls it before everything else. */
export default function setup(): void {
  if (scriptNames().length > 0) return;
  console.error(`There is no WebAssembly test suite in ${suiteFolder}.
Get the scripts of March 2023 and say where they are:

  git clone https://github.com/WebAssembly/testsuite wasm-testsuite
  git -C wasm-testsuite checkout "$(git -C wasm-testsuite rev-list -1 --before=2023-04-01 HEAD)"
  WASM_TESTSUITE=$PWD/wasm-testsuite npm run test:spec`);
  process.exit(1);
}
