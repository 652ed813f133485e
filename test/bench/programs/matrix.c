// Integer matrix product, 200 by 200, in the textbook order: three nested loops whose innermost body is a few instructions.
#include <stdint.h>

uint64_t checksum;

#define N 200

static int32_t a[N][N], b[N][N], c[N][N];

static void multiply(void) {
  for (int i = 0; i < N; i++) {
    for (int j = 0; j < N; j++) {
      int32_t sum = 0;
      for (int k = 0; k < N; k++) sum += a[i][k] * b[k][j];
      c[i][j] = sum;
    }
  }
}

void run(void) {
  uint64_t sum = 0;
  for (int pass = 0; pass < 4; pass++) {
    for (int i = 0; i < N; i++) {
      for (int j = 0; j < N; j++) {
        a[i][j] = i * 7 + j * 3 + pass;
        b[i][j] = (i ^ j) - pass;
      }
    }
    multiply();
    for (int i = 0; i < N; i++) {
      for (int j = 0; j < N; j++) sum = sum * 31 + (uint32_t)c[i][j];
    }
  }
  checksum = sum;
}
