/**
 * Which halt reason is behind an engine's trap? Engines say it in a message of their own wording, so the wording is learnt,
 * not written down: for each kind of trap a probe module traps on purpose, and its message stands for the kind from then on.
 *
 * A message met later that no probe gave is a fault of ours, as is an engine that words two kinds alike.
 */
import { ByteWriter } from "./byte-writer.ts";
import { assert, Fault } from "./errors.ts";
import { valueType } from "./module.ts";
import { op } from "./opcodes.ts";
import type { HaltReason } from "./outcome.ts";

const { i32, i64 } = valueType;

/** Instructions of a function without results, in a module with one page, a table of one empty slot, and a passive segment. */
const probes: readonly (readonly [HaltReason, readonly number[]])[] = [
  ["Unreachable", [op.unreachable]],
  ["IntegerDivideByZero", [op.i32Const, 1, op.i32Const, 0, 0x6d, op.drop]],
  ["IntegerDivideByZero", [op.i32Const, 1, op.i32Const, 0, 0x6e, op.drop]],
  ["IntegerDivideByZero", [op.i32Const, 1, op.i32Const, 0, 0x6f, op.drop]],
  ["IntegerDivideByZero", [op.i32Const, 1, op.i32Const, 0, 0x70, op.drop]],
  ["IntegerDivideByZero", [op.i64Const, 1, op.i64Const, 0, 0x7f, op.drop]],
  ["IntegerDivideByZero", [op.i64Const, 1, op.i64Const, 0, 0x80, op.drop]],
  ["IntegerDivideByZero", [op.i64Const, 1, op.i64Const, 0, 0x81, op.drop]],
  ["IntegerDivideByZero", [op.i64Const, 1, op.i64Const, 0, 0x82, op.drop]],
  ["IntegerOverflow", [...minimum(op.i32Const, 5), op.i32Const, 0x7f, 0x6d, op.drop]],
  ["IntegerOverflow", [...minimum(op.i64Const, 10), op.i64Const, 0x7f, 0x7f, op.drop]],
  ["MemoryOutOfBounds", [op.i32Const, 0x7f, 0x28, 2, 0, op.drop]],
  ["MemoryOutOfBounds", [op.i32Const, 0x7f, op.i32Const, 0, 0x36, 2, 0]],
  ["MemoryOutOfBounds", [op.i32Const, 0x7f, op.i32Const, 0, op.i32Const, 2, 0xfc, 0x0b, 0]],
  ["MemoryOutOfBounds", [op.i32Const, 0x7f, op.i32Const, 0, op.i32Const, 2, 0xfc, 0x0a, 0, 0]],
  ["MemoryOutOfBounds", [op.i32Const, 0, op.i32Const, 0, op.i32Const, 2, 0xfc, 0x08, 0, 0]],
  ["TableOutOfBounds", [op.i32Const, 0x7f, op.callIndirect, 0, 0]],
  ["TableOutOfBounds", [op.i32Const, 0x7f, op.i32Const, 0, op.i32Const, 2, 0xfc, 0x0e, 0, 0]],
  ["TableOutOfBounds", [op.i32Const, 0, op.i32Const, 0, op.i32Const, 2, 0xfc, 0x0c, 0, 0]],
  ["IndirectCallMismatch", [op.i32Const, 1, op.callIndirect, 0, 0]],
  ["IndirectCallMismatch", [op.i32Const, 0, op.callIndirect, 1, 0]],
];

/** `const` with the smallest value of its type: the sign bit alone, in LEB128 of `size` bytes. */
function minimum(constant: number, size: number): number[] {
  const last = size === 5 ? 0x78 : 0x7f;
  return [constant, ...Array.from({ length: size - 1 }, () => 0x80), last];
}

let reasonByMessage: Map<string, HaltReason> | undefined;

/** The reason of a trap that the guest's own instruction made. */
export function haltReasonOf(trap: Error): HaltReason {
  reasonByMessage ??= learn();
  const reason = reasonByMessage.get(wording(trap));
  if (reason === undefined) throw new Fault(`the engine trapped for a reason we do not know: ${trap.message}`);
  return reason;
}

/** JavaScriptCore appends where in the JavaScript it happened. */
function wording(trap: Error): string {
  return trap.message.replace(/ \(evaluating .*$/s, "");
}

function learn(): Map<string, HaltReason> {
  const learnt = new Map<string, HaltReason>();
  for (const [reason, instructions] of probes) {
    const message = trapMessage(instructions);
    const known = learnt.get(message);
    assert(known === undefined || known === reason, `this engine words ${known} and ${reason} alike: ${message}`);
    learnt.set(message, reason);
  }
  return learnt;
}

function trapMessage(instructions: readonly number[]): string {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(probeModule(instructions)));
  try {
    (instance.exports.probe as () => void)();
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) return wording(error);
    throw error;
  }
  throw new Fault("a probe that must trap returned");
}

/** Slot 0 of the table holds a function of type 0; slot 1 is empty. */
function probeModule(instructions: readonly number[]): Uint8Array {
  const out = new ByteWriter().u8(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00);
  out.section(1, (types) => types.u32(2).u8(0x60, 0, 0).u8(0x60, 1, i64, 1, i32));
  out.section(3, (functions) => functions.u32(1).u32(0));
  out.section(4, (tables) => tables.u32(1).u8(0x70, 0, 2));
  out.section(5, (memories) => memories.u32(1).u8(0, 1));
  out.section(7, (exports) => exports.u32(1).name("probe").u8(0, 0));
  out.section(9, (elements) => elements.u32(2).u8(0, op.i32Const, 0, op.end, 1, 0).u8(1, 0, 1, 0));
  out.section(12, (count) => count.u32(1));
  // A call through slot 0 with type 1 needs an i64 argument below the slot number.
  const argument = instructions.includes(op.callIndirect) && instructions.at(-2) === 1 ? [op.i64Const, 0] : [];
  const result = argument.length > 0 ? [op.drop] : [];
  out.section(10, (code) => {
    code.u32(1).sized((body) => body.u8(0, ...argument, ...instructions, ...result, op.end));
  });
  out.section(11, (data) => data.u32(1).u8(1, 1, 0));
  return out.view().slice();
}
