/**
 * A client that subscribes to all there is and never reads, beside one that works.
 *
 * Law: over 10,000 blocks (FROZEN_BLOCKS) it costs the node less than 20 MB and the other client less than a fifth of its rate.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { dev1, transactionHex } from "../crash/dev-process.ts";
import { temporaryFolder } from "../support/test-chain.ts";
import { callOf, deploySample } from "./burner.ts";
import { cpuMs, faultsIn, rssMb, settledRssMb, startNode } from "./node-process.ts";
import { type Json, PlainClient } from "./plain-client.ts";

const blockCount = Number(process.env.FROZEN_BLOCKS ?? 10_000);
const warmUpCount = Math.min(500, blockCount);
const GROWTH_MB_MAX = 20;
const RATE_MIN = 0.8;
/** Blocks that one node makes while the other waits. */
const SLICE = 250;
/** More than a connection may have, so that all that are allowed are there. */
const SUBSCRIPTION_COUNT = 40;

/** What the frozen client is told once it reads again: no number may be missing, and what is left out must be said. */
class Told {
  readonly #next = new Map<string, number>();
  count = 0;
  missed = 0;
  readonly wrong: string[] = [];

  take({ subscription, sequence, kind, missed }: Json): void {
    const next = this.#next.get(subscription) ?? 0;
    if (sequence !== next) this.wrong.push(`sequence ${sequence} of ${subscription} in place of ${next}`);
    this.#next.set(subscription, sequence + 1);
    if (kind === "lagged") this.missed += missed;
    else this.count++;
  }
}

/** Subscribed as often as the node allows to everything it offers, with its socket never read again. */
async function freeze(url: string) {
  const client = await PlainClient.connect(url);
  let count = 0;
  for (let number = 0; number < SUBSCRIPTION_COUNT; number++) {
    const topic = ["heads", "events", "pending"][number % 3]!;
    // A topic that the node does not have is refused, and so is one subscription too many.
    if (await client.call("chain_subscribe", { topic }).then(Boolean, () => false)) count++;
  }
  const told = new Told();
  client.onNotification = (_, params) => told.take(params);
  client.socket.pause();
  return { client, count, told };
}

/** One of the two nodes: its own folder, client and contract. */
async function start() {
  const node = await startNode(temporaryFolder());
  const client = await PlainClient.connect(node.url);
  const contract = await deploySample(client);
  const args = new Uint8Array(200).fill(7);
  let nonce = 0;
  let peak = 0;
  let ms = 0;
  return {
    node,
    client,
    /** One block each, the next when the last has been told. */
    async makeBlocks(count: number) {
      const startedAt = performance.now();
      for (let number = 0; number < count; number++) {
        const transaction = transactionHex(dev1, nonce++, [callOf(contract, "tell", args)]);
        await client.call("tx_submitAndWait", { transaction });
      }
      ms += performance.now() - startedAt;
      peak = Math.max(peak, rssMb(node.pid));
    },
    /** What has been since the last time. */
    async figures() {
      const taken = { ms, peak, cpuMs: cpuMs(node.pid), rss: await settledRssMb(node) };
      ms = 0;
      peak = 0;
      return taken;
    },
  };
}

test(`over ${blockCount} blocks a frozen subscriber costs under ${GROWTH_MB_MAX} MB and a fifth of the rate`, async () => {
  const nodes = { control: await start(), frozen: await start() };
  const { control, frozen } = nodes;
  await control.makeBlocks(warmUpCount);
  await frozen.makeBlocks(warmUpCount);
  const { client, count, told } = await freeze(frozen.node.url);
  const figures = async () => {
    const [ofControl, ofFrozen] = await Promise.all([control.figures(), frozen.figures()]);
    return { control: ofControl, frozen: ofFrozen };
  };
  const before = await figures();
  // In turns, so that what else the machine does meets both alike.
  const course: string[] = [];
  for (let made = 0; made < blockCount; made += SLICE) {
    await control.makeBlocks(Math.min(SLICE, blockCount - made));
    await frozen.makeBlocks(Math.min(SLICE, blockCount - made));
    course.push(`${rssMb(control.node.pid).toFixed(0)}/${rssMb(frozen.node.pid).toFixed(0)}`);
  }
  console.log(`RSS of control/frozen, MB, every ${SLICE} blocks: ${course.join(" ")}`);
  const after = await figures();
  const growth = { control: 0, frozen: 0 };
  for (const name of ["control", "frozen"] as const) {
    const { ms, peak, cpuMs, rss } = after[name];
    growth[name] = rss - before[name].rss;
    console.log(
      `${name.padEnd(8)} ${((blockCount / ms) * 1000).toFixed(0)} blocks/s in ${(ms / 1000).toFixed(1)} s, ` +
        `${((cpuMs - before[name].cpuMs) / blockCount).toFixed(2)} ms of processor a block, ` +
        `RSS ${before[name].rss.toFixed(0)} -> ${rss.toFixed(0)} MB, peak ${peak.toFixed(0)}`,
    );
    const { height } = await nodes[name].client.call("chain_info");
    expect(height).toBe(1 + warmUpCount + blockCount);
  }
  client.socket.resume();
  await sleep(2_000);
  const state = client.socket.readyState === 1 ? "kept" : "dropped";
  console.log(`${count} subscriptions, then ${state}; told ${told.count}, and that ${told.missed} were left out`);
  for (const { node } of [control, frozen]) {
    expect((await node.end("SIGTERM")).status).toBe(0);
    expect(faultsIn(node.log())).toEqual([]);
  }
  expect(told.wrong).toEqual([]);
  expect(count).toBeGreaterThan(0);
  expect(growth.frozen - growth.control).toBeLessThan(GROWTH_MB_MAX);
  expect(after.control.ms / after.frozen.ms).toBeGreaterThan(RATE_MIN);
});
