/** What contracts and senders can do to the output of `lockstep dev`: not steer it, not break it, not flood it. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Event, Status } from "../node/block.ts";
import { toHex } from "../node/rpc/json.ts";
import type { BlockRecord, TransactionRecord } from "../node/rpc/service.ts";
import {
  abi,
  asking,
  call,
  chain,
  control,
  deployed,
  having,
  hostile,
  land,
  moduleWith,
  opened,
  piped,
  printed,
  sampleModule,
  short,
  string,
  text,
  utf8,
} from "../test/support/landed.ts";
import { transfer } from "../test/support/signing.ts";
import { bob } from "../test/support/test-chain.ts";
import { type Abi, encodeAbi } from "../vm/abi.ts";
import * as borsh from "../vm/borsh.ts";
import { readAbi } from "./abi-lookup.ts";
import type { DevChain } from "./dev-output.ts";
import { LINE_LENGTH_MAX } from "./transaction-line.ts";

describe("text of strangers", () => {
  test("neither steers a terminal nor passes for a line, wherever it stands", async () => {
    const { test, contract } = await deployed();
    const { record } = await land(test, [call(contract, "tell", string("hi"))]);
    fc.assert(
      fc.property(hostile, hostile, hostile, (one, two, three) => {
        const eventName = [...three].slice(0, 4).join("");
        const named: Abi = {
          ...abi,
          name: one,
          methods: [{ ...abi.methods[1]!, name: two, params: [{ name: three, type: text }] }],
          events: [{ name: eventName, fields: [{ name: one, type: text }], doc: "" }],
          errors: [{ name: two, code: 7, fields: [{ name: one, type: text }], doc: "" }],
        };
        const module = moduleWith(encodeAbi(named));
        const events = [eventName, "E"].map((name) => ({
          contract,
          topics: [utf8.encode(name)],
          data: string(two),
        }));
        const asked = having(asking(record, [call(contract, two, string(one))]), { events });
        const statuses: Status[] = [
          { kind: "success" },
          { kind: "revert", code: 0, data: utf8.encode(one) },
          { kind: "revert", code: 7, data: string(three) },
        ];
        for (const status of statuses) {
          for (const label of [undefined, one]) {
            const of = { code: () => module, label: () => label };
            const lines = printed(having(asked, { status }), [one, two, three], of);
            // Head, action, logs, events; of a failure also how to look closer.
            expect(lines.length).toBe(status.kind === "success" ? 7 : 8);
            for (const [index, line] of lines.entries()) {
              expect(line).not.toMatch(control);
              expect(line).toMatch(index === 0 ? /^block 2 {2}0x[0-9a-f]{8} {2}[^ ]/ : /^ {2}[^ ]/);
            }
            const { output, written } = opened(of, { isTTY: false });
            output.transaction(having(asked, { status }), [one, two, three]);
            expect(written.join("").slice(0, -1)).not.toMatch(control);
            expect(JSON.parse(written.join("")).logs).toEqual([one, two, three]);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  test("is told from structure", async () => {
    const { test, contract } = await deployed();
    const { record } = await land(test, [call(contract, "tell", string("a, b: c)"))]);
    expect(printed(record).at(-1)).toBe('  event: E(what: "a, b: c)")');
    for (const odd of ["null", "true", "", " "]) {
      const { record } = await land(test, [call(contract, "tell", string(odd))]);
      expect(printed(record).at(-1)).toBe(`  event: E(what: ${JSON.stringify(odd)})`);
    }
  });
});

describe("ABIs of strangers", () => {
  test("that are broken explain nothing, and break nothing", async () => {
    const { test, contract } = await deployed();
    const { record } = await land(test, [call(contract, "tell", string("hi"))]);
    const data = toHex(string("hi"));
    const modules = [
      new Uint8Array(),
      Uint8Array.of(1, 2),
      moduleWith(Uint8Array.of(9, 9)),
      moduleWith(encodeAbi(abi).slice(0, -1)),
    ];
    for (const module of modules) {
      expect(readAbi(module)).toBeNull();
      const lines = printed(record, [], { ...chain, code: () => module });
      expect(lines.slice(1)).toEqual([`  ${short(contract)}.tell(${data})`, `  event: E ${data}`]);
    }
  });

  test("and their contracts' data, whatever they are, give bounded lines and one object", async () => {
    const { test, contract } = await deployed();
    const { record } = await land(test, [call(contract, "tell", string("hi"))]);
    const encoded = encodeAbi(abi);
    fc.assert(
      fc.property(fc.nat(encoded.length - 1), fc.nat(255), fc.uint8Array({ maxLength: 24 }), (at, byte, data) => {
        const changed = encoded.slice();
        changed[at] = byte;
        const of = { ...chain, code: () => moduleWith(changed) };
        const odd = having(asking(record, [call(contract, "tell", data)]), {
          status: { kind: "revert", code: 7, data },
          events: [{ contract, topics: [utf8.encode("E")], data }],
        });
        expect(printed(odd, [], of).length).toBe(4);
        expect(piped(odd, [], of)).toMatchObject({ kind: "transaction", events: [{ data: toHex(data) }] });
      }),
    );
  });

  test("are read anew when the code is another", async () => {
    const { test, contract } = await deployed();
    const { record } = await land(test, [call(contract, "get")]);
    let module = sampleModule;
    const { output, written } = opened({ ...chain, code: () => module });
    output.transaction(record, []);
    module = moduleWith(encodeAbi({ ...abi, name: "Other" }));
    output.transaction(record, []);
    expect(written.map((block) => /(\w+)@/.exec(block)![1])).toEqual(["Sample", "Other"]);
  });
});

describe("however much there is,", () => {
  const event = (contract: Uint8Array, data: Uint8Array): Event => ({ contract, topics: [utf8.encode("E")], data });

  function expectBounded(record: TransactionRecord, logs: readonly string[], of: DevChain) {
    const began = performance.now();
    const lines = printed(record, logs, of);
    expect(lines.length).toBeLessThanOrEqual(96);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(2_000);
    const { output, written } = opened(of, { isTTY: false });
    output.transaction(record, logs);
    expect(written[0]!.length).toBeLessThan(LINE_LENGTH_MAX);
    expect(performance.now() - began).toBeLessThan(15_000);
    return { lines, line: JSON.parse(written[0]!) };
  }

  test("a thousand events are some lines and a count, and all of them in a pipe", async () => {
    const { test, contract } = await deployed();
    const { record } = await land(test, [call(contract, "chatter", Uint8Array.of(0, 4, 0, 0, ...string("x")))]);
    expect(record.receipt.events.length).toBe(1_024);
    const { lines, line } = expectBounded(record, ["one"], chain);
    expect(lines.filter((line) => line === "  event: E(what: x)").length).toBe(32);
    expect(lines.slice(-2)).toEqual([
      "  and 992 more events",
      `  lockstep tx ${toHex(record.receipt.transactionHash)}`,
    ]);
    expect(line.events.length).toBe(1_024);
    expect(line).not.toHaveProperty("leftOut");
  });

  test("256 logs of 4 KiB are some lines and a count, and in a pipe as many as have room", async () => {
    const { test, contract } = await deployed();
    const { record } = await land(test, [call(contract, "tell", string("x"))]);
    for (const character of ["x", "\u009b", "\u0000"]) {
      const logs = Array.from({ length: 256 }, () => character.repeat(4 * 1024));
      const { lines, line } = expectBounded(record, logs, chain);
      expect(lines.filter((line) => /^ {2}log: .*\.\.\. \(of 4096 characters\)$/.test(line)).length).toBe(32);
      expect(lines.at(-2)).toBe("  and 224 more log lines");
      expect(line.logs.length).toBeGreaterThan(16);
      expect(line.logs.length + line.leftOut.logs).toBe(256);
      expect(line.events.length + (line.leftOut.events ?? 0)).toBe(1);
    }
  });

  test("every part is bounded at once", async () => {
    const { test, contract } = await deployed();
    const { record } = await land(test, [call(contract, "get")]);
    const [result] = record.receipt.actions;
    const bytes = new Uint8Array(64 * 1024).fill(0x1b);
    const actions = Array.from({ length: 16 }, () => call(contract, "m".repeat(70_000), bytes, 2n ** 128n - 1n));
    const created = Array.from({ length: 10_000 }, () => contract);
    const all = (status: Status) =>
      having(asking(record, actions), {
        status,
        actions: actions.map(() => ({ ...result!, returnData: bytes, created })),
        events: Array.from({ length: 16 }, () => event(contract, bytes.slice(0, 16 * 1024))),
      });
    const logs = Array.from({ length: 256 }, () => "\u202e".repeat(1_365));
    const long = { ...chain, label: () => "\u0000".repeat(10_000) };
    expectBounded(all({ kind: "success" }), logs, long);
    const { line } = expectBounded(all({ kind: "revert", code: 0, data: bytes }), logs, long);
    expect(line.status).toEqual({ kind: "revert", code: 0, data: toHex(bytes) });
  });

  const u8 = { kind: "scalar", name: "u8" } as const;
  const longName = "n".repeat(25_000);
  /** An event with a list of types that hold each other; of `depth` in all. */
  function nested(depth: number): Abi {
    const types: Abi["types"] = Array.from({ length: depth - 1 }, (_, index) => ({
      name: `T${index}`,
      shape: { kind: "struct", fields: [{ name: "f", type: index === 0 ? u8 : { kind: "named", index: index - 1 } }] },
      doc: "",
    }));
    const type = { kind: "vec", inner: { kind: "named", index: depth - 2 } } as const;
    return { ...abi, types, events: [{ name: "E", fields: [{ name: "f", type }], doc: "" }] };
  }
  const wordy: Abi = {
    ...nested(2),
    types: [{ name: "T", shape: { kind: "struct", fields: [{ name: longName, type: u8 }] }, doc: "" }],
    errors: [{ name: longName, code: 7, fields: [], doc: "" }],
  };

  test.each([
    ["8 deep", nested(8), true],
    ["9 deep", nested(9), false],
    ["60 deep", nested(60), false],
    ["with long names", wordy, true],
    ["larger than 64 KiB", { ...wordy, doc: longName }, false],
  ])("an ABI %s does not make more of it", async (_, hostile, isUsed) => {
    const { test, contract } = await deployed();
    const { record } = await land(test, [call(contract, "tell", string("x"))]);
    const data = borsh.encode(borsh.bytes, new Uint8Array(16 * 1024 - 4));
    const events = Array.from({ length: 4 }, () => event(contract, data));
    const of = { ...chain, code: () => moduleWith(encodeAbi(hostile)) };
    const { lines, line } = expectBounded(having(record, { events }), [], of);
    expect(lines.filter((line) => line.startsWith(isUsed ? "  event: E(f: [{" : "  event: E 0x")).length).toBe(4);
    expect(line.events[0]).toMatchObject({ fields: null, data: toHex(data) });
    const status: Status = { kind: "revert", code: 7, data: new Uint8Array() };
    expectBounded(having(record, { events, status }), [], of);
  });

  test("of a block's transactions a hundred are shown, and all of them in a pipe", async () => {
    const { test } = await deployed();
    const { block } = await land(test, [transfer(bob.address, 1n)]);
    const many: BlockRecord = {
      ...block,
      block: { ...block.block, transactions: Array.from({ length: 250 }, () => block.block.transactions[0]!) },
      receipts: Array.from({ length: 250 }, () => block.receipts[0]!),
    };
    const terminal = opened(chain);
    terminal.output.block(many, []);
    expect(terminal.written.length).toBe(101);
    expect(terminal.written.at(-1)).toBe("block 2  and 150 more transactions: lockstep block 2\n");
    const pipe = opened(chain, { isTTY: false });
    pipe.output.block(many, []);
    expect(pipe.written.map((line) => JSON.parse(line).index)).toEqual([...Array(250).keys(), undefined]);
  });
});
