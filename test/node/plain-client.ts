/**
 * A WebSocket client that knows JSON-RPC and nothing of Lockstep: the judge of a node must not share its client's views.
 */
import { once } from "node:events";
import { onTestFinished } from "vitest";
import { WebSocket } from "ws";

/** An answer, looked at freely. */
// biome-ignore lint/suspicious/noExplicitAny: the tests say what must be in it.
export type Json = any;

export class CallError extends Error {
  /** The stable code in the error's data. */
  readonly code: string;
  constructor(method: string, error: { message: string; data?: { code?: string } }) {
    super(`${method}: ${error.message}`);
    this.code = error.data?.code ?? "none";
  }
}

export class PlainClient {
  readonly socket: WebSocket;
  /** Told of every notification's method and parameters. */
  onNotification: (method: string, params: Json) => void = () => {};
  readonly #pending = new Map<
    number,
    { readonly method: string; resolve(result: Json): void; reject(error: Error): void }
  >();
  #lastId = 0;

  private constructor(url: string) {
    this.socket = new WebSocket(url, { perMessageDeflate: false, maxPayload: 1 << 28 });
    this.socket.on("message", (data) => {
      const message = JSON.parse(data.toString()) as Json;
      if (message.method !== undefined) return this.onNotification(message.method, message.params);
      const pending = this.#pending.get(message.id);
      this.#pending.delete(message.id);
      if (pending === undefined) throw new Error(`an answer to nothing: ${data.toString().slice(0, 200)}`);
      if (message.error === undefined) pending.resolve(message.result);
      else pending.reject(new CallError(pending.method, message.error));
    });
    this.socket.on("error", () => {});
    this.socket.on("close", (code) => {
      const lost = new CallError("connection", { message: `closed with ${code}`, data: { code: "connection_lost" } });
      for (const { reject } of this.#pending.values()) reject(lost);
      this.#pending.clear();
    });
  }

  /** Ended with the test. */
  static async connect(url: string): Promise<PlainClient> {
    const client = new PlainClient(url);
    onTestFinished(() => client.socket.terminate());
    await once(client.socket, "open");
    return client;
  }

  /** Rejects with `CallError`; `connection_lost` when the connection ended first. */
  call(method: string, params: object = {}): Promise<Json> {
    if (this.socket.readyState !== WebSocket.OPEN) {
      return Promise.reject(new CallError(method, { message: "not open", data: { code: "connection_lost" } }));
    }
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { method, resolve, reject });
      this.socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    });
  }

  async close(): Promise<void> {
    const closed = once(this.socket, "close");
    this.socket.terminate();
    await closed;
  }

  /** Whether the node has the method at all. */
  async has(method: string): Promise<boolean> {
    const error = await this.call(method, { noSuchParameter: 1 }).catch((failure: CallError) => failure);
    return error.code !== "method_unknown";
  }
}
