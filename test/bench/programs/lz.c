// LZ77 with a hash table of the last place of each 4 bytes, and the matching decompressor: byte loops with early exits.
#include <stdint.h>

uint64_t checksum;

#define SIZE (128 * 1024)
#define HASH_BITS 12
#define MATCH_MIN 4
#define DISTANCE_MAX 65535

static uint8_t text[SIZE], packed[SIZE + SIZE / 8], unpacked[SIZE];
static uint32_t heads[1 << HASH_BITS];

static uint32_t load32(const uint8_t *p) { return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24; }

/* Words out of a small vocabulary, so that there is something to find. */
static void fill(void) {
  uint32_t seed = 88172645;
  int at = 0;
  while (at < SIZE) {
    seed ^= seed << 13, seed ^= seed >> 17, seed ^= seed << 5;
    uint32_t word = seed % 512 * 2654435761u;
    for (int length = 3 + (int)(word >> 29); length > 0 && at < SIZE; length--) {
      text[at++] = (uint8_t)('a' + word % 26);
      word = word / 26 ^ word << 7;
    }
    if (at < SIZE) text[at++] = ' ';
  }
}

static uint8_t *put_length(uint8_t *out, int length) {
  for (; length >= 255; length -= 255) *out++ = 255;
  *out++ = (uint8_t)length;
  return out;
}

/* A token: literal count, literals, match length, distance of two bytes. A length goes on while its byte is 255. */
static int compress(void) {
  uint8_t *out = packed;
  int anchor = 0, at = 0;
  for (int i = 0; i < 1 << HASH_BITS; i++) heads[i] = 0;
  while (at + MATCH_MIN <= SIZE) {
    uint32_t word = load32(text + at);
    uint32_t slot = word * 2654435761u >> (32 - HASH_BITS);
    int candidate = (int)heads[slot] - 1;
    heads[slot] = (uint32_t)at + 1;
    if (candidate < 0 || at - candidate > DISTANCE_MAX || load32(text + candidate) != word) {
      at++;
      continue;
    }
    int length = MATCH_MIN;
    while (at + length < SIZE && text[candidate + length] == text[at + length]) length++;
    out = put_length(out, at - anchor);
    while (anchor < at) *out++ = text[anchor++];
    out = put_length(out, length);
    *out++ = (uint8_t)(at - candidate);
    *out++ = (uint8_t)((at - candidate) >> 8);
    at += length;
    anchor = at;
  }
  out = put_length(out, SIZE - anchor);
  while (anchor < SIZE) *out++ = text[anchor++];
  return (int)(out - packed);
}

static const uint8_t *take_length(const uint8_t *in, int *length) {
  *length = 0;
  while (*in == 255) *length += *in++;
  *length += *in;
  return in + 1;
}

static int decompress(int size) {
  const uint8_t *in = packed, *end = packed + size;
  uint8_t *out = unpacked;
  for (;;) {
    int length;
    in = take_length(in, &length);
    for (; length > 0; length--) *out++ = *in++;
    if (in == end) return (int)(out - unpacked);
    in = take_length(in, &length);
    const uint8_t *from = out - (in[0] | in[1] << 8);
    in += 2;
    for (; length > 0; length--) *out++ = *from++;
  }
}

void run(void) {
  fill();
  uint64_t sum = 0;
  for (int pass = 0; pass < 30; pass++) {
    text[pass * 1000] ^= 1;
    int size = compress();
    if (decompress(size) != SIZE) __builtin_trap();
    for (int i = 0; i < SIZE; i++) {
      if (text[i] != unpacked[i]) __builtin_trap();
    }
    sum = sum * 1000003 + (uint32_t)size;
  }
  checksum = sum;
}
