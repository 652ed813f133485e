/**
 * `lockstep mine`: blocks, whatever the sealing.
 */
import type { Command } from "commander";
import { MINE_COUNT_MAX } from "../../../node/rpc/api/dev.ts";
import { printHead, withDevelopment, withDevnet } from "../../development.ts";
import { readInteger } from "../../scalars.ts";
import { settingsOf } from "../../settings.ts";

export function define(command: Command): void {
  withDevelopment(command)
    .description("Make blocks: the first of what is ready, the others empty. Piped, the new height.")
    .argument("[count]", `how many, at most ${MINE_COUNT_MAX}; default 1`)
    .action(run);
}

async function run(countText: string | undefined, _: unknown, command: Command): Promise<void> {
  const settings = settingsOf(command);
  const count =
    countText === undefined ? 1 : readInteger(countText, "number of blocks", { min: 1, max: MINE_COUNT_MAX });
  const head = await withDevnet(settings, (chain) => chain.call("dev_mine", { count }));
  printHead(settings, { title: `Made ${count} block${count === 1 ? "" : "s"}`, facts: { count }, head });
}
