/**
 * `npm run bench -- vm`: what metering costs over real programs, what a warm call costs, and how fast code is prepared.
 *
 * The variants of a program take turns within one run, so that whatever else the machine does falls on all of them; a figure
 * is a median of ratios. The programs and how they were compiled stand in `programs/`.
 */
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { buildContract } from "../../contracts-sdk/build.ts";
import { ByteWriter } from "../../vm/byte-writer.ts";
import { callContract, type PreparedContract, prepareContract } from "../../vm/contract.ts";
import { decodeModule } from "../../vm/decode.ts";
import { assert } from "../../vm/errors.ts";
import { interpret, prepareInterpreter } from "../../vm/interpreter.ts";
import { valueType } from "../../vm/module.ts";
import { op } from "../../vm/opcodes.ts";
import { validateModule } from "../../vm/validate.ts";
import { bodyOf, encodeModule } from "./encode.ts";
import { createHost } from "./host.ts";
import type { Figures, Report } from "./main.ts";
import { median } from "./statistics.ts";
import { createVariants, type Variant } from "./variants.ts";

const repository = new URL("../../../", import.meta.url);
const programFolder = new URL("test/bench/programs/", repository);

type VariantName = Variant["name"];

/** Timed runs of each variant; the slow ones take so long that one must do. */
const roundCounts: Readonly<Record<VariantName, number>> = { raw: 21, ours: 21, global: 7, host: 1, interpreter: 1 };
/** The engine compiles hot functions anew in the background: two runs make them hot, a pause lets it finish. */
const WARM_UP_COUNT = 2;
const WARM_UP_PAUSE_MS = 60;

export async function measure(report: Report): Promise<Figures> {
  const programs = readPrograms();
  const columns = ["ours", "global", "host", "interpreter"] as const;
  report(`${"program".padEnd(18)}${["raw ms", ...columns].map((column) => column.padStart(12)).join("")}`);
  const overheads: Record<(typeof columns)[number], number[]> = { ours: [], global: [], host: [], interpreter: [] };
  for (const { name, code } of programs) {
    const times = await timeProgram(name, code);
    let line = name.padEnd(18) + median(times.raw).toFixed(1).padStart(12);
    for (const variant of columns) {
      // Each run against the unmetered one of its own round: load from elsewhere falls on both.
      const overhead = median(times[variant].map((time, round) => time / times.raw[round]!));
      overheads[variant].push(overhead);
      line += `${overhead.toFixed(2)}x`.padStart(12);
    }
    report(line);
  }
  const { warmUs, ratio } = await timeWarmCalls();
  return {
    overhead_geomean: geometricMean(overheads.ours),
    overhead_worst: Math.max(...overheads.ours),
    global_injector_geomean: geometricMean(overheads.global),
    host_injector_geomean: geometricMean(overheads.host),
    warm_call_us: warmUs,
    warm_vs_compile_ratio: ratio,
    prepare_mb_s: timePreparation(programs),
    interp_minstr_s: timeInterpreter(),
  };
}

interface Program {
  readonly name: string;
  readonly code: Uint8Array;
}

function readPrograms(): readonly Program[] {
  const files = readdirSync(programFolder).filter((file) => file.endsWith(".wasm"));
  return files.sort().map((file) => ({ name: file, code: new Uint8Array(readFileSync(new URL(file, programFolder))) }));
}

/** Milliseconds of every timed run, by variant and round. */
async function timeProgram(program: string, code: Uint8Array): Promise<Record<VariantName, readonly number[]>> {
  const variants = createVariants(code);
  for (const variant of variants) {
    // The interpreter is hot from its first program on.
    const count = variant.name === "interpreter" ? 0 : Math.min(WARM_UP_COUNT, roundCounts[variant.name]);
    for (let i = 0; i < count; i++) variant.run();
  }
  await sleep(WARM_UP_PAUSE_MS);
  const times: Record<VariantName, number[]> = { raw: [], ours: [], global: [], host: [], interpreter: [] };
  for (let round = 0; round < roundCounts.raw; round++) {
    for (const { name, run } of variants) {
      if (round < roundCounts[name]) times[name].push(timeMs(run));
    }
  }
  const [expected, ...others] = variants.map(({ checksum }) => checksum());
  assert(expected !== 0n, `${program} leaves no checksum`);
  for (const other of others) assert(other === expected, `${program} computes something else under metering`);
  return times;
}

const CALL_COUNT = 2_000;
const COMPILED_CALL_COUNT = 100;

/** A call of `increment` of the example counter: fresh instance, one storage read, one write. */
async function timeWarmCalls(): Promise<{ warmUs: number; ratio: number }> {
  const entry = fileURLToPath(new URL("contracts-sdk/examples/counter.ts", repository));
  const { wasm } = await buildContract({ entry });
  const host = createHost();
  const increment = (contract: PreparedContract) => {
    const input = new Uint8Array();
    const { outcome } = callContract(contract, { method: "increment", input, gasLimit: 1e9, readOnly: false, host });
    assert(outcome.kind === "success", "the counter failed");
  };
  const contract = prepareContract(wasm);
  for (let i = 0; i < CALL_COUNT; i++) increment(contract);
  await sleep(WARM_UP_PAUSE_MS);

  const warm: number[] = [];
  const compiled: number[] = [];
  for (let i = 0; i < CALL_COUNT; i++) {
    warm.push(timeMs(() => increment(contract)));
    if (i % (CALL_COUNT / COMPILED_CALL_COUNT) !== 0) continue;
    const copy = withStamp(wasm, i);
    compiled.push(timeMs(() => increment(prepareContract(copy))));
  }
  return { warmUs: median(warm) * 1e3, ratio: median(compiled) / median(warm) };
}

const PREPARE_PASS_COUNT = 7;
const LARGE_CODE_SIZE = 500_000;

/** Megabytes a second of deciding, metering and compiling: all programs, and one of half a megabyte. */
function timePreparation(programs: readonly Program[]): number {
  const codes = programs.map(({ code }) => code);
  const largest = codes.reduce((a, b) => (b.length > a.length ? b : a));
  codes.push(enlarge(largest, LARGE_CODE_SIZE));
  const size = codes.reduce((sum, code) => sum + code.length, 0);
  const times: number[] = [];
  for (let pass = 0; pass < PREPARE_PASS_COUNT; pass++) {
    const copies = codes.map((code) => withStamp(code, pass));
    times.push(timeMs(() => copies.forEach(prepareContract)));
  }
  return size / 1e6 / (median(times) / 1e3);
}

/** The same module under other bytes: an engine that remembers what it compiled would otherwise do nothing. */
function withStamp(code: Uint8Array, stamp: number): Uint8Array {
  const global = { type: valueType.i32, mutable: false, value: BigInt(stamp) };
  return encodeModule(decodeModule(code), { global });
}

/** The module with copies of its functions behind it until it has about `size` bytes: real code, and more of it. */
function enlarge(code: Uint8Array, size: number): Uint8Array {
  const module = decodeModule(code);
  const own = module.bodies.map((_, i) => bodyOf(module, i));
  const ownSize = own.reduce((sum, body) => sum + body.length, 0);
  const bodies = [...own];
  const functions = [...module.functions];
  for (let total = code.length; total < size; total += ownSize) {
    bodies.push(...own);
    functions.push(...module.functions);
  }
  return encodeModule(module, { bodies, functions });
}

/** Opcodes without a name of their own in the table. */
const I32_NE = 0x47;
const I32_XOR = 0x73;

const LOOP_COUNT = 1_000_000;
const LOOP_PASS_COUNT = 5;

/** Millions of instructions a second in a loop of i32 arithmetic. Each weighs one gas, so the gas counts them. */
function timeInterpreter(): number {
  const module = decodeModule(loopModule());
  const prepared = prepareInterpreter(module, validateModule(module));
  const call = {
    host: createHost(),
    input: new Uint8Array(),
    readOnly: false,
    gasLimit: Number.MAX_SAFE_INTEGER,
    stackHeight: 0,
    exports: ["run"],
  };
  let instructionCount = 0;
  const times: number[] = [];
  for (let pass = 0; pass < LOOP_PASS_COUNT; pass++) {
    times.push(
      timeMs(() => {
        const { outcome, gasUsed } = interpret(prepared, call);
        assert(outcome.kind === "success", "the loop failed");
        instructionCount = gasUsed;
      }),
    );
  }
  return instructionCount / 1e6 / (median(times) / 1e3);
}

/** `do { a += 3; b ^= a } while (++i != LOOP_COUNT)` */
function loopModule(): Uint8Array {
  const { i32 } = valueType;
  const [i, a, b] = [0, 1, 2];
  const body = new ByteWriter().u8(1, 3, i32, op.loop, 0x40);
  body.u8(op.localGet, a, op.i32Const, 3, op.i32Add, op.localSet, a);
  body.u8(op.localGet, b, op.localGet, a, I32_XOR, op.localSet, b);
  body.u8(op.localGet, i, op.i32Const, 1, op.i32Add, op.localTee, i, op.i32Const).signed(LOOP_COUNT);
  body.u8(I32_NE, op.brIf, 0, op.end, op.end);
  const out = new ByteWriter().u8(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00);
  out.section(1, (content) => content.u8(1, 0x60, 0, 0));
  out.section(3, (content) => content.u8(1, 0));
  out.section(7, (content) => content.u8(1).name("run").u8(0, 0));
  out.section(10, (content) => content.u8(1).u32(body.length).bytes(body.view()));
  return out.view().slice();
}

function timeMs(run: () => void): number {
  const start = performance.now();
  run();
  return performance.now() - start;
}

function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}
