/**
 * `npm run bench -- state`: what the state costs. Blocks of 1,000 updates against another tree on the same LevelDB, how the
 * cost grows with the number of keys and with the height, what a read and a key's bytes cost, and what loading a dump takes.
 *
 * What is compared takes turns within one run, so that whatever else the machine does falls on both; a figure is a median.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Level } from "level";
import { Store } from "../../node/store.ts";
import { equalBytes } from "../../vm/borsh.ts";
import { assert } from "../../vm/errors.ts";
import type { Figures, Report } from "./main.ts";
import { commitChanges, KEY_SIZE, KeyPicker, keyAt, VALUE_SIZE, valueAt, writeStateDump } from "./state/made-state.ts";
import { Peer } from "./state/peer.ts";
import { median } from "./statistics.ts";

/** Updates of a block. */
const BLOCK_SIZE = 1_000;
/** Blocks before the timed ones: the engine compiles, and the tree comes into memory. */
const WARM_UP_COUNT = 5;

export async function measure(report: Report): Promise<Figures> {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-bench-"));
  try {
    const bench = new StateBench(folder, report);
    return {
      ...(await bench.compareWithPeer()),
      ...(await bench.measureHeight()),
      ...(await bench.measureSize()),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const PEER_KEY_COUNT = 100_000;
const PEER_ROUND_COUNT = 15;
/** Keys of a batch that fills the peer. */
const FILL_SIZE = 10_000;

const SMALL_KEY_COUNT = 10_000;
const LARGE_KEY_COUNT = 1_000_000;
const GROWTH_ROUND_COUNT = 40;

const HEIGHT_COUNT = 20_000;
/** Blocks at either end that are compared. */
const END_COUNT = 1_000;
const SMALL_BLOCK_SIZE = 10;

class StateBench {
  readonly #folder: string;
  readonly #report: Report;

  constructor(folder: string, report: Report) {
    this.#folder = folder;
    this.#report = report;
  }

  async compareWithPeer(): Promise<Figures> {
    const { store } = await this.#load("ours", PEER_KEY_COUNT);
    const peer = await Peer.open(join(this.#folder, "peer"));
    for (let from = 0; from < PEER_KEY_COUNT; from += FILL_SIZE) {
      const indices = Array.from({ length: FILL_SIZE }, (_, i) => from + i);
      await peer.commit(indices.map((index) => ({ key: keyAt(index), value: valueAt(index, 0) })));
    }
    const picker = new KeyPicker(PEER_KEY_COUNT);
    const times: { readonly ours: number; readonly theirs: number }[] = [];
    for (let round = -WARM_UP_COUNT; round < PEER_ROUND_COUNT; round++) {
      const changes = picker.next(BLOCK_SIZE);
      const ours = await timeMs(() => commitChanges(store, changes));
      const theirs = await timeMs(() => peer.commit(changes));
      if (round >= 0) times.push({ ours, theirs });
      const [change] = changes;
      assert(equalBytes((await peer.get(change!.key))!, change!.value!), "the peer holds what it was given");
    }
    const getCount = countGets(() => {
      for (let index = 0; index < BLOCK_SIZE; index++)
        assert(store.flat.get(keyAt(index)) !== undefined, "a key is lost");
    });
    await peer.close();
    await this.#drop(store);
    const ours = median(times.map((time) => time.ours));
    const theirs = median(times.map((time) => time.theirs));
    this.#report(`${BLOCK_SIZE} updates on ${PEER_KEY_COUNT} keys: ${ms(ours)}, @ethereumjs/mpt ${ms(theirs)}`);
    return {
      mpt_speedup: median(times.map((time) => time.theirs / time.ours)),
      updates_per_s: (BLOCK_SIZE / ours) * 1e3,
      gets_per_hot_read: getCount / BLOCK_SIZE,
    };
  }

  /** The last blocks of a tall chain, and in turn the first ones of another with the same state. */
  async measureHeight(): Promise<Figures> {
    const { store: tall } = await this.#load("tall", SMALL_KEY_COUNT);
    const { store: young } = await this.#load("young", SMALL_KEY_COUNT);
    const picker = new KeyPicker(SMALL_KEY_COUNT);
    for (let i = 0; i < HEIGHT_COUNT - END_COUNT; i++) await commitChanges(tall, picker.next(SMALL_BLOCK_SIZE));
    const last: number[] = [];
    const first: number[] = [];
    for (let i = 0; i < END_COUNT; i++) {
      const changes = picker.next(SMALL_BLOCK_SIZE);
      const timeLast = async () => last.push(await timeMs(() => commitChanges(tall, changes)));
      const timeFirst = async () => first.push(await timeMs(() => commitChanges(young, changes)));
      // Whoever comes second finds the processor's caches warm.
      for (const time of i % 2 === 0 ? [timeLast, timeFirst] : [timeFirst, timeLast]) await time();
    }
    assert(tall.headHeight > HEIGHT_COUNT, "the tall chain is tall");
    await this.#drop(tall);
    await this.#drop(young);
    this.#report(
      `a block of ${SMALL_BLOCK_SIZE}, the first ${END_COUNT}: ${ms(median(first))}, last: ${ms(median(last))}`,
    );
    return { block_drift_ratio: median(last) / median(first) };
  }

  async measureSize(): Promise<Figures> {
    const { store: small } = await this.#load("small", SMALL_KEY_COUNT);
    const { store: large, peakBytes } = await this.#load("large", LARGE_KEY_COUNT);
    this.#report(`loading ${LARGE_KEY_COUNT} keys: at most ${(peakBytes / 1e6).toFixed(0)} MB`);
    const sides = [
      { store: small, picker: new KeyPicker(SMALL_KEY_COUNT) },
      { store: large, picker: new KeyPicker(LARGE_KEY_COUNT) },
    ] as const;
    const growth = await this.#growth(sides, BLOCK_SIZE);
    const smallBlockGrowth = await this.#growth(sides, SMALL_BLOCK_SIZE);

    while (!(await large.prune(1, FILL_SIZE)));
    const directory = large.location;
    await large.close();
    await compact(directory);
    const size = folderSize(directory);
    const rawSize = LARGE_KEY_COUNT * (KEY_SIZE + VALUE_SIZE);
    this.#report(`${LARGE_KEY_COUNT} keys, ${(rawSize / 1e6).toFixed(0)} MB: ${(size / 1e6).toFixed(0)} MB on disk`);
    await this.#drop(small);
    return {
      update_growth_1m_over_10k: growth,
      update_growth_small_blocks: smallBlockGrowth,
      disk_ratio: size / rawSize,
      dump_load_peak_mb: peakBytes / 1e6,
    };
  }

  /** How much longer blocks take on the second side than on the first. */
  async #growth(
    sides: readonly { readonly store: Store; readonly picker: KeyPicker }[],
    blockSize: number,
  ): Promise<number> {
    const times = sides.map(() => [] as number[]);
    for (let round = -WARM_UP_COUNT; round < GROWTH_ROUND_COUNT; round++) {
      for (const [side, { store, picker }] of sides.entries()) {
        const changes = picker.next(blockSize);
        const time = await timeMs(() => commitChanges(store, changes));
        if (round >= 0) times[side]!.push(time);
      }
    }
    const [few, many] = times.map(median) as [number, number];
    this.#report(`${blockSize} updates: ${ms(few)} on ${SMALL_KEY_COUNT} keys, ${ms(many)} on ${LARGE_KEY_COUNT}`);
    return many / few;
  }

  /** A chain with the keys 0 to `keyCount`, loaded in a process of its own. */
  async #load(name: string, keyCount: number): Promise<{ readonly store: Store; readonly peakBytes: number }> {
    const dump = join(this.#folder, `${name}.dump`);
    const directory = join(this.#folder, name);
    await writeStateDump(dump, keyCount);
    const child = fileURLToPath(new URL("state/load.js", import.meta.url));
    const { status, stdout, stderr } = spawnSync(process.execPath, [child, dump, directory], { encoding: "utf8" });
    assert(status === 0, `loading ${keyCount} keys failed: ${stderr}`);
    rmSync(dump);
    // At rest: otherwise LevelDB would go on compacting beside what is timed.
    await compact(directory);
    return { store: await Store.open(directory), peakBytes: Number(stdout) };
  }

  async #drop(store: Store): Promise<void> {
    await store.close();
    rmSync(store.location, { recursive: true });
  }
}

/** What `level` does not tell, because browsers have none of it. */
interface Compactable {
  compactRange(start: Uint8Array, end: Uint8Array): Promise<void>;
}

async function compact(directory: string): Promise<void> {
  const database = new Level(directory) as Level & Compactable;
  await database.compactRange(Uint8Array.of(0x00), Uint8Array.of(0xff));
  await database.close();
}

function folderSize(directory: string): number {
  return readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
}

/** Reads of LevelDB while `act` runs. */
function countGets(act: () => void): number {
  const original = Level.prototype.getSync;
  let count = 0;
  Level.prototype.getSync = function (this: Level, ...args: Parameters<typeof original>) {
    count++;
    return original.apply(this, args);
  } as typeof original;
  try {
    act();
  } finally {
    Level.prototype.getSync = original;
  }
  return count;
}

async function timeMs(run: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

function ms(time: number): string {
  return `${time.toFixed(time < 10 ? 2 : 0)} ms`;
}
