/**
 * `lockstep tx`: a transaction and its receipt, decoded by the ABIs of the contracts in it.
 */
import type { Command } from "commander";
import type { ActionJson, TransactionJson } from "../../node/rpc/api.ts";
import { includedReceiptToJson, transactionToJson } from "../../node/rpc/json.ts";
import { type Abi, INIT_METHOD } from "../../vm/abi.ts";
import { InputError } from "../../vm/errors.ts";
import { AddressBook } from "../accounts.ts";
import { type Chain, withChain } from "../chain.ts";
import { CommandError, exitCodes } from "../exit-codes.ts";
import { print, rows, toJson } from "../output.ts";
import { provenTransaction } from "../proven.ts";
import { decodeEvents, decodeMethodArgs, decodeReturn, editText, statusView } from "../receipt-view.ts";
import { readHash } from "../scalars.ts";
import { eventRows } from "../sent-view.ts";
import { settingsOf, withShared } from "../settings.ts";

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
    const transaction = transactionToJson(record);
    const receipt = includedReceiptToJson(record);
    const actions = await Promise.all(
      transaction.actions.map((action, i) => actionView(chain, { action, receipt: receipt.actions[i], addresses })),
    );
    // The action that failed is the last one that ran.
    const failed = actions[receipt.actions.length - 1];
    const status = statusView(receipt.status, failed?.abi ?? null, addresses);
    const events = await decodeEvents(receipt.events, chain, addresses);
    const { actions: results, ...ended } = receipt;
    print(settings, {
      json: {
        transaction: { ...transaction, actions: actions.map(({ json }) => json) },
        receipt: {
          ...ended,
          actions: results.map((result, i) => ({ ...result, ...actions[i]!.result })),
          events,
          ...(status.error !== undefined && { error: status.error }),
        },
      },
      text: [
        `Transaction ${hash} ${status.text}`,
        ...rows([
          ...headRows(transaction),
          ...actions.map(({ text }) => ["action", text] as const),
          ...eventRows(events),
          ["gas", `${receipt.gasUsed} of ${transaction.gasLimit} at ${transaction.gasPrice}`],
          ["fee", receipt.fee],
        ]),
      ],
    });
  });
}

function headRows({ height, index, blockHash, sender, nonce, expiryHeight }: TransactionJson) {
  return [
    ["block", `${height} ${blockHash}, position ${index}`],
    ["sender", sender],
    ["nonce", `${nonce}, valid to height ${expiryHeight}`],
  ] as const;
}

interface ActionView {
  readonly json: object;
  /** What the ABI says about the result. */
  readonly result: object;
  readonly text: string;
  readonly abi: Abi | null;
}

async function actionView(
  chain: Chain,
  {
    action,
    receipt,
    addresses,
  }: {
    action: ActionJson;
    receipt: { readonly returnData: string; readonly created: readonly string[] } | undefined;
    addresses: AddressBook;
  },
): Promise<ActionView> {
  const none = { json: action, result: {}, abi: null };
  switch (action.kind) {
    case "transfer":
      return { ...none, text: `transfer ${action.amount} to ${action.to}` };
    case "upload":
      return { ...none, text: `upload ${action.codeSize} bytes ${action.codeHash}` };
    case "create": {
      const contract = receipt?.created[0] ?? null;
      const abi = contract === null ? null : await knownAbi(chain, contract);
      const args = abi === null ? undefined : decodeMethodArgs(abi, INIT_METHOD, action.args, addresses);
      return {
        json: { ...action, ...(args !== undefined && { arguments: args }) },
        result: {},
        text: `create ${contract ?? "a contract"} from ${action.codeHash} ${args === undefined ? action.args : toJson(args)}${given(action.value)}`,
        abi,
      };
    }
    case "call": {
      const abi = await knownAbi(chain, action.contract);
      const args = abi === null ? undefined : decodeMethodArgs(abi, action.method, action.args, addresses);
      const type = abi?.methods.find(({ name }) => name === action.method)?.returns ?? null;
      const returns =
        abi === null || type === null || receipt === undefined
          ? undefined
          : decodeReturn(abi, type, receipt.returnData, addresses);
      const shown = args === undefined ? action.args : toJson(args);
      const result = returns === undefined ? "" : ` -> ${toJson(returns)}`;
      return {
        json: { ...action, ...(args !== undefined && { arguments: args }) },
        result: returns === undefined ? {} : { returns },
        text: `call ${action.contract} ${action.method} ${shown}${given(action.value)}${result}`,
        abi,
      };
    }
    case "edit":
      return { ...none, text: `edit ${editText(action.change)}` };
  }
}

function given(value: string): string {
  return value === "0" ? "" : ` with ${value}`;
}

/** A failed transaction may name an address that is no contract; that is no failure of ours. */
async function knownAbi(chain: Chain, contract: string): Promise<Abi | null> {
  try {
    return await chain.abiOf(contract);
  } catch (error) {
    if (error instanceof InputError && error.code === "not_a_contract") return null;
    throw error;
  }
}
