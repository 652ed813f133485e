/** An execution thread: has a chain of its own on the node's folder, and answers what `execution-thread.ts` posts. */
import { once } from "node:events";
import { parentPort, workerData } from "node:worker_threads";
import { assert, InputError } from "../vm/errors.ts";
import { Execution } from "./execution.ts";
import type { ExecutionThreadOptions, Request, Response } from "./execution-thread.ts";
import type { Fetch } from "./state-missing.ts";
import { Store } from "./store.ts";

assert(parentPort !== null, "the execution worker runs in a thread");
const port = parentPort;
const { directory, durability, keptRootCount, forkUrl, isReader = false } = workerData as ExecutionThreadOptions;

function send(response: Response): void {
  port.postMessage(response);
}

async function start(): Promise<void> {
  // The first message says that the folder is there.
  await once(port, "message");
  const store = await Store.open(directory, { durability, isReader });
  const execution = new Execution(store, { keptRootCount, fetch: await fetchFor(store), onFault: reportFault });
  port.on("message", ({ id, method, params }: Request) => {
    execution.request(method, params as never, (answer) =>
      send("error" in answer ? { kind: "refused", id, error: answer.error } : { kind: "result", id, ...answer }),
    );
  });
  send({ kind: "ready" });
}

/** Most chains are no forks, and run without the code of one. */
async function fetchFor(store: Store): Promise<Fetch | undefined> {
  if (store.genesis.base === null) return undefined;
  const [{ BaseSource }, { remoteAt }] = await Promise.all([
    import("./fork/base-source.ts"),
    import("./fork/remote-node.ts"),
  ]);
  const source = new BaseSource(store, remoteAt(forkUrl));
  return async (missing) => {
    if (missing.kind === "node" || !isReader) return source.fetch(missing);
    await source.fetchNodes();
    // The rest is for the thread that makes blocks, and little work by now.
    throw new InputError("head_moved", "keys can be listed where blocks are made", { hint: "Ask again." });
  };
}

function reportFault(error: unknown): void {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  send({ kind: "fault", message, stack });
}

start().catch(reportFault);
