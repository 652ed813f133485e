/**
 * The contract's interface, carried by the Wasm module itself in the custom section `lockstep.abi`.
 *
 * The section is canonical borsh of `Abi`, so contracts in different languages with one interface carry the same bytes.
 * The VM reads mutability from it and enforces it; tools read types from it. JSON is a view (`abiToJson`), never a source.
 * A method is a Wasm export `() -> ()` of the same name; its arguments are the borsh tuple of its parameters.
 */
import * as borsh from "./borsh.ts";
import { InputError } from "./errors.ts";

export const ABI_SECTION = "lockstep.abi";

/** Types nest at most this deep; the deepest type met in real contracts is 4. */
export const TYPE_DEPTH_MAX = 16;

const scalarNames = [
  "bool",
  "u8",
  "u16",
  "u32",
  "u64",
  "u128",
  "u256",
  "i8",
  "i16",
  "i32",
  "i64",
  "i128",
  "i256",
  "string",
  "bytes",
  "address",
  "hash",
] as const;

export type ScalarName = (typeof scalarNames)[number];

/** `named` refers to `Abi.types` by position. An address and a hash are 32 bytes. */
export type AbiType =
  | { readonly kind: "scalar"; readonly name: ScalarName }
  | { readonly kind: "option"; readonly inner: AbiType }
  | { readonly kind: "vec"; readonly inner: AbiType }
  | { readonly kind: "array"; readonly inner: AbiType; readonly length: number }
  | { readonly kind: "map"; readonly key: AbiType; readonly value: AbiType }
  | { readonly kind: "named"; readonly index: number };

const typeCodec: borsh.Codec<AbiType> = borsh.lazy(() => typeUnion, TYPE_DEPTH_MAX);
const typeUnion: borsh.Codec<AbiType> = borsh.union({
  scalar: borsh.struct({ name: borsh.names(scalarNames) }),
  option: borsh.struct({ inner: typeCodec }),
  vec: borsh.struct({ inner: typeCodec }),
  array: borsh.struct({ inner: typeCodec, length: borsh.u32 }),
  map: borsh.struct({ key: typeCodec, value: typeCodec }),
  named: borsh.struct({ index: borsh.u16 }),
});

const fieldCodec = borsh.struct({ name: borsh.string, type: typeCodec });

/**
 * What a method may do. `init` runs once, at creation, and accepts value. `view` may not write, emit or accept value. `call`
 * changes state. `payable` changes state and accepts value. `migrate` runs when the contract takes this code in the place of
 * other code.
 */
export const mutabilities = ["init", "view", "call", "payable", "migrate"] as const;
export type Mutability = (typeof mutabilities)[number];

/**
 * Who may call a method, and when. `public`: everybody, unless the contract is on the stack of calls already. `private`: the
 * contract itself, in a call that it makes. `reentrant`: everybody, at any time.
 */
export const accesses = ["public", "private", "reentrant"] as const;
export type Access = (typeof accesses)[number];

const abiCodec = borsh.struct({
  /** Version of this schema. */
  version: borsh.u8,
  name: borsh.string,
  types: borsh.vec(
    borsh.struct({
      name: borsh.string,
      doc: borsh.string,
      shape: borsh.union({
        struct: borsh.struct({ fields: borsh.vec(fieldCodec) }),
        /** Variants carry their tag, so that removing one never renumbers the rest; tags ascend. */
        enum: borsh.struct({
          variants: borsh.vec(borsh.struct({ name: borsh.string, tag: borsh.u8, fields: borsh.vec(fieldCodec) })),
        }),
      }),
    }),
  ),
  methods: borsh.vec(
    borsh.struct({
      name: borsh.string,
      mutability: borsh.names(mutabilities),
      access: borsh.names(accesses),
      params: borsh.vec(fieldCodec),
      returns: borsh.option(typeCodec),
      doc: borsh.string,
    }),
  ),
  events: borsh.vec(borsh.struct({ name: borsh.string, fields: borsh.vec(fieldCodec), doc: borsh.string })),
  errors: borsh.vec(
    borsh.struct({ name: borsh.string, code: borsh.u32, fields: borsh.vec(fieldCodec), doc: borsh.string }),
  ),
  /** What lies in the contract's storage: a field's key prefix, and for a map the type of its key. */
  storage: borsh.vec(
    borsh.struct({ name: borsh.string, prefix: borsh.bytes, key: borsh.option(typeCodec), value: typeCodec }),
  ),
  doc: borsh.string,
});

export type Abi = borsh.Infer<typeof abiCodec>;
export type AbiMethod = Abi["methods"][number];
export type AbiField = { readonly name: string; readonly type: AbiType };

export const ABI_VERSION = 2;

/** Methods that only the chain runs: when a contract is created, and when it takes other code. */
export const INIT_METHOD = "init";
export const MIGRATE_METHOD = "migrate";

export function encodeAbi(abi: Abi): Uint8Array {
  validateAbi(abi);
  return borsh.encode(abiCodec, abi);
}

/** Throws `BorshError` for bytes that are no ABI, `InputError` (`abi_*`) for an ABI that contradicts itself. */
export function decodeAbi(bytes: Uint8Array): Abi {
  // Looked at before the rest, which another version lays out in another way.
  if (bytes.length > 0) checkVersion(bytes[0]!);
  const abi = borsh.decode(abiCodec, bytes);
  validateAbi(abi);
  return abi;
}

function checkVersion(version: number): void {
  if (version === ABI_VERSION) return;
  throw new InputError("abi_version", `ABI version ${version}; this VM reads version ${ABI_VERSION}`, {
    hint: "Build the contract again with the SDK of this version.",
  });
}

function validateAbi(abi: Abi): void {
  checkVersion(abi.version);
  const checkType = (type: AbiType, depth: number): void => {
    if (depth > TYPE_DEPTH_MAX) throw new InputError("abi_type_depth", `type nested deeper than ${TYPE_DEPTH_MAX}`);
    if (type.kind === "named" && type.index >= abi.types.length) {
      throw new InputError("abi_unknown_type", `type ${type.index} of ${abi.types.length} does not exist`);
    }
    if (type.kind === "option" || type.kind === "vec" || type.kind === "array") checkType(type.inner, depth + 1);
    if (type.kind === "map") {
      checkType(type.key, depth + 1);
      checkType(type.value, depth + 1);
    }
  };
  const checkFields = (fields: readonly AbiField[], where: string): void => {
    checkDistinct(fields, where);
    for (const field of fields) checkType(field.type, 1);
  };
  checkDistinct(abi.types, "types");
  checkDistinct(abi.methods, "methods");
  checkDistinct(abi.events, "events");
  checkDistinct(abi.errors, "errors");
  for (const [index, type] of abi.types.entries()) {
    if (type.shape.kind === "struct") {
      checkFields(type.shape.fields, `fields of ${type.name}`);
      checkAcyclic(abi, index);
    } else {
      checkDistinct(type.shape.variants, `variants of ${type.name}`);
      let last = -1;
      for (const variant of type.shape.variants) {
        if (variant.tag <= last) throw new InputError("abi_tag_order", `tags of ${type.name} do not ascend`);
        last = variant.tag;
        checkFields(variant.fields, `fields of ${type.name}.${variant.name}`);
      }
      checkAcyclic(abi, index);
    }
  }
  for (const method of abi.methods) {
    checkFields(method.params, `parameters of ${method.name}`);
    if (method.returns !== null) checkType(method.returns, 1);
    for (const name of [INIT_METHOD, MIGRATE_METHOD] as const) {
      if ((method.name === name) === (method.mutability === name)) continue;
      throw new InputError(`abi_${name}`, `only the method "${name}" is of the kind ${name}, and it always is`);
    }
  }
  for (const event of abi.events) checkFields(event.fields, `fields of ${event.name}`);
  for (const error of abi.errors) checkFields(error.fields, `fields of ${error.name}`);
  for (const entry of abi.storage) {
    if (entry.key !== null) checkType(entry.key, 1);
    checkType(entry.value, 1);
  }
}

function checkDistinct(items: readonly { readonly name: string }[], where: string): void {
  const seen = new Set<string>();
  for (const { name } of items) {
    if (seen.has(name)) throw new InputError("abi_duplicate", `${where} name "${name}" twice`);
    seen.add(name);
  }
}

/** A named type refers only to types before it, so types end and a decoder of values terminates. */
function checkAcyclic(abi: Abi, index: number): void {
  const check = (type: AbiType): void => {
    if (type.kind === "named" && type.index >= index) {
      throw new InputError("abi_type_order", `type ${abi.types[index]!.name} refers to itself or to a later type`);
    }
    if (type.kind === "option" || type.kind === "vec" || type.kind === "array") check(type.inner);
    if (type.kind === "map") {
      check(type.key);
      check(type.value);
    }
  };
  const { shape } = abi.types[index]!;
  const lists = shape.kind === "struct" ? [shape.fields] : shape.variants.map((variant) => variant.fields);
  for (const fields of lists) for (const field of fields) check(field.type);
}

/** A type as people write it: `u64`, `option<string>`, `vec<Point>`, `[u8; 4]`, `map<address, u128>`. */
export function typeToText(type: AbiType, abi: Abi): string {
  switch (type.kind) {
    case "scalar":
      return type.name;
    case "option":
    case "vec":
      return `${type.kind}<${typeToText(type.inner, abi)}>`;
    case "array":
      return `[${typeToText(type.inner, abi)}; ${type.length}]`;
    case "map":
      return `map<${typeToText(type.key, abi)}, ${typeToText(type.value, abi)}>`;
    case "named":
      return abi.types[type.index]!.name;
  }
}
