// Heapsort, then quicksort with insertion sort below 16, over 32-bit keys: unpredictable branches, loads and stores.
#include <stdint.h>

uint64_t checksum;

#define COUNT 160000

static uint32_t keys[COUNT];

static void fill(uint32_t seed) {
  for (int i = 0; i < COUNT; i++) {
    seed ^= seed << 13, seed ^= seed >> 17, seed ^= seed << 5;
    keys[i] = seed;
  }
}

static void sift_down(uint32_t *a, int root, int count) {
  uint32_t value = a[root];
  for (int child = 2 * root + 1; child < count; child = 2 * root + 1) {
    if (child + 1 < count && a[child] < a[child + 1]) child++;
    if (value >= a[child]) break;
    a[root] = a[child];
    root = child;
  }
  a[root] = value;
}

static void heapsort(uint32_t *a, int count) {
  for (int i = count / 2 - 1; i >= 0; i--) sift_down(a, i, count);
  for (int last = count - 1; last > 0; last--) {
    uint32_t max = a[0];
    a[0] = a[last];
    a[last] = max;
    sift_down(a, 0, last);
  }
}

static void quicksort(uint32_t *a, int low, int high) {
  while (high - low > 16) {
    uint32_t pivot = a[low + (high - low) / 2];
    int i = low, j = high;
    while (i <= j) {
      while (a[i] < pivot) i++;
      while (a[j] > pivot) j--;
      if (i <= j) {
        uint32_t t = a[i];
        a[i++] = a[j];
        a[j--] = t;
      }
    }
    if (j - low < high - i) {
      quicksort(a, low, j);
      low = i;
    } else {
      quicksort(a, i, high);
      high = j;
    }
  }
  for (int i = low + 1; i <= high; i++) {
    uint32_t value = a[i];
    int j = i;
    for (; j > low && a[j - 1] > value; j--) a[j] = a[j - 1];
    a[j] = value;
  }
}

static uint64_t digest(void) {
  uint64_t sum = 0;
  for (int i = 0; i < COUNT; i++) sum = sum * 31 + keys[i];
  return sum;
}

void run(void) {
  fill(2463534242u);
  heapsort(keys, COUNT);
  checksum = digest();
  fill(123456789u);
  quicksort(keys, 0, COUNT - 1);
  checksum ^= digest() * 3;
}
