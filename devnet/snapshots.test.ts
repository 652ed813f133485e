import { expect, test } from "vitest";
import type { PoolEntry } from "../node/control.ts";
import { call, FakeNode, transaction } from "../test/support/fake-node.ts";
import { codeOf } from "../test/support/refusals.ts";
import { DevelopmentClock } from "./clock.ts";
import { Impersonated } from "./impersonated.ts";
import { Labels } from "./labels.ts";
import { type Snapshot, Snapshots } from "./snapshots.ts";

const node = new FakeNode();
const entry = node.pooled(node.admit(transaction(call)))!.entry;

function standing(pool: readonly PoolEntry[] = []): Snapshot {
  return {
    head: node.head(),
    pool,
    clock: new DevelopmentClock({ isLogical: true }).setting,
    sealing: { kind: "manual" },
    impersonated: Impersonated.nobody,
    labels: Labels.none,
  };
}

test("numbers ascend and never come again", () => {
  const snapshots = new Snapshots();
  const ids = [1, 2, 3].map(() => snapshots.take(standing()).id);
  snapshots.dropAfter(ids[0]!);
  ids.push(snapshots.take(standing()).id);
  snapshots.dropAfter(0);
  ids.push(snapshots.take(standing()).id);
  expect(ids).toEqual([1, 2, 3, 4, 5]);
  expect(snapshots.list).toEqual([{ id: 5, height: 0 }]);
  for (const id of [1, 2, 3, 4, 6]) expect(codeOf(() => snapshots.get(id))).toBe("snapshot_unknown");
});

test("what waits is kept once while it is the same, 256 MiB of it, and given free with its snapshot", () => {
  const snapshots = new Snapshots();
  const encoded = new Uint8Array(32 * 1024 * 1024);
  const large = (admittedAt: number) => [{ entry: { ...entry, encoded }, admittedAt }];
  const pools = Array.from({ length: 7 }, (_, number) => large(number));
  for (const pool of pools) for (let times = 0; times < 100; times++) snapshots.take(standing([...pool]));
  expect(codeOf(() => snapshots.take(standing(large(8))))).toBe("too_many_snapshots");
  expect(snapshots.take(standing()).id).toBe(701);
  snapshots.dropAfter(100);
  for (const pool of pools.slice(1)) snapshots.take(standing(pool));
  expect(codeOf(() => snapshots.take(standing(large(8))))).toBe("too_many_snapshots");
  expect(snapshots.get(100).pool).toEqual(pools[0]);
});

test("there are 100,000 at most", () => {
  const snapshots = new Snapshots();
  const empty = standing();
  for (let count = 0; count < 100_000; count++) snapshots.take(empty);
  expect(codeOf(() => snapshots.take(empty))).toBe("too_many_snapshots");
  snapshots.dropAfter(99_999);
  snapshots.take(empty);
});
