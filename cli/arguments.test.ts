import { describe, expect, test } from "vitest";
import { addressFromText, addressToText } from "../node/address.ts";
import { codeOf } from "../test/support/refusals.ts";
import type { Abi, AbiField, AbiType, ScalarName } from "../vm/abi.ts";
import { decodeArgs } from "../vm/abi-values.ts";
import { bindArguments, flagOf, type OptionSpec, parameterOf, readArguments, takeOptions } from "./arguments.ts";

const abi: Abi = { version: 1, name: "t", types: [], methods: [], events: [], errors: [], storage: [], doc: "" };
const field = (name: string, type: ScalarName): AbiField => ({ name, type: { kind: "scalar", name: type } as AbiType });
const addresses = { fromText: addressFromText, toText: addressToText };

const transferFrom = [field("from", "address"), field("to", "address"), field("amount", "u128")];

function option(long: string, required: boolean, short?: string): OptionSpec {
  return { long, short, required, attributeName: () => long.slice(2) };
}

const bind = (params: readonly AbiField[], ...tokens: string[]) =>
  Object.fromEntries(bindArguments(abi, params, tokens));

describe("options among other words", () => {
  const specs = [option("--url", true), option("--json", false), option("--help", false, "-h")];

  test("are taken out and leave the order of the rest", () => {
    const { options, rest } = takeOptions(["transfer", "--json", "--to", "x", "--url=ws://a", "-5", "-h"], specs);
    expect(Object.fromEntries(options)).toEqual({ json: true, url: "ws://a", help: true });
    expect(rest).toEqual(["transfer", "--to", "x", "-5"]);
  });

  test("a value may look like an option", () => {
    const { options, rest } = takeOptions(["--url", "--json"], specs);
    expect(Object.fromEntries(options)).toEqual({ url: "--json" });
    expect(rest).toEqual([]);
  });

  test("nothing behind -- is an option", () => {
    const { options, rest } = takeOptions(["a", "--", "--json"], specs);
    expect(options.size).toBe(0);
    expect(rest).toEqual(["a", "--", "--json"]);
  });

  test("the last of two wins", () => {
    expect(takeOptions(["--url", "a", "--url", "b"], specs).options.get("url")).toBe("b");
  });

  test.each([
    ["a value that is missing", ["--url"]],
    ["a value where none belongs", ["--json=yes"]],
  ])("%s is refused", (_, tokens) => {
    expect(codeOf(() => takeOptions(tokens, specs))).toBe("usage");
  });
});

describe("flags of parameters", () => {
  test.each([
    ["amount", "--amount"],
    ["tokenId", "--token-id"],
    ["token_id", "--token-id"],
    ["baseURL", "--base-url"],
    ["x2", "--x2"],
  ])("%s is %s", (name, flag) => {
    expect(flagOf(name)).toBe(flag);
    expect(parameterOf(flag, [field(name, "u8")])?.name).toBe(name);
    expect(parameterOf(`--${name}`, [field(name, "u8")])?.name).toBe(name);
  });

  test("a form that two parameters share means neither", () => {
    const params = [field("tokenId", "u8"), field("token_id", "u8")];
    expect(parameterOf("--token-id", params)).toBeUndefined();
    expect(parameterOf("--token_id", params)?.name).toBe("token_id");
    expect(parameterOf("--tokenId", params)?.name).toBe("tokenId");
  });
});

describe("arguments", () => {
  test("go by flag, by position, or both", () => {
    const expected = { from: "a", to: "b", amount: "5" };
    expect(bind(transferFrom, "a", "b", "5")).toEqual(expected);
    expect(bind(transferFrom, "--amount", "5", "--to=b", "--from", "a")).toEqual(expected);
    expect(bind(transferFrom, "--to", "b", "a", "5")).toEqual(expected);
  });

  test("may be negative numbers, flags behind = or anything behind --", () => {
    expect(bind([field("delta", "i64")], "-5")).toEqual({ delta: "-5" });
    expect(bind([field("delta", "i64")], "--delta", "-5")).toEqual({ delta: "-5" });
    expect(bind([field("text", "string")], "--text=--json")).toEqual({ text: "--json" });
    expect(bind([field("text", "string")], "--text=a=b")).toEqual({ text: "a=b" });
    expect(bind([field("text", "string")], "--", "--text")).toEqual({ text: "--text" });
    expect(bind([field("text", "string")], "")).toEqual({ text: "" });
    expect(bind([field("text", "string")], "-")).toEqual({ text: "-" });
  });

  test("a parameter named as a property of every object is a parameter", () => {
    expect(bindArguments(abi, [field("__proto__", "u8")], ["--__proto__", "5"]).get("__proto__")).toBe("5");
  });

  test.each([
    ["an unknown flag", ["--too", "x"], "argument_unknown"],
    ["one argument too many", ["a", "b", "5", "6"], "argument_unknown"],
    ["a flag given twice", ["--to", "a", "--to", "b"], "argument_duplicate"],
    ["a flag without a value", ["--amount"], "argument_missing"],
    ["a parameter's name in another case", ["--TO", "a"], "argument_unknown"],
  ])("%s is refused", (_, tokens, code) => {
    expect(codeOf(() => bindArguments(abi, transferFrom, tokens))).toBe(code);
  });

  test("become the borsh tuple of the method", () => {
    const [from, to] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
    const tokens = ["--from", addressToText(from), "--to", addressToText(to), "5"];
    expect(decodeArgs(abi, transferFrom, readArguments(abi, transferFrom, tokens, addresses))).toEqual({
      from,
      to,
      amount: 5n,
    });
  });

  test.each([
    ["too few", ["5"], "argument_type"],
    ["none", [], "argument_missing"],
    ["an address in upper case", [addressToText(new Uint8Array(32)).toUpperCase(), "x", "5"], "argument_type"],
  ])("%s are refused", (_, tokens, code) => {
    expect(codeOf(() => readArguments(abi, transferFrom, tokens, addresses))).toBe(code);
  });

  test("an option may be left out", () => {
    const memo: AbiField = { name: "memo", type: { kind: "option", inner: { kind: "scalar", name: "string" } } };
    expect(readArguments(abi, [memo], [], addresses)).toEqual(Uint8Array.of(0));
    expect(readArguments(abi, [memo], ["null"], addresses)).toEqual(Uint8Array.of(0));
    expect(readArguments(abi, [memo], ["a"], addresses)).toEqual(Uint8Array.of(1, 1, 0, 0, 0, 97));
  });
});
