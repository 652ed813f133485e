/**
 * What is bad about a transport itself, HTTP or WebSocket, and what else is served beside RPC.
 */
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { contract } from "../../test/support/fake-node.ts";
import {
  answerOf,
  client,
  closeOf,
  connectWs,
  failing,
  handshake,
  http,
  nextMessage,
  readUntil,
  rpc,
  start,
} from "../../test/support/rpc-server.ts";
import { InputError } from "../../vm/errors.ts";
import { addressToText } from "../address.ts";
import { MESSAGE_SIZE_MAX } from "./json-rpc.ts";

describe("what is bad about the transport itself", () => {
  test("a WebSocket refuses binary frames and goes on; bad UTF-8 ends it with 1007", async () => {
    const { url } = await start();
    const socket = await connectWs(url);
    socket.send(Buffer.from(rpc("chain_info")), { binary: true });
    expect(JSON.parse(await nextMessage(socket))).toMatchObject({
      id: null,
      error: { code: -32700, data: { code: "binary_frame" } },
    });
    socket.send(rpc("chain_info"));
    expect(JSON.parse(await nextMessage(socket))).toHaveProperty("result");
    // Thousands of the smallest come in one read.
    const count = 20_000;
    let answers = 0;
    const all = new Promise<void>((resolve) => {
      socket.on("message", () => ++answers === count && resolve());
    });
    for (let i = 0; i < count; i++) socket.send(new Uint8Array());
    await all;
    socket.send(Buffer.from([0xff, 0xfe]), { binary: false });
    expect(await closeOf(socket)).toMatchObject({ code: 1007 });
  });

  test("HTTP answers bad UTF-8 with an error, and notifications with 204", async () => {
    const { port } = await start();
    const answer = await http(port, { body: Uint8Array.of(0x22, 0xff, 0x22) });
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text)).toMatchObject({ error: { code: -32700, data: { code: "invalid_utf8" } } });
    expect(await http(port, { body: '{"jsonrpc":"2.0","method":"x"}' })).toMatchObject({ status: 204, text: "" });
  });

  test.each([
    ["GET", "/", {}, 405, "method_not_allowed"],
    ["PUT", "/", {}, 405, "method_not_allowed"],
    ["POST", "/health", {}, 405, "method_not_allowed"],
    ["DELETE", "/ready", {}, 405, "method_not_allowed"],
    ["POST", "/rpc", {}, 404, "not_found"],
    ["GET", "/healthz", {}, 404, "not_found"],
    ["POST", "//", {}, 404, "not_found"],
    ["POST", "http://localhost/", {}, 404, "not_found"],
    ["POST", "/", { "content-type": "text/plain" }, 415, "content_type"],
    ["POST", "/", { "content-type": "application/x-www-form-urlencoded" }, 415, "content_type"],
    ["POST", "/", { "content-type": "application/jsonp" }, 415, "content_type"],
    ["POST", "/", { "content-type": "" }, 415, "content_type"],
  ])("HTTP %s %s %o is %i %s", async (method, path, headers, status, code) => {
    const { port } = await start();
    const answer = await http(port, { method, path, headers });
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.text)).toMatchObject({ jsonrpc: "2.0", id: null, error: { data: { code } } });
    if (status === 405) expect(answer.headers.allow).toMatch(/POST|GET/);
  });

  test("/health and /ready answer, to HEAD too", async () => {
    const { port, node } = await start();
    node.seal([]);
    const health = await http(port, { method: "GET", path: "/health?probe" });
    expect(health.status).toBe(200);
    expect(JSON.parse(health.text)).toEqual({ status: "ok", height: 1 });
    expect(JSON.parse((await http(port, { method: "GET", path: "/ready" })).text).status).toBe("ready");
    expect(await http(port, { method: "HEAD", path: "/ready" })).toMatchObject({ status: 200, text: "" });
  });

  test("/ready says why no block is made, and /health goes on until a fault stops the node", async () => {
    let isHealthy = true;
    const { port, node } = await start({ isHealthy: () => isHealthy });
    const ask = async (path: string) => {
      const { status, text } = await http(port, { method: "GET", path });
      return { status, ...JSON.parse(text) };
    };
    node.stopped = new InputError("disk_full", "no space is left");
    const stopped = { status: "stopped", height: 0, code: "disk_full", message: "no space is left" };
    const { status, ...body } = await http(port, { method: "GET", path: "/ready" });
    expect([status, JSON.parse(body.text)]).toEqual([503, stopped]);
    expect(await ask("/health")).toEqual({ status: "ok", height: 0 });
    node.stopped = null;
    expect(await ask("/ready")).toEqual({ status: "ready", height: 0 });
    isHealthy = false;
    for (const path of ["/ready", "/health"]) {
      expect((await http(port, { method: "GET", path })).status).toBe(503);
      expect(await ask(path)).toEqual({ status: "stopped", height: 0 });
    }
  });

  test("/ready is what the owner says it is", async () => {
    const { port } = await start({ isReady: () => false });
    expect((await http(port, { method: "GET", path: "/ready" })).status).toBe(503);
    expect((await http(port, { method: "GET", path: "/health" })).status).toBe(200);
  });

  test("/metrics are there when the node has some, and failing to make them is a fault", async () => {
    const { port, faults } = await start({
      metrics: { contentType: "text/plain; version=0.0.4", text: async () => "lockstep_height 1\n" },
    });
    const answer = await http(port, { method: "GET", path: "/metrics" });
    expect(answer).toMatchObject({ status: 200, text: "lockstep_height 1\n" });
    expect(answer.headers["content-type"]).toBe("text/plain; version=0.0.4");
    expect((await http(port, { method: "POST", path: "/metrics" })).status).toBe(405);
    expect((await http(port, { method: "GET", path: "/metrics", headers: { host: "evil.example" } })).status).toBe(403);
    const bare = await start();
    expect((await http(bare.port, { method: "GET", path: "/metrics" })).status).toBe(404);
    const broken = await start({ metrics: { contentType: "", text: () => Promise.reject(new Error("secret")) } });
    const failed = await http(broken.port, { method: "GET", path: "/metrics" });
    expect(failed.status).toBe(500);
    expect(failed.text).not.toContain("secret");
    expect(broken.faults).toHaveLength(1);
    expect(faults).toEqual([]);
  });

  test("HTTP keeps a connection alive", async () => {
    const { port } = await start();
    const socket = connect(port, "127.0.0.1");
    onTestFinished(() => void socket.destroy());
    const body = rpc("chain_info");
    const text = `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    for (let i = 0; i < 3; i++) {
      socket.write(text);
      expect(await readUntil(socket, '"version":"')).toContain("HTTP/1.1 200");
    }
  });

  test("HTTP pipelining is bounded", async () => {
    const { port, node, logs } = await start({ limits: { pipelinedMax: 3, closeGraceMs: 50 } });
    let views = 0;
    node.onView = () => {
      views++;
      return new Promise(() => {});
    };
    const socket = connect(port, "127.0.0.1");
    const body = rpc("contract_view", { contract: addressToText(contract), method: "get" });
    const text = `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    socket.on("error", () => {});
    socket.write(text.repeat(100));
    await new Promise((resolve) => socket.once("close", resolve));
    expect(views).toBeLessThanOrEqual(3);
    expect(logs).toHaveLength(1);
  });
});

describe("a message of 100 MB is refused without being kept, and others do not notice", () => {
  const total = 100 * 1024 * 1024;
  const chunk = Buffer.alloc(1024 * 1024, 0x20);

  /** Runs `attack`; afterwards, the node has kept no more than a few messages at any time and still serves others. */
  async function surviving(attack: (port: number) => Promise<void>): Promise<void> {
    const { port, url, faults } = await start();
    const other = client(url);
    await other.call("chain_info", {});
    const before = process.memoryUsage().arrayBuffers;
    let peak = 0;
    const calls: Promise<unknown>[] = [];
    const observe = () => {
      peak = Math.max(peak, process.memoryUsage().arrayBuffers - before);
      calls.push(other.call("chain_info", {}));
    };
    observe();
    const timer = setInterval(observe, 5);
    await attack(port).finally(() => clearInterval(timer));
    observe();
    await Promise.all(calls);
    expect(peak).toBeLessThan(total / 2);
    expect(faults).toEqual([]);
  }

  test.each([
    ["with its length announced", { "Content-Length": String(total) }],
    ["in chunks without end", { "Transfer-Encoding": "chunked" }],
  ])("HTTP, %s: 413", async (_, framing) => {
    await surviving(async (port) => {
      const request = httpRequest({
        port,
        host: "127.0.0.1",
        method: "POST",
        headers: { "Content-Type": "application/json", ...framing },
      });
      const answered = answerOf(request);
      for (let sent = 0; sent < total; sent += chunk.length) {
        await new Promise((resolve) => request.write(chunk, resolve));
        await new Promise(setImmediate);
      }
      request.end();
      const { status, text } = await answered;
      expect(status).toBe(413);
      expect(JSON.parse(text)).toMatchObject({ id: null, error: { data: { code: "payload_too_large" } } });
    });
  });

  test("HTTP, asking first: refused before the body is sent", async () => {
    const { port } = await start();
    const socket = connect(port, "127.0.0.1");
    onTestFinished(() => void socket.destroy());
    const head = (length: number) =>
      `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: ${length}\r\n\r\n`;
    socket.write(head(total));
    expect(await readUntil(socket, "payload_too_large")).toMatch(/^HTTP\/1.1 413/);
    const polite = connect(port, "127.0.0.1");
    onTestFinished(() => void polite.destroy());
    polite.write(head(2));
    expect(await readUntil(polite, "\r\n\r\n")).toMatch(/^HTTP\/1.1 100/);
    polite.write("[]");
    expect(await readUntil(polite, "batch_empty")).toMatch(/^HTTP\/1.1 200/);
  });

  test("HTTP, one byte too many is refused and the largest is not", async () => {
    const { port } = await start();
    const body = rpc("chain_info").padEnd(MESSAGE_SIZE_MAX);
    expect((await http(port, { body })).status).toBe(200);
    expect((await http(port, { body: `${body} ` })).status).toBe(413);
    expect((await http(port, { body: `${body} `, headers: { "Transfer-Encoding": "chunked" } })).status).toBe(413);
  });

  test.each([
    ["in one frame", 0x81, total],
    ["in fragments", 0x01, chunk.length],
  ])("WebSocket, %s: close code 1009", async (_, firstByte, frameSize) => {
    await surviving(async (port) => {
      const socket = await handshake(port);
      let received = "";
      socket.on("data", (bytes: Buffer) => {
        received += bytes.toString("hex");
      });
      for (let sent = 0; sent < total && !socket.destroyed; sent += chunk.length) {
        if (sent % frameSize === 0) {
          // Masked with zeros, so that the payload goes out as it is.
          const header = Buffer.from([sent === 0 ? firstByte : 0x00, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
          header.writeUInt32BE(frameSize, 6);
          socket.write(header);
        }
        await new Promise((resolve) => socket.write(chunk, resolve));
        await new Promise(setImmediate);
      }
      // A close frame of two bytes: 1009.
      await vi.waitFor(() => expect(received).toBe("880203f1"));
    });
  });

  test("WebSocket, one byte too many is refused and the largest is not; a client is told by either transport", async () => {
    const { url, http } = await start();
    const socket = await connectWs(url);
    const body = rpc("chain_info").padEnd(MESSAGE_SIZE_MAX);
    socket.send(body);
    expect(JSON.parse(await nextMessage(socket))).toHaveProperty("result");
    socket.send(`${body} `);
    expect(await closeOf(socket)).toMatchObject({ code: 1009 });
    const api = client(url);
    const transaction = `0x${"0".repeat(MESSAGE_SIZE_MAX)}` as const;
    await expect(api.call("tx_submit", { transaction })).rejects.toThrow(failing("payload_too_large"));
    const enormous = `0x${"0".repeat(total)}` as const;
    for (const address of [url, http]) {
      const submitted = client(address).call("tx_submit", { transaction: enormous });
      await expect(submitted).rejects.toThrow(failing("payload_too_large"));
    }
  });
});
