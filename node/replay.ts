/**
 * Replay: executes a chain again from its genesis, in a folder of its own, and compares every receipt and every header field
 * with what the chain claims. It stops at the first difference and names it.
 *
 * The chain to replay is a source of raw bytes: a folder on this machine or a node somewhere. Nothing it says is believed
 * but the genesis, and of a block what `claimed-block.ts` names.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InputError } from "../vm/errors.ts";
import { blockHash } from "./block.ts";
import { Chain } from "./chain.ts";
import { blockDifference, type ClaimedBlock, type Difference, decodeClaim, executeClaim } from "./claimed-block.ts";
import { decodeGenesis, encodeGenesis, type Genesis } from "./genesis.ts";
import { createClient } from "./rpc/client.ts";
import { fromHex } from "./rpc/json.ts";
import { Store } from "./store.ts";

export interface ReplaySource {
  readonly genesis: Genesis;
  /** The last height to replay. */
  readonly height: number;
  block(height: number): Promise<ClaimedBlock>;
  close(): Promise<void>;
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
    const applied = executeClaim(chain, store.genesis, await source.block(height));
    if ("field" in applied) return result(applied);
    const { header } = applied.block;
    await chain.commit(applied);
    transactions += applied.block.transactions.length;
    gasUsed += BigInt(header.gasUsed);
    onProgress(height, source.height);
  }
  return result(null);
}
