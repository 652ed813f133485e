/**
 * `lockstep impersonate`: whose transactions a devnet takes without a signature.
 */
import type { Command } from "commander";
import { addressToText } from "../../../node/address.ts";
import { InputError } from "../../../vm/errors.ts";
import { printResult, withDevelopment, withDevnet } from "../../development.ts";
import { rows } from "../../output.ts";
import { settingsOf } from "../../settings.ts";

const examples = `
Examples:
  lockstep impersonate lock1...
  lockstep transfer dev1 5 --impersonate lock1...    sends in its name
  lockstep impersonate lock1... --stop`;

export function define(command: Command): void {
  withDevelopment(command)
    .description("Take transactions of an account without its signature, such as those of --impersonate.")
    .argument("[address]", "address, account or alias")
    .option("--all", "of every account")
    .option("--stop", "ask for signatures again; --all --stop leaves the accounts that were named by themselves")
    .addHelpText("after", examples)
    .action(run);
}

interface Options {
  readonly all?: boolean;
  readonly stop?: boolean;
}

async function run(name: string | undefined, { all, stop }: Options, command: Command): Promise<void> {
  const settings = settingsOf(command);
  if ((name === undefined) !== (all === true)) {
    throw new InputError("usage", "one account is impersonated, or all are", {
      hint: "Give an address or a name, or --all.",
    });
  }
  await withDevnet(settings, async (chain, book) => {
    const params = name === undefined ? {} : { address: addressToText(book.fromText(name)) };
    const method = stop === true ? "dev_stopImpersonating" : "dev_impersonate";
    const { everybody, addresses } = await chain.call(method, params);
    const list =
      addresses.length === 0 ? "nobody" : addresses.length === 1 ? "one account" : `${addresses.length} accounts`;
    printResult(settings, {
      json: { everybody, addresses },
      bare: [...(everybody ? ["all"] : []), ...addresses],
      text: [
        `Unsigned transactions are taken of ${everybody ? "everybody" : list}`,
        ...rows(addresses.map((address) => ["address", address])),
      ],
    });
  });
}
