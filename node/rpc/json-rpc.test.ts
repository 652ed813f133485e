import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Fault, InputError } from "../../vm/errors.ts";
import {
  answerMessage,
  BATCH_ANSWER_LENGTH_MAX,
  BATCH_LENGTH_MAX,
  type Caller,
  type CallOutcome,
  DEPTH_MAX,
  depthExceeds,
  ID_LENGTH_MAX,
  ProtocolError,
  rpcCodes,
} from "./json-rpc.ts";

/** `echo` answers its parameters; the other methods fail each in its way. */
function caller(overrides: Partial<Caller> = {}): Caller & { readonly faults: unknown[] } {
  const faults: unknown[] = [];
  const call = (method: string, params: unknown): unknown => {
    switch (method) {
      case "echo":
        return params;
      case "later":
        return Promise.resolve("later");
      case "refuse":
        throw new InputError("nonce_too_low", "nonce 1, expected 2", { hint: "Use 2.", details: { expected: 2 } });
      case "fault":
        throw new Fault("the disk is on fire in /secret/place");
      case "reject":
        return Promise.reject(new TypeError("x is not a function"));
      case "nothing":
        return undefined;
      case "unprintable":
        throw new InputError("odd", "odd", { details: { amount: 1n } });
      case "bigint":
        return { amount: 1n };
      default:
        throw new ProtocolError("methodUnknown", "method_unknown", "no such method");
    }
  };
  return { call, onFault: (error) => faults.push(error), isWaiting: () => true, faults, ...overrides };
}

const ask = async (text: string, by: Caller = caller()) => {
  const answer = await answerMessage(text, by);
  return answer === undefined ? undefined : JSON.parse(answer);
};
const request = (method: string, more: object = { id: 1 }) => ({ jsonrpc: "2.0", method, ...more });

describe("a message that is no request is answered with the standard number and a stable code", () => {
  const nested = (depth: number) => `${"[".repeat(depth)}1${"]".repeat(depth)}`;
  test.each<[string, string, keyof typeof rpcCodes, string]>([
    ["nothing", "", "parse", "parse_error"],
    ["no JSON", "{", "parse", "parse_error"],
    ["JSON and a rest", "{} {}", "parse", "parse_error"],
    ["a byte order mark", `\ufeff${JSON.stringify(request("echo"))}`, "parse", "parse_error"],
    ["a megabyte of brackets", "[".repeat(1_000_000), "parse", "json_too_deep"],
    ["a megabyte of braces", '{"a":'.repeat(200_000), "parse", "json_too_deep"],
    ["nesting one too deep", nested(DEPTH_MAX + 1), "parse", "json_too_deep"],
    ["nesting just not too deep", `{"a":${nested(DEPTH_MAX - 1)}}`, "invalidRequest", "invalid_request"],
    ["an empty batch", "[]", "invalidRequest", "batch_empty"],
    ["a batch too long", JSON.stringify(Array(BATCH_LENGTH_MAX + 1).fill(1)), "invalidRequest", "batch_too_large"],
    ["null", "null", "invalidRequest", "invalid_request"],
    ["a number", "1", "invalidRequest", "invalid_request"],
    ["a string", '"chain_info"', "invalidRequest", "invalid_request"],
    ["an empty object", "{}", "invalidRequest", "invalid_request"],
    ["no version", '{"id":1,"method":"echo"}', "invalidRequest", "invalid_request"],
    ["version 1", '{"jsonrpc":"1.0","id":1,"method":"echo"}', "invalidRequest", "invalid_request"],
    ["version 2 as a number", '{"jsonrpc":2.0,"id":1,"method":"echo"}', "invalidRequest", "invalid_request"],
    ["no method", '{"jsonrpc":"2.0","id":1}', "invalidRequest", "invalid_request"],
    ["a method that is no string", JSON.stringify({ ...request("x"), method: 1 }), "invalidRequest", "invalid_request"],
    ["params null", JSON.stringify(request("echo", { params: null })), "invalidRequest", "invalid_request"],
    ["params a string", JSON.stringify(request("echo", { params: "x" })), "invalidRequest", "invalid_request"],
    ["a member too many", JSON.stringify(request("echo", { parms: {} })), "invalidRequest", "invalid_request"],
    ["__proto__", '{"jsonrpc":"2.0","method":"echo","__proto__":{"id":1}}', "invalidRequest", "invalid_request"],
    ["an answer", '{"jsonrpc":"2.0","id":1,"result":1}', "invalidRequest", "invalid_request"],
    ["an object as id", JSON.stringify(request("echo", { id: {} })), "invalidRequest", "invalid_request"],
    ["a list as id", JSON.stringify(request("echo", { id: [1] })), "invalidRequest", "invalid_request"],
    ["a boolean as id", JSON.stringify(request("echo", { id: true })), "invalidRequest", "invalid_request"],
    ["a fraction as id", JSON.stringify(request("echo", { id: 1.5 })), "invalidRequest", "invalid_request"],
    ["an infinite id", '{"jsonrpc":"2.0","id":1e999,"method":"echo"}', "invalidRequest", "invalid_request"],
    [
      "an id that loses digits",
      '{"jsonrpc":"2.0","id":9007199254740993,"method":"echo"}',
      "invalidRequest",
      "invalid_request",
    ],
    [
      "a long id",
      JSON.stringify(request("echo", { id: "x".repeat(ID_LENGTH_MAX + 1) })),
      "invalidRequest",
      "invalid_request",
    ],
    ["an unknown method", JSON.stringify(request("toString")), "methodUnknown", "method_unknown"],
  ])("%s", async (_, text, number, code) => {
    const by = caller();
    const answer = await ask(text, by);
    expect(answer).toMatchObject({ jsonrpc: "2.0", error: { code: rpcCodes[number], data: { code } } });
    expect([1, null]).toContain(answer.id);
    expect(by.faults).toEqual([]);
  });
});

test("an id comes back as it was, and is null where none can be told", async () => {
  for (const id of [0, -1, Number.MAX_SAFE_INTEGER, "", "é😀", "\ud800", "x".repeat(ID_LENGTH_MAX), null]) {
    expect(await ask(JSON.stringify(request("echo", { id })))).toEqual({ jsonrpc: "2.0", id, result: {} });
  }
  expect(await ask('{"jsonrpc":"2.0","id":7}')).toMatchObject({ id: 7, error: { code: -32600 } });
  expect(await ask('{"jsonrpc":"2.0","id":{},"method":"echo"}')).toMatchObject({ id: null });
});

test("a notification has no answer, whatever becomes of it", async () => {
  const by = caller();
  for (const method of ["echo", "refuse", "fault", "unknown"]) {
    expect(await ask(JSON.stringify(request(method, {})), by)).toBeUndefined();
  }
  expect(await ask(JSON.stringify([request("echo", {}), request("refuse", {})]), by)).toBeUndefined();
  expect(by.faults).toHaveLength(1);
});

test("bad input keeps its code, hint and details under the application's number", async () => {
  expect(await ask(JSON.stringify(request("refuse")))).toEqual({
    jsonrpc: "2.0",
    id: 1,
    error: {
      code: -32000,
      message: "nonce 1, expected 2",
      data: { code: "nonce_too_low", hint: "Use 2.", details: { expected: 2 } },
    },
  });
});

test.each(["fault", "reject", "nothing", "unprintable", "bigint"])(
  "a mistake of ours (%s) is reported to the node and hidden from the client",
  async (method) => {
    const by = caller();
    const text = await answerMessage(JSON.stringify(request(method)), by);
    expect(JSON.parse(text!)).toMatchObject({ id: 1, error: { code: -32603, data: { code: "internal_error" } } });
    expect(text).not.toMatch(/secret|function|BigInt|stack|\.ts/);
    expect(by.faults).toHaveLength(1);
  },
);

describe("a batch", () => {
  test("answers in order, each request for itself, and equal ids stay apart", async () => {
    const batch = [
      request("later"),
      1,
      request("echo", {}),
      request("refuse"),
      request("echo", { id: 1, params: [2] }),
    ];
    expect(await ask(JSON.stringify(batch))).toMatchObject([
      { id: 1, result: "later" },
      { id: null, error: { code: -32600 } },
      { id: 1, error: { data: { code: "nonce_too_low" } } },
      { id: 1, result: [2] },
    ]);
  });

  test("runs one call after the other", async () => {
    let running = 0;
    const call = async () => {
      expect(++running).toBe(1);
      await new Promise(setImmediate);
      return --running;
    };
    expect(await ask(JSON.stringify(Array(10).fill(request("x"))), caller({ call }))).toHaveLength(10);
  });

  test("stops at the next call when nobody waits", async () => {
    let calls = 0;
    const by = caller({ call: () => ++calls, isWaiting: () => calls < 3 });
    expect(await ask(JSON.stringify(Array(10).fill(request("x"))), by)).toBeUndefined();
    expect(calls).toBe(3);
  });

  test("is not run further when its answers have grown too large", async () => {
    let calls = 0;
    const result = "x".repeat(BATCH_ANSWER_LENGTH_MAX / 4);
    const call = () => {
      calls++;
      return result;
    };
    const answers = await ask(JSON.stringify(Array(10).fill(request("x"))), caller({ call }));
    expect(calls).toBe(4);
    expect(answers).toHaveLength(10);
    for (const answer of answers.slice(4)) {
      expect(answer).toMatchObject({ id: 1, error: { data: { code: "batch_answer_too_large" } } });
    }
  });
});

test("others have their turn while a batch of slow calls runs", async () => {
  let turns = 0;
  const count = (): void => {
    turns++;
    timer = setImmediate(count);
  };
  let timer = setImmediate(count);
  const slow = () => {
    for (const endsAt = performance.now() + 2; performance.now() < endsAt; );
    return turns;
  };
  const answers: { result: number }[] = await ask(JSON.stringify(Array(10).fill(request("x"))), caller({ call: slow }));
  clearImmediate(timer);
  const seen = answers.map(({ result }) => result);
  expect(new Set(seen).size).toBe(10);
});

test("a call that does not wait is answered at once, and one that waits later", async () => {
  expect(answerMessage(JSON.stringify(request("echo")), caller())).toBe('{"jsonrpc":"2.0","id":1,"result":{}}');
  expect(answerMessage(JSON.stringify(request("refuse")), caller())).toEqual(expect.stringContaining("nonce_too_low"));
  const later = answerMessage(JSON.stringify(request("later")), caller());
  expect(later).toBeInstanceOf(Promise);
  expect(await later).toBe('{"jsonrpc":"2.0","id":1,"result":"later"}');
});

test("every call is told of when it is over, and no stranger's text is a method", async () => {
  const outcomes: CallOutcome[] = [];
  const by = caller({ onCall: (outcome) => outcomes.push(outcome) });
  const unasked = request("echo", {});
  const huge = request("huge", { id: 1 });
  const texts = [request("echo"), unasked, request("refuse"), request("reject"), request("evil"), 1, []];
  for (const text of texts) await answerMessage(JSON.stringify(text), by);
  await answerMessage("{", by);
  const call = () => "x".repeat(BATCH_ANSWER_LENGTH_MAX);
  await answerMessage(JSON.stringify([huge, request("evil")]), { ...by, call });
  expect(outcomes.map(({ method, code }) => [method, code])).toEqual([
    ["echo", null],
    ["echo", null],
    ["refuse", "nonce_too_low"],
    ["reject", "internal_error"],
    ["unknown", "method_unknown"],
    ["unknown", "invalid_request"],
    ["unknown", "batch_empty"],
    ["unknown", "parse_error"],
    ["huge", null],
    ["unknown", "batch_answer_too_large"],
  ]);
});

test("no text throws, and every answer is an answer", async () => {
  const part = fc.oneof(
    fc.constantFrom(
      '{"jsonrpc":"2.0"',
      '"id":',
      '"method":"echo"',
      '"params":',
      "{",
      "}",
      "[",
      "]",
      ",",
      '"',
      "\\",
      "1",
    ),
    fc.string({ maxLength: 5 }),
  );
  const text = fc.oneof(
    fc.array(part, { maxLength: 30 }).map((parts) => parts.join("")),
    fc.json(),
    fc
      .record(
        { jsonrpc: fc.constant("2.0"), id: fc.jsonValue(), method: fc.jsonValue(), params: fc.jsonValue() },
        {
          requiredKeys: [],
        },
      )
      .map((value) => JSON.stringify(value)),
  );
  await fc.assert(
    fc.asyncProperty(text, async (text) => {
      const by = caller();
      const answer = await ask(text, by);
      for (const { jsonrpc, id, result, error } of answer === undefined ? [] : [answer].flat()) {
        expect(jsonrpc).toBe("2.0");
        expect(id).not.toBeUndefined();
        expect(result === undefined).toBe(error !== undefined);
      }
      expect(by.faults).toEqual([]);
    }),
    { numRuns: 1000 },
  );
});

test("the depth read before parsing is the depth of the parsed value", () => {
  const depthOf = (value: unknown): number =>
    typeof value === "object" && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;
  const value = fc.jsonValue({
    stringUnit: fc.constantFrom('"', "\\", "[", "{", "]", "}", "a", "\n", "é"),
    maxDepth: 6,
  });
  fc.assert(
    fc.property(value, fc.boolean(), (value, indented) => {
      const text = JSON.stringify(value, null, indented ? 2 : 0);
      const depth = depthOf(value);
      expect(depthExceeds(text, depth)).toBe(false);
      if (depth > 0) expect(depthExceeds(text, depth - 1)).toBe(true);
    }),
    { numRuns: 1000 },
  );
});
