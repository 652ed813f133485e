/**
 * The single writer of a chain: makes or follows blocks on top of the head and commits each with one batch. Views and
 * simulations (`views.ts`) leave nothing behind, so other threads may have a chain of their own for them beside the writer's.
 */
import type { Engine } from "../vm/contract.ts";
import type { Header } from "./block.ts";
import { ContractCache } from "./contract-cache.ts";
import { hash } from "./crypto.ts";
import type { SimulationResult, ViewRequest, ViewResult } from "./rpc/service.ts";
import { type AppliedBlock, applyBlock, type BlockInput, type ChainRules } from "./state-transition.ts";
import type { Store } from "./store.ts";
import { runSimulation, runView, type StateAfter } from "./views.ts";

export class Chain {
  readonly #store: Store;
  readonly #rules: ChainRules;
  #head: Header;

  /** Either engine gives the same chain. */
  constructor(store: Store, engine: Engine = "jit") {
    this.#store = store;
    const { chainId, params } = store.genesis;
    this.#rules = { chainId, params, contracts: new ContractCache(), engine };
    // Where the chain is only read, others may take blocks back at this very moment.
    const held = store.snapshot();
    this.#head = held.header;
    held.close();
  }

  get head(): Header {
    return this.#head;
  }

  /** Where the store stands, for the one who writes to it: a block may be in it whose commit was thought to have failed. */
  reload(): void {
    this.#head = this.#store.header(this.#store.headHeight);
  }

  /** Applies `input` on top of the head and commits it. When it throws, the head stays. */
  async extend(input: BlockInput): Promise<AppliedBlock> {
    const applied = this.apply(input);
    await this.commit(applied);
    return applied;
  }

  /** Applies `input` on top of the head without keeping anything. */
  apply(input: BlockInput): AppliedBlock {
    return applyBlock(this.#rules, this.#store, this.#head, input);
  }

  /** `applied` must be what `apply` gave for the present head. */
  async commit(applied: AppliedBlock): Promise<void> {
    await this.#store.commit(applied);
    this.#head = applied.block.header;
  }

  /**
   * Takes back the blocks above `height`. Throws `InputError`: `height_pruned`, `height_unknown`, `height_before_base`, and what
   * storage throws; opened again, the store then stands at `height`, or no block was taken back.
   */
  async rollback(height: number): Promise<void> {
    await this.#store.rollback(height);
    this.reload();
  }

  /** Forgets old state, a step at a time: `Store.prune`. */
  prune(rootCount: number, limit: number): Promise<boolean> {
    return this.#store.prune(rootCount, limit);
  }

  /** Throws what `prepareContract` throws for code that is no contract. What is one need not be prepared again. */
  checkCode(code: Uint8Array): void {
    this.#rules.contracts.prepare(hash("code", code), () => code);
  }

  /** Throws `height_unknown`, `height_pruned`, and `head_moved` as `simulate` does. */
  view(request: ViewRequest): ViewResult {
    return this.#at(request.height, (after) => runView(this.#rules, after, request));
  }

  /** Throws `InputError` `head_moved` when a block came while keys were listed; where blocks are made, none does. */
  simulate(encoded: Uint8Array, height?: number): SimulationResult {
    return this.#at(height, (after) => runSimulation(this.#rules, after, encoded));
  }

  #at<T>(height: number | undefined, run: (after: StateAfter) => T): T {
    const snapshot = this.#store.snapshot(height);
    try {
      const result = run(snapshot);
      snapshot.checkStill();
      return result;
    } finally {
      snapshot.close();
    }
  }
}
