/**
 * A node: a folder, execution threads, a mempool and a port, wired together. This file knows the order in which things
 * start, stop and fail; what a block or a message means is elsewhere.
 *
 *     socket -> rpc -> admit -> mempool -> sealer -> execution thread -> one batch -> receipt, heads -> socket
 *
 * A receipt is handed out once its block is in the store, never before.
 */
import { assert, Fault, InputError } from "../vm/errors.ts";
import { decodeHeader, decodeReceipt } from "./block.ts";
import { ChainReader } from "./chain-reader.ts";
import type { Clock } from "./clock.ts";
import { verifySignatureAside } from "./crypto.ts";
import { Executor, errorFromMessage, type ProduceRequest, type SealedBlock } from "./executor.ts";
import { writeFaultReport } from "./fault-report.ts";
import type { Genesis } from "./genesis.ts";
import { type Log, silentLog } from "./log.ts";
import { type Dropped, Mempool, type MempoolOptions } from "./mempool.ts";
import type { Metrics } from "./metrics.ts";
import type { AccessOptions } from "./rpc/access.ts";
import { type RpcServer, startRpcServer } from "./rpc/server.ts";
import type {
  BlockRecord,
  EventPage,
  EventQuery,
  Head,
  NodeInfo,
  NodeService,
  PoolEvent,
  PooledTransaction,
  PoolQuery,
  PoolStatus,
  Sealing,
  SimulationResult,
  StateTree,
  TransactionRecord,
  ViewRequest,
  ViewResult,
} from "./rpc/service.ts";
import { Sealer, type SealResult } from "./sealer.ts";
import type { Account } from "./state/account.ts";
import { checkTransaction } from "./state-transition.ts";
import { type Durability, Store } from "./store.ts";
import {
  checkClaim,
  claimOf,
  type EncodedTransaction,
  encodedTransaction,
  verifiedTransaction,
} from "./transaction.ts";
import { softwareVersion } from "./version.ts";
import { Waiters } from "./waiters.ts";

export { logicalClock, systemClock } from "./clock.ts";

/** Transactions of one block: bounds its batch and its message to the execution thread. */
const BLOCK_TRANSACTION_COUNT_MAX = 2_000;
/** Bytes of a block's transactions: what one RPC answer and one batch carry with ease. */
const BLOCK_SIZE_MAX = 4 * 1024 * 1024;
/** How long block production rests after the store refused a block. */
const STORAGE_RETRY_MS = 1_000;
/** How long a stop waits for the block in the making. One that takes longer is given up: nobody was told of it. */
const STOP_GRACE_MS = 1_000;

export interface NodeOptions {
  /** The LevelDB folder. A new one begins with `genesis`. */
  readonly directory: string;
  readonly genesis?: Genesis;
  readonly durability?: Durability;
  /** Keep the state of the last so many blocks only; default: of all. */
  readonly prune?: number;
  readonly clock: Clock;
  /** Default: a block per transaction. */
  readonly sealing?: Sealing;
  readonly mempool?: Partial<MempoolOptions>;
  /** Default: loopback. */
  readonly host?: string;
  /** 0 picks a free port. */
  readonly port: number;
  readonly access?: Omit<AccessOptions, "host">;
  readonly log?: Log;
  /** Whether `/metrics` is served; default true. */
  readonly metrics?: boolean;
  /** Told of each block, with the debug text of each of its transactions. */
  readonly onBlock?: (record: BlockRecord, logs: readonly (readonly string[])[]) => void;
}

/**
 * Folders of the nodes in this process. LevelDB's lock keeps other processes out; for the execution threads' sake it lets this
 * one in as often as it likes.
 */
const usedLocations = new Set<string>();

/** A transaction that is in the pool. `receipt` is there for who waits for it. */
interface Admission {
  readonly hash: Uint8Array;
  readonly receipt?: Promise<TransactionRecord>;
}

export class Node implements NodeService {
  /** Resolves after `close`; rejects with the fault that stopped the node. */
  readonly closed: Promise<void>;
  readonly #options: NodeOptions;
  readonly #log: Log;
  readonly #store: Store;
  readonly #chain: ChainReader;
  readonly #executor: Executor;
  /** For what nobody pays for. From the first such request on. */
  #views: Promise<Executor> | undefined;
  /** The same, once it is there. */
  #startedViews: Executor | undefined;
  readonly #mempool: Mempool;
  readonly #sealer: Sealer;
  readonly #waiters = new Waiters();
  readonly #headListeners = new Set<(record: BlockRecord) => void>();
  readonly #poolListeners = new Set<(event: PoolEvent) => void>();
  readonly #startedAt = Date.now();
  #metrics: Metrics | undefined;
  #server: RpcServer | undefined;
  /** The last transaction to be admitted: they are admitted in the order of their arrival. */
  #lastAdmission: Promise<unknown> = Promise.resolve();
  #admissionCount = 0;
  /** What the execution thread is making a block of. */
  #producing: ProduceRequest | undefined;
  #storageFailure: InputError | undefined;
  #storageRetry: NodeJS.Timeout | undefined;
  /** Settles when the folder is not being opened again; never rejects. */
  #recovered: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;
  /** The first thing that went wrong, and that `closed` rejects with. */
  #fault: Error | undefined;
  #settleClosed!: { resolve(): void; reject(error: Error): void };

  private constructor(options: NodeOptions, store: Store, executor: Executor) {
    this.#options = options;
    this.#log = options.log ?? silentLog;
    this.#store = store;
    this.#chain = new ChainReader(store);
    this.#executor = executor;
    this.#mempool = new Mempool(options.mempool);
    this.#sealer = new Sealer({
      sealing: options.sealing ?? { kind: "transaction" },
      produce: (mayBeEmpty) => this.#produce(mayBeEmpty),
      onFault: (error) => this.#stopOnFault(error),
    });
    this.closed = new Promise((resolve, reject) => {
      this.#settleClosed = { resolve, reject };
    });
    // Whoever does not look at `closed` must not bring the process down through it.
    this.closed.catch(() => {});
    executor.onFault = (fault) => this.#stopOnFault(fault);
  }

  /** Throws what `Store.open` throws, `prune_invalid`, `sealing_invalid` and `port_in_use`. Nothing stays behind when it does. */
  static async start(options: NodeOptions): Promise<Node> {
    const { prune } = options;
    if (prune !== undefined && !(Number.isSafeInteger(prune) && prune >= 1)) {
      throw new InputError("prune_invalid", `the state of ${prune} blocks cannot be kept`, {
        hint: "Keep that of 1 block or more, or leave the option out to keep all.",
      });
    }
    const { directory, genesis, durability = "os" } = options;
    const metrics = options.metrics === false ? undefined : import("./metrics.ts");
    const executor = Executor.launch({ directory, durability, keptRootCount: prune ?? null });
    let store: Store | undefined;
    let sealer: Sealer | undefined;
    let isClaimed = false;
    try {
      store = await Store.open(directory, { durability, ...(genesis === undefined ? {} : { genesis }) });
      if (usedLocations.has(store.location)) {
        throw new InputError("data_locked", `${directory} is in use by another node of this process`, {
          hint: "Stop the other node, or give this one a folder of its own.",
        });
      }
      isClaimed = true;
      usedLocations.add(store.location);
      await executor.open();
      const node = new Node(options, store, executor);
      sealer = node.#sealer;
      await node.#serve(await metrics);
      return node;
    } catch (error) {
      await sealer?.stop();
      await executor.close(STOP_GRACE_MS);
      await store?.close();
      if (isClaimed && store !== undefined) usedLocations.delete(store.location);
      throw error;
    }
  }

  async #serve(metricsModule: typeof import("./metrics.ts") | undefined): Promise<void> {
    const { host = "127.0.0.1", port, access } = this.#options;
    this.#metrics = metricsModule && new metricsModule.Metrics(this.#metricSources());
    this.#server = await startRpcServer({
      service: this,
      host,
      port,
      log: this.#log,
      onFault: (error) => this.#stopOnFault(error),
      isReady: () => this.#closing === undefined && this.#storageFailure === undefined,
      isHealthy: () => this.#fault === undefined,
      ...(access !== undefined && { access }),
      ...(this.#metrics !== undefined && {
        metrics: this.#metrics,
        onCall: (facts) => this.#metrics?.onCall(facts),
        onLagged: (missed) => this.#metrics?.onLagged(missed),
      }),
    });
  }

  #metricSources() {
    return {
      headHeight: () => this.head().header.height,
      mempool: () => ({ count: this.#mempool.size, bytes: this.#mempool.bytes }),
      connections: () => this.#server?.connectionCount ?? 0,
      subscriptions: () => this.#server?.subscriptionCount ?? 0,
      waiting: () => ({ blocks: this.#executor.waitingCount, views: this.#startedViews?.waitingCount ?? 0 }),
      isStopped: () => this.#storageFailure !== undefined,
    };
  }

  get url(): string {
    return this.#rpc.url;
  }

  get port(): number {
    return this.#rpc.port;
  }

  get #rpc(): RpcServer {
    assert(this.#server !== undefined, "the node serves from its start on");
    return this.#server;
  }

  get genesis(): Genesis {
    return this.#store.genesis;
  }

  get genesisHash(): Uint8Array {
    return this.#store.genesisHash;
  }

  // How a node ends.

  /** Ends open calls, finishes the block in the making, lets go of the folder. Safe to call twice. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
      .catch((error) => {
        this.#fault ??= error;
      })
      .then(() => {
        if (this.#fault === undefined) this.#settleClosed.resolve();
        else this.#settleClosed.reject(this.#fault);
      });
    return this.closed;
  }

  async #close(): Promise<void> {
    clearTimeout(this.#storageRetry);
    const sealed = this.#sealer.stop();
    await this.#recovered;
    // What is in the making has its time to end, and whoever waits for it its receipt.
    await Promise.all([
      this.#executor.close(STOP_GRACE_MS),
      this.#views?.then((views) => views.close(0)).catch(() => {}),
    ]);
    await sealed;
    this.#waiters.rejectAll(nodeStopping());
    await this.#server?.close();
    await this.#store.close();
    usedLocations.delete(this.#store.location);
  }

  /** A fault never becomes a receipt: the node stops where it is, and the folder holds whole blocks only. */
  #stopOnFault(error: unknown): void {
    if (this.#fault !== undefined) return;
    const fault = error instanceof Error ? error : new Fault(String(error));
    this.#fault = fault;
    const { header, hash } = this.head();
    const { time, transactions } = this.#producing ?? {};
    const report = writeFaultReport(this.#options.directory, {
      chainId: this.genesis.chainId,
      genesisHash: this.genesisHash,
      head: { height: header.height, hash },
      work:
        time === undefined || transactions === undefined ? null : { method: "produce", blockTime: time, transactions },
      error: fault,
    });
    this.#log.error({ err: fault, ...(report !== undefined && { report }) }, "an internal fault stops the node");
    // Who waits for `closed` is told.
    this.close().catch(() => {});
  }

  // What the chain holds.

  info(): NodeInfo {
    return {
      version: softwareVersion,
      startedAt: this.#startedAt,
      durability: this.#options.durability ?? "os",
      sealing: this.#sealer.sealing,
      stopped: this.#storageFailure ?? null,
      lowestStateHeight: this.#chain.lowestStateHeight,
    };
  }

  head(): Head {
    return this.#chain.head;
  }

  block(height: number): BlockRecord | undefined {
    return this.#chain.block(height);
  }

  heightOf(hashOfBlock: Uint8Array): number | undefined {
    return this.#chain.heightOf(hashOfBlock);
  }

  transaction(hash: Uint8Array): TransactionRecord | undefined {
    return this.#chain.transaction(hash);
  }

  events(query: EventQuery): Promise<EventPage> {
    return this.#chain.events(query);
  }

  account(address: Uint8Array, height?: number): Account {
    return this.#chain.account(address, height);
  }

  nextNonce(address: Uint8Array): number {
    return this.#mempool.nextNonce(address, this.account(address).nonce);
  }

  storage(contract: Uint8Array, key: Uint8Array, height?: number): Uint8Array | undefined {
    return this.#chain.storage(contract, key, height);
  }

  code(codeHash: Uint8Array): Uint8Array | undefined {
    return this.#chain.code(codeHash);
  }

  stateTree(height?: number): StateTree {
    return this.#chain.stateTree(height);
  }

  onHead(listener: (record: BlockRecord) => void): () => void {
    this.#headListeners.add(listener);
    return () => this.#headListeners.delete(listener);
  }

  // What runs and leaves nothing behind.

  async view(request: ViewRequest): Promise<ViewResult> {
    return this.#unpaid("view", request);
  }

  async simulate(encoded: Uint8Array): Promise<SimulationResult> {
    return this.#unpaid("simulate", { encoded });
  }

  async #unpaid<M extends "view" | "simulate" | "checkCode">(method: M, params: Parameters<Executor["request"]>[1]) {
    if (this.#closing !== undefined) throw nodeStopping();
    const views = await this.#viewsExecutor();
    try {
      return (await views.request(method, params as never)) as never;
    } catch (error) {
      if (!(error instanceof InputError) || error.code !== "head_moved") throw error;
      // Where blocks are made, none is made meanwhile.
      return (await this.#executor.request(method, params as never)) as never;
    }
  }

  #viewsExecutor(): Promise<Executor> {
    if (this.#views === undefined) {
      const { directory, durability = "os" } = this.#options;
      const launched = Executor.launch({ directory, durability, keptRootCount: null });
      this.#views = launched.open().then(() => launched);
      this.#views.then(
        (executor) => {
          executor.onFault = (fault) => this.#stopOnFault(fault);
          this.#startedViews = executor;
        },
        (error) => this.#stopOnFault(error),
      );
    }
    return this.#views;
  }

  // The way of a transaction.

  async submit(encoded: Uint8Array): Promise<Uint8Array> {
    return (await this.#admit(encoded)).hash;
  }

  async submitAndWait(encoded: Uint8Array, timeoutMs: number): Promise<TransactionRecord> {
    const { receipt } = await this.#admit(encoded, timeoutMs);
    assert(receipt !== undefined, "who names a timeout waits");
    return receipt;
  }

  /** In the order of arrival, whatever each takes: a sender's transactions come in the order of their nonces. */
  async #admit(encoded: Uint8Array, waitTimeoutMs?: number): Promise<Admission> {
    // Alone it is verified at once, which is sooner; among others on another thread, while the next is read.
    const isAlone = this.#admissionCount === 0 && this.#mempool.size === 0;
    const verified = isAlone ? verifiedTransaction(encoded) : verifiedAside(encoded);
    const before = this.#lastAdmission;
    this.#admissionCount++;
    try {
      const admitted = this.#admitVerified(verified, before, waitTimeoutMs);
      this.#lastAdmission = admitted.catch(() => {});
      return await admitted;
    } finally {
      this.#admissionCount--;
    }
  }

  async #admitVerified(
    verified: EncodedTransaction | Promise<EncodedTransaction>,
    before: Promise<unknown>,
    waitTimeoutMs: number | undefined,
  ): Promise<Admission> {
    const entry = await verified;
    await before;
    this.#checkAdmissible(entry);
    // Code that is no contract is told to its sender now, with its place, instead of as a bare reason in a receipt.
    const uploads = entry.transaction.body.actions.filter((action) => action.kind === "upload");
    for (const { code } of uploads) await this.#unpaid("checkCode", { code });
    // The chain may have gone on meanwhile.
    if (uploads.length > 0) this.#checkAdmissible(entry);
    const { sender } = entry.transaction.body;
    this.#tellDropped(this.#mempool.add(entry, this.account(sender).nonce, Date.now()));
    this.#tellPool({ kind: "admitted", entry });
    this.#sealer.notify();
    const { hash } = entry;
    // From this very moment on, before any block can be made.
    return waitTimeoutMs === undefined ? { hash } : { hash, receipt: this.#waiters.wait(hash, waitTimeoutMs) };
  }

  #checkAdmissible(entry: EncodedTransaction): void {
    if (this.#closing !== undefined) throw nodeStopping();
    if (this.#storageFailure !== undefined) throw this.#storageFailure;
    const { body } = entry.transaction;
    const account = this.account(body.sender);
    // Only a nonce that is used can be that of a transaction in a block.
    if (body.nonce < account.nonce && this.#chain.has(entry.hash)) {
      throw new InputError("already_included", "the transaction is in a block already");
    }
    const rules = { chainId: this.genesis.chainId, params: this.genesis.params };
    checkTransaction(rules, account, this.head().header.height + 1, entry);
  }

  poolStatus(): PoolStatus {
    const { size, bytes, readyCount, options } = this.#mempool;
    return { count: size, bytes, readyCount, countMax: options.countMax, bytesMax: options.bytesMax };
  }

  pool(query: PoolQuery): readonly PooledTransaction[] {
    return this.#mempool.list(query);
  }

  pooled(hash: Uint8Array): PooledTransaction | undefined {
    return this.#mempool.get(hash);
  }

  onPool(listener: (event: PoolEvent) => void): () => void {
    this.#poolListeners.add(listener);
    return () => this.#poolListeners.delete(listener);
  }

  #tellPool(event: PoolEvent): void {
    for (const listener of this.#poolListeners) listener(event);
  }

  #tellDropped(dropped: readonly Dropped[]): void {
    for (const { entry, error } of dropped) {
      this.#waiters.reject(entry.hash, error);
      this.#metrics?.onDropped(error.code);
      this.#tellPool({ kind: "dropped", entry, error });
    }
  }

  // The making of blocks.

  /** Makes a block of what is ready. */
  async #produce(mayBeEmpty: boolean): Promise<SealResult> {
    if (this.#storageFailure !== undefined) throw this.#storageFailure;
    try {
      for (;;) {
        const { blockGasLimit } = this.genesis.params;
        const entries = this.#mempool.take(blockGasLimit, BLOCK_TRANSACTION_COUNT_MAX, BLOCK_SIZE_MAX);
        if (entries.length === 0 && !mayBeEmpty) return false;
        const { hasLeftReady } = this.#mempool;
        if (await this.#seal(entries, mayBeEmpty)) return hasLeftReady ? "full" : true;
      }
    } catch (error) {
      if (error instanceof InputError && this.#closing === undefined) this.#restProduction(error);
      throw error;
    }
  }

  /** False when no transaction could be in a block after all; they are not in the pool any more. */
  async #seal(entries: readonly EncodedTransaction[], mayBeEmpty: boolean): Promise<boolean> {
    const time = this.#options.clock(this.head().header.time);
    const startMs = performance.now();
    this.#producing = { time, transactions: entries.map(({ encoded }) => encoded), mayBeEmpty };
    const { sealed, invalid } = await this.#executor.request("produce", this.#producing);
    this.#producing = undefined;
    const refusals = new Map(invalid.map(({ index, error }) => [index, errorFromMessage(error)]));
    const included = refusals.size === 0 ? entries : entries.filter((_, index) => !refusals.has(index));
    if (sealed !== null) {
      const record = blockRecord(sealed, included);
      this.#adopt(record, sealed.logs);
      const { gasUsed } = record.header;
      this.#metrics?.onBlock({ receipts: record.receipts, gasUsed, durationMs: performance.now() - startMs });
    }
    // One that only lost a predecessor keeps its place until another comes.
    const barred = [...refusals].filter(([, error]) => error.code !== "nonce_too_high");
    for (const [index, error] of barred) {
      const entry = this.#mempool.remove(entries[index]!.hash);
      if (entry !== undefined) this.#tellDropped([{ entry, error }]);
    }
    assert(sealed !== null || barred.length > 0, "of what is ready, something is in a block or leaves the pool");
    return sealed !== null;
  }

  /** Takes a block that the store has on top of the head over into everything that follows the head. */
  #adopt(record: BlockRecord, logs: readonly (readonly string[])[]): void {
    const { header, hash, block, receipts } = record;
    this.#chain.adopt(record);
    for (const [index, receipt] of receipts.entries()) {
      const transaction = block.transactions[index]!;
      this.#waiters.resolve(receipt.transactionHash, () => ({
        transaction,
        receipt,
        height: header.height,
        blockHash: hash,
        index,
      }));
    }
    const hashes = receipts.map(({ transactionHash }) => transactionHash);
    this.#tellDropped(this.#mempool.settle(this.#sendersOf(record), hashes, header.height + 1, Date.now()));
    for (const listener of this.#headListeners) listener(record);
    this.#options.onBlock?.(record, logs);
  }

  /** Each once, with the nonce that its account has now. */
  #sendersOf({ block }: BlockRecord) {
    const senders = new Map<string, Uint8Array>();
    for (const { body } of block.transactions) senders.set(Buffer.from(body.sender).toString("latin1"), body.sender);
    return [...senders.values()].map((sender) => ({ sender, nonce: this.account(sender).nonce }));
  }

  /** The store took no block: stop making any, go on answering, and try again until it works. */
  #restProduction(failure: InputError): void {
    if (this.#storageFailure === undefined) {
      this.#log.error({ code: failure.code, hint: failure.hint }, `block production stopped: ${failure.message}`);
    }
    this.#storageFailure = failure;
    this.#sealer.pause();
    if (this.#closing !== undefined) return;
    this.#storageRetry = setTimeout(() => {
      this.#recovered = this.#recoverStorage().catch((error) => this.#stopOnFault(error));
    }, STORAGE_RETRY_MS);
  }

  /**
   * After a failed write LevelDB must read its log again before it takes another, so all threads let go of the folder and
   * open it anew. Until there is room for that, the folder stays open and can be read.
   */
  async #recoverStorage(): Promise<void> {
    assert(this.#storageFailure !== undefined, "only a failure is recovered from");
    if (!this.#store.hasRoom()) return this.#restProduction(this.#storageFailure);
    try {
      const views = await this.#views;
      this.#views = undefined;
      await views?.close(STOP_GRACE_MS);
      await this.#executor.request("release", null);
      await this.#store.close();
      await this.#store.reopen();
      await this.#executor.request("reopen", null);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return this.#restProduction(error);
    }
    // What could not be written to the end may be in the log to the end.
    for (const record of this.#chain.unadopted()) this.#adopt(record, []);
    this.#storageFailure = undefined;
    this.#log.info({ height: this.head().header.height }, "block production goes on");
    this.#sealer.resume();
  }

  // Development powers.

  async mine(count: number): Promise<Head> {
    await this.#sealer.mine(count);
    return this.head();
  }

  setSealing(sealing: Sealing): void {
    this.#sealer.setSealing(sealing);
  }

  drop({ hash, sender }: { readonly hash?: Uint8Array; readonly sender?: Uint8Array }): number {
    const single = hash && this.#mempool.remove(hash);
    const entries =
      hash === undefined ? this.#mempool.removeWhere(sender === undefined ? {} : { sender }) : single ? [single] : [];
    const error = new InputError("dropped", "the transaction was taken out of the pool by hand");
    this.#tellDropped(entries.map((entry) => ({ entry, error })));
    return entries.length;
  }
}

/** Verified on a thread of Node's pool. */
async function verifiedAside(encoded: Uint8Array): Promise<EncodedTransaction> {
  const entry = encodedTransaction(encoded);
  const { signature, message, sender } = claimOf(entry);
  checkClaim(entry, await verifySignatureAside(signature, message, sender));
  return entry;
}

function blockRecord(sealed: SealedBlock, included: readonly EncodedTransaction[]): BlockRecord {
  const header = decodeHeader(sealed.header);
  const block = { header, transactions: included.map(({ transaction }) => transaction) };
  return { header, hash: sealed.hash, block, receipts: sealed.receipts.map(decodeReceipt) };
}

function nodeStopping(): InputError {
  return new InputError("node_stopping", "the node is stopping");
}
