/**
 * What a node must answer to a text, decided from the JSON-RPC 2.0 specification and not from the node's own reader, and
 * whether what it answered is that.
 *
 * Law: every request with an id has one answer with that id; what is no request has one with the id null; notifications have
 * none; a batch is answered as a whole. An error has a stable code and tells nothing of the engine that runs the node.
 */
export const DEPTH_MAX = 32;
export const BATCH_LENGTH_MAX = 100;
export const ID_LENGTH_MAX = 128;
export const MESSAGE_SIZE_MAX = 4 * 1024 * 1024;

/** The answer that one request must get; `id` is as JSON. */
export interface Expected {
  readonly id: string;
  /** What is certainly wrong must not be taken. */
  readonly mustFail: boolean;
  /** The numbers that the error may have, where the specification says so. */
  readonly codes?: readonly number[];
}

export type Expectation =
  | { readonly kind: "none" }
  | { readonly kind: "single"; readonly answer: Expected }
  | { readonly kind: "batch"; readonly answers: readonly Expected[] };

const PARSE = -32700;
const INVALID_REQUEST = -32600;
const notRead = (...codes: number[]): Expectation => ({
  kind: "single",
  answer: { id: "null", mustFail: true, codes },
});

/** `mustFail`: whether the text's requests, though well formed, ask for what cannot be. */
export function expectationOf(text: string, mustFail = false): Expectation {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return notRead(PARSE);
  }
  // Deeper JSON may be refused unread.
  if (depthOf(text) > DEPTH_MAX) return notRead(PARSE, INVALID_REQUEST);
  if (!Array.isArray(value)) {
    const answer = expectedOf(value, mustFail);
    return answer === undefined ? { kind: "none" } : { kind: "single", answer };
  }
  if (value.length === 0 || value.length > BATCH_LENGTH_MAX) return notRead(INVALID_REQUEST);
  const answers = value.map((request) => expectedOf(request, mustFail)).filter((answer) => answer !== undefined);
  return answers.length === 0 ? { kind: "none" } : { kind: "batch", answers };
}

const members = new Set(["jsonrpc", "id", "method", "params"]);

function expectedOf(value: unknown, mustFail: boolean): Expected | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return invalid("null");
  const request = value as Record<string, unknown>;
  const id = Object.hasOwn(request, "id") ? readId(request.id) : undefined;
  const isRequest =
    request.jsonrpc === "2.0" &&
    typeof request.method === "string" &&
    (!Object.hasOwn(request, "params") || (typeof request.params === "object" && request.params !== null)) &&
    Object.keys(request).every((key) => members.has(key)) &&
    id !== "none";
  if (!isRequest) return invalid(id === undefined || id === "none" ? "null" : id);
  return id === undefined ? undefined : { id, mustFail };
}

function invalid(id: string): Expected {
  return { id, mustFail: true, codes: [INVALID_REQUEST] };
}

/** As it comes back in JSON; "none" for what is no id. */
function readId(id: unknown): string {
  const isId =
    id === null ||
    (typeof id === "string" && id.length <= ID_LENGTH_MAX) ||
    (typeof id === "number" && Number.isSafeInteger(id));
  return isId ? JSON.stringify(id) : "none";
}

export function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let isString = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (isString) {
      if (character === "\\") at++;
      else if (character === '"') isString = false;
    } else if (character === '"') isString = true;
    else if (character === "[" || character === "{") deepest = Math.max(deepest, ++depth);
    else if (character === "]" || character === "}") depth--;
  }
  return deepest;
}

/** An answer that is not what the law says. */
export class Find extends Error {
  /** The answer, or as much of it as tells what it is. */
  answer = "";
}

/** One response object. Throws `Find`. */
export function checkResponse(value: unknown, expected?: Expected): void {
  const response = objectOf(value, "a response");
  if (response.jsonrpc !== "2.0") throw new Find('a response without "jsonrpc": "2.0"');
  const hasError = Object.hasOwn(response, "error");
  checkMembers(response, ["jsonrpc", "id", hasError ? "error" : "result"], []);
  if (readId(response.id) === "none") throw new Find(`a response with the id ${JSON.stringify(response.id)}`);
  if (hasError) checkError(response.error);
  if (expected === undefined) return;
  if (JSON.stringify(response.id) !== expected.id) {
    throw new Find(`the id ${JSON.stringify(response.id)} in place of ${expected.id}`);
  }
  if (expected.mustFail && !hasError) throw new Find("an answer without an error to what cannot be");
  const { code } = (response.error ?? {}) as { code?: number };
  if (expected.codes !== undefined && !expected.codes.includes(code!)) {
    throw new Find(`the error ${code} in place of ${expected.codes.join(" or ")}`);
  }
}

/** A whole message from the node that is no notification, against what was asked. Throws `Find`. */
export function checkAnswer(text: string, expectation: Expectation): void {
  if (expectation.kind === "none") throw new Find("an answer to nothing");
  const value = parse(text);
  if (expectation.kind === "single") return checkResponse(value, expectation.answer);
  if (!Array.isArray(value)) throw new Find("an answer that is no batch to a batch");
  const left = [...expectation.answers];
  for (const response of value) {
    checkResponse(response);
    left.splice(left.indexOf(expectedFor(response, left)), 1);
  }
  if (left.length > 0) throw new Find(`a batch without an answer to ${left[0]!.id}`);
}

/**
 * Which of the answers that are still to come a response is. Several may have one id, null above all: then it is the one
 * that is least free. Throws `Find`.
 */
export function expectedFor(response: unknown, left: readonly Expected[]): Expected {
  const id = JSON.stringify((response as { id: unknown }).id);
  const own = left.filter((expected) => expected.id === id).sort((a, b) => freedomOf(a) - freedomOf(b));
  if (own.length === 0) throw new Find("an answer that nothing was asked for");
  const fitting = own.find((expected) => {
    try {
      checkResponse(response, expected);
      return true;
    } catch {
      return false;
    }
  });
  if (fitting === undefined) checkResponse(response, own.at(-1));
  return fitting!;
}

function freedomOf({ codes, mustFail }: Expected): number {
  return codes?.length ?? (mustFail ? 100 : 200);
}

/** The body of a refusal: an error that answers no request. Throws `Find`. */
export function checkRefusal(text: string): void {
  const value = parse(text);
  checkResponse(value, { id: "null", mustFail: true });
}

export function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Find(`an answer that is not JSON: ${JSON.stringify(text.slice(0, 100))}`);
  }
}

function checkError(value: unknown): void {
  const error = objectOf(value, "an error");
  checkMembers(error, ["code", "message", "data"], []);
  const data = objectOf(error.data, "an error's data");
  checkMembers(data, ["code"], ["hint", "details"]);
  const { code } = error;
  if (typeof code !== "number" || !Number.isInteger(code) || code < -32_768 || code > -32_000) {
    throw new Find(`the error code ${JSON.stringify(code)}`);
  }
  if (code === -32_603 || data.code === "internal_error") throw new Find("an internal error");
  if (typeof data.code !== "string" || !/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(data.code)) {
    throw new Find(`the stable code ${JSON.stringify(data.code)}`);
  }
  for (const text of [error.message, data.hint ?? "-"]) {
    if (typeof text !== "string" || text === "") throw new Find("an error without words");
    if (text.length > 4_000) throw new Find(`an error of ${text.length} characters`);
    const leak = engineText.exec(text);
    if (leak !== null) throw new Find(`an error that tells of its engine: ${JSON.stringify(leak[0])}`);
  }
}

/** What V8 and Node say. No generated input holds any of it. */
const engineText =
  /\b(Type|Range|Reference|Syntax|Assertion|Eval|URI)Error\b|\bERR_[A-Z]|node:|\bat .{1,80}:\d+:\d+|Cannot (read|convert|mix|set)|is not (a function|iterable|defined|an object)|Unexpected (token|end)|call stack|\[object |file:\/\/|\.(js|ts):\d/;

function objectOf(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new Find(`${what} that is no object: ${JSON.stringify(value)?.slice(0, 100)}`);
}

function checkMembers(value: Record<string, unknown>, required: readonly string[], optional: readonly string[]): void {
  for (const name of required) if (!Object.hasOwn(value, name)) throw new Find(`no member "${name}" in an answer`);
  for (const name of Object.keys(value)) {
    if (!required.includes(name) && !optional.includes(name)) throw new Find(`a member "${name}" in an answer`);
  }
}
