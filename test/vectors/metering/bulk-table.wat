;; Entries cost more than bytes.
(module
  (table 4 funcref)
  (elem func $f)
  (func $f
    i32.const 0
    i32.const 0
    i32.const 1
    table.init 0
    i32.const 1
    i32.const 0
    i32.const 2
    table.copy
    elem.drop 0))
