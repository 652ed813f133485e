/**
 * Source positions for bytes of a module: by the DWARF inside it, else by the source map beside it, else none.
 */
import { basename, dirname, join } from "node:path";
import { ByteReader } from "../vm/byte-reader.ts";
import { readCustomSection } from "../vm/custom-section.ts";
import { readDwarfLines, type SourceLookup, type SourcePosition } from "../vm/dwarf-lines.ts";
import { InputError } from "../vm/errors.ts";
import { readInputFile } from "./files.ts";
import { readSourceMap } from "./source-map.ts";

const URL_SIZE_MAX = 4096;

/** `file` is where `code` was read from. Never throws `InputError`: a map that cannot be read is none. */
export function readSourceLines(file: string, code: Uint8Array): SourceLookup | null {
  const lines = readDwarfLines(code);
  if (lines !== null) return lines;
  // Only beside the module, whatever path its maker wrote.
  const named = attempt(() => join(dirname(file), basename(sourceMapUrl(code) ?? "")));
  for (const path of [named, `${file}.map`]) {
    const json = path === null ? null : attempt(() => new TextDecoder().decode(readInputFile(path)));
    const map = json === null ? null : readSourceMap(json);
    if (map !== null) return map;
  }
  return null;
}

export function sourceText({ file, line, column }: SourcePosition): string {
  return column === null ? `${file}:${line}` : `${file}:${line}:${column}`;
}

function sourceMapUrl(code: Uint8Array): string | null {
  const section = readCustomSection(code, "sourceMappingURL");
  return section === undefined ? null : new ByteReader(section).name(URL_SIZE_MAX);
}

function attempt<T>(step: () => T): T | null {
  try {
    return step();
  } catch (error) {
    if (error instanceof InputError) return null;
    // A name with a zero byte in it is no path.
    if (error instanceof TypeError) return null;
    throw error;
  }
}
