/**
 * `lockstep view`: runs a view of a contract on the head, or at a height. Sends nothing, costs nothing, needs no key.
 */
import type { Command } from "commander";
import { addressToText } from "../../node/address.ts";
import { toHex } from "../../node/rpc/json.ts";
import { InputError } from "../../vm/errors.ts";
import { argumentsFor, withMethod } from "../contract-call.ts";
import { printNote, valueText } from "../output.ts";
import { readInteger } from "../scalars.ts";
import { callFailure } from "../send.ts";
import { optionsOf, withShared } from "../settings.ts";

const examples = `
Behind the method's name the contract's names come first: an option that shares its name with a
parameter stands before the contract.

Examples:
  lockstep view token --help                   the contract's methods
  lockstep view token balanceOf --owner dev0`;

export function define(command: Command): void {
  withShared(command, "url", "json")
    .description(
      "Run a view of a contract and print what it returns, which is the node's word; without --height, on the newest state.",
    )
    .argument("<contract>", "alias or address")
    .argument("[method]", "one of the contract's views")
    .argument("[arguments...]", "the method's arguments, as --name value or in order")
    .option("--caller <address>", "who asks, for views that look at it")
    .option("--height <height>", "on the state that this block left, if the node keeps it")
    .option("--gas-limit <gas>", "default: 500000000")
    .option("--args <hex>", "all arguments in borsh, for a contract without an ABI")
    .addHelpText("after", examples)
    .passThroughOptions()
    .action(run);
}

async function run(contractText: string, ...ignored: unknown[]): Promise<void> {
  const command = ignored.at(-1) as Command;
  await withMethod(command, contractText, async ({ settings, chain, contract, name, method, tokens }) => {
    if (method !== null && method.mutability !== "view") {
      throw new InputError("method_is_no_view", `${name} may change state, which a view cannot`, {
        hint: `Run \`lockstep call ${contractText} ${name}\`.`,
      });
    }
    const { abi, addresses } = contract;
    const args = argumentsFor(command, tokens, { abi, params: method?.params ?? [], addresses });
    const { caller, gasLimit, height: at } = optionsOf<{ caller: string; gasLimit: string; height: string }>(command);
    const answer = await chain.call("contract_view", {
      contract: contract.address,
      method: name,
      args: toHex(args),
      ...(caller !== undefined && { caller: addressToText(addresses.fromText(caller)) }),
      ...(gasLimit !== undefined && { gasLimit: readInteger(gasLimit, "gas limit") }),
      ...(at !== undefined && { height: readInteger(at, "height") }),
    });
    const { status, returnData, gasUsed, height, logs } = answer;
    if (status.kind !== "success") {
      throw callFailure(status, contract, { subject: `the view ${name}`, details: { gasUsed, height, logs } });
    }
    const returns = contract.decodeReturn(method, returnData);
    if (!settings.json) for (const log of logs) printNote(`log: ${log}`);
    const result = { ...(returns !== undefined && { returns }), returnData, gasUsed, height, logs };
    return {
      json: { contract: contract.address, method: name, ...result },
      text: [returns === undefined ? returnData : valueText(returns)],
    };
  });
}
