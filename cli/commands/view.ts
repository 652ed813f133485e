/**
 * `lockstep view`: runs a view of a contract on the head, or at a height. Sends nothing, costs nothing, needs no key.
 */
import type { Command } from "commander";
import { addressToText } from "../../node/address.ts";
import { toHex } from "../../node/rpc/json.ts";
import { InputError } from "../../vm/errors.ts";
import { withChain } from "../chain.ts";
import { argumentsFor, Contract, takeCommonOptions } from "../contract-call.ts";
import { print, printNote, valueText } from "../output.ts";
import { decodeReturn } from "../receipt-view.ts";
import { readInteger } from "../scalars.ts";
import { callFailure } from "../send.ts";
import { optionsOf, settingsOf, withShared } from "../settings.ts";

const examples = `
Behind the method's name the contract's names come first: an option that shares its name with a parameter stands before
the contract.

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
  const { tokens, isHelp } = takeCommonOptions(command);
  const settings = settingsOf(command);
  await withChain(settings.url, async (chain) => {
    const contract = await Contract.open(chain, settings, contractText);
    if (isHelp) return print(settings, contract.help(tokens[0]));
    const { abi, addresses } = contract;
    const { name, method, rest } = contract.method(tokens);
    if (method !== null && method.mutability !== "view") {
      throw new InputError("method_is_no_view", `${name} may change state, which a view cannot`, {
        hint: `Run \`lockstep call ${contractText} ${name}\`.`,
      });
    }
    const args = argumentsFor(command, rest, { abi, params: method?.params ?? [], addresses });
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
    const returns =
      abi === null || method === null || method.returns === null
        ? undefined
        : decodeReturn(abi, method.returns, returnData, addresses);
    if (!settings.json) for (const log of logs) printNote(`log: ${log}`);
    const shown = returns === undefined ? returnData : valueText(returns);
    print(settings, {
      json: {
        contract: contract.address,
        method: name,
        ...(returns !== undefined && { returns }),
        returnData,
        gasUsed,
        height,
        logs,
      },
      text: [shown],
    });
  });
}
