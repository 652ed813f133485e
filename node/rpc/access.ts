/**
 * Who may ask, and who may use the development methods: decided from the headers of a request, before anything else.
 *
 * A page of another site in the user's own browser must not reach the node. Its requests are known by their Origin or,
 * after DNS rebinding, by a Host that is no name of the node's. Rebinding needs a name, so addresses are safe to be. Control
 * belongs to this machine, or to whoever has the token when there is one.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { isIPv4, isIPv6 } from "node:net";
import { InputError } from "../../vm/errors.ts";
import { type Refusal, refusal } from "./http.ts";
import { quote } from "./json-rpc.ts";

export interface AccessOptions {
  /** Where the node listens. */
  readonly host: string;
  /** Names that the node is known by, besides those of the loopback. Beyond loopback, absent means any. */
  readonly allowedHosts?: readonly string[];
  /** Origins whose pages may use the node, besides those of the loopback: `https://wallet.example`. */
  readonly allowedOrigins?: readonly string[];
  /** Who sends it may control the node. 16 to 256 letters, digits, `-`, `.`, `_` and `~`. */
  readonly token?: string;
}

/** What a request may do. */
export interface Permission {
  readonly mayControl: boolean;
}

const TOKEN = /^[\w.~-]{16,256}$/;
/** Browsers cannot set headers on WebSockets, but they can offer a subprotocol that is the token. */
export const TOKEN_PROTOCOL = "lockstep.token.";

const loopback = String.raw`(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?`;
const loopbackHost = new RegExp(`^${loopback}$`, "i");
const loopbackOrigin = new RegExp(`^https?://${loopback}$`, "i");

/** Whether listening on `host` is for this machine only. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIPv4(host) && host.startsWith("127."));
}

export class Access {
  readonly #isLocal: boolean;
  readonly #hosts: ReadonlySet<string> | undefined;
  readonly #origins: ReadonlySet<string>;
  readonly #tokenHash: Buffer | undefined;

  /** Throws `InputError` `token_invalid`. */
  constructor({ host, allowedHosts, allowedOrigins = [], token }: AccessOptions) {
    if (token !== undefined && !TOKEN.test(token)) {
      throw new InputError(
        "token_invalid",
        "the token is too short, too long, or has a character that it cannot have",
        {
          hint: "A token is 16 to 256 letters, digits, -, ., _ and ~.",
        },
      );
    }
    this.#isLocal = isLoopback(host);
    this.#hosts = allowedHosts && new Set(allowedHosts.map((name) => name.toLowerCase()));
    this.#origins = new Set(allowedOrigins);
    this.#tokenHash = token === undefined ? undefined : sha256(token);
  }

  check(headers: IncomingHttpHeaders): Refusal | Permission {
    return this.#hostRefusal(headers) ?? this.#originRefusal(headers) ?? this.#permission(headers);
  }

  #hostRefusal({ host = "" }: IncomingHttpHeaders): Refusal | undefined {
    if (loopbackHost.test(host)) return undefined;
    if (!this.#isLocal && (this.#hosts === undefined || isAddress(host))) return undefined;
    const name = host.replace(/:\d{1,5}$/, "").toLowerCase();
    if (this.#hosts?.has(name)) return undefined;
    return refusal(403, "forbidden_host", `${quote(host)} is no name of this node`, {
      hint: this.#isLocal
        ? "Use localhost, 127.0.0.1 or [::1] as the host, or allow the name when you start the node."
        : "Use the node's address, or allow the name when you start the node.",
    });
  }

  #originRefusal({ origin }: IncomingHttpHeaders): Refusal | undefined {
    if (origin === undefined || loopbackOrigin.test(origin) || this.#origins.has(origin)) return undefined;
    return refusal(403, "forbidden_origin", `pages of ${quote(origin)} may not use this node`, {
      hint: "Serve the page from localhost, or allow its origin when you start the node.",
    });
  }

  #permission(headers: IncomingHttpHeaders): Refusal | Permission {
    if (this.#tokenHash === undefined) return { mayControl: this.#isLocal };
    const token = tokenIn(headers);
    if (token === undefined) return { mayControl: false };
    // Hashes have one length, and tell nothing about how much of a guess was right.
    if (timingSafeEqual(sha256(token), this.#tokenHash)) return { mayControl: true };
    const refused = refusal(401, "token_wrong", "the token is not this node's", {
      hint: "Send the header Authorization: Bearer TOKEN with the token that the node was started with, or no such header.",
    });
    const { origin } = headers;
    // A page that may ask may also read why it was refused.
    const readable = origin !== undefined && { "Access-Control-Allow-Origin": origin, Vary: "Origin" };
    return { ...refused, headers: { "WWW-Authenticate": "Bearer", ...readable } };
  }
}

/** The token that a request carries: empty when its Authorization header has none. */
function tokenIn({ authorization, "sec-websocket-protocol": protocols = "" }: IncomingHttpHeaders): string | undefined {
  if (authorization !== undefined) return /^Bearer +(\S+)$/i.exec(authorization)?.[1] ?? "";
  const offered = protocols.split(",").map((protocol) => protocol.trim());
  return offered.find((protocol) => protocol.startsWith(TOKEN_PROTOCOL))?.slice(TOKEN_PROTOCOL.length);
}

/** Which of the subprotocols that a client offers is taken: one that is not the token, so that it is not repeated. */
export function chooseProtocol(offered: ReadonlySet<string>): string | false {
  const names = [...offered];
  return names.find((name) => !name.startsWith(TOKEN_PROTOCOL)) ?? names[0] ?? false;
}

/** Whether a Host is an address, with or without a port. */
function isAddress(host: string): boolean {
  const [, bracketed, plain] = /^(?:\[([^\]]+)\]|([^:]+))(?::\d{1,5})?$/.exec(host) ?? [];
  return bracketed === undefined ? isIPv4(plain ?? "") : isIPv6(bracketed);
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
