// Modular exponentiation of 2048-bit numbers by Montgomery multiplication: 32-bit limbs, 64-bit products and carries.
#include <stdint.h>

uint64_t checksum;

#define LIMBS 64

typedef uint32_t number[LIMBS];

static number modulus, base, exponent, accumulator, one;
static uint32_t negative_inverse;

/* product = a * b / 2^2048 mod modulus, digit by digit (coarsely integrated operand scanning). */
static void montgomery(number product, const number a, const number b) {
  uint32_t t[LIMBS + 2];
  for (int i = 0; i < LIMBS + 2; i++) t[i] = 0;
  for (int i = 0; i < LIMBS; i++) {
    uint64_t carry = 0;
    for (int j = 0; j < LIMBS; j++) {
      uint64_t sum = (uint64_t)a[j] * b[i] + t[j] + carry;
      t[j] = (uint32_t)sum;
      carry = sum >> 32;
    }
    uint64_t top = (uint64_t)t[LIMBS] + carry;
    t[LIMBS] = (uint32_t)top;
    t[LIMBS + 1] = (uint32_t)(top >> 32);
    uint32_t m = t[0] * negative_inverse;
    carry = ((uint64_t)m * modulus[0] + t[0]) >> 32;
    for (int j = 1; j < LIMBS; j++) {
      uint64_t sum = (uint64_t)m * modulus[j] + t[j] + carry;
      t[j - 1] = (uint32_t)sum;
      carry = sum >> 32;
    }
    top = (uint64_t)t[LIMBS] + carry;
    t[LIMBS - 1] = (uint32_t)top;
    t[LIMBS] = t[LIMBS + 1] + (uint32_t)(top >> 32);
  }
  int reduce = t[LIMBS] != 0;
  if (!reduce) {
    int i = LIMBS - 1;
    while (i > 0 && t[i] == modulus[i]) i--;
    reduce = t[i] >= modulus[i];
  }
  uint64_t borrow = 0;
  for (int i = 0; i < LIMBS; i++) {
    uint64_t difference = (uint64_t)t[i] - (reduce ? modulus[i] : 0) - borrow;
    product[i] = (uint32_t)difference;
    borrow = difference >> 63;
  }
}

void run(void) {
  uint64_t seed = 0x2545f4914f6cdd1d;
  for (int i = 0; i < LIMBS; i++) {
    uint64_t draws[3];
    for (int k = 0; k < 3; k++) {
      seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
      draws[k] = seed;
    }
    modulus[i] = (uint32_t)draws[0];
    base[i] = (uint32_t)draws[1];
    exponent[i] = (uint32_t)draws[2];
    one[i] = i == 0;
  }
  modulus[0] |= 1;
  modulus[LIMBS - 1] |= 0x80000000;
  base[LIMBS - 1] >>= 1;
  uint32_t inverse = 1;
  for (int i = 0; i < 5; i++) inverse *= 2 - modulus[0] * inverse;
  negative_inverse = -inverse;
  for (int i = 0; i < LIMBS; i++) accumulator[i] = base[i];
  for (int bit = LIMBS * 32 - 1; bit >= 0; bit--) {
    montgomery(accumulator, accumulator, accumulator);
    if (exponent[bit / 32] >> (bit % 32) & 1) montgomery(accumulator, accumulator, base);
  }
  montgomery(accumulator, accumulator, one);
  checksum = (uint64_t)accumulator[0] << 32 | accumulator[LIMBS - 1];
}
