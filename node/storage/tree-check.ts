/**
 * Checks the state tree's records: each node against what its parent says of it, up to the header's state root.
 *
 * The head's tree is walked whole. Below it, the trees of two neighbouring heights differ where the later block changed
 * something, and only there they are walked; the rest was checked already. What the later one has and the earlier one has
 * not is what the block wrote, and the reverse is what it made stale, which the stale index must name.
 */

import { equalBytes } from "../../vm/borsh.ts";
import { Fault } from "../../vm/errors.ts";
import { nameOf } from "../name-of.ts";
import {
  CHILDREN,
  type Child,
  decodeNode,
  type InnerNode,
  type LeafNode,
  nibbleAt,
  nodeHash,
  nodeKey,
  type TreeNode,
  withNibble,
} from "../state/tree-node.ts";
import { damaged, readable } from "./damage.ts";
import { decodeStaleNodes, keys } from "./layout.ts";

/** One record by its whole key. */
export type ReadRecord = (key: Uint8Array) => Uint8Array | undefined;

const ROOT_PATH = new Uint8Array(32);

/** What a parent says of a node; of a root, the header says it, and not whether it is a leaf. */
type Claim = Pick<Child, "version" | "hash"> & { readonly isLeaf: boolean | null };

/** The node at the first `depth` nibbles of `path`, if it is what was claimed. Throws `InputError` `data_damaged`. */
function checkedNode(read: ReadRecord, height: number, claim: Claim, path: Uint8Array, depth: number): TreeNode {
  const key = keys.node(nodeKey(claim.version, path, depth));
  const record = read(key);
  if (record === undefined) throw damaged(key, height, "is missing");
  const node = readableNode(key, height, record);
  if (!equalBytes(nodeHash(node), claim.hash)) throw damaged(key, height, "has another hash than its parent says");
  if (claim.isLeaf !== null && claim.isLeaf !== (node.kind === "leaf")) {
    throw damaged(key, height, "is not of the kind that its parent says");
  }
  if (node.kind === "empty" && depth > 0) throw damaged(key, height, "is empty, which only a root may be");
  for (let at = 0; node.kind === "leaf" && at < depth; at++) {
    if (nibbleAt(node.keyHash, at) !== nibbleAt(path, at)) throw damaged(key, height, "is not on the path of its key");
  }
  return node;
}

function readableNode(key: Uint8Array, height: number, record: Uint8Array): TreeNode {
  try {
    return decodeNode(record);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw damaged(key, height, `cannot be read: ${error.message}`);
  }
}

/** The nodes that a root reaches, and the leaves among them. */
export interface TreeSize {
  readonly nodeCount: number;
  readonly leafCount: number;
}

/**
 * Walks the whole tree of `height`. Nodes of versions up to `baseVersion` may be missing, and what is below them.
 * `onLeaf` may refuse a leaf; `onProgress` hears how much of the key space is done, from 0 to 1.
 */
export function checkTree(
  read: ReadRecord,
  height: number,
  stateRoot: Uint8Array,
  baseVersion: number,
  onLeaf: (leaf: LeafNode) => void,
  onProgress: (done: number) => void,
): TreeSize {
  let nodeCount = 0;
  let leafCount = 0;
  const visit = (claim: Claim, path: Uint8Array, depth: number): void => {
    if (claim.version <= baseVersion && read(keys.node(nodeKey(claim.version, path, depth))) === undefined) return;
    const node = checkedNode(read, height, claim, path, depth);
    nodeCount++;
    if (depth <= 3) onProgress((path[0]! * 256 + path[1]!) / 65_536);
    if (node.kind === "leaf") {
      leafCount++;
      onLeaf(node);
    }
    for (const [nibble, child] of childrenOf(node).entries()) {
      if (child !== undefined) visit(child, withNibble(path, depth, nibble), depth + 1);
    }
  };
  visit({ version: height, hash: stateRoot, isLeaf: null }, ROOT_PATH, 0);
  return { nodeCount, leafCount };
}

function childrenOf(node: TreeNode): InnerNode["children"] {
  return node.kind === "inner" ? node.children : [];
}

/** How many nodes a block wrote and how many it made stale. */
export interface TreeDifference {
  readonly writtenCount: number;
  readonly staleCount: number;
}

/** Walks the tree below the block at `height` where that block changed it. The tree above must have been checked. */
export function checkTreeBelow(
  read: ReadRecord,
  height: number,
  stateRoot: Uint8Array,
  stateRootBelow: Uint8Array,
): TreeDifference {
  let writtenCount = 0;
  const staleKey = keys.stale(height);
  const named = staleNodes(staleKey, height, read(staleKey));
  const staleCount = named.size;
  const visit = (above: Claim | undefined, below: Claim | undefined, path: Uint8Array, depth: number): void => {
    if (above !== undefined && above.version === below?.version) {
      if (equalBytes(above.hash, below.hash) && above.isLeaf === below.isLeaf) return;
      const key = keys.node(nodeKey(above.version, path, depth));
      throw damaged(key, height, "has two parents that do not agree about it");
    }
    let after: InnerNode["children"] = [];
    let before: InnerNode["children"] = [];
    if (above !== undefined) {
      writtenCount++;
      if (above.version !== height) {
        const key = keys.node(nodeKey(above.version, path, depth));
        throw damaged(key, height, `is first reached at height ${height}, which did not write it`);
      }
      // Checked already.
      after = childrenOf(decodeNode(read(keys.node(nodeKey(above.version, path, depth)))!));
    }
    if (below !== undefined) {
      const isNamed = named.delete(nameOf(nodeKey(below.version, path, depth)));
      if (!isNamed) throw damaged(staleKey, height, "does not name a node that the block replaced");
      before = childrenOf(checkedNode(read, height - 1, below, path, depth));
    }
    for (let nibble = 0; nibble < CHILDREN; nibble++) {
      const [child, childBelow] = [after[nibble], before[nibble]];
      if (child ?? childBelow) visit(child, childBelow, withNibble(path, depth, nibble), depth + 1);
    }
  };
  visit(
    { version: height, hash: stateRoot, isLeaf: null },
    { version: height - 1, hash: stateRootBelow, isLeaf: null },
    ROOT_PATH,
    0,
  );
  if (named.size > 0) throw damaged(staleKey, height, "names a node that the block did not replace");
  return { writtenCount, staleCount };
}

/** The node keys in a record of the stale index, by name. Throws `InputError` `data_damaged`. */
export function staleNodes(
  key: Uint8Array,
  height: number | null,
  record: Uint8Array | undefined,
): Map<string, Uint8Array> {
  if (record === undefined) throw damaged(key, height, "is missing");
  const nodeKeys = readable(key, height, () => decodeStaleNodes(record));
  const named = new Map(nodeKeys.map((nodeKey) => [nameOf(nodeKey), nodeKey]));
  if (named.size === 0) throw damaged(key, height, "names no node");
  if (named.size < nodeKeys.length) throw damaged(key, height, "names a node twice");
  return named;
}

/** Whether the root of `height` reaches the node of that key. The tree must have been checked. */
export function isReached(read: ReadRecord, height: number, wanted: Uint8Array): boolean {
  const length = wanted[8];
  if (length === undefined || length > 64 || wanted.length !== 9 + Math.ceil(length / 2)) return false;
  const path = new Uint8Array(32);
  path.set(wanted.subarray(9));
  let version = height;
  for (let depth = 0; ; depth++) {
    const key = nodeKey(version, path, depth);
    if (depth === length) return equalBytes(key, wanted);
    const record = read(keys.node(key));
    const node = record && decodeNode(record);
    const child = node?.kind === "inner" ? node.children[nibbleAt(path, depth)] : undefined;
    if (child === undefined) return false;
    version = child.version;
  }
}
