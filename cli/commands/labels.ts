/**
 * `lockstep labels`: the names that a devnet's addresses were given.
 */
import type { Command } from "commander";
import type { RpcMethods } from "../../node/rpc/api.ts";
import { printResult, withDevelopment, withDevnet } from "../development.ts";
import { rows } from "../output.ts";
import { type Settings, settingsOf } from "../settings.ts";

export function define(command: Command): void {
  withDevelopment(command)
    .description("List all labels in the order of their giving. Piped, a line is ADDRESS LABEL.")
    .action(run);
}

async function run(_: unknown, command: Command): Promise<void> {
  const settings = settingsOf(command);
  printLabels(settings, await withDevnet(settings, (chain) => chain.call("dev_labels", {})));
}

export function printLabels(settings: Settings, labels: RpcMethods["dev_labels"]["result"]): void {
  printResult(settings, {
    json: { labels },
    bare: labels.map(({ address, label }) => `${address} ${label}`),
    text: labels.length === 0 ? ["There is no label"] : rows(labels.map(({ address, label }) => [address, label])),
  });
}
