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
import { type Log, silentLog } from "../log.ts";
import { nodeStopping } from "../node-stopping.ts";
import { Access, type AccessOptions, chooseProtocol, isLoopback, type Permission } from "./access.ts";
import { Connection, type ConnectionLimits } from "./connection.ts";
import { Feed } from "./feed.ts";
import { Gate } from "./gate.ts";
import {
  ClientGone,
  expectationUnknown,
  handshakeInvalid,
  internalError,
  type MetricsText,
  type NodeStatus,
  notFound,
  pathOf,
  type Refusal,
  refusal,
  refuse,
  refuseUpgrade,
  requestInvalid,
  serveHttp,
} from "./http.ts";
import { type Answer, answerMessage, type CallOutcome, MESSAGE_SIZE_MAX, quote } from "./json-rpc.ts";
import { callMethod } from "./methods.ts";
import type { NodeService } from "./service.ts";
import type { Subscriptions } from "./subscriptions.ts";

export interface RpcLimits extends ConnectionLimits {
  readonly connectionsMax: number;
  /** From one address of another machine. */
  readonly connectionsPerAddressMax: number;
  /** Calls of one connection that run contracts at once; the rest of them follow in their order. */
  readonly executionsMax: number;
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

// One client at its worst makes the node hold the messages of its calls in flight (12 MiB), a message that is read (4 MiB),
// what it left unread (1 MiB), and the answers to the calls that were in flight then.
export const defaultLimits: RpcLimits = {
  connectionsMax: 256,
  connectionsPerAddressMax: 128,
  executionsMax: 16,
  pipelinedMax: 4,
  inFlightMax: 64,
  inFlightLengthMax: 8 * 1024 * 1024,
  subscriptionsMax: 32,
  blocksBehindMax: 100_000,
  unsentBytesMax: 1024 * 1024,
  unsentPushBytesMax: 256 * 1024,
  heartbeatMs: 30_000,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  idleTimeoutMs: 90_000,
  closeTimeoutMs: 500,
  closeGraceMs: 250,
};

/** They wait for the execution thread, whose queue is everybody's. */
const executions: ReadonlySet<string> = new Set(["contract_view", "tx_simulate"]);

export interface CallFacts {
  /** A name of the method table, or "unknown". */
  readonly method: string;
  readonly transport: "websocket" | "http";
  readonly durationMs: number;
  /** Of the error; null when there was none. */
  readonly code: string | null;
}

export interface RpcServerOptions {
  readonly service: NodeService;
  /** Where to listen. */
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  /** Default: this machine alone, or beyond loopback everybody, and then nobody has control. */
  readonly access?: Omit<AccessOptions, "host">;
  readonly log?: Log;
  /** Told of every failure that is nobody's input. The server goes on; whether the node does is the caller's choice. */
  readonly onFault?: (error: unknown) => void;
  /** Told of every call when it is over. */
  readonly onCall?: (facts: CallFacts) => void;
  /** Told how many notifications of a subscription were left out, each time some were. */
  readonly onLagged?: (missed: number) => void;
  /** What is at /metrics. */
  readonly metrics?: MetricsText;
  /** Whether the node makes blocks; default: what its `info` says. */
  readonly isReady?: () => boolean;
  /** Whether no fault has stopped the node; default: always. */
  readonly isHealthy?: () => boolean;
  readonly limits?: Partial<RpcLimits>;
}

export interface RpcServer {
  readonly host: string;
  readonly port: number;
  /** For WebSocket clients; HTTP ones write `http://` in its place. */
  readonly url: string;
  /** Open connections of both transports. */
  readonly connectionCount: number;
  readonly subscriptionCount: number;
  /** Lets calls in flight finish for a moment, says goodbye, and leaves no socket and no timer behind. */
  close(): Promise<void>;
}

/** Throws `InputError`: `port_in_use`, `port_forbidden`, `host_unavailable` or `token_invalid`. */
export async function startRpcServer(options: RpcServerOptions): Promise<RpcServer> {
  const listener = new Listener(options);
  const { host } = options;
  const port = await listener.listen(options.port, host);
  return {
    host,
    port,
    url: `ws://${hostInUrl(host)}:${port}`,
    get connectionCount() {
      return listener.connectionCount;
    },
    get subscriptionCount() {
      return listener.subscriptionCount;
    },
    close: () => listener.close(),
  };
}

class Listener {
  readonly #options: RpcServerOptions;
  readonly #service: NodeService;
  readonly #limits: RpcLimits;
  readonly #log: Log;
  readonly #onFault: (error: unknown) => void;
  readonly #access: Access;
  readonly #feed: Feed;
  readonly #server: Server;
  readonly #webSockets: WebSocketServer;

  /** Messages that have no answer yet. */
  readonly #running = new Set<Promise<unknown>>();
  readonly #sockets = new Set<Duplex>();
  /** How many of them come from each address of another machine. */
  readonly #addresses = new Map<string, number>();
  /** Sockets above a limit: each is told so and closed. */
  readonly #surplus = new WeakMap<Duplex, Refusal>();
  /** Requests of an HTTP connection that have no answer yet. */
  readonly #unanswered = new WeakMap<Duplex, number>();
  readonly #connections = new Set<Connection>();
  #heartbeat: NodeJS.Timeout | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: RpcServerOptions) {
    const { service, host, access, log = silentLog, onFault, onLagged } = options;
    this.#options = options;
    this.#service = service;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#log = log;
    this.#onFault = onFault ?? ((error) => log.error({ err: error }, "RPC failed"));
    this.#access = new Access({ host, ...access });
    this.#webSockets = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      maxPayload: MESSAGE_SIZE_MAX,
      perMessageDeflate: false,
      handleProtocols: chooseProtocol,
    });
    const { headersTimeoutMs, requestTimeoutMs } = this.#limits;
    this.#server = createServer({
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      connectionsCheckingInterval: Math.min(1_000, headersTimeoutMs),
      // Who names none is refused by `Access`, in our words.
      requireHostHeader: false,
    });
    this.#server.timeout = this.#limits.idleTimeoutMs;
    // A few more than are served, so that those can be told why.
    this.#server.maxConnections = this.#limits.connectionsMax + 16;
    const onRequest = (request: IncomingMessage, response: ServerResponse) => this.#onRequest(request, response);
    this.#server.on("connection", (socket) => this.#onConnection(socket));
    this.#server.on("request", onRequest);
    // `Expect: 100-continue`: a body that will be refused is refused before it is sent.
    this.#server.on("checkContinue", onRequest);
    this.#server.on("checkExpectation", (_, response) => refuse(response, expectationUnknown));
    this.#server.on("upgrade", (request, socket, head) => this.#onUpgrade(request, socket, head));
    this.#server.on("clientError", (error, socket) => this.#onClientError(error, socket));
    this.#webSockets.on("wsClientError", (error, socket) => refuseUpgrade(socket, handshakeInvalid(error)));
    this.#feed = new Feed(service, this.#onFault, onLagged);
  }

  get connectionCount(): number {
    return this.#sockets.size;
  }

  get subscriptionCount(): number {
    return [...this.#connections].reduce((sum, connection) => sum + connection.subscriptionCount, 0);
  }

  /** Returns the port. */
  async listen(port: number, host: string): Promise<number> {
    try {
      await new Promise<void>((resolve, reject) => {
        this.#server.once("error", reject);
        this.#server.listen(port, host, resolve);
      });
    } catch (error) {
      this.#feed.end();
      throw listenFailure(error, host, port);
    }
    this.#server.on("error", this.#onFault);
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
    this.#feed.end();
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

  #answer(text: string, source: MessageSource): Answer | Promise<Answer> {
    const { permission, transport, subscriptions, gate, isWaiting } = source;
    const context = { service: this.#service, ...permission, ...(subscriptions !== undefined && { subscriptions }) };
    const call = (method: string, params: unknown) =>
      gate !== undefined && executions.has(method)
        ? gate.run(async () => callMethod(method, params, context))
        : callMethod(method, params, context);
    const onCall = (outcome: CallOutcome) => this.#onCall(outcome, transport);
    const answered = answerMessage(text, { call, onFault: this.#onFault, isWaiting, onCall });
    if (answered instanceof Promise) {
      this.#running.add(answered);
      void answered.then(() => this.#running.delete(answered));
    }
    return answered;
  }

  #onCall({ method, durationMs, code, length }: CallOutcome, transport: CallFacts["transport"]): void {
    this.#options.onCall?.({ method, transport, durationMs, code });
    const facts = { method, transport, durationMs: Number(durationMs.toFixed(3)), code, bytes: length };
    this.#log.debug(facts, "RPC call");
  }

  #onConnection(socket: Socket): void {
    const { connectionsMax, connectionsPerAddressMax } = this.#limits;
    const { remoteAddress = "" } = socket;
    const isOwn = isLoopback(remoteAddress.replace(/^::ffff:/, ""));
    const sameAddress = isOwn ? 0 : (this.#addresses.get(remoteAddress) ?? 0) + 1;
    if (sameAddress > 0) this.#addresses.set(remoteAddress, sameAddress);
    this.#sockets.add(socket);
    if (this.#sockets.size > connectionsMax) {
      this.#surplus.set(socket, refusal(503, "too_many_connections", `at most ${connectionsMax} connections at once`));
    } else if (sameAddress > connectionsPerAddressMax) {
      const message = `at most ${connectionsPerAddressMax} connections at once from one address`;
      this.#surplus.set(socket, refusal(503, "too_many_connections", message));
    }
    socket.once("close", () => {
      this.#sockets.delete(socket);
      if (isOwn) return;
      const left = this.#addresses.get(remoteAddress)! - 1;
      if (left === 0) this.#addresses.delete(remoteAddress);
      else this.#addresses.set(remoteAddress, left);
    });
  }

  #permit({ headers, socket }: IncomingMessage): Refusal | Permission {
    return this.#surplus.get(socket) ?? this.#access.check(headers);
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    const unanswered = (this.#unanswered.get(socket) ?? 0) + 1;
    if (unanswered > this.#limits.pipelinedMax) {
      // More of them may have come in the same read.
      if (!socket.destroyed) this.#onDrop("http", "too many requests ahead of their answers");
      socket.destroy();
      return;
    }
    this.#unanswered.set(socket, unanswered);
    response.once("close", () => this.#unanswered.set(socket, this.#unanswered.get(socket)! - 1));
    const permission = this.#permit(request);
    if ("error" in permission) return refuse(response, permission);
    const isProbe = /^\/(health|ready)$/.test(pathOf(request));
    if (this.#closed !== undefined && !isProbe) return refuse(response, stopping);
    serveHttp(request, response, {
      answer: (text, isWaiting) => this.#answer(text, { permission, transport: "http", isWaiting }),
      status: () => this.#status(),
      metrics: this.#options.metrics,
    }).catch((error) => {
      if (error instanceof ClientGone) return;
      this.#onFault(error);
      if (!response.headersSent) refuse(response, internalError);
    });
  }

  /** Of what the parser of HTTP does not take, or not in time. Behind an answer under way there is no place for another. */
  #onClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
    if (error.code === "ECONNRESET" || !socket.writable || (this.#unanswered.get(socket) ?? 0) > 0) socket.destroy();
    else refuseUpgrade(socket, requestInvalid(error.code));
  }

  #status(): NodeStatus {
    const { stopped } = this.#service.info();
    const { isHealthy = () => true, isReady = () => stopped === null } = this.#options;
    return {
      height: this.#service.head().header.height,
      isHealthy: isHealthy(),
      isReady: this.#closed === undefined && isReady(),
      stopped,
    };
  }

  #onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const path = pathOf(request);
    const permission = this.#permit(request);
    if ("error" in permission) return refuseUpgrade(socket, permission);
    if (this.#closed !== undefined) return refuseUpgrade(socket, stopping);
    if (path !== "/") return refuseUpgrade(socket, notFound(path));
    const gate = new Gate(this.#limits.executionsMax);
    this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      // What an HTTP server hands over is the TCP socket, whatever its type says.
      const connection = new Connection(webSocket, socket as Socket, {
        limits: this.#limits,
        feed: this.#feed,
        answer: (text, subscriptions, isWaiting) =>
          this.#answer(text, { permission, transport: "websocket", subscriptions, gate, isWaiting }),
        onDrop: (reason) => this.#onDrop("websocket", reason),
      });
      this.#connections.add(connection);
      webSocket.once("close", () => this.#connections.delete(connection));
    });
  }

  #onDrop(transport: CallFacts["transport"], reason: string): void {
    this.#log.info({ transport, reason }, `client dropped: ${reason}`);
  }
}

/** Where a message came from, and what that means for its calls. */
interface MessageSource {
  readonly permission: Permission;
  readonly transport: CallFacts["transport"];
  /** Absent where nothing can be pushed. */
  readonly subscriptions?: Subscriptions;
  /** Absent where the transport lets few calls run at once. */
  readonly gate?: Gate;
  readonly isWaiting: () => boolean;
}

const stopping: Refusal = { status: 503, error: nodeStopping() };

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
