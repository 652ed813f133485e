/**
 * `lockstep db`: the data folder of a node that is not running. `check` verifies it record by record, `dump` makes one file of
 * it, `load` makes a folder of such a file.
 */
import { existsSync } from "node:fs";
import type { Command } from "commander";
import { toHex } from "../../node/rpc/json.ts";
import type { StreamedChain } from "../../node/storage/chain-stream.ts";
import { checkDatabase } from "../../node/storage/check.ts";
import { dumpChain, loadChain } from "../../node/storage/dump.ts";
import { Store } from "../../node/store.ts";
import { CommandError, during, exitCodes } from "../exit-codes.ts";
import { print, rows } from "../output.ts";
import { ProgressBar } from "../progress.ts";
import { type Settings, settingsOf, withShared } from "../settings.ts";

const examples = `
Examples:
  lockstep db check --data .lockstep/devnet
  lockstep db dump chain.dump --data .lockstep/devnet
  lockstep db load chain.dump --data copy
  lockstep replay --data copy                   executes all of it again`;

interface DataOption {
  readonly data: string;
}

export function define(command: Command): void {
  command
    .description(
      "The data folder of a node that is not running: check it, dump it to a file, load a dump.\n" +
        "A dump holds the genesis, every block with its receipts, and the state at the head. A chain that was loaded goes on\n" +
        "from there, and `lockstep replay` executes it from its genesis; only the state of earlier heights is not kept.",
    )
    .addHelpText("after", examples);
  withShared(command.command("check"), "json")
    .description("Verify every record: blocks, receipts, indices, the state tree, and the state at the head.")
    .requiredOption("--data <folder>", "the data folder")
    .action(({ data }: DataOption, self: Command) => check(settingsOf(self), data));
  withShared(command.command("dump"), "json")
    .description("Write the chain to one file, which replaces an older one when it is complete.")
    .argument("<file>", "the dump")
    .requiredOption("--data <folder>", "the data folder")
    .action((file: string, { data }: DataOption, self: Command) => dump(settingsOf(self), file, data));
  withShared(command.command("load"), "json")
    .description("Make a data folder of a dump. It appears when all of it is verified.")
    .argument("<file>", "the dump")
    .requiredOption("--data <folder>", "a folder that does not exist yet")
    .action((file: string, { data }: DataOption, self: Command) => load(settingsOf(self), file, data));
}

/** Opening a database makes its folder, and a misspelt name shall leave nothing behind. */
function mustExist(folder: string): void {
  if (existsSync(folder)) return;
  throw new CommandError(exitCodes.file, "data_empty", `there is no folder ${folder}`, {
    hint: "Name the folder that `lockstep dev --data` was given.",
  });
}

/** Runs `work` under a progress bar. Whatever is wrong is wrong with a file. */
async function withProgress<T>(
  settings: Settings,
  work: (onProgress: (part: string, done: number) => void) => Promise<T>,
): Promise<T> {
  const bar = new ProgressBar(settings);
  try {
    return await during(exitCodes.file, () => work((part, done) => bar.show(part, done)));
  } finally {
    bar.clear();
  }
}

async function check(settings: Settings, data: string): Promise<void> {
  mustExist(data);
  const chain = await withProgress(settings, (onProgress) => checkDatabase(data, onProgress));
  const { height, lowestHeight, transactionCount, entryCount, nodeCount } = chain;
  const [headHash, stateRoot] = [toHex(chain.headHash), toHex(chain.stateRoot)];
  print(settings, {
    json: { height, lowestHeight, headHash, stateRoot, transactionCount, entryCount, nodeCount },
    text: [
      "Every record is as it should be",
      ...rows([
        ["height", `${height}`],
        ["state kept from", `${lowestHeight}`],
        ["head", headHash],
        ["state root", stateRoot],
        ["transactions", `${transactionCount}`],
        ["state entries", `${entryCount}`],
        ["tree nodes", `${nodeCount}`],
      ]),
    ],
  });
}

async function dump(settings: Settings, file: string, data: string): Promise<void> {
  mustExist(data);
  const chain = await withProgress(settings, async (onProgress) => {
    const store = await Store.open(data);
    try {
      return await dumpChain(store, file, onProgress);
    } finally {
      await store.close();
    }
  });
  printDump(settings, chain, `The chain is in ${file}`);
}

async function load(settings: Settings, file: string, data: string): Promise<void> {
  const chain = await withProgress(settings, (onProgress) => loadChain(file, data, onProgress));
  printDump(settings, chain, `The chain is in ${data}; \`lockstep replay --data ${data}\` executes it again`);
}

function printDump(settings: Settings, chain: StreamedChain, title: string): void {
  const { chainId, height, transactionCount, entryCount } = chain;
  const [headHash, stateRoot] = [toHex(chain.headHash), toHex(chain.stateRoot)];
  print(settings, {
    json: { chainId, height, headHash, stateRoot, transactionCount, entryCount },
    text: [
      title,
      ...rows([
        ["chain id", chainId],
        ["height", `${height}`],
        ["head", headHash],
        ["state root", stateRoot],
        ["transactions", `${transactionCount}`],
        ["state entries", `${entryCount}`],
      ]),
    ],
  });
}
