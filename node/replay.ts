/**
 * Replay: executes a chain again from its genesis, in a folder of its own, and compares every receipt and every header field
 * with what the chain claims. It stops at the first difference and names it.
 *
 * The chain to replay is a source of raw bytes: a folder on this machine or a node somewhere. Nothing it says is believed
 * but the genesis, the transactions and the times; even those are decoded and verified anew. A time is an input, so another
 * one shows in the next block's parent hash.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compareBytes } from "../vm/borsh.ts";
import { InputError } from "../vm/errors.ts";
import {
  type Block,
  blockHash,
  decodeBlock,
  decodeReceipt,
  encodeReceipt,
  type Header,
  type Receipt,
} from "./block.ts";
import { Chain } from "./chain.ts";
import { decodeGenesis, encodeGenesis, type Genesis } from "./genesis.ts";
import { createClient } from "./rpc/client.ts";
import { fromHex, toHex } from "./rpc/json.ts";
import { Store } from "./store.ts";
import { type EncodedTransaction, encodeTransaction, verifiedTransaction } from "./transaction.ts";

/** A block as it was claimed: borsh of the block, and of each receipt. */
export interface ClaimedBlock {
  readonly block: Uint8Array;
  readonly receipts: readonly Uint8Array[];
}

export interface ReplaySource {
  readonly genesis: Genesis;
  /** The last height to replay. */
  readonly height: number;
  block(height: number): Promise<ClaimedBlock>;
  close(): Promise<void>;
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

export interface ReplayResult {
  /** Blocks that agree, block 0 not counted. */
  readonly blocks: number;
  readonly transactions: number;
  readonly gasUsed: bigint;
  /** Of the last block that agrees. */
  readonly headHash: Uint8Array;
  readonly stateRoot: Uint8Array;
  readonly difference: Difference | null;
}

/** Throws `InputError` when there is no chain to be had there. */
export async function openReplaySource(
  from: { readonly dataDir: string } | { readonly url: string },
): Promise<ReplaySource> {
  return "dataDir" in from ? openFolder(from.dataDir) : openNode(from.url);
}

async function openFolder(directory: string): Promise<ReplaySource> {
  const store = await Store.open(directory);
  return {
    genesis: store.genesis,
    height: store.headHeight,
    async block(height) {
      const raw = store.rawBlock(height);
      if (raw === undefined) throw new InputError("block_missing", `${directory} has no block ${height}`);
      return raw;
    },
    close: () => store.close(),
  };
}

async function openNode(url: string): Promise<ReplaySource> {
  const client = createClient(url);
  try {
    const { genesis } = await client.call("chain_genesis", {});
    const { height } = await client.call("chain_info", {});
    return {
      genesis: decodeGenesis(fromHex(genesis)),
      height,
      async block(at) {
        const raw = await client.call("chain_rawBlock", { height: at });
        if (raw === null) throw new InputError("block_missing", `the node has no block ${at}`);
        return { block: fromHex(raw.block), receipts: raw.receipts.map(fromHex) };
      },
      close: async () => client.close(),
    };
  } catch (error) {
    await client.close();
    throw error;
  }
}

/** `onProgress` hears each height that agreed. */
export async function replayChain(
  source: ReplaySource,
  onProgress: (height: number, total: number) => void = () => {},
): Promise<ReplayResult> {
  const directory = await mkdtemp(join(tmpdir(), "lockstep-replay-"));
  try {
    // A copy of the claimed genesis through its own codec: what was hashed is what is executed.
    const store = await Store.open(directory, { genesis: decodeGenesis(encodeGenesis(source.genesis)) });
    try {
      return await replayInto(store, source, onProgress);
    } finally {
      await store.close();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function replayInto(
  store: Store,
  source: ReplaySource,
  onProgress: (height: number, total: number) => void,
): Promise<ReplayResult> {
  const chain = new Chain(store);
  let transactions = 0;
  let gasUsed = 0n;
  const result = (difference: Difference | null): ReplayResult => ({
    blocks: chain.head.height,
    transactions,
    gasUsed,
    headHash: blockHash(chain.head),
    stateRoot: chain.head.stateRoot,
    difference,
  });
  const claimedGenesis = decodeClaim(0, await source.block(0));
  if ("field" in claimedGenesis) return result(claimedGenesis);
  const genesisDifference = blockDifference(claimedGenesis, { block: store.requireBlock(0), receipts: [] });
  if (genesisDifference !== null) return result(genesisDifference);

  for (let height = 1; height <= source.height; height++) {
    const claim = decodeClaim(height, await source.block(height));
    if ("field" in claim) return result(claim);
    const { block } = claim;
    const { header } = block;
    if (header.time < chain.head.time) {
      return result(difference(height, null, "time", String(header.time), `at least ${chain.head.time}`));
    }
    const transactionsOfBlock: EncodedTransaction[] = [];
    for (const [index, transaction] of block.transactions.entries()) {
      try {
        transactionsOfBlock.push(verifiedTransaction(encodeTransaction(transaction)));
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        return result(difference(height, index, "transaction", "valid", error.code));
      }
    }
    const input = { time: header.time, proposer: store.genesis.proposer, transactions: transactionsOfBlock };
    const applied = chain.apply(input);
    const [invalid] = applied.invalid;
    if (invalid !== undefined) {
      return result(difference(height, invalid.index, "transaction", "valid", invalid.error.code));
    }
    const found = blockDifference(claim, applied);
    if (found !== null) return result(found);
    await chain.commit(applied);
    transactions += block.transactions.length;
    gasUsed += BigInt(header.gasUsed);
    onProgress(height, source.height);
  }
  return result(null);
}

interface BlockAndReceipts {
  readonly block: Block;
  readonly receipts: readonly Receipt[];
}

function decodeClaim(height: number, claim: ClaimedBlock): BlockAndReceipts | Difference {
  try {
    return { block: decodeBlock(claim.block), receipts: claim.receipts.map(decodeReceipt) };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return difference(height, null, "encoding", "canonical borsh", error.message);
  }
}

function difference(
  height: number,
  transactionIndex: number | null,
  field: string,
  expected: string,
  actual: string,
): Difference {
  return { height, transactionIndex, field, expected, actual };
}

function blockDifference(claimed: BlockAndReceipts, computed: BlockAndReceipts): Difference | null {
  const { height } = computed.block.header;
  const [expected, actual] = [claimed.block.transactions.length, computed.block.transactions.length];
  if (expected !== actual) return difference(height, null, "transactions", `${expected}`, `${actual}`);
  return (
    receiptsDifference(height, claimed.receipts, computed.receipts) ??
    headerDifference(claimed.block.header, computed.block.header)
  );
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
