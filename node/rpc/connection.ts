/**
 * One WebSocket client: its calls in flight, what waits to be sent to it, its subscriptions.
 *
 * Law: whatever the client does, memory stays bounded. While its calls in flight or its unsent bytes are too many, the
 * node stops reading from it, and nothing is lost. What its subscriptions tell waits in the chain until the client has
 * read what was sent (`subscriptions.ts`).
 *
 * Calls begin as their messages arrive, and all that is sent in one turn of the loop goes out in one write.
 */
import type { Socket } from "node:net";
import { type RawData, WebSocket } from "ws";
import type { Feed } from "./feed.ts";
import { type Answer, ProtocolError, refusalText, TURN_MS } from "./json-rpc.ts";
import { ConnectionSubscriptions, type Outlet, type SubscriptionLimits, type Subscriptions } from "./subscriptions.ts";

export interface ConnectionLimits extends SubscriptionLimits {
  readonly inFlightMax: number;
  /** Characters of the messages whose calls are in flight, above which no call is begun. */
  readonly inFlightLengthMax: number;
  /** Unsent bytes above which no call is begun. */
  readonly unsentBytesMax: number;
  /** Unsent bytes above which subscriptions wait. */
  readonly unsentPushBytesMax: number;
  /** How long a client has to answer a close before its socket is destroyed. */
  readonly closeTimeoutMs: number;
}

export interface ConnectionOptions {
  readonly limits: ConnectionLimits;
  readonly feed: Feed;
  readonly answer: (text: string, subscriptions: Subscriptions, isWaiting: () => boolean) => Answer | Promise<Answer>;
  /** Told why the client was dropped. */
  readonly onDrop: (reason: string) => void;
}

const INTERNAL_ERROR = 1011;

const binaryFrame = refusalText(
  new ProtocolError("parse", "binary_frame", "messages are text frames, and this one is binary"),
);

export class Connection implements Outlet {
  readonly #socket: WebSocket;
  readonly #stream: Socket;
  readonly #options: ConnectionOptions;
  readonly #subscriptions: ConnectionSubscriptions;
  /** Messages read and not yet begun: at most what one read from the socket held. `undefined` is a binary frame. */
  readonly #waiting: (string | undefined)[] = [];
  #inFlight = 0;
  #inFlightLength = 0;
  /** Whether reading is held up. */
  #isPaused = false;
  /** Set while calls wait for their turn of the loop. */
  #turn: NodeJS.Immediate | undefined;
  /** When this turn's calls have taken enough of it; 0 before the first. */
  #turnEndsAt = 0;
  /** Whether what is sent is collected until the end of the turn. */
  #isCorked = false;
  /** As of the last heartbeat, and whether it pinged. */
  #bytesRead = 0;
  #isPinged = false;
  /** Whether since then the client took what held something up, or the node itself did not read. */
  #isExcused = false;
  readonly #isWaiting = () => this.#isOpen;

  /** `stream` is what `socket` reads from. */
  constructor(socket: WebSocket, stream: Socket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#stream = stream;
    this.#options = options;
    this.#subscriptions = new ConnectionSubscriptions(options.feed, this, options.limits);
    socket.on("message", (data, isBinary) => this.#onMessage(data, isBinary));
    stream.on("drain", () => this.#onDrain());
    socket.once("close", () => this.#subscriptions.end());
    // `ws` has sent the close code (1007 for bad UTF-8, 1009 for too large a message, 1002 for the rest) and discards
    // what still arrives.
    socket.on("error", (error) => {
      options.onDrop(error.message);
      this.#terminateSoon();
    });
  }

  get subscriptionCount(): number {
    return this.#subscriptions.count;
  }

  /**
   * Pings the client, or ends it when it gave no sign of life since the last ping. Any byte is one, for a pong may be
   * stuck behind a long message. While the node itself does not read, there is nothing to ask for.
   */
  heartbeat(): void {
    const { bytesRead } = this.#stream;
    const isOwnDoing = this.#isPaused && this.#socket.bufferedAmount <= this.#options.limits.unsentBytesMax;
    if (this.#isPinged && bytesRead === this.#bytesRead && !this.#isExcused && !isOwnDoing) {
      this.#options.onDrop("no answer to a ping");
      this.#socket.terminate();
      return;
    }
    this.#bytesRead = bytesRead;
    this.#isExcused = false;
    this.#isPinged = this.#isOpen && !isOwnDoing;
    if (this.#isPinged) this.#socket.ping();
  }

  close(code: number, reason: string): void {
    this.#waiting.length = 0;
    this.#subscriptions.end();
    this.#socket.close(code, reason);
    // The client's own close frame must be read.
    this.#socket.resume();
    this.#terminateSoon();
  }

  #terminateSoon(): void {
    const timer = setTimeout(() => this.#socket.terminate(), this.#options.limits.closeTimeoutMs);
    this.#socket.once("close", () => clearTimeout(timer));
  }

  get #isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  get #isBusy(): boolean {
    const { inFlightMax, inFlightLengthMax } = this.#options.limits;
    return this.#inFlight >= inFlightMax || this.#inFlightLength > inFlightLengthMax;
  }

  get #mayBegin(): boolean {
    return !this.#isBusy && this.#socket.bufferedAmount <= this.#options.limits.unsentBytesMax;
  }

  // As subscriptions see it.

  get isFull(): boolean {
    return this.#socket.bufferedAmount > this.#options.limits.unsentPushBytesMax;
  }

  fail(): void {
    this.close(INTERNAL_ERROR, "the node failed");
  }

  send(text: string): void {
    if (!this.#isOpen) return;
    this.#cork();
    this.#socket.send(text);
  }

  // Calls.

  #onMessage(data: RawData, isBinary: boolean): void {
    if (!this.#isOpen) return;
    const text = isBinary ? undefined : data.toString();
    if (this.#waiting.length === 0 && this.#mayBegin && !this.#isTurnOver()) this.#begin(text);
    else this.#waiting.push(text);
    this.#work();
  }

  /** Begins what waits in the next turn, as far as the limits go; the node reads on when nothing waits. */
  #work(): void {
    if (!this.#isOpen) return;
    const isHeldUp = this.#waiting.length > 0 || !this.#mayBegin;
    if (isHeldUp !== this.#isPaused) {
      this.#isPaused = isHeldUp;
      if (isHeldUp) this.#socket.pause();
      else this.#socket.resume();
      this.#isExcused = true;
    }
    if (this.#waiting.length === 0 || !this.#mayBegin) return;
    this.#turn ??= setImmediate(() => {
      this.#turn = undefined;
      this.#turnEndsAt = 0;
      while (this.#waiting.length > 0 && this.#isOpen && this.#mayBegin && !this.#isTurnOver()) {
        this.#begin(this.#waiting.shift());
      }
      this.#work();
    });
  }

  /** An answer that is made at once counts as unsent before the next call is begun. */
  #begin(text: string | undefined): void {
    const subscriptions = this.#subscriptions.forMessage();
    const answer = text === undefined ? binaryFrame : this.#options.answer(text, subscriptions, this.#isWaiting);
    if (!(answer instanceof Promise)) {
      this.#end(answer, subscriptions);
      return;
    }
    const length = text?.length ?? 0;
    this.#inFlight++;
    this.#inFlightLength += length;
    // It never rejects.
    void answer.then((answer) => {
      this.#inFlight--;
      this.#inFlightLength -= length;
      this.#end(answer, subscriptions);
      this.#work();
    });
  }

  #end(answer: Answer, subscriptions: { start(): void }): void {
    if (answer !== undefined) this.send(answer);
    // Only now, so that no notification can overtake the answer that names its subscription.
    subscriptions.start();
  }

  #onDrain(): void {
    // Only where it was the client that held them up, for the system takes much before the client does.
    if (this.#isPaused || this.#subscriptions.isHeldUp) this.#isExcused = true;
    this.#subscriptions.resume();
    this.#work();
  }

  // Turns of the loop.

  #isTurnOver(): boolean {
    const now = performance.now();
    if (this.#turnEndsAt === 0) {
      this.#turnEndsAt = now + TURN_MS;
      this.#cork();
    }
    return now >= this.#turnEndsAt;
  }

  #cork(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    this.#stream.cork();
    process.nextTick(() => {
      this.#isCorked = false;
      this.#turnEndsAt = 0;
      this.#stream.uncork();
    });
  }
}
