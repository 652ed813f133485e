/**
 * Makes proofs out of a stored version of the tree. Reads the records on the keys' paths and no others: the hashes of what
 * lies beside them stand in the same records.
 */
import { equalBytes } from "../../vm/borsh.ts";
import { encodeProof, forkAt, type OnPath, type Proof, type ProofEnd, sortByPath } from "./proof.ts";
import { loadNode, type NodeReader } from "./tree.ts";
import { hash } from "./tree-hash.ts";
import { CHILDREN, type InnerNode, type LeafNode, subtreeHash, type TreeNode, withNibble } from "./tree-node.ts";

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
  readonly node: InnerNode;
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
      this.#descend({ node, from: 0, width: CHILDREN, depth, childDepth: depth / 4 + 1 }, targets);
    }
  }

  #stopAtLeaf({ keyHash, value }: LeafNode, depth: number, targets: readonly Target[]): void {
    const isTarget = targets.some(({ path }) => equalBytes(path, keyHash));
    this.ends.push(isTarget ? { kind: "claimed", depth } : { kind: "other", depth, keyHash, valueHash: hash(value) });
  }

  #descend(slots: Slots, targets: readonly Target[]): void {
    if (targets.length === 0) {
      this.siblings.push(subtreeHash(slots.node, slots.from, slots.width));
      return;
    }
    const { node, from, width, depth, childDepth } = slots;
    const nibbles = occupied(slots);
    const [nibble] = nibbles;
    if (nibble === undefined) {
      this.ends.push({ kind: "empty", depth });
      return;
    }
    const child = node.children[nibble]!;
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

function occupied({ node: { children }, from, width }: Slots): number[] {
  const nibbles: number[] = [];
  for (let nibble = from; nibble < from + width; nibble++) if (children[nibble] !== undefined) nibbles.push(nibble);
  return nibbles;
}
