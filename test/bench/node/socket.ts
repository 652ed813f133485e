/**
 * A WebSocket with JSON-RPC on it and nothing else: no retries, no batches, no timer for a call. Every node that is measured is asked
 * through this one, so that whatever the client costs, it costs all of them. A node that stops answering loses it in the end.
 */
import { WebSocket } from "ws";

interface Pending {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

interface Answer {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: unknown;
}

/** Several times what any measurement takes. */
const LIFETIME_MS = 600_000;

export class RpcSocket {
  readonly #socket: WebSocket;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data) => this.#settle(JSON.parse(String(data)) as Answer));
    // Followed by the close.
    socket.on("error", () => {});
    const timer = setTimeout(() => this.close(), LIFETIME_MS);
    socket.on("close", () => {
      clearTimeout(timer);
      for (const { reject } of this.#pending.values()) reject(new Error("the node closed the connection"));
      this.#pending.clear();
    });
  }

  /** Rejects when nobody listens there. */
  static connect(url: string): Promise<RpcSocket> {
    const socket = new WebSocket(url, { perMessageDeflate: false });
    return new Promise((resolve, reject) => {
      socket.once("error", reject);
      socket.once("open", () => resolve(new RpcSocket(socket)));
    });
  }

  /** Rejects with what the node answered when that is an error. */
  call(method: string, params: unknown): Promise<unknown> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }), (error) => {
        if (error != null) reject(error);
      });
    });
  }

  close(): void {
    this.#socket.terminate();
  }

  #settle({ id, result, error }: Answer): void {
    const pending = id === undefined ? undefined : this.#pending.get(id);
    if (id === undefined || pending === undefined) return;
    this.#pending.delete(id);
    if (error === undefined) pending.resolve(result);
    else pending.reject(new Error(JSON.stringify(error)));
  }
}
