import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { codeOf, refusalOf } from "../test/support/refusals.ts";
import type { PoolEntry } from "./control.ts";
import { type Dropped, defaultMempoolOptions, Mempool, type MempoolOptions } from "./mempool.ts";
import type { EncodedTransaction } from "./transaction.ts";

interface Sketch {
  readonly sender: number;
  readonly nonce: number;
  readonly price?: number | bigint;
  readonly gasLimit?: number;
  readonly expiryHeight?: number;
  readonly size?: number;
}

let count = 0;

const senderBytes = (number: number) => {
  const sender = new Uint8Array(32);
  new DataView(sender.buffer).setUint32(0, number);
  return sender;
};
const senderOf = ({ transaction: { body } }: EncodedTransaction) =>
  new DataView(body.sender.buffer, body.sender.byteOffset).getUint32(0);

/** The pool never looks at signatures, so an entry is what it says. */
function entryOf(sketch: Sketch): EncodedTransaction {
  const { sender, nonce, price = 1, gasLimit = 1, expiryHeight = 1_000, size = 1 } = sketch;
  const hash = new Uint8Array(32);
  new DataView(hash.buffer).setUint32(0, ++count);
  const gasPrice = BigInt(price);
  const body = { chainId: "", sender: senderBytes(sender), nonce, gasLimit, gasPrice, expiryHeight, actions: [] };
  return { transaction: { body, signature: new Uint8Array(64) }, encoded: new Uint8Array(size), hash };
}

const everything = [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER] as const;

/** Fills a pool of accounts with nonce 0 at time 0; what had to go for it is not expected. */
function poolOf(entries: readonly EncodedTransaction[], options: Partial<MempoolOptions> = {}): Mempool {
  const pool = new Mempool(options);
  for (const entry of entries) expect(pool.add(entry, 0, 0)).toEqual([]);
  return pool;
}

/** As places in `entries`. */
function takenOf(pool: Mempool, entries: readonly EncodedTransaction[]): number[] {
  return pool.take(...everything).map((entry) => entries.indexOf(entry));
}

const told = (dropped: readonly Dropped[]) =>
  dropped.map(({ entry, error }): [EncodedTransaction, string] => [entry, error.code]);

interface NaiveItem {
  readonly entry: EncodedTransaction;
  readonly sender: number;
  readonly nonce: number;
  readonly price: bigint;
  readonly arrival: number;
  readonly admittedAt: number;
}

/** The same laws with nothing clever: one array, and every question answered by looking at all of it. */
class NaivePool {
  readonly options: MempoolOptions;
  items: NaiveItem[] = [];
  taken: EncodedTransaction[] = [];
  readonly accountNonces = new Map<number, number>();
  readonly gaps = new Map<number, { missing: number; since: number }>();
  arrivals = 0;

  constructor(options: MempoolOptions) {
    this.options = options;
  }

  of(sender: number): NaiveItem[] {
    return this.items.filter((item) => item.sender === sender);
  }

  missing(sender: number, from = this.accountNonces.get(sender) ?? 0): number {
    let nonce = from;
    while (this.of(sender).some((item) => item.nonce === nonce)) nonce++;
    return nonce;
  }

  kindOf({ sender, nonce }: NaiveItem): "past" | "ready" | "gapped" {
    if (nonce < (this.accountNonces.get(sender) ?? 0)) return "past";
    return nonce < this.missing(sender) ? "ready" : "gapped";
  }

  noteGaps(now: number): void {
    for (const sender of new Set([...this.gaps.keys(), ...this.items.map((item) => item.sender)])) {
      const missing = this.missing(sender);
      if (!this.of(sender).some((item) => this.kindOf(item) === "gapped")) this.gaps.delete(sender);
      else if (this.gaps.get(sender)?.missing !== missing) this.gaps.set(sender, { missing, since: now });
    }
  }

  /** The item that would go first if all were to go, of those that may. */
  worst(items: readonly NaiveItem[], may: (item: NaiveItem) => boolean): NaiveItem | undefined {
    const lasts = items.filter(
      (item) => may(item) && !items.some(({ sender, nonce }) => sender === item.sender && nonce > item.nonce),
    );
    const rank = (item: NaiveItem) => (this.kindOf(item) === "gapped" ? 0 : 1);
    return lasts.sort((a, b) => rank(a) - rank(b) || Number(a.price - b.price) || b.arrival - a.arrival)[0];
  }

  /** What is told, or the code of the refusal. */
  add(entry: EncodedTransaction, accountNonce: number, now: number): [EncodedTransaction, string][] | string {
    const { nonce, gasPrice } = entry.transaction.body;
    const sender = senderOf(entry);
    const { countMax, bytesMax, senderCountMax, gapCountMax } = this.options;
    this.accountNonces.set(sender, accountNonce);
    this.noteGaps(now);
    const own = this.of(sender);
    const other = own.find((item) => item.nonce === nonce);
    const missing = this.missing(sender);
    const gone: [NaiveItem, string][] = [];
    if (nonce < accountNonce) return "nonce_too_low";
    if (other !== undefined) {
      if (this.taken.includes(other.entry)) return "nonce_taken";
      const isEnough = gasPrice > other.price && gasPrice * 100n >= other.price * 110n;
      if (!isEnough) return "replacement_underpriced";
      gone.push([other, "replaced"]);
    } else {
      const gapped = own.filter((item) => this.kindOf(item) === "gapped");
      if (nonce > missing && nonce >= accountNonce + senderCountMax) return "nonce_too_high";
      if (nonce > missing && gapped.length >= gapCountMax) return "sender_full";
      if (own.length >= senderCountMax) {
        const last = gapped.sort((a, b) => b.nonce - a.nonce)[0];
        if (nonce !== missing || last === undefined || this.taken.includes(last.entry)) return "sender_full";
        gone.push([last, "evicted"]);
      }
    }
    const isReady = nonce <= missing;
    const left = () => this.items.filter((item) => !gone.some(([other]) => other === item));
    const bytes = (items: readonly NaiveItem[]) => items.reduce((sum, item) => sum + item.entry.encoded.length, 0);
    while (left().length + 1 > countMax || bytes(left()) + entry.encoded.length > bytesMax) {
      // The hole that a replaced transaction leaves is filled at once.
      const items = this.items.filter((item) => item === other || left().includes(item));
      const worst = this.worst(
        items,
        (item) =>
          !this.taken.includes(item.entry) &&
          this.kindOf(item) !== "past" &&
          !(item.sender === sender && item.nonce <= nonce),
      );
      if (worst === undefined) return "mempool_full";
      const isGapped = this.kindOf(worst) === "gapped";
      if (isReady !== isGapped ? gasPrice <= worst.price : isGapped === false) return "mempool_full";
      gone.push([worst, "evicted"]);
    }
    this.items = left();
    this.items.push({ entry, sender, nonce, price: gasPrice, arrival: this.arrivals++, admittedAt: now });
    this.noteGaps(now);
    return gone.map(([{ entry }, code]) => [entry, code]);
  }

  drop(which: (item: NaiveItem) => boolean, now: number): EncodedTransaction[] {
    const gone = this.items.filter(which);
    this.items = this.items.filter((item) => !which(item));
    this.noteGaps(now);
    return gone.map(({ entry }) => entry);
  }

  take(gasLimit: number, countMax: number, sizeMax: number): EncodedTransaction[] {
    this.taken = [];
    const next = new Map<number, number>();
    const sorted = (items: NaiveItem[]) =>
      items.sort((a, b) => (this.options.order === "fees" && Number(b.price - a.price)) || a.arrival - b.arrival);
    let gas = 0;
    let size = 0;
    for (;;) {
      const heads = this.items.filter(
        ({ sender, nonce }) => nonce === (next.get(sender) ?? this.accountNonces.get(sender) ?? 0),
      );
      const best = sorted(heads)[0];
      if (best === undefined) return this.taken;
      gas += best.entry.transaction.body.gasLimit;
      size += best.entry.encoded.length;
      if (gas > gasLimit || size > sizeMax || this.taken.length === countMax) return this.taken;
      this.taken.push(best.entry);
      next.set(best.sender, best.nonce + 1);
    }
  }

  restore(items: readonly NaiveItem[], nonces: readonly number[], nextHeight: number, now: number) {
    const before = this.items;
    this.taken = [];
    this.items = [];
    this.gaps.clear();
    for (const [sender, nonce] of nonces.entries()) this.accountNonces.set(sender, nonce);
    for (const item of items) {
      const isPast = item.nonce < nonces[item.sender]!;
      if (isPast || item.entry.transaction.body.expiryHeight < nextHeight) continue;
      this.items.push({ ...item, arrival: this.arrivals++ });
    }
    this.noteGaps(now);
    return before.filter(({ entry }) => !this.items.some((item) => item.entry === entry)).map(({ entry }) => entry);
  }

  settle(
    nonces: readonly (readonly [number, number])[],
    included: readonly EncodedTransaction[],
    nextHeight: number,
    now: number,
  ): [EncodedTransaction, string][] {
    this.taken = [];
    for (const [sender, nonce] of nonces) this.accountNonces.set(sender, nonce);
    this.drop(({ entry }) => included.includes(entry), now);
    const dropped: [EncodedTransaction, string][] = [];
    const settled = new Set(nonces.map(([sender]) => sender));
    const isOvertaken = (item: NaiveItem) => settled.has(item.sender) && this.kindOf(item) === "past";
    for (const entry of this.drop(isOvertaken, now)) dropped.push([entry, "nonce_too_low"]);
    const isExpired = ({ entry }: NaiveItem) => entry.transaction.body.expiryHeight < nextHeight;
    for (const entry of this.drop(isExpired, now)) dropped.push([entry, "expired"]);
    const isOld = (item: NaiveItem) =>
      this.kindOf(item) === "gapped" && now - this.gaps.get(item.sender)!.since >= this.options.gapLifetimeMs;
    for (const entry of this.drop(isOld, now)) dropped.push([entry, "gap_expired"]);
    return dropped;
  }
}

const SENDERS = [0, 1, 2, 3];
const small = fc.nat({ max: 5 });
const actionArb = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      kind: fc.constant("add" as const),
      sender: fc.constantFrom(...SENDERS),
      ahead: fc.oneof(fc.constant("next" as const), fc.nat({ max: 7 })),
      price: fc.oneof(fc.nat({ max: 4 }), fc.integer({ min: 9, max: 24 })),
      gasLimit: small,
      size: fc.integer({ min: 1, max: 6 }),
      expiryHeight: fc.integer({ min: 1, max: 25 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("take" as const),
      gas: fc.nat({ max: 30 }),
      count: small,
      size: fc.nat(20),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("remove" as const), at: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("again" as const), at: fc.nat() }) },
  // A block of what was taken last, the first so many; `isSeen` when the state is read before the pool is told of the block.
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("block" as const),
      count: small,
      isSeen: fc.boolean(),
      foreign: fc.nat(9),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("seen" as const), sender: fc.constantFrom(...SENDERS), ahead: fc.nat(2) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("rollBack" as const), sender: fc.constantFrom(...SENDERS) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("keep" as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("restore" as const), at: fc.nat(), isElsewhere: fc.boolean() }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.nat({ max: 60 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("list" as const),
      sender: fc.option(fc.constantFrom(...SENDERS)),
      at: fc.option(fc.nat()),
      limit: small,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("clear" as const), sender: fc.option(fc.nat(3)) }) },
);

const optionsArb = fc.record({
  order: fc.constantFrom("fees" as const, "fifo" as const),
  countMax: fc.integer({ min: 1, max: 14 }),
  bytesMax: fc.integer({ min: 6, max: 60 }),
  senderCountMax: fc.integer({ min: 1, max: 7 }),
  gapCountMax: fc.integer({ min: 0, max: 5 }),
  gapLifetimeMs: fc.constant(40),
});

describe("the mempool", () => {
  test("does what a pool does that looks everything up", () => {
    const met = new Map<string, number>();
    const meet = (code: string) => met.set(code, (met.get(code) ?? 0) + 1);
    fc.assert(
      fc.property(optionsArb, fc.array(actionArb, { maxLength: 80, size: "max" }), (options, actions) => {
        const pool = new Mempool(options);
        const naive = new NaivePool(options);
        const nonces = SENDERS.map(() => 0);
        let taken: EncodedTransaction[] = [];
        let height = 0;
        let now = 1_000;
        let toldAt = now;
        const kept: { entries: readonly PoolEntry[]; items: readonly NaiveItem[]; nonces: number[]; height: number }[] =
          [];
        const at = (index: number) => naive.items[index % Math.max(1, naive.items.length)];
        const compareAdd = (entry: EncodedTransaction) => {
          const accountNonce = nonces[senderOf(entry)]!;
          toldAt = now;
          const expected = naive.add(entry, accountNonce, now);
          if (typeof expected === "string") meet(expected);
          else for (const [, code] of expected) meet(code);
          if (typeof expected === "string") expect(codeOf(() => pool.add(entry, accountNonce, now))).toBe(expected);
          else expect(told(pool.add(entry, accountNonce, now))).toEqual(expected);
        };
        for (const action of actions) {
          switch (action.kind) {
            case "add": {
              const { sender, ahead } = action;
              const nonce = ahead === "next" ? naive.missing(sender, nonces[sender]) : nonces[sender]! + ahead;
              compareAdd(entryOf({ ...action, nonce }));
              break;
            }
            case "again": {
              const known = at(action.at);
              if (known === undefined) break;
              expect(codeOf(() => pool.add(known.entry, nonces[known.sender]!, now))).toBe("already_known");
              toldAt = now;
              break;
            }
            case "take":
              taken = naive.take(action.gas, action.count, action.size);
              expect(pool.take(action.gas, action.count, action.size)).toEqual(taken);
              break;
            case "remove": {
              const item = at(action.at);
              if (item === undefined) break;
              expect(pool.remove(item.entry.hash)).toBe(item.entry);
              expect(pool.remove(item.entry.hash)).toBeUndefined();
              naive.drop((other) => other === item, toldAt);
              break;
            }
            case "block": {
              const included = taken
                .slice(0, action.count)
                .filter((entry) => naive.items.some((i) => i.entry === entry));
              const touched = new Map<number, number>();
              for (const entry of included) touched.set(senderOf(entry), entry.transaction.body.nonce + 1);
              // Somebody else's block: it has transactions that this pool never saw, or others of the same nonces.
              if (action.foreign < SENDERS.length) {
                const nonce = (touched.get(action.foreign) ?? nonces[action.foreign]!) + 1;
                touched.set(action.foreign, nonce);
              }
              for (const [sender, nonce] of touched) nonces[sender] = nonce;
              // Admitted with the new state before the pool is told of the block: what the block has must not be dropped.
              if (action.isSeen) {
                for (const [sender, nonce] of touched) compareAdd(entryOf({ sender, nonce: nonce + 1, price: 30 }));
              }
              height++;
              toldAt = now;
              const expected = naive.settle([...touched], included, height + 1, now);
              for (const [, code] of expected) meet(code);
              const accounts = [...touched].map(([sender, nonce]) => ({ sender: senderBytes(sender), nonce }));
              const hashes = included.map(({ hash }) => hash);
              const dropped = told(pool.settle(accounts, hashes, height + 1, now));
              const lineOf = ([entry, code]: [EncodedTransaction, string]) => `${code} ${Buffer.from(entry.hash)}`;
              expect(dropped.map(lineOf).sort()).toEqual(expected.map(lineOf).sort());
              taken = [];
              break;
            }
            case "seen": {
              // The account has gone on, by a block that the pool will be told of some time later.
              const { sender } = action;
              nonces[sender]!++;
              compareAdd(entryOf({ sender, nonce: nonces[sender]! + action.ahead, price: 2 }));
              break;
            }
            case "rollBack": {
              const { sender } = action;
              nonces[sender] = Math.max(0, nonces[sender]! - 2);
              toldAt = now;
              const expected = naive.settle([[sender, nonces[sender]!]], [], height + 1, now);
              const accounts = [{ sender: senderBytes(sender), nonce: nonces[sender]! }];
              expect(new Set(pool.settle(accounts, [], height + 1, now).map(({ entry }) => entry))).toEqual(
                new Set(expected.map(([entry]) => entry)),
              );
              taken = [];
              break;
            }
            case "keep": {
              const entries = pool.entries();
              expect(entries).toEqual(naive.items.map(({ entry, admittedAt }) => ({ entry, admittedAt })));
              kept.push({ entries, items: naive.items, nonces: [...nonces], height });
              break;
            }
            case "restore": {
              const was = kept[action.at % Math.max(1, kept.length)];
              if (was === undefined) break;
              // Back to where the chain was then, or to where some of it may be in no block any more.
              if (!action.isElsewhere) {
                height = was.height;
                nonces.splice(0, nonces.length, ...was.nonces);
              }
              toldAt = now;
              const asked: number[] = [];
              const nonceOf = (sender: Uint8Array) => {
                asked.push(new DataView(sender.buffer, sender.byteOffset).getUint32(0));
                return nonces[asked.at(-1)!]!;
              };
              const expected = naive.restore(was.items, nonces, height + 1, now);
              expect(pool.restore(was.entries, nonceOf, height + 1, now)).toEqual(expected);
              if (expected.length > 0) meet("gone");
              if (naive.items.length > 0) meet("restored");
              if (naive.items.length < was.items.length) meet("left out");
              taken = [];
              break;
            }
            case "wait":
              now += action.ms;
              break;
            case "list": {
              const after = action.at === null ? undefined : at(action.at);
              if (action.at !== null && after === undefined) break;
              const expected = naive.items
                .filter(({ sender }) => action.sender === null || sender === action.sender)
                .filter(({ arrival }) => after === undefined || arrival > after.arrival)
                .slice(0, action.limit)
                .map((item) => ({
                  entry: item.entry,
                  isReady: naive.kindOf(item) === "ready",
                  admittedAt: item.admittedAt,
                }));
              const listed = pool.list({
                ...(action.sender === null ? {} : { sender: senderBytes(action.sender) }),
                ...(after === undefined ? {} : { after: after.entry.hash }),
                limit: action.limit,
              });
              expect(listed).toEqual(expected);
              break;
            }
            case "clear": {
              const { sender } = action;
              const expected = naive.drop(
                (item) => (sender === null || item.sender === sender) && !naive.taken.includes(item.entry),
                toldAt,
              );
              expect(pool.removeWhere(sender === null ? {} : { sender: senderBytes(sender) })).toEqual(expected);
            }
          }
          expect(pool.size).toBe(naive.items.length);
          expect(pool.size).toBeLessThanOrEqual(options.countMax);
          expect(pool.bytes).toBe(naive.items.reduce((sum, { entry }) => sum + entry.encoded.length, 0));
          expect(pool.bytes).toBeLessThanOrEqual(options.bytesMax);
          expect(pool.readyCount).toBe(naive.items.filter((item) => naive.kindOf(item) === "ready").length);
          for (const { entry } of naive.items) expect(pool.get(entry.hash)?.entry).toBe(entry);
          for (const [sender, nonce] of nonces.entries()) {
            expect(pool.nextNonce(senderBytes(sender), nonce)).toBe(naive.missing(sender, nonce));
          }
        }
      }),
      { numRuns: 250 },
    );
    // Or the comparison was of nothing.
    const codes = ["replaced", "evicted", "expired", "gap_expired", "nonce_too_low", "nonce_too_high", "nonce_taken"];
    for (const code of [
      ...codes,
      "replacement_underpriced",
      "sender_full",
      "mempool_full",
      "gone",
      "restored",
      "left out",
    ]) {
      expect(met.get(code) ?? 0, code).toBeGreaterThan(10);
    }
  }, 60_000);
});

const orders = ["fees", "fifo"] as const;

describe.each(orders)("in the order %s", (order) => {
  test("gives one sender's transactions in nonce order, whatever order they came in and whatever they pay", () => {
    const nonces = [...Array(12).keys()];
    const prices = fc.array(fc.nat({ max: 5 }), { minLength: 12, maxLength: 12 });
    fc.assert(
      fc.property(fc.shuffledSubarray(nonces, { minLength: 12 }), prices, (arrivals, paid) => {
        const pool = poolOf(
          arrivals.map((nonce) => entryOf({ sender: 1, nonce, price: paid[nonce]! })),
          { order },
        );
        expect(pool.take(...everything).map(({ transaction }) => transaction.body.nonce)).toEqual(nonces);
      }),
    );
  });

  test("keeps what waits behind a gap, and gives it at once when the gap is filled", () => {
    const entries = [2, 0, 1].map((nonce) => entryOf({ sender: 1, nonce }));
    const pool = poolOf(entries.slice(0, 2), { order });
    expect(takenOf(pool, entries)).toEqual([1]);
    expect(pool.nextNonce(senderBytes(1), 0)).toBe(1);
    expect(pool.list({ limit: 9 }).map(({ isReady }) => isReady)).toEqual([false, true]);
    pool.add(entries[2]!, 0, 0);
    expect(takenOf(pool, entries)).toEqual([1, 2, 0]);
    expect(pool.nextNonce(senderBytes(1), 0)).toBe(3);
  });

  test("what arrived later waits its turn, though its predecessor is taken early", () => {
    const entries = [
      entryOf({ sender: 1, nonce: 0 }),
      entryOf({ sender: 0, nonce: 0 }),
      entryOf({ sender: 1, nonce: 1 }),
    ];
    expect(takenOf(poolOf(entries, { order }), entries)).toEqual([0, 1, 2]);
  });

  test("taking removes nothing", () => {
    const entries = [1, 2].map((sender) => entryOf({ sender, nonce: 0 }));
    const pool = poolOf(entries, { order });
    expect(takenOf(pool, entries)).toEqual([0, 1]);
    expect(takenOf(pool, entries)).toEqual([0, 1]);
    expect(pool.size).toBe(2);
  });

  test("gives as much as gas limit, count and size hold, to the last unit, and says when something ready is left", () => {
    const entries = [1, 2, 3].map((sender) => entryOf({ sender, nonce: 0, gasLimit: 10, size: 10 }));
    const pool = poolOf(entries, { order });
    const all = Number.MAX_SAFE_INTEGER;
    const takenWith = (...limits: [number, number, number]) => [pool.take(...limits).length, pool.hasLeftReady];
    for (const [limit, taken] of [
      [0, 0],
      [9, 0],
      [10, 1],
      [19, 1],
      [20, 2],
      [29, 2],
      [30, 3],
      [31, 3],
    ] as const) {
      expect(takenWith(limit, 10, all)).toEqual([taken, taken < 3]);
      expect(takenWith(all, 10, limit)).toEqual([taken, taken < 3]);
    }
    for (const limit of [0, 1, 2, 3, 4]) expect(takenWith(all, limit, all)).toEqual([Math.min(3, limit), limit < 3]);
  });
});

describe("between senders", () => {
  const sketches = [
    { sender: 1, nonce: 0, price: 5 },
    { sender: 2, nonce: 0, price: 7 },
    { sender: 3, nonce: 0, price: 5 },
    { sender: 1, nonce: 1, price: 9 },
    { sender: 3, nonce: 2, price: 99 },
  ];

  test("the dearest next one goes first, the earlier of equals; a dear one waits for a cheaper one before it", () => {
    const entries = sketches.map(entryOf);
    expect(takenOf(poolOf(entries), entries)).toEqual([1, 0, 3, 2]);
  });

  test("or the one that came first, whatever it pays", () => {
    const entries = sketches.map(entryOf);
    expect(takenOf(poolOf(entries, { order: "fifo" }), entries)).toEqual([0, 1, 2, 3]);
  });
});

describe("a transaction of the same sender and nonce", () => {
  test("takes the place of one that pays a tenth less, rounded up and never for nothing, and no other", () => {
    for (const [price, enough] of [
      [0n, 1n],
      [1n, 2n],
      [9n, 10n],
      [10n, 11n],
      [11n, 13n],
      [100n, 110n],
      [101n, 112n],
    ]) {
      const first = entryOf({ sender: 1, nonce: 0, price: price! });
      const pool = poolOf([first]);
      for (const tooLow of [0n, price!, enough! - 1n]) {
        const refusal = refusalOf(() => pool.add(entryOf({ sender: 1, nonce: 0, price: tooLow }), 0, 0));
        expect([refusal.code, refusal.details]).toEqual(["replacement_underpriced", { gasPriceMin: `${enough}` }]);
      }
      const second = entryOf({ sender: 1, nonce: 0, price: enough! });
      expect(told(pool.add(second, 0, 0))).toEqual([[first, "replaced"]]);
      expect([pool.has(first.hash), pool.has(second.hash), pool.size]).toEqual([false, true, 1]);
    }
  });

  test("leaves those after it where they are", () => {
    const entries = [0, 1, 2].map((nonce) => entryOf({ sender: 1, nonce }));
    const pool = poolOf(entries);
    const dearer = entryOf({ sender: 1, nonce: 1, price: 2 });
    pool.add(dearer, 0, 0);
    expect(pool.take(...everything)).toEqual([entries[0], dearer, entries[2]]);
  });

  test("is refused while the other is being put into a block, and welcome when the block did without it", () => {
    const [first, dearer] = [1, 2].map((price) => entryOf({ sender: 1, nonce: 0, price }));
    const pool = poolOf([first!]);
    pool.take(...everything);
    expect(codeOf(() => pool.add(dearer!, 0, 0))).toBe("nonce_taken");
    expect(pool.settle([], [], 2, 0)).toEqual([]);
    expect(told(pool.add(dearer!, 0, 0))).toEqual([[first, "replaced"]]);
  });
});

describe("a sender's share", () => {
  test("ends where the nonces could never all wait", () => {
    const pool = new Mempool({ senderCountMax: 10 });
    const codeAt = (nonce: number) => codeOf(() => pool.add(entryOf({ sender: 1, nonce }), 5, 0));
    expect([4, 5 + 10, Number.MAX_SAFE_INTEGER].map(codeAt)).toEqual([
      "nonce_too_low",
      "nonce_too_high",
      "nonce_too_high",
    ]);
    expect([5 + 9, 5].map(codeAt)).toEqual(["accepted", "accepted"]);
  });

  test("is smaller behind a gap, and the gap can be filled all the same", () => {
    const pool = new Mempool({ gapCountMax: 3 });
    const codeAt = (nonce: number) => codeOf(() => pool.add(entryOf({ sender: 1, nonce }), 0, 0));
    expect([1, 2, 3, 4, 5].map(codeAt)).toEqual(["accepted", "accepted", "accepted", "sender_full", "sender_full"]);
    expect([0, 4, 6, 7, 8, 9].map(codeAt)).toEqual([...Array(5).fill("accepted"), "sender_full"]);
    expect(codeOf(() => pool.add(entryOf({ sender: 2, nonce: 1 }), 0, 0))).toBe("accepted");
  });

  test("used up behind a gap gives way to what fills the gap, and to nothing else", () => {
    const entries = [0, 1, 2, 3].map((nonce) => entryOf({ sender: 1, nonce }));
    const pool = poolOf(entries, { senderCountMax: 4 });
    expect(codeOf(() => pool.add(entryOf({ sender: 1, nonce: 4, price: 99 }), 0, 0))).toBe("sender_full");
    // A block has refused the first and taken another in its place, from elsewhere; then it refused the next.
    pool.remove(entries[0]!.hash);
    pool.settle([{ sender: senderBytes(1), nonce: 1 }], [], 2, 0);
    pool.add(entryOf({ sender: 1, nonce: 4 }), 1, 0);
    pool.remove(entries[1]!.hash);
    const beyond = entryOf({ sender: 1, nonce: 5 });
    expect(codeOf(() => pool.add(beyond, 1, 0))).toBe("nonce_too_high");
    pool.settle([{ sender: senderBytes(1), nonce: 0 }], [], 2, 0);
    const zero = entryOf({ sender: 1, nonce: 0 });
    expect(pool.add(zero, 0, 0)).toEqual([]);
    const last = pool.list({ limit: 9 }).at(-2)!.entry;
    expect(last.transaction.body.nonce).toBe(4);
    const one = entryOf({ sender: 1, nonce: 1 });
    expect(told(pool.add(one, 0, 0))).toEqual([[last, "evicted"]]);
    expect(pool.take(...everything)).toEqual([zero, one, entries[2], entries[3]]);
  });
});

describe("a full pool", () => {
  test("takes a newcomer that pays more in for the worst, and tells others what would do", () => {
    const entries = [30, 10, 20, 10].map((price, sender) => entryOf({ sender, nonce: 0, price }));
    const pool = poolOf(entries, { countMax: 4 });
    for (const price of [1, 10]) {
      const refusal = refusalOf(() => pool.add(entryOf({ sender: 9, nonce: 0, price }), 0, 0));
      expect([refusal.code, refusal.details]).toEqual(["mempool_full", { gasPriceMin: "11" }]);
    }
    expect(told(pool.add(entryOf({ sender: 9, nonce: 0, price: 11 }), 0, 0))).toEqual([[entries[3], "evicted"]]);
    expect(told(pool.add(entryOf({ sender: 8, nonce: 0, price: 11 }), 0, 0))).toEqual([[entries[1], "evicted"]]);
  });

  test("lets what is behind a gap go first, however dear, and lets none in behind a gap for one that is ready", () => {
    const entries = [entryOf({ sender: 1, nonce: 1, price: 99 }), entryOf({ sender: 2, nonce: 0 })];
    const pool = poolOf(entries, { countMax: 2 });
    expect(told(pool.add(entryOf({ sender: 3, nonce: 0 }), 0, 0))).toEqual([[entries[0], "evicted"]]);
    const refusal = refusalOf(() => pool.add(entryOf({ sender: 4, nonce: 1, price: 1_000 }), 0, 0));
    expect([refusal.code, refusal.details]).toEqual(["mempool_full", undefined]);
  });

  test("never makes a gap: a sender's last goes, and never for another of that sender's", () => {
    const entries = [0, 1, 2].map((nonce) => entryOf({ sender: 1, nonce, price: nonce + 1 }));
    const pool = poolOf(entries, { countMax: 3 });
    expect(codeOf(() => pool.add(entryOf({ sender: 1, nonce: 3, price: 99 }), 0, 0))).toBe("mempool_full");
    expect(codeOf(() => pool.add(entryOf({ sender: 2, nonce: 0, price: 3 }), 0, 0))).toBe("mempool_full");
    expect(told(pool.add(entryOf({ sender: 2, nonce: 0, price: 4 }), 0, 0))).toEqual([[entries[2], "evicted"]]);
    expect(pool.readyCount).toBe(3);
  });

  test("makes room for many bytes by as many as it takes, all of them worse, or by none", () => {
    const entries = [1, 2, 3, 4].map((price) => entryOf({ sender: price, nonce: 0, price, size: 25 }));
    const pool = poolOf(entries, { bytesMax: 100 });
    const refusal = refusalOf(() => pool.add(entryOf({ sender: 9, nonce: 0, price: 3, size: 75 }), 0, 0));
    expect([refusal.code, refusal.details]).toEqual(["mempool_full", { gasPriceMin: "4" }]);
    expect([pool.size, pool.bytes]).toEqual([4, 100]);
    const dropped = pool.add(entryOf({ sender: 9, nonce: 0, price: 3, size: 50 }), 0, 0);
    expect(told(dropped)).toEqual([
      [entries[0], "evicted"],
      [entries[1], "evicted"],
    ]);
    expect([pool.size, pool.bytes]).toEqual([3, 100]);
  });

  test("makes room for a replacement that is longer, beside what it replaces", () => {
    const entries = [1, 2].map((price) => entryOf({ sender: price, nonce: 0, price, size: 5 }));
    const pool = poolOf(entries, { bytesMax: 10 });
    const longer = entryOf({ sender: 1, nonce: 0, price: 5, size: 6 });
    expect(told(pool.add(longer, 0, 0))).toEqual([
      [entries[0], "replaced"],
      [entries[1], "evicted"],
    ]);
    expect([pool.size, pool.bytes]).toEqual([1, 6]);
  });

  test("does not evict what is being put into a block", () => {
    const entries = [1, 2].map((sender) => entryOf({ sender, nonce: 0, price: sender }));
    const pool = poolOf(entries, { countMax: 2, order: "fifo" });
    expect(pool.take(Number.MAX_SAFE_INTEGER, 1, Number.MAX_SAFE_INTEGER)).toEqual([entries[0]]);
    expect(told(pool.add(entryOf({ sender: 3, nonce: 0, price: 9 }), 0, 0))).toEqual([[entries[1], "evicted"]]);
    pool.take(...everything);
    expect(codeOf(() => pool.add(entryOf({ sender: 4, nonce: 0, price: 99 }), 0, 0))).toBe("mempool_full");
  });

  test("cannot be kept full by gaps: ten accounts with a thousand gapped nonces each", () => {
    const pool = new Mempool({ countMax: 1_000 });
    for (let sender = 0; sender < 10; sender++) {
      for (let nonce = 1; nonce <= 1_000; nonce++)
        codeOf(() => pool.add(entryOf({ sender, nonce, price: 1_000 }), 0, 0));
    }
    expect(pool.size).toBe(10 * defaultMempoolOptions.gapCountMax);
    for (let nonce = 0; nonce < 1_000; nonce++) pool.add(entryOf({ sender: 11, nonce }), 0, 0);
    expect([pool.size, pool.readyCount]).toEqual([1_000, 1_000]);
  });
});

describe("what can enter no block any more", () => {
  test("is dropped after a block: the expired and the overtaken, and nothing else; the included go silently", () => {
    const included = entryOf({ sender: 1, nonce: 0 });
    const overtaken = entryOf({ sender: 2, nonce: 0 });
    const expired = entryOf({ sender: 1, nonce: 1, expiryHeight: 9 });
    const kept = [entryOf({ sender: 1, nonce: 2, expiryHeight: 10 }), entryOf({ sender: 2, nonce: 1 })];
    const pool = poolOf([included, overtaken, expired, ...kept]);
    const accounts = [1, 2].map((sender) => ({ sender: senderBytes(sender), nonce: 1 }));
    const dropped = told(pool.settle(accounts, [included.hash], 10, 0));
    expect(new Map(dropped)).toEqual(
      new Map([
        [overtaken, "nonce_too_low"],
        [expired, "expired"],
      ]),
    );
    expect(pool.list({ limit: 9 }).map(({ entry }) => entry)).toEqual(kept);
    expect(pool.take(...everything)).toEqual([kept[1]]);
  });

  test("is not dropped before the pool is told of its block, though the account has gone on", () => {
    const entries = [0, 1].map((nonce) => entryOf({ sender: 1, nonce }));
    const pool = poolOf(entries, { countMax: 2 });
    // The block is in the store, and the account's nonce is read from there.
    expect(codeOf(() => pool.add(entryOf({ sender: 1, nonce: 1, price: 99 }), 2, 0))).toBe("nonce_too_low");
    expect(codeOf(() => pool.add(entryOf({ sender: 1, nonce: 2, price: 99 }), 2, 0))).toBe("mempool_full");
    expect(codeOf(() => pool.add(entryOf({ sender: 2, nonce: 0, price: 99 }), 0, 0))).toBe("mempool_full");
    expect([pool.size, pool.readyCount, pool.take(...everything)]).toEqual([2, 0, []]);
    expect(pool.remove(entries[1]!.hash)).toBe(entries[1]);
    expect(pool.readyCount).toBe(0);
    const hashes = entries.map(({ hash }) => hash);
    expect(pool.settle([{ sender: senderBytes(1), nonce: 2 }], hashes, 2, 0)).toEqual([]);
    expect(pool.size).toBe(0);
  });

  test("but what was included is gone, though its account is not told of", () => {
    const entries = [0, 1].map((nonce) => entryOf({ sender: 1, nonce }));
    const pool = poolOf(entries);
    expect(pool.settle([], [entries[0]!.hash], 2, 0)).toEqual([]);
    expect(pool.list({ limit: 9 }).map(({ entry, isReady }) => [entry, isReady])).toEqual([[entries[1], false]]);
  });

  test("waits behind a gap for as long as a gap may stand, counted anew when the gap moves", () => {
    const pool = new Mempool({ gapLifetimeMs: 100 });
    const [three, one, ready] = [3, 1, 0].map((nonce) => entryOf({ sender: 1, nonce }));
    pool.add(three!, 0, 1_000);
    expect(pool.settle([], [], 2, 1_099)).toEqual([]);
    pool.add(one!, 0, 1_099);
    pool.add(ready!, 0, 1_099);
    expect(pool.settle([], [], 2, 1_198)).toEqual([]);
    const dropped = pool.settle([], [], 2, 1_199);
    expect(told(dropped)).toEqual([[three, "gap_expired"]]);
    expect(dropped[0]!.error.message).toContain("nonce 2");
    expect(pool.take(...everything)).toEqual([ready, one]);
    expect(pool.settle([], [], 2, Number.MAX_SAFE_INTEGER)).toEqual([]);
  });
});

test("what waited is back in its order of arrival, ahead of what comes then, and whoever is gone is told of", () => {
  const [a, b, c] = [1, 2, 3].map((sender) => entryOf({ sender, nonce: 0 }));
  const pool = new Mempool({ order: "fifo" });
  pool.add(b!, 0, 10);
  pool.add(a!, 0, 20);
  const entries = pool.entries();
  pool.settle([{ sender: senderBytes(2), nonce: 1 }], [b!.hash], 2, 30);
  pool.add(c!, 0, 40);
  pool.take(...everything);
  expect(pool.restore(entries, () => 0, 1, 50)).toEqual([c]);
  expect(pool.list({ limit: 9 })).toEqual([
    { entry: b, isReady: true, admittedAt: 10 },
    { entry: a, isReady: true, admittedAt: 20 },
  ]);
  pool.add(c!, 0, 60);
  expect(pool.take(...everything)).toEqual([b, a, c]);
});

test("a gap that is back may stand as long as a new one", () => {
  const pool = new Mempool({ gapLifetimeMs: 100 });
  const entry = entryOf({ sender: 1, nonce: 1 });
  pool.add(entry, 0, 0);
  const entries = pool.entries();
  pool.restore(entries, () => 0, 1, 1_000);
  expect(pool.settle([], [], 2, 1_099)).toEqual([]);
  expect(told(pool.settle([], [], 2, 1_100))).toEqual([[entry, "gap_expired"]]);
});

test("the list goes on after any waiting transaction, and knows nothing of those that left", () => {
  const entries = [0, 1, 2, 3, 4].map((index) => entryOf({ sender: index % 2, nonce: index >> 1 }));
  const pool = poolOf(entries);
  const places = (query: Parameters<Mempool["list"]>[0]) => pool.list(query).map(({ entry }) => entries.indexOf(entry));
  expect(places({ limit: 2 })).toEqual([0, 1]);
  expect(places({ limit: 2, after: entries[1]!.hash })).toEqual([2, 3]);
  expect(places({ limit: 9, sender: senderBytes(0), after: entries[1]!.hash })).toEqual([2, 4]);
  pool.remove(entries[1]!.hash);
  expect(places({ limit: 9, after: entries[1]!.hash })).toEqual([]);
  expect(places({ limit: 9, sender: senderBytes(7) })).toEqual([]);
  expect(pool.removeWhere({ sender: senderBytes(0) })).toEqual([entries[0], entries[2], entries[4]]);
  expect(places({ limit: 9 })).toEqual([3]);
  expect(pool.removeWhere({})).toEqual([entries[3]]);
  expect([pool.size, pool.bytes, pool.readyCount]).toEqual([0, 0, 0]);
});

test.each(["gapped", "ready"] as const)("10,000 that wait and are %s cost a block of one nothing", (kind) => {
  const pool = new Mempool();
  for (let index = 0; index < 10_000; index++) {
    pool.add(entryOf({ sender: 1 + (index >> 6), nonce: (index & 63) + (kind === "gapped" ? 1 : 0) }), 0, 0);
  }
  expect(pool.readyCount).toBe(kind === "gapped" ? 0 : 10_000);
  const times = Array.from({ length: 501 }, (_, nonce) => {
    const entry = entryOf({ sender: 0, nonce, price: 2 });
    pool.add(entry, nonce, 0);
    const start = performance.now();
    const taken = pool.take(Number.MAX_SAFE_INTEGER, 1, Number.MAX_SAFE_INTEGER);
    pool.settle([{ sender: senderBytes(0), nonce: nonce + 1 }], [entry.hash], 2, 0);
    const time = performance.now() - start;
    expect(taken).toEqual([entry]);
    return time;
  });
  // Some microseconds; one look at each of the 10,000 is more than this.
  expect(times.sort((a, b) => a - b)[250]).toBeLessThan(0.1);
});
