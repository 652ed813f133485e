/**
 * Blocks and receipts: what the chain did, and the hashes that commit to it.
 *
 *     header ── stateRoot ········ every account, code and storage entry after the block
 *            ── transactionsRoot ─ Merkle root of the transactions, in order
 *            ── receiptsRoot ───── Merkle root of the receipts, in order; events are inside them
 *
 * A block's hash is the tagged hash of its borsh header, so equal hashes mean equal everything.
 */
import * as borsh from "../vm/borsh.ts";
import { haltReasons, refusalReasons } from "../vm/outcome.ts";
import { hash } from "./crypto.ts";
import { merkleRoot } from "./merkle.ts";
import { encodeTransaction, transactionCodec } from "./transaction.ts";

const headerCodec = borsh.struct({
  height: borsh.safeU64,
  parentHash: borsh.bytes32,
  /** Milliseconds since 1970; never less than the parent's. */
  time: borsh.safeU64,
  protocolVersion: borsh.u32,
  proposer: borsh.bytes32,
  gasUsed: borsh.safeU64,
  gasLimit: borsh.safeU64,
  stateRoot: borsh.bytes32,
  transactionsRoot: borsh.bytes32,
  receiptsRoot: borsh.bytes32,
});

export type Header = borsh.Infer<typeof headerCodec>;

/** Every field has a fixed size: four numbers, a version and five hashes. */
const HEADER_SIZE = 4 * 8 + 4 + 5 * 32;

const blockCodec = borsh.struct({ header: headerCodec, transactions: borsh.vec(transactionCodec) });

export type Block = borsh.Infer<typeof blockCodec>;

const eventCodec = borsh.struct({
  contract: borsh.bytes32,
  /** The first topic is the event's name. */
  topics: borsh.vec(borsh.bytes),
  data: borsh.bytes,
});

export type Event = borsh.Infer<typeof eventCodec>;

const statusCodec = borsh.union({
  success: borsh.struct({}),
  /** The contract chose to undo the transaction. */
  revert: borsh.struct({ code: borsh.u32, data: borsh.bytes }),
  /** The guest failed; the gas limit is spent. */
  halt: borsh.struct({ reason: borsh.names(haltReasons) }),
  refused: borsh.struct({ reason: borsh.names(refusalReasons) }),
});

export type Status = borsh.Infer<typeof statusCodec>;

const receiptCodec = borsh.struct({
  transactionHash: borsh.bytes32,
  status: statusCodec,
  gasUsed: borsh.safeU64,
  fee: borsh.u128,
  /**
   * One entry for each action that ran, the failing one included; a failed transaction keeps none of the effects. `created`
   * are the contracts that the action made, in the order of their making; a create action's own is the first.
   */
  actions: borsh.vec(
    borsh.struct({ gasUsed: borsh.safeU64, returnData: borsh.bytes, created: borsh.vec(borsh.bytes32) }),
  ),
  events: borsh.vec(eventCodec),
});

export type Receipt = borsh.Infer<typeof receiptCodec>;

export function encodeHeader(header: Header): Uint8Array {
  return borsh.encode(headerCodec, header);
}
export function decodeHeader(bytes: Uint8Array): Header {
  return borsh.decode(headerCodec, bytes);
}
/** The header of an encoded block, which it begins with; the rest stays unread. */
export function headerOfBlock(encodedBlock: Uint8Array): Header {
  return decodeHeader(encodedBlock.subarray(0, HEADER_SIZE));
}
export function encodeBlock(block: Block): Uint8Array {
  return borsh.encode(blockCodec, block);
}
export function decodeBlock(bytes: Uint8Array): Block {
  return borsh.decode(blockCodec, bytes);
}
export function encodeReceipt(receipt: Receipt): Uint8Array {
  return borsh.encode(receiptCodec, receipt);
}
export function decodeReceipt(bytes: Uint8Array): Receipt {
  return borsh.decode(receiptCodec, bytes);
}

export function blockHash(header: Header): Uint8Array {
  return hash("block", encodeHeader(header));
}
export function transactionsRoot(transactions: Block["transactions"]): Uint8Array {
  return merkleRoot(transactions.map(encodeTransaction));
}
export function receiptsRoot(receipts: readonly Receipt[]): Uint8Array {
  return merkleRoot(receipts.map(encodeReceipt));
}
