/** Small contracts for tests of the chain: each method does one thing that the chain must answer for. */
import { ABI_SECTION, ABI_VERSION, type Abi, type Access, encodeAbi, type Mutability } from "../../vm/abi.ts";
import { wat } from "./wat.ts";

const imports = `
  (import "lockstep" "input" (func $input (param i32 i32) (result i32)))
  (import "lockstep" "return_data" (func $return_data (param i32 i32)))
  (import "lockstep" "revert" (func $revert (param i32 i32 i32)))
  (import "lockstep" "storage_get" (func $storage_get (param i32 i32 i32 i32) (result i32)))
  (import "lockstep" "storage_set" (func $storage_set (param i32 i32 i32 i32)))
  (import "lockstep" "storage_remove" (func $storage_remove (param i32 i32)))
  (import "lockstep" "emit" (func $emit (param i32 i32 i32 i32)))
  (import "lockstep" "value" (func $value (param i32)))
  (import "lockstep" "block_height" (func $block_height (result i64)))
  (import "lockstep" "block_time" (func $block_time (result i64)))
  (import "lockstep" "debug_log" (func $debug_log (param i32 i32)))`;

// The storage key "k" is at 0, the topic list of event "E" at 16, the arguments at 1024.
const memory = `
  (memory 2)
  (data (i32.const 0) "k")
  (data (i32.const 16) "\\01\\00\\00\\00\\01\\00\\00\\00E")
  (func $read (result i32) (call $input (i32.const 1024) (i32.const 65536)))
  (func $write (call $storage_set (i32.const 0) (i32.const 1) (i32.const 1024) (call $read)))
  (func $tell (call $emit (i32.const 16) (i32.const 9) (i32.const 1024) (call $read)))`;

const methods: Readonly<Record<string, readonly [Mutability, string]>> = {
  /** Keeps its arguments. */
  init: ["init", "(call $write)"],
  set: ["call", "(call $write)"],
  remove: ["call", "(call $storage_remove (i32.const 0) (i32.const 1))"],
  get: [
    "view",
    `(local $size i32)
     (local.set $size (call $storage_get (i32.const 0) (i32.const 1) (i32.const 1024) (i32.const 65536)))
     (if (i32.ge_s (local.get $size) (i32.const 0))
       (then (call $return_data (i32.const 1024) (local.get $size))))`,
  ],
  /** Returns the amount that came with it. */
  pay: ["payable", "(call $value (i32.const 1024)) (call $return_data (i32.const 1024) (i32.const 16))"],
  tell: ["call", "(call $tell)"],
  log: ["call", "(call $debug_log (i32.const 1024) (call $read))"],
  /** Writes, tells, and reverts with code 7 and its arguments. */
  refuse: ["payable", "(call $write) (call $tell) (call $revert (i32.const 7) (i32.const 1024) (call $read))"],
  /** Writes, tells, and traps. */
  trap: ["payable", "(call $write) (call $tell) unreachable"],
  /** Runs until its gas is spent. */
  burn: ["call", "(loop $again (br $again))"],
  /** A view that writes. */
  sneak: ["view", "(call $write)"],
  /** Returns the height and the time of the block, 8 bytes each. */
  when: [
    "view",
    `(i64.store (i32.const 1024) (call $block_height))
     (i64.store (i32.const 1032) (call $block_time))
     (call $return_data (i32.const 1024) (i32.const 16))`,
  ],
  /** Emits the rest of its arguments as often as their first four bytes say. */
  chatter: [
    "call",
    `(local $size i32) (local $left i32)
     (local.set $size (call $read))
     (local.set $left (i32.load (i32.const 1024)))
     (loop $again
       (call $emit (i32.const 16) (i32.const 9) (i32.const 1028) (i32.sub (local.get $size) (i32.const 4)))
       (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))`,
  ],
};

/** A contract with an ABI; `init` keeps its arguments under the key "k". */
export const sampleContract: Uint8Array = withAbi(
  wat(`(module ${imports} ${memory}
    ${Object.entries(methods)
      .map(([name, [, body]]) => `(func (export "${name}") ${body})`)
      .join("\n")})`),
  Object.entries(methods).map(([name, [mutability]]) => ({ name, mutability })),
);

/** No ABI, no `init`, one method. */
export const untypedContract: Uint8Array = wat(`(module (func (export "touch")))`);

/** Its `init` reverts with code 1. */
export const stillbornContract: Uint8Array = wat(`(module
  (import "lockstep" "revert" (func $revert (param i32 i32 i32)))
  (memory 1)
  (func (export "init") (call $revert (i32.const 1) (i32.const 0) (i32.const 0))))`);

/** Refused by profile 1: it holds a float. */
export const floatModule: Uint8Array = wat(`(module (func (export "f") (drop (f64.const 1))))`);

/** Contracts that differ in their code hash and in nothing else. */
export function variantOf(code: Uint8Array, number: number): Uint8Array {
  return withSection(code, "variant", Uint8Array.of(number >>> 8, number & 0xff));
}

interface SampleMethod {
  readonly name: string;
  readonly mutability: Mutability;
  readonly access?: Access;
}

/** `code` with an ABI section of these methods, without parameters or results. */
export function withAbi(code: Uint8Array, list: readonly SampleMethod[]): Uint8Array {
  const abi: Abi = {
    version: ABI_VERSION,
    name: "sample",
    types: [],
    methods: list.map((method) => ({ access: "public", ...method, params: [], returns: null, doc: "" })),
    events: [],
    errors: [],
    storage: [],
    doc: "",
  };
  return withSection(code, ABI_SECTION, encodeAbi(abi));
}

function withSection(code: Uint8Array, name: string, content: Uint8Array): Uint8Array {
  const encodedName = new TextEncoder().encode(name);
  const body = [...leb(encodedName.length), ...encodedName, ...content];
  return Uint8Array.of(...code, 0, ...leb(body.length), ...body);
}

function leb(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return [...bytes, rest];
    bytes.push((rest & 0x7f) | 0x80);
  }
}
