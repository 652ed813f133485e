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
/** How long block production rests after the store refused a block. */
const STORAGE_RETRY_MS = 1_000;

export interface NodeOptions {
  /** The LevelDB folder. A new one begins with `genesis`. */
  readonly directory: string;
  readonly genesis?: Genesis;
  readonly durability?: Durability;
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
  #sealing: Promise<void> | undefined;
  #sealSoon: NodeJS.Immediate | undefined;
  #storageFailure: InputError | undefined;
  #storageRetry: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;
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

  /** Throws what `Store.open` throws, and `port_in_use`. Nothing stays behind when it does. */
  static async start(options: NodeOptions): Promise<Node> {
    const { directory, genesis, durability = "os", host = "127.0.0.1", port } = options;
    const store = await Store.open(directory, { durability, ...(genesis === undefined ? {} : { genesis }) });
    let executor: Executor | undefined;
    try {
      executor = await Executor.start({ directory, durability });
      const node = new Node(options, store, executor);
      node.#server = await startRpcServer({ service: node, host, port, onFault: (error) => node.#stopOnFault(error) });
      return node;
    } catch (error) {
      await executor?.close();
      await store.close();
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
    this.#closing ??= this.#close().then(
      () => this.#settleClosed.resolve(),
      (error) => this.#settleClosed.reject(error),
    );
    return this.closed;
  }

  async #close(): Promise<void> {
    clearImmediate(this.#sealSoon);
    clearTimeout(this.#storageRetry);
    await this.#sealing;
    for (const waiters of this.#waiters.values()) {
      for (const { reject } of waiters) reject(new InputError("node_stopping", "the node is stopping"));
    }
    await this.#server?.close();
    await this.#executor.close();
    await this.#store.close();
  }

  /** A fault never becomes a receipt: the node stops where it is, and the folder holds whole blocks only. */
  #stopOnFault(error: unknown): void {
    const fault = error instanceof Error ? error : new Fault(String(error));
    this.#settleClosed.reject(fault);
    this.#closing ??= this.#close();
  }

  head(): Head {
    return this.#head;
  }

  block(height: number): BlockRecord | undefined {
    const block = height <= this.#head.header.height ? this.#store.block(height) : undefined;
    if (block === undefined) return undefined;
    return {
      header: block.header,
      hash: blockHash(block.header),
      block,
      receipts: this.#store.receipts(height, block),
    };
  }

  heightOf(hashOfBlock: Uint8Array): number | undefined {
    return this.#store.heightOf(hashOfBlock);
  }

  transaction(hash: Uint8Array): TransactionRecord | undefined {
    const position = this.#store.transactionPosition(hash);
    if (position === undefined) return undefined;
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
    if (this.#closing !== undefined) throw new InputError("node_stopping", "the node is stopping");
    if (this.#storageFailure !== undefined) throw this.#storageFailure;
    if (this.#store.transactionPosition(entry.hash) !== undefined) {
      throw new InputError("already_included", "the transaction is in a block already");
    }
    const { body } = entry.transaction;
    const rules = { chainId: this.genesis.chainId, params: this.genesis.params };
    checkTransaction(rules, this.account(body.sender), this.#head.header.height + 1, entry);
    // Code that is no contract is told to its sender now, with its place, instead of as a bare reason in a receipt.
    for (const action of body.actions) {
      if (action.kind === "upload") await this.#executor.request("checkCode", { code: action.code });
    }
    this.#mempool.add(entry, this.account(body.sender).nonce);
    this.#scheduleSeal();
  }

  #waitFor(hash: Uint8Array, timeoutMs: number): Promise<TransactionRecord> {
    const included = this.transaction(hash);
    if (included !== undefined) return Promise.resolve(included);
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
    if (this.#sealing !== undefined || this.#storageFailure !== undefined || this.#closing !== undefined) return;
    this.#sealSoon ??= setImmediate(() => {
      this.#sealSoon = undefined;
      this.#sealing = this.#seal()
        .catch((error) => this.#stopOnFault(error))
        .finally(() => {
          this.#sealing = undefined;
        });
    });
  }

  async #seal(): Promise<void> {
    const nonceOf = (sender: Uint8Array) => this.account(sender).nonce;
    while (this.#closing === undefined) {
      const entries = this.#mempool.take(nonceOf, this.genesis.params.blockGasLimit, BLOCK_TRANSACTION_COUNT_MAX);
      if (entries.length === 0) return;
      const time = this.#options.clock(this.#head.header.time);
      let produced: ProducedBlock;
      try {
        produced = await this.#executor.request("produce", {
          time,
          transactions: entries.map(({ encoded }) => encoded),
        });
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        this.#restProduction(error);
        return;
      }
      this.#adopt(entries, produced);
    }
  }

  /** Takes a committed block over into everything that follows the head. */
  #adopt(entries: readonly EncodedTransaction[], produced: ProducedBlock): void {
    this.#head = headOf(this.#store);
    assert(this.#head.header.height === produced.height, "the head is the block just made");
    const record = this.block(produced.height);
    assert(record !== undefined, "the block just made is in the store");

    const refusals = new Map(produced.invalid.map(({ hash, error }) => [nameOf(hash), errorFromMessage(error)]));
    for (const entry of entries) {
      const refusal = refusals.get(nameOf(entry.hash));
      // It only lost a predecessor, and keeps its place until one comes.
      if (refusal?.code === "nonce_too_high") continue;
      this.#mempool.remove(entry);
      if (refusal !== undefined) for (const { reject } of this.#takeWaiters(entry.hash)) reject(refusal);
    }
    const nonceOf = (sender: Uint8Array) => this.account(sender).nonce;
    for (const { hash } of this.#mempool.prune(nonceOf, produced.height + 1)) {
      const dropped = new InputError("dropped", "the transaction expired, or another with its nonce was included");
      for (const { reject } of this.#takeWaiters(hash)) reject(dropped);
    }
    for (const [index, hash] of produced.transactionHashes.entries()) {
      const transaction = record.block.transactions[index]!;
      const receipt = record.receipts[index]!;
      const included = { transaction, receipt, height: produced.height, blockHash: record.hash, index };
      for (const { resolve } of this.#takeWaiters(hash)) resolve(included);
    }
    for (const listener of this.#headListeners) listener(record);
    this.#options.onBlock?.(record, produced.logs);
  }

  /** The store took no block: stop making any, go on answering, and try again until it works. */
  #restProduction(failure: InputError): void {
    if (this.#storageFailure === undefined) this.#options.onNotice?.(`block production stopped: ${failure.message}`);
    this.#storageFailure = failure;
    this.#storageRetry = setTimeout(() => {
      this.#recoverStorage().catch((error) => this.#stopOnFault(error));
    }, STORAGE_RETRY_MS);
  }

  /**
   * After a failed write LevelDB must read its log again before it takes another, so both threads let go of the folder and
   * open it anew. Then the next block shows whether there is room.
   */
  async #recoverStorage(): Promise<void> {
    try {
      await this.#executor.request("release", null);
      await this.#store.close();
      await this.#store.reopen();
      await this.#executor.request("reopen", null);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      this.#restProduction(error);
      return;
    }
    this.#storageFailure = undefined;
    this.#options.onNotice?.("block production tries again");
    this.#scheduleSeal();
  }
}

function headOf(store: Store): Head {
  const { header } = store.requireBlock(store.headHeight);
  return { header, hash: blockHash(header) };
}
