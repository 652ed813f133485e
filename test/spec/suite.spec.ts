/** The official test suite on every engine. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { engines } from "./engines.ts";
import { failuresText, gasDifferences, shorten, tableText } from "./report.ts";
import { createTally, planScript, runCases, type Tally } from "./run.ts";
import { scriptNames, suiteFolder } from "./suite-folder.ts";
import { parseScript } from "./wast.ts";

const scripts = scriptNames().map((file) => {
  const commands = parseScript(readFileSync(join(suiteFolder, file), "utf8"));
  return { cases: planScript(file, commands), checkCount: commands.filter(({ kind }) => kind !== "register").length };
});
const tallies = new Map<string, Tally>();

afterAll(() => console.log(`\n${tableText(tallies)}\n`));

for (const engine of engines) {
  test(`every assertion about a contract holds on the ${engine.name} engine`, () => {
    const tally = createTally();
    tallies.set(engine.name, tally);
    for (const { cases } of scripts) runCases(cases, engine, tally);
    expect(failuresText(tally)).toBe("");
    const skipped = [...tally.skipped.values()].reduce((sum, count) => sum + count, 0);
    const checkCount = scripts.reduce((sum, script) => sum + script.checkCount, 0);
    expect(tally.passed + skipped, "every module and assertion is counted").toBe(checkCount);
  });
}

test("the engines charge the same for every call", () => {
  const [first, ...others] = tallies.values();
  for (const other of others) expect(shorten(gasDifferences(first!, other))).toBe("");
});
