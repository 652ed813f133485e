/** `lockstep dev` killed with SIGKILL, which nothing can prepare for: what was acknowledged is there afterwards. */
import { expect, test } from "vitest";
import { addressToText } from "../node/address.ts";
import type { Hex, IncludedReceiptJson } from "../node/rpc/api.ts";
import { accounts, actionOf, deploy, dev0, dev1, replay, startDev, transactionHex } from "./crash/dev-process.ts";
import { temporaryFolder } from "./support/test-chain.ts";

test("50 acknowledged transactions are there after kill -9, and the replay agrees", async () => {
  const folder = temporaryFolder();
  const first = await startDev(folder);
  const receipts: IncludedReceiptJson[] = [];
  for (let nonce = 0; nonce < 50; nonce++) {
    const transaction = transactionHex(dev0, nonce, nonce === 0 ? deploy : [actionOf(nonce)]);
    receipts.push(await first.client.call("tx_submitAndWait", { transaction }));
  }
  await first.end("SIGKILL");
  expect(new Set(receipts.map(({ status }) => status.kind))).toEqual(new Set(["success", "revert"]));

  const second = await startDev(folder);
  expect(second.height).toBe(50);
  for (const receipt of receipts) {
    expect(await second.client.call("tx_receipt", { hash: receipt.transactionHash })).toEqual(receipt);
  }
  const info = await second.client.call("chain_info", {});
  expect(await second.end("SIGTERM")).toEqual([0, null]);
  expect(replay(folder)).toMatchObject({
    status: 0,
    answer: { ok: true, equal: true, blocks: 50, transactions: 50, headHash: info.headHash, stateRoot: info.stateRoot },
  });
});

test("kill -9 with 32 submissions in flight loses none that was acknowledged, and the replay agrees", async () => {
  const folder = temporaryFolder();
  const acknowledged = new Map<Hex, IncludedReceiptJson>();
  const setUp = await startDev(folder);
  await setUp.client.call("tx_submitAndWait", { transaction: transactionHex(dev0, 0, deploy) });
  let { client, end } = setUp;
  let cutOff = 0;
  for (const killAfter of [1, 7, 20]) {
    const senders = accounts.slice(2, 6);
    const inFlight: Hex[] = [];
    for (const sender of senders) {
      const { nonce } = await client.call("state_account", { address: addressToText(sender.address) });
      for (let ahead = 0; ahead < 8; ahead++) {
        // Two fill a block, so that there are blocks to be killed in.
        inFlight.push(transactionHex(sender, nonce + ahead, [actionOf(nonce + ahead)], 500_000_000));
      }
    }
    const before = acknowledged.size;
    let killed: Promise<unknown> | undefined;
    // Each on its own, so that acknowledgements come one by one and the kill falls between them.
    const outcomes = inFlight.map(async (transaction) => {
      const receipt = await client.call("tx_submitAndWait", { transaction });
      acknowledged.set(receipt.transactionHash, receipt);
      if (acknowledged.size - before === killAfter) killed = end("SIGKILL");
    });
    const settled = await Promise.allSettled(outcomes);
    expect(settled.length).toBe(32);
    for (const outcome of settled) {
      if (outcome.status === "fulfilled") continue;
      expect(outcome.reason.code).toBe("connection_lost");
      cutOff++;
    }
    await killed;
    expect(acknowledged.size - before).toBeGreaterThanOrEqual(killAfter);
    const next = await startDev(folder);
    for (const [name, receipt] of acknowledged) {
      expect(await next.client.call("tx_receipt", { hash: name })).toEqual(receipt);
    }
    // It goes on from there.
    const { nonce } = await next.client.call("state_account", { address: addressToText(dev1.address) });
    const transaction = transactionHex(dev1, nonce, []);
    const receipt = await next.client.call("tx_submitAndWait", { transaction });
    acknowledged.set(receipt.transactionHash, receipt);
    ({ client, end } = next);
  }
  expect(cutOff).toBeGreaterThan(0);
  await end("SIGKILL");
  const { status, answer } = replay(folder);
  expect([status, answer.equal]).toEqual([0, true]);
  expect(answer.transactions).toBeGreaterThanOrEqual(acknowledged.size);
});
