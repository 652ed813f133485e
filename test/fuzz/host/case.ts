/**
 * One call of a host function as data: arguments, gas, memory, and all that the chain will answer. Law: what happens in a
 * case follows from it and from nothing else, so a find is its JSON.
 */
import type { HostFunction } from "../../../vm/host-fns/table.ts";
import { createMaterial } from "./material.ts";
import { noise, noiseBytes, PAGE_COUNT_MAX, PAGE_SIZE, pick, type Random } from "./noise.ts";
import { entryPrice, fixedOutputSize, isPlainNumber, type Region, regionsOf } from "./roles.ts";

export interface HostCase {
  readonly function: string;
  /** As an engine passes them. */
  readonly args: readonly (number | bigint)[];
  readonly gas: number;
  readonly readOnly: boolean;
  readonly pageCount: number;
  /** What stands in memory; the rest of it is noise. */
  readonly plants: readonly Plant[];
  readonly input: Uint8Array;
  /** Whether the input was asked for before, and waits for `last_result`. */
  readonly inputFetched: boolean;
  /** Null for a key that the block has removed. */
  readonly storage: readonly { readonly key: Uint8Array; readonly value: Uint8Array | null }[];
  /** Decides how the chain answers. */
  readonly hostSeed: number;
  /** Whether the engines run it too, which takes far longer. */
  readonly inEngines: boolean;
}

export interface Plant {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** More than any call takes. */
const ampleGas = [1e12, 2 ** 52];

/** Noise with the plants in it. */
export function memoryOf({ pageCount, plants }: HostCase): Uint8Array<ArrayBuffer> {
  const memory = noise.slice(0, pageCount * PAGE_SIZE);
  for (const { at, bytes } of plants) memory.set(bytes, at);
  return memory;
}

const sizes = [0, 1, 2, 8, 31, 32, 33, 100, 1_000];
const wideSizes = [4_096, 4_097, 16_384, 16_385, 65_536];

export function createCase(fn: HostFunction, random: Random): HostCase {
  const pageCount = random(4) === 0 ? PAGE_COUNT_MAX : 1;
  const memorySize = pageCount * PAGE_SIZE;
  const storage = createStorage(random);
  const material = createMaterial(fn, random, storage);
  const args: (number | bigint)[] = fn.params.map(() => 0);
  const plants: Plant[] = [];
  for (const [i, name] of fn.paramNames.entries()) {
    if (isPlainNumber(name)) args[i] = (material[name] as number | undefined) ?? pick(random, [0, 1, 2, 3]);
  }
  for (const { name, pointer, length } of regionsOf(fn)) {
    const bytes = material[name] as Uint8Array | undefined;
    const fixed = name === "out" ? fixedOutputSize(fn) : 32;
    const size = bytes?.length ?? (length === null ? fixed : createSize(random));
    const at = createAddress(random, memorySize, size, plants);
    if (bytes !== undefined) plants.push({ at, bytes });
    args[pointer] = at;
    if (length !== null) args[length] = size;
  }
  if (random(2) === 0) {
    for (let edges = 1 + random(2); edges > 0 && args.length > 0; edges--) setEdge(fn, args, random, memorySize);
  }
  const gas = createGas(fn, args, random);
  for (const [i, type] of fn.params.entries()) {
    if (type === "i64") args[i] = createGasArgument(random, gas - entryPrice(fn, args));
  }
  return {
    function: fn.name,
    args,
    gas,
    readOnly: random(4) === 0,
    pageCount,
    plants,
    input: noiseBytes(random, createSize(random)),
    inputFetched: random(4) > 0,
    storage,
    hostSeed: random(2 ** 32),
    inEngines: random(20) === 0,
  };
}

function createSize(random: Random): number {
  return random(12) === 0 ? pick(random, wideSizes) : pick(random, sizes);
}

function createStorage(random: Random): HostCase["storage"] {
  const prefix = noiseBytes(random, random(4));
  const keySizes = [1, 1, 2, 3, 32, 1_020];
  const entries = Array.from({ length: random(6) }, () => ({
    key: Uint8Array.of(...prefix, ...noiseBytes(random, pick(random, keySizes))),
    value: random(6) === 0 ? null : noiseBytes(random, createSize(random)),
  }));
  return [...new Map(entries.map((entry) => [entry.key.toString(), entry])).values()];
}

/** Inside memory, and now and then at one of its ends or over what was planted before. */
function createAddress(random: Random, memorySize: number, size: number, plants: readonly Plant[]): number {
  const last = Math.max(0, memorySize - size);
  switch (random(12)) {
    case 0:
      return 0;
    case 1:
    case 2:
      return last;
    case 3:
      return plants.length === 0 ? last : Math.min(last, pick(random, plants).at + random(40));
    case 4:
      return random(last + 1) & ~15;
    default:
      return random(last + 1);
  }
}

const numberEdges = [0, 1, 2, 3, 4, 5, 255, 256, 257, 1_023, 1_024, 1_025, -1, 2 ** 31 - 1, -(2 ** 31)];
const lengthEdges = [
  0,
  1,
  32,
  33,
  64,
  65,
  276,
  277,
  512,
  513,
  1_024,
  1_025,
  1_026,
  ...wideSizes,
  65_537,
  -1,
  -(2 ** 31),
];

/** Gives one argument a value at or past the end of what it may be. */
function setEdge(fn: HostFunction, args: (number | bigint)[], random: Random, memorySize: number): void {
  const position = random(args.length);
  if (fn.params[position] === "i64") return;
  const regions = regionsOf(fn);
  const owner = regions.find((region) => region.pointer === position || region.length === position);
  if (owner === undefined) args[position] = pick(random, numberEdges);
  else if (owner.pointer === position) args[position] = edgePointer(owner, args, random, memorySize);
  else args[position] = edgeLength(owner, args, random, memorySize);
}

function edgePointer(
  { length }: Region,
  args: readonly (number | bigint)[],
  random: Random,
  memorySize: number,
): number {
  const size = length === null ? 32 : (args[length] as number) | 0;
  const ends = [memorySize - 1, memorySize, memorySize + 1, memorySize - size, memorySize - size + 1];
  return pick(random, [0, 1, ...ends, -1, -size, -(2 ** 31), 2 ** 31 - 1]) | 0;
}

function edgeLength(
  { pointer, length }: Region,
  args: readonly (number | bigint)[],
  random: Random,
  memorySize: number,
): number {
  const rest = memorySize - ((args[pointer] as number) >>> 0);
  const size = args[length!] as number;
  return pick(random, [...lengthEdges, rest, rest + 1, size + 1, Math.max(0, size - 1)]) | 0;
}

/** An i64 that means gas: where a double, a sign or 64 bits end, and around what may be given out of `left`. */
function createGasArgument(random: Random, left: number): bigint {
  const most = BigInt(Math.max(1, left - Math.floor(left / 64)));
  const edges = [0n, 1n, 2n ** 32n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, -(2n ** 63n), 2n ** 63n - 1n, -1n];
  switch (random(3)) {
    case 0:
      return BigInt(random(1_000_000));
    case 1:
      return pick(random, [most - 1n, most, most + 1n]);
    default:
      return pick(random, edges);
  }
}

function createGas(fn: HostFunction, args: readonly (number | bigint)[], random: Random): number {
  const entry = entryPrice(fn, args);
  switch (random(8)) {
    case 0:
      return 1 + random(300);
    case 1:
      return 1 + random(2 * fn.price.base);
    case 2:
      return Math.max(1, entry + pick(random, [-1, 0, 1, 63, 64, 65, 10_000]));
    default:
      return pick(random, ampleGas) + random(64);
  }
}

/** Bytes as `0x...`, integers of 64 bits as `...n`. */
export function encodeCase(hostCase: HostCase): string {
  const text = JSON.stringify(
    hostCase,
    (_, value) => {
      if (value instanceof Uint8Array) return `0x${Buffer.from(value).toString("hex")}`;
      return typeof value === "bigint" ? `${value}n` : value;
    },
    2,
  );
  return `${text}\n`;
}

export function decodeCase(text: string): HostCase {
  return JSON.parse(text, (_, value) => {
    if (typeof value !== "string") return value;
    if (value.startsWith("0x")) return new Uint8Array(Buffer.from(value.slice(2), "hex"));
    return /^-?\d+n$/.test(value) ? BigInt(value.slice(0, -1)) : value;
  }) as HostCase;
}
