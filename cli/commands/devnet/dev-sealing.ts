/**
 * `lockstep dev-sealing`: when a devnet makes blocks.
 */
import { Argument, type Command } from "commander";
import type { RpcMethods } from "../../../node/rpc/api.ts";
import { InputError } from "../../../vm/errors.ts";
import { sealingText } from "../../banner.ts";
import { printResult, withDevelopment, withDevnet } from "../../development.ts";
import { readDuration } from "../../durations.ts";
import { rows } from "../../output.ts";
import { readInteger } from "../../scalars.ts";
import { settingsOf } from "../../settings.ts";

const examples = `
Kinds: transaction makes a block as soon as a transaction is ready, interval every so often, mixed
does both, and manual waits for \`lockstep mine\`. Piped, it prints the kind and the milliseconds.

Examples:
  lockstep dev-sealing                     shows it
  lockstep dev-sealing manual
  lockstep dev-sealing interval 500        milliseconds, or such as 2s`;

type Request = RpcMethods["dev_setSealing"]["params"];

export function define(command: Command): void {
  withDevelopment(command)
    .description("Show or change when blocks are made, until the node stops.")
    .addArgument(new Argument("[kind]", "when").choices(["transaction", "interval", "mixed", "manual"]))
    .argument("[interval]", "between two blocks, for interval and mixed: milliseconds, or such as 2s")
    .addHelpText("after", examples)
    .action(run);
}

async function run(
  kind: Request["kind"] | undefined,
  intervalText: string | undefined,
  _: unknown,
  command: Command,
): Promise<void> {
  const settings = settingsOf(command);
  const request = kind === undefined ? null : readSealing(kind, intervalText);
  await withDevnet(settings, async (chain) => {
    const sealing =
      request === null ? (await chain.call("node_info", {})).sealing : await chain.call("dev_setSealing", request);
    printResult(settings, {
      json: { sealing },
      bare: ["intervalMs" in sealing ? `${sealing.kind} ${sealing.intervalMs}` : sealing.kind],
      text: rows([["blocks", sealingText(sealing)]]),
    });
  });
}

/** Throws `InputError`: `usage`, `number_invalid`, `duration_invalid`. */
function readSealing(kind: Request["kind"], text: string | undefined): Request {
  const needsInterval = kind === "interval" || kind === "mixed";
  if (needsInterval !== (text !== undefined)) {
    const what = needsInterval ? "needs the time between two blocks" : "has no time between two blocks";
    throw new InputError("usage", `sealing of the kind ${kind} ${what}`, {
      hint: `Write \`lockstep dev-sealing ${kind}${needsInterval ? " 500ms" : ""}\`.`,
    });
  }
  if (text === undefined) return { kind };
  const intervalMs = /^\d+$/.test(text) ? readInteger(text, "interval", { min: 1 }) : readDuration(text);
  return { kind, intervalMs };
}
