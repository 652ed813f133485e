// Keccak-f[1600] (FIPS 202) as a sponge over one buffer: i64 rotations, 25 lanes in memory, constant-bound inner loops.
#include <stdint.h>

uint64_t checksum;

static uint64_t lanes[25];
static uint64_t iota[24];
static uint8_t rho[25], pi_target[25];

static uint64_t rotate(uint64_t x, int n) { return n == 0 ? x : x << n | x >> (64 - n); }

/* The constants come from their definitions: an LFSR for iota, and the walk (x, y) -> (y, 2x + 3y) for rho and pi. */
static void derive_constants(void) {
  uint8_t lfsr = 1;
  for (int round = 0; round < 24; round++) {
    iota[round] = 0;
    for (int j = 0; j < 7; j++) {
      if (lfsr & 1) iota[round] |= 1ull << ((1 << j) - 1);
      lfsr = (uint8_t)(lfsr << 1 ^ (lfsr >> 7) * 0x71);
    }
  }
  for (int x = 0; x < 5; x++) {
    for (int y = 0; y < 5; y++) pi_target[x + 5 * y] = (uint8_t)(y + 5 * ((2 * x + 3 * y) % 5));
  }
  int x = 1, y = 0;
  rho[0] = 0;
  for (int t = 0; t < 24; t++) {
    rho[x + 5 * y] = (uint8_t)((t + 1) * (t + 2) / 2 % 64);
    int next = (2 * x + 3 * y) % 5;
    x = y;
    y = next;
  }
}

static void permute(void) {
  uint64_t parity[5], moved[25];
  for (int round = 0; round < 24; round++) {
    for (int x = 0; x < 5; x++) {
      parity[x] = lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20];
    }
    for (int i = 0; i < 25; i++) {
      uint64_t theta = parity[(i + 4) % 5] ^ rotate(parity[(i + 1) % 5], 1);
      moved[pi_target[i]] = rotate(lanes[i] ^ theta, rho[i]);
    }
    for (int y = 0; y < 25; y += 5) {
      for (int x = 0; x < 5; x++) lanes[y + x] = moved[y + x] ^ (~moved[y + (x + 1) % 5] & moved[y + (x + 2) % 5]);
    }
    lanes[0] ^= iota[round];
  }
}

void run(void) {
  derive_constants();
  for (int i = 0; i < 25; i++) lanes[i] = 0;
  for (uint64_t block = 0; block < 8000; block++) {
    for (uint64_t i = 0; i < 17; i++) lanes[i] ^= block * 0x9e3779b97f4a7c15 + i;
    permute();
  }
  checksum = lanes[0] ^ lanes[3];
}
