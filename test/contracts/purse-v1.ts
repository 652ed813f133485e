import { Address, Context, Hash, require, tryUpgrade, upgrade } from "lockstep/sdk";

/** Counts in a small number, and can be replaced by its owner. */
@contract
class Purse {
  owner: Address;
  @view total: u32;

  @init init(): void {
    this.owner = Context.caller;
  }

  @call add(amount: u32): u32 {
    return (this.total += amount);
  }

  @call upgradeTo(codeHash: Hash, args: Uint8Array): u32 {
    require(Context.caller == this.owner, "not the owner");
    upgrade(codeHash, args);
    // The old code runs to its end.
    return this.add(1);
  }

  @call tryUpgradeTo(codeHash: Hash, args: Uint8Array): string {
    return tryUpgrade(codeHash, args).reason;
  }
}
