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
/**
 * A typed client of another contract: `declare class Token extends ContractClient` and signatures of methods, without bodies.
 * A call that fails makes its caller fail with the same message, unless the signature returns a `CallResult`.
 */
declare const client: Word;
/** Runs once, when the contract is created. The method must be called `init`. */
declare const init: Word;
/** Runs when the contract takes this code in the place of other code (`upgrade`). The method must be called `migrate`. */
declare const migrate: Word;
/** Reads only: the VM refuses writes, events and value. On a stored field it makes a method that returns the field. */
declare const view: Word;
/** May change state; the VM refuses value. */
declare const call: Word;
/** May change state and receive value. */
declare const payable: Word;
/** Beside one of the three before: only the contract itself may call it, as it calls others. */
declare const internal: Word;
/** Beside one of the same three: may be called while the contract waits for another that it called. No other method may. */
declare const reentrant: Word;

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

  /** A digest of 32 bytes. */
  export class Hash {
    static from(bytes: Uint8Array): Hash;
    readonly isZero: bool;
    toBytes(): Uint8Array;
    equals(other: Hash): bool;
  }

  /** A key for maps that are read in order: 8 bytes big endian, so that the order of its bytes is that of the numbers. */
  export class OrderedU64 {
    static from(value: u64): OrderedU64;
    readonly value: u64;
  }

  export class MapEntry<K, V> {
    readonly key: K;
    readonly value: V;
  }

  /**
   * A map in storage: a field of a contract, never a value. It does not know its size. Its entries are ordered by the bytes
   * of their keys' borsh: addresses, hashes and `u8` as one expects; wider integers not, for they are little endian
   * (`OrderedU64` is for them); text and lists begin with their length.
   */
  export class StorageMap<K, V> {
    /** Zero, empty or null when there is no entry. */
    get(key: K): V;
    set(key: K, value: V): void;
    has(key: K): bool;
    remove(key: K): void;
    /** The first entries, at most `limit`. */
    first(limit: u32): MapEntry<K, V>[];
    /** The entries that follow `key`, at most `limit`. The key need not be there. */
    after(key: K, limit: u32): MapEntry<K, V>[];
    /** The last entries, the very last one first, at most `limit`. */
    last(limit: u32): MapEntry<K, V>[];
    /** The entries that come before `key`, the nearest first, at most `limit`. The key need not be there. */
    before(key: K, limit: u32): MapEntry<K, V>[];
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
  /** 32 bytes, others each time. Nobody who signs a transaction chooses them; whoever makes the block knows them before. */
  export function randomBytes(): Uint8Array;

  /** The borsh encoding of a value. That of a struct is also the arguments of a method that takes its fields. */
  export function encode<T>(value: T): Uint8Array;
  /** Reverts with "malformed data" for bytes that are no value of the type. */
  export function decode<T>(bytes: Uint8Array): T;

  export enum CallStatus {
    Success,
    /** The callee's own decision. */
    Revert,
    /** The callee failed, and all gas given to it is spent. */
    Halt,
    /** The chain declined; nothing ran. */
    Refused,
  }

  /** How a call ended. Of one that failed nothing is left but the gas it used. */
  export class CallResult {
    readonly status: CallStatus;
    readonly isSuccess: bool;
    /** What was returned, or what it reverted with. */
    readonly data: Uint8Array;
    /** Of a revert: zero when its data is a message, else the number of an error in the callee's ABI. */
    readonly revertCode: u32;
    /** The message of a revert, or a name such as `OutOfGas` and `NoSuchMethod`; empty when there is none. */
    readonly reason: string;
    /** What was returned, as a value. Reverts, as `orRevert` does, where the call failed. */
    decode<T>(): T;
    /** Undoes the caller too, with the callee's own code and data or the name of the reason, unless the call succeeded. */
    orRevert(): void;
  }

  /** What a class marked `@client` extends. `value` goes with every call, and `gas` is the most that one may use. */
  export class ContractClient {
    constructor(address: Address, value?: u128 | null, gas?: u64);
  }

  /** Calls a method of another contract. Arguments are in borsh, one after the other, as of a struct with such fields. */
  export function callContract(
    contract: Address,
    method: string,
    args?: Uint8Array | null,
    value?: u128 | null,
    gas?: u64,
  ): CallResult;
  /** As `callContract`, and whatever the callee does, it and all it calls change nothing. */
  export function viewContract(contract: Address, method: string, args?: Uint8Array | null, gas?: u64): CallResult;
  /** Makes a contract from code on the chain, and runs its `init`. Its address follows from this contract, salt and code. */
  export function createContract(
    codeHash: Hash,
    salt: Hash,
    args?: Uint8Array | null,
    value?: u128 | null,
    gas?: u64,
  ): Address;
  /** As `createContract`; what a success returns is the address. */
  export function tryCreateContract(
    codeHash: Hash,
    salt: Hash,
    args?: Uint8Array | null,
    value?: u128 | null,
    gas?: u64,
  ): CallResult;
  /** Gives this contract other code, which must be on the chain, from its next call on, and runs that code's `migrate`. */
  export function upgrade(codeHash: Hash, args?: Uint8Array | null, gas?: u64): void;
  /** As `upgrade`. */
  export function tryUpgrade(codeHash: Hash, args?: Uint8Array | null, gas?: u64): CallResult;
  /** Pays an account, and says whether it could. A contract is not paid so: it gets value with calls of payable methods. */
  export function transfer(to: Address, amount: u128): bool;
  export function balanceOf(account: Address): u128;
  /** Null for an address that is no contract. */
  export function codeHashOf(account: Address): Hash | null;

  export function sha256(data: Uint8Array): Hash;
  /** As Ethereum's, which differs from SHA3-256. */
  export function keccak256(data: Uint8Array): Hash;
  export function blake3(data: Uint8Array): Hash;
  /** 20 bytes. */
  export function ripemd160(data: Uint8Array): Uint8Array;
  /** Whether a signature of 64 bytes is that of the 32-byte key, by ZIP-215. */
  export function ed25519Verify(message: Uint8Array, signature: Uint8Array, publicKey: Uint8Array): bool;
  /** Whether r and s, 32 bytes each and s the lower of the two possible, sign the hash for a key of 33 or 65 bytes. */
  export function secp256k1Verify(hash: Hash, signature: Uint8Array, publicKey: Uint8Array): bool;
  /** The key, in 65 bytes, that signed the hash so; `recoveryId` is 0 to 3. */
  export function secp256k1Recover(hash: Hash, signature: Uint8Array, recoveryId: u32): Uint8Array | null;
  /** Whether r and s, 32 bytes each, sign the hash for a key of 33 or 65 bytes. */
  export function p256Verify(hash: Hash, signature: Uint8Array, publicKey: Uint8Array): bool;

  /**
   * Points are compressed, 48 bytes in G1 and 96 in G2, lists of up to 256 lie one behind the other, scalars are 32 bytes big
   * endian. Null, and false, are for what is no point, and for sizes that do not fit.
   */
  export class Bls12381 {
    static g1Add(a: Uint8Array, b: Uint8Array): Uint8Array | null;
    static g2Add(a: Uint8Array, b: Uint8Array): Uint8Array | null;
    static g1Mul(point: Uint8Array, scalar: Uint8Array): Uint8Array | null;
    static g2Mul(point: Uint8Array, scalar: Uint8Array): Uint8Array | null;
    /** The sum of each point times its scalar. */
    static g1Msm(points: Uint8Array, scalars: Uint8Array): Uint8Array | null;
    /** The sum of each point times its scalar. */
    static g2Msm(points: Uint8Array, scalars: Uint8Array): Uint8Array | null;
    /** By RFC 9380 with SHA-256 and SSWU. The tag, which says what the hash is for, has 1 to 255 bytes. */
    static hashToG1(message: Uint8Array, tag: Uint8Array): Uint8Array;
    /** By RFC 9380 with SHA-256 and SSWU. The tag, which says what the hash is for, has 1 to 255 bytes. */
    static hashToG2(message: Uint8Array, tag: Uint8Array): Uint8Array;
    /** Whether the pairings, each of a point in G1 with its one in G2, multiply to one. */
    static pairingCheck(g1Points: Uint8Array, g2Points: Uint8Array): bool;
    /** Whether each key signed its message. The contract must know that each key's owner has proven to have its secret. */
    static aggregateVerify(publicKeys: Uint8Array, messages: Uint8Array[], signature: Uint8Array): bool;
    /** Whether all keys signed one message. The contract must know that each key's owner has proven to have its secret. */
    static fastAggregateVerify(publicKeys: Uint8Array, message: Uint8Array, signature: Uint8Array): bool;
  }
}
