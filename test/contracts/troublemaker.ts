import { Context, ContractClient, callContract, emit, revert, u128 } from "lockstep/sdk";

@event
class Trouble {}

@client
declare class Itself extends ContractClient {
  secret(): u32;
  again(depth: u32): u32;
  onlyOnce(): u32;
}

/** Fails in every way there is, and calls itself. */
@contract
class Troublemaker {
  @reentrant @view tries: u32;

  private attempt(): void {
    this.tries++;
    emit(new Trouble());
  }

  @call succeed(amount: u128): u128 {
    this.attempt();
    return amount;
  }

  @payable fail(message: string): void {
    this.attempt();
    revert(message);
  }

  @payable halt(): void {
    this.attempt();
    unreachable();
  }

  @call spin(): void {
    for (;;) this.attempt();
  }

  /** A list that is longer than it says, where a caller expects a number. */
  @view babble(): string {
    return "not a number at all";
  }

  @payable keep(): u128 {
    this.attempt();
    return Context.value;
  }

  @internal @call secret(): u32 {
    return 7;
  }

  @call askSecret(): u32 {
    return new Itself(Context.self).secret();
  }

  @reentrant @call again(depth: u32): u32 {
    return depth ? new Itself(Context.self).again(depth - 1) + 1 : this.tries;
  }

  @call onlyOnce(): u32 {
    return new Itself(Context.self).onlyOnce();
  }

  @call twice(): string {
    return callContract(Context.self, "onlyOnce").reason;
  }
}
