import { spawnSync } from "node:child_process";
import { Worker } from "node:worker_threads";
import fc from "fast-check";
import { Level } from "level";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { temporaryFolder } from "../test/support/test-chain.ts";
import { compareBytes } from "../vm/borsh.ts";
import { Fault } from "../vm/errors.ts";
import { ScanThread } from "./scan-thread.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

type Database = Level<Uint8Array, Uint8Array>;
interface Entry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

async function openDatabase(location: string, entries: readonly Entry[] = []): Promise<Database> {
  const database: Database = new Level(location, { keyEncoding: "view", valueEncoding: "view", multithreading: true });
  await database.open();
  onTestFinished(() => database.close());
  await put(database, entries);
  return database;
}

async function put(database: Database, entries: readonly Entry[]): Promise<void> {
  await database.batch(entries.map((entry) => ({ type: "put", ...entry })));
}

function startThread(location: string): ScanThread {
  const thread = new ScanThread(location);
  onTestFinished(() => thread.close());
  return thread;
}

const first = new Uint8Array();
const behindAll = new Uint8Array(2_000).fill(0xff);

function numbered(number: number, value = new Uint8Array()): Entry {
  const key = new Uint8Array(4);
  new DataView(key.buffer).setUint32(0, number);
  return { key, value };
}

const numbers = (thread: ScanThread): number[] =>
  [...thread.scan(first, behindAll, false)].map(({ key }) => Number(`0x${hex(key)}`));

test("a sleeper who is woken for an answer that was taken already sleeps on", async () => {
  const folder = temporaryFolder();
  await openDatabase(
    folder,
    [1, 2, 3].map((number) => numbered(number)),
  );
  const thread = startThread(folder);
  expect(numbers(thread)).toEqual([1, 2, 3]);
  const wait = vi.spyOn(Atomics, "wait");
  onTestFinished(() => wait.mockRestore());
  // As when the thread is interrupted between raising the cell and waking: nothing has changed, and yet nobody sleeps. On a busy
  // machine the answer may be there by then, and there is nothing to sleep on for.
  await vi.waitFor(() => {
    wait.mockClear().mockImplementationOnce(() => "ok");
    expect(numbers(thread)).toEqual([1, 2, 3]);
    expect(wait).toHaveBeenCalledTimes(2);
  });
});

describe("a scan", () => {
  test("gives what a sorted list gives, in both directions, between any bounds", async () => {
    const folder = temporaryFolder();
    const keyArb = fc
      .array(fc.constantFrom(0x00, 0x01, 0x7f, 0x80, 0xff), { maxLength: 4 })
      .map((bytes) => Uint8Array.from(bytes));
    const keys = [...new Map(fc.sample(keyArb, { seed: 1, numRuns: 2_000 }).map((key) => [hex(key), key])).values()];
    const entries = keys.filter((key) => key.length > 0).map((key) => ({ key, value: key.toReversed() }));
    expect(entries.length).toBeGreaterThan(200);
    await openDatabase(folder, entries);
    entries.sort((a, b) => compareBytes(a.key, b.key));
    const thread = startThread(folder);
    fc.assert(
      fc.property(keyArb, keyArb, fc.boolean(), (from, to, reverse) => {
        const expected = entries.filter(({ key }) => compareBytes(from, key) <= 0 && compareBytes(key, to) < 0);
        if (reverse) expected.reverse();
        expect([...thread.scan(from, to, reverse)]).toEqual(expected);
      }),
      { numRuns: 200 },
    );
    expect([...thread.scan(first, behindAll, false)]).toEqual(entries);
    expect([...thread.scan(first, behindAll, true)]).toEqual(entries.reverse());
  });

  test("goes on from page to page, be they full of entries or of bytes, and ends where they end", async () => {
    for (const [count, size] of [
      [16, 1],
      [17, 1],
      [80, 1],
      [3_000, 1],
      [40, 64 * 1024],
      [3, 1024 * 1024],
    ] as const) {
      const folder = temporaryFolder();
      const entries = Array.from({ length: count }, (_, i) => numbered(i, new Uint8Array(size).fill(i)));
      await openDatabase(folder, entries);
      const thread = startThread(folder);
      for (const reverse of [false, true]) {
        const scanned = [...thread.scan(first, behindAll, reverse)];
        if (reverse) scanned.reverse();
        expect(scanned.length).toBe(count);
        expect(scanned.every(({ key, value }, i) => !compareBytes(key, entries[i]!.key) && value.length === size)).toBe(
          true,
        );
      }
    }
  });

  test("sees each batch as soon as it is acknowledged", async () => {
    const folder = temporaryFolder();
    const database = await openDatabase(folder);
    const thread = startThread(folder);
    expect(numbers(thread)).toEqual([]);
    for (let i = 0; i < 100; i++) {
      await database.batch([
        { type: "put", ...numbered(i) },
        { type: "put", ...numbered(i + 1) },
        { type: "del", key: numbered(i - 1).key },
      ]);
      expect(numbers(thread)).toEqual([i, i + 1]);
    }
  });

  test("that is given up leaves nothing behind", async () => {
    const folder = temporaryFolder();
    await openDatabase(
      folder,
      [1, 2, 3].map((number) => numbered(number)),
    );
    const thread = startThread(folder);
    for (let i = 0; i < 100; i++) thread.scan(first, behindAll, i % 2 === 1).next();
    expect(numbers(thread)).toEqual([1, 2, 3]);
  });

  test("tells where removed entries make it slow, and stops being slow once that is compacted", async () => {
    const folder = temporaryFolder();
    const database = await openDatabase(folder);
    const count = 50_000;
    const all = Array.from({ length: count }, (_, i) => numbered(i));
    await put(database, all);
    await put(database, [numbered(count)]);
    await database.batch(all.map(({ key }) => ({ type: "del", key })));
    const thread = startThread(folder);
    const time = () => {
      const started = performance.now();
      expect(numbers(thread)).toEqual([count]);
      return performance.now() - started;
    };
    time();
    const slow = time();
    let [best, toldCount] = [slow, 0];
    // Compacting goes on in the background, and LevelDB may need to be told twice.
    for (let i = 0; i < 2_000 && best >= slow / 4; i++) {
      best = Math.min(best, time());
      const told = thread.takeSlowRange();
      if (told === null) continue;
      toldCount++;
      // As the store does it, in the batch of a block.
      await database.batch([told.start, told.end].map((key) => ({ type: "del", key })));
      thread.compact(told);
    }
    expect(toldCount).toBeGreaterThan(0);
    expect(best).toBeLessThan(slow / 4);
  });
});

describe("the thread", () => {
  test("serves a thread that is no main thread, and keeps no process alive", async () => {
    const folder = temporaryFolder();
    const database = await openDatabase(folder, [numbered(7)]);
    await database.close();
    const module = new URL("../dist/node/scan-thread.js", import.meta.url).href;
    // The flag that makes both texts modules is not for the scan thread.
    const inWorker = `import { parentPort } from "node:worker_threads";
      import { ScanThread } from ${JSON.stringify(module)};
      const scan = new ScanThread(${JSON.stringify(folder)}).scan(new Uint8Array(), Uint8Array.of(255), false);
      parentPort.postMessage([...scan].length);`;
    const script = `import { Worker } from "node:worker_threads";
      new Worker(${JSON.stringify(inWorker)}, { eval: true }).on("message", (count) => console.log("entries", count));`;
    const { status, stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
      encoding: "utf8",
      timeout: 20_000,
    });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "entries 1\n", stderr: "" });
  });

  test("says what LevelDB says, again and again", () => {
    const thread = startThread(temporaryFolder());
    for (let i = 0; i < 2; i++) {
      expect(() => numbers(thread)).toThrow(/LEVEL_DATABASE_NOT_OPEN.*does not exist/);
    }
  });

  test("lets go of the folder when it is closed", async () => {
    const folder = temporaryFolder();
    const database = await openDatabase(folder, [numbered(7)]);
    const thread = startThread(folder);
    expect(numbers(thread)).toEqual([7]);
    await thread.close();
    await database.close();
    // Without multithreading it opens only what nobody else has.
    const alone = new Level(folder);
    await alone.open();
    await alone.close();
    expect(() => numbers(thread)).toThrow(Fault);
  });

  test("is a fault when it died", async () => {
    const unref = vi.spyOn(Worker.prototype, "unref");
    onTestFinished(() => unref.mockRestore());
    const folder = temporaryFolder();
    await openDatabase(folder);
    const thread = startThread(folder);
    expect(numbers(thread)).toEqual([]);
    const [worker] = unref.mock.contexts as Worker[];
    await worker!.terminate();
    expect(() => numbers(thread)).toThrow(Fault);
    await thread.close();
  });

  test("is a fault when it does not answer in time, and is not asked again", async () => {
    const wait = vi.spyOn(Atomics, "wait").mockReturnValueOnce("timed-out");
    onTestFinished(() => wait.mockRestore());
    const folder = temporaryFolder();
    const database = await openDatabase(folder, [numbered(7)]);
    const thread = startThread(folder);
    for (let i = 0; i < 2; i++) expect(() => numbers(thread)).toThrow("no answer");
    expect(wait).toHaveBeenCalledOnce();
    await thread.close();
    await database.close();
    const alone = new Level(folder);
    await alone.open();
    await alone.close();
  });
});
