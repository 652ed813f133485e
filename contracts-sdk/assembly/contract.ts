/*
 * What a contract can ask about its call, and how it answers other than by its result: events, reverts, log lines.
 */
import { Address } from "./address";
import { begin, blank, newBytes, position, pushText } from "./codec";
import * as host from "./lockstep";
import { heapTop } from "./memory";
import { receive, room } from "./storage";
import { u128 } from "./u128";
import { decodeText } from "./utf8";

/** The call being executed. Each reading asks the host anew. */
export class Context {
  /** This contract. */
  static get self(): Address {
    const address = blank<Address>();
    host.self_address(changetype<usize>(address));
    return address;
  }

  /** The account or contract that made this call. */
  static get caller(): Address {
    const address = blank<Address>();
    host.caller(changetype<usize>(address));
    return address;
  }

  /** The account that signed the transaction. */
  static get signer(): Address {
    const address = blank<Address>();
    host.signer(changetype<usize>(address));
    return address;
  }

  /** The amount that came with this call; zero unless the method is payable. */
  static get value(): u128 {
    const amount = blank<u128>();
    host.value(changetype<usize>(amount));
    return amount;
  }

  static get blockHeight(): u64 {
    return host.block_height();
  }

  /** Milliseconds since 1970, as the block says. */
  static get blockTime(): u64 {
    return host.block_time();
  }

  static get gasLeft(): u64 {
    return host.gas_left();
  }

  static get chainId(): string {
    const capacity = room();
    const length = host.chain_id(heapTop(), capacity);
    const at = heapTop();
    receive(length);
    return decodeText(at, length);
  }
}

/** Ends the call and undoes it; the caller reads `message`. */
export function revert(message: string): void {
  begin();
  pushText(message);
  host.revert(0, heapTop(), position() - heapTop());
  unreachable();
}

/** Reverts with `message` unless `condition` holds. */
export function require(condition: bool, message: string): void {
  if (!condition) revert(message);
}

/** Records an instance of a class marked `@event`. */
export function emit<T>(event: T): void {
  if (!isDefined(event.__emit)) ERROR("emit takes an instance of a class marked @event");
  event.__emit();
}

/** A line for the developer. It is no part of the call's outcome and costs nothing but gas. */
export function debugLog(message: string): void {
  begin();
  pushText(message);
  host.debug_log(heapTop(), position() - heapTop());
}

/**
 * 32 bytes, others each time. They are the same on every machine, so nobody who signs a transaction can choose them, but
 * whoever makes the block knows them before: stake nothing on them that is worth a block.
 */
export function randomBytes(): Uint8Array {
  const bytes = newBytes(32);
  host.random(bytes.dataStart);
  return bytes;
}
