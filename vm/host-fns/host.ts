/**
 * `Host` is what a chain offers to a running contract; `HostCall` is one contract call as host functions see it: gas, guest
 * memory, return data. Nothing here knows which engine runs the guest.
 *
 * Every host function has the same four steps: bounds, gas for the declared sizes, effect, result. Nothing is touched before
 * it is paid, and pointers and lengths are unsigned.
 */
import { Fault } from "../errors.ts";
import type { HaltReason } from "../outcome.ts";

export interface CallContext {
  /** The contract that runs, 32 bytes. */
  readonly self: Uint8Array;
  /** Who called it: an account, or another contract. */
  readonly caller: Uint8Array;
  /** Who signed the transaction. */
  readonly signer: Uint8Array;
  /** Transferred to `self` with the call. */
  readonly value: bigint;
  readonly blockHeight: number;
  /** Milliseconds since 1970. */
  readonly blockTime: number;
  readonly chainId: string;
}

/** The chain's side. Keys and values belong to the callee once passed: nobody changes them later. */
export interface Host {
  readonly context: CallContext;
  storageGet(key: Uint8Array): Uint8Array | undefined;
  storageSet(key: Uint8Array, value: Uint8Array): void;
  storageRemove(key: Uint8Array): void;
  /** False when the transaction may hold no more events. */
  emit(topics: readonly Uint8Array[], data: Uint8Array): boolean;
  /** Outside consensus: whatever happens to the text, the outcome is the same. */
  debugLog(text: string): void;
}

/** Ends the guest from inside a host function. Guests have no exceptions, so nothing in between can catch it. */
export class GuestExit extends Error {
  readonly exit:
    | { readonly kind: "halt"; readonly reason: HaltReason }
    | { readonly kind: "revert"; readonly code: number; readonly data: Uint8Array };

  constructor(exit: GuestExit["exit"]) {
    super(exit.kind);
    this.exit = exit;
  }
}

export function halt(reason: HaltReason): never {
  throw new GuestExit({ kind: "halt", reason });
}

const noBytes = new Uint8Array(0);

/** -1 as the guest sees it: there is no such entry. */
export const ABSENT = -1;

export class HostCall {
  readonly host: Host;
  readonly input: Uint8Array;
  readonly readOnly: boolean;
  /** Gas left. The engine sets it before each host function and takes it back after. */
  gas = 0;
  returnData: Uint8Array = noBytes;
  /** The last variable-length result, for `last_result`. */
  lastResult: Uint8Array = noBytes;
  readonly #memoryBuffer: () => ArrayBuffer;
  #memory: Uint8Array = noBytes;

  /** `memoryBuffer` gives the guest's memory as it is now; growth replaces the buffer. */
  constructor(host: Host, input: Uint8Array, readOnly: boolean, memoryBuffer: () => ArrayBuffer) {
    this.host = host;
    this.input = input;
    this.readOnly = readOnly;
    this.#memoryBuffer = memoryBuffer;
  }

  charge(amount: number): void {
    if (!Number.isSafeInteger(amount)) throw new Fault(`charge of ${amount} gas`);
    this.gas -= amount;
    if (this.gas < 0) halt("OutOfGas");
  }

  #bytes(): Uint8Array {
    const buffer = this.#memoryBuffer();
    if (this.#memory.buffer !== buffer) this.#memory = new Uint8Array(buffer);
    return this.#memory;
  }

  /** Halts unless the region lies inside memory. Both arguments come as signed i32 and mean unsigned. */
  checkRegion(pointer: number, length: number): void {
    if ((pointer >>> 0) + (length >>> 0) > this.#bytes().length) halt("MemoryOutOfBounds");
  }

  /** A copy of a region that was checked. */
  read(pointer: number, length: number): Uint8Array {
    const at = pointer >>> 0;
    return this.#bytes().slice(at, at + (length >>> 0));
  }

  /** Writes to a region that was checked. */
  write(pointer: number, bytes: Uint8Array): void {
    this.#bytes().set(bytes, pointer >>> 0);
  }

  /**
   * Hands a variable-length result to the guest: copied when it fits into `capacity`, kept for `last_result` either way.
   * Returns the full length.
   */
  giveResult(pointer: number, capacity: number, result: Uint8Array): number {
    this.lastResult = result;
    if (result.length <= capacity >>> 0) this.write(pointer, result);
    return result.length;
  }

  checkWritable(): void {
    if (this.readOnly) halt("ReadOnlyViolation");
  }
}
