/**
 * Twice RPC_FUZZ_MESSAGES (default 100,000) hostile messages from FUZZ_SEED, over WebSocket and HTTP, to a real `lockstep dev`.
 *
 * Law: each is answered as the specification says and none with an internal error; meanwhile the node answers others, and
 * afterwards it holds no more memory than after the first half, no more descriptors, makes a block, stops in order and leaves a whole folder.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { accounts, dev1, transactionHex } from "../crash/dev-process.ts";
import {
  checkFolder,
  descriptorCount,
  faultsIn,
  type NodeProcess,
  settledRssMb,
  startNode,
} from "../node/node-process.ts";
import { PlainClient } from "../node/plain-client.ts";
import { transfer } from "../support/signing.ts";
import { temporaryFolder } from "../support/test-chain.ts";
import { caseAt, type FuzzCase, messageCount } from "./cases.ts";
import { finds as knownFinds } from "./finds.ts";
import { Find } from "./judge.ts";
import { type Lane, Lanes } from "./lanes.ts";
import { readSurface } from "./surface.ts";

const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000);
const messagesWanted = Number(process.env.RPC_FUZZ_MESSAGES ?? 100_000);

const LANE_COUNT = 16;
const PROBE_MS_MAX = 1_000;
/**
 * A leak of 450 bytes a message would show. The heaps of a fresh node's threads go on growing for 100,000 messages and keep to
 * 15 MB after that, so as many come first as are counted; and the blocks that edits make fill the database's cache of 32 MB. Of
 * 500,000 messages, the last 375,000 add nothing.
 */
const GROWTH_MB_MAX = 45;
const DESCRIPTOR_SLACK = 5;
/** Of different kinds. Enough to see what is wrong; a broken node would give thousands. */
const FINDS_MAX = 20;
/** A message that gets no answer at all must not cost minutes each time it is tried. */
const SHRINK_PATIENCE_MS = 2_000;

interface Found {
  readonly find: Find;
  readonly number: number | string;
  case: FuzzCase;
  count: number;
}

/** A failing burst down to one of its messages, when one alone is enough. */
async function shrink(one: FuzzCase, port: number): Promise<FuzzCase> {
  if (one.kind !== "burst" || one.messages.length === 1) return one;
  const lanes = new Lanes(port, SHRINK_PATIENCE_MS);
  for (const message of one.messages) {
    const alone: FuzzCase = { kind: "burst", messages: [message] };
    if ((await findIn(alone, lanes.open())) !== undefined) return alone;
  }
  return one;
}

async function findIn(one: FuzzCase, lane: Lane, close = true): Promise<Find | undefined> {
  try {
    await lane.run(one);
    return undefined;
  } catch (error) {
    return error instanceof Find ? error : new Find(`the client failed: ${error}`);
  } finally {
    if (close) lane.close();
  }
}

/** A client apart from all trouble: how long the node lets it wait. */
function startProbe(client: PlainClient) {
  const times: number[] = [];
  let isOver = false;
  const probing = (async () => {
    while (!isOver) {
      const at = performance.now();
      await client.call("chain_info");
      times.push(performance.now() - at);
      await sleep(50);
    }
  })();
  probing.catch(() => {});
  return {
    async stop() {
      isOver = true;
      await probing;
      return times.toSorted((a, b) => a - b);
    },
  };
}

async function descriptorsBack(node: NodeProcess, wanted: number): Promise<number> {
  for (let waited = 0; waited < 8_000; waited += 200) {
    if (descriptorCount(node.pid) <= wanted) break;
    await sleep(200);
  }
  return descriptorCount(node.pid);
}

test(`${messagesWanted} hostile messages (RPC_FUZZ_MESSAGES) and as many before them, seed ${seed} (FUZZ_SEED)`, async () => {
  const folder = temporaryFolder();
  const node = await startNode(folder);
  const client = await PlainClient.connect(node.url);
  const surface = await readSurface(client);
  console.log(
    `seed ${seed}: ${surface.methods.length} methods, ${surface.isDiscovered ? "as the node says" : "from our own list"}`,
  );
  const lanes = new Lanes(node.port);
  /** By what was wrong: the first case that showed it, and how many did. */
  const found = new Map<string, Found>();
  for (const { name, case: one } of knownFinds) {
    const find = await findIn(one, lanes.open());
    if (find !== undefined) found.set(`${name}: ${find.message}`, { find, number: "of the list", case: one, count: 1 });
  }
  await settledRssMb(node);
  const descriptorsBefore = descriptorCount(node.pid);
  const probe = startProbe(client);

  let number = 0;
  let sent = 0;
  const runUntil = async (limit: number) => {
    const work = async (): Promise<void> => {
      const lane = lanes.open();
      while (sent < limit && found.size < FINDS_MAX && node.isRunning()) {
        const before = number++;
        const one = caseAt(seed, before, surface);
        sent += messageCount(one);
        const find = await findIn(one, lane, false);
        if (find === undefined) continue;
        lane.close();
        const known = found.get(find.message);
        if (known !== undefined) known.count++;
        else {
          const own: Found = { find, number: before, case: one, count: 1 };
          found.set(find.message, own);
          if (node.isRunning()) own.case = await shrink(one, node.port);
        }
      }
      lane.close();
    };
    await Promise.all(Array.from({ length: LANE_COUNT }, work));
    lanes.close();
  };

  const startedAt = performance.now();
  const rss: number[] = [];
  for (const part of [0.5, 1, 1.5, 2]) {
    await runUntil(messagesWanted * part);
    if (!node.isRunning()) break;
    rss.push(await settledRssMb(node));
    console.log(
      `${sent} messages in ${number} cases, ${((performance.now() - startedAt) / 1000).toFixed(0)} s, RSS ${rss.at(-1)!.toFixed(0)} MB`,
    );
  }
  console.log(
    `answers: ${[...lanes.tally]
      .sort(([, a], [, b]) => b - a)
      .map(([code, times]) => `${code} ${times}`)
      .join(", ")}`,
  );
  for (const [why, { number, count, find, case: one }] of found) {
    console.log(
      `FIND in case ${number}, and in all ${count}: ${why}\n  ${JSON.stringify(one).slice(0, 1_000)}\n  ${find.answer}`,
    );
  }
  expect(node.isRunning(), node.log()).toBe(true);
  const probes = await probe.stop();
  const slowest = probes.at(-1)!;
  const p99 = probes[Math.floor(probes.length * 0.99)]!;
  const descriptorsAfter = await descriptorsBack(node, descriptorsBefore + DESCRIPTOR_SLACK);
  console.log(
    `${probes.length} probes: p99 ${p99.toFixed(0)} ms, slowest ${slowest.toFixed(0)} ms; descriptors ` +
      `${descriptorsBefore} -> ${descriptorsAfter}`,
  );
  const faults = faultsIn(node.log());
  if (faults.length > 0) console.log(`FAULTS:\n${faults.slice(0, 20).join("\n")}`);

  const payer = accounts[8]!;
  const transaction = transactionHex(payer, 0, [transfer(dev1.address, 1n)]);
  const receipt = await client.call("tx_submitAndWait", { transaction });
  const end = await node.end("SIGTERM");
  console.log(`a block at height ${receipt.height}; stopped with ${end.status} after ${end.ms.toFixed(0)} ms`);
  const checked = checkFolder(folder);

  expect([...found.keys()]).toEqual([]);
  expect(faults).toEqual([]);
  expect(slowest).toBeLessThan(PROBE_MS_MAX);
  // What the first half needed once may stay; the second half must not add to it.
  expect(rss[3]! - Math.max(rss[0]!, rss[1]!)).toBeLessThan(GROWTH_MB_MAX);
  expect(Math.abs(descriptorsAfter - descriptorsBefore)).toBeLessThanOrEqual(DESCRIPTOR_SLACK);
  expect(receipt.status.kind).toBe("success");
  expect(end.status).toBe(0);
  expect(checked.height).toBe(receipt.height);
  // A run that only ever met the reader of messages would show nothing about what lies behind it.
  expect(lanes.tally.get("result")!).toBeGreaterThan(messagesWanted / 20);
});
