/**
 * Gas of the metered blocks of a body, found the other way round than the instrumenter finds it: `metering/blocks.ts` reads a
 * body once and hands each instruction to the block it belongs to; here each block start walks ahead and collects what then
 * surely runs, traps aside. The two share the prices and nothing else, so that a mistake in one shows against the other.
 *
 * A walk goes into a `block`, and over a `loop` or an `if`. Where ways part, what surely still runs is behind the `end` of the
 * innermost construct around that no branch inside leaves for further out. When the walk did not come by the opening of that
 * construct itself, the code behind belongs to a walk that did, and this one ends. What is passed over starts other walks.
 */
import { assert } from "./errors.ts";
import { InstructionReader } from "./instruction-reader.ts";
import { weightOf } from "./metering/schedule.ts";
import type { FunctionBody, Module } from "./module.ts";
import { op } from "./opcodes.ts";

/** A block, loop or if, and the body itself. */
interface Construct {
  readonly parent: Construct | null;
  /** Constructs around it. */
  readonly depth: number;
  /** Position of the instruction that opens it; -1 for the body. */
  readonly opening: number;
  /** Whether its first instruction can run. */
  readonly live: boolean;
  /** Position of its `else`; -1 without. */
  else: number;
  /** Position of its `end`. */
  end: number;
  /** Depth of the outermost construct that a branch inside goes to. */
  outermostTarget: number;
}

/** A body as parallel lists, by position. */
interface Structure {
  readonly offsets: number[];
  readonly codes: number[];
  readonly weights: number[];
  /** The construct that the instruction opens, divides or closes; for any other, the one it stands in. */
  readonly constructs: Construct[];
}

/** Gas by the byte offset of a metered block's first instruction. The body must be valid. */
export function gasOfBlocks(module: Module, body: FunctionBody): ReadonlyMap<number, number> {
  const structure = readStructure(module, body);
  const gasByOffset = new Map<number, number>();
  const starts = [0];
  for (let start = starts.pop(); start !== undefined; start = starts.pop()) {
    const offset = structure.offsets[start]!;
    assert(!gasByOffset.has(offset), `two metered blocks start at offset ${offset}`);
    gasByOffset.set(offset, walk(structure, start, starts));
  }
  return gasByOffset;
}

/** The weight of all that surely runs once the instruction at `start` does. Adds the starts that it comes by. */
function walk({ codes, weights, constructs }: Structure, start: number, starts: number[]): number {
  let gas = 0;
  let position = start;
  for (;;) {
    const code = codes[position]!;
    const construct = constructs[position]!;
    gas += weights[position]!;
    switch (code) {
      case op.block:
        if (isLeftByBranch(construct)) starts.push(construct.end + 1);
        position++;
        continue;
      case op.loop:
      case op.if:
        starts.push(position + 1);
        if (construct.else >= 0) starts.push(construct.else + 1);
        if (isLeftByBranch(construct)) starts.push(construct.end + 1);
        break;
      case op.brIf:
        starts.push(position + 1);
        break;
      case op.br:
      case op.brTable:
      case op.return:
      case op.unreachable:
      case op.else:
      case op.end:
        break;
      default:
        position++;
        continue;
    }
    // Ways part, or meet again: what surely runs is behind the innermost construct that holds them together.
    let whole = construct;
    while (whole.opening >= start && isLeftByBranch(whole)) whole = whole.parent!;
    if (whole.opening < start) return gas;
    position = whole.end + 1;
  }
}

function isLeftByBranch(construct: Construct): boolean {
  return construct.outermostTarget < construct.depth;
}

function readStructure(module: Module, body: FunctionBody): Structure {
  const reader = new InstructionReader(module.bytes, body.start, body.end);
  const structure: Structure = { offsets: [], codes: [], weights: [], constructs: [] };
  let live = true;
  const open = (parent: Construct | null, opening: number): Construct => {
    const depth = parent === null ? 0 : parent.depth + 1;
    return { parent, depth, opening, live, else: -1, end: -1, outermostTarget: depth };
  };
  let inside = open(null, -1);
  for (let position = 0; !reader.done; position++) {
    const { code } = reader.next();
    if (code === op.block || code === op.loop || code === op.if) inside = open(inside, position);
    structure.offsets.push(reader.offset);
    structure.codes.push(code);
    structure.weights.push(weightOf(code, reader.labels.length));
    structure.constructs.push(inside);
    switch (code) {
      case op.else:
        inside.else = position;
        live = inside.live;
        break;
      case op.end:
        inside.end = position;
        live = inside.live;
        // The body's own `end` is the last instruction.
        inside = inside.parent ?? inside;
        break;
      case op.br:
      case op.brIf:
        if (live) branch(inside, inside.depth - reader.a);
        if (code === op.br) live = false;
        break;
      case op.brTable:
        for (const label of live ? reader.labels : []) branch(inside, inside.depth - label);
        live = false;
        break;
      case op.return:
        if (live) branch(inside, 0);
        live = false;
        break;
      case op.unreachable:
        live = false;
        break;
    }
  }
  return structure;
}

/** Marks the constructs that a branch leaves. One that is marked with the same or a lower target has its parents marked. */
function branch(from: Construct, target: number): void {
  for (let at = from; at.depth > target && at.outermostTarget > target; at = at.parent!) at.outermostTarget = target;
}
