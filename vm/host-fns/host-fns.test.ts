import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { createContract, createTestHost, type TestCall } from "../../test/support/contracts.ts";
import { hostPrices } from "../metering/schedule.ts";
import { hostFunctions } from "./table.ts";

const signatures = [...hostFunctions.values()].map(({ name, params, result }) => {
  const types = params.length > 0 ? `(param ${params.join(" ")})` : "";
  return `(import "lockstep" "${name}" (func $${name} ${types} ${result === null ? "" : `(result ${result})`}))`;
});

/** Runs instructions with every host function at hand; bytes 0 to 99 of the memory are 1, 2, 3... */
function run(body: string, options: TestCall = {}) {
  const bytes = Array.from({ length: 100 }, (_, i) => `\\${(i + 1).toString(16).padStart(2, "0")}`).join("");
  const { prepared, call } = createContract(
    `(module ${signatures.join("\n")} (memory 1) (data (i32.const 0) "${bytes}") (func (export "run") ${body}))`,
  );
  const host = options.host ?? createTestHost();
  const result = call("run", { gasLimit: 10_000_000, ...options, host });
  return { ...result, host, guestGas: result.gasUsed - prepared.instantiateGas };
}

/** What the guest returns after `body` has put something at 1024. */
function at1024(length: number, body: string, options: TestCall = {}): number[] {
  const { outcome } = run(`${body} i32.const 1024 i32.const ${length} call $return_data`, options);
  if (outcome.kind !== "success") throw new Error(JSON.stringify(outcome));
  return [...outcome.data];
}

test("facts about the call arrive as they are", () => {
  expect(at1024(32, "i32.const 1024 call $self_address")).toEqual(new Array(32).fill(1));
  expect(at1024(32, "i32.const 1024 call $caller")).toEqual(new Array(32).fill(2));
  expect(at1024(32, "i32.const 1024 call $signer")).toEqual(new Array(32).fill(3));
  expect(at1024(16, "i32.const 1024 call $value")).toEqual([2, 1, ...new Array(14).fill(0)]);
  expect(at1024(8, "i32.const 1024 call $block_height i64.store")).toEqual([7, 0, 0, 0, 0, 0, 0, 0]);
  const time = Buffer.from(at1024(8, "i32.const 1024 call $block_time i64.store")).readBigUInt64LE();
  expect(time).toBe(1_700_000_000_123n);
  const chainId = at1024(10, "i32.const 1024 i32.const 32 call $chain_id drop");
  expect(Buffer.from(chainId).toString()).toBe("test-chain");
});

test("gas_left is what the guest still has once the call is paid", () => {
  const { guestGas } = run("call $gas_left drop");
  const left = Buffer.from(at1024(8, "i32.const 1024 call $gas_left i64.store")).readBigUInt64LE();
  expect(left).toBeLessThan(10_000_000n);
  expect(guestGas).toBe(6 + 1 + hostPrices.gas_left.base);
});

describe("a variable-length result", () => {
  const input = Uint8Array.from({ length: 40 }, (_, i) => i);

  test("is copied when it fits, and its full length returned", () => {
    expect(
      at1024(40, "i32.const 1024 i32.const 40 call $input i32.const 40 i32.ne if unreachable end", { input }),
    ).toEqual([...input]);
  });

  test("leaves memory alone when it does not fit, and can be fetched in parts", () => {
    const tooSmall = "i32.const 1024 i32.const 39 call $input i32.const 40 i32.ne if unreachable end";
    expect(at1024(40, tooSmall, { input })).toEqual(new Array(40).fill(0));
    const fetch = `${tooSmall} i32.const 1024 i32.const 38 i32.const 2 call $last_result`;
    expect(at1024(3, fetch, { input })).toEqual([38, 39, 0]);
    const past = `${tooSmall} i32.const 1024 i32.const 39 i32.const 2 call $last_result`;
    expect(run(past, { input }).outcome).toEqual({ kind: "halt", reason: "BadHostArgument" });
    const wrapped = `${tooSmall} i32.const 1024 i32.const -1 i32.const 1 call $last_result`;
    expect(run(wrapped, { input }).outcome).toEqual({ kind: "halt", reason: "BadHostArgument" });
  });
});

test("storage keeps bytes as they are: set, has, get, remove", () => {
  const set = "i32.const 0 i32.const 4 i32.const 10 i32.const 3 call $storage_set";
  const get = "i32.const 0 i32.const 4 i32.const 1024 i32.const 8 call $storage_get";
  expect(at1024(4, `${set} ${get} i32.const 3 i32.ne if unreachable end`)).toEqual([11, 12, 13, 0]);
  expect(run(`${get} i32.const -1 i32.ne if unreachable end`).outcome.kind).toBe("success");
  const has = "i32.const 0 i32.const 4 call $storage_has";
  expect(run(`${set} ${has} i32.const 1 i32.ne if unreachable end`).outcome.kind).toBe("success");
  const remove = "i32.const 0 i32.const 4 call $storage_remove";
  const { outcome, host } = run(`${set} ${remove} ${remove} ${has} if unreachable end`);
  expect(outcome.kind).toBe("success");
  expect(host.storage.size).toBe(0);
});

test("an empty value is a value", () => {
  const set = "i32.const 0 i32.const 1 i32.const 0 i32.const 0 call $storage_set";
  const get = "i32.const 0 i32.const 1 i32.const 1024 i32.const 0 call $storage_get if unreachable end";
  const { outcome, host } = run(`${set} ${get} i32.const 0 i32.const 1 call $storage_has i32.eqz if unreachable end`);
  expect(outcome.kind).toBe("success");
  expect(host.storage.size).toBe(1);
});

test("the last return data counts, and none is empty", () => {
  expect(run("").outcome).toEqual({ kind: "success", data: new Uint8Array() });
  const two = "i32.const 0 i32.const 5 call $return_data i32.const 7 i32.const 1 call $return_data";
  expect(run(two).outcome).toEqual({ kind: "success", data: Uint8Array.of(8) });
});

test("revert ends the guest at once, with an unsigned code, and returns the unused gas", () => {
  const { outcome, gasUsed, host } = run(
    "i32.const -1 i32.const 0 i32.const 2 call $revert i32.const 0 i32.const 1 i32.const 0 i32.const 1 call $storage_set",
  );
  expect(outcome).toEqual({ kind: "revert", code: 0xffff_ffff, data: Uint8Array.of(1, 2) });
  expect(gasUsed).toBeLessThan(100_000);
  expect(host.storage.size).toBe(0);
});

test("sha256 agrees with OpenSSL", () => {
  const bytes = Uint8Array.from({ length: 100 }, (_, i) => i + 1);
  for (const length of [0, 1, 55, 56, 64, 100]) {
    const expected = createHash("sha256").update(bytes.subarray(0, length)).digest();
    expect(at1024(32, `i32.const 0 i32.const ${length} i32.const 1024 call $sha256`)).toEqual([...expected]);
  }
  // The result may lie over its own input.
  const expected = createHash("sha256")
    .update(Uint8Array.of(1, 2, 3))
    .digest();
  const over = run("i32.const 0 i32.const 3 i32.const 1 call $sha256 i32.const 1 i32.const 32 call $return_data");
  expect(over.outcome).toEqual({ kind: "success", data: Uint8Array.from(expected) });
});

describe("events", () => {
  // The topics "ab" at 2048 as a borsh list of one.
  const topics =
    "i32.const 2048 i32.const 1 i32.store i32.const 2052 i32.const 2 i32.store i32.const 2056 i32.const 0x6261 i32.store16";
  const emit = "i32.const 2048 i32.const 10 i32.const 0 i32.const 3 call $emit";

  test("carry topics and data in order", () => {
    const { outcome, host } = run(`${topics} ${emit} ${emit}`);
    expect(outcome.kind).toBe("success");
    const event = { topics: [Uint8Array.of(0x61, 0x62)], data: Uint8Array.of(1, 2, 3) };
    expect(host.events).toEqual([event, event]);
  });

  test("beyond what the host holds halt the call", () => {
    expect(run(`${topics} ${`${emit} `.repeat(4)}`).outcome).toEqual({ kind: "halt", reason: "OutputLimit" });
  });

  const bad: [string, string][] = [
    ["no topics", "i32.const 3000 i32.const 4 i32.const 0 i32.const 0 call $emit"],
    ["bytes after the list", `${topics} i32.const 2048 i32.const 11 i32.const 0 i32.const 0 call $emit`],
    ["a list cut short", `${topics} i32.const 2048 i32.const 9 i32.const 0 i32.const 0 call $emit`],
    [
      "five topics",
      "i32.const 3000 i32.const 5 i32.store i32.const 3000 i32.const 24 i32.const 0 i32.const 0 call $emit",
    ],
    [
      "a topic of 65 bytes",
      "i32.const 3000 i32.const 1 i32.store i32.const 3004 i32.const 65 i32.store i32.const 3000 i32.const 73 i32.const 0 i32.const 0 call $emit",
    ],
    ["a length that promises 4 GiB", `${topics} i32.const 2052 i32.const -1 i32.store ${emit}`],
  ];
  for (const [name, body] of bad) {
    test(`with ${name} halt the call`, () => {
      const { outcome, host } = run(body);
      expect(outcome).toEqual({ kind: "halt", reason: "BadHostArgument" });
      expect(host.events).toEqual([]);
    });
  }
});

test("debug text changes nothing, and damaged text is shown as well as it can be", () => {
  const { host, outcome } = run(
    "i32.const 64 i32.const 2 call $debug_log i32.const 3000 i32.const 0xff i32.store8 i32.const 3000 i32.const 1 call $debug_log",
  );
  expect(outcome.kind).toBe("success");
  expect(host.logs).toEqual(["AB", "\ufffd"]);
});

describe("a region outside memory halts before anything is paid or done", () => {
  const cases: [string, string][] = [];
  // Every parameter is a pointer but these.
  const isNumber = /Length$|^(capacity|offset|length|code|count|limit|reverse|recoveryId|gas)$/;
  for (const { name, params, paramNames } of hostFunctions.values()) {
    for (const [place, paramName] of paramNames.entries()) {
      if (isNumber.test(paramName)) continue;
      for (const pointer of [65_536, 65_535, -1, 0x7fff_ffff]) {
        const args = params.map((type, i) => `${type}.const ${i === place ? pointer : 2}`);
        cases.push([name, `${args.join(" ")} call $${name}`]);
      }
    }
  }
  for (const [name, call] of cases) {
    test(call, () => {
      const drop = hostFunctions.get(name)!.result === null ? "" : "drop";
      const { outcome, host } = run(`${call} ${drop}`);
      expect(outcome).toEqual({ kind: "halt", reason: "MemoryOutOfBounds" });
      expect(host.storage.size + host.events.length + host.logs.length + host.messages.length).toBe(0);
    });
  }

  test("and so does a length that wraps around", () => {
    expect(run("i32.const 16 i32.const -8 call $return_data").outcome).toMatchObject({ reason: "MemoryOutOfBounds" });
    expect(run("i32.const -8 i32.const 16 call $return_data").outcome).toMatchObject({ reason: "MemoryOutOfBounds" });
  });
});

describe("limits of host arguments", () => {
  const cases: [string, string][] = [
    ["BadHostArgument", "i32.const 0 i32.const 0 call $storage_has drop"],
    ["BadHostArgument", "i32.const 0 i32.const 1025 call $storage_has drop"],
    ["BadHostArgument", "i32.const 0 i32.const 0 i32.const 0 i32.const 1 call $storage_set"],
    ["OutputLimit", "i32.const 2 memory.grow drop i32.const 0 i32.const 65537 call $return_data"],
    ["OutputLimit", "i32.const 2 memory.grow drop i32.const 0 i32.const 0 i32.const 65537 call $revert"],
    [
      "BadHostArgument",
      "i32.const 2 memory.grow drop i32.const 0 i32.const 1 i32.const 0 i32.const 65537 call $storage_set",
    ],
    [
      "OutputLimit",
      "i32.const 3000 i32.const 1 i32.store i32.const 3000 i32.const 8 i32.const 0 i32.const 16385 call $emit",
    ],
  ];
  for (const [reason, body] of cases) {
    test(`${reason}: ${body}`, () => expect(run(body).outcome).toEqual({ kind: "halt", reason }));
  }

  test("the longest key and the largest value are taken", () => {
    const body = "i32.const 0 i32.const 1024 i32.const 0 i32.const 65536 call $storage_set";
    expect(run(body).outcome.kind).toBe("success");
  });
});

test("memory that grew during the call is seen by the next host function", () => {
  const body =
    "i32.const 0 i32.const 1 call $debug_log i32.const 1 memory.grow drop i32.const 131071 i32.const 1 call $return_data";
  expect(run(body).outcome).toEqual({ kind: "success", data: Uint8Array.of(0) });
});

test("a read-only call may read, return and log, and may not write or emit", () => {
  const writes = [
    "i32.const 0 i32.const 1 i32.const 0 i32.const 1 call $storage_set",
    "i32.const 0 i32.const 1 call $storage_remove",
    "i32.const 0 i32.const 4 i32.const 0 i32.const 0 call $emit",
  ];
  for (const body of writes) {
    expect(run(body, { readOnly: true }).outcome).toEqual({ kind: "halt", reason: "ReadOnlyViolation" });
  }
  const reads =
    "i32.const 0 i32.const 1 call $storage_has drop i32.const 0 i32.const 1 call $debug_log i32.const 0 i32.const 1 call $return_data";
  expect(run(reads, { readOnly: true }).outcome).toEqual({ kind: "success", data: Uint8Array.of(1) });
});

describe("each call is paid before it acts: exactly enough works, one less does nothing", () => {
  const cases: [string, number][] = [
    [
      "i32.const 0 i32.const 5 i32.const 0 i32.const 7 call $storage_set",
      4 + 6 + hostPrices.storage_set.base + 12 * 20,
    ],
    ["i32.const 0 i32.const 5 call $debug_log", 2 + 6 + hostPrices.debug_log.base + 5 * hostPrices.debug_log.perByte],
    [
      "i32.const 0 i32.const 5 i32.const 9 call $sha256",
      3 + 6 + hostPrices.sha256.base + 5 * hostPrices.sha256.perByte,
    ],
  ];
  for (const [body, cost] of cases) {
    test(body, () => {
      const { guestGas, gasUsed } = run(body);
      expect(guestGas).toBe(cost);
      expect(run(body, { gasLimit: gasUsed }).outcome.kind).toBe("success");
      const short = run(body, { gasLimit: gasUsed - 1 });
      expect(short.outcome).toEqual({ kind: "halt", reason: "OutOfGas" });
      expect(short.host.storage.size + short.host.logs.length).toBe(0);
    });
  }

  test("gas already overdrawn halts at the host call, before its arguments are looked at", () => {
    // The block behind br_if accrues without comparing, so the host call is the first check point that sees it.
    const body = `block i32.const 0 br_if 0 ${"i32.const 0 drop ".repeat(5_000)} i32.const -1 i32.const -1 call $return_data end`;
    const enough = run(body);
    expect(enough.outcome).toEqual({ kind: "halt", reason: "MemoryOutOfBounds" });
    const short = enough.gasUsed - enough.guestGas + 5_000;
    expect(run(body, { gasLimit: short }).outcome).toEqual({ kind: "halt", reason: "OutOfGas" });
  });
});

test("the table is what it says: each function has a price and a line of documentation", () => {
  expect([...hostFunctions.keys()].sort()).toEqual(Object.keys(hostPrices).sort());
  for (const { name, doc, price } of hostFunctions.values()) {
    expect(doc.length, name).toBeGreaterThan(10);
    expect(price.base, name).toBeGreaterThan(0);
  }
});
