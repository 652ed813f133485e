/**
 * `lockstep build`: compiles contracts and checks what came out, so that what is in `build/` can be deployed.
 */
import { existsSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import type { Command } from "commander";
import { type BuildResult, buildContract, diagnosticToText } from "../../contracts-sdk/build.ts";
import { InputError } from "../../vm/errors.ts";
import { CommandError, during, exitCodes } from "../exit-codes.ts";
import { writeFileAtomically } from "../files.ts";
import { print, printNote, type Report } from "../output.ts";
import { settingsOf, withShared } from "../settings.ts";
import { moduleReport } from "./check.ts";

const SOURCE_FOLDER = "contracts";
const OUTPUT_FOLDER = "build";

export function define(command: Command): void {
  withShared(command, "json")
    .description(`Compile one contract, or all of ${SOURCE_FOLDER}/, to ${OUTPUT_FOLDER}/NAME.wasm. Needs no node.`)
    .argument("[file.ts]", "the source; default: every file in contracts/")
    .option("--out <file.wasm>", "where to write a single contract")
    .action(run);
}

async function run(file: string | undefined, { out }: { out?: string }, command: Command): Promise<void> {
  const settings = settingsOf(command);
  const sources = file === undefined ? allSources() : [file];
  if (out !== undefined && sources.length > 1) {
    throw new InputError("usage", `--out names one file, but there are ${sources.length} contracts`, {
      hint: "Name the source too: `lockstep build contracts/NAME.ts --out FILE.wasm`.",
    });
  }
  const reports: Report[] = [];
  for (const entry of sources) {
    const target = out ?? join(OUTPUT_FOLDER, `${basename(entry, ".ts")}.wasm`);
    reports.push(await build(entry, target));
  }
  print(settings, {
    json: { contracts: reports.map(({ json }) => json) },
    text: reports.flatMap(({ text }) => text),
  });
}

function allSources(): readonly string[] {
  const names = existsSync(SOURCE_FOLDER) ? readdirSync(SOURCE_FOLDER) : [];
  const sources = names.filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts")).sort();
  if (sources.length === 0) {
    throw new CommandError(exitCodes.file, "no_contracts", `there is no contract in ${SOURCE_FOLDER}/ here`, {
      hint: "Name a file, change to the project's folder, or begin one with `lockstep new`.",
    });
  }
  return sources.map((name) => join(SOURCE_FOLDER, name));
}

async function build(entry: string, target: string): Promise<Report> {
  const { wasm, warnings }: BuildResult = await during(exitCodes.file, () => buildContract({ entry }));
  for (const warning of warnings) printNote(`warning: ${diagnosticToText(warning)}`);
  const report = await during(exitCodes.file, () => moduleReport(target, wasm));
  writeFileAtomically(target, wasm);
  return { json: { entry, ...report.json, warnings }, text: report.text };
}
