import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { equalBytes } from "../../vm/borsh.ts";
import { applyChanges, type Change, type NodeReader, readValue } from "./tree.ts";
import {
  CHILDREN,
  type Child,
  decodeNode,
  encodeNode,
  hash,
  type InnerNode,
  nodeHash,
  type TreeNode,
} from "./tree-node.ts";
import { pathOf, placeOf, verifyNode, type WitnessedNode, witnessedNodes } from "./witnessed-node.ts";

const VERSION = 3;
const invalid = expect.objectContaining({ code: "node_invalid" });

const keyOf = (index: number) => new TextEncoder().encode(`key ${index}`);
const valueAt = (index: number) => Uint8Array.of(index & 0xff, index >> 8);

/** A tree of `count` leaves that came in three versions. */
function treeOf(count: number): { readonly reader: NodeReader; readonly root: Uint8Array } {
  const nodes = new Map<string, Uint8Array>();
  const nameOf = (key: Uint8Array) => Buffer.from(key).toString("hex");
  const reader: NodeReader = { getNode: (key) => nodes.get(nameOf(key)) };
  let root = new Uint8Array();
  for (let version = 1; version <= VERSION; version++) {
    const changes: Change[] = [];
    for (let index = version - 1; index < count; index += VERSION) {
      changes.push({ key: keyOf(index), value: valueAt(index) });
    }
    const update = applyChanges(reader, version === 1 ? null : version - 1, version, changes);
    for (const { key, bytes } of update.newNodes) nodes.set(nameOf(key), bytes);
    root = new Uint8Array(update.root);
  }
  return { reader, root };
}

const { reader, root } = treeOf(300);

function at(place: string, from = reader): WitnessedNode {
  const [node] = witnessedNodes(from, VERSION, [place], 0);
  if (node === undefined || node === null) throw new Error(`no node at "${place}"`);
  return node;
}

/** What a stranger believes of `key` who trusts the root's hash alone. */
function believed(key: Uint8Array, from: NodeReader, rootHash: Uint8Array): Uint8Array | undefined {
  const path = hash(key);
  let expected: { hash: Uint8Array; isLeaf?: boolean } = { hash: rootHash };
  for (let depth = 0; ; depth++) {
    const place = placeOf(path, depth);
    const node = verifyNode(at(place, from), expected, place, VERSION);
    if (node.kind === "empty") return undefined;
    if (node.kind === "leaf") return equalBytes(node.key, key) ? node.value : undefined;
    const child = node.children[Number.parseInt(placeOf(path, depth + 1).at(-1)!, 16)];
    if (child === undefined) return undefined;
    expected = child;
  }
}

test.each([0, 1, 2, 17, 300])(
  "in a tree of %i leaves, what is verified from the root down is what the tree holds",
  (count) => {
    const tree = treeOf(count);
    for (let index = 0; index < count + 50; index++) {
      const key = keyOf(index);
      const stored = readValue(tree.reader, VERSION, key);
      expect(stored === undefined).toBe(index >= count);
      expect(believed(key, tree.reader, tree.root)).toEqual(stored);
    }
  },
);

describe("places", () => {
  test("are the first nibbles of a path", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.integer({ min: 0, max: 64 }), (path, depth) => {
        const place = placeOf(path, depth);
        expect(place).toBe(Buffer.from(path).toString("hex").slice(0, depth));
        expect(placeOf(pathOf(place), depth)).toBe(place);
      }),
    );
  });

  test("without a node have none: beside children, below leaves", () => {
    const leafPlace = (place: string): string => {
      const node = decodeNode(at(place).record) as InnerNode;
      const nibble = node.children.findIndex((child) => child?.isLeaf);
      if (nibble >= 0) return place + nibble.toString(16);
      return leafPlace(place + node.children.findIndex((child) => child !== undefined).toString(16));
    };
    const leaf = leafPlace("");
    const sparse = leaf.slice(0, -1);
    const hole = (decodeNode(at(sparse).record) as InnerNode).children.indexOf(undefined);
    expect(hole).toBeGreaterThanOrEqual(0);
    const places = [`${leaf}0`, leaf.padEnd(64, "f"), sparse + hole.toString(16), leaf];
    expect(witnessedNodes(reader, VERSION, places, 1e6).map((node) => node === null)).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });

  test("are answered up to what may be read for them, the first always", () => {
    const places = ["", "0", "1", "2", "3"];
    expect(witnessedNodes(reader, VERSION, places, 0)).toHaveLength(1);
    const all = witnessedNodes(reader, VERSION, places, 1e6);
    expect(all).toHaveLength(5);
    const some = witnessedNodes(reader, VERSION, places, 10_000);
    expect(some.length).toBeGreaterThan(1);
    expect(some.length).toBeLessThan(5);
    expect(some).toEqual(all.slice(0, some.length));
  });
});

/** An inner node, below the root where `place` says so, and what its parent says of it. */
function innerAt(place: string) {
  const witnessed = at(place);
  const node = decodeNode(witnessed.record) as InnerNode;
  const expected = place === "" ? { hash: root } : { hash: nodeHash(node), isLeaf: false };
  return { witnessed, node, expected };
}

/** The node with other children, in its own record. */
function withChildren(children: readonly (Child | undefined)[]): Uint8Array {
  return encodeNode({ kind: "inner", children: [...children] });
}

const everyPlace: string[] = [];
(function visit(place: string): void {
  everyPlace.push(place);
  const node = decodeNode(at(place).record);
  if (node.kind !== "inner") return;
  for (const [nibble, child] of node.children.entries()) {
    if (child !== undefined) visit(place + nibble.toString(16));
  }
})("");

const innerPlaces = everyPlace.filter((place) => decodeNode(at(place).record).kind === "inner");

describe("a record with the right hash is refused", () => {
  test("when it says leaf of what is none, or the other way round", () => {
    let flippedCount = 0;
    for (const place of innerPlaces) {
      const { witnessed, node, expected } = innerAt(place);
      for (const [nibble, child] of node.children.entries()) {
        if (child === undefined) continue;
        const children = node.children.with(nibble, { ...child, isLeaf: !child.isLeaf });
        if (!equalBytes(nodeHash({ kind: "inner", children }), expected.hash)) continue;
        const record = withChildren(children);
        flippedCount++;
        expect(() => verifyNode({ ...witnessed, record }, expected, place, VERSION)).toThrow(invalid);
      }
    }
    expect(flippedCount).toBeGreaterThan(20);
  });

  test("when a lone leaf lies at another nibble, so that its key would seem absent", () => {
    let movedCount = 0;
    for (const place of innerPlaces) {
      const { witnessed, node, expected } = innerAt(place);
      for (const [nibble, child] of node.children.entries()) {
        if (!child?.isLeaf || node.children[nibble ^ 1] !== undefined) continue;
        const record = withChildren(node.children.with(nibble, undefined).with(nibble ^ 1, child));
        expect(nodeHash(decodeNode(record))).toEqual(expected.hash);
        movedCount++;
        expect(() => verifyNode({ ...witnessed, record }, expected, place, VERSION)).toThrow(invalid);
      }
    }
    expect(movedCount).toBeGreaterThan(20);
  });

  test("when a child is of a version above the tree's, on the path or beside it", () => {
    for (const place of innerPlaces) {
      const { witnessed, node, expected } = innerAt(place);
      for (const [nibble, child] of node.children.entries()) {
        if (child === undefined) continue;
        const record = withChildren(node.children.with(nibble, { ...child, version: VERSION + 1 }));
        expect(() => verifyNode({ ...witnessed, record }, expected, place, VERSION)).toThrow(invalid);
      }
    }
  });

  test("when its witnesses are too few, too many, in another order or another child's", () => {
    const { witnessed, expected } = innerAt("");
    const { record, children } = witnessed;
    const swapped = Uint8Array.of(
      ...children.subarray(64, 128),
      ...children.subarray(0, 64),
      ...children.subarray(128),
    );
    for (const wrong of [
      new Uint8Array(),
      children.subarray(64),
      children.subarray(0, -64),
      children.subarray(0, -1),
      Uint8Array.of(...children, 0),
      Uint8Array.of(...children, ...children.subarray(0, 64)),
      swapped,
    ]) {
      expect(() => verifyNode({ record, children: wrong }, expected, "", VERSION)).toThrow(invalid);
    }
    expect(verifyNode({ record, children }, expected, "", VERSION).kind).toBe("inner");
  });
});

describe("a record is refused", () => {
  const leafPlace = everyPlace.find((place) => decodeNode(at(place).record).kind === "leaf")!;
  const leaf = at(leafPlace);
  const expectedLeaf = { hash: nodeHash(decodeNode(leaf.record)), isLeaf: true };

  test.each<[string, Uint8Array]>([
    ["is empty bytes", new Uint8Array()],
    ["is of an unknown tag", Uint8Array.of(3, 0, 0)],
    ["is the empty node where a leaf is", Uint8Array.of(0)],
    ["is cut", leaf.record.subarray(0, -1)],
    ["is a leaf's head alone", leaf.record.subarray(0, 5)],
    ["goes on behind its end", Uint8Array.of(...leaf.record, 0)],
    ["has another value", leaf.record.with(-1, leaf.record.at(-1)! ^ 1)],
    ["has another key", leaf.record.with(9, leaf.record[9]! ^ 1)],
    ["is an inner node where a leaf is", at("").record],
    ["says that its key has 4 GiB", Uint8Array.of(1, 255, 255, 255, 255, 0, 0, 0, 0)],
    ["has no children", Uint8Array.of(2, 0, 0, 0, 0)],
    ["has a leaf among the children that it has not", Uint8Array.of(2, 0, 0, 0, 1)],
  ])("that %s", (_, record) => {
    for (const expected of [expectedLeaf, { ...expectedLeaf, isLeaf: false }]) {
      expect(() => verifyNode({ record, children: new Uint8Array() }, expected, leafPlace, VERSION)).toThrow(invalid);
    }
  });

  test("that brings witnesses of children to a leaf", () => {
    expect(verifyNode(leaf, expectedLeaf, leafPlace, VERSION).kind).toBe("leaf");
    expect(() => verifyNode({ ...leaf, children: new Uint8Array(64) }, expectedLeaf, leafPlace, VERSION)).toThrow(
      invalid,
    );
  });

  test("of unknown kind anywhere but at the root", () => {
    expect(() => verifyNode(leaf, { hash: expectedLeaf.hash }, leafPlace, VERSION)).toThrow(invalid);
  });
});

/** Everything but versions and what is computed. */
function shapeOf(node: TreeNode): unknown {
  if (node.kind !== "inner") return node;
  return node.children.map((child) => child && { hash: child.hash, isLeaf: child.isLeaf });
}

test("however an answer is altered, it is refused or means the same node", () => {
  const outcomes = { refused: 0, same: 0 };
  fc.assert(
    fc.property(
      fc.constantFrom(...everyPlace),
      fc.array(fc.tuple(fc.nat(), fc.nat(), fc.integer({ min: 0, max: 4 })), { minLength: 1, maxLength: 3 }),
      (place, alterations) => {
        const honest = at(place);
        const node = decodeNode(honest.record);
        const isLeaf = node.kind === "leaf";
        let record = honest.record.slice();
        let children = honest.children.slice();
        for (const [a, b, how] of alterations) {
          if (how === 0) record[a % record.length]! ^= 1 << (b % 8);
          else if (how === 1 && children.length > 0) children[a % children.length]! ^= 1 << (b % 8);
          else if (node.kind === "inner") {
            const altered = [...node.children];
            const [i, j] = [a % CHILDREN, b % CHILDREN];
            if (how === 2) [altered[i], altered[j]] = [altered[j], altered[i]];
            else if (how === 3) altered[i] = undefined;
            else if (altered[i] !== undefined)
              altered[i] = { ...altered[i], version: b % (VERSION + 1), isLeaf: b % 2 === 0 };
            record = withChildren(altered).slice();
            if (how === 2 && a % 3 === 0) children = children.slice(0, -64);
          }
        }
        const expected = place === "" ? { hash: root } : { hash: nodeHash(node), isLeaf };
        try {
          const found = verifyNode({ record, children }, expected, place, VERSION);
          expect(shapeOf(found)).toEqual(shapeOf(node));
          outcomes.same++;
        } catch (error) {
          expect(error).toEqual(invalid);
          outcomes.refused++;
        }
      },
    ),
    { numRuns: 3_000 },
  );
  expect(outcomes.refused).toBeGreaterThan(500);
  expect(outcomes.same).toBeGreaterThan(50);
});
