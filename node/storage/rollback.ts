/**
 * What undoes the block at the head: one batch, as large as the block's own.
 *
 * Law: after it, every record of the folder is what it was before the block was committed. The flat view needs no reading of
 * the tree: the leaves that the block wrote hold the keys it touched, and those that it made stale hold what they were before.
 */

import { assert } from "../../vm/errors.ts";
import { blockHash, decodeBlock } from "../block.ts";
import { decodeNode } from "../state/tree-node.ts";
import { encodeTransaction, transactionHash } from "../transaction.ts";
import { type Database, plain, read } from "./database.ts";
import { del, heightBytes, keys, type Operation, put, ranges, space, staleNodeKey } from "./layout.ts";

/** `height` is the head's, above 0, and the state below it is kept. */
export async function undoOperations(database: Database, height: number): Promise<Operation[]> {
  const encoded = read(database, keys.block(height));
  assert(encoded !== undefined, `block ${height} is missing`);
  const block = decodeBlock(encoded);
  const operations: Operation[] = [del(keys.block(height)), del(keys.blockHash(blockHash(block.header)))];
  for (const [index, transaction] of block.transactions.entries()) {
    operations.push(del(keys.transaction(transactionHash(encodeTransaction(transaction)))));
    operations.push(del(keys.receipt(height, index)));
  }
  for await (const [key, record] of database.iterator(ranges.heights(space.node, height, height + 1))) {
    operations.push(del(key));
    const node = decodeNode(plain(record));
    if (node.kind === "leaf") operations.push(del(keys.flat(node.key)));
  }
  // Behind the removals, for a later operation of a batch wins.
  for await (const key of database.keys(ranges.heights(space.stale, height, height + 1))) {
    operations.push(del(key));
    const record = read(database, keys.node(staleNodeKey(key)));
    assert(record !== undefined, `a node that block ${height} replaced is missing`);
    const node = decodeNode(record);
    if (node.kind === "leaf") operations.push(put(keys.flat(node.key), node.value));
  }
  operations.push(put(keys.meta("head"), heightBytes(height - 1)));
  return operations;
}
