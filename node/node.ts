/**
 * A node: a folder, an execution thread, a mempool and a port, wired together. This file knows the order in which things
 * start, stop and fail; what a block or a message means is elsewhere.
 *
 *     socket -> rpc -> submit -> mempool -> seal -> executor thread -> one batch -> receipt, heads -> socket
 *
 * A block is made as soon as a transaction is ready, of everything that is ready then. A receipt is handed out once its block
 * is in the store, never before.
 */
import { assert, Fault, InputError } from "../vm/errors.ts";
import { blockHash } from "./block.ts";
import type { Clock } from "./clock.ts";
import { Executor, errorFromMessage, type ProducedBlock } from "./executor.ts";
import type { Genesis } from "./genesis.ts";
import { Mempool } from "./mempool.ts";
import { readAccount } from "./message-call.ts";
import { type RpcServer, startRpcServer } from "./rpc/server.ts";
import type {
  BlockRecord,
  Head,
  NodeService,
  SimulationResult,
  StateTree,
  TransactionRecord,
  ViewRequest,
  ViewResult,
} from "./rpc/service.ts";
import { type Account, codeKey, storageKey } from "./state/account.ts";
import { checkTransaction } from "./state-transition.ts";
import { type Durability, Store } from "./store.ts";
import { type EncodedTransaction, verifiedTransaction } from "./transaction.ts";

export { logicalClock, systemClock } from "./clock.ts";

/** Transactions of one block: bounds its batch and its message to the execution thread. */
const BLOCK_TRANSACTION_COUNT_MAX = 2_000;
/** Bytes of a block's transactions: what one RPC answer and one batch carry with ease. */
const BLOCK_SIZE_MAX = 4 * 1024 * 1024;
/** How long block production rests after the store refused a block. */
const STORAGE_RETRY_MS = 1_000;

export interface NodeOptions {
  /** The LevelDB folder. A new one begins with `genesis`. */
  readonly directory: string;
  readonly genesis?: Genesis;
  readonly durability?: Durability;
  /** Keep the state of the last so many blocks only; default: of all. */
  readonly prune?: number;
  readonly clock: Clock;
  /** Default: loopback. */
  readonly host?: string;
  /** 0 picks a free port. */
  readonly port: number;
  /** Told of each block, with the debug text of each of its transactions. */
  readonly onBlock?: (record: BlockRecord, logs: readonly (readonly string[])[]) => void;
  /** Told of what an operator should know: storage trouble and its end. */
  readonly onNotice?: (message: string) => void;
}

/**
 * Folders of the nodes in this process. LevelDB's lock keeps other processes out; for the execution thread's sake it lets this
 * one in as often as it likes.
 */
const usedLocations = new Set<string>();

interface Waiter {
  resolve(record: TransactionRecord): void;
  reject(error: Error): void;
}

function nameOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

export class Node implements NodeService {
  /** Resolves after `close`; rejects with the fault that stopped the node. */
  readonly closed: Promise<void>;
  readonly #options: NodeOptions;
  readonly #store: Store;
  readonly #executor: Executor;
  readonly #mempool = new Mempool();
  readonly #waiters = new Map<string, Waiter[]>();
  readonly #headListeners = new Set<(record: BlockRecord) => void>();
  #head: Head;
  #server: RpcServer | undefined;
  #sealSoon: NodeJS.Immediate | undefined;
  #isSealing = false;
  /** Settles when nothing is being sealed, and when the folder is not being opened again. Neither ever rejects. */
  #sealed: Promise<void> = Promise.resolve();
  #recovered: Promise<void> = Promise.resolve();
  #storageFailure: InputError | undefined;
  #storageRetry: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;
  /** The first thing that went wrong, and that `closed` rejects with. */
  #fault: Error | undefined;
  #settleClosed!: { resolve(): void; reject(error: Error): void };

  private constructor(options: NodeOptions, store: Store, executor: Executor) {
    this.#options = options;
    this.#store = store;
    this.#executor = executor;
    this.#head = headOf(store);
    this.closed = new Promise((resolve, reject) => {
      this.#settleClosed = { resolve, reject };
    });
    // Whoever does not look at `closed` must not bring the process down through it.
    this.closed.catch(() => {});
    executor.onFault = (fault) => this.#stopOnFault(fault);
  }

  /** Throws what `Store.open` throws, `prune_invalid` and `port_in_use`. Nothing stays behind when it does. */
  static async start(options: NodeOptions): Promise<Node> {
    const { prune } = options;
    if (prune !== undefined && !(Number.isSafeInteger(prune) && prune >= 1)) {
      throw new InputError("prune_invalid", `the state of ${prune} blocks cannot be kept`, {
        hint: "Keep that of 1 block or more, or leave the option out to keep all.",
      });
    }
    const { directory, genesis, durability = "os", host = "127.0.0.1", port } = options;
    const store = await Store.open(directory, { durability, ...(genesis === undefined ? {} : { genesis }) });
    if (usedLocations.has(store.location)) {
      await store.close();
      throw new InputError("data_locked", `${directory} is in use by another node of this process`, {
        hint: "Stop the other node, or give this one a folder of its own.",
      });
    }
    usedLocations.add(store.location);
    let executor: Executor | undefined;
    try {
      executor = await Executor.start({ directory, durability, keptRootCount: prune ?? null });
      const node = new Node(options, store, executor);
      node.#server = await startRpcServer({ service: node, host, port, onFault: (error) => node.#stopOnFault(error) });
      return node;
    } catch (error) {
      await executor?.close();
      await store.close();
      usedLocations.delete(store.location);
      throw error;
    }
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
    clearImmediate(this.#sealSoon);
    clearTimeout(this.#storageRetry);
    await this.#sealed;
    await this.#recovered;
    for (const waiters of this.#waiters.values()) for (const { reject } of waiters) reject(nodeStopping());
    await this.#server?.close();
    await this.#executor.close();
    await this.#store.close();
    usedLocations.delete(this.#store.location);
  }

  /** A fault never becomes a receipt: the node stops where it is, and the folder holds whole blocks only. */
  #stopOnFault(error: unknown): void {
    this.#fault ??= error instanceof Error ? error : new Fault(String(error));
    // Who waits for `closed` is told.
    this.close().catch(() => {});
  }

  head(): Head {
    return this.#head;
  }

  block(height: number): BlockRecord | undefined {
    const block = this.#isKnown(height) ? this.#store.block(height) : undefined;
    if (block === undefined) return undefined;
    return {
      header: block.header,
      hash: blockHash(block.header),
      block,
      receipts: this.#store.receipts(height, block),
    };
  }

  heightOf(hashOfBlock: Uint8Array): number | undefined {
    const height = this.#store.heightOf(hashOfBlock);
    return height !== undefined && this.#isKnown(height) ? height : undefined;
  }

  /** The store has a block a moment before the node has taken it over; until then nobody is told of it. */
  #isKnown(height: number): boolean {
    return height <= this.#head.header.height;
  }

  transaction(hash: Uint8Array): TransactionRecord | undefined {
    const position = this.#store.transactionPosition(hash);
    if (position === undefined || !this.#isKnown(position.height)) return undefined;
    const { height, index } = position;
    const block = this.#store.requireBlock(height);
    const receipt = this.#store.receipt(height, index);
    const transaction = block.transactions[index];
    assert(receipt !== undefined, "a transaction in a block has a receipt");
    assert(transaction !== undefined, "a transaction is where its index says");
    return { transaction, receipt, height, blockHash: blockHash(block.header), index };
  }

  account(address: Uint8Array): Account {
    return readAccount(this.#store.flat, address);
  }

  nextNonce(address: Uint8Array): number {
    return this.#mempool.nextNonce(address, this.account(address).nonce);
  }

  storage(contract: Uint8Array, key: Uint8Array): Uint8Array | undefined {
    return this.#store.flat.get(storageKey(contract, key));
  }

  code(codeHash: Uint8Array): Uint8Array | undefined {
    return this.#store.flat.get(codeKey(codeHash));
  }

  stateTree(height = this.#head.header.height): StateTree {
    if (!this.#isKnown(height)) {
      throw new InputError("height_unknown", `there is no block ${height}; the head is ${this.#head.header.height}`);
    }
    const nodes = this.#store.nodesAt(height);
    return { header: this.#store.requireBlock(height).header, nodes };
  }

  pendingCount(): number {
    return this.#mempool.size;
  }

  view(request: ViewRequest): Promise<ViewResult> {
    return this.#executor.request("view", request);
  }

  simulate(encoded: Uint8Array): Promise<SimulationResult> {
    return this.#executor.request("simulate", { encoded });
  }

  onHead(listener: (record: BlockRecord) => void): () => void {
    this.#headListeners.add(listener);
    return () => this.#headListeners.delete(listener);
  }

  async submit(encoded: Uint8Array): Promise<Uint8Array> {
    const entry = verifiedTransaction(encoded);
    await this.#admit(entry);
    return entry.hash;
  }

  async submitAndWait(encoded: Uint8Array, timeoutMs: number): Promise<TransactionRecord> {
    const entry = verifiedTransaction(encoded);
    await this.#admit(entry);
    return this.#waitFor(entry.hash, timeoutMs);
  }

  async #admit(entry: EncodedTransaction): Promise<void> {
    this.#checkAdmissible(entry);
    // Code that is no contract is told to its sender now, with its place, instead of as a bare reason in a receipt.
    const uploads = entry.transaction.body.actions.filter((action) => action.kind === "upload");
    for (const { code } of uploads) await this.#executor.request("checkCode", { code });
    // The chain may have gone on meanwhile.
    if (uploads.length > 0) this.#checkAdmissible(entry);
    this.#mempool.add(entry, this.account(entry.transaction.body.sender).nonce);
    this.#scheduleSeal();
  }

  #checkAdmissible(entry: EncodedTransaction): void {
    if (this.#closing !== undefined) throw nodeStopping();
    if (this.#storageFailure !== undefined) throw this.#storageFailure;
    if (this.#store.transactionPosition(entry.hash) !== undefined) {
      throw new InputError("already_included", "the transaction is in a block already");
    }
    const { body } = entry.transaction;
    const rules = { chainId: this.genesis.chainId, params: this.genesis.params };
    checkTransaction(rules, this.account(body.sender), this.#head.header.height + 1, entry);
  }

  async #waitFor(hash: Uint8Array, timeoutMs: number): Promise<TransactionRecord> {
    if (this.#closing !== undefined) throw nodeStopping();
    const included = this.transaction(hash);
    if (included !== undefined) return included;
    const name = nameOf(hash);
    return new Promise((resolve, reject) => {
      const timeout = setTimeout(() => {
        const others = this.#waiters.get(name)?.filter((other) => other !== waiter) ?? [];
        if (others.length === 0) this.#waiters.delete(name);
        else this.#waiters.set(name, others);
        const hint = "It still waits: ask for its receipt later. Perhaps an earlier nonce is missing.";
        reject(new InputError("wait_timeout", `no block took the transaction within ${timeoutMs} ms`, { hint }));
      }, timeoutMs);
      const waiter: Waiter = {
        resolve: (record) => {
          clearTimeout(timeout);
          resolve(record);
        },
        reject: (error) => {
          clearTimeout(timeout);
          reject(error);
        },
      };
      const waiters = this.#waiters.get(name);
      if (waiters === undefined) this.#waiters.set(name, [waiter]);
      else waiters.push(waiter);
    });
  }

  #takeWaiters(hash: Uint8Array): readonly Waiter[] {
    const name = nameOf(hash);
    const waiters = this.#waiters.get(name) ?? [];
    this.#waiters.delete(name);
    return waiters;
  }

  /** Once this turn of the event loop is over, so that transactions that arrive together share a block. */
  #scheduleSeal(): void {
    if (this.#isSealing || this.#storageFailure !== undefined || this.#closing !== undefined) return;
    this.#sealSoon ??= setImmediate(() => {
      this.#sealSoon = undefined;
      this.#sealed = this.#seal().catch((error) => this.#stopOnFault(error));
    });
  }

  async #seal(): Promise<void> {
    const nonceOf = (sender: Uint8Array) => this.account(sender).nonce;
    this.#isSealing = true;
    try {
      while (this.#closing === undefined) {
        const { blockGasLimit } = this.genesis.params;
        const entries = this.#mempool.take(nonceOf, blockGasLimit, BLOCK_TRANSACTION_COUNT_MAX, BLOCK_SIZE_MAX);
        if (entries.length === 0) return;
        const time = this.#options.clock(this.#head.header.time);
        const transactions = entries.map(({ encoded }) => encoded);
        const { height, logs, invalid } = await this.#executor.request("produce", { time, transactions });
        this.#refuse(entries, invalid);
        if (height > this.#head.header.height) this.#adoptHead(logs);
      }
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      this.#restProduction(error);
    } finally {
      // In the same turn as the last look at the mempool, so that whoever submits after that look schedules anew.
      this.#isSealing = false;
    }
  }

  /** Drops what was taken for a block and may not be in it. */
  #refuse(entries: readonly EncodedTransaction[], invalid: ProducedBlock["invalid"]): void {
    const refusals = new Map(invalid.map(({ hash, error }) => [nameOf(hash), errorFromMessage(error)]));
    for (const entry of entries) {
      const refusal = refusals.get(nameOf(entry.hash));
      // One that only lost a predecessor keeps its place until another comes.
      if (refusal === undefined || refusal.code === "nonce_too_high") continue;
      this.#mempool.remove(entry);
      for (const { reject } of this.#takeWaiters(entry.hash)) reject(refusal);
    }
  }

  /** Takes the block that the store has on top of the head over into everything that follows the head. */
  #adoptHead(logs: readonly (readonly string[])[]): void {
    const height = this.#head.header.height + 1;
    this.#head = headOf(this.#store);
    assert(this.#head.header.height === height, "the head moves by one block");
    const record = this.block(height);
    assert(record !== undefined, "the head's block is in the store");
    for (const [index, receipt] of record.receipts.entries()) {
      const transaction = record.block.transactions[index]!;
      const included = { transaction, receipt, height, blockHash: record.hash, index };
      for (const { resolve } of this.#takeWaiters(receipt.transactionHash)) resolve(included);
    }
    for (const { hash } of this.#mempool.prune((sender) => this.account(sender).nonce, height + 1)) {
      const dropped = new InputError("dropped", "the transaction expired, or another with its nonce was included");
      for (const { reject } of this.#takeWaiters(hash)) reject(dropped);
    }
    for (const listener of this.#headListeners) listener(record);
    this.#options.onBlock?.(record, logs);
  }

  /** The store took no block: stop making any, go on answering, and try again until it works. */
  #restProduction(failure: InputError): void {
    if (this.#storageFailure === undefined) this.#options.onNotice?.(`block production stopped: ${failure.message}`);
    this.#storageFailure = failure;
    if (this.#closing !== undefined) return;
    this.#storageRetry = setTimeout(() => {
      this.#recovered = this.#recoverStorage().catch((error) => this.#stopOnFault(error));
    }, STORAGE_RETRY_MS);
  }

  /**
   * After a failed write LevelDB must read its log again before it takes another, so both threads let go of the folder and
   * open it anew. Until there is room for that, the folder stays open and can be read.
   */
  async #recoverStorage(): Promise<void> {
    assert(this.#storageFailure !== undefined, "only a failure is recovered from");
    if (!this.#store.hasRoom()) return this.#restProduction(this.#storageFailure);
    try {
      await this.#executor.request("release", null);
      await this.#store.close();
      await this.#store.reopen();
      await this.#executor.request("reopen", null);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return this.#restProduction(error);
    }
    // What could not be written to the end may be in the log to the end.
    if (this.#store.headHeight > this.#head.header.height) this.#adoptHead([]);
    this.#storageFailure = undefined;
    this.#options.onNotice?.("block production goes on");
    this.#scheduleSeal();
  }
}

function nodeStopping(): InputError {
  return new InputError("node_stopping", "the node is stopping");
}

function headOf(store: Store): Head {
  const { header } = store.requireBlock(store.headHeight);
  return { header, hash: blockHash(header) };
}
