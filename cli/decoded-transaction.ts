/**
 * A transaction in its block, each part decoded by the ABI of the contract that it is about, and not before it is asked for.
 *
 * Law: nothing that a contract wrote or declares makes this throw, and the work for each part is bounded: what is longer than
 * `sizeMax` stays bytes.
 */
import { hash } from "../node/crypto.ts";
import { receiptToJson, toHex, transactionToJson } from "../node/rpc/json.ts";
import type { TransactionRecord } from "../node/rpc/service.ts";
import type { ActionJson, ReceiptJson, TransactionJson } from "../node/rpc/types.ts";
import type { Abi } from "../vm/abi.ts";
import type { AddressText } from "../vm/abi-values.ts";
import { type AbiOf, readAbi } from "./abi-lookup.ts";
import {
  type ActionView,
  decodeAction,
  decodeError,
  decodeEvent,
  type ErrorView,
  type EventView,
} from "./receipt-view.ts";

/** Bytes of borsh, of which each may be several objects; an event never has more. */
const DECODED_SIZE_MAX = 16 * 1024;

export class DecodedTransaction {
  readonly json: TransactionJson;
  /** Without the events. */
  readonly receipt: ReceiptJson;
  readonly #record: TransactionRecord;
  readonly #abiOf: AbiOf;
  readonly #addresses: AddressText;
  readonly #sizeMax: number;

  constructor(
    record: TransactionRecord,
    abiOf: AbiOf,
    addresses: AddressText,
    { sizeMax = DECODED_SIZE_MAX }: { readonly sizeMax?: number } = {},
  ) {
    this.json = transactionToJson(record);
    this.receipt = receiptToJson({ ...record.receipt, events: [] });
    this.#record = record;
    this.#abiOf = abiOf;
    this.#addresses = addresses;
    this.#sizeMax = sizeMax;
  }

  /** That of the contract which the action creates, calls or edits. */
  abiOfAction(index: number): Abi | null {
    const { transaction, receipt } = this.#record;
    const action = transaction.body.actions[index];
    if (action?.kind === "call") return this.#abiOf(action.contract);
    if (action?.kind === "edit" && action.change.kind === "storage") return this.#abiOf(action.change.contract);
    if (action?.kind !== "create") return null;
    const created = receipt.status.kind === "success" ? receipt.actions[index]?.created[0] : undefined;
    if (created !== undefined) return this.#abiOf(created);
    // Of a creation that failed nothing is left, but the code often came with it.
    const wanted = toHex(action.codeHash);
    for (const other of transaction.body.actions) {
      if (other.kind === "upload" && toHex(hash("code", other.code)) === wanted) return readAbi(other.code);
    }
    return null;
  }

  action(index: number): ActionView {
    const action = this.json.actions[index]!;
    const abi = this.#isShort(argsOf(action)) ? this.abiOfAction(index) : null;
    const { returnData = "0x" } = this.receipt.actions[index] ?? {};
    const hasReturned = this.receipt.status.kind === "success" && this.#isShort(returnData);
    return decodeAction(action, hasReturned ? returnData : undefined, abi, this.#addresses);
  }

  /** Of a revert. */
  error(): ErrorView | undefined {
    const { status, actions } = this.receipt;
    if (status.kind !== "revert" || !this.#isShort(status.data)) return undefined;
    // The action that failed is the last one that ran.
    return decodeError(status, this.abiOfAction(actions.length - 1), this.#addresses);
  }

  get eventCount(): number {
    return this.#record.receipt.events.length;
  }

  event(index: number): EventView {
    const { receipt } = this.#record;
    const event = receipt.events[index]!;
    const [json] = receiptToJson({ ...receipt, actions: [], events: [event] }).events;
    return decodeEvent(json!, this.#abiOf(event.contract), this.#addresses);
  }

  #isShort(hex: string): boolean {
    return hex.length <= 2 + 2 * this.#sizeMax;
  }
}

/** What would be decoded. */
function argsOf(action: ActionJson): string {
  if (action.kind === "edit") return action.change.kind === "storage" ? (action.change.value ?? "0x") : "0x";
  return action.kind === "create" || action.kind === "call" ? action.args : "0x";
}
