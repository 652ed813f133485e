/**
 * Scripts of the official test suite (`.wast`) -> commands: modules, what is done with them, and what must come of it.
 *
 * The grammar is that of the reference interpreter's README, "Scripts". A module stays what it was in the script: text,
 * quoted text, or bytes; nothing is assembled here.
 */
import { type Expression, type List, parseExpressions, SyntaxFailure } from "./s-expression.ts";

export type ModuleSource =
  | { readonly form: "text"; readonly text: string; readonly fields: List }
  | { readonly form: "binary"; readonly bytes: Uint8Array }
  /** Text that need not even be S-expressions. */
  | { readonly form: "quote"; readonly text: string };

export type Value =
  /** Unsigned: as the bits say. */
  | { readonly type: "i32" | "i64"; readonly bits: bigint }
  /** Floats with their NaN patterns, references: no value of a contract. */
  | { readonly type: "outside"; readonly text: string };

export interface Action {
  readonly kind: "invoke" | "get";
  /** The module's name; null is the last one. */
  readonly module: string | null;
  readonly exportName: string;
  readonly args: readonly Value[];
}

export type Command = { readonly line: number } & (
  | { readonly kind: "module"; readonly name: string | null; readonly module: ModuleSource }
  | { readonly kind: "register"; readonly as: string; readonly name: string | null }
  | { readonly kind: "action"; readonly action: Action }
  | { readonly kind: "assert_return"; readonly action: Action; readonly expected: readonly Value[] }
  | { readonly kind: "assert_trap" | "assert_exhaustion"; readonly action: Action; readonly message: string }
  | {
      /** `assert_trap` of a module is `assert_uninstantiable`, its later name. */
      readonly kind: "assert_malformed" | "assert_invalid" | "assert_unlinkable" | "assert_uninstantiable";
      readonly module: ModuleSource;
      readonly message: string;
    }
);

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
const commandNames =
  /^(module|register|invoke|get|assert_(return|trap|exhaustion|malformed|invalid|unlinkable|uninstantiable))$/;

export function parseScript(source: string): Command[] {
  const forms = parseExpressions(source);
  const [first] = forms;
  // A script may be the fields of one module, without the `(module ...)` around them.
  if (first !== undefined && !commandNames.test(headOf(first))) {
    const text = `(module ${source}\n)`;
    const [fields] = parseExpressions(text);
    return [{ kind: "module", name: null, module: { form: "text", text, fields: fields as List }, line: 1 }];
  }
  return forms.map((form) => parseCommand(source, form));
}

function parseCommand(source: string, form: Expression): Command {
  const head = headOf(form);
  const { items, line } = form as List;
  switch (head) {
    case "module":
      return { kind: "module", ...parseModule(source, form), line };
    case "register":
      return { kind: "register", as: textOf(items[1]), name: nameIn(items[2]), line };
    case "invoke":
    case "get":
      return { kind: "action", action: parseAction(form), line };
    case "assert_return":
      return { kind: head, action: parseAction(items[1]), expected: items.slice(2).map(parseValue), line };
    case "assert_trap":
    case "assert_exhaustion":
      if (headOf(items[1]) === "module") {
        const { module } = parseModule(source, items[1]!);
        return { kind: "assert_uninstantiable", module, message: textOf(items[2]), line };
      }
      return { kind: head, action: parseAction(items[1]), message: textOf(items[2]), line };
    case "assert_malformed":
    case "assert_invalid":
    case "assert_unlinkable":
    case "assert_uninstantiable":
      return { kind: head, module: parseModule(source, items[1]!).module, message: textOf(items[2]), line };
  }
  throw new SyntaxFailure(`line ${form.line}: no command`);
}

function parseModule(source: string, form: Expression): { name: string | null; module: ModuleSource } {
  if (form.kind !== "list" || headOf(form) !== "module") throw new SyntaxFailure(`line ${form.line}: no module`);
  const { items, start, end } = form;
  const name = nameIn(items[1]);
  const next = items[name === null ? 1 : 2];
  const keyword = next?.kind === "atom" ? next.text : null;
  if (keyword !== "binary" && keyword !== "quote") {
    return { name, module: { form: "text", text: source.slice(start, end), fields: form } };
  }
  const parts = items.filter((item) => item.kind === "string").map(({ bytes }) => bytes);
  // Quoted strings are lines; a token never runs from one into the next.
  if (keyword === "quote")
    return { name, module: { form: "quote", text: parts.map((b) => utf8.decode(b)).join("\n") } };
  return { name, module: { form: "binary", bytes: Uint8Array.from(parts.flatMap((b) => [...b])) } };
}

function parseAction(form: Expression | undefined): Action {
  const kind = headOf(form);
  if (kind !== "invoke" && kind !== "get") throw new SyntaxFailure(`line ${form?.line}: no action`);
  const { items } = form as List;
  const module = nameIn(items[1]);
  const [exportName, ...args] = items.slice(module === null ? 1 : 2);
  return { kind, module, exportName: textOf(exportName), args: args.map(parseValue) };
}

function parseValue(form: Expression): Value {
  const head = headOf(form);
  const [, literal] = form.kind === "list" ? form.items : [];
  const text = literal?.kind === "atom" ? literal.text : "";
  if (head !== "i32.const" && head !== "i64.const") return { type: "outside", text: `${head} ${text}`.trim() };
  const type = head === "i32.const" ? "i32" : "i64";
  return { type, bits: BigInt.asUintN(type === "i32" ? 32 : 64, parseInteger(text)) };
}

/** Section 6.3.1: decimal or hexadecimal, signed, with underscores between digits. */
export function parseInteger(text: string): bigint {
  const match = /^([+-]?)(0x[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*|\d+(?:_\d+)*)$/.exec(text);
  if (match === null) throw new SyntaxFailure(`no integer: ${text}`);
  const magnitude = BigInt(match[2]!.replaceAll("_", ""));
  return match[1] === "-" ? -magnitude : magnitude;
}

/** The keyword that a list begins with; empty when it begins with none. */
export function headOf(form: Expression | undefined): string {
  const first = form?.kind === "list" ? form.items[0] : undefined;
  return first?.kind === "atom" ? first.text : "";
}

function nameIn(form: Expression | undefined): string | null {
  return form?.kind === "atom" && form.text.startsWith("$") ? form.text : null;
}

function textOf(form: Expression | undefined): string {
  if (form?.kind !== "string") throw new SyntaxFailure(`line ${form?.line}: a string is missing`);
  return utf8.decode(form.bytes);
}
