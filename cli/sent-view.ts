/**
 * What a command says about a transaction that succeeded.
 */
import type { EventView } from "./receipt-view.ts";
import { eventText } from "./receipt-view.ts";
import type { Sent } from "./send.ts";

export function sentRows({ receipt, gasLimit, stateRoot, logs }: Sent): (readonly [string, string])[] {
  return [
    ...logs.map((log) => ["log", log] as const),
    ["transaction", receipt.transactionHash],
    ["block", `${receipt.height} ${receipt.blockHash}`],
    ["gas", `${receipt.gasUsed} of ${gasLimit}`],
    ["fee", receipt.fee],
    ["state root", stateRoot],
  ];
}

export function eventRows(events: readonly EventView[]): (readonly [string, string])[] {
  return events.map((event) => ["event", eventText(event)]);
}

export function sentJson({ receipt, gasLimit, stateRoot, logs }: Sent, events: readonly EventView[] = []) {
  const { transactionHash, height, blockHash, index, gasUsed, fee } = receipt;
  return { transactionHash, height, blockHash, index, gasUsed, gasLimit, fee, stateRoot, events, logs };
}
