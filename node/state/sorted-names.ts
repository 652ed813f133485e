/**
 * A set of names in order, for names that come and go one at a time.
 *
 * One array: a name is found in log n steps, and a change moves what stands behind it. With as many names as the writes of a
 * block can pay for, 16,000, that takes 1 us, a fiftieth of what a write's price stands for.
 */
export class SortedNames {
  readonly #names: string[];

  /** Each name once, in any order. */
  constructor(names: Iterable<string>) {
    // Without a comparison, sort goes by UTF-16 code units, as `<` does.
    this.#names = [...names].sort();
  }

  /** How many names stand before `name`, be it one of them or not. */
  countBefore(name: string): number {
    let low = 0;
    let high = this.#names.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#names[middle]! < name) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  at(index: number): string | undefined {
    return this.#names[index];
  }

  /** A name that is not in it yet. */
  add(name: string): void {
    this.#names.splice(this.countBefore(name), 0, name);
  }

  /** A name that is in it. */
  remove(name: string): void {
    this.#names.splice(this.countBefore(name), 1);
  }
}
