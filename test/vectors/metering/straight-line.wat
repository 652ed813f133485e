;; One block: paid whole at the entry.
(module
  (memory 1)
  (func (export "run") (local i32)
    i32.const 7
    local.tee 0
    i32.const 2
    i32.div_u
    local.get 0
    i32.store))
