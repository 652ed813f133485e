/**
 * What a node stands on: its store, and where it executes. With a folder that is LevelDB and two threads, each with the folder
 * open for itself; without one, everything is in memory and inline.
 *
 * Law: when `open` throws, no thread, no lock and no connection is left behind.
 */
import { InputError } from "../vm/errors.ts";
import type { ClaimedBlock } from "./claimed-block.ts";
import { ExecutionThread } from "./execution-thread.ts";
import type { Executor } from "./executor.ts";
import type { BaseSource } from "./fork/base-source.ts";
import type { Genesis } from "./genesis.ts";
import { InlineExecutor } from "./inline-executor.ts";
import { LateExecutor } from "./late-executor.ts";
import type { Fetch } from "./state-missing.ts";
import { type Durability, Store } from "./store.ts";

export interface BackendOptions {
  /** The LevelDB folder; without one, the chain is in memory and ends with the node. A new chain begins with `genesis`. */
  readonly directory?: string;
  readonly genesis?: Genesis;
  /** Of a chain that goes on from another's block: that block. */
  readonly base?: ClaimedBlock;
  /** Where the state of that block is to be had. */
  readonly forkUrl?: string;
  readonly durability?: Durability;
  /** Keep the state of the last so many blocks only; default: of all. */
  readonly prune?: number;
}

/**
 * Folders of the nodes in this process. LevelDB's lock keeps other processes out; for the execution threads' sake it lets this
 * one in as often as it likes.
 */
const usedLocations = new Set<string>();

interface Parts {
  readonly store: Store;
  readonly executor: Executor;
  readonly views: Executor;
  readonly source: BaseSource | undefined;
}

export class Backend {
  readonly store: Store;
  /** For blocks: the chain's single writer. */
  readonly executor: Executor;
  /** For what nobody pays for. */
  readonly views: Executor;
  readonly #source: BaseSource | undefined;
  readonly #faults: Faults;

  private constructor({ store, executor, views, source }: Parts, faults: Faults) {
    this.store = store;
    this.executor = executor;
    this.views = views;
    this.#source = source;
    this.#faults = faults;
  }

  /** Throws what `Store.open` throws, `prune_invalid`, and `genesis_missing` for a chain in memory that has none. */
  static open(options: BackendOptions): Promise<Backend> {
    const { prune, directory } = options;
    if (prune !== undefined && !(Number.isSafeInteger(prune) && prune >= 1)) {
      throw new InputError("prune_invalid", `the state of ${prune} blocks cannot be kept`, {
        hint: "Keep that of 1 block or more, or leave the option out to keep all.",
      });
    }
    return directory === undefined ? Backend.#inMemory(options) : Backend.#onDisk(directory, options);
  }

  static async #inMemory({ genesis, base, forkUrl, prune }: BackendOptions): Promise<Backend> {
    if (genesis === undefined) throw new InputError("genesis_missing", "a chain in memory begins with a genesis");
    const store = Store.inMemory(genesis, base);
    const faults = new Faults();
    const source = await sourceFor(store, forkUrl);
    const executor = new InlineExecutor(store, prune ?? null, source && fetchOf(source), faults.tell);
    return new Backend({ store, executor, views: executor, source }, faults);
  }

  static async #onDisk(directory: string, options: BackendOptions): Promise<Backend> {
    const { genesis, base, forkUrl, durability = "os", prune = null } = options;
    const shared = { directory, durability, ...(forkUrl !== undefined && { forkUrl }) };
    const faults = new Faults();
    // The thread loads its code while the folder is opened.
    const executor = ExecutionThread.launch({ ...shared, keptRootCount: prune });
    let store: Store | undefined;
    let isClaimed = false;
    try {
      store = await Store.open(directory, { durability, ...(genesis && { genesis }), ...(base && { base }) });
      if (usedLocations.has(store.location)) {
        throw new InputError("data_locked", `${directory} is in use by another node of this process`, {
          hint: "Stop the other node, or give this one a folder of its own.",
        });
      }
      isClaimed = true;
      usedLocations.add(store.location);
      await executor.open();
      executor.onFault = faults.tell;
      const views = new LateExecutor({ ...shared, keptRootCount: null }, faults.tell);
      return new Backend({ store, executor, views, source: await sourceFor(store, forkUrl) }, faults);
    } catch (error) {
      await executor.close(0);
      await store?.close();
      if (isClaimed && store !== undefined) usedLocations.delete(store.location);
      throw error;
    }
  }

  /** Where what the base's state lacks here comes from; undefined for a chain with a block 0 of its own. */
  get fetch(): Fetch | undefined {
    return this.#source && fetchOf(this.#source);
  }

  /** Told of what ends execution. */
  set onFault(listener: (fault: unknown) => void) {
    this.#faults.listener = listener;
  }

  /** Gives the block in the making `graceMs` to end; views end at once. Never rejects. */
  async endExecution(graceMs: number): Promise<void> {
    await Promise.all([this.executor.close(graceMs), this.views.close(0)]);
  }

  /** After `endExecution`. */
  async close(): Promise<void> {
    await this.#source?.close();
    await this.store.close();
    usedLocations.delete(this.store.location);
  }
}

/** What went wrong before somebody listened is told then. */
class Faults {
  #listener: ((fault: unknown) => void) | undefined;
  #untold: unknown;

  readonly tell = (fault: unknown): void => {
    if (this.#listener === undefined) this.#untold ??= fault;
    else this.#listener(fault);
  };

  set listener(listener: (fault: unknown) => void) {
    this.#listener = listener;
    if (this.#untold !== undefined) listener(this.#untold);
  }
}

/** Most nodes are no forks, and start without the code of one. */
async function sourceFor(store: Store, url: string | undefined): Promise<BaseSource | undefined> {
  if (store.genesis.base === null) return undefined;
  const [{ BaseSource }, { remoteAt }] = await Promise.all([
    import("./fork/base-source.ts"),
    import("./fork/remote-node.ts"),
  ]);
  return new BaseSource(store, remoteAt(url));
}

function fetchOf(source: BaseSource): Fetch {
  return (missing) => source.fetch(missing);
}
