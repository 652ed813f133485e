/**
 * A client of a node in the same process: the methods, types and errors that it has over a port, without port or socket.
 *
 * Law: a call answers what the node would answer over its port, and may use the development methods.
 */
import { InputError } from "../../vm/errors.ts";
import type { RpcMethod, RpcMethods, SubscriptionEvent } from "./api.ts";
import { type Client, type EventOfTopic, RpcError, type Subscription, type Topic } from "./client.ts";
import { clientClosed } from "./client-closed.ts";
import { Feed } from "./feed.ts";
import { ProtocolError, rpcCodes } from "./json-rpc.ts";
import { callMethod } from "./methods.ts";
import { defaultLimits } from "./server.ts";
import type { NodeService } from "./service.ts";
import { ConnectionSubscriptions, type Outlet } from "./subscriptions.ts";

interface Listener {
  readonly onEvent: (event: SubscriptionEvent) => void;
  readonly onEnd: (error: InputError) => void;
  cursor: string | undefined;
}

export class LocalClient implements Client {
  readonly #service: NodeService;
  readonly #onFault: (error: unknown) => void;
  readonly #listeners = new Map<string, Listener>();
  /** From the first subscription on. */
  #feed: Feed | undefined;
  #subscriptions: ConnectionSubscriptions | undefined;
  #isClosed = false;

  /** `onFault` is told of what fails and is nobody's input. */
  constructor(service: NodeService, onFault: (error: unknown) => void) {
    this.#service = service;
    this.#onFault = onFault;
  }

  async call<M extends RpcMethod>(method: M, params: RpcMethods[M]["params"]): Promise<RpcMethods[M]["result"]> {
    if (this.#isClosed) throw clientClosed();
    try {
      const context = { service: this.#service, mayControl: true };
      return (await callMethod(method, params, context)) as RpcMethods[M]["result"];
    } catch (error) {
      throw asAnswered(error);
    }
  }

  async subscribe<T extends Topic>(
    params: RpcMethods["chain_subscribe"]["params"] & { readonly topic: T },
    listener: (event: EventOfTopic<T>) => void,
    onEnd: (error: InputError) => void = () => {},
  ): Promise<Subscription> {
    if (this.#isClosed) throw clientClosed();
    const subscriptions = this.#connection().forMessage();
    const context = { service: this.#service, subscriptions, mayControl: true };
    let id: string;
    try {
      ({ subscription: id } = callMethod("chain_subscribe", params, context) as { subscription: string });
    } catch (error) {
      throw asAnswered(error);
    }
    const entry: Listener = { onEvent: listener as Listener["onEvent"], onEnd, cursor: params.after };
    this.#listeners.set(id, entry);
    subscriptions.start();
    return {
      get cursor() {
        return entry.cursor;
      },
      unsubscribe: async () => {
        if (this.#listeners.delete(id)) this.#subscriptions?.remove(id);
      },
    };
  }

  async close(): Promise<void> {
    this.#end(clientClosed());
  }

  #connection(): ConnectionSubscriptions {
    if (this.#subscriptions === undefined) {
      const outlet: Outlet = {
        isFull: false,
        send: (text) => this.#onEvent(JSON.parse(text).params),
        fail: () => this.#end(new InputError("connection_lost", "the node failed")),
      };
      this.#feed = new Feed(this.#service, this.#onFault);
      this.#subscriptions = new ConnectionSubscriptions(this.#feed, outlet, defaultLimits);
    }
    return this.#subscriptions;
  }

  #onEvent(event: SubscriptionEvent): void {
    const listener = this.#listeners.get(event.subscription);
    if (listener === undefined) return;
    if ("cursor" in event) listener.cursor = event.cursor;
    const status = event.kind === "status" ? event.status.kind : undefined;
    if (status === "included" || status === "dropped") this.#listeners.delete(event.subscription);
    listener.onEvent(event);
  }

  #end(error: InputError): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#subscriptions?.end();
    this.#feed?.end();
    const listeners = [...this.#listeners.values()];
    this.#listeners.clear();
    for (const { onEnd } of listeners) onEnd(error);
  }
}

/** As a client over a port would get it; a fault stays what it is, for here is who can look into it. */
function asAnswered(error: unknown): unknown {
  if (!(error instanceof InputError)) return error;
  const { code, message, hint, details } = error;
  return new RpcError(error instanceof ProtocolError ? error.rpcCode : rpcCodes.input, code, message, {
    ...(hint !== undefined && { hint }),
    ...(details !== undefined && { details }),
  });
}
