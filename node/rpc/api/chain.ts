/** `chain_`: blocks, their events, and what is pushed as they come. */
import {
  address,
  amount,
  boolean,
  count,
  cursor,
  field,
  hash,
  hex,
  listOf,
  type MethodSpecs,
  object,
  oneOf,
  optional,
  orNull,
  string,
} from "../schema.ts";
import { block, event, height, name, pageLimit } from "../types.ts";

const webSocketErrors = { websocket_only: "The call came over HTTP, where nothing can be pushed." };

export const chainMethods = {
  chain_info: {
    summary: "Which chain this is, and where its head is.",
    params: {},
    result: object({
      chainId: field(string, "The chain's name, which transactions carry."),
      genesisHash: field(hash, "What tells chains of one name apart."),
      height: field(count, "The head's height."),
      headHash: field(hash, "The head's hash."),
      stateRoot: field(hash, "The state root in the head."),
      protocolVersion: field(count, "The rules of the chain."),
      blockGasLimit: field(count, "Gas of one block, and the most that a transaction may ask for."),
      gasPriceMin: field(amount, "The least price of one gas."),
      pending: field(count, "Transactions that wait for a block."),
      version: field(string, "Of the node's software."),
    }),
  },

  chain_params: {
    summary: "The protocol's parameters, fixed at genesis.",
    params: {},
    result: object({
      protocolVersion: field(count, "Version of the rules."),
      profile: field(count, "Which modules are contracts."),
      schedule: field(count, "What instructions and host functions cost."),
      blockGasLimit: field(count, "Gas of one block."),
      gasPriceMin: field(amount, "Transactions below this price are refused."),
      transactionBaseGas: field(count, "Gas of every transaction."),
      transactionByteGas: field(count, "Gas for each byte of the encoded transaction."),
      transferGas: field(count, "Gas of a transfer action."),
      uploadByteGas: field(count, "Gas for each byte of uploaded code, above the transaction's own."),
      createGas: field(count, "Gas of a create action, before the contract runs."),
      callGas: field(count, "Gas of a call action, before the contract runs."),
      development: field(boolean, "Whether blocks may hold transactions that nobody signed, and edits of the state."),
    }),
  },

  chain_genesis: {
    summary: "The genesis as borsh, which a replay starts from.",
    params: {},
    result: object({ genesis: field(hex, "Name, time, parameters and first balances.") }),
  },

  chain_block: {
    summary: "A block by its height or its hash; without either, the head.",
    params: {
      height: optional(height, "The block at this height."),
      hash: optional(hash, "The block with this hash; not together with `height`."),
    },
    result: orNull(block),
  },

  chain_rawBlock: {
    summary: "A block and its receipts as borsh, which a replay compares against.",
    params: { height: field(height, "The block's height.") },
    result: orNull(
      object({
        block: field(hex, "Header and transactions."),
        receipts: field(listOf(hex), "One for each transaction, in order."),
      }),
    ),
  },

  chain_events: {
    summary: "Events of contracts, page by page, in the order of the chain.",
    description:
      "To go on, give `next` as `after`, until it is null. A page may be short, or empty, while `next` is not null: a call " +
      "looks at a bounded number of blocks, and a page ends early when its events are large.",
    params: {
      contract: optional(address, "Only events of this contract."),
      name: optional(name, "Only events whose first topic is this text."),
      fromHeight: optional(height, "From this block on; by default 0."),
      toHeight: optional(height, "Up to this block, itself included; by default the head."),
      after: optional(cursor, "Only events behind this place."),
      limit: pageLimit,
    },
    result: object({
      events: field(listOf(event), "In the order of the chain."),
      next: field(orNull(cursor), "Where to go on; null when nothing is left up to `toHeight`."),
    }),
    errors: { range_invalid: "The range ends before it begins." },
  },

  chain_subscribe: {
    summary: "Asks for notifications of one topic. WebSocket only.",
    description:
      "They arrive as `chain_subscription` notifications, the first of them behind the answer to this call. With `after`, " +
      "what came since that place is told first, and nothing between is missing.",
    params: {
      topic: field(
        oneOf(["heads", "events", "transaction", "pending"]),
        "New heads; events of contracts; what becomes of one transaction; what enters and leaves the pool.",
      ),
      after: optional(cursor, "Topics heads and events: begin behind this place. For heads it is a height."),
      contract: optional(address, "Topic events: only events of this contract."),
      name: optional(name, "Topic events: only events whose first topic is this text."),
      hash: optional(hash, "Topic transaction, which needs it: the transaction's hash."),
    },
    result: object({ subscription: field(string, "Its name in notifications and for `chain_unsubscribe`.") }),
    errors: {
      ...webSocketErrors,
      too_many_subscriptions: "The connection has as many as it may have.",
    },
  },

  chain_unsubscribe: {
    summary: "Ends a subscription. WebSocket only.",
    description: "True when there was one. No notification of it follows the answer.",
    params: { subscription: field(name, "As `chain_subscribe` named it.") },
    result: boolean,
    errors: webSocketErrors,
  },
} satisfies MethodSpecs;
