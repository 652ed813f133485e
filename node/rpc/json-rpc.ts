/**
 * JSON-RPC 2.0 (https://www.jsonrpc.org/specification): from the text of a message to the text of its answer.
 *
 * Law: every text has exactly one answer, or none when it holds only notifications; nothing in it throws. A batch runs
 * in order, one call after the other, so that it costs no more at once than one call, and lets others have their turn in
 * between. Every error carries a stable `data.code`; the number beside it is only the class.
 */
import { assert, InputError } from "../../vm/errors.ts";

/** A transaction of the largest size is 2.2 million hex digits; twice that is room for everything around it. */
export const MESSAGE_SIZE_MAX = 4 * 1024 * 1024;
/** The deepest message that means something, a batch of calls with parameters, is 3 deep. */
export const DEPTH_MAX = 32;
export const BATCH_LENGTH_MAX = 100;
/** Characters after which the rest of a batch is refused unrun; a code of full size answers with two million. */
export const BATCH_ANSWER_LENGTH_MAX = 8 * 1024 * 1024;
export const ID_LENGTH_MAX = 128;
/** How long one client's calls may follow each other before the others have their turn. */
export const TURN_MS = 0.5;
/** The code of `callMethod` for a name that is none. */
const METHOD_UNKNOWN = "method_unknown";
/** Stands for whatever is no method. */
const UNKNOWN = "unknown";

export const rpcCodes = {
  parse: -32700,
  invalidRequest: -32600,
  methodUnknown: -32601,
  invalidParams: -32602,
  internal: -32603,
  /** Every other `InputError`. */
  input: -32000,
} as const;

/** An `InputError` that JSON-RPC has a number for. */
export class ProtocolError extends InputError {
  override readonly name = "ProtocolError";
  readonly rpcCode: number;

  constructor(rpcCode: keyof typeof rpcCodes, ...rest: ConstructorParameters<typeof InputError>) {
    super(...rest);
    this.rpcCode = rpcCodes[rpcCode];
  }
}

/** What a client is told of a failure that is nobody's input. */
export const nodeFailure = new ProtocolError("internal", "internal_error", "the node failed; its log has the reason");

type RequestId = string | number | null;

interface ErrorObject {
  readonly code: number;
  readonly message: string;
  readonly data: {
    readonly code: string;
    readonly hint?: string;
    readonly details?: Readonly<Record<string, unknown>>;
  };
}

/** What an answer needs from where its message came from. */
export interface Caller {
  /** Runs a method. Starts before it returns, so calls start in the order of their messages. */
  readonly call: (method: string, params: unknown) => unknown;
  /** Told of every failure that is not an `InputError`; the caller's client sees `internal_error` only. */
  readonly onFault: (error: unknown) => void;
  /** Whether somebody still waits. A batch that nobody waits for stops at its next call. */
  readonly isWaiting: () => boolean;
  /** Told of every call when it is over. */
  readonly onCall?: (outcome: CallOutcome) => void;
}

export interface CallOutcome {
  /** A name of the method table, or "unknown": never a stranger's text. */
  readonly method: string;
  readonly durationMs: number;
  /** Of the error; null when there was none. */
  readonly code: string | null;
  /** Characters of the answer. */
  readonly length: number;
}

/** The text that answers a message, or `undefined` when there is nothing to answer. */
export type Answer = string | undefined;

/** The answer to a message; at once where no method has to wait. */
export function answerMessage(text: string, caller: Caller): Answer | Promise<Answer> {
  let message: unknown;
  try {
    message = parseJson(text);
    if (Array.isArray(message)) checkBatch(message);
  } catch (error) {
    return fail(new Exchange(null, UNKNOWN, caller), error);
  }
  return Array.isArray(message) ? answerBatch(message, caller) : answerRequest(message, caller);
}

async function answerBatch(batch: readonly unknown[], caller: Caller): Promise<Answer> {
  const answers: string[] = [];
  let length = 0;
  let turnEndsAt = performance.now() + TURN_MS;
  for (const request of batch) {
    if (performance.now() >= turnEndsAt) {
      await new Promise(setImmediate);
      turnEndsAt = performance.now() + TURN_MS;
    }
    if (!caller.isWaiting()) return undefined;
    const answered = answerRequest(request, caller, length >= BATCH_ANSWER_LENGTH_MAX);
    const answer = answered instanceof Promise ? await answered : answered;
    if (answer === undefined) continue;
    answers.push(answer);
    length += answer.length;
  }
  return answers.length === 0 ? undefined : `[${answers.join(",")}]`;
}

/** One call under way. */
class Exchange {
  readonly id: RequestId;
  readonly method: string;
  readonly caller: Caller;
  readonly startedAt = performance.now();

  constructor(id: RequestId, method: string, caller: Caller) {
    this.id = id;
    this.method = method;
    this.caller = caller;
  }

  end(answer: string, code: string | null): void {
    const { caller, startedAt } = this;
    const method = code === METHOD_UNKNOWN ? UNKNOWN : this.method;
    caller.onCall?.({ method, durationMs: performance.now() - startedAt, code, length: answer.length });
  }
}

function answerRequest(value: unknown, caller: Caller, isRefused = false): Answer | Promise<Answer> {
  let request: Request;
  try {
    request = readRequest(value);
  } catch (error) {
    return fail(new Exchange(idOf(value) ?? null, UNKNOWN, caller), error);
  }
  const { id, method, params } = request;
  const exchange = new Exchange(id ?? null, isRefused ? UNKNOWN : method, caller);
  const answerOf = (answer: string): Answer => (id === undefined ? undefined : answer);
  try {
    if (isRefused) throw batchAnswerTooLarge();
    const result = caller.call(method, params);
    if (!(result instanceof Promise)) return answerOf(succeed(exchange, result));
    return result.then(
      (value) => answerOf(succeed(exchange, value)),
      (error) => answerOf(fail(exchange, error)),
    );
  } catch (error) {
    return answerOf(fail(exchange, error));
  }
}

function succeed(exchange: Exchange, result: unknown): string {
  let answer: string;
  try {
    assert(result !== undefined, `${exchange.method} has a result`);
    answer = JSON.stringify({ jsonrpc: "2.0", id: exchange.id, result });
  } catch (error) {
    return fail(exchange, error);
  }
  exchange.end(answer, null);
  return answer;
}

function checkBatch(batch: readonly unknown[]): void {
  if (batch.length === 0) throw new ProtocolError("invalidRequest", "batch_empty", "the batch holds no request");
  if (batch.length > BATCH_LENGTH_MAX) {
    const message = `batch of ${batch.length} requests, at most ${BATCH_LENGTH_MAX}`;
    throw new ProtocolError("invalidRequest", "batch_too_large", message, { hint: "Send several batches." });
  }
}

function batchAnswerTooLarge(): InputError {
  return new InputError("batch_answer_too_large", "the answers before this one fill the batch; it was not run", {
    hint: "Ask for less in one batch.",
  });
}

interface Request {
  /** `undefined` in a notification. */
  readonly id: RequestId | undefined;
  readonly method: string;
  readonly params: unknown;
}

const members: ReadonlySet<string> = new Set(["jsonrpc", "id", "method", "params"]);

function readRequest(value: unknown): Request {
  const refuse = (problem: string): never => {
    throw new ProtocolError("invalidRequest", "invalid_request", problem, {
      hint: 'A request is {"jsonrpc":"2.0","id":1,"method":"chain_info","params":{}}.',
    });
  };
  if (!isObject(value)) return refuse("a request must be an object");
  const unknown = Object.keys(value).find((key) => !members.has(key));
  if (unknown !== undefined) refuse(`a request has no member ${quote(unknown)}`);
  if (value.jsonrpc !== "2.0") refuse('"jsonrpc" must be "2.0"');
  const id = idOf(value);
  if (id === undefined && Object.hasOwn(value, "id")) {
    refuse(`"id" must be null, a safe integer, or a string of at most ${ID_LENGTH_MAX} characters`);
  }
  const { method } = value;
  if (typeof method !== "string") return refuse('"method" must be a string');
  const params = Object.hasOwn(value, "params") ? value.params : {};
  if (typeof params !== "object" || params === null) refuse('"params" must be an object');
  return { id, method, params };
}

/** `undefined` for an id that is absent or none. */
function idOf(value: unknown): RequestId | undefined {
  if (!isObject(value) || !Object.hasOwn(value, "id")) return undefined;
  const { id } = value;
  if (id === null || (typeof id === "number" && Number.isSafeInteger(id))) return id;
  return typeof id === "string" && id.length <= ID_LENGTH_MAX ? id : undefined;
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A stranger's text inside a message of ours: quoted, escaped and short. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text);
}

/** The text of an error response that answers no request in particular, as HTTP refusals and bad frames get. */
export function refusalText(error: InputError): string {
  return JSON.stringify({ jsonrpc: "2.0", id: null, error: errorObject(error) });
}

function fail(exchange: Exchange, error: unknown): string {
  const { id, caller } = exchange;
  let failure: InputError = nodeFailure;
  let answer: string | undefined;
  if (error instanceof InputError) {
    try {
      answer = JSON.stringify({ jsonrpc: "2.0", id, error: errorObject(error) });
      failure = error;
    } catch (unprintable) {
      // Details that are not JSON are our mistake, whatever the input was.
      caller.onFault(unprintable);
    }
  } else {
    caller.onFault(error);
  }
  answer ??= JSON.stringify({ jsonrpc: "2.0", id, error: errorObject(failure) });
  exchange.end(answer, failure.code);
  return answer;
}

function errorObject(error: InputError): ErrorObject {
  const { code, message, hint, details } = error;
  return {
    code: error instanceof ProtocolError ? error.rpcCode : rpcCodes.input,
    message,
    data: { code, ...(hint !== undefined && { hint }), ...(details !== undefined && { details }) },
  };
}

/** Throws `ProtocolError`: `json_too_deep` or `parse_error`. */
export function parseJson(text: string): unknown {
  if (depthExceeds(text, DEPTH_MAX)) {
    throw new ProtocolError("parse", "json_too_deep", `JSON nested deeper than ${DEPTH_MAX}`);
  }
  try {
    return JSON.parse(text);
  } catch {
    // The engine's own words differ between engines and repeat the input.
    throw new ProtocolError("parse", "parse_error", "the message is not JSON");
  }
}

/**
 * Whether the brackets of `text` nest deeper than `depthMax`; exact for JSON, and some answer for any other text. Read
 * before parsing, because engines differ in the nesting they survive. Strings are jumped over, so megabytes of hex cost
 * nothing.
 */
export function depthExceeds(text: string, depthMax: number): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x5b: // [
      case 0x7b: // {
        if (++depth > depthMax) return true;
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth--;
        break;
      case 0x22: // "
        at = endOfString(text, at);
        break;
    }
  }
  return false;
}

/** The index of the quote that closes the string opened at `open`: the next one behind an even run of backslashes. */
function endOfString(text: string, open: number): number {
  for (let at = text.indexOf('"', open + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let before = at;
    while (text.charCodeAt(before - 1) === 0x5c) before--;
    if ((at - before) % 2 === 0) return at;
  }
  return text.length;
}
