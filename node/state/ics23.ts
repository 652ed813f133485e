/**
 * The same proofs in the form of ICS-23, for verifiers that know many trees: plain objects, shaped as the generated classes
 * of `@confio/ics23` and of its relatives in Go and Rust.
 *
 * To ICS-23 the tree is a map from H(key) to H(value), ordered by H(key), and both are hashed by whoever asks:
 *
 *     verifyMembership(proof, jmtProofSpec, root, H(key), H(value))
 *     verifyNonMembership(proof, jmtProofSpec, root, H(key))
 *
 * The key, because absence is shown by the neighbours on both sides, and `@confio/ics23` 0.6.8 orders keys as they are given
 * (`prehashKeyBeforeComparison` is younger). The value, because ICS-23 knows no empty value while contracts may store one,
 * and because an absence would carry the values of two strangers, a contract's code among them. A verifier that hashes both
 * by itself takes the same paths with the keys and values as they are.
 *
 * Limits. The empty tree has no neighbours, so ICS-23 cannot say that a key is not in it. And 0.6.8 does not look at
 * `emptyChild`: it tells the sides of a step by lengths alone, where an empty sibling is as long as a full one, so no spec
 * would make it take the one and refuse the other. Where a neighbour's path passes an empty subtree on the key's side, which
 * is about every second absence, 0.6.8 refuses the proof. ICS-23 allows it, and verifiers that know the field take it.
 */
import { compareBytes } from "../../vm/borsh.ts";
import { assert, InputError } from "../../vm/errors.ts";
import { DEPTH_MAX } from "./proof.ts";
import { createProof } from "./prove.ts";
import { loadNode, type NodeReader, readValue } from "./tree.ts";
import { bitAt, EMPTY_HASH, HASH_LENGTH, hash, INNER_TAG, LEAF_TAG } from "./tree-hash.ts";
import { CHILDREN, type LeafNode, nibbleAt, type TreeNode, withNibble } from "./tree-node.ts";

/** Numbers of the protocol's enumerations. */
const HashOp = { noHash: 0, sha256: 1 } as const;
const LengthOp = { require32Bytes: 7 } as const;

const leafSpec = {
  hash: HashOp.sha256,
  prehashKey: HashOp.noHash,
  prehashValue: HashOp.noHash,
  // So that the two cannot be cut apart at another place.
  length: LengthOp.require32Bytes,
  prefix: LEAF_TAG,
};

export const jmtProofSpec = {
  leafSpec,
  innerSpec: {
    childOrder: [0, 1],
    childSize: HASH_LENGTH,
    minPrefixLength: INNER_TAG.length,
    maxPrefixLength: INNER_TAG.length,
    emptyChild: EMPTY_HASH,
    hash: HashOp.sha256,
  },
  maxDepth: DEPTH_MAX,
};

export interface InnerOp {
  readonly hash: number;
  /** What is hashed before the child and behind it. */
  readonly prefix: Uint8Array;
  readonly suffix: Uint8Array;
}

export interface ExistenceProof {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly leaf: typeof leafSpec;
  /** From the leaf up to the root. */
  readonly path: InnerOp[];
}

/** Of a key between two neighbours, or before the first, or behind the last. */
export interface NonExistenceProof {
  readonly key: Uint8Array;
  readonly left: ExistenceProof | null;
  readonly right: ExistenceProof | null;
}

export type CommitmentProof = { readonly exist: ExistenceProof } | { readonly nonexist: NonExistenceProof };

/** Throws `InputError` `proof_inexpressible` when the tree is empty. */
export function toIcs23(reader: NodeReader, version: number, key: Uint8Array): CommitmentProof {
  const value = readValue(reader, version, key);
  if (value !== undefined) return { exist: existenceOf(reader, version, { key, value }) };
  const [left, right] = ([-1, 1] as const).map((side) => {
    const leaf = new Search(reader, side).nearest(loadNode(reader, version, ROOT_PATH, 0), hash(key), 0, false);
    return leaf === undefined ? null : existenceOf(reader, version, leaf);
  }) as [ExistenceProof | null, ExistenceProof | null];
  if (left === null && right === null) {
    throw new InputError("proof_inexpressible", "the state is empty, which ICS-23 cannot say of a key", {
      hint: "The root itself shows it: it is the hash of the empty tree.",
    });
  }
  return { nonexist: { key: hash(key), left, right } };
}

const ROOT_PATH = new Uint8Array(HASH_LENGTH);

interface Entry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

function existenceOf(reader: NodeReader, version: number, { key, value }: Entry): ExistenceProof {
  const keyHash = hash(key);
  const { ends, siblings } = createProof(reader, version, [key]);
  // Siblings stand left to right: those left of the path from the top down, then those right of it from the bottom up.
  const unused = [...siblings];
  const path: InnerOp[] = [];
  for (let depth = 0; depth < ends[0]!.depth; depth++) {
    const isRight = bitAt(keyHash, depth) === 1;
    const sibling = isRight ? unused.shift() : unused.pop();
    assert(sibling !== undefined, "a path has a sibling at each depth");
    path.unshift({
      hash: HashOp.sha256,
      prefix: isRight ? Uint8Array.of(...INNER_TAG, ...sibling) : INNER_TAG,
      suffix: isRight ? NOTHING : sibling,
    });
  }
  return { key: keyHash, value: hash(value), leaf: leafSpec, path };
}

const NOTHING = new Uint8Array();

/** Looks for the nearest leaf on one side of a path: before it for -1, behind it for 1. */
class Search {
  readonly #reader: NodeReader;
  readonly #side: -1 | 1;

  constructor(reader: NodeReader, side: -1 | 1) {
    this.#reader = reader;
    this.#side = side;
  }

  /** `path` leads to the node. Where it `isBeside`, all of its leaves are on the side, and the rest of `path` says nothing. */
  nearest(node: TreeNode, path: Uint8Array, depth: number, isBeside: boolean): LeafNode | undefined {
    if (node.kind === "empty") return undefined;
    if (node.kind === "leaf") return isBeside || this.#isBehind(node.keyHash, path) ? node : undefined;
    const first = isBeside ? (this.#side < 0 ? CHILDREN - 1 : 0) : nibbleAt(path, depth);
    for (let nibble = first; nibble >= 0 && nibble < CHILDREN; nibble += this.#side) {
      const child = node.children[nibble];
      if (child === undefined) continue;
      const childPath = withNibble(path, depth, nibble);
      const below = loadNode(this.#reader, child.version, childPath, depth + 1);
      const found = this.nearest(below, childPath, depth + 1, isBeside || nibble !== first);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #isBehind(keyHash: Uint8Array, path: Uint8Array): boolean {
    return compareBytes(keyHash, path) * this.#side > 0;
  }
}
