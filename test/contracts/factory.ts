import { Address, Hash, StorageMap, createContract, encode, sha256, tryCreateContract, u128 } from "lockstep/sdk";

@struct
class TokenArgs {
  constructor(public name: string, public symbol: string, public supply: u128) {}
}

/** Makes contracts, and remembers them by salt. */
@contract
class Factory {
  made: StorageMap<Hash, Address>;

  @call makeToken(codeHash: Hash, name: string, supply: u128): Address {
    const salt = sha256(encode(name));
    const address = createContract(codeHash, salt, encode(new TokenArgs(name, "SYM", supply)));
    this.made.set(salt, address);
    return address;
  }

  @payable make(codeHash: Hash, salt: Hash, args: Uint8Array, value: u128): string {
    const result = tryCreateContract(codeHash, salt, args, value);
    if (!result.isSuccess) return result.reason;
    this.made.set(salt, result.decode<Address>());
    return "";
  }

  @view at(salt: Hash): Address {
    return this.made.get(salt);
  }
}
