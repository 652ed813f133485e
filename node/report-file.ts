/**
 * A report that an operator can hand on: one JSON file beside the chain's, whose database leaves it alone.
 *
 * Law: it never stands in the way of what it reports. Where it cannot be written there is none.
 */
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { softwareVersion } from "./version.ts";

/** Writes `NAME.json`, over one of the same name, with time and versions; its path, or undefined when it cannot be written. */
export function writeReportFile(directory: string, name: string, facts: object): string | undefined {
  const path = join(directory, `${name}.json`);
  const temporary = `${path}.tmp`;
  const { version: node, versions, platform, arch } = process;
  const report = {
    reportedAt: new Date().toISOString(),
    versions: { lockstep: softwareVersion, node, v8: versions.v8, platform, arch },
    ...facts,
  };
  try {
    try {
      writeFileSync(temporary, `${JSON.stringify(report, null, 2)}\n`);
      renameSync(temporary, path);
      return path;
    } finally {
      rmSync(temporary, { force: true });
    }
  } catch {
    return undefined;
  }
}
