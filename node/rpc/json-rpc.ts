/**
 * JSON-RPC 2.0 (https://www.jsonrpc.org/specification): from the text of a message to the text of its answer.
 *
 * Law: every text has exactly one answer, or none when it holds only notifications; nothing in it throws. A batch runs
 * in order, one call after the other, so that it costs no more at once than one call. Every error carries a stable
 * `data.code`; the number beside it is only the class.
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
}

/** The answer to a message, or `undefined` when there is nothing to answer. */
export async function answerMessage(text: string, caller: Caller): Promise<string | undefined> {
  let message: unknown;
  try {
    message = parseJson(text);
    if (Array.isArray(message)) checkBatch(message);
  } catch (error) {
    return failureText(null, error, caller);
  }
  if (!Array.isArray(message)) return answerRequest(message, caller);
  const answers: string[] = [];
  let length = 0;
  for (const request of message) {
    if (!caller.isWaiting()) return undefined;
    const answer = await answerRequest(request, length < BATCH_ANSWER_LENGTH_MAX ? caller : refusing(caller));
    if (answer === undefined) continue;
    answers.push(answer);
    length += answer.length;
  }
  return answers.length === 0 ? undefined : `[${answers.join(",")}]`;
}

async function answerRequest(value: unknown, caller: Caller): Promise<string | undefined> {
  let request: Request;
  try {
    request = readRequest(value);
  } catch (error) {
    return failureText(idOf(value) ?? null, error, caller);
  }
  const { id = null, method, params } = request;
  let answer: string;
  try {
    const result = await caller.call(method, params);
    assert(result !== undefined, `${method} has a result`);
    answer = JSON.stringify({ jsonrpc: "2.0", id, result });
  } catch (error) {
    answer = failureText(id, error, caller);
  }
  return request.id === undefined ? undefined : answer;
}

function checkBatch(batch: readonly unknown[]): void {
  if (batch.length === 0) throw new ProtocolError("invalidRequest", "batch_empty", "the batch holds no request");
  if (batch.length > BATCH_LENGTH_MAX) {
    const message = `batch of ${batch.length} requests, at most ${BATCH_LENGTH_MAX}`;
    throw new ProtocolError("invalidRequest", "batch_too_large", message, { hint: "Send several batches." });
  }
}

function refusing(caller: Caller): Caller {
  const call = (): never => {
    throw new InputError("batch_answer_too_large", "the answers before this one fill the batch; it was not run", {
      hint: "Ask for less in one batch.",
    });
  };
  return { ...caller, call };
}

interface Request {
  /** Absent in a notification. */
  readonly id?: RequestId;
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
  return { ...(id !== undefined && { id }), method, params };
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

function failureText(id: RequestId, error: unknown, { onFault }: Caller): string {
  if (error instanceof InputError) {
    try {
      return JSON.stringify({ jsonrpc: "2.0", id, error: errorObject(error) });
    } catch (unprintable) {
      // Details that are not JSON are our mistake, whatever the input was.
      onFault(unprintable);
    }
  } else {
    onFault(error);
  }
  const hidden: ErrorObject = {
    code: rpcCodes.internal,
    message: "the node failed; its log has the reason",
    data: { code: "internal_error" },
  };
  return JSON.stringify({ jsonrpc: "2.0", id, error: hidden });
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
