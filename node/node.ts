/**
 * A node: a folder, execution threads, a mempool and a port, wired together. This file knows the order in which things
 * start, stop and fail; what a block or a message means is elsewhere.
 *
 *     socket -> rpc -> admission -> mempool -> producer -> execution thread -> one batch -> receipt, heads -> socket
 *
 * A receipt is handed out once its block is in the store, never before.
 */
import { assert, Fault, InputError } from "../vm/errors.ts";
import { Admission } from "./admission.ts";
import { ChainReader } from "./chain-reader.ts";
import type { Clock } from "./clock.ts";
import { Executor, type ExecutorMethods } from "./executor.ts";
import { writeFaultReport } from "./fault-report.ts";
import type { Genesis } from "./genesis.ts";
import { LateExecutor } from "./late-executor.ts";
import { type Log, silentLog } from "./log.ts";
import { type Dropped, Mempool, type MempoolOptions } from "./mempool.ts";
import type { Metrics } from "./metrics.ts";
import { nodeStopping } from "./node-stopping.ts";
import { Producer } from "./producer.ts";
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
import type { Account } from "./state/account.ts";
import { checkTransaction } from "./state-transition.ts";
import { type Durability, Store } from "./store.ts";
import type { EncodedTransaction } from "./transaction.ts";
import { softwareVersion } from "./version.ts";
import { Waiters } from "./waiters.ts";

export { logicalClock, systemClock } from "./clock.ts";

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
interface Admitted {
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
  /** For what nobody pays for. */
  readonly #views: LateExecutor;
  readonly #admission = new Admission((claim) => this.#unpaid("decideClaim", claim));
  readonly #mempool: Mempool;
  readonly #producer: Producer;
  readonly #waiters = new Waiters();
  readonly #headListeners = new Set<(record: BlockRecord) => void>();
  readonly #poolListeners = new Set<(event: PoolEvent) => void>();
  readonly #startedAt = Date.now();
  #metrics: Metrics | undefined;
  #server: RpcServer | undefined;
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
    const { directory, durability = "os" } = options;
    this.#views = new LateExecutor({ directory, durability, keptRootCount: null }, (fault) => this.#stopOnFault(fault));
    this.#mempool = new Mempool(options.mempool);
    this.#producer = new Producer({
      store,
      executor,
      chain: this.#chain,
      mempool: this.#mempool,
      views: this.#views,
      clock: options.clock,
      sealing: options.sealing ?? { kind: "transaction" },
      log: this.#log,
      onBlock: (record, logs, durationMs) => this.#onBlock(record, logs, durationMs),
      onDropped: (dropped) => this.#tellDropped(dropped),
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
    let producer: Producer | undefined;
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
      producer = node.#producer;
      await node.#serve(await metrics);
      return node;
    } catch (error) {
      await producer?.stop();
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
      isReady: () => this.#closing === undefined && this.#producer.failure === undefined,
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
      waiting: () => ({ blocks: this.#executor.waitingCount, views: this.#views.waitingCount }),
      isStopped: () => this.#producer.failure !== undefined,
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
    const { ended } = await this.#producer.stop();
    // What is in the making has its time to end, and whoever waits for it its receipt.
    await Promise.all([this.#executor.close(STOP_GRACE_MS), this.#views.close(0)]);
    await ended;
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
    const { time, transactions } = this.#producer.producing ?? {};
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
      sealing: this.#producer.sealer.sealing,
      stopped: this.#producer.failure ?? null,
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

  async #unpaid<M extends "view" | "simulate" | "checkCode" | "decideClaim">(
    method: M,
    params: ExecutorMethods[M]["params"],
  ): Promise<ExecutorMethods[M]["result"]> {
    if (this.#closing !== undefined) throw nodeStopping();
    try {
      return await this.#views.request(method, params);
    } catch (error) {
      if (!(error instanceof InputError) || error.code !== "head_moved") throw error;
      // Where blocks are made, none is made meanwhile.
      return this.#executor.request(method, params);
    }
  }

  // The way of a transaction.

  async submit(encoded: Uint8Array): Promise<Uint8Array> {
    return (await this.#submit(encoded)).hash;
  }

  async submitAndWait(encoded: Uint8Array, timeoutMs: number): Promise<TransactionRecord> {
    const { receipt } = await this.#submit(encoded, timeoutMs);
    assert(receipt !== undefined, "who names a timeout waits");
    return receipt;
  }

  #submit(encoded: Uint8Array, waitTimeoutMs?: number): Promise<Admitted> {
    return this.#admission.run(encoded, this.#mempool.size > 0, (entry) => this.#admit(entry, waitTimeoutMs));
  }

  async #admit(entry: EncodedTransaction, waitTimeoutMs: number | undefined): Promise<Admitted> {
    this.#checkAdmissible(entry);
    // Code that is no contract is told to its sender now, with its place, instead of as a bare reason in a receipt.
    const uploads = entry.transaction.body.actions.filter((action) => action.kind === "upload");
    for (const { code } of uploads) await this.#unpaid("checkCode", { code });
    // The chain may have gone on meanwhile.
    if (uploads.length > 0) this.#checkAdmissible(entry);
    const { sender } = entry.transaction.body;
    this.#tellDropped(this.#mempool.add(entry, this.account(sender).nonce, Date.now()));
    this.#tellPool({ kind: "admitted", entry });
    this.#producer.sealer.notify();
    const { hash } = entry;
    // From this very moment on, before any block can be made.
    return waitTimeoutMs === undefined ? { hash } : { hash, receipt: this.#waiters.wait(hash, waitTimeoutMs) };
  }

  #checkAdmissible(entry: EncodedTransaction): void {
    if (this.#closing !== undefined) throw nodeStopping();
    if (this.#producer.failure !== undefined) throw this.#producer.failure;
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

  // Blocks.

  /** A block is the head now: whoever waits for something in it is told. */
  #onBlock(record: BlockRecord, logs: readonly (readonly string[])[], durationMs: number | null): void {
    const { header, hash, block, receipts } = record;
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
    for (const listener of this.#headListeners) listener(record);
    if (durationMs !== null) this.#metrics?.onBlock({ receipts, gasUsed: header.gasUsed, durationMs });
    this.#options.onBlock?.(record, logs);
  }

  // Development powers.

  async mine(count: number): Promise<Head> {
    await this.#producer.sealer.mine(count);
    return this.head();
  }

  setSealing(sealing: Sealing): void {
    this.#producer.sealer.setSealing(sealing);
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
