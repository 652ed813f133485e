/** A `Host` over a Map, for tests that run contracts without a chain. */
import {
  type CallRequest,
  type CreateRequest,
  callContract,
  type Host,
  type MessageResult,
  prepareContract,
  type UpgradeRequest,
} from "../../vm/contract.ts";
import type { CallResult } from "../../vm/outcome.ts";
import { wat } from "./wat.ts";

export interface TestHost extends Host {
  readonly storage: Map<string, Uint8Array>;
  readonly events: { topics: readonly Uint8Array[]; data: Uint8Array }[];
  readonly logs: string[];
  /** What the contract asked of other contracts. */
  readonly messages: (CallRequest | CreateRequest | UpgradeRequest)[];
}

const noSuchMethod = { kind: "refused", reason: "NoSuchMethod" } as const;

/** How a message to another contract ends, by the name of the method. */
const endings: Readonly<Record<string, MessageResult["outcome"]>> = {
  succeed: { kind: "success", data: Uint8Array.of(1, 2, 3) },
  revert: { kind: "revert", code: 0x0102_0304, data: Uint8Array.of(5) },
  halt: { kind: "halt", reason: "Unreachable" },
};

const nameOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");

export function createTestHost(): TestHost {
  const storage = new Map<string, Uint8Array>();
  const events: TestHost["events"] = [];
  const logs: string[] = [];
  const messages: TestHost["messages"] = [];
  return {
    storage,
    events,
    logs,
    messages,
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
    storageScan({ start, end, reverse }) {
      const isInRange = (name: string) => name >= nameOf(start) && (end === null || name < nameOf(end));
      // One char a byte, and sorted by chars.
      const names = [...storage.keys()].filter(isInRange).sort();
      if (reverse) names.reverse();
      return names
        .map((name) => ({ key: Uint8Array.from(Buffer.from(name, "latin1")), value: storage.get(name)! }))
        .values();
    },
    random: () => new Uint8Array(32).fill(9),
    balanceOf: (address) => BigInt(address[0]!) << 100n,
    codeHashOf: (address) => (address[0] === 4 ? new Uint8Array(32).fill(5) : null),
    transfer: (_, amount) => (amount > 1_000n ? "InsufficientBalance" : null),
    // Whoever calls decides by the name of the method how the call ends.
    call(request) {
      messages.push(request);
      return { outcome: endings[request.method] ?? noSuchMethod, gasUsed: Math.min(request.frame.gasLimit, 1_000) };
    },
    create(request) {
      messages.push(request);
      const created = new Uint8Array(32).fill(6);
      return { outcome: endings[request.value > 0n ? "revert" : "succeed"]!, gasUsed: 0, created };
    },
    upgrade(request) {
      messages.push(request);
      return { outcome: endings.succeed!, gasUsed: 0 };
    },
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
