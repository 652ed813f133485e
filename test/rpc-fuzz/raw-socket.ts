/** The other end of a wire case: sends its pieces, reads what comes byte by byte, and judges it. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { checkRefusal, checkResponse, Find, parse } from "./judge.ts";
import type { WireCase } from "./wire.ts";

/** How long it may say nothing where it need not. */
const QUIET_MS = 150;

// Opcodes of frames.
const TEXT = 1;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

const HANDSHAKE = [
  "GET / HTTP/1.1",
  "Host: 127.0.0.1",
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
  "",
  "",
].join("\r\n");

interface Response {
  readonly status: number;
  readonly headers: string;
  readonly body: string;
}

class Wire {
  readonly socket: Socket;
  #bytes = Buffer.alloc(0);
  isEnded = false;
  #wake: () => void = () => {};

  constructor(port: number) {
    this.socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    this.socket.on("data", (bytes) => {
      this.#bytes = Buffer.concat([this.#bytes, bytes]);
      this.#wake();
    });
    const end = () => {
      this.isEnded = true;
      this.#wake();
    };
    // A node that has closed resets what is still sent to it.
    this.socket.on("error", end).on("end", end).on("close", end);
  }

  get bytes(): Buffer {
    return this.#bytes;
  }

  drop(count: number): void {
    this.#bytes = this.#bytes.subarray(count);
  }

  async write(text: string): Promise<void> {
    if (this.isEnded || text === "") return;
    await new Promise<void>((resolve) => this.socket.write(text, "latin1", () => resolve()));
  }

  /** Whether something came, or the end, within `ms`. */
  async wait(ms: number): Promise<boolean> {
    if (this.isEnded) return false;
    const cancel = new AbortController();
    const woken = new Promise<boolean>((resolve) => {
      this.#wake = () => resolve(true);
    });
    const late = sleep(ms, false, { signal: cancel.signal }).catch(() => false);
    const isAwake = await Promise.race([woken, late]);
    cancel.abort();
    return isAwake;
  }
}

/** `patienceMs`: how long the node may take over what it must do. Throws `Find`. */
export async function runWireCase(port: number, one: WireCase, patienceMs: number): Promise<void> {
  const wire = new Wire(port);
  try {
    if (one.kind === "frames" && !(await upgrade(wire, patienceMs))) return;
    for (const [index, piece] of one.pieces.entries()) {
      if (index > 0) await new Promise(setImmediate);
      await wire.write(piece);
    }
    if (one.isCut === true) return;
    if (one.kind === "frames") await judgeFrames(wire, one, patienceMs);
    else await judgeHttp(wire, one, patienceMs);
  } finally {
    wire.socket.destroy();
  }
}

/** False when the node has no room for another connection, which it says. */
async function upgrade(wire: Wire, patienceMs: number): Promise<boolean> {
  await Promise.race([once(wire.socket, "connect"), sleep(patienceMs)]);
  await wire.write(HANDSHAKE);
  for (;;) {
    const end = wire.bytes.indexOf("\r\n\r\n");
    if (end >= 0) {
      const isOpen = wire.bytes.toString("latin1", 0, 12) === "HTTP/1.1 101";
      wire.drop(end + 4);
      return isOpen;
    }
    if (!(await wire.wait(patienceMs))) throw new Find("a handshake without an answer");
  }
}

async function judgeFrames(wire: Wire, { outcome }: WireCase, patienceMs: number): Promise<void> {
  let messages = 0;
  let isClosed = false;
  for (;;) {
    for (let frame = readFrame(wire.bytes); frame !== undefined; frame = readFrame(wire.bytes)) {
      wire.drop(frame.size);
      if (frame.opcode === CLOSE) isClosed = true;
      else if (frame.opcode === TEXT) {
        messages++;
        judgeMessage(frame.payload);
      } else if (frame.opcode !== PING && frame.opcode !== PONG)
        throw new Find(`a frame with the opcode ${frame.opcode}`);
    }
    if (isClosed || wire.isEnded) break;
    if (outcome === "answer" && messages > 0) return;
    if (!(await wire.wait(outcome === "any" ? QUIET_MS : patienceMs))) break;
  }
  if (outcome === "close" && !isClosed && !wire.isEnded) throw new Find("a protocol violation that closed nothing");
  if (outcome === "answer" && messages === 0) throw new Find("a message without an answer");
}

function judgeMessage(text: string): void {
  const value = parse(text);
  if (Array.isArray(value)) for (const response of value) checkResponse(response);
  else if (!Object.hasOwn(value as object, "method")) checkResponse(value);
}

function readFrame(bytes: Buffer) {
  if (bytes.length < 2) return undefined;
  if ((bytes[0]! & 0x70) !== 0 || (bytes[1]! & 0x80) !== 0) throw new Find("a frame with reserved bits or a mask");
  if ((bytes[0]! & 0x80) === 0) throw new Find("a message in fragments");
  let [length, at] = [bytes[1]! & 0x7f, 2];
  if (length === 126) {
    if (bytes.length < 4) return undefined;
    [length, at] = [bytes.readUInt16BE(2), 4];
  } else if (length === 127) {
    if (bytes.length < 10) return undefined;
    [length, at] = [Number(bytes.readBigUInt64BE(2)), 10];
  }
  if (bytes.length < at + length) return undefined;
  return { opcode: bytes[0]! & 0x0f, payload: bytes.toString("utf8", at, at + length), size: at + length };
}

async function judgeHttp(wire: Wire, { pieces, outcome, responses = 0 }: WireCase, patienceMs: number): Promise<void> {
  // The end of what is sent: whatever is not whole by now never will be.
  if (!wire.isEnded && outcome === "any") wire.socket.end();
  const isHead = pieces.join("").startsWith("HEAD");
  let count = 0;
  for (;;) {
    for (let read = readResponse(wire.bytes, isHead); read !== undefined; read = readResponse(wire.bytes, isHead)) {
      wire.drop(read.size);
      if (read.response.status === 100) continue;
      count++;
      judgeResponse(read.response, isHead);
    }
    if (wire.isEnded || (outcome === "answer" && count >= responses)) break;
    if (!(await wire.wait(patienceMs))) break;
  }
  if (outcome === "answer" && count < responses) throw new Find(`${count} responses in place of ${responses}`);
  if (outcome === "any" && !wire.isEnded) throw new Find("a connection that nobody ends");
  if (wire.bytes.length > 0) throw new Find(`bytes that are no response: ${wire.bytes.toString("latin1", 0, 60)}`);
}

function judgeResponse({ status, headers, body }: Response, isHead: boolean): void {
  if (status >= 400) {
    if (isHead) return;
    if (!/^content-type: application\/json/im.test(headers)) {
      throw new Find(`HTTP ${status} without a JSON body: ${JSON.stringify(body.slice(0, 60))}`);
    }
    return checkRefusal(body);
  }
  if (status === 101) return;
  if (status !== 200 && status !== 202 && status !== 204) throw new Find(`HTTP ${status}`);
  if (/^content-type: application\/json/im.test(headers) && /"jsonrpc"/.test(body)) judgeMessage(body);
}

function readResponse(bytes: Buffer, isHead: boolean): { response: Response; size: number } | undefined {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const headers = bytes.toString("latin1", 0, end);
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(headers)?.[1] ?? Number.NaN);
  if (Number.isNaN(status)) throw new Find(`what is no HTTP: ${JSON.stringify(headers.slice(0, 60))}`);
  let at = end + 4;
  if (isHead || status === 101 || status === 204 || status === 100)
    return { response: { status, headers, body: "" }, size: at };
  if (!/^transfer-encoding: chunked/im.test(headers)) {
    const length = Number(/^content-length: (\d+)/im.exec(headers)?.[1] ?? 0);
    if (bytes.length < at + length) return undefined;
    return { response: { status, headers, body: bytes.toString("utf8", at, at + length) }, size: at + length };
  }
  let body = "";
  for (;;) {
    const line = bytes.indexOf("\r\n", at);
    if (line < 0) return undefined;
    const size = Number.parseInt(bytes.toString("latin1", at, line), 16);
    if (bytes.length < line + 2 + size + 2) return undefined;
    body += bytes.toString("utf8", line + 2, line + 2 + size);
    at = line + 2 + size + 2;
    if (size === 0) return { response: { status, headers, body }, size: at };
  }
}
