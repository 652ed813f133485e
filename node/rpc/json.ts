/**
 * How the chain's values stand in JSON: the views behind `api.ts`, and strict hex both ways.
 *
 * A view loses nothing but code: uploaded modules appear as hash and size.
 */
import { InputError } from "../../vm/errors.ts";
import type { Outcome } from "../../vm/outcome.ts";
import { addressToText } from "../address.ts";
import type { Event, Receipt, Status } from "../block.ts";
import { hash } from "../crypto.ts";
import type { Action, EditChange } from "../transaction.ts";
import type {
  ActionJson,
  BlockJson,
  EditChangeJson,
  EventJson,
  Hex,
  IncludedReceiptJson,
  PooledTransactionJson,
  ReceiptEventJson,
  ReceiptJson,
  StatusJson,
  TransactionJson,
  TransactionNewsJson,
} from "./api.ts";
import { encodeCursor } from "./cursor.ts";
import type { BlockRecord, EventRecord, PooledTransaction, TransactionRecord } from "./service.ts";

export function toHex(bytes: Uint8Array): Hex {
  return `0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex")}`;
}

/** Throws `InputError` `hex_invalid`. Digits may be of either case. */
export function fromHex(text: string): Uint8Array {
  // Node's decoder stops at the first pair that is not hex, so a full length means that every pair was.
  const bytes = text.startsWith("0x") ? Buffer.from(text.slice(2), "hex") : undefined;
  if (bytes === undefined || bytes.length * 2 !== text.length - 2) {
    throw new InputError("hex_invalid", "not hexadecimal bytes", {
      hint: "Bytes are written as 0x and two hexadecimal digits for each byte.",
    });
  }
  // A copy, since small buffers share one pool of Node's.
  return new Uint8Array(bytes);
}

export function blockToJson({ header, hash, receipts }: BlockRecord): BlockJson {
  return {
    height: header.height,
    hash: toHex(hash),
    parentHash: toHex(header.parentHash),
    time: header.time,
    protocolVersion: header.protocolVersion,
    proposer: addressToText(header.proposer),
    gasUsed: header.gasUsed,
    gasLimit: header.gasLimit,
    stateRoot: toHex(header.stateRoot),
    transactionsRoot: toHex(header.transactionsRoot),
    receiptsRoot: toHex(header.receiptsRoot),
    transactions: receipts.map(({ transactionHash }) => toHex(transactionHash)),
  };
}

export function statusToJson(status: Status | Outcome): StatusJson {
  switch (status.kind) {
    case "success":
      return { kind: "success" };
    case "revert": {
      const message = status.code === 0 ? textOf(status.data) : undefined;
      return {
        kind: "revert",
        code: status.code,
        data: toHex(status.data),
        ...(message !== undefined && { message }),
      };
    }
    case "halt":
      return { kind: "halt", reason: status.reason };
    case "refused":
      return { kind: "refused", reason: status.reason };
  }
}

export function receiptToJson(receipt: Receipt): ReceiptJson {
  return {
    transactionHash: toHex(receipt.transactionHash),
    status: statusToJson(receipt.status),
    gasUsed: receipt.gasUsed,
    fee: String(receipt.fee),
    actions: receipt.actions.map(({ gasUsed, returnData, created }) => ({
      gasUsed,
      returnData: toHex(returnData),
      created: created.map(addressToText),
    })),
    events: receipt.events.map(receiptEventToJson),
  };
}

function receiptEventToJson({ contract, topics, data }: Event): ReceiptEventJson {
  return {
    contract: addressToText(contract),
    name: lossyUtf8.decode(topics[0]),
    topics: topics.map(toHex),
    data: toHex(data),
  };
}

export function eventToJson({ event, position, transactionHash, blockHash }: EventRecord): EventJson {
  const { height, transactionIndex, eventIndex } = position;
  return {
    ...receiptEventToJson(event),
    height,
    blockHash: toHex(blockHash),
    transactionHash: toHex(transactionHash),
    transactionIndex,
    eventIndex,
    cursor: encodeCursor(position),
  };
}

export function includedReceiptToJson({ receipt, height, blockHash, index }: TransactionRecord): IncludedReceiptJson {
  return { ...receiptToJson(receipt), height, blockHash: toHex(blockHash), index };
}

export function transactionToJson(record: TransactionRecord): TransactionJson {
  const { receipt, height, blockHash, index } = record;
  const { body, signature } = record.transaction;
  return {
    hash: toHex(receipt.transactionHash),
    chainId: body.chainId,
    sender: addressToText(body.sender),
    nonce: body.nonce,
    gasLimit: body.gasLimit,
    gasPrice: String(body.gasPrice),
    expiryHeight: body.expiryHeight,
    actions: body.actions.map(actionToJson),
    signature: toHex(signature),
    height,
    blockHash: toHex(blockHash),
    index,
  };
}

export function pooledToJson({ entry, isReady, admittedAt }: PooledTransaction): PooledTransactionJson {
  const { body } = entry.transaction;
  return {
    hash: toHex(entry.hash),
    sender: addressToText(body.sender),
    nonce: body.nonce,
    gasLimit: body.gasLimit,
    gasPrice: String(body.gasPrice),
    expiryHeight: body.expiryHeight,
    actions: body.actions.map(({ kind }) => kind),
    size: entry.encoded.length,
    isReady,
    admittedAt,
  };
}

// What has become of a transaction.

type News<K extends TransactionNewsJson["kind"]> = Extract<TransactionNewsJson, { readonly kind: K }>;

export function pendingToJson(pooled: PooledTransaction): News<"pending"> {
  return { kind: "pending", ...pooledToJson(pooled) };
}
export function includedToJson(record: TransactionRecord): News<"included"> {
  return { kind: "included", receipt: includedReceiptToJson(record) };
}
export function droppedToJson({ code, message }: InputError): News<"dropped"> {
  return { kind: "dropped", code, message };
}

function actionToJson(action: Action): ActionJson {
  switch (action.kind) {
    case "transfer":
      return { kind: "transfer", to: addressToText(action.to), amount: String(action.amount) };
    case "upload":
      return { kind: "upload", ...codeToJson(action.code) };
    case "create":
      return {
        kind: "create",
        codeHash: toHex(action.codeHash),
        salt: action.salt === null ? null : toHex(action.salt),
        args: toHex(action.args),
        value: String(action.value),
      };
    case "call":
      return {
        kind: "call",
        contract: addressToText(action.contract),
        method: action.method,
        args: toHex(action.args),
        value: String(action.value),
      };
    case "edit":
      return { kind: "edit", change: editChangeToJson(action.change) };
  }
}

function editChangeToJson(change: EditChange): EditChangeJson {
  switch (change.kind) {
    case "balance":
      return { kind: "balance", address: addressToText(change.address), balance: String(change.balance) };
    case "credit":
      return { kind: "credit", address: addressToText(change.address), amount: String(change.amount) };
    case "nonce":
      return { kind: "nonce", address: addressToText(change.address), nonce: change.nonce };
    case "code": {
      const { address, code } = change;
      return { kind: "code", address: addressToText(address), code: code === null ? null : codeToJson(code) };
    }
    case "storage":
      return {
        kind: "storage",
        contract: addressToText(change.contract),
        key: toHex(change.key),
        value: change.value === null ? null : toHex(change.value),
      };
    case "upload":
      return { kind: "upload", ...codeToJson(change.code) };
  }
}

function codeToJson(code: Uint8Array): { readonly codeHash: Hex; readonly codeSize: number } {
  return { codeHash: toHex(hash("code", code)), codeSize: code.length };
}

/** A protobuf message in protobuf's own JSON, where bytes are base64 and an absent message is left out. */
export function protobufToJson(message: unknown): unknown {
  if (message instanceof Uint8Array) return Buffer.from(message).toString("base64");
  if (Array.isArray(message)) return message.map(protobufToJson);
  if (typeof message !== "object" || message === null) return message;
  const fields = Object.entries(message).filter(([, value]) => value !== null);
  return Object.fromEntries(fields.map(([name, value]) => [name, protobufToJson(value)]));
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const lossyUtf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** The text that `bytes` are, when they are any. */
function textOf(bytes: Uint8Array): string | undefined {
  if (bytes.length === 0) return undefined;
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return undefined;
  }
}
