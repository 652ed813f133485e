// @ts-nocheck: AssemblyScript.
// CRC-32 by one table, byte after byte: a chain of loads in which every instruction waits for the one before.

export const checksum: usize = memory.data(8);

const SIZE = 256 * 1024;

function makeTable(): StaticArray<u32> {
  const table = new StaticArray<u32>(256);
  for (let i: u32 = 0; i < 256; i++) {
    let c = i;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
    table[i] = c;
  }
  return table;
}

function crc32(table: StaticArray<u32>, bytes: StaticArray<u8>, start: u32): u32 {
  let crc = ~start;
  for (let i = 0; i < bytes.length; i++) crc = table[(crc ^ bytes[i]) & 0xff] ^ (crc >>> 8);
  return ~crc;
}

export function run(): void {
  const table = makeTable();
  const bytes = new StaticArray<u8>(SIZE);
  for (let i = 0; i < SIZE; i++) bytes[i] = <u8>(i * 7 + (i >> 9));
  let crc: u32 = 0;
  let sum: u64 = 0;
  for (let pass = 0; pass < 15; pass++) {
    crc = crc32(table, bytes, crc);
    sum = (sum << 5) ^ crc;
  }
  store<u64>(checksum, sum);
}
