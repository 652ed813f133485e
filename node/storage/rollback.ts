/**
 * What undoes the block at the head: one batch, as large as the block's own.
 *
 * Law: after it, every record of the folder is what it was before the block was committed. The flat view needs no reading of
 * the tree: the leaves that the block wrote hold the keys it touched, and those that it made stale hold what they were before.
 */

import { assert } from "../../vm/errors.ts";
import { blockHash, decodeBlock, decodeReceipt } from "../block.ts";
import { decodeNode, nodeKey, withNibble } from "../state/tree-node.ts";
import { encodeTransaction, transactionHash } from "../transaction.ts";
import type { Database } from "./database.ts";
import { decodeStaleNodes, del, eventRecords, heightBytes, keys, type Operation, put } from "./layout.ts";

const ROOT_PATH = new Uint8Array(32);

/** `height` is the head's, above 0, and the state below it is kept. */
export function undoOperations(database: Database, height: number): Operation[] {
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
  undoNodes(database, height, ROOT_PATH, 0, operations);
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

/**
 * The nodes that the block wrote hang on one another, from the root down. To look for them by a range would be to walk over
 * what was taken back before, again for each block.
 */
function undoNodes(database: Database, height: number, path: Uint8Array, depth: number, operations: Operation[]): void {
  const key = keys.node(nodeKey(height, path, depth));
  const record = database.get(key);
  assert(record !== undefined, `a node that block ${height} wrote is missing`);
  operations.push(del(key));
  const node = decodeNode(record);
  if (node.kind === "leaf") operations.push(del(keys.flat(node.key)));
  if (node.kind !== "inner") return;
  for (const [nibble, child] of node.children.entries()) {
    if (child?.version !== height) continue;
    undoNodes(database, height, withNibble(path, depth, nibble), depth + 1, operations);
  }
}
