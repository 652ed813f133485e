/**
 * `lockstep label`: names for addresses in a devnet's own output.
 */
import type { Command } from "commander";
import { addressToText } from "../../../node/address.ts";
import { InputError } from "../../../vm/errors.ts";
import { printResult, withDevelopment, withDevnet } from "../../development.ts";
import { rows } from "../../output.ts";
import { settingsOf } from "../../settings.ts";

const examples = `
Examples:
  lockstep label                             lists them
  lockstep label lock1... "Cold wallet"
  lockstep label token Gold
  lockstep label token --remove`;

export function define(command: Command): void {
  withDevelopment(command)
    .description(
      "Give an address a name for the devnet's own output, and list all labels in the order of their giving.\n" +
        "Piped, a line is ADDRESS LABEL.",
    )
    .argument("[address]", "address, account or alias; without one, the labels are listed only")
    .argument("[label]", "letters, digits and -_. and single spaces, at most 64")
    .option("--remove", "take its label away")
    .addHelpText("after", examples)
    .action(run);
}

interface Options {
  readonly remove?: boolean;
}

async function run(
  name: string | undefined,
  label: string | undefined,
  { remove = false }: Options,
  command: Command,
): Promise<void> {
  const settings = settingsOf(command);
  if (name === undefined ? remove : (label === undefined) !== remove) {
    throw new InputError("usage", "a label is given to an address or taken from it", {
      hint: "Write `lockstep label ADDRESS LABEL` or `lockstep label ADDRESS --remove`; `lockstep label` lists them.",
    });
  }
  await withDevnet(settings, async (chain, addresses) => {
    const labels =
      name === undefined
        ? await chain.call("dev_labels", {})
        : await chain.call("dev_setLabel", { address: addressToText(addresses.fromText(name)), label: label ?? null });
    printResult(settings, {
      json: { labels },
      bare: labels.map(({ address, label }) => `${address} ${label}`),
      text: labels.length === 0 ? ["There is no label"] : rows(labels.map(({ address, label }) => [address, label])),
    });
  });
}
