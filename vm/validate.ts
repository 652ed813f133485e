/**
 * Is a decoded module a contract? Types and index spaces as the Wasm core spec says (section 3.4), then the shape that
 * profile 1 asks for: imports out of the host table, exports under distinct names, segments that fit.
 *
 * Our verdict is the only one: a module accepted here that the engine refuses is a fault of ours.
 */
import { hostFunctions } from "./host-fns/table.ts";
import { type Export, type FunctionType, type Module, typeOfFunction, valueType } from "./module.ts";
import { ModuleError } from "./module-error.ts";
import { LOCAL_TOTAL_MAX, MERGE_TOTAL_MAX, SIGNATURE_TOTAL_MAX } from "./profile.ts";
import { type FunctionFacts, validateFunction } from "./validate-function.ts";

/** The only module name that contracts import from. */
export const HOST_MODULE = "lockstep";

/** Throws `ModuleError`. Returns facts about each defined function, in order. */
export function validateModule(module: Module): readonly FunctionFacts[] {
  checkTotals(module);
  for (const item of module.imports) checkImport(module, item);
  checkExports(module);
  checkSegments(module);
  let mergeTotal = 0;
  return module.bodies.map((body, i) => {
    const functionIndex = module.imports.length + i;
    const facts = validateFunction(module, functionIndex, typeOfFunction(module, functionIndex)!, body);
    mergeTotal += facts.mergeCost;
    if (mergeTotal > MERGE_TOTAL_MAX) {
      const problem = `branches join too many values over all functions: a merge cost above ${MERGE_TOTAL_MAX}`;
      throw new ModuleError("limit_merges", problem, body.start, { functionIndex });
    }
    return facts;
  });
}

function checkTotals(module: Module): void {
  let total = 0;
  let localTotal = 0;
  for (const [i, typeIndex] of module.functions.entries()) {
    const type = module.types[typeIndex];
    const offset = module.bodies[i]!.start;
    if (type === undefined) throw new ModuleError("unknown_type", `type ${typeIndex} does not exist`, offset);
    total += type.params.length + type.results.length;
    if (total > SIGNATURE_TOTAL_MAX) {
      throw new ModuleError(
        "limit_signatures",
        `more than ${SIGNATURE_TOTAL_MAX} parameters and results over all functions`,
        offset,
      );
    }
    localTotal += module.bodies[i]!.localCount;
    if (localTotal > LOCAL_TOTAL_MAX) {
      throw new ModuleError("limit_locals", `more than ${LOCAL_TOTAL_MAX} locals over all functions`, offset);
    }
  }
}

function checkImport(module: Module, item: Module["imports"][number]): void {
  const type = module.types[item.typeIndex];
  if (type === undefined) throw new ModuleError("unknown_type", `type ${item.typeIndex} does not exist`, item.offset);
  if (item.module !== HOST_MODULE) {
    throw new ModuleError(
      "unknown_import",
      `import "${item.module}" "${item.name}" is unknown; contracts import from "${HOST_MODULE}" only`,
      item.offset,
      {},
      importHint(item.module),
    );
  }
  const hostFunction = hostFunctions.get(item.name);
  if (hostFunction === undefined) {
    throw new ModuleError(
      "unknown_import",
      `import "${item.module}" "${item.name}" is not a host function`,
      item.offset,
      {},
      `Host functions are: ${[...hostFunctions.keys()].join(", ")}.`,
    );
  }
  const wanted = signatureText(hostFunction.params, hostFunction.result === null ? [] : [hostFunction.result]);
  const given = typeText(type);
  if (given !== wanted) {
    throw new ModuleError(
      "import_type",
      `host function "${item.name}" is ${wanted}, imported as ${given}`,
      item.offset,
    );
  }
}

function importHint(module: string): string {
  if (module === "env")
    return 'In AssemblyScript, "env" imports come from abort, trace or Date; build with `lockstep build`.';
  if (module.startsWith("wasi")) return "A contract has no operating system: build for wasm32-unknown-unknown.";
  return `Import host functions from "${HOST_MODULE}".`;
}

function signatureText(params: readonly string[], results: readonly string[]): string {
  return `(${params.join(", ")}) -> (${results.join(", ")})`;
}

function typeText({ params, results }: FunctionType): string {
  const name = (type: number) => (type === valueType.i32 ? "i32" : "i64");
  return signatureText(params.map(name), results.map(name));
}

function checkExports(module: Module): void {
  const names = new Set<string>();
  const counts: Record<Export["kind"], number> = {
    function: module.imports.length + module.functions.length,
    table: module.table === null ? 0 : 1,
    memory: module.memory === null ? 0 : 1,
    global: module.globals.length,
  };
  for (const { name, kind, index, offset } of module.exports) {
    if (names.has(name)) throw new ModuleError("duplicate_export", `export "${name}" twice`, offset);
    names.add(name);
    if (index >= counts[kind]) {
      throw new ModuleError("unknown_export", `export "${name}": ${kind} ${index} does not exist`, offset);
    }
  }
}

/**
 * Contracts import no memory and no table, so whether an active segment fits is known now: one that does not would trap at
 * every call.
 */
function checkSegments(module: Module): void {
  const functionCount = module.imports.length + module.functions.length;
  for (const { mode, tableOffset, functions, offset } of module.elements) {
    for (const index of functions) {
      if (index !== null && index >= functionCount) {
        throw new ModuleError("unknown_function", `element refers to function ${index}, which does not exist`, offset);
      }
    }
    if (mode !== "active") continue;
    if (module.table === null) throw new ModuleError("unknown_table", "element segment without a table", offset);
    if (tableOffset + functions.length > module.table.min) {
      throw new ModuleError("segment_out_of_bounds", "element segment does not fit the table", offset);
    }
  }
  const memorySize = (module.memory?.min ?? 0) * 65_536;
  for (const { mode, memoryOffset, bytes, offset } of module.data) {
    if (mode !== "active") continue;
    if (module.memory === null) throw new ModuleError("unknown_memory", "data segment without a memory", offset);
    if (memoryOffset + bytes.length > memorySize) {
      throw new ModuleError("segment_out_of_bounds", "data segment does not fit the memory", offset);
    }
  }
}
