/*
 * Borsh by type, chosen while compiling.
 *
 * There is one writer and one reader, each a position in memory, because a contract does one thing at a time. The writer
 * builds above the heap and never allocates. The reader refuses what the canonical encoding refuses: bytes that end too
 * early, booleans and option tags above 1, ill-formed UTF-8. A count is never trusted for an allocation.
 */
import { Address, Hash } from "./address";
import { malformedData } from "./failure";
import { ensure, heapTop, keep } from "./memory";
import { OrderedU64 } from "./ordered";
import { u128 } from "./u128";
import { decodeText, encodeText } from "./utf8";

/** Where the writer puts the next byte. */
let cursor: usize = 0;
/** The bytes the reader has left. */
let next: usize = 0;
let end: usize = 0;

export function begin(): usize {
  return (cursor = heapTop());
}

export function position(): usize {
  return cursor;
}

/** Makes room for `size` bytes and returns where they go. */
export function push(size: usize): usize {
  const at = cursor;
  ensure((cursor = at + size));
  return at;
}

export function pushText(text: string): void {
  // A UTF-16 unit takes at most three bytes.
  ensure(cursor + (<usize>text.length * 3));
  cursor = encodeText(text, cursor);
}

export function open(at: usize, length: usize): void {
  next = at;
  end = at + length;
}

/** Where the reader takes the next byte from. */
export function readPosition(): usize {
  return next;
}

export function take(size: usize): usize {
  const at = next;
  if (size > end - at) malformedData();
  next = at + size;
  return at;
}

export function close(): void {
  if (next != end) malformedData();
}

function takeFlag(): bool {
  const flag = load<u8>(take(1));
  if (flag > 1) malformedData();
  return <bool>flag;
}

/** Counts elements of at least one byte each. */
export function takeCount(): usize {
  const count: usize = load<u32>(take(4));
  if (count > end - next) malformedData();
  return count;
}

/** An object of all zero bytes; no constructor runs. */
// @ts-ignore: decorator
@inline
export function blank<T>(): T {
  return changetype<T>(__new(offsetof<T>(), idof<T>()));
}

/** Whether an object of this class is, byte for byte, its own encoding. */
// @ts-ignore: decorator
@inline
export function isFlat<T>(): bool {
  return !isNullable<T>() && (
    idof<T>() == idof<u128>() || idof<T>() == idof<Address>() || idof<T>() == idof<Hash>() || idof<T>() == idof<OrderedU64>()
  );
}

/** Bytes that nobody has filled yet. */
export function newBytes(length: usize): Uint8Array {
  const buffer = __new(length, idof<ArrayBuffer>());
  const bytes = changetype<usize>(blank<Uint8Array>());
  store<usize>(bytes, buffer, offsetof<Uint8Array>("buffer"));
  store<usize>(bytes, buffer, offsetof<Uint8Array>("dataStart"));
  store<usize>(bytes, length, offsetof<Uint8Array>("byteLength"));
  return changetype<Uint8Array>(bytes);
}

/** The borsh encoding of a value. That of a struct is also the arguments of a method that takes its fields. */
export function encode<T>(value: T): Uint8Array {
  begin();
  write<T>(value);
  const at = heapTop();
  const length = position() - at;
  keep(position());
  const bytes = newBytes(length);
  memory.copy(bytes.dataStart, at, length);
  return bytes;
}

/** Reverts with "malformed data" for bytes that are no value of the type. */
export function decode<T>(bytes: Uint8Array): T {
  open(bytes.dataStart, bytes.byteLength);
  const value = read<T>();
  close();
  return value;
}

export function write<T>(value: T): void {
  if (isNullable<T>()) {
    // By its pointer: `==` may be an operator of the class.
    const isThere = changetype<usize>(value) != 0;
    store<u8>(push(1), isThere);
    if (isThere) write<NonNullable<T>>(changetype<NonNullable<T>>(value));
  } else if (isInteger<T>()) {
    store<T>(push(sizeof<T>()), value);
  } else if (isString<T>()) {
    const at = push(4);
    pushText(changetype<string>(value));
    store<u32>(at, cursor - at - 4);
  } else if (isManaged<T>()) {
    if (idof<T>() == idof<Uint8Array>()) {
      const bytes = changetype<Uint8Array>(value);
      writeBytes(bytes.dataStart, bytes.byteLength);
    } else if (idof<T>() == idof<StaticArray<u8>>()) {
      writeBytes(changetype<usize>(value), changetype<StaticArray<u8>>(value).length);
    } else if (isArray<T>()) {
      const length = value.length;
      const alignment = alignof<valueof<T>>();
      store<u32>(push(4), length);
      for (let i = 0; i < length; i++) {
        write<valueof<T>>(load<valueof<T>>(value.dataStart + (<usize>i << alignment)));
      }
    } else if (isFlat<T>()) {
      memory.copy(push(offsetof<T>()), changetype<usize>(value), offsetof<T>());
    } else {
      value.__write();
    }
  } else {
    ERROR("a value of this type has no encoding");
  }
}

function writeBytes(data: usize, length: usize): void {
  store<u32>(push(4), length);
  memory.copy(push(length), data, length);
}

export function read<T>(): T {
  if (isNullable<T>()) {
    return takeFlag() ? read<NonNullable<T>>() : null;
  } else if (isBoolean<T>()) {
    return takeFlag();
  } else if (isInteger<T>()) {
    return load<T>(take(sizeof<T>()));
  } else if (isString<T>()) {
    const length = takeCount();
    return decodeText(take(length), length);
  } else if (isManaged<T>()) {
    if (idof<T>() == idof<Uint8Array>()) {
      const length = takeCount();
      const bytes = newBytes(length);
      memory.copy(bytes.dataStart, take(length), length);
      return changetype<T>(bytes);
    } else if (idof<T>() == idof<StaticArray<u8>>()) {
      const length = takeCount();
      const bytes = __new(length, idof<StaticArray<u8>>());
      memory.copy(bytes, take(length), length);
      return changetype<T>(bytes);
    } else if (isArray<T>()) {
      const length = takeCount();
      const alignment = alignof<valueof<T>>();
      const values = changetype<T>(__newArray(<i32>length, alignment, idof<T>()));
      for (let i: usize = 0; i < length; i++) {
        store<valueof<T>>(values.dataStart + (i << alignment), read<valueof<T>>());
      }
      return values;
    } else if (isFlat<T>()) {
      const value = blank<T>();
      memory.copy(changetype<usize>(value), take(offsetof<T>()), offsetof<T>());
      return value;
    } else {
      const value = blank<T>();
      value.__read();
      return value;
    }
  } else {
    ERROR("a value of this type has no encoding");
  }
}

/** What storage holds where nothing was written. */
export function zero<T>(): T {
  if (isNullable<T>()) {
    return null;
  } else if (isInteger<T>()) {
    return 0;
  } else if (isString<T>()) {
    return changetype<T>("");
  } else if (idof<T>() == idof<Uint8Array>() || isArray<T>() || isFlat<T>() || idof<T>() == idof<StaticArray<u8>>()) {
    return emptyOf<T>();
  } else {
    const value = blank<T>();
    value.__zero();
    return value;
  }
}

// @ts-ignore: decorator
@inline
function emptyOf<T>(): T {
  return isArray<T>() ? changetype<T>(__newArray(0, 0, idof<T>())) : blank<T>();
}
