/**
 * Bytes for a socket: HTTP requests and WebSocket frames that are wrong below the message. Each knows what must come of it.
 */
import { gzipSync } from "node:zlib";
import type { Surface } from "./surface.ts";
import { chance, goodRequest, message, pick, type Random } from "./texts.ts";

/** A connection of its own: what is sent, in pieces, and what must come. */
export interface WireCase {
  readonly kind: "http" | "frames";
  /** Latin-1: a character is a byte. Between two pieces the other side has time to act on the first. */
  readonly pieces: readonly string[];
  /**
   * "answer": at least one message or response comes. "close": the node ends the connection by itself. "any": what comes
   * is well formed.
   */
  readonly outcome: "answer" | "close" | "any";
  /** The least number of HTTP responses. */
  readonly responses?: number;
  /** The client is gone before it could read anything. */
  readonly isCut?: true;
}

export const latin1 = (text: string) => Buffer.from(text).toString("latin1");

const HOST = "Host: 127.0.0.1";
const JSON_TYPE = "Content-Type: application/json";

function post(body: string, headers: readonly string[] = []): string {
  const size = Buffer.byteLength(body, "latin1");
  return [`POST / HTTP/1.1`, HOST, JSON_TYPE, `Content-Length: ${size}`, ...headers, "", body].join("\r\n");
}

/** Cut at random places, into at most `countMax` pieces. */
function pieces(random: Random, text: string, countMax: number): string[] {
  const cuts = Array.from({ length: random(countMax) }, () => random(text.length + 1)).sort((a, b) => a - b);
  return [0, ...cuts].map((from, index) => text.slice(from, cuts[index] ?? text.length));
}

function noise(random: Random, length: number): string {
  return Array.from({ length }, () => String.fromCharCode(random(256))).join("");
}

/** UTF-8 that is none: overlong, cut, surrogates, beyond the last character, bytes that never occur. */
export const badUtf8: readonly string[] = [
  "\xc0\x80",
  "\xe0\x80\x80",
  "\xed\xa0\x80",
  "\xf4\x90\x80\x80",
  "\xff",
  "\xc3",
];

export function httpCase(random: Random, surface: Surface): WireCase {
  const text = latin1(message(random, surface).text);
  const good = latin1(goodRequest(random, surface));
  const http = (raw: string | readonly string[], more: Partial<WireCase> = {}): WireCase => ({
    kind: "http",
    pieces: typeof raw === "string" ? pieces(random, raw, 3) : raw,
    outcome: "any",
    ...more,
  });
  const answered = { outcome: "answer", responses: 1 } as const;
  const lines = (...all: readonly string[]) => [...all, "", ""].join("\r\n");
  switch (random(24)) {
    case 0: {
      const verb = pick(random, ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "POST"]);
      const path = pick(random, ["/", "/health", "/ready", "/metrics", "/none", "//", "/%00", "/../", "*", "/?a=1#b"]);
      return http(lines(`${verb} ${path} HTTP/1.1`, HOST, "Content-Length: 0", JSON_TYPE), answered);
    }
    case 1:
      return http(lines(`HEAD ${pick(random, ["/", "/health", "/none"])} HTTP/1.1`, HOST), answered);
    case 2:
      return http(lines(`${pick(random, ["FOO", "get", "\x00", "P".repeat(200)])} / HTTP/1.1`, HOST));
    case 3: {
      const type = pick(random, [
        "text/plain",
        "",
        "application/jsonp",
        "application/x-www-form-urlencoded",
        "*/*",
        "{",
      ]);
      return http(lines("POST / HTTP/1.1", HOST, `Content-Type: ${type}`, "Content-Length: 2").concat("{}"), answered);
    }
    case 4: {
      const length = pick(random, ["-1", "1e3", "0x10", "9".repeat(30), "5000000", "", " 3 3", "+4", "4294967296"]);
      return http(lines("POST / HTTP/1.1", HOST, JSON_TYPE, `Content-Length: ${length}`) + good);
    }
    case 5:
      // Of two lengths one is a lie; what is smuggled behind it must not be a request.
      return http(lines("POST / HTTP/1.1", HOST, JSON_TYPE, "Content-Length: 4", "Transfer-Encoding: chunked") + good);
    case 6:
      return http(lines("POST / HTTP/1.1", HOST, JSON_TYPE, "Content-Length: 4", "Content-Length: 5") + good);
    case 7: {
      const chunk = pick(random, [
        "zz\r\n{}",
        `${"f".repeat(17)}\r\n{}`,
        "-1\r\n",
        "2\r\n{}{}\r\n0",
        "1;a=b\r\n",
        "\r\n\r\n",
      ]);
      return http(`${lines("POST / HTTP/1.1", HOST, JSON_TYPE, "Transfer-Encoding: chunked")}${chunk}\r\n\r\n`);
    }
    case 8: {
      const size = Buffer.byteLength(good, "latin1").toString(16);
      const head = lines("POST / HTTP/1.1", HOST, JSON_TYPE, "Transfer-Encoding: chunked");
      return http(`${head}${size}\r\n${good}\r\n0\r\n\r\n`, answered);
    }
    case 9:
      return http(post(text));
    case 10:
      // A slow sender: a byte now and then.
      return http(pieces(random, post(good), 40), answered);
    case 11: {
      const count = 2 + random(12);
      return http(Array.from({ length: count }, () => post(good)).join(""));
    }
    case 12: {
      const header = pick(random, [
        `X-Long: ${"a".repeat(pick(random, [8_000, 16_400, 100_000]))}`,
        Array.from({ length: 3_000 }, (_, index) => `X-${index}: 1`).join("\r\n"),
        "X-Nul: a\x00b",
        ": no name",
        "no colon",
        " folded",
        "X-Bytes: \xff\xfe",
        "Connection: close, keep-alive, upgrade",
        "Authorization: Bearer \xff",
        `Authorization: Bearer ${"a".repeat(5_000)}`,
        "Authorization: Basic AAAA",
        "Expect: 100-continue",
        "Expect: 200-ok",
        "Content-Length: 0\r\nContent-Length: 0",
      ]);
      return http(post(good, [header]));
    }
    case 13: {
      const host = pick(random, [
        "Host: evil.example",
        "Host: ",
        "Host: 127.0.0.1.evil.example",
        "X: y",
        `${HOST}\r\n${HOST}`,
      ]);
      return http(lines("POST / HTTP/1.1", host, JSON_TYPE, "Content-Length: 2").concat("{}"));
    }
    case 14: {
      const origin = pick(random, [
        "http://evil.example",
        "null",
        "",
        "http://127.0.0.1.evil.example",
        "\xff",
        "app://page",
      ]);
      return http(post(good, [`Origin: ${origin}`]), answered);
    }
    case 15: {
      const version = pick(random, ["HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/9.9", "ICY", ""]);
      return http(lines(`POST / ${version}`, HOST, JSON_TYPE, "Content-Length: 2").concat("{}"));
    }
    case 16:
      return http(
        pick(random, ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", `\x16\x03\x01\x02\x00\x01\x00${noise(random, 300)}`]),
      );
    case 17:
      return http(noise(random, 1 + random(400)));
    case 18: {
      const body = gzipSync(goodRequest(random, surface)).toString("latin1");
      return http(post(body, [`Content-Encoding: ${pick(random, ["gzip", "br", "deflate", "none"])}`]), answered);
    }
    case 19: {
      const at = random(good.length);
      return http(post(good.slice(0, at) + pick(random, badUtf8) + good.slice(at)), answered);
    }
    case 20: {
      const whole = post(good);
      return http([whole.slice(0, random(whole.length))], { isCut: true });
    }
    case 21: {
      const header = pick(random, [
        "Sec-WebSocket-Version: 7",
        "Sec-WebSocket-Key: short",
        "Sec-WebSocket-Protocol: a, a, ,",
        "Sec-WebSocket-Extensions: permessage-deflate; x=\x01",
        "Origin: http://evil.example",
      ]);
      const path = pick(random, ["/", "/none", "/health"]);
      return http(lines(`GET ${path} HTTP/1.1`, HOST, "Connection: Upgrade", "Upgrade: websocket", header), answered);
    }
    case 22:
      return http(
        lines("GET / HTTP/1.1", HOST, "Connection: Upgrade", `Upgrade: ${pick(random, ["h2c", "x", "TLS/1.0"])}`),
      );
    default:
      return http(lines("CONNECT 127.0.0.1:1 HTTP/1.1", HOST));
  }
}

interface FrameParts {
  readonly opcode: number;
  readonly payload: string;
  readonly isFinal?: boolean;
  readonly reserved?: number;
  readonly isMasked?: boolean;
  /** In place of the payload's own. */
  readonly size?: bigint;
}

const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;
const PING = 9;

/** A frame as a client sends it (RFC 6455), as far as the parts let it be one. */
export function frame(parts: FrameParts): string {
  const { opcode, payload, isFinal = true, reserved = 0, isMasked = true, size = BigInt(payload.length) } = parts;
  const head = Buffer.alloc(14);
  head[0] = (isFinal ? 0x80 : 0) | (reserved << 4) | opcode;
  const maskBit = isMasked ? 0x80 : 0;
  let at = 2;
  if (size < 126n) head[1] = maskBit | Number(size);
  else if (size < 65_536n) {
    head[1] = maskBit | 126;
    at = head.writeUInt16BE(Number(size), 2);
  } else {
    head[1] = maskBit | 127;
    at = head.writeBigUInt64BE(size, 2);
  }
  // The mask of zeros is a mask.
  if (isMasked) at += 4;
  return head.subarray(0, at).toString("latin1") + payload;
}

export function framesCase(random: Random, surface: Surface): WireCase {
  const good = latin1(goodRequest(random, surface));
  const text = latin1(message(random, surface).text);
  const frames = (outcome: WireCase["outcome"], ...all: readonly string[]): WireCase => ({
    kind: "frames",
    pieces: chance(random, 3) ? pieces(random, all.join(""), 4) : all,
    outcome,
  });
  const control = pick(random, [CLOSE, PING, 10]);
  switch (random(20)) {
    case 0:
      return frames("close", frame({ opcode: TEXT, payload: good, isMasked: false }));
    case 1:
      return frames("close", frame({ opcode: TEXT, payload: good, reserved: 1 + random(7) }));
    case 2:
      return frames("close", frame({ opcode: pick(random, [3, 4, 5, 6, 7, 11, 12, 15]), payload: good }));
    case 3:
      return frames("close", frame({ opcode: control, payload: "a".repeat(126 + random(1_000)) }));
    case 4:
      return frames("close", frame({ opcode: control, payload: "", isFinal: false }));
    case 5: {
      const size = pick(random, [2n ** 64n - 1n, 2n ** 63n, 2n ** 53n, 2n ** 32n, 4n * 1024n * 1024n + 1n]);
      return frames("close", frame({ opcode: TEXT, payload: good, size }));
    }
    case 6:
      return frames("close", frame({ opcode: 0, payload: good }));
    case 7:
      return frames(
        "close",
        frame({ opcode: TEXT, payload: "{", isFinal: false }),
        frame({ opcode: TEXT, payload: good }),
      );
    case 8:
      return frames("close", frame({ opcode: TEXT, payload: `"${pick(random, badUtf8)}"` }));
    case 9:
      return frames(
        "close",
        frame({ opcode: CLOSE, payload: pick(random, ["\x03", "\x03\xed", "\x00\x00", "\xff\xff", "\x03\xe8\xff"]) }),
      );
    case 10:
      return frames(
        "answer",
        frame({ opcode: BINARY, payload: chance(random, 2) ? good : noise(random, 1 + random(500)) }),
      );
    case 11: {
      // Many small frames are one message, and a ping may stand between them.
      const parts = pieces(random, good, 30);
      const made = parts.map((payload, index) =>
        frame({ opcode: index === 0 ? TEXT : 0, payload, isFinal: index === parts.length - 1 }),
      );
      if (made.length > 1) made.splice(1, 0, frame({ opcode: PING, payload: "between" }));
      return frames("answer", ...made);
    }
    case 12: {
      const empty = Array.from({ length: 1 + random(500) }, () => frame({ opcode: 0, payload: "", isFinal: false }));
      return frames(
        "any",
        frame({ opcode: TEXT, payload: "", isFinal: false }),
        empty.join(""),
        frame({ opcode: 0, payload: good }),
      );
    }
    case 13:
      return frames("any", frame({ opcode: PING, payload: "a".repeat(125) }).repeat(1 + random(300)));
    case 14:
      return frames("any", noise(random, 1 + random(400)));
    case 15: {
      const whole = frame({ opcode: TEXT, payload: good });
      return { ...frames("any", whole.slice(0, random(whole.length))), isCut: true };
    }
    case 16:
      return { ...frames("any", frame({ opcode: TEXT, payload: good }).repeat(1 + random(20))), isCut: true };
    case 17:
      return frames("any", frame({ opcode: TEXT, payload: text }));
    case 18:
      return frames("answer", frame({ opcode: TEXT, payload: "" }));
    default:
      return frames("close", frame({ opcode: CLOSE, payload: "\x03\xe8bye" }), frame({ opcode: TEXT, payload: good }));
  }
}
