/**
 * The file that says a node serves: there only while it does, whole whenever it is there, and for its owner's eyes, since it
 * holds keys.
 *
 * One that a killed node left behind is replaced; its `pid` tells. Anything else under the name is not ours to touch.
 */
import { existsSync, rmSync } from "node:fs";
import { CommandError, exitCodes } from "./exit-codes.ts";
import { createPrivateFile, readInputFile } from "./files.ts";
import { toJson } from "./output.ts";

/** Of what the file holds. It grows when a field changes its meaning or goes, not when one is added. */
export const READY_SCHEMA_VERSION = 1;

interface ReadyFacts {
  readonly schemaVersion: number;
  readonly pid: number;
}

/** Takes away what an earlier node left. Throws `CommandError` `ready_file_foreign`, and what `readInputFile` throws. */
export function clearReadyFile(path: string): void {
  if (!existsSync(path)) return;
  if (readyFactsIn(path) === null) throw foreign(path);
  rmSync(path, { force: true });
}

/** Throws `CommandError`: `ready_file_foreign`, `file_unwritable`. */
export function writeReadyFile(path: string, facts: ReadyFacts): void {
  if (!createPrivateFile(path, `${toJson(facts)}\n`)) throw foreign(path);
}

/** Takes away the file of the process `pid`; another's stays. Never throws, for it is done on the way out. */
export function removeReadyFile(path: string, pid: number): void {
  try {
    if (readyFactsIn(path)?.pid === pid) rmSync(path, { force: true });
  } catch {
    // Gone already, or no longer to be had.
  }
}

function readyFactsIn(path: string): ReadyFacts | null {
  const text = Buffer.from(readInputFile(path)).toString("utf8");
  try {
    const facts = JSON.parse(text) as Partial<ReadyFacts> | null;
    return typeof facts?.schemaVersion === "number" && typeof facts.pid === "number" ? (facts as ReadyFacts) : null;
  } catch {
    return null;
  }
}

function foreign(path: string): CommandError {
  return new CommandError(
    exitCodes.file,
    "ready_file_foreign",
    `${path} is there, and is no ready file of a node that ended`,
    {
      hint: "Name another file, or take it away.",
      details: { path },
    },
  );
}
