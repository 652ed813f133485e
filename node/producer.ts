/**
 * The making of blocks: what the sealer calls when one is due, and what happens when the store takes none.
 *
 *     mempool -> take -> execution thread -> one batch -> adopt -> mempool settles
 *                              |
 *                 store refuses: rest, let go of the folder, open it again, go on
 *
 * Law: a block is adopted after it is in the store, and each once. When the folder is full or away, nothing is lost that was
 * adopted, everything can still be read, and blocks are made again as soon as there is room, by themselves.
 */
import { assert, InputError } from "../vm/errors.ts";
import { decodeBlock, decodeHeader, decodeReceipt } from "./block.ts";
import type { ChainReader } from "./chain-reader.ts";
import type { ClaimedBlock, ImportedBlocks } from "./claimed-block.ts";
import type { Clock } from "./clock.ts";
import type { RolledBack } from "./control.ts";
import {
  type Executor,
  errorFromMessage,
  type ProduceRequest,
  type ProduceResult,
  type SealedBlock,
} from "./executor.ts";
import type { Log } from "./log.ts";
import type { Dropped, Mempool } from "./mempool.ts";
import { nameOf } from "./name-of.ts";
import type { BlockRecord, Sealing } from "./rpc/service.ts";
import { Sealer, type SealResult } from "./sealer.ts";
import type { Store } from "./store.ts";
import type { EncodedTransaction } from "./transaction.ts";

/** Transactions of one block: bounds its batch and its message to the execution thread. */
export const BLOCK_TRANSACTION_COUNT_MAX = 2_000;
/** Bytes of a block's transactions: what one RPC answer and one batch carry with ease. */
export const BLOCK_SIZE_MAX = 4 * 1024 * 1024;
/** How long production rests after the store refused a block. */
const STORAGE_RETRY_MS = 1_000;
/** How long a view may go on when the folder has to be let go of. */
const VIEW_GRACE_MS = 1_000;

export interface ProducerOptions {
  readonly store: Store;
  readonly chain: ChainReader;
  readonly mempool: Mempool;
  readonly executor: Executor;
  /** It reads the folder too. */
  readonly views: Executor;
  readonly clock: Clock;
  readonly sealing: Sealing;
  /** Whether a block per transaction holds one and no more, so that it makes no difference what arrives together. */
  readonly isOnePerBlock: boolean;
  readonly log: Log;
  /** Told of each block, once it is the head; `durationMs` is null for one that was found in the store. */
  readonly onBlock: (record: BlockRecord, logs: readonly (readonly string[])[], durationMs: number | null) => void;
  /** Told of what left the pool without a block. */
  readonly onDropped: (dropped: readonly Dropped[]) => void;
  readonly onFault: (error: unknown) => void;
}

export class Producer {
  readonly #options: ProducerOptions;
  readonly sealer: Sealer;
  #producing: ProduceRequest | undefined;
  #failure: InputError | undefined;
  #retry: NodeJS.Timeout | undefined;
  /** Above this height the store has blocks that were taken back while it took no writes. */
  #owedRollback: number | undefined;
  /** Settles when the folder is not being opened again; never rejects. */
  #recovered: Promise<void> = Promise.resolve();
  #isStopped = false;

  /** Throws `InputError` `sealing_invalid`. */
  constructor(options: ProducerOptions) {
    this.#options = options;
    const { sealing, onFault } = options;
    this.sealer = new Sealer({ sealing, onFault, produce: (mayBeEmpty) => this.#produce(mayBeEmpty) });
  }

  /** What a block is being made of. */
  get producing(): ProduceRequest | undefined {
    return this.#producing;
  }

  /** Why the store takes no block at present. */
  get failure(): InputError | undefined {
    return this.#failure;
  }

  /** Begins nothing any more. Resolves to a promise of the end of what runs, which may need the execution thread to end. */
  async stop(): Promise<{ readonly ended: Promise<void> }> {
    this.#isStopped = true;
    clearTimeout(this.#retry);
    const ended = this.sealer.stop();
    await this.#recovered;
    return { ended };
  }

  /** Makes a block of what is ready. */
  async #produce(mayBeEmpty: boolean): Promise<SealResult> {
    if (this.#failure !== undefined) throw this.#failure;
    const { mempool, store, isOnePerBlock } = this.#options;
    try {
      for (;;) {
        const { blockGasLimit } = store.genesis.params;
        const isOne = isOnePerBlock && this.sealer.sealing.kind === "transaction";
        const entries = mempool.take(blockGasLimit, isOne ? 1 : BLOCK_TRANSACTION_COUNT_MAX, BLOCK_SIZE_MAX);
        if (entries.length === 0 && !mayBeEmpty) return false;
        const { hasLeftReady } = mempool;
        if (await this.#seal(entries, mayBeEmpty)) return hasLeftReady ? "full" : true;
      }
    } catch (error) {
      if (error instanceof InputError && !this.#isStopped && !isForkError(error)) this.#rest(error);
      throw error;
    }
  }

  /**
   * Makes a block of exactly these, or an empty one. For the time between blocks (`Sealer.run`). Throws the `InputError` of one
   * that may not be in it, and what the store throws.
   */
  async sealExactly(entries: readonly EncodedTransaction[]): Promise<BlockRecord> {
    const { chain, clock, executor } = this.#options;
    const startMs = performance.now();
    const transactions = entries.map(({ encoded }) => encoded);
    const time = clock(chain.head.header.time);
    this.#producing = { time, transactions, mayBeEmpty: true, isAllOrNone: true };
    const { sealed, invalid } = await this.#orRest(executor.request("produce", this.#producing));
    this.#producing = undefined;
    if (sealed === null) throw errorFromMessage(invalid[0]!.error);
    const record = blockRecord(sealed, entries);
    this.#adopt(record, sealed.logs, performance.now() - startMs);
    // A nonce that an edit set may be what others waited for.
    if (this.#options.mempool.readyCount > 0) this.sealer.notify();
    return record;
  }

  /** As `Node.importBlocks`. For the time between blocks. */
  importBlocks(claims: readonly ClaimedBlock[]): Promise<ImportedBlocks> {
    return this.#orRest(this.#importBlocks(claims));
  }

  async #importBlocks(claims: readonly ClaimedBlock[]): Promise<ImportedBlocks> {
    const startMs = performance.now();
    const { sealed, difference, error } = await this.#options.executor.request("import", claims);
    const durationMs = (performance.now() - startMs) / sealed.length;
    for (const [index, { header, hash, receipts, logs }] of sealed.entries()) {
      const block = decodeBlock(claims[index]!.block);
      const record = { header: decodeHeader(header), hash, block, receipts: receipts.map(decodeReceipt) };
      this.#adopt(record, logs, durationMs);
    }
    if (error !== null) throw errorFromMessage(error);
    return { count: sealed.length, difference };
  }

  /**
   * Takes back the blocks above `height`; the pool is not told. For the time between blocks. Throws `height_pruned` and
   * `height_unknown`, and then nothing has moved. When the store fails, the blocks are gone all the same for everybody who asks,
   * and the store takes them back before it takes another.
   */
  async rollBack(height: number): Promise<RolledBack> {
    const { chain, executor, store } = this.#options;
    // What cannot be is refused before anything moves.
    store.nodesAt(height);
    const head = chain.beginRollback(height);
    let failure = this.#failure;
    try {
      if (failure === undefined) await this.#orRest(executor.request("rollback", { height }));
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      if (isHeightError(error)) {
        chain.reload();
        throw error;
      }
      failure = error;
    }
    if (failure === undefined) chain.endRollback();
    else this.#owedRollback = height;
    return { head, failure: failure ?? null };
  }

  async #orRest<T>(work: Promise<T>): Promise<T> {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      return await work;
    } catch (error) {
      const isOfStore = error instanceof InputError && !isForkError(error) && !isHeightError(error);
      if (isOfStore && !this.#isStopped) this.#rest(error);
      throw error;
    }
  }

  /** False when no transaction could be in a block after all; they are not in the pool any more. */
  async #seal(entries: readonly EncodedTransaction[], mayBeEmpty: boolean): Promise<boolean> {
    const { chain, clock, executor, mempool, onDropped } = this.#options;
    const startMs = performance.now();
    const transactions = entries.map(({ encoded }) => encoded);
    this.#producing = { time: clock(chain.head.header.time), transactions, mayBeEmpty };
    let result: ProduceResult;
    try {
      result = await executor.request("produce", this.#producing);
    } catch (error) {
      if (entries.length === 0 || !isForkError(error)) throw error;
      return this.#sealReadable(entries, error);
    }
    const { sealed, invalid } = result;
    this.#producing = undefined;
    const refusals = new Map(invalid.map(({ index, error }) => [index, errorFromMessage(error)]));
    const included = refusals.size === 0 ? entries : entries.filter((_, index) => !refusals.has(index));
    if (sealed !== null) this.#adopt(blockRecord(sealed, included), sealed.logs, performance.now() - startMs);
    // One that only lost a predecessor keeps its place until another comes.
    const barred = [...refusals].filter(([, error]) => error.code !== "nonce_too_high");
    for (const [index, error] of barred) {
      const entry = mempool.remove(entries[index]!.hash);
      if (entry !== undefined) onDropped([{ entry, error }]);
    }
    assert(sealed !== null || barred.length > 0, "of what is ready, something is in a block or leaves the pool");
    return sealed !== null;
  }

  /** Of transactions of which one needs state that cannot be had: makes a block of the first, or drops it if it is that one. */
  async #sealReadable(entries: readonly EncodedTransaction[], error: InputError): Promise<boolean> {
    const { mempool, onDropped } = this.#options;
    if (entries.length > 1) return this.#seal(entries.slice(0, 1), false);
    const entry = mempool.remove(entries[0]!.hash);
    if (entry !== undefined) onDropped([{ entry, error }]);
    return false;
  }

  /** Takes a block that the store has on top of the head over into everything that follows the head. */
  #adopt(record: BlockRecord, logs: readonly (readonly string[])[], durationMs: number | null): void {
    const { chain, mempool, onBlock, onDropped } = this.#options;
    chain.adopt(record);
    const hashes = record.receipts.map(({ transactionHash }) => transactionHash);
    const dropped = mempool.settle(this.#sendersOf(record), hashes, record.header.height + 1, Date.now());
    onBlock(record, logs, durationMs);
    onDropped(dropped);
  }

  /** Each once, with the nonce that its account has now; edits set those of others. */
  #sendersOf({ block }: BlockRecord) {
    const { chain } = this.#options;
    const senders = new Map<string, Uint8Array>();
    for (const { body } of block.transactions) {
      senders.set(nameOf(body.sender), body.sender);
      for (const action of body.actions) {
        if (action.kind !== "edit" || action.change.kind !== "nonce") continue;
        senders.set(nameOf(action.change.address), action.change.address);
      }
    }
    return [...senders.values()].map((sender) => ({ sender, nonce: chain.account(sender).nonce }));
  }

  /** The store took no block: stop making any, go on answering, and try again until it works. */
  #rest(failure: InputError): void {
    const { log, onFault } = this.#options;
    if (this.#failure === undefined) {
      log.error({ code: failure.code, hint: failure.hint }, `block production stopped: ${failure.message}`);
    }
    this.#failure = failure;
    this.sealer.pause();
    if (this.#isStopped) return;
    this.#retry = setTimeout(() => {
      this.#recovered = this.#recover(failure).catch(onFault);
    }, STORAGE_RETRY_MS);
  }

  /**
   * After a failed write LevelDB must read its log again before it takes another, so all threads let go of the folder and
   * open it anew. Until there is room for that, the folder stays open and can be read.
   */
  async #recover(failure: InputError): Promise<void> {
    const { store, executor, views, chain, log, mempool } = this.#options;
    if (!store.hasRoom()) return this.#rest(failure);
    try {
      await views.close(VIEW_GRACE_MS);
      await executor.request("release", null);
      await store.close();
      await store.reopen();
      await executor.request("reopen", null);
      const height = this.#owedRollback;
      if (height !== undefined) await executor.request("rollback", { height });
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return this.#rest(error);
    }
    this.#owedRollback = undefined;
    chain.endRollback();
    // What could not be written to the end may be in the log to the end.
    for (const record of chain.unadopted()) this.#adopt(record, [], null);
    mempool.release();
    this.#failure = undefined;
    log.info({ height: chain.head.header.height }, "block production goes on");
    this.sealer.resume();
  }
}

/** A fork's remote cannot be reached, or lies: that is no trouble of the store's. */
function isForkError(error: unknown): error is InputError {
  return error instanceof InputError && error.code.startsWith("fork_");
}

/** What is not kept any more is refused, and nothing is the matter. */
function isHeightError(error: InputError): boolean {
  return error.code.startsWith("height_");
}

function blockRecord(sealed: SealedBlock, included: readonly EncodedTransaction[]): BlockRecord {
  const header = decodeHeader(sealed.header);
  const block = { header, transactions: included.map(({ transaction }) => transaction) };
  return { header, hash: sealed.hash, block, receipts: sealed.receipts.map(decodeReceipt) };
}
