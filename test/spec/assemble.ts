/**
 * A module of a script -> bytes, by wabt's assembler with every feature on: what is outside the profile must reach our
 * decoder to be refused there. wabt does not validate here, for invalid modules must reach our validator too.
 */
import loadWabt from "wabt";
import { features } from "../support/wat.ts";
import type { ModuleSource } from "./wast.ts";

const wabt = await loadWabt();
const utf8 = new TextEncoder();

/** Null when the assembler refuses the text. */
export function assemble(source: ModuleSource): Uint8Array | null {
  if (source.form === "binary") return source.bytes;
  const text = source.form === "quote" ? `(module ${source.text}\n)` : source.text;
  let module: ReturnType<typeof wabt.parseWat>;
  try {
    // As bytes: wabt's own conversion of a string keeps only the low byte of each character.
    module = wabt.parseWat("suite.wat", utf8.encode(text), features);
  } catch {
    return null;
  }
  try {
    return Uint8Array.from(module.toBinary({}).buffer);
  } finally {
    module.destroy();
  }
}

/** The text of a binary module, in wabt's flat form; null when wabt cannot read it. */
export function disassemble(bytes: Uint8Array): string | null {
  let module: ReturnType<typeof wabt.readWasm>;
  try {
    module = wabt.readWasm(bytes, { ...features, readDebugNames: false } as never);
  } catch {
    return null;
  }
  try {
    return module.toText({ foldExprs: false, inlineExport: false });
  } finally {
    module.destroy();
  }
}
