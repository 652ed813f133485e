/**
 * Deciding and compiling code, and making instances of it. Code is paid per byte twice over: by who uploads it, and by each
 * transaction that uses it, since a node may have to prepare it anew. Ordinary code is that of the bench's programs; the worst
 * is what the hostile suite has. In a process that is told so, the engine compiles all functions at once and not each when it
 * is first called: a contract chooses when that is.
 */
import { readdirSync, readFileSync } from "node:fs";
import { defaultParams } from "../../../node/params.ts";
import { callContract, prepareContract } from "../../../vm/contract.ts";
import { decodeModule } from "../../../vm/decode.ts";
import { assert } from "../../../vm/errors.ts";
import { LOAD_BYTE_GAS, LOAD_FUNCTION_GAS } from "../../../vm/metering/schedule.ts";
import { valueType } from "../../../vm/module.ts";
import { ModuleError } from "../../../vm/module-error.ts";
import * as profile from "../../../vm/profile.ts";
import { bombs } from "../../hostile/bombs.ts";
import { wat } from "../../support/wat.ts";
import { encodeModule } from "../encode.ts";
import { createHost } from "../host.ts";
import { cpuMs, measure, type Reading, type Tier } from "./case.ts";

const programFolder = new URL("../../../../test/bench/programs/", import.meta.url);
const PASS_COUNT = 3;
const SMALL_SIZE = 2_500;

export function readPreparation(tier: Tier): readonly Reading[] {
  const readings: Reading[] = [];
  const take = (name: string, codes: readonly Uint8Array[]) => readings.push(...read(name, codes));
  const read = (name: string, codes: readonly Uint8Array[]): readonly Reading[] => {
    const ns = Math.min(...codes.map(timePreparation));
    const size = codes[0]!.length;
    const { imports, functions } = decodeModule(codes[0]!);
    const loadGas = size * LOAD_BYTE_GAS + (imports.length + functions.length) * LOAD_FUNCTION_GAS;
    const uploadByteGas = defaultParams.uploadByteGas + defaultParams.transactionByteGas;
    return [
      { group: "upload", name, tier, ns, gas: size * uploadByteGas },
      { group: "load", name, tier, ns, gas: loadGas },
    ];
  };
  const files = readdirSync(programFolder).filter((file) => file.endsWith(".wasm"));
  const programs = files.sort().map((file) => new Uint8Array(readFileSync(new URL(file, programFolder))));
  // The engine remembers what it compiled, so each pass takes other bytes. The first is for our own code to become hot.
  for (let i = 0; i < PASS_COUNT; i++) for (const code of programs) prepareContract(withStamp(code, i));
  for (const code of programs) {
    const copies = Array.from({ length: PASS_COUNT }, (_, i) => withStamp(code, PASS_COUNT + i));
    // All under one name: the worst of them is reported.
    take(code.length < SMALL_SIZE ? "small programs" : "programs", copies);
  }
  // They are a search for one thing, the worst there is: of all of them, that is what counts.
  const searched: Reading[] = [];
  for (const { name, build } of bombs) {
    const code = build();
    try {
      searched.push(...read(`the worst of ${bombs.length}: ${name}`, [code]));
    } catch (error) {
      // What the profile refuses is no contract, and the sender has paid for the upload.
      if (!(error instanceof ModuleError)) throw error;
    }
  }
  for (const group of ["upload", "load"]) {
    const found = searched.filter((reading) => reading.group === group);
    readings.push(found.reduce((worst, next) => (next.ns / next.gas > worst.ns / worst.gas ? next : worst)));
  }
  return readings;
}

/** Nanoseconds. */
function timePreparation(code: Uint8Array): number {
  const start = cpuMs();
  prepareContract(code);
  return (cpuMs() - start) * 1e6;
}

/** The same module under other bytes. */
function withStamp(code: Uint8Array, stamp: number): Uint8Array {
  const global = { type: valueType.i32, mutable: false, value: BigInt(stamp) };
  return encodeModule(decodeModule(code), { global });
}

interface InstanceCase {
  readonly name: string;
  /** Called in turn. */
  readonly texts: readonly string[];
}

const IDLE = `(func (export "run"))`;
const listed = (count: number, each: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => each(i)).join(" ");
const DEFINITION_COUNT = 9_000;
const POOL_DEFEATING_COUNT = 40;

const instanceCases: readonly InstanceCase[] = [
  { name: "an empty contract", texts: [`(module ${IDLE})`] },
  { name: "a memory of 1 page", texts: [`(module (memory 1) ${IDLE})`] },
  { name: "the largest memory", texts: [`(module (memory ${profile.MEMORY_PAGE_COUNT_MAX}) ${IDLE})`] },
  {
    name: "memories of 40 sizes in turn",
    texts: Array.from({ length: POOL_DEFEATING_COUNT }, (_, i) => `(module (memory ${i + 1}) ${IDLE})`),
  },
  {
    name: "a memory that grows by a page",
    texts: [`(module (memory 1) (func (export "run") (drop (memory.grow (i32.const 1)))))`],
  },
  {
    name: "a memory that grows to the largest, all used",
    texts: [
      `(module (memory 1) (func (export "run") (local $p i32)
        (drop (memory.grow (i32.const ${profile.MEMORY_PAGE_COUNT_MAX - 1})))
        (loop $each
          (i32.store (local.get $p) (i32.const 1))
          (local.set $p (i32.add (local.get $p) (i32.const 4096)))
          (br_if $each (i32.lt_u (local.get $p) (i32.const ${profile.MEMORY_PAGE_COUNT_MAX * 65_536}))))))`,
    ],
  },
  { name: "9,000 functions", texts: [`(module ${listed(DEFINITION_COUNT, () => "(func)")} ${IDLE})`] },
  {
    name: "1,024 globals",
    texts: [`(module ${listed(profile.GLOBAL_COUNT_MAX, () => "(global (mut i64) (i64.const 7))")} ${IDLE})`],
  },
  {
    name: "1,023 methods",
    texts: [`(module ${IDLE} ${listed(profile.EXPORT_COUNT_MAX - 2, (i) => `(func (export "method ${i}"))`)})`],
  },
  {
    name: "256 imports",
    texts: [
      `(module ${listed(profile.IMPORT_COUNT_MAX, () => `(import "lockstep" "gas_left" (func (result i64)))`)} ${IDLE})`,
    ],
  },
  { name: "a table of 10,000", texts: [`(module (table ${profile.TABLE_SIZE_MAX} funcref) ${IDLE})`] },
  {
    name: "10,000 elements",
    texts: [
      `(module (table ${profile.TABLE_SIZE_MAX} funcref) (func $f)
        (elem (i32.const 0) ${"$f ".repeat(profile.TABLE_SIZE_MAX)}) ${IDLE})`,
    ],
  },
  {
    name: "10,000 elements of as many functions",
    texts: [
      `(module (table ${DEFINITION_COUNT} funcref) ${listed(DEFINITION_COUNT, (i) => `(func $f${i})`)}
        (elem (i32.const 0) ${listed(DEFINITION_COUNT, (i) => `$f${i}`)}) ${IDLE})`,
    ],
  },
  {
    name: "4,096 data segments",
    texts: [
      `(module (memory 1) ${listed(profile.DATA_SEGMENT_COUNT_MAX, (i) => `(data (i32.const ${i}) "x")`)} ${IDLE})`,
    ],
  },
  { name: "800 KB of data", texts: [`(module (memory 16) (data (i32.const 0) "${"x".repeat(800_000)}") ${IDLE})`] },
];

/** Whole calls of a method that does nothing. */
export async function readInstances(): Promise<readonly Reading[]> {
  const readings: Reading[] = [];
  for (const { name, texts } of instanceCases) {
    const contracts = texts.map((text) => prepareContract(wat(text)));
    const host = createHost();
    const input = new Uint8Array();
    const run = (count: number) => {
      let gas = 0;
      for (let i = 0; i < count; i++) {
        for (const contract of contracts) {
          const call = { method: "run", input, gasLimit: Number.MAX_SAFE_INTEGER, readOnly: false, host };
          const { outcome, gasUsed } = callContract(contract, call);
          assert(outcome.kind === "success", `${name}: ${JSON.stringify(outcome)}`);
          gas += gasUsed;
        }
      }
      return gas;
    };
    readings.push({ group: "instantiate", name, tier: "any", ...(await measure(run)) });
  }
  return readings;
}
