/**
 * Scans of a LevelDB folder for a thread that cannot wait for promises: execution is synchronous, and LevelDB's iterators
 * are not. A thread of its own (`scan-worker.ts`) opens the same folder, which in one process is the same database, and sees
 * every batch that was committed. Whoever asks posts a range and sleeps until its page is there.
 *
 * It keeps nothing between two pages: where the next begins follows from the last key, so a scan that is given up leaves
 * nothing open, and each page shows the database as it is then.
 */
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from "node:worker_threads";
import * as borsh from "../vm/borsh.ts";
import { Fault } from "../vm/errors.ts";

/** The keys of `[from, to)`, or from the end down, at most `limit`. */
export interface PageRequest {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
  readonly reverse: boolean;
  readonly limit: number;
}

export const pageCodec = borsh.struct({
  entries: borsh.vec(borsh.struct({ key: borsh.bytes, value: borsh.bytes })),
  /** Nothing of the range is left behind this page. */
  isLast: borsh.bool,
});

/** Two keys with what lies between them. */
export interface CompactionRange {
  readonly start: Uint8Array;
  readonly end: Uint8Array;
}

/** Asks the thread to rewrite a range. */
export interface CompactionRequest {
  readonly compact: CompactionRange;
}

export type PageAnswer =
  | {
      readonly kind: "page";
      readonly encoded: Uint8Array;
      /** What pages walk over too slowly, told once. */
      readonly slow: CompactionRange | null;
    }
  /** LevelDB's own words. */
  | { readonly kind: "failed"; readonly cause: string };

export interface ScanWorkerData {
  /** The folder's one true path. */
  readonly location: string;
  /** Takes `PageRequest`, `CompactionRequest`, and null at the end; gives a `PageAnswer` to the first. */
  readonly port: MessagePort;
  /** One cell, raised with each answer, and when the thread ends. */
  readonly answered: Int32Array<SharedArrayBuffer>;
}

/** Entries of a scan's first page and of its largest: most scans want little, and nobody pays for what they do not take. */
const FIRST_PAGE_COUNT = 16;
const PAGE_COUNT_MAX = 512;
/** No page takes this long, however slow the disk. */
const ANSWER_TIMEOUT_MS = 30_000;
/** Of the thread's heap, of which it needs little. */
const HEAP_SIZE_MB = 64;

export class ScanThread {
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #answered = new Int32Array(new SharedArrayBuffer(4));
  #failure: Fault | undefined;
  #slow: CompactionRange | null = null;

  /** `location` must be open in this process. The thread never keeps the process alive. */
  constructor(location: string) {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const workerData: ScanWorkerData = { location, port: port2, answered: this.#answered };
    this.#worker = new Worker(new URL("./scan-worker.js", import.meta.url), {
      workerData,
      transferList: [port2],
      // Flags of the process are for its own script; --input-type, for one, would keep the worker from starting.
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: HEAP_SIZE_MB },
    });
    this.#worker.on("error", (error) => {
      this.#failure ??= new Fault(`the scan thread died: ${error.message}`, { cause: error });
    });
    this.#worker.on("exit", () => {
      this.#failure ??= new Fault("the scan thread ended");
    });
    this.#worker.unref();
  }

  /** Throws an `Error` with what LevelDB says, and `Fault` when the thread does not answer. */
  *scan(from: Uint8Array, to: Uint8Array, reverse: boolean): Generator<{ key: Uint8Array; value: Uint8Array }> {
    let range = { from, to };
    for (let limit = FIRST_PAGE_COUNT; ; limit = Math.min(limit * 4, PAGE_COUNT_MAX)) {
      const { entries, isLast } = this.#page({ ...range, reverse, limit });
      yield* entries;
      const last = entries.at(-1);
      if (isLast || last === undefined) return;
      range = reverse ? { from, to: last.key } : { from: Uint8Array.of(...last.key, 0), to };
    }
  }

  #page(request: PageRequest): borsh.Infer<typeof pageCodec> {
    if (this.#failure !== undefined) throw this.#failure;
    const before = Atomics.load(this.#answered, 0);
    this.#port.postMessage(request);
    // What is raised for an answer may wake us after we have taken that answer and asked for the next.
    let waited: ReturnType<typeof Atomics.wait>;
    do waited = Atomics.wait(this.#answered, 0, before, ANSWER_TIMEOUT_MS);
    while (waited === "ok" && Atomics.load(this.#answered, 0) === before);
    const message: PageAnswer | undefined = receiveMessageOnPort(this.#port)?.message;
    if (message === undefined) {
      // Whatever it still says would be taken for the answer to another question.
      this.#failure = new Fault(
        waited === "timed-out" ? `no answer from the scan thread in ${ANSWER_TIMEOUT_MS} ms` : "the scan thread ended",
      );
      throw this.#failure;
    }
    if (message.kind === "failed") throw new Error(message.cause);
    this.#slow ??= message.slow;
    return borsh.decode(pageCodec, message.encoded);
  }

  /** A range that should be compacted, if there is one; whoever takes it sees to it. */
  takeSlowRange(): CompactionRange | null {
    const slow = this.#slow;
    this.#slow = null;
    return slow;
  }

  /** Rewrites a range in the background. */
  compact(range: CompactionRange): void {
    if (this.#failure === undefined) this.#port.postMessage({ compact: range } satisfies CompactionRequest);
  }

  /** Lets go of the folder and ends the thread. */
  async close(): Promise<void> {
    if (this.#failure !== undefined) {
      await this.#worker.terminate();
      return;
    }
    this.#failure = new Fault("the scan thread is closed");
    const ended = new Promise((resolve) => this.#worker.once("exit", resolve));
    this.#worker.ref();
    this.#port.postMessage(null);
    const timer = setTimeout(() => this.#worker.terminate(), ANSWER_TIMEOUT_MS);
    await ended;
    clearTimeout(timer);
  }
}
