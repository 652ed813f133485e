;; 16 slots are free; the parameter and 19 locals are four more.
(module
  (func (param i32) (local i32 i32 i32 i32 i32 i32 i32 i32 i32 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
    local.get 0
    local.set 9))
