/**
 * A gate: of the work that passes it, so much is under way at once, and the rest follows in the order in which it came.
 */
export class Gate {
  readonly #countMax: number;
  readonly #waiting: (() => void)[] = [];
  #count = 0;

  constructor(countMax: number) {
    this.#countMax = countMax;
  }

  /** Begins `work`, which does not throw but reject, before it returns when there is room. */
  run<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const begin = () => {
        this.#count++;
        const end = () => {
          this.#count--;
          this.#waiting.shift()?.();
        };
        const done = work();
        done.then(end, end);
        done.then(resolve, reject);
      };
      if (this.#count < this.#countMax) begin();
      else this.#waiting.push(begin);
    });
  }
}
