/**
 * A binary heap whose items know their place in it, so that one whose rank has changed is moved in O(log n), and a walk over
 * sorted lists that takes the best of all heads at each step.
 *
 * Law: after `set` of every item whose rank changed, no item comes before the one above it.
 */

/** An item carries its place in the field `slot`; -1 while it is in no heap. One field belongs to one heap. */
export class Heap<Slot extends string, T extends Record<Slot, number>> {
  readonly #items: T[] = [];
  readonly #slot: Slot;
  readonly #isBefore: (a: T, b: T) => boolean;

  constructor(slot: Slot, isBefore: (a: T, b: T) => boolean) {
    this.#slot = slot;
    this.#isBefore = isBefore;
  }

  get first(): T | undefined {
    return this.#items[0];
  }

  /** What is at `place`; its children are at `2 * place + 1` and `2 * place + 2`. */
  at(place: number): T | undefined {
    return this.#items[place];
  }

  /** Puts `item` in, or where it belongs now. */
  set(item: T): void {
    const place = item[this.#slot];
    if (place >= 0) this.#settle(item, place);
    else this.#settle(item, this.#items.push(item) - 1);
  }

  /** Takes `item` out; nothing happens when it is not in. */
  delete(item: T): void {
    const place = item[this.#slot];
    if (place < 0) return;
    this.#put(item, -1);
    const last = this.#items.pop()!;
    if (last !== item) this.#settle(last, place);
  }

  /** Puts `item` at `place`, or above or below it. */
  #settle(item: T, start: number): void {
    const items = this.#items;
    let place = start;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!this.#isBefore(item, items[parent]!)) break;
      this.#put(items[parent]!, place);
      place = parent;
    }
    for (;;) {
      let child = 2 * place + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && this.#isBefore(items[child + 1]!, items[child]!)) child++;
      if (!this.#isBefore(items[child]!, item)) break;
      this.#put(items[child]!, place);
      place = child;
    }
    this.#put(item, place);
  }

  #put(item: T, place: number): void {
    if (place >= 0) this.#items[place] = item;
    (item as Record<Slot, number>)[this.#slot] = place;
  }
}

interface Candidate<List, Item> {
  readonly list: List;
  /** In the walked heap. */
  readonly place: number;
  item: Item;
  index: number;
  slot: number;
}

/**
 * The best of all lists' next items, again and again; `itemAt` gives a list's items from 0 on until it gives undefined. The
 * lists are ranked in `heap` by their first items, or have none to give. Changes nothing, and costs O(log k) for the k-th item:
 * a list is looked at only when the one above it in the heap has given its first.
 */
export function* walkBestFirst<Slot extends string, List extends Record<Slot, number>, Item>(
  heap: Heap<Slot, List>,
  itemAt: (list: List, index: number) => Item | undefined,
  isBefore: (a: Item, b: Item) => boolean,
): Generator<Item, void, void> {
  const candidates = new Heap<"slot", Candidate<List, Item>>("slot", (a, b) => isBefore(a.item, b.item));
  const open = (place: number): void => {
    const list = heap.at(place);
    if (list === undefined) return;
    const item = itemAt(list, 0);
    if (item !== undefined) candidates.set({ list, place, item, index: 0, slot: -1 });
    else openChildren(place);
  };
  const openChildren = (place: number): void => {
    open(2 * place + 1);
    open(2 * place + 2);
  };
  open(0);
  for (let best = candidates.first; best !== undefined; best = candidates.first) {
    yield best.item;
    if (best.index === 0) openChildren(best.place);
    const next = itemAt(best.list, ++best.index);
    if (next === undefined) {
      candidates.delete(best);
    } else {
      best.item = next;
      candidates.set(best);
    }
  }
}
