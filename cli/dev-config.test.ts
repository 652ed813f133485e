/** The settings of `lockstep dev`: from flags, environment and file, and what is refused. */
import { Command } from "commander";
import { describe, expect, test } from "vitest";
import { codeOf, refusalOf } from "../test/support/refusals.ts";
import { checkConfig, combine, defineFlags, readEnvironment, readFlags, sealingOf } from "./dev-config.ts";

function flagsOf(...argv: string[]) {
  let read: ReturnType<typeof readFlags> | undefined;
  const command = new Command("dev").exitOverride().configureOutput({ outputError: () => {} });
  defineFlags(command);
  command.action((options) => {
    read = readFlags(options);
  });
  command.parse(argv, { from: "user" });
  return read!;
}

const fileOf = (dev: object) => checkConfig({ dev }, "/project/lockstep.config.ts", "/project");

/** Every setting, as a file and as flags say it. */
const everything: readonly (readonly [object, readonly string[]])[] = [
  [{ port: 0 }, ["--port", "0"]],
  [{ host: "0.0.0.0" }, ["--host", "0.0.0.0"]],
  [{ data: "/chain" }, ["--data", "/chain"]],
  [{ accounts: 3 }, ["--accounts", "3"]],
  [{ mnemonic: "some words" }, ["--mnemonic", "some words"]],
  [{ chainId: "mine" }, ["--chain-id", "mine"]],
  [{ deterministic: true }, ["--deterministic"]],
  [{ deterministic: false }, ["--no-deterministic"]],
  [{ durability: "sync" }, ["--durability", "sync"]],
  [{ prune: 5 }, ["--prune", "5"]],
  [{ blockTime: 0.5 }, ["--block-time", "0.5"]],
  [{ blockTime: 2 }, ["-b", "2"]],
  [{ mixedMining: true }, ["--mixed-mining"]],
  [{ mixedMining: false }, ["--no-mixed-mining"]],
  [{ mining: false }, ["--no-mining"]],
  [{ mining: true }, ["--mining"]],
  [{ order: "fifo" }, ["--order", "fifo"]],
  [{ token: "s3cret" }, ["--token", "s3cret"]],
  [{ allowHost: ["devnet", "b.example"] }, ["--allow-host", "devnet", "--allow-host", "b.example"]],
  [{ allowHost: ["[fe80::1]"] }, ["--allow-host", "[fe80::1]"]],
  [{ allowOrigin: ["https://a.example:8080"] }, ["--allow-origin", "https://a.example:8080"]],
  [{ logLevel: "debug" }, ["--log-level", "debug"]],
  [{ logFormat: "json" }, ["--log-format", "json"]],
  [{ readyFile: "/run/ready.json" }, ["--ready-file", "/run/ready.json"]],
  [{ exitWithParent: true }, ["--exit-with-parent"]],
  [{ exitWithParent: false }, ["--no-exit-with-parent"]],
  [{ quiet: true }, ["--quiet"]],
  [{ quiet: false }, ["--no-quiet"]],
];

test.each(everything)("%j is the same in a file and as flags", (dev, argv) => {
  expect(fileOf(dev)).toEqual(dev);
  expect(flagsOf(...argv)).toEqual(dev);
});

test("nothing said is nothing chosen", () => {
  expect(flagsOf()).toEqual({});
  expect(fileOf({})).toEqual({});
  expect(checkConfig({}, "/project/lockstep.config.ts", "/project")).toEqual({});
  expect(readEnvironment({})).toEqual({});
  expect(readEnvironment({ LOCKSTEP_TOKEN: "", LOCKSTEP_MNEMONIC: "" })).toEqual({});
  expect(combine({}, {}, {})).toEqual({});
});

test("a flag wins over the environment, and that over the file", () => {
  const file = { mnemonic: "file", token: "file", port: 1 };
  const environment = readEnvironment({ LOCKSTEP_TOKEN: "environment", LOCKSTEP_MNEMONIC: "environment" });
  expect(combine({ token: "flag" }, environment, file)).toEqual({ mnemonic: "environment", token: "flag", port: 1 });
  expect(combine({}, {}, file)).toEqual(file);
});

test("a file's paths are seen from its own folder, and those of flags from where one stands", () => {
  const dev = { data: "chain", readyFile: "../ready.json" };
  expect(checkConfig({ dev }, "/project/a/lockstep.config.ts", "/project")).toEqual({
    data: "a/chain",
    readyFile: "ready.json",
  });
  expect(checkConfig({ dev }, "/project/lockstep.config.ts", "/project")).toEqual({
    data: "chain",
    readyFile: "../ready.json",
  });
  expect(checkConfig({ dev: { data: "/chain" } }, "/project/a/lockstep.config.ts", "/project")).toEqual({
    data: "/chain",
  });
  expect(flagsOf("--data", "chain")).toEqual({ data: "chain" });
});

describe("a file is refused, with its name and the key:", () => {
  test.each<[unknown, string, RegExp | undefined]>([
    [{ dev: { prot: 1 } }, "dev.prot", /^Is port meant\?/],
    [{ dev: { block_time: 1 } }, "dev.block_time", /^Is blockTime meant\?/],
    [{ dev: { "block-time": 1 } }, "dev.block-time", /^Is blockTime meant\?/],
    [{ dev: { chainID: "x" } }, "dev.chainID", /^Is chainId meant\?/],
    [{ dev: { frobnicate: 1 } }, "dev.frobnicate", /^The names are port, /],
    [{ dev: { readyFd: 3 } }, "dev.readyFd", undefined],
    [{ dev: JSON.parse('{"__proto__": 1}') }, "dev.__proto__", undefined],
    [{ dev: { constructor: 1 } }, "dev.constructor", undefined],
    [{ port: 1 }, "port", undefined],
    [{ dve: {} }, "dve", /^Is dev meant\?/],
    [{ dev: [] }, "dev", undefined],
    [{ dev: null }, "dev", undefined],
    [[], "", undefined],
    [null, "", undefined],
    ["dev", "", undefined],
    [() => ({}), "", undefined],
    [{ dev: { port: "4600" } }, "dev.port", undefined],
    [{ dev: { port: 65_536 } }, "dev.port", undefined],
    [{ dev: { port: 1.5 } }, "dev.port", undefined],
    [{ dev: { port: null } }, "dev.port", undefined],
    [{ dev: { accounts: 0 } }, "dev.accounts", undefined],
    [{ dev: { accounts: 1001 } }, "dev.accounts", undefined],
    [{ dev: { prune: -1 } }, "dev.prune", undefined],
    [{ dev: { blockTime: "1s" } }, "dev.blockTime", undefined],
    [{ dev: { blockTime: 0 } }, "dev.blockTime", undefined],
    [{ dev: { blockTime: Number.NaN } }, "dev.blockTime", undefined],
    [{ dev: { mining: 0 } }, "dev.mining", undefined],
    [{ dev: { quiet: "yes" } }, "dev.quiet", undefined],
    [{ dev: { order: "price" } }, "dev.order", undefined],
    [{ dev: { durability: "ram" } }, "dev.durability", undefined],
    [{ dev: { logLevel: "trace" } }, "dev.logLevel", undefined],
    [{ dev: { logFormat: true } }, "dev.logFormat", undefined],
    [{ dev: { token: 1 } }, "dev.token", undefined],
    [{ dev: { allowHost: "a" } }, "dev.allowHost", undefined],
    [{ dev: { allowHost: ["a", 1] } }, "dev.allowHost", undefined],
    [{ dev: { allowOrigin: ["a\r\nb"] } }, "dev.allowOrigin", undefined],
    [{ dev: { data: "" } }, "dev.data", undefined],
    [{ dev: { readyFile: "a\0b" } }, "dev.readyFile", undefined],
    [{ dev: { host: 1 } }, "dev.host", undefined],
  ])("%j", (value, key, hint) => {
    const error = refusalOf(() => checkConfig(value, "/project/lockstep.config.ts"));
    expect(error).toMatchObject({
      code: "config_invalid",
      exitCode: 3,
      details: { file: "/project/lockstep.config.ts", key },
    });
    expect(error.message).toContain("/project/lockstep.config.ts");
    expect(error.message).toContain(key);
    if (hint !== undefined) expect(error.hint).toMatch(hint);
  });
});

test.each([
  [["--port", "-1"], "number_invalid"],
  [["--port", "65536"], "number_invalid"],
  [["--accounts", "1001"], "number_invalid"],
  [["--block-time", "0"], "number_invalid"],
  [["--block-time", "0.001"], "number_invalid"],
  [["--block-time", "1e3"], "number_invalid"],
  [["--block-time", "100000"], "number_invalid"],
  [["--block-time", "2s"], "number_invalid"],
  [["--order", "price"], "order_invalid"],
  [["--durability", "ram"], "durability_invalid"],
  [["--log-level", "verbose"], "log_level_invalid"],
  [["--log-format", "xml"], "log_format_invalid"],
  [["--allow-host", ""], "host_invalid"],
  [["--allow-host", "a:80"], "host_invalid"],
  [["--allow-host", "http://a"], "host_invalid"],
  [["--allow-host", "*"], "host_invalid"],
  [["--allow-host", "a".repeat(256)], "host_invalid"],
  [["--allow-origin", "a.example"], "origin_invalid"],
  [["--allow-origin", "https://a.example/"], "origin_invalid"],
  [["--allow-origin", "*"], "origin_invalid"],
  [["--allow-origin", "https://a b"], "origin_invalid"],
  [["--data", ""], "path_invalid"],
])("the flags %j are refused: %s", (argv, code) => {
  expect(codeOf(() => flagsOf(...argv))).toBe(code);
});

describe("how blocks are made", () => {
  test.each([
    [{}, { kind: "transaction" }],
    [{ mining: true }, { kind: "transaction" }],
    [{ mining: false }, { kind: "manual" }],
    [{ blockTime: 0.25 }, { kind: "interval", intervalMs: 250 }],
    [
      { blockTime: 3, mixedMining: false },
      { kind: "interval", intervalMs: 3_000 },
    ],
    [
      { blockTime: 1.5, mixedMining: true },
      { kind: "mixed", intervalMs: 1_500 },
    ],
  ])("%j is %j", (config, sealing) => {
    expect(sealingOf(combine(config, {}, {}))).toEqual(sealing);
    expect(sealingOf(combine({}, {}, config))).toEqual(sealing);
  });

  test.each([
    [{ mining: false }, { blockTime: 2, mixedMining: true }, { kind: "manual" }],
    [{ blockTime: 2 }, { mining: false }, { kind: "interval", intervalMs: 2_000 }],
    [{ mixedMining: true }, { blockTime: 2 }, { kind: "mixed", intervalMs: 2_000 }],
    [{ mixedMining: false }, { blockTime: 2, mixedMining: true }, { kind: "interval", intervalMs: 2_000 }],
  ])("flags %j stand against a file's %j", (flags, file, sealing) => {
    expect(sealingOf(combine(flags, {}, file))).toEqual(sealing);
  });

  test.each([
    [{ mining: false, blockTime: 1 }],
    [{ mining: false, mixedMining: true }],
    [{ mixedMining: true }],
    [{ deterministic: true, blockTime: 1 }],
    [{ deterministic: true, blockTime: 1, mixedMining: true }],
    [{ deterministic: true, order: "fees" }],
  ] as const)("%j cannot be had together", (config) => {
    expect(refusalOf(() => combine(config, {}, {}))).toMatchObject({ code: "usage", hint: expect.stringMatching(/./) });
    expect(refusalOf(() => combine({}, {}, config)).code).toBe("usage");
  });
});
