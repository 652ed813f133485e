/**
 * A node: a store, execution, a mempool and a port, wired together. This file knows the order in which things start, stop and
 * fail; what a block or a message means is elsewhere.
 *
 *     socket -> rpc -> admission -> mempool -> producer -> execution -> one batch -> receipt, heads -> socket
 *
 * With a folder, execution has threads of its own. Without one, the chain is in memory, execution is inline, and a node need
 * not have a port either.
 *
 * A receipt is handed out once its block is in the store, never before.
 */
import { assert, Fault, InputError } from "../vm/errors.ts";
import { Admission, type Claim } from "./admission.ts";
import { Backend, type BackendOptions } from "./backend.ts";
import { ChainReader } from "./chain-reader.ts";
import type { ClaimedBlock, ImportedBlocks } from "./claimed-block.ts";
import type { Clock } from "./clock.ts";
import type { HeldChain, NodeControl, PoolEntry, Powers, RolledBack } from "./control.ts";
import type { ExecutorMethods } from "./executor.ts";
import { writeFaultReport } from "./fault-report.ts";
import type { Genesis } from "./genesis.ts";
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
import { whenFetched } from "./state-missing.ts";
import { checkTransaction } from "./state-transition.ts";
import type { EncodedTransaction } from "./transaction.ts";
import { softwareVersion } from "./version.ts";
import { Waiters } from "./waiters.ts";
import { withoutUser } from "./without-user.ts";

export { logicalClock, systemClock } from "./clock.ts";

/** How long a stop waits for the block in the making. One that takes longer is given up: nobody was told of it. */
const STOP_GRACE_MS = 1_000;

export interface NodeOptions extends BackendOptions {
  readonly clock: Clock;
  /** Default: a block per transaction. */
  readonly sealing?: Sealing;
  /** Whether a block per transaction holds no more than one, so that it makes no difference what arrives together. */
  readonly isOnePerBlock?: boolean;
  readonly mempool?: Partial<MempoolOptions>;
  /** Default: loopback. */
  readonly host?: string;
  /** 0 picks a free port; without one, the node is reached from this process alone. */
  readonly port?: number;
  readonly access?: Omit<AccessOptions, "host">;
  readonly log?: Log;
  /** Whether `/metrics` is served; default true. */
  readonly metrics?: boolean;
  /** The node whose chain this one follows: it takes no transactions of its own. */
  readonly followed?: string;
  /** What makes a devnet of the node. */
  readonly development?: (control: NodeControl) => Powers;
  /** Told of each block, with the debug text of each of its transactions. */
  readonly onBlock?: (record: BlockRecord, logs: readonly (readonly string[])[]) => void;
}

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
  readonly #backend: Backend;
  readonly #chain: ChainReader;
  readonly #admission: Admission;
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

  /** What a devnet adds. */
  readonly development?: Powers;

  private constructor(options: NodeOptions, backend: Backend) {
    this.#options = options;
    this.#log = options.log ?? silentLog;
    this.#backend = backend;
    const { store, executor, views } = backend;
    this.#chain = new ChainReader(store);
    this.#mempool = new Mempool(options.mempool);
    this.#producer = new Producer({
      store,
      executor,
      chain: this.#chain,
      mempool: this.#mempool,
      views,
      clock: options.clock,
      sealing: options.sealing ?? { kind: "transaction" },
      isOnePerBlock: options.isOnePerBlock ?? false,
      log: this.#log,
      onBlock: (record, logs, durationMs) => this.#onBlock(record, logs, durationMs),
      onDropped: (dropped) => this.#tellDropped(dropped),
      onFault: (error) => this.stopOnFault(error),
    });
    try {
      if (options.development !== undefined) this.development = options.development(this.#control());
    } catch (error) {
      // It began to count time.
      this.#producer.stop().catch(() => {});
      throw error;
    }
    const decide = (claim: Claim) => this.#unpaid("decideClaim", claim);
    const { development } = this;
    this.#admission = new Admission(decide, development && ((sender) => development.isImpersonated(sender)));
    this.closed = new Promise((resolve, reject) => {
      this.#settleClosed = { resolve, reject };
    });
    // Whoever does not look at `closed` must not bring the process down through it.
    this.closed.catch(() => {});
    backend.onFault = (fault) => this.stopOnFault(fault);
  }

  /** Throws what `Backend.open` throws, `sealing_invalid` and `port_in_use`. Nothing stays behind when it does. */
  static async start(options: NodeOptions): Promise<Node> {
    const { port } = options;
    const metrics = port === undefined || options.metrics === false ? undefined : import("./metrics.ts");
    const backend = await Backend.open(options);
    let node: Node | undefined;
    try {
      node = new Node(options, backend);
      if (port !== undefined) await node.#serve(port, await metrics);
      return node;
    } catch (error) {
      if (node !== undefined) await node.#producer.stop();
      await backend.endExecution(STOP_GRACE_MS);
      await backend.close();
      throw error;
    }
  }

  async #serve(port: number, metricsModule: typeof import("./metrics.ts") | undefined): Promise<void> {
    const { host = "127.0.0.1", access } = this.#options;
    this.#metrics = metricsModule && new metricsModule.Metrics(this.#metricSources());
    this.#server = await startRpcServer({
      service: this,
      host,
      port,
      log: this.#log,
      onFault: (error) => this.stopOnFault(error),
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
      waiting: () => ({ blocks: this.#backend.executor.waitingCount, views: this.#backend.views.waitingCount }),
      isStopped: () => this.#producer.failure !== undefined,
    };
  }

  /** Whether the node has a port, and with it `url` and `port`. */
  get isServed(): boolean {
    return this.#server !== undefined;
  }

  get url(): string {
    return this.#rpc.url;
  }

  get port(): number {
    return this.#rpc.port;
  }

  get #rpc(): RpcServer {
    assert(this.#server !== undefined, "a node with a port serves from its start on");
    return this.#server;
  }

  get genesis(): Genesis {
    return this.#backend.store.genesis;
  }

  get genesisHash(): Uint8Array {
    return this.#backend.store.genesisHash;
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
    await this.#backend.endExecution(STOP_GRACE_MS);
    await ended;
    this.#waiters.rejectAll(nodeStopping());
    await this.#server?.close();
    await this.#backend.close();
  }

  /** A fault never becomes a receipt: the node stops where it is, and the folder holds whole blocks only. */
  stopOnFault(error: unknown): void {
    if (this.#fault !== undefined) return;
    const fault = error instanceof Error ? error : new Fault(String(error));
    this.#fault = fault;
    const { header, hash } = this.head();
    const { time, transactions } = this.#producer.producing ?? {};
    const { directory } = this.#options;
    const report =
      directory &&
      writeFaultReport(directory, {
        chainId: this.genesis.chainId,
        genesisHash: this.genesisHash,
        head: { height: header.height, hash },
        work:
          time === undefined || transactions === undefined
            ? null
            : { method: "produce", blockTime: time, transactions },
        error: fault,
      });
    this.#log.error({ err: fault, ...(report !== undefined && { report }) }, "an internal fault stops the node");
    // Who waits for `closed` is told.
    this.close().catch(() => {});
  }

  // What the chain holds.

  info(): NodeInfo {
    const { followed } = this.#options;
    return {
      version: softwareVersion,
      startedAt: this.#startedAt,
      durability: this.#options.directory === undefined ? "memory" : (this.#options.durability ?? "os"),
      sealing: this.#producer.sealer.sealing,
      stopped: this.#producer.failure ?? null,
      lowestStateHeight: this.#chain.lowestStateHeight,
      followed: followed === undefined ? null : withoutUser(followed),
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

  withState<T>(read: () => T): T | Promise<T> {
    const { fetch } = this.#backend;
    return fetch === undefined ? read() : whenFetched(read, fetch);
  }

  onHead(listener: (record: BlockRecord) => void): () => void {
    this.#headListeners.add(listener);
    return () => this.#headListeners.delete(listener);
  }

  // What runs and leaves nothing behind.

  async view(request: ViewRequest): Promise<ViewResult> {
    if (request.height === undefined) return this.#atHead("view", request);
    this.#chain.checkKnown(request.height);
    return this.#unpaid("view", request);
  }

  async simulate(encoded: Uint8Array): Promise<SimulationResult> {
    return this.#atHead("simulate", { encoded });
  }

  /** While blocks are taken back, the store's own head is none that anybody was told of. */
  async #atHead<M extends "view" | "simulate">(
    method: M,
    params: ExecutorMethods[M]["params"],
  ): Promise<ExecutorMethods[M]["result"]> {
    if (!this.#chain.isRollingBack) return this.#unpaid(method, params);
    try {
      return await this.#unpaid(method, { ...params, height: this.head().header.height });
    } catch (error) {
      if (!(error instanceof InputError) || error.code !== "scan_of_history") throw error;
      throw new InputError("head_moved", "blocks are being taken back, and keys can be listed after that", {
        hint: "Ask again.",
      });
    }
  }

  async #unpaid<M extends "view" | "simulate" | "checkCode" | "decideClaim">(
    method: M,
    params: ExecutorMethods[M]["params"],
  ): Promise<ExecutorMethods[M]["result"]> {
    if (this.#closing !== undefined) throw nodeStopping();
    try {
      return await this.#backend.views.request(method, params);
    } catch (error) {
      if (!(error instanceof InputError) || error.code !== "head_moved") throw error;
      // Where blocks are made, none is made meanwhile.
      return this.#backend.executor.request(method, params);
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
    if (this.#backend.fetch !== undefined) await this.withState(() => this.account(entry.transaction.body.sender));
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
    const { followed } = this.#options;
    if (followed !== undefined) {
      throw new InputError("follower_read_only", "this node follows another one and takes no transactions", {
        hint: `Send them to ${withoutUser(followed)}.`,
        details: { followed: withoutUser(followed) },
      });
    }
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

  /** Blocks were taken back: whoever follows the chain learns where it stands. */
  #onRollback({ header }: Head): void {
    const record = this.block(header.height);
    assert(record !== undefined, "the head has a block");
    for (const listener of this.#headListeners) listener(record);
  }

  // What a follower stands on.

  /**
   * Executes what claim to be the blocks behind the head, for some milliseconds. Each that agrees in everything becomes the
   * head; the first that differs ends it. When this throws, those before the one it threw at are in the chain.
   */
  importBlocks(claims: readonly ClaimedBlock[]): Promise<ImportedBlocks> {
    return this.#producer.sealer.run(() => this.#producer.importBlocks(claims));
  }

  /** Takes back the blocks above `height`, and drops what waits. Throws `height_pruned`, `height_unknown`, and what the store throws. */
  rollBack(height: number): Promise<Head> {
    return this.#producer.sealer.run(async () => {
      const { head, failure } = await this.#rollBack(height, []);
      if (failure !== null) throw failure;
      return head;
    });
  }

  // What a devnet's powers stand on.

  #control(): NodeControl {
    const { sealer } = this.#producer;
    const held: HeldChain = {
      seal: (transactions) => this.#producer.sealExactly(transactions),
      rollback: (height, pool) => this.#rollBack(height, pool),
      pool: () => this.#mempool.entries(),
    };
    return {
      service: this,
      get sealing() {
        return sealer.sealing;
      },
      setSealing: (sealing) => sealer.setSealing(sealing),
      mine: async (count) => {
        if (this.#producer.failure !== undefined) throw this.#producer.failure;
        await sealer.mine(count);
        return this.head();
      },
      drop: (what) => this.#drop(what),
      exclusively: async (work) => {
        if (this.#producer.failure !== undefined) throw this.#producer.failure;
        return sealer.run(() => work(held));
      },
    };
  }

  async #rollBack(height: number, pool: readonly PoolEntry[]): Promise<RolledBack> {
    const rolledBack = await this.#producer.rollBack(height);
    const nonceOf = (sender: Uint8Array) => this.account(sender).nonce;
    const gone = this.#mempool.restore(pool, nonceOf, height + 1, Date.now());
    const error = new InputError("chain_reverted", "the chain went back to where it did not wait yet", {
      hint: "Send it again if it is still wanted.",
    });
    this.#tellDropped(gone.map((entry) => ({ entry, error })));
    this.#onRollback(rolledBack.head);
    return rolledBack;
  }

  #drop(what: { readonly hash?: Uint8Array; readonly sender?: Uint8Array }): number {
    const entries = this.#mempool.removeWhere(what);
    const error = new InputError("dropped", "the transaction was taken out of the pool by hand");
    this.#tellDropped(entries.map((entry) => ({ entry, error })));
    return entries.length;
  }
}
