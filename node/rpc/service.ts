/**
 * What the RPC layer asks of a node: the seam between messages and the chain. `Node` implements it; nothing in `rpc/`
 * sees a database, a mempool or a thread.
 */
import type { Outcome } from "../../vm/outcome.ts";
import type { Block, Header, Receipt } from "../block.ts";
import type { Genesis } from "../genesis.ts";
import type { Account } from "../state/account.ts";
import type { NodeReader } from "../state/tree.ts";
import type { Transaction } from "../transaction.ts";

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

export interface ViewRequest {
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

export interface SimulationResult {
  readonly receipt: Receipt;
  readonly height: number;
  readonly logs: readonly string[];
}

export interface NodeService {
  readonly genesis: Genesis;
  readonly genesisHash: Uint8Array;
  head(): Head;
  block(height: number): BlockRecord | undefined;
  heightOf(blockHash: Uint8Array): number | undefined;
  transaction(hash: Uint8Array): TransactionRecord | undefined;
  /** The account at the head; an account nobody touched is all zeros. */
  account(address: Uint8Array): Account;
  /** The nonce the next transaction of `address` must carry, counting those that wait. */
  nextNonce(address: Uint8Array): number;
  storage(contract: Uint8Array, key: Uint8Array): Uint8Array | undefined;
  code(codeHash: Uint8Array): Uint8Array | undefined;
  /** At the head, or at a height whose state is kept. Throws `InputError` `height_unknown`, `height_pruned`. */
  stateTree(height?: number): StateTree;
  pendingCount(): number;
  /** Admits an encoded transaction; returns its hash. Throws `InputError` with the reason it was not admitted. */
  submit(encoded: Uint8Array): Promise<Uint8Array>;
  /** As `submit`, and waits for its block. Throws `InputError` `wait_timeout` when none came in time. */
  submitAndWait(encoded: Uint8Array, timeoutMs: number): Promise<TransactionRecord>;
  /** Runs a transaction on the head without its signature being checked, and keeps nothing. */
  simulate(encoded: Uint8Array): Promise<SimulationResult>;
  view(request: ViewRequest): Promise<ViewResult>;
  /** Calls `listener` once per new head, in order; returns the function that ends it. */
  onHead(listener: (record: BlockRecord) => void): () => void;
}
