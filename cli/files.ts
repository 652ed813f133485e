/**
 * Files in and out. A read is bounded and names its file when it fails; a write is seen whole or not at all.
 */
import { randomBytes } from "node:crypto";
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { CommandError, exitCodes } from "./exit-codes.ts";

/** Above every file this command reads: modules are limited to a megabyte, keys and aliases to kilobytes. */
export const FILE_SIZE_MAX = 16 * 1024 * 1024;

/** Throws `CommandError`: `file_missing`, `file_unreadable`, `file_too_large`. */
export function readInputFile(path: string, hint?: string): Uint8Array {
  try {
    const stat = statSync(path);
    if (!stat.isFile()) throw new CommandError(exitCodes.file, "file_unreadable", `${path} is not a file`);
    if (stat.size > FILE_SIZE_MAX) {
      throw new CommandError(
        exitCodes.file,
        "file_too_large",
        `${path} has ${stat.size} bytes, at most ${FILE_SIZE_MAX}`,
      );
    }
    return Uint8Array.from(readFileSync(path));
  } catch (error) {
    if (!isSystemError(error)) throw error;
    const more = hint === undefined ? {} : { hint };
    if (error.code === "ENOENT")
      throw new CommandError(exitCodes.file, "file_missing", `there is no file ${path}`, more);
    throw new CommandError(exitCodes.file, "file_unreadable", `${path} cannot be read (${error.code})`, more);
  }
}

/** Replaces `path`, or creates it. Throws `CommandError` `file_unwritable`. */
export function writeFileAtomically(path: string, data: Uint8Array | string): void {
  throughTemporaryFile(path, { data, mode: 0o666 }, (temporary) => renameSync(temporary, path));
}

/** Creates `path` for the owner's eyes only. `false`, and nothing changed, if it is there already. */
export function createPrivateFile(path: string, data: string): boolean {
  let isNew = true;
  throughTemporaryFile(path, { data, mode: 0o600 }, (temporary) => {
    try {
      // A link, unlike a rename, never replaces.
      linkSync(temporary, path);
    } catch (error) {
      if (!isSystemError(error) || error.code !== "EEXIST") throw error;
      isNew = false;
    }
  });
  return isNew;
}

interface Content {
  readonly data: Uint8Array | string;
  readonly mode: number;
}

function throughTemporaryFile(path: string, { data, mode }: Content, publish: (temporary: string) => void): void {
  const folder = dirname(path);
  const temporary = join(folder, `.${randomBytes(8).toString("hex")}.tmp`);
  try {
    mkdirSync(folder, { recursive: true });
    const file = openSync(temporary, "wx", mode);
    try {
      try {
        writeFileSync(file, data);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      publish(temporary);
    } finally {
      rmSync(temporary, { force: true });
    }
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new CommandError(exitCodes.file, "file_unwritable", `${path} cannot be written (${error.code})`);
  }
}

export function isSystemError(error: unknown): error is NodeJS.ErrnoException & { readonly code: string } {
  return error instanceof Error && "syscall" in error && "code" in error && typeof error.code === "string";
}
