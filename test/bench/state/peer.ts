/**
 * The Merkle Patricia tree of `@ethereumjs/mpt` on LevelDB, opened as ours is, in the way it is fastest: bytes instead of
 * hexadecimal text for nodes, a checkpoint around each block, which makes the block's nodes one batch, and a cache for more
 * nodes than ours keeps in memory.
 */
import { createMPT, type MerklePatriciaTrie, type MPTOpts } from "@ethereumjs/mpt";
import { Level } from "level";
import type { Change } from "../../../node/state/tree.ts";
import { CACHE_SIZE } from "../../../node/storage/level-database.ts";

export class Peer {
  readonly #level: Level<string, Uint8Array>;
  readonly #trie: MerklePatriciaTrie;

  private constructor(level: Level<string, Uint8Array>, trie: MerklePatriciaTrie) {
    this.#level = level;
    this.#trie = trie;
  }

  static async open(directory: string): Promise<Peer> {
    const settings = { valueEncoding: "view", multithreading: true, cacheSize: CACHE_SIZE };
    const level = new Level<string, Uint8Array>(directory, settings);
    await level.open();
    // Keys are hashed, as ours are.
    const options = { valueEncoding: "view", useKeyHashing: true, cacheSize: CACHED_COUNT } as const;
    return new Peer(level, await createMPT({ ...options, db: new LevelNodes(level) }));
  }

  async commit(changes: readonly Change[]): Promise<void> {
    this.#trie.checkpoint();
    for (const { key, value } of changes) await this.#trie.put(key, value);
    await this.#trie.commit();
  }

  get(key: Uint8Array): Promise<Uint8Array | null> {
    return this.#trie.get(key);
  }

  close(): Promise<void> {
    return this.#level.close();
  }
}

/** Nodes, of about a fifth of a kilobyte. */
const CACHED_COUNT = 20_000;

type NodeDatabase = NonNullable<MPTOpts["db"]>;
type Batch = Parameters<NodeDatabase["batch"]>[0];

/** What the tree asks of a database. */
class LevelNodes implements NodeDatabase {
  readonly #level: Level<string, Uint8Array>;

  constructor(level: Level<string, Uint8Array>) {
    this.#level = level;
  }

  // Its type knows text values alone beside bytes, and with "view" there are none.
  get(key: string): Promise<Uint8Array> {
    return this.#level.get(key) as Promise<Uint8Array>;
  }

  put(key: string, value: string | Uint8Array): Promise<void> {
    return this.#level.put(key, value as Uint8Array);
  }

  del(key: string): Promise<void> {
    return this.#level.del(key);
  }

  async batch(operations: Batch): Promise<void> {
    const batch = this.#level.batch();
    for (const operation of operations) {
      if (operation.type === "del") batch.del(operation.key);
      else batch.put(operation.key, operation.value as Uint8Array);
    }
    await batch.write();
  }

  shallowCopy(): NodeDatabase {
    return new LevelNodes(this.#level);
  }

  async open(): Promise<void> {}
}
