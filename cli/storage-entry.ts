/**
 * An entry of a contract's storage as a person names and fills it: in hexadecimal, or by the contract's ABI.
 *
 *     0x0b746f74616c537570706c79 0xe8030000        both in hexadecimal
 *     totalSupply 1000                             a field, and its value
 *     balances[dev1] 1000                          an entry of a map
 *
 * Law: what is named by the ABI is written as the contract itself would write it; `none` for a value takes the entry away.
 */
import { fromHex } from "../node/rpc/json.ts";
import type { Abi } from "../vm/abi.ts";
import { type AddressText, encodeValue, parseValue } from "../vm/abi-values.ts";
import { InputError } from "../vm/errors.ts";

export const NONE = "none";

export interface StorageEntry {
  readonly key: Uint8Array;
  /** `null` for no entry. */
  readonly value: Uint8Array | null;
}

export function isHexKey(keyText: string): boolean {
  return keyText.startsWith("0x");
}

/** Throws `InputError` `hex_invalid`. */
export function readHexEntry(keyText: string, valueText: string): StorageEntry {
  return { key: fromHex(keyText), value: valueText === NONE ? null : fromHex(valueText) };
}

/** Throws `InputError`: `contract_untyped`, `field_unknown`, `field_key`, `argument_type`, and what `addresses` throws. */
export function readTypedEntry(
  keyText: string,
  valueText: string,
  { abi, addresses }: { readonly abi: Abi | null; readonly addresses: AddressText },
): StorageEntry {
  if (abi === null) {
    throw new InputError("contract_untyped", "the contract carries no ABI, so its fields have no names or types", {
      hint: "Give the entry's key and value as 0x and hexadecimal digits.",
    });
  }
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
  const encode = (type: typeof field.value, text: string, what: string): Uint8Array =>
    encodeValue(abi, type, parseValue(type, abi, text, { addresses, name: what }), addresses);
  const key = field.key === null ? [] : encode(field.key, inner!, "key");
  return {
    key: Uint8Array.of(...field.prefix, ...key),
    value: valueText === NONE ? null : encode(field.value, valueText, "value"),
  };
}
