import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { keyPool } from "../../test/support/key-pool.ts";
import { Fault } from "../../vm/errors.ts";
import {
  applyChanges,
  type Change,
  EMPTY_ROOT,
  type NodeReader,
  readRoot,
  readValue,
  type TreeUpdate,
} from "./tree.ts";
import { decodeNode, nodeKey, withNibble } from "./tree-node.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const unhex = (text: string) => new Uint8Array(Buffer.from(text, "hex"));
const utf8 = (text: string) => new TextEncoder().encode(text);

/** A store that refuses what the tree promises never to do: overwrite a node, or drop one that is not there. */
class MapStore implements NodeReader {
  readonly nodes = new Map<string, Uint8Array>();

  getNode(key: Uint8Array): Uint8Array | undefined {
    return this.nodes.get(hex(key));
  }

  add({ newNodes }: TreeUpdate): void {
    for (const { key, bytes } of newNodes) {
      if (this.nodes.has(hex(key))) throw new Error(`node ${hex(key)} is overwritten`);
      this.nodes.set(hex(key), bytes);
    }
  }

  prune({ staleNodes }: TreeUpdate): void {
    for (const key of staleNodes) {
      if (!this.nodes.delete(hex(key))) throw new Error(`node ${hex(key)} is stale but absent, or stale twice`);
    }
  }
}

/** A chain of versions 0, 1, 2... over one store. */
class Chain {
  readonly store = new MapStore();
  head: number | null = null;

  apply(changes: readonly Change[]): TreeUpdate {
    const version = this.head === null ? 0 : this.head + 1;
    const update = applyChanges(this.store, this.head, version, changes);
    this.store.add(update);
    this.head = version;
    return update;
  }
}

// The root as the design defines it, by another hasher, one bit at a time and with no stored shape.

const sha256 = (...parts: (string | Uint8Array)[]): Buffer => {
  const hasher = createHash("sha256");
  for (const part of parts) hasher.update(part);
  return hasher.digest();
};

type State = ReadonlyMap<string, string>;

function naiveRoot(state: State): string {
  const leaves = [...state].map(([key, value]) => {
    const path = sha256(unhex(key));
    return { path, hash: sha256("JMT::LeafNode", path, sha256(unhex(value))) };
  });
  const rootOf = (below: typeof leaves, bit: number): Uint8Array => {
    if (below.length === 0) return utf8("SPARSE_MERKLE_PLACEHOLDER_HASH__");
    if (below.length === 1) return below[0]!.hash;
    const isRight = ({ path }: { path: Buffer }) => ((path[bit >> 3]! >> (7 - (bit & 7))) & 1) === 1;
    const left = below.filter((leaf) => !isRight(leaf));
    return sha256("JMT::IntrnalNode", rootOf(left, bit + 1), rootOf(below.filter(isRight), bit + 1));
  };
  return hex(rootOf(leaves, 0));
}

/** The node keys a version reaches, found without the tree's own descent. */
function reachable(store: MapStore, version: number): Set<string> {
  const found = new Set<string>();
  const visit = (at: number, path: Uint8Array, depth: number): void => {
    const key = nodeKey(at, path, depth);
    found.add(hex(key));
    const node = decodeNode(store.getNode(key)!);
    if (node.kind !== "inner") return;
    for (const [nibble, child] of node.children.entries()) {
      if (child !== undefined) visit(child.version, withNibble(path, depth, nibble), depth + 1);
    }
  };
  visit(version, new Uint8Array(32), 0);
  return found;
}

const valueArb = fc.oneof(fc.constantFrom(utf8(""), utf8("a"), utf8("b")), fc.uint8Array({ maxLength: 40 }));
const blockArb = fc.uniqueArray(
  fc.record({
    key: fc.constantFrom(...keyPool),
    value: fc.oneof({ weight: 3, arbitrary: valueArb }, { weight: 2, arbitrary: fc.constant(null) }),
  }),
  { selector: ({ key }) => hex(key), maxLength: 24 },
);
const blocksArb = fc.array(blockArb, { minLength: 1, maxLength: 12 });
const stateArb = fc.uniqueArray(fc.record({ key: fc.constantFrom(...keyPool), value: valueArb }), {
  selector: ({ key }) => hex(key),
  maxLength: keyPool.length,
});

function applyToState(state: State, changes: readonly Change[]): State {
  const after = new Map(state);
  for (const { key, value } of changes) {
    if (value === null) after.delete(hex(key));
    else after.set(hex(key), hex(value));
  }
  return after;
}

function readState(store: MapStore, version: number): State {
  const entries = keyPool.flatMap((key): [string, string][] => {
    const value = readValue(store, version, key);
    return value === undefined ? [] : [[hex(key), hex(value)]];
  });
  return new Map(entries);
}

const sorted = (state: State) => [...state].sort();

const rootOf = (changes: readonly Change[]) => hex(applyChanges(new MapStore(), null, 0, changes).root);

describe("root", () => {
  interface Vector {
    readonly expected_root: string;
    readonly data: readonly { readonly key: string; readonly value: string }[];
  }
  const vectorFile = new URL("../../test/vectors/jmt-sha256.json", import.meta.url);
  const { vectors } = JSON.parse(readFileSync(vectorFile, "utf8")) as { vectors: readonly Vector[] };

  test("there are vectors", () => {
    expect(vectors.length).toBe(14);
  });

  test.each(vectors)("is that of the jmt crate: $expected_root", ({ expected_root, data }) => {
    const changes = data.map(({ key, value }) => ({ key: unhex(key), value: unhex(value) }));
    expect(rootOf(changes)).toBe(expected_root);

    // In two versions, and with every key read back.
    const chain = new Chain();
    chain.apply(changes.slice(0, changes.length / 2));
    const { root } = chain.apply(changes.slice(changes.length / 2));
    expect(hex(root)).toBe(expected_root);
    for (const { key, value } of changes) expect(readValue(chain.store, 1, key)).toEqual(value);
  });

  test("is what the recursive definition says", () => {
    fc.assert(
      fc.property(stateArb, (state) => {
        expect(rootOf(state)).toBe(naiveRoot(applyToState(new Map(), state)));
      }),
    );
  });

  test("does not depend on the order of the changes", () => {
    const shuffledPair = stateArb.chain((state) =>
      fc.tuple(fc.constant(state), fc.shuffledSubarray(state, { minLength: state.length })),
    );
    fc.assert(
      fc.property(shuffledPair, ([state, shuffled]) => {
        expect(rootOf(shuffled)).toBe(rootOf(state));
      }),
    );
  });

  test("does not depend on how changes are cut into blocks", () => {
    fc.assert(
      fc.property(stateArb, blockArb, (state, block) => {
        const batched = new Chain();
        batched.apply(state);
        const single = new Chain();
        single.apply(state);
        const { root } = batched.apply(block);
        for (const change of block) single.apply([change]);
        expect(hex(readRoot(single.store, single.head!))).toBe(hex(root));
      }),
    );
  });

  test("is restored when what was inserted is removed", () => {
    fc.assert(
      fc.property(stateArb, blockArb, (state, block) => {
        const chain = new Chain();
        const { root } = chain.apply(state);
        const known = new Set(state.map(({ key }) => hex(key)));
        const inserted = block.filter(({ key, value }) => value !== null && !known.has(hex(key)));
        chain.apply(inserted);
        expect(hex(chain.apply(inserted.map(({ key }) => ({ key, value: null }))).root)).toBe(hex(root));
      }),
    );
  });

  test("tells an empty value from an absent key", () => {
    const key = utf8("k");
    expect(rootOf([{ key, value: utf8("") }])).not.toBe(hex(EMPTY_ROOT));
  });
});

describe("empty tree", () => {
  test("has the placeholder for a root, and one byte for a record", () => {
    const chain = new Chain();
    const update = chain.apply([]);
    expect(update.root).toEqual(utf8("SPARSE_MERKLE_PLACEHOLDER_HASH__"));
    expect(update.root).toEqual(EMPTY_ROOT);
    expect(update.newNodes).toEqual([{ key: new Uint8Array(9), bytes: Uint8Array.of(0) }]);
    expect(readRoot(chain.store, 0)).toEqual(EMPTY_ROOT);
    expect(readValue(chain.store, 0, utf8("k"))).toBeUndefined();
  });

  test("is what remains when every key is removed", () => {
    fc.assert(
      fc.property(stateArb, (state) => {
        const chain = new Chain();
        chain.store.prune(chain.apply(state));
        const update = chain.apply(state.map(({ key }) => ({ key, value: null })));
        chain.store.prune(update);
        expect(update.root).toEqual(EMPTY_ROOT);
        expect([...chain.store.nodes.values()]).toEqual([Uint8Array.of(0)]);
      }),
    );
  });
});

describe("versions", () => {
  test("every version reads as it was left, with the root of the recursive definition", () => {
    fc.assert(
      fc.property(blocksArb, (blocks) => {
        const chain = new Chain();
        const history: State[] = [];
        for (const block of blocks) {
          history.push(applyToState(history.at(-1) ?? new Map(), block));
          expect(hex(chain.apply(block).root)).toBe(naiveRoot(history.at(-1)!));
        }
        for (const [version, state] of history.entries()) {
          expect(sorted(readState(chain.store, version))).toEqual(sorted(state));
          expect(hex(readRoot(chain.store, version))).toBe(naiveRoot(state));
        }
      }),
    );
  });

  test("a node is reachable from the head or stale, never both", () => {
    fc.assert(
      fc.property(blocksArb, (blocks) => {
        const chain = new Chain();
        for (const block of blocks) {
          chain.store.prune(chain.apply(block));
          expect([...chain.store.nodes.keys()].sort()).toEqual([...reachable(chain.store, chain.head!)].sort());
        }
      }),
    );
  });

  test("deleting what is stale changes neither the head nor what follows", () => {
    fc.assert(
      fc.property(blocksArb, (blocks) => {
        const full = new Chain();
        const pruned = new Chain();
        let state: State = new Map();
        for (const block of blocks) {
          const expected = full.apply(block);
          const update = pruned.apply(block);
          expect(update).toEqual(expected);
          pruned.store.prune(update);
          state = applyToState(state, block);
          expect(sorted(readState(pruned.store, pruned.head!))).toEqual(sorted(state));
        }
      }),
    );
  });

  test("upper nodes that stay in memory change no record, and spare their reading", () => {
    fc.assert(
      fc.property(stateArb, blocksArb, (state, blocks) => {
        const chain = new Chain();
        let { rootNode } = chain.apply(state);
        for (const block of blocks) {
          const base = chain.head!;
          const read: string[] = [];
          const reader: NodeReader = {
            getNode: (key) => {
              read.push(hex(key));
              return chain.store.getNode(key);
            },
            rootNode: (version) => (version === base ? rootNode : undefined),
          };
          const warm = applyChanges(reader, base, base + 1, block);
          const cold = chain.apply(block);
          expect([warm.root, warm.newNodes, warm.staleNodes]).toEqual([cold.root, cold.newNodes, cold.staleNodes]);
          expect(read).not.toContain(hex(nodeKey(base, new Uint8Array(0), 0)));
          rootNode = warm.rootNode;
        }
      }),
    );
  });

  test("deleting what was stale by a version leaves that version and all later ones whole", () => {
    fc.assert(
      fc.property(blocksArb, fc.nat(), (blocks, choice) => {
        const chain = new Chain();
        const updates = blocks.map((block) => chain.apply(block));
        const oldest = choice % blocks.length;
        const before = blocks.map((_, version) => sorted(readState(chain.store, version)));
        for (const update of updates.slice(0, oldest + 1)) chain.store.prune(update);
        for (let version = oldest; version < blocks.length; version++) {
          expect(sorted(readState(chain.store, version))).toEqual(before[version]);
        }
      }),
    );
  });

  test("a block that changes nothing writes its root again and nothing else", () => {
    fc.assert(
      fc.property(stateArb, (state) => {
        const chain = new Chain();
        const { root } = chain.apply(state);
        const known = new Set(state.map(({ key }) => hex(key)));
        const absent = keyPool.filter((key) => !known.has(hex(key))).map((key) => ({ key, value: null }));
        const update = chain.apply([...state, ...absent]);
        expect(hex(update.root)).toBe(hex(root));
        const empty = new Uint8Array(0);
        const bytes = chain.store.getNode(nodeKey(0, empty, 0))!;
        expect(update.newNodes).toEqual([{ key: nodeKey(1, empty, 0), bytes }]);
        expect(update.staleNodes).toEqual([nodeKey(0, empty, 0)]);
      }),
    );
  });

  test("one changed value writes its path and nothing else", () => {
    const chain = new Chain();
    chain.apply(keyPool.map((key) => ({ key, value: utf8("old") })));
    for (const key of keyPool) {
      const { newNodes, staleNodes } = chain.apply([{ key, value: utf8(`new ${chain.head}`) }]);
      const path = new Uint8Array(sha256(key));
      const expected = newNodes.map((_, depth) => nodeKey(chain.head!, path, depth));
      expect(newNodes.map((node) => hex(node.key)).sort()).toEqual(expected.map(hex).sort());
      expect(staleNodes.length).toBe(newNodes.length);
    }
  });

  test("versions may be far apart and large", () => {
    const store = new MapStore();
    const changes = keyPool.map((key) => ({ key, value: key }));
    store.add(applyChanges(store, null, 7, changes.slice(1)));
    store.add(applyChanges(store, 7, Number.MAX_SAFE_INTEGER, changes.slice(0, 1)));
    for (const { key, value } of changes) expect(readValue(store, Number.MAX_SAFE_INTEGER, key)).toEqual(value);
    expect(readValue(store, 7, keyPool[0]!)).toBeUndefined();
  });
});

describe("shape", () => {
  const [first, second] = keyPool as [Uint8Array, Uint8Array];
  const sharedNibbles = (a: Uint8Array, b: Uint8Array) => {
    const [x, y] = [hex(sha256(a)), hex(sha256(b))];
    return [...x].findIndex((nibble, i) => nibble !== y[i]);
  };

  test("two keys whose hashes share n nibbles need n inner nodes below the root, and one key none", () => {
    const shared = sharedNibbles(first, second);
    expect(shared).toBeGreaterThanOrEqual(6);
    const chain = new Chain();
    expect(chain.apply([{ key: first, value: utf8("1") }]).newNodes.length).toBe(1);
    expect(chain.apply([{ key: second, value: utf8("2") }]).newNodes.length).toBe(shared + 1 + 2);
    expect(reachable(chain.store, 1).size).toBe(shared + 1 + 2);
    const collapsed = chain.apply([{ key: first, value: null }]);
    expect(collapsed.newNodes.length).toBe(1);
    expect(collapsed.staleNodes.length).toBe(shared + 1 + 2);
    expect(readValue(chain.store, 2, second)).toEqual(utf8("2"));
  });

  test("a leaf that moves up is stale where it was", () => {
    const chain = new Chain();
    chain.apply([first, second].map((key) => ({ key, value: key })));
    const leafKey = nodeKey(0, new Uint8Array(sha256(second)), sharedNibbles(first, second) + 1);
    expect(chain.store.getNode(leafKey)).toBeDefined();
    expect(chain.apply([{ key: first, value: null }]).staleNodes.map(hex)).toContain(hex(leafKey));
  });

  test("a stored tree holds the raw keys and values of its leaves", () => {
    fc.assert(
      fc.property(stateArb, (state) => {
        const chain = new Chain();
        chain.apply(state);
        const leaves = [...chain.store.nodes.values()].flatMap((bytes): [string, string][] => {
          const node = decodeNode(bytes);
          return node.kind === "leaf" ? [[hex(node.key), hex(node.value)]] : [];
        });
        expect(leaves.sort()).toEqual(sorted(applyToState(new Map(), state)));
      }),
    );
  });
});

describe("a broken store or caller is a fault:", () => {
  const filled = () => {
    const chain = new Chain();
    chain.apply(keyPool.map((key) => ({ key, value: utf8("old") })));
    return chain;
  };
  const touchAll = keyPool.map((key) => ({ key, value: utf8("new") }));
  const touchEverything = ({ store }: Chain) => {
    expect(() => applyChanges(store, 0, 1, touchAll)).toThrow(Fault);
    expect(() => {
      for (const key of keyPool) readValue(store, 0, key);
    }).toThrow(Fault);
  };

  test("any one node missing", () => {
    for (const key of filled().store.nodes.keys()) {
      const chain = filled();
      chain.store.nodes.delete(key);
      touchEverything(chain);
    }
  });

  test("any one node truncated", () => {
    for (const [key, bytes] of filled().store.nodes) {
      const chain = filled();
      chain.store.nodes.set(key, bytes.subarray(0, bytes.length - 1));
      touchEverything(chain);
    }
  });

  test("any one node below the root replaced by the empty node", () => {
    const root = hex(nodeKey(0, new Uint8Array(0), 0));
    for (const key of filled().store.nodes.keys()) {
      if (key === root) continue;
      const chain = filled();
      chain.store.nodes.set(key, Uint8Array.of(0));
      touchEverything(chain);
    }
  });

  test("a sibling that is missing when it has to move up", () => {
    const [first, second] = keyPool as [Uint8Array, Uint8Array];
    const chain = new Chain();
    const { newNodes } = chain.apply([first, second].map((key) => ({ key, value: key })));
    const sibling = newNodes.find(({ bytes }) => {
      const node = decodeNode(bytes);
      return node.kind === "leaf" && hex(node.key) === hex(second);
    });
    chain.store.nodes.delete(hex(sibling!.key));
    expect(() => chain.apply([{ key: first, value: null }])).toThrow(Fault);
  });

  test.each<[string, (chain: Chain) => unknown]>([
    ["a base version that does not exist", ({ store }) => applyChanges(store, 1, 2, [])],
    ["a version equal to its base", ({ store }) => applyChanges(store, 0, 0, [])],
    ["a version before its base", ({ store }) => applyChanges(store, 1, 0, [])],
    ["a negative version", ({ store }) => applyChanges(store, null, -1, [])],
    ["reading a version that does not exist", ({ store }) => readValue(store, 1, utf8("k"))],
    ["the root of a version that does not exist", ({ store }) => readRoot(store, 1)],
    [
      "a key written twice",
      ({ store }) =>
        applyChanges(store, 0, 1, [
          { key: utf8("k"), value: utf8("1") },
          { key: utf8("j"), value: utf8("1") },
          { key: utf8("k"), value: utf8("1") },
        ]),
    ],
    [
      "a key written and removed",
      ({ store }) =>
        applyChanges(store, 0, 1, [
          { key: utf8("k"), value: utf8("1") },
          { key: utf8("k"), value: null },
        ]),
    ],
  ])("%s", (_, act) => {
    expect(() => act(filled())).toThrow(Fault);
  });
});
