/**
 * Linear memories for the `jit` engine, used again after zeroing: a new one costs the kernel a reservation, a zeroed one a
 * fill (measured in the design: 49 us against 9 us for a whole instance).
 *
 * Law: a memory handed out is all zeros and has exactly the asked number of pages. One that grew cannot shrink and is let go:
 * kept under its new size, it would fill the pool and serve nobody.
 */
import { Fault } from "./errors.ts";
import { MEMORY_PAGE_COUNT_MAX } from "./profile.ts";

const PAGE_SIZE = 64 * 1024;
/** Bytes kept for later; beyond them a returned memory is dropped. */
const POOL_BYTES_MAX = 160 * 1024 * 1024;
/**
 * Memories kept. Room for one of each size, or calls of contracts with many sizes in turn would never find theirs. Each holds
 * address space of several gigabytes on engines that use guard regions.
 */
const POOL_COUNT_MAX = 80;

const idle = new Map<number, WebAssembly.Memory[]>();
let idleBytes = 0;
let idleCount = 0;

export function takeMemory(pageCount: number): WebAssembly.Memory {
  const memory = idle.get(pageCount)?.pop();
  if (memory !== undefined) {
    idleBytes -= memory.buffer.byteLength;
    idleCount--;
    return memory;
  }
  try {
    return new WebAssembly.Memory({ initial: pageCount, maximum: MEMORY_PAGE_COUNT_MAX });
  } catch (error) {
    throw new Fault(`the engine has no memory of ${pageCount} pages left: ${String(error)}`);
  }
}

/** `pageCount` is what it was taken with. Nobody may hold on to it or to its buffer. */
export function returnMemory(memory: WebAssembly.Memory, pageCount: number): void {
  const { byteLength } = memory.buffer;
  if (byteLength !== pageCount * PAGE_SIZE) return;
  if (idleCount >= POOL_COUNT_MAX || idleBytes + byteLength > POOL_BYTES_MAX) return;
  new Uint8Array(memory.buffer).fill(0);
  const list = idle.get(pageCount);
  if (list === undefined) idle.set(pageCount, [memory]);
  else list.push(memory);
  idleBytes += byteLength;
  idleCount++;
}
