/** How the bench sends, and what it says when a node does not start. */
import { expect, test } from "vitest";
import { fromHex } from "../../../node/rpc/json.ts";
import { verifiedTransaction } from "../../../node/transaction.ts";
import { Wallet } from "./lockstep.ts";
import { Server } from "./server.ts";
import type { RpcSocket } from "./socket.ts";
import { type System, timeInclusion, timeSending } from "./system.ts";

const turn = () => new Promise((resolve) => setImmediate(resolve));

test.each([1, 7, 32])("everything is sent once and in order, %i in flight and never more", async (inFlight) => {
  const transactions = Array.from({ length: 100 }, (_, index) => String(index));
  const sent: string[] = [];
  let current = 0;
  let most = 0;
  await timeSending(transactions, inFlight, async (transaction) => {
    sent.push(transaction);
    most = Math.max(most, ++current);
    for (let i = 0; i < 1 + (sent.length % 3); i++) await turn();
    current--;
  });
  expect(sent).toEqual(transactions);
  expect(most).toBe(inFlight);
});

test("a transaction that fails ends the sending", async () => {
  const send = async (transaction: string) => {
    if (transaction === "2") throw new Error("refused");
  };
  await expect(timeSending(["1", "2", "3"], 1, send)).rejects.toThrow("refused");
});

test("inclusion is timed until the last of the receipts is there", async () => {
  const included = new Set<string>();
  const asked = new Set<string>();
  const system = {
    submit: async (_: RpcSocket, transaction: string) => {
      setTimeout(() => included.add(transaction), 40 + Number(transaction));
      return transaction;
    },
    isIncluded: async (_: RpcSocket, hash: string) => {
      asked.add(hash);
      return included.has(hash);
    },
  } as unknown as System;
  const transactions = Array.from({ length: 60 }, (_, index) => String(index));
  const load = { inFlight: 4, senderCount: 2 };
  expect(await timeInclusion(system, {} as RpcSocket, transactions, load)).toBeGreaterThan(98);
  expect(included.size).toBe(60);
  expect(asked).toContain("59");
});

test("a program that ends before it answers is reported with what it said", async () => {
  const script = "console.error('no such option'); process.exit(3)";
  const start = Server.start(
    () => ({ file: process.execPath, args: ["-e", script] }),
    async () => {},
  );
  await expect(start).rejects.toThrow(/ended with 3\n.*no such option/s);
});

test("a program that does not exist is reported", async () => {
  const start = Server.start(
    () => ({ file: "/nowhere/node", args: [] }),
    async () => {},
  );
  await expect(start).rejects.toThrow("ENOENT");
});

test("a wallet's transactions are signed by their senders and follow each other", () => {
  const wallet = new Wallet();
  const senders = [0, 9, 0, 3, 0, 9];
  const entries = senders.map((sender, index) => verifiedTransaction(fromHex(wallet.transfer(sender, index))!));
  expect(entries.map(({ transaction }) => transaction.body.nonce)).toEqual([0, 0, 1, 0, 2, 1]);
  expect(entries.map(({ transaction }) => transaction.body.sender)).toEqual(
    senders.map((sender) => wallet.accounts[sender]!.address),
  );
});
