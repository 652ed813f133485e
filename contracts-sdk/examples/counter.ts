/** Counts up, for anyone who asks. */
@contract
class Counter {
  @view count: u64;

  /** Adds one and returns the new count. */
  @call increment(): u64 {
    return ++this.count;
  }
}
