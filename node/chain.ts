/**
 * The single writer of a chain: makes or follows blocks on top of the head and commits each with one batch. Views and
 * simulations run here too, on the head, and leave nothing behind.
 */

import { equalBytes } from "../vm/borsh.ts";
import type { Engine } from "../vm/contract.ts";
import { assert, InputError } from "../vm/errors.ts";
import { blockHash, type Header } from "./block.ts";
import { ContractCache } from "./contract-cache.ts";
import { hash } from "./crypto.ts";
import { callMessage, createScope, outermostFrame, readAccount } from "./message-call.ts";
import type { SimulationResult, ViewRequest, ViewResult } from "./rpc/service.ts";
import { Snapshots } from "./snapshots.ts";
import { Journal } from "./state/journal.ts";
import {
  type AppliedBlock,
  applyBlock,
  applyTransaction,
  type BlockInput,
  type ChainRules,
} from "./state-transition.ts";
import type { Store } from "./store.ts";
import { encodedTransaction } from "./transaction.ts";

const zeroAddress = new Uint8Array(32);
/** Of a view whose caller names no limit: at most about half a second. */
const VIEW_GAS_LIMIT = 500_000_000;

export class Chain {
  readonly #store: Store;
  readonly #rules: ChainRules;
  #head: Header;
  readonly #snapshots = new Snapshots();

  /** Either engine gives the same chain. */
  constructor(store: Store, engine: Engine = "jit") {
    this.#store = store;
    const { chainId, params } = store.genesis;
    this.#rules = { chainId, params, contracts: new ContractCache(), engine };
    this.#head = store.requireBlock(store.headHeight).header;
  }

  get head(): Header {
    return this.#head;
  }

  /** After the store was opened again: a block may be in it whose commit was thought to have failed. */
  reload(): void {
    this.#head = this.#store.requireBlock(this.#store.headHeight).header;
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
   * Takes back the blocks above `height`, and the snapshots of states above it. Throws `InputError`: `height_pruned`,
   * `height_unknown`, and what storage throws; opened again, the store then stands at `height`, or no block was taken back.
   */
  async rollback(height: number): Promise<void> {
    await this.#store.rollback(height);
    this.#snapshots.dropAbove(height);
    this.reload();
  }

  /** Remembers where the chain stands, at no cost. Throws `InputError` `too_many_snapshots`. */
  snapshot(): number {
    return this.#snapshots.take(this.#head);
  }

  /** Goes back to a snapshot, which stays; later ones go. Throws `InputError`: `snapshot_unknown`, and what `rollback` throws. */
  async revert(id: number): Promise<void> {
    const { height, stateRoot } = this.#snapshots.get(id);
    await this.rollback(height);
    this.#snapshots.dropAfter(id);
    assert(equalBytes(this.#head.stateRoot, stateRoot), "a snapshot is of the chain it was taken from");
  }

  /** Forgets old state, a step at a time: `Store.prune`. */
  prune(rootCount: number, limit: number): Promise<boolean> {
    return this.#store.prune(rootCount, limit);
  }

  /** Throws what `prepareContract` throws for code that is no contract. What is one need not be prepared again. */
  checkCode(code: Uint8Array): void {
    this.#rules.contracts.prepare(hash("code", code), () => code);
  }

  view({ contract, method, args, caller = zeroAddress, gasLimit }: ViewRequest): ViewResult {
    const limit = Math.min(gasLimit ?? VIEW_GAS_LIMIT, this.#rules.params.blockGasLimit);
    const { chainId, contracts, engine } = this.#rules;
    const scope = createScope({
      journal: new Journal(this.#store.flat),
      contracts,
      engine,
      chainId,
      blockHeight: this.#head.height + 1,
      blockTime: this.#head.time,
      signer: caller,
      randomSeed: blockHash(this.#head),
    });
    const frame = outermostFrame(limit, true);
    const { outcome, gasUsed } = callMessage(scope, { caller, contract, method, args, value: 0n, frame });
    if (outcome.kind === "refused") throw refusedView(outcome.reason, method);
    return { outcome, gasUsed, height: this.#head.height, logs: scope.logs };
  }

  /**
   * What a transaction would do as the next block. Nothing is asked of it that only signing settles: the nonce is the
   * sender's next, gas is free.
   */
  simulate(encoded: Uint8Array): SimulationResult {
    const given = encodedTransaction(encoded);
    const { params } = this.#rules;
    const journal = new Journal(this.#store.flat);
    const nonce = readAccount(journal, given.transaction.body.sender).nonce;
    const body = { ...given.transaction.body, nonce, gasPrice: 0n, expiryHeight: Number.MAX_SAFE_INTEGER };
    const rules = { ...this.#rules, params: { ...params, gasPriceMin: 0n } };
    const { height, time, proposer } = this.#head;
    const parentHash = blockHash(this.#head);
    const environment = { height: height + 1, parentHash, time, proposer, gasLeft: params.blockGasLimit };
    const transaction = { ...given, transaction: { ...given.transaction, body } };
    const { receipt, logs } = applyTransaction(rules, journal, environment, transaction);
    return { receipt, height, logs };
  }
}

function refusedView(reason: string, method: string): InputError {
  switch (reason) {
    case "NotAContract":
      return new InputError("not_a_contract", "there is no contract at this address");
    case "NoSuchMethod":
      return new InputError("no_such_method", `the contract has no method "${method}"`, {
        hint: "`lockstep call CONTRACT --help` lists the methods.",
      });
    case "PrivateMethod":
      return new InputError("private_method", `"${method}" is for the contract's own calls`);
    default:
      assert(reason === "InputTooLarge", `a view was refused for ${reason}`);
      return new InputError("input_too_large", "the arguments are larger than a call may take");
  }
}
