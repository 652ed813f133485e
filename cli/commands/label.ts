/**
 * `lockstep label`: a name for an address in a devnet's own output.
 */
import type { Command } from "commander";
import { addressToText } from "../../node/address.ts";
import { InputError } from "../../vm/errors.ts";
import { withDevelopment, withDevnet } from "../development.ts";
import { settingsOf } from "../settings.ts";
import { printLabels } from "./labels.ts";

const examples = `
Examples:
  lockstep label lock1... "Cold wallet"
  lockstep label token Gold
  lockstep label token --remove`;

export function define(command: Command): void {
  withDevelopment(command)
    .description("Give an address a name for the devnet's own output, and list all labels.")
    .argument("<address>", "address, account or alias")
    .argument("[label]", "letters, digits and -_. and spaces, at most 64")
    .option("--remove", "take its label away")
    .addHelpText("after", examples)
    .action(run);
}

async function run(
  name: string,
  label: string | undefined,
  { remove }: { remove?: boolean },
  command: Command,
): Promise<void> {
  const settings = settingsOf(command);
  if ((label === undefined) !== (remove === true)) {
    throw new InputError("usage", "a label is given or removed", { hint: "Give the label, or --remove." });
  }
  await withDevnet(settings, async (chain, addresses) => {
    const address = addressToText(addresses.fromText(name));
    printLabels(settings, await chain.call("dev_setLabel", { address, label: label ?? null }));
  });
}
