/**
 * A node under load, killed with SIGKILL at CRASH_KILLS (default 200) random moments, with and without pruning, at work and
 * while it starts. After every kill the folder must be whole, record for record; its root that of a tree made anew of the flat
 * view; and after the next start every acknowledged transaction is where it was said to be. A replay agrees at the end.
 */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { addressToText } from "../../node/address.ts";
import type { Hex, IncludedReceiptJson } from "../../node/rpc/api.ts";
import { toHex } from "../../node/rpc/json.ts";
import { applyChanges } from "../../node/state/tree.ts";
import { checkDatabase } from "../../node/storage/check.ts";
import { recordsOf } from "../support/made-blocks.ts";
import { temporaryFolder } from "../support/test-chain.ts";
import { accounts, actionOf, deploy, dev0, replay, spawnDev, startDev, transactionHex } from "./dev-process.ts";

const killCount = Number(process.env.CRASH_KILLS ?? 200);
const seed = Number(process.env.CRASH_SEED ?? Date.now() % 1_000_000);

/** Mulberry32: a seed gives the same moments again. */
function randomFrom(state: number): () => number {
  let at = state;
  return () => {
    at = (at + 0x6d2b79f5) | 0;
    let mixed = Math.imul(at ^ (at >>> 15), 1 | at);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Client = Awaited<ReturnType<typeof startDev>>["client"];

/** Transactions of four senders, four of each on their way at a time, until the connection is lost. */
async function load(client: Client, onReceipt: (receipt: IncludedReceiptJson) => void): Promise<void> {
  const senders = accounts.slice(2, 6).map(async (sender) => {
    let { nonce } = await client.call("state_account", { address: addressToText(sender.address) });
    const sendInOrder = async (): Promise<never> => {
      for (;;) {
        const own = nonce++;
        const transaction = transactionHex(sender, own, [actionOf(own)]);
        onReceipt(await client.call("tx_submitAndWait", { transaction }));
      }
    };
    await Promise.all(Array.from({ length: 4 }, sendInOrder));
  });
  const outcomes = await Promise.allSettled(senders);
  for (const outcome of outcomes)
    expect(outcome).toMatchObject({ status: "rejected", reason: { code: "connection_lost" } });
}

/** The folder as the kill left it. */
async function expectWhole(folder: string): Promise<void> {
  const { stateRoot } = await checkDatabase(folder);
  const records = [...(await recordsOf(folder))].map(([key, value]) => ({
    key: new Uint8Array(Buffer.from(key, "hex")),
    value: new Uint8Array(Buffer.from(value, "hex")),
  }));
  const state = records.filter(({ key }) => key[0] === 0x12).map(({ key, value }) => ({ key: key.subarray(1), value }));
  const rebuilt = applyChanges({ getNode: () => undefined }, null, 0, state);
  expect(toHex(rebuilt.root)).toBe(toHex(stateRoot));
}

test(`${killCount} kills (CRASH_KILLS), seed ${seed} (CRASH_SEED)`, async () => {
  const random = randomFrom(seed);
  const folder = temporaryFolder();
  const acknowledged = new Map<Hex, IncludedReceiptJson>();
  const isThere = async (client: Client, receipt: IncludedReceiptJson) =>
    expect(await client.call("tx_receipt", { hash: receipt.transactionHash })).toEqual(receipt);

  const first = await startDev(folder);
  await first.client.call("tx_submitAndWait", { transaction: transactionHex(dev0, 0, deploy) });
  await first.end("SIGKILL");

  for (let kill = 1; kill <= killCount; kill++) {
    const options = random() < 0.5 ? ["--prune", `${1 + Math.floor(random() * 20)}`] : [];
    if (random() < 0.2) {
      const starting = spawnDev(folder, ...options);
      const ended = once(starting, "exit");
      await sleep(random() * 800);
      starting.kill("SIGKILL");
      await ended;
    } else {
      const { client, end } = await startDev(folder, ...options);
      // All of the last rounds, and some of long ago.
      const names = [...acknowledged.values()];
      for (const [index, receipt] of names.entries()) {
        if (index >= names.length - 200 || random() < 0.02) await isThere(client, receipt);
      }
      const loaded = load(client, (receipt) => acknowledged.set(receipt.transactionHash, receipt));
      await sleep(20 + random() * 400);
      await end("SIGKILL");
      await loaded;
      await client.close();
    }
    await expectWhole(folder);
    if (kill % 20 === 0) console.log(`${kill} kills, ${acknowledged.size} transactions acknowledged`);
  }

  const last = await startDev(folder);
  for (const receipt of acknowledged.values()) await isThere(last.client, receipt);
  expect(await last.end("SIGTERM")).toEqual([0, null]);
  const { status, answer } = replay(folder);
  expect([status, answer.equal]).toEqual([0, true]);
  expect(answer.transactions).toBeGreaterThan(acknowledged.size);
  expect(acknowledged.size).toBeGreaterThan(killCount);
  console.log(
    `${acknowledged.size} acknowledged transactions are there, of ${answer.transactions} in ${answer.blocks} blocks`,
  );
});
