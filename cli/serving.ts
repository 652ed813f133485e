/**
 * A command that serves until it is told to stop: by a signal, by the end of the process that started it, or by what goes
 * wrong in the node. Signals are heeded before anybody is told that the node serves.
 */
import type { Log } from "../node/log.ts";
import { onParentGone } from "./parent.ts";
import { removeReadyFile, writeReadyFile } from "./ready-file.ts";

export interface Served {
  /** Rejects with what ended it. */
  readonly closed: Promise<void>;
  close(): Promise<void>;
}

export interface ServingOptions {
  readonly log: Log;
  /** The process that started this one, when this one is to end with it; read early. */
  readonly parent: number | null;
  readonly readyFile: string | null;
}

/** For the log and the ready file. */
type ReadyFacts = Parameters<typeof writeReadyFile>[1] & {
  readonly url: string;
  readonly chainId: string;
  readonly height: number;
  readonly followed?: string;
};

/** Writes the ready file, calls `announce`, and waits for the end. */
export async function serveUntilStopped(
  served: Served,
  { log, parent, readyFile }: ServingOptions,
  facts: ReadyFacts,
  announce: () => void,
): Promise<void> {
  const { url, chainId, height, followed } = facts;
  // A person has the banner.
  if (process.stdout.isTTY !== true) {
    log.info({ url, chainId, height, ...(followed !== undefined && { followed }) }, "listening");
  }
  let isStopping = false;
  const stop = (reason: string): void => {
    if (isStopping) return;
    isStopping = true;
    log.info({ reason }, "stopping");
    // What goes wrong while closing rejects `closed`, which is waited for below.
    served.close().catch(() => {});
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      // The second one ends at once, and costs nothing that was acknowledged.
      if (isStopping) process.exit(130);
      stop(signal);
    });
  }
  if (parent !== null) onParentGone(parent, () => stop("the parent process is gone"));
  try {
    if (readyFile !== null) {
      process.on("exit", () => removeReadyFile(readyFile, process.pid));
      // The file first: whoever is told finds it.
      writeReadyFile(readyFile, facts);
    }
    announce();
  } catch (error) {
    await served.close();
    throw error;
  }
  await served.closed;
  log.info({}, "stopped");
}
