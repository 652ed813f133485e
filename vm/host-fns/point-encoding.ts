/**
 * Points out of foreign bytes: a point, or null for bytes that encode none.
 *
 * The curve library refuses a bad encoding with a plain `Error`. Any other class, such as the `RangeError` of an exhausted
 * stack, is our fault and must never be taken for an answer about the bytes: two nodes would disagree.
 */
export function decodePoint<Point>(
  group: { fromBytes(bytes: Uint8Array, lenient?: boolean): Point },
  bytes: Uint8Array,
  lenient?: boolean,
): Point | null {
  try {
    return group.fromBytes(bytes, lenient);
  } catch (error) {
    if (error instanceof Error && error.constructor === Error) return null;
    throw error;
  }
}
