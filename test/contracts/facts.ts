import {
  Address,
  Context,
  Hash,
  balanceOf,
  codeHashOf,
  debugLog,
  emit,
  randomBytes,
  require,
  transfer,
  u128,
} from "lockstep/sdk";

@struct
class Facts {
  self: Address;
  caller: Address;
  signer: Address;
  value: u128;
  height: u64;
  time: u64;
  chainId: string;
}

@event
class Heard {
  constructor(public who: Address, public words: string[]) {}
}

@event
class Silence {}

/** What a contract can ask of its surroundings, and tell them. */
@contract
class Asker {
  @payable facts(): Facts {
    return {
      self: Context.self,
      caller: Context.caller,
      signer: Context.signer,
      value: Context.value,
      height: Context.blockHeight,
      time: Context.blockTime,
      chainId: Context.chainId,
    };
  }

  /** Gas is counted down by asking. */
  @view gas(): u64[] {
    return [Context.gasLeft, Context.gasLeft];
  }

  @view random(): Uint8Array[] {
    return [randomBytes(), randomBytes()];
  }

  @view balance(account: Address): u128 {
    return balanceOf(account);
  }

  @view code(account: Address): Hash | null {
    return codeHashOf(account);
  }

  @call pay(to: Address, amount: u128): bool {
    return transfer(to, amount);
  }

  @view peek(to: Address): bool {
    return transfer(to, u128.from(1));
  }

  @call tell(words: string[]): void {
    emit(new Heard(Context.caller, words));
    emit(new Silence());
    require(words.length < 3, "too many words");
  }

  @view say(text: string): void {
    debugLog("said: " + text);
  }
}
