// @ts-nocheck: AssemblyScript.
// The sieve of Eratosthenes over a typed array: the plainest loop that stores.

export const checksum: usize = memory.data(8);

const SIZE = 500_000;

export function run(): void {
  const composite = new Uint8Array(SIZE);
  let sum: u64 = 0;
  for (let pass = 0; pass < 5; pass++) {
    composite.fill(0);
    for (let i = 2; i * i < SIZE; i++) {
      if (composite[i]) continue;
      for (let j = i * i; j < SIZE; j += i) composite[j] = 1;
    }
    for (let i = 2 + pass; i < SIZE; i++) {
      if (!composite[i]) sum = sum * 31 + i;
    }
  }
  store<u64>(checksum, sum);
}
