/**
 * The chain as the node's own thread tells it: blocks, receipts, events and state, as far as the node has taken them over.
 *
 * Law: the store has a block a moment before the node has adopted it, and until then nobody is told of it.
 */
import { assert, InputError } from "../vm/errors.ts";
import { blockHash } from "./block.ts";
import { readAccount } from "./message-call.ts";
import { nameOf } from "./name-of.ts";
import type { BlockRecord, EventPage, EventQuery, Head, StateTree, TransactionRecord } from "./rpc/service.ts";
import { type Account, codeKey, storageKey } from "./state/account.ts";
import type { StateReader } from "./state/journal.ts";
import type { Store } from "./store.ts";

/** Accounts that are remembered until the head moves: more than the senders of a block. */
const ACCOUNT_COUNT_MAX = 4_096;

export class ChainReader {
  readonly #store: Store;
  #head: Head;
  /** The head's own block, which everybody asks for at once. */
  #latest: BlockRecord | undefined;
  /** At the head: senders are looked at again and again while a block is made. */
  readonly #accounts = new Map<string, Account>();
  /** Meanwhile the flat view shows states on the way; the tree of the new head stays as it is. */
  #isRollingBack = false;

  constructor(store: Store) {
    this.#store = store;
    const header = store.header(store.headHeight);
    this.#head = { header, hash: blockHash(header) };
  }

  get head(): Head {
    return this.#head;
  }

  /** Takes a block over that is in the store, on top of the head. */
  adopt(record: BlockRecord): void {
    assert(record.header.height === this.#head.header.height + 1, "the head moves by one block");
    this.#head = record;
    this.#latest = record;
    this.#accounts.clear();
  }

  /** Before the store takes back what is above `height`: from now on nobody is told of it, and reads do not see it go. */
  beginRollback(height: number): Head {
    this.#moveTo(height);
    this.#isRollingBack = true;
    return this.#head;
  }

  get isRollingBack(): boolean {
    return this.#isRollingBack;
  }

  endRollback(): void {
    this.#isRollingBack = false;
    this.#accounts.clear();
  }

  /** After `beginRollback`, when nothing was taken back: where the store stands. */
  reload(): void {
    this.endRollback();
    this.#moveTo(this.#store.headHeight);
  }

  #moveTo(height: number): void {
    const header = this.#store.header(height);
    this.#head = { header, hash: blockHash(header) };
    this.#latest = undefined;
    this.#accounts.clear();
  }

  /** Blocks that the store has and the node has not: there are some after a write that failed and was whole after all. */
  *unadopted(): Generator<BlockRecord> {
    const { headHeight } = this.#store;
    while (this.#head.header.height < headHeight) yield this.#read(this.#head.header.height + 1)!;
  }

  block(height: number): BlockRecord | undefined {
    if (height === this.#latest?.header.height) return this.#latest;
    return this.#isKnown(height) ? this.#read(height) : undefined;
  }

  #read(height: number): BlockRecord | undefined {
    const block = this.#store.block(height);
    if (block === undefined) return undefined;
    const { header } = block;
    return { header, hash: blockHash(header), block, receipts: this.#store.receipts(height, block) };
  }

  heightOf(hashOfBlock: Uint8Array): number | undefined {
    const height = this.#store.heightOf(hashOfBlock);
    return height !== undefined && this.#isKnown(height) ? height : undefined;
  }

  #isKnown(height: number): boolean {
    return height <= this.#head.header.height;
  }

  has(transactionHash: Uint8Array): boolean {
    return this.#store.transactionPosition(transactionHash) !== undefined;
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

  events(query: EventQuery): Promise<EventPage> {
    return this.#store.events(query, this.#head.header.height);
  }

  account(address: Uint8Array, height?: number): Account {
    if (height !== undefined) return readAccount(this.#stateAt(height), address);
    const name = nameOf(address);
    let account = this.#accounts.get(name);
    if (account === undefined) {
      account = readAccount(this.#atHead, address);
      // The store may be a block further already; what it says then is not remembered.
      if (this.#accounts.size >= ACCOUNT_COUNT_MAX) this.#accounts.clear();
      this.#accounts.set(name, account);
    }
    return account;
  }

  storage(contract: Uint8Array, key: Uint8Array, height?: number): Uint8Array | undefined {
    const state = height === undefined ? this.#atHead : this.#stateAt(height);
    return state.get(storageKey(contract, key));
  }

  code(codeHash: Uint8Array): Uint8Array | undefined {
    return this.#atHead.get(codeKey(codeHash));
  }

  get #atHead(): StateReader {
    return this.#isRollingBack ? this.#store.stateAt(this.#head.header.height) : this.#store.flat;
  }

  stateTree(height = this.#head.header.height): StateTree {
    this.checkKnown(height);
    const nodes = this.#store.nodesAt(height);
    return { header: this.#store.header(height), nodes };
  }

  get lowestStateHeight(): number {
    return this.#store.lowestHeight;
  }

  #stateAt(height: number): StateReader {
    this.checkKnown(height);
    return this.#store.stateAt(height);
  }

  /** Throws `height_unknown`. */
  checkKnown(height: number): void {
    if (this.#isKnown(height)) return;
    throw new InputError("height_unknown", `there is no block ${height}; the head is ${this.#head.header.height}`);
  }
}
