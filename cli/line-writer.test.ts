/** Lines for slow readers, on real pipes. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { LineWriter } from "./line-writer.ts";

function reader(command: string) {
  const child = spawn("sh", ["-c", command], { stdio: ["pipe", "pipe", "ignore"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

test("a reader that keeps up gets every line, in order", async () => {
  const { stdin, stdout } = reader("cat");
  const lines = Array.from({ length: 1_000 }, (_, index) => `line ${index}\n`);
  const writer = new LineWriter(stdin);
  for (const line of lines) writer.write(line);
  stdin.end();
  expect(await text(stdout)).toBe(lines.join(""));
});

test("a reader that falls behind costs a megabyte and the lines it missed, and is told how many", async () => {
  const { stdin, stdout } = reader("sleep 0.3; cat");
  const all = text(stdout);
  const writer = new LineWriter(stdin, (count) => `${count} lost\n`);
  const line = (index: number) => `${String(index).padStart(7)} ${"x".repeat(991)}\n`;
  let most = 0;
  for (let index = 0; index < 10_000; index++) {
    writer.write(line(index));
    most = Math.max(most, stdin.writableLength);
  }
  expect(most).toBeLessThanOrEqual(1024 * 1024);
  expect(most).toBeGreaterThan(900 * 1024);
  while (stdin.writableLength > 0) await new Promise((resolve) => setTimeout(resolve, 10));
  writer.write("the end\n");
  stdin.end();
  const lines = (await all).trimEnd().split("\n");
  const [end, lost] = [lines.pop(), lines.pop()];
  expect(lines.every((each, index) => `${each}\n` === line(index))).toBe(true);
  expect(lost).toBe(`${10_000 - lines.length} lost`);
  expect(end).toBe("the end");
});

test("a reader that is gone is nobody's trouble", async () => {
  const child = reader("exit 0");
  await once(child, "exit");
  const writer = new LineWriter(child.stdin);
  for (let index = 0; index < 100; index++) {
    writer.write("to nobody\n");
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(child.stdin.writableLength).toBeLessThanOrEqual(1024 * 1024);
});
