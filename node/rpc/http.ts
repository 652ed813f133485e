/**
 * HTTP in front of JSON-RPC: which requests are answered, and by what.
 *
 *     POST /           RPC; the body is `application/json`
 *     GET  /health     200 while the node works, 503 once a fault has stopped it
 *     GET  /ready      200 while the node makes blocks, 503 while it cannot
 *     GET  /metrics    the node's figures for Prometheus
 *
 * Who may ask is decided before (`access.ts`). Every refusal has a JSON-RPC error as its body.
 */
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { InputError } from "../../vm/errors.ts";
import { type Answer, MESSAGE_SIZE_MAX, nodeFailure, ProtocolError, quote, refusalText } from "./json-rpc.ts";

export interface HttpHandlers {
  readonly answer: (text: string, isWaiting: () => boolean) => Answer | Promise<Answer>;
  readonly status: () => NodeStatus;
  readonly metrics: MetricsText | undefined;
}

export interface NodeStatus {
  readonly height: number;
  /** Whether no fault has stopped the node. */
  readonly isHealthy: boolean;
  /** Whether the node makes blocks. */
  readonly isReady: boolean;
  /** Why it makes none, where that has a reason. */
  readonly stopped: InputError | null;
}

export interface MetricsText {
  readonly contentType: string;
  text(): Promise<string>;
}

export interface Refusal {
  readonly status: number;
  readonly error: InputError;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The client left before its request was whole; nobody is there to tell. */
export class ClientGone extends Error {}

/** Answers a request of somebody who may ask. Throws `ClientGone`, or what the handlers throw. */
export async function serveHttp(
  request: IncomingMessage,
  response: ServerResponse,
  handlers: HttpHandlers,
): Promise<void> {
  const { origin } = request.headers;
  if (origin !== undefined) {
    response.setHeader("Access-Control-Allow-Origin", origin);
    response.setHeader("Vary", "Origin");
  }
  const path = pathOf(request);
  const methods = routes.get(path);
  if (methods === undefined || (path === "/metrics" && handlers.metrics === undefined))
    return refuse(response, notFound(path));
  if (!methods.includes(request.method!)) {
    const Allow = methods.join(", ");
    const refused = refusal(405, "method_not_allowed", `${path} takes ${Allow}`);
    return refuse(response, { ...refused, headers: { Allow } });
  }
  if (request.method === "OPTIONS") return servePreflight(response);
  if (path === "/") return serveRpc(request, response, handlers);
  if (path === "/metrics") return send(response, 200, await handlers.metrics!.text(), handlers.metrics!.contentType);
  serveStatus(response, handlers.status(), path === "/ready");
}

const routes: ReadonlyMap<string, readonly string[]> = new Map([
  ["/", ["POST", "OPTIONS"]],
  ["/health", ["GET", "HEAD"]],
  ["/ready", ["GET", "HEAD"]],
  ["/metrics", ["GET", "HEAD"]],
]);

function serveStatus(response: ServerResponse, status: NodeStatus, isReadyAsked: boolean): void {
  const { height, isHealthy, isReady, stopped } = status;
  const isGood = isHealthy && (isReady || !isReadyAsked);
  const body = {
    status: isGood ? (isReadyAsked ? "ready" : "ok") : "stopped",
    height,
    ...(!isGood && stopped !== null && { code: stopped.code, message: stopped.message }),
  };
  send(response, isGood ? 200 : 503, JSON.stringify(body));
}

function servePreflight(response: ServerResponse): void {
  const headers = {
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": "Content-Type, Authorization",
    "Access-Control-Max-Age": "600",
  };
  response.writeHead(204, headers).end();
}

async function serveRpc(request: IncomingMessage, response: ServerResponse, { answer }: HttpHandlers): Promise<void> {
  // Types that a form can have may be sent across sites without asking first; this one may not.
  if (!/^application\/json\s*(;|$)/i.test(request.headers["content-type"] ?? "")) {
    const hint = "Set the header Content-Type: application/json.";
    return refuse(response, refusal(415, "content_type", "the body must be application/json", { hint }));
  }
  if (Number(request.headers["content-length"] ?? 0) > MESSAGE_SIZE_MAX) return refuse(response, payloadTooLarge);
  if (request.headers.expect !== undefined) response.writeContinue();
  const body = await readBody(request);
  if (body === undefined) return refuse(response, payloadTooLarge);
  const text = decodeUtf8(body);
  const answered = text === undefined ? invalidUtf8 : await answer(text, () => !response.destroyed);
  if (answered === undefined) response.writeHead(204).end();
  else send(response, 200, answered);
}

/** The body, or `undefined` when it grows too large; the rest of it is then discarded as it comes. */
function readBody(request: IncomingMessage): Promise<Uint8Array | undefined> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let size = 0;
    request.on("data", (chunk: Uint8Array) => {
      size += chunk.length;
      if (size <= MESSAGE_SIZE_MAX) {
        chunks.push(chunk);
        return;
      }
      chunks.length = 0;
      resolve(undefined);
    });
    request.once("end", () => resolve(Buffer.concat(chunks)));
    request.once("error", () => reject(new ClientGone()));
    request.once("close", () => reject(new ClientGone()));
  });
}

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

// Refusals.

export function refusal(status: number, ...error: ConstructorParameters<typeof InputError>): Refusal {
  return { status, error: new InputError(...error) };
}

export function notFound(path: string): Refusal {
  return refusal(404, "not_found", `nothing is at ${quote(path)}`, { hint: "RPC is at /." });
}

const payloadTooLarge: Refusal = {
  status: 413,
  error: new ProtocolError("invalidRequest", "payload_too_large", `message above ${MESSAGE_SIZE_MAX} bytes`),
};
export const internalError: Refusal = { status: 500, error: nodeFailure };
const invalidUtf8 = refusalText(new ProtocolError("parse", "invalid_utf8", "the message is not UTF-8"));

export const expectationUnknown = refusal(417, "expectation_unknown", "only 100-continue can be expected");

export function handshakeInvalid({ message }: Error): Refusal {
  return refusal(400, "handshake_invalid", `no WebSocket can be opened: ${message}`, {
    hint: "RPC is POST / or a WebSocket at /.",
  });
}

/** Of a request that the parser refuses; `code` is the parser's own. */
export function requestInvalid(code: string | undefined): Refusal {
  if (code === "HPE_HEADER_OVERFLOW") return refusal(431, "headers_too_large", "the headers are above 16 KiB");
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return refusal(408, "request_too_slow", "the request did not come in time");
  return refusal(400, "http_invalid", "this is no HTTP request");
}

/** Node then reads and discards a body that nobody wanted, so that the client can finish sending and see this. */
export function refuse(response: ServerResponse, { status, error, headers = {} }: Refusal): void {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  if (status === 503) response.setHeader("Connection", "close");
  send(response, status, refusalText(error));
}

export function refuseUpgrade(socket: Duplex, { status, error }: Refusal): void {
  const body = refusalText(error);
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    "Connection: close",
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  socket.on("error", () => {});
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`, () => socket.destroy());
}

function send(response: ServerResponse, status: number, body: string, contentType = "application/json"): void {
  const headers = { "Content-Type": contentType, "Content-Length": Buffer.byteLength(body) };
  response.writeHead(status, headers).end(body);
}

export function pathOf({ url = "/" }: IncomingMessage): string {
  const query = url.indexOf("?");
  return query < 0 ? url : url.slice(0, query);
}
