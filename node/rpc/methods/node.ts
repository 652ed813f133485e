/** The `dev_`, `node_` and `rpc_` methods. */
import { ACTION_COUNT_MAX, TRANSACTION_SIZE_MAX } from "../../transaction.ts";
import type { nodeMethods } from "../api/node.ts";
import { PROOF_KEYS_MAX } from "../api/state.ts";
import { WAIT_TIMEOUT_MS_MAX } from "../api/transactions.ts";
import { toHex } from "../json.ts";
import { BATCH_ANSWER_LENGTH_MAX, BATCH_LENGTH_MAX, MESSAGE_SIZE_MAX, ProtocolError } from "../json-rpc.ts";
import type { Implementation } from "../methods.ts";
import { openRpcDocument } from "../openrpc.ts";
import type { ValuesOf } from "../schema.ts";
import type { Sealing } from "../service.ts";
import { PAGE_LENGTH_MAX } from "../types.ts";

export const node: Implementation<typeof nodeMethods> = {
  dev_mine: async ({ count = 1 }, { service }) => {
    const { header, hash } = await service.mine(count);
    return { height: header.height, hash: toHex(hash) };
  },

  dev_setSealing: (params, { service }) => {
    const sealing = sealingOf(params);
    service.setSealing(sealing);
    return sealing;
  },

  dev_dropTransactions: ({ hash, sender }, { service }) => {
    if (hash !== undefined && sender !== undefined)
      refuse('transactions are dropped by "hash" or by "sender", not both');
    const dropped = service.drop({ ...(hash !== undefined && { hash }), ...(sender !== undefined && { sender }) });
    return { dropped };
  },

  node_info: (_, { service }) => {
    const { version, startedAt, durability, sealing, stopped, lowestStateHeight } = service.info();
    return {
      version,
      startedAt,
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

function sealingOf({ kind, intervalMs }: ValuesOf<(typeof nodeMethods)["dev_setSealing"]["params"]>): Sealing {
  switch (kind) {
    case "interval":
    case "mixed":
      if (intervalMs === undefined) return refuse(`sealing "${kind}" needs the parameter "intervalMs"`);
      return { kind, intervalMs };
    case "transaction":
    case "manual":
      if (intervalMs !== undefined) refuse(`parameter "intervalMs" does not belong to sealing "${kind}"`);
      return { kind };
  }
}

function refuse(message: string): never {
  throw new ProtocolError("invalidParams", "invalid_params", message);
}
