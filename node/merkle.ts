/**
 * The Merkle root of an ordered list, as RFC 6962 section 2.1 defines it: leaves and inner nodes hash under different
 * first bytes, and the left subtree of n leaves holds the largest power of two below n.
 */
import { sha256 } from "@noble/hashes/sha2.js";

/** The root of `items`; the root of none is SHA-256 of nothing. */
export function merkleRoot(items: readonly Uint8Array[]): Uint8Array {
  if (items.length === 0) return sha256(new Uint8Array());
  let level: Uint8Array[] = items.map((item) => sha256.create().update(Uint8Array.of(0x00)).update(item).digest());
  // Pairing from the left and lifting an odd last node gives the RFC's split at the largest power of two.
  while (level.length > 1) {
    const above: Uint8Array[] = [];
    for (let i = 0; i + 1 < level.length; i += 2) {
      above.push(
        sha256
          .create()
          .update(Uint8Array.of(0x01))
          .update(level[i]!)
          .update(level[i + 1]!)
          .digest(),
      );
    }
    if (level.length % 2 === 1) above.push(level.at(-1)!);
    level = above;
  }
  return level[0]!;
}
