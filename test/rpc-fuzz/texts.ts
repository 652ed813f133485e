/**
 * Texts for a node to read: from noise to requests that are right but for one thing. A text is written as text and not made
 * of values, because half of what can be wrong with JSON is gone once it has been parsed.
 */
import type { Surface, SurfaceMethod, SurfaceParam } from "./surface.ts";

export type Random = (below: number) => number;

export interface Message {
  readonly text: string;
  /** What it asks for cannot be, so an answer without an error is a find. */
  readonly mustFail?: true;
}

export function pick<T>(random: Random, list: readonly T[]): T {
  return list[random(list.length)]!;
}

/** One in `count`. */
export function chance(random: Random, count: number): boolean {
  return random(count) === 0;
}

const hexOf = (byteCount: number) => `"0x${"ab".repeat(byteCount)}"`;

const odd: readonly string[] = [
  "null",
  "true",
  "false",
  ...["0", "-0", "1", "-1", "1.5", "1e2", "0.1", "1e400", "-1e400", "1e-400", "1.0"],
  ...["4294967295", "4294967296", "2147483648", "9007199254740991", "9007199254740992", "-9007199254740993"],
  ...["18446744073709551615", "18446744073709551616", "9".repeat(400), `0.${"3".repeat(300)}`],
  ...['""', '" "', '"0"', '"1"', '"0x"', '"0X00"', '"0x0"', '"0xzz"', '"00"', '"0x 00"', '"0x00 "', '"null"'],
  ...[hexOf(1), hexOf(31), hexOf(32), hexOf(33), hexOf(64), hexOf(2_000)],
  ...['"\\ud800"', '"\\udc00\\ud800"', '"\\u0000"', '"\\ufeff"', '"é"', '"e\\u0301"', '"💥"', '"\\n"', '"\\\\"'],
  ...['"__proto__"', '"constructor"', '"toString"', '"heads"', '"lock1"', '"LOCK1QQQQ"', `"lock1${"q".repeat(58)}"`],
  ...[`"${"a".repeat(129)}"`, `"${"a".repeat(257)}"`, `"${"é".repeat(5_000)}"`],
  ...["[]", "{}", "[[]]", "[null]", "[0]", '["0x"]', '{"":0}', '{"__proto__":null}', '{"__proto__":{"height":1}}'],
  ...['{"constructor":{"prototype":{}}}', '{"kind":"none"}', '{"length":1}', '{"toJSON":1}', '{"then":1}'],
  ...[`[${'"0x",'.repeat(70)}"0x"]`, `${"[".repeat(40)}${"]".repeat(40)}`, `${'{"a":'.repeat(20)}1${"}".repeat(20)}`],
];

/** A JSON value as text; perhaps not of any use, and now and then nested. */
export function oddValue(random: Random, depth = 0): string {
  if (depth < 4 && chance(random, 12)) {
    const items = Array.from({ length: random(5) }, () => oddValue(random, depth + 1));
    if (chance(random, 2)) return `[${items.join(",")}]`;
    return `{${items.map((item, index) => `"${pick(random, ["a", "id", "__proto__", `k${index}`])}":${item}`).join(",")}}`;
  }
  return pick(random, odd);
}

const brokenJson: readonly string[] = [
  ...["", " ", "\n", "\u0000", "\ufeff{}", "{", "}", "[", "]", "[1,]", "{,}", "{'a':1}", '{"a":}', "NaN", "-", "01"],
  ...["+1", ".5", "1.", "0x10", "1e", "tru", "nul", '"', '"\\x"', '"\\u12"', '"\n"', "//", "{}{}", "[] []", "1 2"],
];

/** Nothing in particular. */
function noise(random: Random): string {
  const length = chance(random, 20) ? random(5_000) : random(60);
  const alphabet = pick(random, ['{}[]",:0123456789.eE+-truefalsn\\u ', "abc 💥\u0000\ufffd\u2028é", '{"[', "]}"]);
  const letters = [...alphabet];
  return Array.from({ length }, () => pick(random, letters)).join("");
}

function nested(random: Random): string {
  const depth = pick(random, [31, 32, 33, 100, 1_000, 100_000]);
  const [open, close] = pick(random, [
    ["[", "]"],
    ['{"a":', "}"],
    ['[{"params":', "}]"],
  ] as const);
  const middle = pick(random, ["1", "", '"x"']);
  const whole = `${open.repeat(depth)}${middle}${chance(random, 4) ? "" : close.repeat(depth)}`;
  return chance(random, 2) ? whole : `{"jsonrpc":"2.0","id":1,"method":"chain_info","params":${whole}}`;
}

const serial = (random: Random) => String(random(1_000_000_000));

interface Parts {
  jsonrpc: string | null;
  id: string | null;
  method: string | null;
  params: string | null;
}

function write(parts: Parts, more: readonly string[] = []): string {
  const members = Object.entries(parts).flatMap(([name, value]) => (value === null ? [] : [`"${name}":${value}`]));
  return `{${[...members, ...more].join(",")}}`;
}

/** A transaction as JSON text, whole or with its bytes at odds. */
function transaction(random: Random, { transactions }: Surface, isWhole = false): string {
  const text = pick(random, transactions);
  if (isWhole) return JSON.stringify(text);
  const bytes = Buffer.from(text.slice(2), "hex");
  switch (random(6)) {
    case 0:
      return JSON.stringify(text.slice(0, random(text.length)));
    case 1:
      return JSON.stringify(text + "00".repeat(1 + random(40)));
    case 2: {
      // Lengths are four bytes: one of them becomes enormous.
      bytes.fill(0xff, random(bytes.length), random(bytes.length));
      return JSON.stringify(`0x${bytes.toString("hex")}`);
    }
    case 3: {
      const other = Buffer.from(pick(random, transactions).slice(2), "hex");
      const cut = random(Math.min(bytes.length, other.length));
      return JSON.stringify(`0x${Buffer.concat([bytes.subarray(0, cut), other.subarray(cut)]).toString("hex")}`);
    }
    default:
      bytes[random(bytes.length)]! ^= 1 << random(8);
      return JSON.stringify(`0x${bytes.toString("hex")}`);
  }
}

function sample(random: Random, surface: Surface, { name, types, named }: SurfaceParam, isWhole: boolean): string {
  if (name === "transaction") return transaction(random, surface, isWhole);
  const list = surface.samples[name];
  if (list !== undefined && !(named.length > 0 && chance(random, 2))) return pick(random, list);
  if (named.length > 0) return pick(random, named);
  return types.includes("integer") ? "1" : types.includes("boolean") ? "true" : '"0x"';
}

/** What a development method could do to the run is harmless: few blocks, and sealing as it is. */
function isHarmless(method: string, value: string): boolean {
  if (!method.startsWith("dev_")) return true;
  const parsed = JSON.parse(value) as unknown;
  if (typeof parsed === "number") return parsed <= 2 || parsed >= 2 ** 32 || !Number.isInteger(parsed);
  if (typeof parsed === "object" && parsed !== null) return JSON.stringify(parsed) === '{"kind":"transaction"}';
  return parsed !== "manual" && parsed !== "interval" && parsed !== "mixed";
}

const stopping = /^dev_(stop|shutdown|exit|revert|reset|restore)/;

function paramsOf(random: Random, surface: Surface, method: SurfaceMethod, isWhole: boolean): Map<string, string> {
  const params = new Map<string, string>();
  for (const param of method.params) {
    // A wait without an end of its own would take ten seconds.
    if (param.isRequired || param.name === "timeoutMs" || chance(random, 3)) {
      params.set(param.name, sample(random, surface, param, isWhole));
    }
  }
  return params;
}

function objectOf(params: ReadonlyMap<string, string>, more: readonly string[] = []): string {
  const members = [...params].map(([name, value]) => `${JSON.stringify(name)}:${value}`);
  return `{${[...members, ...more].join(",")}}`;
}

function jsonType(text: string): readonly string[] {
  const value = JSON.parse(text) as unknown;
  if (value === null) return ["null"];
  if (Array.isArray(value)) return ["array"];
  if (typeof value === "number") return Number.isSafeInteger(value) ? ["integer", "number"] : ["number"];
  return [typeof value];
}

function methodOf(random: Random, { methods }: Surface): SurfaceMethod {
  const method = pick(random, methods);
  return stopping.test(method.name) || method.name === "tx_submitAndWait" ? pick(random, methods) : method;
}

/** A request that the node can do. */
export function goodRequest(random: Random, surface: Surface): string {
  const method = methodOf(random, surface);
  if (stopping.test(method.name)) return goodRequest(random, surface);
  return write({
    jsonrpc: '"2.0"',
    id: serial(random),
    method: JSON.stringify(method.name),
    params: objectOf(paramsOf(random, surface, method, true)),
  });
}

/** A good request of which one part became something else. */
function request(random: Random, surface: Surface): Message {
  const method = methodOf(random, surface);
  const params = paramsOf(random, surface, method, chance(random, 4));
  const parts: Parts = {
    jsonrpc: '"2.0"',
    id: serial(random),
    method: JSON.stringify(method.name),
    params: objectOf(params),
  };
  const sendAs = (text: string, isWrong = false): Message => ({ text, ...(isWrong && { mustFail: true }) });
  const param = method.params.length === 0 ? undefined : pick(random, method.params);
  switch (random(12)) {
    case 0:
      return sendAs(write({ ...parts, jsonrpc: chance(random, 3) ? null : oddValue(random) }));
    case 1:
      return sendAs(write({ ...parts, id: chance(random, 3) ? null : oddValue(random) }));
    case 2: {
      const name = nearName(random, method.name);
      const isKnown = surface.methods.some((other) => other.name === name);
      return sendAs(write({ ...parts, method: JSON.stringify(name) }), !isKnown);
    }
    case 3:
      return sendAs(write({ ...parts, method: chance(random, 3) ? null : oddValue(random) }));
    case 4: {
      if (method.name.startsWith("dev_")) break;
      return sendAs(write({ ...parts, params: chance(random, 5) ? null : oddValue(random) }));
    }
    case 5:
      return sendAs(write(parts, [`"${pick(random, ["id", "method", "params", "jsonrpc"])}":${oddValue(random)}`]));
    case 6:
      return sendAs(write(parts, [`"${pick(random, ["extra", "__proto__", "constructor", ""])}":1`]));
    case 7: {
      const extra = pick(random, ["extra", "__proto__", "constructor", "toString", "Height", ""]);
      return sendAs(write({ ...parts, params: objectOf(params, [`"${extra}":${oddValue(random)}`]) }), true);
    }
    case 8: {
      if (!param?.isRequired) break;
      params.delete(param.name);
      return sendAs(write({ ...parts, params: objectOf(params) }), true);
    }
    default: {
      if (param === undefined) break;
      const value = oddValue(random);
      if (!isHarmless(method.name, value) || isTooLong(param.name, value)) break;
      params.set(param.name, value);
      const isWrong = param.types.length > 0 && !jsonType(value).some((type) => param.types.includes(type));
      return sendAs(write({ ...parts, params: objectOf(params) }), isWrong);
    }
  }
  return sendAs(write(parts));
}

/** A wait of minutes, and all of a block's gas in one view, are allowed and would only take time. */
function isTooLong(name: string, value: string): boolean {
  return name === "timeoutMs" && Number(JSON.parse(value)) > 50;
}

function nearName(random: Random, name: string): string {
  const at = random(name.length);
  switch (random(6)) {
    case 0:
      return name.slice(0, at) + name.slice(at + 1);
    case 1:
      return name.toUpperCase();
    case 2:
      return `${name}${pick(random, [" ", "\u0000", "_", "s", "\u200b", "/", ".."])}`;
    case 3:
      return name.replace("_", pick(random, [".", "", "__", "-"]));
    case 4:
      return pick(random, [
        "__proto__",
        "constructor",
        "toString",
        "hasOwnProperty",
        "rpc.discover",
        "",
        "eth_chainId",
      ]);
    default:
      return name.repeat(1 + random(200));
  }
}

function batch(random: Random, surface: Surface): Message {
  const length = chance(random, 30) ? pick(random, [99, 100, 101, 1_000]) : random(8);
  const items = Array.from({ length }, () => {
    switch (random(6)) {
      case 0:
        return oddValue(random);
      case 1:
        return goodRequest(random, surface).replace(/"id":\d+,/, "");
      case 2:
        return `[${goodRequest(random, surface)}]`;
      case 3:
        return request(random, surface).text;
      default:
        return goodRequest(random, surface);
    }
  });
  return { text: `[${items.join(chance(random, 40) ? "," + "," : ",")}]` };
}

/** Good JSON that lost its end or a piece, or in which a character changed. */
function damaged(random: Random, surface: Surface): string {
  const text = chance(random, 3) ? batch(random, surface).text : goodRequest(random, surface);
  const at = random(text.length);
  switch (random(3)) {
    case 0:
      return text.slice(0, at);
    case 1:
      return text.slice(0, at) + text.slice(at + 1 + random(4));
    default:
      return text.slice(0, at) + pick(random, ['"', "{", "}", "\\", "\u0000", ",", "0", "\ud800"]) + text.slice(at + 1);
  }
}

/** Whether a text that chance has made is a request that would hold the run up; never by much, and never on purpose. */
function wouldStop(text: string): boolean {
  return /dev_(stop|shutdown|exit|revert|reset|restore)"/.test(text) || /"kind":"(manual|interval|mixed)"/.test(text);
}

export function message(random: Random, surface: Surface): Message {
  const made = anyMessage(random, surface);
  return wouldStop(made.text) ? { text: goodRequest(random, surface) } : made;
}

function anyMessage(random: Random, surface: Surface): Message {
  switch (random(20)) {
    case 0:
      return { text: noise(random) };
    case 1:
      return { text: chance(random, 2) ? pick(random, brokenJson) : oddValue(random) };
    case 2:
      return { text: chance(random, 8) ? nested(random) : oddValue(random) };
    case 3:
    case 4:
      return { text: damaged(random, surface) };
    case 5:
    case 6:
      return batch(random, surface);
    case 7:
    case 8:
    case 9:
      return { text: goodRequest(random, surface) };
    default:
      return request(random, surface);
  }
}

/** About as large as a message may be, on either side of the bound. */
export function large(random: Random, sizeMax: number): string {
  const size = pick(random, [sizeMax - 1, sizeMax, sizeMax + 1, sizeMax + 70_000, 1 << 20, 1 << 18]);
  const [head, fill, tail] = pick(random, [
    ['{"jsonrpc":"2.0","id":1,"method":"chain_info"', " ", "}"],
    ['{"jsonrpc":"2.0","id":2,"method":"tx_submit","params":{"transaction":"0x', "00", '"}}'],
    ['{"jsonrpc":"2.0","id":3,"method":"', "a", '","params":{}}'],
    ['{"jsonrpc":"2.0","id":"', "a", '","method":"chain_info"}'],
    ["[", "1,", "1]"],
    ['["', "\\\\", '"]'],
  ] as const);
  const text = head + fill.repeat(Math.floor((size - head.length - tail.length) / fill.length)) + tail;
  return text + " ".repeat(Math.max(0, size - text.length));
}
