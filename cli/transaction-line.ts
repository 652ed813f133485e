/**
 * A transaction as one JSON object, for programs that read a devnet's output.
 *
 * Law: its JSON is shorter than `LINE_LENGTH_MAX`, whatever is in the transaction. Lists hold as many of their first items as
 * have room, and `leftOut` counts the others; what an ABI explains at more than `DECODED_LENGTH_MAX` is there as bytes only.
 */
import { addressFromText, addressToText } from "../node/address.ts";
import type { TransactionRecord } from "../node/rpc/service.ts";
import type { StatusJson } from "../node/rpc/types.ts";
import type { Json } from "../vm/abi-values.ts";
import type { AbiOf } from "./abi-lookup.ts";
import { DecodedTransaction } from "./decoded-transaction.ts";
import { toJson } from "./output.ts";
import { isJsonWithin } from "./value-text.ts";

/** Characters; below what a `LineWriter` holds for a reader that is behind. */
export const LINE_LENGTH_MAX = 768 * 1024;
/** Of the lists together. */
const LISTS_LENGTH_MAX = 512 * 1024;
/** Of the arguments of one action, a result, the fields of one event or error, the message of a revert. */
const DECODED_LENGTH_MAX = 16 * 1024;

const addresses = { fromText: addressFromText, toText: addressToText };

/** `dev-output.ts` says what the fields are. */
export function transactionLine(record: TransactionRecord, logs: readonly string[], abiOf: AbiOf) {
  const decoded = new DecodedTransaction(record, abiOf, addresses);
  const { height, index, hash, actions, ...transaction } = decoded.json;
  const { status, gasUsed, fee, actions: results } = decoded.receipt;
  const created = status.kind === "success" ? results.flatMap((result) => result.created) : [];
  const error = decoded.error();

  const room = { left: LISTS_LENGTH_MAX };
  const lists = {
    actions: fitting(room, actions.length, (i) => {
      const { arguments: args, returns, entry } = decoded.action(i);
      return {
        ...actions[i]!,
        ...results[i],
        ...ifShort("arguments", args),
        ...ifShort("returns", returns),
        ...ifShort("entry", entry as Json | undefined),
      };
    }),
    created: fitting(room, created.length, (i) => created[i]!),
    // Before the events, which the node can be asked for later: logs are nowhere else.
    logs: fitting(room, logs.length, (i) => logs[i]!),
    events: fitting(room, decoded.eventCount, (i) => {
      const { fields, ...event } = decoded.event(i);
      return { ...event, fields: null, ...ifShort("fields", fields) };
    }),
  };
  const leftOut = Object.entries(lists).flatMap(([name, { leftOut }]) => (leftOut === 0 ? [] : [[name, leftOut]]));
  return {
    kind: "transaction",
    height,
    index,
    hash,
    ...transaction,
    status: shortStatus(status),
    ...(error !== undefined && ifShort("error", { name: error.name, fields: error.fields })),
    gasUsed,
    fee,
    actions: lists.actions.items,
    created: lists.created.items,
    logs: lists.logs.items,
    events: lists.events.items,
    ...(leftOut.length > 0 && { leftOut: Object.fromEntries(leftOut) as Readonly<Record<string, number>> }),
  } as const;
}

interface Fitting<T> {
  readonly items: readonly T[];
  readonly leftOut: number;
}

/** The first items, up to one for which there is no room. */
function fitting<T>(room: { left: number }, count: number, itemAt: (index: number) => T): Fitting<T> {
  const items: T[] = [];
  while (items.length < count) {
    const item = itemAt(items.length);
    const length = toJson(item).length + 1;
    if (length > room.left) break;
    room.left -= length;
    items.push(item);
  }
  return { items, leftOut: count - items.length };
}

/** The value under its name, or nothing when it is absent or long. */
function ifShort(name: string, value: Json | undefined): { readonly [name: string]: Json } {
  return value !== undefined && isJsonWithin(value, DECODED_LENGTH_MAX) ? { [name]: value } : {};
}

/** The message says again what the data are. */
function shortStatus(status: StatusJson): StatusJson {
  if (status.kind !== "revert" || status.message === undefined) return status;
  const { message, ...rest } = status;
  return { ...rest, ...ifShort("message", message) };
}
