/**
 * Metered blocks: a function body divided so that paying for a block on entry pays for exactly what runs.
 *
 * Law: on every path from entry to `return`, the weights of the blocks entered sum up to the weights of the instructions
 * executed. A trap may leave paid instructions unexecuted; none is ever executed unpaid.
 *
 * Code belongs to one block as long as reaching its first instruction means reaching its last, traps aside. So `block` and
 * its `end` do not divide; a new block begins
 *
 *     at the body, after `loop`, after `if`, after `else`, after `br_if`,
 *     after the `end` of a block that some branch inside leaves for further out.
 *
 * After any other `end`, every path is back together and the block from before the opening goes on:
 *
 *     A   block            <- A covers both lines marked A: whoever runs the first runs the second
 *     A     local.get 0
 *     A     br_if 0
 *     B     call $f        <- only when the branch is not taken
 *         end
 *     A   call $g
 *
 * A branch further out parts the way for every `end` it jumps over, and for those only:
 *
 *     A   block
 *           block
 *     A       br_if 1
 *     B       call $f
 *           end
 *     C     call $f        <- not after the branch, which is past this `end`
 *         end
 *     A   call $g          <- here both ways meet
 *
 * Code after `br`, `br_table`, `return` or `unreachable` up to the next `end` or `else` cannot run and weighs nothing.
 * A trap burns the frame's gas, so `unreachable` leaves no block.
 */
import { InstructionReader } from "../instruction-reader.ts";
import type { FunctionBody, Module } from "../module.ts";
import { op } from "../opcodes.ts";
import { weightOf } from "./schedule.ts";

export interface MeteredBlock {
  /** Byte offset of the block's first instruction: where the charge goes. */
  readonly start: number;
  /** A loop header is a check point. */
  readonly isLoop: boolean;
  /** Sum of the weights of its instructions. */
  gas: number;
}

interface Frame {
  readonly opcode: number;
  /** The metered block that was current when the frame was opened. */
  readonly outer: MeteredBlock;
  /** The outermost frame, by position, that a branch inside this one goes to; its own position when there is none. */
  outermostTarget: number;
  /** Whether the code at hand can run. */
  reachable: boolean;
}

/** Blocks in the order of their starts; the first is the function's entry. The body must be valid. */
export function meteredBlocks(module: Module, body: FunctionBody): readonly MeteredBlock[] {
  const reader = new InstructionReader(module.bytes, body.start, body.end);
  const blocks: MeteredBlock[] = [];
  const open = (start: number, isLoop: boolean): MeteredBlock => {
    const block = { start, isLoop, gas: 0 };
    blocks.push(block);
    return block;
  };
  let current = open(body.start, false);
  const frames: Frame[] = [{ opcode: op.block, outer: current, outermostTarget: 0, reachable: true }];

  const leaveTo = (label: number): void => {
    const target = frames.length - 1 - label;
    const frame = frames.at(-1)!;
    frame.outermostTarget = Math.min(frame.outermostTarget, target);
  };

  while (!reader.done) {
    const { code } = reader.next();
    const frame = frames.at(-1)!;
    if (frame.reachable) current.gas += weightOf(code, reader.labels.length);
    switch (code) {
      case op.block:
      case op.loop:
      case op.if:
        frames.push({ opcode: code, outer: current, outermostTarget: frames.length, reachable: frame.reachable });
        if (code !== op.block && frame.reachable) current = open(reader.nextOffset, code === op.loop);
        break;
      case op.else:
        frame.reachable = frames.at(-2)!.reachable;
        if (frame.reachable) current = open(reader.nextOffset, false);
        break;
      case op.end: {
        const position = frames.length - 1;
        frames.pop();
        const parent = frames.at(-1);
        if (parent === undefined || !parent.reachable) break;
        if (frame.outermostTarget < position) {
          parent.outermostTarget = Math.min(parent.outermostTarget, frame.outermostTarget);
          current = open(reader.nextOffset, false);
        } else {
          current = frame.outer;
        }
        break;
      }
      case op.br:
      case op.brIf:
        if (!frame.reachable) break;
        leaveTo(reader.a);
        if (code === op.br) frame.reachable = false;
        else current = open(reader.nextOffset, false);
        break;
      case op.brTable:
        if (!frame.reachable) break;
        for (const label of reader.labels) leaveTo(label);
        frame.reachable = false;
        break;
      case op.return:
        if (!frame.reachable) break;
        leaveTo(frames.length - 1);
        frame.reachable = false;
        break;
      case op.unreachable:
        frame.reachable = false;
        break;
    }
  }
  return blocks;
}
