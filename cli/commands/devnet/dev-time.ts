/**
 * `lockstep dev-time`: the clock of a devnet.
 */
import type { Command } from "commander";
import type { RpcMethods } from "../../../node/rpc/api.ts";
import type { Chain } from "../../chain.ts";
import { printResult, withDevelopment, withDevnet } from "../../development.ts";
import { durationText, readDuration, readTime, timeText } from "../../durations.ts";
import { rows } from "../../output.ts";
import { settingsOf } from "../../settings.ts";

const notes = `
TIME is ISO 8601 with its zone, time since 1970 with its unit (1893456000s, 1893456000000ms), or
now.
DURATION is such as 1d, 12h, 30m, 90s, 250ms, or several: 1d12h.
Piped, each prints the time of the next block, as \`dev-time set\` reads it.

Examples:
  lockstep dev-time                             where the clock stands
  lockstep dev-time advance 1d12h
  lockstep dev-time set 2030-01-01T12:00:00Z
  lockstep dev-time step 1s                     blocks are one second apart
  lockstep dev-time off                         the machine's clock again`;

type Time = RpcMethods["dev_time"]["result"];

interface MineOption {
  /** `false` for `--no-mine`. */
  readonly mine: boolean;
}

export function define(command: Command): void {
  command.description("Show, set, advance or pace the devnet's clock.").addHelpText("after", notes);
  const withMine = (subcommand: Command): Command =>
    withDevelopment(subcommand).option("--no-mine", "make no block at once, so that views see it with the next one");

  withDevelopment(command.command("show", { isDefault: true }))
    .description("Show where the clock stands; what dev-time does by itself.")
    .action((_: unknown, self: Command) => tell(self, (chain) => chain.call("dev_time", {})));
  withMine(command.command("set"))
    .description("Set the time of the next block, from which time goes on.")
    .argument("<time>", "not before the head's")
    .action((text: string, { mine }: MineOption, self: Command) => {
      const params = { time: readTime(text), ...unmined(mine) };
      return tell(self, (chain) => chain.call("dev_setTime", params));
    });
  withMine(command.command("advance"))
    .description("Move the clock forward.")
    .argument("<duration>", "by so much")
    .action((text: string, { mine }: MineOption, self: Command) => {
      const params = { ms: readDuration(text), ...unmined(mine) };
      return tell(self, (chain) => chain.call("dev_advanceTime", params));
    });
  withDevelopment(command.command("step"))
    .description("Put so much time between two blocks, whatever the machine's clock says.")
    .argument("<duration>", "between two blocks")
    .action((text: string, _: unknown, self: Command) => {
      const params = { stepMs: readDuration(text) };
      return tell(self, (chain) => chain.call("dev_setTimeStep", params));
    });
  withDevelopment(command.command("off"))
    .description("End dev-time step: follow the machine's clock, or go on second by second in a deterministic chain.")
    .action((_: unknown, self: Command) => tell(self, (chain) => chain.call("dev_setTimeStep", { stepMs: null })));
}

/** The node makes a block by itself. */
function unmined(mine: boolean): { readonly mine?: false } {
  return mine ? {} : { mine: false };
}

async function tell(command: Command, ask: (chain: Chain) => Promise<Time>): Promise<void> {
  const settings = settingsOf(command);
  const { next, head, stepMs } = await withDevnet(settings, ask);
  printResult(settings, {
    json: { next, head, stepMs },
    bare: [timeText(next)],
    text: rows([
      ["next block", timeText(next)],
      ["head", timeText(head)],
      ["step", stepMs === null ? "none: time goes by" : durationText(stepMs)],
    ]),
  });
}
