/**
 * Every bomb in a fresh process: preparing it three times, and one call in each tier of the engine. Prints the table.
 *
 * Law: preparing takes under a second (the median) and 512 MB. The engine compiles a function when it is first called, so
 * the first call has to stay within the same memory.
 */
import { afterAll, describe, expect, test } from "vitest";
import { bombs } from "./bombs.ts";
import { measure, PEAK_MB_MAX, PREPARE_MS_MAX } from "./measure.ts";

const rows: string[] = [];

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

function cells(...values: readonly (string | number)[]): string {
  const [name, ...rest] = values.map((value) => (typeof value === "number" ? value.toFixed(0) : value));
  return name!.padEnd(45) + rest.map((value) => value.padStart(14)).join("");
}

describe("a module at the limits", () => {
  for (const { name, build } of bombs) {
    test(name, () => {
      const code = build();
      const prepared = [measure(code), measure(code), measure(code)];
      const prepareMs = median(prepared.map((one) => one.prepareMs));
      const peakMb = Math.max(...prepared.map((one) => one.peakMb));
      const { refusal } = prepared[0]!;
      const baseline = measure(code, "baseline");
      const optimising = measure(code, "optimising");
      const runs =
        refusal === null ? [baseline.runMs, baseline.peakMb, optimising.runMs, optimising.peakMb] : [refusal];
      rows.push(cells(name, code.length, prepareMs, peakMb, ...runs));

      expect(prepareMs).toBeLessThan(PREPARE_MS_MAX);
      expect(peakMb).toBeLessThan(PEAK_MB_MAX);
      const firstCallMb = Math.max(baseline.peakMb, optimising.peakMb);
      expect(firstCallMb).toBeLessThan(PEAK_MB_MAX);
    });
  }
});

afterAll(() => {
  const title = cells("module", "bytes", "prepare ms", "peak MB", "baseline ms", "peak MB", "optimised ms", "peak MB");
  process.stdout.write(`\n${[title, ...rows].join("\n")}\n\n`);
});
