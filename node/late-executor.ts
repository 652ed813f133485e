/**
 * An execution thread that is there from its first request on: most nodes are never asked to run what nobody pays for, and a
 * thread has memory of its own.
 */
import { ExecutionThread, type ExecutionThreadOptions } from "./execution-thread.ts";
import type { Executor, ExecutorMethod, ExecutorMethods } from "./executor.ts";

export class LateExecutor implements Executor {
  readonly #options: ExecutionThreadOptions;
  readonly #onFault: (fault: unknown) => void;
  #opened: Promise<ExecutionThread> | undefined;
  /** The same, once it is there. */
  #executor: ExecutionThread | undefined;

  constructor(options: ExecutionThreadOptions, onFault: (fault: unknown) => void) {
    this.#options = options;
    this.#onFault = onFault;
  }

  get waitingCount(): number {
    return this.#executor?.waitingCount ?? 0;
  }

  /** As `Executor.request`. */
  async request<M extends ExecutorMethod>(
    method: M,
    params: ExecutorMethods[M]["params"],
  ): Promise<ExecutorMethods[M]["result"]> {
    this.#opened ??= this.#open();
    return (await this.#opened).request(method, params);
  }

  async #open(): Promise<ExecutionThread> {
    const executor = ExecutionThread.launch({ ...this.#options, isReader: true });
    executor.onFault = this.#onFault;
    await executor.open();
    this.#executor = executor;
    return executor;
  }

  /** Ends the thread, if there is one; the next request begins another. Never rejects. */
  async close(graceMs: number): Promise<void> {
    const opened = this.#opened;
    this.#opened = this.#executor = undefined;
    // One that did not open has told of its fault.
    const executor = await opened?.catch(() => undefined);
    await executor?.close(graceMs);
  }
}
