/**
 * A typed client of a node, over WebSocket (`ws:`) or HTTP (`http:`).
 *
 * Law: every call settles, in bounded time, with the method's result or an `InputError` whose code says what happened.
 * A WebSocket client connects at its first call and never again: when the connection ends, everything on it ends with
 * `connection_lost`, and what to do about that is the caller's business: a subscription's `cursor` is where to go on.
 *
 *     const client = createClient("ws://127.0.0.1:4600");
 *     const { height } = await client.call("chain_info", {});
 *     const heads = await client.subscribe({ topic: "heads" }, (event) => console.log(event));
 *     await client.close();
 */
import type { IncomingMessage } from "node:http";
import { WebSocket } from "ws";
import { InputError } from "../../vm/errors.ts";
import type { RpcMethod, RpcMethods, SubscriptionEvent } from "./api.ts";
import { clientClosed } from "./client-closed.ts";
import { isObject } from "./json-rpc.ts";

export type * from "./api.ts";

/** The node answered with an error: its stable code, hint and details, and the JSON-RPC number beside them. */
export class RpcError extends InputError {
  override readonly name = "RpcError";
  readonly rpcCode: number;

  constructor(rpcCode: number, ...rest: ConstructorParameters<typeof InputError>) {
    super(...rest);
    this.rpcCode = rpcCode;
  }
}

export interface ClientOptions {
  /** How long a call may take; default 30,000. Waiting for a receipt comes on top. */
  readonly timeoutMs?: number;
  /** The node's token, for its development methods. */
  readonly token?: string;
  /** Bytes of one answer, above which it is not read on; default 256 MiB, for a block with its receipts may be large. */
  readonly answerSizeMax?: number;
}

type SubscribeParams = RpcMethods["chain_subscribe"]["params"];
export type Topic = SubscribeParams["topic"];

interface KindsOfTopic {
  readonly heads: "head" | "lagged";
  readonly events: "event" | "lagged";
  readonly transaction: "status";
  readonly pending: "pending" | "dropped" | "lagged";
}

/** What subscribers to a topic are told. */
export type EventOfTopic<T extends Topic> = Extract<SubscriptionEvent, { readonly kind: KindsOfTopic[T] }>;

export interface Subscription {
  /** Of the last head or event that the listener was given, or what it began `after`: where to go on. */
  readonly cursor: string | undefined;
  /** Ends it; the listener is told nothing afterwards. */
  unsubscribe(): Promise<void>;
}

export interface Client {
  /**
   * Throws `RpcError`, or `InputError`: `node_unreachable`, `request_timeout`, `connection_lost`, `answer_invalid`,
   * `answer_too_large`.
   */
  call<M extends RpcMethod>(method: M, params: RpcMethods[M]["params"]): Promise<RpcMethods[M]["result"]>;
  /**
   * Calls `listener` with everything that the node tells about the topic, in order and without gaps but those that `lagged`
   * tells. `onEnd` is called once if that stops being true. What is watched of one transaction ends by itself when it is
   * in a block or dropped. Needs a WebSocket.
   */
  subscribe<T extends Topic>(
    params: SubscribeParams & { readonly topic: T },
    listener: (event: EventOfTopic<T>) => void,
    onEnd?: (error: InputError) => void,
  ): Promise<Subscription>;
  /** Calls that still wait are rejected with `client_closed`. */
  close(): Promise<void>;
}

const TIMEOUT_MS = 30_000;
/** The node's own default for `tx_submitAndWait`, as `api.ts` has it. */
const WAIT_TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 10_000;
const CLOSE_TIMEOUT_MS = 1_000;
/** A raw block with its receipts is the largest answer there is. */
const ANSWER_SIZE_MAX = 256 * 1024 * 1024;

/** Throws `InputError` `url_invalid`. Opens nothing yet. */
export function createClient(url: string, options: ClientOptions = {}): Client {
  const { timeoutMs = TIMEOUT_MS, token, answerSizeMax = ANSWER_SIZE_MAX } = options;
  const protocol = URL.canParse(url) ? new URL(url).protocol : "";
  const headers: Headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  if (protocol === "ws:" || protocol === "wss:") return new WebSocketClient(url, timeoutMs, headers, answerSizeMax);
  if (protocol === "http:" || protocol === "https:") return new HttpClient(url, timeoutMs, headers, answerSizeMax);
  throw new InputError("url_invalid", `${JSON.stringify(url)} is not the address of a node`, {
    hint: "An address is written like ws://127.0.0.1:4600 or http://127.0.0.1:4600.",
  });
}

type Headers = Readonly<Record<string, string>>;

class HttpClient implements Client {
  readonly #url: string;
  readonly #timeoutMs: number;
  readonly #headers: Headers;
  readonly #answerSizeMax: number;
  readonly #running = new Set<AbortController>();
  #isClosed = false;
  #lastId = 0;

  constructor(url: string, timeoutMs: number, headers: Headers, answerSizeMax: number) {
    this.#url = url;
    this.#timeoutMs = timeoutMs;
    this.#headers = headers;
    this.#answerSizeMax = answerSizeMax;
  }

  async call<M extends RpcMethod>(method: M, params: RpcMethods[M]["params"]): Promise<RpcMethods[M]["result"]> {
    if (this.#isClosed) throw clientClosed();
    const timeoutMs = timeoutOf(method, params, this.#timeoutMs);
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(requestTimeout(method, timeoutMs)), timeoutMs);
    this.#running.add(abort);
    try {
      const response = await fetch(this.#url, {
        method: "POST",
        headers: { "Content-Type": "application/json", ...this.#headers },
        body: JSON.stringify({ jsonrpc: "2.0", id: ++this.#lastId, method, params }),
        signal: abort.signal,
      });
      const answer = parseAnswer(await this.#read(response), this.#url);
      return readAnswer(answer, this.#url) as RpcMethods[M]["result"];
    } catch (error) {
      if (error instanceof InputError) throw error;
      if (abort.signal.aborted) throw abort.signal.reason;
      throw networkFailure(this.#url, (error as Error).cause ?? error);
    } finally {
      clearTimeout(timer);
      this.#running.delete(abort);
    }
  }

  async #read(response: Response): Promise<string> {
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of response.body ?? []) {
      size += chunk.length;
      // To leave the loop ends the connection.
      if (size > this.#answerSizeMax) throw answerTooLarge(this.#url, this.#answerSizeMax);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString();
  }

  async subscribe(): Promise<Subscription> {
    throw new InputError("websocket_only", "subscriptions need a WebSocket", {
      hint: "Connect to the same address with ws:// in place of http://.",
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const abort of this.#running) abort.abort(clientClosed());
  }
}

interface Pending {
  readonly settle: (answer: Readonly<Record<string, unknown>>) => void;
  readonly reject: (error: InputError) => void;
}

interface Listener {
  readonly onEvent: (event: SubscriptionEvent) => void;
  readonly onEnd: (error: InputError) => void;
  next: number;
  cursor: string | undefined;
}

class WebSocketClient implements Client {
  readonly #url: string;
  readonly #timeoutMs: number;
  readonly #headers: Headers;
  readonly #answerSizeMax: number;
  readonly #pending = new Map<number, Pending>();
  readonly #listeners = new Map<string, Listener>();
  #socket: WebSocket | undefined;
  #connected: Promise<WebSocket> | undefined;
  /** Why no call can succeed any more. */
  #ended: InputError | undefined;
  #lastId = 0;

  constructor(url: string, timeoutMs: number, headers: Headers, answerSizeMax: number) {
    this.#url = url;
    this.#timeoutMs = timeoutMs;
    this.#headers = headers;
    this.#answerSizeMax = answerSizeMax;
  }

  call<M extends RpcMethod>(method: M, params: RpcMethods[M]["params"]): Promise<RpcMethods[M]["result"]> {
    return this.#call(method, params, (result) => result as RpcMethods[M]["result"]);
  }

  async subscribe<T extends Topic>(
    params: SubscribeParams & { readonly topic: T },
    listener: (event: EventOfTopic<T>) => void,
    onEnd: (error: InputError) => void = () => {},
  ): Promise<Subscription> {
    const onEvent = listener as Listener["onEvent"];
    const entry: Listener = { onEvent, onEnd, next: 0, cursor: params.after };
    // The listener is in place before the next message is read, which may be the first event.
    const subscription = await this.#call("chain_subscribe", params, (result) => {
      const id = isObject(result) ? String(result.subscription) : "";
      this.#listeners.set(id, entry);
      return id;
    });
    return {
      get cursor() {
        return entry.cursor;
      },
      unsubscribe: async () => {
        if (!this.#listeners.delete(subscription) || this.#ended !== undefined) return;
        await this.call("chain_unsubscribe", { subscription });
      },
    };
  }

  async close(): Promise<void> {
    this.#end(clientClosed());
    const socket = this.#socket;
    if (socket === undefined || socket.readyState === WebSocket.CLOSED) return;
    const closed = new Promise((resolve) => socket.once("close", resolve));
    const timer = setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS);
    socket.close(1000);
    await closed;
    clearTimeout(timer);
  }

  async #call<T>(method: RpcMethod, params: object, read: (result: unknown) => T): Promise<T> {
    if (this.#ended !== undefined) throw this.#ended;
    const timeoutMs = timeoutOf(method, params, this.#timeoutMs);
    const id = ++this.#lastId;
    const text = JSON.stringify({ jsonrpc: "2.0", id, method, params });
    this.#connected ??= this.#connect();
    const socket = await this.#connected;
    if (this.#ended !== undefined) throw this.#ended;
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(requestTimeout(method, timeoutMs));
      }, timeoutMs);
      this.#pending.set(id, {
        settle: (answer) => {
          clearTimeout(timer);
          try {
            resolve(read(readAnswer(answer, this.#url)));
          } catch (error) {
            reject(error);
          }
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
      socket.send(text);
    });
  }

  #connect(): Promise<WebSocket> {
    const socket = new WebSocket(this.#url, {
      handshakeTimeout: Math.min(this.#timeoutMs, CONNECT_TIMEOUT_MS),
      maxPayload: this.#answerSizeMax,
      perMessageDeflate: false,
      headers: this.#headers,
    });
    this.#socket = socket;
    socket.on("message", (data) => this.#onMessage(data.toString()));
    socket.on("close", (code, reason) => this.#end(connectionClosed(this.#url, code, reason.toString())));
    return new Promise((resolve, reject) => {
      const fail = (error: InputError): void => {
        this.#end(error);
        reject(this.#ended);
      };
      socket.once("open", () => resolve(socket));
      // After the connection is open, an error is followed by the close that ends everything.
      socket.on("error", (error) => {
        const { code } = error as NodeJS.ErrnoException;
        if (code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH") this.#fail(answerTooLarge(this.#url, this.#answerSizeMax));
        else if (socket.readyState !== WebSocket.OPEN) fail(unreachable(this.#url, error));
      });
      socket.once("unexpected-response", (request, response) => {
        readRefusal(response, this.#url).then((error) => {
          fail(error);
          request.destroy();
        });
      });
    });
  }

  #onMessage(text: string): void {
    let message: Readonly<Record<string, unknown>>;
    try {
      message = parseAnswer(text, this.#url);
    } catch (error) {
      this.#fail(error as InputError);
      return;
    }
    if (message.method === "chain_subscription") {
      this.#onEvent(message.params as SubscriptionEvent);
      return;
    }
    const pending = this.#pending.get(message.id as number);
    // Without one, the call timed out before.
    this.#pending.delete(message.id as number);
    pending?.settle(message);
  }

  #onEvent(event: SubscriptionEvent): void {
    const listener = this.#listeners.get(event.subscription);
    if (listener === undefined) return;
    if (event.sequence !== listener.next) {
      this.#fail(answerInvalid(this.#url, `notification ${listener.next} of a subscription is missing`));
      return;
    }
    listener.next++;
    if ("cursor" in event) listener.cursor = event.cursor;
    const status = event.kind === "status" ? event.status.kind : undefined;
    if (status === "included" || status === "dropped") this.#listeners.delete(event.subscription);
    listener.onEvent(event);
  }

  /** The node cannot be understood: nothing more is taken from it. */
  #fail(error: InputError): void {
    this.#end(error);
    this.#socket?.terminate();
  }

  #end(error: InputError): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
    const listeners = [...this.#listeners.values()];
    this.#listeners.clear();
    for (const { onEnd } of listeners) onEnd(error);
  }
}

/** The time that the node may wait for a receipt is not the node being slow. */
function timeoutOf(method: RpcMethod, params: object, timeoutMs: number): number {
  if (method !== "tx_submitAndWait") return timeoutMs;
  return timeoutMs + ((params as RpcMethods["tx_submitAndWait"]["params"]).timeoutMs ?? WAIT_TIMEOUT_MS);
}

function parseAnswer(text: string, url: string): Readonly<Record<string, unknown>> {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    // Reported below.
  }
  if (!isObject(message) || message.jsonrpc !== "2.0") throw answerInvalid(url, "it is no JSON-RPC message");
  return message;
}

/** The result in an answer. Throws the `RpcError` in it. */
function readAnswer(answer: Readonly<Record<string, unknown>>, url: string): unknown {
  if (Object.hasOwn(answer, "result")) return answer.result;
  const { error } = answer;
  if (!isObject(error)) throw answerInvalid(url, "it has neither result nor error");
  const data = isObject(error.data) ? error.data : {};
  throw new RpcError(
    Number(error.code),
    typeof data.code === "string" ? data.code : "answer_error",
    String(error.message),
    {
      ...(typeof data.hint === "string" && { hint: data.hint }),
      ...(isObject(data.details) && { details: data.details }),
    },
  );
}

/** The error in the body of an HTTP response that came in place of a WebSocket. */
async function readRefusal(response: IncomingMessage, url: string): Promise<InputError> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > 65_536) break;
    }
    readAnswer(parseAnswer(Buffer.concat(chunks).toString(), url), url);
  } catch (error) {
    if (error instanceof RpcError) return error;
  }
  return answerInvalid(url, `HTTP status ${response.statusCode} in place of a WebSocket`);
}

function unreachable(url: string, cause: unknown): InputError {
  const { code, message } = cause as NodeJS.ErrnoException;
  return new InputError("node_unreachable", `no node answers at ${url} (${code ?? message})`, {
    hint: "Start one with `lockstep dev`, or give the address of another.",
  });
}

function requestTimeout(method: string, timeoutMs: number): InputError {
  return new InputError("request_timeout", `${method} was not answered within ${timeoutMs} ms`, {
    hint: "The call may still take effect: look at the chain before you repeat it.",
  });
}

/** `fetch` fails the same way before a connection and on one. */
function networkFailure(url: string, cause: unknown): InputError {
  const { code = "", message } = cause as NodeJS.ErrnoException;
  return /REFUSED|NOTFOUND|AGAIN|UNREACH|TIMEDOUT|CONNECT_TIMEOUT/.test(code)
    ? unreachable(url, cause)
    : connectionLost(url, code || message);
}

function connectionClosed(url: string, closeCode: number, reason: string): InputError {
  const details = { closeCode };
  if (closeCode === 1009) {
    return new InputError("payload_too_large", "the node refused a message as too large", { details });
  }
  return connectionLost(url, reason === "" ? `close code ${closeCode}` : `close code ${closeCode}: ${reason}`, details);
}

function connectionLost(url: string, why: string, details?: Readonly<Record<string, unknown>>): InputError {
  return new InputError("connection_lost", `the connection to ${url} was lost (${why})`, {
    hint: "A call may still take effect: look at the chain before you repeat it.",
    ...(details !== undefined && { details }),
  });
}

function answerTooLarge(url: string, sizeMax: number): InputError {
  return new InputError("answer_too_large", `an answer of ${url} has more than ${sizeMax} bytes`, {
    hint: "Ask for less at once. Who expects answers of this size gives the client a larger `answerSizeMax`.",
    details: { sizeMax },
  });
}

function answerInvalid(url: string, problem: string): InputError {
  return new InputError("answer_invalid", `${url} did not answer as a node does: ${problem}`, {
    hint: "See that the address is a node's, and that the node's version is this client's.",
  });
}
