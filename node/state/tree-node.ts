/**
 * One stored node of the state tree: its hash, its record, and the key it is stored under.
 *
 * The Merkle tree is binary over the bits of H(key), most significant first. It is stored four levels at a time, so that
 * a path of 256 bits is at most 64 records and usually log16 of the number of keys. Hashes do not know about this: they
 * are those of the binary tree, as the `jmt` crate computes them with SHA-256, so proofs are ICS-23 proofs.
 *
 *   record   00                                                   the empty tree; only ever a root
 *            01  keyLength:4  valueLength:4  key  value           a leaf
 *            02  present:2  leaves:2  (version:8  hash:32)*       an inner node: bit n of the maps is the child at nibble n
 *   key      version:8  pathLength:1  path, two nibbles a byte    pathLength counts nibbles; a spare half byte is 0
 *
 * Integers are big endian, so node keys sort by version. A record has one encoding and every other spelling is a Fault:
 * records come from our own store, where a wrong one means that the store is broken.
 */
import { equalBytes } from "../../vm/borsh.ts";
import { assert, Fault } from "../../vm/errors.ts";
import { sha256 } from "./sha256.ts";
import { EMPTY_HASH, HASH_LENGTH, INNER_TAG as INNER_HASH_TAG, LEAF_TAG as LEAF_HASH_TAG } from "./tree-hash.ts";

/** Where an inner node finds a child, and what the child hashes to. */
export interface Child {
  /** The block height that wrote the child. */
  readonly version: number;
  readonly hash: Uint8Array;
  readonly isLeaf: boolean;
  /** The inner node itself where it is in memory; no part of what the parent stores. */
  loaded?: InnerNode;
}

export interface EmptyNode {
  readonly kind: "empty";
}

export interface LeafNode {
  readonly kind: "leaf";
  /** H(key), the leaf's path. Not stored. */
  readonly keyHash: Uint8Array;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** Holds at least two leaves somewhere below: a subtree with one leaf is that leaf. */
export interface InnerNode {
  readonly kind: "inner";
  /** One slot for each of the 16 nibbles. */
  readonly children: readonly (Child | undefined)[];
  /** What is known of the binary tree over the slots; comes with the first hash. */
  folds?: Folds;
}

/** The subtrees over 16, 8, 8, 4... slots in the order of a heap, from 1 on; `null` is empty, a hole not known. */
type Folds = (Subtree | null | undefined)[];
type Subtree = Pick<Child, "hash" | "isLeaf">;

export type TreeNode = EmptyNode | LeafNode | InnerNode;

/** The only empty node, so that it may be compared by identity. */
export const EMPTY_NODE: EmptyNode = { kind: "empty" };

export const CHILDREN = 16;
const PATH_LENGTH_MAX = 64;

/** The one hash function of the state tree. */
export function hash(bytes: Uint8Array): Uint8Array {
  return sha256(bytes);
}

export function nodeHash(node: TreeNode): Uint8Array {
  switch (node.kind) {
    case "empty":
      return EMPTY_HASH;
    case "leaf":
      return hashPair(leafPreimage, node.keyHash, hash(node.value));
    case "inner":
      return subtreeHash(node, 0, CHILDREN);
  }
}

/** The hash of the binary tree over `width` neighbouring slots from `from` on; `width` is a power of two that divides `from`. */
export function subtreeHash(node: InnerNode, from: number, width: number): Uint8Array {
  node.folds ??= new Array<undefined>(CHILDREN).fill(undefined);
  return foldAt(node.children, node.folds, (CHILDREN + from) / width)?.hash ?? EMPTY_HASH;
}

/** Subtrees are numbered as in a heap: the root is 1, and the children of `at` are twice `at` and the next. */
function foldAt(children: InnerNode["children"], folds: Folds, at: number): Subtree | null {
  if (at >= CHILDREN) return children[at - CHILDREN] ?? null;
  const known = folds[at];
  if (known !== undefined) return known;
  const subtree = join(foldAt(children, folds, 2 * at), foldAt(children, folds, 2 * at + 1));
  folds[at] = subtree;
  return subtree;
}

/** A lone leaf is the subtree, whichever its side. */
function join(left: Subtree | null, right: Subtree | null): Subtree | null {
  if (left === null && (right === null || right.isLeaf)) return right;
  if (right === null && left?.isLeaf) return left;
  return { hash: hashPair(innerPreimage, left?.hash ?? EMPTY_HASH, right?.hash ?? EMPTY_HASH), isLeaf: false };
}

/** The node with other children at some nibbles: of its binary tree, only what is above those is to be hashed again. */
export function replaceChildren(node: InnerNode, changes: ReadonlyMap<number, Child | undefined>): InnerNode {
  const children = [...node.children];
  const folds = node.folds && [...node.folds];
  for (const [nibble, child] of changes) {
    children[nibble] = child;
    if (folds === undefined) continue;
    for (let at = (CHILDREN + nibble) >> 1; at > 0; at >>= 1) folds[at] = undefined;
  }
  return folds === undefined ? { kind: "inner", children } : { kind: "inner", children, folds };
}

/** A domain tag with room for two hashes behind it; written anew for every hash. */
function createPreimage(tag: Uint8Array): Uint8Array {
  const preimage = new Uint8Array(tag.length + 2 * HASH_LENGTH);
  preimage.set(tag);
  return preimage;
}

const leafPreimage = createPreimage(LEAF_HASH_TAG);
const innerPreimage = createPreimage(INNER_HASH_TAG);

function hashPair(preimage: Uint8Array, left: Uint8Array, right: Uint8Array): Uint8Array {
  preimage.set(left, preimage.length - 2 * HASH_LENGTH);
  preimage.set(right, preimage.length - HASH_LENGTH);
  return hash(preimage);
}

const EMPTY_TAG = 0;
const LEAF_TAG = 1;
const INNER_TAG = 2;
const LEAF_HEADER_LENGTH = 9;
const INNER_HEADER_LENGTH = 5;
const CHILD_LENGTH = 8 + HASH_LENGTH;

export function encodeNode(node: TreeNode): Uint8Array {
  switch (node.kind) {
    case "empty":
      return Uint8Array.of(EMPTY_TAG);
    case "leaf":
      return encodeLeaf(node);
    case "inner":
      return encodeInner(node);
  }
}

function encodeLeaf({ key, value }: LeafNode): Uint8Array {
  const bytes = new Uint8Array(LEAF_HEADER_LENGTH + key.length + value.length);
  bytes[0] = LEAF_TAG;
  setUint32(bytes, 1, key.length);
  setUint32(bytes, 5, value.length);
  bytes.set(key, LEAF_HEADER_LENGTH);
  bytes.set(value, LEAF_HEADER_LENGTH + key.length);
  return bytes;
}

function encodeInner({ children }: InnerNode): Uint8Array {
  let present = 0;
  let leaves = 0;
  for (let nibble = 0; nibble < CHILDREN; nibble++) {
    const child = children[nibble];
    if (child === undefined) continue;
    present |= 1 << nibble;
    if (child.isLeaf) leaves |= 1 << nibble;
  }
  const bytes = new Uint8Array(INNER_HEADER_LENGTH + countBits(present) * CHILD_LENGTH);
  bytes[0] = INNER_TAG;
  setUint16(bytes, 1, present);
  setUint16(bytes, 3, leaves);
  let offset = INNER_HEADER_LENGTH;
  for (let nibble = 0; nibble < CHILDREN; nibble++) {
    const child = children[nibble];
    if (child === undefined) continue;
    setVersion(bytes, offset, child.version);
    bytes.set(child.hash, offset + 8);
    offset += CHILD_LENGTH;
  }
  return bytes;
}

/** What may spare the hashing of a leaf's key. */
export type KnownKey = Pick<LeafNode, "key" | "keyHash">;

/** Hashes, keys and values in the result are views of `bytes`. */
export function decodeNode(bytes: Uint8Array, known?: KnownKey): TreeNode {
  switch (bytes[0]) {
    case EMPTY_TAG:
      assert(bytes.length === 1, "tree record: bytes follow the empty node");
      return EMPTY_NODE;
    case LEAF_TAG:
      return decodeLeaf(bytes, known);
    case INNER_TAG:
      return decodeInner(bytes);
    default:
      throw new Fault(`tree record: unknown tag ${bytes[0]}`);
  }
}

function decodeLeaf(bytes: Uint8Array, known: KnownKey | undefined): LeafNode {
  assert(bytes.length >= LEAF_HEADER_LENGTH, "tree record: truncated leaf");
  const valueAt = LEAF_HEADER_LENGTH + getUint32(bytes, 1);
  assert(bytes.length === valueAt + getUint32(bytes, 5), "tree record: the leaf has another length than it says");
  const key = bytes.subarray(LEAF_HEADER_LENGTH, valueAt);
  const keyHash = known !== undefined && equalBytes(key, known.key) ? known.keyHash : hash(key);
  return { kind: "leaf", keyHash, key, value: bytes.subarray(valueAt) };
}

function decodeInner(bytes: Uint8Array): InnerNode {
  assert(bytes.length >= INNER_HEADER_LENGTH, "tree record: truncated inner node");
  const present = getUint16(bytes, 1);
  const leaves = getUint16(bytes, 3);
  const count = countBits(present);
  assert(bytes.length === INNER_HEADER_LENGTH + count * CHILD_LENGTH, "tree record: not as long as its children");
  assert((leaves & ~present) === 0, "tree record: a leaf that is no child");
  assert(count > 1 || (count === 1 && leaves === 0), "tree record: an inner node with fewer than two leaves");

  const children = new Array<Child | undefined>(CHILDREN).fill(undefined);
  let offset = INNER_HEADER_LENGTH;
  for (let nibble = 0; nibble < CHILDREN; nibble++) {
    if ((present & (1 << nibble)) === 0) continue;
    children[nibble] = {
      version: getVersion(bytes, offset),
      hash: bytes.subarray(offset + 8, offset + CHILD_LENGTH),
      isLeaf: (leaves & (1 << nibble)) !== 0,
    };
    offset += CHILD_LENGTH;
  }
  return { kind: "inner", children };
}

/** The key of the node that `version` wrote at the first `length` nibbles of `path`. */
export function nodeKey(version: number, path: Uint8Array, length: number): Uint8Array {
  assert(length <= PATH_LENGTH_MAX, "a path is at most 64 nibbles");
  assert(length <= path.length * 2, "a path has the nibbles it says");
  const key = new Uint8Array(9 + Math.ceil(length / 2));
  setVersion(key, 0, version);
  key[8] = length;
  for (let i = 9; i < key.length; i++) key[i] = path[i - 9]!;
  if (length % 2 === 1) key[key.length - 1]! &= 0xf0;
  return key;
}

export function nibbleAt(path: Uint8Array, depth: number): number {
  const byte = path[depth >> 1];
  assert(byte !== undefined, "a tree is at most 64 nibbles deep");
  return depth % 2 === 0 ? byte >> 4 : byte & 0x0f;
}

/** A copy of `path` with another nibble at `depth`: the way to a sibling. */
export function withNibble(path: Uint8Array, depth: number, nibble: number): Uint8Array {
  const sibling = path.slice();
  const byte = sibling[depth >> 1]!;
  sibling[depth >> 1] = depth % 2 === 0 ? (nibble << 4) | (byte & 0x0f) : (byte & 0xf0) | nibble;
  return sibling;
}

function setVersion(bytes: Uint8Array, offset: number, version: number): void {
  assert(Number.isSafeInteger(version), "a version is a safe integer");
  assert(version >= 0, "a version is not negative");
  setUint32(bytes, offset, Math.floor(version / 2 ** 32));
  setUint32(bytes, offset + 4, version);
}

function getVersion(bytes: Uint8Array, offset: number): number {
  const version = getUint32(bytes, offset) * 2 ** 32 + getUint32(bytes, offset + 4);
  assert(Number.isSafeInteger(version), "tree record: a version above 2^53");
  return version;
}

// Byte by byte, because a DataView for each record and each node key costs more than the rest of it.

function setUint32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 24;
  bytes[offset + 1] = value >>> 16;
  bytes[offset + 2] = value >>> 8;
  bytes[offset + 3] = value;
}

function getUint32(bytes: Uint8Array, offset: number): number {
  return getUint16(bytes, offset) * 2 ** 16 + getUint16(bytes, offset + 2);
}

function setUint16(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 8;
  bytes[offset + 1] = value;
}

function getUint16(bytes: Uint8Array, offset: number): number {
  return (bytes[offset]! << 8) | bytes[offset + 1]!;
}

function countBits(bits: number): number {
  let count = 0;
  for (let rest = bits; rest !== 0; rest &= rest - 1) count++;
  return count;
}
