/**
 * Prepared contracts by code hash, the least recently used first to go. Preparing is a pure function of the code, so whether
 * an entry is there changes how long a call takes and nothing else.
 */
import { type PreparedContract, prepareContract } from "../vm/contract.ts";
import { nameOf } from "./name-of.ts";

/** Bytes of original code whose compiled form is kept; compiled it is a few times that. */
const CODE_BYTES_MAX = 32 * 1024 * 1024;

export class ContractCache {
  readonly #entries = new Map<string, PreparedContract>();
  #codeBytes = 0;

  /** `readCode` gives what hashes to `codeHash`, when it is needed. Throws what `prepareContract` throws. */
  prepare(codeHash: Uint8Array, readCode: () => Uint8Array): PreparedContract {
    const key = nameOf(codeHash);
    let prepared = this.#entries.get(key);
    if (prepared !== undefined) {
      this.#entries.delete(key);
    } else {
      prepared = prepareContract(readCode());
      this.#codeBytes += prepared.summary.codeSize;
    }
    this.#entries.set(key, prepared);
    for (const [oldest, { summary }] of this.#entries) {
      if (this.#codeBytes <= CODE_BYTES_MAX || oldest === key) break;
      this.#entries.delete(oldest);
      this.#codeBytes -= summary.codeSize;
    }
    return prepared;
  }
}
