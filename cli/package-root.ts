/**
 * Where this package lies, and what is in it besides code: its version, and the example contracts that `new` copies.
 */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { assert } from "../vm/errors.ts";

/** The folder of our package.json: two above `dist/cli`, one above `cli`. */
export const packageRoot = findRoot(dirname(fileURLToPath(import.meta.url)));

export const packageVersion: string = JSON.parse(readFileSync(join(packageRoot, "package.json"), "utf8")).version;

/** Whether npm put the package here, rather than a git checkout. */
export const isInstalled = packageRoot.split(sep).includes("node_modules");

function findRoot(folder: string): string {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, "package.json"))) return at;
    assert(at !== dirname(at), "the command lies inside its package");
  }
}
