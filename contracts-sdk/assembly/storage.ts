/*
 * What a contract remembers between calls.
 *
 * A field lives under the key: one byte, the length of its name, then its name in UTF-8. An entry of a map lives under the
 * field's key followed by borsh of the entry's key. No such key is the beginning of another, so fields never meet. A value
 * is stored as its borsh; what was never written reads as zero, empty or null.
 */
import { begin, blank, close, isFlat, open, position, push, read, readPosition, take, takeCount, write, zero } from "./codec";
import { malformedData } from "./failure";
import * as host from "./lockstep";
import { ensure, heapTop, keep } from "./memory";

/** Results up to this size arrive with the first call of the host. */
const FIRST_CAPACITY: usize = 256;

/** Asks the host for a result at the heap's top; `receive` takes it in. */
export function room(): usize {
  ensure(heapTop() + FIRST_CAPACITY);
  return FIRST_CAPACITY;
}

/** Allocates a result that lies, if it fitted, at the heap's top, and opens it for the reader. */
export function receive(length: usize): void {
  const at = heapTop();
  keep(at + length);
  if (length > FIRST_CAPACITY) host.last_result(at, 0, length);
  open(at, length);
}

/** Holds an integer on its way to and from the host. */
export function cell(): usize {
  return memory.data(8);
}

/** Whether a value is there. One of another size than the type's was written by other code. */
function isThere(length: i32, size: usize): bool {
  if (length < 0) return false;
  if (<usize>length != size) malformedData();
  return true;
}

function getInteger<T>(key: usize, keyLength: usize): T {
  return isThere(host.storage_get(key, keyLength, cell(), sizeof<T>()), sizeof<T>()) ? load<T>(cell()) : <T>0;
}

function getFlat<T>(key: usize, keyLength: usize, into: T): T {
  isThere(host.storage_get(key, keyLength, changetype<usize>(into), offsetof<T>()), offsetof<T>());
  return into;
}

function getOther<T>(key: usize, keyLength: usize): T {
  const capacity = room();
  const length = host.storage_get(key, keyLength, heapTop(), capacity);
  if (length < 0) return zero<T>();
  receive(length);
  const value = read<T>();
  close();
  return value;
}

/** The writer stands where a value of variable length may be built: behind the key, or at the heap's top. */
function set<T>(key: usize, keyLength: usize, value: T): void {
  if (isInteger<T>()) {
    store<T>(cell(), value);
    host.storage_set(key, keyLength, cell(), sizeof<T>());
  } else if (isFlat<T>()) {
    host.storage_set(key, keyLength, changetype<usize>(value), offsetof<T>());
  } else {
    const start = position();
    write<T>(value);
    host.storage_set(key, keyLength, start, position() - start);
  }
}

/** Reading a field that is a map yields its static key. */
export function getField<T>(key: usize, keyLength: usize): T {
  if (isInteger<T>()) {
    return getInteger<T>(key, keyLength);
  } else if (!isManaged<T>()) {
    return changetype<T>(key);
  } else if (isFlat<T>()) {
    return getFlat<T>(key, keyLength, blank<T>());
  } else {
    return getOther<T>(key, keyLength);
  }
}

export function setField<T>(key: usize, keyLength: usize, value: T): void {
  if (!isInteger<T>() && !isManaged<T>()) ERROR("a StorageMap cannot be assigned, only its entries set");
  begin();
  set<T>(key, keyLength, value);
}

/** Entries that the host gives at a time. */
const PAGE_COUNT_MAX: u32 = 1024;

export class MapEntry<K, V> {
  constructor(
    readonly key: K,
    readonly value: V,
  ) {}
}

/** Up to `limit` entries whose keys lie from `start` to before `end`; `prefixLength` bytes of a key are the field's. */
function scan<K, V>(
  prefixLength: usize,
  start: usize,
  startLength: usize,
  end: usize,
  endLength: usize,
  limit: u32,
  reverse: bool
): MapEntry<K, V>[] {
  const entries = new Array<MapEntry<K, V>>();
  while (<u32>entries.length < limit) {
    const asked = min(limit - entries.length, PAGE_COUNT_MAX);
    const capacity = room();
    receive(host.storage_scan(start, startLength, end, endLength, asked, reverse, heapTop(), capacity));
    const count = takeCount();
    // A page may be short because its entries are long; only an empty one is the end.
    if (!count) break;
    let last: usize = 0;
    let lastLength: usize = 0;
    for (let i: usize = 0; i < count; i++) {
      lastLength = takeCount();
      last = readPosition();
      take(prefixLength);
      const key = read<K>();
      if (readPosition() != last + lastLength) malformedData();
      const valueLength = takeCount();
      const valueEnd = readPosition() + valueLength;
      const value = read<V>();
      if (readPosition() != valueEnd) malformedData();
      entries.push(new MapEntry<K, V>(key, value));
    }
    close();
    if (reverse) {
      end = last;
      endLength = lastLength;
    } else {
      // The least key behind the last one is the last one and a zero byte.
      begin();
      startLength = lastLength + 1;
      start = push(startLength);
      memory.copy(start, last, lastLength);
      store<u8>(start + lastLength, 0);
      keep(position());
    }
  }
  return entries;
}

/**
 * A map in storage. `this` is the static key of its field. It does not know its size. Its entries are ordered by the bytes
 * of their keys' borsh: addresses, hashes and `u8` as one expects; wider integers not, for they are little endian
 * (`OrderedU64` is for them); text and lists begin with their length.
 */
// @ts-ignore: decorator
@unmanaged
export class StorageMap<K, V> {
  /** Builds an entry's key at the heap's top and returns its length. */
  private key(key: K): usize {
    const prefix = changetype<usize>(this);
    const length = <usize>load<u8>(prefix) + 1;
    begin();
    memory.copy(push(length), prefix, length);
    write<K>(key);
    return position() - heapTop();
  }

  /** Zero, empty or null when there is no entry. */
  get(key: K): V {
    if (isInteger<V>()) {
      const length = this.key(key);
      return getInteger<V>(heapTop(), length);
    } else if (isFlat<V>()) {
      const value = blank<V>();
      const length = this.key(key);
      return getFlat<V>(heapTop(), length, value);
    } else {
      // The value arrives at the heap's top, so the key must not lie there.
      const at = heapTop();
      const length = this.key(key);
      keep(position());
      return getOther<V>(at, length);
    }
  }

  set(key: K, value: V): void {
    const length = this.key(key);
    set<V>(heapTop(), length, value);
  }

  has(key: K): bool {
    const length = this.key(key);
    return host.storage_has(heapTop(), length);
  }

  remove(key: K): void {
    const length = this.key(key);
    host.storage_remove(heapTop(), length);
  }

  /** The first entries, at most `limit`. */
  first(limit: u32): MapEntry<K, V>[] {
    const prefix = changetype<usize>(this);
    const length = this.prefixLength;
    return scan<K, V>(length, prefix, length, this.end(), length, limit, false);
  }

  /** The entries that follow `key`, at most `limit`. The key need not be there. */
  after(key: K, limit: u32): MapEntry<K, V>[] {
    const length = this.key(key) + 1;
    store<u8>(push(1), 0);
    const start = heapTop();
    keep(position());
    return scan<K, V>(this.prefixLength, start, length, this.end(), this.prefixLength, limit, false);
  }

  /** The last entries, the very last one first, at most `limit`. */
  last(limit: u32): MapEntry<K, V>[] {
    const prefix = changetype<usize>(this);
    const length = this.prefixLength;
    return scan<K, V>(length, prefix, length, this.end(), length, limit, true);
  }

  /** The entries that come before `key`, the nearest first, at most `limit`. The key need not be there. */
  before(key: K, limit: u32): MapEntry<K, V>[] {
    const length = this.key(key);
    const end = heapTop();
    keep(position());
    return scan<K, V>(this.prefixLength, changetype<usize>(this), this.prefixLength, end, length, limit, true);
  }

  private get prefixLength(): usize {
    return <usize>load<u8>(changetype<usize>(this)) + 1;
  }

  /** The first key behind all of the map's. A name is UTF-8, so its last byte can be one more. */
  private end(): usize {
    const length = this.prefixLength;
    begin();
    const end = push(length);
    memory.copy(end, changetype<usize>(this), length);
    store<u8>(end + length - 1, load<u8>(end + length - 1) + 1);
    keep(position());
    return end;
  }
}
