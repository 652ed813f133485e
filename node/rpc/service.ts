/**
 * What the RPC layer asks of a node: the seam between messages and the chain. `Node` implements it; nothing in `rpc/`
 * sees a database, a mempool or a thread.
 */

import type { InputError } from "../../vm/errors.ts";
import type { Outcome } from "../../vm/outcome.ts";
import type { Block, Event, Header, Receipt } from "../block.ts";
import type { Genesis } from "../genesis.ts";
import type { Account } from "../state/account.ts";
import type { NodeReader } from "../state/tree.ts";
import type { EncodedTransaction, Transaction } from "../transaction.ts";

export interface Head {
  readonly header: Header;
  readonly hash: Uint8Array;
}

export interface BlockRecord extends Head {
  readonly block: Block;
  readonly receipts: readonly Receipt[];
}

/** A transaction in its block. */
export interface TransactionRecord {
  readonly transaction: Transaction;
  readonly receipt: Receipt;
  readonly height: number;
  readonly blockHash: Uint8Array;
  /** Position in the block. */
  readonly index: number;
}

/** The state tree as a block left it: version `header.height` of `nodes`, with the root `header.stateRoot`. */
export interface StateTree {
  readonly header: Header;
  readonly nodes: NodeReader;
}

/** A block's event with where it is: the position within the receipt comes last. */
export interface EventRecord {
  readonly event: Event;
  readonly position: EventPosition;
  readonly transactionHash: Uint8Array;
  readonly blockHash: Uint8Array;
}

/** In the order of the chain. */
export interface EventPosition {
  readonly height: number;
  readonly transactionIndex: number;
  readonly eventIndex: number;
}

/** What is absent matches everything. */
export interface EventFilter {
  readonly contract?: Uint8Array;
  /** The first topic. */
  readonly name?: Uint8Array;
}

export interface EventQuery {
  readonly filter: EventFilter;
  readonly fromHeight: number;
  readonly toHeight: number;
  /** Only what comes after this. */
  readonly after?: EventPosition;
  readonly limit: number;
}

export interface EventPage {
  readonly events: readonly EventRecord[];
  /** Where to go on; null when nothing matching is left up to `toHeight`. May be set although `events` is not full. */
  readonly next: EventPosition | null;
}

/** A transaction that waits. */
export interface PooledTransaction {
  readonly entry: EncodedTransaction;
  /** Whether it could be in the next block, as far as its nonce goes. */
  readonly isReady: boolean;
  /** Milliseconds since 1970, by the node's clock. */
  readonly admittedAt: number;
}

export interface PoolQuery {
  readonly sender?: Uint8Array;
  /** Only what was admitted after the waiting transaction with this hash; unknown hashes give nothing. */
  readonly after?: Uint8Array;
  readonly limit: number;
}

export interface PoolStatus {
  readonly count: number;
  readonly bytes: number;
  readonly readyCount: number;
  readonly countMax: number;
  readonly bytesMax: number;
}

/** What happens to a transaction before a block takes it. That one did is told by `onHead`. */
export type PoolEvent =
  | { readonly kind: "admitted"; readonly entry: EncodedTransaction }
  /** Replaced, evicted, expired, refused by the block, or dropped by hand: `error` says which. */
  | { readonly kind: "dropped"; readonly entry: EncodedTransaction; readonly error: InputError };

/** When blocks are made. */
export type Sealing =
  /** As soon as a transaction is ready, of everything that is ready then. */
  | { readonly kind: "transaction" }
  /** Every so often, empty if need be. */
  | { readonly kind: "interval"; readonly intervalMs: number }
  /** Both. */
  | { readonly kind: "mixed"; readonly intervalMs: number }
  /** When asked to. */
  | { readonly kind: "manual" };

export interface NodeInfo {
  /** Of the software. */
  readonly version: string;
  readonly startedAt: number;
  readonly durability: "os" | "sync";
  readonly sealing: Sealing;
  /** Why no block is made at present; null while blocks are made. */
  readonly stopped: InputError | null;
  /** The lowest height whose state can be asked for. */
  readonly lowestStateHeight: number;
}

export interface ViewRequest {
  /** Default: the head. Throws `height_unknown`, `height_pruned`, `scan_of_history`. */
  readonly height?: number;
  readonly contract: Uint8Array;
  readonly method: string;
  readonly args: Uint8Array;
  /** Default: the zero address. */
  readonly caller?: Uint8Array;
  /** Default: 10^8. At most the block gas limit. */
  readonly gasLimit?: number;
}

export interface ViewResult {
  readonly outcome: Outcome;
  readonly gasUsed: number;
  /** The height whose state was read. */
  readonly height: number;
  readonly logs: readonly string[];
}

/** A key of the state, before and after; null where there is nothing. */
export interface StateDifference {
  readonly key: Uint8Array;
  readonly before: Uint8Array | null;
  readonly after: Uint8Array | null;
}

export interface SimulationResult {
  readonly receipt: Receipt;
  readonly height: number;
  readonly logs: readonly string[];
  /** In the order of the keys. */
  readonly differences: readonly StateDifference[];
}

export interface NodeService {
  readonly genesis: Genesis;
  readonly genesisHash: Uint8Array;
  info(): NodeInfo;
  head(): Head;
  block(height: number): BlockRecord | undefined;
  heightOf(blockHash: Uint8Array): number | undefined;
  transaction(hash: Uint8Array): TransactionRecord | undefined;
  /** Throws `InputError` for a range that is none. Looks at a bounded number of blocks. */
  events(query: EventQuery): Promise<EventPage>;
  /**
   * An account that nobody touched is all zeros. At the head, or at a height whose state is kept: throws `InputError`
   * `height_unknown`, `height_pruned`. So do all that take a height.
   */
  account(address: Uint8Array, height?: number): Account;
  /** The nonce the next transaction of `address` must carry, counting those that wait. */
  nextNonce(address: Uint8Array): number;
  storage(contract: Uint8Array, key: Uint8Array, height?: number): Uint8Array | undefined;
  code(codeHash: Uint8Array): Uint8Array | undefined;
  stateTree(height?: number): StateTree;
  poolStatus(): PoolStatus;
  /** In order of arrival. */
  pool(query: PoolQuery): readonly PooledTransaction[];
  pooled(hash: Uint8Array): PooledTransaction | undefined;
  /** Admits an encoded transaction; returns its hash. Throws `InputError` with the reason it was not admitted. */
  submit(encoded: Uint8Array): Promise<Uint8Array>;
  /** As `submit`, and waits for its block. Throws `InputError` `wait_timeout` when none came in time. */
  submitAndWait(encoded: Uint8Array, timeoutMs: number): Promise<TransactionRecord>;
  /** Runs a transaction on the head without its signature being checked, and keeps nothing. */
  simulate(encoded: Uint8Array): Promise<SimulationResult>;
  view(request: ViewRequest): Promise<ViewResult>;
  /** Calls `listener` once per new head, in order; returns the function that ends it. */
  onHead(listener: (record: BlockRecord) => void): () => void;
  onPool(listener: (event: PoolEvent) => void): () => void;

  // Development powers.

  /** Makes `count` blocks, the first of what is ready and the others empty; returns the last. */
  mine(count: number): Promise<Head>;
  setSealing(sealing: Sealing): void;
  /** Takes waiting transactions out of the pool, by hash or all of a sender or all; returns how many. */
  drop(what: { readonly hash?: Uint8Array; readonly sender?: Uint8Array }): number;
}
