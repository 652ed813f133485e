/**
 * Lines for a reader who may be slow, or gone: a terminal, a file, a program that forgot the other end of its pipe.
 *
 * Law: writing never waits, never fails and holds at most a megabyte. A line is with the operating system when `write`
 * returns, unless the reader is behind; what had no room is counted, and the count is told once there is room again.
 */
const UNREAD_BYTES_MAX = 1024 * 1024;

export interface LineStream {
  readonly writableLength: number;
  write(text: string): unknown;
  on(event: "error", listener: () => void): unknown;
}

export class LineWriter {
  readonly #stream: LineStream;
  readonly #lostText: (count: number) => string;
  #lostCount = 0;

  /** `lostText` says, as a line of the writer's own format, how many lines are missing. */
  constructor(stream: LineStream, lostText = (count: number) => `(${count} lines were left out: nobody read them)\n`) {
    this.#stream = stream;
    this.#lostText = lostText;
    stream.on("error", () => {});
  }

  /** `lines` are whole ones, with their line feeds. */
  write(lines: string): void {
    if (this.#stream.writableLength + lines.length > UNREAD_BYTES_MAX) {
      this.#lostCount++;
      return;
    }
    if (this.#lostCount > 0) {
      this.#stream.write(this.#lostText(this.#lostCount));
      this.#lostCount = 0;
    }
    this.#stream.write(lines);
  }
}
