/**
 * A WebSocket proxy before a node: passes messages through, alters the answers that a test chooses, and dies when told to.
 * What it hands to `lie` is the parsed result; what `lie` gives back is sent in its place.
 */
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { WebSocket, WebSocketServer } from "ws";

// biome-ignore lint/suspicious/noExplicitAny: a lie may be anything.
export type Lie = (result: any, method: string, params: any) => unknown;

export interface LyingProxy {
  readonly url: string;
  /** Until one is set, the proxy tells the truth. */
  lie: Lie;
  /** So many answers to come are not given: the connection dies in their place. */
  deathCount: number;
  /** Methods that were asked for. */
  readonly calls: string[];
  connectionCount: number;
  /** Ends, with all connections. */
  close(): Promise<void>;
}

export async function startLyingProxy(upstream: string): Promise<LyingProxy> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await new Promise((resolve) => server.once("listening", resolve));
  const proxy: LyingProxy = {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    lie: (result) => result,
    deathCount: 0,
    calls: [],
    connectionCount: 0,
    close: () => {
      for (const socket of server.clients) socket.terminate();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
  onTestFinished(proxy.close);
  server.on("connection", (near) => {
    proxy.connectionCount++;
    const far = new WebSocket(upstream, { perMessageDeflate: false });
    const opened = new Promise<void>((resolve) => far.once("open", resolve));
    const asked = new Map<number, { readonly method: string; readonly params: unknown }>();
    near.on("message", async (data) => {
      const text = data.toString();
      const { id, method, params } = JSON.parse(text);
      proxy.calls.push(method);
      asked.set(id, { method, params });
      await opened;
      far.send(text);
    });
    far.on("message", (data) => {
      const message = JSON.parse(data.toString());
      if (proxy.deathCount > 0) {
        proxy.deathCount--;
        near.terminate();
        return;
      }
      const call = asked.get(message.id);
      if (call !== undefined && "result" in message)
        message.result = proxy.lie(message.result, call.method, call.params);
      near.send(JSON.stringify(message));
    });
    near.on("close", () => far.terminate());
    near.on("error", () => far.terminate());
    far.on("close", () => near.terminate());
    far.on("error", () => near.terminate());
  });
  return proxy;
}
