/**
 * Contracts that burn all the gas there is, in transactions and in views, beside a client that only asks.
 *
 * Law: execution is none of the port's business: no answer about the chain takes 50 ms.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { addressToText } from "../../node/address.ts";
import { dev0, dev1, transactionHex } from "../crash/dev-process.ts";
import { temporaryFolder } from "../support/test-chain.ts";
import { BLOCK_GAS, callOf, deployBurner } from "./burner.ts";
import { startNode } from "./node-process.ts";
import { PlainClient } from "./plain-client.ts";

const PROBE_COUNT = Number(process.env.LATENCY_PROBES ?? 1_000);
const PROBE_EVERY_MS = 5;
const LATENCY_MS_MAX = 50;

function summary(times: readonly number[]): string {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!.toFixed(1);
  return `${sorted.length} answers, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms`;
}

async function timed(call: Promise<unknown>, times: number[]): Promise<void> {
  const at = performance.now();
  await call;
  times.push(performance.now() - at);
}

test(`beside burning contracts, the slowest of ${PROBE_COUNT} answers comes within ${LATENCY_MS_MAX} ms`, async () => {
  const node = await startNode(temporaryFolder());
  const [sender, viewer, prober, small] = await Promise.all([0, 1, 2, 3].map(() => PlainClient.connect(node.url)));
  const contract = await deployBurner(sender!);
  const address = addressToText(contract);
  const block = await sender!.call("chain_block", {});
  const questions: readonly (readonly [string, object])[] = [
    ["chain_info", {}],
    ["state_account", { address: addressToText(dev1.address) }],
    ["tx_receipt", { hash: block.transactions[0] }],
    ["chain_block", { height: 1 }],
  ];

  let isOver = false;
  const burns: number[] = [];
  const burning = (async () => {
    for (let nonce = 1; !isOver; nonce++) {
      const transaction = transactionHex(dev0, nonce, [callOf(contract, "burn")], BLOCK_GAS);
      await timed(sender!.call("tx_submitAndWait", { transaction, timeoutMs: 60_000 }), burns);
    }
  })();
  const refusals = new Map<string, number>();
  const view = async (client: PlainClient, method: string, times: number[], options: object = {}) => {
    const call = client.call("contract_view", { contract: address, method, ...options });
    await timed(
      call.catch(({ code }) => refusals.set(`${method}: ${code}`, (refusals.get(`${method}: ${code}`) ?? 0) + 1)),
      times,
    );
    // A refusal comes at once, and asking on without a pause would be another test.
    await sleep(PROBE_EVERY_MS);
  };
  const spins: number[] = [];
  const spinning = (async () => {
    while (!isOver) await view(viewer!, "spin", spins, { gasLimit: BLOCK_GAS });
  })();
  const smallViews: number[] = [];
  const resting = (async () => {
    while (!isOver) await view(small!, "rest", smallViews);
  })();

  // A node that is gone must not leave the probes waiting for the next burn.
  for (const load of [burning, spinning, resting]) {
    load.catch(() => {
      isOver = true;
    });
  }
  // What this client and its machine add: above the bound, the bound says nothing about the node.
  const ownDelay = monitorEventLoopDelay({ resolution: 5 });
  ownDelay.enable();
  const answers: number[] = [];
  const probes: Promise<void>[] = [];
  // Long enough that a burning transaction and a burning view lie wholly within it.
  for (let number = 0; !isOver && (number < PROBE_COUNT || burns.length < 2); number++) {
    const [method, params] = questions[number % questions.length]!;
    const probe = timed(prober!.call(method, params), answers);
    probe.catch(() => {});
    probes.push(probe);
    await sleep(PROBE_EVERY_MS);
  }
  isOver = true;
  await Promise.all([...probes, burning, spinning, resting]);

  console.log(`probes        ${summary(answers)}`);
  console.log(`this client   late by at most ${(ownDelay.max / 1e6).toFixed(1)} ms itself`);
  console.log(`burning       ${summary(burns)}`);
  console.log(`burning views ${summary(spins)}`);
  console.log(`small views   ${summary(smallViews)}; refused: ${JSON.stringify([...refusals])}`);
  expect(answers.length).toBeGreaterThanOrEqual(500);
  // Otherwise nothing was burnt and the figures mean nothing.
  expect(Math.max(...burns)).toBeGreaterThan(LATENCY_MS_MAX);
  expect(Math.max(...answers)).toBeLessThan(LATENCY_MS_MAX);
  expect((await node.end("SIGTERM")).status).toBe(0);
});
