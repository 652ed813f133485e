/**
 * `lockstep reset`: a devnet as it was when it began.
 */
import type { Command } from "commander";
import { printHead, withDevelopment, withDevnet } from "../../development.ts";
import { settingsOf } from "../../settings.ts";

export function define(command: Command): void {
  withDevelopment(command)
    .description(
      "Go back to the beginning of the chain and to the settings of the devnet's start, without asking.\n" +
        "All snapshots are spent. Piped, the height.",
    )
    .action(run);
}

async function run(_: unknown, command: Command): Promise<void> {
  const settings = settingsOf(command);
  const head = await withDevnet(settings, (chain) => chain.call("dev_reset", {}));
  printHead(settings, { title: "The chain is as it began", facts: {}, head });
}
