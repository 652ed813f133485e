/*
 * How the SDK itself reverts: code 0 and a short message, kept as UTF-8 so that a contract which never makes text of
 * its own carries no code to encode it.
 */
import * as host from "./lockstep";

function fail(message: usize, length: usize): void {
  host.revert(0, message, length);
  unreachable();
}

/** "malformed data": arguments or stored bytes that are no value of their type. */
export function malformedData(): void {
  fail(memory.data<u8>([109, 97, 108, 102, 111, 114, 109, 101, 100, 32, 100, 97, 116, 97]), 14);
}

/** "malformed text": bytes that are no UTF-8, or a string with half a surrogate pair. */
export function malformedText(): void {
  fail(memory.data<u8>([109, 97, 108, 102, 111, 114, 109, 101, 100, 32, 116, 101, 120, 116]), 14);
}

/** "integer overflow": a result that its type cannot hold. */
export function overflow(): void {
  fail(memory.data<u8>([105, 110, 116, 101, 103, 101, 114, 32, 111, 118, 101, 114, 102, 108, 111, 119]), 16);
}

/** "division by zero". */
export function divisionByZero(): void {
  fail(memory.data<u8>([100, 105, 118, 105, 115, 105, 111, 110, 32, 98, 121, 32, 122, 101, 114, 111]), 16);
}
