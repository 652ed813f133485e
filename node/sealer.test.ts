import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { codeOf, codeOfWork } from "../test/support/refusals.ts";
import { InputError } from "../vm/errors.ts";
import type { Sealing } from "./rpc/service.ts";
import { Sealer } from "./sealer.ts";

const storageFull = () => new InputError("storage_full", "the disk is full");

/** A chain that only counts: what is ready, what blocks there are, and that there is one production at a time. */
class Chain {
  ready = 0;
  /** Of each block: when it was begun, and how many transactions are in it. */
  readonly blocks: { at: number; count: number }[] = [];
  readonly faults: unknown[] = [];
  blockTimeMs = 10;
  blockCountMax = Number.POSITIVE_INFINITY;
  /** Thrown by the productions to come, first by the first. */
  failures: unknown[] = [];
  isProducing = false;
  attempts = 0;
  readonly sealer: Sealer;

  constructor(sealing: Sealing) {
    this.sealer = new Sealer({
      sealing,
      produce: (mayBeEmpty) => this.#produce(mayBeEmpty),
      onFault: (fault) => this.faults.push(fault),
    });
  }

  submit(count = 1): void {
    this.ready += count;
    this.sealer.notify();
  }

  /** Something that must not overlap a production, nor another of its kind. */
  async work(ms: number, isRefused: boolean): Promise<void> {
    if (this.isProducing) this.faults.push("a production and other work at once");
    this.isProducing = true;
    await new Promise((resolve) => setTimeout(resolve, ms));
    this.isProducing = false;
    if (isRefused) throw storageFull();
  }

  get counts(): number[] {
    return this.blocks.map(({ count }) => count);
  }

  get times(): number[] {
    return this.blocks.map(({ at }) => at);
  }

  async #produce(mayBeEmpty: boolean): Promise<boolean | "full"> {
    if (this.isProducing) this.faults.push("two productions at once");
    this.attempts++;
    const count = Math.min(this.ready, this.blockCountMax);
    if (count === 0 && !mayBeEmpty) return false;
    const isFull = this.ready > count;
    const at = performance.now();
    this.isProducing = true;
    await new Promise((resolve) => setTimeout(resolve, this.blockTimeMs));
    this.isProducing = false;
    if (this.failures.length > 0) {
      const failure = this.failures.shift();
      if (failure instanceof InputError) this.sealer.pause();
      throw failure;
    }
    this.ready -= count;
    this.blocks.push({ at, count });
    return isFull ? "full" : true;
  }
}

let chain: Chain;
let start: number;

function begin(sealing: Sealing): Chain {
  start = performance.now();
  chain = new Chain(sealing);
  return chain;
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
/** A turn of the event loop that begins in a timer takes the clock that vitest puts in place one millisecond. */
const timesOfBlocks = () => chain.times.map((at) => Math.round(at - start));

describe("with a clock of our own", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });

  afterEach(async () => {
    const stopped = chain.sealer.stop();
    await pass(1_000);
    await stopped;
    expect(vi.getTimerCount()).toBe(0);
    expect(chain.faults).toEqual([]);
    vi.useRealTimers();
  });

  describe("per transaction", () => {
    beforeEach(() => begin({ kind: "transaction" }));

    test("what arrives in one turn shares a block, which is begun when the turn is over", async () => {
      chain.submit();
      chain.submit();
      expect(chain.attempts).toBe(0);
      await pass(0);
      expect(chain.isProducing).toBe(true);
      await pass(10);
      expect([chain.counts, timesOfBlocks()]).toEqual([[2], [0]]);
    });

    test("what arrives while a block is made is in the next, at once", async () => {
      chain.submit();
      await pass(5);
      chain.submit(2);
      await pass(100);
      expect([chain.counts, timesOfBlocks()]).toEqual([
        [1, 2],
        [0, 10],
      ]);
    });

    test("blocks follow each other until nothing is ready, and none is empty", async () => {
      chain.blockCountMax = 2;
      chain.submit(5);
      await pass(1_000);
      expect(chain.counts).toEqual([2, 2, 1]);
    });

    test("without a transaction nothing happens, nor when it is told of one that is not there", async () => {
      await pass(100_000);
      expect(chain.attempts).toBe(0);
      chain.sealer.notify();
      await pass(100_000);
      expect([chain.attempts, chain.blocks]).toEqual([1, []]);
    });
  });

  describe("at intervals", () => {
    beforeEach(() => begin({ kind: "interval", intervalMs: 100 }));

    test("the first block comes one interval after the start, and each an interval after the one before", async () => {
      chain.submit(3);
      await pass(99);
      expect(chain.attempts).toBe(0);
      await pass(300);
      expect([timesOfBlocks(), chain.counts]).toEqual([
        [101, 201, 301],
        [3, 0, 0],
      ]);
    });

    test("what was ready at a tick is in blocks before the next; what arrives after it waits", async () => {
      chain.blockCountMax = 2;
      chain.submit(5);
      await pass(145);
      expect([timesOfBlocks(), chain.counts]).toEqual([
        [101, 111, 121],
        [2, 2, 1],
      ]);
      chain.submit(1);
      await pass(100);
      expect([timesOfBlocks().slice(3), chain.counts.slice(3)]).toEqual([[201], [1]]);
    });

    test("a tick that comes while a block is made is one tick, and those that follow keep their times", async () => {
      chain.blockTimeMs = 250;
      await pass(345);
      chain.blockTimeMs = 10;
      // The ticks at 200 and 300 are one, and come when the block is done; that of 400 is in its place.
      await pass(200);
      expect(timesOfBlocks()).toEqual([101, 351, 401, 501]);
    });

    test("a late tick does not make the next one late, and ticks that were slept through are gone", async () => {
      const now = performance.now.bind(performance);
      let lateMs = 0;
      const clock = vi.spyOn(performance, "now").mockImplementation(() => now() + lateMs);
      lateMs = 7;
      await pass(350);
      expect(timesOfBlocks()).toEqual([108, 201, 301]);
      lateMs = 507;
      await pass(350);
      expect(timesOfBlocks().slice(3)).toEqual([901, 1_001, 1_101]);
      clock.mockRestore();
    });

    test("blocks that take longer than the interval do not pile up", async () => {
      chain.blockTimeMs = 150;
      chain.blockCountMax = 1;
      chain.submit(4);
      await pass(1_000);
      expect(timesOfBlocks()).toEqual([101, 251, 401, 551, 701]);
      chain.blockTimeMs = 10;
      await pass(250);
      expect(timesOfBlocks().slice(5)).toEqual([851, 1_001, 1_101, 1_201]);
    });
  });

  describe("mixed", () => {
    beforeEach(() => begin({ kind: "mixed", intervalMs: 100 }));

    test("an empty block comes when an interval passes without any", async () => {
      await pass(50);
      chain.submit();
      await pass(300);
      // The block at 50 is made at 60, and the interval counts from there; an empty one takes its 10 ms too.
      expect([timesOfBlocks(), chain.counts]).toEqual([
        [50, 161, 272],
        [1, 0, 0],
      ]);
    });

    test("a tick during a block that is made for a transaction is none", async () => {
      await pass(95);
      chain.submit();
      await pass(105);
      expect([timesOfBlocks(), chain.counts]).toEqual([[95], [1]]);
      await pass(20);
      expect(timesOfBlocks()).toEqual([95, 206]);
    });
  });

  describe("by hand", () => {
    beforeEach(() => begin({ kind: "manual" }));

    test("nothing is made until asked for: the first of what is ready, the others empty", async () => {
      chain.submit(2);
      await pass(100_000);
      expect(chain.attempts).toBe(0);
      const mined = chain.sealer.mine(3);
      await pass(30);
      await mined;
      expect(chain.counts).toEqual([2, 0, 0]);
      await pass(100_000);
      expect(chain.attempts).toBe(3);
    });

    test("calls are served in their order, each until its blocks are there", async () => {
      const served: string[] = [];
      const mines = [2, 1, 3].map((count) =>
        chain.sealer.mine(count).then(() => served.push(`${count} at ${chain.blocks.length}`)),
      );
      await pass(100);
      await Promise.all(mines);
      expect(served).toEqual(["2 at 2", "1 at 3", "3 at 6"]);
    });

    test("a call rejects with what its production threw, and the next is served", async () => {
      const failure = new InputError("odd", "not the store's fault");
      chain.failures = [failure];
      const first = expect(chain.sealer.mine(2)).rejects.toBe(failure);
      const second = chain.sealer.mine(1);
      await pass(100);
      await first;
      expect(chain.blocks).toEqual([]);
      chain.sealer.resume();
      await pass(100);
      await second;
      expect(chain.counts).toEqual([0]);
    });

    test("1 to 1000 blocks can be asked for", async () => {
      for (const count of [0, -1, 1.5, 1_001, Number.NaN, Number.POSITIVE_INFINITY]) {
        expect(await codeOfWork(chain.sealer.mine(count))).toBe("count_invalid");
      }
      await pass(100);
      expect(chain.attempts).toBe(0);
      const mined = chain.sealer.mine(1_000);
      await pass(10_000);
      await mined;
      expect(chain.blocks.length).toBe(1_000);
    });
  });

  describe("work of others", () => {
    beforeEach(() => begin({ kind: "transaction" }));

    test("waits for the block in the making, and no block is begun until it is over", async () => {
      chain.submit();
      await pass(5);
      const done = chain.sealer.run(async () => {
        expect(chain.isProducing).toBe(false);
        chain.submit();
        await new Promise((resolve) => setTimeout(resolve, 50));
        expect(chain.attempts).toBe(1);
        return "done";
      });
      await pass(100);
      expect(await done).toBe("done");
      expect([chain.counts, timesOfBlocks()]).toEqual([
        [1, 1],
        [0, 60],
      ]);
    });

    test("is served in the order of the calls, mines among them", async () => {
      const served: string[] = [];
      const work = (name: string) => chain.sealer.run(async () => served.push(`${name} at ${chain.blocks.length}`));
      const all = [
        work("a"),
        chain.sealer.mine(2).then(() => served.push("2 mined")),
        work("b"),
        work("c"),
        chain.sealer.mine(1).then(() => served.push("1 mined")),
      ];
      await pass(100);
      await Promise.all(all);
      expect(served).toEqual(["a at 0", "2 mined", "b at 2", "c at 2", "1 mined"]);
    });

    test("rejects with what it threw, a bug of ours is a fault as well, and the next is served", async () => {
      const refusal = storageFull();
      const fault = new Error("ours");
      const throwing = (error: Error) =>
        expect(
          chain.sealer.run(async () => {
            throw error;
          }),
        ).rejects.toBe(error);
      const all = [throwing(refusal), throwing(fault), expect(chain.sealer.run(async () => 7)).resolves.toBe(7)];
      await pass(10);
      await Promise.all(all);
      expect(chain.faults.splice(0)).toEqual([fault]);
    });

    test("waits while the store takes nothing", async () => {
      chain.sealer.pause();
      const work = vi.fn(async () => chain.blocks.length);
      const done = chain.sealer.run(work);
      await pass(1_000);
      expect(work).not.toHaveBeenCalled();
      chain.sealer.resume();
      await pass(0);
      expect(await done).toBe(0);
    });

    test("is let come to its end by a stop, and none is begun after it", async () => {
      const begun = codeOfWork(chain.sealer.run(() => new Promise<void>((resolve) => setTimeout(resolve, 20))));
      const late = vi.fn(async () => {});
      const waiting = codeOfWork(chain.sealer.run(late));
      await pass(5);
      let isStopped = false;
      const stopped = chain.sealer.stop().then(() => {
        isStopped = true;
      });
      await pass(10);
      expect(isStopped).toBe(false);
      await pass(10);
      await stopped;
      expect([await begun, await waiting]).toEqual(["accepted", "node_stopping"]);
      expect(await codeOfWork(chain.sealer.run(late))).toBe("node_stopping");
      expect(late).not.toHaveBeenCalled();
    });
  });

  describe("another mode", () => {
    test("is refused with an interval that is none, and the old one stays", async () => {
      begin({ kind: "interval", intervalMs: 100 });
      for (const intervalMs of [0, -1, 0.5, 86_400_001, Number.NaN, Number.POSITIVE_INFINITY]) {
        for (const kind of ["interval", "mixed"] as const) {
          expect(codeOf(() => chain.sealer.setSealing({ kind, intervalMs }))).toBe("sealing_invalid");
          expect(codeOf(() => new Chain({ kind, intervalMs }))).toBe("sealing_invalid");
        }
      }
      const unheardOf = { kind: "sometimes" } as unknown as Sealing;
      expect(codeOf(() => chain.sealer.setSealing(unheardOf))).toBe("sealing_invalid");
      expect(chain.sealer.sealing).toEqual({ kind: "interval", intervalMs: 100 });
      await pass(111);
      expect(timesOfBlocks()).toEqual([101]);
      for (const intervalMs of [1, 86_400_000]) chain.sealer.setSealing({ kind: "interval", intervalMs });
    });

    test("begins with what waits, per transaction, and one interval later, at intervals", async () => {
      begin({ kind: "manual" });
      chain.submit();
      await pass(100);
      chain.sealer.setSealing({ kind: "transaction" });
      await pass(100);
      expect(timesOfBlocks()).toEqual([100]);
      chain.sealer.setSealing({ kind: "interval", intervalMs: 50 });
      await pass(75);
      chain.submit();
      chain.sealer.setSealing({ kind: "interval", intervalMs: 60 });
      await pass(75);
      expect(timesOfBlocks()).toEqual([100, 251, 336]);
    });

    test("ends the old one, though a block of its is in the making and more is ready", async () => {
      begin({ kind: "transaction" });
      chain.blockCountMax = 1;
      chain.submit(3);
      await pass(5);
      chain.sealer.setSealing({ kind: "manual" });
      await pass(1_000);
      expect(chain.counts).toEqual([1]);
    });
  });

  describe("while the store takes nothing", () => {
    test("no block is begun, and then what is due is made: once", async () => {
      begin({ kind: "transaction" });
      chain.sealer.pause();
      chain.submit();
      const mined = chain.sealer.mine(1);
      await pass(1_000);
      expect(chain.attempts).toBe(0);
      chain.sealer.resume();
      await pass(1_000);
      await mined;
      expect(chain.counts).toEqual([1]);
    });

    test.each<Sealing>([
      { kind: "transaction" },
      { kind: "interval", intervalMs: 100 },
      { kind: "mixed", intervalMs: 100 },
    ])("what failed is due again, and not before: $kind", async (sealing) => {
      begin(sealing);
      chain.failures = [storageFull()];
      chain.submit();
      await pass(150);
      expect(chain.attempts).toBe(1);
      await pass(10_000);
      expect(chain.attempts).toBe(1);
      chain.sealer.resume();
      await pass(30);
      expect(chain.counts).toEqual([1]);
    });

    test("an empty block that failed is due again", async () => {
      begin({ kind: "interval", intervalMs: 1_000 });
      chain.failures = [storageFull()];
      await pass(1_020);
      chain.sealer.resume();
      await pass(10);
      expect(timesOfBlocks()).toEqual([1_020]);
    });
  });

  test("what is no InputError is a fault, and not tried again", async () => {
    begin({ kind: "transaction" });
    const fault = new Error("ours");
    chain.failures = [fault];
    chain.submit();
    await pass(1_000);
    expect(chain.faults.splice(0)).toEqual([fault]);
    expect(chain.attempts).toBe(1);
    chain.failures = [fault];
    const mined = expect(chain.sealer.mine(1)).rejects.toBe(fault);
    await pass(1_000);
    await mined;
    expect(chain.faults.splice(0)).toEqual([fault]);
  });

  describe("stopping", () => {
    test("waits for the block in the making, begins none, and rejects the calls that wait", async () => {
      begin({ kind: "mixed", intervalMs: 20 });
      chain.blockCountMax = 1;
      chain.submit(3);
      const codes = Promise.all([codeOfWork(chain.sealer.mine(2)), codeOfWork(chain.sealer.mine(1))]);
      await pass(5);
      const stopped = chain.sealer.stop().then(() => chain.blocks.length);
      chain.submit();
      await pass(1_000);
      expect([await stopped, await codes, chain.counts]).toEqual([1, ["node_stopping", "node_stopping"], [1]]);
      expect(await codeOfWork(chain.sealer.mine(1))).toBe("node_stopping");
      chain.sealer.resume();
      chain.sealer.setSealing({ kind: "interval", intervalMs: 1 });
      await pass(1_000);
      expect(chain.attempts).toBe(1);
    });

    test("lets the call be served whose last block is in the making", async () => {
      begin({ kind: "manual" });
      const code = codeOfWork(chain.sealer.mine(1));
      await pass(5);
      const stopped = chain.sealer.stop();
      await pass(5);
      await stopped;
      expect(await code).toBe("accepted");
    });

    test("does not reject, whatever the block in the making does, nor when paused", async () => {
      begin({ kind: "transaction" });
      chain.failures = [storageFull()];
      chain.submit();
      await pass(5);
      const stopped = chain.sealer.stop();
      await pass(5);
      await stopped;
      await chain.sealer.stop();
      begin({ kind: "manual" });
      chain.sealer.pause();
      const code = codeOfWork(chain.sealer.mine(1));
      await chain.sealer.stop();
      expect(await code).toBe("node_stopping");
    });
  });

  const sealingArb = fc.oneof(
    fc.constantFrom<Sealing>({ kind: "transaction" }, { kind: "manual" }),
    fc.record({
      kind: fc.constantFrom("interval" as const, "mixed" as const),
      intervalMs: fc.integer({ min: 1, max: 60 }),
    }),
  );
  const stepArb = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ kind: fc.constant("submit" as const), count: fc.integer({ min: 1, max: 4 }) }),
    },
    { weight: 8, arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.integer({ min: 0, max: 40 }) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("mine" as const), count: fc.integer({ min: 1, max: 3 }) }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant("run" as const),
        ms: fc.integer({ min: 0, max: 25 }),
        isRefused: fc.boolean(),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.constantFrom({ kind: "pause" as const }, { kind: "resume" as const }, { kind: "fail" as const }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("setSealing" as const), sealing: sealingArb }) },
  );

  test("whatever is asked for in whatever order, productions never overlap and nothing due is lost", async () => {
    const property = fc.asyncProperty(
      sealingArb,
      fc.array(stepArb, { maxLength: 40, size: "max" }),
      fc.integer({ min: 0, max: 25 }),
      fc.integer({ min: 1, max: 5 }),
      async (sealing, steps, blockTimeMs, blockCountMax) => {
        begin(sealing);
        Object.assign(chain, { blockTimeMs, blockCountMax });
        const settled: number[] = [];
        const mines: { count: number; code: Promise<string> }[] = [];
        for (const step of steps) {
          if (step.kind === "submit") chain.submit(step.count);
          else if (step.kind === "pass") await pass(step.ms);
          else if (step.kind === "setSealing") chain.sealer.setSealing(step.sealing);
          else if (step.kind === "fail") chain.failures = [storageFull()];
          else if (step.kind === "mine") {
            const place = mines.length;
            const code = codeOfWork(chain.sealer.mine(step.count)).finally(() => settled.push(place));
            mines.push({ count: step.count, code });
          } else if (step.kind === "run") {
            const place = mines.length;
            const code = codeOfWork(chain.sealer.run(() => chain.work(step.ms, step.isRefused)));
            mines.push({ count: 0, code: code.finally(() => settled.push(place)) });
          } else chain.sealer[step.kind]();
        }
        // Once the store is well again, everything that is due is done.
        chain.failures = [];
        const before = chain.blocks.length;
        chain.sealer.resume();
        await pass(5_000);
        chain.sealer.resume();
        await pass(5_000);
        const codes = await Promise.all(mines.map(({ code }) => code));
        expect(settled).toEqual(mines.map((_, place) => place));
        for (const code of codes) expect(["accepted", "storage_full"]).toContain(code);
        const minedCount = mines.reduce((sum, { count }, place) => sum + (codes[place] === "accepted" ? count : 0), 0);
        expect(chain.blocks.length).toBeGreaterThanOrEqual(minedCount);
        const { kind } = chain.sealer.sealing;
        if (kind !== "manual") expect(chain.ready).toBe(0);
        if (kind === "interval" || kind === "mixed") expect(chain.blocks.length).toBeGreaterThan(before + 10);
        const stopped = chain.sealer.stop();
        await pass(100);
        await stopped;
        const after = chain.attempts;
        await pass(1_000);
        expect(chain.attempts).toBe(after);
        expect(chain.faults).toEqual([]);
      },
    );
    await fc.assert(property, { numRuns: 100 });
  }, 60_000);
});

describe("with the machine's clock", () => {
  afterEach(() => chain.sealer.stop());

  test("the first transaction after idleness is in the making one turn of the event loop later", async () => {
    begin({ kind: "transaction" });
    await sleep(20);
    chain.submit();
    await turn();
    await turn();
    expect(chain.attempts).toBe(1);
  });

  test("no tick is early, and they go on", async () => {
    begin({ kind: "interval", intervalMs: 20 });
    chain.blockTimeMs = 5;
    while (chain.blocks.length < 10) await sleep(10);
    for (const [index, time] of chain.times.entries()) expect(time - start).toBeGreaterThan((index + 1) * 20 - 1);
  });

  test("transactions that keep coming while blocks are made are all included", async () => {
    begin({ kind: "transaction" });
    chain.blockTimeMs = 1;
    for (let index = 0; index < 200; index++) {
      chain.submit();
      if (index % 3 === 0) await turn();
      if (index % 50 === 0) await sleep(3);
    }
    while (chain.ready > 0) await sleep(10);
    expect(chain.counts.reduce((sum, count) => sum + count, 0)).toBe(200);
    expect(chain.faults).toEqual([]);
  });
});
