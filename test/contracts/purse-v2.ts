import { Address, Context, require, u128 } from "lockstep/sdk";

/** As version 1, with a total that no sum can overflow, under another name: the old one holds other bytes. */
@contract
class Purse {
  owner: Address;
  total: u32;
  @view bigTotal: u128;
  @view motto: string;

  @migrate migrate(motto: string): void {
    require(Context.caller == Context.self, "nobody else migrates");
    require(motto != "", "a motto is needed");
    this.motto = motto;
    this.bigTotal = u128.from(this.total) * u128.from(1_000_000_000_000);
  }

  @view oldTotal(): u32 {
    return this.total;
  }

  @call add(amount: u128): u128 {
    return (this.bigTotal = this.bigTotal + amount);
  }
}
