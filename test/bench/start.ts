/**
 * `npm run bench -- start`: from the start of the process to the first answer over a new connection, on an empty folder, on one
 * with 100,000 transactions, and of anvil; in turns.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Chain } from "../../node/chain.ts";
import { Store } from "../../node/store.ts";
import { encodedTransaction } from "../../node/transaction.ts";
import { assert } from "../../vm/errors.ts";
import type { Figures, Report } from "./main.ts";
import { lockstep, Wallet } from "./node/lockstep.ts";
import { Server } from "./node/server.ts";
import type { System } from "./node/system.ts";
import { installPeers } from "./peers/peers.ts";
import { median } from "./statistics.ts";

const TRANSACTION_COUNT = 100_000;
/** As fits into a block. */
const BLOCK_SIZE = 1_000;
const ROUND_COUNT = 7;

export async function measure(report: Report): Promise<Figures> {
  const { anvil } = await installPeers(report);
  const root = mkdtempSync(join(tmpdir(), "lockstep-bench-"));
  try {
    const full = join(root, "full");
    await fill(full);
    const times = { start_empty_ms: [] as number[], start_100k_ms: [] as number[], anvil_start_ms: [] as number[] };
    let anvilFailure = anvil === undefined ? "it is not installed" : undefined;
    for (let round = 0; round < ROUND_COUNT; round++) {
      times.start_empty_ms.push(await timeStart(lockstep, join(root, `empty-${round}`)));
      times.start_100k_ms.push(await timeStart(lockstep, full));
      if (anvil === undefined || anvilFailure !== undefined) continue;
      try {
        times.anvil_start_ms.push(await timeStart(anvil, root));
      } catch (error) {
        anvilFailure = (error as Error).message;
      }
    }
    if (anvilFailure !== undefined) report(`anvil is left out: ${anvilFailure}`);
    const measured = Object.entries(times).filter(([name]) => name !== "anvil_start_ms" || anvilFailure === undefined);
    for (const [name, values] of measured) {
      report(`${name}: ${values.map((value) => value.toFixed(0)).join(", ")}`);
    }
    return Object.fromEntries(measured.map(([name, values]) => [name, median(values)]));
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

async function timeStart(system: System, folder: string): Promise<number> {
  const server = await Server.start((port) => system.command({ port, folder }), system.height);
  await server.stop();
  return server.startMs;
}

/** A devnet's chain, begun by itself, and then more blocks in this process: over the port they would take a minute. */
async function fill(folder: string): Promise<void> {
  await timeStart(lockstep, folder);
  const store = await Store.open(folder);
  try {
    const chain = new Chain(store);
    const wallet = new Wallet();
    for (let count = 0; count < TRANSACTION_COUNT; count += BLOCK_SIZE) {
      const transactions = Array.from({ length: BLOCK_SIZE }, (_, index) =>
        encodedTransaction(wallet.encodeTransfer(index % wallet.accounts.length, index)),
      );
      const { header } = store.requireBlock(store.headHeight);
      const input = { time: header.time + 1, proposer: store.genesis.proposer, transactions };
      const { receipts } = await chain.extend(input);
      assert(receipts.length === BLOCK_SIZE, "all of them are in the block");
    }
  } finally {
    await store.close();
  }
}
