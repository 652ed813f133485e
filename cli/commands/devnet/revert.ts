/**
 * `lockstep revert`: a devnet as it was when a snapshot was taken.
 */
import type { Command } from "commander";
import type { Chain } from "../../chain.ts";
import { printHead, withDevelopment, withDevnet } from "../../development.ts";
import { CommandError, exitCodes } from "../../exit-codes.ts";
import { readInteger } from "../../scalars.ts";
import { settingsOf } from "../../settings.ts";

export function define(command: Command): void {
  withDevelopment(command)
    .description(
      "Go back to a snapshot. It stays and can be gone back to again; later ones are spent. Piped, the height.",
    )
    .argument("[snapshot]", "the number that `lockstep snapshot` gave; default: the latest")
    .action(run);
}

async function run(text: string | undefined, _: unknown, command: Command): Promise<void> {
  const settings = settingsOf(command);
  const given = text === undefined ? undefined : readInteger(text, "snapshot's number");
  await withDevnet(settings, async (chain) => {
    const snapshot = given ?? (await latestSnapshot(chain));
    const head = await chain.call("dev_revert", { snapshot });
    printHead(settings, { title: `The chain is as snapshot ${snapshot} was`, facts: { snapshot }, head });
  });
}

async function latestSnapshot(chain: Chain): Promise<number> {
  const latest = (await chain.call("dev_snapshots", {})).at(-1);
  if (latest === undefined) {
    throw new CommandError(exitCodes.node, "snapshot_unknown", "there is no snapshot to go back to", {
      hint: "`lockstep snapshot` takes one; `lockstep reset` goes back to the chain's beginning.",
    });
  }
  return latest.snapshot;
}
