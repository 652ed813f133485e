/* The first float of `run` is a local, told as line 12; it computes in price.h, line 2. That of `share` is in line 10. */
#include "price.h"

int total;

__attribute__((noinline)) void add(int cents) {
  total += cents;
}

__attribute__((noinline)) int share(int cents) { return (int)(cents / 3.5f); }

void run(void) {
  add(100);
  total = discount(total) + share(total);
}
