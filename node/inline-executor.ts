/**
 * Execution where it is asked for, over a chain in memory: no thread, no folder, no message. What is asked runs before the
 * event loop turns, so whoever runs contracts that burn their gas for long waits for them with everything else.
 */
import { Fault } from "../vm/errors.ts";
import { Execution } from "./execution.ts";
import { type Executor, type ExecutorMethod, type ExecutorMethods, errorFromMessage } from "./executor.ts";
import { nodeStopping } from "./node-stopping.ts";
import type { Fetch } from "./state-missing.ts";
import type { Store } from "./store.ts";

export class InlineExecutor implements Executor {
  readonly #execution: Execution;
  readonly #open = new Set<(reason: Error) => void>();
  #failure: Error | undefined;

  constructor(store: Store, keptRootCount: number | null, fetch: Fetch | undefined, onFault: (fault: Error) => void) {
    this.#execution = new Execution(store, {
      keptRootCount,
      fetch,
      onFault: (error) => {
        if (this.#failure !== undefined) return;
        const fault = error instanceof Error ? error : new Fault(String(error));
        this.#end(fault);
        onFault(fault);
      },
    });
  }

  get waitingCount(): number {
    return this.#open.size;
  }

  request<M extends ExecutorMethod>(
    method: M,
    params: ExecutorMethods[M]["params"],
  ): Promise<ExecutorMethods[M]["result"]> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#open.add(reject);
      this.#execution.request(method, params, (answer) => {
        this.#open.delete(reject);
        if ("error" in answer) reject(errorFromMessage(answer.error));
        else resolve(answer.result as ExecutorMethods[M]["result"]);
      });
    });
  }

  /** The store is the node's to close. */
  async close(): Promise<void> {
    this.#end(nodeStopping());
  }

  #end(reason: Error): void {
    this.#failure ??= reason;
    const open = [...this.#open];
    this.#open.clear();
    for (const reject of open) reject(reason);
  }
}
