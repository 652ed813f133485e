import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareBytes } from "../../vm/borsh.ts";
import { Fault } from "../../vm/errors.ts";
import { type Checkpoint, Journal, type StateReader } from "./journal.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

/** A base that counts its reads and holds what it was made with. */
class Base implements StateReader {
  readonly state: ReadonlyMap<string, Uint8Array>;
  readCount = 0;

  constructor(entries: readonly (readonly [Uint8Array, Uint8Array])[]) {
    this.state = new Map(entries.map(([key, value]) => [hex(key), value]));
  }

  get(key: Uint8Array): Uint8Array | undefined {
    this.readCount++;
    return this.state.get(hex(key));
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
const actionArb = fc.oneof(
  fc.record({ kind: fc.constant("get" as const), key: keyArb }),
  fc.record({ kind: fc.constant("set" as const), key: keyArb, value: valueArb }),
  fc.record({ kind: fc.constant("remove" as const), key: keyArb }),
  fc.record({ kind: fc.constantFrom("checkpoint" as const, "commit" as const, "revert" as const) }),
);

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
