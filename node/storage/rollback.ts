/**
 * What undoes the block at the head: one batch, as large as the block's own.
 *
 * Law: after it, every record of the folder is what it was before the block was committed. The flat view needs no reading of
 * the tree: the leaves that the block wrote hold the keys it touched, and those that it made stale hold what they were before.
 */

import { assert } from "../../vm/errors.ts";
import { blockHash, decodeBlock, decodeReceipt } from "../block.ts";
import { decodeNode } from "../state/tree-node.ts";
import { encodeTransaction, transactionHash } from "../transaction.ts";
import type { Database } from "./database.ts";
import {
  decodeStaleNodes,
  del,
  eventRecords,
  heightBytes,
  keys,
  type Operation,
  put,
  ranges,
  space,
} from "./layout.ts";

/** `height` is the head's, above 0, and the state below it is kept. */
export async function undoOperations(database: Database, height: number): Promise<Operation[]> {
  const encoded = database.get(keys.block(height));
  assert(encoded !== undefined, `block ${height} is missing`);
  const block = decodeBlock(encoded);
  const hashOfBlock = blockHash(block.header);
  const operations: Operation[] = [del(keys.block(height)), del(keys.blockHash(hashOfBlock))];
  for (const [index, transaction] of block.transactions.entries()) {
    operations.push(del(keys.transaction(transactionHash(encodeTransaction(transaction)))));
    operations.push(del(keys.receipt(height, index)));
  }
  if (database.get(keys.eventBlock(height)) !== undefined) {
    const receipts = block.transactions.map((_, index) => {
      const receipt = database.get(keys.receipt(height, index));
      assert(receipt !== undefined, `receipt ${index} of block ${height} is missing`);
      return decodeReceipt(receipt);
    });
    for (const { key } of eventRecords(height, hashOfBlock, receipts)) operations.push(del(key));
  }
  for await (const { key, value } of database.entries(ranges.heights(space.node, height, height + 1))) {
    operations.push(del(key));
    const node = decodeNode(value);
    if (node.kind === "leaf") operations.push(del(keys.flat(node.key)));
  }
  // Behind the removals, for a later operation of a batch wins.
  const stale = database.get(keys.stale(height));
  operations.push(del(keys.stale(height)));
  for (const nodeKey of stale === undefined ? [] : decodeStaleNodes(stale)) {
    const record = database.get(keys.node(nodeKey));
    assert(record !== undefined, `a node that block ${height} replaced is missing`);
    const node = decodeNode(record);
    if (node.kind === "leaf") operations.push(put(keys.flat(node.key), node.value));
  }
  operations.push(put(keys.meta("head"), heightBytes(height - 1)));
  return operations;
}
