/**
 * A decoded module: the abstract syntax of the Wasm core spec, chapter 2, as far as profile 1 goes. Types only.
 *
 * Function bodies stay bytes: `InstructionReader` walks them in place. Every position is a byte offset into `bytes`.
 */

/** The byte of the binary format, so that a type is printed and compared as it was read. */
export const valueType = { i32: 0x7f, i64: 0x7e } as const;
export type ValueType = (typeof valueType)[keyof typeof valueType];

export const EMPTY_BLOCK_TYPE = -64;

export interface FunctionType {
  readonly params: readonly ValueType[];
  readonly results: readonly ValueType[];
}

export interface Limits {
  readonly min: number;
  readonly max: number | null;
}

export interface FunctionImport {
  readonly module: string;
  readonly name: string;
  readonly typeIndex: number;
  readonly offset: number;
}

export interface Global {
  readonly type: ValueType;
  readonly mutable: boolean;
  /** A constant expression without imports is a constant; i32 values are signed. */
  readonly value: bigint;
}

export interface Export {
  readonly name: string;
  readonly kind: "function" | "table" | "memory" | "global";
  readonly index: number;
  readonly offset: number;
}

export interface ElementSegment {
  readonly mode: "active" | "passive" | "declarative";
  /** Where an active segment goes, unsigned. */
  readonly tableOffset: number;
  /** Function indices; null is an empty slot. */
  readonly functions: readonly (number | null)[];
  readonly offset: number;
}

export interface DataSegment {
  readonly mode: "active" | "passive";
  /** Where an active segment goes, unsigned. */
  readonly memoryOffset: number;
  readonly bytes: Uint8Array;
  readonly offset: number;
}

export interface FunctionBody {
  readonly locals: readonly { readonly count: number; readonly type: ValueType }[];
  /** Locals declared, parameters not counted. */
  readonly localCount: number;
  /** The instructions, with the final `end`. */
  readonly start: number;
  readonly end: number;
}

export interface CustomSection {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface Module {
  readonly bytes: Uint8Array;
  readonly types: readonly FunctionType[];
  readonly imports: readonly FunctionImport[];
  /** Type indices of the defined functions; their indices follow the imports'. */
  readonly functions: readonly number[];
  readonly table: Limits | null;
  readonly memory: Limits | null;
  readonly globals: readonly Global[];
  readonly exports: readonly Export[];
  readonly elements: readonly ElementSegment[];
  readonly hasDataCount: boolean;
  readonly data: readonly DataSegment[];
  readonly bodies: readonly FunctionBody[];
  readonly customs: readonly CustomSection[];
  /** From the name section; empty where there is none or it is damaged. */
  readonly functionNames: ReadonlyMap<number, string>;
}

/** The type of function `index` in the joint index space of imports and definitions. */
export function typeOfFunction(module: Module, index: number): FunctionType | undefined {
  const importCount = module.imports.length;
  const typeIndex = index < importCount ? module.imports[index]?.typeIndex : module.functions[index - importCount];
  return typeIndex === undefined ? undefined : module.types[typeIndex];
}
