/** When a real node makes blocks: every so often, at once, both, or when told to. */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { addressToText } from "../../node/address.ts";
import { dev0, dev1, transactionHex } from "../crash/dev-process.ts";
import { transfer } from "../support/signing.ts";
import { temporaryFolder } from "../support/test-chain.ts";
import { startNode } from "./node-process.ts";
import { type Json, PlainClient } from "./plain-client.ts";

const INTERVAL_MS = 200;
const BLOCK_COUNT = 20;
/** Of the mean interval. */
const SLACK = 0.25;
/** What "at once" is, next to intervals of many seconds. */
const AT_ONCE_MS = 1_000;

const pay = (nonce: number) => ({ transaction: transactionHex(dev0, nonce, [transfer(dev1.address, 1n)]) });

async function start(...options: readonly string[]) {
  const node = await startNode(temporaryFolder(), ...options);
  return { node, client: await PlainClient.connect(node.url) };
}

/** The next `count` heads, and when each was told; on a connection of its own. */
async function collectHeads(url: string, count: number): Promise<readonly { at: number; head: Json }[]> {
  const client = await PlainClient.connect(url);
  const heads: { at: number; head: Json }[] = [];
  return new Promise((resolve, reject) => {
    client.onNotification = (_, { head }) => {
      if (heads.length < count) heads.push({ at: performance.now(), head });
      if (heads.length === count) resolve(heads);
    };
    client.call("chain_subscribe", { topic: "heads" }).catch(reject);
  });
}

test(`--block-time 0.2 makes ${BLOCK_COUNT} blocks at that pace, empty ones too, and keeps it under load`, async () => {
  const { node, client } = await start("--block-time", "0.2");
  for (const isLoaded of [false, true]) {
    let isOver = false;
    let sent = 0;
    const { nonce } = await client.call("state_account", { address: addressToText(dev0.address) });
    const load = isLoaded
      ? (async () => {
          while (!isOver) {
            await client.call("tx_submit", pay(nonce + sent++));
            await sleep(5);
          }
        })()
      : Promise.resolve();
    const heads = await collectHeads(node.url, BLOCK_COUNT + 1);
    isOver = true;
    await load;
    const mean = (heads.at(-1)!.at - heads[0]!.at) / BLOCK_COUNT;
    const transactions = heads.reduce((sum, { head }) => sum + head.transactions.length, 0);
    console.log(
      `${isLoaded ? "loaded" : "idle"}: a block every ${mean.toFixed(0)} ms, ${transactions} transactions in ${heads.length}`,
    );
    expect(Math.abs(mean / INTERVAL_MS - 1)).toBeLessThan(SLACK);
    expect(heads.map(({ head }) => head.height)).toEqual(heads.map((_, index) => heads[0]!.head.height + index));
    expect(transactions > 0).toBe(isLoaded);
  }
  expect((await node.end("SIGTERM")).status).toBe(0);
});

test("a transaction in an interval is in the next block, and its sender is told then", async () => {
  const { node, client } = await start("--block-time", "1");
  const heads = collectHeads(node.url, 3);
  const receipt = await client.call("tx_submitAndWait", pay(0));
  const told = (await heads).map(({ head }) => head).find(({ height }) => height === receipt.height);
  expect(told.transactions).toEqual([receipt.transactionHash]);
});

test("--mixed-mining takes a transaction at once and makes empty blocks between", async () => {
  const { client } = await start("--block-time", "3", "--mixed-mining");
  const startedAt = performance.now();
  for (const nonce of [0, 1, 2]) expect((await client.call("tx_submitAndWait", pay(nonce))).height).toBe(nonce + 1);
  expect(performance.now() - startedAt).toBeLessThan(AT_ONCE_MS);
  await sleep(3_500);
  const { height } = await client.call("chain_info");
  expect(height).toBeGreaterThanOrEqual(4);
  expect(height).toBeLessThanOrEqual(5);
});

test("--no-mining takes nothing until dev_mine, and dev_setSealing ends that", async () => {
  const { client } = await start("--no-mining");
  const { hash } = await client.call("tx_submit", pay(0));
  await sleep(500);
  expect(await client.call("chain_info")).toMatchObject({ height: 0, pending: 1 });
  expect(await client.call("tx_receipt", { hash })).toBeNull();
  expect((await client.call("dev_mine", { count: 3 })).height).toBe(3);
  expect((await client.call("tx_receipt", { hash })).height).toBe(1);
  expect((await client.call("chain_block", { height: 3 })).transactions).toEqual([]);
  await client.call("tx_submit", pay(1));
  await client.call("dev_setSealing", { kind: "transaction" });
  const startedAt = performance.now();
  expect((await client.call("tx_submitAndWait", pay(2))).height).toBeLessThanOrEqual(5);
  expect(performance.now() - startedAt).toBeLessThan(AT_ONCE_MS);
  await client.call("dev_setSealing", { kind: "interval", intervalMs: 100 });
  const { height } = await client.call("chain_info");
  await sleep(1_000);
  const grown = (await client.call("chain_info")).height - height;
  expect(grown).toBeGreaterThanOrEqual(6);
  expect(grown).toBeLessThanOrEqual(12);
});
