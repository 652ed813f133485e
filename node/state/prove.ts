/**
 * Makes proofs out of a stored version of the tree. Reads the records on the keys' paths and no others: the hashes of what
 * lies beside them stand in the same records.
 */
import { equalBytes } from "../../vm/borsh.ts";
import { Fault } from "../../vm/errors.ts";
import { encodeProof, forkAt, type OnPath, type Proof, type ProofEnd, sortByPath } from "./proof.ts";
import type { NodeReader } from "./tree.ts";
import { EMPTY_HASH, hash, innerHash } from "./tree-hash.ts";
import { CHILDREN, type Child, decodeNode, type LeafNode, nodeKey, type TreeNode, withNibble } from "./tree-node.ts";

/** Of what `version` holds under `key`, or that it holds nothing there. */
export function proveKey(reader: NodeReader, version: number, key: Uint8Array): Uint8Array {
  return proveKeys(reader, version, [key]);
}

/** One proof about several keys, in any order. Throws `InputError` `proof_keys` for none, too many, or one twice. */
export function proveKeys(reader: NodeReader, version: number, keys: readonly Uint8Array[]): Uint8Array {
  return encodeProof(createProof(reader, version, keys));
}

/** The proof of `proveKeys`, before it is bytes. */
export function createProof(reader: NodeReader, version: number, keys: readonly Uint8Array[]): Proof {
  const targets = sortByPath(keys.map((key) => ({ key })));
  const walk = new Walk(reader);
  walk.enter(loadNode(reader, version, targets[0]!.path, 0), 0, targets);
  return { ends: walk.ends, siblings: walk.siblings };
}

type Target = OnPath<{ readonly key: Uint8Array }>;

/** Neighbouring slots of a stored inner node: one subtree of the binary tree. */
interface Slots {
  readonly children: readonly (Child | undefined)[];
  readonly from: number;
  /** A power of two that divides `from`. */
  readonly width: number;
  /** Of this subtree, in bits. */
  readonly depth: number;
  /** Of the nodes in the slots, in nibbles. */
  readonly childDepth: number;
}

/** One walk from the root, left before right, that writes down what the check reads. */
class Walk {
  readonly ends: ProofEnd[] = [];
  readonly siblings: Uint8Array[] = [];
  readonly #reader: NodeReader;

  constructor(reader: NodeReader) {
    this.#reader = reader;
  }

  /** All of `targets`, one at least, lead to the node at `depth` bits. */
  enter(node: TreeNode, depth: number, targets: readonly Target[]): void {
    if (node.kind === "empty") this.ends.push({ kind: "empty", depth });
    else if (node.kind === "leaf") this.#stopAtLeaf(node, depth, targets);
    else {
      const { children } = node;
      this.#descend({ children, from: 0, width: CHILDREN, depth, childDepth: depth / 4 + 1 }, targets);
    }
  }

  #stopAtLeaf({ keyHash, value }: LeafNode, depth: number, targets: readonly Target[]): void {
    const isTarget = targets.some(({ path }) => equalBytes(path, keyHash));
    this.ends.push(isTarget ? { kind: "claimed", depth } : { kind: "other", depth, keyHash, valueHash: hash(value) });
  }

  #descend(slots: Slots, targets: readonly Target[]): void {
    if (targets.length === 0) {
      this.siblings.push(fold(slots)?.hash ?? EMPTY_HASH);
      return;
    }
    const { children, from, width, depth, childDepth } = slots;
    const nibbles = occupied(slots);
    const [nibble] = nibbles;
    if (nibble === undefined) {
      this.ends.push({ kind: "empty", depth });
      return;
    }
    const child = children[nibble]!;
    // A leaf that is alone in a subtree is that subtree, so a path may stop between two stored nodes.
    if (width === 1 || (nibbles.length === 1 && child.isLeaf)) {
      const path = withNibble(targets[0]!.path, childDepth - 1, nibble);
      this.enter(loadNode(this.#reader, child.version, path, childDepth), depth, targets);
      return;
    }
    const [left, right] = forkAt(targets, depth);
    const half = { ...slots, width: width / 2, depth: depth + 1 };
    this.#descend(half, left);
    this.#descend({ ...half, from: from + half.width }, right);
  }
}

function occupied({ children, from, width }: Slots): number[] {
  const nibbles: number[] = [];
  for (let nibble = from; nibble < from + width; nibble++) if (children[nibble] !== undefined) nibbles.push(nibble);
  return nibbles;
}

type Hashed = Pick<Child, "hash" | "isLeaf">;

/** `undefined` is the empty subtree. */
function fold({ children, from, width }: Pick<Slots, "children" | "from" | "width">): Hashed | undefined {
  if (width === 1) return children[from];
  const half = width / 2;
  const left = fold({ children, from, width: half });
  const right = fold({ children, from: from + half, width: half });
  if (left === undefined && (right === undefined || right.isLeaf)) return right;
  if (right === undefined && left?.isLeaf) return left;
  return { hash: innerHash(left?.hash ?? EMPTY_HASH, right?.hash ?? EMPTY_HASH), isLeaf: false };
}

/** What `version` stored at the first `depth` nibbles of `path`. */
export function loadNode(reader: NodeReader, version: number, path: Uint8Array, depth: number): TreeNode {
  const bytes = reader.getNode(nodeKey(version, path, depth));
  if (bytes === undefined) throw new Fault(`tree node of version ${version} at depth ${depth} is missing`);
  return decodeNode(bytes);
}
