;; Each arm pays for itself; after the `end` the entry's block goes on and has been paid.
(module
  (func (param i32) (result i32)
    local.get 0
    if (result i32)
      i32.const 1
      i32.const 2
      i32.add
    else
      i32.const 3
    end
    i32.eqz))
