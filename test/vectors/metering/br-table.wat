;; A switch: what follows each `end` is a way of its own until all meet at the outermost.
(module
  (func (param i32) (result i32)
    block
      block
        block
          local.get 0
          br_table 0 1 2
        end
        i32.const 10
        return
      end
      i32.const 20
      drop
    end
    i32.const 30))
