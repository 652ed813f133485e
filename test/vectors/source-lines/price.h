static inline int discount(int cents) {
  return (int)(cents * 0.9);
}
