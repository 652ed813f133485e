// What an editor's TypeScript needs to know of a contract's language. asc never reads it; it compiles sdk.ts.
//
// TypeScript has no operators between objects, so to an editor u128 is a bigint: it adds, compares and does not mix with u64.

interface Word {
  (target: Function): void;
  (target: Object, member: string, descriptor?: unknown): void;
}

/** The one contract of a build. Its fields are the contract's storage, its decorated methods the contract's interface. */
declare const contract: Word;
/** A record of typed fields, for parameters, results, stored values and map keys. */
declare const struct: Word;
/** A class whose instances `emit` records. */
declare const event: Word;
/** Runs once, when the contract is created. The method must be called `init`. */
declare const init: Word;
/** Reads only: the VM refuses writes, events and value. On a stored field it makes a method that returns the field. */
declare const view: Word;
/** May change state; the VM refuses value. */
declare const call: Word;
/** May change state and receive value. */
declare const payable: Word;

/** The members of a u128. */
interface BigInt {
  readonly lo: u64;
  readonly hi: u64;
  readonly isZero: bool;
  /** Reverts when it does not fit. */
  toU64(): u64;
  toString(): string;
}

declare module "lockstep/sdk" {
  /** An unsigned integer of 128 bits. `+ - * / %` revert with "integer overflow" where the result does not fit. */
  export type u128 = bigint;
  export const u128: {
    readonly Zero: u128;
    readonly Max: u128;
    from<T>(value: T): u128;
  };

  /** 32 bytes. The zero address, `new Address()`, belongs to nobody. */
  export class Address {
    static from(bytes: Uint8Array): Address;
    readonly isZero: bool;
    toBytes(): Uint8Array;
    equals(other: Address): bool;
  }

  /** A SHA-256 digest. */
  export class Hash {
    static from(bytes: Uint8Array): Hash;
    readonly isZero: bool;
    toBytes(): Uint8Array;
    equals(other: Hash): bool;
  }

  /** A map in storage: a field of a contract, never a value. It knows no order and no size. */
  export class StorageMap<K, V> {
    /** Zero, empty or null when there is no entry. */
    get(key: K): V;
    set(key: K, value: V): void;
    has(key: K): bool;
    remove(key: K): void;
  }

  /** The call being executed. Each reading asks the host anew. */
  export class Context {
    static readonly self: Address;
    static readonly caller: Address;
    static readonly signer: Address;
    static readonly value: u128;
    static readonly blockHeight: u64;
    /** Milliseconds since 1970, as the block says. */
    static readonly blockTime: u64;
    static readonly gasLeft: u64;
    static readonly chainId: string;
  }

  /** Ends the call and undoes it; the caller reads `message`. */
  export function revert(message: string): void;
  /** Reverts with `message` unless `condition` holds. */
  export function require(condition: bool, message: string): void;
  /** Records an instance of a class marked `@event`. */
  export function emit<T>(event: T): void;
  /** A line for the developer, outside the call's outcome. */
  export function debugLog(message: string): void;
  export function sha256(data: Uint8Array): Hash;
}
