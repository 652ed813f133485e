/** The execution thread: owns the chain's single writer and answers the requests of `executor.ts` in order. */
import { parentPort, workerData } from "node:worker_threads";
import { assert, InputError } from "../vm/errors.ts";
import { Chain } from "./chain.ts";
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
const { directory, durability } = workerData as ExecutorOptions;

type Handlers = {
  readonly [M in ExecutorMethod]: (
    params: ExecutorMethods[M]["params"],
  ) => Promise<ExecutorMethods[M]["result"]> | ExecutorMethods[M]["result"];
};

function send(response: Response): void {
  port.postMessage(response);
}

async function start(): Promise<void> {
  const store = await Store.open(directory, { durability });
  const chain = new Chain(store);

  const handlers: Handlers = {
    async produce({ time, transactions }) {
      const input = {
        time: Math.max(time, chain.head.time),
        proposer: store.genesis.proposer,
        // Their signatures were verified when the node admitted them.
        transactions: transactions.map(encodedTransaction),
      };
      const applied = chain.apply(input);
      if (applied.transactionHashes.length > 0) await chain.commit(applied);
      const invalid = applied.invalid.map(({ hash, error }) => ({ hash, error: errorToMessage(error) }));
      return { height: chain.head.height, logs: applied.logs, invalid };
    },
    checkCode: ({ code }) => chain.checkCode(code),
    view: (request) => chain.view(request),
    simulate: ({ encoded }) => chain.simulate(encoded),
    release: () => store.close(),
    async reopen() {
      await store.reopen();
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

  // One at a time in order, and behind a fault none.
  let last: Promise<void> = Promise.resolve();
  port.on("message", (request: Request) => {
    last = last.then(() => answer(request));
    last.catch(reportFault);
  });
  send({ kind: "ready" });
}

function reportFault(error: unknown): void {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  send({ kind: "fault", message, stack });
}

start().catch(reportFault);
