/** The log's two forms, and that no text in it steers a terminal or passes for a line of its own. */
import { stripVTControlCharacters } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Fault, InputError } from "../vm/errors.ts";
import { type LogOptions, openLog } from "./log.ts";

/** A log, and what it has written so far. */
async function open(options: Partial<LogOptions>, terminal: { isTTY?: boolean; hasColors?: () => boolean } = {}) {
  const written: string[] = [];
  const stream = { writableLength: 0, write: (text: string) => written.push(text), on: () => {}, ...terminal };
  const log = await openLog({ level: "info", format: "auto", ...options }, stream);
  return { log, written };
}

describe("which form", () => {
  test.each([
    ["auto", true, false],
    ["auto", false, true],
    ["json", true, true],
    ["pretty", false, false],
  ] as const)("%s on a terminal (%s) is JSON: %s", async (format, isTTY, isJson) => {
    const { log, written } = await open({ format }, { isTTY });
    log.info({ height: 5 }, "hello");
    expect(written.length).toBe(1);
    if (isJson) {
      const { time, ...rest } = JSON.parse(written[0]!);
      expect(rest).toEqual({ level: "info", height: 5, msg: "hello" });
      expect(Math.abs(Date.parse(time) - Date.now())).toBeLessThan(60_000);
    } else {
      expect(written[0]).toMatch(/^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: hello \{"height":5\}\n$/);
    }
  });

  test("colours are for terminals that have them", async () => {
    for (const [hasColors, expected] of [
      [true, true],
      [false, false],
    ]) {
      const { log, written } = await open({}, { isTTY: true, hasColors: () => hasColors! });
      log.error({}, "hello");
      expect(stripVTControlCharacters(written[0]!) !== written[0]).toBe(expected);
      expect(stripVTControlCharacters(written[0]!)).toMatch(/ERROR: hello\n$/);
    }
  });
});

test("the level says what is left out", async () => {
  const levels = ["debug", "info", "warn", "error"] as const;
  for (const [index, level] of [...levels, "silent" as const].entries()) {
    const { log, written } = await open({ level });
    for (const each of levels) log[each]({}, each);
    expect(written.map((line) => JSON.parse(line).msg)).toEqual(levels.slice(index));
  }
});

test("an error is told with its code and hint, and a fault with where it was", async () => {
  const { log, written } = await open({});
  log.warn({ error: new InputError("storage_full", "no space", { hint: "Make room." }) }, "stopped");
  log.error({ err: new Fault("ours") }, "fault");
  const [first, second] = written.map((line) => JSON.parse(line));
  expect(first.error).toEqual({ code: "storage_full", message: "no space", hint: "Make room." });
  expect(second.err).toMatchObject({ type: "Fault", message: "ours", stack: expect.stringContaining("log.test") });
});

test("facts that are no JSON do not bring the node down", async () => {
  for (const format of ["json", "pretty"] as const) {
    const { log, written } = await open({ format });
    const circle: Record<string, unknown> = { amount: 2n ** 70n, none: undefined, not: Number.NaN };
    circle.self = circle;
    log.info(circle, "odd");
    expect(written.length).toBe(1);
  }
});

/** What a terminal obeys, and what turns text around. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this is about
const control = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;
const hostile = fc.string({
  unit: fc.oneof(
    fc.constantFrom(
      "\u001b[2J",
      "\u009b31m",
      "\n",
      "\r",
      "\u0007",
      "\u202e",
      "\u2028",
      "\u2066",
      '"',
      "\\",
      "{",
      "é",
      "🎉",
    ),
    fc.string({ maxLength: 3, unit: "binary" }),
  ),
  maxLength: 12,
});

/** Those that pino and pino-pretty know among them. */
const key = fc.oneof(hostile, fc.constantFrom("name", "pid", "hostname", "caller", "stack", "type", "message", "code"));

describe("text of strangers", () => {
  test("is the same text for who reads the JSON, and one harmless line", async () => {
    const { log, written } = await open({});
    fc.assert(
      fc.property(hostile, key, hostile, (message, key, value) => {
        fc.pre(!["level", "time", "msg", "err", "error", "__proto__"].includes(key));
        written.length = 0;
        log.info({ [key]: value, nested: [{ [key]: value }] }, message);
        const [line, ...others] = written;
        expect(others).toEqual([]);
        expect(line!.endsWith("\n")).toBe(true);
        expect(line!.slice(0, -1)).not.toMatch(control);
        const wellFormed = (each: string) => each.toWellFormed();
        const read = JSON.parse(line!);
        expect(wellFormed(read.msg)).toBe(wellFormed(message));
      }),
    );
  });

  test("is one harmless line on a terminal", async () => {
    const { log, written } = await open({ format: "pretty" });
    fc.assert(
      fc.property(hostile, key, hostile, (message, key, value) => {
        fc.pre(!["level", "time", "msg", "err", "error", "__proto__"].includes(key));
        written.length = 0;
        log.info({ [key]: value, nested: [{ [key]: value }] }, `m${message}`);
        const [line, ...others] = written;
        expect(others).toEqual([]);
        expect(line!.slice(0, -1)).not.toMatch(control);
      }),
    );
  });

  test("cannot pass for a second line through an error either", async () => {
    const { log, written } = await open({ format: "pretty" });
    const text = "a\n[12:00:00.000] INFO: all is well\u001b[2J";
    log.warn({ error: new InputError("bad", text), err: new Fault(text) }, "refused");
    const [, ...lines] = written.join("").trimEnd().split("\n");
    expect(lines.length).toBeGreaterThan(1);
    for (const line of lines) expect(line).toMatch(/^ {4}/);
    expect(lines.join("")).not.toMatch(control);
  });
});
