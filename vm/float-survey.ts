/**
 * Every function of a rejected module that holds a float, and how an export reaches it: what an author needs to find the one
 * line of source that let floats in. Only for people; no verdict depends on it.
 */
import { decodeModule } from "./decode.ts";
import { InstructionReader } from "./instruction-reader.ts";
import { type FunctionType, type Module, typeOfFunction, valueType } from "./module.ts";
import { ModuleError } from "./module-error.ts";
import { op } from "./opcodes.ts";

export interface FloatUse {
  readonly functionIndex: number;
  /** From the name section; null where it has none. */
  readonly functionName: string | null;
  /** Of the first float in the function, counted from the start of the module. */
  readonly offset: number;
  /** The opcode of the first float, or where among the types it stands. */
  readonly what: string;
  /** Export first, this function last; null when no export reaches it. */
  readonly path: readonly string[] | null;
}

/** In the order of function indices. A module that is damaged as well gives what could be read of it. */
export function surveyFloats(code: Uint8Array): readonly FloatUse[] {
  let module: Module;
  try {
    module = decodeModule(code, { allowsFloats: true });
  } catch (error) {
    if (error instanceof ModuleError) return [];
    throw error;
  }
  const callees: (readonly number[])[] = [];
  const found: { index: number; offset: number; what: string }[] = [];
  for (const i of module.bodies.keys()) {
    const index = module.imports.length + i;
    const facts = surveyBody(module, i);
    callees[index] = facts.callees;
    if (facts.first !== null) found.push({ index, ...facts.first });
  }
  const parents = reach(module, callees);
  return found.map(({ index, offset, what }) => ({
    functionIndex: index,
    functionName: module.functionNames.get(index) ?? null,
    offset,
    what,
    path: pathTo(module, parents, index),
  }));
}

function hasFloat(types: readonly number[]): boolean {
  return types.some((type) => type !== valueType.i32 && type !== valueType.i64);
}

function surveyBody(module: Module, i: number) {
  const body = module.bodies[i]!;
  const type: FunctionType | undefined = typeOfFunction(module, module.imports.length + i);
  let first: { offset: number; what: string } | null = null;
  if (type !== undefined && hasFloat([...type.params, ...type.results]))
    first = { offset: body.start, what: "signature" };
  else if (hasFloat(body.locals.map((local) => local.type))) first = { offset: body.start, what: "local" };
  const callees: number[] = [];
  const reader = new InstructionReader(module.bytes, body.start, body.end, { allowsFloats: true });
  try {
    while (!reader.done) {
      const { code, feature, name } = reader.next();
      if (feature !== undefined) first ??= { offset: reader.offset, what: name };
      if (code === op.call) callees.push(reader.a);
      // Whatever stands in the table may be meant.
      if (code === op.callIndirect)
        for (const { functions } of module.elements) callees.push(...functions.filter(isIndex));
    }
  } catch (error) {
    if (!(error instanceof ModuleError)) throw error;
  }
  return { first, callees };
}

function isIndex(index: number | null): index is number {
  return index !== null;
}

/** Breadth first from the exports: for each function reached, who reached it first. */
function reach(module: Module, callees: readonly (readonly number[])[]): ReadonlyMap<number, number | string> {
  const parents = new Map<number, number | string>();
  const queue: number[] = [];
  const visit = (index: number, from: number | string): void => {
    if (parents.has(index)) return;
    parents.set(index, from);
    queue.push(index);
  };
  for (const { kind, name, index } of module.exports) if (kind === "function") visit(index, name);
  for (let at = 0; at < queue.length; at++) for (const callee of callees[queue[at]!] ?? []) visit(callee, queue[at]!);
  return parents;
}

function pathTo(
  module: Module,
  parents: ReadonlyMap<number, number | string>,
  index: number,
): readonly string[] | null {
  const path: string[] = [];
  for (let at: number | string | undefined = index; at !== undefined; at = parents.get(at)) {
    if (typeof at === "string") return [at, ...path];
    path.unshift(module.functionNames.get(at) ?? `function ${at}`);
  }
  return null;
}
