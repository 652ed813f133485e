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
import type { EditChange, EncodedTransaction, Transaction } from "../transaction.ts";

export type { EditChange } from "../transaction.ts";

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
  readonly durability: "os" | "sync" | "memory";
  readonly sealing: Sealing;
  /** Why no block is made at present; null while blocks are made. */
  readonly stopped: InputError | null;
  /** The lowest height whose state can be asked for. */
  readonly lowestStateHeight: number;
  /** The address of the node whose chain this one follows, without user and password; null for one with its own chain. */
  readonly followed: string | null;
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

  /**
   * Runs a read of the state (`account`, `storage`, `code`, `stateTree` and what follows from them), which may be run more than
   * once: a fork fetches what it has not read before. Throws `InputError` `fork_*` when that fails.
   */
  withState<T>(read: () => T): T | Promise<T>;
  /** What a devnet adds; absent where a chain is only followed or served. */
  readonly development?: Development;
}

/** The account of a development key, which everybody may know. */
export interface DevelopmentAccount {
  readonly address: Uint8Array;
  readonly secretKey: Uint8Array;
  /** Where it is below the mnemonic's seed. */
  readonly path: string;
}

/** A change of the state by its developer, as a block's transaction. */
export interface Edited extends Head {
  readonly transactionHash: Uint8Array;
}

export interface DevelopmentTime {
  /** Of the next block, were it made now; milliseconds since 1970, as all times. */
  readonly next: number;
  /** Of the head. */
  readonly head: number;
  /** Between two blocks; null while the machine's clock, moved or not, is followed. */
  readonly stepMs: number | null;
}

export interface Impersonation {
  readonly everybody: boolean;
  readonly addresses: readonly Uint8Array[];
}

export interface SnapshotInfo {
  readonly id: number;
  readonly height: number;
}

/**
 * The powers of a devnet's developer. At once or, while another call waits for the end of a block, behind it. What changes the chain runs between blocks, in the order of the calls, and all of it is
 * undone by a revert or a reset: chain, clock, pool, sealing, impersonation and labels.
 */
export interface Development {
  readonly accounts: readonly DevelopmentAccount[];
  readonly labels: readonly { readonly address: Uint8Array; readonly label: string }[];
  readonly impersonation: Impersonation;
  readonly time: DevelopmentTime;
  readonly snapshots: readonly SnapshotInfo[];

  /** Makes `count` blocks, the first of what is ready and the others empty; returns the last. */
  mine(count: number): Promise<Head>;
  setSealing(sealing: Sealing): void | Promise<void>;
  /** Takes waiting transactions out of the pool, by hash or all of a sender or all; returns how many. */
  drop(what: { readonly hash?: Uint8Array; readonly sender?: Uint8Array }): number;

  /**
   * Makes a block of these changes and nothing else. Throws `InputError` and changes nothing: `balance_overflow`,
   * `not_a_contract`, `storage_*`, and what `prepareContract` throws.
   */
  edit(changes: readonly EditChange[]): Promise<Edited>;
  /** Lets everybody send in the name of an address, or of all (null). Throws `too_many_impersonated`. */
  impersonate(address: Uint8Array | null): void | Promise<void>;
  stopImpersonating(address: Uint8Array | null): void | Promise<void>;
  /** Throws `label_invalid`, `too_many_labels`. */
  setLabel(address: Uint8Array, label: string | null): void | Promise<void>;

  /** The next block's time, from which time goes on. With `mine`, that block is made at once. Throws `time_backwards`, `time_invalid`. */
  setTime(time: number, mine: boolean): Promise<DevelopmentTime>;
  advanceTime(ms: number, mine: boolean): Promise<DevelopmentTime>;
  setTimeStep(stepMs: number | null): Promise<DevelopmentTime>;

  /** Remembers everything as it is. Throws `too_many_snapshots`. */
  snapshot(): Promise<SnapshotInfo>;
  /** Goes back to a snapshot, which stays; later ones are spent. Throws `snapshot_unknown`. */
  revert(id: number): Promise<Head>;
  /** Goes back to the chain's beginning and to what the devnet started with. */
  reset(): Promise<Head>;

  /** The state at the head as bytes that `load` takes. Throws `dump_too_large`. */
  dump(): Promise<{ readonly bytes: Uint8Array; readonly height: number; readonly stateRoot: Uint8Array }>;
  /** Makes blocks after which the state is the dump's. Throws `dump_invalid`, `dump_version`, and then changes nothing. */
  load(bytes: Uint8Array): Promise<Head>;
}
