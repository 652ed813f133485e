/**
 * Execution as the node sees it: requests go in, promises come back, one at a time. Where it runs, in a thread of its own
 * (`execution-thread.ts`) or inline (`inline-executor.ts`), makes no difference to what comes back.
 *
 * Bad input comes back as the `InputError` it was. Anything else that goes wrong is a fault: every open and later request
 * rejects with it, and the node stops.
 */
import { InputError } from "../vm/errors.ts";
import type { Claim } from "./admission.ts";
import type { ClaimedBlock, Difference } from "./claimed-block.ts";
import type { SimulationResult, ViewRequest, ViewResult } from "./rpc/service.ts";

/** A block that is in the store. */
export interface SealedBlock {
  readonly header: Uint8Array;
  readonly hash: Uint8Array;
  readonly receipts: readonly Uint8Array[];
  readonly logs: readonly (readonly string[])[];
}

export interface ProduceRequest {
  readonly time: number;
  readonly transactions: readonly Uint8Array[];
  /** Whether a block is made although no transaction is in it. */
  readonly mayBeEmpty: boolean;
  /** Whether none is made when one of the transactions may not be in it. */
  readonly isAllOrNone?: boolean;
}

export interface ProduceResult {
  /** Null when no block was made. */
  readonly sealed: SealedBlock | null;
  /** Transactions that may not be in the block, by their place among those given. */
  readonly invalid: readonly { readonly index: number; readonly error: ErrorMessage }[];
}

export interface ImportResult {
  /** The first of the claimed blocks, in the store. */
  readonly sealed: readonly SealedBlock[];
  /** Why the next one is not. Where both are null, it was not begun. */
  readonly difference: Difference | null;
  readonly error: ErrorMessage | null;
}

export interface ExecutorMethods {
  produce: { params: ProduceRequest; result: ProduceResult };
  /**
   * Executes what claim to be the next blocks, and commits each that agrees in everything, up to the first that does not. It
   * begins one at least, and more for a few milliseconds: who asks is to hear of them soon, and may want to stop.
   */
  import: { params: readonly ClaimedBlock[]; result: ImportResult };
  checkCode: { params: { code: Uint8Array }; result: void };
  /** Whether a signature that OpenSSL did not take is one by ZIP-215. */
  decideClaim: { params: Claim; result: boolean };
  view: { params: ViewRequest; result: ViewResult };
  /** Without a height, on the head. */
  simulate: { params: { encoded: Uint8Array; height?: number }; result: SimulationResult };
  /** Takes back the blocks above `height`. */
  rollback: { params: { height: number }; result: void };
  /** Lets go of the folder, and takes it again: the node does the same on its side in between. */
  release: { params: null; result: void };
  reopen: { params: null; result: void };
}

export type ExecutorMethod = keyof ExecutorMethods;

/** Somewhere to execute. */
export interface Executor {
  /** Requests that wait, beside the one that runs. */
  readonly waitingCount: number;
  /** Rejects with the `InputError` that the method threw, with `busy`, or with the fault that ended execution. */
  request<M extends ExecutorMethod>(
    method: M,
    params: ExecutorMethods[M]["params"],
  ): Promise<ExecutorMethods[M]["result"]>;
  /** Refuses unpaid work that still waits, gives what runs `graceMs` to end, and then ends. Never rejects. */
  close(graceMs: number): Promise<void>;
}

/** An `InputError` in a form that crosses threads. */
export interface ErrorMessage {
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>> | undefined;
}

export function errorToMessage({ code, message, hint, details }: InputError): ErrorMessage {
  return { code, message, hint, details };
}

export function errorFromMessage({ code, message, hint, details }: ErrorMessage): InputError {
  return new InputError(code, message, {
    ...(hint === undefined ? {} : { hint }),
    ...(details === undefined ? {} : { details }),
  });
}
