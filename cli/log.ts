/**
 * The log of a running node, on stderr: JSON, a line for each event, or pretty lines for a person at a terminal.
 *
 * Everything is written in this thread and at once, so that a process that is killed has said what it had to say. Strangers
 * wrote much of the text; what could steer a terminal or pass for another line is escaped, in both forms.
 */
import pino from "pino";
import type { PrettyOptions } from "pino-pretty";
import { type Log, silentLog } from "../node/log.ts";
import { InputError } from "../vm/errors.ts";
import { type LineStream, LineWriter } from "./line-writer.ts";
import { escapeControls, printable } from "./output.ts";

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";
export type LogFormat = "auto" | "pretty" | "json";

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
}

interface LogStream extends LineStream {
  readonly isTTY?: boolean;
  hasColors?(): boolean;
}

/** `auto` is pretty where `stream` is a terminal. */
export async function openLog({ level, format }: LogOptions, stream: LogStream = process.stderr): Promise<Log> {
  if (level === "silent") return silentLog;
  const isPretty = format === "pretty" || (format === "auto" && stream.isTTY === true);
  const toText = isPretty ? await prettyText({ colorize: stream.hasColors?.() ?? false }) : escapeControls;
  const writer = new LineWriter(stream, (count) => {
    const line = { level: "warn", time: new Date().toISOString(), count, msg: "lines were left out: nobody read them" };
    return toText(`${JSON.stringify(line)}\n`);
  });
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: errorFacts, error: errorFacts },
  };
  const log: Log = pino(options, { write: (line: string) => writer.write(toText(line)) });
  return log;
}

/** An error as facts: where in our code is of interest only when the mistake is ours. */
function errorFacts(error: unknown): unknown {
  if (error instanceof InputError) {
    const { code, message, hint } = error;
    return { code, message, ...(hint !== undefined && { hint }) };
  }
  return error instanceof Error ? pino.stdSerializers.err(error) : error;
}

async function prettyText(options: PrettyOptions): Promise<(line: string) => string> {
  const { default: pretty } = await import("pino-pretty");
  const format = pretty.prettyFactory({ ...options, singleLine: true, translateTime: "SYS:HH:MM:ss.l" });
  return (line) => format(harmless(JSON.parse(line), null));
}

/** The same value with every control character in its texts written as an escape. A stack keeps its lines. */
function harmless(value: unknown, name: string | null): unknown {
  if (typeof value === "string") {
    return name === "stack" ? printable(value) : printable(value).replaceAll("\n", "\\n");
  }
  if (Array.isArray(value)) return value.map((item) => harmless(item, null));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [printable(key), harmless(item, key)]));
}
