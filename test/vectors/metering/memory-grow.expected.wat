;; function 0
;;   0x001f  8003 gas
(module
  (type (;0;) (func (param i32) (result i32)))
  (type (;1;) (func (param i32 i64 i32) (result i32 i64)))
  (type (;2;) (func (param i32 i64) (result i32 i64)))
  (import "lockstep:memory" "memory" (memory (;0;) 1 64))
  (func (;0;) (type 1) (param i32 i64 i32) (result i32 i64)
    (local i32)
    block  ;; label = @1
      block  ;; label = @2
        local.get 1
        i64.const 8004
        i64.sub
        local.set 1
        local.get 1
        i64.const 0
        i64.lt_s
        br_if 0 (;@2;)
        local.get 2
        i32.const 16
        i32.sub
        local.tee 2
        i32.const 0
        i32.lt_s
        br_if 1 (;@1;)
        block (result i32)  ;; label = @3
          local.get 0
          local.get 1
          call 1
          local.set 1
          memory.size
          i32.add
        end
        local.get 1
        return
      end
      i32.const 1
      global.set 2
      unreachable
    end
    i32.const 2
    global.set 2
    unreachable)
  (func (;1;) (type 2) (param i32 i64) (result i32 i64)
    (local i64)
    local.get 1
    i64.const 0
    i64.lt_s
    if  ;; label = @1
      i32.const 1
      global.set 2
      unreachable
    end
    local.get 0
    i64.extend_i32_u
    memory.size
    i64.extend_i32_u
    i64.add
    i64.const 4
    i64.gt_u
    if  ;; label = @1
      i32.const -1
      local.get 1
      return
    end
    local.get 0
    i64.extend_i32_u
    i64.const 200000
    i64.mul
    local.set 2
    local.get 1
    local.get 2
    i64.sub
    local.set 1
    local.get 1
    i64.const 0
    i64.lt_s
    if  ;; label = @1
      i32.const 1
      global.set 2
      unreachable
    end
    local.get 0
    memory.grow
    local.set 0
    local.get 0
    i32.const -1
    i32.eq
    if  ;; label = @1
      i32.const 3
      global.set 2
      unreachable
    end
    local.get 0
    local.get 1)
  (func (;2;) (type 2) (param i32 i64) (result i32 i64)
    (local i64)
    local.get 1
    i64.const 0
    i64.lt_s
    if  ;; label = @1
      i32.const 1
      global.set 2
      unreachable
    end
    local.get 0
    i64.extend_i32_u
    i64.const 15
    i64.add
    i64.const 4
    i64.shr_u
    local.set 2
    local.get 1
    local.get 2
    i64.sub
    local.set 1
    local.get 1
    i64.const 0
    i64.lt_s
    if  ;; label = @1
      i32.const 1
      global.set 2
      unreachable
    end
    local.get 0
    local.get 1)
  (func (;3;) (type 2) (param i32 i64) (result i32 i64)
    (local i64)
    local.get 1
    i64.const 0
    i64.lt_s
    if  ;; label = @1
      i32.const 1
      global.set 2
      unreachable
    end
    local.get 0
    i64.extend_i32_u
    i64.const 40
    i64.mul
    local.set 2
    local.get 1
    local.get 2
    i64.sub
    local.set 1
    local.get 1
    i64.const 0
    i64.lt_s
    if  ;; label = @1
      i32.const 1
      global.set 2
      unreachable
    end
    local.get 0
    local.get 1)
  (global (;0;) (mut i64) (i64.const 0))
  (global (;1;) (mut i32) (i32.const 0))
  (global (;2;) (mut i32) (i32.const 0))
  (export "gas" (global 0))
  (export "stack" (global 1))
  (export "halt" (global 2)))
