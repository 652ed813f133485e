/** The `node_` and `rpc_` methods. */
import { ACTION_COUNT_MAX, TRANSACTION_SIZE_MAX } from "../../transaction.ts";
import type { nodeMethods } from "../api/node.ts";
import { PROOF_KEYS_MAX } from "../api/state.ts";
import { WAIT_TIMEOUT_MS_MAX } from "../api/transactions.ts";
import { toHex } from "../json.ts";
import { BATCH_ANSWER_LENGTH_MAX, BATCH_LENGTH_MAX, MESSAGE_SIZE_MAX } from "../json-rpc.ts";
import type { Implementation } from "../methods.ts";
import { openRpcDocument } from "../openrpc.ts";
import { PAGE_LENGTH_MAX } from "../types.ts";

export const node: Implementation<typeof nodeMethods> = {
  node_info: (_, { service }) => {
    const { version, startedAt, durability, sealing, stopped, lowestStateHeight, followed } = service.info();
    const { base } = service.genesis;
    return {
      version,
      startedAt,
      development: service.development !== undefined,
      followed,
      base: base === null ? null : { height: base.height, blockHash: toHex(base.blockHash) },
      durability,
      sealing,
      stopped: stopped === null ? null : { code: stopped.code, message: stopped.message },
      lowestStateHeight,
      pool: service.poolStatus(),
      limits: {
        messageSizeMax: MESSAGE_SIZE_MAX,
        batchLengthMax: BATCH_LENGTH_MAX,
        batchAnswerLengthMax: BATCH_ANSWER_LENGTH_MAX,
        transactionSizeMax: TRANSACTION_SIZE_MAX,
        actionCountMax: ACTION_COUNT_MAX,
        waitTimeoutMsMax: WAIT_TIMEOUT_MS_MAX,
        pageLengthMax: PAGE_LENGTH_MAX,
        proofKeysMax: PROOF_KEYS_MAX,
      },
    };
  },

  rpc_discover: (_, { service }) => openRpcDocument(service.info().version),
};
