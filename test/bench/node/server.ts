/**
 * A node in a process of its own, on a free port, and one connection to it. How long it takes from the start of the process
 * to the first answer is measured at every start.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { RpcSocket } from "./socket.ts";

export interface Command {
  readonly file: string;
  readonly args: readonly string[];
}

/** Attempts to connect are this far apart. */
const CONNECT_INTERVAL_MS = 3;
const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 10_000;
/** Kept of what the process said last. */
const ERROR_TEXT_LENGTH = 2_000;

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export class Server {
  readonly pid: number;
  readonly socket: RpcSocket;
  /** From the start of the process to the first answer over a connection that began with it. */
  readonly startMs: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, socket: RpcSocket, startMs: number) {
    this.#child = child;
    this.pid = child.pid!;
    this.socket = socket;
    this.startMs = startMs;
  }

  /** `probe` asks for something that any node answers. Throws when the process ends or does not answer in time. */
  static async start(
    commandFor: (port: number) => Command,
    probe: (socket: RpcSocket) => Promise<unknown>,
  ): Promise<Server> {
    const port = await freePort();
    const { file, args } = commandFor(port);
    const startedAt = performance.now();
    const child = spawn(file, args, { stdio: ["ignore", "ignore", "pipe"] });
    running.add(child);
    let failure: string | undefined;
    let errorText = "";
    child.stderr.on("data", (data) => {
      errorText = (errorText + data).slice(-ERROR_TEXT_LENGTH);
    });
    child.on("error", (error) => {
      failure = error.message;
    });
    child.on("exit", (code, signal) => {
      running.delete(child);
      failure = `it ended with ${signal ?? code}`;
    });
    for (;;) {
      try {
        const socket = await RpcSocket.connect(`ws://127.0.0.1:${port}`);
        await probe(socket);
        return new Server(child, socket, performance.now() - startedAt);
      } catch {
        if (performance.now() - startedAt > START_TIMEOUT_MS) failure ??= "it does not answer";
        if (failure !== undefined) {
          child.kill("SIGKILL");
          throw new Error(`${[file, ...args].join(" ")}: ${failure}\n${errorText}`);
        }
        await sleep(CONNECT_INTERVAL_MS);
      }
    }
  }

  /** Ends the process in order, or after a while by force. */
  async stop(): Promise<void> {
    this.socket.close();
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "exit");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    this.#child.kill("SIGTERM");
    await ended;
    clearTimeout(timer);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return (address as { port: number }).port;
}
