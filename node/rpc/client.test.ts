/**
 * The client against nodes that misbehave; against one that behaves it is tried in `server.test.ts`.
 */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Writable } from "node:stream";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import type { InputError } from "../../vm/errors.ts";
import { type Client, type ClientOptions, createClient, RpcError } from "./client.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Behaviour {
  readonly http?: (request: IncomingMessage, response: ServerResponse) => void;
  readonly message?: (socket: WebSocket, text: string) => void;
}

/** A server that does as it is told on both transports; returns its port. */
async function misbehaving({ http = () => {}, message = () => {} }: Behaviour): Promise<number> {
  const server = createServer(http);
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket) => socket.on("message", (data) => message(socket, data.toString())));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(async () => {
    for (const socket of sockets.clients) socket.terminate();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

function client(url: string, options?: ClientOptions): Client {
  const created = createClient(url, options);
  closers.push(() => created.close());
  return created;
}

const failing = (code: string) => expect.objectContaining({ code });
const transports = ["ws", "http"] as const;

/** Answers every message with `answer`, on both transports. */
const answering = (answer: (id: number) => string): Behaviour => ({
  http: async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    response.end(answer(JSON.parse(body).id));
  },
  message: (socket, text) => socket.send(answer(JSON.parse(text).id)),
});

test.each(["", "localhost", "127.0.0.1:4600", "ftp://127.0.0.1", "ws://", "file:///etc"])("%j is no address", (url) => {
  expect(() => createClient(url)).toThrow(failing("url_invalid"));
});

describe.each(transports)("over %s", (transport) => {
  const address = (port: number) => `${transport}://127.0.0.1:${port}`;

  test("nobody there is node_unreachable, with the next step", async () => {
    const port = await misbehaving({});
    await closers.pop()!();
    await expect(client(address(port)).call("chain_info", {})).rejects.toMatchObject({
      code: "node_unreachable",
      hint: expect.stringContaining("lockstep dev"),
      message: expect.stringContaining("ECONNREFUSED"),
    });
    await expect(client(`${transport}://no-such-host.invalid`).call("chain_info", {})).rejects.toThrow(
      failing("node_unreachable"),
    );
  });

  test("no answer is request_timeout, and later ones still arrive", async () => {
    let silent = true;
    const answers = answering((id) => `{"jsonrpc":"2.0","id":${id},"result":null}`);
    const port = await misbehaving({
      http: (request, response) => (silent ? undefined : answers.http!(request, response)),
      message: (socket, text) => (silent ? undefined : answers.message!(socket, text)),
    });
    const api = client(address(port), { timeoutMs: 100 });
    await expect(api.call("tx_get", { hash: "0x" })).rejects.toThrow(failing("request_timeout"));
    silent = false;
    expect(await api.call("tx_get", { hash: "0x" })).toBeNull();
  });

  test("waiting for a receipt comes on top of the time for a call", async () => {
    const port = await misbehaving({});
    const before = Date.now();
    const wait = client(address(port), { timeoutMs: 50 }).call("tx_submitAndWait", {
      transaction: "0x",
      timeoutMs: 200,
    });
    await expect(wait).rejects.toThrow(failing("request_timeout"));
    expect(Date.now() - before).toBeGreaterThanOrEqual(240);
  });

  test("a connection that ends in the middle ends every call on it with connection_lost", async () => {
    const port = await misbehaving({
      http: (request) => request.socket.destroy(),
      message: (socket) => socket.terminate(),
    });
    const api = client(address(port));
    const calls = [1, 2, 3].map((height) => api.call("chain_block", { height }));
    for (const { reason } of (await Promise.allSettled(calls)) as PromiseRejectedResult[]) {
      expect(reason).toMatchObject({ code: "connection_lost", hint: expect.stringContaining("may still take effect") });
    }
    await expect(api.call("chain_info", {})).rejects.toThrow(failing("connection_lost"));
  });

  test.each([
    ["HTML", () => "<html>"],
    ["JSON that is no answer", () => '{"hello":1}'],
    ["a list", () => "[]"],
    ["null", () => "null"],
    ["neither result nor error", (id: number) => `{"jsonrpc":"2.0","id":${id}}`],
    ["an error that is none", (id: number) => `{"jsonrpc":"2.0","id":${id},"error":"no"}`],
  ])("%s is answer_invalid", async (_, answer) => {
    const port = await misbehaving(answering(answer));
    await expect(client(address(port)).call("chain_info", {})).rejects.toThrow(failing("answer_invalid"));
  });

  test("an error carries the node's code, hint and details, and another server's error is an error too", async () => {
    const error = {
      code: -32000,
      message: "nonce 1",
      data: { code: "nonce_too_low", hint: "Use 2.", details: { a: 1 } },
    };
    const port = await misbehaving(answering((id) => JSON.stringify({ jsonrpc: "2.0", id, error })));
    const failure = await client(address(port))
      .call("chain_info", {})
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(RpcError);
    expect(failure).toMatchObject({ ...error.data, rpcCode: -32000, message: "nonce 1" });
    const bare = await misbehaving(
      answering((id) => `{"jsonrpc":"2.0","id":${id},"error":{"code":-32601,"message":"?"}}`),
    );
    await expect(client(address(bare)).call("chain_info", {})).rejects.toMatchObject({
      rpcCode: -32601,
      code: "answer_error",
    });
  });

  test("an answer of the largest size is taken, and one byte more is answer_too_large", async () => {
    let padding = 0;
    const sized = (id: number) => {
      const [front, back] = [`{"jsonrpc":"2.0","id":${id},"result":"`, '"}'];
      return `${front}${"x".repeat(1_000 + padding - front.length - back.length)}${back}`;
    };
    const port = await misbehaving(answering(sized));
    const options = { answerSizeMax: 1_000 };
    expect(await client(address(port), options).call("chain_info", {})).toMatch(/^x+$/);
    padding = 1;
    await expect(client(address(port), options).call("chain_info", {})).rejects.toMatchObject({
      code: "answer_too_large",
      message: expect.stringContaining("1000 bytes"),
      hint: expect.any(String),
    });
    // By default there is room for more.
    expect(await client(address(port)).call("chain_info", {})).toMatch(/^x+$/);
  });

  test("an answer without an end is not read on: what was taken of it stays near the largest size", async () => {
    const sizeMax = 1024 * 1024;
    const piece = Buffer.alloc(64 * 1024, "x");
    let taken = 0;
    let started: (port: number) => void = () => {};
    const opened = new Promise<number>((resolve) => {
      started = resolve;
    });
    const gone = new Promise<void>((resolve) => {
      const pour = (socket: Writable) => {
        socket.on("close", resolve).on("error", () => {});
        const more = () => {
          while (!socket.destroyed && socket.write(piece)) taken += piece.length;
          if (!socket.destroyed) socket.once("drain", more);
        };
        more();
      };
      const server = createServer((_, response) => pour(response));
      // The first frame of a message, as long as it likes, and never the last.
      server.on("upgrade", (request, socket) => {
        const accept = createHash("sha1")
          .update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
          .digest("base64");
        socket.write(
          `HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
        );
        socket.write(Buffer.from("017f0000100000000000", "hex"));
        pour(socket);
      });
      server.listen(0, "127.0.0.1", () => started((server.address() as AddressInfo).port));
      closers.push(() => {
        server.closeAllConnections();
        return new Promise((closed) => server.close(closed));
      });
    });
    const port = await opened;
    await expect(client(address(port), { answerSizeMax: sizeMax }).call("chain_info", {})).rejects.toThrow(
      failing("answer_too_large"),
    );
    await gone;
    // Beside it, what the system holds of a connection.
    expect(taken).toBeLessThan(sizeMax + 16 * 1024 * 1024);
  });

  test("closing ends what waits with client_closed, and nothing can be called afterwards", async () => {
    const port = await misbehaving({});
    const api = client(address(port));
    const waiting = expect(api.call("chain_info", {})).rejects.toThrow(failing("client_closed"));
    if (transport === "ws") await new Promise((resolve) => setTimeout(resolve, 50));
    await api.close();
    await waiting;
    await expect(api.call("chain_info", {})).rejects.toThrow(failing("client_closed"));
    await api.close();
    // Never used, or closed while it still connects.
    await client(address(port)).close();
    const connecting = client(address(port));
    const early = expect(connecting.call("chain_info", {})).rejects.toThrow(failing("client_closed"));
    await connecting.close();
    await early;
  });
});

describe("over a WebSocket", () => {
  test("a server that speaks only HTTP is answer_invalid, with its status", async () => {
    const server = createServer((_, response) => response.writeHead(426).end("<html>"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    closers.push(() => server.close());
    const { port } = server.address() as AddressInfo;
    await expect(client(`ws://127.0.0.1:${port}`).call("chain_info", {})).rejects.toMatchObject({
      code: "answer_invalid",
      message: expect.stringContaining("426"),
    });
  });

  test("answers may come in any order, and one that nobody asked for is ignored", async () => {
    const ids: number[] = [];
    const port = await misbehaving({
      message: (socket, text) => {
        ids.push(JSON.parse(text).id);
        if (ids.length < 3) return;
        for (const id of [99, ...ids.reverse()]) socket.send(`{"jsonrpc":"2.0","id":${id},"result":${id}}`);
      },
    });
    const api = client(`ws://127.0.0.1:${port}`);
    const calls = [1, 2, 3].map((height) => api.call("chain_block", { height }));
    expect(await Promise.all(calls)).toEqual([1, 2, 3]);
  });

  test.each([
    ["a notification that is missing", [0, 2]],
    ["a notification that comes twice", [0, 1, 1]],
    ["a start in the middle", [1]],
  ])("%s ends the subscription: a listener never sees a gap", async (_, sequences) => {
    const event = (sequence: number) => ({
      jsonrpc: "2.0",
      method: "chain_subscription",
      params: { subscription: "s", sequence, kind: "head", cursor: "1", head: {} },
    });
    const port = await misbehaving({
      message: (socket, text) => {
        socket.send(`{"jsonrpc":"2.0","id":${JSON.parse(text).id},"result":{"subscription":"s"}}`);
        for (const sequence of sequences) socket.send(JSON.stringify(event(sequence)));
      },
    });
    const seen: number[] = [];
    const ended: InputError[] = [];
    await client(`ws://127.0.0.1:${port}`).subscribe(
      { topic: "heads" },
      ({ sequence }) => seen.push(sequence),
      (error) => ended.push(error),
    );
    await vi.waitFor(() => expect(ended).toMatchObject([{ code: "answer_invalid" }]));
    expect(seen).toEqual(sequences.slice(0, -1));
  });
});
