;; What cannot run weighs nothing and gets no charge, however many blocks it has.
(module
  (func (result i32)
    block
      br 0
      loop
        i32.const 1
        drop
        br 0
      end
    end
    i32.const 2
    return
    i32.const 3
    if
      unreachable
    end))
