/**
 * Why a module of the suite is no contract, found in its text and by none of the code under test.
 *
 * The result is every code that a refusal may carry. Law of the suite: a valid module with no such code must be accepted,
 * and a module with some must be refused under one of them.
 */
import {
  BR_TABLE_SIZE_MAX,
  LOCAL_COUNT_MAX,
  MEMORY_PAGE_COUNT_MAX,
  PARAM_COUNT_MAX,
  RESULT_COUNT_MAX,
  TABLE_SIZE_MAX,
} from "../../vm/profile.ts";
import type { Atom, Expression, List } from "./s-expression.ts";
import { headOf, parseInteger } from "./wast.ts";

const PAGE_SIZE = 65_536n;
const SPEC_MEMORY_PAGE_COUNT_MAX = 65_536n;

const float = /(^|[._])f(32|64)([._]|$)/;
/** In a function, a type or a global. Tables and element segments may speak of `funcref` and its constants. */
const reference = /^(funcref|externref|ref\.\w+|table\.(get|set|size|grow|fill))$/;
const foreignReference = /^(externref|extern)$/;
const index = /^(\$.+|\d[\d_]*|0x[\da-fA-F_]+)$/;

/** `module` is the list `(module ...)` of valid text; of text with an error the result is as good as the text. */
export function codesOutsideProfile(module: List): ReadonlySet<string> {
  const codes = new Set<string>();
  const fields = module.items.filter((item) => item.kind === "list");
  const counts = { table: 0, memory: 0 };
  for (const field of fields) {
    const imported = importOf(field);
    const kind = imported === null ? headOf(field) : imported.kind;
    if (imported !== null) {
      if (imported.kind !== "func") codes.add("import_kind");
      else if (imported.module !== "lockstep") codes.add("unknown_import");
    }
    if (kind === "start") codes.add("start_function");
    if (kind === "table" && ++counts.table > 1) codes.add("reference_types");
    if (kind === "memory" && ++counts.memory > 1) codes.add("multi_memory");
    const holdsFunctions = kind === "table" || kind === "elem";
    const atoms = atomsOf(field);
    for (const [i, { text }] of atoms.entries()) {
      if (text.startsWith("$")) continue;
      if (float.test(text)) codes.add("float");
      if ((holdsFunctions ? foreignReference : reference).test(text)) codes.add("reference_types");
      if (text === "br_table" && runLength(atoms, i + 1) - 1 > BR_TABLE_SIZE_MAX) codes.add("limit_br_table");
    }
    for (const list of listsOf(field)) {
      if (longestRun(list, "param") > PARAM_COUNT_MAX) codes.add("limit_params");
      if (longestRun(list, "result") > RESULT_COUNT_MAX) codes.add("limit_results");
      if (longestRun(list, "local") > LOCAL_COUNT_MAX) codes.add("limit_locals");
    }
    if (imported !== null || (kind !== "memory" && kind !== "table")) continue;
    const [min = 0n, max = 0n] = numbersIn(field);
    if (kind === "memory" && (min > BigInt(MEMORY_PAGE_COUNT_MAX) || max > SPEC_MEMORY_PAGE_COUNT_MAX)) {
      codes.add("limit_memory");
    }
    if (kind === "table" && min > BigInt(TABLE_SIZE_MAX)) codes.add("limit_table");
  }
  if (!segmentsFit(fields)) codes.add("segment_out_of_bounds");
  return codes;
}

/** The names of the modules that it imports from. */
export function importedModules(module: List): string[] {
  return module.items.flatMap((item) => (item.kind === "list" ? (importOf(item)?.module ?? []) : []));
}

/** `(import "m" "n" (kind ...))`, or `(kind ... (import "m" "n") ...)`. */
function importOf(field: List): { module: string; kind: string } | null {
  const head = headOf(field);
  const words = head === "import" ? field : field.items.find((item) => headOf(item) === "import");
  if (words?.kind !== "list") return null;
  const [, module, , described] = words.items;
  const kind = head === "import" ? headOf(described) : head;
  return { module: module?.kind === "string" ? Buffer.from(module.bytes).toString() : "", kind };
}

/** Active segments whose offset is a constant; other offsets need an imported global. */
function segmentsFit(fields: readonly List[]): boolean {
  const minOf = (kind: string): bigint => {
    const field = fields.find((item) => headOf(item) === kind && importOf(item) === null);
    return field === undefined ? 0n : (numbersIn(field)[0] ?? BigInt(Number.MAX_SAFE_INTEGER));
  };
  const fits = (segment: List, size: (content: readonly Expression[]) => number, limit: bigint): boolean => {
    const at = segment.items.findIndex((item) => ["offset", "i32.const"].includes(headOf(item)));
    const offset = at < 0 ? undefined : atomsOf(segment.items[at]!).find(({ text }) => /^[-+\d]/.test(text));
    if (offset === undefined) return true;
    return BigInt.asUintN(32, parseInteger(offset.text)) + BigInt(size(segment.items.slice(at + 1))) <= limit;
  };
  const byteCount = (content: readonly Expression[]) =>
    content.reduce((sum, item) => sum + (item.kind === "string" ? item.bytes.length : 0), 0);
  const entryCount = (content: readonly Expression[]) =>
    content.filter((item) => item.kind === "list" || (item.kind === "atom" && index.test(item.text))).length;
  const memory = fields.some((field) => headOf(field) === "memory" && numbersIn(field).length > 0);
  return fields.every((field) => {
    if (headOf(field) === "data" && memory) return fits(field, byteCount, minOf("memory") * PAGE_SIZE);
    if (headOf(field) === "elem") return fits(field, entryCount, minOf("table"));
    return true;
  });
}

/** The numbers that stand directly in a list: limits. */
function numbersIn(list: List): bigint[] {
  return list.items.flatMap((item) => (item.kind === "atom" && /^\d/.test(item.text) ? [parseInteger(item.text)] : []));
}

/** How many indices stand from `start` on. */
function runLength(atoms: readonly Atom[], start: number): number {
  let end = start;
  while (end < atoms.length && index.test(atoms[end]!.text)) end++;
  return end - start;
}

/** The most types that neighbouring `(head ...)` lists declare together. */
function longestRun(list: List, head: string): number {
  let longest = 0;
  let current = 0;
  for (const item of list.items) {
    if (headOf(item) !== head) current = 0;
    else current += (item as List).items.filter((it) => it.kind === "atom" && !it.text.startsWith("$")).length - 1;
    longest = Math.max(longest, current);
  }
  return longest;
}

/** All atoms inside, in the order of the text. */
function atomsOf(root: Expression): Atom[] {
  const atoms: Atom[] = [];
  const rest: Expression[] = [root];
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    if (next.kind === "atom") atoms.push(next);
    else if (next.kind === "list") for (let i = next.items.length - 1; i >= 0; i--) rest.push(next.items[i]!);
  }
  return atoms;
}

/** The list and all lists inside. */
function listsOf(root: List): List[] {
  const lists = [root];
  for (let i = 0; i < lists.length; i++) {
    for (const item of lists[i]!.items) if (item.kind === "list") lists.push(item);
  }
  return lists;
}
