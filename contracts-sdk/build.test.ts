/**
 * What a compiled contract does, seen from outside: the bytes run on the engine's own WebAssembly over a host of a few
 * lines, arguments and results are made by the `borsh` package, and every law of the SDK is one test.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import * as oracle from "borsh";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import wabtLoader from "wabt";
import type { Abi } from "../vm/abi.ts";
import { ABI_SECTION, ABI_VERSION, decodeAbi, typeToText } from "../vm/abi.ts";
import { InputError } from "../vm/errors.ts";
import { haltReasons, refusalReasons } from "../vm/outcome.ts";
import { type BuildResult, buildContract } from "./build.ts";

const folder = mkdtempSync(path.join(tmpdir(), "contracts-sdk-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Each example is built once. */
const examples = new Map<string, Promise<BuildResult>>();
function buildExample(name: string): Promise<BuildResult> {
  const entry = fileURLToPath(new URL(`examples/${name}.ts`, import.meta.url));
  if (!examples.has(name)) examples.set(name, buildContract({ entry }));
  return examples.get(name)!;
}

let nextSource = 0;
/** Each source in a folder of its own, as `contract.ts`. */
function buildSource(source: string, options = {}): Promise<BuildResult> {
  const own = path.join(folder, String(nextSource++));
  mkdirSync(own, { recursive: true });
  const entry = path.join(own, "contract.ts");
  writeFileSync(entry, source);
  return buildContract({ entry, ...options });
}

/** The part of `WebAssembly.Module` that Node's types leave out. */
const inspect = WebAssembly.Module as unknown as {
  exports(module: WebAssembly.Module): { name: string; kind: string }[];
  imports(module: WebAssembly.Module): { module: string; name: string }[];
  customSections(module: WebAssembly.Module, name: string): ArrayBuffer[];
};

class Reverted extends Error {
  override readonly name = "Reverted";
}

const text = (bytes: Uint8Array) => new TextDecoder("utf-8", { fatal: true }).decode(bytes);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const utf8 = (value: string) => new TextEncoder().encode(value);
const address = (fill: number) => new Uint8Array(32).fill(fill);
const none = new Uint8Array();

/** The host functions over a Map. A call that reverts throws `Reverted` and changes nothing. */
class FakeHost {
  readonly module: WebAssembly.Module;
  storage = new Map<string, Uint8Array>();
  events: { topics: readonly Uint8Array[]; data: Uint8Array }[] = [];
  log: string[] = [];
  caller: Uint8Array = address(1);
  value = 0n;
  memoryBytes = 0;
  /** How calls of other contracts end. */
  answer = { status: 0, result: none };

  constructor(wasm: Uint8Array) {
    this.module = new WebAssembly.Module(new Uint8Array(wasm));
  }

  call(method: string, input: Uint8Array = none): Uint8Array {
    const storage = new Map(this.storage);
    const events = [...this.events];
    let returned: Uint8Array = none;
    let last: Uint8Array = none;
    let memory!: WebAssembly.Memory;
    const read = (at: number, length: number) => {
      if ((at >>> 0) + (length >>> 0) > memory.buffer.byteLength) throw new RangeError("pointer out of bounds");
      return new Uint8Array(memory.buffer, at >>> 0, length >>> 0).slice();
    };
    const write = (at: number, bytes: Uint8Array) => new Uint8Array(memory.buffer).set(bytes, at >>> 0);
    const give = (bytes: Uint8Array, out: number, capacity: number) => {
      last = bytes;
      if (bytes.length <= capacity >>> 0) write(out, bytes);
      return bytes.length;
    };
    const lockstep = {
      self_address: (out: number) => write(out, address(0xcc)),
      caller: (out: number) => write(out, this.caller),
      signer: (out: number) => write(out, address(0x51)),
      value: (out: number) => write(out, oracle.serialize("u128", this.value)),
      block_height: () => 7n,
      block_time: () => 1_700_000_000_000n,
      gas_left: () => 1_000_000n,
      chain_id: (out: number, capacity: number) => give(utf8("lockstep-test"), out, capacity),
      input: (out: number, capacity: number) => give(input, out, capacity),
      return_data: (at: number, length: number) => {
        returned = read(at, length);
      },
      revert: (code: number, at: number, length: number) => {
        expect(code).toBe(0);
        throw new Reverted(text(read(at, length)));
      },
      last_result: (out: number, offset: number, length: number) => write(out, last.slice(offset, offset + length)),
      storage_get: (key: number, keyLength: number, out: number, capacity: number) => {
        const value = storage.get(hex(read(key, keyLength)));
        return value === undefined ? -1 : give(value, out, capacity);
      },
      storage_set: (key: number, keyLength: number, value: number, valueLength: number) => {
        storage.set(hex(read(key, keyLength)), read(value, valueLength));
      },
      storage_remove: (key: number, keyLength: number) => void storage.delete(hex(read(key, keyLength))),
      storage_has: (key: number, keyLength: number) => Number(storage.has(hex(read(key, keyLength)))),
      emit: (topics: number, topicsLength: number, data: number, dataLength: number) => {
        const list = oracle.deserialize({ array: { type: { array: { type: "u8" } } } }, read(topics, topicsLength));
        const decoded = (list as number[][]).map((topic) => Uint8Array.from(topic));
        events.push({ topics: decoded, data: read(data, dataLength) });
      },
      call: () => {
        last = this.answer.result;
        return this.answer.status;
      },
      last_result_size: () => last.length,
      sha256: (_at: number, length: number, out: number) => write(out, address(length)),
      debug_log: (at: number, length: number) => void this.log.push(text(read(at, length))),
    };
    const { exports } = new WebAssembly.Instance(this.module, { lockstep });
    memory = exports.memory as WebAssembly.Memory;
    const { _initialize: initialize, [method]: run } = exports as Record<string, () => void>;
    initialize?.();
    run!();
    this.memoryBytes = memory.buffer.byteLength;
    this.storage = storage;
    this.events = events;
    return returned;
  }
}

const u128Max = 2n ** 128n - 1n;
const bytesSchema = { array: { type: "u8" as const } };
const addressSchema = { array: { type: "u8" as const, len: 32 } };

/** Every type that may cross the border: its name in a contract, in the ABI and for the oracle, and its zero. */
interface TypeCase {
  readonly as: string;
  readonly abi: string;
  readonly schema: oracle.Schema;
  readonly values: fc.Arbitrary<unknown>;
  readonly zero: unknown;
}
const integer = (as: string, min: number, max: number): TypeCase => ({
  as,
  abi: as,
  schema: as as oracle.Schema,
  values: fc.integer({ min, max }),
  zero: 0,
});
const bigInteger = (as: string, min: bigint, max: bigint): TypeCase => ({
  as,
  abi: as,
  schema: as as oracle.Schema,
  values: fc.bigInt({ min, max }),
  zero: 0n,
});
const u8s = (length: { minLength: number; maxLength: number }) => fc.uint8Array(length).map((bytes) => [...bytes]);
const wellFormed = fc.string({ unit: "binary", maxLength: 300 });
const pointSchema = { struct: { x: "i32" as const, label: "string" as const } };
const point = fc.record({ x: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), label: wellFormed });
const types: Readonly<Record<string, TypeCase>> = {
  Bool: { as: "bool", abi: "bool", schema: "bool", values: fc.boolean(), zero: false },
  U8: integer("u8", 0, 255),
  U16: integer("u16", 0, 65_535),
  U32: integer("u32", 0, 2 ** 32 - 1),
  U64: bigInteger("u64", 0n, 2n ** 64n - 1n),
  I8: integer("i8", -128, 127),
  I16: integer("i16", -32_768, 32_767),
  I32: integer("i32", -(2 ** 31), 2 ** 31 - 1),
  I64: bigInteger("i64", -(2n ** 63n), 2n ** 63n - 1n),
  U128: bigInteger("u128", 0n, u128Max),
  Text: { as: "string", abi: "string", schema: "string", values: wellFormed, zero: "" },
  Address: {
    as: "Address",
    abi: "address",
    schema: addressSchema,
    values: u8s({ minLength: 32, maxLength: 32 }),
    zero: [...address(0)],
  },
  Hash: {
    as: "Hash",
    abi: "hash",
    schema: addressSchema,
    values: u8s({ minLength: 32, maxLength: 32 }),
    zero: [...address(0)],
  },
  Bytes: {
    as: "Uint8Array",
    abi: "bytes",
    schema: bytesSchema,
    values: u8s({ minLength: 0, maxLength: 700 }),
    zero: [],
  },
  Static: {
    as: "StaticArray<u8>",
    abi: "bytes",
    schema: bytesSchema,
    values: u8s({ minLength: 0, maxLength: 700 }),
    zero: [],
  },
  Numbers: {
    as: "u32[]",
    abi: "vec<u32>",
    schema: { array: { type: "u32" } },
    values: fc.array(fc.integer({ min: 0, max: 2 ** 32 - 1 })),
    zero: [],
  },
  Texts: {
    as: "Array<string>",
    abi: "vec<string>",
    schema: { array: { type: "string" } },
    values: fc.array(wellFormed),
    zero: [],
  },
  Nested: {
    as: "u8[][]",
    abi: "vec<vec<u8>>",
    schema: { array: { type: bytesSchema } },
    values: fc.array(u8s({ minLength: 0, maxLength: 9 })),
    zero: [],
  },
  OptionText: {
    as: "string | null",
    abi: "option<string>",
    schema: { option: "string" },
    values: fc.option(wellFormed),
    zero: null,
  },
  OptionU128: {
    as: "u128 | null",
    abi: "option<u128>",
    schema: { option: "u128" },
    values: fc.option(fc.bigInt({ min: 0n, max: u128Max })),
    zero: null,
  },
  Point: { as: "Point", abi: "Point", schema: pointSchema, values: point, zero: { x: 0, label: "" } },
  OptionPoint: {
    as: "Point | null",
    abi: "option<Point>",
    schema: { option: pointSchema },
    values: fc.option(point),
    zero: null,
  },
  Alias: {
    as: "Path",
    abi: "vec<Point>",
    schema: { array: { type: pointSchema } },
    values: fc.array(point, { maxLength: 5 }),
    zero: [],
  },
  Line: {
    as: "Line",
    abi: "Line",
    schema: { struct: { from: pointSchema, to: { option: pointSchema }, tags: { array: { type: "u8" } } } },
    values: fc.record({ from: point, to: fc.option(point), tags: u8s({ minLength: 0, maxLength: 9 }) }),
    zero: { from: { x: 0, label: "" }, to: null, tags: [] },
  },
};

const everyTypeSource = `
import { Address, Hash, StorageMap, u128 } from "lockstep/sdk";
@struct class Point { x: i32; label: string = "unset"; }
@struct class Line { from: Point = new Point(); to: Point | null; tags: u8[] = []; }
type Path = Point[];
@contract class EveryType {
${Object.entries(types)
  .map(
    ([name, { as }]) => `
  @view field${name}: ${as};
  map${name}: StorageMap<${as}, ${as}>;
  @view echo${name}(value: ${as}): ${as} { return value; }
  @view after${name}(first: u8, value: ${as}, last: u16): ${as} { return value; }
  @call put${name}(value: ${as}): void { this.field${name} = value; this.map${name}.set(value, value); }
  @view at${name}(key: ${as}): ${as} { return this.map${name}.get(key); }
  @view has${name}(key: ${as}): bool { return this.map${name}.has(key); }
  @call drop${name}(key: ${as}): void { this.map${name}.remove(key); }`,
  )
  .join("")}
}`;

let everyType: BuildResult;
beforeAll(async () => {
  everyType = await buildSource(everyTypeSource);
});

describe("every type that crosses the border", () => {
  let host: FakeHost;
  let abi: Abi;
  beforeAll(() => {
    host = new FakeHost(everyType.wasm);
    abi = everyType.abi;
  });

  describe.each(Object.entries(types))("%s", (name, { as, abi: abiText, schema, values, zero }) => {
    const runs = { numRuns: 25 };
    const encode = (value: unknown) => oracle.serialize(schema, value);

    test("is named in the ABI as it is encoded", () => {
      const method = abi.methods.find((method) => method.name === `echo${name}`)!;
      expect([typeToText(method.params[0]!.type, abi), typeToText(method.returns!, abi)]).toEqual([abiText, abiText]);
    });

    test("comes back as the bytes it went in, also between other arguments", () => {
      fc.assert(
        fc.property(values, (value) => {
          const encoded = encode(value);
          expect(hex(host.call(`echo${name}`, encoded))).toBe(hex(encoded));
          expect(hex(host.call(`after${name}`, Uint8Array.from([9, ...encoded, 1, 2])))).toBe(hex(encoded));
        }),
        runs,
      );
    });

    test("is refused with a byte too few or too many", () => {
      fc.assert(
        fc.property(values, fc.nat(), (value, cut) => {
          const encoded = encode(value);
          const shorter = encoded.slice(0, cut % encoded.length);
          expect(() => host.call(`echo${name}`, shorter)).toThrow(new Reverted("malformed data"));
          expect(() => host.call(`echo${name}`, Uint8Array.from([...encoded, 0]))).toThrow(
            new Reverted("malformed data"),
          );
        }),
        runs,
      );
    });

    test("is stored as its encoding under the field's key, and under field and entry key in a map", () => {
      fc.assert(
        fc.property(values, (value) => {
          host.storage.clear();
          const encoded = encode(value);
          const fieldKey = [`field${name}`.length, ...utf8(`field${name}`)];
          const mapKey = [`map${name}`.length, ...utf8(`map${name}`), ...encoded];
          expect(hex(host.call(`field${name}`))).toBe(hex(encode(zero)));
          expect(hex(host.call(`at${name}`, encoded))).toBe(hex(encode(zero)));
          expect(host.call(`has${name}`, encoded)).toEqual(Uint8Array.of(0));
          host.call(`put${name}`, encoded);
          expect([...host.storage].map(([key, stored]) => [key, hex(stored)])).toEqual([
            [hex(Uint8Array.from(fieldKey)), hex(encoded)],
            [hex(Uint8Array.from(mapKey)), hex(encoded)],
          ]);
          expect(hex(host.call(`field${name}`))).toBe(hex(encoded));
          expect(hex(host.call(`at${name}`, encoded))).toBe(hex(encoded));
          expect(host.call(`has${name}`, encoded)).toEqual(Uint8Array.of(1));
          host.call(`drop${name}`, encoded);
          expect(host.call(`has${name}`, encoded)).toEqual(Uint8Array.of(0));
        }),
        runs,
      );
    });

    test(`stored bytes that are no ${as} are refused`, () => {
      host.storage.clear();
      const key = hex(Uint8Array.from([`field${name}`.length, ...utf8(`field${name}`)]));
      const encoded = encode(zero);
      for (const bytes of [encoded.slice(1), Uint8Array.from([...encoded, 0])]) {
        host.storage.set(key, bytes);
        expect(() => host.call(`field${name}`)).toThrow(new Reverted("malformed data"));
      }
      host.storage.clear();
    });
  });

  test.each([
    ["a boolean of 2", "echoBool", [2], "malformed data"],
    ["an option tag of 2", "echoOptionText", [2, 0, 0, 0, 0], "malformed data"],
    ["a count beyond the bytes", "echoNumbers", [255, 255, 255, 255, 1, 0, 0, 0], "malformed data"],
    ["a text longer than the bytes", "echoText", [255, 255, 255, 255, 65], "malformed data"],
    ["a lone continuation byte", "echoText", [1, 0, 0, 0, 0x80], "malformed text"],
    ["an overlong slash", "echoText", [2, 0, 0, 0, 0xc0, 0xaf], "malformed text"],
    ["an overlong of three bytes", "echoText", [3, 0, 0, 0, 0xe0, 0x80, 0xaf], "malformed text"],
    ["an overlong of four bytes", "echoText", [4, 0, 0, 0, 0xf0, 0x8f, 0xbf, 0xbf], "malformed text"],
    ["a surrogate", "echoText", [3, 0, 0, 0, 0xed, 0xa0, 0x80], "malformed text"],
    ["a point above U+10FFFF", "echoText", [4, 0, 0, 0, 0xf4, 0x90, 0x80, 0x80], "malformed text"],
    ["a lead byte of five", "echoText", [5, 0, 0, 0, 0xf8, 0x88, 0x80, 0x80, 0x80], "malformed text"],
    ["a sequence cut by the end", "echoText", [2, 0, 0, 0, 0xe2, 0x82], "malformed text"],
    ["a sequence cut by a letter", "echoText", [3, 0, 0, 0, 0xe2, 0x82, 0x41], "malformed text"],
  ])("%s reverts", (_, method, input, message) => {
    expect(() => host.call(method, Uint8Array.from(input))).toThrow(new Reverted(message));
  });

  test("a method without parameters refuses arguments", () => {
    expect(() => host.call("fieldU8", Uint8Array.of(0))).toThrow(new Reverted("malformed data"));
  });

  test("results of any size arrive whole, and memory grows by what they need", () => {
    for (const length of [0, 1, 255, 256, 257, 4_096, 65_000]) {
      const encoded = oracle.serialize(
        bytesSchema,
        Array.from({ length }, (_, index) => index % 251),
      );
      expect(hex(host.call("echoBytes", encoded))).toBe(hex(encoded));
      expect(host.memoryBytes).toBeLessThanOrEqual(Math.ceil((2_048 + 3 * encoded.length) / 65_536) * 65_536);
      host.call("putBytes", encoded);
      expect(hex(host.call("fieldBytes"))).toBe(hex(encoded));
    }
  });
});

describe("u128", () => {
  const operators = ["add", "sub", "mul", "div", "rem"] as const;
  const symbols = {
    add: "+",
    sub: "-",
    mul: "*",
    div: "/",
    rem: "%",
    lt: "<",
    le: "<=",
    gt: ">",
    ge: ">=",
    eq: "==",
    ne: "!=",
  };
  let host: FakeHost;
  beforeAll(async () => {
    const methods = Object.entries(symbols).map(([name, symbol]) => {
      const result = operators.includes(name as never) ? "u128" : "bool";
      return `@view ${name}(a: u128, b: u128): ${result} { return a ${symbol} b; }`;
    });
    const { wasm } = await buildSource(`
      import { u128 } from "lockstep/sdk";
      @contract class Arithmetic {
        ${methods.join("\n")}
        @view text(a: u128): string { return a.toString(); }
        @view fromU64(a: u64): u128 { return u128.from(a); }
        @view fromI32(a: i32): u128 { return u128.from(a); }
        @view toU64(a: u128): u64 { return a.toU64(); }
        @view zero(): u128 { return u128.Zero; }
        @view max(): u128 { return u128.Max; }
        @view isZero(a: u128): bool { return a.isZero; }
      }`);
    host = new FakeHost(wasm);
  });

  const encode = (...values: bigint[]) => Buffer.concat(values.map((value) => oracle.serialize("u128", value)));
  const decode = (bytes: Uint8Array) => oracle.deserialize("u128", bytes) as bigint;
  const exact = {
    add: (a: bigint, b: bigint) => a + b,
    sub: (a: bigint, b: bigint) => a - b,
    mul: (a: bigint, b: bigint) => a * b,
    div: (a: bigint, b: bigint) => a / b,
    rem: (a: bigint, b: bigint) => a % b,
  };
  const compare = {
    lt: (a: bigint, b: bigint) => a < b,
    le: (a: bigint, b: bigint) => a <= b,
    gt: (a: bigint, b: bigint) => a > b,
    ge: (a: bigint, b: bigint) => a >= b,
    eq: (a: bigint, b: bigint) => a === b,
    ne: (a: bigint, b: bigint) => a !== b,
  };
  const check = (a: bigint, b: bigint) => {
    for (const name of operators) {
      const place = `${a} ${symbols[name]} ${b}`;
      const run = () => decode(host.call(name, encode(a, b)));
      if (b === 0n && (name === "div" || name === "rem")) {
        expect(run, place).toThrow(new Reverted("division by zero"));
        continue;
      }
      const result = exact[name](a, b);
      if (result < 0n || result > u128Max) expect(run, place).toThrow(new Reverted("integer overflow"));
      else expect(run(), place).toBe(result);
    }
    for (const [name, holds] of Object.entries(compare)) {
      expect(host.call(name, encode(a, b))[0], `${a} ${name} ${b}`).toBe(Number(holds(a, b)));
    }
  };
  const edges = [
    0n,
    1n,
    2n,
    10n,
    2n ** 32n - 1n,
    2n ** 63n,
    2n ** 64n - 1n,
    2n ** 64n,
    2n ** 64n + 1n,
    2n ** 96n,
    2n ** 127n,
    u128Max - 1n,
    u128Max,
  ];

  test("computes and compares as the integers do at every pair of edges, or reverts", () => {
    for (const a of edges) for (const b of edges) check(a, b);
  });

  test("computes and compares as the integers do, or reverts", () => {
    const anySize = fc
      .integer({ min: 1, max: 128 })
      .chain((bits) => fc.bigInt({ min: 0n, max: 2n ** BigInt(bits) - 1n }));
    fc.assert(fc.property(anySize, anySize, check), { numRuns: 300 });
  });

  test("has the decimal text that BigInt has", () => {
    const same = (a: bigint) => {
      expect(text(host.call("text", encode(a)).slice(4))).toBe(a.toString());
    };
    for (const a of edges) same(a);
    for (let a = 1n; a <= u128Max; a *= 10n) [a, a - 1n].forEach(same);
    fc.assert(fc.property(fc.bigInt({ min: 0n, max: u128Max }), same), { numRuns: 100 });
  });

  test("converts from and to smaller integers, or reverts", () => {
    for (const a of [0n, 1n, 2n ** 64n - 1n]) {
      expect(decode(host.call("fromU64", oracle.serialize("u64", a)))).toBe(a);
      expect(oracle.deserialize("u64", host.call("toU64", encode(a)))).toBe(a);
    }
    expect(decode(host.call("fromI32", oracle.serialize("i32", 2 ** 31 - 1)))).toBe(2n ** 31n - 1n);
    expect(() => host.call("fromI32", oracle.serialize("i32", -1))).toThrow(new Reverted("integer overflow"));
    expect(() => host.call("toU64", encode(2n ** 64n))).toThrow(new Reverted("integer overflow"));
    expect(decode(host.call("zero"))).toBe(0n);
    expect(decode(host.call("max"))).toBe(u128Max);
    expect([...host.call("isZero", encode(0n)), ...host.call("isZero", encode(2n ** 64n))]).toEqual([1, 0]);
  });
});

describe("a contract", () => {
  let host: FakeHost;
  beforeAll(async () => {
    const { wasm } = await buildSource(`
      import { Address, Context, Hash, debugLog, emit, require, revert, sha256, u128 } from "lockstep/sdk";
      const greetings = "hello world".split(" ");
      @event class Seen { constructor(public who: Address, public words: string[], public note: string | null) {} }
      @event class Tick {}
      @struct class Seat { row: u8; constructor(public column: u8) {} get next(): u8 { return this.column + 1; } }
      @contract class Behaviour {
        static readonly limit: u32 = 3;
        counter: u32;
        @view whoAmI(): Address[] { return [Context.self, Context.caller, Context.signer]; }
        @payable value(): u128 { return Context.value; }
        @view clock(): u64[] { return [Context.blockHeight, Context.blockTime, Context.gasLeft]; }
        @view chain(): string { return Context.chainId; }
        @call see(note: string | null): void { emit(new Seen(Context.caller, greetings, note)); emit(new Tick()); }
        @call fail(message: string): void { this.counter = 9; revert(message); }
        @call demand(condition: bool): u32 { this.counter++; require(condition, "condition demanded"); return this.counter; }
        @view asserts(condition: bool): void { assert(condition, "condition asserted"); }
        @view throws(): void { throw new Error("thrown \\u{1f9e8}"); }
        @view word(index: i32): string { return greetings[index]; }
        @view halfAPair(): string { return String.fromCharCode(0xd83e); }
        @view lowFirst(): string { return String.fromCharCode(0xdde8) + "x"; }
        @call logs(): void { debugLog("line " + Behaviour.limit.toString()); }
        @view digest(data: Uint8Array): Hash { return sha256(data); }
        @view sameAddress(bytes: Uint8Array): bool[] {
          const other = Address.from(bytes);
          return [other == Context.caller, other != Context.caller, other.isZero, Address.from(other.toBytes()) == other];
        }
        @view seat(seat: Seat): u8 { return this.plusRow(seat) + seat.next; }
        @view churn(count: u32): u64 {
          let sum: u64 = 0;
          let list: u64[] = [];
          for (let i: u32 = 0; i < count; i++) { list.push(i); sum += Address.from(new Uint8Array(32)).isZero ? list[i] : 1; }
          return sum;
        }
        private plusRow(seat: Seat): u8 { return seat.row; }
      }`);
    host = new FakeHost(wasm);
  });
  const string = (value: string) => oracle.serialize("string", value);

  test("knows the call it is in", () => {
    host.value = 2n ** 100n;
    expect(hex(host.call("whoAmI").slice(4))).toBe("cc".repeat(32) + "01".repeat(32) + "51".repeat(32));
    expect(oracle.deserialize("u128", host.call("value"))).toBe(2n ** 100n);
    expect(oracle.deserialize({ array: { type: "u64" } }, host.call("clock"))).toEqual([
      7n,
      1_700_000_000_000n,
      1_000_000n,
    ]);
    expect(oracle.deserialize("string", host.call("chain"))).toBe("lockstep-test");
  });

  test("emits events named by their first topic, fields in borsh", () => {
    host.events = [];
    host.call("see", oracle.serialize({ option: "string" }, "n"));
    expect(host.events.map(({ topics }) => topics.map(text))).toEqual([["Seen"], ["Tick"]]);
    const schema = {
      struct: {
        who: addressSchema,
        words: { array: { type: "string" as const } },
        note: { option: "string" as const },
      },
    };
    expect(oracle.deserialize(schema, host.events[0]!.data)).toEqual({
      who: [...address(1)],
      words: ["hello", "world"],
      note: "n",
    });
    expect(host.events[1]!.data).toEqual(none);
  });

  test("reverts with the author's message, whatever it is made of", () => {
    const messages = fc.string({ unit: "binary", maxLength: 400 });
    fc.assert(
      fc.property(messages, (message) => {
        expect(() => host.call("fail", string(message))).toThrow(new Reverted(message));
      }),
    );
    expect(host.storage.size).toBe(0);
  });

  test.each([
    ["a demand", "demand", [0], "condition demanded"],
    ["an assertion", "asserts", [0], "condition asserted"],
    ["a thrown error", "throws", [], "thrown \u{1f9e8}"],
    ["an index out of range", "word", [2, 0, 0, 0], "Index out of range"],
    ["half a surrogate pair", "halfAPair", [], "malformed text"],
    ["a pair in the wrong order", "lowFirst", [], "malformed text"],
    ["an address of 31 bytes", "sameAddress", [31, 0, 0, 0, ...new Uint8Array(31)], "32 bytes belong here"],
  ])("reverts on %s", (_, method, input, message) => {
    expect(() => host.call(method, Uint8Array.from(input))).toThrow(new Reverted(message));
  });

  test("goes on where a demand and an assertion hold", () => {
    expect(oracle.deserialize("u32", host.call("demand", Uint8Array.of(1)))).toBe(1);
    expect(oracle.deserialize("u32", host.call("demand", Uint8Array.of(1)))).toBe(2);
    expect(host.call("asserts", Uint8Array.of(1))).toEqual(none);
  });

  test("runs module-level code before each method, by an export and by no start section", () => {
    expect(oracle.deserialize("string", host.call("word", Uint8Array.of(1, 0, 0, 0)))).toBe("world");
    expect(inspect.exports(host.module).map(({ name }) => name)).toContain("_initialize");
  });

  test("logs, hashes and compares", () => {
    host.call("logs");
    expect(host.log).toEqual(["line 3"]);
    expect(host.call("digest", oracle.serialize(bytesSchema, [1, 2, 3]))).toEqual(address(3));
    expect([...host.call("sameAddress", oracle.serialize(bytesSchema, [...address(1)]))]).toEqual([
      4, 0, 0, 0, 1, 0, 0, 1,
    ]);
    expect([...host.call("sameAddress", oracle.serialize(bytesSchema, [...address(0)]))]).toEqual([
      4, 0, 0, 0, 0, 1, 1, 1,
    ]);
  });

  test("reads a record's fields in the order they are declared, parameters of its constructor last as asc has them", () => {
    expect([...host.call("seat", Uint8Array.of(100, 7))]).toEqual([108]);
  });

  test("survives many allocations in memory near what they need", () => {
    expect(oracle.deserialize("u64", host.call("churn", oracle.serialize("u32", 10_000)))).toBe(49_995_000n);
    expect(host.memoryBytes).toBeLessThan(4 * 2 ** 20);
  });
});

test("reasons have the VM's names, and those of a later VM none", async () => {
  const { wasm } = await buildSource(`
    import { Address, callContract } from "lockstep/sdk";
    @contract class Caller {
      @call reason(): string { return callContract(new Address(), "any").reason; }
      @call insist(): void { callContract(new Address(), "any").orRevert(); }
    }`);
  const host = new FakeHost(wasm);
  for (const [status, name, reasons] of [
    [2, "halted", haltReasons],
    [3, "refused", refusalReasons],
  ] as const) {
    for (const [number, reason] of [...reasons, "", ""].entries()) {
      host.answer = { status, result: Uint8Array.of(number) };
      expect(oracle.deserialize("string", host.call("reason"))).toBe(reason);
      expect(() => host.call("insist")).toThrow(new Reverted(`call ${name}: ${reason}`));
    }
  }
});

test("an editor finds nothing wrong with the examples", () => {
  const project = fileURLToPath(new URL("assembly/tsconfig.json", import.meta.url));
  const tsc = fileURLToPath(new URL("../node_modules/typescript/bin/tsc", import.meta.url));
  const { stdout } = spawnSync(process.execPath, [tsc, "-p", project], { encoding: "utf8" });
  // asc's own declarations are not all TypeScript's newest compiler wants.
  expect(stdout.split("\n").filter((line) => line !== "" && !/^(\.\.\/)*node_modules\//.test(line))).toEqual([]);
});

describe("the counter", () => {
  test("counts across calls, from zero, for every caller", async () => {
    const { wasm } = await buildExample("counter");
    const host = new FakeHost(wasm);
    const count = () => oracle.deserialize("u64", host.call("count"));
    expect(count()).toBe(0n);
    for (let expected = 1n; expected <= 5n; expected++) {
      host.caller = address(Number(expected));
      expect(oracle.deserialize("u64", host.call("increment"))).toBe(expected);
      expect(count()).toBe(expected);
    }
    expect([...host.storage.keys()]).toEqual([hex(Uint8Array.from([5, ...utf8("count")]))]);
  });

  test("has this ABI", async () => {
    const { wasm, abi } = await buildExample("counter");
    const u64 = { kind: "scalar", name: "u64" } as const;
    expect(abi).toEqual({
      version: ABI_VERSION,
      name: "Counter",
      types: [],
      methods: [
        { name: "count", mutability: "view", access: "public", params: [], returns: u64, doc: "" },
        {
          name: "increment",
          mutability: "call",
          access: "public",
          params: [],
          returns: u64,
          doc: "Adds one and returns the new count.",
        },
      ],
      events: [],
      errors: [],
      storage: [{ name: "count", prefix: Uint8Array.from([5, ...utf8("count")]), key: null, value: u64 }],
      doc: "Counts up, for anyone who asks.",
    });
    expect(decodeAbi(abiSection(wasm))).toEqual(abi);
  });
});

describe("the token", () => {
  let wasm: Uint8Array;
  let abi: Abi;
  beforeAll(async () => {
    ({ wasm, abi } = await buildExample("token"));
  });
  const [alice, bob, carol] = [address(1), address(2), address(3)] as [Uint8Array, Uint8Array, Uint8Array];
  const amount = (value: bigint) => oracle.serialize("u128", value);

  class Token {
    readonly host = new FakeHost(wasm);
    constructor(supply: bigint) {
      this.send(alice, "init", oracle.serialize("string", "Gold"), oracle.serialize("string", "GLD"), amount(supply));
    }
    send(caller: Uint8Array, method: string, ...args: Uint8Array[]): Uint8Array {
      this.host.caller = caller;
      return this.host.call(method, Buffer.concat(args));
    }
    number(method: string, ...args: Uint8Array[]): bigint {
      return oracle.deserialize("u128", this.send(carol, method, ...args)) as bigint;
    }
    balances(): bigint[] {
      return [alice, bob, carol].map((owner) => this.number("balanceOf", owner));
    }
  }

  test("gives its supply to its creator", () => {
    const token = new Token(1_000n);
    expect(token.balances()).toEqual([1_000n, 0n, 0n]);
    expect(token.number("totalSupply")).toBe(1_000n);
    expect(oracle.deserialize("string", token.host.call("name"))).toBe("Gold");
    expect(oracle.deserialize("string", token.host.call("symbol"))).toBe("GLD");
  });

  test("moves what the caller has, tells of it, and refuses more", () => {
    const token = new Token(1_000n);
    token.send(alice, "transfer", bob, amount(400n));
    expect(token.balances()).toEqual([600n, 400n, 0n]);
    const { topics, data } = token.host.events.at(-1)!;
    expect(topics.map(text)).toEqual(["Transfer"]);
    expect(hex(data)).toBe(hex(Buffer.concat([alice, bob, amount(400n)])));
    expect(() => token.send(bob, "transfer", carol, amount(401n))).toThrow(new Reverted("balance too low"));
    expect(() => token.send(carol, "transfer", bob, amount(1n))).toThrow(new Reverted("balance too low"));
    expect(token.balances()).toEqual([600n, 400n, 0n]);
  });

  test("moves for another only what was allowed, and counts it down", () => {
    const token = new Token(1_000n);
    expect(() => token.send(bob, "transferFrom", alice, carol, amount(1n))).toThrow(new Reverted("allowance too low"));
    token.send(alice, "approve", bob, amount(300n));
    expect(hex(token.host.events.at(-1)!.data)).toBe(hex(Buffer.concat([alice, bob, amount(300n)])));
    token.send(bob, "transferFrom", alice, carol, amount(200n));
    expect(token.balances()).toEqual([800n, 0n, 200n]);
    expect(token.number("allowance", alice, bob)).toBe(100n);
    expect(token.number("allowance", bob, alice)).toBe(0n);
    expect(() => token.send(bob, "transferFrom", alice, carol, amount(101n))).toThrow(
      new Reverted("allowance too low"),
    );
    token.send(alice, "approve", bob, amount(5_000n));
    expect(() => token.send(bob, "transferFrom", alice, carol, amount(801n))).toThrow(new Reverted("balance too low"));
    expect(token.number("allowance", alice, bob)).toBe(5_000n);
  });

  test("never makes or loses a token, whoever sends to whom", () => {
    const party = fc.constantFrom(alice, bob, carol);
    const step = fc.record({
      from: party,
      to: party,
      by: party,
      value: fc.bigInt({ min: 0n, max: 700n }),
      kind: fc.nat(2),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const token = new Token(1_000n);
        for (const { from, to, by, value, kind } of steps) {
          try {
            if (kind === 0) token.send(from, "transfer", to, amount(value));
            else if (kind === 1) token.send(from, "approve", by, amount(value));
            else token.send(by, "transferFrom", from, to, amount(value));
          } catch (error) {
            expect(error).toBeInstanceOf(Reverted);
          }
          expect(token.balances().reduce((sum, balance) => sum + balance)).toBe(1_000n);
        }
      }),
      { numRuns: 30 },
    );
  });

  test("has this ABI", () => {
    const fields = (list: Abi["events"][number]["fields"]) =>
      list.map(({ name, type }) => `${name}: ${typeToText(type, abi)}`).join(", ");
    const methods = abi.methods.map(({ name, mutability, params, returns }) => {
      return `${mutability} ${name}(${fields(params)})${returns === null ? "" : `: ${typeToText(returns, abi)}`}`;
    });
    expect(methods).toEqual([
      "view name(): string",
      "view symbol(): string",
      "view totalSupply(): u128",
      "init init(name: string, symbol: string, supply: u128)",
      "view balanceOf(owner: address): u128",
      "view allowance(owner: address, spender: address): u128",
      "call transfer(to: address, amount: u128)",
      "call approve(spender: address, amount: u128)",
      "call transferFrom(owner: address, to: address, amount: u128)",
    ]);
    expect(abi.events.map(({ name, fields: list }) => `${name}(${fields(list)})`)).toEqual([
      "Transfer(from: address, to: address, amount: u128)",
      "Approval(owner: address, spender: address, amount: u128)",
    ]);
    expect(
      abi.types.map(({ name, doc, shape }) => [name, doc, shape.kind === "struct" && fields(shape.fields)]),
    ).toEqual([["Grant", "Whose tokens, and who may move them.", "owner: address, spender: address"]]);
    const storage = abi.storage.map(({ name, prefix, key, value }) => {
      expect([...prefix]).toEqual([name.length, ...utf8(name)]);
      return `${name}: ${key === null ? "" : `${typeToText(key, abi)} -> `}${typeToText(value, abi)}`;
    });
    expect(storage).toEqual([
      "name: string",
      "symbol: string",
      "totalSupply: u128",
      "balances: address -> u128",
      "allowances: Grant -> u128",
    ]);
    expect(decodeAbi(abiSection(wasm))).toEqual(abi);
  });
});

function abiSection(wasm: Uint8Array): Uint8Array {
  const sections = inspect.customSections(new WebAssembly.Module(new Uint8Array(wasm)), ABI_SECTION);
  expect(sections).toHaveLength(1);
  return new Uint8Array(sections[0]!);
}

describe("the module", () => {
  const hostFunctions = new Set(
    (
      "self_address caller signer value block_height block_time gas_left chain_id input return_data revert last_result " +
      "storage_get storage_set storage_remove storage_has emit sha256 debug_log"
    ).split(" "),
  );
  const initialised = `
    let calls = new Array<u32>();
    @contract class Initialised { @view calls(): i32 { return calls.push(1); } }`;

  test.each([
    ["counter", () => buildExample("counter"), []],
    ["token", () => buildExample("token"), []],
    ["one of every type", async () => everyType, []],
    ["one not optimised", () => buildSource(everyTypeSource, { optimize: false }), []],
    ["one with module-level code", () => buildSource(initialised), ["_initialize"]],
  ])("%s exports its methods and memory, imports the host, starts nothing, has no float", async (_, build, more) => {
    const { wasm, abi, warnings } = await build();
    const module = new WebAssembly.Module(new Uint8Array(wasm));
    const exports = inspect.exports(module).map(({ name, kind }) => `${kind} ${name}`);
    const methods = [...abi.methods.map(({ name }) => name), ...more].map((name) => `function ${name}`);
    expect(exports.sort()).toEqual([...methods, "memory memory"].sort());
    for (const { module: from, name } of inspect.imports(module)) {
      expect([from, hostFunctions.has(name)]).toEqual(["lockstep", true]);
    }
    const wabt = await wabtLoader();
    const wat = wabt.readWasm(new Uint8Array(wasm), {}).toText({});
    expect(wat).not.toMatch(/(?<![a-z0-9])f(32|64)/);
    expect(wat).not.toMatch(/\(start\b/);
    expect(warnings).toEqual([]);
  });

  test("is small", async () => {
    const sizes = await Promise.all(
      ["counter", "token"].map(async (name) => {
        const { wasm } = await buildExample(name);
        return wasm.length;
      }),
    );
    expect(sizes[0]).toBeLessThanOrEqual(640);
    expect(sizes[1]).toBeLessThanOrEqual(4_096);
  });

  test("is the same from any folder, and by any spelling of the path", async () => {
    const source = `
      import { Amount, Paid } from "./lib/amount";
      import { emit } from "lockstep/sdk";
      @contract class Same {
        @call pay(amount: Amount): Amount { assert(amount.value > 1, "too small"); emit(new Paid(amount)); return amount; }
      }`;
    const library = `
      @struct export class Amount { value: u64; }
      @event export class Paid { constructor(public amount: Amount) {} }`;
    const places = [path.join(folder, "a"), path.join(folder, "b", "deeper", "still")];
    const built = places.map(async (place) => {
      mkdirSync(path.join(place, "lib"), { recursive: true });
      writeFileSync(path.join(place, "lib", "amount.ts"), library);
      const entry = path.join(place, "same.ts");
      writeFileSync(entry, source);
      const absolute = await buildContract({ entry });
      const relative = await buildContract({ entry: path.relative(process.cwd(), entry) });
      expect(hex(relative.wasm)).toBe(hex(absolute.wasm));
      return hex(absolute.wasm);
    });
    const [first, second] = await Promise.all(built);
    expect(second).toBe(first);
    expect(Buffer.from(first!, "hex").includes(Buffer.from(folder))).toBe(false);
    expect(Buffer.from(first!, "hex").includes(Buffer.from(folder, "utf16le"))).toBe(false);
  });

  test("may have nothing but init and migrate, and clients of other contracts in files of their own", async () => {
    const own = path.join(folder, "clients");
    mkdirSync(own, { recursive: true });
    writeFileSync(
      path.join(own, "bank.ts"),
      `import { ContractClient as Client } from "lockstep/sdk";
      @client export declare class Bank extends Client { deposit(name: string): u64; }`,
    );
    const entry = path.join(own, "contract.ts");
    writeFileSync(
      entry,
      `import { Bank } from "./bank";
      import { Address } from "lockstep/sdk";
      @contract class Saver {
        saved: u64;
        @init init(bank: Address): void { this.saved = new Bank(bank).deposit("me"); }
        @migrate migrate(): void {}
      }`,
    );
    const { abi, wasm } = await buildContract({ entry });
    expect(abi.methods.map(({ name, mutability }) => `${mutability} ${name}`)).toEqual([
      "init init",
      "migrate migrate",
    ]);
    const imports = inspect.imports(new WebAssembly.Module(new Uint8Array(wasm)));
    expect(imports.map(({ name }) => name)).toContain("call");
  });

  test("has doc comments as people wrote them, without the stars", async () => {
    const { abi } = await buildSource(`
      /* no doc */
      @contract class Documented {
        /**
         * First line,
         * second line.
         */
        @view one(): u8 { return 1; }
        /** Of something else. */
        helper(): void {}
        @view two(): u8 { return 2; }
        /** The field's. */
        @view
        three: u8;
      }`);
    expect(abi.doc).toBe("");
    expect(abi.methods.map(({ name, doc }) => [name, doc])).toEqual([
      ["one", "First line,\nsecond line."],
      ["two", ""],
      ["three", "The field's."],
    ]);
  });

  test("has a source map when asked, with paths relative to the entry", async () => {
    const { sourceMap } = await buildSource("@contract class Mapped { @view one(): u8 { return 1; } }", {
      sourceMap: true,
    });
    const { sources } = JSON.parse(sourceMap!);
    expect(sources).toContain("contract.ts");
    for (const source of sources) expect(path.isAbsolute(source)).toBe(false);
  });
});

describe("a build that fails", () => {
  /** Where `^` is in the source is where the diagnostic must point. */
  const refusals: readonly (readonly [law: string, source: string, message: RegExp])[] = [
    [
      "a name nobody declared",
      "@contract class C { @view a(): u8 { return ^missing; } }",
      /Cannot find name 'missing'/,
    ],
    ["a syntax error", "@contract class C { @view a(): u8 { return 1; ^) } }", /Expression expected/],
    ["a type mismatch", '@contract class C { @view a(): u8 { return ^"a"; } }', /not assignable/],
    ["an unknown type", "@contract class C { @view a(b: ^Missing): void {} }", /Cannot find name 'Missing'/],
    ["an unknown stored type", "@contract class C { a: ^Missing; @view b(): void {} }", /Cannot find name 'Missing'/],
    [
      "an import nobody provides",
      'import { a } from ^"./nowhere"; @contract class C { @view b(): u8 { return a; } }',
      /nowhere.* not found/,
    ],
    ["no contract", "^class C {}", /no class is marked @contract/],
    [
      "two contracts",
      "@contract class C { @view a(): void {} } @contract class ^D { @view a(): void {} }",
      /D is a second contract/,
    ],
    ["no method", "@contract class ^C { a: u8; }", /no method/],
    ["number", "@contract class C { @view a(b: ^number): void {} }", /number is a floating-point type.*u64 or u128/],
    ["f32 stored", "@contract class C { a: ^f32; @view b(): void {} }", /f32 is a floating-point type/],
    ["floats in a list", "@contract class C { @view a(): ^f64[] { return []; } }", /floating-point/],
    [
      "a float literal",
      "@contract class C { @view ^a(): i32 { const b = 1.5; return i32(b * 2); } }",
      /floating point/,
    ],
    ["Math", "@contract class C { @view ^a(b: i32): i32 { return i32(Math.sqrt(b)); } }", /floating point/],
    ["parseInt", "@contract class C { @view ^a(b: string): i32 { return i32(parseInt(b)); } }", /floating point/],
    ["usize", "@contract class C { @view a(b: ^usize): void {} }", /cannot cross the contract's border/],
    [
      "a plain class",
      "class P { a: u8; } @contract class C { @view a(b: ^P): void {} }",
      /mark a class of your own @struct/,
    ],
    ["a Map", "@contract class C { a: ^Map<u8, u8>; @view b(): void {} }", /cannot cross/],
    ["a function", "@contract class C { @view a(b: ^() => void): void {} }", /cannot cross/],
    [
      "a map in a map",
      IMPORT_MAP("@contract class C { a: ^StorageMap<u8, StorageMap<u8, u8>>; @view b(): void {} }"),
      /only be a field/,
    ],
    [
      "a map as a parameter",
      IMPORT_MAP("@contract class C { @view b(c: ^StorageMap<u8, u8>): void {} }"),
      /only be a field/,
    ],
    [
      "a map assigned",
      IMPORT_MAP("@contract class C { a: StorageMap<u8, u8>; @call b(): void { this.a = this.a; } }"),
      /cannot be assigned/,
    ],
    ["a field without a type", "@contract class C { ^a; @view b(): void {} }", /Type expected/],
    ["a stored field with a value", "@contract class C { a: u8 = ^1; @view b(): void {} }", /first value in @init/],
    ["a readonly stored field", "@contract class C { readonly ^a: u8; @view b(): void {} }", /cannot be readonly/],
    ["a constructor", "@contract class C { ^constructor() {} @view b(): void {} }", /no constructor/],
    ["@init not named init", "@contract class C { @init ^start(): void {} }", /must be named init/],
    ["init not marked @init", "@contract class C { ^init(): void {} @view b(): void {} }", /must be marked @init/],
    ["init marked @call", "@contract class C { @call ^init(): void {} }", /must be marked @init/],
    ["@migrate not named migrate", "@contract class C { @migrate ^renew(): void {} }", /must be named migrate/],
    [
      "migrate not marked @migrate",
      "@contract class C { ^migrate(): void {} @view b(): void {} }",
      /must be marked @migrate/,
    ],
    ["migrate marked @init", "@contract class C { @init ^migrate(): void {} }", /must be marked @migrate/],
    ["two accesses", "@contract class C { @call @internal @reentrant ^a(): void {} }", /both @internal and @reentrant/],
    ["an internal init", "@contract class C { @init @internal ^init(): void {} }", /only the chain runs init/],
    [
      "a reentrant migrate",
      "@contract class C { @reentrant @migrate ^migrate(): void {} }",
      /only the chain runs migrate/,
    ],
    [
      "an access of a method that is none of the interface",
      "@contract class C { @internal ^a(): void {} @view b(): void {} }",
      /must be marked @view, @call or @payable too/,
    ],
    [
      "an access of a field that has no view",
      "@contract class C { @reentrant ^a: u8; @view b(): void {} }",
      /must be marked @view, @call or @payable too/,
    ],
    [
      "an access of a function",
      "^@internal function f(): void {} @contract class C { @view b(): void {} }",
      /does not belong/,
    ],
    [
      "@private, which is no word of the language",
      "@contract class C { ^@private @call a(): void {} }",
      /Identifier expected/,
    ],
    ["two decorators", "@contract class C { @call @view ^a(): void {} }", /both/],
    [
      "a misspelt decorator",
      "@contract class C { ^@veiw a(): void {} @view b(): void {} }",
      /@veiw does not belong here; expected is one of @init, @view/,
    ],
    ["a class decorator misspelt", "^@contrct class C { @view b(): void {} }", /@contrct does not belong here/],
    ["a generic method", "@contract class C { @view ^a<T>(): void {} }", /type parameters/],
    ["a generic contract", "@contract class ^C<T> { @view a(): void {} }", /type parameters/],
    ["a contract that extends", "class B {} @contract class C extends ^B { @view a(): void {} }", /cannot extend/],
    ["an extended contract", "@contract class C { @view a(): void {} } class D extends ^C {} new D();", /final/],
    ["a static method", "@contract class C { @view static ^a(): void {} }", /plain method/],
    ["a decorated getter", "@contract class C { @view get ^a(): u8 { return 1; } }", /plain method/],
    ["an optional parameter", "@contract class C { @view a(^b: u8 = 1): void {} }", /neither optional nor rest/],
    ["a method called memory", "@contract class C { @view ^memory(): void {} }", /cannot be called memory/],
    ["a struct without fields", "@struct class ^S {} @contract class C { @view a(): void {} }", /has no fields/],
    [
      "a struct in itself",
      "@struct class S { a: ^S | null; } @contract class C { @view a(b: S): void {} }",
      /contains itself/,
    ],
    [
      "a client with bodies",
      CLIENT("class ^T extends ContractClient { a(): void {} }"),
      /write `declare class T extends ContractClient`/,
    ],
    ["a client that extends nothing", CLIENT("declare class ^T { a(): void; }"), /write `declare class T/],
    [
      "a client that extends another class",
      CLIENT("declare class T extends ^Address { pay(): void; }"),
      /T must extend ContractClient/,
    ],
    ["a generic client", CLIENT("declare class ^T<U> extends ContractClient { a(): void; }"), /type parameters/],
    ["a client with a field", CLIENT("declare class T extends ContractClient { ^a: u8; }"), /nothing but signatures/],
    [
      "a client with a constructor",
      CLIENT("declare class T extends ContractClient { ^constructor(); }"),
      /nothing but signatures/,
    ],
    [
      "a client with a getter",
      CLIENT("declare class T extends ContractClient { get ^a(): u8; }"),
      /nothing but signatures/,
    ],
    [
      "a client with a static method",
      CLIENT("declare class T extends ContractClient { static ^a(): u8; }"),
      /nothing but signatures/,
    ],
    [
      "a client with a generic method",
      CLIENT("declare class T extends ContractClient { ^a<U>(): void; }"),
      /nothing but signatures/,
    ],
    [
      "a client with two methods of a name",
      CLIENT("declare class T extends ContractClient { a(): void; ^a(): u8; }"),
      /Duplicate identifier/,
    ],
    [
      "a client's method that is marked",
      CLIENT("declare class T extends ContractClient { ^@view a(): void; }"),
      /@view does not belong/,
    ],
    [
      "a client's optional parameter",
      CLIENT("declare class T extends ContractClient { a(^b: u8 = 1): void; }"),
      /neither optional/,
    ],
    [
      "a client that is called with another type",
      CLIENT("declare class T extends ContractClient { a(b: u8): void; }", 'new T(new Address()).a(^"text");'),
      /not assignable/,
    ],
    [
      "a client's parameter of a plain class",
      CLIENT("declare class T extends ContractClient { a(b: ^P): void; } class P { a: u8; }"),
      /mark a class of your own @struct/,
    ],
    [
      "a client's result of a floating-point type",
      CLIENT("declare class T extends ContractClient { a(): ^f64; }"),
      /floating-point/,
    ],
    [
      "a client that is a struct",
      CLIENT("@struct declare class ^T extends ContractClient { a(): void; }"),
      /both @client and @struct/,
    ],
    [
      "an event that is none",
      'import { emit } from "lockstep/sdk"; class E {} @contract class C { @call a(): void { emit(new E()); } }',
      /marked @event/,
    ],
    [
      "an import of another host",
      "declare function ^now(): i64; @contract class C { @view a(): i64 { return now(); } }",
      /imports nothing but the host/,
    ],
    ["console", '@contract class C { @view a(): void { console.log("a"); } }', /imports nothing but the host/],
    ["trace", '@contract class C { @view a(): void { ^trace("a"); } }', /Cannot find name 'trace'/],
    [
      "a variable of type void, which asc itself cannot bear",
      "@contract class C { @view a(): void { let b: void; } }",
      /asc itself failed/,
    ],
    ["two methods of a name", "@contract class C { @view a(): void {} @view ^a(): void {} }", /a is declared twice/],
    ["two stored fields of a name", "@contract class C { a: u8; ^a: u16; @view b(): void {} }", /a is declared twice/],
    [
      "a stored field and a method of a name",
      "@contract class C { a: u8; @view ^a(): void {} }",
      /a is declared twice/,
    ],
    [
      "two structs of a name",
      "@struct class S { a: u8; } @struct class ^S { b: u8; } @contract class C { @view b(): void {} }",
      /second struct/,
    ],
    [
      "an event of too long a name",
      `@event class ^${"E".repeat(65)} {} @contract class C { @view b(): void {} }`,
      /at most 64 bytes/,
    ],
  ];

  test.each(refusals)("%s is refused where it stands", async (_, marked, message) => {
    const at = marked.indexOf("^");
    const source = `// line one\n${marked.replace("^", "")}`;
    const failure = await buildSource(source).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(InputError);
    const { code, message: shown, details } = failure as InputError;
    expect(code).toBe("build_failed");
    expect(shown).toMatch(message);
    expect(shown).toMatch(/^\S+:\d+:\d+: /);
    if (at < 0) return;
    const diagnostics = details!.diagnostics as { file: string; line: number; column: number; message: string }[];
    const matching = diagnostics.find((diagnostic) => message.test(diagnostic.message))!;

    expect([matching.line, matching.column, path.basename(matching.file)]).toEqual([2, at + 1, "contract.ts"]);
  });

  test("lists every mistake, not the first alone", async () => {
    const source =
      "@contract class C {\n  a: f32;\n  b: f64 = 1;\n  @veiw c(): void {}\n  @view d(e: number): void {}\n}";
    const failure = (await buildSource(source).catch((error: unknown) => error)) as InputError;
    expect(failure.message.split("\n").map((line) => line.replace(/^.*contract\.ts:(\d+):.*$/, "$1"))).toEqual([
      "3",
      "4",
    ]);
  });

  test.each(["missing.ts", "", "."])("an entry that is no file is refused: %j", async (name) => {
    const entry = path.join(folder, name);
    await expect(buildContract({ entry })).rejects.toMatchObject({ code: "file_not_found" });
  });
});

/** A contract beside a class that is marked `@client`. */
function CLIENT(declaration: string, statement = ""): string {
  return `import { Address, ContractClient } from "lockstep/sdk"; @contract class C { @call b(): void { ${statement} } } @client ${declaration}`;
}

function IMPORT_MAP(source: string): string {
  return `import { StorageMap } from "lockstep/sdk"; ${source}`;
}
