/**
 * `lockstep drop`: waiting transactions out of a devnet's pool.
 */
import type { Command } from "commander";
import { addressToText } from "../../../node/address.ts";
import { InputError } from "../../../vm/errors.ts";
import { printResult, withDevelopment, withDevnet } from "../../development.ts";
import { readHash } from "../../scalars.ts";
import { settingsOf } from "../../settings.ts";

export function define(command: Command): void {
  withDevelopment(command)
    .description("Take waiting transactions out of the pool: one, all of a sender, or all. Piped, how many.")
    .argument("[hash]", "of the transaction")
    .option("--sender <address>", "all of this account's: address, account or alias")
    .option("--all", "all that wait")
    .action(run);
}

interface Options {
  readonly sender?: string;
  readonly all?: boolean;
}

async function run(hashText: string | undefined, { sender, all }: Options, command: Command): Promise<void> {
  const settings = settingsOf(command);
  if ([hashText, sender, all].filter((given) => given !== undefined).length !== 1) {
    throw new InputError("usage", "what is dropped is one transaction, those of one sender, or all", {
      hint: "Give one of HASH, --sender ADDRESS and --all.",
    });
  }
  const what = hashText === undefined ? {} : { hash: readHash(hashText) };
  await withDevnet(settings, async (chain, addresses) => {
    const whose = sender === undefined ? {} : { sender: addressToText(addresses.fromText(sender)) };
    const { dropped } = await chain.call("dev_dropTransactions", { ...what, ...whose });
    printResult(settings, {
      json: { ...what, ...whose, dropped },
      bare: [`${dropped}`],
      text: [`Dropped ${dropped} transaction${dropped === 1 ? "" : "s"}`],
    });
  });
}
