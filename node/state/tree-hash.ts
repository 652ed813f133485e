/**
 * The hashes of the state tree, as the `jmt` crate computes them with SHA-256: of a key or value, of a leaf, of an inner
 * node of the binary tree, and the placeholder that stands for an empty subtree.
 *
 * Portable on purpose: whoever checks a proof needs these four and nothing else of the tree, in a browser too.
 */
import { sha256 } from "@noble/hashes/sha2.js";

export const HASH_LENGTH = 32;

const ascii = new TextEncoder();

export const EMPTY_HASH = ascii.encode("SPARSE_MERKLE_PLACEHOLDER_HASH__");
export const LEAF_TAG = ascii.encode("JMT::LeafNode");
/** Spelt as the `jmt` crate spells it. */
export const INNER_TAG = ascii.encode("JMT::IntrnalNode");

/** H(key) is a leaf's path, most significant bit first; H(value) is all that a leaf's hash knows of the value. */
export function hash(bytes: Uint8Array): Uint8Array {
  return sha256(bytes);
}

export function leafHash(keyHash: Uint8Array, valueHash: Uint8Array): Uint8Array {
  return sha256.create().update(LEAF_TAG).update(keyHash).update(valueHash).digest();
}

export function innerHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256.create().update(INNER_TAG).update(left).update(right).digest();
}

/** The turn that a path takes at `depth`: 0 is left, 1 is right. */
export function bitAt(path: Uint8Array, depth: number): number {
  return (path[depth >> 3]! >> (7 - (depth & 7))) & 1;
}
