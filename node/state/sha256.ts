/**
 * SHA-256 (FIPS 180-4) for the state tree, whose hot loop it is: messages of a block or two, hundreds of thousands a second.
 *
 * Law: the digest is that of any other SHA-256, which the tests ask of two others. It allocates nothing but the digest, and
 * that is its whole advantage: RATIONALE.md has the numbers. Whoever checks a proof uses the audited one of `tree-hash.ts`.
 */

const DIGEST_LENGTH = 32;
const BLOCK_LENGTH = 64;
/** The padding is a one bit, zeros, and the message's length in bits in the last eight bytes. */
const PADDING_LENGTH_MIN = 9;

// biome-ignore format: eight to a line, as in the standard
const roundConstants = Int32Array.of(
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
);

const initialState = Int32Array.of(
  ...[0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a],
  ...[0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19],
);

/** Of the hash under way. Nothing here waits or calls back, so there is only one. */
const state = new Int32Array(8);
const schedule = new Int32Array(64);
/** The end of the message and its padding. */
const tail = new Uint8Array(2 * BLOCK_LENGTH);

export function sha256(message: Uint8Array): Uint8Array {
  state.set(initialState);
  let offset = 0;
  for (; offset + BLOCK_LENGTH <= message.length; offset += BLOCK_LENGTH) compress(message, offset);

  const rest = message.length - offset;
  const tailLength = rest + PADDING_LENGTH_MIN <= BLOCK_LENGTH ? BLOCK_LENGTH : 2 * BLOCK_LENGTH;
  for (let i = 0; i < rest; i++) tail[i] = message[offset + i]!;
  tail.fill(0, rest, tailLength);
  tail[rest] = 0x80;
  writeBigEndian(tail, tailLength - 8, Math.floor(message.length / 2 ** 29));
  writeBigEndian(tail, tailLength - 4, message.length << 3);
  for (let at = 0; at < tailLength; at += BLOCK_LENGTH) compress(tail, at);

  const digest = new Uint8Array(DIGEST_LENGTH);
  for (let i = 0; i < 8; i++) writeBigEndian(digest, 4 * i, state[i]!);
  return digest;
}

/** Byte by byte: an array as small as a digest lies in the engine's heap until a DataView asks for its buffer. */
function writeBigEndian(bytes: Uint8Array, offset: number, word: number): void {
  bytes[offset] = word >>> 24;
  bytes[offset + 1] = word >>> 16;
  bytes[offset + 2] = word >>> 8;
  bytes[offset + 3] = word;
}

/** Works one block into the state; the names are the standard's. */
function compress(bytes: Uint8Array, offset: number): void {
  const w = schedule;
  for (let t = 0, at = offset; t < 16; t++, at += 4) {
    w[t] = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
  }
  for (let t = 16; t < 64; t++) {
    const x = w[t - 15]!;
    const y = w[t - 2]!;
    const sigma0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const sigma1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    w[t] = sigma1 + w[t - 7]! + sigma0 + w[t - 16]!;
  }
  let a = state[0]!;
  let b = state[1]!;
  let c = state[2]!;
  let d = state[3]!;
  let e = state[4]!;
  let f = state[5]!;
  let g = state[6]!;
  let h = state[7]!;
  for (let t = 0; t < 64; t++) {
    const sum1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const choice = g ^ (e & (f ^ g));
    const t1 = (h + sum1 + choice + roundConstants[t]! + w[t]!) | 0;
    const sum0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const majority = (a & b) | (c & (a | b));
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + ((sum0 + majority) | 0)) | 0;
  }
  state[0]! += a;
  state[1]! += b;
  state[2]! += c;
  state[3]! += d;
  state[4]! += e;
  state[5]! += f;
  state[6]! += g;
  state[7]! += h;
}
