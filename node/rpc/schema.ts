/**
 * Schemas: what a JSON value is, said once for three readers. `json` tells programs (JSON Schema, draft 7), the type
 * parameter tells the compiler, and `read`, which a parameter has besides, checks a stranger's value and decodes it.
 *
 * All of it is made when the program starts. Reading a value makes nothing but the value.
 */
import { addressFromText } from "../address.ts";
import { HASH_SIZE } from "../crypto.ts";
import { CURSOR_PATTERN, decodeCursor } from "./cursor.ts";
import { fromHex } from "./json.ts";
import type { EventPosition } from "./service.ts";

export type Hex = `0x${string}`;

/** The keywords of JSON Schema that are in use here. */
export interface JsonSchema {
  readonly $ref?: string;
  readonly description?: string;
  readonly type?: "object" | "array" | "string" | "integer" | "boolean" | "null";
  readonly const?: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly items?: JsonSchema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: false;
  readonly oneOf?: readonly JsonSchema[];
}

/** Where the definitions of all named schemas are, in a document. */
export const DEFINITIONS = "#/components/schemas/";

declare const jsonType: unique symbol;

/** Values of the type `T` in JSON. */
export interface Schema<T> {
  readonly json: JsonSchema;
  /** There for the compiler alone. */
  readonly [jsonType]?: T;
}

/** A schema that can be a parameter's; the node works with a `V`. */
export interface Readable<T, V> extends Schema<T> {
  /** What a value must be, as the end of a sentence. */
  readonly type: string;
  /** `undefined` for a value of the wrong type; throws `InputError` where there is more to say. */
  readonly read: (value: unknown) => V | undefined;
}

/** A schema that others refer to by name, in the document and on the page. */
export interface Named<T> extends Schema<T> {
  readonly name: string;
  readonly definition: JsonSchema;
}

export type JsonOf<S> = S extends Schema<infer T> ? T : never;

// Members of an object, and parameters of a method.

export interface Field<S, IsOptional extends boolean = boolean> {
  readonly schema: S;
  readonly isOptional: IsOptional;
  readonly doc: string;
}

export type Fields = Readonly<Record<string, Field<Schema<unknown>>>>;
export type ParamFields = Readonly<Record<string, Field<Readable<unknown, unknown>>>>;

export function field<S>(schema: S, doc: string): Field<S, false> {
  return { schema, isOptional: false, doc };
}

export function optional<S>(schema: S, doc: string): Field<S, true> {
  return { schema, isOptional: true, doc };
}

type OptionalKeys<F extends Fields> = { [K in keyof F]: F[K]["isOptional"] extends true ? K : never }[keyof F];
type Flat<T> = { [K in keyof T]: T[K] };

export type ObjectOf<F extends Fields> = Flat<
  { readonly [K in Exclude<keyof F, OptionalKeys<F>>]: JsonOf<F[K]["schema"]> } & {
    readonly [K in OptionalKeys<F>]?: JsonOf<F[K]["schema"]>;
  }
>;

/** What a method gets, once its parameters are read. */
export type ValuesOf<F extends ParamFields> = {
  readonly [K in keyof F]: F[K]["schema"] extends Readable<unknown, infer V>
    ? F[K]["isOptional"] extends true
      ? V | undefined
      : V
    : never;
};

// Scalars.

export function integer(min: number, max: number): Readable<number, number> {
  return {
    json: { type: "integer", minimum: min, maximum: max },
    type: `an integer from ${min} to ${max}`,
    read: (value) =>
      typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max ? value : undefined,
  };
}

export function text(lengthMax: number): Readable<string, string> {
  return {
    json: { type: "string", maxLength: lengthMax },
    type: `text of at most ${lengthMax} characters`,
    read: (value) =>
      typeof value === "string" && value.length <= lengthMax && !/\p{Surrogate}/u.test(value) ? value : undefined,
  };
}

export function oneOf<const T extends string>(values: readonly T[]): Readable<T, T> {
  return {
    json: { type: "string", enum: values },
    type: values.map((value) => JSON.stringify(value)).join(", "),
    read: (value) => values.find((known) => known === value),
  };
}

export const count = integer(0, Number.MAX_SAFE_INTEGER);
export const boolean: Readable<boolean, boolean> = {
  json: { type: "boolean" },
  type: "true or false",
  read: (value) => (typeof value === "boolean" ? value : undefined),
};
export const string: Schema<string> = { json: { type: "string" } };
/** Whatever its own standard says. */
export const anyObject: Schema<object> = { json: { type: "object" } };

export const hex = readable<Hex, Uint8Array>(
  named("Hex", {
    type: "string",
    pattern: "^0x([0-9a-fA-F]{2})*$",
    description: "Bytes: 0x and two hexadecimal digits for each. Answers have lower case.",
  }),
  "0x and hexadecimal digits",
  (value) => (typeof value === "string" ? fromHex(value) : undefined),
);

export const hash = readable<Hex, Uint8Array>(
  named("Hash", {
    type: "string",
    pattern: `^0x[0-9a-fA-F]{${HASH_SIZE * 2}}$`,
    description: `${HASH_SIZE} bytes in hexadecimal: of a block, a transaction or a code.`,
  }),
  `0x and ${HASH_SIZE * 2} hexadecimal digits`,
  (value) => {
    const bytes = typeof value === "string" ? fromHex(value) : undefined;
    return bytes?.length === HASH_SIZE ? bytes : undefined;
  },
);

// Far longer than an address, so that a misspelt one is named in the error and a megabyte is not.
const ADDRESS_LENGTH_MAX = 128;

export const address = readable<string, Uint8Array>(
  named("Address", {
    type: "string",
    pattern: "^lock1[02-9ac-hj-np-z]{58}$",
    description: "An account's or a contract's address in bech32m.",
  }),
  "an address",
  (value) => (typeof value === "string" && value.length <= ADDRESS_LENGTH_MAX ? addressFromText(value) : undefined),
);

/** Of 2^128 - 1, the largest. */
const AMOUNT_LENGTH_MAX = 39;

/** Never a number, which would lose digits above 2^53. */
export const amount = readable<string, bigint>(
  named("Amount", {
    type: "string",
    pattern: "^(0|[1-9][0-9]*)$",
    description: "An amount below 2^128 in decimal digits, in the smallest unit of the balance.",
  }),
  "an amount below 2^128 in decimal digits",
  (value) => {
    if (typeof value !== "string" || value.length > AMOUNT_LENGTH_MAX || !/^(0|[1-9]\d*)$/.test(value))
      return undefined;
    const parsed = BigInt(value);
    return parsed < 2n ** 128n ? parsed : undefined;
  },
);

export const cursor = readable<string, EventPosition>(
  named("Cursor", {
    type: "string",
    pattern: CURSOR_PATTERN,
    description:
      'A place in the chain to go on behind: "HEIGHT-TRANSACTION-EVENT" for an event, "HEIGHT" for the end of a block.',
  }),
  "a cursor",
  (value) => (typeof value === "string" ? decodeCursor(value) : undefined),
);

// Compounds.

export function listOf<T>(item: Schema<T>): Schema<readonly T[]> {
  return { json: { type: "array", items: item.json } };
}

/** A list that a parameter may be, of 1 to `lengthMax` texts. */
export function readableList<T, V>(item: Readable<T, V>, lengthMax: number): Readable<readonly T[], readonly V[]> {
  return {
    json: { type: "array", items: item.json, minItems: 1, maxItems: lengthMax },
    type: `a list of 1 to ${lengthMax} texts of ${item.type}`,
    read: (value) => {
      if (!Array.isArray(value) || value.length === 0 || value.length > lengthMax) return undefined;
      const values: V[] = [];
      for (const element of value) {
        const read = item.read(element);
        if (read === undefined) return undefined;
        values.push(read);
      }
      return values;
    },
  };
}

export function orNull<T>({ json }: Schema<T>): Schema<T | null> {
  return { json: { oneOf: [json, { type: "null" }] } };
}

/** A parameter that may be null, said so on purpose. */
export function readableOrNull<T, V>(schema: Readable<T, V>): Readable<T | null, V | null> {
  return {
    ...orNull(schema),
    type: `${schema.type}, or null`,
    read: (value) => (value === null ? null : schema.read(value)),
  };
}

export function object<const F extends Fields>(fields: F): Schema<ObjectOf<F>> {
  return { json: objectJson(fields) };
}

export interface Variant<F> {
  readonly doc: string;
  readonly fields: F;
}

export function variant<const F extends Fields>(doc: string, fields: F): Variant<F> {
  return { doc, fields };
}

type Variants = Readonly<Record<string, Variant<Fields>>>;

type UnionOf<V extends Variants, Common extends Fields> = {
  [K in keyof V]: Flat<{ readonly kind: K } & ObjectOf<Common> & ObjectOf<V[K]["fields"]>>;
}[keyof V];

/** Objects that `kind` tells apart; all of them have the members of `common`. */
export function kinds<const V extends Variants>(variants: V): Schema<UnionOf<V, Record<never, never>>>;
export function kinds<const V extends Variants, const C extends Fields>(variants: V, common: C): Schema<UnionOf<V, C>>;
export function kinds(variants: Variants, common: Fields = {}): Schema<unknown> {
  const variantJson = ([kind, { doc, fields }]: [string, Variant<Fields>]): JsonSchema => {
    const { properties, required = [], ...rest } = objectJson({ ...common, ...fields });
    const tagged = { properties: { kind: { const: kind }, ...properties }, required: ["kind", ...required] };
    return { ...rest, description: doc, ...tagged };
  };
  return { json: { oneOf: Object.entries(variants).map(variantJson) } };
}

export function objectJson(fields: Fields): JsonSchema {
  const entries = Object.entries(fields);
  return {
    type: "object",
    properties: Object.fromEntries(
      entries.map(([name, { schema, doc }]) => [name, { ...schema.json, description: doc }]),
    ),
    required: entries.filter(([, { isOptional }]) => !isOptional).map(([name]) => name),
    additionalProperties: false,
  };
}

export function named<T>(name: string, definition: JsonSchema): Named<T> {
  return { name, definition, json: { $ref: `${DEFINITIONS}${name}` } };
}

function readable<T, V>(schema: Named<T>, type: string, read: Readable<T, V>["read"]): Named<T> & Readable<T, V> {
  return { ...schema, type, read };
}

// Methods.

export interface MethodSpec {
  /** One sentence. */
  readonly summary: string;
  readonly description?: string;
  readonly params: ParamFields;
  readonly result: Schema<unknown>;
  /** Codes that a caller should expect besides those of every call, and when they come. */
  readonly errors?: Readonly<Record<string, string>>;
}

export type MethodSpecs = Readonly<Record<string, MethodSpec>>;
