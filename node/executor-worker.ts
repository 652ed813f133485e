/** An execution thread: has a chain of its own on the node's folder and answers the requests of `executor.ts` in order. */
import { once } from "node:events";
import { parentPort, workerData } from "node:worker_threads";
import { assert, InputError } from "../vm/errors.ts";
import { blockHash, encodeHeader } from "./block.ts";
import { Chain } from "./chain.ts";
import { verifyZip215 } from "./crypto.ts";
import {
  type ExecutorMethod,
  type ExecutorMethods,
  type ExecutorOptions,
  errorToMessage,
  type Request,
  type Response,
} from "./executor.ts";
import { Store } from "./store.ts";
import { encodedTransaction } from "./transaction.ts";

assert(parentPort !== null, "the execution worker runs in a thread");
const port = parentPort;
const { directory, durability, keptRootCount } = workerData as ExecutorOptions;

/** Nodes that a step of pruning forgets at most, beyond twice what the last block left behind: some milliseconds. */
const PRUNE_COUNT = 256;

type Handlers = {
  readonly [M in ExecutorMethod]: (
    params: ExecutorMethods[M]["params"],
  ) => Promise<ExecutorMethods[M]["result"]> | ExecutorMethods[M]["result"];
};

function send(response: Response): void {
  port.postMessage(response);
}

async function start(): Promise<void> {
  // The first message says that the folder is there.
  await once(port, "message");
  const store = await Store.open(directory, { durability });
  const chain = new Chain(store);
  let staleCount = 0;
  /** Between `release` and `reopen` there is no folder to prune. */
  let isOpen = true;
  /** A step is on its way beside those that follow blocks. */
  let isPruning = false;

  const handlers: Handlers = {
    async produce({ time, transactions, mayBeEmpty }) {
      const applied = chain.apply({
        time: Math.max(time, chain.head.time),
        proposer: store.genesis.proposer,
        // Their signatures were verified when the node admitted them.
        transactions: transactions.map(encodedTransaction),
      });
      const invalid = applied.invalid.map(({ index, error }) => ({ index, error: errorToMessage(error) }));
      if (applied.receipts.length === 0 && !mayBeEmpty) return { sealed: null, invalid };
      await chain.commit(applied);
      staleCount = applied.tree.staleNodes.length;
      const { header } = applied.block;
      const sealed = {
        header: encodeHeader(header),
        hash: blockHash(header),
        receipts: applied.encodedReceipts,
        logs: applied.logs,
      };
      return { sealed, invalid };
    },
    checkCode: ({ code }) => chain.checkCode(code),
    decideClaim: ({ signature, message, sender }) => verifyZip215(signature, message, sender),
    view: (request) => chain.view(request),
    simulate: ({ encoded }) => chain.simulate(encoded),
    async release() {
      isOpen = false;
      await store.close();
    },
    async reopen() {
      await store.reopen();
      isOpen = true;
      chain.reload();
    },
  };

  const answer = async ({ id, method, params }: Request): Promise<void> => {
    try {
      send({ kind: "result", id, result: await handlers[method](params as never) });
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      send({ kind: "refused", id, error: errorToMessage(error) });
    }
  };

  /** A step after each block, and while there is more to forget, a step whenever nothing is asked. */
  const prune = async (): Promise<void> => {
    isPruning = false;
    if (keptRootCount === null || !isOpen) return;
    try {
      const isDone = await chain.prune(keptRootCount, PRUNE_COUNT + 2 * staleCount);
      if (!isDone) pruneSoon();
    } catch (error) {
      // The store takes nothing more then: the next block meets that too, and whoever waits for it is told.
      if (!(error instanceof InputError)) throw error;
    }
  };

  const pruneSoon = (): void => {
    if (isPruning) return;
    isPruning = true;
    setImmediate(() => enqueue(prune));
  };

  // One at a time in order, and behind a fault none.
  let last: Promise<void> = Promise.resolve();
  const enqueue = (work: () => Promise<void>): void => {
    last = last.then(work);
    last.catch(reportFault);
  };
  port.on("message", (request: Request) => {
    enqueue(() => answer(request));
    if (request.method === "produce") enqueue(prune);
  });
  pruneSoon();
  send({ kind: "ready" });
}

function reportFault(error: unknown): void {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  send({ kind: "fault", message, stack });
}

start().catch(reportFault);
