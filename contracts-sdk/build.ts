/**
 * Compiles a contract: one AssemblyScript file in, Wasm with its ABI inside out.
 *
 * Drives asc's compiler library step by step rather than its command line, which would read a stray asconfig.json and
 * end the process when the compiler fails. The result depends on the sources alone: paths are relative to the entry's
 * folder and all else comes out of this package, so the same source gives the same bytes on every machine.
 */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type * as compiler from "assemblyscript";
import type { Abi } from "../vm/abi.ts";
import { ABI_SECTION, encodeAbi } from "../vm/abi.ts";
import { assert, InputError } from "../vm/errors.ts";
import { haltReasons, refusalReasons } from "../vm/outcome.ts";
import { type Compiler, ContractTransform } from "./transform.ts";

export interface BuildOptions {
  /** Path of the file that holds the class marked `@contract`. */
  readonly entry: string;
  /** Default true. Without it the module keeps the names of functions. */
  readonly optimize?: boolean;
  readonly sourceMap?: boolean;
}

export interface BuildDiagnostic {
  /** As the caller would name it: relative to where the entry's path is. */
  readonly file: string;
  /** Both count from 1. */
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

export interface BuildResult {
  readonly wasm: Uint8Array;
  readonly abi: Abi;
  readonly warnings: readonly BuildDiagnostic[];
  /** Present when asked for. */
  readonly sourceMap?: string;
}

/** More than these are cut from a message; the error's details hold them all. */
const DIAGNOSTICS_SHOWN_MAX = 20;

const LIBRARY = "~lib/";
const SDK = `${LIBRARY}lockstep/`;

/** Where module-level code of the contract runs from; the VM calls it, metered, before a method. */
const INITIALIZE_EXPORT = "_initialize";

/** Throws `InputError` `file_not_found` or `build_failed`; the latter lists every diagnostic as file:line:column. */
export async function buildContract(options: BuildOptions): Promise<BuildResult> {
  // Loaded on first use, so that nothing but a build pays for 15 MB of compiler.
  const [as, { libraryFiles }] = await Promise.all([import("assemblyscript"), import("assemblyscript/asc")]);
  return new Build(as, libraryFiles, options).run();
}

class Build {
  readonly #as: Compiler;
  readonly #library: Readonly<Record<string, string>>;
  readonly #options: BuildOptions;
  readonly #folder: string;
  readonly #program: compiler.Program;
  readonly #warnings: BuildDiagnostic[] = [];

  constructor(as: Compiler, library: Readonly<Record<string, string>>, options: BuildOptions) {
    this.#as = as;
    this.#library = library;
    this.#options = options;
    this.#folder = path.dirname(options.entry);
    this.#program = as.newProgram(compilerOptions(as, options));
  }

  run(): BuildResult {
    const as = this.#as;
    const program = this.#program;
    try {
      const transform = new ContractTransform(as, program);
      this.#parseLibrary();
      this.#attempt(() => this.#parseEntry());
      this.#stopOnErrors();
      transform.afterParse();
      this.#stopOnErrors();
      this.#attempt(() => as.initializeProgram(program));
      this.#stopOnErrors();
      const abi = transform.afterInitialize();
      this.#stopOnErrors();
      const module = this.#attempt(() => as.compile(program));
      this.#stopOnErrors();
      return this.#emit(module, abi!);
    } finally {
      program.module.dispose();
    }
  }

  /** On some wrong programs asc breaks an assertion of its own; to its user that is one more refusal. */
  #attempt<T>(step: () => T): T {
    try {
      return step();
    } catch (error) {
      if (error instanceof InputError) throw error;
      this.#stopOnErrors();
      throw new InputError("build_failed", `${this.#options.entry}:1:1: asc itself failed: ${error}`, {
        hint: "leave out parts of the contract until it compiles, to find the line that asc cannot bear",
      });
    }
  }

  /** asc's own library, then the part of ours that stands in for asc's runtime. */
  #parseLibrary(): void {
    for (const [name, text] of Object.entries(this.#library)) {
      if (!name.includes("/")) this.#as.parse(this.#program, text, `${LIBRARY}${name}.ts`);
    }
    this.#as.parse(this.#program, this.#read(`${SDK}memory`), `${SDK}memory.ts`);
    // Generated code imports it, and generated imports are not followed.
    this.#as.parse(this.#program, this.#read(`${SDK}generated`), `${SDK}generated.ts`);
  }

  #parseEntry(): void {
    const { entry } = this.#options;
    const name = path.basename(entry);
    const text = readText(entry);
    if (text === null || !name.endsWith(".ts")) {
      throw new InputError("file_not_found", `${entry} is no readable file that ends in .ts`, {
        hint: "give the path of the file that holds the class marked @contract",
      });
    }
    this.#as.parse(this.#program, text, name);
    this.#parseImports();
  }

  #parseImports(): void {
    const as = this.#as;
    for (let file = as.nextFile(this.#program); file !== null; file = as.nextFile(this.#program)) {
      as.parse(this.#program, this.#read(file), `${file}.ts`);
    }
  }

  /** The text of a file by the compiler's name for it, null when there is none. */
  #read(file: string): string | null {
    if (file === `${SDK}reasons`) return reasonsSource();
    if (file.startsWith(SDK)) return readText(path.join(assemblyFolder, `${file.slice(SDK.length)}.ts`));
    if (file.startsWith(LIBRARY)) return this.#library[file.slice(LIBRARY.length)] ?? null;
    return readText(path.join(this.#folder, `${file}.ts`));
  }

  #emit(module: compiler.Module, abi: Abi): BuildResult {
    const as = this.#as;
    this.#refuseUnfit(module);
    this.#stopOnErrors();
    const { optimize = true, sourceMap = false, entry } = this.#options;
    if (optimize) optimizeUntilStable(as, module);
    // asc exports the start function even when there is nothing to start.
    const start = as.getFunctionBody(module.getFunction(START_FUNCTION));
    if (as.getExpressionId(start) === as.getExpressionId(module.nop())) module.removeExport(INITIALIZE_EXPORT);
    module.runPasses(["remove-unused-module-elements"]);
    assert(as.validate(module), "asc made an invalid module");
    module.addCustomSection(ABI_SECTION, encodeAbi(abi));
    const binary = module.toBinary(sourceMap ? `${path.basename(entry, ".ts")}.wasm.map` : null);
    const result = { wasm: binary.output, abi, warnings: this.#warnings };
    return sourceMap ? { ...result, sourceMap: binary.sourceMap! } : result;
  }

  /** What compiles but is no contract, told where the author can see it rather than by an offset at deployment. */
  #refuseUnfit(module: compiler.Module): void {
    const found: { readonly range: compiler.Range | null; readonly message: string }[] = [];
    for (const form of module.toText(false).split("\n (")) {
      const named = /^(import .*)?\(?(?:func|global) \$(?:"((?:[^"\\]|\\.)*)"|(\S+))/.exec(form);
      if (named === null) continue;
      const [, imported, quoted, plain] = named;
      const isForeign = imported !== undefined && !imported.startsWith('import "lockstep" ');
      // Also in the name of an instruction, such as i32.trunc_f64_s.
      const isFloat = /(?<![a-z0-9])f(?:32|64)/.test(form);
      if (!isForeign && !isFloat) continue;
      const name = quoted?.replaceAll("\\", "") ?? plain!;
      const element = this.#program.instancesByName.get(name) ?? this.#program.elementsByName.get(name);
      const isOwn = element instanceof this.#as.DeclaredElement && !element.declaration.range.source.isLibrary;
      const message = isForeign
        ? `${name} is imported; a contract imports nothing but the host functions of Lockstep`
        : `${name} computes with floating point (number, f64, Math, parseInt, a literal such as 1.5); use integers`;
      found.push({ range: isOwn ? element.identifierNode.range : null, message });
    }
    // Library code is reached only from the author's; it is worth a line only where none of the author's has one.
    const own = found.filter(({ range }) => range !== null);
    for (const { range, message } of own.length > 0 ? own : found) this.#report(range, message);
  }

  #report(range: compiler.Range | null, message: string): void {
    this.#program.error(this.#as.DiagnosticCode.User_defined_0, range, message);
  }

  /** Drains the compiler's diagnostics. */
  #stopOnErrors(): void {
    const as = this.#as;
    const errors: BuildDiagnostic[] = [];
    for (let next = as.nextDiagnostic(this.#program); next !== null; next = as.nextDiagnostic(this.#program)) {
      if (as.isError(next)) errors.push(this.#locate(next));
      else if (as.isWarning(next)) this.#warnings.push(this.#locate(next));
    }
    if (errors.length === 0) return;
    const lines = errors.slice(0, DIAGNOSTICS_SHOWN_MAX).map(diagnosticToText);
    if (errors.length > lines.length) lines.push(`and ${errors.length - lines.length} more`);
    throw new InputError("build_failed", lines.join("\n"), { details: { diagnostics: errors } });
  }

  #locate({ message, range }: compiler.DiagnosticMessage): BuildDiagnostic {
    const text = message.replace(/^User-defined: /, "");
    if (range === null) return { file: this.#options.entry, line: 1, column: 1, message: text };
    const { source } = range;
    const line = source.lineAt(range.start);
    const file = source.isLibrary ? source.normalizedPath : path.join(this.#folder, source.normalizedPath);
    return { file, line, column: source.columnAt(), message: text };
  }
}

export function diagnosticToText({ file, line, column, message }: BuildDiagnostic): string {
  return `${file}:${line}:${column}: ${message}`;
}

/** Beside this file in the source tree; `dist` holds no copy. */
const assemblyFolder = [
  new URL("./assembly/", import.meta.url),
  new URL("../../contracts-sdk/assembly/", import.meta.url),
]
  .map((url) => fileURLToPath(url))
  .find((folder) => existsSync(folder))!;

/** asc's name for module-level code. */
const START_FUNCTION = "~start";

function compilerOptions(as: Compiler, { optimize = true, sourceMap = false }: BuildOptions): compiler.Options {
  const options = as.newOptions();
  as.setRuntime(options, 0);
  as.setExportStart(options, INITIALIZE_EXPORT);
  as.setSourceMap(options, sourceMap);
  as.setDebugInfo(options, !optimize);
  if (optimize) as.setOptimizeLevelHints(options, 3, 2);
  as.addGlobalAlias(options, "abort", `${SDK}generated/abort`);
  // Both would import from outside Lockstep.
  as.addGlobalAlias(options, "trace", "");
  as.addGlobalAlias(options, "seed", "");
  return options;
}

/** As `asc -Oz --converge`. */
function optimizeUntilStable(as: Compiler, module: compiler.Module): void {
  let length = Number.POSITIVE_INFINITY;
  for (;;) {
    as.optimize(module, 3, 2);
    const next = module.toBinary().output.length;
    if (next >= length) return;
    length = next;
  }
}

/**
 * The SDK's file that is not written by hand: the names of the VM's reasons, in the order of their numbers, each behind its
 * length. An empty one is the last, for a later VM may have more.
 */
function reasonsSource(): string {
  const functions = Object.entries({ haltReasons, refusalReasons }).map(([name, reasons]) => {
    const bytes = [...reasons, ""].flatMap((reason) => [reason.length, ...new TextEncoder().encode(reason)]);
    return `export function ${name}(): usize { return memory.data<u8>([${bytes.join(", ")}]); }`;
  });
  return functions.join("\n");
}

function readText(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return null;
  }
}
