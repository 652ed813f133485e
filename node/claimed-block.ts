/**
 * A block as somebody claims it, executed again: what a replay and a follower believe of it is the transactions and the time,
 * and even those are decoded and verified anew. Every receipt and every header field is compared with what is computed here.
 *
 * A time is an input, so another one shows in the next block's parent hash.
 */
import { compareBytes } from "../vm/borsh.ts";
import { InputError } from "../vm/errors.ts";
import { type Block, decodeBlock, decodeReceipt, encodeReceipt, type Header, type Receipt } from "./block.ts";
import type { Chain } from "./chain.ts";
import type { Genesis } from "./genesis.ts";
import { toHex } from "./rpc/json.ts";
import type { AppliedBlock } from "./state-transition.ts";
import { type EncodedTransaction, encodeTransaction, verifiedTransaction } from "./transaction.ts";

/** Characters of a value in a difference. */
const VALUE_LENGTH_MAX = 4_096;

/**
 * Bytes of an answer with a raw block. Gas lets the receipts of a block have 40 MB, beside 4 MiB of transactions, and hexadecimal
 * doubles them.
 */
export const CLAIM_ANSWER_SIZE_MAX = 128 * 1024 * 1024;

/** Borsh of the block, and of each receipt. */
export interface ClaimedBlock {
  readonly block: Uint8Array;
  readonly receipts: readonly Uint8Array[];
}

export interface Difference {
  readonly height: number;
  /** Null when the difference is in the block's header. */
  readonly transactionIndex: number | null;
  readonly field: string;
  /** What the chain claims. */
  readonly expected: string;
  /** What this machine computes. */
  readonly actual: string;
}

/** What became of claimed blocks, in order. */
export interface ImportedBlocks {
  /** The first of them that agreed in everything: they are in the chain. */
  readonly count: number;
  /** Of the next one, of which nothing is kept. Null when none was found: the others were not begun. */
  readonly difference: Difference | null;
}

export interface DecodedClaim {
  readonly block: Block;
  readonly receipts: readonly Receipt[];
}

export function decodeClaim(height: number, claim: ClaimedBlock): DecodedClaim | Difference {
  try {
    return { block: decodeBlock(claim.block), receipts: claim.receipts.map(decodeReceipt) };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return difference(height, null, "encoding", "canonical borsh", error.message);
  }
}

/**
 * Executes the claimed block on top of the head and keeps nothing. What agrees in everything comes back as what `chain.commit`
 * takes.
 */
export function executeClaim(chain: Chain, genesis: Genesis, claim: ClaimedBlock): AppliedBlock | Difference {
  const height = chain.head.height + 1;
  const claimed = decodeClaim(height, claim);
  if ("field" in claimed) return claimed;
  const { header } = claimed.block;
  if (header.time < chain.head.time) {
    return difference(height, null, "time", String(header.time), `at least ${chain.head.time}`);
  }
  const transactions: EncodedTransaction[] = [];
  for (const [index, transaction] of claimed.block.transactions.entries()) {
    try {
      transactions.push(verifiedTransaction(encodeTransaction(transaction), genesis.params));
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return difference(height, index, "transaction", "valid", error.code);
    }
  }
  const applied = chain.apply({ time: header.time, proposer: genesis.proposer, transactions });
  const [invalid] = applied.invalid;
  if (invalid !== undefined) return difference(height, invalid.index, "transaction", "valid", invalid.error.code);
  return blockDifference(claimed, applied) ?? applied;
}

export function blockDifference(claimed: DecodedClaim, computed: DecodedClaim): Difference | null {
  const { height } = computed.block.header;
  const [expected, actual] = [claimed.block.transactions.length, computed.block.transactions.length];
  if (expected !== actual) return difference(height, null, "transactions", `${expected}`, `${actual}`);
  return (
    receiptsDifference(height, claimed.receipts, computed.receipts) ??
    headerDifference(claimed.block.header, computed.block.header)
  );
}

export function difference(
  height: number,
  transactionIndex: number | null,
  field: string,
  expected: string,
  actual: string,
): Difference {
  return { height, transactionIndex, field, expected: clip(expected), actual: clip(actual) };
}

/** What a stranger claims may be a block's worth of events. */
function clip(text: string): string {
  return text.length <= VALUE_LENGTH_MAX ? text : `${text.slice(0, VALUE_LENGTH_MAX)}... (${text.length} characters)`;
}

function receiptsDifference(
  height: number,
  claimed: readonly Receipt[],
  computed: readonly Receipt[],
): Difference | null {
  if (claimed.length !== computed.length) {
    return difference(height, null, "receipts", `${claimed.length}`, `${computed.length}`);
  }
  for (const [index, receipt] of computed.entries()) {
    const claim = claimed[index]!;
    if (compareBytes(encodeReceipt(claim), encodeReceipt(receipt)) === 0) continue;
    for (const field of ["status", "gasUsed", "fee", "events", "actions", "transactionHash"] as const) {
      const [expected, actual] = [show(claim[field]), show(receipt[field])];
      if (expected !== actual) return difference(height, index, `receipt.${field}`, expected, actual);
    }
  }
  return null;
}

function headerDifference(claimed: Header, computed: Header): Difference | null {
  for (const field of Object.keys(computed) as (keyof Header)[]) {
    const [expected, actual] = [show(claimed[field]), show(computed[field])];
    if (expected !== actual) return difference(computed.height, null, field, expected, actual);
  }
  return null;
}

/** One line for a value of a header or a receipt, for people and for comparison. */
function show(value: unknown): string {
  if (value instanceof Uint8Array) return toHex(value);
  return JSON.stringify(value, (_, item) => {
    if (item instanceof Uint8Array) return toHex(item);
    return typeof item === "bigint" ? String(item) : item;
  });
}
