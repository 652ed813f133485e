/**
 * Clients that follow heads and events by cursor, cut off at random moments (FUZZ_SEED), while the node is stopped and killed.
 *
 * Law: whoever resumes with `after` is told each head and each event once and in order, as a walk over the chain finds them.
 */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { addressToText } from "../../node/address.ts";
import { accounts, transactionHex } from "../crash/dev-process.ts";
import { createRandom } from "../support/programs.ts";
import { temporaryFolder } from "../support/test-chain.ts";
import { callOf, deploySample } from "./burner.ts";
import { startNode } from "./node-process.ts";
import { type CallError, type Json, PlainClient } from "./plain-client.ts";

const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000);
const ROUND_COUNT = 6;
const ROUND_MS = 2_500;

/** What a subscription was told, over all its connections. */
class Follower {
  readonly told: Json[] = [];
  readonly #params: object;
  #cursor = "0";
  #client: PlainClient | undefined;
  cutCount = 0;
  lagCount = 0;
  readonly wrong: string[] = [];

  constructor(params: object) {
    this.#params = params;
  }

  /** Goes on where it was, until the connection ends. */
  async follow(url: string): Promise<void> {
    const client = await PlainClient.connect(url).catch(() => undefined);
    if (client === undefined) return;
    this.#client = client;
    const closed = once(client.socket, "close");
    let sequence = 0;
    client.onNotification = (_, { kind, cursor, sequence: own, ...item }) => {
      if (own !== sequence++) this.wrong.push(`sequence ${own} in place of ${sequence - 1}`);
      if (kind === "lagged") {
        // Not an end, but what is missing has to be asked for anew.
        this.lagCount++;
        client.socket.terminate();
      } else if (client.socket.readyState === WebSocket.OPEN) {
        this.#cursor = cursor;
        this.told.push(item.head ?? item.event);
      }
    };
    await client.call("chain_subscribe", { ...this.#params, after: this.#cursor }).catch((error: CallError) => {
      if (error.code !== "connection_lost") this.wrong.push(error.message);
    });
    await closed;
  }

  cut(): void {
    this.cutCount++;
    this.#client?.socket.terminate();
  }
}

const place = ({ height, transactionIndex, eventIndex }: Json) => `${height}-${transactionIndex}-${eventIndex}`;

/** All blocks from 1 on, and the events in their receipts. */
async function walk(client: PlainClient): Promise<{ heads: Json[]; events: Json[] }> {
  const heads: Json[] = [];
  const events: Json[] = [];
  const { height } = await client.call("chain_info");
  for (let at = 1; at <= height; at++) {
    const block = await client.call("chain_block", { height: at });
    heads.push(block);
    for (const [transactionIndex, hash] of block.transactions.entries()) {
      const receipt = await client.call("tx_receipt", { hash });
      for (const [eventIndex, event] of receipt.events.entries()) {
        events.push({
          ...event,
          height: at,
          blockHash: block.hash,
          transactionHash: hash,
          transactionIndex,
          eventIndex,
        });
      }
    }
  }
  return { heads, events };
}

/** Events of two contracts, one to five a transaction, until the connection ends; where each sender stands is asked anew. */
async function load(url: string, contracts: readonly Uint8Array[]): Promise<void> {
  const client = await PlainClient.connect(url);
  const senders = accounts.slice(2, 5).map(async (sender, index) => {
    let { nonce } = await client.call("state_account", { address: addressToText(sender.address) });
    for (;;) {
      const args = Uint8Array.of(1 + (nonce % 5), 0, 0, 0, nonce & 0xff, index);
      const actions = [callOf(contracts[(nonce + index) % 2]!, "chatter", args)];
      await client.call("tx_submitAndWait", { transaction: transactionHex(sender, nonce++, actions) });
      await sleep(2);
    }
  });
  for (const outcome of await Promise.allSettled(senders)) {
    const { code } = (outcome as PromiseRejectedResult).reason as CallError;
    expect(["connection_lost", "node_stopping"]).toContain(code);
  }
}

test(`followers that are cut at random moments, seed ${seed} (FUZZ_SEED), miss nothing and see nothing twice`, async () => {
  const random = createRandom(seed);
  const folder = temporaryFolder();
  let node = await startNode(folder);
  const setUp = await PlainClient.connect(node.url);
  const contracts = [await deploySample(setUp, 0), await deploySample(setUp, 1)];
  const followers = {
    heads: new Follower({ topic: "heads" }),
    events: new Follower({ topic: "events" }),
    contract: new Follower({ topic: "events", contract: addressToText(contracts[1]!) }),
    name: new Follower({ topic: "events", name: "E" }),
    noName: new Follower({ topic: "events", name: "e" }),
  };
  for (let round = 1; round <= ROUND_COUNT; round++) {
    const { url } = node;
    let isOver = false;
    const following = Object.values(followers).map(async (follower) => {
      while (!isOver) await follower.follow(url);
    });
    const cutting = Object.values(followers).map(async (follower) => {
      while (!isOver) {
        await sleep(20 + random(400));
        if (!isOver) follower.cut();
      }
    });
    const loading = load(url, contracts);
    await sleep(ROUND_MS);
    isOver = true;
    await node.end(random(2) === 0 ? "SIGTERM" : "SIGKILL");
    await Promise.all([...following, ...cutting, loading]);
    node = await startNode(folder);
  }
  for (const follower of Object.values(followers)) void follower.follow(node.url);
  const client = await PlainClient.connect(node.url);
  const { heads, events } = await walk(client);
  const ofContract = events.filter(({ contract }) => contract === addressToText(contracts[1]!));
  const wanted = { heads, events, contract: ofContract, name: events, noName: [] };
  for (let waited = 0; waited < 10_000; waited += 100) {
    if (Object.entries(wanted).every(([name, list]) => followers[name as "heads"].told.length >= list.length)) break;
    await sleep(100);
  }
  // What would come twice has come by now.
  await sleep(300);
  const cuts = Object.values(followers).reduce((sum, { cutCount }) => sum + cutCount, 0);
  const lags = Object.values(followers).reduce((sum, { lagCount }) => sum + lagCount, 0);
  console.log(
    `${heads.length} heads, ${events.length} events, ${ROUND_COUNT} restarts, ${cuts} cuts, ${lags} times lagged`,
  );
  expect(Object.values(followers).flatMap(({ wrong }) => wrong)).toEqual([]);
  expect(followers.heads.told.map(({ height }) => height)).toEqual(heads.map(({ height }) => height));
  expect(followers.heads.told).toEqual(heads);
  for (const name of ["events", "contract", "name", "noName"] as const) {
    expect(followers[name].told.map(place)).toEqual(wanted[name].map(place));
    expect(followers[name].told.map(({ cursor: _, ...event }) => event)).toEqual(wanted[name]);
  }
  expect(events.length).toBeGreaterThan(500);
  expect(ofContract.length).toBeGreaterThan(100);
  expect((await node.end("SIGTERM")).status).toBe(0);
});
