/**
 * The Merkle tree over an ordered list, as RFC 6962 section 2.1 defines it: leaves and inner nodes hash under different
 * first bytes, and the left subtree of n leaves holds the largest power of two below n. Its audit paths show that an item is
 * in the list to whoever has the root.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { equalBytes } from "../vm/borsh.ts";
import { assert, InputError } from "../vm/errors.ts";

/** The root of `items`; the root of none is SHA-256 of nothing. */
export function merkleRoot(items: readonly Uint8Array[]): Uint8Array {
  if (items.length === 0) return sha256(new Uint8Array());
  let level = items.map(leafHash);
  while (level.length > 1) level = levelAbove(level);
  return level[0]!;
}

/** The audit path of the item at `index`: its siblings from the leaf up to the root. */
export function proveItem(items: readonly Uint8Array[], index: number): Uint8Array[] {
  assert(Number.isInteger(index) && index >= 0 && index < items.length, "an audit path is of an item of the list");
  const path: Uint8Array[] = [];
  let level = items.map(leafHash);
  for (let at = index; level.length > 1; at >>= 1) {
    const sibling = level[at ^ 1];
    if (sibling !== undefined) path.push(sibling);
    level = levelAbove(level);
  }
  return path;
}

/**
 * Throws `InputError` `proof_*` unless `path` shows that `item` is in the list with this root, at `index` if the list has
 * `count` items. The path does not prove the count: in a shorter list another place can have the same path.
 */
export function verifyItem(
  root: Uint8Array,
  item: Uint8Array,
  { index, count }: { readonly index: number; readonly count: number },
  path: readonly Uint8Array[],
): void {
  if (!Number.isSafeInteger(count) || !Number.isSafeInteger(index) || index < 0 || index >= count) {
    throw new InputError("proof_index", `there is no item ${index} among ${count}`);
  }
  let computed = leafHash(item);
  let used = 0;
  for (let at = index, width = count; width > 1; at = Math.floor(at / 2), width = Math.ceil(width / 2)) {
    const isLast = at === width - 1;
    // An odd last node has no sibling and goes up as it is.
    if (isLast && at % 2 === 0) continue;
    const sibling = path[used++];
    if (sibling === undefined || sibling.length !== computed.length) throw misshapenPath(index, count);
    computed = at % 2 === 0 ? innerHash(computed, sibling) : innerHash(sibling, computed);
  }
  if (used !== path.length) throw misshapenPath(index, count);
  if (!equalBytes(computed, root)) {
    throw new InputError("proof_root", "the audit path leads to another root", {
      hint: "The item, its place or the root is not the one that was proven, or the path was altered.",
    });
  }
}

function misshapenPath(index: number, count: number): InputError {
  return new InputError("proof_shape", `the audit path is not one of item ${index} among ${count}`);
}

function leafHash(item: Uint8Array): Uint8Array {
  return sha256.create().update(LEAF_PREFIX).update(item).digest();
}

function innerHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256.create().update(INNER_PREFIX).update(left).update(right).digest();
}

const LEAF_PREFIX = Uint8Array.of(0x00);
const INNER_PREFIX = Uint8Array.of(0x01);

/** Pairing from the left and lifting an odd last node gives the RFC's split at the largest power of two. */
function levelAbove(level: readonly Uint8Array[]): Uint8Array[] {
  const above: Uint8Array[] = [];
  for (let i = 0; i + 1 < level.length; i += 2) above.push(innerHash(level[i]!, level[i + 1]!));
  if (level.length % 2 === 1) above.push(level.at(-1)!);
  return above;
}
