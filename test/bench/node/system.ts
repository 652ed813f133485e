/**
 * What is compared: a way to start a node on a chain with nothing in it, and how its clients send a transfer. And the two
 * ways of sending many, which are the same for all.
 */
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Command, Server } from "./server.ts";
import type { RpcSocket } from "./socket.ts";

export interface StartOptions {
  readonly port: number;
  /** An empty one, for a node that keeps its chain on disk. */
  readonly folder: string;
  /** A block every so many seconds, in place of one as soon as there is a transaction. */
  readonly intervalS?: number;
}

export interface System {
  readonly name: string;
  command(options: StartOptions): Command;
  /** The head's; what a node is asked first. */
  height(socket: RpcSocket): Promise<number>;
  /** The first `count` transfers of a new chain, signed, from so many accounts in turn. */
  transfers(count: number, senderCount: number): readonly string[];
  /** Resolves with the receipt, in the fastest way there is; rejects when the transaction failed. */
  send(socket: RpcSocket, transaction: string): Promise<void>;
  /** Resolves once the transaction is admitted, with its hash. */
  submit(socket: RpcSocket, transaction: string): Promise<string>;
  /** Whether the transaction is in a block; rejects when it failed there. */
  isIncluded(socket: RpcSocket, hash: string): Promise<boolean>;
}

/** A node on a new chain, whose folder is one of `root`'s. */
export function startServer(
  system: System,
  root: string,
  options: Pick<StartOptions, "intervalS"> = {},
): Promise<Server> {
  const folder = mkdtempSync(join(root, "chain-"));
  return Server.start((port) => system.command({ port, folder, ...options }), system.height);
}

/** Sends in order, `inFlight` at a time, and waits for all. Milliseconds. */
export async function timeSending(
  transactions: readonly string[],
  inFlight: number,
  send: (transaction: string) => Promise<unknown>,
): Promise<number> {
  let next = 0;
  const startedAt = performance.now();
  const sendOneByOne = async (): Promise<void> => {
    while (next < transactions.length) await send(transactions[next++]!);
  };
  await Promise.all(Array.from({ length: inFlight }, sendOneByOne));
  return performance.now() - startedAt;
}

const POLL_INTERVAL_MS = 5;
const BLOCK_TIMEOUT_MS = 10_000;
const INCLUDED_TIMEOUT_MS = 60_000;

/** Returns at the moment of a new block, so that every node has the same time left until the next. */
export async function waitForBlock(system: System, socket: RpcSocket): Promise<void> {
  const height = await system.height(socket);
  for (let waitedMs = 0; (await system.height(socket)) === height; waitedMs += POLL_INTERVAL_MS) {
    if (waitedMs > BLOCK_TIMEOUT_MS) throw new Error("no block is made");
    await sleep(POLL_INTERVAL_MS);
  }
}

/** Sends without waiting for blocks; milliseconds from the first sending to the last receipt. */
export async function timeInclusion(
  system: System,
  socket: RpcSocket,
  transactions: readonly string[],
  { inFlight, senderCount }: { readonly inFlight: number; readonly senderCount: number },
): Promise<number> {
  const hashes: string[] = [];
  const startedAt = performance.now();
  await timeSending(transactions, inFlight, async (transaction) =>
    hashes.push(await system.submit(socket, transaction)),
  );
  // A sender's later transaction is never in an earlier block.
  const last = new Set(hashes.slice(-senderCount - inFlight));
  while (last.size > 0) {
    for (const hash of last) if (await system.isIncluded(socket, hash)) last.delete(hash);
    if (performance.now() - startedAt > INCLUDED_TIMEOUT_MS) throw new Error(`${last.size} receipts never came`);
    if (last.size > 0) await sleep(POLL_INTERVAL_MS);
  }
  return performance.now() - startedAt;
}
