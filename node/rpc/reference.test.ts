/**
 * `REFERENCE.md` is the RPC for people, and is what the table says. Law: page and table agree, limits included, and each
 * example was run.
 *
 * `BLESS=1` writes the page anew.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { exampleAnswer, examples } from "../../test/support/rpc-examples.ts";
import { ACTION_COUNT_MAX, TRANSACTION_SIZE_MAX } from "../transaction.ts";
import { TOKEN_PROTOCOL } from "./access.ts";
import { PROOF_KEYS_MAX, PROOF_VALUES_SIZE_MAX } from "./api/state.ts";
import { WAIT_TIMEOUT_MS, WAIT_TIMEOUT_MS_MAX } from "./api/transactions.ts";
import { api, type RpcMethod } from "./api.ts";
import {
  BATCH_ANSWER_LENGTH_MAX,
  BATCH_LENGTH_MAX,
  DEPTH_MAX,
  ID_LENGTH_MAX,
  MESSAGE_SIZE_MAX,
  rpcCodes,
} from "./json-rpc.ts";
import { definitions } from "./openrpc.ts";
import { count, DEFINITIONS, type JsonSchema, type MethodSpec } from "./schema.ts";
import { defaultLimits } from "./server.ts";
import { PAGE_LENGTH_MAX } from "./types.ts";

const path = new URL("./REFERENCE.md", import.meta.url);

const number = (value: number) => value.toLocaleString("en-US");
const mebibytes = (bytes: number) => `${number(bytes / 1024 / 1024)} MiB`;
const seconds = (ms: number) => `${number(ms / 1000)} s`;

const introduction = `# RPC

What a node answers. This page is written from the method table in \`node/rpc/api/\` and the schemas in \`node/rpc/types.ts\`
(\`BLESS=1 npx vitest run node/rpc/reference.test.ts\`); \`rpc_discover\` gives the same to programs, as an OpenRPC document.
\`lockstep/client\` is a typed client of it.

## Messages

- **JSON-RPC 2.0** on one port, over WebSocket at \`/\` (a message is a text frame) and over HTTP (\`POST /\` with
  \`Content-Type: application/json\`). Both answer the same; subscriptions need a WebSocket. Batches are answered in order,
  notifications are not answered.
- **Parameters** go by name, in one object. A name that the method does not have is refused.
- **Values.** Bytes are \`0x\` hex, addresses bech32m text, amounts decimal strings. Heights, nonces, gas and times are numbers;
  times are milliseconds since 1970. *borsh* is the encoding of the same name.
- **Beside RPC**, the port answers \`GET /health\` (200 while the node works), \`GET /ready\` (200 while it makes blocks) and
  \`GET /metrics\` (figures for Prometheus).
- **Who may ask.** A \`Host\` or an \`Origin\` that the node does not know is refused. The \`dev_\` methods are for callers who may
  control the node: those of its own machine or, when the node has a token, those who send it as
  \`Authorization: Bearer TOKEN\` or, where no header can be set, offer the WebSocket subprotocol \`${TOKEN_PROTOCOL}TOKEN\`.

## Errors

\`\`\`json
{
  "jsonrpc": "2.0",
  "id": 1,
  "error": {
    "code": ${rpcCodes.invalidParams},
    "message": "parameter \\"hash\\" is missing",
    "data": { "code": "invalid_params", "hint": "The parameters are hash.", "details": { "parameter": "hash" } }
  }
}
\`\`\`

\`data.code\` is stable: match on it. \`hint\` says what to do next and \`details\` holds facts for programs; both may be absent. The
number is only the class:

| number | codes | when |
| --- | --- | --- |
| ${rpcCodes.parse} | \`parse_error\`, \`json_too_deep\`, \`invalid_utf8\`, \`binary_frame\` | The message is no JSON, or none that is read. |
| ${rpcCodes.invalidRequest} | \`invalid_request\`, \`batch_empty\`, \`batch_too_large\` | It is no request. |
| ${rpcCodes.methodUnknown} | \`method_unknown\` | There is no such method. |
| ${rpcCodes.invalidParams} | \`invalid_params\`, \`hex_invalid\`, \`address_invalid\`, \`cursor_invalid\` | A parameter is wrong; \`details.parameter\` names it. |
| ${rpcCodes.internal} | \`internal_error\` | The node failed; its log has the reason. |
| ${rpcCodes.input} | those of the method, \`development_forbidden\`, \`batch_answer_too_large\` | Everything else. |

What is refused before it is read has an HTTP status and the same error as body: 400 \`http_invalid\` and \`handshake_invalid\`, 401
\`token_wrong\`, 403 \`forbidden_host\` and \`forbidden_origin\`, 404 \`not_found\`, 405 \`method_not_allowed\`, 408
\`request_too_slow\`, 413 \`payload_too_large\`, 415 \`content_type\`, 417 \`expectation_unknown\`, 431 \`headers_too_large\`, 503
\`too_many_connections\` and \`node_stopping\`.

## Limits

| what | at most |
| --- | --- |
| a message | ${mebibytes(MESSAGE_SIZE_MAX)}, nested ${DEPTH_MAX} deep |
| an id | a safe integer, or ${ID_LENGTH_MAX} characters |
| a batch | ${BATCH_LENGTH_MAX} calls; what follows ${mebibytes(BATCH_ANSWER_LENGTH_MAX)} of answers is not run |
| an encoded transaction | ${number(TRANSACTION_SIZE_MAX)} bytes, ${ACTION_COUNT_MAX} actions |
| a wait for a receipt | ${seconds(WAIT_TIMEOUT_MS_MAX)}; by default ${seconds(WAIT_TIMEOUT_MS)} |
| a page of events or waiting transactions | ${number(PAGE_LENGTH_MAX)} items |
| a state proof | ${PROOF_KEYS_MAX} keys, ${mebibytes(PROOF_VALUES_SIZE_MAX)} of values |
| connections | ${defaultLimits.connectionsMax}; ${defaultLimits.connectionsPerAddressMax} from one address of another machine |
| calls in flight on a WebSocket | ${defaultLimits.inFlightMax}; the node reads on when there are fewer |
| HTTP requests ahead of their answers | ${defaultLimits.pipelinedMax} on one connection |
| silence of an HTTP connection | ${seconds(defaultLimits.idleTimeoutMs)} |
| silence of a WebSocket | a ping every ${seconds(defaultLimits.heartbeatMs)} must be answered before the next |
| subscriptions | ${defaultLimits.subscriptionsMax} on one connection |

## Subscriptions

\`chain_subscribe\` names a subscription; what it tells arrives as \`chain_subscription\` notifications, whose parameters are a
[SubscriptionEvent](#subscriptionevent).

- **Sequence.** Each subscription counts its notifications from 0 without gaps, so a client that sees a gap is not told all.
- **Cursor.** Heads and events carry one. A client that comes back subscribes \`after\` the last cursor it saw, and misses nothing.
- **Slow readers** cost the node nothing: it sends on when the client has read, from where it was. Heads and events are taken from
  the chain then, so none is lost, unless the subscription is more than ${number(defaultLimits.blocksBehindMax)} blocks behind. The pool's news is kept for
  some seconds only.
- **Lagged.** Where something was left out, \`lagged\` says so in its place, and the sequence goes on.
- **A transaction** is told of as it stands now, and then whenever that changes. In a block or dropped is the last word, and the
  subscription ends by itself.
- **When the chain is taken back**, heights repeat: each head names its parent.
`;

const groups: Readonly<Record<string, string>> = {
  chain: "Chain",
  tx: "Transactions",
  state: "State",
  contract: "Contracts",
  dev: "Development",
  node: "Node",
  rpc: "RPC",
};

/** What a value is, in a phrase. */
function typeOf(json: JsonSchema): string {
  if (json.$ref !== undefined) {
    const name = json.$ref.slice(DEFINITIONS.length);
    return `[${name}](#${name.toLowerCase()})`;
  }
  if (json.oneOf !== undefined) return json.oneOf.map(typeOf).join(" or ");
  if (json.enum !== undefined) return json.enum.map((value) => `\`"${value}"\``).join(", ");
  switch (json.type) {
    case "array": {
      const length = json.maxItems === undefined ? "" : ` of ${json.minItems} to ${json.maxItems}`;
      return `list${length} of ${typeOf(json.items!)}`;
    }
    case "integer":
      return rangeOf(json);
    case "string":
      return json.maxLength === undefined ? "text" : `text of at most ${json.maxLength} characters`;
    default:
      return json.type!;
  }
}

function rangeOf({ minimum = 0, maximum = 0 }: JsonSchema): string {
  if (maximum < count.json.maximum!) return `integer from ${number(minimum)} to ${number(maximum)}`;
  return minimum === 0 ? "integer" : `integer from ${number(minimum)}`;
}

/** The object, or the list's object, whose members must be told here. */
function inner(json: JsonSchema): JsonSchema | undefined {
  if (json.properties !== undefined) return json;
  if (json.items !== undefined) return inner(json.items);
  return json.oneOf?.map(inner).find((found) => found !== undefined);
}

function membersOf({ properties = {}, required = [] }: JsonSchema, indent = ""): string {
  const lines = Object.entries(properties).map(([name, member]) => {
    if (member.const !== undefined) return "";
    const nested = inner(member);
    const isOptional = required.includes(name) ? "" : ", optional";
    const line = `${indent}- \`${name}\`: ${typeOf(member)}${isOptional}. ${member.description}\n`;
    return nested === undefined ? line : line + membersOf(nested, `${indent}  `);
  });
  return lines.join("");
}

/** What a schema says about its value, below a line that names it. */
function detailsOf(json: JsonSchema, indent = ""): string {
  const kinds = json.oneOf?.filter(({ properties }) => properties?.kind !== undefined) ?? [];
  if (kinds.length === 0) return membersOf(inner(json) ?? {}, indent);
  return kinds
    .map(
      (kind) =>
        `${indent}- \`kind: "${kind.properties!.kind!.const}"\`. ${kind.description}\n${membersOf(kind, `${indent}  `)}`,
    )
    .join("");
}

function paramsOf({ params }: MethodSpec): string {
  const lines = Object.entries(params).map(([name, { schema, isOptional, doc }]) => {
    return `- \`${name}\`: ${typeOf(schema.json)}${isOptional ? ", optional" : ""}. ${doc}\n`;
  });
  return lines.length === 0 ? "No parameters.\n" : `Parameters:\n\n${lines.join("")}`;
}

function errorsOf({ errors = {} }: MethodSpec): string {
  const lines = Object.entries(errors).map(([code, when]) => `- \`${code}\`: ${when}\n`);
  return lines.length === 0 ? "" : `\nErrors:\n\n${lines.join("")}`;
}

const TEXT_LENGTH_MAX = 90;
const ANSWER_LINES_MAX = 40;

/** JSON for the eye: bytes are cut, and so is an answer of many lines. */
function shown(value: unknown, indent?: number): string {
  const cut = (_: string, item: unknown) =>
    typeof item === "string" && item.length > TEXT_LENGTH_MAX ? `${item.slice(0, TEXT_LENGTH_MAX)}…` : item;
  const lines = JSON.stringify(value, cut, indent).split("\n");
  return lines.length <= ANSWER_LINES_MAX ? lines.join("\n") : [...lines.slice(0, ANSWER_LINES_MAX), "…"].join("\n");
}

async function exampleOf(method: RpcMethod): Promise<string> {
  const request = { jsonrpc: "2.0", id: 1, method, params: examples[method] };
  const answer = shown(await exampleAnswer(method), 2);
  return `\nExample, and the result in its answer:\n\n\`\`\`json\n${shown(request)}\n\`\`\`\n\n\`\`\`json\n${answer}\n\`\`\`\n`;
}

async function entryOf(method: RpcMethod): Promise<string> {
  const spec: MethodSpec = api[method];
  const { json } = spec.result;
  const details = detailsOf(json);
  return [
    `### ${method}\n\n${spec.summary}${spec.description === undefined ? "" : ` ${spec.description}`}\n\n`,
    paramsOf(spec),
    `\nResult${details === "" ? `: ${typeOf(json)}.\n` : `${json.oneOf === undefined ? "" : ", or null"}:\n\n${details}`}`,
    errorsOf(spec),
    await exampleOf(method),
  ].join("");
}

function definitionOf(name: string, json: JsonSchema): string {
  const details = detailsOf(json);
  const pattern = json.pattern === undefined ? "" : ` Pattern: \`${json.pattern}\`.`;
  return `### ${name}\n\n${json.description === undefined ? "" : `${json.description}${pattern}\n`}${details}`;
}

async function page(): Promise<string> {
  const parts = [introduction];
  const names = Object.keys(api) as RpcMethod[];
  for (const [prefix, title] of Object.entries(groups)) {
    parts.push(`## ${title}\n`);
    for (const name of names.filter((name) => name.startsWith(`${prefix}_`))) parts.push(await entryOf(name));
  }
  parts.push("## Types\n", ...Object.entries(definitions).map(([name, json]) => definitionOf(name, json)));
  return parts.join("\n");
}

test("the page says what the table says, and every link on it leads somewhere", async () => {
  const text = await page();
  if (process.env.BLESS) writeFileSync(path, text);
  expect(readFileSync(path, "utf8")).toBe(text);
  const headings = new Set([...text.matchAll(/^#+ (.+)$/gm)].map(([, title]) => `#${title!.toLowerCase()}`));
  for (const [, to] of text.matchAll(/\]\((#[^)]+)\)/g)) expect(headings).toContain(to);
  for (const name of Object.keys(api)) expect(headings).toContain(`#${name.toLowerCase()}`);
});
