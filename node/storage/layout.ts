/**
 * The key space of a chain's folder, and what a block is in it.
 *
 *     00 "format" | "genesis" | "head"     what this folder is, and where the chain stands
 *     00 "lowest"                          the lowest height whose state is kept; absent while all are
 *     00 "rollback"                        where the head is on its way to; absent while it is not
 *     00 "whole"                           of a chain with a base: all of the base's state is in the flat view
 *     01 height                            block
 *     02 block hash                        height
 *     03 transaction hash                  height, index
 *     04 height index                      receipt
 *     05 contract height                   the block has an event of this contract
 *     06 H(name)[0..16] height             the block has an event whose first topic this is
 *     07 height                            the block has an event; its hash
 *     10 node key                          node of the state tree; its key begins with its version
 *     11 height                            keys of the nodes that became stale at that height; those that are left
 *     12 state key                         flat view: the state at the head, for one-get reads and for scans
 *
 * Integers are big endian, so ranges are in order.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import * as borsh from "../../vm/borsh.ts";
import { type Block, blockHash, encodeBlock, encodeReceipt, type Receipt } from "../block.ts";
import { nameOf } from "../name-of.ts";
import type { AppliedBlock } from "../state-transition.ts";

/** Changes with the layout above. A folder of another format is refused, never misread. */
export const FORMAT = "lockstep-4";

export const space = {
  meta: 0x00,
  block: 0x01,
  blockHash: 0x02,
  transaction: 0x03,
  receipt: 0x04,
  eventContract: 0x05,
  eventName: 0x06,
  eventBlock: 0x07,
  node: 0x10,
  stale: 0x11,
  flat: 0x12,
} as const;

export type MetaName = "format" | "genesis" | "head" | "lowest" | "rollback" | "whole";

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

const metaKeys: Readonly<Record<MetaName, Uint8Array>> = {
  format: join(space.meta, text("format")),
  genesis: join(space.meta, text("genesis")),
  head: join(space.meta, text("head")),
  lowest: join(space.meta, text("lowest")),
  rollback: join(space.meta, text("rollback")),
  whole: join(space.meta, text("whole")),
};

/** A name may be long, and what is found by it is compared with it: a part of its hash is key enough. */
const NAME_HASH_SIZE = 16;

export const keys = {
  meta: (name: MetaName) => metaKeys[name],
  block: (height: number) => join(space.block, heightBytes(height)),
  blockHash: (hash: Uint8Array) => join(space.blockHash, hash),
  transaction: (hash: Uint8Array) => join(space.transaction, hash),
  receipt: (height: number, index: number) => join(space.receipt, position(height, index)),
  eventContract: (contract: Uint8Array, height: number) => join(space.eventContract, contract, heightBytes(height)),
  eventName: (name: Uint8Array, height: number) => join(space.eventName, nameHash(name), heightBytes(height)),
  eventBlock: (height: number) => join(space.eventBlock, heightBytes(height)),
  node: (nodeKey: Uint8Array) => join(space.node, nodeKey),
  stale: (height: number) => join(space.stale, heightBytes(height)),
  flat: (stateKey: Uint8Array) => join(space.flat, stateKey),
};

export interface KeyRange {
  readonly gte: Uint8Array;
  readonly lt: Uint8Array;
}

export const ranges = {
  all: (first: number): KeyRange => ({ gte: Uint8Array.of(first), lt: Uint8Array.of(first + 1) }),
  /** All that finds events. */
  events: { gte: Uint8Array.of(space.eventContract), lt: Uint8Array.of(space.eventBlock + 1) } satisfies KeyRange,
  /** The keys of a space that begin with a height from `from` on and below `to`. */
  heights: (first: number, from: number, to: number): KeyRange => ({
    gte: join(first, heightBytes(from)),
    lt: join(first, heightBytes(to)),
  }),
};

function nameHash(name: Uint8Array): Uint8Array {
  return sha256(name).subarray(0, NAME_HASH_SIZE);
}

/** The height that a key of the event index ends with. */
export function eventHeight(key: Uint8Array): number {
  return readHeight(key, key.length - HEIGHT_SIZE);
}

const staleNodesCodec = borsh.vec(borsh.bytes);

/** One record for all that a block made stale: one for each would be a third of a transfer's batch. */
export function encodeStaleNodes(nodeKeys: readonly Uint8Array[]): Uint8Array {
  return borsh.encode(staleNodesCodec, nodeKeys);
}
export function decodeStaleNodes(encoded: Uint8Array): readonly Uint8Array[] {
  return borsh.decode(staleNodesCodec, encoded);
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
export function recordOperations(
  block: Block,
  receipts: readonly Receipt[],
  encodedReceipts: readonly Uint8Array[] = receipts.map(encodeReceipt),
): Operation[] {
  const { height } = block.header;
  const hashOfBlock = blockHash(block.header);
  const operations: Operation[] = [
    put(keys.block(height), encodeBlock(block)),
    put(keys.blockHash(hashOfBlock), heightBytes(height)),
  ];
  for (const [index, receipt] of receipts.entries()) {
    operations.push(put(keys.transaction(receipt.transactionHash), position(height, index)));
    operations.push(put(keys.receipt(height, index), encodedReceipts[index]!));
  }
  for (const { key, value } of eventRecords(height, hashOfBlock, receipts)) operations.push(put(key, value));
  return operations;
}

/** What stands under a key that says it all. */
export const NOTHING = new Uint8Array();

/** What finds a block's events: one record for the block, for each contract and for each name, however many events it has. */
export function eventRecords(
  height: number,
  hashOfBlock: Uint8Array,
  receipts: readonly Receipt[],
): readonly { readonly key: Uint8Array; readonly value: Uint8Array }[] {
  if (receipts.every(({ events }) => events.length === 0)) return [];
  const contracts = new Map<string, Uint8Array>();
  const names = new Map<string, Uint8Array>();
  for (const { events } of receipts) {
    for (const { contract, topics } of events) {
      contracts.set(nameOf(contract), contract);
      const name = topics[0];
      if (name !== undefined) names.set(nameOf(name), name);
    }
  }
  return [
    { key: keys.eventBlock(height), value: hashOfBlock },
    ...[...contracts.values()].map((contract) => ({ key: keys.eventContract(contract, height), value: NOTHING })),
    ...[...names.values()].map((name) => ({ key: keys.eventName(name, height), value: NOTHING })),
  ];
}

/** All that a block changes, and with it the head. One by one, for a block has many and each is done with at once. */
export function* blockOperations(applied: AppliedBlock): Generator<Operation> {
  const { block, receipts, encodedReceipts, changes, tree } = applied;
  const { height } = block.header;
  yield* recordOperations(block, receipts, encodedReceipts);
  for (const { key, bytes } of tree.newNodes) yield put(keys.node(key), bytes);
  if (tree.staleNodes.length > 0) yield put(keys.stale(height), encodeStaleNodes(tree.staleNodes));
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
