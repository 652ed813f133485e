/** `node_`, `dev_` and `rpc_`: the node itself, the powers of its developer, and this table as a document. */
import {
  address,
  anyObject,
  count,
  field,
  hash,
  integer,
  type MethodSpecs,
  object,
  oneOf,
  optional,
  orNull,
  string,
} from "../schema.ts";
import { poolStatus, SEALING_INTERVAL_MS_MAX, sealing, stopReason } from "../types.ts";

/** Blocks that one `dev_mine` makes. */
export const MINE_COUNT_MAX = 1_000;

const headAnswer = object({
  height: field(count, "The head's height."),
  hash: field(hash, "The head's hash."),
});

export const nodeMethods = {
  dev_mine: {
    summary: "Makes blocks: the first of what is ready, the others empty. Answers with the new head.",
    params: { count: optional(integer(1, MINE_COUNT_MAX), "How many; by default 1.") },
    result: headAnswer,
  },

  dev_setSealing: {
    summary: "Changes when blocks are made, until the node stops.",
    params: {
      kind: field(
        oneOf(["transaction", "interval", "mixed", "manual"]),
        "As soon as a transaction is ready; every so often; both; when `dev_mine` asks for it.",
      ),
      intervalMs: optional(
        integer(1, SEALING_INTERVAL_MS_MAX),
        "Milliseconds between two blocks; kinds interval and mixed need it, the others have none.",
      ),
    },
    result: sealing,
  },

  dev_dropTransactions: {
    summary: "Takes waiting transactions out of the pool: one, all of a sender, or all.",
    params: {
      hash: optional(hash, "The transaction with this hash."),
      sender: optional(address, "All of this account's; not together with `hash`."),
    },
    result: object({ dropped: field(count, "How many that were.") }),
  },

  node_info: {
    summary: "What the node is and how it runs.",
    params: {},
    result: object({
      version: field(string, "Of the node's software."),
      startedAt: field(count, "When it started, in milliseconds since 1970."),
      durability: field(
        oneOf(["os", "sync"]),
        "What an acknowledged block survives: a killed process, or a power cut too.",
      ),
      sealing: field(sealing, "When blocks are made."),
      stopped: field(orNull(stopReason), "Why no block is made at present; null while blocks are made."),
      lowestStateHeight: field(count, "The lowest height whose state can be asked for."),
      pool: field(poolStatus, "How full the pool is."),
      limits: field(
        object({
          messageSizeMax: field(count, "Bytes of one message."),
          batchLengthMax: field(count, "Calls of one batch."),
          batchAnswerLengthMax: field(count, "Characters of a batch's answer behind which its calls are not run."),
          transactionSizeMax: field(count, "Bytes of one encoded transaction."),
          actionCountMax: field(count, "Actions of one transaction."),
          waitTimeoutMsMax: field(count, "The longest wait of `tx_submitAndWait`."),
          pageLengthMax: field(count, "Items of one page."),
          proofKeysMax: field(count, "Keys of one state proof."),
        }),
        "What a client can run into.",
      ),
    }),
  },

  rpc_discover: {
    summary: "This table as an OpenRPC document (https://open-rpc.org).",
    params: {},
    result: anyObject,
  },
} satisfies MethodSpecs;
