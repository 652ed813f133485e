/**
 * Clients that do one case after another to a node and judge what comes back. Several lanes at once are what interleaves.
 *
 * Law: a case ends when everything that must come has come; what comes too late or unasked is a find of the next case.
 */
import { once } from "node:events";
import { Agent, request } from "node:http";
import { WebSocket } from "ws";
import type { Json } from "../node/plain-client.ts";
import type { FuzzCase } from "./cases.ts";
import {
  checkAnswer,
  checkRefusal,
  checkResponse,
  type Expectation,
  expectationOf,
  expectedFor,
  Find,
  MESSAGE_SIZE_MAX,
  parse,
} from "./judge.ts";
import { runWireCase } from "./raw-socket.ts";
import type { Message } from "./texts.ts";

/** How long an answer may take: longer than the longest wait that a request asks for by chance, that of `tx_submitAndWait`. */
const PATIENCE_MS = 20_000;
/** Of what needs no execution. */
const WIRE_PATIENCE_MS = 5_000;
const FROZEN_MAX = 6;
/** Cases after which a lane takes a new connection, so that subscriptions do not pile up. */
const CONNECTION_CASES = 100;

const TOO_LARGE = 1009;

/** What was answered, by stable code; "result" for what went well. */
export type Tally = Map<string, number>;

export class Lanes {
  readonly port: number;
  readonly patienceMs: number;
  readonly #frozen: WebSocket[] = [];
  readonly agent = new Agent({ keepAlive: true, maxSockets: 8 });
  readonly tally: Tally = new Map();

  constructor(port: number, patienceMs = PATIENCE_MS) {
    this.port = port;
    this.patienceMs = patienceMs;
  }

  open(): Lane {
    return new Lane(this);
  }

  /** Keeps it open and unread until enough others are. */
  freeze(socket: WebSocket): void {
    this.#frozen.push(socket);
    if (this.#frozen.length > FROZEN_MAX) this.#frozen.shift()!.terminate();
  }

  close(): void {
    for (const socket of this.#frozen.splice(0)) socket.terminate();
    this.agent.destroy();
  }
}

export class Lane {
  readonly #lanes: Lanes;
  #socket: Conversation | undefined;
  #caseCount = 0;

  constructor(lanes: Lanes) {
    this.#lanes = lanes;
  }

  /** Throws `Find`. */
  async run(one: FuzzCase): Promise<void> {
    switch (one.kind) {
      case "post":
        return this.#post(one.message);
      case "burst":
        return this.#burst(one.messages, one.isCut === true);
      case "frozen": {
        const { socket } = await this.#connect();
        for (const { text } of one.messages) socket.send(text);
        socket.pause();
        return this.#lanes.freeze(socket);
      }
      default:
        return runWireCase(this.#lanes.port, one, Math.min(this.#lanes.patienceMs, WIRE_PATIENCE_MS));
    }
  }

  close(): void {
    this.#socket?.socket.terminate();
    this.#socket = undefined;
  }

  async #connect(): Promise<Conversation> {
    const socket = new WebSocket(`ws://127.0.0.1:${this.#lanes.port}`, {
      perMessageDeflate: false,
      maxPayload: 1 << 28,
    });
    const conversation = new Conversation(socket, this.#lanes);
    await once(socket, "open");
    return conversation;
  }

  async #burst(messages: readonly Message[], isCut: boolean): Promise<void> {
    if (++this.#caseCount % CONNECTION_CASES === 0) this.close();
    this.#socket ??= await this.#connect();
    const conversation = this.#socket;
    if (isCut) {
      for (const { text } of messages) conversation.socket.send(text);
      // Once what was sent has left, and before the answers are here.
      await new Promise(setImmediate);
      return this.close();
    }
    try {
      await conversation.ask(messages);
    } finally {
      if (conversation.socket.readyState !== WebSocket.OPEN) this.#socket = undefined;
    }
  }

  async #post({ text, mustFail }: Message): Promise<void> {
    const body = Buffer.from(text);
    const { status, type, answer } = await this.#exchange(body);
    if (body.length > MESSAGE_SIZE_MAX || status >= 400) {
      if (status < 400) throw new Find(`HTTP ${status} to what is too large`);
      if (!type.startsWith("application/json")) throw new Find(`HTTP ${status} with the type ${type}`);
      count(this.#lanes.tally, answer);
      return checkRefusal(answer);
    }
    const expectation = expectationOf(body.toString(), mustFail === true);
    if (answer === "") {
      if (expectation.kind !== "none") throw new Find(`HTTP ${status} without an answer`);
      if (status !== 204) throw new Find(`HTTP ${status} to notifications`);
      return;
    }
    if (status !== 200) throw new Find(`HTTP ${status} with an answer`);
    if (!type.startsWith("application/json")) throw new Find(`an answer with the type ${type}`);
    count(this.#lanes.tally, answer);
    checkAnswer(answer, expectation);
  }

  async #exchange(body: Buffer): Promise<{ status: number; type: string; answer: string }> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#exchangeOnce(body);
      } catch (error) {
        // A connection that lay idle may end in the moment in which it is used again.
        if (attempt === 2) throw new Find(`an HTTP request without a response: ${(error as Error).message}`);
      }
    }
  }

  #exchangeOnce(body: Buffer): Promise<{ status: number; type: string; answer: string }> {
    return new Promise((resolve, reject) => {
      const headers = { "Content-Type": "application/json", "Content-Length": body.length };
      const options = { port: this.#lanes.port, host: "127.0.0.1", method: "POST", agent: this.#lanes.agent, headers };
      const sent = request(options, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.once("error", reject);
        response.once("end", () =>
          resolve({
            status: response.statusCode!,
            type: response.headers["content-type"] ?? "",
            answer: Buffer.concat(chunks).toString(),
          }),
        );
      });
      sent.setTimeout(this.#lanes.patienceMs, () => sent.destroy(new Error("no answer in time")));
      sent.once("error", reject);
      sent.end(body);
    });
  }
}

/** A WebSocket and the answers that it still must bring. */
class Conversation {
  readonly socket: WebSocket;
  readonly #lanes: Lanes;
  #open: Expectation[] = [];
  #find: Find | undefined;
  #closeCode: number | undefined;
  #wake: () => void = () => {};
  #fence = 0;

  constructor(socket: WebSocket, lanes: Lanes) {
    this.socket = socket;
    this.#lanes = lanes;
    socket.on("message", (data) => this.#receive(data.toString()));
    socket.on("error", () => {});
    socket.on("close", (code) => {
      this.#closeCode = code;
      this.#wake();
    });
  }

  /** Sends all messages at once; returns when each has its answer. Throws `Find`. */
  async ask(messages: readonly Message[]): Promise<void> {
    let isTooLarge: boolean = false;
    for (const { text, mustFail } of messages) {
      const bytes = Buffer.from(text);
      isTooLarge ||= bytes.length > MESSAGE_SIZE_MAX;
      const expectation = expectationOf(bytes.toString(), mustFail === true);
      if (expectation.kind !== "none") this.#open.push(expectation);
      this.socket.send(text);
    }
    // Behind it nothing of what was sent is unread.
    const id = `fence-${++this.#fence}`;
    this.#open.push({ kind: "single", answer: { id: JSON.stringify(id), mustFail: false } });
    this.socket.send(JSON.stringify({ jsonrpc: "2.0", id, method: "chain_info" }));
    const deadline = performance.now() + this.#lanes.patienceMs;
    while (this.#open.length > 0 && this.#find === undefined && this.#closeCode === undefined) {
      const timer = setTimeout(() => this.#wake(), Math.max(1, deadline - performance.now()));
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      clearTimeout(timer);
      if (performance.now() >= deadline) break;
    }
    const missing = this.#open.length;
    this.#open = [];
    const isClosed = this.#closeCode !== undefined;
    if (this.#find !== undefined || missing > 0) this.socket.terminate();
    if (this.#find !== undefined) throw this.#find;
    if (isTooLarge && this.#closeCode === TOO_LARGE) return;
    if (isTooLarge) throw new Find("a message that is too large did not close the connection with 1009");
    if (isClosed) throw new Find(`the connection was closed with ${this.#closeCode}`);
    if (missing > 0) throw new Find(`${missing} of ${messages.length} messages without an answer`);
  }

  #receive(text: string): void {
    try {
      const value = parse(text);
      if (typeof value === "object" && value !== null && Object.hasOwn(value, "method")) checkNotification(value);
      else this.#settle(text, value);
    } catch (error) {
      const find = error instanceof Find ? error : new Find(String(error));
      find.answer = text.slice(0, 500);
      this.#find ??= find;
    }
    this.#wake();
  }

  #settle(text: string, value: unknown): void {
    count(this.#lanes.tally, text);
    for (const response of Array.isArray(value) ? value : [value]) checkResponse(response);
    const at = Array.isArray(value) ? this.#batchFor(text) : this.#singleFor(value);
    this.#open.splice(at, 1);
  }

  #singleFor(value: unknown): number {
    const singles = this.#open.filter((expectation) => expectation.kind === "single");
    const expected = expectedFor(
      value,
      singles.map(({ answer }) => answer),
    );
    return this.#open.findIndex((expectation) => expectation.kind === "single" && expectation.answer === expected);
  }

  #batchFor(text: string): number {
    let why: unknown = new Find("a batch that nothing was asked for");
    for (const [at, expectation] of this.#open.entries()) {
      if (expectation.kind !== "batch") continue;
      try {
        checkAnswer(text, expectation);
        return at;
      } catch (error) {
        why = error;
      }
    }
    throw why;
  }
}

function checkNotification(value: object): void {
  const { jsonrpc, method, params, ...more } = value as Json;
  const isWhole =
    jsonrpc === "2.0" &&
    method === "chain_subscription" &&
    typeof params?.subscription === "string" &&
    Number.isSafeInteger(params.sequence) &&
    Object.keys(more).length === 0;
  if (!isWhole) throw new Find(`a notification ${JSON.stringify(value).slice(0, 200)}`);
}

function count(tally: Tally, text: string): void {
  const value = parse(text) as Json;
  for (const response of Array.isArray(value) ? value : [value]) {
    const code = response?.error?.data?.code ?? "result";
    tally.set(code, (tally.get(code) ?? 0) + 1);
  }
}
