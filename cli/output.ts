/**
 * What a command says: text for people, or exactly one JSON object for programs. Errors for people go to stderr.
 *
 * Much of the text was written by strangers (ABI docs, events, revert messages), so control characters never reach the
 * terminal as themselves.
 */
import type { SourcePosition } from "../vm/dwarf-lines.ts";
import { InputError } from "../vm/errors.ts";
import type { FloatUse } from "../vm/float-survey.ts";
import { sourceText } from "./source-lines.ts";

export interface Report {
  /** Beside `"ok": true`. Amounts may be bigints; they are printed as decimal strings. */
  readonly json: Readonly<Record<string, unknown>>;
  readonly text: readonly string[];
}

export function print({ json }: { readonly json: boolean }, report: Report): void {
  if (json) printJson({ ok: true, ...report.json });
  else printText(report.text);
}

/** One line of JSON on stdout. */
export function printJson(value: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${toJson(value)}\n`);
}

export function printText(lines: readonly string[]): void {
  if (lines.length > 0) process.stdout.write(`${lines.map(printable).join("\n")}\n`);
}

/** Something by the way, which no program reads. */
export function printNote(line: string): void {
  process.stderr.write(`${printable(line)}\n`);
}

export function printError({ json }: { readonly json: boolean }, error: unknown): void {
  const { code, message, hint, details } = errorFacts(error);
  if (json) {
    const facts = { code, message, ...(hint !== undefined && { hint }), ...(details !== undefined && { details }) };
    printJson({ ok: false, error: facts });
    return;
  }
  const logs = Array.isArray(details?.logs) ? details.logs.map((log) => `log: ${log}`) : [];
  for (const line of logs) printNote(line);
  printNote(`error[${code}]: ${message}`);
  for (const line of floatLines(details?.floats)) printNote(line);
  if (hint !== undefined) printNote(`hint: ${hint}`);
}

/** Lines of the survey that comes with a module refused for its floats; the rest is in `--json`. */
const FLOAT_LINES_MAX = 20;

interface LocatedFloatUse extends FloatUse {
  /** Absent when nothing is known of the module's source. */
  readonly source?: SourcePosition | null;
}

function floatLines(floats: unknown): string[] {
  if (!Array.isArray(floats)) return [];
  const lines = (floats as readonly LocatedFloatUse[]).map((use) => {
    const { functionIndex, functionName, offset, what, path, source } = use;
    const name = functionName === null ? `function ${functionIndex}` : `function ${functionIndex} (${functionName})`;
    const way = path === null ? "no export reaches it" : `reached by ${path.join(" > ")}`;
    return `  ${name}: ${what} at byte ${offset}${source ? ` at ${sourceText(source)}` : ""}, ${way}`;
  });
  const rest = lines.length - FLOAT_LINES_MAX;
  return rest > 0 ? [...lines.slice(0, FLOAT_LINES_MAX), `  and ${rest} more functions`] : lines;
}

interface ErrorFacts {
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

function errorFacts(error: unknown): ErrorFacts {
  if (error instanceof InputError) return error;
  return {
    code: "fault",
    message: error instanceof Error ? (error.stack ?? error.message) : String(error),
    hint: "This is a mistake in lockstep, not in your input. Please report it with the lines above.",
  };
}

/** Labels in one column, values in the next. */
export function rows(entries: readonly (readonly [label: string, value: string])[]): string[] {
  const width = Math.max(0, ...entries.map(([label]) => label.length));
  return entries.map(([label, value]) => `  ${label.padEnd(width)}  ${value}`);
}

/** Bigints as decimal strings, and harmless on a terminal. */
export function toJson(value: unknown): string {
  return escapeControls(JSON.stringify(value, (_, item) => (typeof item === "bigint" ? item.toString() : item)));
}

/** JSON escapes most of them already, so what is left is in texts, where an escape means the same. */
export function escapeControls(json: string): string {
  return json.replace(
    /[\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** A decoded value for people: text as it is, everything else as JSON. */
export function valueText(value: unknown): string {
  return typeof value === "string" ? value : toJson(value);
}

/** The same text with every control character but the line feed written as an escape. */
export function printable(text: string): string {
  return text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this is about
    /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u{${character.charCodeAt(0).toString(16)}}`,
  );
}

/** The same text as one line. */
export function printableLine(text: string): string {
  return printable(text).replaceAll("\n", "\\n");
}
