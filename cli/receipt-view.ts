/**
 * Receipts as people read them: statuses, return values and events decoded by the ABI of the contract they came from.
 *
 * A contract may return or emit what its ABI does not say. Such bytes are shown as they are.
 */
import type { ReceiptJson, StatusJson } from "../node/rpc/api.ts";
import { fromHex } from "../node/rpc/json.ts";
import type { Abi, AbiType } from "../vm/abi.ts";
import { type AddressText, decodeArgs, decodeValue, fieldsToJson, type Json, valueToJson } from "../vm/abi-values.ts";
import { InputError } from "../vm/errors.ts";
import type { Chain } from "./chain.ts";
import { toJson } from "./output.ts";

export interface EventView {
  readonly contract: string;
  readonly name: string;
  /** `null` when the contract's ABI does not explain the event. */
  readonly fields: { readonly [name: string]: Json } | null;
  readonly topics: readonly string[];
  readonly data: string;
}

/** `undefined` for bytes that are no such value. */
export function decodeReturn(abi: Abi, type: AbiType, data: string, addresses: AddressText): Json | undefined {
  return decoded(() => valueToJson(type, abi, decodeValue(abi, type, fromHex(data)), addresses));
}

/** The arguments of a method by name; `undefined` for bytes that are none. */
export function decodeMethodArgs(abi: Abi, method: string, data: string, addresses: AddressText): Json | undefined {
  const params = abi.methods.find(({ name }) => name === method)?.params;
  if (params === undefined) return undefined;
  return decoded(() => fieldsToJson(params, abi, decodeArgs(abi, params, fromHex(data)), addresses));
}

export async function decodeEvents(
  events: ReceiptJson["events"],
  chain: Chain,
  addresses: AddressText,
): Promise<readonly EventView[]> {
  const views: EventView[] = [];
  for (const { contract, name, topics, data } of events) {
    const abi = await chain.abiOf(contract);
    const fields = abi?.events.find((event) => event.name === name)?.fields;
    const values =
      abi && fields && decoded(() => fieldsToJson(fields, abi, decodeArgs(abi, fields, fromHex(data)), addresses));
    views.push({ contract, name, fields: values ?? null, topics, data });
  }
  return views;
}

export function eventText({ contract, name, fields, data }: EventView): string {
  return `${name} ${fields === null ? data : toJson(fields)} by ${contract}`;
}

export interface StatusView {
  /** One phrase: `succeeded`, `reverted: not enough`, `halted: OutOfGas`. */
  readonly text: string;
  /** The ABI's error, where a revert is one. */
  readonly error?: { readonly name: string; readonly fields: Json | null };
}

export function statusView(status: StatusJson, abi: Abi | null, addresses: AddressText): StatusView {
  switch (status.kind) {
    case "success":
      return { text: "succeeded" };
    case "halt":
      return { text: `halted: ${status.reason}` };
    case "refused":
      return { text: `was refused: ${status.reason}` };
    case "revert":
      return revertView(status, abi, addresses);
  }
}

function revertView(
  { code, data, message }: StatusJson & { kind: "revert" },
  abi: Abi | null,
  addresses: AddressText,
): StatusView {
  const declared = abi?.errors.find((error) => error.code === code);
  if (abi === null || declared === undefined) {
    if (message !== undefined && message !== "") return { text: `reverted: ${message}` };
    return { text: `reverted with code ${code}${data === "0x" ? "" : ` and data ${data}`}` };
  }
  const { name, fields } = declared;
  const values = decoded(() => fieldsToJson(fields, abi, decodeArgs(abi, fields, fromHex(data)), addresses)) ?? null;
  const shown = values === null ? ` ${data}` : fields.length === 0 ? "" : ` ${toJson(values)}`;
  return { text: `reverted: ${name}${shown}`, error: { name, fields: values } };
}

function decoded<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}
