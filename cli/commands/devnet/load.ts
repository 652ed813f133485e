/**
 * `lockstep load`: the state in a dump becomes a running devnet's.
 */
import type { Command } from "commander";
import { toHex } from "../../../node/rpc/json.ts";
import { printHead, withDevelopment, withDevnet } from "../../development.ts";
import { readInputFile } from "../../files.ts";
import { settingsOf } from "../../settings.ts";

export function define(command: Command): void {
  withDevelopment(command)
    .description("Make the devnet's state what a dump says, by blocks of changes. Piped, the new height.")
    .argument("<file>", "what `lockstep dump` wrote, of this chain or of another")
    .action(run);
}

async function run(file: string, _: unknown, command: Command): Promise<void> {
  const settings = settingsOf(command);
  const dump = toHex(readInputFile(file, "`lockstep dump` writes one."));
  const head = await withDevnet(settings, (chain) => chain.call("dev_load", { dump }));
  printHead(settings, { title: `The state is that of ${file}`, facts: { file }, head });
}
