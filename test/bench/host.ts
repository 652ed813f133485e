/** A chain that is a Map in memory, so that a call's time is the VM's. */
import type { Host } from "../../vm/contract.ts";
import { createTestHost } from "../support/contracts.ts";

export function createHost(): Host {
  return { ...createTestHost(), emit: () => true, debugLog: () => {} };
}
