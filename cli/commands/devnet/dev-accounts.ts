/**
 * `lockstep dev-accounts`: the funded accounts of a devnet as the node knows them.
 */
import type { Command } from "commander";
import { devAccount } from "../../../devnet/accounts.ts";
import type { RpcMethods } from "../../../node/rpc/api.ts";
import { printResult, withDevelopment, withDevnet } from "../../development.ts";
import { printNote, rows } from "../../output.ts";
import { type Settings, settingsOf } from "../../settings.ts";

export function define(command: Command): void {
  withDevelopment(command)
    .description(
      "List the devnet's funded accounts with their balances and labels. Piped, a line is ADDRESS BALANCE [KEY].\n" +
        "Their keys are everybody's: never give anything of value to them.",
    )
    .option("--keys", "with their secret keys and where these are below the mnemonic")
    .action(run);
}

type Accounts = RpcMethods["dev_accounts"]["result"];

async function run({ keys = false }: { keys?: boolean }, command: Command): Promise<void> {
  const settings = settingsOf(command);
  const accounts = await withDevnet(settings, (chain) => chain.call("dev_accounts", {}));
  const isNamed = areOurs(settings, accounts);
  const width = Math.max(0, ...accounts.map(({ balance }) => balance.length));
  printResult(settings, {
    json: {
      accounts: accounts.map(({ secretKey, path, ...account }, i) => ({
        ...(isNamed && { name: `dev${i}` }),
        ...account,
        ...(keys && { secretKey, path }),
      })),
    },
    bare: accounts.map(({ address, balance, secretKey }) => `${address} ${balance}${keys ? ` ${secretKey}` : ""}`),
    text: rows(
      accounts.flatMap(({ address, balance, label, secretKey, path }, i) => [
        [isNamed ? `dev${i}` : `${i}`, `${address}  ${balance.padStart(width)}${label === null ? "" : `  ${label}`}`],
        ...(keys ? [["", `${secretKey}  ${path}`] as const] : []),
      ]),
    ),
  });
  if (!isNamed && !settings.json) {
    printNote("note: dev0, dev1, ... are other accounts here: set LOCKSTEP_MNEMONIC to the words of this devnet.");
  }
}

/** Whether the names dev0, dev1, ... mean these accounts on this machine. */
function areOurs({ mnemonic }: Settings, [first]: Accounts): boolean {
  return (
    first === undefined || Buffer.from(devAccount(0, mnemonic).secretKey).toString("hex") === first.secretKey.slice(2)
  );
}
