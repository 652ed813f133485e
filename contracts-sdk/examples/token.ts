import { Address, Context, StorageMap, emit, require, u128 } from "lockstep/sdk";

@event
class Transfer {
  constructor(public from: Address, public to: Address, public amount: u128) {}
}

@event
class Approval {
  constructor(public owner: Address, public spender: Address, public amount: u128) {}
}

/** Whose tokens, and who may move them. */
@struct
class Grant {
  constructor(public owner: Address, public spender: Address) {}
}

/** A fungible token. Its whole supply goes to whoever creates it. */
@contract
class Token {
  @view name: string;
  @view symbol: string;
  @view totalSupply: u128;
  balances: StorageMap<Address, u128>;
  allowances: StorageMap<Grant, u128>;

  @init init(name: string, symbol: string, supply: u128): void {
    this.name = name;
    this.symbol = symbol;
    this.totalSupply = supply;
    this.balances.set(Context.caller, supply);
    emit(new Transfer(new Address(), Context.caller, supply));
  }

  @view balanceOf(owner: Address): u128 {
    return this.balances.get(owner);
  }

  @view allowance(owner: Address, spender: Address): u128 {
    return this.allowances.get(new Grant(owner, spender));
  }

  @call transfer(to: Address, amount: u128): void {
    this.move(Context.caller, to, amount);
  }

  /** Lets `spender` move up to `amount` of the caller's tokens, instead of what it was allowed before. */
  @call approve(spender: Address, amount: u128): void {
    this.allowances.set(new Grant(Context.caller, spender), amount);
    emit(new Approval(Context.caller, spender, amount));
  }

  /** Moves tokens that their owner allowed the caller to move. */
  @call transferFrom(owner: Address, to: Address, amount: u128): void {
    const grant = new Grant(owner, Context.caller);
    const allowed = this.allowances.get(grant);
    require(allowed >= amount, "allowance too low");
    this.allowances.set(grant, allowed - amount);
    this.move(owner, to, amount);
  }

  private move(from: Address, to: Address, amount: u128): void {
    const balance = this.balances.get(from);
    require(balance >= amount, "balance too low");
    this.balances.set(from, balance - amount);
    this.balances.set(to, this.balances.get(to) + amount);
    emit(new Transfer(from, to, amount));
  }
}
