/**
 * Replay: executes a chain again from its genesis, in a folder of its own, and compares every receipt and every header field
 * with what the chain claims. It stops at the first difference and names it.
 *
 * The chain to replay is a source of raw bytes: a folder on this machine or a node somewhere. Nothing it says is believed
 * but the genesis, and of a block what `claimed-block.ts` names. A fork begins with its base, of whose state the source tells
 * what is read, with what shows that it is true.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InputError } from "../vm/errors.ts";
import { blockHash, decodeHeader } from "./block.ts";
import { blocksAhead } from "./blocks-ahead.ts";
import {
  blockDifference,
  CLAIM_ANSWER_SIZE_MAX,
  type ClaimedBlock,
  type Difference,
  decodeClaim,
} from "./claimed-block.ts";
import { errorFromMessage } from "./executor.ts";
import { BaseSource, type BaseTeller } from "./fork/base-source.ts";
import { RemoteNode } from "./fork/remote-node.ts";
import { decodeGenesis, encodeGenesis, type Genesis } from "./genesis.ts";
import { InlineExecutor } from "./inline-executor.ts";
import { createClient } from "./rpc/client.ts";
import { fromHex } from "./rpc/json.ts";
import { Store } from "./store.ts";

export interface ReplaySource {
  readonly genesis: Genesis;
  /** The last height to replay. */
  readonly height: number;
  block(height: number): Promise<ClaimedBlock>;
  /** Tells of the state that a fork goes on from. The folder of a fork lacks what would show that it is true. */
  base?(): BaseTeller;
  close(): Promise<void>;
}

export interface ReplayResult {
  /** Blocks that agree, the first of the chain not counted. */
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
  const client = createClient(url, { answerSizeMax: CLAIM_ANSWER_SIZE_MAX });
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
      base: () => new RemoteNode(url),
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
    const genesis = decodeGenesis(encodeGenesis(source.genesis));
    const first = genesis.base === null ? null : await source.block(genesis.base.height);
    const teller = source.base?.();
    if (first !== null && teller === undefined) {
      throw new InputError("fork_folder", "the folder of a fork does not hold the state that it goes on from", {
        hint: "Replay it through its node: `lockstep dev --fork`, and `lockstep replay --url`.",
      });
    }
    const store = await Store.open(directory, { genesis, ...(first !== null && { base: first }) });
    const base = first === null ? undefined : new BaseSource(store, teller);
    try {
      return await replayInto(store, source, base, onProgress);
    } finally {
      await base?.close();
      await store.close();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function replayInto(
  store: Store,
  source: ReplaySource,
  base: BaseSource | undefined,
  onProgress: (height: number, total: number) => void,
): Promise<ReplayResult> {
  const first = store.headHeight;
  let head = store.header(first);
  let transactions = 0;
  let gasUsed = 0n;
  const result = (difference: Difference | null): ReplayResult => ({
    blocks: head.height - first,
    transactions,
    gasUsed,
    headHash: blockHash(head),
    stateRoot: head.stateRoot,
    difference,
  });
  if (base === undefined) {
    const claimedGenesis = decodeClaim(0, await source.block(0));
    if ("field" in claimedGenesis) return result(claimedGenesis);
    const genesisDifference = blockDifference(claimedGenesis, { block: store.requireBlock(0), receipts: [] });
    if (genesisDifference !== null) return result(genesisDifference);
  }
  const executor = new InlineExecutor(store, null, base && ((missing) => base.fetch(missing)), () => {});
  for await (const { claims } of blocksAhead((height) => source.block(height), first + 1, source.height)) {
    for (let rest = claims; rest.length > 0; ) {
      const { sealed, difference, error } = await executor.request("import", rest);
      for (const { header, receipts } of sealed) {
        head = decodeHeader(header);
        transactions += receipts.length;
        gasUsed += BigInt(head.gasUsed);
        onProgress(head.height, source.height);
      }
      if (error !== null) throw errorFromMessage(error);
      if (difference !== null) return result(difference);
      rest = rest.slice(sealed.length);
    }
  }
  return result(null);
}
