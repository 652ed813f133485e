/**
 * Execution in a thread of its own, seen from the node's thread. So a contract that burns its whole gas limit delays other
 * executions and no RPC answer.
 *
 * A node has one thread for blocks, the chain's single writer, and one for what nobody pays for: views, simulations and looks
 * at code. Neither waits for the other. Of the unpaid only so many may wait.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { assert, Fault, InputError } from "../vm/errors.ts";
import {
  type ErrorMessage,
  type Executor,
  type ExecutorMethod,
  type ExecutorMethods,
  errorFromMessage,
} from "./executor.ts";
import { nodeStopping } from "./node-stopping.ts";
import type { Durability } from "./store.ts";

export interface ExecutionThreadOptions {
  readonly directory: string;
  readonly durability: Durability;
  /** How many of the last states to keep; null for all, and where no blocks are made. */
  readonly keptRootCount: number | null;
  /** Of a fork: where the state is that it has not read yet. */
  readonly forkUrl?: string;
  /** Blocks are made elsewhere meanwhile. */
  readonly isReader?: boolean;
}

export interface Request {
  readonly id: number;
  readonly method: ExecutorMethod;
  readonly params: unknown;
}

export type Response =
  | { readonly kind: "ready" }
  | { readonly kind: "result"; readonly id: number; readonly result: unknown }
  | { readonly kind: "refused"; readonly id: number; readonly error: ErrorMessage }
  | { readonly kind: "fault"; readonly message: string; readonly stack: string | undefined };

interface Pending {
  /** Null for the opening. */
  readonly request: Request | null;
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** What may be overtaken. */
const unpaid: ReadonlySet<ExecutorMethod> = new Set(["view", "simulate", "checkCode", "decideClaim"]);
/** Unpaid requests that may wait; above that, whoever asks is told to come again. */
const UNPAID_WAITING_MAX = 256;

/** Megabytes of native stack for the worker: Node's default for workers, said so that it stays. */
const STACK_SIZE_MB = 4;

export class ExecutionThread implements Executor {
  readonly #worker: Worker;
  /** What the worker is at; it gets the next when this is answered. */
  #running: Pending | undefined;
  readonly #waiting: Pending[] = [];
  readonly #waitingUnpaid: Pending[] = [];
  /** Before `open`, and between `release` and `reopen`, the worker has no folder, so nothing else can run. */
  #isReleased = true;
  #lastId = 0;
  #failure: Error | undefined;
  /** Called once, when execution can go on no more. */
  onFault: (fault: Error) => void = () => {};

  private constructor(worker: Worker) {
    this.#worker = worker;
    worker.on("message", (response: Response) => this.#receive(response));
    worker.on("error", (error) =>
      this.#fail(new Fault(`the execution thread died: ${error.message}`, { cause: error })),
    );
    worker.on("exit", () => this.#fail(new Fault("the execution thread ended")));
  }

  /** Starts the thread, which loads its code while others make the folder ready for `open`. */
  static launch(options: ExecutionThreadOptions): ExecutionThread {
    const worker = new Worker(new URL("./execution-worker.js", import.meta.url), {
      workerData: options,
      // Flags of the process are for its own script; --input-type, for one, would keep the worker from starting.
      execArgv: [],
      resourceLimits: { stackSizeMb: STACK_SIZE_MB },
    });
    return new ExecutionThread(worker);
  }

  /** The folder holds a chain now. Before this nothing can be asked. */
  open(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise<void>((resolve, reject) => {
      this.#running = {
        request: null,
        resolve: () => {
          this.#isReleased = false;
          resolve();
        },
        reject,
      };
      this.#worker.postMessage(null);
    });
  }

  /** Rejects with the `InputError` that the method threw, with `busy`, or with the fault that ended execution. */
  request<M extends ExecutorMethod>(
    method: M,
    params: ExecutorMethods[M]["params"],
  ): Promise<ExecutorMethods[M]["result"]> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const queue = unpaid.has(method) ? this.#waitingUnpaid : this.#waiting;
    if (this.#waitingUnpaid.length >= UNPAID_WAITING_MAX && queue === this.#waitingUnpaid) {
      const hint = "Ask again in a moment.";
      return Promise.reject(new InputError("busy", `${UNPAID_WAITING_MAX} executions wait already`, { hint }));
    }
    return new Promise((resolve, reject) => {
      const request = { id: ++this.#lastId, method, params };
      queue.push({ request, resolve: resolve as Pending["resolve"], reject });
      this.#next();
    });
  }

  #next(): void {
    if (this.#running !== undefined) return;
    this.#running = this.#waiting.shift() ?? (this.#isReleased ? undefined : this.#waitingUnpaid.shift());
    if (this.#running !== undefined) this.#worker.postMessage(this.#running.request);
  }

  /** Requests that wait, beside the one that runs. */
  get waitingCount(): number {
    return this.#waiting.length + this.#waitingUnpaid.length;
  }

  /**
   * Refuses unpaid work that still waits, gives what runs `graceMs` to end, then ends the thread. What is in the middle of a
   * block then has written nothing.
   */
  async close(graceMs: number): Promise<void> {
    const stopping = nodeStopping();
    for (const { reject } of this.#waitingUnpaid.splice(0)) reject(stopping);
    const timers = new AbortController();
    // The last of the queue. A thread that died has released already.
    const released = this.#isReleased ? undefined : this.request("release", null).catch(() => {});
    await Promise.race([released, sleep(graceMs, undefined, { signal: timers.signal }).catch(() => {})]);
    timers.abort();
    this.#end(stopping);
    await this.#worker.terminate();
  }

  #receive(response: Response): void {
    if (response.kind === "fault") {
      const fault = new Fault(response.message);
      if (response.stack !== undefined) fault.stack = response.stack;
      this.#fail(fault);
      return;
    }
    const running = this.#running;
    // Of a thread that is being ended, nobody waits for the last answer.
    if (this.#failure !== undefined) return;
    assert(running !== undefined, "the worker answers what it was asked");
    this.#running = undefined;
    if (response.kind === "result" && running.request !== null) {
      const { method } = running.request;
      if (method === "release" || method === "reopen") this.#isReleased = method === "release";
    }
    if (response.kind === "refused") running.reject(errorFromMessage(response.error));
    else running.resolve(response.kind === "result" ? response.result : undefined);
    this.#next();
  }

  #fail(fault: Error): void {
    if (this.#failure !== undefined) return;
    this.#end(fault);
    this.onFault(fault);
  }

  #end(reason: Error): void {
    this.#failure ??= reason;
    const open = [this.#running, ...this.#waiting, ...this.#waitingUnpaid];
    this.#running = undefined;
    this.#waiting.length = 0;
    this.#waitingUnpaid.length = 0;
    for (const pending of open) pending?.reject(reason);
  }
}
