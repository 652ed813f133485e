/**
 * A transaction as the lines that somebody who watches a devnet reads: where it is, who sent it and how it ended; below, what
 * was asked, what it created, and what the contracts said.
 *
 * Law: at most 96 lines of at most 2000 characters, whatever is in the transaction; what is left out is counted. No text of a
 * stranger holds a control character, or passes for another line.
 */
import { addressFromText, addressToText } from "../node/address.ts";
import type { TransactionRecord } from "../node/rpc/service.ts";
import type { ActionJson } from "../node/rpc/types.ts";
import { isUnsigned } from "../node/transaction.ts";
import type { Abi } from "../vm/abi.ts";
import type { AddressText } from "../vm/abi-values.ts";
import type { AbiOf } from "./abi-lookup.ts";
import { DecodedTransaction } from "./decoded-transaction.ts";
import { printableLine } from "./output.ts";
import { type ActionView, type DecodedFields, editText, statusView } from "./receipt-view.ts";
import { NONE } from "./storage-entry.ts";
import { fieldsLine, plainWord, valueLine } from "./value-text.ts";

/** Styles of `util.styleText` that the lines use. */
export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan" | "magenta";
export type Paint = (style: Style, text: string) => string;

export interface Look {
  readonly abiOf: AbiOf;
  /** A name that people gave to an address. */
  readonly label: (address: Uint8Array) => string | undefined;
  readonly paint: Paint;
}

const CREATED_LINES_MAX = 12;
const LOG_LINES_MAX = 32;
const EVENT_LINES_MAX = 32;
/** Characters of values, of texts and of names. */
const VALUES_LENGTH_MAX = 400;
const TEXT_LENGTH_MAX = 800;
const NAME_LENGTH_MAX = 64;

export function transactionLines(record: TransactionRecord, logs: readonly string[], look: Look): string[] {
  return new TransactionText(record, look).lines(logs);
}

class TransactionText {
  readonly #record: TransactionRecord;
  readonly #look: Look;
  readonly #decoded: DecodedTransaction;

  constructor(record: TransactionRecord, look: Look) {
    this.#record = record;
    this.#look = look;
    const addresses: AddressText = { fromText: addressFromText, toText: (address) => nameOf(address, look) };
    this.#decoded = new DecodedTransaction(record, look.abiOf, addresses);
  }

  lines(logs: readonly string[]): string[] {
    const { paint } = this.#look;
    const { json, receipt, eventCount } = this.#decoded;
    const isSuccess = receipt.status.kind === "success";
    const created = isSuccess ? receipt.actions.flatMap((action) => action.created) : [];
    const events = Array.from({ length: Math.min(eventCount, EVENT_LINES_MAX) }, (_, index) => this.#event(index));
    const leftOut = [
      ...countText(created.length - CREATED_LINES_MAX, "contract"),
      ...countText(logs.length - LOG_LINES_MAX, "log line"),
      ...countText(eventCount - EVENT_LINES_MAX, "event"),
    ];
    const rest = [
      ...json.actions.map((action, index) => this.#action(action, index)),
      ...created.slice(0, CREATED_LINES_MAX).map((address) => `${paint("dim", "created:")} ${address}`),
      ...logs.slice(0, LOG_LINES_MAX).map((log) => `${paint("yellow", "log:")} ${shown(log)}`),
      ...events,
      ...(leftOut.length === 0 ? [] : [paint("dim", `and ${leftOut.join(", ")}`)]),
      // What asks for a closer look says how to get it.
      ...(isSuccess && leftOut.length === 0 ? [] : [paint("dim", `lockstep tx ${json.hash}`)]),
    ];
    return [this.#head(), ...rest.map((line) => `  ${line}`)];
  }

  #head(): string {
    const { paint } = this.#look;
    const { transaction, height } = this.#record;
    const { body } = transaction;
    const { json, receipt } = this.#decoded;
    const place = `${paint("bold", `block ${height}`)}  ${paint("dim", json.hash.slice(0, 10))}`;
    const isEdit = body.actions.length > 0 && body.actions.every(({ kind }) => kind === "edit");
    if (isEdit) return `${place}  ${paint("magenta", "edit")}`;
    const sender = `${paint("cyan", shownName(nameOf(body.sender, this.#look)))}${isUnsigned(transaction) ? " (unsigned)" : ""}`;
    const limit = receipt.status.kind === "halt" ? ` of ${body.gasLimit}` : "";
    return `${place}  ${sender}  ${this.#status()}${paint("dim", `, gas ${receipt.gasUsed}${limit}`)}`;
  }

  #status(): string {
    const { paint } = this.#look;
    const { status } = this.#decoded.receipt;
    if (status.kind === "success") return paint("green", "ok");
    const error = this.#decoded.error();
    const data = status.kind === "revert" ? status.data : "0x";
    const text =
      error === undefined
        ? shown(statusView(status, null, { fromText: addressFromText, toText: addressToText }).text)
        : `reverted: ${shownName(error.name)}${error.fields === null ? ` ${shownHex(data)}` : fieldsText(error.fields)}`;
    return paint("red", text);
  }

  #action(action: ActionJson, index: number): string {
    const { receipt } = this.#decoded;
    const text = this.#actionText(action, index);
    return index < receipt.actions.length ? text : `${text} ${this.#look.paint("dim", "(did not run)")}`;
  }

  #actionText(action: ActionJson, index: number): string {
    const named = (address: string) => shownName(nameOf(addressFromText(address), this.#look));
    switch (action.kind) {
      case "transfer":
        return `transfer ${action.amount} to ${named(action.to)}`;
      case "upload":
        return `upload ${action.codeSize} bytes ${action.codeHash.slice(0, 10)}`;
      case "edit":
        return this.#editText(action, index);
      case "create": {
        const abi = this.#decoded.abiOfAction(index);
        const name = abi === null || abi.name === "" ? `from ${action.codeHash.slice(0, 10)}` : shownName(abi.name);
        return `create ${this.#look.paint("bold", name)}${argsText(action, this.#decoded.action(index))}`;
      }
      case "call": {
        const contract = this.#contract(addressFromText(action.contract), this.#decoded.abiOfAction(index));
        const method = this.#look.paint("bold", shownName(action.method));
        const view = this.#decoded.action(index);
        return `${contract}.${method}${argsText(action, view)}${this.#returnText(index, view)}`;
      }
    }
  }

  #editText({ change }: ActionJson & { readonly kind: "edit" }, index: number): string {
    const abi = this.#decoded.abiOfAction(index);
    const nameOf = (address: string) => this.#contract(addressFromText(address), abi);
    return shown(editText(change, { nameOf, entryText: entryText(this.#decoded.action(index)) }));
  }

  #returnText(index: number, { returns }: ActionView): string {
    if (returns !== undefined) return ` -> ${valueLine(returns, VALUES_LENGTH_MAX)}`;
    const { returnData = "0x" } = this.#decoded.receipt.actions[index] ?? {};
    return returnData === "0x" ? "" : ` -> ${shownHex(returnData)}`;
  }

  #event(index: number): string {
    const { paint } = this.#look;
    const { contract, name, fields, data } = this.#decoded.event(index);
    const values = fields === null ? ` ${shownHex(data)}` : fieldsLine(fields, VALUES_LENGTH_MAX);
    const address = addressFromText(contract);
    const by = this.#isAboutOne(contract)
      ? ""
      : paint("dim", ` by ${this.#contract(address, this.#look.abiOf(address))}`);
    return `${paint("magenta", "event:")} ${shownName(name)}${values}${by}`;
  }

  /** Whether all that the transaction does is to call `contract`, or to create it. */
  #isAboutOne(contract: string): boolean {
    const { json, receipt } = this.#decoded;
    const contracts = json.actions.flatMap((action, index) => {
      if (action.kind === "call") return [action.contract];
      return action.kind === "create" ? receipt.actions[index]!.created.slice(0, 1) : [];
    });
    return contracts.every((other) => other === contract);
  }

  #contract(address: Uint8Array, abi: Abi | null): string {
    const name = shownName(nameOf(address, this.#look));
    if (abi === null || abi.name === "" || this.#look.label(address) !== undefined) return name;
    return `${shownName(abi.name)}@${name}`;
  }
}

/** The label, or enough of the address to know it again. */
function nameOf(address: Uint8Array, { label }: Look): string {
  const given = label(address);
  if (given !== undefined) return given;
  const text = addressToText(address);
  return `${text.slice(0, 11)}..${text.slice(-4)}`;
}

function entryText({ entry }: ActionView): string | undefined {
  if (entry === undefined) return undefined;
  const { name, value } = entry;
  return `${name} to ${value === null ? NONE : valueLine(value, VALUES_LENGTH_MAX)}`;
}

function argsText({ args, value }: { readonly args: string; readonly value: string }, view: ActionView): string {
  const bytes = args === "0x" ? "()" : `(${shownHex(args)})`;
  const text = view.arguments === undefined ? bytes : fieldsLine(view.arguments, VALUES_LENGTH_MAX);
  return value === "0" ? text : `${text} with ${value}`;
}

function fieldsText(fields: DecodedFields): string {
  return Object.keys(fields).length === 0 ? "" : fieldsLine(fields, VALUES_LENGTH_MAX);
}

function shown(text: string): string {
  const line = printableLine(text.slice(0, TEXT_LENGTH_MAX));
  // An escape is longer than what it stands for.
  if (text.length <= TEXT_LENGTH_MAX && line.length <= TEXT_LENGTH_MAX) return line;
  return `${line.slice(0, TEXT_LENGTH_MAX)}... (of ${text.length} characters)`;
}

function shownName(name: string): string {
  const isLong = name.length > NAME_LENGTH_MAX;
  return isLong ? `${plainWord(name.slice(0, NAME_LENGTH_MAX))}...` : plainWord(name);
}

function shownHex(hex: string): string {
  return hex.length > VALUES_LENGTH_MAX ? `${hex.slice(0, 66)}... (${hex.length / 2 - 1} bytes)` : hex;
}

function countText(count: number, what: string): string[] {
  return count <= 0 ? [] : [`${count} more ${what}${count === 1 ? "" : "s"}`];
}
