/**
 * `npm run bench -- gas`: what a gas is in time, for every instruction, host function, instance and upload. An underpriced
 * operation is how one fills a block with more work than its limit says, so the figure to watch is how far the most
 * underpriced is from the median. `vm/metering/CALIBRATION.md` says how prices follow from it.
 *
 * With `GAS_TABLE=1` the table of that page is written anew.
 */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { assert } from "../../vm/errors.ts";
import { type Part, parts, type Reading } from "./gas/case.ts";
import { readHostFunctions } from "./gas/host.ts";
import { readInstances } from "./gas/preparation.ts";
import type { Figures, Report } from "./main.ts";
import { median } from "./statistics.ts";

const page = new URL("../../../vm/metering/CALIBRATION.md", import.meta.url);
const child = fileURLToPath(new URL("gas/child.js", import.meta.url));

export async function measure(report: Report): Promise<Figures> {
  const readings = [
    ...readPart("baseline"),
    ...readPart("optimised"),
    ...(await readInstances()),
    ...readPart("preparation"),
    ...(await readHostFunctions()),
  ];
  return summarize(readings, report);
}

function readPart(part: Part): readonly Reading[] {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...parts[part].flags, child, part], {
    encoding: "utf8",
    maxBuffer: 16 * 1024 * 1024,
  });
  assert(status === 0, `the ${part} readings failed: ${stderr}`);
  return JSON.parse(stdout);
}

interface Row extends Reading {
  readonly nsPerGas: number;
}

/** Of the tiers of a case, the one where its gas buys the most time. */
function worstTiers(readings: readonly Reading[]): readonly Row[] {
  const rows = new Map<string, Row>();
  for (const reading of readings) {
    const row = { ...reading, nsPerGas: reading.ns / reading.gas };
    const key = `${row.group}: ${row.name}`;
    const known = rows.get(key);
    if (known === undefined || known.nsPerGas < row.nsPerGas) rows.set(key, row);
  }
  return [...rows.values()];
}

function summarize(readings: readonly Reading[], report: Report): Figures {
  const rows = worstTiers(readings);
  const middle = median(rows.map(({ nsPerGas }) => nsPerGas));
  const lines = tableOf(rows, middle);
  for (const line of lines) report(line);
  if (process.env.GAS_TABLE) writeTable(lines);

  const figures: Record<string, number> = {
    underprice_ratio_worst: Math.max(...rows.map(({ nsPerGas }) => nsPerGas)) / middle,
    median_ns_per_gas: middle,
  };
  for (const group of new Set(rows.map((row) => row.group))) {
    const own = rows.filter((row) => row.group === group).map(({ nsPerGas }) => nsPerGas);
    figures[`worst_${group}`] = Math.max(...own) / middle;
  }
  return figures;
}

/** As Markdown. */
function tableOf(rows: readonly Row[], middle: number): readonly string[] {
  const columns = ["group", "case", "tier", "ns", "gas", "ns/gas", "of the median"];
  const cells = rows.map(({ group, name, tier, ns, gas, nsPerGas }) => [
    group,
    name,
    tier,
    ns.toFixed(ns < 100 ? 2 : 0),
    gas.toFixed(gas < 100 ? 2 : 0),
    nsPerGas.toFixed(3),
    (nsPerGas / middle).toFixed(2),
  ]);
  const widths = columns.map((column, i) => Math.max(column.length, ...cells.map((row) => row[i]!.length)));
  const isText = (i: number) => i < 3;
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, i) => (isText(i) ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join(" | ")} |`;
  const rule = `|${widths.map((width, i) => (isText(i) ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`)).join("|")}|`;
  return [line(columns), rule, ...cells.map(line)];
}

const TABLE_START = "<!-- table -->";
const TABLE_END = "<!-- end of table -->";

function writeTable(lines: readonly string[]): void {
  const text = readFileSync(page, "utf8");
  const [before, , after] = text.split(/<!-- (?:end of )?table -->\n/);
  assert(before !== undefined && after !== undefined, "the page has no place for the table");
  const machine = `${cpus()[0]!.model.trim()}, Node ${process.versions.node}, V8 ${process.versions.v8}`;
  writeFileSync(page, `${before}${TABLE_START}\nOn ${machine}:\n\n${lines.join("\n")}\n${TABLE_END}\n${after}`);
}
