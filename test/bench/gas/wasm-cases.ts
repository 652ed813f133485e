/**
 * Instructions as the gas bench runs them: in each case as much work for as little gas as the instruction set allows, on
 * values that no compiler knows. Operands stay on the operand stack wherever they can, since a `local.get` is paid and costs
 * an optimiser nothing. Every numeric instruction and every access has a case, made from its row in the table; those of one
 * class share a name, under which the bench reports the worst of them.
 */
import { type Opcode, opcodes } from "../../../vm/opcodes.ts";
import * as profile from "../../../vm/profile.ts";

export interface WasmCase {
  readonly group: string;
  readonly name: string;
  /** Pages of memory. */
  readonly pages?: number;
  /** Of a growing memory; as many as the pages by default. */
  readonly pagesMax?: number;
  /** Types, globals, tables, segments and functions. */
  readonly fields?: string;
  readonly locals?: string;
  /** Runs once, before the loop. */
  readonly setup?: string;
  /** A round of the loop is `head`, `unitCount` times `unit`, `tail`. In a unit, `%n` is its number. */
  readonly head?: string;
  readonly unit: string;
  readonly tail?: string;
  readonly unitCount?: number;
  /** Rounds at most. */
  readonly countMax?: number;
}

export const UNIT_COUNT = 100;

/** The method `run` does as many rounds as its input says. $a and $x begin as -1, $b and $y as 1; a compiler cannot know. */
export function moduleText(wasmCase: WasmCase): string {
  const { pages = 1, pagesMax = pages, fields, locals, setup, head, unit, tail, unitCount = UNIT_COUNT } = wasmCase;
  const units = Array.from({ length: unitCount }, (_, i) =>
    unit.replace(/%(\d*)n/g, (_, step) => `${i * (step || 1)}`),
  );
  return `(module
    (import "lockstep" "input" (func $input (param i32 i32) (result i32)))
    (memory ${pages} ${pagesMax})
    ${fields ?? ""}
    (func (export "run")
      (local $count i32) (local $a i32) (local $b i32) (local $p i32) (local $x i64) (local $y i64) ${locals ?? ""}
      (drop (call $input (i32.const 0) (i32.const 4)))
      (local.set $count (i32.load (i32.const 0)))
      (local.set $a (i32.sub (i32.load (i32.const 8)) (i32.const 1)))
      (local.set $b (i32.add (i32.load (i32.const 8)) (i32.const 1)))
      (local.set $x (i64.sub (i64.load (i32.const 8)) (i64.const 1)))
      (local.set $y (i64.add (i64.load (i32.const 8)) (i64.const 1)))
      ${setup ?? ""}
      (loop $round
        ${head ?? ""}
        ${units.join("\n")}
        ${tail ?? ""}
        (local.tee $count (i32.sub (local.get $count) (i32.const 1)))
        br_if $round)
      (i32.store (i32.const 0) (i32.xor (local.get $a) (local.get $b)))
      (i64.store (i32.const 8) (i64.xor (local.get $x) (local.get $y)))))`;
}

/** Of mnemonics without their type, in this order: the first that fits. */
const classes: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/^rot/, "rotations"],
  [/^sh/, "shifts"],
  [/^(div|rem)/, "divisions and remainders"],
  [/^mul/, "multiplications"],
  [/^(add|sub|and|or|xor)$/, "additions and logic"],
  [/^(clz|ctz|popcnt)/, "counts of bits"],
  [/^extend(8|16|32)_s/, "sign extensions"],
  [/^(wrap|extend)/, "conversions"],
  [/^eqz/, "comparisons with zero"],
  [/^(eq|ne|lt|gt|le|ge)/, "comparisons"],
];

function className(mnemonic: string): string {
  const [type, name] = mnemonic.split(".") as [string, string];
  return `${type} ${classes.find(([pattern]) => pattern.test(name))![1]}`;
}

/** Of a dividend that is the largest positive number, by 1. */
function numericCase({ name, signature }: Opcode): WasmCase {
  const [operands, result] = signature!.split(":") as [string, string];
  const [type, held, other] = operands[0] === "i" ? ["i32", "$a", "$b"] : ["i64", "$x", "$y"];
  let unit = operands.length === 2 ? `local.get ${other} ${name}` : name;
  // What comes out goes in again.
  if (operands[0] !== result) unit += result === "i" ? " i64.extend_i32_u" : " i32.wrap_i64";
  // A remainder is small, so the dividend is put back.
  if (name.includes(".rem_")) unit += ` local.get ${held} ${type}.or`;
  const setup = `(local.set ${held} (${type}.shr_u (local.get ${held}) (${type}.const 1)))`;
  return { group: "opcodes", name: className(name), setup, head: `local.get ${held}`, unit, tail: `local.set ${held}` };
}

const numericCases = opcodes
  .filter(({ feature, signature = "" }) => feature === undefined && /^[iI]+:[iI]$/.test(signature))
  .filter(({ immediate }) => immediate === "none")
  .map(numericCase);

const LINE_SIZE = 64;
const MIXED_PAGES = 16;
const MIXED_MASK = MIXED_PAGES * 65_536 - 1;
/** On through the memory, a round at a time, without its last 64 KiB. */
const onward = `(local.set $p (i32.and (i32.add (local.get $p) (i32.const ${UNIT_COUNT * 2})) (i32.const ${MIXED_MASK >> 1})))`;

/** Fills memory with numbers that no branch predictor learns, `mask` taken of each. */
function mixedSetup(mask: number): string {
  return `(loop $fill
      (local.set $a (i32.add (i32.mul (local.get $a) (i32.const 1664525)) (i32.const 1013904223)))
      (i32.store (local.get $p) (i32.and (i32.xor (local.get $a) (i32.shr_u (local.get $a) (i32.const 15))) (i32.const ${mask})))
      (local.set $p (i32.add (local.get $p) (i32.const 4)))
      (br_if $fill (i32.lt_u (local.get $p) (i32.const ${MIXED_PAGES * 65_536}))))
    (local.set $p (i32.const 0))`;
}

function table(size: number, targets: number): string {
  const labels = Array.from({ length: size }, (_, i) => i % targets).join(" ");
  return `${"block ".repeat(targets)} local.get $p i32.load16_u offset=%2n br_table ${labels} 0 ${"end ".repeat(targets)}`;
}

const wide = "i64 ".repeat(profile.PARAM_COUNT_MAX);
const tuple = "i64 ".repeat(profile.RESULT_COUNT_MAX);
const MANY_FUNCTIONS = 4_096;
const manyNames = Array.from({ length: MANY_FUNCTIONS }, (_, i) => `$f${i}`);
/** Bodies too large for all of them to stay near the processor. */
const manyFunctions = manyNames
  .map((name, i) => `(func ${name} (param i32) (result i32) local.get 0 ${`i32.const ${i} i32.add `.repeat(6)})`)
  .join("\n");

function control(name: string, unit: string, more: Omit<WasmCase, "group" | "name" | "unit"> = {}): WasmCase {
  return { group: "control", name, unit, ...more };
}

const controlCases: readonly WasmCase[] = [
  control("locals, constants and drops", "local.get $a local.set $b local.get $b local.set $a"),
  control("locals, constants and drops", "local.get $l%n local.get $a i32.add local.set $l%n", {
    locals: Array.from({ length: UNIT_COUNT }, (_, i) => `(local $l${i} i32)`).join(" "),
    tail: "local.get $l7 local.set $b",
  }),
  control("locals, constants and drops", "local.get $a local.tee $b local.tee $a drop"),
  control("locals, constants and drops", "i32.const %n drop"),
  control("locals, constants and drops", "i64.const 0x7%n5a5a5a5a5a5a5 i64.xor", {
    head: "local.get $x",
    tail: "local.set $x",
  }),
  control("locals, constants and drops", "nop local.get $a local.set $a"),
  control("global.get and global.set", "global.get $g local.get $y i64.add global.set $g", {
    fields: "(global $g (mut i64) (i64.const 0))",
  }),
  control("select", "local.get $y local.get $b select", { head: "local.get $x", tail: "local.set $x" }),
  control("select", "local.get $b local.get $p i32.load8_u offset=%n select", {
    pages: MIXED_PAGES,
    setup: mixedSetup(0x01010101),
    head: `${onward} local.get $a`,
    tail: "local.set $a",
  }),
  control("memory.size", "memory.size i32.add", { head: "local.get $a", tail: "local.set $a" }),
  control("branches, foreseen", "local.get $b if local.get $a local.get $b i32.add local.set $a end"),
  control(
    "branches, unforeseen",
    "local.get $p i32.load8_u offset=%n if local.get $x local.get $y i64.add local.set $x end",
    {
      pages: MIXED_PAGES,
      setup: mixedSetup(0x01010101),
      head: onward,
    },
  ),
  control(
    "branches, foreseen",
    "block local.get $b i32.eqz br_if 0 local.get $a local.get $b i32.add local.set $a end",
  ),
  control("branches, unforeseen", "block local.get $p i32.load8_u offset=%n br_if 0 local.get $y local.set $x end", {
    pages: MIXED_PAGES,
    setup: mixedSetup(0x01010101),
    head: onward,
  }),
  control("branches, foreseen", "block br 0 end"),
  control("branches, foreseen", "loop end"),
  control("br_table of 4, unforeseen", table(4, 4), {
    pages: MIXED_PAGES,
    setup: mixedSetup(0x00030003),
    head: onward,
  }),
  control("br_table of 256, unforeseen", table(256, 64), {
    pages: MIXED_PAGES,
    setup: mixedSetup(0x00ff00ff),
    head: onward,
  }),
  control("br_table of 4,096, unforeseen", table(profile.BR_TABLE_SIZE_MAX, 64), {
    pages: MIXED_PAGES,
    setup: mixedSetup(0x0fff0fff),
    head: onward,
    unitCount: 10,
  }),
  control("call", "call $f", { fields: "(func $f)" }),
  control("call with 64 parameters", `${"local.get $x ".repeat(profile.PARAM_COUNT_MAX)} call $f`, {
    fields: `(func $f (param ${wide}))`,
  }),
  control("call with 16 results", `call $f ${"drop ".repeat(profile.RESULT_COUNT_MAX)}`, {
    fields: `(func $f (result ${tuple}) ${"i64.const 1 ".repeat(profile.RESULT_COUNT_MAX)})`,
  }),
  control("call with 16 locals", "call $f", { fields: `(func $f (local ${"i64 ".repeat(16)}))` }),
  control("call with 1,024 locals", "call $f", {
    fields: `(func $f (local ${"i64 ".repeat(profile.LOCAL_COUNT_MAX)}))`,
  }),
  control("call_indirect", "i32.const 0 call_indirect (type $t)", {
    fields: "(type $t (func)) (func $f) (table 1 funcref) (elem (i32.const 0) $f)",
  }),
  control(
    "calls of 4,096 functions in no order",
    "local.get $b local.get $p i32.load16_u offset=%2n call_indirect (type $t) local.set $b",
    {
      pages: MIXED_PAGES,
      setup: mixedSetup(0x0fff0fff),
      head: onward,
      fields: `(type $t (func (param i32) (result i32))) ${manyFunctions}
      (table ${MANY_FUNCTIONS} funcref) (elem (i32.const 0) ${manyNames.join(" ")})`,
    },
  ),
  control("code of 900 KB, straight through", `local.get $a call $f%n local.set $a`, {
    fields: Array.from(
      { length: UNIT_COUNT },
      (_, i) =>
        `(func $f${i} (param i32) (result i32) local.get 0 ${`i32.const ${i * 77_777} i32.xor `.repeat(1_500)})`,
    ).join("\n"),
  }),
];

/** An access that goes on at the address behind it. */
function sequentialCase({ name, signature, align }: Opcode): WasmCase {
  const isStore = signature!.endsWith(":");
  const [value, add] = signature!.includes("I") ? ["$x", "i64.add"] : ["$a", "i32.add"];
  const step = 2 ** align!;
  return {
    group: "memory",
    name: `${isStore ? "stores" : "loads"} of ${value === "$x" ? "i64" : "i32"}, in order`,
    head: `(local.set $p (i32.and (i32.add (local.get $p) (i32.const ${step * UNIT_COUNT})) (i32.const 0x7fff)))
      ${isStore ? "" : `local.get ${value}`}`,
    unit: isStore
      ? `local.get $p local.get ${value} ${name} offset=%${step}n`
      : `local.get $p ${name} offset=%${step}n ${add}`,
    tail: isStore ? "" : `local.set ${value}`,
  };
}

const accesses = opcodes.filter(({ feature, immediate }) => feature === undefined && immediate === "memarg");

/**
 * Fills the memory with one cycle through all its cache lines, in an order that no prefetcher foresees: a linear
 * congruential generator whose period is the number of lines.
 */
function cycleSetup(pages: number): string {
  const lines = (pages * 65_536) / LINE_SIZE;
  return `(local.set $a (i32.const 0))
    (loop $fill
      (i32.store (i32.mul (local.get $a) (i32.const ${LINE_SIZE}))
        (i32.mul (i32.const ${LINE_SIZE}) (i32.and (i32.const ${lines - 1})
          (i32.add (i32.mul (local.get $a) (i32.const 1664525)) (i32.const 1013904223)))))
      (local.set $a (i32.add (local.get $a) (i32.const 1)))
      (br_if $fill (i32.lt_u (local.get $a) (i32.const ${lines}))))
    (local.set $a (i32.const 0))`;
}

/** Accesses at places that share no cache line with the one before. */
function placeCases(pages: number, size: string): WasmCase[] {
  const common = { group: "memory", pages, setup: cycleSetup(pages) };
  // Addresses that are read in order, so that many accesses are under way at once.
  const head = `(local.set $p (i32.and (i32.add (local.get $p) (i32.const ${UNIT_COUNT * LINE_SIZE}))
    (i32.const ${pages * 32_768 - LINE_SIZE})))`;
  const address = `local.get $p i32.load offset=%${LINE_SIZE}n`;
  return [
    {
      ...common,
      name: `loads, each at the address the last one found, over ${size}`,
      head: "local.get $a",
      unit: "i32.load",
      tail: "local.set $a",
    },
    {
      ...common,
      name: `loads all over ${size}`,
      head: `${head} local.get $x`,
      unit: `${address} i64.load offset=8 i64.add`,
      tail: "local.set $x",
    },
    { ...common, name: `stores all over ${size}`, head, unit: `${address} local.get $x i64.store offset=8` },
  ];
}

const memoryCases: readonly WasmCase[] = [
  ...accesses.map(sequentialCase),
  {
    group: "memory",
    name: "i64.load over two pages of the machine",
    pages: MIXED_PAGES,
    head: "(local.set $p (i32.and (i32.add (local.get $p) (i32.const 4096)) (i32.const 0x7f000))) local.get $x",
    unit: "local.get $p i64.load offset=4093 i64.add",
    tail: "local.set $x",
  },
  {
    group: "memory",
    name: "i64.load of what i64.store8 just changed",
    unit: "local.get $p local.get $x i64.store8 offset=3 local.get $p i64.load local.set $x",
  },
  ...placeCases(1, "64 KiB"),
  ...placeCases(4, "256 KiB"),
  ...placeCases(16, "1 MiB"),
  ...placeCases(profile.MEMORY_PAGE_COUNT_MAX, "the largest memory"),
  {
    group: "memory",
    name: "memory.grow by a page, and its first use",
    pages: 1,
    pagesMax: profile.MEMORY_PAGE_COUNT_MAX,
    head: "(local.set $p (i32.mul (memory.grow (i32.const 1)) (i32.const 65536)))",
    unit: "local.get $p local.get $b i32.store offset=%4096n",
    unitCount: 16,
    countMax: profile.MEMORY_PAGE_COUNT_MAX - 1,
  },
];

function bulk(name: string, unit: string, more: Omit<WasmCase, "group" | "name" | "unit"> = {}): WasmCase {
  return { group: "bulk", name, unit, ...more };
}

const HALF_MEMORY = profile.MEMORY_PAGE_COUNT_MAX * 32_768;
const largeTable = `(func $f) (table ${profile.TABLE_SIZE_MAX} funcref) (elem $e func ${"$f ".repeat(5_000)})`;

const bulkCases: readonly WasmCase[] = [
  ...[0, 1, 64, 4_096].map((size) =>
    bulk(
      `memory.fill, ${size < 64 ? "0 or 1" : size} bytes`,
      `(memory.fill (local.get $p) (local.get $b) (i32.const ${size}))`,
    ),
  ),
  bulk(
    "memory.fill, half of the largest memory",
    `(memory.fill (local.get $p) (local.get $b) (i32.const ${HALF_MEMORY}))`,
    {
      pages: profile.MEMORY_PAGE_COUNT_MAX,
      unitCount: 1,
    },
  ),
  ...[0, 1, 64, 4_096].map((size) =>
    bulk(
      `memory.copy, ${size < 64 ? "0 or 1" : size} bytes`,
      `(memory.copy (i32.const 33333) (local.get $p) (i32.const ${size}))`,
    ),
  ),
  bulk("memory.copy, 1 byte back into itself", "(memory.copy (i32.const 1) (local.get $p) (i32.const 33))"),
  bulk(
    "memory.copy, half of the largest memory",
    `(memory.copy (i32.const ${HALF_MEMORY}) (local.get $p) (i32.const ${HALF_MEMORY}))`,
    { pages: profile.MEMORY_PAGE_COUNT_MAX, unitCount: 1 },
  ),
  bulk("memory.init, 1 byte", "(memory.init $d (local.get $p) (i32.const 0) (i32.const 1))", {
    fields: `(data $d "x")`,
  }),
  bulk("memory.init, 60 KB", "(memory.init $d (local.get $p) (i32.const 0) (i32.const 60000))", {
    fields: `(data $d "${"x".repeat(60_000)}")`,
  }),
  bulk("data.drop and elem.drop", "data.drop $d", { fields: `(data $d "x")` }),
  bulk("table.init, 0 entries", "(table.init $e (local.get $p) (i32.const 0) (i32.const 0))", { fields: largeTable }),
  bulk("table.init, 1 entry", "(table.init $e (local.get $p) (i32.const 0) (i32.const 1))", { fields: largeTable }),
  bulk("table.init, 5,000 entries", "(table.init $e (local.get $p) (i32.const 0) (i32.const 5000))", {
    fields: largeTable,
    unitCount: 1,
  }),
  bulk("table.copy, 0 entries", "(table.copy (i32.const 3) (local.get $p) (i32.const 0))", { fields: largeTable }),
  bulk("table.copy, 1 entry", "(table.copy (i32.const 3) (local.get $p) (i32.const 1))", { fields: largeTable }),
  bulk("table.copy, 5,000 entries", "(table.copy (i32.const 5000) (local.get $p) (i32.const 5000))", {
    fields: largeTable,
    setup: "(table.init $e (i32.const 0) (i32.const 0) (i32.const 5000))",
    unitCount: 1,
  }),
  bulk("data.drop and elem.drop", "elem.drop $e", { fields: largeTable, setup: "elem.drop $e" }),
  bulk("memory.grow by nothing", "(drop (memory.grow (local.get $p)))"),
];

export const wasmCases: readonly WasmCase[] = [...numericCases, ...controlCases, ...memoryCases, ...bulkCases];
