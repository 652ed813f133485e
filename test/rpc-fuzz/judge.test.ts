/** The judge of the fuzzer sees what it is there to see: each of these answers is wrong in one way. */
import { describe, expect, test } from "vitest";
import { checkAnswer, checkRefusal, checkResponse, depthOf, expectationOf, Find } from "./judge.ts";

const good = { jsonrpc: "2.0", id: 1, result: true };
const error = { code: -32_602, message: "no", data: { code: "invalid_params", hint: "see", details: {} } };
const failed = { jsonrpc: "2.0", id: 1, error };
const single = { kind: "single", answer: { id: "1", mustFail: false } } as const;

test("good answers pass", () => {
  checkResponse(good);
  checkResponse(failed);
  checkAnswer(JSON.stringify(good), single);
  checkAnswer(JSON.stringify([failed, { ...good, id: "a" }]), {
    kind: "batch",
    answers: [
      { id: '"a"', mustFail: false },
      { id: "1", mustFail: true, codes: [-32_602] },
    ],
  });
  checkRefusal(JSON.stringify({ ...failed, id: null }));
});

describe("a response is wrong when", () => {
  const wrong = (part: object) => ({ ...failed, error: { ...error, ...part } });
  const data = (part: object) => wrong({ data: { ...error.data, ...part } });
  test.each<[string, unknown]>([
    ["it is no object", 1],
    ["it is null", null],
    ["it is a list", [good]],
    ["it has no version", { id: 1, result: true }],
    ["it has another version", { ...good, jsonrpc: "1.0" }],
    ["it has no id", { jsonrpc: "2.0", result: true }],
    ["its id is none", { ...good, id: {} }],
    ["it has neither result nor error", { jsonrpc: "2.0", id: 1 }],
    ["it has both", { ...good, error }],
    ["it has a member too many", { ...good, stack: "" }],
    ["its error is text", { ...failed, error: "no" }],
    ["its error has no number", wrong({ code: "1" })],
    ["its error's number is a fraction", wrong({ code: -32_000.5 })],
    ["its error's number is not of JSON-RPC", wrong({ code: 1 })],
    ["its error has no words", wrong({ message: "" })],
    ["its error's words are none", wrong({ message: {} })],
    ["its error is endless", wrong({ message: "a".repeat(5_000) })],
    ["its error has no data", { ...failed, error: { code: 1, message: "no" } }],
    ["its error has a member too many", wrong({ stack: "" })],
    ["its stable code is not snake case", data({ code: "invalidParams" })],
    ["its stable code is missing", data({ code: undefined })],
    ["its data has a member too many", data({ stack: "" })],
    ["it is the node's own failure", data({ code: "internal_error" })],
    ["it is the node's own failure by number", wrong({ code: -32_603 })],
    ["it has a stack", wrong({ message: "no\n    at read (file:///a.js:1:2)" })],
    ["it tells of an exception", wrong({ message: "TypeError: no" })],
    ["it has the engine's words", wrong({ message: "Cannot read properties of null" })],
    ["it has the parser's words", data({ hint: "Unexpected token < in JSON" })],
  ])("%s", (_, value) => {
    expect(() => checkResponse(value)).toThrow(Find);
  });
});

describe("an answer is wrong when", () => {
  const batch = { kind: "batch", answers: [single.answer, { id: "2", mustFail: true }] } as const;
  const two = { ...failed, id: 2 };
  test.each<[string, string, Parameters<typeof checkAnswer>[1]]>([
    ["it is not JSON", "no", single],
    ["it answers nothing", JSON.stringify(good), { kind: "none" }],
    ["it has another id", JSON.stringify({ ...good, id: "1" }), single],
    ["it takes what cannot be", JSON.stringify(good), { kind: "single", answer: { id: "1", mustFail: true } }],
    [
      "its error is of another kind",
      JSON.stringify(failed),
      { kind: "single", answer: { ...single.answer, codes: [1] } },
    ],
    ["a batch has one answer", JSON.stringify(good), batch],
    ["a batch lacks an answer", JSON.stringify([good]), batch],
    ["a batch has one twice", JSON.stringify([good, good, two]), batch],
    ["a batch has one too many", JSON.stringify([good, two, { ...good, id: 3 }]), batch],
    ["a batch takes what cannot be", JSON.stringify([good, { ...good, id: 2 }]), batch],
    ["a batch holds a batch", JSON.stringify([[good], two]), batch],
  ])("%s", (_, text, expectation) => {
    expect(() => checkAnswer(text, expectation)).toThrow(Find);
  });
});

describe("what a text must be answered with", () => {
  const request = { jsonrpc: "2.0", id: 1, method: "chain_info", params: {} };
  const { id: _, ...notification } = request;
  const invalid = (id: string) => ({ kind: "single", answer: { id, mustFail: true, codes: [-32_600] } });
  const unread = { kind: "single", answer: { id: "null", mustFail: true, codes: [-32_700] } };
  test.each<[string, string, unknown]>([
    ["a request", JSON.stringify(request), { kind: "single", answer: { id: "1", mustFail: false } }],
    ["a notification", JSON.stringify(notification), { kind: "none" }],
    ["positional parameters", JSON.stringify({ ...request, params: [] }), single],
    ["no JSON", "{", unread],
    ["nothing", "", unread],
    ["a number", "1", invalid("null")],
    ["an empty batch", "[]", invalid("null")],
    ["a long batch", JSON.stringify(Array(101).fill(request)), invalid("null")],
    ["a batch of notifications", JSON.stringify([notification, notification]), { kind: "none" }],
    ["a batch in a batch", "[[]]", { kind: "batch", answers: [invalid("null").answer] }],
    ["a wrong version", JSON.stringify({ ...request, jsonrpc: 2 }), invalid("1")],
    ["a wrong id", JSON.stringify({ ...request, id: 1.5 }), invalid("null")],
    ["a long id", JSON.stringify({ ...request, id: "a".repeat(129) }), invalid("null")],
    ["no method", JSON.stringify({ ...request, method: 1 }), invalid("1")],
    ["parameters that are null", JSON.stringify({ ...request, params: null }), invalid("1")],
  ])("%s", (_, text, expected) => {
    expect(expectationOf(text)).toEqual(expected);
  });

  test("depth is that of brackets outside of strings", () => {
    expect([depthOf("1"), depthOf('["[[[\\"[", {"]": []}]'), depthOf("[".repeat(9))]).toEqual([0, 3, 9]);
  });
});
