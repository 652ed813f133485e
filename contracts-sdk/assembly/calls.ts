/*
 * What reaches other accounts: calls of contracts, the creation of one, the upgrade of this one, transfers, a look at others.
 *
 * Whatever becomes of a call, the caller goes on: functions that give a `CallResult` leave it to the author to look at it,
 * all others revert with the reason of the failure. Of a call that failed nothing is left but the gas it used. A caller that
 * names no gas gives as much as it may: 63 of 64 parts of what it has.
 */
import { Address, Hash } from "./address";
import { begin, blank, decode, newBytes, position, push, pushText } from "./codec";
import { malformedData } from "./failure";
import * as host from "./lockstep";
import { heapTop } from "./memory";
import { haltReasons, refusalReasons } from "./reasons";
import { u128 } from "./u128";
import { decodeText } from "./utf8";

export enum CallStatus {
  Success,
  /** The callee's own decision. */
  Revert,
  /** The callee failed, and all gas given to it is spent. */
  Halt,
  /** The chain declined; nothing ran. */
  Refused,
}

/** How a call ended. */
export class CallResult {
  constructor(
    readonly status: CallStatus,
    private bytes: Uint8Array,
  ) {}

  get isSuccess(): bool {
    return this.status == CallStatus.Success;
  }

  /** What was returned, or what it reverted with. */
  get data(): Uint8Array {
    return this.status == CallStatus.Success ? this.bytes : this.bytes.subarray(this.status == CallStatus.Revert ? 4 : 1);
  }

  /** What was returned, as a value. Reverts, as `orRevert` does, where the call failed. */
  decode<T>(): T {
    this.orRevert();
    if (isVoid<T>()) {
      if (this.bytes.byteLength) malformedData();
    } else {
      return decode<T>(this.bytes);
    }
  }

  /** Of a revert: zero when its data is a message, else the number of an error in the callee's ABI. */
  get revertCode(): u32 {
    return this.status == CallStatus.Revert ? load<u32>(this.bytes.dataStart) : 0;
  }

  /** The message of a revert, or the name of the reason, such as `OutOfGas` and `NoSuchMethod`; empty when there is none. */
  get reason(): string {
    if (this.status == CallStatus.Success || this.revertCode) return "";
    if (this.status == CallStatus.Revert) {
      // A callee must not be able to fail whoever reads its message.
      return decodeText(this.bytes.dataStart + 4, this.bytes.byteLength - 4, true);
    }
    const name = this.reasonName();
    return decodeText(name + 1, load<u8>(name));
  }

  /** Undoes the caller too, with the callee's own code and data or the name of the reason, unless the call succeeded. */
  orRevert(): void {
    if (this.isSuccess) return;
    const data = this.bytes.dataStart;
    if (this.status == CallStatus.Revert) {
      host.revert(load<u32>(data), data + 4, this.bytes.byteLength - 4);
    } else {
      begin();
      pushText(this.status == CallStatus.Halt ? "call halted: " : "call refused: ");
      const name = this.reasonName();
      const length = load<u8>(name);
      memory.copy(push(length), name + 1, length);
      host.revert(0, heapTop(), position() - heapTop());
    }
    unreachable();
  }

  /** Its length in one byte, then its letters; none for a reason that this SDK does not know. */
  private reasonName(): usize {
    let name = this.status == CallStatus.Halt ? haltReasons() : refusalReasons();
    for (let index = load<u8>(this.bytes.dataStart); index && load<u8>(name); index--) name += 1 + load<u8>(name);
    return name;
  }
}

function resultOf(status: u32): CallResult {
  const length = host.last_result_size();
  const bytes = newBytes(length);
  host.last_result(bytes.dataStart, 0, length);
  return new CallResult(status, bytes);
}

function amountOf(value: u128 | null): usize {
  // By its pointer: `==` is an operator of the class.
  const amount = changetype<usize>(value);
  return amount ? amount : memory.data(16);
}

/** Where bytes that may be absent begin; there is nothing to read of those that are. */
function startOf(bytes: Uint8Array | null): usize {
  return bytes === null ? 0 : bytes.dataStart;
}

function lengthOf(bytes: Uint8Array | null): usize {
  return bytes === null ? 0 : bytes.byteLength;
}

/** Calls a method of another contract. Arguments are in borsh, one after the other, as of a struct with such fields. */
export function callContract(
  contract: Address,
  method: string,
  args: Uint8Array | null = null,
  value: u128 | null = null,
  gas: u64 = u64.MAX_VALUE
): CallResult {
  begin();
  pushText(method);
  const length = position() - heapTop();
  return resultOf(
    host.call(changetype<usize>(contract), heapTop(), length, startOf(args), lengthOf(args), amountOf(value), gas)
  );
}

/** As `callContract`, and whatever the callee does, it and all it calls change nothing. */
export function viewContract(contract: Address, method: string, args: Uint8Array | null = null, gas: u64 = u64.MAX_VALUE): CallResult {
  begin();
  pushText(method);
  const length = position() - heapTop();
  return resultOf(host.view(changetype<usize>(contract), heapTop(), length, startOf(args), lengthOf(args), gas));
}

/** What a class marked `@client` extends. `value` goes with every call, and `gas` is the most that one may use. */
export class ContractClient {
  constructor(
    private __address: Address,
    private __value: u128 | null = null,
    private __gas: u64 = u64.MAX_VALUE,
  ) {}

  /** With the arguments that the writer holds. A result that is declared as `CallResult` is handed over as it is. */
  __call<T>(method: usize, methodLength: usize): T {
    const args = heapTop();
    const address = changetype<usize>(this.__address);
    const length = position() - args;
    const result = resultOf(host.call(address, method, methodLength, args, length, amountOf(this.__value), this.__gas));
    if (isManaged<T>() && !isNullable<T>() && idof<T>() == idof<CallResult>()) {
      return changetype<T>(result);
    } else {
      return result.decode<T>();
    }
  }
}

/** Makes a contract from code on the chain, and runs its `init`. Its address follows from this contract, salt and code. */
export function createContract(
  codeHash: Hash,
  salt: Hash,
  args: Uint8Array | null = null,
  value: u128 | null = null,
  gas: u64 = u64.MAX_VALUE
): Address {
  return tryCreateContract(codeHash, salt, args, value, gas).decode<Address>();
}

/** As `createContract`; what a success returns is the address. */
export function tryCreateContract(
  codeHash: Hash,
  salt: Hash,
  args: Uint8Array | null = null,
  value: u128 | null = null,
  gas: u64 = u64.MAX_VALUE
): CallResult {
  const address = newBytes(32);
  const status: CallStatus = host.create(
    changetype<usize>(codeHash),
    changetype<usize>(salt),
    startOf(args),
    lengthOf(args),
    amountOf(value),
    gas,
    address.dataStart
  );
  return status == CallStatus.Success ? new CallResult(status, address) : resultOf(status);
}

/** Gives this contract other code, which must be on the chain, from its next call on, and runs that code's `migrate`. */
export function upgrade(codeHash: Hash, args: Uint8Array | null = null, gas: u64 = u64.MAX_VALUE): void {
  tryUpgrade(codeHash, args, gas).orRevert();
}

/** As `upgrade`. */
export function tryUpgrade(codeHash: Hash, args: Uint8Array | null = null, gas: u64 = u64.MAX_VALUE): CallResult {
  return resultOf(host.upgrade(changetype<usize>(codeHash), startOf(args), lengthOf(args), gas));
}

/** Pays an account, and says whether it could. A contract is not paid so: it gets value with calls of payable methods. */
export function transfer(to: Address, amount: u128): bool {
  return host.transfer(changetype<usize>(to), changetype<usize>(amount)) == CallStatus.Success;
}

export function balanceOf(account: Address): u128 {
  const amount = blank<u128>();
  host.balance(changetype<usize>(account), changetype<usize>(amount));
  return amount;
}

/** Null for an address that is no contract. */
export function codeHashOf(account: Address): Hash | null {
  const hash = blank<Hash>();
  return host.code_hash(changetype<usize>(account), changetype<usize>(hash)) ? hash : null;
}
