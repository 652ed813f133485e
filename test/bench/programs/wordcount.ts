// @ts-nocheck: AssemblyScript.
// Words of a text counted in a Map of strings: garbage collection, hashing and string comparison of the runtime.

export const checksum: usize = memory.data(8);

class Random {
  constructor(private state: u32) {}

  next(): u32 {
    this.state = this.state * 1664525 + 1013904223;
    return this.state >>> 16;
  }
}

function makeText(wordCount: i32): string {
  const random = new Random(42);
  const words: string[] = [];
  for (let i = 0; i < wordCount; i++) {
    let word = "";
    for (let length = 2 + (random.next() % 3); length > 0; length--) {
      word += String.fromCharCode(97 + (random.next() % 7));
    }
    words.push(word);
  }
  return words.join(" ");
}

export function run(): void {
  const text = makeText(4_000);
  let sum: u64 = 0;
  for (let pass = 0; pass < 10; pass++) {
    const counts = new Map<string, i32>();
    const words = text.split(" ");
    for (let i = 0; i < words.length; i++) {
      const word = words[i];
      counts.set(word, counts.has(word) ? counts.get(word) + 1 : 1);
    }
    const keys = counts.keys();
    keys.sort();
    for (let i = 0; i < keys.length; i++) sum = sum * 31 + counts.get(keys[i]) * keys[i].charCodeAt(0);
  }
  store<u64>(checksum, sum);
}
