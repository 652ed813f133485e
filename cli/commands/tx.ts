/**
 * `lockstep tx`: a transaction and its receipt, decoded by the ABIs of the contracts in it.
 */
import type { Command } from "commander";
import { addressToText } from "../../node/address.ts";
import type { ActionJson, ReceiptJson, TransactionJson } from "../../node/rpc/api.ts";
import { includedReceiptToJson } from "../../node/rpc/json.ts";
import type { TransactionRecord } from "../../node/rpc/service.ts";
import type { Abi } from "../../vm/abi.ts";
import type { AbiOf } from "../abi-lookup.ts";
import { AddressBook } from "../accounts.ts";
import { type Chain, withChain } from "../chain.ts";
import { DecodedTransaction } from "../decoded-transaction.ts";
import { CommandError, exitCodes } from "../exit-codes.ts";
import { print, rows, toJson, valueText } from "../output.ts";
import { provenTransaction } from "../proven.ts";
import { type ActionView, editText, statusView } from "../receipt-view.ts";
import { readHash } from "../scalars.ts";
import { eventRows } from "../sent-view.ts";
import { settingsOf, withShared } from "../settings.ts";
import { NONE } from "../storage-entry.ts";

export function define(command: Command): void {
  withShared(command, "url", "json")
    .description("Show a transaction and its receipt, with proof that both are in the block that is named with them.")
    .argument("<hash>", "0x and 64 hexadecimal digits")
    .action(run);
}

async function run(text: string, _options: unknown, command: Command): Promise<void> {
  const settings = settingsOf(command);
  const hash = readHash(text);
  await withChain(settings.url, async (chain) => {
    const addresses = new AddressBook(settings, chain);
    const record = await provenTransaction(chain, hash);
    if (record === null) {
      throw new CommandError(exitCodes.node, "transaction_unknown", `no block holds the transaction ${hash}`, {
        hint: "It may be waiting, may have been refused, or belong to another chain.",
      });
    }
    const decoded = new DecodedTransaction(record, await abisOf(record, chain), addresses, { sizeMax: Infinity });
    const { json: transaction } = decoded;
    const { actions: results, ...ended } = includedReceiptToJson(record);
    const views = transaction.actions.map((_, i) => decoded.action(i));
    const events = record.receipt.events.map((_, i) => decoded.event(i));
    // The action that failed is the last one that ran.
    const status = statusView(ended.status, decoded.abiOfAction(results.length - 1), addresses);
    print(settings, {
      json: {
        transaction: {
          ...transaction,
          actions: transaction.actions.map((action, i) => {
            return { ...action, ...only("arguments", views[i]!), ...only("entry", views[i]!) };
          }),
        },
        receipt: {
          ...ended,
          actions: results.map((result, i) => ({ ...result, ...only("returns", views[i]!) })),
          events,
          ...(status.error !== undefined && { error: status.error }),
        },
      },
      text: [
        `Transaction ${hash} ${status.text}`,
        ...rows([
          ...headRows(transaction),
          ...transaction.actions.map((action, i) => ["action", actionText(action, views[i]!, results[i])] as const),
          ...eventRows(events),
          ["gas", `${ended.gasUsed} of ${transaction.gasLimit} at ${transaction.gasPrice}`],
          ["fee", ended.fee],
        ]),
      ],
    });
  });
}

/** The ABIs of all contracts in a transaction. */
async function abisOf({ transaction, receipt }: TransactionRecord, chain: Chain): Promise<AbiOf> {
  const isSuccess = receipt.status.kind === "success";
  const contracts = [
    ...transaction.body.actions.flatMap((action) => {
      if (action.kind === "call") return [action.contract];
      return action.kind === "edit" && action.change.kind === "storage" ? [action.change.contract] : [];
    }),
    ...(isSuccess ? receipt.actions.flatMap(({ created }) => created) : []),
    ...receipt.events.map(({ contract }) => contract),
  ];
  const abis = new Map<string, Abi | null>();
  for (const address of new Set(contracts.map(addressToText))) abis.set(address, await chain.abiIfAny(address));
  return (contract) => abis.get(addressToText(contract)) ?? null;
}

function only<K extends keyof ActionView>(name: K, view: ActionView): Pick<ActionView, K> | object {
  return view[name] === undefined ? {} : { [name]: view[name] };
}

function headRows({ height, index, blockHash, sender, nonce, expiryHeight }: TransactionJson) {
  return [
    ["block", `${height} ${blockHash}, position ${index}`],
    ["sender", sender],
    ["nonce", `${nonce}, valid to height ${expiryHeight}`],
  ] as const;
}

/** `result` is undefined for an action that did not run. */
function actionText(action: ActionJson, view: ActionView, result: ReceiptJson["actions"][number] | undefined): string {
  switch (action.kind) {
    case "transfer":
      return `transfer ${action.amount} to ${action.to}`;
    case "upload":
      return `upload ${action.codeSize} bytes ${action.codeHash}`;
    case "create":
      return `create ${result?.created[0] ?? "a contract"} from ${action.codeHash} ${argsText(action, view)}`;
    case "call": {
      const returns = view.returns === undefined ? "" : ` -> ${toJson(view.returns)}`;
      return `call ${action.contract} ${action.method} ${argsText(action, view)}${returns}`;
    }
    case "edit":
      return `edit ${editText(action.change, { entryText: entryText(view) })}`;
  }
}

function entryText({ entry }: ActionView): string | undefined {
  return entry && `${entry.name} to ${entry.value === null ? NONE : valueText(entry.value)}`;
}

function argsText({ args, value }: ActionJson & { readonly kind: "create" | "call" }, view: ActionView): string {
  const shown = view.arguments === undefined ? args : toJson(view.arguments);
  return value === "0" ? shown : `${shown} with ${value}`;
}
