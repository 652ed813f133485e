/**
 * What a node hands to who adds development powers to it: its service, its sealing, and the chain held still between blocks.
 */
import type { InputError } from "../vm/errors.ts";
import type { BlockRecord, Development, Head, NodeService, Sealing } from "./rpc/service.ts";
import type { EncodedTransaction } from "./transaction.ts";

/** A waiting transaction, and since when it waits. */
export interface PoolEntry {
  readonly entry: EncodedTransaction;
  /** Milliseconds since 1970. */
  readonly admittedAt: number;
}

export interface RolledBack {
  /** Where the chain ends now, for everybody who asks. */
  readonly head: Head;
  /** Why the store has not taken the blocks back yet. It does so once it can be written again, and first of all. */
  readonly failure: InputError | null;
}

/** The chain while no block is made but here. */
export interface HeldChain {
  /**
   * Makes a block of exactly these, or an empty one; none of them needs to be in the pool. Throws the `InputError` of one that
   * may not be in it, and what the store throws; then there is no block.
   */
  seal(transactions: readonly EncodedTransaction[]): Promise<BlockRecord>;
  /**
   * Takes back the blocks above `height` and puts these in place of all that waits, in their order; who waits for what is gone
   * hears `chain_reverted`. Throws `height_pruned`, `height_unknown`, and then nothing is done.
   */
  rollback(height: number, pool: readonly PoolEntry[]): Promise<RolledBack>;
  /** What waits, in order of arrival. */
  pool(): readonly PoolEntry[];
}

export interface NodeControl {
  readonly service: NodeService;
  readonly sealing: Sealing;
  /** Throws `sealing_invalid`. */
  setSealing(sealing: Sealing): void;
  mine(count: number): Promise<Head>;
  drop(what: { readonly hash?: Uint8Array; readonly sender?: Uint8Array }): number;
  /** Runs `work` when no block is in the making, and makes none until it is over. Calls are served in order. */
  exclusively<T>(work: (chain: HeldChain) => Promise<T>): Promise<T>;
}

/** A devnet's powers, and the part of them that the node asks for. */
export interface Powers extends Development {
  /** Whether an unsigned transaction of this sender may be submitted. */
  isImpersonated(sender: Uint8Array): boolean;
}
