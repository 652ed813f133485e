;; function 0
;;   0x0057  4 gas
;; function 1
;;   0x0061  21 gas
(module
  (type (;0;) (func))
  (type (;1;) (func (result i32)))
  (type (;2;) (func (param i64 i32) (result i64)))
  (type (;3;) (func (param i64 i32) (result i32 i64)))
  (type (;4;) (func (param i32 i64) (result i32 i64)))
  (import "lockstep:memory" "memory" (memory (;0;) 1 64))
  (func (;0;) (type 2) (param i64 i32) (result i64)
    (local i32)
    block  ;; label = @1
      block  ;; label = @2
        local.get 0
        i64.const 4
        i64.sub
        local.set 0
        local.get 0
        i64.const 0
        i64.lt_s
        br_if 0 (;@2;)
        local.get 1
        i32.const 15
        i32.sub
        local.tee 1
        i32.const 0
        i32.lt_s
        br_if 1 (;@1;)
        block  ;; label = @3
          global.get 0
          i64.const 1
          i64.add
          global.set 0
        end
        local.get 0
        return
      end
      i32.const 1
      global.set 4
      unreachable
    end
    i32.const 2
    global.set 4
    unreachable)
  (func (;1;) (type 3) (param i64 i32) (result i32 i64)
    (local i32)
    block  ;; label = @1
      block  ;; label = @2
        local.get 0
        i64.const 21
        i64.sub
        local.set 0
        local.get 0
        i64.const 0
        i64.lt_s
        br_if 0 (;@2;)
        local.get 1
        i32.const 14
        i32.sub
        local.tee 1
        i32.const 0
        i32.lt_s
        br_if 1 (;@1;)
        block (result i32)  ;; label = @3
          global.get 1
          i32.load
        end
        local.get 0
        return
      end
      i32.const 1
      global.set 4
      unreachable
    end
    i32.const 2
    global.set 4
    unreachable)
  (func (;2;) (type 0)
    global.get 2
    global.get 3
    call 0
    global.set 2)
  (func (;3;) (type 0)
    global.get 2
    global.get 3
    call 0
    global.set 2)
  (func (;4;) (type 4) (param i32 i64) (result i32 i64)
    (local i64)
    local.get 1
    i64.const 0
    i64.lt_s
    if  ;; label = @1
      i32.const 1
      global.set 4
      unreachable
    end
    local.get 0
    i64.extend_i32_u
    memory.size
    i64.extend_i32_u
    i64.add
    i64.const 64
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
      global.set 4
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
      global.set 4
      unreachable
    end
    local.get 0
    local.get 1)
  (func (;5;) (type 4) (param i32 i64) (result i32 i64)
    (local i64)
    local.get 1
    i64.const 0
    i64.lt_s
    if  ;; label = @1
      i32.const 1
      global.set 4
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
      global.set 4
      unreachable
    end
    local.get 0
    local.get 1)
  (func (;6;) (type 4) (param i32 i64) (result i32 i64)
    (local i64)
    local.get 1
    i64.const 0
    i64.lt_s
    if  ;; label = @1
      i32.const 1
      global.set 4
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
      global.set 4
      unreachable
    end
    local.get 0
    local.get 1)
  (global (;0;) (mut i64) (i64.const -5))
  (global (;1;) i32 (i32.const 1024))
  (global (;2;) (mut i64) (i64.const 0))
  (global (;3;) (mut i32) (i32.const 0))
  (global (;4;) (mut i32) (i32.const 0))
  (export "f:next" (func 2))
  (export "f:gas" (func 3))
  (export "gas" (global 2))
  (export "stack" (global 3))
  (export "halt" (global 4))
  (data (;0;) (i32.const 1024) "state"))
