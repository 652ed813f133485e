/**
 * The subscriptions of one connection: what each has sent, and the sending of what is due.
 *
 * Law: a subscription is a position, not a buffer. When the connection has little unsent, the next notification is taken
 * from the chain, behind the position; when it has much, nothing is. So a client that reads slowly or not at all costs the
 * node no more however long it does, misses no head and no event, and goes on by itself; one that comes back goes on
 * `after` the last cursor it saw. Where that cannot be kept, `lagged` says so, and the sequence goes on without a gap.
 *
 * What one connection makes the node hold for all its subscriptions together is `unsentPushBytesMax` and one notification
 * more. The largest are a head of a full block (0.2 MB), an event (40 KB) and the receipt of a watched transaction.
 *
 * When the chain is taken back, the positions go back with it: the head that is left is told again, then those that come on top
 * of it. Of the events, what stayed in the chain is told once. Heights repeat, and each head names its parent.
 */
import { InputError } from "../../vm/errors.ts";
import type { Feed, Sender } from "./feed.ts";
import { Gate } from "./gate.ts";
import type { EventFilter, EventPosition } from "./service.ts";
import {
  EventSubscription,
  HeadSubscription,
  PoolSubscription,
  type Subscription,
  TransactionSubscription,
} from "./topics.ts";

export type SubscriptionRequest =
  /** New heads, from behind the height `after`; default: the head. */
  | { readonly topic: "heads"; readonly after?: number }
  /** Events, from behind the position `after`; default: the end of the head. */
  | { readonly topic: "events"; readonly filter: EventFilter; readonly after?: EventPosition }
  /** The status of a transaction, and each new one until it is in a block or dropped; then it ends by itself. */
  | { readonly topic: "transaction"; readonly hash: Uint8Array }
  /** What enters the pool, and what leaves it for anything but a block. */
  | { readonly topic: "pending" };

export interface Subscriptions {
  /** Throws `InputError` `too_many_subscriptions`. The first notification follows the answer to the call. */
  add(request: SubscriptionRequest): string;
  /** Whether there was one. */
  remove(subscription: string): boolean;
}

export interface SubscriptionLimits {
  readonly subscriptionsMax: number;
  /** Blocks that a subscription may be behind the head; one that is further goes on at the head. */
  readonly blocksBehindMax: number;
}

/** The connection, as its subscriptions see it. */
export interface Outlet {
  /** Whether enough is unsent already. After it was, `resume` tells that it no longer is. */
  readonly isFull: boolean;
  send(text: string): void;
  /** The node cannot go on with this client. */
  fail(): void;
}

/** Notifications of a subscription before the connection's next has its turn. */
const TURN_COUNT = 16;

export class ConnectionSubscriptions implements Sender {
  readonly feed: Feed;
  readonly limits: SubscriptionLimits;
  readonly #outlet: Outlet;
  readonly #byId = new Map<string, Subscription>();
  readonly #due = new Set<Subscription>();
  readonly #queries = new Gate(1);
  #isHeldUp = false;
  #lastId = 0;

  constructor(feed: Feed, outlet: Outlet, limits: SubscriptionLimits) {
    this.feed = feed;
    this.limits = limits;
    this.#outlet = outlet;
  }

  get count(): number {
    return this.#byId.size;
  }

  /** Whether something is due and waits for the client to read. */
  get isHeldUp(): boolean {
    return this.#isHeldUp;
  }

  get isFull(): boolean {
    return this.#outlet.isFull;
  }

  /** For the calls of one message; its subscriptions say nothing before `start`. */
  forMessage(): MessageSubscriptions {
    return new MessageSubscriptions(this);
  }

  add(request: SubscriptionRequest): string {
    const { subscriptionsMax } = this.limits;
    if (this.#byId.size >= subscriptionsMax) {
      throw new InputError("too_many_subscriptions", `at most ${subscriptionsMax} subscriptions on one connection`, {
        hint: "End one with chain_unsubscribe, or open another connection.",
      });
    }
    const id = String(++this.#lastId);
    this.#byId.set(id, this.#create(id, request));
    return id;
  }

  #create(id: string, request: SubscriptionRequest): Subscription {
    switch (request.topic) {
      case "heads":
        return new HeadSubscription(this, id, request.after);
      case "events":
        return new EventSubscription(this, id, request.filter, request.after);
      case "transaction":
        return new TransactionSubscription(this, id, request.hash);
      case "pending":
        return new PoolSubscription(this, id);
    }
  }

  remove(id: string): boolean {
    const subscription = this.#byId.get(id);
    if (subscription === undefined) return false;
    this.#byId.delete(id);
    this.#due.delete(subscription);
    subscription.isStarted = false;
    subscription.end();
    return true;
  }

  start(id: string): void {
    const subscription = this.#byId.get(id);
    if (subscription === undefined) return;
    subscription.isStarted = true;
    subscription.wake();
  }

  end(): void {
    for (const id of [...this.#byId.keys()]) this.remove(id);
    this.feed.unschedule(this);
  }

  /** The client has taken what was unsent. */
  resume(): void {
    if (!this.#isHeldUp) return;
    this.#isHeldUp = false;
    this.feed.schedule(this);
  }

  wake(subscription: Subscription): void {
    this.#due.add(subscription);
    if (!this.#isHeldUp) this.feed.schedule(this);
  }

  send(isOver: () => boolean): boolean {
    for (const subscription of [...this.#due]) {
      if (this.#outlet.isFull) {
        this.#isHeldUp = true;
        return false;
      }
      if (isOver()) return true;
      this.#due.delete(subscription);
      let left = TURN_COUNT;
      const mayGoOn = () => left-- > 0 && !this.#outlet.isFull && !isOver();
      let hasMore = true;
      try {
        hasMore = subscription.advance(mayGoOn);
      } finally {
        // At the end of the queue: each has its turn. What could not be read stays due.
        if (hasMore && subscription.isStarted) this.#due.add(subscription);
      }
    }
    return this.#due.size > 0;
  }

  notify(id: string, sequence: number, members: string): void {
    const params = `{"subscription":"${id}","sequence":${sequence},${members}}`;
    this.#outlet.send(`{"jsonrpc":"2.0","method":"chain_subscription","params":${params}}`);
  }

  /** One search at a time: what it finds is held until it is sent. */
  query(work: () => Promise<void>): void {
    this.#queries.run(work).catch((error) => this.feed.fail(this, error));
  }

  fail(): void {
    this.end();
    this.#outlet.fail();
  }
}

class MessageSubscriptions implements Subscriptions {
  readonly #all: ConnectionSubscriptions;
  #added: string[] | undefined;

  constructor(all: ConnectionSubscriptions) {
    this.#all = all;
  }

  add(request: SubscriptionRequest): string {
    const id = this.#all.add(request);
    this.#added ??= [];
    this.#added.push(id);
    return id;
  }

  remove(subscription: string): boolean {
    return this.#all.remove(subscription);
  }

  /** The answer is on its way. */
  start(): void {
    for (const id of this.#added ?? []) this.#all.start(id);
  }
}
