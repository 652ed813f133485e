/**
 * Blocks that change the state as a test pleases: their changes, transactions and receipts are made up, all hashes are right.
 * And the records of a folder, to compare folders by.
 */
import fc from "fast-check";
import { Level } from "level";
import {
  type Block,
  blockHash,
  encodeReceipt,
  type Receipt,
  receiptsRoot,
  transactionsRoot,
} from "../../node/block.ts";
import { applyChanges, type Change } from "../../node/state/tree.ts";
import type { AppliedBlock } from "../../node/state-transition.ts";
import type { Store } from "../../node/store.ts";
import { signed, testAccount } from "./signing.ts";

export interface MadeBlock {
  readonly changes: readonly Change[];
  readonly transactionCount: number;
}

const sender = testAccount(77);

/** The block on top of the head; `salt` makes another of the same changes. */
export function createBlock(store: Store, { changes, transactionCount }: MadeBlock, salt = 0): AppliedBlock {
  const parent = store.requireBlock(store.headHeight).header;
  const height = parent.height + 1;
  const entries = Array.from({ length: transactionCount }, (_, index) =>
    signed(sender, [], { nonce: height * 1_000_000 + salt * 1_000 + index }),
  );
  const transactions = entries.map(({ transaction }) => transaction);
  const receipts = entries.map(
    ({ hash }): Receipt => ({
      transactionHash: hash,
      status: { kind: "success" },
      gasUsed: 1_000,
      fee: 7n,
      actions: [],
      events: [{ contract: new Uint8Array(32), topics: [Uint8Array.of(height)], data: hash }],
    }),
  );
  // A removal of what is not there is no change, and the journal reports none.
  const net = changes.filter(({ key, value }) => value !== null || store.flat.get(key) !== undefined);
  const tree = applyChanges(store.nodes, parent.height, height, net);
  const block: Block = {
    header: {
      ...parent,
      height,
      parentHash: blockHash(parent),
      time: parent.time + 1 + salt,
      gasUsed: 1_000 * transactionCount,
      stateRoot: tree.root,
      transactionsRoot: transactionsRoot(transactions),
      receiptsRoot: receiptsRoot(receipts),
    },
    transactions,
  };
  const transactionHashes = entries.map(({ hash }) => hash);
  const encodedReceipts = receipts.map(encodeReceipt);
  return { block, receipts, encodedReceipts, transactionHashes, logs: [], invalid: [], changes: net, tree };
}

/** Few keys, so that blocks meet each other's; a value of null removes. */
const arbitraryChanges = fc.uniqueArray(
  fc.record({
    key: fc.integer({ min: 0, max: 39 }).map((number) => Uint8Array.of(0x73, number)),
    value: fc.option(fc.uint8Array({ maxLength: 3 }), { freq: 2 }),
  }),
  { selector: ({ key }) => key[1]!, maxLength: 12 },
);

export const arbitraryBlock: fc.Arbitrary<MadeBlock> = fc.record({
  changes: arbitraryChanges,
  transactionCount: fc.integer({ min: 0, max: 2 }),
});

/** Every record of a folder, in hexadecimal; it may be open in this process. */
export async function recordsOf(directory: string): Promise<Map<string, string>> {
  const options = { keyEncoding: "hex", valueEncoding: "hex", multithreading: true, createIfMissing: false } as const;
  const database = new Level<string, string>(directory, options);
  await database.open();
  try {
    return new Map(await database.iterator().all());
  } finally {
    await database.close();
  }
}

/** A folder's records under a tampering hand. */
export async function tamper(
  directory: string,
  change: (database: Level<Uint8Array, Uint8Array>) => Promise<void>,
): Promise<void> {
  const options = { keyEncoding: "view", valueEncoding: "view", multithreading: true, createIfMissing: false } as const;
  const database = new Level<Uint8Array, Uint8Array>(directory, options);
  await database.open();
  try {
    await change(database);
  } finally {
    await database.close();
  }
}
