/**
 * The accounts of a devnet: BIP-39 words to a seed, SLIP-0010 from the seed to ed25519 keys.
 *
 * Account i is `m/44'/1'/i'`: every level hardened, as ed25519 needs, and coin type 1, which SLIP-0044 gives to all test
 * networks. The default words are public, so whatever these accounts own anybody can take.
 * https://github.com/satoshilabs/slips/blob/master/slip-0010.md
 */
import { pbkdf2Sync } from "node:crypto";
import { hmac } from "@noble/hashes/hmac.js";
import { sha512 } from "@noble/hashes/sha2.js";
import { validateMnemonic } from "@scure/bip39";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import { publicKeyOf } from "../node/crypto.ts";
import { InputError } from "../vm/errors.ts";

export const DEFAULT_MNEMONIC = "test test test test test test test test test test test junk";
export const DEFAULT_ACCOUNT_COUNT = 10;
/** Deriving and printing more would only be slow. */
export const ACCOUNT_COUNT_MAX = 1000;

export interface DevAccount {
  /** `dev0`, `dev1`, ... */
  readonly name: string;
  readonly address: Uint8Array;
  readonly secretKey: Uint8Array;
  /** Where the key is below the seed: `m/44'/1'/0'`. */
  readonly path: string;
}

/** Throws `InputError`: `mnemonic_invalid`, `account_count`. */
export function devAccounts(mnemonic = DEFAULT_MNEMONIC, count = DEFAULT_ACCOUNT_COUNT): readonly DevAccount[] {
  if (!Number.isInteger(count) || count < 1 || count > ACCOUNT_COUNT_MAX) {
    throw new InputError("account_count", `${count} accounts; a devnet has 1 to ${ACCOUNT_COUNT_MAX}`);
  }
  const known = lastDerived?.mnemonic === mnemonic ? lastDerived.accounts : [];
  if (known.length < count) {
    const seed = seedOf(mnemonic);
    const more = Array.from({ length: count - known.length }, (_, index) => accountAt(seed, known.length + index));
    lastDerived = { mnemonic, accounts: [...known, ...more] };
  }
  return lastDerived!.accounts.slice(0, count);
}

/** A test suite makes many devnets with the same accounts, and deriving those takes longer than everything else. */
let lastDerived: { readonly mnemonic: string; readonly accounts: readonly DevAccount[] } | undefined;

/** One of the accounts without deriving the others. Throws `InputError`: `mnemonic_invalid`, `account_count`. */
export function devAccount(index: number, mnemonic = DEFAULT_MNEMONIC): DevAccount {
  if (!Number.isInteger(index) || index < 0 || index >= ACCOUNT_COUNT_MAX) {
    throw new InputError("account_count", `dev${index} does not exist; a devnet has at most ${ACCOUNT_COUNT_MAX}`);
  }
  return accountAt(seedOf(mnemonic), index);
}

function seedOf(mnemonic: string): Uint8Array {
  if (!validateMnemonic(mnemonic, wordlist)) {
    throw new InputError("mnemonic_invalid", "the mnemonic is not 12 to 24 BIP-39 words with a valid checksum", {
      hint: "The words are English, lower case, with single spaces; the last one carries the checksum.",
    });
  }
  // BIP-39 with no passphrase. The words are ASCII, so they are normal already. Node's own takes 1 ms where JavaScript takes 35.
  return pbkdf2Sync(mnemonic, "mnemonic", 2048, 64, "sha512");
}

function accountAt(seed: Uint8Array, index: number): DevAccount {
  const { secretKey } = deriveKey(seed, [44, 1, index]);
  return { name: `dev${index}`, address: publicKeyOf(secretKey), secretKey, path: `m/44'/1'/${index}'` };
}

const HARDENED = 0x8000_0000;

/** SLIP-0010 for ed25519. Every index is hardened; `path` gives them without the offset, each below 2^31. */
export function deriveKey(
  seed: Uint8Array,
  path: readonly number[],
): { readonly secretKey: Uint8Array; readonly chainCode: Uint8Array } {
  let digest = hmac(sha512, new TextEncoder().encode("ed25519 seed"), seed);
  for (const index of path) {
    const data = new Uint8Array(37);
    data.set(digest.subarray(0, 32), 1);
    new DataView(data.buffer).setUint32(33, HARDENED + index);
    digest = hmac(sha512, digest.subarray(32), data);
  }
  return { secretKey: digest.slice(0, 32), chainCode: digest.slice(32) };
}
