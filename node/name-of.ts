/** Bytes as a key of a `Map`: one char a byte, so distinct bytes have distinct names. */
export function nameOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}
