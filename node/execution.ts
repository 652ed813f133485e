/**
 * What an execution thread does, apart from being a thread: a chain on a store, and an answer to each request of
 * `executor.ts`. It runs in a worker on the node's folder, or inline over a chain that is in memory.
 *
 * Law: requests are answered in order, and behind a fault none is.
 */
import { Fault, InputError } from "../vm/errors.ts";
import { blockHash, encodeHeader } from "./block.ts";
import { Chain } from "./chain.ts";
import { type ClaimedBlock, executeClaim } from "./claimed-block.ts";
import { verifyZip215 } from "./crypto.ts";
import {
  type ErrorMessage,
  type ExecutorMethod,
  type ExecutorMethods,
  errorToMessage,
  type ImportResult,
  type ProduceRequest,
  type ProduceResult,
  type SealedBlock,
} from "./executor.ts";
import { type Fetch, StateMissing, whenFetched } from "./state-missing.ts";
import type { AppliedBlock } from "./state-transition.ts";
import type { Store } from "./store.ts";
import { encodedTransaction } from "./transaction.ts";

/** Nodes that a step of pruning forgets at most, beyond twice what the last blocks left behind: some milliseconds. */
const PRUNE_COUNT = 256;
/** How long claimed blocks are begun, one behind the other. */
const IMPORT_MS = 5;

export type Answer = { readonly result: unknown } | { readonly error: ErrorMessage };

type Handlers = {
  readonly [M in ExecutorMethod]: (
    params: ExecutorMethods[M]["params"],
  ) => Promise<ExecutorMethods[M]["result"]> | ExecutorMethods[M]["result"];
};

export interface ExecutionOptions {
  /** How many of the last states to keep; null for all, and where no blocks are made. */
  readonly keptRootCount: number | null;
  /** Where the state of a fork's base comes from. */
  readonly fetch?: Fetch | undefined;
  readonly onFault: (error: unknown) => void;
}

export class Execution {
  readonly #store: Store;
  readonly #chain: Chain;
  readonly #options: ExecutionOptions;
  readonly #handlers: Handlers;
  /** Nodes that the blocks of the last request left behind. */
  #staleCount = 0;
  /** Between `release` and `reopen` there is no folder to prune. */
  #isOpen = true;
  /** A step is on its way beside those that follow blocks. */
  #isPruning = false;
  /** One at a time in order, and behind a fault none. */
  #last: Promise<void> = Promise.resolve();

  constructor(store: Store, options: ExecutionOptions) {
    this.#store = store;
    this.#chain = new Chain(store);
    this.#options = options;
    const chain = this.#chain;
    this.#handlers = {
      produce: (request) => this.#produce(request),
      import: (claims) => this.#import(claims),
      rollback: ({ height }) => chain.rollback(height),
      checkCode: ({ code }) => this.#whenFetched(() => chain.checkCode(code)),
      decideClaim: ({ signature, message, sender }) => verifyZip215(signature, message, sender),
      view: (request) => this.#whenFetched(() => chain.view(request)),
      simulate: ({ encoded, height }) => this.#whenFetched(() => chain.simulate(encoded, height)),
      release: () => this.#release(),
      reopen: () => this.#reopen(),
    };
    this.#pruneSoon();
  }

  /** Hands the answer to `reply`; behind a fault it never does. */
  request<M extends ExecutorMethod>(
    method: M,
    params: ExecutorMethods[M]["params"],
    reply: (answer: Answer) => void,
  ): void {
    this.#enqueue(async () => {
      let answer: Answer;
      this.#staleCount = 0;
      try {
        answer = { result: await this.#handlers[method](params) };
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        answer = { error: errorToMessage(error) };
      }
      reply(answer);
      if (method === "produce" || method === "import") await this.#prune();
    });
  }

  #enqueue(work: () => Promise<void>): void {
    this.#last = this.#last.then(work);
    this.#last.catch(this.#options.onFault);
  }

  async #produce({ time, transactions, mayBeEmpty, isAllOrNone = false }: ProduceRequest): Promise<ProduceResult> {
    const chain = this.#chain;
    const input = {
      time: Math.max(time, chain.head.time),
      proposer: this.#store.genesis.proposer,
      // Their signatures were verified when the node admitted them.
      transactions: transactions.map(encodedTransaction),
    };
    const applied = await this.#whenFetched(() => chain.apply(input));
    const invalid = applied.invalid.map(({ index, error }) => ({ index, error: errorToMessage(error) }));
    const isWanted = isAllOrNone ? invalid.length === 0 : applied.receipts.length > 0 || mayBeEmpty;
    if (!isWanted) return { sealed: null, invalid };
    return { sealed: await this.#commit(applied), invalid };
  }

  async #import(claims: readonly ClaimedBlock[]): Promise<ImportResult> {
    const sealed: SealedBlock[] = [];
    const endsAt = performance.now() + IMPORT_MS;
    try {
      for (const claim of claims) {
        const applied = await this.#whenFetched(() => executeClaim(this.#chain, this.#store.genesis, claim));
        if ("field" in applied) return { sealed, difference: applied, error: null };
        sealed.push(await this.#commit(applied));
        if (performance.now() >= endsAt) break;
      }
      return { sealed, difference: null, error: null };
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return { sealed, difference: null, error: errorToMessage(error) };
    }
  }

  /** Only for what leaves nothing behind, for it may run more than once. */
  #whenFetched<T>(read: () => T): T | Promise<T> {
    const { fetch } = this.#options;
    return fetch === undefined ? unwrapped(read) : whenFetched(() => unwrapped(read), fetch);
  }

  async #commit(applied: AppliedBlock): Promise<SealedBlock> {
    await this.#chain.commit(applied);
    this.#staleCount += applied.tree.staleNodes.length;
    const { header } = applied.block;
    return {
      header: encodeHeader(header),
      hash: blockHash(header),
      receipts: applied.encodedReceipts,
      logs: applied.logs,
    };
  }

  async #release(): Promise<void> {
    this.#isOpen = false;
    await this.#store.close();
  }

  async #reopen(): Promise<void> {
    await this.#store.reopen();
    this.#isOpen = true;
    this.#chain.reload();
  }

  /** A step after each block, and while there is more to forget, a step whenever nothing is asked. */
  async #prune(): Promise<void> {
    const { keptRootCount } = this.#options;
    if (keptRootCount === null || !this.#isOpen) return;
    try {
      const isDone = await this.#chain.prune(keptRootCount, PRUNE_COUNT + 2 * this.#staleCount);
      if (!isDone) this.#pruneSoon();
    } catch (error) {
      // The store takes nothing more then: the next block meets that too, and whoever waits for it is told.
      if (!(error instanceof InputError)) throw error;
    }
  }

  #pruneSoon(): void {
    if (this.#isPruning || this.#options.keptRootCount === null) return;
    this.#isPruning = true;
    setImmediate(() =>
      this.#enqueue(() => {
        this.#isPruning = false;
        return this.#prune();
      }),
    );
  }
}

/** What reading the state threw comes out of an engine as the cause of a fault; it is no fault of the engine's. */
function unwrapped<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    const cause = error instanceof Fault ? error.cause : undefined;
    throw cause instanceof StateMissing || cause instanceof InputError ? cause : error;
  }
}
