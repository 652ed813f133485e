/**
 * An entry of a contract's storage as a person names and fills it: in hexadecimal, or by the contract's ABI.
 *
 *     0x0b746f74616c537570706c79 0xe8030000        both in hexadecimal
 *     totalSupply 1000                             a field, and its value
 *     balances[dev1] 1000                          an entry of a map
 *
 * Law: what is named by the ABI is written as the contract itself would write it, and what `describeEntry` says is read back as
 * the same entry; `none` for a value takes the entry away.
 */
import { fromHex } from "../node/rpc/json.ts";
import type { Abi, AbiType } from "../vm/abi.ts";
import { type AddressText, decodeValue, encodeValue, type Json, parseValue, valueToJson } from "../vm/abi-values.ts";
import { equalBytes } from "../vm/borsh.ts";
import { InputError } from "../vm/errors.ts";
import { valueText } from "./output.ts";
import { isJsonWithin } from "./value-text.ts";

export const NONE = "none";
/** Characters of a key as JSON; a contract's names of what is in it can make it far longer than its bytes. */
const KEY_LENGTH_MAX = 16 * 1024;

export interface StorageEntry {
  readonly key: Uint8Array;
  /** `null` for no entry. */
  readonly value: Uint8Array | null;
}

/** Where a value lies, and what it is. */
export interface StoragePlace {
  readonly key: Uint8Array;
  readonly type: AbiType;
}

interface Typed {
  readonly abi: Abi;
  readonly addresses: AddressText;
}

export function isHexKey(keyText: string): boolean {
  return keyText.startsWith("0x");
}

/** Throws `InputError` `hex_invalid`. */
export function readHexEntry(keyText: string, valueText: string): StorageEntry {
  return { key: fromHex(keyText), value: valueText === NONE ? null : fromHex(valueText) };
}

/** Throws as `readPlace` does, and `InputError` `argument_type` for the value. */
export function readTypedEntry(
  keyText: string,
  valueText: string,
  { abi, addresses }: { readonly abi: Abi | null; readonly addresses: AddressText },
): StorageEntry {
  if (abi === null) throw untyped();
  const { key, type } = readPlace(keyText, { abi, addresses });
  return { key, value: valueText === NONE ? null : encode(type, valueText, "value", { abi, addresses }) };
}

/** Throws `InputError`: `field_unknown`, `field_key`, `argument_type`. */
export function readPlace(keyText: string, typed: Typed): StoragePlace {
  const { abi } = typed;
  const [, name, inner] = /^([^[\]]+)(?:\[(.*)\])?$/s.exec(keyText) ?? [];
  const field = abi.storage.find((entry) => entry.name === name);
  if (field === undefined) {
    const forms = abi.storage.map((entry) => (entry.key === null ? entry.name : `${entry.name}[KEY]`));
    throw new InputError("field_unknown", `${JSON.stringify(keyText)} is no field of ${abi.name}`, {
      hint: forms.length === 0 ? "It has none; give the key in hexadecimal." : `It has ${forms.join(", ")}.`,
    });
  }
  if ((field.key === null) !== (inner === undefined)) {
    throw new InputError("field_key", `${field.name} is ${field.key === null ? "no" : "a"} map`, {
      hint: field.key === null ? `Write ${field.name}.` : `Write ${field.name}[KEY].`,
    });
  }
  const key = field.key === null ? [] : encode(field.key, inner!, "key", typed);
  return { key: Uint8Array.of(...field.prefix, ...key), type: field.value };
}

/** What the ABI says of an entry. */
export interface EntryView {
  /** `totalSupply`, `balances[lock1...]`. */
  readonly name: string;
  /** `null` for no entry. */
  readonly value: Json;
}

/** `undefined` for an entry of no field, and for a key that is very long as text. Throws `InputError` for bytes that are not what the field holds. */
export function describeEntry({ key, value }: StorageEntry, { abi, addresses }: Typed): EntryView | undefined {
  const field = abi.storage.find(({ prefix, key: map }) => {
    const hasPrefix = equalBytes(key.subarray(0, prefix.length), prefix);
    return hasPrefix && (map !== null || key.length === prefix.length);
  });
  if (field === undefined) return undefined;
  const json = (type: AbiType, bytes: Uint8Array) => valueToJson(type, abi, decodeValue(abi, type, bytes), addresses);
  const view = { name: field.name, value: value === null ? null : json(field.value, value) };
  if (field.key === null) return view;
  const inner = json(field.key, key.subarray(field.prefix.length));
  return isJsonWithin(inner, KEY_LENGTH_MAX) ? { ...view, name: `${field.name}[${valueText(inner)}]` } : undefined;
}

function encode(type: AbiType, text: string, what: string, { abi, addresses }: Typed): Uint8Array {
  return encodeValue(abi, type, parseValue(type, abi, text, { addresses, name: what }), addresses);
}

function untyped(): InputError {
  return new InputError("contract_untyped", "the contract carries no ABI, so its fields have no names or types", {
    hint: "Give the entry's key and value as 0x and hexadecimal digits.",
  });
}
