/**
 * What a proof about some keys of the state is: its parts, its bytes and its bounds. `prove.ts` makes them, `verify.ts` checks
 * them. For one tree and one set of keys there is one proof, and it has one encoding.
 *
 *           o              About two keys whose paths begin 0 and 10. A walk goes down the binary tree from the root, left
 *         /   \            before right, and only where one of the keys leads. It writes down, each from left to right:
 *      leaf    o             ends      where the paths stop: here the leaf at depth 1, nothing at depth 2
 *            /   \           siblings  the hashes of the subtrees where none of the keys leads: here S
 *         empty   S
 *
 * So keys share what their paths share, and a proof about one key is the same thing with one path. What stands at an end is
 * nothing, the leaf of one of the keys, or the leaf of another key that has the subtree to itself.
 */
import * as borsh from "../../vm/borsh.ts";
import { InputError } from "../../vm/errors.ts";
import { bitAt, HASH_LENGTH, hash } from "./tree-hash.ts";

/** One bit of H(key) a level. */
export const DEPTH_MAX = 8 * HASH_LENGTH;
/** A proof about so many of a million keys is about 340 kB. */
export const PROOF_KEYS_MAX = 1_024;

const endCodec = borsh.union({
  empty: borsh.struct({ depth: borsh.u16 }),
  claimed: borsh.struct({ depth: borsh.u16 }),
  other: borsh.struct({ depth: borsh.u16, keyHash: borsh.bytes32, valueHash: borsh.bytes32 }),
});

const proofCodec = borsh.struct({
  ends: borsh.vec(endCodec, PROOF_KEYS_MAX),
  siblings: borsh.vec(borsh.bytes32, PROOF_KEYS_MAX * DEPTH_MAX),
});

/** Where paths stop: at `depth` inner nodes below the root, so after as many bits. */
export type ProofEnd = borsh.Infer<typeof endCodec>;
export type Proof = borsh.Infer<typeof proofCodec>;

export function encodeProof(proof: Proof): Uint8Array {
  return borsh.encode(proofCodec, proof);
}

/** Throws `InputError` `proof_malformed`. */
export function decodeProof(bytes: Uint8Array): Proof {
  try {
    return borsh.decode(proofCodec, bytes);
  } catch (error) {
    if (!(error instanceof borsh.BorshError)) throw error;
    throw new InputError("proof_malformed", `the bytes are no proof: ${error.message}`, {
      hint: "See that the proof is complete, and that it was made by this version.",
      details: { offset: error.offset },
    });
  }
}

/** Something that is about a key, and the path there. */
export type OnPath<T> = T & { readonly path: Uint8Array };

/** In the order of the tree's leaves. Throws `InputError` `proof_keys`. */
export function sortByPath<T extends { readonly key: Uint8Array }>(items: readonly T[]): OnPath<T>[] {
  const refuse = (problem: string): never => {
    throw new InputError("proof_keys", `a proof ${problem}`, {
      hint: `Ask for 1 to ${PROOF_KEYS_MAX} different keys at once.`,
    });
  };
  if (items.length === 0) refuse("is about at least one key");
  if (items.length > PROOF_KEYS_MAX) refuse(`of ${items.length} keys is too large`);
  const sorted = items.map((item) => ({ ...item, path: hash(item.key) }));
  sorted.sort((a, b) => borsh.compareBytes(a.path, b.path));
  for (let i = 1; i < sorted.length; i++) {
    if (borsh.equalBytes(sorted[i - 1]!.path, sorted[i]!.path)) refuse("is about each key once");
  }
  return sorted;
}

/** Parts what is sorted by path, and equal up to `depth`, into those that turn left there and those that turn right. */
export function forkAt<T extends { readonly path: Uint8Array }>(sorted: readonly T[], depth: number): [T[], T[]] {
  const isRight = ({ path }: T) => bitAt(path, depth) === 1;
  return [sorted.filter((item) => !isRight(item)), sorted.filter(isRight)];
}
