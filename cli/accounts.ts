/**
 * Who is meant by a name: an address, `dev0` and its kin, an account of the keystore, or the alias of a contract.
 */
import { DEFAULT_MNEMONIC, devAccount } from "../devnet/accounts.ts";
import { addressFromText, addressToText } from "../node/address.ts";
import { publicKeyOf } from "../node/crypto.ts";
import type { AddressText } from "../vm/abi-values.ts";
import { InputError } from "../vm/errors.ts";
import type { Chain } from "./chain.ts";
import { ContractAliases } from "./contracts.ts";
import { Keystore } from "./keystore.ts";
import { devAccountIndex } from "./names.ts";
import type { Settings } from "./settings.ts";

export interface Signer {
  readonly name: string;
  readonly address: Uint8Array;
  readonly secretKey: Uint8Array;
}

/** The account `settings.from` with its key. Throws as `devAccount` and `Keystore.unlock` do. */
export function signerOf({ from, home, mnemonic = DEFAULT_MNEMONIC, password }: Settings): Signer {
  const index = devAccountIndex(from);
  if (index !== null) return devAccount(index, mnemonic);
  const secretKey = new Keystore(home).unlock(from, password);
  return { name: from, address: publicKeyOf(secretKey), secretKey };
}

/** Addresses as people write them on this machine, for this chain. */
export class AddressBook implements AddressText {
  readonly #settings: Settings;
  readonly aliases: ContractAliases;

  constructor(settings: Settings, chain: Chain, workingFolder = process.cwd()) {
    this.#settings = settings;
    this.aliases = new ContractAliases(workingFolder, chain.info.genesisHash);
  }

  readonly toText = addressToText;

  /** Throws `InputError`: `address_invalid`, `name_unknown`, and what a damaged file of keys or aliases throws. */
  readonly fromText = (text: string): Uint8Array => {
    if (/^lock1/i.test(text)) return addressFromText(text);
    const { home, mnemonic = DEFAULT_MNEMONIC } = this.#settings;
    const index = devAccountIndex(text);
    if (index !== null) return devAccount(index, mnemonic).address;
    const address = new Keystore(home).find(text)?.address ?? this.aliases.find(text);
    if (address !== null) return address;
    const known = [...this.aliases.list().keys()];
    throw new InputError("name_unknown", `${JSON.stringify(text)} is no address, no account and no contract here`, {
      hint:
        known.length === 0
          ? "Accounts: `lockstep account list`. This folder knows no contract on this chain; `lockstep deploy` adds one."
          : `Accounts: \`lockstep account list\`. Contracts of this folder on this chain: ${known.join(", ")}.`,
    });
  };
}
