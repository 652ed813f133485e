/**
 * Values by their ABI type: between memory, canonical borsh, JSON and the text of a command line.
 *
 * Laws: what `encodeValue` writes, `decodeValue` reads back equal; `valueToJson` is accepted where the value came from;
 * a value of another type is refused by name and type and never converted. An ABI comes from a stranger: the types that
 * could make a decoder run without reading (empty ones) or recurse without end (deep ones) are refused when used.
 */
import { type Abi, type AbiField, type AbiType, type ScalarName, typeToText } from "./abi.ts";
import * as borsh from "./borsh.ts";
import { InputError } from "./errors.ts";

/** Named types nest in each other at most this deep. */
export const NAMED_DEPTH_MAX = 64;

const ADDRESS_SIZE = 32;
const HASH_SIZE = 32;

/** Fields by name; without a prototype, because a contract chooses the names. */
export interface AbiRecord {
  readonly [field: string]: AbiValue;
}

export interface AbiVariant {
  readonly variant: string;
  readonly fields: AbiRecord;
}

/** Integers up to 32 bits are numbers, wider ones bigints; bytes, hashes and addresses are bytes; `null` is absent. */
export type AbiValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly AbiValue[]
  | ReadonlyMap<AbiValue, AbiValue>
  | AbiVariant
  | AbiRecord;

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** How addresses stand in text. The VM itself knows only their 32 bytes. */
export interface AddressText {
  /** Throws `InputError` for text that names no address. */
  readonly fromText: (text: string) => Uint8Array;
  readonly toText: (address: Uint8Array) => string;
}

/**
 * The borsh tuple of `params`. Values may be given in memory form or in JSON form. Throws `InputError`:
 * `argument_missing`, `argument_unknown`, `argument_type`. Only an option may be left out, and is absent then.
 */
export function encodeArgs(
  abi: Abi,
  params: readonly AbiField[],
  values: Readonly<Record<string, unknown>>,
  addresses: AddressText,
): Uint8Array {
  for (const name of Object.keys(values)) {
    if (!params.some((param) => param.name === name)) throw unknownArgument(abi, params, name);
  }
  const codecOf = codecs(abi);
  const writer = new borsh.Writer();
  for (const { name, type } of params) {
    const given = Object.hasOwn(values, name);
    if (!given && type.kind !== "option") {
      throw new InputError("argument_missing", `argument "${name}" (${typeToText(type, abi)}) is missing`, {
        hint: parameterHint(abi, params),
        details: { parameter: name, type: typeToText(type, abi) },
      });
    }
    codecOf(type).write(writer, toValue(type, given ? values[name] : null, { abi, addresses, path: name }));
  }
  return writer.finish();
}

/** The values of a borsh tuple by name. Throws `BorshError` for bytes that are no such tuple. */
export function decodeArgs(abi: Abi, params: readonly AbiField[], bytes: Uint8Array): AbiRecord {
  return borsh.decode(recordCodec(params, codecs(abi)), bytes);
}

/** Throws `InputError` `argument_type`. The value may be in memory form or in JSON form. */
export function encodeValue(abi: Abi, type: AbiType, value: unknown, addresses: AddressText): Uint8Array {
  return borsh.encode(codecs(abi)(type), toValue(type, value, { abi, addresses, path: "value" }));
}

export function decodeValue(abi: Abi, type: AbiType, bytes: Uint8Array): AbiValue {
  return borsh.decode(codecs(abi)(type), bytes);
}

/** The refusal of a name that no parameter has. */
export function unknownArgument(abi: Abi, params: readonly AbiField[], name: string): InputError {
  return new InputError("argument_unknown", `there is no parameter "${name}"`, {
    hint: parameterHint(abi, params),
    details: { parameter: name, parameters: params.map((param) => param.name) },
  });
}

/** What the parameters are, as a sentence. */
export function parameterHint(abi: Abi, params: readonly AbiField[]): string {
  if (params.length === 0) return "The method has no parameters.";
  return `The parameters are ${params.map(({ name, type }) => `${name}: ${typeToText(type, abi)}`).join(", ")}.`;
}

// ---------------------------------------------------------------------------------------------------- text and JSON

/**
 * A value from one argument of a command line: integers in decimal or `0x`, `true`, text as it is, `0x` bytes, addresses
 * as `addresses` reads them, `null` for an absent option, a bare name for a variant without fields, JSON for the rest.
 * Throws `InputError` `argument_type`.
 */
export function parseValue(
  type: AbiType,
  abi: Abi,
  text: string,
  { addresses, name }: { addresses: AddressText; name: string },
): AbiValue {
  const place: Place = { abi, addresses, path: name };
  switch (type.kind) {
    case "scalar":
      return toValue(type, type.name === "bool" && /^(true|false)$/.test(text) ? text === "true" : text, place);
    case "option":
      return text === "null" ? null : parseValue(type.inner, abi, text, { addresses, name });
    case "named":
      if (abi.types[type.index]!.shape.kind === "enum" && !/^\s*[{"]/.test(text)) return toValue(type, text, place);
      break;
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw wrongType(type, text, place);
  }
  return toValue(type, json, place);
}

/** Wide integers are decimal strings, bytes and hashes `0x` hex, maps lists of pairs, variants `Name` or `{Name: fields}`. */
export function valueToJson(type: AbiType, abi: Abi, value: AbiValue, addresses: AddressText): Json {
  switch (type.kind) {
    case "scalar":
      if (type.name === "address") return addresses.toText(value as Uint8Array);
      if (value instanceof Uint8Array) return toHex(value);
      return typeof value === "bigint" ? value.toString() : (value as Json);
    case "option":
      return value === null ? null : valueToJson(type.inner, abi, value, addresses);
    case "vec":
    case "array":
      return (value as readonly AbiValue[]).map((item) => valueToJson(type.inner, abi, item, addresses));
    case "map":
      return [...(value as ReadonlyMap<AbiValue, AbiValue>)].map(([key, item]) => [
        valueToJson(type.key, abi, key, addresses),
        valueToJson(type.value, abi, item, addresses),
      ]);
    case "named": {
      const { shape } = abi.types[type.index]!;
      if (shape.kind === "struct") return fieldsToJson(shape.fields, abi, value as AbiRecord, addresses);
      const { variant, fields } = value as AbiVariant;
      const declared = shape.variants.find(({ name }) => name === variant)!;
      if (declared.fields.length === 0) return variant;
      return record([[variant, fieldsToJson(declared.fields, abi, fields, addresses)]]);
    }
  }
}

/** The JSON form of several named values: a method's arguments, an event's or an error's fields. */
export function fieldsToJson(
  fields: readonly AbiField[],
  abi: Abi,
  values: AbiRecord,
  addresses: AddressText,
): { readonly [name: string]: Json } {
  return record(fields.map(({ name, type }) => [name, valueToJson(type, abi, values[name]!, addresses)]));
}

/** How a value of this type is written on a command line, as a sentence. */
export function typeForm(type: AbiType, abi: Abi): string {
  const text = typeToText(type, abi);
  switch (type.kind) {
    case "scalar": {
      const integer = integerOf(type.name);
      if (integer !== null) {
        const { bits, signed } = integer;
        const range = signed ? `-2^${bits - 1} to 2^${bits - 1} - 1` : `0 to 2^${bits} - 1`;
        return `A ${text} is an integer from ${range}, in decimal or 0x hexadecimal.`;
      }
      if (type.name === "bool") return "A bool is true or false.";
      if (type.name === "bytes") return "Bytes are 0x and an even number of hexadecimal digits.";
      if (type.name === "hash") return "A hash is 0x and 64 hexadecimal digits.";
      if (type.name === "address") return "An address is lock1 and 58 characters.";
      return "A string is well-formed text.";
    }
    case "option":
      return `${typeForm(type.inner, abi)} It may be null.`;
    case "vec":
      return `A ${text} is a JSON list.`;
    case "array":
      return `A ${text} is a JSON list of ${type.length}.`;
    case "map":
      return `A ${text} is a JSON list of [key, value] pairs.`;
    case "named": {
      const { shape } = abi.types[type.index]!;
      if (shape.kind === "struct") {
        const fields = shape.fields.map((field) => `"${field.name}": ${typeToText(field.type, abi)}`);
        return `A ${text} is the JSON object {${fields.join(", ")}}.`;
      }
      const forms = shape.variants.map(({ name, fields }) =>
        fields.length === 0
          ? name
          : `{"${name}": {${fields.map((field) => `"${field.name}": ${typeToText(field.type, abi)}`).join(", ")}}}`,
      );
      return `A ${text} is one of ${forms.join(", ")}.`;
    }
  }
}

// ---------------------------------------------------------------------------------------------------------- checking

/** Where in the arguments we are: `to`, `orders[2].price`. */
interface Place {
  readonly abi: Abi;
  readonly addresses: AddressText;
  readonly path: string;
}

function below(place: Place, step: string): Place {
  return { ...place, path: place.path + step };
}

function wrongType(
  type: AbiType,
  given: unknown,
  { abi, path }: Place,
  reason?: string,
  hint: string = typeForm(type, abi),
): InputError {
  const name = typeToText(type, abi);
  const article = /^[aio]/.test(name) ? "an" : "a";
  return new InputError(
    "argument_type",
    `argument "${path}" is ${article} ${name}; ${reason ?? `given was ${describe(given)}`}`,
    { hint, details: { parameter: path, type: name, given: describe(given) } },
  );
}

function describe(given: unknown): string {
  if (given instanceof Uint8Array) return `${given.length} bytes`;
  if (typeof given === "bigint") return given.toString();
  if (given instanceof Map) return `a map of ${given.size}`;
  const text =
    JSON.stringify(given, (_, value) => (typeof value === "bigint" ? value.toString() : value)) ?? typeof given;
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}

/** The memory form of a value given in memory or JSON form; the one place where types are checked. */
function toValue(type: AbiType, given: unknown, place: Place): AbiValue {
  switch (type.kind) {
    case "scalar":
      return toScalar(type, given, place);
    case "option":
      return given === null ? null : toValue(type.inner, given, place);
    case "vec":
    case "array": {
      if (!Array.isArray(given)) throw wrongType(type, given, place);
      if (type.kind === "array" && given.length !== type.length) {
        throw wrongType(type, given, place, `given was a list of ${given.length}`);
      }
      return given.map((item, i) => toValue(type.inner, item, below(place, `[${i}]`)));
    }
    case "map":
      return toMap(type, given, place);
    case "named": {
      const { shape } = place.abi.types[type.index]!;
      if (shape.kind === "struct") return toRecord(type, shape.fields, given, place);
      return toVariant(type, shape.variants, given, place);
    }
  }
}

function toScalar(type: AbiType & { kind: "scalar" }, given: unknown, place: Place): AbiValue {
  const integer = integerOf(type.name);
  if (integer !== null) return toInteger(type, integer, given, place);
  switch (type.name) {
    case "bool":
      if (typeof given !== "boolean") throw wrongType(type, given, place);
      return given;
    case "string":
      if (typeof given !== "string") throw wrongType(type, given, place);
      if (/\p{Surrogate}/u.test(given))
        throw wrongType(type, given, place, "text with a lone surrogate has no UTF-8 form");
      return given;
    case "bytes":
    case "hash": {
      const bytes = given instanceof Uint8Array ? given : typeof given === "string" ? fromHex(given) : null;
      if (bytes === null) throw wrongType(type, given, place);
      if (type.name === "hash" && bytes.length !== HASH_SIZE) throw wrongType(type, bytes, place);
      return bytes;
    }
    default:
      return toAddress(type, given, place);
  }
}

function toAddress(type: AbiType, given: unknown, place: Place): Uint8Array {
  let address = given;
  if (typeof given === "string") {
    try {
      address = place.addresses.fromText(given);
    } catch (error) {
      if (error instanceof InputError) throw wrongType(type, given, place, error.message, error.hint);
      throw error;
    }
  }
  if (!(address instanceof Uint8Array) || address.length !== ADDRESS_SIZE) throw wrongType(type, given, place);
  return address;
}

interface Integer {
  readonly bits: number;
  readonly signed: boolean;
}

function integerOf(name: ScalarName): Integer | null {
  const match = /^([ui])(\d+)$/.exec(name);
  return match === null ? null : { signed: match[1] === "i", bits: Number(match[2]) };
}

// 256 bits are 78 decimal digits; longer text is no integer of any type and is not worth converting.
const integerText = /^(0x[0-9a-fA-F]{1,64}|-?[0-9]{1,80})$/;

function toInteger(type: AbiType, { bits, signed }: Integer, given: unknown, place: Place): number | bigint {
  let value: bigint;
  if (typeof given === "bigint") value = given;
  else if (typeof given === "string" && integerText.test(given)) value = BigInt(given);
  else if (Number.isSafeInteger(given)) value = BigInt(given as number);
  else if (Number.isInteger(given)) {
    throw wrongType(type, given, place, "JSON is not exact above 2^53: write such integers as strings");
  } else throw wrongType(type, given, place);
  const min = signed ? -(1n << BigInt(bits - 1)) : 0n;
  const max = (1n << BigInt(signed ? bits - 1 : bits)) - 1n;
  if (value < min) throw wrongType(type, given, place, `${value} is below ${min}`);
  if (value > max) throw wrongType(type, given, place, `${value} is above ${max}`);
  return bits <= 32 ? Number(value) : value;
}

function toMap(type: AbiType & { kind: "map" }, given: unknown, place: Place): ReadonlyMap<AbiValue, AbiValue> {
  const pairs: unknown = given instanceof Map ? [...given] : given;
  if (!Array.isArray(pairs)) throw wrongType(type, given, place);
  const seen = new Set<string>();
  return new Map(
    pairs.map((pair: unknown, i): [AbiValue, AbiValue] => {
      if (!Array.isArray(pair) || pair.length !== 2) throw wrongType(type, pair, below(place, `[${i}]`));
      const key = toValue(type.key, pair[0], below(place, `[${i}].key`));
      const identity = JSON.stringify(valueToJson(type.key, place.abi, key, place.addresses));
      if (seen.has(identity)) throw wrongType(type, given, place, `the key ${describe(pair[0])} is there twice`);
      seen.add(identity);
      return [key, toValue(type.value, pair[1], below(place, `[${i}].value`))];
    }),
  );
}

function isRecord(given: unknown): given is Readonly<Record<string, unknown>> {
  return typeof given === "object" && given !== null && !Array.isArray(given) && !(given instanceof Uint8Array);
}

function toRecord(type: AbiType, fields: readonly AbiField[], given: unknown, place: Place): AbiRecord {
  if (!isRecord(given)) throw wrongType(type, given, place);
  for (const name of Object.keys(given)) {
    if (!fields.some((field) => field.name === name)) {
      throw wrongType(type, given, place, `it has no field ${JSON.stringify(name)}`);
    }
  }
  return record(
    fields.map((field) => {
      const present = Object.hasOwn(given, field.name);
      if (!present && field.type.kind !== "option") {
        throw wrongType(type, given, place, `the field ${JSON.stringify(field.name)} is missing`);
      }
      const value = present ? given[field.name] : null;
      return [field.name, toValue(field.type, value, below(place, `.${field.name}`))];
    }),
  );
}

type EnumShape = Extract<Abi["types"][number]["shape"], { kind: "enum" }>;

/** From `"Name"`, `{"Name": fields}`, or the memory form. */
function toVariant(type: AbiType, variants: EnumShape["variants"], given: unknown, place: Place): AbiVariant {
  let name: unknown;
  let fields: unknown = {};
  if (typeof given === "string") {
    name = given;
  } else if (isRecord(given)) {
    const keys = Object.keys(given);
    const inMemory = keys.length === 2 && Object.hasOwn(given, "variant") && Object.hasOwn(given, "fields");
    if (inMemory) ({ variant: name, fields } = given);
    else if (keys.length === 1) [name, fields] = [keys[0], given[keys[0]!]];
  }
  const variant = variants.find((candidate) => candidate.name === name);
  if (variant === undefined) throw wrongType(type, given, place);
  return { variant: variant.name, fields: toRecord(type, variant.fields, fields, below(place, `.${variant.name}`)) };
}

// ------------------------------------------------------------------------------------------------------------ codecs

type ValueCodec = borsh.Codec<AbiValue>;

/** A codec, or why values of the type have none here. */
interface Built {
  readonly codec: ValueCodec;
  readonly namedDepth: number;
  readonly refusal: InputError | null;
}

function unsafe<T>(codec: borsh.Codec<T>): ValueCodec {
  // A schema decides at run time which values a codec meets, and `toValue` has checked them.
  return codec as unknown as ValueCodec;
}

function signedInteger(bits: 8 | 16 | 32, unsigned: borsh.Codec<number>): borsh.Codec<number> {
  const half = 2 ** (bits - 1);
  return {
    read(reader) {
      const value = unsigned.read(reader);
      return value < half ? value : value - 2 * half;
    },
    write(writer, value) {
      unsigned.write(writer, value < 0 ? value + 2 * half : value);
    },
  };
}

const scalarCodecs: Readonly<Record<ScalarName, ValueCodec>> = {
  bool: unsafe(borsh.bool),
  u8: unsafe(borsh.u8),
  u16: unsafe(borsh.u16),
  u32: unsafe(borsh.u32),
  u64: unsafe(borsh.u64),
  u128: unsafe(borsh.u128),
  u256: unsafe(borsh.u256),
  i8: unsafe(signedInteger(8, borsh.u8)),
  i16: unsafe(signedInteger(16, borsh.u16)),
  i32: unsafe(signedInteger(32, borsh.u32)),
  i64: unsafe(borsh.bigInteger(1, true)),
  i128: unsafe(borsh.bigInteger(2, true)),
  i256: unsafe(borsh.bigInteger(4, true)),
  string: unsafe(borsh.string),
  bytes: unsafe(borsh.bytes),
  address: unsafe(borsh.fixedBytes(ADDRESS_SIZE)),
  hash: unsafe(borsh.fixedBytes(HASH_SIZE)),
};

/** The codecs of an ABI's types. Named types refer only to earlier ones, so one pass in order builds them all. */
function codecs(abi: Abi): (type: AbiType) => ValueCodec {
  const named: Built[] = [];
  for (const { name, shape } of abi.types) {
    const lists = shape.kind === "struct" ? [shape.fields] : shape.variants.map((variant) => variant.fields);
    const parts = lists.flat().map((field) => build(field.type, named));
    const isEmpty = shape.kind === "struct" ? shape.fields.length === 0 : shape.variants.length === 0;
    const namedDepth = parts.reduce((depth, part) => Math.max(depth, part.namedDepth + 1), 1);
    let refusal = parts.find((part) => part.refusal !== null)?.refusal ?? null;
    if (isEmpty) refusal = new InputError("abi_empty_type", `the type ${name} has no values to write or read`);
    if (namedDepth > NAMED_DEPTH_MAX) {
      refusal = new InputError("abi_type_depth", `the type ${name} nests deeper than ${NAMED_DEPTH_MAX} types`);
    }
    const codecOf = (type: AbiType) => build(type, named).codec;
    const codec =
      shape.kind === "struct"
        ? unsafe(recordCodec(shape.fields, codecOf))
        : unsafe(variantCodec(shape.variants, codecOf));
    named.push({ codec, namedDepth, refusal });
  }
  return (type) => {
    const { codec, refusal } = build(type, named);
    if (refusal !== null) throw refusal;
    return codec;
  };
}

function build(type: AbiType, named: readonly Built[]): Built {
  switch (type.kind) {
    case "scalar":
      return { codec: scalarCodecs[type.name], namedDepth: 0, refusal: null };
    case "named":
      return named[type.index]!;
    case "option": {
      const inner = build(type.inner, named);
      const refusal =
        type.inner.kind === "option"
          ? new InputError("abi_nested_option", "an option of an option has no JSON form that tells its cases apart")
          : inner.refusal;
      return { ...inner, codec: unsafe(borsh.option(inner.codec)), refusal };
    }
    case "vec": {
      const inner = build(type.inner, named);
      return { ...inner, codec: unsafe(borsh.vec(inner.codec)) };
    }
    case "array": {
      const inner = build(type.inner, named);
      const refusal =
        type.length === 0 ? new InputError("abi_empty_type", "a list of 0 values has nothing to read") : inner.refusal;
      return { ...inner, codec: unsafe(borsh.array(inner.codec, type.length)), refusal };
    }
    case "map": {
      const key = build(type.key, named);
      const value = build(type.value, named);
      return {
        codec: unsafe(borsh.map(key.codec, value.codec)),
        namedDepth: Math.max(key.namedDepth, value.namedDepth),
        refusal: key.refusal ?? value.refusal,
      };
    }
  }
}

/** Fields in the ABI's order. Not `borsh.struct`: the names are a stranger's, and may look like integers or `__proto__`. */
function recordCodec(fields: readonly AbiField[], codecOf: (type: AbiType) => ValueCodec): borsh.Codec<AbiRecord> {
  const entries = fields.map(({ name, type }) => ({ name, codec: codecOf(type) }));
  return {
    read: (reader) => record(entries.map(({ name, codec }) => [name, codec.read(reader)])),
    write(writer, value) {
      for (const { name, codec } of entries) codec.write(writer, value[name]!);
    },
  };
}

function variantCodec(
  variants: EnumShape["variants"],
  codecOf: (type: AbiType) => ValueCodec,
): borsh.Codec<AbiVariant> {
  const entries = variants.map(({ name, tag, fields }) => ({ name, tag, codec: recordCodec(fields, codecOf) }));
  return {
    read(reader) {
      const tag = reader.u8();
      const entry = entries.find((candidate) => candidate.tag === tag);
      if (entry === undefined) return reader.fail("borsh_tag", `unknown tag ${tag}`);
      return { variant: entry.name, fields: entry.codec.read(reader) };
    },
    write(writer, { variant, fields }) {
      const { tag, codec } = entries.find((candidate) => candidate.name === variant)!;
      writer.u8(tag);
      codec.write(writer, fields);
    },
  };
}

/** An object without a prototype, so that no field name means anything but itself. */
function record<T>(entries: readonly (readonly [string, T])[]): { readonly [name: string]: T } {
  const object: Record<string, T> = Object.create(null);
  for (const [name, value] of entries) object[name] = value;
  return object;
}

function toHex(bytes: Uint8Array): string {
  let text = "0x";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}

function fromHex(text: string): Uint8Array | null {
  if (!/^0x([0-9a-fA-F]{2})*$/.test(text)) return null;
  const bytes = new Uint8Array((text.length - 2) / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(2 + 2 * i, 4 + 2 * i), 16);
  return bytes;
}
