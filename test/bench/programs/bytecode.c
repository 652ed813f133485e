// A stack machine that counts Collatz steps: one br_table per guest instruction, the shape of every interpreter in C.
#include <stdint.h>

uint64_t checksum;

enum opcode { PUSH, LOAD, STORE, ADD, SUB, MUL, AND, SHIFT_RIGHT, LESS, JUMP, JUMP_IF_ZERO, HALT };
enum variable { N, X, STEPS, VARIABLE_COUNT };

struct instruction {
  enum opcode opcode;
  uint32_t operand;
};

static const struct instruction program[] = {
    {PUSH, 1}, {STORE, N}, {PUSH, 0}, {STORE, STEPS},
    /* 4 */ {LOAD, N}, {PUSH, 15000}, {LESS, 0}, {JUMP_IF_ZERO, 39}, {LOAD, N}, {STORE, X},
    /* 10 */ {LOAD, X}, {PUSH, 1}, {SUB, 0}, {JUMP_IF_ZERO, 34},
    /* 14 */ {LOAD, STEPS}, {PUSH, 1}, {ADD, 0}, {STORE, STEPS}, {LOAD, X}, {PUSH, 1}, {AND, 0}, {JUMP_IF_ZERO, 29},
    /* 22 */ {LOAD, X}, {PUSH, 3}, {MUL, 0}, {PUSH, 1}, {ADD, 0}, {STORE, X}, {JUMP, 10},
    /* 29 */ {LOAD, X}, {PUSH, 1}, {SHIFT_RIGHT, 0}, {STORE, X}, {JUMP, 10},
    /* 34 */ {LOAD, N}, {PUSH, 1}, {ADD, 0}, {STORE, N}, {JUMP, 4},
    /* 39 */ {HALT, 0},
};

static uint32_t interpret(const struct instruction *code) {
  uint32_t variables[VARIABLE_COUNT], stack[16], *top = stack;
  for (const struct instruction *at = code;; at++) {
    uint32_t operand = at->operand;
    switch (at->opcode) {
      case PUSH: *top++ = operand; break;
      case LOAD: *top++ = variables[operand]; break;
      case STORE: variables[operand] = *--top; break;
      case ADD: top--, top[-1] += *top; break;
      case SUB: top--, top[-1] -= *top; break;
      case MUL: top--, top[-1] *= *top; break;
      case AND: top--, top[-1] &= *top; break;
      case SHIFT_RIGHT: top--, top[-1] >>= *top; break;
      case LESS: top--, top[-1] = top[-1] < *top; break;
      case JUMP: at = code + operand - 1; break;
      case JUMP_IF_ZERO:
        if (*--top == 0) at = code + operand - 1;
        break;
      case HALT: return variables[STEPS];
    }
  }
}

void run(void) { checksum = interpret(program); }
