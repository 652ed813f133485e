/** A short life of a folder, in which each write fails once: not done, done and not told, or torn in the middle. */
import { readdirSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { Level } from "level";
import { afterEach, expect, test, vi } from "vitest";
import { arbitraryBlock, createBlock, type MadeBlock, recordsOf } from "../../test/support/made-blocks.ts";
import { temporaryFolder, testGenesis } from "../../test/support/test-chain.ts";
import { InputError } from "../../vm/errors.ts";
import { Store } from "../store.ts";
import { checkDatabase } from "./check.ts";

type Step =
  | { readonly kind: "commit"; readonly height: number; readonly block: MadeBlock }
  | { readonly kind: "prune"; readonly rootCount: number }
  | { readonly kind: "rollback"; readonly height: number };

const blocks = fc.sample(arbitraryBlock, { numRuns: 9, seed: 33 });
const commit = (height: number, index = height): Step => ({ kind: "commit", height, block: blocks[index - 1]! });
const life: readonly Step[] = [
  ...[commit(1), commit(2), commit(3), commit(4), commit(5)],
  { kind: "prune", rootCount: 4 },
  ...[commit(6), commit(7)],
  { kind: "rollback", height: 4 },
  ...[commit(5, 8), commit(6, 9)],
  { kind: "prune", rootCount: 2 },
];

/** May be taken twice, as after a failure nobody knows whether it was taken. */
async function take(store: Store, step: Step): Promise<void> {
  if (step.kind === "commit") {
    if (store.headHeight < step.height) await store.commit(createBlock(store, step.block));
  } else if (step.kind === "rollback") {
    if (store.headHeight > step.height) await store.rollback(step.height);
  } else {
    while (!(await store.prune(step.rootCount, 4)));
  }
}

type Failure = "not done" | "not told" | "torn";

interface Batch {
  write(options: unknown): Promise<void>;
}
const prototype = Level.prototype as unknown as { batch(): Batch };
const createBatch = prototype.batch;
afterEach(() => vi.restoreAllMocks());

/** Lets the write of that number fail in this way, once. */
function failWrite(folder: string, failing: number, failure: Failure) {
  let count = 0;
  /** Where to cut which log, once the folder is closed. */
  let cut: { readonly log: string; readonly size: number } | undefined;
  vi.spyOn(prototype, "batch").mockImplementation(function (this: object) {
    const batch = createBatch.call(this);
    const write = batch.write.bind(batch);
    batch.write = async (options) => {
      const isFailing = count++ === failing;
      if (isFailing && failure === "not done") throw new Error("ENOSPC: no space left on device");
      const before = logOf(folder);
      await write(options);
      if (!isFailing) return;
      const after = logOf(folder);
      if (failure === "torn") cut = { log: after.log, size: before.size + Math.floor((after.size - before.size) / 2) };
      throw new Error("EIO: input/output error");
    };
    return batch;
  });
  return {
    get count() {
      return count;
    },
    tear: () => {
      if (cut !== undefined) truncateSync(cut.log, cut.size);
      cut = undefined;
    },
  };
}

function logOf(folder: string): { readonly log: string; readonly size: number } {
  const logs = readdirSync(folder).filter((name) => name.endsWith(".log"));
  const log = join(folder, logs.sort().at(-1)!);
  return { log, size: statSync(log).size };
}

/** Lives through `life`, with one failure; the number of writes. */
async function live(folder: string, failing: number, failure: Failure): Promise<number> {
  const writes = failWrite(folder, failing, failure);
  const open = () => Store.open(folder, { genesis: testGenesis });
  const store = await open().catch((error) => {
    expect(error).toBeInstanceOf(InputError);
    writes.tear();
    return open();
  });
  for (const step of life) {
    try {
      await take(store, step);
    } catch (error) {
      expect(error).toMatchObject({ name: "InputError", code: expect.stringMatching(/^storage_(full|failed)$/) });
      // What came behind a torn record would be lost, so the store takes nothing before it was opened again.
      await expect(store.commit(createBlock(store, blocks[0]!))).rejects.toBe(error);
      await store.close();
      writes.tear();
      await store.reopen();
      await checkDatabase(folder);
      await take(store, step);
    }
  }
  await store.close();
  vi.restoreAllMocks();
  return writes.count;
}

test("whichever write fails, and however: the folder is whole, goes on, and ends as if nothing had happened", async () => {
  const undisturbed = temporaryFolder();
  const writeCount = await live(undisturbed, -1, "not done");
  expect(writeCount).toBeGreaterThan(life.length);
  const records = await recordsOf(undisturbed);
  for (const failure of ["not done", "not told", "torn"] as const) {
    for (let failing = 0; failing < writeCount; failing++) {
      const folder = temporaryFolder();
      await live(folder, failing, failure);
      expect(await recordsOf(folder), `write ${failing} ${failure}`).toEqual(records);
    }
  }
});
