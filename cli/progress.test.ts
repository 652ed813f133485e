import { expect, test } from "vitest";
import { ProgressBar } from "./progress.ts";

function written(isTTY: boolean, json: boolean): string[] {
  const lines: string[] = [];
  const bar = new ProgressBar({ json }, { isTTY, write: (text: string) => lines.push(text) });
  bar.clear();
  for (const done of [0, 0.5, 0.501, 1]) bar.show("state", done);
  bar.clear();
  bar.clear();
  return lines;
}

test("a person sees each change of the bar once, and no trace of it in the end", () => {
  expect(written(true, false)).toEqual([
    `\rstate    ${".".repeat(30)}   0%`,
    `\rstate    ${"#".repeat(15)}${".".repeat(15)}  50%`,
    `\rstate    ${"#".repeat(30)} 100%`,
    "\r\u001b[K",
  ]);
});

test("a program and a file see nothing of it", () => {
  for (const [isTTY, json] of [
    [false, false],
    [true, true],
    [false, true],
  ] as const) {
    expect(written(isTTY, json)).toEqual([]);
  }
});
