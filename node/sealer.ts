/**
 * When blocks are made, and what else is done between them. Production is handed in, and what a block is nobody here knows.
 *
 * Law: there is never more than one production or work at a time, none is begun while paused or after `stop`, and none that is
 * due is forgotten: whatever is told while a block is in the making is looked at after it.
 */
import { InputError } from "../vm/errors.ts";
import { nodeStopping } from "./node-stopping.ts";
import type { Sealing } from "./rpc/service.ts";

/** A day. */
const INTERVAL_MS_MAX = 86_400_000;
const MINE_COUNT_MAX = 1_000;

/** "full": a block was made, and something that was ready did not fit into it. False: nothing was ready. */
export type SealResult = boolean | "full";

export interface SealerOptions {
  readonly sealing: Sealing;
  /**
   * Makes a block of what is ready, or an empty one if it may be. What it throws ends a `mine`. Where nobody waits for the
   * block, an `InputError` says that the store takes nothing at present and that `pause` has been called, and what was due
   * stays so until `resume`.
   */
  readonly produce: (mayBeEmpty: boolean) => Promise<SealResult>;
  /** Told of what `produce` throws that is no `InputError`. */
  readonly onFault: (error: unknown) => void;
}

/** What somebody asked for and waits for. */
interface Task {
  /** Does the next part of it; returns whether there is more. */
  advance(): Promise<boolean>;
  reject(error: unknown): void;
}

export class Sealer {
  readonly #produce: SealerOptions["produce"];
  readonly #onFault: SealerOptions["onFault"];
  #sealing: Sealing;
  /** What is to be done, the first of them first. */
  readonly #tasks: Task[] = [];
  #isTickDue = false;
  #isReadyDue = false;
  /** What could not be done, and is due again on `resume`. */
  #isTickOwed = false;
  #isReadyOwed = false;
  #isRunning = false;
  #isPaused = false;
  #isStopped = false;
  #runSoon: NodeJS.Immediate | undefined;
  /** Settles when nothing runs; never rejects. */
  #idle: Promise<void> = Promise.resolve();
  #tickTimer: NodeJS.Timeout | undefined;
  /** When the next tick is due, by `clockMs`. */
  #tickAt = Number.POSITIVE_INFINITY;

  /** Throws `InputError` `sealing_invalid`. The first tick comes one interval from now. */
  constructor({ sealing, produce, onFault }: SealerOptions) {
    validateSealing(sealing);
    this.#produce = produce;
    this.#onFault = onFault;
    this.#sealing = sealing;
    this.#startTicks();
  }

  get sealing(): Sealing {
    return this.#sealing;
  }

  /** From now on; the first tick comes one interval from now. Throws `InputError` `sealing_invalid`. */
  setSealing(sealing: Sealing): void {
    validateSealing(sealing);
    this.#sealing = sealing;
    this.#isTickDue = this.#isTickOwed = this.#isReadyOwed = false;
    // What became ready under another mode may be waiting.
    this.#isReadyDue = this.#isPerTransaction;
    this.#startTicks();
    this.#wake();
  }

  /** A transaction became ready. */
  notify(): void {
    if (!this.#isPerTransaction) return;
    this.#isReadyDue = true;
    this.#wake();
  }

  /**
   * Makes `count` blocks now, whatever the mode: the first of what is ready, the others of what is ready then, or empty. This and
   * `run` are served in the order of the calls. Rejects with what `produce` threw, and with `InputError` `count_invalid` or
   * `node_stopping`; the blocks made until then stay.
   */
  mine(count: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (!(Number.isSafeInteger(count) && count >= 1 && count <= MINE_COUNT_MAX)) {
        throw new InputError("count_invalid", `${count} blocks cannot be made at once`, {
          hint: `Ask for 1 to ${MINE_COUNT_MAX}.`,
        });
      }
      let left = count;
      const advance = async () => {
        await this.#seal(true);
        if (--left === 0) resolve();
        return left > 0;
      };
      this.#enqueue({ advance, reject });
    });
  }

  /**
   * Runs `work` while no block is in the making, and begins none until it is over. It must not wait for a call of `mine` or `run`,
   * which would wait for it. Rejects with what `work` threw, and with `InputError` `node_stopping`.
   */
  run<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const advance = async () => {
        resolve(await work());
        return false;
      };
      this.#enqueue({ advance, reject });
    });
  }

  #enqueue(task: Task): void {
    if (this.#isStopped) throw nodeStopping();
    this.#tasks.push(task);
    this.#wake();
  }

  /** Nothing is begun until `resume`: the store takes nothing at present. */
  pause(): void {
    this.#isPaused = true;
  }

  /** Does what has become due since `pause`, and what failed at it. */
  resume(): void {
    this.#isPaused = false;
    this.#isTickDue ||= this.#isTickOwed;
    this.#isReadyDue ||= this.#isReadyOwed;
    this.#isTickOwed = this.#isReadyOwed = false;
    this.#wake();
  }

  /** Nothing is begun any more; resolves when what runs is over. What waits rejects with `node_stopping`. Never rejects. */
  stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#tickTimer);
    clearImmediate(this.#runSoon);
    // The first may have a block in the making, and hears of it first.
    const begun = this.#isRunning ? this.#idle : Promise.resolve();
    return begun.then(() => {
      for (const task of this.#tasks.splice(0)) task.reject(nodeStopping());
    });
  }

  get #isPerTransaction(): boolean {
    return this.#sealing.kind === "transaction" || this.#sealing.kind === "mixed";
  }

  /** Once this turn of the event loop is over, so that what arrives together shares a block. */
  #wake(): void {
    if (this.#isRunning || this.#isPaused || this.#isStopped) return;
    this.#runSoon ??= setImmediate(() => {
      this.#runSoon = undefined;
      this.#isRunning = true;
      this.#idle = this.#run();
    });
  }

  async #run(): Promise<void> {
    while (!this.#isPaused && !this.#isStopped) {
      const task = this.#tasks[0];
      if (task !== undefined) await this.#serve(task);
      else if (this.#isTickDue) await this.#tick();
      else if (this.#isReadyDue) await this.#sealReady();
      else break;
    }
    // In the same turn as the last look at what is due, so that whoever comes after that look wakes us anew.
    this.#isRunning = false;
  }

  async #serve(task: Task): Promise<void> {
    try {
      if (await task.advance()) return;
    } catch (error) {
      task.reject(error);
      if (!(error instanceof InputError)) this.#onFault(error);
    }
    this.#tasks.shift();
  }

  /** What was ready at the tick and found no room in its block does not wait for the next. */
  async #tick(): Promise<void> {
    const sealing = this.#sealing;
    this.#isTickDue = false;
    try {
      const result = await this.#seal(true);
      if (this.#sealing === sealing) this.#isReadyDue ||= result === "full";
    } catch (error) {
      if (!(error instanceof InputError)) return this.#onFault(error);
      if (this.#sealing === sealing) this.#isTickOwed = true;
    }
  }

  /** After this block there may be more ready; between ticks, only what found no room in it is of interest. */
  async #sealReady(): Promise<void> {
    const sealing = this.#sealing;
    this.#isReadyDue = false;
    try {
      const result = await this.#seal(false);
      if (this.#sealing === sealing) this.#isReadyDue ||= this.#isPerTransaction ? result !== false : result === "full";
    } catch (error) {
      if (!(error instanceof InputError)) return this.#onFault(error);
      if (this.#sealing === sealing) this.#isReadyOwed = true;
    }
  }

  async #seal(mayBeEmpty: boolean): Promise<SealResult> {
    const result = await this.#produce(mayBeEmpty);
    // Here an interval counts from the last block on, whatever it was made for.
    if (result !== false && this.#sealing.kind === "mixed") {
      this.#isTickDue = this.#isTickOwed = false;
      this.#tickAt = clockMs() + this.#sealing.intervalMs;
    }
    return result;
  }

  #startTicks(): void {
    clearTimeout(this.#tickTimer);
    if (!("intervalMs" in this.#sealing) || this.#isStopped) return;
    this.#tickAt = clockMs() + this.#sealing.intervalMs;
    this.#awaitTick(this.#sealing.intervalMs);
  }

  #awaitTick(intervalMs: number): void {
    this.#tickTimer = setTimeout(
      () => {
        const now = clockMs();
        if (now >= this.#tickAt) {
          this.#isTickDue = true;
          // From tick to tick, so that lateness does not add up; ticks that were slept through are gone.
          const hasSlept = now >= this.#tickAt + intervalMs;
          this.#tickAt = (hasSlept ? now : this.#tickAt) + intervalMs;
          this.#wake();
        }
        this.#awaitTick(intervalMs);
      },
      Math.max(0, this.#tickAt - clockMs()),
    );
  }
}

/** Whole milliseconds, as timers count, of a clock that never goes back. */
function clockMs(): number {
  return Math.floor(performance.now());
}

function validateSealing(sealing: Sealing): void {
  switch (sealing.kind) {
    case "transaction":
    case "manual":
      return;
    case "interval":
    case "mixed": {
      const { intervalMs } = sealing;
      if (Number.isSafeInteger(intervalMs) && intervalMs >= 1 && intervalMs <= INTERVAL_MS_MAX) return;
      throw new InputError("sealing_invalid", `blocks cannot be made every ${intervalMs} ms`, {
        hint: `The interval is 1 to ${INTERVAL_MS_MAX} ms.`,
      });
    }
    default:
      throw new InputError("sealing_invalid", "blocks are made per transaction, at intervals, mixed, or manually");
  }
}
