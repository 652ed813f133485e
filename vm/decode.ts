/**
 * Bytes -> `Module`: the binary format of the Wasm core spec, section 5.5, as far as profile 1 goes.
 *
 * Sections come in order and fill their announced size exactly. Whatever the profile excludes is refused here, where it is
 * read, with a code of its own. No count is trusted for an allocation before its limit is checked; nothing recurses.
 */
import { ByteReader } from "./byte-reader.ts";
import { readCustomSection } from "./custom-section.ts";
import { assert } from "./errors.ts";
import {
  type CustomSection,
  type DataSegment,
  type ElementSegment,
  type Export,
  type FunctionBody,
  type FunctionImport,
  type FunctionType,
  type Global,
  type Limits,
  type Module,
  type ValueType,
  valueType,
} from "./module.ts";
import { ModuleError } from "./module-error.ts";
import { featureText, op } from "./opcodes.ts";
import * as profile from "./profile.ts";

// Section identifiers in the order in which they must come; the data count stands before the code (section 5.5.16).
const sectionOrder = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 10, 11];
const NAME_SECTION = "name";
const sectionNames = [
  "custom",
  "type",
  "import",
  "function",
  "table",
  "memory",
  "global",
  "export",
  "start",
  "element",
  "code",
  "data",
  "data count",
];

type Draft = { -readonly [K in keyof Module]: Module[K] } & { dataCount: number | null };

/**
 * Throws `ModuleError`. Types, indices and bodies are still to be validated. With `allowsFloats` the result may hold floats
 * where `Module` has none: for the survey that names them all, and for nothing else.
 */
export function decodeModule(bytes: Uint8Array, { allowsFloats = false } = {}): Module {
  try {
    return decodeSections(bytes, allowsFloats);
  } catch (error) {
    if (!(error instanceof ModuleError) || error.functionIndex === undefined) throw error;
    // The name section stands behind the code, where decoding did not get.
    const section = readCustomSection(bytes, NAME_SECTION);
    const functionName = section && decodeFunctionNames(section).get(error.functionIndex);
    throw functionName === undefined ? error : error.at({ functionName });
  }
}

function decodeSections(bytes: Uint8Array, allowsFloats: boolean): Module {
  const reader = new ByteReader(bytes);
  reader.allowsFloats = allowsFloats;
  if (bytes.length > profile.CODE_SIZE_MAX) {
    reader.fail("limit_code_size", `module of ${bytes.length} bytes, at most ${profile.CODE_SIZE_MAX}`);
  }
  decodeHeader(reader);
  const module: Draft = {
    bytes,
    types: [],
    imports: [],
    functions: [],
    table: null,
    memory: null,
    globals: [],
    exports: [],
    elements: [],
    hasDataCount: false,
    dataCount: null,
    data: [],
    bodies: [],
    customs: [],
    functionNames: new Map(),
  };
  const customs: CustomSection[] = [];
  let position = -1;
  while (!reader.done) {
    const at = reader.offset;
    const id = reader.u8();
    const section = reader.sub(reader.u32());
    if (id === 0) {
      if (customs.length >= profile.CUSTOM_SECTION_COUNT_MAX) {
        reader.fail("limit_custom_sections", `more than ${profile.CUSTOM_SECTION_COUNT_MAX} custom sections`, at);
      }
      const name = section.name(section.end - section.offset);
      customs.push({ name, bytes: section.slice(section.end - section.offset) });
      continue;
    }
    const place = sectionOrder.indexOf(id);
    if (id === 13) reader.fail("exceptions", featureText.exceptions, at);
    if (place < 0) reader.fail("malformed_section", `unknown section ${id}`, at);
    if (place <= position) reader.fail("section_order", `${sectionNames[id]} section twice or out of order`, at);
    position = place;
    decodeSection(module, id, section, at);
    if (!section.done) section.fail("section_size", `${sectionNames[id]} section is longer than its content`);
  }
  if (module.bodies.length !== module.functions.length) {
    reader.fail("code_count", `${module.functions.length} functions declared, ${module.bodies.length} bodies given`);
  }
  if (module.dataCount !== null && module.dataCount !== module.data.length) {
    reader.fail("data_count", `data count says ${module.dataCount}, there are ${module.data.length} segments`);
  }
  module.hasDataCount = module.dataCount !== null;
  module.customs = customs;
  const names = customs.find(({ name }) => name === NAME_SECTION);
  if (names !== undefined) module.functionNames = decodeFunctionNames(names.bytes);
  return module;
}

function decodeHeader(reader: ByteReader): void {
  const magic = reader.slice(4);
  if (magic[0] !== 0 || magic[1] !== 0x61 || magic[2] !== 0x73 || magic[3] !== 0x6d) {
    reader.fail("malformed_magic", "not a WebAssembly module: it must begin with 00 61 73 6d", 0);
  }
  const version = reader.slice(4);
  if (version[0] !== 1 || version[1] !== 0 || version[2] !== 0 || version[3] !== 0) {
    reader.fail("malformed_version", "not a version 1 module; a component is no contract", 4);
  }
}

function decodeSection(module: Draft, id: number, section: ByteReader, at: number): void {
  switch (id) {
    case 1:
      module.types = list(section, "types", profile.TYPE_COUNT_MAX, decodeFunctionType);
      return;
    case 2:
      module.imports = list(section, "imports", profile.IMPORT_COUNT_MAX, decodeImport);
      return;
    case 3: {
      const roomLeft = profile.FUNCTION_COUNT_MAX - module.imports.length;
      module.functions = list(section, "functions", roomLeft, (reader) => reader.u32());
      return;
    }
    case 4:
      module.table = atMostOne(section, "reference_types", "a contract has at most one table", decodeTable);
      return;
    case 5:
      module.memory = atMostOne(section, "multi_memory", "a contract has at most one memory", decodeMemory);
      return;
    case 6:
      module.globals = list(section, "globals", profile.GLOBAL_COUNT_MAX, decodeGlobal);
      return;
    case 7:
      module.exports = list(section, "exports", profile.EXPORT_COUNT_MAX, decodeExport);
      return;
    case 8:
      return section.fail("start_function", "a start function would run before anybody pays for it", at);
    case 9: {
      const elements = list(section, "element_segments", profile.ELEMENT_SEGMENT_COUNT_MAX, decodeElementSegment);
      const total = elements.reduce((sum, { functions }) => sum + functions.length, 0);
      if (total > profile.TABLE_SIZE_MAX) {
        section.fail("limit_elements", `${total} element entries, at most ${profile.TABLE_SIZE_MAX}`, at);
      }
      module.elements = elements;
      return;
    }
    case 10:
      module.bodies = decodeBodies(section, module);
      return;
    case 11:
      module.data = list(section, "data_segments", profile.DATA_SEGMENT_COUNT_MAX, decodeDataSegment);
      return;
    case 12:
      module.dataCount = section.u32();
      return;
  }
  assert(false, `section ${id} has no decoder`);
}

function list<T>(reader: ByteReader, what: string, countMax: number, read: (reader: ByteReader) => T): T[] {
  const at = reader.offset;
  const count = reader.u32();
  if (count > countMax) reader.fail(`limit_${what}`, `${count} ${what.replace("_", " ")}, at most ${countMax}`, at);
  const items: T[] = [];
  for (let i = 0; i < count; i++) items.push(read(reader));
  return items;
}

function atMostOne<T>(reader: ByteReader, code: string, problem: string, read: (reader: ByteReader) => T): T | null {
  const at = reader.offset;
  const count = reader.u32();
  if (count > 1) reader.fail(code, problem, at);
  return count === 0 ? null : read(reader);
}

export function decodeValueType(reader: ByteReader): ValueType {
  const at = reader.offset;
  const byte = reader.u8();
  switch (byte) {
    case valueType.i32:
    case valueType.i64:
      return byte;
    case 0x7d:
    case 0x7c:
      if (reader.allowsFloats) return byte as ValueType;
      return reader.fail("float", featureText.float, at);
    case 0x7b:
      return reader.fail("simd", featureText.simd, at);
    case 0x70:
    case 0x6f:
      return reader.fail("reference_types", featureText.reference_types, at);
    default:
      return reader.fail("malformed_type", `0x${byte.toString(16)} is no value type`, at);
  }
}

function decodeFunctionType(reader: ByteReader): FunctionType {
  const at = reader.offset;
  const form = reader.u8();
  if (form !== 0x60) {
    // 0x4d to 0x5f open the composite, recursive and shared types of the GC and threads proposals.
    if (form >= 0x4d && form < 0x60) reader.fail("gc", "only function types are inside profile 1", at);
    reader.fail("malformed_type", `0x${form.toString(16)} opens no function type`, at);
  }
  const params = list(reader, "params", profile.PARAM_COUNT_MAX, decodeValueType);
  const results = list(reader, "results", profile.RESULT_COUNT_MAX, decodeValueType);
  return { params, results };
}

function decodeImport(reader: ByteReader): FunctionImport {
  const offset = reader.offset;
  const module = reader.name(profile.NAME_SIZE_MAX);
  const name = reader.name(profile.NAME_SIZE_MAX);
  const kind = reader.u8();
  if (kind !== 0) {
    const kinds = ["function", "table", "memory", "global", "tag"];
    if (kind >= kinds.length) reader.fail("malformed_import", `import of unknown kind ${kind}`, offset);
    reader.fail(
      "import_kind",
      `import "${module}" "${name}" is a ${kinds[kind]}; contracts import functions only`,
      offset,
    );
  }
  return { module, name, typeIndex: reader.u32(), offset };
}

function decodeLimits(reader: ByteReader, what: "table" | "memory"): Limits {
  const at = reader.offset;
  const flags = reader.u8();
  // One byte of at most three bits; with more set, the lower ones mean nothing.
  if (flags > 7) reader.fail("malformed_limits", `unknown limits flags ${flags}`, at);
  if (flags & 0x04) reader.fail("memory64", `64-bit ${what} is outside profile 1`, at);
  if (flags & 0x02) reader.fail("threads", featureText.threads, at);
  const min = reader.u32();
  const max = flags === 1 ? reader.u32() : null;
  if (max !== null && max < min) reader.fail("limits_order", `${what} maximum ${max} is below its minimum ${min}`, at);
  return { min, max };
}

function decodeTable(reader: ByteReader): Limits {
  const at = reader.offset;
  const type = reader.u8();
  if (type === 0x40) reader.fail("gc", "tables with an initialiser are outside profile 1", at);
  if (type !== 0x70) reader.fail("reference_types", "a contract's table holds functions", at);
  const limits = decodeLimits(reader, "table");
  if (limits.min > profile.TABLE_SIZE_MAX) {
    reader.fail("limit_table", `table of ${limits.min} entries, at most ${profile.TABLE_SIZE_MAX}`, at);
  }
  return limits;
}

function decodeMemory(reader: ByteReader): Limits {
  const at = reader.offset;
  const limits = decodeLimits(reader, "memory");
  if (limits.min > profile.MEMORY_PAGE_COUNT_MAX) {
    reader.fail("limit_memory", `memory of ${limits.min} pages, at most ${profile.MEMORY_PAGE_COUNT_MAX}`, at);
  }
  // The spec's own bound; between it and the profile's, growth ends at the profile's.
  if (limits.max !== null && limits.max > 65_536) reader.fail("limit_memory", "memory maximum above 65,536 pages", at);
  return limits;
}

/**
 * A constant expression with the operators of the extended-const proposal. Contracts import no globals, so each one is a
 * number, computed here; an engine without the proposal then runs the module all the same.
 */
function decodeConstant(reader: ByteReader, type: ValueType): bigint {
  const start = reader.offset;
  const stack: { type: ValueType; value: bigint }[] = [];
  for (;;) {
    const at = reader.offset;
    const code = reader.u8();
    if (code === op.end) break;
    if (code === op.i32Const) {
      stack.push({ type: valueType.i32, value: BigInt(reader.s32()) });
    } else if (code === op.i64Const) {
      stack.push({ type: valueType.i64, value: reader.s64() });
    } else if ((code >= op.i32Add && code <= op.i32Mul) || (code >= op.i64Add && code <= op.i64Mul)) {
      const wide = code >= op.i64Add;
      const right = stack.pop();
      const left = stack.pop();
      const operandType = wide ? valueType.i64 : valueType.i32;
      if (left?.type !== operandType || right?.type !== operandType) {
        return reader.fail("type_mismatch", "operands of the constant expression have other types", at);
      }
      const operator = code - (wide ? op.i64Add : op.i32Add);
      const exact =
        operator === 0
          ? left.value + right.value
          : operator === 1
            ? left.value - right.value
            : left.value * right.value;
      stack.push({ type: operandType, value: BigInt.asIntN(wide ? 64 : 32, exact) });
    } else if ((code === 0x43 || code === 0x44) && reader.allowsFloats) {
      reader.slice(code === 0x43 ? 4 : 8);
      stack.push({ type, value: 0n });
    } else if (code === 0x43 || code === 0x44) {
      reader.fail("float", featureText.float, at);
    } else if (code === op.globalGet) {
      reader.fail("constant_expression", "a constant may refer to imported globals only, and contracts have none", at);
    } else {
      reader.fail("constant_expression", `opcode 0x${code.toString(16)} is not constant`, at);
    }
    if (stack.length > profile.NESTING_MAX) reader.fail("limit_nesting", "constant expression too deep", start);
  }
  const [result, ...rest] = stack;
  if (result === undefined || rest.length > 0 || result.type !== type) {
    return reader.fail("type_mismatch", "the constant expression does not give one value of its type", start);
  }
  return result.value;
}

function decodeOffset(reader: ByteReader): number {
  return Number(BigInt.asUintN(32, decodeConstant(reader, valueType.i32)));
}

function decodeGlobal(reader: ByteReader): Global {
  const type = decodeValueType(reader);
  const at = reader.offset;
  const mutability = reader.u8();
  if (mutability > 1) reader.fail("malformed_global", `unknown mutability ${mutability}`, at);
  return { type, mutable: mutability === 1, value: decodeConstant(reader, type) };
}

function decodeExport(reader: ByteReader): Export {
  const offset = reader.offset;
  const name = reader.name(profile.NAME_SIZE_MAX);
  const kind = (["function", "table", "memory", "global"] as const)[reader.u8()];
  if (kind === undefined) return reader.fail("malformed_export", `export "${name}" is of an unknown kind`, offset);
  return { name, kind, index: reader.u32(), offset };
}

/** Section 5.5.12: bit 0 not active, bit 1 explicit table or declarative, bit 2 expressions instead of indices. */
function decodeElementSegment(reader: ByteReader): ElementSegment {
  const offset = reader.offset;
  const flags = reader.u32();
  if (flags > 7) reader.fail("malformed_element", `unknown element segment flags ${flags}`, offset);
  const active = (flags & 1) === 0;
  const mode = active ? "active" : (flags & 2) === 0 ? "passive" : "declarative";
  if (active && flags & 2 && reader.u32() !== 0)
    reader.fail("unknown_table", "a contract has at most one table", offset);
  const tableOffset = active ? decodeOffset(reader) : 0;
  const expressions = (flags & 4) !== 0;
  if ((flags & 3) !== 0) {
    const kind = reader.u8();
    if (kind !== (expressions ? 0x70 : 0x00))
      reader.fail("reference_types", "an element segment holds functions", offset);
  }
  const read = expressions ? decodeFunctionReference : (r: ByteReader) => r.u32();
  return { mode, tableOffset, functions: list(reader, "elements", profile.TABLE_SIZE_MAX, read), offset };
}

function decodeFunctionReference(reader: ByteReader): number | null {
  const at = reader.offset;
  const code = reader.u8();
  let index: number | null = null;
  if (code === op.refFunc) index = reader.u32();
  else if (code !== op.refNull) reader.fail("constant_expression", "an element is ref.func or ref.null", at);
  else if (reader.u8() !== 0x70) reader.fail("reference_types", "an element segment holds functions", at);
  if (reader.u8() !== op.end) reader.fail("constant_expression", "an element is one instruction", at);
  return index;
}

function decodeBodies(reader: ByteReader, module: Draft): FunctionBody[] {
  const at = reader.offset;
  const count = reader.u32();
  if (count !== module.functions.length) {
    reader.fail("code_count", `${module.functions.length} functions declared, ${count} bodies given`, at);
  }
  const bodies: FunctionBody[] = [];
  for (let i = 0; i < count; i++) {
    try {
      bodies.push(decodeBody(reader));
    } catch (error) {
      throw error instanceof ModuleError ? error.at({ functionIndex: module.imports.length + i }) : error;
    }
  }
  return bodies;
}

function decodeBody(reader: ByteReader): FunctionBody {
  const at = reader.offset;
  const size = reader.u32();
  if (size > profile.BODY_SIZE_MAX) {
    reader.fail("limit_body_size", `function body of ${size} bytes, at most ${profile.BODY_SIZE_MAX}`, at);
  }
  const body = reader.sub(size);
  let localCount = 0;
  const locals = list(body, "local_groups", profile.LOCAL_COUNT_MAX, (group) => {
    const count = group.u32();
    // Each count is below 2^32 and there are few groups, so the sum is exact.
    localCount += count;
    return { count, type: decodeValueType(group) };
  });
  if (localCount > profile.LOCAL_COUNT_MAX) {
    body.fail("limit_locals", `${localCount} locals, at most ${profile.LOCAL_COUNT_MAX}`, at);
  }
  return { locals, localCount, start: body.offset, end: body.end };
}

function decodeDataSegment(reader: ByteReader): DataSegment {
  const offset = reader.offset;
  const flags = reader.u32();
  if (flags > 2) reader.fail("malformed_data", `unknown data segment flags ${flags}`, offset);
  if (flags === 2 && reader.u32() !== 0) reader.fail("multi_memory", "a contract has one memory, index 0", offset);
  const active = flags !== 1;
  const memoryOffset = active ? decodeOffset(reader) : 0;
  return { mode: active ? "active" : "passive", memoryOffset, bytes: reader.slice(reader.u32()), offset };
}

/**
 * Function names (core spec, appendix, section 7.4.1). Names only help people: a damaged section gives fewer of them and
 * never refuses a module.
 */
function decodeFunctionNames(section: Uint8Array): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  try {
    const reader = new ByteReader(section);
    while (!reader.done) {
      const id = reader.u8();
      const part = reader.sub(reader.u32());
      if (id !== 1) continue;
      for (let left = part.u32(); left > 0; left--) {
        const index = part.u32();
        names.set(index, part.name(profile.NAME_SIZE_MAX));
      }
    }
  } catch (error) {
    // What was read before the damage stays.
    if (!(error instanceof ModuleError)) throw error;
  }
  return names;
}
