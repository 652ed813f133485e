/**
 * `Host` is what a chain offers to a running contract; `HostCall` is one contract call as host functions see it: gas, guest
 * memory, return data. Nothing here knows which engine runs the guest.
 *
 * Every host function has the same four steps: bounds, gas for the declared sizes, effect, result. Nothing is touched before
 * it is paid, and pointers and lengths are unsigned.
 */
import { Fault } from "../errors.ts";
import type { HaltReason, Outcome, Refusal, RefusalReason } from "../outcome.ts";

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

/** Part of the contract's own entries, in byte order of the key. */
export interface ScanRange {
  /** The first key that belongs to it; empty for the contract's first. */
  readonly start: Uint8Array;
  /** The first key that no longer belongs to it; null when it has no end. */
  readonly end: Uint8Array | null;
  /** From the end down to the start. */
  readonly reverse: boolean;
}

/** `value` is null for a key that was there when the block began and is there no more: visited, and no entry. */
export interface ScannedEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
}

/** What a contract hands on to a contract it calls. */
export interface Frame {
  /** For the callee, at most what the caller has. */
  readonly gasLimit: number;
  /** Logical height of the native stack that is in use, in the profile's unit. */
  readonly stackHeight: number;
  readonly readOnly: boolean;
}

export interface CallRequest {
  readonly contract: Uint8Array;
  readonly method: string;
  readonly args: Uint8Array;
  readonly value: bigint;
  readonly frame: Frame;
}

export interface CreateRequest {
  readonly codeHash: Uint8Array;
  readonly salt: Uint8Array;
  readonly args: Uint8Array;
  readonly value: bigint;
  readonly frame: Frame;
}

export interface UpgradeRequest {
  readonly codeHash: Uint8Array;
  readonly args: Uint8Array;
  readonly frame: Frame;
}

/** How a message ended. Unless it succeeded, nothing of it is left. */
export interface MessageResult {
  readonly outcome: Outcome | Refusal;
  /** At most the frame's `gasLimit`. */
  readonly gasUsed: number;
}

/**
 * The chain's side. Keys and values belong to the callee once passed: nobody changes them later. Writes are asked for only
 * where they are allowed and paid.
 */
export interface Host {
  readonly context: CallContext;
  /** 32 bytes that follow from the block before, the transaction, and how often it has asked: another value each time. */
  random(): Uint8Array;
  storageGet(key: Uint8Array): Uint8Array | undefined;
  storageSet(key: Uint8Array, value: Uint8Array): void;
  storageRemove(key: Uint8Array): void;
  /** The entries as they are now. Read as far as is asked for, and before the next write. */
  storageScan(range: ScanRange): Iterator<ScannedEntry>;
  /** False when the transaction may hold no more events. */
  emit(topics: readonly Uint8Array[], data: Uint8Array): boolean;
  balanceOf(address: Uint8Array): bigint;
  /** Null for an address without code. */
  codeHashOf(address: Uint8Array): Uint8Array | null;
  /** Moves an amount away from the running contract. Null when it is done. */
  transfer(to: Uint8Array, amount: bigint): RefusalReason | null;
  call(request: CallRequest): MessageResult;
  /** `created` is the new contract's address, also when its `init` failed and it is there no more. */
  create(request: CreateRequest): MessageResult & { readonly created: Uint8Array };
  /** Gives the running contract other code, from its next call on, and runs that code's `migrate`. */
  upgrade(request: UpgradeRequest): MessageResult;
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

/** The guest during a host call, as its engine knows it. */
export interface Guest {
  /** Its memory as it is now; growth replaces the buffer. */
  memoryBuffer(): ArrayBuffer;
  stackHeight(): number;
}

export class HostCall {
  readonly host: Host;
  readonly input: Uint8Array;
  readonly readOnly: boolean;
  /** Gas left. The engine sets it before each host function and takes it back after. */
  gas = 0;
  returnData: Uint8Array = noBytes;
  /** The last variable-length result, for `last_result`. */
  lastResult: Uint8Array = noBytes;
  readonly #guest: Guest;
  #memory: Uint8Array = noBytes;

  constructor(host: Host, input: Uint8Array, readOnly: boolean, guest: Guest) {
    this.host = host;
    this.input = input;
    this.readOnly = readOnly;
    this.#guest = guest;
  }

  /** Logical height of the stack in use, in the profile's unit. */
  get stackHeight(): number {
    return this.#guest.stackHeight();
  }

  charge(amount: number): void {
    if (!Number.isSafeInteger(amount)) throw new Fault(`charge of ${amount} gas`);
    this.gas -= amount;
    if (this.gas < 0) halt("OutOfGas");
  }

  #bytes(): Uint8Array {
    const buffer = this.#guest.memoryBuffer();
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
