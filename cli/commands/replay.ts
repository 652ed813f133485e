/**
 * `lockstep replay`: executes a chain again from genesis, in this fresh process, and compares state roots, receipts and
 * gas with what the chain recorded. Ends at the first difference with an exit code of its own.
 */
import { existsSync } from "node:fs";
import type { Command } from "commander";
import { openReplaySource, replayChain } from "../../node/replay.ts";
import { toHex } from "../../node/rpc/json.ts";
import { InputError } from "../../vm/errors.ts";
import { CommandError, during, exitCodes } from "../exit-codes.ts";
import { print, rows } from "../output.ts";
import { optionsOf, settingsOf, withShared } from "../settings.ts";

const examples = `
Examples:
  lockstep replay --data .lockstep/devnet      a data folder that no node uses
  lockstep replay --url ws://127.0.0.1:4600    a running node`;

export function define(command: Command): void {
  withShared(command, "url", "json")
    .description("Execute a chain again from genesis and compare every state root, receipt and gas figure.")
    .option("--data <folder>", "the data folder of a node that is not running")
    .addHelpText("after", examples)
    .action(run);
}

async function run(_options: unknown, command: Command): Promise<void> {
  const settings = settingsOf(command);
  const { data, url } = optionsOf<{ data: string; url: string }>(command);
  if (data !== undefined && url !== undefined) {
    throw new InputError("usage", "a replay reads from --data or from --url, not from both");
  }
  // Opening a database makes its folder, and a misspelt name shall leave nothing behind.
  if (data !== undefined && !existsSync(data)) {
    throw new CommandError(exitCodes.file, "data_empty", `there is no folder ${data}`, {
      hint: "Name the folder that `lockstep dev --data` was given.",
    });
  }
  const exitCode = ({ code }: InputError) => {
    if (code === "url_invalid") return exitCodes.usage;
    return data === undefined ? exitCodes.node : exitCodes.file;
  };
  const showsProgress = process.stderr.isTTY === true && !settings.json;
  const result = await during(exitCode, async () => {
    const source = await openReplaySource(data === undefined ? { url: settings.url } : { dataDir: data });
    try {
      return await replayChain(source, (height, total) => {
        if (showsProgress) process.stderr.write(`\rblock ${height} of ${total}`);
      });
    } finally {
      await source.close();
    }
  });
  if (showsProgress) process.stderr.write("\r\u001b[K");
  const { blocks, transactions, difference } = result;
  if (difference !== null) {
    const { height, transactionIndex, field, expected, actual } = difference;
    const where = transactionIndex === null ? "" : `, transaction ${transactionIndex}`;
    throw new CommandError(
      exitCodes.difference,
      "replay_difference",
      `block ${height}${where}: ${field} is ${actual} here, the chain recorded ${expected}`,
      {
        hint: "Same genesis, same transactions, another result: compare the two versions and machines, and report it.",
        details: { ...difference },
      },
    );
  }
  const [gasUsed, headHash, stateRoot] = [`${result.gasUsed}`, toHex(result.headHash), toHex(result.stateRoot)];
  print(settings, {
    json: { equal: true, blocks, transactions, gasUsed, headHash, stateRoot },
    text: [
      "Every state root, receipt and gas figure is equal",
      ...rows([
        ["blocks", `${blocks}`],
        ["transactions", `${transactions}`],
        ["gas", gasUsed],
        ["head", headHash],
        ["state root", stateRoot],
      ]),
    ],
  });
}
