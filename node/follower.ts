/**
 * A follower keeps a node in step with another one's chain: it fetches block after block, has each executed again, and keeps
 * what agrees in everything. While the other node is away it goes on trying; when that one went back, it goes back too, to
 * the last block that both have.
 *
 * Law: of a block that differs in anything nothing is kept, and the follower ends with a report that names the place. So it
 * does when the chain is another one, or was taken back further than the node's states reach.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { equalBytes } from "../vm/borsh.ts";
import { InputError } from "../vm/errors.ts";
import { blockHash, decodeBlock, type Header, headerOfBlock } from "./block.ts";
import { blocksAhead } from "./blocks-ahead.ts";
import { type ClaimedBlock, type Difference, difference, type ImportedBlocks } from "./claimed-block.ts";
import type { Log } from "./log.ts";
import type { RemoteChain, RemoteTip } from "./remote-chain.ts";
import { writeReportFile } from "./report-file.ts";
import { toHex } from "./rpc/json.ts";
import type { Head } from "./rpc/service.ts";
import { encodeTransaction, transactionHash } from "./transaction.ts";

/** What a follower needs of its node. */
export interface FollowerNode {
  readonly chainId: string;
  readonly genesisHash: Uint8Array;
  /** The lowest height that the chain can be taken back to. */
  readonly lowestHeight: number;
  head(): Head;
  /** Of its own block; undefined above the head. */
  hashAt(height: number): Uint8Array | undefined;
  /** Executes what claim to be the blocks behind the head: one at least, and more as long as it does not take long. */
  importBlocks(claims: readonly ClaimedBlock[]): Promise<ImportedBlocks>;
  rollBack(height: number): Promise<unknown>;
}

export interface FollowerOptions {
  readonly node: FollowerNode;
  /** The followed node's address, for people. */
  readonly url: string;
  /** Called for each connection. */
  readonly connect: () => RemoteChain;
  /** Where a report of a difference goes; null for nowhere. */
  readonly reportDirectory: string | null;
  readonly log: Log;
}

/** Why a follower cannot go on, whatever it tries. */
export class FollowerError extends InputError {
  override readonly name = "FollowerError";
}

/** How long without news until the follower asks by itself: a chain that was taken back tells nothing. */
const POLL_MS = 1_000;
const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 5_000;
/** How often the other node may contradict itself, as it does when it goes back between two answers. */
const CONTRADICTION_COUNT_MAX = 3;
const CONTRADICTION_PAUSE_MS = 50;
/** Characters of a value in a sentence; the report has more. */
const SHOWN_LENGTH_MAX = 200;

export class Follower {
  /** Resolves after `stop`; rejects with the `FollowerError`, or the fault, that ended it. */
  readonly ended: Promise<void>;
  readonly #options: FollowerOptions;
  readonly #stopping = new AbortController();
  #remote: RemoteChain | undefined;
  /** Answers in a row that cannot all be true. */
  #contradictionCount = 0;
  /** Something was logged that is not over. */
  #isInTrouble = false;
  #wake: () => void = () => {};

  /** Begins at once. */
  constructor(options: FollowerOptions) {
    this.#options = options;
    this.ended = this.#run();
    // Whoever does not look at `ended` must not bring the process down through it.
    this.ended.catch(() => {});
  }

  /** Lets a block that is being executed come to its end, and begins nothing any more. Never rejects. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake();
    await this.#remote?.close();
    await this.ended.catch(() => {});
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #run(): Promise<void> {
    for (let retryMs = RETRY_MS_MIN; !this.#isStopping; retryMs = Math.min(2 * retryMs, RETRY_MS_MAX)) {
      const remote = this.#options.connect();
      this.#remote = remote;
      try {
        await this.#follow(remote, () => {
          retryMs = RETRY_MS_MIN;
        });
      } catch (error) {
        if (this.#isStopping && error instanceof InputError) return;
        if (!(error instanceof InputError) || error instanceof FollowerError) throw error;
        this.#tellTrouble(error);
      } finally {
        await remote.close();
      }
      await sleep(retryMs, undefined, { signal: this.#stopping.signal }).catch(() => {});
    }
  }

  /** Aloud once, until it is over. */
  #tellTrouble({ code, message }: InputError): void {
    const { url, log } = this.#options;
    const level = this.#isInTrouble ? "debug" : "warn";
    log[level]({ url, code, height: this.#height }, `following rests, and goes on by itself: ${message}`);
    this.#isInTrouble = true;
  }

  get #height(): number {
    return this.#options.node.head().header.height;
  }

  async #follow(remote: RemoteChain, onStep: () => void): Promise<void> {
    const { url, log } = this.#options;
    let hasNews = false;
    await remote.watch(() => {
      hasNews = true;
      this.#wake();
    });
    while (!this.#isStopping) {
      hasNews = false;
      const tip = await remote.tip();
      this.#checkChain(tip);
      if (this.#isInTrouble) log.info({ url, height: this.#height }, "following goes on");
      this.#isInTrouble = false;
      const isInStep = await this.#advance(remote, tip);
      onStep();
      if (!isInStep && this.#contradictionCount > 0) await sleep(CONTRADICTION_PAUSE_MS);
      if (isInStep && !hasNews && !this.#isStopping) await this.#news();
    }
  }

  #news(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, POLL_MS);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #checkChain({ genesisHash }: RemoteTip): void {
    const { node, url } = this.#options;
    if (!equalBytes(genesisHash, node.genesisHash)) throw otherChain(url, node.chainId, genesisHash, node.genesisHash);
  }

  /** Goes to `tip`, or as far as there is no doubt; whether the node is there. */
  async #advance(remote: RemoteChain, tip: RemoteTip): Promise<boolean> {
    const { node } = this.#options;
    const { header, hash } = node.head();
    if (tip.height < header.height || (tip.height === header.height && !equalBytes(tip.hash, hash))) {
      if (!(await this.#goBack(remote, Math.min(tip.height, header.height)))) await this.#doubtHead(tip);
      return false;
    }
    for await (const { height, claims } of blocksAhead((at) => remote.block(at), header.height + 1, tip.height)) {
      if (claims.length === 0) {
        this.#doubtTip(height, tip);
        return false;
      }
      for (let rest = claims; rest.length > 0; ) {
        if (this.#isStopping) return false;
        const parentHash = headerOf(rest[0]!)?.parentHash;
        if (parentHash !== undefined && !equalBytes(parentHash, node.head().hash)) {
          if (await this.#goBack(remote, node.head().header.height)) return false;
          if (!this.#isDoubtful()) return false;
        }
        const { count, difference } = await node.importBlocks(rest.slice(0, linkedCount(rest)));
        if (count > 0) this.#contradictionCount = 0;
        if (difference !== null) throw this.#differs(difference, rest[count]!);
        rest = rest.slice(count);
      }
    }
    return equalBytes(node.head().hash, tip.hash);
  }

  /** Takes the chain back to the last block that both have, at most to `height`. False when that is the head. */
  async #goBack(remote: RemoteChain, height: number): Promise<boolean> {
    const { node, url, log } = this.#options;
    const common = await this.#commonHeight(remote, height);
    const from = this.#height;
    if (common === from) return false;
    log.warn({ url, from, to: common }, `the followed chain was taken back: from block ${from} to block ${common}`);
    await node.rollBack(common);
    this.#contradictionCount = 0;
    return true;
  }

  /** The last height up to `height` at which both have the same block. What two chains have in common is their beginning. */
  async #commonHeight(remote: RemoteChain, height: number): Promise<number> {
    const { node } = this.#options;
    const isCommon = async (at: number): Promise<boolean> => {
      const claim = await remote.block(at);
      const header = claim && headerOf(claim);
      const hash = node.hashAt(at);
      return header !== null && hash !== undefined && equalBytes(blockHash(header), hash);
    };
    const { lowestHeight } = node;
    if (height < lowestHeight) throw this.#isPruned(lowestHeight);
    if (await isCommon(height)) return height;
    let [common, other] = [height, height];
    for (let step = 1; ; step *= 2) {
      if (common === lowestHeight) throw this.#isPruned(lowestHeight);
      common = Math.max(lowestHeight, common - step);
      if (await isCommon(common)) break;
      other = common;
    }
    while (other - common > 1) {
      const middle = Math.floor((common + other) / 2);
      if (await isCommon(middle)) common = middle;
      else other = middle;
    }
    return common;
  }

  #isPruned(lowestHeight: number): FollowerError {
    const { url } = this.#options;
    const message =
      lowestHeight === 0
        ? `${url} has another block 0 under the same genesis hash`
        : `${url} went back behind block ${lowestHeight}, the lowest that this folder can go back to`;
    return new FollowerError(lowestHeight === 0 ? "other_chain" : "follower_pruned", message, {
      hint: "Follow in a new folder; `--prune` keeps the states that there is a way back to.",
      details: { lowestHeight },
    });
  }

  /** Counts an answer that contradicts others; true when it can be no accident any more. */
  #isDoubtful(): boolean {
    this.#contradictionCount++;
    return this.#contradictionCount >= CONTRADICTION_COUNT_MAX;
  }

  /** The block under our head's height is ours, and yet the other head's hash is not. */
  async #doubtHead(tip: RemoteTip): Promise<void> {
    if (!this.#isDoubtful()) return;
    const { node } = this.#options;
    const { height } = node.head().header;
    const found = difference(height, null, "hash", toHex(tip.hash), toHex(node.head().hash));
    if (height > node.lowestHeight) await node.rollBack(height - 1);
    throw this.#differs(found, null);
  }

  /** A block below the other head is not there. */
  #doubtTip(height: number, tip: RemoteTip): void {
    if (!this.#isDoubtful()) return;
    const { url } = this.#options;
    throw new FollowerError("block_missing", `${url} has no block ${height}, and its head is ${tip.height}`, {
      hint: "A node whose folder began with a dump has no earlier blocks: begin this folder with the same dump.",
      details: { height },
    });
  }

  #differs(found: Difference, claim: ClaimedBlock | null): FollowerError {
    const { node, url, reportDirectory } = this.#options;
    const { height, transactionIndex, field, expected: claimed, actual: computed } = found;
    const hash = claim && transactionIndex !== null ? hashOfTransaction(claim, transactionIndex) : null;
    const place = { height, transactionIndex, transactionHash: hash && toHex(hash), field, claimed, computed };
    const nextSteps =
      "Nothing of the block was kept, and this folder is whole. `lockstep replay --url` executes the followed chain from its " +
      "genesis: compare versions and machines. Begin again once the followed node tells the truth.";
    const { header, hash: headHash } = node.head();
    const report =
      reportDirectory === null
        ? undefined
        : writeReportFile(reportDirectory, `difference-report-${height}`, {
            code: "block_differs",
            url,
            chainId: node.chainId,
            genesisHash: toHex(node.genesisHash),
            head: { height: header.height, hash: toHex(headHash) },
            ...place,
            nextSteps,
          });
    const where = transactionIndex === null ? "" : `, transaction ${transactionIndex}`;
    const message = `block ${height}${where}: ${field} is ${shown(computed)} here, ${url} claims ${shown(claimed)}`;
    return new FollowerError("block_differs", message, {
      hint: nextSteps,
      details: { ...place, ...(report !== undefined && { report }) },
    });
  }
}

export function otherChain(url: string, chainId: string, theirs: Uint8Array, ours: Uint8Array): FollowerError {
  const message = `${url} has the genesis ${toHex(theirs)}; this folder holds chain "${chainId}" with the genesis ${toHex(ours)}`;
  return new FollowerError("other_chain", message, {
    hint: "Name the address of a node of this chain, or another folder.",
    details: { theirs: toHex(theirs), ours: toHex(ours) },
  });
}

/** How many of them follow each other, each naming the one before as its parent. */
function linkedCount(claims: readonly ClaimedBlock[]): number {
  let parent = headerOf(claims[0]!);
  for (let count = 1; count < claims.length; count++) {
    const header = headerOf(claims[count]!);
    if (parent === null || header === null || !equalBytes(header.parentHash, blockHash(parent))) return count;
    parent = header;
  }
  return claims.length;
}

/** Null where the bytes begin with none. */
function headerOf({ block }: ClaimedBlock): Header | null {
  try {
    return headerOfBlock(block);
  } catch (error) {
    if (error instanceof InputError) return null;
    throw error;
  }
}

function hashOfTransaction({ block }: ClaimedBlock, index: number): Uint8Array | null {
  const transaction = decodeBlock(block).transactions[index];
  return transaction === undefined ? null : transactionHash(encodeTransaction(transaction));
}

function shown(value: string): string {
  return value.length <= SHOWN_LENGTH_MAX ? value : `${value.slice(0, SHOWN_LENGTH_MAX)}...`;
}
