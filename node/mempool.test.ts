import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { codeOf } from "../test/support/refusals.ts";
import { BYTES_MAX, Mempool, NONCE_AHEAD_MAX, TRANSACTION_COUNT_MAX } from "./mempool.ts";
import type { EncodedTransaction } from "./transaction.ts";

interface Sketch {
  readonly sender: number;
  readonly nonce: number;
  readonly gasLimit?: number;
  readonly expiryHeight?: number;
  readonly encoded?: Uint8Array;
}

const oneByte = new Uint8Array(1);
let count = 0;

const senderBytes = (number: number) => new Uint8Array(32).fill(number);

/** The pool never looks at signatures, so an entry is what it says. */
function entryOf({ sender, nonce, gasLimit = 1, expiryHeight = 1_000, encoded = oneByte }: Sketch): EncodedTransaction {
  const hash = new Uint8Array(32);
  new DataView(hash.buffer).setUint32(0, ++count);
  const body = { chainId: "", sender: senderBytes(sender), nonce, gasLimit, gasPrice: 1n, expiryHeight, actions: [] };
  return { transaction: { body, signature: new Uint8Array(64) }, encoded, hash };
}

const fresh = () => 0;
const everything = [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER] as const;

/**
 * The same law with nothing clever: a transaction is ready when it and all that must precede it have arrived, and goes by the
 * arrival that made it ready, then by nonce.
 */
class NaivePool {
  arrivals: EncodedTransaction[] = [];

  has(sender: Uint8Array, nonce: number): boolean {
    return this.find(sender, nonce) >= 0;
  }

  find(sender: Uint8Array, nonce: number): number {
    return this.arrivals.findIndex(
      ({ transaction: { body } }) => Buffer.compare(body.sender, sender) === 0 && body.nonce === nonce,
    );
  }

  take(nonceOf: (sender: Uint8Array) => number, gasLimit: number, countMax: number): EncodedTransaction[] {
    const ready = this.arrivals.flatMap((entry) => {
      const { sender, nonce } = entry.transaction.body;
      const from = nonceOf(sender);
      if (nonce < from) return [];
      const chain = Array.from({ length: nonce - from + 1 }, (_, index) => this.find(sender, from + index));
      return chain.includes(-1) ? [] : [{ entry, at: Math.max(...chain), nonce }];
    });
    ready.sort((a, b) => a.at - b.at || a.nonce - b.nonce);
    const taken: EncodedTransaction[] = [];
    let gas = 0;
    for (const { entry } of ready) {
      gas += entry.transaction.body.gasLimit;
      if (gas > gasLimit || taken.length === countMax) break;
      taken.push(entry);
    }
    return taken;
  }
}

const small = fc.nat({ max: 5 });
const actionArb = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("add" as const),
      sender: fc.nat({ max: 2 }),
      nonce: fc.nat({ max: 7 }),
      gasLimit: small,
      expiryHeight: fc.integer({ min: 1, max: 6 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("take" as const), gas: fc.nat({ max: 30 }), count: small }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("remove" as const), at: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("include" as const), count: small }) },
);

describe("the mempool", () => {
  test("does what a pool does that looks everything up", () => {
    fc.assert(
      fc.property(fc.array(actionArb, { maxLength: 60 }), (actions) => {
        const pool = new Mempool();
        const naive = new NaivePool();
        const nonces = [0, 0, 0];
        let height = 0;
        const nonceOf = (sender: Uint8Array) => nonces[sender[0]!]!;
        for (const action of actions) {
          switch (action.kind) {
            case "add": {
              const entry = entryOf(action);
              // A node refuses nonces below the account's and what expired before it asks the pool.
              if (action.nonce < nonces[action.sender]! || action.expiryHeight <= height) break;
              const isTaken = naive.has(senderBytes(action.sender), action.nonce);
              expect(codeOf(() => pool.add(entry, nonces[action.sender]!))).toBe(isTaken ? "nonce_taken" : "accepted");
              if (!isTaken) naive.arrivals.push(entry);
              break;
            }
            case "take":
              expect(pool.take(nonceOf, action.gas, action.count)).toEqual(
                naive.take(nonceOf, action.gas, action.count),
              );
              break;
            case "remove": {
              const entry = naive.arrivals[action.at % Math.max(1, naive.arrivals.length)];
              if (entry === undefined) break;
              pool.remove(entry);
              naive.arrivals = naive.arrivals.filter((other) => other !== entry);
              break;
            }
            case "include": {
              // What a block takes leaves the pool, and what can never follow it too.
              for (const entry of pool.take(nonceOf, everything[0], action.count)) {
                nonces[entry.transaction.body.sender[0]!]!++;
                pool.remove(entry);
                naive.arrivals = naive.arrivals.filter((other) => other !== entry);
              }
              height++;
              const isStale = ({ transaction: { body } }: EncodedTransaction) =>
                body.nonce < nonceOf(body.sender) || body.expiryHeight < height + 1;
              expect(new Set(pool.prune(nonceOf, height + 1))).toEqual(new Set(naive.arrivals.filter(isStale)));
              naive.arrivals = naive.arrivals.filter((entry) => !isStale(entry));
            }
          }
          expect(pool.size).toBe(naive.arrivals.length);
          for (const entry of naive.arrivals) expect(pool.has(entry.hash)).toBe(true);
          for (const [sender, nonce] of nonces.entries()) {
            let expected = nonce;
            while (naive.has(senderBytes(sender), expected)) expected++;
            expect(pool.nextNonce(senderBytes(sender), nonce)).toBe(expected);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  test("gives one sender's transactions in nonce order, whatever order they came in", () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([...Array(12).keys()], { minLength: 12 }), (order) => {
        const pool = new Mempool();
        for (const nonce of order) pool.add(entryOf({ sender: 1, nonce }), 0);
        const nonces = pool.take(fresh, ...everything).map(({ transaction }) => transaction.body.nonce);
        expect(nonces).toEqual([...Array(12).keys()]);
      }),
    );
  });

  test("keeps what waits behind a gap, and gives it at once when the gap is filled", () => {
    const pool = new Mempool();
    const [zero, one, two] = [0, 1, 2].map((nonce) => entryOf({ sender: 1, nonce })) as [
      EncodedTransaction,
      EncodedTransaction,
      EncodedTransaction,
    ];
    pool.add(two, 0);
    pool.add(zero, 0);
    expect(pool.take(fresh, ...everything)).toEqual([zero]);
    expect(pool.nextNonce(senderBytes(1), 0)).toBe(1);
    pool.add(one, 0);
    expect(pool.take(fresh, ...everything)).toEqual([zero, one, two]);
    expect(pool.nextNonce(senderBytes(1), 0)).toBe(3);
  });

  test("taking removes nothing", () => {
    const pool = new Mempool();
    for (const sender of [1, 2]) pool.add(entryOf({ sender, nonce: 0 }), 0);
    expect(pool.take(fresh, ...everything)).toEqual(pool.take(fresh, ...everything));
    expect(pool.size).toBe(2);
  });

  test("gives as much as the gas limit holds, to the last unit", () => {
    const pool = new Mempool();
    for (const sender of [1, 2, 3]) pool.add(entryOf({ sender, nonce: 0, gasLimit: 10 }), 0);
    const takenWith = (gas: number) => pool.take(fresh, gas, 10).length;
    expect([0, 9, 10, 19, 20, 29, 30, 31].map(takenWith)).toEqual([0, 0, 1, 1, 2, 2, 3, 3]);
  });

  test("refuses what it has, another with the same nonce, and a nonce too far ahead", () => {
    const pool = new Mempool();
    const first = entryOf({ sender: 1, nonce: 5 });
    pool.add(first, 5);
    expect(codeOf(() => pool.add(first, 5))).toBe("already_known");
    expect(codeOf(() => pool.add(entryOf({ sender: 1, nonce: 5 }), 5))).toBe("nonce_taken");
    expect(codeOf(() => pool.add(entryOf({ sender: 1, nonce: 5 + NONCE_AHEAD_MAX + 1 }), 5))).toBe("nonce_too_high");
    expect(codeOf(() => pool.add(entryOf({ sender: 1, nonce: 5 + NONCE_AHEAD_MAX }), 5))).toBe("accepted");
    expect(codeOf(() => pool.add(entryOf({ sender: 2, nonce: 5 }), 5))).toBe("accepted");
    expect(pool.size).toBe(3);
  });

  test("holds TRANSACTION_COUNT_MAX transactions, and has room again when one leaves", () => {
    const pool = new Mempool();
    const sketch = (index: number) => ({ sender: index % 100, nonce: Math.floor(index / 100) });
    const entries = Array.from({ length: TRANSACTION_COUNT_MAX }, (_, index) => entryOf(sketch(index)));
    for (const entry of entries) pool.add(entry, 0);
    const late = entryOf({ sender: 200, nonce: 0 });
    expect(codeOf(() => pool.add(late, 0))).toBe("mempool_full");
    expect(pool.size).toBe(TRANSACTION_COUNT_MAX);
    pool.remove(entries[0]!);
    pool.remove(entries[0]!);
    expect(codeOf(() => pool.add(late, 0))).toBe("accepted");
    expect(codeOf(() => pool.add(entryOf({ sender: 201, nonce: 0 }), 0))).toBe("mempool_full");
  });

  test("holds BYTES_MAX bytes, and has room again when some leave", () => {
    const pool = new Mempool();
    const encoded = new Uint8Array(BYTES_MAX / 4);
    const entries = [0, 1, 2, 3].map((nonce) => entryOf({ sender: 1, nonce, encoded }));
    for (const entry of entries) pool.add(entry, 0);
    expect(codeOf(() => pool.add(entryOf({ sender: 2, nonce: 0 }), 0))).toBe("mempool_full");
    expect(pool.prune(() => 1, 1)).toEqual([entries[0]]);
    expect(codeOf(() => pool.add(entryOf({ sender: 2, nonce: 0, encoded }), 0))).toBe("accepted");
    expect(codeOf(() => pool.add(entryOf({ sender: 3, nonce: 0 }), 0))).toBe("mempool_full");
  });

  test("drops what expired and what was overtaken, and nothing else", () => {
    const pool = new Mempool();
    const expired = entryOf({ sender: 1, nonce: 3, expiryHeight: 9 });
    const overtaken = entryOf({ sender: 2, nonce: 2 });
    const kept = [entryOf({ sender: 1, nonce: 4, expiryHeight: 10 }), entryOf({ sender: 2, nonce: 3 })];
    for (const entry of [expired, overtaken, ...kept]) pool.add(entry, 0);
    expect(new Set(pool.prune(() => 3, 10))).toEqual(new Set([expired, overtaken]));
    expect(kept.map(({ hash }) => pool.has(hash))).toEqual([true, true]);
    expect(pool.size).toBe(2);
  });

  test("asks for each sender's nonce once when it is pruned or taken from", () => {
    const pool = new Mempool();
    for (let index = 0; index < 200; index++) pool.add(entryOf({ sender: index % 4, nonce: 1 + (index >> 2) }), 0);
    let reads = 0;
    const counting = () => {
      reads++;
      return 0;
    };
    pool.take(counting, ...everything);
    expect(reads).toBe(4);
    pool.prune(counting, 1);
    expect(reads).toBe(8);
  });
});

test("what is taken fits the size asked for, and what does not fit stays", () => {
  const pool = new Mempool();
  const entries = [0, 1, 2].map((nonce) => entryOf({ sender: 1, nonce, encoded: new Uint8Array(10) }));
  for (const entry of entries) pool.add(entry, 0);
  const size = entries[0]!.encoded.length;
  const takenWith = (sizeMax: number) => pool.take(() => 0, Number.MAX_SAFE_INTEGER, 10, sizeMax).length;
  expect([size - 1, size, 3 * size - 1, 3 * size].map(takenWith)).toEqual([0, 1, 2, 3]);
  expect(pool.size).toBe(3);
});

test("what arrived later waits its turn, though its predecessor is taken early", () => {
  const pool = new Mempool();
  const [first, other, second] = [
    [1, 0],
    [0, 0],
    [1, 1],
  ].map(([sender, nonce]) => entryOf({ sender: sender!, nonce: nonce! }));
  for (const entry of [first!, other!, second!]) pool.add(entry, 0);
  expect(pool.take(() => 0, Number.MAX_SAFE_INTEGER, 2)).toEqual([first, other]);
});
