/**
 * S-expressions of the Wasm text format (core spec, section 6.3): atoms, strings and lists, with the place of each in the
 * source, so that a `(module ...)` can be handed on as the text it was. Comments vanish; nothing recurses.
 */

export interface Atom {
  readonly kind: "atom";
  readonly text: string;
  readonly line: number;
}

export interface StringLiteral {
  readonly kind: "string";
  /** Strings of the text format are bytes: escapes may make what no UTF-8 is. */
  readonly bytes: Uint8Array;
  readonly line: number;
}

export interface List {
  readonly kind: "list";
  readonly items: readonly Expression[];
  readonly line: number;
  /** The range of the source, parentheses included. */
  readonly start: number;
  readonly end: number;
}

export type Expression = Atom | StringLiteral | List;

/** The source is no sequence of S-expressions. */
export class SyntaxFailure extends Error {
  override readonly name = "SyntaxFailure";
}

const utf8 = new TextEncoder();
// Whatever ends an atom; a semicolon does so only as the start of a comment, which the suite always sets apart.
const atomEnd = /[\s()";]/g;
const escapes: Readonly<Record<string, number>> = { t: 9, n: 10, r: 13, '"': 34, "'": 39, "\\": 92 };

export function parseExpressions(source: string): Expression[] {
  const top: Expression[] = [];
  const open: { items: Expression[]; start: number; line: number }[] = [];
  let items = top;
  let line = 1;
  let at = 0;
  const fail = (problem: string): never => {
    throw new SyntaxFailure(`line ${line}: ${problem}`);
  };
  const skipTo = (end: number): void => {
    for (; at < end; at++) if (source[at] === "\n") line++;
  };

  while (at < source.length) {
    const character = source[at]!;
    if (/\s/.test(character)) {
      skipTo(at + 1);
    } else if (source.startsWith(";;", at)) {
      const end = source.indexOf("\n", at);
      at = end < 0 ? source.length : end;
    } else if (source.startsWith("(;", at)) {
      const end = blockCommentEnd(source, at);
      if (end < 0) fail("comment without end");
      skipTo(end);
    } else if (character === "(") {
      open.push({ items, start: at++, line });
      items = [];
    } else if (character === ")") {
      const outer = open.pop() ?? fail("closing parenthesis too many");
      outer.items.push({ kind: "list", items, line: outer.line, start: outer.start, end: ++at });
      items = outer.items;
    } else if (character === '"') {
      const end = stringEnd(source, at);
      if (end < 0) fail("string without end");
      items.push({ kind: "string", bytes: stringBytes(source.slice(at + 1, end - 1)), line });
      skipTo(end);
    } else {
      atomEnd.lastIndex = at + 1;
      const end = atomEnd.exec(source)?.index ?? source.length;
      items.push({ kind: "atom", text: source.slice(at, end), line });
      at = end;
    }
  }
  if (open.length > 0) fail(`${open.length} parentheses are not closed`);
  return top;
}

/** Block comments nest. */
function blockCommentEnd(source: string, start: number): number {
  let depth = 0;
  const brackets = /\(;|;\)/g;
  brackets.lastIndex = start;
  for (let match = brackets.exec(source); match !== null; match = brackets.exec(source)) {
    depth += match[0] === "(;" ? 1 : -1;
    if (depth === 0) return brackets.lastIndex;
  }
  return -1;
}

function stringEnd(source: string, start: number): number {
  for (let at = start + 1; at < source.length; at++) {
    if (source[at] === "\\") at++;
    else if (source[at] === '"') return at + 1;
  }
  return -1;
}

function stringBytes(literal: string): Uint8Array {
  const bytes: number[] = [];
  const tokens = literal.matchAll(/\\u\{([0-9a-fA-F_]+)\}|\\([0-9a-fA-F]{2})|\\([\s\S])|[^\\]+/g);
  for (const [token, codePoint, byte, letter] of tokens) {
    if (codePoint !== undefined)
      bytes.push(...utf8.encode(String.fromCodePoint(Number.parseInt(codePoint.replaceAll("_", ""), 16))));
    else if (byte !== undefined) bytes.push(Number.parseInt(byte, 16));
    else if (letter === undefined) for (const value of utf8.encode(token)) bytes.push(value);
    else if (letter in escapes) bytes.push(escapes[letter]!);
    else throw new SyntaxFailure(`unknown escape ${token}`);
  }
  return Uint8Array.from(bytes);
}
