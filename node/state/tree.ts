/**
 * The state tree: a Jellyfish Merkle tree with one version per block.
 *
 * Law: the root hash depends on the set of key-value pairs alone, never on how it came about. A block writes new nodes and
 * names those it made stale; it overwrites nothing, so every version stays readable until its stale nodes are deleted.
 * The root of version v is always the node (v, empty path), also when v changed nothing.
 *
 *          (3, "")            the head is version 3, which wrote a key below nibble 7: it wrote the root and the
 *         /   |    \          inner node at 7 and the leaf at 7b, and refers to the rest where it lies
 *   (1,"2") (3,"7") (2,"e")
 *            /    \
 *      (2,"70") (3,"7b")
 *
 * Pure and synchronous: nodes come through a reader, new ones are handed back. Recursion is at most 64 nibbles deep.
 */
import { compareBytes, equalBytes } from "../../vm/borsh.ts";
import { assert, Fault } from "../../vm/errors.ts";
import { EMPTY_HASH } from "./tree-hash.ts";
import {
  CHILDREN,
  type Child,
  decodeNode,
  EMPTY_NODE,
  encodeNode,
  hash,
  type InnerNode,
  type KnownKey,
  type LeafNode,
  nibbleAt,
  nodeHash,
  nodeKey,
  replaceChildren,
  type TreeNode,
  withNibble,
} from "./tree-node.ts";

export interface NodeReader {
  /** The record stored under a node key. The tree never writes to it. `path` is where the walk is bound, where that is known. */
  getNode(key: Uint8Array, path?: Uint8Array): Uint8Array | undefined;
  /** The root of a version, if it is still in memory, with what hangs on it: `rootNode` of the update that made it. */
  rootNode?(version: number): TreeNode | undefined;
}

export interface Change {
  readonly key: Uint8Array;
  /** `null` removes the key. */
  readonly value: Uint8Array | null;
}

export interface StoredNode {
  readonly key: Uint8Array;
  readonly bytes: Uint8Array;
}

export interface TreeUpdate {
  readonly root: Uint8Array;
  /** Holds on to the upper nodes of the new version: who keeps it spares the next update their reading and most hashing. */
  readonly rootNode: TreeNode;
  /** To be stored. No key among them was ever written before. */
  readonly newNodes: readonly StoredNode[];
  /** Keys of the nodes that the base version reaches and the new one does not. */
  readonly staleNodes: readonly Uint8Array[];
}

export const EMPTY_ROOT = EMPTY_HASH;

/** `baseVersion` is null where there is no tree yet. A key appears once among the changes; their order is free. */
export function applyChanges(
  reader: NodeReader,
  baseVersion: number | null,
  version: number,
  changes: readonly Change[],
): TreeUpdate {
  assert(baseVersion === null || baseVersion < version, "a version comes after the version it builds on");
  const edits = sortedEdits(changes);
  const update = new Update(reader, version);
  const rootNode = update.replaceRoot(baseVersion, edits);
  return { root: nodeHash(rootNode), rootNode, newNodes: update.newNodes, staleNodes: update.staleNodes };
}

/** The value of `key` as `version` left it, a view of the stored record. */
export function readValue(reader: NodeReader, version: number, key: Uint8Array): Uint8Array | undefined {
  const keyHash = hash(key);
  const known = { key, keyHash };
  let node = loadNode(reader, version, keyHash, 0, known);
  for (let depth = 0; node.kind === "inner"; depth++) {
    const child = node.children[nibbleAt(keyHash, depth)];
    if (child === undefined) return undefined;
    node = loadChild(reader, child, keyHash, depth + 1, known);
  }
  return node.kind === "leaf" && equalBytes(node.key, key) ? node.value : undefined;
}

/**
 * What stands at `key` in the tree of `version`, null for nothing, if a version above `since` wrote the place where it stands or
 * is missing; undefined where that place is as `since` left it. Reads no node that `since` or one before it wrote.
 */
export function readWritten(
  reader: NodeReader,
  since: number,
  version: number,
  key: Uint8Array,
): Uint8Array | null | undefined {
  if (version <= since) return undefined;
  const keyHash = hash(key);
  const known = { key, keyHash };
  let node = loadNode(reader, version, keyHash, 0, known);
  for (let depth = 0; node.kind === "inner"; depth++) {
    const child = node.children[nibbleAt(keyHash, depth)];
    if (child === undefined) return null;
    if (child.version <= since) return undefined;
    node = loadChild(reader, child, keyHash, depth + 1, known);
  }
  return node.kind === "leaf" && equalBytes(node.key, key) ? node.value : null;
}

export function readRoot(reader: NodeReader, version: number): Uint8Array {
  return nodeHash(loadNode(reader, version, ROOT_PATH, 0));
}

const ROOT_PATH = new Uint8Array(0);

/** A change on its way down: what the leaf at `keyHash` shall be, or null for none. */
interface Edit extends KnownKey {
  readonly leaf: LeafNode | null;
}

/** Inner nodes above this depth stay in memory with their parents: at most 4,369, whatever the tree's size. */
const LOADED_DEPTH = 4;

const byKeyHash = (a: Edit, b: Edit): number => compareBytes(a.keyHash, b.keyHash);

function sortedEdits(changes: readonly Change[]): Edit[] {
  const edits = changes.map(({ key, value }): Edit => {
    const keyHash = hash(key);
    return { key, keyHash, leaf: value === null ? null : { kind: "leaf", keyHash, key, value } };
  });
  edits.sort(byKeyHash);
  for (let i = 1; i < edits.length; i++) {
    assert(!equalBytes(edits[i - 1]!.keyHash, edits[i]!.keyHash), "a block changes a key once");
  }
  return edits;
}

interface EditedChild {
  readonly nibble: number;
  /** Leads to the child, and may lead further. */
  readonly path: Uint8Array;
  readonly node: TreeNode;
}

/**
 * One block's edits on their way through the tree.
 *
 * `#edit` maps a node to the node that shall be in its place, and returns the very same object if nothing changed below.
 * A node does not know whether it stays where it is (a lone leaf moves up), so it is the parent that stores its children.
 */
class Update {
  readonly newNodes: StoredNode[] = [];
  readonly staleNodes: Uint8Array[] = [];
  readonly #reader: NodeReader;
  readonly #version: number;

  constructor(reader: NodeReader, version: number) {
    this.#reader = reader;
    this.#version = version;
  }

  replaceRoot(baseVersion: number | null, edits: readonly Edit[]): TreeNode {
    let root: TreeNode = EMPTY_NODE;
    if (baseVersion !== null) {
      root = this.#reader.rootNode?.(baseVersion) ?? loadNode(this.#reader, baseVersion, ROOT_PATH, 0);
      this.staleNodes.push(nodeKey(baseVersion, ROOT_PATH, 0));
    }
    if (edits.length > 0) root = this.#edit(root, 0, edits);
    this.#store(root, ROOT_PATH, 0);
    return root;
  }

  /** Every edit lies below the node, which is at `depth`; edits are sorted and at least one. */
  #edit(node: TreeNode, depth: number, edits: readonly Edit[]): TreeNode {
    switch (node.kind) {
      case "empty":
        return this.#build(depth, edits);
      case "leaf":
        return this.#editLeaf(node, depth, edits);
      case "inner":
        return this.#editInner(node, depth, edits);
    }
  }

  /** The subtree that holds the edits' leaves and nothing else. */
  #build(depth: number, edits: readonly Edit[]): TreeNode {
    const kept = edits.filter(({ leaf }) => leaf !== null);
    if (kept.length < 2) return kept[0]?.leaf ?? EMPTY_NODE;
    return this.#editInner(BARE_NODE, depth, kept);
  }

  /** The leaf becomes one more edit, unless an edit gives its key another fate. */
  #editLeaf(leaf: LeafNode, depth: number, edits: readonly Edit[]): TreeNode {
    const own = edits.find(({ keyHash }) => equalBytes(keyHash, leaf.keyHash));
    const isUnchanged = own === undefined || (own.leaf !== null && equalBytes(own.leaf.value, leaf.value));
    const edit = { key: leaf.key, keyHash: leaf.keyHash, leaf: isUnchanged ? leaf : own.leaf };
    return this.#build(depth, [...edits.filter((other) => other !== own), edit].sort(byKeyHash));
  }

  #editInner(inner: InnerNode, depth: number, edits: readonly Edit[]): TreeNode {
    const changed = this.#editChildren(inner, depth, edits);
    if (changed.length === 0) return inner;

    const added = changed.filter(({ node }) => node.kind !== "empty");
    if (added.length < 2) {
      const untouched = [...inner.children];
      for (const { nibble } of changed) untouched[nibble] = undefined;
      const untouchedCount = untouched.filter((child) => child !== undefined).length;
      if (untouchedCount + added.length < 2) {
        const lone = added[0]?.node ?? this.#takeLoneLeaf(untouched, edits[0]!.keyHash, depth);
        if (lone !== undefined && lone.kind !== "inner") return lone;
      }
    }
    return replaceChildren(
      inner,
      new Map(changed.map(({ nibble, path, node }) => [nibble, this.#storeChild(node, path, depth + 1)])),
    );
  }

  /** The children that are other nodes now, none of them stored yet; what they replace is stale. */
  #editChildren(inner: InnerNode, depth: number, edits: readonly Edit[]): EditedChild[] {
    const changed: EditedChild[] = [];
    for (let from = 0, to = 0; from < edits.length; from = to) {
      const path = edits[from]!.keyHash;
      const nibble = nibbleAt(path, depth);
      while (to < edits.length && nibbleAt(edits[to]!.keyHash, depth) === nibble) to++;

      const child = inner.children[nibble];
      const before = child === undefined ? EMPTY_NODE : loadChild(this.#reader, child, path, depth + 1, edits[from]);
      const node = this.#edit(before, depth + 1, edits.slice(from, to));
      if (node === before) continue;
      if (child !== undefined) this.staleNodes.push(nodeKey(child.version, path, depth + 1));
      changed.push({ nibble, path, node });
    }
    return changed;
  }

  /** What moves up when at most one child remains, none of them new; a lone inner node stays where it is. */
  #takeLoneLeaf(children: InnerNode["children"], path: Uint8Array, depth: number): TreeNode | undefined {
    const nibble = children.findIndex((child) => child !== undefined);
    const child = children[nibble];
    if (child === undefined) return EMPTY_NODE;
    if (!child.isLeaf) return undefined;
    const childPath = withNibble(path, depth, nibble);
    this.staleNodes.push(nodeKey(child.version, childPath, depth + 1));
    return loadChild(this.#reader, child, childPath, depth + 1);
  }

  #storeChild(node: TreeNode, path: Uint8Array, depth: number): Child | undefined {
    if (node.kind === "empty") return undefined;
    this.#store(node, path, depth);
    const child: Child = { version: this.#version, hash: nodeHash(node), isLeaf: node.kind === "leaf" };
    if (node.kind === "inner" && depth < LOADED_DEPTH) child.loaded = node;
    return child;
  }

  /** Stores the node at the first `depth` nibbles of `path`. */
  #store(node: TreeNode, path: Uint8Array, depth: number): void {
    this.newNodes.push({ key: nodeKey(this.#version, path, depth), bytes: encodeNode(node) });
  }
}

/** What `#build` starts from; never stored. */
const BARE_NODE: InnerNode = { kind: "inner", children: new Array<undefined>(CHILDREN).fill(undefined) };

function loadChild(reader: NodeReader, child: Child, path: Uint8Array, depth: number, known?: KnownKey): TreeNode {
  if (child.loaded !== undefined) return child.loaded;
  const node = loadNode(reader, child.version, path, depth, known);
  assert(node.kind === (child.isLeaf ? "leaf" : "inner"), "a tree node is of the kind its parent says");
  if (node.kind === "inner" && depth < LOADED_DEPTH) child.loaded = node;
  return node;
}

/** What `version` stored at the first `depth` nibbles of `path`. */
export function loadNode(
  reader: NodeReader,
  version: number,
  path: Uint8Array,
  depth: number,
  known?: KnownKey,
): TreeNode {
  const bytes = reader.getNode(nodeKey(version, path, depth), path);
  if (bytes === undefined) throw new Fault(`tree node of version ${version} at depth ${depth} is missing`);
  return decodeNode(bytes, known);
}
