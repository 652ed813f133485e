/**
 * A node for tests of the RPC layer: a chain of real blocks that runs nothing. It admits transactions, seals each in a
 * block of its own, and knows one contract. A test replaces a method, or uses `onView`, to block or break the node.
 */

import { type Block, blockHash, type Header, type Receipt, receiptsRoot, transactionsRoot } from "../../node/block.ts";
import { hash, publicKeyOf } from "../../node/crypto.ts";
import { endOfBlock } from "../../node/events.ts";
import { encodeGenesis, type Genesis } from "../../node/genesis.ts";
import { defaultParams } from "../../node/params.ts";
import type {
  BlockRecord,
  EventFilter,
  EventPage,
  EventPosition,
  EventQuery,
  EventRecord,
  NodeInfo,
  NodeService,
  PoolEvent,
  PooledTransaction,
  PoolQuery,
  Sealing,
  SimulationResult,
  TransactionRecord,
  ViewRequest,
  ViewResult,
} from "../../node/rpc/service.ts";
import { type Account, accountKey, emptyAccount, encodeAccount, storageKey } from "../../node/state/account.ts";
import { applyChanges } from "../../node/state/tree.ts";
import {
  type Action,
  decodeTransaction,
  encodedTransaction,
  encodeTransaction,
  signTransaction,
  type Transaction,
  transactionHash,
  verifiedTransaction,
} from "../../node/transaction.ts";
import { ABI_SECTION } from "../../vm/abi.ts";
import { InputError } from "../../vm/errors.ts";
import { FakeDevelopment } from "./fake-development.ts";

const secretKey = new Uint8Array(32).fill(7);
/** Who signs every transaction. */
export const sender = publicKeyOf(secretKey);
/** The only contract, with `code`; `bareCode` is a module without an ABI. */
export const contract = new Uint8Array(32).fill(3);
export const abiBytes = Uint8Array.of(1, 2, 3);
export const bareCode = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
const abiName = new TextEncoder().encode(ABI_SECTION);
export const code = Uint8Array.of(...bareCode, 0, 1 + abiName.length + 3, abiName.length, ...abiName, ...abiBytes);
export const codeHash = hash("code", code);
export const noHash = new Uint8Array(32);
/** Of the only event there is: each transaction emits one. */
export const eventName = new TextEncoder().encode("Moved");

export const upload = (size: number): Action => ({ kind: "upload", code: new Uint8Array(size) });
export const call: Action = { kind: "call", contract, method: "transfer", args: Uint8Array.of(1), value: 3n };

/** A signed transaction of `sender`, encoded. */
export function transaction(...actions: Action[]): Uint8Array {
  return transactionWith({}, ...actions);
}

export function transactionWith({ nonce = 4, expiryHeight = 1_000_000 }, ...actions: Action[]): Uint8Array {
  const body = { chainId: "test", sender, nonce, gasLimit: 100, gasPrice: 1n, expiryHeight, actions };
  return encodeTransaction(signTransaction(body, secretKey));
}

/** Blocks that one call of `events` looks at. */
const EVENT_BLOCKS_MAX = 1000;

const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const isEqual = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;

function comparePositions(a: EventPosition, b: EventPosition): number {
  return a.height - b.height || a.transactionIndex - b.transactionIndex || a.eventIndex - b.eventIndex;
}

export class FakeNode implements NodeService {
  readonly genesis: Genesis = {
    chainId: "test",
    time: 0,
    params: defaultParams,
    proposer: sender,
    balances: [{ address: sender, balance: 1n << 100n }],
    base: null,
  };
  readonly genesisHash = hash("genesis", encodeGenesis(this.genesis));
  readonly #records: BlockRecord[] = [];
  readonly #transactions = new Map<string, { readonly height: number; readonly index: number }>();
  readonly #heights = new Map<string, number>();
  readonly #pool = new Map<string, PooledTransaction>();
  readonly #headListeners = new Set<(record: BlockRecord) => void>();
  readonly #poolListeners = new Set<(event: PoolEvent) => void>();
  /** Called at the start of every view; a test blocks or breaks the node here. */
  onView: () => void | Promise<void> = () => {};
  codeReads = 0;
  bigCode = new Uint8Array(1024 * 1024).fill(0xab);
  sealing: Sealing = { kind: "transaction" };
  development?: FakeDevelopment = new FakeDevelopment(this, secretKey, sender);
  stopped: InputError | null = null;

  constructor() {
    this.seal([]);
  }

  // What a test makes happen.

  /** The next block, with these transactions; they leave the pool. */
  seal(transactions: readonly Transaction[]): BlockRecord {
    const receipts = transactions.map((transaction) => this.receiptOf(transaction));
    const height = this.#records.length;
    const header: Header = {
      height,
      parentHash: this.#records.at(-1)?.hash ?? noHash,
      time: height * 1000,
      protocolVersion: 1,
      proposer: sender,
      gasUsed: receipts.length * 21,
      gasLimit: defaultParams.blockGasLimit,
      stateRoot: noHash,
      transactionsRoot: transactionsRoot(transactions),
      receiptsRoot: receiptsRoot(receipts),
    };
    const record = { header, hash: blockHash(header), block: { header, transactions } satisfies Block, receipts };
    this.#records.push(record);
    this.#heights.set(hexOf(record.hash), height);
    for (const [index, { transactionHash }] of receipts.entries()) {
      const key = hexOf(transactionHash);
      this.#pool.delete(key);
      if (!this.#transactions.has(key)) this.#transactions.set(key, { height, index });
    }
    this.announce(record);
    return record;
  }

  /** Tells of a head, which may be none of the chain's. */
  announce(record: BlockRecord): void {
    for (const listener of this.#headListeners) listener(record);
  }

  /** Takes the chain back to `height` and tells of the head that is left. */
  rollBack(height: number): void {
    for (const { hash, receipts } of this.#records.splice(height + 1)) {
      this.#heights.delete(hexOf(hash));
      for (const { transactionHash } of receipts) this.#transactions.delete(hexOf(transactionHash));
    }
    this.announce(this.head());
  }

  /** Puts a transaction into the pool, where it waits until it is sealed or dropped. */
  admit(encoded: Uint8Array, isReady = true): Uint8Array {
    const entry = encodedTransaction(encoded);
    this.#pool.set(hexOf(entry.hash), { entry, isReady, admittedAt: 1_000 });
    this.#tellPool({ kind: "admitted", entry });
    return entry.hash;
  }

  receiptOf(transaction: Transaction): Receipt {
    return {
      transactionHash: transactionHash(encodeTransaction(transaction)),
      status: { kind: "revert", code: 0, data: new TextEncoder().encode("no funds") },
      gasUsed: 21,
      fee: (1n << 64n) + 1n,
      actions: [{ gasUsed: 21, returnData: Uint8Array.of(9), created: [contract] }],
      events: [{ contract, topics: [eventName], data: Uint8Array.of(1) }],
    };
  }

  #tellPool(event: PoolEvent): void {
    for (const listener of this.#poolListeners) listener(event);
  }

  // The chain.

  info(): NodeInfo {
    const { sealing, stopped } = this;
    const started = { version: "0.0.0", startedAt: 1_000, durability: "os" } as const;
    return { ...started, sealing, stopped, lowestStateHeight: 0, followed: null };
  }
  head() {
    return this.#records.at(-1)!;
  }
  block(height: number) {
    return this.#records[height];
  }
  heightOf(hash: Uint8Array) {
    return this.#heights.get(hexOf(hash));
  }
  transaction(hash: Uint8Array): TransactionRecord | undefined {
    const position = this.#transactions.get(hexOf(hash));
    if (position === undefined) return undefined;
    const { height, index } = position;
    const { block, receipts, hash: blockHash } = this.#records[height]!;
    return { transaction: block.transactions[index]!, receipt: receipts[index]!, height, blockHash, index };
  }

  async events({ filter, fromHeight, toHeight, after, limit }: EventQuery): Promise<EventPage> {
    if (fromHeight > toHeight) throw new InputError("range_invalid", "the range ends before it begins");
    const start = Math.max(fromHeight, after?.height ?? 0);
    const end = Math.min(toHeight, this.#records.length - 1, start + EVENT_BLOCKS_MAX - 1);
    const events: EventRecord[] = [];
    for (let height = start; height <= end; height++) {
      for (const record of this.#eventsOf(this.#records[height]!, filter)) {
        if (after !== undefined && comparePositions(record.position, after) <= 0) continue;
        if (events.length === limit) return { events, next: events.at(-1)!.position };
        events.push(record);
      }
    }
    const isWhole = end >= Math.min(toHeight, this.#records.length - 1);
    return { events, next: isWhole ? null : endOfBlock(end) };
  }

  #eventsOf({ header, hash: blockHash, receipts }: BlockRecord, { contract, name }: EventFilter): EventRecord[] {
    return receipts.flatMap(({ transactionHash, events }, transactionIndex) =>
      events.flatMap((event, eventIndex) => {
        const isWanted =
          (contract === undefined || isEqual(contract, event.contract)) &&
          (name === undefined || isEqual(name, event.topics[0]!));
        const position = { height: header.height, transactionIndex, eventIndex };
        return isWanted ? [{ event, position, transactionHash, blockHash }] : [];
      }),
    );
  }

  // The state: the same at every height.

  #checkHeight(height: number): void {
    if (height >= this.#records.length) throw new InputError("height_unknown", "there is no such block");
  }
  account(address: Uint8Array, height = 0): Account {
    this.#checkHeight(height);
    if (isEqual(address, contract)) return { nonce: 0, balance: 5n, codeHash };
    return isEqual(address, sender) ? { nonce: 4, balance: 1n << 100n, codeHash: null } : emptyAccount;
  }
  nextNonce(address: Uint8Array) {
    return this.account(address).nonce + 2;
  }
  storage(_: Uint8Array, key: Uint8Array, height = 0) {
    this.#checkHeight(height);
    return key[0] === 1 ? Uint8Array.of(0xaa) : undefined;
  }
  code(wanted: Uint8Array) {
    this.codeReads++;
    if (wanted[0] === 0xff) return this.bigCode;
    return isEqual(wanted, codeHash) ? code : undefined;
  }
  /** The sender's account and one entry. */
  stateTree(height = this.head().header.height) {
    this.#checkHeight(height);
    const nodes = new Map<string, Uint8Array>();
    const reader = { getNode: (key: Uint8Array) => nodes.get(hexOf(key)) };
    const { newNodes, root } = applyChanges(reader, null, height, [
      { key: accountKey(sender), value: encodeAccount(this.account(sender)) },
      { key: storageKey(contract, Uint8Array.of(1)), value: new Uint8Array() },
    ]);
    for (const { key, bytes } of newNodes) nodes.set(hexOf(key), bytes);
    return { header: { ...this.#records[height]!.header, stateRoot: root }, nodes: reader };
  }
  withState<T>(read: () => T): T | Promise<T> {
    return read();
  }

  // Transactions.

  poolStatus() {
    const all = [...this.#pool.values()];
    const bytes = all.reduce((sum, { entry }) => sum + entry.encoded.length, 0);
    const readyCount = all.filter(({ isReady }) => isReady).length;
    return { count: all.length, bytes, readyCount, countMax: 1_000, bytesMax: 1_000_000 };
  }
  pool({ sender, after, limit }: PoolQuery): readonly PooledTransaction[] {
    const all = [...this.#pool.values()];
    const start = after === undefined ? 0 : all.findIndex(({ entry }) => isEqual(entry.hash, after)) + 1;
    if (after !== undefined && start === 0) return [];
    const isWanted = ({ entry }: PooledTransaction) =>
      sender === undefined || isEqual(entry.transaction.body.sender, sender);
    return all.slice(start).filter(isWanted).slice(0, limit);
  }
  pooled(hash: Uint8Array) {
    return this.#pool.get(hexOf(hash));
  }
  async submit(encoded: Uint8Array) {
    return (await this.submitAndWait(encoded)).receipt.transactionHash;
  }
  async submitAndWait(encoded: Uint8Array, _timeoutMs = 0): Promise<TransactionRecord> {
    const { transaction, hash } = verifiedTransaction(encoded);
    if (transaction.body.expiryHeight < this.#records.length) throw new InputError("wait_timeout", "no block came");
    this.admit(encoded);
    this.seal([transaction]);
    return this.transaction(hash)!;
  }
  async simulate(encoded: Uint8Array): Promise<SimulationResult> {
    const differences = [
      { key: accountKey(sender), before: null, after: encodeAccount(this.account(sender)) },
      { key: storageKey(contract, Uint8Array.of(1)), before: new Uint8Array(), after: null },
    ];
    const receipt = this.receiptOf(decodeTransaction(encoded));
    return { receipt, height: this.head().header.height, logs: ["hi"], differences };
  }
  async view({ method, gasLimit = 7, height = this.head().header.height }: ViewRequest): Promise<ViewResult> {
    this.#checkHeight(height);
    await this.onView();
    const outcome =
      method === "get"
        ? ({ kind: "success", data: Uint8Array.of(1) } as const)
        : ({ kind: "halt", reason: "OutOfGas" } as const);
    return { outcome, gasUsed: gasLimit, height, logs: [] };
  }

  onHead(listener: (record: BlockRecord) => void) {
    this.#headListeners.add(listener);
    return () => void this.#headListeners.delete(listener);
  }
  onPool(listener: (event: PoolEvent) => void) {
    this.#poolListeners.add(listener);
    return () => void this.#poolListeners.delete(listener);
  }
  /** How many listen, to heads and to the pool. */
  get listenerCount(): number {
    return this.#headListeners.size + this.#poolListeners.size;
  }

  // Development powers.

  mine(count: number) {
    const ready = [...this.#pool.values()].filter(({ isReady }) => isReady);
    this.seal(ready.map(({ entry }) => entry.transaction));
    for (let made = 1; made < count; made++) this.seal([]);
    return this.head();
  }
  setSealing(sealing: Sealing) {
    this.sealing = sealing;
  }
  drop({ hash, sender }: { readonly hash?: Uint8Array; readonly sender?: Uint8Array }) {
    const error = new InputError("transaction_dropped", "dropped by hand");
    const dropped = [...this.#pool.values()].filter(
      ({ entry }) =>
        (hash === undefined || isEqual(entry.hash, hash)) &&
        (sender === undefined || isEqual(entry.transaction.body.sender, sender)),
    );
    for (const { entry } of dropped) {
      this.#pool.delete(hexOf(entry.hash));
      this.#tellPool({ kind: "dropped", entry, error });
    }
    return dropped.length;
  }
}
