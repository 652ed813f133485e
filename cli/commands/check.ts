/**
 * `lockstep check`: whether a Wasm module is a contract. If not, the error says which rule, where, and in which function.
 */
import type { Command } from "commander";
import { hash } from "../../node/crypto.ts";
import { toHex } from "../../node/rpc/json.ts";
import { type AbiMethod, checkModule, type FloatUse, ModuleError } from "../../vm/contract.ts";
import { signatureOf } from "../contract-help.ts";
import { during, exitCodes } from "../exit-codes.ts";
import { readInputFile } from "../files.ts";
import { print, type Report, rows } from "../output.ts";
import { settingsOf, withShared } from "../settings.ts";
import { readSourceLines, sourceText } from "../source-lines.ts";

export function define(command: Command): void {
  withShared(command, "json")
    .description("Say whether a Wasm module is a contract, and what is in it. Needs no node.")
    .argument("<file.wasm>", "the module")
    .action(run);
}

async function run(file: string, _options: unknown, command: Command): Promise<void> {
  const code = readInputFile(file);
  print(settingsOf(command), await during(exitCodes.file, () => moduleReport(file, code)));
}

/** What there is to say about a module. Throws `ModuleError` for one that is no contract. */
export function moduleReport(file: string, code: Uint8Array): Report {
  const { methods, abi, memoryPages, imports, functionCount, codeSize } = checkFile(file, code);
  const codeHash = toHex(hash("code", code));
  const names =
    abi === null ? methods : abi.methods.map((method) => `${signatureOf(abi, method)}  [${kindOf(method)}]`);
  return {
    json: { file, codeHash, codeSize, functionCount, memoryPages, imports, methods, hasAbi: abi !== null },
    text: [
      `${file} is a contract${abi === null ? " without an ABI" : `: ${abi.name}`}`,
      ...rows([
        ["code", `${codeSize} bytes ${codeHash}`],
        ["functions", `${functionCount}`],
        ["memory", memoryPages === null ? "none" : `${memoryPages.initial} to ${memoryPages.maximum} pages`],
        ["host", imports.length === 0 ? "uses nothing" : imports.join(", ")],
        ...names.map((name) => ["method", name] as const),
      ]),
    ],
  };
}

/** What a method may do, and where not everybody may call it, or always may, that too. */
function kindOf({ mutability, access }: AbiMethod): string {
  return access === "public" ? mutability : `${mutability}, ${access}`;
}

/** As `checkModule`; a refusal also says where in the source, when the module's maker left word of it. */
function checkFile(file: string, code: Uint8Array) {
  try {
    return checkModule(code);
  } catch (error) {
    const sourceOf = error instanceof ModuleError ? readSourceLines(file, code) : null;
    if (!(error instanceof ModuleError) || sourceOf === null) throw error;
    const source = sourceOf(error.offset);
    const floats = error.details?.floats as readonly FloatUse[] | undefined;
    const located = error.with({
      ...(source !== null && { source }),
      ...(floats !== undefined && { floats: floats.map((use) => ({ ...use, source: sourceOf(use.offset) })) }),
    });
    throw source === null ? located : Object.assign(located, { message: `${error.message} at ${sourceText(source)}` });
  }
}
