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
import {
  CHILDREN,
  type Child,
  decodeNode,
  EMPTY_HASH,
  EMPTY_NODE,
  encodeNode,
  hash,
  type InnerNode,
  type LeafNode,
  nibbleAt,
  nodeHash,
  nodeKey,
  type TreeNode,
  withNibble,
} from "./tree-node.ts";

export interface NodeReader {
  /** The record stored under a node key. The tree never writes to it. */
  getNode(key: Uint8Array): Uint8Array | undefined;
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
  const root = update.replaceRoot(baseVersion, edits);
  return { root, newNodes: update.newNodes, staleNodes: update.staleNodes };
}

/** The value of `key` as `version` left it, a view of the stored record. */
export function readValue(reader: NodeReader, version: number, key: Uint8Array): Uint8Array | undefined {
  const keyHash = hash(key);
  let node = loadNode(reader, version, keyHash, 0);
  for (let depth = 0; node.kind === "inner"; depth++) {
    const child = node.children[nibbleAt(keyHash, depth)];
    if (child === undefined) return undefined;
    node = loadChild(reader, child, keyHash, depth + 1);
  }
  return node.kind === "leaf" && equalBytes(node.key, key) ? node.value : undefined;
}

export function readRoot(reader: NodeReader, version: number): Uint8Array {
  return nodeHash(loadNode(reader, version, ROOT_PATH, 0));
}

const ROOT_PATH = new Uint8Array(0);

/** A change on its way down: what the leaf at `keyHash` shall be, or null for none. */
interface Edit {
  readonly keyHash: Uint8Array;
  readonly leaf: LeafNode | null;
}

const byKeyHash = (a: Edit, b: Edit): number => compareBytes(a.keyHash, b.keyHash);

function sortedEdits(changes: readonly Change[]): Edit[] {
  const edits = changes.map(({ key, value }): Edit => {
    const keyHash = hash(key);
    return { keyHash, leaf: value === null ? null : { kind: "leaf", keyHash, key, value } };
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

  replaceRoot(baseVersion: number | null, edits: readonly Edit[]): Uint8Array {
    let root: TreeNode = EMPTY_NODE;
    if (baseVersion !== null) {
      root = loadNode(this.#reader, baseVersion, ROOT_PATH, 0);
      this.staleNodes.push(nodeKey(baseVersion, ROOT_PATH, 0));
    }
    if (edits.length > 0) root = this.#edit(root, 0, edits);
    return this.#store(root, ROOT_PATH, 0);
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
    const edit = { keyHash: leaf.keyHash, leaf: isUnchanged ? leaf : own.leaf };
    return this.#build(depth, [...edits.filter((other) => other !== own), edit].sort(byKeyHash));
  }

  #editInner(inner: InnerNode, depth: number, edits: readonly Edit[]): TreeNode {
    const changed = this.#editChildren(inner, depth, edits);
    if (changed.length === 0) return inner;

    const children = [...inner.children];
    for (const { nibble } of changed) children[nibble] = undefined;
    const untouchedCount = children.filter((child) => child !== undefined).length;
    const added = changed.filter(({ node }) => node.kind !== "empty");
    if (untouchedCount + added.length < 2) {
      const lone = added[0]?.node ?? this.#takeLoneLeaf(children, edits[0]!.keyHash, depth);
      if (lone !== undefined && lone.kind !== "inner") return lone;
    }
    for (const { nibble, path, node } of added) {
      const stored = this.#store(node, path, depth + 1);
      children[nibble] = { version: this.#version, hash: stored, isLeaf: node.kind === "leaf" };
    }
    return { kind: "inner", children };
  }

  /** The children that are other nodes now, none of them stored yet; what they replace is stale. */
  #editChildren(inner: InnerNode, depth: number, edits: readonly Edit[]): EditedChild[] {
    const changed: EditedChild[] = [];
    for (let from = 0, to = 0; from < edits.length; from = to) {
      const path = edits[from]!.keyHash;
      const nibble = nibbleAt(path, depth);
      while (to < edits.length && nibbleAt(edits[to]!.keyHash, depth) === nibble) to++;

      const child = inner.children[nibble];
      const before = child === undefined ? EMPTY_NODE : loadChild(this.#reader, child, path, depth + 1);
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

  /** Stores the node at the first `depth` nibbles of `path` and returns its hash. */
  #store(node: TreeNode, path: Uint8Array, depth: number): Uint8Array {
    this.newNodes.push({ key: nodeKey(this.#version, path, depth), bytes: encodeNode(node) });
    return nodeHash(node);
  }
}

/** What `#build` starts from; never stored. */
const BARE_NODE: InnerNode = { kind: "inner", children: new Array<undefined>(CHILDREN).fill(undefined) };

function loadChild(reader: NodeReader, child: Child, path: Uint8Array, depth: number): TreeNode {
  const node = loadNode(reader, child.version, path, depth);
  assert(node.kind === (child.isLeaf ? "leaf" : "inner"), "a tree node is of the kind its parent says");
  return node;
}

function loadNode(reader: NodeReader, version: number, path: Uint8Array, depth: number): TreeNode {
  const bytes = reader.getNode(nodeKey(version, path, depth));
  if (bytes === undefined) throw new Fault(`tree node of version ${version} at depth ${depth} is missing`);
  return decodeNode(bytes);
}
