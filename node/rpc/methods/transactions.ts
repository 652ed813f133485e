/** The `tx_` methods. */
import { assert } from "../../../vm/errors.ts";
import { encodeHeader, encodeReceipt } from "../../block.ts";
import { proveItem } from "../../merkle.ts";
import { encodeTransaction } from "../../transaction.ts";
import { type transactionMethods, WAIT_TIMEOUT_MS } from "../api/transactions.ts";
import {
  includedReceiptToJson,
  includedToJson,
  pendingToJson,
  pooledToJson,
  receiptToJson,
  toHex,
  transactionToJson,
} from "../json.ts";
import type { Implementation } from "../methods.ts";
import { PAGE_LENGTH } from "../types.ts";
import { recentGasPrices } from "./gas-prices.ts";
import { stateChangesToJson } from "./state-changes.ts";

export const transactions: Implementation<typeof transactionMethods> = {
  tx_submit: async ({ transaction }, { service }) => ({ hash: toHex(await service.submit(transaction)) }),

  tx_submitAndWait: async ({ transaction, timeoutMs = WAIT_TIMEOUT_MS }, { service }) =>
    includedReceiptToJson(await service.submitAndWait(transaction, timeoutMs)),

  tx_get: ({ hash }, { service }) => {
    const record = service.transaction(hash);
    return record === undefined ? null : transactionToJson(record);
  },

  tx_receipt: ({ hash }, { service }) => {
    const record = service.transaction(hash);
    return record === undefined ? null : includedReceiptToJson(record);
  },

  tx_status: ({ hash }, { service }) => {
    const record = service.transaction(hash);
    if (record !== undefined) return includedToJson(record);
    const pooled = service.pooled(hash);
    return pooled === undefined ? { kind: "unknown" } : pendingToJson(pooled);
  },

  tx_proof: ({ hash }, { service }) => {
    const position = service.transaction(hash);
    if (position === undefined) return null;
    const { height, index } = position;
    const record = service.block(height);
    assert(record !== undefined, "the block of a transaction is stored");
    const prove = (items: readonly Uint8Array[]) => ({
      bytes: toHex(items[index]!),
      path: proveItem(items, index).map(toHex),
    });
    return {
      header: toHex(encodeHeader(record.header)),
      index,
      count: record.receipts.length,
      transaction: prove(record.block.transactions.map(encodeTransaction)),
      receipt: prove(record.receipts.map(encodeReceipt)),
    };
  },

  tx_simulate: async ({ transaction }, { service }) => {
    const { receipt, height, logs, differences } = await service.simulate(transaction);
    return { receipt: receiptToJson(receipt), height, logs, changes: stateChangesToJson(differences) };
  },

  tx_fees: async (_, { service }) => {
    const prices = await recentGasPrices(service);
    const { length } = prices;
    const gasPriceMin = String(service.genesis.params.gasPriceMin);
    if (length === 0) return { gasPriceMin, recent: null };
    const [low, median, high] = [0, (length - 1) >> 1, length - 1].map((i) => String(prices[i]!)) as [
      string,
      string,
      string,
    ];
    return { gasPriceMin, recent: { low, median, high, transactions: length } };
  },

  tx_pool: ({ sender, after, limit = PAGE_LENGTH }, { service }) => ({
    pool: service.poolStatus(),
    transactions: service
      .pool({ limit, ...(sender !== undefined && { sender }), ...(after !== undefined && { after }) })
      .map(pooledToJson),
  }),
};
