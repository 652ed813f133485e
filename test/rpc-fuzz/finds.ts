/** What the fuzzer found once, as the least that shows it. Every run does these first. */
import type { FuzzCase } from "./cases.ts";
import type { WireCase } from "./wire.ts";

interface KnownFind {
  readonly name: string;
  readonly case: FuzzCase;
}

/** Refused below the handlers of requests, by the parser of HTTP or of the handshake. */
function bareRefusal(name: string, ...lines: readonly string[]): KnownFind {
  const text = [...lines, "", ""].join("\r\n");
  const one: WireCase = { kind: "http", pieces: [text], outcome: "answer", responses: 1 };
  return { name: `${name} was refused without a JSON-RPC error`, case: one };
}

const HOST = "Host: 127.0.0.1";

export const finds: readonly KnownFind[] = [
  bareRefusal("a request line that is none", "no request"),
  bareRefusal("a request without a host", "GET /health HTTP/1.1"),
  bareRefusal("a head above the bound", "GET / HTTP/1.1", HOST, `X-Long: ${"a".repeat(20_000)}`),
  bareRefusal("a chunk whose size is no number", "POST / HTTP/1.1", HOST, "Transfer-Encoding: chunked", "", "zz"),
  bareRefusal("two lengths", "POST / HTTP/1.1", HOST, "Content-Length: 4", "Content-Length: 5"),
  bareRefusal("an expectation that is none", "POST / HTTP/1.1", HOST, "Expect: 200-ok", "Content-Length: 0"),
  bareRefusal("an upgrade to something else", "GET / HTTP/1.1", HOST, "Connection: Upgrade", "Upgrade: h2c"),
  bareRefusal("a handshake without a key", "GET / HTTP/1.1", HOST, "Connection: Upgrade", "Upgrade: websocket"),
];
