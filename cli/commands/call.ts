/**
 * `lockstep call`: sends a call to a contract, with arguments typed by its ABI, and waits for the block.
 */
import type { Command } from "commander";
import { InputError } from "../../vm/errors.ts";
import { argumentsFor, withMethod } from "../contract-call.ts";
import { rows, valueText } from "../output.ts";
import { decodeEvents } from "../receipt-view.ts";
import { readAmount } from "../scalars.ts";
import { send, sendingOptions, withSending } from "../send.ts";
import { eventRows, sentJson, sentRows } from "../sent-view.ts";
import { optionsOf } from "../settings.ts";

const examples = `
Behind the method's name the contract's names come first: an option that shares its name with a
parameter stands before the contract.

Examples:
  lockstep call token --help                   the contract's methods
  lockstep call token transfer --help          one method's arguments
  lockstep call token transfer --to dev1 --amount 5`;

export function define(command: Command): void {
  withSending(command)
    .description("Send a call to a contract and wait for its block.")
    .argument("<contract>", "alias or address")
    .argument("[method]", "one of the contract's methods")
    .argument("[arguments...]", "the method's arguments, as --name value or in order")
    .option("--value <amount>", "balance to give to the contract")
    .option("--args <hex>", "all arguments in borsh, for a contract without an ABI")
    .addHelpText("after", examples)
    .passThroughOptions()
    .action(run);
}

async function run(contractText: string, ...ignored: unknown[]): Promise<void> {
  const command = ignored.at(-1) as Command;
  await withMethod(command, contractText, async ({ chain, contract, name, method, tokens }) => {
    if (method?.mutability === "view") {
      throw new InputError("method_is_view", `${name} is a view: it changes nothing, so nothing needs to be sent`, {
        hint: `Run \`lockstep view ${contractText} ${name}\`.`,
      });
    }
    const { abi, addresses } = contract;
    const args = argumentsFor(command, tokens, { abi, params: method?.params ?? [], addresses });
    const { value: given } = optionsOf<{ value: string }>(command);
    const value = given === undefined ? 0n : readAmount(given, "value");
    const action = { kind: "call", contract: contract.bytes, method: name, args, value } as const;
    const sent = await send(chain, { actions: [action], ...sendingOptions(command), abi, addresses });
    const { returnData } = sent.receipt.actions[0]!;
    const returns = contract.decodeReturn(method, returnData);
    const events = await decodeEvents(sent.receipt.events, chain, addresses);
    return {
      json: {
        contract: contract.address,
        method: name,
        ...(returns !== undefined && { returns }),
        returnData,
        ...sentJson(sent, events),
      },
      text: [
        `${contractText}.${name} succeeded`,
        ...rows([
          ...(returns !== undefined ? [["returns", valueText(returns)] as const] : []),
          ...(returns === undefined && returnData !== "0x" ? [["return data", returnData] as const] : []),
          ...eventRows(events),
          ...sentRows(sent),
        ]),
      ],
    };
  });
}
