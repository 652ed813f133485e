/**
 * `lockstep snapshot`: remembers a devnet as it is, for `lockstep revert`.
 */
import type { Command } from "commander";
import { printResult, withDevelopment, withDevnet } from "../../development.ts";
import { rows } from "../../output.ts";
import { settingsOf } from "../../settings.ts";

const examples = `
Examples:
  lockstep snapshot
  id=$(lockstep snapshot); ...; lockstep revert $id
  lockstep snapshot --list`;

export function define(command: Command): void {
  withDevelopment(command)
    .description(
      "Remember everything as it is: chain, clock, waiting transactions, sealing, impersonation and labels.\n" +
        "`lockstep revert` goes back to it. Piped, the snapshot's number.",
    )
    .option("--list", "list the snapshots there are instead, the oldest first")
    .addHelpText("after", examples)
    .action(run);
}

async function run({ list = false }: { list?: boolean }, command: Command): Promise<void> {
  const settings = settingsOf(command);
  await withDevnet(settings, async (chain) => {
    if (list) {
      const snapshots = await chain.call("dev_snapshots", {});
      printResult(settings, {
        json: { snapshots },
        bare: snapshots.map(({ snapshot, height }) => `${snapshot} ${height}`),
        text:
          snapshots.length === 0
            ? ["There is no snapshot"]
            : rows(snapshots.map(({ snapshot, height }) => [`${snapshot}`, `at height ${height}`])),
      });
      return;
    }
    const { snapshot, height } = await chain.call("dev_snapshot", {});
    printResult(settings, {
      json: { snapshot, height },
      bare: [`${snapshot}`],
      text: [`Snapshot ${snapshot} is of height ${height}; \`lockstep revert ${snapshot}\` goes back to it`],
    });
  });
}
