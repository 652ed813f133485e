/**
 * Addresses: 32 bytes in the chain, bech32m text with the prefix `lock` for people (BIP-350).
 *
 * An account's address is its ed25519 public key; a contract's is a hash (`contractAddress`). One address has one
 * spelling: the decoder refuses upper case, other prefixes, padding bits and wrong lengths.
 */
import { bech32m } from "@scure/base";
import * as borsh from "../vm/borsh.ts";
import { InputError } from "../vm/errors.ts";
import { hash } from "./crypto.ts";

export const ADDRESS_SIZE = 32;
const PREFIX = "lock";

export function addressToText(address: Uint8Array): string {
  return bech32m.encode(PREFIX, bech32m.toWords(address));
}

/** Throws `InputError` `address_invalid`. */
export function addressFromText(text: string): Uint8Array {
  let address: Uint8Array | undefined;
  try {
    const { prefix, words } = bech32m.decode(text as `${string}1${string}`);
    if (prefix === PREFIX) address = bech32m.fromWords(words);
  } catch {
    // Reported below with the text itself.
  }
  if (address?.length !== ADDRESS_SIZE || addressToText(address) !== text) {
    throw new InputError("address_invalid", `"${text}" is not an address`, {
      hint: `An address is ${PREFIX}1 and 58 lower-case characters, as \`lockstep account list\` prints them.`,
    });
  }
  return address;
}

const contractOriginCodec = borsh.struct({
  creator: borsh.bytes32,
  origin: borsh.union({
    /** The creating transaction's nonce and the action's position in it. */
    nonce: borsh.struct({ nonce: borsh.safeU64, action: borsh.u32 }),
    /** Chosen by the creator, so that the address is known before the transaction. */
    salt: borsh.struct({ salt: borsh.bytes32 }),
  }),
  codeHash: borsh.bytes32,
});

export type ContractOrigin = borsh.Infer<typeof contractOriginCodec>;

export function contractAddress(origin: ContractOrigin): Uint8Array {
  return hash("contract", borsh.encode(contractOriginCodec, origin));
}
