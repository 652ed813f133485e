;; A branch past one `end` parts the way there, and not at the `end` it goes to.
(module
  (func (param i32)
    block
      block
        local.get 0
        br_if 1
        i32.const 1
        drop
      end
      i32.const 2
      drop
    end
    i32.const 3
    drop))
