/**
 * SIGTERM in the middle of everything: transfers in flight, subscriptions open, a burning transaction and burning views.
 *
 * Law: the node is gone within two seconds, with status 0, and the next one has every receipt that was handed out.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { addressToText } from "../../node/address.ts";
import { accounts, dev0, dev1, transactionHex } from "../crash/dev-process.ts";
import { transfer } from "../support/signing.ts";
import { temporaryFolder } from "../support/test-chain.ts";
import { BLOCK_GAS, callOf, deployBurner } from "./burner.ts";
import { checkFolder, faultsIn, startNode } from "./node-process.ts";
import { type Json, PlainClient } from "./plain-client.ts";

const STOP_MS_MAX = 2_000;
const IN_FLIGHT = 32;

/** The codes with which a call may end that a stopping node did not finish. */
const endings = /^(connection_lost|node_stopping|busy|execution_cancelled|wait_timeout)$/;

test.each([true, false])("under load (burning: %s) a node stops in time and forgets nothing", async (isBurning) => {
  const folder = temporaryFolder();
  const node = await startNode(folder);
  const client = await PlainClient.connect(node.url);
  const contract = await deployBurner(client);
  for (const topic of ["heads", "heads", "events", "pending"]) {
    await client.call("chain_subscribe", { topic }).catch(() => {});
  }
  const receipts: Json[] = [];
  const odd: unknown[] = [];
  const onEnd = (error: { code: string }) => void (endings.test(error.code) || odd.push(error));
  const senders = accounts.slice(2, 10);
  const load = senders.map(async (sender) => {
    let nonce = 0;
    const sendInOrder = async (): Promise<never> => {
      for (;;) {
        const transaction = transactionHex(sender, nonce++, [transfer(dev1.address, 1n)]);
        receipts.push(await client.call("tx_submitAndWait", { transaction, timeoutMs: 60_000 }));
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT / senders.length }, () => sendInOrder().catch(onEnd)));
  });
  await sleep(500);
  const burning: Promise<unknown>[] = [];
  if (isBurning) {
    const transaction = transactionHex(dev0, 1, [callOf(contract, "burn")], BLOCK_GAS);
    const view = { contract: addressToText(contract), method: "spin", gasLimit: BLOCK_GAS };
    burning.push(client.call("tx_submitAndWait", { transaction, timeoutMs: 60_000 }).catch(onEnd));
    const other = await PlainClient.connect(node.url);
    for (let count = 0; count < 3; count++) burning.push(other.call("contract_view", view).catch(onEnd));
    await sleep(100);
  }
  const { status, ms } = await node.end("SIGTERM");
  await Promise.all([...load, ...burning]);
  console.log(`stopped with ${status} after ${ms.toFixed(0)} ms, ${receipts.length} receipts handed out before`);
  expect(odd).toEqual([]);
  expect(faultsIn(node.log())).toEqual([]);
  expect(receipts.length).toBeGreaterThan(0);
  checkFolder(folder);
  const next = await startNode(folder);
  const asker = await PlainClient.connect(next.url);
  for (const receipt of receipts) {
    expect(await asker.call("tx_receipt", { hash: receipt.transactionHash })).toEqual(receipt);
  }
  expect((await next.end("SIGTERM")).status).toBe(0);
  expect(status).toBe(0);
  expect(ms).toBeLessThan(STOP_MS_MAX);
});
