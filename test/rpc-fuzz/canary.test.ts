/** The fuzzer against nodes that are wrong in one way each: a run that would not find them would mean nothing. */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { WebSocketServer } from "ws";
import type { FuzzCase } from "./cases.ts";
import { Find } from "./judge.ts";
import { Lanes } from "./lanes.ts";
import { frame } from "./wire.ts";

type Answer = (text: string) => readonly string[] | "close";

/** Right about everything that the cases below ask, but for what `answer` changes. */
async function startFake(answer: Answer, refuse = (response: ServerResponse) => respond(response, 400, refusal)) {
  const http = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      if (request.method !== "POST") return refuse(response);
      const answers = answer(Buffer.concat(chunks).toString());
      if (answers === "close") return void response.destroy();
      if (answers.length === 0) return void response.writeHead(204).end();
      respond(response, 200, answers.join(""));
    });
  });
  new WebSocketServer({ server: http, perMessageDeflate: false }).on("connection", (socket) => {
    socket.on("error", () => {});
    socket.on("message", (data) => {
      const text = data.toString();
      const answers = /fence/.test(text) ? honest(text) : answer(text);
      if (answers === "close") socket.close(1011);
      else for (const one of answers) socket.send(one);
    });
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const lanes = new Lanes((http.address() as AddressInfo).port, 500);
  const lane = lanes.open();
  onTestFinished(() => {
    lane.close();
    lanes.close();
    http.closeAllConnections();
    http.close();
  });
  return lane;
}

function respond(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { "Content-Type": "application/json", "Content-Length": body.length }).end(body);
}

const refusal = JSON.stringify({
  jsonrpc: "2.0",
  id: null,
  error: { code: -32_000, message: "no", data: { code: "no" } },
});
const result = (id: unknown) => JSON.stringify({ jsonrpc: "2.0", id, result: 1 });

function honest(text: string): readonly string[] {
  const { id } = JSON.parse(text) as { id?: unknown };
  return id === undefined ? [] : [result(id)];
}

const request = JSON.stringify({ jsonrpc: "2.0", id: 7, method: "m" });
const notification = JSON.stringify({ jsonrpc: "2.0", method: "m" });
const messages = [{ text: request }, { text: notification }];
const burst: FuzzCase = { kind: "burst", messages };
const post: FuzzCase = { kind: "post", message: { text: request } };
const get: FuzzCase = {
  kind: "http",
  pieces: ["GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"],
  outcome: "answer",
  responses: 1,
};
const text: FuzzCase = { kind: "frames", pieces: [frame({ opcode: 1, payload: request })], outcome: "answer" };
const violation: FuzzCase = { kind: "frames", pieces: [frame({ opcode: 3, payload: "" })], outcome: "close" };

test.each([burst, post, get, text, violation])("an honest node passes: %s", async (one) => {
  const lane = await startFake(honest);
  await lane.run(one);
});

test.each<[string, Answer, FuzzCase]>([
  ["answers notifications", () => [result(7)], burst],
  ["answers with another id", () => [result(8)], post],
  ["answers twice", (one) => [...honest(one), ...honest(one)], burst],
  ["answers with noise", () => ["no"], post],
  ["answers with noise in frames", () => ["no"], text],
  ["closes for nothing", () => "close", burst],
  ["closes HTTP for nothing", () => "close", post],
  ["says nothing", () => [], burst],
  ["says nothing to frames", () => [], text],
  ["says nothing over HTTP", () => [], post],
  ["fails inside", () => [refusal.replace('"code":"no"', '"code":"internal_error"').replace("null", "7")], burst],
  ["takes what cannot be", honest, { kind: "burst", messages: [{ text: request, mustFail: true }] }],
  ["takes what cannot be over HTTP", honest, { kind: "post", message: { text: request, mustFail: true } }],
  ["ignores what must close", honest, { ...violation, pieces: [frame({ opcode: 9, payload: "" })] }],
])("a node that %s is found", async (_, answer, one) => {
  const lane = await startFake(answer);
  await expect(lane.run(one)).rejects.toBeInstanceOf(Find);
});

test.each<[string, (response: ServerResponse) => void]>([
  ["has no body", (response) => void response.writeHead(404).end()],
  ["is a page", (response) => void response.writeHead(404, { "Content-Type": "text/html" }).end("<p>no</p>")],
  ["is a result", (response) => respond(response, 404, result(null))],
  ["tells of the engine", (response) => respond(response, 500, refusal.replace('"no"', '"TypeError: no"'))],
])("a refusal that %s is found", async (_, refuse) => {
  const lane = await startFake(honest, refuse);
  await expect(lane.run(get)).rejects.toBeInstanceOf(Find);
});
