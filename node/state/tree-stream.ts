/**
 * The tree as a stream of its leaves in the order of their paths, and a tree out of such a stream.
 *
 * Law: `TreeBuilder` gives the records and the root that `applyChanges` gives for the same leaves from nothing, but one by
 * one, each inner node as soon as its last leaf is there. Either way takes the memory of one path, however large the tree.
 */
import { compareBytes } from "../../vm/borsh.ts";
import { assert } from "../../vm/errors.ts";
import type { NodeReader, StoredNode } from "./tree.ts";
import {
  CHILDREN,
  type Child,
  decodeNode,
  EMPTY_NODE,
  encodeNode,
  hash,
  type LeafNode,
  nibbleAt,
  nodeHash,
  nodeKey,
  type TreeNode,
  withNibble,
} from "./tree-node.ts";

/** The leaves that the root of `version` reaches. */
export function leavesOf(nodes: NodeReader, version: number): Generator<LeafNode, void, undefined> {
  return leavesBelow(nodes, version, new Uint8Array(32), 0);
}

function* leavesBelow(nodes: NodeReader, version: number, path: Uint8Array, depth: number): Generator<LeafNode> {
  const record = nodes.getNode(nodeKey(version, path, depth));
  assert(record !== undefined, `tree node of version ${version} at depth ${depth} is missing`);
  const node = decodeNode(record);
  if (node.kind === "leaf") yield node;
  if (node.kind !== "inner") return;
  for (const [nibble, child] of node.children.entries()) {
    if (child !== undefined) yield* leavesBelow(nodes, child.version, withNibble(path, depth, nibble), depth + 1);
  }
}

export function createLeaf(key: Uint8Array, value: Uint8Array): LeafNode {
  return { kind: "leaf", keyHash: hash(key), key, value };
}

export class TreeBuilder {
  readonly #version: number;
  readonly #onNode: (node: StoredNode) => void;
  /** Placed once the next leaf shows how far the two share a path. */
  #last: LeafNode | undefined;
  /** Children of the inner nodes that are not complete, by depth: they lie on the path of the last leaf. */
  readonly #open: (Child | undefined)[][] = [];

  constructor(version: number, onNode: (node: StoredNode) => void) {
    this.#version = version;
    this.#onNode = onNode;
  }

  /** Whether the leaf comes behind all others, as it must to be added. */
  isNext(leaf: LeafNode): boolean {
    return this.#last === undefined || compareBytes(this.#last.keyHash, leaf.keyHash) < 0;
  }

  add(leaf: LeafNode): void {
    assert(this.isNext(leaf), "leaves come in the order of their paths");
    if (this.#last !== undefined) {
      const depth = sharedLength(this.#last.keyHash, leaf.keyHash);
      while (this.#open.length <= depth) this.#open.push(new Array<undefined>(CHILDREN).fill(undefined));
      this.#adopt(this.#last, this.#last.keyHash);
      this.#close(this.#last.keyHash, depth + 1);
    }
    this.#last = leaf;
  }

  /** The root's hash. Nothing may be added afterwards. */
  finish(): Uint8Array {
    if (this.#last === undefined) return this.#store(EMPTY_NODE, new Uint8Array(), 0);
    const path = this.#last.keyHash;
    if (this.#open.length === 0) return this.#store(this.#last, path, 0);
    this.#adopt(this.#last, path);
    this.#close(path, 1);
    return this.#store({ kind: "inner", children: this.#open[0]! }, path, 0);
  }

  /** Completes the open nodes but the first `count`. */
  #close(path: Uint8Array, count: number): void {
    while (this.#open.length > count) this.#adopt({ kind: "inner", children: this.#open.pop()! }, path);
  }

  /** Stores the node below the deepest open one. */
  #adopt(node: TreeNode, path: Uint8Array): void {
    const depth = this.#open.length;
    const stored = this.#store(node, path, depth);
    const child = { version: this.#version, hash: stored, isLeaf: node.kind === "leaf" };
    this.#open[depth - 1]![nibbleAt(path, depth - 1)] = child;
  }

  #store(node: TreeNode, path: Uint8Array, depth: number): Uint8Array {
    this.#onNode({ key: nodeKey(this.#version, path, depth), bytes: encodeNode(node) });
    return nodeHash(node);
  }
}

/** How many nibbles two paths share before they part. */
function sharedLength(a: Uint8Array, b: Uint8Array): number {
  let depth = 0;
  while (nibbleAt(a, depth) === nibbleAt(b, depth)) depth++;
  return depth;
}
