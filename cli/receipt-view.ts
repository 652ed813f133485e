/**
 * Receipts as people read them: statuses, return values and events decoded by the ABI of the contract they came from.
 *
 * A contract may return or emit what its ABI does not say. Such bytes are shown as they are.
 */
import type { ActionJson, EditChangeJson, ReceiptEventJson, ReceiptJson, StatusJson } from "../node/rpc/api.ts";
import { fromHex } from "../node/rpc/json.ts";
import { type Abi, type AbiType, INIT_METHOD } from "../vm/abi.ts";
import { type AddressText, decodeArgs, decodeValue, fieldsToJson, type Json, valueToJson } from "../vm/abi-values.ts";
import { InputError } from "../vm/errors.ts";
import type { Chain } from "./chain.ts";
import { toJson } from "./output.ts";
import { describeEntry, type EntryView, NONE } from "./storage-entry.ts";

/** Fields by name; without a prototype. */
export type DecodedFields = { readonly [name: string]: Json };

export interface EventView {
  readonly contract: string;
  readonly name: string;
  /** `null` when the contract's ABI does not explain the event. */
  readonly fields: DecodedFields | null;
  readonly topics: readonly string[];
  readonly data: string;
}

/** `undefined` for bytes that are no such value. */
export function decodeReturn(abi: Abi, type: AbiType, data: string, addresses: AddressText): Json | undefined {
  return ifDecodable(() => valueToJson(type, abi, decodeValue(abi, type, fromHex(data)), addresses));
}

/** The arguments of a method by name; `undefined` for bytes that are none. */
function decodeMethodArgs(abi: Abi, method: string, data: string, addresses: AddressText): DecodedFields | undefined {
  const params = abi.methods.find(({ name }) => name === method)?.params;
  if (params === undefined) return undefined;
  return ifDecodable(() => fieldsToJson(params, abi, decodeArgs(abi, params, fromHex(data)), addresses));
}

export interface ActionView {
  readonly arguments?: DecodedFields;
  readonly returns?: Json;
  /** Of storage that is edited. */
  readonly entry?: EntryView;
}

/**
 * What an action gave to a contract and got, by that contract's ABI; without what the ABI does not explain.
 * `returnData` is absent for an action that did not run, and for one that failed.
 */
export function decodeAction(
  action: ActionJson,
  returnData: string | undefined,
  abi: Abi | null,
  addresses: AddressText,
): ActionView {
  if (abi === null) return {};
  if (action.kind === "edit" && action.change.kind === "storage") {
    const { key, value } = action.change;
    const bytes = { key: fromHex(key), value: value === null ? null : fromHex(value) };
    const entry = ifDecodable(() => describeEntry(bytes, { abi, addresses }));
    return entry === undefined ? {} : { entry };
  }
  if (action.kind !== "create" && action.kind !== "call") return {};
  const args = decodeMethodArgs(abi, action.kind === "call" ? action.method : INIT_METHOD, action.args, addresses);
  const type = action.kind === "call" ? abi.methods.find(({ name }) => name === action.method)?.returns : null;
  const returns = type && returnData !== undefined ? decodeReturn(abi, type, returnData, addresses) : undefined;
  return { ...(args !== undefined && { arguments: args }), ...(returns !== undefined && { returns }) };
}

interface EditLook {
  readonly nameOf?: (address: string) => string;
  readonly entryText?: string | undefined;
}

/** `nameOf` says how an address reads; `entryText` is what an ABI says of storage that is edited. */
export function editText(change: EditChangeJson, { nameOf = (address) => address, entryText }: EditLook = {}): string {
  switch (change.kind) {
    case "balance":
      return `balance of ${nameOf(change.address)} to ${change.balance}`;
    case "credit":
      return `balance of ${nameOf(change.address)} by ${change.amount} more`;
    case "nonce":
      return `nonce of ${nameOf(change.address)} to ${change.nonce}`;
    case "code": {
      const { address, code } = change;
      return `code of ${nameOf(address)} to ${code === null ? "none" : `${code.codeSize} bytes ${code.codeHash}`}`;
    }
    case "storage":
      return `storage of ${nameOf(change.contract)} at ${entryText ?? `${change.key} to ${change.value ?? NONE}`}`;
    case "upload":
      return `stored code: ${change.codeSize} bytes ${change.codeHash}`;
  }
}

export async function decodeEvents(
  events: ReceiptJson["events"],
  chain: Chain,
  addresses: AddressText,
): Promise<readonly EventView[]> {
  const views: EventView[] = [];
  for (const event of events) views.push(decodeEvent(event, await chain.abiOf(event.contract), addresses));
  return views;
}

/** By the ABI of the contract that emitted it. */
export function decodeEvent(
  { contract, name, topics, data }: ReceiptEventJson,
  abi: Abi | null,
  addresses: AddressText,
): EventView {
  const fields = abi?.events.find((event) => event.name === name)?.fields;
  const values =
    abi && fields && ifDecodable(() => fieldsToJson(fields, abi, decodeArgs(abi, fields, fromHex(data)), addresses));
  return { contract, name, fields: values ?? null, topics, data };
}

export function eventText({ contract, name, fields, data }: EventView): string {
  return `${name} ${fields === null ? data : toJson(fields)} by ${contract}`;
}

/** An error that the ABI declares; its fields are null for bytes that are none. */
export interface ErrorView {
  readonly name: string;
  readonly fields: DecodedFields | null;
}

export interface StatusView {
  /** One phrase: `succeeded`, `reverted: not enough`, `halted: OutOfGas`. */
  readonly text: string;
  /** The ABI's error, where a revert is one. */
  readonly error?: ErrorView;
}

export function statusView(status: StatusJson, abi: Abi | null, addresses: AddressText): StatusView {
  switch (status.kind) {
    case "success":
      return { text: "succeeded" };
    case "halt":
      return { text: `halted: ${status.reason}` };
    case "refused":
      return { text: `was refused: ${status.reason}` };
    case "revert": {
      const error = decodeError(status, abi, addresses);
      return error === undefined ? { text: revertText(status) } : { text: errorText(error, status.data), error };
    }
  }
}

/** `undefined` for an end that is no error of the ABI. */
export function decodeError(status: StatusJson, abi: Abi | null, addresses: AddressText): ErrorView | undefined {
  if (status.kind !== "revert" || abi === null) return undefined;
  const declared = abi.errors.find((error) => error.code === status.code);
  if (declared === undefined) return undefined;
  const { name, fields } = declared;
  const values = ifDecodable(() => fieldsToJson(fields, abi, decodeArgs(abi, fields, fromHex(status.data)), addresses));
  return { name, fields: values ?? null };
}

function errorText({ name, fields }: ErrorView, data: string): string {
  if (fields === null) return `reverted: ${name} ${data}`;
  return `reverted: ${name}${Object.keys(fields).length === 0 ? "" : ` ${toJson(fields)}`}`;
}

function revertText({ code, data, message }: StatusJson & { kind: "revert" }): string {
  if (message !== undefined && message !== "") return `reverted: ${message}`;
  return `reverted with code ${code}${data === "0x" ? "" : ` and data ${data}`}`;
}

/** `undefined` for bytes that are something else. */
export function ifDecodable<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}
