;; `return` becomes a branch to the wrapping block, which carries no result, one, or several.
(module
  (func (param i32)
    local.get 0
    if
      return
    end
    nop)
  (func (param i32) (result i32)
    local.get 0
    if
      i32.const 1
      return
    end
    i32.const 2)
  (func (param i32) (result i32 i64)
    i32.const 1
    i64.const 2
    local.get 0
    br_if 0
    return))
