/** A bar on stderr for work that takes a while. A program that reads us, and a file, get none. */
import type { Settings } from "./settings.ts";

const WIDTH = 30;

interface Stream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

export class ProgressBar {
  readonly #isShown: boolean;
  readonly #stream: Stream;
  #line = "";

  constructor({ json }: Pick<Settings, "json">, stream: Stream = process.stderr) {
    this.#isShown = stream.isTTY === true && !json;
    this.#stream = stream;
  }

  /** `done` is from 0 to 1. */
  show(label: string, done: number): void {
    if (!this.#isShown) return;
    const filled = Math.floor(done * WIDTH);
    const percent = `${Math.floor(done * 100)}%`.padStart(4);
    const line = `${label.padEnd(8)} ${"#".repeat(filled)}${".".repeat(WIDTH - filled)} ${percent}`;
    if (line === this.#line) return;
    this.#line = line;
    this.#stream.write(`\r${line}`);
  }

  clear(): void {
    if (this.#line !== "") this.#stream.write("\r\u001b[K");
    this.#line = "";
  }
}
