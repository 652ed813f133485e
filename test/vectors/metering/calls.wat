;; Gas and height cross every call: direct, through the table, and out to the host.
(module
  (type $unary (func (param i32) (result i32)))
  (import "lockstep" "block_height" (func $height (result i64)))
  (memory 1)
  (table 1 funcref)
  (elem (i32.const 0) $callee)
  (func $callee (type $unary)
    local.get 0)
  (func (export "run")
    i32.const 1
    call $callee
    i32.const 0
    call_indirect (type $unary)
    drop
    call $height
    drop))
