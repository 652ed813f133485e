;; The helper sees the length before the operation does.
(module
  (memory 1)
  (data "abc")
  (func (param i32)
    i32.const 0
    i32.const 1
    local.get 0
    memory.fill
    i32.const 0
    i32.const 8
    local.get 0
    memory.copy
    i32.const 0
    i32.const 0
    i32.const 3
    memory.init 0
    data.drop 0))
