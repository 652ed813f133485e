/** The one table that a run of the suite prints, and the list of what failed. */
import type { Tally } from "./run.ts";

/** Shown of each list; the rest is counted. */
const SHOWN_COUNT_MAX = 50;

/** `columns` are engines by name. */
export function tableText(columns: ReadonlyMap<string, Tally>): string {
  const tallies = [...columns.values()];
  const reasons = [...new Set(tallies.flatMap(({ skipped }) => [...skipped.keys()]))].sort();
  const rows: (readonly (string | number)[])[] = [
    ["official test suite", ...columns.keys()],
    ["passed", ...tallies.map(({ passed }) => passed)],
    ["failed", ...tallies.map(({ failures }) => failures.length)],
    ["gas differs", ...tallies.map((tally) => gasDifferences(tallies[0]!, tally).length)],
    ["skipped", ...tallies.map(({ skipped }) => [...skipped.values()].reduce((sum, count) => sum + count, 0))],
    ...reasons.map((reason) => [`  ${reason}`, ...tallies.map(({ skipped }) => skipped.get(reason) ?? 0)]),
  ];
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => String(row[i]).length)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => (i === 0 ? String(cell).padEnd(widths[i]!) : String(cell).padStart(widths[i]! + 2)))
        .join(""),
    )
    .join("\n");
}

export function failuresText({ failures }: Tally): string {
  return shorten(
    failures.map(({ place, problem, bytes }) => {
      return `${place}: ${problem}\n  module: ${Buffer.from(bytes.subarray(0, 512)).toString("hex")}`;
    }),
  );
}

/** Calls that cost something else on another engine. */
export function gasDifferences(expected: Tally, actual: Tally): string[] {
  if (expected.calls.length !== actual.calls.length) {
    return [`${actual.calls.length} calls, ${expected.calls.length} on the first engine`];
  }
  return actual.calls.flatMap(({ place, gas }, i) => {
    const other = expected.calls[i]!.gas;
    return gas === other ? [] : [`${place}: ${gas} gas, ${other} on the first engine`];
  });
}

export function shorten(lines: readonly string[]): string {
  const shown = lines.slice(0, SHOWN_COUNT_MAX);
  if (lines.length > shown.length) shown.push(`and ${lines.length - shown.length} more`);
  return shown.join("\n");
}
