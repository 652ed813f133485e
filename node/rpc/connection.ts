/**
 * One WebSocket client: its calls in flight, what waits to be sent to it, its subscriptions.
 *
 * Law: whatever the client does, memory stays bounded. While its calls in flight or its unsent bytes are too many, the
 * node stops reading from it, and nothing is lost. Heads cannot be held back that way: a client that does not keep up
 * with its subscriptions is dropped with close code 1013, and never sees a sequence with a gap.
 */
import type { Socket } from "node:net";
import { WebSocket } from "ws";
import { InputError } from "../../vm/errors.ts";
import { ProtocolError, refusalText } from "./json-rpc.ts";
import type { Subscriptions } from "./methods.ts";

export interface ConnectionLimits {
  readonly inFlightMax: number;
  readonly subscriptionsMax: number;
  /** Unsent bytes above which no call is begun. */
  readonly unsentBytesPause: number;
  /** Unsent bytes of heads above which the client is dropped. */
  readonly unsentHeadBytesMax: number;
  /** How long a client has to answer a close before its socket is destroyed. */
  readonly closeTimeoutMs: number;
}

export interface ConnectionOptions {
  readonly limits: ConnectionLimits;
  readonly answer: (
    text: string,
    subscriptions: Subscriptions,
    isWaiting: () => boolean,
  ) => Promise<string | undefined>;
  readonly log: (message: string) => void;
}

const TRY_AGAIN_LATER = 1013;

const binaryFrame = refusalText(
  new ProtocolError("parse", "binary_frame", "messages are text frames, and this one is binary"),
);

export class Connection {
  readonly #socket: WebSocket;
  readonly #stream: Socket;
  readonly #options: ConnectionOptions;
  /** Messages read and not yet begun: at most what one read from the socket held. `undefined` is a binary frame. */
  readonly #waiting: (string | undefined)[] = [];
  #inFlight = 0;
  #unsentHeadBytes = 0;
  #turn: NodeJS.Immediate | undefined;
  readonly #subscriptions = new Map<string, { isStarted: boolean; sequence: number }>();
  #lastSubscription = 0;
  /** As of the last heartbeat, and whether it pinged. */
  #bytesRead = 0;
  #isPinged = false;
  /** Whether the client took something since the last heartbeat, while nothing was read from it. */
  #hasTaken = false;

  /** `stream` is what `socket` reads from. */
  constructor(socket: WebSocket, stream: Socket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#stream = stream;
    this.#options = options;
    socket.on("message", (data, isBinary) => {
      this.#waiting.push(isBinary ? undefined : data.toString());
      this.#work();
    });
    // `ws` has sent the close code (1007 for bad UTF-8, 1009 for too large a message, 1002 for the rest) and discards
    // what still arrives.
    socket.on("error", (error) => {
      options.log(`WebSocket client dropped: ${error.message}`);
      this.#terminateSoon();
    });
  }

  /** Sends a head, already JSON, to each subscription. */
  pushHead(head: string): void {
    for (const [id, subscription] of this.#subscriptions) {
      if (!subscription.isStarted) continue;
      const event = `"subscription":"${id}","sequence":${subscription.sequence},"head":${head}`;
      subscription.sequence++;
      this.#sendHead(`{"jsonrpc":"2.0","method":"chain_subscription","params":{${event}}}`);
    }
  }

  #sendHead(text: string): void {
    const { unsentHeadBytesMax } = this.#options.limits;
    if (this.#unsentHeadBytes > unsentHeadBytesMax) {
      this.#options.log(`WebSocket client dropped: it left more than ${unsentHeadBytesMax} bytes of heads unread`);
      this.close(TRY_AGAIN_LATER, "too slow: heads were left unread");
      return;
    }
    this.#unsentHeadBytes += text.length;
    this.#send(text, () => {
      this.#unsentHeadBytes -= text.length;
    });
  }

  /**
   * Pings the client, or ends it when it gave no sign of life since the last ping. Any byte is one, for a pong may be
   * stuck behind a long message. While calls in flight hold up reading, there is nothing to ask for.
   */
  heartbeat(): void {
    const { bytesRead } = this.#stream;
    if (this.#isPinged && bytesRead === this.#bytesRead && !this.#hasTaken) {
      this.#options.log("WebSocket client dropped: no answer to a ping");
      this.#socket.terminate();
      return;
    }
    this.#bytesRead = bytesRead;
    this.#hasTaken = false;
    this.#isPinged = this.#isOpen && this.#inFlight < this.#options.limits.inFlightMax;
    if (this.#isPinged) this.#socket.ping();
  }

  close(code: number, reason: string): void {
    this.#waiting.length = 0;
    this.#subscriptions.clear();
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

  get #isFull(): boolean {
    const { inFlightMax, unsentBytesPause } = this.#options.limits;
    return this.#inFlight >= inFlightMax || this.#socket.bufferedAmount > unsentBytesPause;
  }

  /**
   * Begins what waits, as far as the limits go; the node reads on when nothing waits. One call is begun in each turn of
   * the loop, so that an answer that is made at once counts as unsent before the next call is begun.
   */
  #work(): void {
    if (!this.#isOpen || this.#turn !== undefined) return;
    if (this.#waiting.length > 0 && !this.#isFull) {
      this.#turn = setImmediate(() => {
        this.#turn = undefined;
        this.#work();
      });
      void this.#answer(this.#waiting.shift());
    }
    if (this.#waiting.length > 0 || this.#isFull) this.#socket.pause();
    else this.#socket.resume();
  }

  async #answer(text: string | undefined): Promise<void> {
    const added: string[] = [];
    const subscriptions: Subscriptions = {
      add: () => {
        const id = this.#addSubscription();
        added.push(id);
        return id;
      },
      remove: (id) => this.#subscriptions.delete(id),
    };
    this.#inFlight++;
    const isWaiting = () => this.#isOpen;
    const answer = text === undefined ? binaryFrame : await this.#options.answer(text, subscriptions, isWaiting);
    this.#inFlight--;
    if (answer !== undefined) this.#send(answer);
    // Only now, so that no head can overtake the answer that names its subscription.
    for (const id of added) {
      const subscription = this.#subscriptions.get(id);
      if (subscription !== undefined) subscription.isStarted = true;
    }
    this.#work();
  }

  #addSubscription(): string {
    const { subscriptionsMax } = this.#options.limits;
    if (this.#subscriptions.size >= subscriptionsMax) {
      throw new InputError("too_many_subscriptions", `at most ${subscriptionsMax} subscriptions on one connection`, {
        hint: "End one with chain_unsubscribe, or open another connection.",
      });
    }
    const id = String(++this.#lastSubscription);
    this.#subscriptions.set(id, { isStarted: false, sequence: 0 });
    return id;
  }

  #send(text: string, onSent: () => void = () => {}): void {
    if (!this.#isOpen) return;
    this.#socket.send(text, (error) => {
      if (error) return;
      if (this.#socket.isPaused) this.#hasTaken = true;
      onSent();
      this.#work();
    });
  }
}
