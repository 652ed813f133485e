/**
 * A node of the tree with what makes it believable to somebody who knows nothing but its hash.
 *
 * The hash of an inner node is that of a binary tree in which a lone leaf stands for the subtree that it is alone in. So it
 * says neither which of its children are leaves nor, of a lone leaf, at which nibble it lies: a record that tells these wrong
 * has the same hash. What each child's hash is of says both, because leaves and inner nodes hash under different tags and a
 * leaf hashes its whole path. What nothing says is the version under which a child is stored.
 */
import { equalBytes } from "../../vm/borsh.ts";
import { assert, Fault, InputError } from "../../vm/errors.ts";
import type { NodeReader } from "./tree.ts";
import { HASH_LENGTH, innerHash, leafHash } from "./tree-hash.ts";
import {
  CHILDREN,
  decodeNode,
  hash,
  type InnerNode,
  nibbleAt,
  nodeHash,
  nodeKey,
  subtreeHash,
  type TreeNode,
  withNibble,
} from "./tree-node.ts";

export interface WitnessedNode {
  /** As the tree stores it. */
  readonly record: Uint8Array;
  /** 64 bytes for each child in order: a leaf's H(key) and H(value), or the hashes of an inner node's halves. */
  readonly children: Uint8Array;
}

/** The nibbles of a path as hexadecimal digits, 0 to 64; the root's is empty. */
export type Place = string;

const WITNESS_LENGTH = 2 * HASH_LENGTH;
const PATH_LENGTH = 32;

export function pathOf(place: Place): Uint8Array {
  const path = new Uint8Array(PATH_LENGTH);
  for (let depth = 0; depth < place.length; depth++) {
    path[depth >> 1]! |= Number.parseInt(place[depth]!, 16) << (depth % 2 === 0 ? 4 : 0);
  }
  return path;
}

/** The first `depth` nibbles of `path`. */
export function placeOf(path: Uint8Array, depth: number): Place {
  let place = "";
  for (let at = 0; at < depth; at++) place += nibbleAt(path, at).toString(16);
  return place;
}

/**
 * What `version` has at `places`; null where there is no node. The list ends early, though not before the first place, once
 * `readSizeMax` bytes of records were read for it.
 */
export function witnessedNodes(
  reader: NodeReader,
  version: number,
  places: readonly Place[],
  readSizeMax: number,
): (WitnessedNode | null)[] {
  const walk = new Walk(reader, version);
  const nodes: (WitnessedNode | null)[] = [];
  for (const place of places) {
    const found = walk.at(place);
    const node = found && { record: found.record, children: walk.witnessesOf(found.node, place) };
    if (nodes.length > 0 && walk.readSize > readSizeMax) break;
    nodes.push(node);
  }
  return nodes;
}

interface StoredNode {
  readonly record: Uint8Array;
  readonly node: TreeNode;
}

/** Reads inner nodes once, however many places are below them. */
class Walk {
  readSize = 0;
  readonly #reader: NodeReader;
  readonly #version: number;
  readonly #inner = new Map<Place, StoredNode>();

  constructor(reader: NodeReader, version: number) {
    this.#reader = reader;
    this.#version = version;
  }

  at(place: Place): StoredNode | null {
    const path = pathOf(place);
    let found = this.#read(this.#version, path, 0);
    for (let depth = 0; depth < place.length; depth++) {
      const child = found.node.kind === "inner" ? found.node.children[nibbleAt(path, depth)] : undefined;
      if (child === undefined) return null;
      found = this.#read(child.version, path, depth + 1);
    }
    return found;
  }

  witnessesOf(node: TreeNode, place: Place): Uint8Array {
    if (node.kind !== "inner") return new Uint8Array();
    const path = pathOf(place);
    const witnesses: Uint8Array[] = [];
    for (const [nibble, child] of node.children.entries()) {
      if (child === undefined) continue;
      const childPath = withNibble(path, place.length, nibble);
      witnesses.push(...preimageOf(this.#read(child.version, childPath, place.length + 1).node));
    }
    const bytes = new Uint8Array(witnesses.length * HASH_LENGTH);
    for (const [index, part] of witnesses.entries()) bytes.set(part, index * HASH_LENGTH);
    return bytes;
  }

  #read(version: number, path: Uint8Array, depth: number): StoredNode {
    const place = placeOf(path, depth);
    const known = this.#inner.get(place);
    if (known !== undefined) return known;
    const record = this.#reader.getNode(nodeKey(version, path, depth));
    if (record === undefined) throw new Fault(`tree node of version ${version} at depth ${depth} is missing`);
    this.readSize += record.length;
    const found = { record, node: decodeNode(record) };
    if (found.node.kind === "inner") this.#inner.set(place, found);
    return found;
  }
}

function preimageOf(node: TreeNode): readonly [Uint8Array, Uint8Array] {
  assert(node.kind !== "empty", "only a root is empty");
  if (node.kind === "leaf") return [node.keyHash, hash(node.value)];
  return [subtreeHash(node, 0, CHILDREN / 2), subtreeHash(node, CHILDREN / 2, CHILDREN / 2)];
}

/** What is known of a node before its record is. */
export interface ExpectedNode {
  readonly hash: Uint8Array;
  /** Absent for a root, which is of any kind. */
  readonly isLeaf?: boolean;
}

/**
 * The node in a stranger's `record`. Law: when this returns, it is the one node that a tree with the expected hash has at
 * `place`, with that node's very children; only their versions are the stranger's word, none above `versionMax`.
 * Throws `InputError` `node_invalid`.
 */
export function verifyNode(
  { record, children }: WitnessedNode,
  expected: ExpectedNode,
  place: Place,
  versionMax: number,
): TreeNode {
  const node = decodeStrange(record);
  if (expected.isLeaf === undefined) {
    if (place !== "") throw invalid("a kind is unknown of a root alone");
  } else if (node.kind !== (expected.isLeaf ? "leaf" : "inner")) {
    throw invalid(`it is of kind "${node.kind}", not what its parent says`);
  }
  if (!equalBytes(nodeHash(node), expected.hash))
    throw invalid("it has another hash than its parent or the header says");
  if (node.kind === "inner") verifyChildren(node, children, place, versionMax);
  else if (children.length > 0) throw invalid("it has witnesses of children and no children");
  return node;
}

function verifyChildren(node: InnerNode, witnesses: Uint8Array, place: Place, versionMax: number): void {
  let offset = 0;
  for (const [nibble, child] of node.children.entries()) {
    if (child === undefined) continue;
    if (child.version > versionMax) throw invalid(`child ${nibble} is of version ${child.version}, above its tree's`);
    if (offset + WITNESS_LENGTH > witnesses.length) throw invalid(`child ${nibble} has no witness`);
    const left = witnesses.subarray(offset, offset + HASH_LENGTH);
    const right = witnesses.subarray(offset + HASH_LENGTH, offset + WITNESS_LENGTH);
    offset += WITNESS_LENGTH;
    const computed = child.isLeaf ? leafHash(left, right) : innerHash(left, right);
    if (!equalBytes(computed, child.hash)) throw invalid(`child ${nibble} is not what its witness is of`);
    if (child.isLeaf && placeOf(left, place.length + 1) !== place + nibble.toString(16)) {
      throw invalid(`child ${nibble} is a leaf that lies elsewhere`);
    }
  }
  if (offset < witnesses.length) throw invalid("it has more witnesses than children");
}

/** A record that is none is our own fault where we stored it, and the stranger's here. */
function decodeStrange(record: Uint8Array): TreeNode {
  try {
    return decodeNode(record);
  } catch (error) {
    if (error instanceof Fault) throw invalid(error.message);
    throw error;
  }
}

function invalid(problem: string): InputError {
  return new InputError("node_invalid", problem);
}
