/** The `chain_` methods. */
import { InputError } from "../../../vm/errors.ts";
import { encodeBlock, encodeReceipt } from "../../block.ts";
import { isEndOfBlock } from "../../events.ts";
import { encodeGenesis } from "../../genesis.ts";
import type { chainMethods } from "../api/chain.ts";
import { encodeCursor } from "../cursor.ts";
import { blockToJson, eventToJson, toHex } from "../json.ts";
import { ProtocolError } from "../json-rpc.ts";
import type { CallContext, Implementation } from "../methods.ts";
import type { ValuesOf } from "../schema.ts";
import type { EventFilter } from "../service.ts";
import type { SubscriptionRequest, Subscriptions } from "../subscriptions.ts";
import { PAGE_LENGTH } from "../types.ts";

export const chain: Implementation<typeof chainMethods> = {
  chain_info: (_, { service }) => {
    const { header, hash } = service.head();
    const { chainId, params } = service.genesis;
    return {
      chainId,
      genesisHash: toHex(service.genesisHash),
      height: header.height,
      headHash: toHex(hash),
      stateRoot: toHex(header.stateRoot),
      protocolVersion: params.protocolVersion,
      blockGasLimit: params.blockGasLimit,
      gasPriceMin: String(params.gasPriceMin),
      pending: service.poolStatus().count,
      version: service.info().version,
    };
  },

  chain_params: (_, { service }) => {
    const { params } = service.genesis;
    return { ...params, gasPriceMin: String(params.gasPriceMin) };
  },

  chain_genesis: (_, { service }) => ({ genesis: toHex(encodeGenesis(service.genesis)) }),

  chain_block: ({ height, hash }, { service }) => {
    if (height !== undefined && hash !== undefined) refuse('a block has "height" or "hash", not both');
    const at = hash !== undefined ? service.heightOf(hash) : (height ?? service.head().header.height);
    const record = at === undefined ? undefined : service.block(at);
    return record === undefined ? null : blockToJson(record);
  },

  chain_rawBlock: ({ height }, { service }) => {
    const record = service.block(height);
    if (record === undefined) return null;
    return { block: toHex(encodeBlock(record.block)), receipts: record.receipts.map((r) => toHex(encodeReceipt(r))) };
  },

  chain_events: async ({ contract, name, fromHeight, toHeight, after, limit }, { service }) => {
    const { events, next } = await service.events({
      filter: filterOf(contract, name),
      fromHeight: fromHeight ?? 0,
      toHeight: toHeight ?? service.head().header.height,
      limit: limit ?? PAGE_LENGTH,
      ...(after !== undefined && { after }),
    });
    return { events: events.map(eventToJson), next: next === null ? null : encodeCursor(next) };
  },

  chain_subscribe: (params, context) => {
    const request = subscriptionRequest(params);
    return { subscription: subscriptionsOf(context).add(request) };
  },

  chain_unsubscribe: ({ subscription }, context) => subscriptionsOf(context).remove(subscription),
};

function refuse(message: string, hint?: string): never {
  throw new ProtocolError("invalidParams", "invalid_params", message, hint === undefined ? {} : { hint });
}

function filterOf(contract: Uint8Array | undefined, name: string | undefined): EventFilter {
  return {
    ...(contract !== undefined && { contract }),
    ...(name !== undefined && { name: new TextEncoder().encode(name) }),
  };
}

type SubscribeParams = ValuesOf<(typeof chainMethods)["chain_subscribe"]["params"]>;

const paramsOfTopic: Readonly<Record<SubscribeParams["topic"], readonly string[]>> = {
  heads: ["after"],
  events: ["after", "contract", "name"],
  transaction: ["hash"],
  pending: [],
};

function subscriptionRequest(params: SubscribeParams): SubscriptionRequest {
  const { topic, after, contract, name, hash } = params;
  const known = paramsOfTopic[topic];
  const foreign = Object.keys(params).find((param) => param !== "topic" && !known.includes(param));
  if (foreign !== undefined) {
    const hint = known.length === 0 ? "The topic has none." : `Those of the topic are ${known.join(", ")}.`;
    refuse(`parameter "${foreign}" does not belong to topic "${topic}"`, hint);
  }
  switch (topic) {
    case "heads":
      if (after === undefined) return { topic };
      if (!isEndOfBlock(after)) refuse('parameter "after" of topic "heads" is a height, as text');
      return { topic, after: after.height };
    case "events":
      return { topic, filter: filterOf(contract, name), ...(after !== undefined && { after }) };
    case "transaction":
      if (hash === undefined) return refuse('topic "transaction" needs the parameter "hash"');
      return { topic, hash };
    case "pending":
      return { topic };
  }
}

function subscriptionsOf({ subscriptions }: CallContext): Subscriptions {
  if (subscriptions === undefined) {
    throw new InputError("websocket_only", "subscriptions need a WebSocket", {
      hint: "Connect to the same address with ws:// in place of http://.",
    });
  }
  return subscriptions;
}
