/**
 * The powers of a devnet's developer over its node: what the `dev_` methods and the library do.
 *
 * Law: whatever changes the chain, its clock or its pool runs between two blocks, in the order of the calls, and is done or not
 * done. A revert brings everything back as it was: chain, pool, clock, sealing, impersonation and labels. When the store fails
 * meanwhile, whoever asked hears that; all the same everything is back, and the store follows as soon as it can be written.
 */
import type { HeldChain, NodeControl, PoolEntry, Powers, RolledBack } from "../node/control.ts";
import { BLOCK_SIZE_MAX, BLOCK_TRANSACTION_COUNT_MAX } from "../node/producer.ts";
import type {
  Development,
  DevelopmentAccount,
  DevelopmentTime,
  Edited,
  Head,
  Impersonation,
  NodeService,
  Sealing,
  SnapshotInfo,
} from "../node/rpc/service.ts";
import type { EditChange, EncodedTransaction } from "../node/transaction.ts";
import { equalBytes } from "../vm/borsh.ts";
import { assert, InputError } from "../vm/errors.ts";
import type { DevelopmentClock } from "./clock.ts";
import { EDITOR, editTransactions, inGroups } from "./edit-transactions.ts";
import { Impersonated } from "./impersonated.ts";
import { type Label, Labels } from "./labels.ts";
import { type Snapshot, Snapshots } from "./snapshots.ts";
import { decodeStateDump, encodeStateDump } from "./state-dump.ts";
import { changesBetween } from "./state-load.ts";
import { leavesOfHead } from "./state-walk.ts";

/** What its developer does to a chain, other than by a block. */
export type DevelopmentEvent =
  | { readonly kind: "snapshot"; readonly id: number; readonly height: number }
  /** To a snapshot, or to the beginning. */
  | { readonly kind: "revert"; readonly height: number }
  /** The clock was set; the next block's time, were it made now. */
  | { readonly kind: "time"; readonly time: number };

export interface PowersOptions {
  readonly accounts: readonly DevelopmentAccount[];
  /** The same that the node has its block times from. */
  readonly clock: DevelopmentClock;
  /** Whether blocks may depend on nothing but what is sent. */
  readonly isDeterministic: boolean;
  /** At the start. Throws `label_invalid`, `too_many_labels`. */
  readonly labels?: readonly Label[];
  /** Told of what was done. */
  readonly onEvent?: (event: DevelopmentEvent) => void;
  /** Where a reset goes back to; default: block 0, or a fork's first, which gives its accounts their money. */
  readonly firstHeight?: number;
}

/** For a node that takes unsigned transactions; the clock is started by the head's time. */
export function createPowers(control: NodeControl, options: PowersOptions): Powers {
  return new DevnetPowers(control, options);
}

class DevnetPowers implements Development {
  readonly accounts: readonly DevelopmentAccount[];
  readonly #control: NodeControl;
  readonly #service: NodeService;
  readonly #clock: DevelopmentClock;
  readonly #isDeterministic: boolean;
  readonly #firstHeight: number;
  readonly #firstSealing: Sealing;
  readonly #firstLabels: Labels;
  readonly #snapshots = new Snapshots();
  readonly #onEvent: (event: DevelopmentEvent) => void;
  #impersonated = Impersonated.nobody;
  #labels: Labels;
  /** Calls whose turn has not come to its end. */
  #waitingCount = 0;

  constructor(control: NodeControl, options: PowersOptions) {
    const { accounts, clock, isDeterministic, labels = [], firstHeight = 0, onEvent = () => {} } = options;
    this.#onEvent = onEvent;
    this.accounts = accounts;
    this.#control = control;
    this.#service = control.service;
    this.#clock = clock;
    this.#isDeterministic = isDeterministic;
    const { base } = this.#service.genesis;
    this.#firstHeight = firstHeight ?? (base === null ? 0 : base.height + 1);
    this.#checkSealing(control.sealing);
    this.#firstSealing = control.sealing;
    this.#firstLabels = labels.reduce((all, { address, label }) => all.with(address, label), Labels.none);
    this.#labels = this.#firstLabels;
    clock.start(this.#headTime);
    this.#service.onHead(({ header }) => clock.onBlock(header.time));
  }

  get #headTime(): number {
    return this.#service.head().header.time;
  }

  // Between blocks.

  async #exclusively<T>(work: (chain: HeldChain) => Promise<T>): Promise<T> {
    this.#waitingCount++;
    try {
      return await this.#control.exclusively(work);
    } finally {
      this.#waitingCount--;
    }
  }

  /** At once, or behind the calls that wait; it throws at once only. */
  #inOrder(change: () => void): void | Promise<void> {
    return this.#waitingCount === 0 ? change() : this.#exclusively(async () => change());
  }

  // Blocks and the pool.

  mine(count: number): Promise<Head> {
    return this.#control.mine(count);
  }

  setSealing(sealing: Sealing): void | Promise<void> {
    this.#checkSealing(sealing);
    return this.#inOrder(() => this.#control.setSealing(sealing));
  }

  #checkSealing({ kind }: Sealing): void {
    if (!this.#isDeterministic || (kind !== "interval" && kind !== "mixed")) return;
    throw new InputError("sealing_invalid", "a deterministic chain takes no intervals", {
      hint: "What is in a block would depend on the machine's clock. Use per-transaction sealing, or manual and `dev_mine`.",
    });
  }

  drop(what: { readonly hash?: Uint8Array; readonly sender?: Uint8Array }): number {
    return this.#control.drop(what);
  }

  // Edits.

  edit(changes: readonly EditChange[]): Promise<Edited> {
    return this.#exclusively(async (chain) => {
      const transactions = await this.#editTransactions(changes);
      const last = transactions.at(-1);
      if (last === undefined) throw new InputError("edit_actions", "an edit changes something");
      const { header, hash } = await chain.seal(transactions);
      return { header, hash, transactionHash: last.hash };
    });
  }

  async #editTransactions(changes: readonly EditChange[]): Promise<EncodedTransaction[]> {
    const { nonce } = await this.#service.withState(() => this.#service.account(EDITOR));
    return editTransactions(this.#service.genesis, nonce, changes);
  }

  // Who may go unsigned, and what addresses are called.

  isImpersonated(sender: Uint8Array): boolean {
    return this.#impersonated.has(sender);
  }

  get impersonation(): Impersonation {
    return this.#impersonated;
  }

  impersonate(address: Uint8Array | null): void | Promise<void> {
    return this.#inOrder(() => {
      this.#impersonated = this.#impersonated.with(address);
    });
  }

  stopImpersonating(address: Uint8Array | null): void | Promise<void> {
    return this.#inOrder(() => {
      this.#impersonated = this.#impersonated.without(address);
    });
  }

  get labels(): readonly Label[] {
    return this.#labels.list;
  }

  setLabel(address: Uint8Array, label: string | null): void | Promise<void> {
    return this.#inOrder(() => {
      this.#labels = this.#labels.with(address, label);
    });
  }

  // Time.

  get time(): DevelopmentTime {
    const head = this.#headTime;
    return { next: this.#clock.timeAfter(head), head, stepMs: this.#clock.stepMs };
  }

  setTime(time: number, mine: boolean): Promise<DevelopmentTime> {
    return this.#setClock(mine, (headTime) => this.#clock.setNext(time, headTime));
  }

  advanceTime(ms: number, mine: boolean): Promise<DevelopmentTime> {
    return this.#setClock(mine, (headTime) => this.#clock.advance(ms, headTime));
  }

  setTimeStep(stepMs: number | null): Promise<DevelopmentTime> {
    return this.#setClock(false, (headTime) => this.#clock.setStep(stepMs, headTime));
  }

  #setClock(mine: boolean, set: (headTime: number) => void): Promise<DevelopmentTime> {
    return this.#exclusively(async (chain) => {
      const before = this.#clock.setting;
      try {
        set(this.#headTime);
        if (mine) await chain.seal([]);
      } catch (error) {
        this.#clock.setting = before;
        throw error;
      }
      this.#onEvent({ kind: "time", time: this.time.next });
      return this.time;
    });
  }

  // Back.

  get snapshots(): readonly SnapshotInfo[] {
    return this.#snapshots.list;
  }

  snapshot(): Promise<SnapshotInfo> {
    return this.#exclusively(async (chain) => {
      const taken = this.#snapshots.take(this.#standing(chain.pool()));
      this.#onEvent({ kind: "snapshot", ...taken });
      return taken;
    });
  }

  #standing(pool: readonly PoolEntry[]): Snapshot {
    const { header, hash } = this.#service.head();
    return {
      head: { header, hash },
      pool,
      clock: this.#clock.setting,
      sealing: this.#control.sealing,
      impersonated: this.#impersonated,
      labels: this.#labels,
    };
  }

  revert(id: number): Promise<Head> {
    return this.#exclusively(async (chain) => {
      const reached = await this.#goBack(chain, this.#snapshots.get(id));
      this.#snapshots.dropAfter(id);
      return storedHead(reached);
    });
  }

  async #goBack(chain: HeldChain, { head, pool, clock, sealing, impersonated, labels }: Snapshot): Promise<RolledBack> {
    const reached = await chain.rollback(head.header.height, pool);
    assert(equalBytes(reached.head.hash, head.hash), "a snapshot is of the chain it was taken from");
    this.#clock.setting = clock;
    this.#impersonated = impersonated;
    this.#labels = labels;
    // Also what is ready again is looked at then.
    this.#control.setSealing(sealing);
    this.#onEvent({ kind: "revert", height: head.header.height });
    return reached;
  }

  reset(): Promise<Head> {
    return this.#exclusively(async (chain) => {
      const reached = await chain.rollback(this.#firstHeight, []);
      const { head } = reached;
      this.#clock.start(head.header.time);
      this.#impersonated = Impersonated.nobody;
      this.#labels = this.#firstLabels;
      this.#control.setSealing(this.#firstSealing);
      this.#snapshots.dropAfter(0);
      this.#onEvent({ kind: "revert", height: head.header.height });
      return storedHead(reached);
    });
  }

  // The state as bytes.

  dump(): Promise<{ readonly bytes: Uint8Array; readonly height: number; readonly stateRoot: Uint8Array }> {
    return this.#exclusively(async () => {
      const { chainId } = this.#service.genesis;
      const { height, stateRoot } = this.#service.head().header;
      const bytes = await encodeStateDump({ chainId, height, stateRoot }, leavesOfHead(this.#service));
      return { bytes, height, stateRoot };
    });
  }

  async load(bytes: Uint8Array): Promise<Head> {
    const { leaves } = decodeStateDump(bytes);
    return this.#exclusively(async (chain) => {
      const changes = await changesBetween(leavesOfHead(this.#service), leaves);
      const transactions = await this.#editTransactions(changes);
      const before = this.#standing(chain.pool());
      try {
        const sizeOf = ({ encoded }: EncodedTransaction) => encoded.length;
        for (const group of inGroups(transactions, sizeOf, BLOCK_TRANSACTION_COUNT_MAX, BLOCK_SIZE_MAX)) {
          await chain.seal(group);
        }
      } catch (error) {
        if (this.#service.head().header.height > before.head.header.height) await this.#goBack(chain, before);
        throw error;
      }
      return this.#service.head();
    });
  }
}

/** Throws why the store does not have it so yet. */
function storedHead({ head, failure }: RolledBack): Head {
  if (failure !== null) throw failure;
  return head;
}
