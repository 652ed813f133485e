/**
 * States of any size, by way of a dump that is loaded as a user would: keys of 32 bytes and values of 100, all of them numbers
 * expanded by a hash, so that nothing compresses and each run has the same. And blocks that write such values.
 */
import { createHash } from "node:crypto";
import { type Block, blockHash, encodeBlock, type Header } from "../../../node/block.ts";
import { hash } from "../../../node/crypto.ts";
import { encodeGenesis, type Genesis } from "../../../node/genesis.ts";
import { defaultParams } from "../../../node/params.ts";
import { applyChanges, type Change } from "../../../node/state/tree.ts";
import { createLeaf, TreeBuilder } from "../../../node/state/tree-stream.ts";
import { applyGenesis } from "../../../node/state-transition.ts";
import { type DumpRecord, writeDump } from "../../../node/storage/dump-file.ts";
import type { Store } from "../../../node/store.ts";
import { compareBytes } from "../../../vm/borsh.ts";

export const KEY_SIZE = 32;
export const VALUE_SIZE = 100;

const genesis: Genesis = {
  chainId: "bench",
  time: 0,
  params: defaultParams,
  proposer: new Uint8Array(32),
  balances: [],
  base: null,
};

export function keyAt(index: number): Uint8Array {
  return expand(`key ${index}`, KEY_SIZE);
}

/** Another one for every `round`. */
export function valueAt(index: number, round: number): Uint8Array {
  return expand(`value ${index} ${round}`, VALUE_SIZE);
}

function expand(seed: string, size: number): Uint8Array {
  return new Uint8Array(createHash("shake128", { outputLength: size }).update(seed).digest());
}

/** Writes the dump of a chain of one block whose state has the keys 0 to `keyCount`. */
export async function writeStateDump(path: string, keyCount: number): Promise<void> {
  const paths = new Map<Uint8Array, number>();
  for (let index = 0; index < keyCount; index++) paths.set(createLeaf(keyAt(index), NO_VALUE).keyHash, index);
  const order = [...paths.keys()].sort(compareBytes).map((keyHash) => paths.get(keyHash)!);

  const tree = new TreeBuilder(1, () => {});
  for (const index of order) tree.add(createLeaf(keyAt(index), valueAt(index, 0)));
  const first = applyGenesis(genesis, hash("genesis", encodeGenesis(genesis))).block;
  const second = nextBlock(first.header, tree.finish());
  const records = function* (): Generator<DumpRecord> {
    yield { kind: "genesis", genesis: encodeGenesis(genesis) };
    for (const block of [first, second]) yield { kind: "block", block: encodeBlock(block) };
    for (const index of order) yield { kind: "entry", key: keyAt(index), value: valueAt(index, 0) };
  };
  await writeDump(path, records());
}

const NO_VALUE = new Uint8Array(0);

function nextBlock(parent: Header, stateRoot: Uint8Array): Block {
  const height = parent.height + 1;
  return { header: { ...parent, height, parentHash: blockHash(parent), stateRoot }, transactions: [] };
}

/** A block of nothing but state: the tree's update, the flat view's, and the one batch. */
export async function commitChanges(store: Store, changes: readonly Change[]): Promise<void> {
  const parent = store.requireBlock(store.headHeight).header;
  const tree = applyChanges(store.nodes, parent.height, parent.height + 1, changes);
  const block = nextBlock(parent, tree.root);
  const nothing = { receipts: [], encodedReceipts: [], transactionHashes: [], logs: [], invalid: [] };
  await store.commit({ ...nothing, block, changes, tree });
}

/** Which keys blocks touch: the same ones in every run, with no pattern that a cache could know. */
export class KeyPicker {
  readonly #keyCount: number;
  #round = 0;

  constructor(keyCount: number) {
    this.#keyCount = keyCount;
  }

  /** New values for `count` existing keys. */
  next(count: number): readonly Change[] {
    const round = ++this.#round;
    const picked = new Set<number>();
    for (let i = 0; picked.size < count; i++) {
      const digest = createHash("sha256").update(`${round} ${i}`).digest();
      picked.add(digest.readUInt32BE(0) % this.#keyCount);
    }
    return [...picked].map((index) => ({ key: keyAt(index), value: valueAt(index, round) }));
  }
}
