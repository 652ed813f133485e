/**
 * `npm run bench -- node`: how fast our node takes transactions beside anvil and ganache, what the VM costs of that, and how
 * much memory it has after many. One client, one WebSocket to each node, transactions signed beforehand, the same code for all.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Figures, Report } from "./main.ts";
import { Comparison, type Load, type Runs } from "./node/comparison.ts";
import { lockstep, sendTransaction, Wallet } from "./node/lockstep.ts";
import { residentMb, type Sample, slopeOf } from "./node/memory.ts";
import { type System, startServer, timeSending } from "./node/system.ts";
import { Token } from "./node/token.ts";
import { installPeers, type Peers } from "./peers/peers.ts";
import { median } from "./statistics.ts";

const RUN_COUNT = 3;
const SENDER_COUNT = 10;
const IN_FLIGHT = 32;

export async function measure(report: Report): Promise<Figures> {
  const peers = await installPeers(report);
  const root = mkdtempSync(join(tmpdir(), "lockstep-bench-"));
  try {
    const bench = new NodeBench(root, peers, report);
    return {
      ...(await bench.compareSequential()),
      ...(await bench.compareConcurrent()),
      ...(await bench.compareIntervals()),
      ...(await bench.measureToken()),
      ...(await bench.measureMemory()),
    };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/**
 * The rate is that of 2,000 sends behind 500 that warm all of them up: V8 compiles what runs often only after a while, and goes
 * on for 4,000 sends, while anvil becomes slower with each block. Both beginnings are figures of their own.
 */
const SEQUENTIAL: Load = { transactionCount: 2_500, senderCount: 1, inFlight: 1 };
const SEQUENTIAL_SLICE_SIZE = 250;
const FIRST_SLICE_COUNT = 2;
const COLD_SLICE_COUNT = 8;

const CONCURRENT: Load = { transactionCount: 4_000, senderCount: SENDER_COUNT, inFlight: IN_FLIGHT };
const CONCURRENT_SLICE_SIZE = 1_000;

/** As many as nearly fill seven of anvil's blocks at its default limit: a few more would wait a second for an eighth. */
const INTERVAL: Load = { transactionCount: 9_900, senderCount: SENDER_COUNT, inFlight: IN_FLIGHT };
const INTERVAL_S = 1;

const TOKEN_SLICE_SIZE = 1_000;
const TOKEN_SLICE_COUNT = 7;

const IDLE_MS = 3_000;
const MEMORY_TRANSACTION_COUNT = 200_000;
const MEMORY_SAMPLE_SIZE = 5_000;
const MEMORY_IN_FLIGHT = 64;

class NodeBench {
  readonly #root: string;
  readonly #peers: Peers;
  readonly #report: Report;

  constructor(root: string, peers: Peers, report: Report) {
    this.#root = root;
    this.#peers = peers;
    this.#report = report;
  }

  async compareSequential(): Promise<Figures> {
    const { anvil, ganache } = this.#peers;
    const runs = await this.#against(anvil, ganache).slices(SEQUENTIAL, SEQUENTIAL_SLICE_SIZE);
    this.#report(`${SEQUENTIAL.transactionCount} transfers one after the other, receipts awaited`);
    this.#ratesOf(runs, SEQUENTIAL_SLICE_SIZE);
    const warm = ratesOfSlices(runs, SEQUENTIAL_SLICE_SIZE, FIRST_SLICE_COUNT);
    const first = ratesOfSlices(runs, SEQUENTIAL_SLICE_SIZE, 0, FIRST_SLICE_COUNT);
    const cold = ratesOfSlices(runs, SEQUENTIAL_SLICE_SIZE, 0, COLD_SLICE_COUNT);
    return {
      ...figure("seq_vs_anvil", warm, anvil),
      ...figure("seq_cold_vs_anvil", cold, anvil),
      ...figure("seq_first_vs_anvil", first, anvil),
      ...figure("seq_vs_ganache", warm, ganache),
    };
  }

  async compareConcurrent(): Promise<Figures> {
    const { anvil } = this.#peers;
    const runs = await this.#against(anvil).slices(CONCURRENT, CONCURRENT_SLICE_SIZE);
    this.#report(`${CONCURRENT.transactionCount} transfers of ${SENDER_COUNT} accounts, ${IN_FLIGHT} in flight`);
    return figure("concurrent_instant_vs_anvil", this.#ratesOf(runs, CONCURRENT_SLICE_SIZE), anvil);
  }

  async compareIntervals(): Promise<Figures> {
    const { anvil, anvilUnlimited } = this.#peers;
    const rates = await this.#against(anvil, anvilUnlimited).intervals(INTERVAL, INTERVAL_S);
    this.#report(`${INTERVAL.transactionCount} transfers into blocks of ${INTERVAL_S} s, until the last receipt`);
    for (const [{ name }, values] of rates) this.#report(`  ${name.padEnd(NAME_WIDTH)}${spread(values)}`);
    return {
      ...figure("concurrent_interval_vs_anvil", rates, anvil),
      ...figure("concurrent_interval_vs_anvil_unlimited", rates, anvilUnlimited),
    };
  }

  /** Plain transfers and token transfers in turns on one node. */
  async measureToken(): Promise<Figures> {
    const server = await startServer(lockstep, this.#root);
    try {
      const { socket } = server;
      const wallet = new Wallet();
      const token = await Token.deploy(wallet, socket);
      const rateOf = async (sign: (sender: number, receiver: number) => string): Promise<number> => {
        const slice = Array.from({ length: TOKEN_SLICE_SIZE }, (_, index) => sign(index % SENDER_COUNT, index));
        const time = await timeSending(slice, IN_FLIGHT, (transaction) => sendTransaction(socket, transaction));
        return (TOKEN_SLICE_SIZE / time) * 1e3;
      };
      const plain: number[] = [];
      const tokens: number[] = [];
      // The first pair warms the engine up.
      for (let slice = -1; slice < TOKEN_SLICE_COUNT; slice++) {
        const plainRate = await rateOf((sender, receiver) => wallet.transfer(sender, receiver));
        const tokenRate = await rateOf((sender, receiver) => token.transfer(sender, receiver));
        if (slice < 0) continue;
        plain.push(plainRate);
        tokens.push(tokenRate);
      }
      this.#report(`slices of ${TOKEN_SLICE_SIZE} in turns, ${IN_FLIGHT} in flight, receipts awaited`);
      this.#report(`  ${"plain transfers".padEnd(NAME_WIDTH)}${spread(plain)}`);
      this.#report(`  ${"token transfers".padEnd(NAME_WIDTH)}${spread(tokens)}`);
      return { transfers_per_s: median(plain), token_vs_transfer_ratio: median(ratios(tokens, plain)) };
    } finally {
      await server.stop();
    }
  }

  async measureMemory(): Promise<Figures> {
    const server = await startServer(lockstep, this.#root);
    try {
      const { socket, pid } = server;
      await sleep(IDLE_MS);
      const idle = residentMb(pid);
      const wallet = new Wallet();
      const samples: Sample[] = [];
      let time = 0;
      for (let sent = 0; sent < MEMORY_TRANSACTION_COUNT; sent += MEMORY_SAMPLE_SIZE) {
        const batch = Array.from({ length: MEMORY_SAMPLE_SIZE }, (_, i) => wallet.transfer(i % SENDER_COUNT, i));
        time += await timeSending(batch, MEMORY_IN_FLIGHT, (transaction) => sendTransaction(socket, transaction));
        samples.push({ x: sent + MEMORY_SAMPLE_SIZE, y: residentMb(pid) });
      }
      const last = samples.at(-1)!.y;
      const slope = slopeOf(samples.slice(samples.length / 2)) * 1e5;
      const rate = (MEMORY_TRANSACTION_COUNT / time) * 1e3;
      this.#report(
        `${MEMORY_TRANSACTION_COUNT} transfers, ${MEMORY_IN_FLIGHT} in flight: ${rate.toFixed(0)}/s; MB after each tenth:`,
      );
      const tenths = samples.filter((_, index) => (index + 1) % (samples.length / 10) === 0);
      this.#report(`  idle ${idle.toFixed(0)}; ${tenths.map(({ y }) => y.toFixed(0)).join(", ")}`);
      return { rss_idle_mb: idle, rss_200k_mb: last, rss_slope_mb_per_100k: slope };
    } finally {
      await server.stop();
    }
  }

  #against(...peers: readonly (System | undefined)[]): Comparison {
    return new Comparison(this.#root, this.#report, { runCount: RUN_COUNT, first: lockstep, peers });
  }

  /** Over whole runs; says how they change as the chain grows. */
  #ratesOf(runs: Runs<readonly number[]>, sliceSize: number): Runs<number> {
    const all = ratesOfSlices(runs, sliceSize);
    for (const [system, values] of all) {
      const bySlice = runs.get(system)![0]!.map((_, slice) => {
        return median(ratesOfSlices(runs, sliceSize, slice, slice + 1).get(system)!).toFixed(0);
      });
      this.#report(`  ${system.name.padEnd(NAME_WIDTH)}${spread(values)}; slice by slice ${bySlice.join(", ")}`);
    }
    return all;
  }
}

const NAME_WIDTH = 24;

/** Transactions per second of each run, over some of its slices. */
function ratesOfSlices(runs: Runs<readonly number[]>, sliceSize: number, from = 0, to?: number): Runs<number> {
  const rateOf = (times: readonly number[]) => (times.length * sliceSize * 1e3) / times.reduce((a, b) => a + b, 0);
  const rates = [...runs].map(([system, times]) => [system, times.map((run) => rateOf(run.slice(from, to)))] as const);
  return new Map(rates);
}

/** How many times the peer's rate ours is, if there is a peer. */
function figure(name: string, rates: Runs<number>, peer: System | undefined): Figures {
  const theirs = peer === undefined ? undefined : rates.get(peer);
  return theirs === undefined ? {} : { [name]: median(ratios(rates.get(lockstep)!, theirs)) };
}

function ratios(values: readonly number[], others: readonly number[]): readonly number[] {
  return values.map((value, index) => value / others[index]!);
}

function spread(rates: readonly number[]): string {
  const [low, middle, high] = [Math.min(...rates), median(rates), Math.max(...rates)].map((rate) => rate.toFixed(0));
  return `${middle}/s (${low} to ${high})`;
}
