/**
 * The key space of a chain's folder, and what a block is in it.
 *
 *     00 "format" | "genesis" | "head"     what this folder is, and where the chain stands
 *     00 "lowest"                          the lowest height whose state is kept; absent while all are
 *     00 "rollback"                        where the head is on its way to; absent while it is not
 *     01 height                            block
 *     02 block hash                        height
 *     03 transaction hash                  height, index
 *     04 height index                      receipt
 *     10 node key                          node of the state tree; its key begins with its version
 *     11 height node key                   node that became stale at that height
 *     12 state key                         flat view: the state at the head, for one-get reads and for scans
 *
 * Integers are big endian, so ranges are in order.
 */
import { type Block, blockHash, encodeBlock, encodeReceipt, type Receipt } from "../block.ts";
import type { AppliedBlock } from "../state-transition.ts";

/** Changes with the layout above. A folder of another format is refused, never misread. */
export const FORMAT = "lockstep-2";

export const space = {
  meta: 0x00,
  block: 0x01,
  blockHash: 0x02,
  transaction: 0x03,
  receipt: 0x04,
  node: 0x10,
  stale: 0x11,
  flat: 0x12,
} as const;

export type MetaName = "format" | "genesis" | "head" | "lowest" | "rollback";

interface Put {
  readonly type: "put";
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}
interface Del {
  readonly type: "del";
  readonly key: Uint8Array;
}
export type Operation = Put | Del;

export function put(key: Uint8Array, value: Uint8Array): Put {
  return { type: "put", key, value };
}

export function del(key: Uint8Array): Del {
  return { type: "del", key };
}

export const HEIGHT_SIZE = 8;

export const keys = {
  meta: (name: MetaName) => join(space.meta, text(name)),
  block: (height: number) => join(space.block, heightBytes(height)),
  blockHash: (hash: Uint8Array) => join(space.blockHash, hash),
  transaction: (hash: Uint8Array) => join(space.transaction, hash),
  receipt: (height: number, index: number) => join(space.receipt, position(height, index)),
  node: (nodeKey: Uint8Array) => join(space.node, nodeKey),
  stale: (height: number, nodeKey: Uint8Array) => join(space.stale, heightBytes(height), nodeKey),
  flat: (stateKey: Uint8Array) => join(space.flat, stateKey),
};

export interface KeyRange {
  readonly gte: Uint8Array;
  readonly lt: Uint8Array;
}

export const ranges = {
  all: (first: number): KeyRange => ({ gte: Uint8Array.of(first), lt: Uint8Array.of(first + 1) }),
  /** The keys of a space that begin with a height from `from` on and below `to`. */
  heights: (first: number, from: number, to: number): KeyRange => ({
    gte: join(first, heightBytes(from)),
    lt: join(first, heightBytes(to)),
  }),
};

/** The node that a key of the stale index names. */
export function staleNodeKey(key: Uint8Array): Uint8Array {
  return key.subarray(1 + HEIGHT_SIZE);
}

export interface Position {
  readonly height: number;
  readonly index: number;
}

/** Where a transaction is: the value under its hash, and the key of its receipt. */
export function position(height: number, index: number): Uint8Array {
  const encoded = new Uint8Array(HEIGHT_SIZE + 4);
  const view = new DataView(encoded.buffer);
  view.setBigUint64(0, BigInt(height));
  view.setUint32(HEIGHT_SIZE, index);
  return encoded;
}

export function readPosition(encoded: Uint8Array): Position {
  const view = new DataView(encoded.buffer, encoded.byteOffset, encoded.byteLength);
  return { height: readHeight(encoded), index: view.getUint32(HEIGHT_SIZE) };
}

export function heightBytes(height: number): Uint8Array {
  const encoded = new Uint8Array(HEIGHT_SIZE);
  new DataView(encoded.buffer).setBigUint64(0, BigInt(height));
  return encoded;
}

export function readHeight(encoded: Uint8Array, offset = 0): number {
  return Number(new DataView(encoded.buffer, encoded.byteOffset, encoded.byteLength).getBigUint64(offset));
}

/** A block, its receipts, and the ways to find them. */
export function recordOperations(block: Block, receipts: readonly Receipt[]): Operation[] {
  const { height } = block.header;
  const operations: Operation[] = [
    put(keys.block(height), encodeBlock(block)),
    put(keys.blockHash(blockHash(block.header)), heightBytes(height)),
  ];
  for (const [index, receipt] of receipts.entries()) {
    operations.push(put(keys.transaction(receipt.transactionHash), position(height, index)));
    operations.push(put(keys.receipt(height, index), encodeReceipt(receipt)));
  }
  return operations;
}

/** What stands under a key that says it all. */
const NOTHING = new Uint8Array();

/** All that a block changes, and with it the head. One by one, for a block has many and each is done with at once. */
export function* blockOperations({ block, receipts, changes, tree }: AppliedBlock): Generator<Operation> {
  const { height } = block.header;
  yield* recordOperations(block, receipts);
  for (const { key, bytes } of tree.newNodes) yield put(keys.node(key), bytes);
  const encodedHeight = heightBytes(height);
  for (const key of tree.staleNodes) yield put(join(space.stale, encodedHeight, key), NOTHING);
  for (const { key, value } of changes) yield value === null ? del(keys.flat(key)) : put(keys.flat(key), value);
  yield put(keys.meta("head"), heightBytes(height));
}

export function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function join(prefix: number, ...parts: readonly Uint8Array[]): Uint8Array {
  let length = 1;
  for (const part of parts) length += part.length;
  const key = new Uint8Array(length);
  key[0] = prefix;
  let at = 1;
  for (const part of parts) {
    key.set(part, at);
    at += part.length;
  }
  return key;
}
