/**
 * Finds one custom section in a Wasm module without decoding the rest (Wasm core spec, section 5.5.3).
 *
 * A walk over section headers in time linear in their number. Any bytes may come in: what is no module, or breaks off
 * before the section, has no such section. Of several sections with one name the first counts.
 */
import { equalBytes } from "./borsh.ts";
import { ByteReader } from "./byte-reader.ts";
import { ModuleError } from "./module-error.ts";

const HEADER = Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00);
const CUSTOM_SECTION_ID = 0;

/** The section's content after its name, as a view of `wasm`. */
export function readCustomSection(wasm: Uint8Array, name: string): Uint8Array | undefined {
  const wanted = new TextEncoder().encode(name);
  const reader = new ByteReader(wasm);
  try {
    if (!equalBytes(reader.slice(HEADER.length), HEADER)) return undefined;
    while (!reader.done) {
      const id = reader.u8();
      const section = reader.sub(reader.u32());
      if (id !== CUSTOM_SECTION_ID) continue;
      if (equalBytes(section.slice(section.u32()), wanted)) return section.slice(section.end - section.offset);
    }
  } catch (error) {
    if (!(error instanceof ModuleError)) throw error;
  }
  return undefined;
}
