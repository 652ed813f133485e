/**
 * The RPC server: one port for JSON-RPC over WebSocket and over HTTP.
 *
 * Here are the life of the port and the bounds on everything a stranger can grow; `http.ts` and `connection.ts` hold
 * the two transports, `json-rpc.ts` the messages, `methods.ts` what they mean.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocketServer } from "ws";
import { InputError } from "../../vm/errors.ts";
import { Connection, type ConnectionLimits } from "./connection.ts";
import {
  ClientGone,
  foreignRefusal,
  internalError,
  isLoopback,
  notFound,
  pathOf,
  type Refusal,
  refusal,
  refuse,
  refuseUpgrade,
  serveHttp,
} from "./http.ts";
import { blockToJson } from "./json.ts";
import { answerMessage, MESSAGE_SIZE_MAX, quote } from "./json-rpc.ts";
import { callMethod, type Subscriptions } from "./methods.ts";
import type { BlockRecord, NodeService } from "./service.ts";

export interface RpcLimits extends ConnectionLimits {
  readonly connectionsMax: number;
  /** HTTP requests that one connection may send ahead of their answers. */
  readonly pipelinedMax: number;
  readonly heartbeatMs: number;
  /** From the first byte of an HTTP request to the end of its headers. */
  readonly headersTimeoutMs: number;
  /** From the first byte of an HTTP request to its last. */
  readonly requestTimeoutMs: number;
  /** Silence after which an HTTP connection ends; more than the longest wait for a receipt. */
  readonly idleTimeoutMs: number;
  /** How long `close` lets calls in flight finish. */
  readonly closeGraceMs: number;
}

// One client at its worst makes the node hold 4 MiB of a message, 8 MiB of heads, and the answers to 64 calls begun
// before the first MiB of them was left unread.
export const defaultLimits: RpcLimits = {
  connectionsMax: 256,
  pipelinedMax: 4,
  inFlightMax: 64,
  subscriptionsMax: 32,
  unsentBytesPause: 1024 * 1024,
  unsentHeadBytesMax: 8 * 1024 * 1024,
  heartbeatMs: 30_000,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  idleTimeoutMs: 90_000,
  closeTimeoutMs: 2_000,
  closeGraceMs: 1_000,
};

export interface RpcServerOptions {
  readonly service: NodeService;
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  readonly log?: (message: string) => void;
  /** Told of every failure that is nobody's input. The server goes on; whether the node does is the caller's choice. */
  readonly onFault?: (error: unknown) => void;
  readonly limits?: Partial<RpcLimits>;
}

export interface RpcServer {
  readonly host: string;
  readonly port: number;
  /** For WebSocket clients; HTTP ones write `http://` in its place. */
  readonly url: string;
  /** Lets calls in flight finish for a moment, says goodbye, and leaves no socket and no timer behind. */
  close(): Promise<void>;
}

/** Throws `InputError`: `port_in_use`, `port_forbidden` or `host_unavailable`. */
export async function startRpcServer(options: RpcServerOptions): Promise<RpcServer> {
  const listener = new Listener(options);
  const { host } = options;
  const port = await listener.listen(options.port, host);
  return { host, port, url: `ws://${hostInUrl(host)}:${port}`, close: () => listener.close() };
}

class Listener {
  readonly #service: NodeService;
  readonly #limits: RpcLimits;
  readonly #log: (message: string) => void;
  readonly #onFault: (error: unknown) => void;
  readonly #isLocal: boolean;
  readonly #server: Server;
  readonly #webSockets: WebSocketServer;

  /** Calls that have no answer yet. */
  readonly #running = new Set<Promise<unknown>>();
  readonly #sockets = new Set<Duplex>();
  /** Sockets above `connectionsMax`: each is told so and closed. */
  readonly #surplus = new WeakSet<Duplex>();
  /** Requests of an HTTP connection that have no answer yet. */
  readonly #unanswered = new WeakMap<Duplex, number>();
  readonly #connections = new Set<Connection>();
  #heartbeat: NodeJS.Timeout | undefined;
  #endHeads = (): void => {};
  #closed: Promise<void> | undefined;

  constructor({ service, host, log = () => {}, onFault, limits }: RpcServerOptions) {
    this.#service = service;
    this.#limits = { ...defaultLimits, ...limits };
    this.#log = log;
    this.#onFault = onFault ?? ((error) => log(`fault: ${error}`));
    this.#isLocal = isLoopback(host);
    this.#webSockets = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      maxPayload: MESSAGE_SIZE_MAX,
      perMessageDeflate: false,
    });
    const { headersTimeoutMs, requestTimeoutMs } = this.#limits;
    this.#server = createServer({
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      connectionsCheckingInterval: Math.min(1_000, headersTimeoutMs),
    });
    this.#server.timeout = this.#limits.idleTimeoutMs;
    // A few more than are served, so that those can be told why.
    this.#server.maxConnections = this.#limits.connectionsMax + 16;
    const onRequest = (request: IncomingMessage, response: ServerResponse) => this.#onRequest(request, response);
    this.#server.on("connection", (socket) => this.#onConnection(socket));
    this.#server.on("request", onRequest);
    // `Expect: 100-continue`: a body that will be refused is refused before it is sent.
    this.#server.on("checkContinue", onRequest);
    this.#server.on("upgrade", (request, socket, head) => this.#onUpgrade(request, socket, head));
  }

  /** Returns the port. */
  async listen(port: number, host: string): Promise<number> {
    try {
      await new Promise<void>((resolve, reject) => {
        this.#server.once("error", reject);
        this.#server.listen(port, host, resolve);
      });
    } catch (error) {
      throw listenFailure(error, host, port);
    }
    this.#server.on("error", this.#onFault);
    this.#endHeads = this.#service.onHead((record) => this.#onHead(record));
    this.#heartbeat = setInterval(() => {
      for (const connection of this.#connections) connection.heartbeat();
    }, this.#limits.heartbeatMs);
    return (this.#server.address() as AddressInfo).port;
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#endHeads();
    clearInterval(this.#heartbeat);
    const closed = new Promise((resolve) => this.#server.close(resolve));
    const timers = new AbortController();
    const after = (ms: number) => sleep(ms, undefined, { signal: timers.signal }).catch(() => {});
    await Promise.race([Promise.allSettled(this.#running), after(this.#limits.closeGraceMs)]);
    // One turn of the loop, in which the last answers reach their sockets.
    await after(0);
    for (const connection of this.#connections) connection.close(1001, "the node is stopping");
    this.#server.closeIdleConnections();
    await Promise.race([closed, after(this.#limits.closeTimeoutMs)]);
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    timers.abort();
  }

  #answer(text: string, isWaiting: () => boolean, subscriptions?: Subscriptions): Promise<string | undefined> {
    const context = { service: this.#service, ...(subscriptions !== undefined && { subscriptions }) };
    const call = (method: string, params: unknown) => callMethod(method, params, context);
    const answered = answerMessage(text, { call, onFault: this.#onFault, isWaiting });
    this.#running.add(answered);
    return answered.finally(() => this.#running.delete(answered));
  }

  #onHead(record: BlockRecord): void {
    if (this.#connections.size === 0) return;
    try {
      const head = JSON.stringify(blockToJson(record));
      for (const connection of this.#connections) connection.pushHead(head);
    } catch (error) {
      this.#onFault(error);
    }
  }

  #onConnection(socket: Duplex): void {
    this.#sockets.add(socket);
    if (this.#sockets.size > this.#limits.connectionsMax) this.#surplus.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
  }

  #findRefusal({ headers, socket }: IncomingMessage): Refusal | undefined {
    if (this.#closed !== undefined) return refusal(503, "node_stopping", "the node is stopping");
    if (this.#surplus.has(socket)) {
      return refusal(503, "too_many_connections", `at most ${this.#limits.connectionsMax} connections at once`);
    }
    return foreignRefusal(headers, this.#isLocal);
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    const unanswered = (this.#unanswered.get(socket) ?? 0) + 1;
    if (unanswered > this.#limits.pipelinedMax) {
      // More of them may have come in the same read.
      if (!socket.destroyed) this.#log("HTTP client dropped: too many requests ahead of their answers");
      socket.destroy();
      return;
    }
    this.#unanswered.set(socket, unanswered);
    response.once("close", () => this.#unanswered.set(socket, this.#unanswered.get(socket)! - 1));
    const refused = this.#findRefusal(request);
    if (refused !== undefined) return refuse(response, refused);
    serveHttp(request, response, {
      answer: (text, isWaiting) => this.#answer(text, isWaiting),
      height: () => this.#service.head().header.height,
    }).catch((error) => {
      if (error instanceof ClientGone) return;
      this.#onFault(error);
      if (!response.headersSent) refuse(response, internalError);
    });
  }

  #onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const path = pathOf(request);
    const refused = this.#findRefusal(request) ?? (path === "/" ? undefined : notFound(path));
    if (refused !== undefined) return refuseUpgrade(socket, refused);
    this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      // What an HTTP server hands over is the TCP socket, whatever its type says.
      const connection = new Connection(webSocket, socket as Socket, {
        limits: this.#limits,
        answer: (text, subscriptions, isWaiting) => this.#answer(text, isWaiting, subscriptions),
        log: this.#log,
      });
      this.#connections.add(connection);
      webSocket.once("close", () => this.#connections.delete(connection));
    });
  }
}

/** Who listens on every address is reached on loopback. */
function hostInUrl(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return host.includes(":") ? `[${host}]` : host;
}

function listenFailure(error: unknown, host: string, port: number): unknown {
  switch ((error as NodeJS.ErrnoException).code) {
    case "EADDRINUSE":
      return new InputError("port_in_use", `port ${port} of ${host} is in use`, {
        hint: "Stop the program that has it, or choose another with --port; --port 0 takes a free one.",
        details: { host, port },
      });
    case "EACCES":
      return new InputError("port_forbidden", `port ${port} needs more rights`, {
        hint: "Choose a port above 1023 with --port.",
        details: { host, port },
      });
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return new InputError("host_unavailable", `${quote(host)} is no address of this machine`, {
        hint: "Use 127.0.0.1, or 0.0.0.0 for every address.",
        details: { host },
      });
    default:
      return error;
  }
}
