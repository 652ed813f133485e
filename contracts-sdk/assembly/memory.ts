/*
 * The contract's heap: a pointer that only moves up, because an instance lives for one call.
 *
 * Memory grows by exactly the pages needed. asc's own runtime doubles it, so that one allocation could cost as much as
 * all before it. The bytes above `heapTop` belong to nobody: keys, values and results are built there and handed to the
 * host without being allocated, so whoever builds there allocates nothing meanwhile.
 *
 * Layout of an object: class id (4 bytes), size (4 bytes), then what the pointer points at. asc's library reads the
 * size; nothing else of its 20-byte header is kept.
 */
const HEADER: usize = 8;
const SIZE_MAX: usize = 1 << 30;

/** Bytes in use above `__heap_base`; counted from zero so that no start function is needed. */
let used: usize = 0;

export function heapTop(): usize {
  return __heap_base + used;
}

/** Makes the bytes below `end` addressable. A contract that gets no more memory traps. */
export function ensure(end: usize): void {
  const missing = <i32>end - (memory.size() << 16);
  if (missing > 0 && memory.grow((missing + 0xffff) >>> 16) < 0) unreachable();
}

/** Allocates everything below `end`. */
export function keep(end: usize): void {
  ensure(end);
  used = ((end + 7) & ~7) - __heap_base;
}

// @ts-ignore: decorator
@global
function __alloc(size: usize): usize {
  if (size > SIZE_MAX) unreachable();
  const pointer = ((heapTop() + 7) & ~7) + HEADER;
  keep(pointer + size);
  store<usize>(pointer - 4, size);
  return pointer;
}

/** Zeroed, as constructors expect: the bytes may have been built upon before. */
// @ts-ignore: decorator
@global
export function __new(size: usize, id: u32): usize {
  const pointer = __alloc(size);
  store<u32>(pointer - 8, id);
  memory.fill(pointer, 0, size);
  return pointer;
}

/** Grows in place when nothing was allocated since, else moves. Never shrinks. */
// @ts-ignore: decorator
@global
function __renew(old: usize, size: usize): usize {
  const before = load<usize>(old - 4);
  let pointer = old;
  if (size > before) {
    if (((old + before + 7) & ~7) == heapTop()) {
      if (size > SIZE_MAX) unreachable();
      keep(old + size);
      memory.fill(old + before, 0, size - before);
    } else {
      pointer = __new(size, load<u32>(old - 8));
      memory.copy(pointer, old, before);
    }
  }
  store<usize>(pointer - 4, size);
  return pointer;
}

// @ts-ignore: decorator
@global
function __realloc(old: usize, size: usize): usize {
  return __renew(old, size);
}

// The rest of what asc asks of a runtime: nothing is ever collected.

// @ts-ignore: decorator
@global
function __free(pointer: usize): void {}

// @ts-ignore: decorator
@global
function __link(parent: usize, child: usize, expectMultiple: bool): void {}

// @ts-ignore: decorator
@global
function __pin(pointer: usize): usize {
  return pointer;
}

// @ts-ignore: decorator
@global
function __unpin(pointer: usize): void {}

// @ts-ignore: decorator
@global
function __visit(pointer: usize, cookie: u32): void {}

// @ts-ignore: decorator
@global
function __collect(): void {}
