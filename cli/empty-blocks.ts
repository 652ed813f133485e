/**
 * Runs of blocks without transactions, told in few lines: what was mined at once is told together, and of a chain that goes on
 * empty something is told ever more rarely, at last once a minute.
 */
const WAIT_MS_MIN = 100;
const WAIT_MS_MAX = 60_000;

export class EmptyBlocks {
  readonly #print: (line: string) => void;
  #first = 0;
  #last = 0;
  #waitMs = WAIT_MS_MIN;
  #timer: NodeJS.Timeout | null = null;

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  add(height: number): void {
    this.#last = height;
    if (this.#timer !== null) return;
    this.#first = height;
    this.#timer = setTimeout(() => this.#tell(), this.#waitMs).unref();
    this.#waitMs = Math.min(2 * this.#waitMs, WAIT_MS_MAX);
  }

  /** To be called before anything else is told. */
  end(): void {
    this.#tell();
    this.#waitMs = WAIT_MS_MIN;
  }

  #tell(): void {
    if (this.#timer === null) return;
    clearTimeout(this.#timer);
    this.#timer = null;
    const isOne = this.#first === this.#last;
    this.#print(isOne ? `block ${this.#first}  empty` : `blocks ${this.#first} to ${this.#last}  empty`);
  }
}
