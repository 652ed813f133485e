import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { addressToText } from "../node/address.ts";
import { codeOf } from "../test/support/refusals.ts";
import { ContractAliases } from "./contracts.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lockstep-aliases-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const one = new Uint8Array(32).fill(1);
const two = new Uint8Array(32).fill(2);
const file = () => join(folder, ".lockstep", "contracts.json");

test("an alias points where it was set last, also for the next process", () => {
  const aliases = new ContractAliases(folder, "0xaa");
  expect(aliases.set("token", one)).toBeNull();
  expect(aliases.set("token", two)).toEqual(one);
  expect(new ContractAliases(folder, "0xaa").find("token")).toEqual(two);
  expect(readdirSync(join(folder, ".lockstep"))).toEqual(["contracts.json"]);
});

test("an alias never points into another chain", () => {
  new ContractAliases(folder, "0xaa").set("token", one);
  const other = new ContractAliases(folder, "0xbb");
  expect(other.find("token")).toBeNull();
  other.set("token", two);
  expect(new ContractAliases(folder, "0xaa").find("token")).toEqual(one);
  expect([...other.list()]).toEqual([["token", addressToText(two)]]);
});

test("looking up makes no file", () => {
  expect(new ContractAliases(folder, "0xaa").find("token")).toBeNull();
  expect(existsSync(file())).toBe(false);
});

test.each(["dev0", "lock1x"])("the alias %s is reserved", (alias) => {
  expect(codeOf(() => new ContractAliases(folder, "0xaa").set(alias, one))).toBe("name_reserved");
});

test.each(["", "Token", "__proto__", "a b", "../x"])("%j is no alias", (alias) => {
  expect(codeOf(() => new ContractAliases(folder, "0xaa").set(alias, one))).toBe("name_invalid");
});

test.each([
  ["no JSON", "{"],
  ["nothing", ""],
  ["null", "null"],
  ["another version", '{"version":2,"chains":{}}'],
  ["no chains", '{"version":1}'],
  ["an alias that is no name", '{"version":1,"chains":{"0xaa":{"A":"lock1"}}}'],
  ["an address that is none", '{"version":1,"chains":{"0xaa":{"a":"lock1"}}}'],
  ["an address that is a number", '{"version":1,"chains":{"0xaa":{"a":5}}}'],
])("a file with %s is refused and left alone", (_, text) => {
  mkdirSync(join(folder, ".lockstep"));
  writeFileSync(file(), text);
  const aliases = new ContractAliases(folder, "0xaa");
  expect(codeOf(() => aliases.find("a"))).toBe("aliases_corrupt");
  expect(codeOf(() => aliases.set("a", one))).toBe("aliases_corrupt");
});
