/**
 * Where in the source a byte of a module comes from, by the module's DWARF line table (DWARF 4 and 5, section 6.2). Addresses
 * there count from the start of the code section's contents.
 *
 * Only for people; no verdict depends on it. Any bytes may come in: what is damaged gives fewer answers.
 */
import { ByteReader } from "./byte-reader.ts";
import { readCustomSection } from "./custom-section.ts";
import { ModuleError } from "./module-error.ts";

export interface SourcePosition {
  readonly file: string;
  /** Both count from 1. */
  readonly line: number;
  /** Null where the compiler did not say. */
  readonly column: number | null;
}

/** By offset from the start of the module. */
export type SourceLookup = (offset: number) => SourcePosition | null;

/** Above what a module within the profile's size holds: a row takes a byte at least, in practice four. */
const ROW_COUNT_MAX = 1 << 20;
const FILE_COUNT_MAX = 1 << 14;
const PATH_SIZE_MAX = 1024;

const CODE_SECTION_ID = 10;

interface Row {
  readonly start: number;
  /** Exclusive: where the next row of the sequence starts. */
  readonly end: number;
  readonly file: string | undefined;
  readonly line: number;
  readonly column: number;
}

/** Null when the module has no line table. */
export function readDwarfLines(wasm: Uint8Array): SourceLookup | null {
  const section = readCustomSection(wasm, ".debug_line");
  const codeStart = codeSectionStart(wasm);
  if (section === undefined || codeStart === null) return null;
  const table = new LineTable(wasm);
  table.read(section);
  const rows = table.rows.sort((one, other) => one.start - other.start);
  return (offset) => {
    const address = offset - codeStart;
    let low = 0;
    let high = rows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (rows[middle]!.start <= address) low = middle + 1;
      else high = middle;
    }
    const row = rows[low - 1];
    // Line 0 is code that belongs to no line.
    if (row === undefined || address >= row.end || row.line === 0 || row.file === undefined) return null;
    return { file: row.file, line: row.line, column: row.column === 0 ? null : row.column };
  };
}

function codeSectionStart(wasm: Uint8Array): number | null {
  return (
    attempt(() => {
      const reader = new ByteReader(wasm, Math.min(8, wasm.length));
      while (!reader.done) {
        const id = reader.u8();
        const section = reader.sub(reader.u32());
        if (id === CODE_SECTION_ID) return section.offset;
      }
      return null;
    }) ?? null
  );
}

function attempt<T>(step: () => T): T | undefined {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof ModuleError)) throw error;
    return undefined;
  }
}

class LineTable {
  readonly rows: Row[] = [];
  #filesLeft = FILE_COUNT_MAX;
  readonly #strings: Uint8Array;
  readonly #lineStrings: Uint8Array;

  constructor(wasm: Uint8Array) {
    this.#strings = readCustomSection(wasm, ".debug_str") ?? new Uint8Array();
    this.#lineStrings = readCustomSection(wasm, ".debug_line_str") ?? new Uint8Array();
  }

  /** One unit after the other; a damaged one ends early and the next is tried. */
  read(section: Uint8Array): void {
    const reader = new ByteReader(section);
    attempt(() => {
      while (!reader.done) {
        const unit = reader.sub(fixed(reader, 4));
        attempt(() => this.#readUnit(unit));
      }
    });
  }

  #readUnit(unit: ByteReader): void {
    const version = fixed(unit, 2);
    if (version !== 4 && version !== 5) return;
    if (version === 5) unit.slice(2);
    const header = unit.sub(fixed(unit, 4));
    const instructionSize = header.u8();
    // Operations per instruction, and whether rows begin as statements.
    header.slice(2);
    const lineBase = (header.u8() << 24) >> 24;
    const lineRange = header.u8();
    const opcodeBase = header.u8();
    if (lineRange === 0 || opcodeBase === 0) return;
    const operandCounts = header.slice(opcodeBase - 1);
    const files = version === 5 ? this.#files5(header) : this.#files4(header);
    this.#run(unit, { instructionSize, lineBase, lineRange, opcodeBase, operandCounts, files });
  }

  #files4(header: ByteReader): (string | undefined)[] {
    const folders: string[] = [""];
    for (let folder = text(header); folder !== ""; folder = text(header)) {
      this.#countFile(header);
      folders.push(folder);
    }
    // Files count from 1.
    const files: (string | undefined)[] = [undefined];
    for (let name = text(header); name !== ""; name = text(header)) {
      this.#countFile(header);
      files.push(join(folders[header.u32()] ?? "", name));
      header.u32();
      header.u32();
    }
    return files;
  }

  #files5(header: ByteReader): string[] {
    const folders = this.#entries(header).map(({ path }) => path);
    // Folder 0 is where the compiler ran; names in it are told from there.
    folders[0] = "";
    return this.#entries(header).map(({ path, folder }) => join(folders[folder] ?? "", path));
  }

  #entries(header: ByteReader): { path: string; folder: number }[] {
    const formats = Array.from({ length: header.u8() }, () => ({ content: header.u32(), form: header.u32() }));
    const count = header.u32();
    const entries: { path: string; folder: number }[] = [];
    for (let i = 0; i < count; i++) {
      this.#countFile(header);
      let path = "";
      let folder = 0;
      for (const { content, form } of formats) {
        const value = this.#form(header, form);
        if (content === 1 && typeof value === "string") path = value;
        if (content === 2 && typeof value === "number") folder = value;
      }
      entries.push({ path, folder });
    }
    return entries;
  }

  #countFile(header: ByteReader): void {
    if (this.#filesLeft-- <= 0) header.fail("limit_files", "too many files");
  }

  /** DWARF 5, section 7.5.6: the forms that section 6.2.4.1 allows here, but for indexed strings. */
  #form(reader: ByteReader, form: number): string | number | null {
    switch (form) {
      case 0x08:
        return text(reader);
      case 0x0e:
        return textAt(this.#strings, fixed(reader, 4));
      case 0x1f:
        return textAt(this.#lineStrings, fixed(reader, 4));
      case 0x0b:
        return reader.u8();
      case 0x05:
        return fixed(reader, 2);
      case 0x06:
        return fixed(reader, 4);
      case 0x0f:
        return reader.u32();
      case 0x07:
        reader.slice(8);
        return null;
      case 0x1e:
        reader.slice(16);
        return null;
      case 0x09:
        reader.slice(reader.u32());
        return null;
      default:
        return reader.fail("dwarf_form", "unknown form");
    }
  }

  #run(program: ByteReader, unit: Unit): void {
    const { instructionSize, lineBase, lineRange, opcodeBase, operandCounts, files } = unit;
    const first = files[0] === undefined ? 1 : 0;
    let state = { address: 0, file: 1, line: 1, column: 0 };
    let last: { start: number; file: string | undefined; line: number; column: number } | null = null;
    let isDead = true;
    const emit = (): void => {
      const { address, file, line, column } = state;
      if (this.rows.length >= ROW_COUNT_MAX) program.fail("limit_rows", "too many rows");
      if (last !== null && !isDead && address > last.start) this.rows.push({ ...last, end: address });
      last = { start: address, file: files[file] ?? files[first], line, column };
    };
    while (!program.done) {
      const opcode = program.u8();
      if (opcode >= opcodeBase) {
        const operation = opcode - opcodeBase;
        state.address += Math.floor(operation / lineRange) * instructionSize;
        state.line += lineBase + (operation % lineRange);
        emit();
        continue;
      }
      switch (opcode) {
        case 0: {
          const extended = program.sub(program.u32());
          if (extended.done) break;
          const kind = extended.u8();
          if (kind === 1) {
            emit();
            last = null;
            isDead = true;
            state = { address: 0, file: 1, line: 1, column: 0 };
          } else if (kind === 2) {
            state.address = fixed(extended, 4);
            // Linkers leave the lines of removed functions, at address 0 or at the very end.
            isDead = state.address === 0;
          }
          break;
        }
        case 1:
          emit();
          break;
        case 2:
          state.address += program.u32() * instructionSize;
          break;
        case 3:
          state.line += program.s32();
          break;
        case 4:
          state.file = program.u32();
          break;
        case 5:
          state.column = program.u32();
          break;
        case 8:
          state.address += Math.floor((255 - opcodeBase) / lineRange) * instructionSize;
          break;
        case 9:
          state.address += fixed(program, 2);
          break;
        default:
          for (let i = operandCounts[opcode - 1]!; i > 0; i--) program.u32();
      }
    }
  }
}

interface Unit {
  readonly instructionSize: number;
  readonly lineBase: number;
  readonly lineRange: number;
  readonly opcodeBase: number;
  readonly operandCounts: Uint8Array;
  readonly files: readonly (string | undefined)[];
}

/** Little-endian, unsigned. */
function fixed(reader: ByteReader, size: 2 | 4): number {
  return reader.slice(size).reduceRight((value, byte) => value * 256 + byte, 0);
}

function text(reader: ByteReader): string {
  const bytes = reader.bytes.subarray(reader.offset, Math.min(reader.end, reader.offset + PATH_SIZE_MAX));
  const length = bytes.indexOf(0);
  if (length < 0) reader.fail("dwarf_text", "text without an end");
  reader.slice(length + 1);
  return new TextDecoder().decode(bytes.subarray(0, length));
}

function textAt(bytes: Uint8Array, offset: number): string {
  return text(new ByteReader(bytes, Math.min(offset, bytes.length)));
}

function join(folder: string, name: string): string {
  const path = folder === "" || name.startsWith("/") ? name : `${folder}/${name}`;
  return path.replace(/^(?:\.\/)+/, "");
}
