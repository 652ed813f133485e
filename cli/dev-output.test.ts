/** What `lockstep dev` prints: JSON into a pipe, colours on a terminal, and what is no transaction. */
import { WriteStream } from "node:tty";
import { stripVTControlCharacters } from "node:util";
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import type { DevelopmentEvent } from "../devnet/powers.ts";
import { addressToText } from "../node/address.ts";
import { includedReceiptToJson, transactionToJson } from "../node/rpc/json.ts";
import type { BlockRecord } from "../node/rpc/service.ts";
import { call, chain, deployed, having, land, nobody, opened, piped, string, utf8 } from "../test/support/landed.ts";
import { transfer } from "../test/support/signing.ts";
import { alice, bob } from "../test/support/test-chain.ts";
import { createDevOutput } from "./dev-output.ts";

describe("into a pipe", () => {
  test("a transaction is one object, with everything that the RPC says of it", async () => {
    const { test, contract } = await deployed();
    const actions = [
      call(contract, "tell", string("hi")),
      call(contract, "get"),
      call(contract, "log", utf8.encode("seen")),
    ];
    const { record, logs } = await land(test, actions);
    const line = piped(record, logs);
    const transaction = transactionToJson(record);
    const receipt = includedReceiptToJson(record);
    expect(line).toEqual({
      kind: "transaction",
      ...transaction,
      status: receipt.status,
      gasUsed: receipt.gasUsed,
      fee: receipt.fee,
      actions: [
        { ...transaction.actions[0], ...receipt.actions[0], arguments: { what: "hi" } },
        { ...transaction.actions[1], ...receipt.actions[1], arguments: {}, returns: addressToText(alice.address) },
        { ...transaction.actions[2], ...receipt.actions[2] },
      ],
      created: [],
      logs: ["seen"],
      events: [{ ...receipt.events[0], fields: { what: "hi" } }],
    });
    expect(Object.keys(line).slice(0, 4)).toEqual(["kind", "height", "index", "hash"]);
    expect(piped(record, logs, nobody).events).toEqual([{ ...receipt.events[0], fields: null }]);
  });

  test("a revert has the ABI's error, and creates nothing", async () => {
    const { test, contract } = await deployed();
    const { record } = await land(test, [call(contract, "refuse", new Uint8Array(8))]);
    const created = having(record, { actions: [{ ...record.receipt.actions[0]!, created: [contract] }] });
    expect(piped(created)).toMatchObject({
      status: { kind: "revert", code: 7, data: "0x0000000000000000" },
      error: { name: "TooMuch", fields: { limit: "0" } },
      created: [],
    });
    expect(piped(created, [], nobody)).not.toHaveProperty("error");
  });

  test("blocks and what the developer does are lines too, and so is what nobody read", async () => {
    const { test, contract } = await deployed();
    const { block, logs } = await land(test, [call(contract, "log", utf8.encode("seen"))]);
    const { output, written, stream } = opened(chain, { isTTY: false });
    output.block(block, [logs]);
    output.event({ kind: "snapshot", id: 1, height: 2 });
    stream.writableLength = 2 ** 20;
    output.event({ kind: "time", time: 5 });
    output.event({ kind: "time", time: 6 });
    stream.writableLength = 0;
    output.event({ kind: "revert", height: 0 });
    const lines = written.map((line) => JSON.parse(line));
    expect(lines.map(({ kind }) => kind)).toEqual(["transaction", "block", "snapshot", "lost", "revert"]);
    expect(lines[0]).toMatchObject({ height: 2, index: 0, logs: ["seen"] });
    expect(lines[1]).toMatchObject({ height: 2, transactionCount: 1, gasUsed: block.header.gasUsed });
    expect(lines.slice(2)).toEqual([
      { kind: "snapshot", id: 1, height: 2 },
      { kind: "lost", count: 2 },
      { kind: "revert", height: 0 },
    ]);
  });

  test("--json is the same on a terminal", async () => {
    const { test } = await deployed();
    const { record } = await land(test, [transfer(bob.address, 1n)]);
    const written: string[] = [];
    const stream = {
      writableLength: 0,
      isTTY: true,
      hasColors: () => true,
      on: () => {},
      write: (text: string) => written.push(text),
    };
    createDevOutput(stream, chain, { json: true }).transaction(record, []);
    expect(JSON.parse(written.join(""))).toEqual(piped(record));
  });
});

describe("colours", () => {
  test("are for terminals that have them, and change no text", async () => {
    const { test, contract } = await deployed();
    const { record } = await land(test, [
      call(contract, "tell", string("hi")),
      call(contract, "refuse", new Uint8Array(8)),
    ]);
    const write = (hasColors: boolean) => {
      const { output, written } = opened(chain, { hasColors: () => hasColors });
      output.transaction(record, ["seen"]);
      output.event({ kind: "snapshot", id: 1, height: 2 });
      return written.join("");
    };
    expect(write(false)).not.toContain("\u001b");
    expect(write(true)).toContain("\u001b[31mreverted: TooMuch(limit: 0)\u001b[39m");
    expect(stripVTControlCharacters(write(true))).toBe(write(false));
  });

  test.each([
    [{ TERM: "xterm" }, true],
    [{ TERM: "xterm", NO_COLOR: "1" }, false],
    [{ TERM: "dumb" }, false],
    [{ TERM: "dumb", FORCE_COLOR: "1" }, true],
  ])("with %j: %s", async (environment, isColoured) => {
    for (const name of ["NO_COLOR", "FORCE_COLOR", "NODE_DISABLE_COLORS", "COLORTERM", "CI", "TMUX"])
      vi.stubEnv(name, undefined);
    for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
    const terminal = Object.create(WriteStream.prototype) as WriteStream;
    const { output, written } = opened(nobody, { hasColors: () => terminal.hasColors() });
    output.event({ kind: "revert", height: 2 });
    vi.unstubAllEnvs();
    expect(written.join("").includes("\u001b[")).toBe(isColoured);
    expect(stripVTControlCharacters(written.join(""))).toBe("back at block 2\n");
  });
});

describe("what is no transaction", () => {
  test.each([
    [{ kind: "snapshot", id: 3, height: 12 }, "snapshot 3 of block 12"],
    [{ kind: "revert", height: 0 }, "back at block 0"],
    [{ kind: "time", time: 1_735_689_600_000 }, "the next block's time is 2025-01-01T00:00:00.000Z"],
    [{ kind: "time", time: Number.MAX_SAFE_INTEGER }, "the next block's time is 9007199254740991 ms after 1970"],
  ] as [DevelopmentEvent, string][])("%j reads: %s", (event, expected) => {
    const { output, written } = opened(nobody);
    output.event(event);
    expect(written).toEqual([`${expected}\n`]);
  });

  test("a thousand empty blocks are a few lines, which name each block once, before what comes next", async () => {
    vi.useFakeTimers();
    try {
      const { test } = await deployed();
      const { header } = await test.extend([]).then(({ block }) => block);
      const empty = (height: number): BlockRecord => {
        return {
          header: { ...header, height },
          hash: new Uint8Array(32),
          block: { header, transactions: [] },
          receipts: [],
        };
      };
      const steps = fc.array(fc.oneof(fc.constant("event"), fc.nat(90_000), fc.constant("mine")), { maxLength: 40 });
      fc.assert(
        fc.property(steps, (steps) => {
          const { output, written } = opened(nobody);
          let height = 0;
          let eventCount = 0;
          for (const step of steps) {
            if (step === "mine") for (let i = 0; i < 100; i++) output.block(empty(++height), []);
            else if (typeof step === "number") vi.advanceTimersByTime(step);
            else {
              output.event({ kind: "time", time: height });
              eventCount++;
              expect(written.at(-1)).toMatch(/^the next/);
            }
            // The model: what was told so far, in order, up to what is held back.
            if (step === "event") expect(heightsOf(written)).toEqual(heightsTo(height));
          }
          output.end();
          expect(heightsOf(written)).toEqual(heightsTo(height));
          expect(written.length).toBeLessThanOrEqual(steps.length + eventCount + 1);
        }),
        { numRuns: 100 },
      );
      const { output, written } = opened(nobody);
      for (let height = 1; height <= 3_600; height++) {
        output.block(empty(height), []);
        vi.advanceTimersByTime(1_000);
      }
      expect(written[0]).toBe("block 1  empty\n");
      expect(written.length).toBeLessThan(80);
    } finally {
      vi.useRealTimers();
    }
  });
});

function heightsTo(height: number): number[] {
  return Array.from({ length: height }, (_, index) => index + 1);
}

function heightsOf(written: readonly string[]): number[] {
  return written.flatMap((line) => {
    const [, one, first, last] = /^block (\d+) {2}empty\n$|^blocks (\d+) to (\d+) {2}empty\n$/.exec(line) ?? [];
    if (one !== undefined) return [Number(one)];
    return first === undefined ? [] : heightsTo(Number(last)).slice(Number(first) - 1);
  });
}
