/**
 * A contract that does what its arguments say: a script of steps, among them calls of other puppets with scripts of their own.
 * What it returns is the transcript of what came back to it, so one transaction shows everything that went on below it.
 *
 *     step      bytes after the tag
 *     set       key 1, value 1
 *     get       key 1                                                transcript: value, or ff
 *     emit      data 1
 *     call      contract 32, method 1, value 16, gas 8, script       transcript: status 1, length 4, result
 *     view      contract 32, method 1, gas 8, script                 the same
 *     transfer  to 32, amount 16                                     the same
 *     create    code hash 32, salt 32, value 16, gas 8, script       the same
 *     upgrade   code hash 32, gas 8, script                          the same
 *     revert    code 1, data 1
 *     trap, burn
 *
 * A script within a step begins with its length, 4 bytes little endian.
 */
import type { Access, Mutability } from "../../vm/abi.ts";
import { withAbi } from "./sample-contracts.ts";
import { wat } from "./wat.ts";

/** All do the same. The last is not there. */
export const puppetMethods = ["work", "look", "paid", "open", "self", "none"] as const;
export type PuppetMethod = (typeof puppetMethods)[number];

export type Step =
  | { readonly kind: "set"; readonly key: number; readonly value: number }
  | { readonly kind: "get"; readonly key: number }
  | { readonly kind: "emit"; readonly data: number }
  | {
      readonly kind: "call";
      readonly contract: Uint8Array;
      readonly method: PuppetMethod;
      readonly value: bigint;
      readonly gas: bigint;
      readonly script: Script;
    }
  | {
      readonly kind: "view";
      readonly contract: Uint8Array;
      readonly method: PuppetMethod;
      readonly gas: bigint;
      readonly script: Script;
    }
  | { readonly kind: "transfer"; readonly to: Uint8Array; readonly amount: bigint }
  | {
      readonly kind: "create";
      readonly codeHash: Uint8Array;
      readonly salt: Uint8Array;
      readonly value: bigint;
      readonly gas: bigint;
      readonly script: Script;
    }
  | { readonly kind: "upgrade"; readonly codeHash: Uint8Array; readonly gas: bigint; readonly script: Script }
  | { readonly kind: "revert"; readonly code: number; readonly data: number }
  | { readonly kind: "trap" }
  | { readonly kind: "burn" };

export type Script = readonly Step[];

const tags = {
  set: 1,
  get: 2,
  emit: 3,
  call: 4,
  view: 5,
  transfer: 6,
  create: 7,
  upgrade: 8,
  revert: 9,
  trap: 10,
  burn: 11,
};

export function encodeScript(script: Script): Uint8Array {
  return Uint8Array.from(script.flatMap(encodeStep));
}

function encodeStep(step: Step): number[] {
  const tag = tags[step.kind];
  switch (step.kind) {
    case "set":
      return [tag, step.key, step.value];
    case "get":
      return [tag, step.key];
    case "emit":
      return [tag, step.data];
    case "call": {
      const method = puppetMethods.indexOf(step.method);
      return [tag, ...step.contract, method, ...little(step.value, 16), ...little(step.gas, 8), ...nested(step.script)];
    }
    case "view":
      return [
        tag,
        ...step.contract,
        puppetMethods.indexOf(step.method),
        ...little(step.gas, 8),
        ...nested(step.script),
      ];
    case "transfer":
      return [tag, ...step.to, ...little(step.amount, 16)];
    case "create":
      return [
        tag,
        ...step.codeHash,
        ...step.salt,
        ...little(step.value, 16),
        ...little(step.gas, 8),
        ...nested(step.script),
      ];
    case "upgrade":
      return [tag, ...step.codeHash, ...little(step.gas, 8), ...nested(step.script)];
    case "revert":
      return [tag, step.code, step.data];
    case "trap":
    case "burn":
      return [tag];
  }
}

function nested(script: Script): number[] {
  const bytes = encodeScript(script);
  return [...little(BigInt(bytes.length), 4), ...bytes];
}

export function little(value: bigint, size: number): number[] {
  return Array.from({ length: size }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}

const INPUT = 4096;
const TRANSCRIPT = 131_072;
const methods: readonly (readonly [string, Mutability, Access])[] = [
  ["init", "init", "public"],
  ["migrate", "migrate", "public"],
  ["work", "call", "public"],
  ["look", "view", "public"],
  ["paid", "payable", "public"],
  ["open", "payable", "reentrant"],
  ["self", "payable", "private"],
];

/** `step` names what comes after the tag `p`, and moves `p` behind it. */
const steps: Readonly<Record<Step["kind"], string>> = {
  set: "(call $storage_set (local.get $p) (i32.const 1) (i32.add (local.get $p) (i32.const 1)) (i32.const 1)) (call $skip 2)",
  get: `(i32.store8 (global.get $out) (i32.const 0xff))
    (drop (call $storage_get (local.get $p) (i32.const 1) (global.get $out) (i32.const 1)))
    (global.set $out (i32.add (global.get $out) (i32.const 1))) (call $skip 1)`,
  emit: `(i32.store8 (i32.const 72) (i32.load8_u (local.get $p)))
    (call $emit (i32.const 64) (i32.const 8) (i32.const 72) (i32.const 1)) (call $skip 1)`,
  call: `(call $note (call $call (local.get $p) (call $method 32) (i32.const 4) (call $script 57) (call $size 57)
    (i32.add (local.get $p) (i32.const 33)) (i64.load (i32.add (local.get $p) (i32.const 49))))) (call $pass 57)`,
  view: `(call $note (call $view (local.get $p) (call $method 32) (i32.const 4) (call $script 41) (call $size 41)
    (i64.load (i32.add (local.get $p) (i32.const 33))))) (call $pass 41)`,
  transfer: "(call $note (call $transfer (local.get $p) (i32.add (local.get $p) (i32.const 32)))) (call $skip 48)",
  create: `(call $note (call $create (local.get $p) (i32.add (local.get $p) (i32.const 32)) (call $script 88) (call $size 88)
    (i32.add (local.get $p) (i32.const 64)) (i64.load (i32.add (local.get $p) (i32.const 80))) (i32.const 96))) (call $pass 88)`,
  upgrade: `(call $note (call $upgrade (local.get $p) (call $script 40) (call $size 40)
    (i64.load (i32.add (local.get $p) (i32.const 32))))) (call $pass 40)`,
  revert: `(call $revert (i32.load8_u (local.get $p)) (i32.add (local.get $p) (i32.const 1)) (i32.const 1))`,
  trap: "unreachable",
  // Much gas for little time: 4,096 of it a turn.
  burn: "(loop $ever (memory.fill (i32.const 196608) (i32.const 0) (i32.const 65536)) (br $ever))",
};

/** The shorthands of `steps`: all about the place `p`. */
function expand(text: string): string {
  return text
    .replace(/\(call \$skip (\d+)\)/g, "(local.set $p (i32.add (local.get $p) (i32.const $1)))")
    .replace(/\(call \$(method|script|size|pass) (\d+)\)/g, (_, name, at) => {
      const call = `(call $${name} (i32.add (local.get $p) (i32.const ${at})))`;
      return name === "pass" ? `(local.set $p ${call})` : call;
    });
}

export const puppet: Uint8Array = withAbi(
  wat(`(module
  (import "lockstep" "input" (func $input (param i32 i32) (result i32)))
  (import "lockstep" "return_data" (func $return_data (param i32 i32)))
  (import "lockstep" "last_result" (func $last_result (param i32 i32 i32)))
  (import "lockstep" "last_result_size" (func $last_result_size (result i32)))
  (import "lockstep" "revert" (func $revert (param i32 i32 i32)))
  (import "lockstep" "storage_get" (func $storage_get (param i32 i32 i32 i32) (result i32)))
  (import "lockstep" "storage_set" (func $storage_set (param i32 i32 i32 i32)))
  (import "lockstep" "emit" (func $emit (param i32 i32 i32 i32)))
  (import "lockstep" "call" (func $call (param i32 i32 i32 i32 i32 i32 i64) (result i32)))
  (import "lockstep" "view" (func $view (param i32 i32 i32 i32 i32 i64) (result i32)))
  (import "lockstep" "transfer" (func $transfer (param i32 i32) (result i32)))
  (import "lockstep" "create" (func $create (param i32 i32 i32 i32 i32 i64 i32) (result i32)))
  (import "lockstep" "upgrade" (func $upgrade (param i32 i32 i32 i64) (result i32)))
  (memory 4)
  (data (i32.const 0) "${puppetMethods.join("")}")
  (data (i32.const 64) "\\01\\00\\00\\00\\00\\00\\00\\00")
  (global $out (mut i32) (i32.const ${TRANSCRIPT}))
  (func $method (param i32) (result i32) (i32.mul (i32.load8_u (local.get 0)) (i32.const 4)))
  (func $size (param i32) (result i32) (i32.load (local.get 0)))
  (func $script (param i32) (result i32) (i32.add (local.get 0) (i32.const 4)))
  (func $pass (param i32) (result i32) (i32.add (call $script (local.get 0)) (call $size (local.get 0))))
  (func $note (param $status i32) (local $size i32)
    (local.set $size (call $last_result_size))
    (i32.store8 (global.get $out) (local.get $status))
    (i32.store offset=1 (global.get $out) (local.get $size))
    (call $last_result (i32.add (global.get $out) (i32.const 5)) (i32.const 0) (local.get $size))
    (global.set $out (i32.add (global.get $out) (i32.add (local.get $size) (i32.const 5)))))
  (func $main (local $p i32) (local $end i32) (local $tag i32)
    (local.set $p (i32.const ${INPUT}))
    (local.set $end (i32.add (local.get $p) (call $input (local.get $p) (i32.const 65536))))
    (loop $next
      (if (i32.lt_u (local.get $p) (local.get $end)) (then
        (local.set $tag (i32.load8_u (local.get $p)))
        (local.set $p (i32.add (local.get $p) (i32.const 1)))
        ${Object.entries(steps)
          .map(([kind, body]) => {
            const tag = tags[kind as Step["kind"]];
            return `(if (i32.eq (local.get $tag) (i32.const ${tag})) (then ${expand(body)} (br $next)))`;
          })
          .join("\n")}
        unreachable)))
    (call $return_data (i32.const ${TRANSCRIPT}) (i32.sub (global.get $out) (i32.const ${TRANSCRIPT}))))
  ${methods.map(([name]) => `(export "${name}" (func $main))`).join("\n")})`),
  methods.map(([name, mutability, access]) => ({ name, mutability, access })),
);
