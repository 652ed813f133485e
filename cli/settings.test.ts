import { Command } from "commander";
import { expect, test } from "vitest";
import { codeOf } from "../test/support/refusals.ts";
import { InputError } from "../vm/errors.ts";
import { CommandError, during, exitCodeMeanings, exitCodeOf, exitCodes } from "./exit-codes.ts";
import { printable, rows, toJson } from "./output.ts";
import { readAmount, readHash, readInteger } from "./scalars.ts";
import { type Settings, settingsOf, withShared } from "./settings.ts";

function settingsFor(argv: readonly string[], environment: NodeJS.ProcessEnv = {}): Settings {
  let settings: Settings | undefined;
  const program = withShared(new Command().enablePositionalOptions(), "url", "from", "json");
  withShared(program.command("x"), "url", "from", "json").action((_options, command: Command) => {
    settings = settingsOf(command, environment);
  });
  program.parse([...argv], { from: "user" });
  return settings!;
}

test("without options and environment the defaults hold", () => {
  expect(settingsFor(["x"])).toMatchObject({ url: "ws://127.0.0.1:4600", from: "dev0", json: false });
});

test("an option wins over the environment, and the nearer option over the farther", () => {
  const environment = { LOCKSTEP_URL: "ws://env", LOCKSTEP_FROM: "alice" };
  expect(settingsFor(["x"], environment)).toMatchObject({ url: "ws://env", from: "alice" });
  expect(settingsFor(["--url", "ws://a", "x"], environment).url).toBe("ws://a");
  expect(settingsFor(["--url", "ws://a", "x", "--url", "ws://b"], environment).url).toBe("ws://b");
  expect(settingsFor(["--json", "x"]).json).toBe(true);
  expect(settingsFor(["x", "--json"]).json).toBe(true);
});

test("an empty variable is no variable", () => {
  const environment = { LOCKSTEP_URL: "", LOCKSTEP_PASSWORD: "", LOCKSTEP_MNEMONIC: "" };
  const settings = settingsFor(["x"], environment);
  expect(settings.url).toBe("ws://127.0.0.1:4600");
  expect("password" in settings).toBe(false);
  expect("mnemonic" in settings).toBe(false);
});

test("bad input ends with the code of its step, everything else with a fault", async () => {
  const bad = () => {
    throw new InputError("code", "message", { hint: "hint", details: { a: 1 } });
  };
  const inStep = await during(exitCodes.file, bad).catch((error) => error);
  expect(inStep).toBeInstanceOf(CommandError);
  expect(inStep).toMatchObject({ code: "code", message: "message", hint: "hint", details: { a: 1 }, exitCode: 3 });
  const nested = await during(exitCodes.node, () => during(exitCodes.file, bad)).catch((error) => error);
  expect(exitCodeOf(nested)).toBe(exitCodes.file);
  expect(exitCodeOf(new InputError("code", "message"))).toBe(exitCodes.usage);
  expect(exitCodeOf(new Error("ours"))).toBe(exitCodes.fault);
  await expect(during(exitCodes.file, () => Promise.reject(new TypeError("ours")))).rejects.toThrow(TypeError);
});

test("every exit code is documented once", () => {
  expect(exitCodeMeanings.map(([code]) => code)).toEqual(Object.values(exitCodes));
});

test("no control character of a stranger reaches the terminal", () => {
  expect(printable("a\u001b[31mb\u0007\r\u009b2J\u202ec\td\ne")).toBe(
    "a\\u{1b}[31mb\\u{7}\\u{d}\\u{9b}2J\\u{202e}c\\u{9}d\ne",
  );
  expect(printable("Grüße, 世界 🎉")).toBe("Grüße, 世界 🎉");
});

test("labels stand in one column and amounts are decimal strings", () => {
  expect(
    rows([
      ["a", "1"],
      ["long", "2"],
    ]),
  ).toEqual(["  a     1", "  long  2"]);
  expect(rows([])).toEqual([]);
  expect(toJson({ amount: 2n ** 70n })).toBe('{"amount":"1180591620717411303424"}');
});

test.each(["0", "7", "340282366920938463463374607431768211455"])("%s is an amount", (text) => {
  expect(readAmount(text)).toBe(BigInt(text));
});

test.each([
  "",
  "-1",
  "+1",
  "1.0",
  "1e3",
  "0x10",
  "1_000",
  " 1",
  "340282366920938463463374607431768211456",
  "9".repeat(50),
])("%j is no amount", (text) => {
  expect(codeOf(() => readAmount(text))).toBe("amount_invalid");
});

test.each(["", "-1", "1.5", "ten", "0x1", "9007199254740992", "1e3"])("%j is no number", (text) => {
  expect(codeOf(() => readInteger(text, "height"))).toBe("number_invalid");
});

test("a number keeps to its range", () => {
  expect(readInteger("65535", "port", { max: 65_535 })).toBe(65_535);
  expect(codeOf(() => readInteger("65536", "port", { max: 65_535 }))).toBe("number_invalid");
  expect(codeOf(() => readInteger("0", "count", { min: 1 }))).toBe("number_invalid");
});

test.each(["", "0x", "ab".repeat(32), `0x${"ab".repeat(31)}`, `0x${"ab".repeat(33)}`, `0x${"zz".repeat(32)}`])(
  "%j is no hash",
  (text) => {
    expect(codeOf(() => readHash(text))).toBe("hash_invalid");
  },
);

test("a hash has one spelling", () => {
  expect(readHash(`0x${"AB".repeat(32)}`)).toBe(`0x${"ab".repeat(32)}`);
});
