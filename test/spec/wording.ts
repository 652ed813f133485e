/**
 * What the suite says, in our own closed lists: its messages as codes of a refusal and reasons of a halt, and the few places
 * where a contract rightly answers something else.
 */
import type { HaltReason } from "../../vm/outcome.ts";

/**
 * Codes under which a malformed or invalid module may be refused when nothing else in it is outside the profile. More than
 * one where the damage can be met in more than one place, or where later proposals gave the damaged byte a meaning.
 */
export const codesByMessage: Readonly<Record<string, readonly string[]>> = {
  // assert_malformed: the decoder.
  "magic header not detected": ["malformed_magic"],
  "unknown binary version": ["malformed_version"],
  "malformed section id": ["malformed_section"],
  "malformed UTF-8 encoding": ["malformed_utf8"],
  // A br_table that announces one target of its two reads the next opcode as an operand, and its body as a block type.
  "unexpected end": ["unexpected_end", "unknown_type"],
  "unexpected end of section or function": ["unexpected_end"],
  "END opcode expected": ["unexpected_end"],
  "length out of bounds": ["unexpected_end"],
  // A type or a limits flag is one byte: the second one of a padded form is never read. A section may end before its LEB128.
  "integer representation too long": ["leb128", "malformed_type", "malformed_limits", "unexpected_end"],
  // Limits flag 2 has become shared memory.
  "integer too large": ["leb128", "threads"],
  // One of the modules announces fewer types than it gives, and the first is a float; one lacks the end of its body.
  "section size mismatch": ["section_size", "float", "unexpected_end"],
  // The section that comes twice is a start section.
  "unexpected content after last section": ["start_function"],
  "function and code section have inconsistent lengths": ["code_count"],
  "data count and data section have inconsistent lengths": ["data_count"],
  "data count section required": ["data_count"],
  // The locals of one module are floats.
  "too many locals": ["limit_locals", "float"],
  // Kind 4 has become the tag.
  "malformed import kind": ["malformed_import", "import_kind"],
  "malformed mutability": ["malformed_global", "import_kind"],
  "malformed reference type": ["reference_types"],
  "illegal opcode": ["constant_expression"],
  "zero byte expected": ["multi_memory"],

  // assert_invalid: the validator, and what the decoder knows already.
  // An element or an offset that is a constant of another kind is met before its type is.
  "type mismatch": ["type_mismatch", "constant_expression"],
  "invalid result arity": ["select_arity", "type_mismatch"],
  "alignment must not be larger than natural": ["alignment"],
  "constant expression required": ["constant_expression"],
  "duplicate export name": ["duplicate_export"],
  "global is immutable": ["immutable_global"],
  "size minimum must not be greater than maximum": ["limits_order"],
  "memory size must be at most 65536 pages (4GiB)": ["limit_memory"],
  "multiple memories": ["multi_memory"],
  "start function": ["start_function"],
  "undeclared function reference": ["reference_types"],
  "unknown type": ["unknown_type"],
  "unknown label": ["unknown_label"],
  "unknown local": ["unknown_local"],
  "unknown function": ["unknown_function", "unknown_export"],
  "unknown function 7": ["unknown_function"],
  // A constant may not name a global at all.
  "unknown global": ["unknown_global", "unknown_export", "constant_expression"],
  "unknown global 0": ["constant_expression"],
  "unknown global 1": ["constant_expression"],
  "unknown memory": ["unknown_memory", "unknown_export"],
  "unknown memory 0": ["unknown_memory"],
  "unknown memory 1": ["multi_memory"],
  "unknown table": ["unknown_table", "unknown_export"],
  // The segment that is copied from does not exist either.
  "unknown table 0": ["unknown_table", "unknown_element"],
  "unknown elem segment 0": ["unknown_element"],
  "unknown elem segment 4": ["unknown_element"],
  // Without data segments there is no data count.
  "unknown data segment": ["unknown_data", "data_count"],
  "unknown data segment 1": ["unknown_data"],
};

export const reasonsByMessage: Readonly<Record<string, readonly HaltReason[]>> = {
  "integer divide by zero": ["IntegerDivideByZero"],
  "integer overflow": ["IntegerOverflow"],
  "out of bounds memory access": ["MemoryOutOfBounds"],
  "out of bounds table access": ["TableOutOfBounds"],
  // The suite's words for a call through a slot behind the end of the table, and through an empty one.
  "undefined element": ["TableOutOfBounds"],
  "uninitialized element": ["IndirectCallMismatch"],
  "uninitialized element 2": ["IndirectCallMismatch"],
  "indirect call type mismatch": ["IndirectCallMismatch"],
  unreachable: ["Unreachable"],
  "call stack exhausted": ["StackOverflow"],
};

/**
 * Assertions that profile 1 answers otherwise, by file and line: the answer, and the reason they are counted under. Anything
 * but this answer is a failure.
 */
export const deviations: Readonly<Record<string, { readonly actual: string; readonly reason: string }>> = {
  // A memory without maximum grows from 3 to 803 pages; ours end at 64. The second asks where it stands after that.
  "memory_grow.wast:45": { actual: "i32 0xffffffff", reason: "limit_memory" },
  "memory_grow.wast:48": { actual: "i32 0x3", reason: "limit_memory" },
};
