/**
 * A node under load, killed with SIGKILL at CRASH_KILLS (default 200) random moments, half of them with each durability, with
 * and without pruning, at work and while it starts. After every kill the folder must be whole, record for record; its root that
 * of a tree made anew of the flat view; and after the next start every acknowledged transaction is where it was said to be. A
 * replay agrees at the end.
 */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { expect, test } from "vitest";
import { addressToText } from "../../node/address.ts";
import type { Hex, IncludedReceiptJson } from "../../node/rpc/api.ts";
import { toHex } from "../../node/rpc/json.ts";
import { applyChanges } from "../../node/state/tree.ts";
import { checkDatabase } from "../../node/storage/check.ts";
import { recordsOf } from "../support/made-blocks.ts";
import { randomFrom } from "../support/random.ts";
import { temporaryFolder } from "../support/test-chain.ts";
import { accounts, actionOf, deploy, dev0, replay, spawnDev, startDev, transactionHex } from "./dev-process.ts";

const killCount = Number(process.env.CRASH_KILLS ?? 200);
const seed = Number(process.env.CRASH_SEED ?? Date.now() % 1_000_000);

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

/** A folder of its own for each durability. */
class Victim {
  readonly durability: "os" | "sync";
  readonly folder = temporaryFolder();
  readonly acknowledged = new Map<Hex, IncludedReceiptJson>();
  killCount = 0;
  /** Acknowledged, and not where they were said to be. */
  lostCount = 0;

  constructor(durability: "os" | "sync") {
    this.durability = durability;
  }

  start(...options: readonly string[]) {
    return startDev(this.folder, "--durability", this.durability, ...options);
  }

  /** Has what makes contracts of the load's calls. */
  async prepare(): Promise<void> {
    const { client, end } = await this.start();
    await client.call("tx_submitAndWait", { transaction: transactionHex(dev0, 0, deploy) });
    await end("SIGKILL");
  }

  async killAtStart(afterMs: number, options: readonly string[]): Promise<void> {
    const starting = spawnDev(this.folder, "--durability", this.durability, ...options);
    const ended = once(starting, "exit");
    await sleep(afterMs);
    starting.kill("SIGKILL");
    await ended;
    this.killCount++;
  }

  /** Looks before at those of the acknowledged that `isLookedAt` picks. */
  async killAtWork(afterMs: number, options: readonly string[], isLookedAt: (index: number) => boolean): Promise<void> {
    const { client, end } = await this.start(...options);
    await this.expectThere(client, isLookedAt);
    const loaded = load(client, (receipt) => this.acknowledged.set(receipt.transactionHash, receipt));
    await sleep(afterMs);
    await end("SIGKILL");
    await loaded;
    await client.close();
    this.killCount++;
  }

  async expectThere(client: Client, isLookedAt: (index: number) => boolean = () => true): Promise<void> {
    const receipts = [...this.acknowledged.values()].filter((_, index) => isLookedAt(index));
    for (const receipt of receipts) {
      const found = await client.call("tx_receipt", { hash: receipt.transactionHash });
      if (!isDeepStrictEqual(found, receipt)) this.lostCount++;
    }
    expect(this.lostCount, `lost of ${this.durability}`).toBe(0);
  }

  tell(): void {
    const { durability, killCount, acknowledged, lostCount } = this;
    console.log(`${durability}: ${killCount} kills, ${acknowledged.size} acknowledged, ${lostCount} lost`);
  }
}

test(`${killCount} kills (CRASH_KILLS), seed ${seed} (CRASH_SEED)`, async () => {
  const random = randomFrom(seed);
  const victims = [new Victim("os"), new Victim("sync")];
  for (const victim of victims) await victim.prepare();

  for (let kill = 1; kill <= killCount; kill++) {
    const victim = victims[kill % 2]!;
    const options = random() < 0.5 ? ["--prune", `${1 + Math.floor(random() * 20)}`] : [];
    if (random() < 0.2) {
      await victim.killAtStart(random() * 800, options);
    } else {
      // All of the last rounds, and some of long ago.
      const recent = victim.acknowledged.size - 200;
      await victim.killAtWork(20 + random() * 400, options, (index) => index >= recent || random() < 0.02);
    }
    await expectWhole(victim.folder);
    if (kill % 20 === 0) for (const each of victims) each.tell();
  }

  for (const victim of victims) {
    const { client, end } = await victim.start();
    await victim.expectThere(client);
    expect(await end("SIGTERM")).toEqual([0, null]);
    const { status, answer } = replay(victim.folder);
    expect([status, answer.equal]).toEqual([0, true]);
    expect(answer.transactions).toBeGreaterThan(victim.acknowledged.size);
    expect(victim.acknowledged.size).toBeGreaterThan(victim.killCount);
    victim.tell();
    console.log(`  the replay agrees: ${answer.transactions} transactions in ${answer.blocks} blocks`);
  }
  expect(victims.reduce((sum, victim) => sum + victim.killCount, 0)).toBe(killCount);
});
