;; The original's globals and exported functions keep their numbers; only functions stay exported, under a prefix.
(module
  (global $count (mut i64) (i64.const -5))
  (global $base i32 (i32.const 1024))
  (memory (export "memory") 1)
  (data (i32.const 1024) "state")
  (func $next (export "next") (export "gas")
    global.get $count
    i64.const 1
    i64.add
    global.set $count)
  (func (export "load") (result i32)
    global.get $base
    i32.load)
  (export "count" (global $count)))
