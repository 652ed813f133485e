import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createTestHost, type TestHost } from "../../test/support/contracts.ts";
import { wat } from "../../test/support/wat.ts";
import * as borsh from "../borsh.ts";
import { callContract, prepareContract } from "../contract.ts";
import { hostPrices } from "../metering/schedule.ts";
import type { CallResult } from "../outcome.ts";
import { GuestExit, type Host, HostCall, type ScannedEntry, type ScanRange } from "./host.ts";
import { SCAN_COUNT_MAX, STORAGE_KEY_SIZE_MAX, STORAGE_VALUE_SIZE_MAX, storageScan } from "./storage.ts";

const price = hostPrices.storage_scan;
const nameOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const fromHex = (text: string) => Uint8Array.from(Buffer.from(text, "hex"));
const none = new Uint8Array();

type Entry = readonly [key: Uint8Array, value: Uint8Array];

function hostWith(entries: readonly Entry[]): TestHost {
  const host = createTestHost();
  for (const [key, value] of entries) host.storage.set(nameOf(key), value);
  return host;
}

const PAGE_SIZE = 64 * 1024;
/** Where the guest is told its arguments, and where it takes a page to. */
const START_AT = 1024;
const END_AT = 4096;
const OUT_AT = PAGE_SIZE;
const MEMORY_SIZE = 6 * PAGE_SIZE;

// The input is the eight arguments; start and end are in the data segment of a module made for them.
const escaped = (bytes: Uint8Array) => [...bytes].map((byte) => `\\${byte.toString(16).padStart(2, "0")}`).join("");
const scanner = (start: Uint8Array, end: Uint8Array) =>
  prepareContract(
    wat(`(module
      (import "lockstep" "input" (func $input (param i32 i32) (result i32)))
      (import "lockstep" "storage_scan" (func $scan (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
      (import "lockstep" "last_result" (func $last_result (param i32 i32 i32)))
      (import "lockstep" "return_data" (func $return_data (param i32 i32)))
      (memory ${MEMORY_SIZE / PAGE_SIZE})
      (data (i32.const ${START_AT}) "${escaped(start)}")
      (data (i32.const ${END_AT}) "${escaped(end)}")
      (func (export "scan") (local $size i32)
        (drop (call $input (i32.const 0) (i32.const 32)))
        (local.set $size (call $scan
          (i32.load (i32.const 0)) (i32.load (i32.const 4)) (i32.load (i32.const 8)) (i32.load (i32.const 12))
          (i32.load (i32.const 16)) (i32.load (i32.const 20)) (i32.load (i32.const 24)) (i32.load (i32.const 28))))
        ;; What did not fit is fetched.
        (if (i32.gt_u (local.get $size) (i32.load (i32.const 28)))
          (then (call $last_result (i32.const ${OUT_AT}) (i32.const 0) (local.get $size))))
        (call $return_data (i32.const ${OUT_AT}) (local.get $size))))`),
  );

interface Arguments {
  readonly start?: Uint8Array;
  readonly end?: Uint8Array;
  readonly limit?: number;
  readonly reverse?: number;
  readonly capacity?: number;
}

/** The eight arguments as a guest passes them. */
function argumentsOf({
  start = none,
  end = none,
  limit = SCAN_COUNT_MAX,
  reverse = 0,
  capacity,
}: Arguments): [number, number, number, number, number, number, number, number] {
  return [START_AT, start.length, END_AT, end.length, limit, reverse, OUT_AT, capacity ?? MEMORY_SIZE - OUT_AT];
}

/** Through Wasm, on both engines, which agree. */
function callScan(
  host: TestHost,
  wanted: Arguments,
  { readOnly = false, raw }: { readonly readOnly?: boolean; readonly raw?: readonly number[] } = {},
): CallResult {
  const contract = scanner(wanted.start ?? none, wanted.end ?? none);
  const input = new Uint8Array(Int32Array.from(raw ?? argumentsOf(wanted)).buffer);
  const options = { method: "scan", input, gasLimit: 100_000_000, readOnly, host };
  const [jit, interpreter] = (["jit", "interpreter"] as const).map((engine) =>
    callContract(contract, { ...options, engine }),
  );
  expect(interpreter).toEqual(jit);
  return jit!;
}

const pageCodec = borsh.vec(borsh.struct({ key: borsh.bytes, value: borsh.bytes }));

function pageOf(host: TestHost, wanted: Arguments, options = {}): Entry[] {
  const { outcome } = callScan(host, wanted, options);
  if (outcome.kind !== "success") throw new Error(JSON.stringify(outcome));
  return borsh.decode(pageCodec, outcome.data).map(({ key, value }) => [key, value]);
}

const keysOf = (page: readonly Entry[]) => page.map(([key]) => hex(key));

/** Without Wasm, to see what it costs and what it touches. */
function scanDirectly(host: Host, wanted: Arguments, gas = 1_000_000_000) {
  const memory = new Uint8Array(MEMORY_SIZE);
  memory.set(wanted.start ?? none, START_AT);
  memory.set(wanted.end ?? none, END_AT);
  const before = memory.slice();
  const call = new HostCall(host, none, false, { memoryBuffer: () => memory.buffer, stackHeight: () => 0 });
  call.gas = gas;
  const [start, startLength, end, endLength, limit, reverse, out, capacity] = argumentsOf(wanted);
  let result: number | string;
  try {
    result = storageScan(call, price, start, startLength, end, endLength, limit, reverse, out, capacity);
  } catch (error) {
    if (!(error instanceof GuestExit) || error.exit.kind !== "halt") throw error;
    result = error.exit.reason;
  }
  const isUntouched = Buffer.compare(memory, before) === 0;
  return { result, gasUsed: gas - call.gas, isUntouched, page: call.lastResult };
}

/** A host whose scan is a list, and that counts how often it is asked. */
function listHost(entries: readonly ScannedEntry[]) {
  const asked = { count: 0, range: null as ScanRange | null };
  const host: Host = {
    ...createTestHost(),
    storageScan(range) {
      asked.range = range;
      const iterator = entries.values();
      return {
        next() {
          asked.count++;
          return iterator.next();
        },
      };
    },
  };
  return { host, asked };
}

const entry = (key: number[], valueSize = 1): ScannedEntry => ({
  key: Uint8Array.from(key),
  value: new Uint8Array(valueSize).fill(7),
});

describe("a scan", () => {
  const keys = ["00", "0000", "01", "7e", "7f", "7f00", "7fff", "80", "80ff", "fe", "ff", "ff00", "ffff"];
  // Put in another order than that of bytes.
  const host = hostWith([...keys].reverse().map((key) => [fromHex(key), fromHex(`${key}aa`)]));

  test("gives all entries in byte order, from the first or from the last", () => {
    expect(pageOf(host, {})).toEqual(keys.map((key) => [fromHex(key), fromHex(`${key}aa`)]));
    expect(keysOf(pageOf(host, { reverse: 1 }))).toEqual([...keys].reverse());
    expect(pageOf(createTestHost(), {})).toEqual([]);
  });

  test.each([
    ["7f", "80", ["7f", "7f00", "7fff"]],
    ["7f00", "80ff", ["7f00", "7fff", "80"]],
    ["7f01", "", ["7fff", "80", "80ff", "fe", "ff", "ff00", "ffff"]],
    ["", "01", ["00", "0000"]],
    ["", "00", []],
    ["80", "80", []],
    ["81", "7f", []],
    ["ffff00", "", []],
  ])("from %s to %s holds its start and not its end", (start, end, expected) => {
    const wanted = { start: fromHex(start), end: fromHex(end) };
    expect(keysOf(pageOf(host, wanted))).toEqual(expected);
    expect(keysOf(pageOf(host, { ...wanted, reverse: 1 }))).toEqual([...expected].reverse());
  });

  test("ends at its limit and goes on behind the last key, until everything was there once", () => {
    for (const limit of [1, 2, 5, 13]) {
      for (const reverse of [0, 1]) {
        const seen: string[] = [];
        let bounds: Arguments = {};
        for (;;) {
          const page = pageOf(host, { ...bounds, limit, reverse });
          expect(page.length).toBeLessThanOrEqual(limit);
          if (page.length === 0) break;
          seen.push(...keysOf(page));
          const last = page.at(-1)![0];
          bounds = reverse === 1 ? { end: last } : { start: Uint8Array.of(...last, 0) };
        }
        expect(seen).toEqual(reverse === 1 ? [...keys].reverse() : keys);
      }
    }
  });

  test("goes on behind the longest key there can be", () => {
    const longest = new Uint8Array(STORAGE_KEY_SIZE_MAX).fill(0xff);
    const longHost = hostWith([[longest, none]]);
    expect(pageOf(longHost, {})).toEqual([[longest, none]]);
    expect(pageOf(longHost, { start: longest })).toEqual([[longest, none]]);
    expect(pageOf(longHost, { start: Uint8Array.of(...longest, 0) })).toEqual([]);
    expect(pageOf(longHost, { end: Uint8Array.of(...longest, 0) })).toEqual([[longest, none]]);
  });

  test("is allowed where nothing may be written", () => {
    expect(keysOf(pageOf(host, {}, { readOnly: true }))).toEqual(keys);
  });

  test("holds any number of entries up to its limits, as a list does", () => {
    const key = fc.uint8Array({ minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(
        fc.uniqueArray(key, { selector: hex, maxLength: 30 }),
        fc.record({ start: fc.uint8Array({ maxLength: 3 }), end: fc.uint8Array({ maxLength: 3 }) }),
        fc.integer({ min: 1, max: 30 }),
        fc.constantFrom(0, 1),
        (all, { start, end }, limit, reverse) => {
          const expected = all
            .filter((it) => borsh.compareBytes(start, it) <= 0)
            .filter((it) => end.length === 0 || borsh.compareBytes(it, end) < 0)
            .sort(borsh.compareBytes)
            .map(hex);
          if (reverse === 1) expected.reverse();
          const random = hostWith(all.map((it) => [it, it]));
          expect(keysOf(pageOf(random, { start, end, limit, reverse }))).toEqual(expected.slice(0, limit));
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe("a page", () => {
  test("ends with the entry that brings it to 64 KiB", () => {
    const sized = (...sizes: number[]) =>
      hostWith(sizes.map((size, i) => [Uint8Array.of(i + 1), new Uint8Array(size).fill(i)]));
    const keysIn = (host: TestHost, reverse = 0) =>
      borsh.decode(pageCodec, scanDirectly(host, { reverse }).page).map(({ key }) => hex(key));
    const largest = STORAGE_VALUE_SIZE_MAX;
    expect(keysIn(sized(largest, largest))).toEqual(["01"]);
    expect(keysIn(sized(largest - 1, 0))).toEqual(["01"]);
    expect(keysIn(sized(largest - 2, largest, 0))).toEqual(["01", "02"]);
    expect(keysIn(sized(largest - 2, largest, 0), 1)).toEqual(["03", "02"]);
  });

  test("holds 1,024 entries at most", () => {
    const entries = Array.from({ length: SCAN_COUNT_MAX + 1 }, (_, i): Entry => [Uint8Array.of(i >> 8, i), none]);
    expect(pageOf(hostWith(entries), {})).toEqual(entries.slice(0, SCAN_COUNT_MAX));
  });

  test("that does not fit leaves memory alone, and can be fetched", () => {
    const host = hostWith([[Uint8Array.of(1), Uint8Array.of(2)]]);
    const size = 4 + 4 + 1 + 4 + 1;
    expect(scanDirectly(host, { capacity: size - 1 })).toMatchObject({ result: size, isUntouched: true });
    expect(scanDirectly(host, { capacity: size })).toMatchObject({ result: size, isUntouched: false });
    expect(pageOf(host, { capacity: size - 1 })).toEqual([[Uint8Array.of(1), Uint8Array.of(2)]]);
    expect(pageOf(host, { capacity: size })).toEqual([[Uint8Array.of(1), Uint8Array.of(2)]]);
    const value = new Uint8Array(60_000).fill(9);
    expect(pageOf(hostWith([[Uint8Array.of(1), value]]), { capacity: 0 })).toEqual([[Uint8Array.of(1), value]]);
  });

  test("stays as it was when its entries are written after", () => {
    const values = { key: Uint8Array.of(1), value: Uint8Array.of(2) };
    const { host } = listHost([values]);
    const call = new HostCall(host, none, false, {
      memoryBuffer: () => new ArrayBuffer(PAGE_SIZE),
      stackHeight: () => 0,
    });
    call.gas = 1_000_000;
    storageScan(call, price, 0, 0, 0, 0, 1, 0, 0, 0);
    values.value.fill(0xff);
    expect(borsh.decode(pageCodec, call.lastResult)).toEqual([{ key: Uint8Array.of(1), value: Uint8Array.of(2) }]);
  });
});

describe("the price", () => {
  const entries = [entry([1], 10), { key: Uint8Array.of(2), value: null }, entry([3, 0], 0)];
  const bounds = { start: fromHex("0102"), end: fromHex("070809") };
  const full = price.base + price.perByte * 5 + price.perItem * 4 + price.perByte * (11 + 2);

  test("is the bounds' bytes, each key visited, the look that finds none, and each byte found", () => {
    const { host, asked } = listHost(entries);
    expect(scanDirectly(host, bounds)).toMatchObject({ gasUsed: full, isUntouched: false });
    expect(asked.count).toBe(4);
    expect(asked.range).toEqual({ ...bounds, reverse: false });
    expect(scanDirectly(listHost([]).host, {}).gasUsed).toBe(price.base + price.perItem);
    // A page that is full looks no further.
    const limited = listHost(entries);
    expect(scanDirectly(limited.host, { ...bounds, limit: 1 }).gasUsed).toBe(
      price.base + price.perByte * 5 + price.perItem + price.perByte * 11,
    );
    expect(limited.asked.count).toBe(1);
  });

  test("is paid before what it is for: whatever gas is missing, no key is visited unpaid, and memory stays", () => {
    for (let gas = 0; gas < full; gas += 997) {
      const { host, asked } = listHost(entries);
      expect(scanDirectly(host, bounds, gas)).toMatchObject({ result: "OutOfGas", isUntouched: true });
      const paid = Math.max(0, gas - price.base - price.perByte * 5);
      expect(asked.count).toBeLessThanOrEqual(Math.floor(paid / price.perItem));
    }
    expect(scanDirectly(listHost(entries).host, bounds, full - 1).result).toBe("OutOfGas");
    expect(scanDirectly(listHost(entries).host, bounds, full).gasUsed).toBe(full);
  });

  test("of a thousand removed keys is that of a thousand visits, though the page is empty", () => {
    const removed = Array.from({ length: 1_000 }, (_, i) => ({ key: Uint8Array.of(i >> 8, i), value: null }));
    const { host } = listHost(removed);
    expect(scanDirectly(host, { limit: 1 })).toMatchObject({ result: 4, gasUsed: price.base + 1_001 * price.perItem });
  });
});

describe("a scan is refused", () => {
  const out = (at: number, raw: number) => argumentsOf({}).with(at, raw);
  test.each<[string, number[], string]>([
    ["a limit of none", out(4, 0), "BadHostArgument"],
    ["a limit above the largest", out(4, SCAN_COUNT_MAX + 1), "BadHostArgument"],
    ["a limit of 2^32 - 1", out(4, -1), "BadHostArgument"],
    ["a direction of 2", out(5, 2), "BadHostArgument"],
    ["a direction of 2^32 - 1", out(5, -1), "BadHostArgument"],
    ["a start longer than a key and a byte", out(1, STORAGE_KEY_SIZE_MAX + 2), "BadHostArgument"],
    ["an end longer than a key and a byte", out(3, STORAGE_KEY_SIZE_MAX + 2), "BadHostArgument"],
    ["a start of 2^32 - 1 bytes", out(1, -1), "MemoryOutOfBounds"],
    ["a start that ends behind memory", out(0, MEMORY_SIZE - 3).with(1, 4), "MemoryOutOfBounds"],
    ["an empty start behind memory", out(0, MEMORY_SIZE + 1), "MemoryOutOfBounds"],
    ["an end at 2^32 - 1", out(2, -1), "MemoryOutOfBounds"],
    ["an end that ends behind memory", out(2, MEMORY_SIZE - 3).with(3, 4), "MemoryOutOfBounds"],
    ["room that ends behind memory", out(7, MEMORY_SIZE - OUT_AT + 1), "MemoryOutOfBounds"],
    ["room of 2^32 - 1 bytes", out(7, -1), "MemoryOutOfBounds"],
    ["room at 2^32 - 1", out(6, -1), "MemoryOutOfBounds"],
  ])("for %s", (_, raw, reason) => {
    const host = hostWith([[Uint8Array.of(1), none]]);
    host.storageScan = () => expect.fail("nothing is looked at");
    expect(callScan(host, {}, { raw }).outcome).toEqual({ kind: "halt", reason });
  });
});
