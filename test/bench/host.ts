/** A chain that is a Map in memory, so that a call's time is the VM's. */
import type { Host } from "../../vm/contract.ts";

export function createHost(): Host {
  const storage = new Map<string, Uint8Array>();
  const nameOf = (key: Uint8Array) => String.fromCharCode(...key);
  return {
    context: {
      self: new Uint8Array(32).fill(1),
      caller: new Uint8Array(32).fill(2),
      signer: new Uint8Array(32).fill(2),
      value: 0n,
      blockHeight: 1,
      blockTime: 1_700_000_000_000,
      chainId: "bench",
    },
    storageGet: (key) => storage.get(nameOf(key)),
    storageSet: (key, value) => void storage.set(nameOf(key), value),
    storageRemove: (key) => void storage.delete(nameOf(key)),
    emit: () => true,
    debugLog: () => {},
  };
}
