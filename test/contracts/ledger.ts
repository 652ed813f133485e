import { Address, Context, MapEntry, OrderedU64, StorageMap, u128 } from "lockstep/sdk";

@struct
class Line {
  constructor(public key: u64, public text: string) {}
}

function linesOf(entries: MapEntry<OrderedU64, string>[]): Line[] {
  const lines: Line[] = [];
  for (let i = 0; i < entries.length; i++) lines.push(new Line(entries[i].key.value, entries[i].value));
  return lines;
}

/** Notes by number, read in order; between two other maps, whose entries no reading of it may meet. */
@contract
class Ledger {
  note: StorageMap<u8, u8>;
  notes: StorageMap<OrderedU64, string>;
  notf: StorageMap<Address, u128>;
  @view count: u32;

  @init init(): void {
    this.note.set(255, 1);
    this.notf.set(Context.caller, u128.Max);
  }

  @call write(key: u64, text: string): void {
    const ordered = OrderedU64.from(key);
    if (!this.notes.has(ordered)) this.count++;
    this.notes.set(ordered, text);
  }

  @call erase(key: u64): void {
    const ordered = OrderedU64.from(key);
    if (this.notes.has(ordered)) this.count--;
    this.notes.remove(ordered);
  }

  /** So many notes of so many letters each. */
  @call fill(count: u32, size: u32): void {
    const text = "x".repeat(size);
    for (let i: u32 = 0; i < count; i++) this.write(i, text);
  }

  @view read(key: u64): string {
    return this.notes.get(OrderedU64.from(key));
  }

  @view first(limit: u32): Line[] {
    return linesOf(this.notes.first(limit));
  }

  @view after(key: u64, limit: u32): Line[] {
    return linesOf(this.notes.after(OrderedU64.from(key), limit));
  }

  @view last(limit: u32): Line[] {
    return linesOf(this.notes.last(limit));
  }

  @view before(key: u64, limit: u32): Line[] {
    return linesOf(this.notes.before(OrderedU64.from(key), limit));
  }

  /** How many notes all pages of a size have together, and the sum of their keys. */
  @view total(pageSize: u32, reverse: bool): u64[] {
    let count: u64 = 0;
    let sum: u64 = 0;
    let page = reverse ? this.notes.last(pageSize) : this.notes.first(pageSize);
    while (page.length) {
      for (let i = 0; i < page.length; i++) sum += page[i].key.value;
      count += page.length;
      const key = page[page.length - 1].key;
      page = reverse ? this.notes.before(key, pageSize) : this.notes.after(key, pageSize);
    }
    return [count, sum];
  }

  @view neighbours(): u128[] {
    const entries = this.notf.first(9);
    return [u128.from(this.note.first(9).length), u128.from(entries.length), entries[0].value];
  }
}
