import { expect, test } from "vitest";
import { codeOf } from "../test/support/refusals.ts";
import { readParameters } from "./commands/rpc.ts";

test.each([
  [[], {}],
  [["height=3"], { height: 3 }],
  [["hash=0x61", "limit=2"], { hash: "0x61", limit: 2 }],
  [["after=12-0-3"], { after: "12-0-3" }],
  [["name=a=b"], { name: "a=b" }],
  [["name="], { name: "" }],
  [["name=null"], { name: null }],
  [['keys=["0x61"]'], { keys: ["0x61"] }],
  [['name="3"'], { name: "3" }],
  [["amount=18446744073709551616"], { amount: "18446744073709551616" }],
  [['{"height":3}'], { height: 3 }],
  [["{}"], {}],
])("%j are the parameters %j", (parameters, params) => {
  expect(readParameters(parameters)).toEqual(params);
});

test.each([
  ["text without a name", ["3"]],
  ["an empty name", ["=3"]],
  ["one name twice", ["height=3", "height=4"]],
  ["an object that is none", ["{height:3}"]],
  ["an object and more", ['{"height":3}', "limit=2"]],
])("%s is refused", (_, parameters) => {
  expect(codeOf(() => readParameters(parameters))).toBe("usage");
});
