/** Keys for tests of the tree, found so that their paths meet deep down as they hardly would by chance. */
import { sha256 } from "@noble/hashes/sha2.js";

const utf8 = (text: string) => new TextEncoder().encode(text);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

/** Keys in groups whose hashes share their first 3 to 6 nibbles, and some that share nothing. */
export const keyPool: readonly Uint8Array[] = (() => {
  const byPrefix = new Map<string, Uint8Array[]>();
  for (let i = 0; i < 20_000; i++) {
    const key = utf8(`key ${i}`);
    const path = hex(sha256(key));
    for (const length of [3, 6]) {
      const prefix = path.slice(0, length);
      byPrefix.set(prefix, [...(byPrefix.get(prefix) ?? []), key]);
    }
  }
  const groups = [...byPrefix].filter(([, keys]) => keys.length > 1);
  const deep = groups.filter(([prefix]) => prefix.length === 6).slice(0, 6);
  const shallow = groups.filter(([prefix]) => prefix.length === 3).slice(0, 2);
  const lone = Array.from({ length: 6 }, (_, i) => utf8(`lone key ${i}`));
  return [...[...deep, ...shallow].flatMap(([, keys]) => keys.slice(0, 6)), ...lone];
})();
