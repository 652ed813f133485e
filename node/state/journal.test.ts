import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareBytes } from "../../vm/borsh.ts";
import { Fault } from "../../vm/errors.ts";
import { type Checkpoint, Journal, type ScannedState, type StateReader } from "./journal.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

/** A base that counts its reads and holds what it was made with. */
class Base implements StateReader {
  readonly state: ReadonlyMap<string, Uint8Array>;
  readCount = 0;
  visitCount = 0;

  constructor(entries: readonly (readonly [Uint8Array, Uint8Array])[]) {
    this.state = new Map(entries.map(([key, value]) => [hex(key), value]));
  }

  get(key: Uint8Array): Uint8Array | undefined {
    this.readCount++;
    return this.state.get(hex(key));
  }

  *scan(from: Uint8Array, to: Uint8Array, reverse: boolean): Generator<ScannedState, void, undefined> {
    const entries = [...this.state].map(([name, value]) => ({ key: new Uint8Array(Buffer.from(name, "hex")), value }));
    entries.sort((a, b) => compareBytes(a.key, b.key));
    if (reverse) entries.reverse();
    for (const entry of entries) {
      if (compareBytes(from, entry.key) > 0 || compareBytes(entry.key, to) >= 0) continue;
      this.visitCount++;
      yield entry;
    }
  }
}

/** The same law with nothing clever: a checkpoint is a copy of everything. */
class NaiveJournal {
  readonly base: ReadonlyMap<string, Uint8Array>;
  readonly copies: Map<string, Uint8Array>[] = [];
  state: Map<string, Uint8Array>;

  constructor(base: ReadonlyMap<string, Uint8Array>) {
    this.base = base;
    this.state = new Map(base);
  }

  /** What is there and what was there in the base: [key, value or null], in the order of the scan. */
  scan(from: Uint8Array, to: Uint8Array, reverse: boolean): [string, string | null][] {
    const visited = [...new Set([...this.base.keys(), ...this.state.keys()])]
      .filter((key) => hex(from) <= key && key < hex(to))
      .sort()
      .map((key): [string, string | null] => [key, this.state.has(key) ? hex(this.state.get(key)!) : null]);
    return reverse ? visited.reverse() : visited;
  }

  /** [key, value or null], sorted by key. */
  changes(): [string, string | null][] {
    const text = (value: Uint8Array | undefined) => (value === undefined ? null : hex(value));
    const keys = [...new Set([...this.base.keys(), ...this.state.keys()])].sort();
    return keys
      .filter((key) => text(this.base.get(key)) !== text(this.state.get(key)))
      .map((key) => [key, text(this.state.get(key))]);
  }
}

// Few keys, some of them prefixes of others, with bytes from both ends of the range.
const keyPool = ["", "00", "0000", "00ff", "7f", "80", "ff", "ff00", "ffff"].map(
  (text) => new Uint8Array(Buffer.from(text, "hex")),
);
const keyArb = fc.constantFrom(...keyPool);
const valueArb = fc.uint8Array({ maxLength: 1 });
const baseArb = fc.array(fc.tuple(keyArb, valueArb), { maxLength: 8 });
const boundArb = fc.oneof(keyArb, fc.constant(Uint8Array.of(0xff, 0xff, 0xff)));
const scanArb = fc.record({
  kind: fc.constant("scan" as const),
  from: boundArb,
  to: boundArb,
  reverse: fc.boolean(),
});
const actionArb = fc.oneof(
  scanArb,
  fc.record({ kind: fc.constant("get" as const), key: keyArb }),
  fc.record({ kind: fc.constant("set" as const), key: keyArb, value: valueArb }),
  fc.record({ kind: fc.constant("remove" as const), key: keyArb }),
  fc.record({ kind: fc.constantFrom("checkpoint" as const, "commit" as const, "revert" as const) }),
);

function visitedBy(state: StateReader, from: Uint8Array, to: Uint8Array, reverse: boolean): [string, string | null][] {
  return [...state.scan(from, to, reverse)].map(({ key, value }) => [hex(key), value && hex(value)]);
}

describe("journal", () => {
  test("answers as a journal that copies everything at each checkpoint", () => {
    fc.assert(
      fc.property(baseArb, fc.array(actionArb, { maxLength: 60 }), (entries, actions) => {
        const base = new Base(entries);
        const journal = new Journal(base);
        const naive = new NaiveJournal(base.state);
        const open: Checkpoint[] = [];
        for (const action of actions) {
          switch (action.kind) {
            case "get":
              expect(journal.get(action.key)).toEqual(naive.state.get(hex(action.key)));
              break;
            case "scan": {
              const { from, to, reverse } = action;
              expect(visitedBy(journal, from, to, reverse)).toEqual(naive.scan(from, to, reverse));
              break;
            }
            case "set":
              journal.set(action.key, action.value);
              naive.state.set(hex(action.key), action.value);
              break;
            case "remove":
              journal.remove(action.key);
              naive.state.delete(hex(action.key));
              break;
            case "checkpoint":
              open.push(journal.checkpoint());
              naive.copies.push(new Map(naive.state));
              break;
            case "commit":
              if (open.length === 0) break;
              journal.commit(open.pop()!);
              naive.copies.pop();
              break;
            case "revert":
              if (open.length === 0) break;
              journal.revert(open.pop()!);
              naive.state = naive.copies.pop()!;
          }
          expect(journal.changes().map(({ key, value }) => [hex(key), value && hex(value)])).toEqual(naive.changes());
        }
        for (const key of keyPool) expect(journal.get(key)).toEqual(naive.state.get(hex(key)));
        expect(base.readCount).toBeLessThanOrEqual(keyPool.length);
      }),
      { numRuns: 500 },
    );
  });

  test("a journal over a journal changes the lower one only through its changes", () => {
    fc.assert(
      fc.property(baseArb, baseArb, baseArb, (entries, below, above) => {
        const base = new Base(entries);
        const lower = new Journal(base);
        for (const [key, value] of below) lower.set(key, value);
        const before = lower.changes();
        const upper = new Journal(lower);
        for (const [key, value] of above) upper.set(key, value);
        expect(lower.changes()).toEqual(before);
        for (const { key, value } of upper.changes()) {
          if (value === null) lower.remove(key);
          else lower.set(key, value);
        }
        for (const key of keyPool) expect(lower.get(key)).toEqual(upper.get(key));
      }),
    );
  });

  test("a scan over journals on journals visits each key of any of them once, with the topmost value", () => {
    const writesArb = fc.array(fc.tuple(keyArb, fc.option(valueArb)), { maxLength: 12 });
    fc.assert(
      fc.property(baseArb, fc.array(writesArb, { minLength: 1, maxLength: 4 }), scanArb, (entries, layers, scan) => {
        const base = new Base(entries);
        let state = new NaiveJournal(base.state);
        let top: StateReader = base;
        const everVisited = new Set<string>();
        for (const writes of layers) {
          const journal = new Journal(top);
          const naive = new NaiveJournal(state.state);
          for (const [key, value] of writes) {
            if (value === null) {
              journal.remove(key);
              naive.state.delete(hex(key));
            } else {
              journal.set(key, value);
              naive.state.set(hex(key), value);
            }
          }
          for (const [key] of naive.scan(new Uint8Array(), Uint8Array.of(255, 255, 255), false)) everVisited.add(key);
          top = journal;
          state = naive;
        }
        const expected = [...everVisited]
          .filter((key) => hex(scan.from) <= key && key < hex(scan.to))
          .sort()
          .map((key) => [key, state.state.has(key) ? hex(state.state.get(key)!) : null]);
        if (scan.reverse) expected.reverse();
        expect(visitedBy(top, scan.from, scan.to, scan.reverse)).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  test("a scan costs what it visits: nothing for keys written elsewhere, or added and removed again", () => {
    const key = (text: string, number: number) => utf8(`${text}${String(number).padStart(6, "0")}`);
    const base = new Base([
      [utf8("k1"), utf8("1")],
      [utf8("k3"), utf8("3")],
    ]);
    const journal = new Journal(base);
    for (let i = 0; i < 20_000; i++) journal.set(key("a", i), utf8(""));
    for (let i = 0; i < 1_000; i++) journal.set(key("k1", i), utf8(""));
    for (let i = 0; i < 1_000; i++) journal.remove(key("k1", i));
    const checkpoint = journal.checkpoint();
    for (let i = 0; i < 1_000; i++) journal.set(key("k2", i), utf8(""));
    journal.revert(checkpoint);
    journal.set(utf8("k2"), utf8("2"));
    journal.remove(utf8("k3"));
    const expected = ["k1", "k2", "k3"].map((text) => hex(utf8(text)));
    const started = performance.now();
    for (let i = 0; i < 1_000; i++) {
      expect([...journal.scan(utf8("k"), utf8("l"), i % 2 === 1)].length).toBe(expected.length);
    }
    expect(visitedBy(journal, utf8("k"), utf8("l"), false).map(([name]) => name)).toEqual(expected);
    expect(base.visitCount).toBe(1_001 * 2);
    // A scan that walked over the 20,000 others would take minutes for all of them.
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  test("a scan reads its base one key ahead at most, and touches no key", () => {
    const base = new Base(Array.from({ length: 100 }, (_, i) => [Uint8Array.of(i), utf8("x")] as const));
    const journal = new Journal(base);
    const scan = journal.scan(utf8(""), Uint8Array.of(200), false);
    expect(base.visitCount).toBe(0);
    for (let taken = 1; taken <= 10; taken++) {
      expect(scan.next().value!.key).toEqual(Uint8Array.of(taken - 1));
      expect(base.visitCount).toBe(taken);
    }
    expect(base.readCount).toBe(0);
    expect(journal.changes()).toEqual([]);
  });

  test.each<[string, (journal: Journal, checkpoint: Checkpoint) => void]>([
    ["set", (journal) => journal.set(utf8("z"), utf8("1"))],
    ["remove", (journal) => journal.remove(utf8("a"))],
    ["revert", (journal, checkpoint) => journal.revert(checkpoint)],
  ])("a scan that is read on after a write is a fault: %s", (_, write) => {
    const journal = new Journal(new Base([]));
    journal.set(utf8("a"), utf8("1"));
    const checkpoint = journal.checkpoint();
    journal.set(utf8("b"), utf8("1"));
    const scan = journal.scan(utf8("a"), utf8("c"), false);
    expect(scan.next().value).toEqual({ key: utf8("a"), value: utf8("1") });
    write(journal, checkpoint);
    expect(() => scan.next()).toThrow(Fault);
  });

  test("a revert restores the reads and changes of its checkpoint through committed inner checkpoints", () => {
    const journal = new Journal(new Base([[utf8("a"), utf8("1")]]));
    journal.set(utf8("a"), utf8("2"));
    const outer = journal.checkpoint();
    journal.remove(utf8("a"));
    const inner = journal.checkpoint();
    journal.set(utf8("b"), utf8("3"));
    journal.commit(inner);
    journal.revert(outer);
    expect(journal.changes()).toEqual([{ key: utf8("a"), value: utf8("2") }]);
    expect(journal.get(utf8("b"))).toBeUndefined();
  });

  test("an empty value is a value", () => {
    const journal = new Journal(new Base([]));
    journal.set(utf8("a"), utf8(""));
    expect(journal.get(utf8("a"))).toEqual(utf8(""));
    expect(journal.changes()).toEqual([{ key: utf8("a"), value: utf8("") }]);
  });

  test("changes come in byte order of the key, longer than one call's arguments or not", () => {
    const longKeyArb = fc
      .tuple(fc.constantFrom(0, 1, 4095, 4096, 4097, 8192), fc.constantFrom(0, 0x7f, 0x80, 0xff), fc.nat(255))
      .map(([length, fill, last]) => Uint8Array.of(...new Uint8Array(length).fill(fill), last));
    fc.assert(
      fc.property(fc.uniqueArray(longKeyArb, { selector: hex, maxLength: 8 }), (keys) => {
        const journal = new Journal(new Base([]));
        for (const key of keys) journal.set(key, key);
        expect(journal.changes().map(({ key }) => hex(key))).toEqual([...keys].sort(compareBytes).map(hex));
      }),
    );
  });

  test("a key may be as long as the memory of a contract", () => {
    const journal = new Journal(new Base([]));
    const key = new Uint8Array(1 << 20).fill(0xff);
    journal.set(key, utf8("1"));
    expect(journal.get(key.slice())).toEqual(utf8("1"));
    expect(journal.get(key.subarray(1))).toBeUndefined();
  });

  test.each<[string, (journal: Journal, outer: Checkpoint, inner: Checkpoint) => void]>([
    ["committing the outer checkpoint first", (journal, outer) => journal.commit(outer)],
    ["reverting the outer checkpoint first", (journal, outer) => journal.revert(outer)],
    [
      "committing twice",
      (journal, _, inner) => {
        journal.commit(inner);
        journal.commit(inner);
      },
    ],
    [
      "reverting what is committed",
      (journal, _, inner) => {
        journal.commit(inner);
        journal.revert(inner);
      },
    ],
    ["another journal's checkpoint", (journal) => journal.commit(new Journal(new Base([])).checkpoint())],
    [
      "a commit with nothing open",
      (journal, outer, inner) => {
        journal.revert(inner);
        journal.revert(outer);
        journal.commit(outer);
      },
    ],
  ])("%s is a fault", (_, act) => {
    const journal = new Journal(new Base([]));
    const outer = journal.checkpoint();
    const inner = journal.checkpoint();
    expect(() => act(journal, outer, inner)).toThrow(Fault);
  });
});
