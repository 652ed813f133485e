/**
 * `npm run bench -- devnet`: what a devnet costs a test suite and who follows it: a fresh chain in this process, beside
 * LiteSVM's; a snapshot with its revert; the first read of each account of a fork; a follower that catches up, and a replay.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDevnet, type DevnetOptions } from "../../devnet/devnet.ts";
import { startFollower } from "../../node/follow.ts";
import { openReplaySource, replayChain } from "../../node/replay.ts";
import { assert } from "../../vm/errors.ts";
import type { Figures, Report } from "./main.ts";
import { installPeers } from "./peers/peers.ts";
import { median } from "./statistics.ts";

/** No more: instances of LiteSVM stay in memory, 8 MB each, and what comes after a gigabyte of them is four times as slow. */
const FRESH_COUNT = 60;
const SNAPSHOT_COUNT = 500;
const FORK_ACCOUNT_COUNT = 400;
const FOLLOWED_BLOCK_COUNT = 2_000;

export async function measure(report: Report): Promise<Figures> {
  const { litesvm } = await installPeers(report);
  const root = mkdtempSync(join(tmpdir(), "lockstep-bench-"));
  try {
    return {
      ...(await measureFresh(report, litesvm)),
      ...(await measureSnapshots(report)),
      ...(await measureFork(report)),
      ...(await measureFollower(report, root)),
    };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** From nothing to ten funded accounts; the peer's has what it comes with. In turns. */
async function measureFresh(report: Report, litesvm: (() => unknown) | undefined): Promise<Figures> {
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round < FRESH_COUNT; round++) {
    let startMs = performance.now();
    const devnet = await createDevnet();
    ours.push(performance.now() - startMs);
    assert(
      devnet.accounts.every(({ balance }) => balance > 0n),
      "the accounts are funded",
    );
    await devnet.close();
    if (litesvm === undefined) continue;
    startMs = performance.now();
    litesvm();
    theirs.push(performance.now() - startMs);
  }
  report(
    `fresh chain: the first ${ours[0]!.toFixed(2)} ms, the slowest after it ${Math.max(...ours.slice(1)).toFixed(2)} ms`,
  );
  const figures = { fresh_chain_ms: median(ours), fresh_chain_first_ms: ours[0]! };
  if (theirs.length === 0) return figures;
  const litesvmMs = median(theirs);
  return { ...figures, litesvm_fresh_ms: litesvmMs, devnet_vs_litesvm_fresh_ratio: litesvmMs / figures.fresh_chain_ms };
}

/** Between the two, a block with a transfer, as between the two ends of a test; only the two are timed. */
async function measureSnapshots(report: Report): Promise<Figures> {
  const inMemory = await timeSnapshots({});
  report(
    `snapshot and revert in memory: ${inMemory
      .map((ms) => ms.toFixed(3))
      .slice(-5)
      .join(", ")} ms`,
  );
  const root = mkdtempSync(join(tmpdir(), "lockstep-bench-"));
  try {
    const onDisk = await timeSnapshots({ dataDir: join(root, "chain") });
    return { snapshot_revert_ms: median(inMemory), snapshot_revert_disk_ms: median(onDisk) };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

async function timeSnapshots(options: DevnetOptions): Promise<number[]> {
  await using devnet = await createDevnet(options);
  const [alice, bob] = devnet.accounts;
  const times: number[] = [];
  for (let round = 0; round < SNAPSHOT_COUNT; round++) {
    const startMs = performance.now();
    const snapshot = await devnet.snapshot();
    const takenMs = performance.now() - startMs;
    await devnet.send(alice!, [{ kind: "transfer", to: bob!.address, amount: 1n }]);
    const revertMs = performance.now();
    const { header } = await devnet.revert(snapshot);
    times.push(takenMs + (performance.now() - revertMs));
    assert(header.height === devnet.height, "the transfer is undone");
  }
  return times;
}

/** Each read goes to the forked node, over a socket, and is verified. */
async function measureFork(report: Report): Promise<Figures> {
  await using remote = await createDevnet({ listen: 0 });
  const addresses = Array.from({ length: FORK_ACCOUNT_COUNT }, (_, index) => {
    const address = new Uint8Array(32).fill(7);
    new DataView(address.buffer).setUint32(0, index);
    return address;
  });
  for (const address of addresses) await remote.setBalance(address, 5n);
  const startMs = performance.now();
  await using fork = await createDevnet({ fork: { url: remote.url } });
  const forkStartMs = performance.now() - startMs;
  const times: number[] = [];
  for (const address of addresses) {
    const readMs = performance.now();
    const { balance } = await fork.account(address);
    times.push(performance.now() - readMs);
    assert(balance === 5n, "the fork reads what the other chain holds");
  }
  report(`fork: started in ${forkStartMs.toFixed(1)} ms`);
  return { fork_first_read_ms: median(times), fork_start_ms: forkStartMs };
}

/** Blocks of a transfer each, from a node in this process to a follower with a folder and a thread of its own. */
async function measureFollower(report: Report, root: string): Promise<Figures> {
  await using followed = await createDevnet({ listen: 0 });
  const [alice, bob] = followed.accounts;
  for (let height = 0; height < FOLLOWED_BLOCK_COUNT; height++) {
    await followed.send(alice!, [{ kind: "transfer", to: bob!.address, amount: 1n }]);
  }
  const { height, hash } = { height: followed.head.header.height, hash: followed.head.hash };
  const startMs = performance.now();
  const follower = await startFollower({ url: followed.url, directory: join(root, "follower"), port: 0 });
  try {
    await new Promise<void>((resolve, reject) => {
      follower.closed.catch(reject);
      const end = follower.node.onHead(({ header }) => {
        if (header.height < height) return;
        end();
        resolve();
      });
    });
    const seconds = (performance.now() - startMs) / 1_000;
    assert(Buffer.compare(follower.node.head().hash, hash) === 0, "the follower is where the followed is");
    report(`follower: ${height} blocks in ${seconds.toFixed(2)} s`);
    return { follower_blocks_per_s: height / seconds, ...(await measureReplay(report, followed.url!)) };
  } finally {
    await follower.close();
  }
}

/** The same blocks, executed in this process. */
async function measureReplay(report: Report, url: string): Promise<Figures> {
  const startMs = performance.now();
  const source = await openReplaySource({ url });
  try {
    const { blocks, difference } = await replayChain(source);
    const seconds = (performance.now() - startMs) / 1_000;
    assert(difference === null, "the replay agrees");
    report(`replay: ${blocks} blocks in ${seconds.toFixed(2)} s`);
    return { replay_blocks_per_s: blocks / seconds };
  } finally {
    await source.close();
  }
}
