/**
 * `lockstep.config.ts`, `.js`, `.mjs` or `.json`: found in the working folder, and loaded. What it says is checked elsewhere.
 *
 * A file that is code is run, as the user's own. TypeScript goes through jiti, which is loaded for it alone.
 */
import { existsSync, statSync } from "node:fs";
import { extname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { CommandError, exitCodes } from "./exit-codes.ts";
import { readInputFile } from "./files.ts";

const extensions = [".ts", ".js", ".mjs", ".json"] as const;
type Extension = (typeof extensions)[number];
const REASON_LENGTH_MAX = 500;

/** The path of the folder's file, or null. Throws `CommandError` `config_ambiguous`. */
export function findConfigFile(folder = process.cwd()): string | null {
  const found = extensions.map((extension) => join(folder, `lockstep.config${extension}`)).filter(existsSync);
  if (found.length <= 1) return found[0] ?? null;
  throw new CommandError(exitCodes.file, "config_ambiguous", `there are several config files: ${found.join(", ")}`, {
    hint: "Keep one of them, or name one with --config.",
    details: { files: found },
  });
}

/** What the file exports by default, or holds. Throws `CommandError` `config_unreadable`, naming the file and the reason. */
export async function loadConfigFile(file: string): Promise<unknown> {
  const extension = extname(file) as Extension;
  if (!extensions.includes(extension)) throw unreadable(file, `its name must end with ${extensions.join(", ")}`);
  if (!existsSync(file)) throw unreadable(file, "there is no such file");
  if (!statSync(file).isFile()) throw unreadable(file, "it is not a file");
  try {
    if (extension === ".json") return JSON.parse(Buffer.from(readInputFile(file)).toString("utf8"));
    return defaultOf(file, extension === ".ts" ? await importTypeScript(file) : await import(pathToFileURL(file).href));
  } catch (error) {
    if (error instanceof CommandError && error.code === "config_unreadable") throw error;
    throw unreadable(file, error instanceof Error ? `${error.name}: ${error.message}` : String(error));
  }
}

async function importTypeScript(file: string): Promise<object> {
  const { createJiti } = await import("jiti");
  // Nothing is left behind on disk, and a changed file is a changed file.
  const jiti = createJiti(import.meta.url, { fsCache: false, moduleCache: false, interopDefault: false });
  return jiti.import<object>(resolve(file));
}

function defaultOf(file: string, module: object): unknown {
  if ("default" in module) return module.default;
  throw unreadable(file, "it exports nothing by default; write `export default { dev: { ... } }`");
}

function unreadable(file: string, text: string): CommandError {
  const reason = text.replace(/\s+/g, " ");
  const short = reason.length > REASON_LENGTH_MAX ? `${reason.slice(0, REASON_LENGTH_MAX)}...` : reason;
  return new CommandError(exitCodes.file, "config_unreadable", `${file} cannot be used: ${short}`, {
    hint: "Mend the file, or start with --no-config.",
    details: { file },
  });
}
