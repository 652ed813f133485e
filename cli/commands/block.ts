/**
 * `lockstep block`: a block by height or hash, or the head.
 */
import type { Command } from "commander";
import { withChain } from "../chain.ts";
import { CommandError, exitCodes } from "../exit-codes.ts";
import { print, rows } from "../output.ts";
import { readHash, readInteger } from "../scalars.ts";
import { settingsOf, withShared } from "../settings.ts";

export function define(command: Command): void {
  withShared(command, "url", "json")
    .description("Show a block; without an argument the head.")
    .argument("[height|hash]", "a height, or 0x and 64 hexadecimal digits")
    .action(run);
}

async function run(which: string | undefined, _options: unknown, command: Command): Promise<void> {
  const settings = settingsOf(command);
  const params = which === undefined ? {} : blockId(which);
  await withChain(settings.url, async (chain) => {
    const block = await chain.call("chain_block", params);
    if (block === null) {
      throw new CommandError(exitCodes.node, "block_unknown", `the node has no block ${which}`, {
        hint: `The head is at height ${chain.info.height}.`,
      });
    }
    print(settings, {
      json: { block },
      text: [
        `Block ${block.height} ${block.hash}`,
        ...rows([
          ["parent", block.parentHash],
          ["time", `${new Date(block.time).toISOString()} (${block.time} ms)`],
          ["proposer", block.proposer],
          ["gas", `${block.gasUsed} of ${block.gasLimit}`],
          ["protocol", `${block.protocolVersion}`],
          ["state root", block.stateRoot],
          ["transactions", block.transactionsRoot],
          ["receipts", block.receiptsRoot],
          ...block.transactions.map((hash) => ["transaction", hash] as const),
        ]),
      ],
    });
  });
}

function blockId(text: string) {
  return text.startsWith("0x") ? { hash: readHash(text) } : { height: readInteger(text, "height") };
}
