/** A server over real sockets in front of a `FakeNode`, and what talks to it; closed when the test ends. */
import { type ClientRequest, request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { connect, type Socket } from "node:net";
import { expect, onTestFinished } from "vitest";
import { type RawData, WebSocket } from "ws";
import { silentLog } from "../../node/log.ts";
import { type Client, createClient } from "../../node/rpc/client.ts";
import { type RpcServerOptions, startRpcServer } from "../../node/rpc/server.ts";
import { FakeNode } from "./fake-node.ts";

/** `logs` are the messages above debug level; getters are alive on `server` only. */
export async function start(options: Partial<RpcServerOptions> = {}) {
  const node = new FakeNode();
  const faults: unknown[] = [];
  const logs: string[] = [];
  const server = await startRpcServer({
    service: node,
    host: "127.0.0.1",
    port: 0,
    onFault: (error) => faults.push(error),
    log: { ...silentLog, info: (_, message) => logs.push(message) },
    ...options,
  });
  onTestFinished(() => server.close());
  return { ...server, server, node, faults, logs, http: `http://127.0.0.1:${server.port}` };
}

export function client(url: string, options?: Parameters<typeof createClient>[1]): Client {
  const created = createClient(url, options);
  onTestFinished(() => created.close());
  return created;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export function http(
  port: number,
  { method = "POST", path = "/", headers = {}, body = "" as string | Uint8Array } = {},
): Promise<HttpAnswer> {
  const all = { "Content-Type": "application/json", ...headers };
  const request = httpRequest({ port, host: "127.0.0.1", method, path, headers: all });
  request.end(body);
  return answerOf(request);
}

export function answerOf(request: ClientRequest): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    request.on("error", reject);
    request.on("response", async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk);
      resolve({ status: response.statusCode!, headers: response.headers, text: Buffer.concat(chunks).toString() });
    });
  });
}

/** A raw socket behind a WebSocket handshake. */
export async function handshake(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => {});
  socket.write(
    "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
  );
  await readUntil(socket, "\r\n\r\n");
  return socket;
}

export function connectWs(url: string, headers: Record<string, string> = {}): Promise<WebSocket> {
  const socket = new WebSocket(url, { headers, perMessageDeflate: false, maxPayload: 0 });
  onTestFinished(() => socket.terminate());
  return new Promise((resolve, reject) => {
    socket.once("open", () => resolve(socket));
    socket.once("error", reject);
  });
}

export const nextMessage = (socket: WebSocket) =>
  new Promise<string>((resolve) => socket.once("message", (data: RawData) => resolve(data.toString())));
export const closeOf = (socket: WebSocket) =>
  new Promise<{ code: number; reason: string }>((resolve) =>
    socket.once("close", (code, reason) => resolve({ code, reason: reason.toString() })),
  );
export const rpc = (method: string, params: object = {}, id: unknown = 1) =>
  JSON.stringify({ jsonrpc: "2.0", id, method, params });
export const failing = (code: string) => expect.objectContaining({ code });

export type Transport = "ws" | "http";
export const transports = ["ws", "http"] as const;
/** One raw message and the raw answer to it. */
export async function exchange(transport: Transport, port: number, text: string | Uint8Array): Promise<string> {
  if (transport === "http") return (await http(port, { body: text })).text;
  const socket = await connectWs(`ws://127.0.0.1:${port}`);
  const answer = nextMessage(socket);
  socket.send(text);
  return answer;
}

/** Reads from a socket until `end` appears. */
export function readUntil(socket: Socket, end: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const onData = (chunk: Buffer) => {
      text += chunk.toString("latin1");
      if (!text.includes(end)) return;
      socket.off("data", onData);
      resolve(text);
    };
    socket.on("data", onData);
    socket.once("close", () => reject(new Error(`closed after ${text}`)));
  });
}

/** Waits until a number stops changing. */
export async function settled(read: () => number): Promise<void> {
  for (let last = -1; last !== read(); ) {
    last = read();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
