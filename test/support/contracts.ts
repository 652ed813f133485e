/** A `Host` over a Map, for tests that run contracts without a chain. */
import { callContract, type Host, prepareContract } from "../../vm/contract.ts";
import type { CallResult } from "../../vm/outcome.ts";
import { wat } from "./wat.ts";

export interface TestHost extends Host {
  readonly storage: Map<string, Uint8Array>;
  readonly events: { topics: readonly Uint8Array[]; data: Uint8Array }[];
  readonly logs: string[];
}

const nameOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");

export function createTestHost(): TestHost {
  const storage = new Map<string, Uint8Array>();
  const events: TestHost["events"] = [];
  const logs: string[] = [];
  return {
    storage,
    events,
    logs,
    context: {
      self: new Uint8Array(32).fill(1),
      caller: new Uint8Array(32).fill(2),
      signer: new Uint8Array(32).fill(3),
      value: 0x0102n,
      blockHeight: 7,
      blockTime: 1_700_000_000_123,
      chainId: "test-chain",
    },
    storageGet: (key) => storage.get(nameOf(key)),
    storageSet: (key, value) => void storage.set(nameOf(key), value),
    storageRemove: (key) => void storage.delete(nameOf(key)),
    emit(topics, data) {
      if (events.length >= 3) return false;
      events.push({ topics, data });
      return true;
    },
    debugLog: (text) => void logs.push(text),
  };
}

export interface TestCall {
  readonly input?: Uint8Array;
  readonly gasLimit?: number;
  readonly readOnly?: boolean;
  readonly host?: TestHost;
}

/** Assembles a module once and calls its methods. */
export function createContract(text: string) {
  const prepared = prepareContract(wat(text));
  return {
    prepared,
    call(
      method: string,
      { input = new Uint8Array(), gasLimit = 10_000_000, readOnly = false, host }: TestCall = {},
    ): CallResult {
      return callContract(prepared, { method, input, gasLimit, readOnly, host: host ?? createTestHost() });
    },
  };
}
