import fc from "fast-check";
import { expect, test } from "vitest";
import { Fault } from "../../vm/errors.ts";
import { applyChanges, EMPTY_ROOT, type StoredNode } from "./tree.ts";
import { createLeaf, leavesOf, TreeBuilder } from "./tree-stream.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const byKey = (nodes: readonly StoredNode[]) => nodes.map(({ key, bytes }) => [hex(key), hex(bytes)]).sort();
const inPathOrder = (keys: readonly Uint8Array[]) =>
  keys.map((key) => createLeaf(key, key)).sort((a, b) => Buffer.compare(a.keyHash, b.keyHash));

const arbitraryKeys = fc.uniqueArray(fc.uint8Array({ minLength: 1, maxLength: 3 }), { selector: hex, maxLength: 300 });

test("a tree built of its leaves one by one is, node for node, the tree of all at once, and gives them back", () => {
  fc.assert(
    fc.property(arbitraryKeys, fc.nat(1_000), (keys, version) => {
      const leaves = inPathOrder(keys);
      const nodes: StoredNode[] = [];
      const builder = new TreeBuilder(version, (node) => nodes.push(node));
      for (const leaf of leaves) builder.add(leaf);
      const root = builder.finish();
      const changes = keys.map((key) => ({ key, value: key }));
      const expected = applyChanges({ getNode: () => undefined }, null, version, changes);
      expect(hex(root)).toBe(hex(expected.root));
      expect(byKey(nodes)).toEqual(byKey(expected.newNodes));
      const stored = new Map(nodes.map(({ key, bytes }) => [hex(key), bytes]));
      const given = [...leavesOf({ getNode: (key) => stored.get(hex(key)) }, version)];
      expect(given.map(({ key, value }) => [hex(key), hex(value)])).toEqual(
        leaves.map(({ key, value }) => [hex(key), hex(value)]),
      );
    }),
  );
});

test("no leaves make the empty tree", () => {
  const nodes: StoredNode[] = [];
  expect(new TreeBuilder(3, (node) => nodes.push(node)).finish()).toEqual(EMPTY_ROOT);
  expect(nodes.length).toBe(1);
});

test("each inner node is handed out as soon as it is complete, so few are held back", () => {
  const leaves = inPathOrder(Array.from({ length: 5_000 }, (_, number) => Uint8Array.of(number >> 8, number)));
  let stored = 0;
  const builder = new TreeBuilder(0, () => stored++);
  for (const [index, leaf] of leaves.entries()) {
    builder.add(leaf);
    expect(stored).toBeGreaterThanOrEqual(index);
  }
});

test("a leaf out of order, or twice, is a fault", () => {
  const [first, second] = inPathOrder([Uint8Array.of(1), Uint8Array.of(2)]) as [ReturnType<typeof createLeaf>, never];
  for (const wrong of [first, second]) {
    const builder = new TreeBuilder(0, () => {});
    builder.add(second);
    expect(builder.isNext(wrong)).toBe(false);
    expect(() => builder.add(wrong)).toThrow(Fault);
  }
});
