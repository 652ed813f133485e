/*
 * What generated code calls: that of the build, where this file is called `__lockstep`, and that of asc.
 */
import { begin, position, write } from "./codec";
import { revert } from "./contract";
import { malformedData } from "./failure";
import * as host from "./lockstep";
import { heapTop } from "./memory";
import { cell, receive, room } from "./storage";

export { begin, close, read, write, zero } from "./codec";
export { getField, setField } from "./storage";

/** Opens the call's arguments for the reader. */
export function openInput(): void {
  const capacity = room();
  receive(host.input(heapTop(), capacity));
}

/** For a method without parameters. */
export function expectNoInput(): void {
  if (host.input(0, 0)) malformedData();
}

export function returnValue<T>(value: T): void {
  if (isInteger<T>()) {
    store<T>(cell(), value);
    host.return_data(cell(), sizeof<T>());
  } else {
    begin();
    write<T>(value);
    host.return_data(heapTop(), position() - heapTop());
  }
}

/** Emits what the writer holds. */
export function emitWritten(topics: usize, topicsLength: usize): void {
  host.emit(topics, topicsLength, heapTop(), position() - heapTop());
}

/** Where asc sends failed assertions, thrown errors and indices out of range. */
export function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  revert(message === null ? "aborted" : message);
}
