import {
  Address,
  CallResult,
  Context,
  ContractClient,
  StorageMap,
  callContract,
  encode,
  require,
  u128,
  viewContract,
} from "lockstep/sdk";

@client
declare class Token extends ContractClient {
  balanceOf(owner: Address): u128;
  transfer(to: Address, amount: u128): void;
  transferFrom(owner: Address, to: Address, amount: u128): void;
}

/** The same contract, where its failure is to be looked at. */
@client
declare class CarefulToken extends ContractClient {
  transfer(to: Address, amount: u128): CallResult;
}

@client
declare class Troublemaker extends ContractClient {
  succeed(amount: u128): u128;
  fail(message: string): void;
  halt(): void;
  babble(): u128;
  missing(): void;
  keep(): u128;
  secret(): u32;
}

@struct
class Deal {
  constructor(public token: Address, public buyer: Address, public seller: Address, public amount: u128) {}
}

@struct
class Report {
  constructor(public status: u8, public code: u32, public reason: string, public data: Uint8Array) {}
}

function reportOf(result: CallResult): Report {
  return new Report(<u8>result.status, result.revertCode, result.reason, result.data);
}

/** Holds tokens of a buyer until the buyer lets the seller have them. */
@contract
class Escrow {
  deals: StorageMap<u32, Deal | null>;
  @view count: u32;

  @call open(token: Address, seller: Address, amount: u128): u32 {
    // Counted before the token is called, and gone again when the token refuses.
    const id = this.count++;
    this.deals.set(id, new Deal(token, Context.caller, seller, amount));
    new Token(token).transferFrom(Context.caller, Context.self, amount);
    return id;
  }

  @call release(id: u32): void {
    const deal = this.deals.get(id);
    require(deal != null && deal.buyer == Context.caller, "no such deal of yours");
    this.deals.remove(id);
    new Token(deal!.token).transfer(deal!.seller, deal!.amount);
  }

  @view held(token: Address): u128 {
    return new Token(token).balanceOf(Context.self);
  }

  @call tryTransfer(token: Address, to: Address, amount: u128): Report {
    return reportOf(new CarefulToken(token).transfer(to, amount));
  }

  /** Any call at all, by the functions below the typed clients. */
  @payable attempt(contract: Address, method: string, args: Uint8Array, value: u128, gas: u64): Report {
    this.count++;
    return reportOf(callContract(contract, method, args, value, gas));
  }

  @call attemptView(contract: Address, method: string, args: Uint8Array): Report {
    return reportOf(viewContract(contract, method, args));
  }

  @call insist(contract: Address, method: string, args: Uint8Array): void {
    this.count = 99;
    callContract(contract, method, args).orRevert();
  }

  @call double(contract: Address, amount: u128): u128 {
    const sum = callContract(contract, "succeed", encode(amount)).decode<u128>();
    return sum + new Troublemaker(contract).succeed(amount);
  }

  @payable forward(contract: Address, value: u128): u128 {
    return new Troublemaker(contract, value).keep();
  }

  @call bubble(contract: Address, way: u8): void {
    this.count = 99;
    const other = new Troublemaker(contract, null, 5_000_000);
    if (way == 0) other.fail("as I said: ñ");
    if (way == 1) other.halt();
    if (way == 2) other.missing();
    if (way == 3) other.babble();
    if (way == 4) other.secret();
    // What is returned where nothing is expected is as wrong as the other way round.
    if (way == 5) new Empty(contract).succeed(u128.from(1));
  }
}

@client
declare class Empty extends ContractClient {
  succeed(amount: u128): void;
}
