/**
 * What the state holds, and under which keys:
 *
 *     "a" address            -> account: nonce, balance, code hash
 *     "c" code hash          -> the Wasm module
 *     "i" code hash          -> what of the module decides the price of loading it
 *     "s" address, key       -> one storage entry of a contract
 *
 * All four are leaves of one tree, so the state root covers them.
 */
import * as borsh from "../../vm/borsh.ts";
import type { ScannedEntry, ScanRange } from "../../vm/host-fns/host.ts";
import type { StateReader } from "./journal.ts";

const accountCodec = borsh.struct({
  nonce: borsh.safeU64,
  balance: borsh.u128,
  /** Present on contracts. */
  codeHash: borsh.option(borsh.bytes32),
});

export type Account = borsh.Infer<typeof accountCodec>;

export const emptyAccount: Account = { nonce: 0, balance: 0n, codeHash: null };

const codeInfoCodec = borsh.struct({
  /** Bytes. */
  size: borsh.u32,
  /** Imports and definitions. */
  functionCount: borsh.u32,
});

export type CodeInfo = borsh.Infer<typeof codeInfoCodec>;

export function encodeCodeInfo(info: CodeInfo): Uint8Array {
  return borsh.encode(codeInfoCodec, info);
}

export function decodeCodeInfo(bytes: Uint8Array): CodeInfo {
  return borsh.decode(codeInfoCodec, bytes);
}

export const BALANCE_MAX = (1n << 128n) - 1n;

export function encodeAccount(account: Account): Uint8Array {
  return borsh.encode(accountCodec, account);
}

export function decodeAccount(bytes: Uint8Array): Account {
  return borsh.decode(accountCodec, bytes);
}

function prefixed(prefix: string, ...parts: Uint8Array[]): Uint8Array {
  const key = new Uint8Array(1 + parts.reduce((sum, part) => sum + part.length, 0));
  key[0] = prefix.charCodeAt(0);
  let at = 1;
  for (const part of parts) {
    key.set(part, at);
    at += part.length;
  }
  return key;
}

export function accountKey(address: Uint8Array): Uint8Array {
  return prefixed("a", address);
}
export function codeKey(codeHash: Uint8Array): Uint8Array {
  return prefixed("c", codeHash);
}
export function codeInfoKey(codeHash: Uint8Array): Uint8Array {
  return prefixed("i", codeHash);
}
export function storageKey(contract: Uint8Array, key: Uint8Array): Uint8Array {
  return prefixed("s", contract, key);
}

/** A contract's entries as the contract sees them: under its own keys, and nobody else's among them. */
export function* scanStorage(
  state: StateReader,
  contract: Uint8Array,
  { start, end, reverse }: ScanRange,
): Generator<ScannedEntry, void, undefined> {
  const prefix = storageKey(contract, new Uint8Array());
  const from = storageKey(contract, start);
  const to = end === null ? afterPrefix(prefix) : storageKey(contract, end);
  for (const { key, value } of state.scan(from, to, reverse)) yield { key: key.subarray(prefix.length), value };
}

/** The first key behind all that begin with `prefix`, whose first byte is a letter and can be raised. */
function afterPrefix(prefix: Uint8Array): Uint8Array {
  const length = prefix.findLastIndex((byte) => byte < 0xff) + 1;
  const after = prefix.slice(0, length);
  after[length - 1]!++;
  return after;
}
