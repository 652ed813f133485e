/**
 * `lockstep faucet`: new money on a devnet.
 */
import type { Command } from "commander";
import { addressToText } from "../../../node/address.ts";
import { printEdit, withDevelopment, withDevnet } from "../../development.ts";
import { readAmount } from "../../scalars.ts";
import { settingsOf } from "../../settings.ts";

const examples = `
Examples:
  lockstep faucet alice
  lockstep faucet lock1... 5000000`;

export function define(command: Command): void {
  withDevelopment(command)
    .description("Give an account or contract new money, in a block of its own. Piped, the transaction's hash.")
    .argument("<address>", "address, account or alias")
    .argument("[amount]", "in the smallest unit; default 10^18")
    .addHelpText("after", examples)
    .action(run);
}

async function run(name: string, amountText: string | undefined, _: unknown, command: Command): Promise<void> {
  const settings = settingsOf(command);
  const amount = amountText === undefined ? undefined : readAmount(amountText).toString();
  await withDevnet(settings, async (chain, addresses) => {
    const address = addressToText(addresses.fromText(name));
    const facts = { address, ...(amount !== undefined && { amount }) };
    const edited = await chain.call("dev_faucet", facts);
    printEdit(settings, { title: `Gave ${amount ?? "10^18"} to ${address}`, facts, edited });
  });
}
