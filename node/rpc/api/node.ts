/** `node_` and `rpc_`: the node itself, and this table as a document. */
import { anyObject, boolean, count, field, hash, type MethodSpecs, object, oneOf, orNull, string } from "../schema.ts";
import { poolStatus, sealing, stopReason } from "../types.ts";

export const nodeMethods = {
  node_info: {
    summary: "What the node is and how it runs.",
    params: {},
    result: object({
      version: field(string, "Of the node's software."),
      startedAt: field(count, "When it started, in milliseconds since 1970."),
      development: field(boolean, "Whether it is a devnet, whose `dev_` methods change the chain."),
      followed: field(
        orNull(string),
        "The address of the node that it follows, without user and password; null where it follows none.",
      ),
      base: field(
        orNull(
          object({
            height: field(count, "That block's height, the lowest that the node has."),
            blockHash: field(hash, "That block's hash."),
          }),
        ),
        "The block of another chain that a fork goes on from; null for a chain with a beginning of its own.",
      ),
      durability: field(
        oneOf(["os", "sync", "memory"]),
        "What an acknowledged block survives: a killed process, a power cut too, or neither.",
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
