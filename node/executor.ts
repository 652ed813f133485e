/**
 * Execution in a thread of its own, seen from the node's thread: requests go in, promises come back, one at a time in order.
 * So a contract that burns its whole gas limit delays other executions and no RPC answer.
 *
 * Bad input comes back as the `InputError` it was. Anything else that goes wrong in the worker is a fault: every open and
 * later request rejects with it, and the node stops.
 */
import { Worker } from "node:worker_threads";
import { Fault, InputError } from "../vm/errors.ts";
import type { SimulationResult, ViewRequest, ViewResult } from "./rpc/service.ts";
import type { Durability } from "./store.ts";

export interface ProducedBlock {
  readonly height: number;
  readonly transactionHashes: readonly Uint8Array[];
  readonly logs: readonly (readonly string[])[];
  readonly invalid: readonly { readonly hash: Uint8Array; readonly error: ErrorMessage }[];
}

export interface ExecutorMethods {
  produce: { params: { time: number; transactions: readonly Uint8Array[] }; result: ProducedBlock };
  checkCode: { params: { code: Uint8Array }; result: void };
  view: { params: ViewRequest; result: ViewResult };
  simulate: { params: { encoded: Uint8Array }; result: SimulationResult };
  /** Lets go of the folder, and takes it again: the node does the same on its side in between. */
  release: { params: null; result: void };
  reopen: { params: null; result: void };
}

export type ExecutorMethod = keyof ExecutorMethods;

export interface ExecutorOptions {
  readonly directory: string;
  readonly durability: Durability;
}

export interface Request {
  readonly id: number;
  readonly method: ExecutorMethod;
  readonly params: unknown;
}

/** An `InputError` in a form that crosses threads. */
export interface ErrorMessage {
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>> | undefined;
}

export type Response =
  | { readonly kind: "ready" }
  | { readonly kind: "result"; readonly id: number; readonly result: unknown }
  | { readonly kind: "refused"; readonly id: number; readonly error: ErrorMessage }
  | { readonly kind: "fault"; readonly message: string; readonly stack: string | undefined };

export function errorToMessage({ code, message, hint, details }: InputError): ErrorMessage {
  return { code, message, hint, details };
}

export function errorFromMessage({ code, message, hint, details }: ErrorMessage): InputError {
  return new InputError(code, message, {
    ...(hint === undefined ? {} : { hint }),
    ...(details === undefined ? {} : { details }),
  });
}

interface Pending {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** Megabytes of native stack for the worker: Node's default for workers, said so that it stays. */
const STACK_SIZE_MB = 4;

export class Executor {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
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

  /** The folder must hold a chain. */
  static async start(options: ExecutorOptions): Promise<Executor> {
    const worker = new Worker(new URL("./executor-worker.js", import.meta.url), {
      workerData: options,
      resourceLimits: { stackSizeMb: STACK_SIZE_MB },
    });
    const executor = new Executor(worker);
    await new Promise<void>((resolve, reject) => {
      executor.#pending.set(0, { resolve: () => resolve(), reject });
    });
    return executor;
  }

  request<M extends ExecutorMethod>(
    method: M,
    params: ExecutorMethods[M]["params"],
  ): Promise<ExecutorMethods[M]["result"]> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as Pending["resolve"], reject });
      this.#worker.postMessage({ id, method, params } satisfies Request);
    });
  }

  /** Waits for what was requested, then ends the thread. */
  async close(): Promise<void> {
    // Requests are answered in order, so this one comes after all others. A thread that died has released already.
    await this.request("release", null).catch(() => {});
    this.#failure ??= new Fault("the executor is closed");
    await this.#worker.terminate();
  }

  #receive(response: Response): void {
    switch (response.kind) {
      case "ready":
        this.#take(0)?.resolve(undefined);
        return;
      case "result":
        this.#take(response.id)?.resolve(response.result);
        return;
      case "refused":
        this.#take(response.id)?.reject(errorFromMessage(response.error));
        return;
      case "fault": {
        const fault = new Fault(response.message);
        if (response.stack !== undefined) fault.stack = response.stack;
        this.#fail(fault);
        return;
      }
    }
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }

  #fail(fault: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = fault;
    for (const pending of this.#pending.values()) pending.reject(fault);
    this.#pending.clear();
    this.onFault(fault);
  }
}
