/** Recursions that take the most native stack per unit of logical height that profile 1 lets them take. */
import {
  BODY_SIZE_MAX,
  LOCAL_COUNT_MAX,
  PARAM_COUNT_MAX,
  RESULT_COUNT_MAX,
  STACK_HEIGHT_MAX,
} from "../../vm/profile.ts";
import { createRandom } from "../support/programs.ts";
import { type Frame, recursion, type Shape } from "./recursion.ts";

const empty: Frame = {
  params: 0,
  results: 0,
  locals: 0,
  operands: 0,
  recomputed: 0,
  isIndirect: false,
  isCounted: true,
};
/** Slots beside the operands in the frame of `deepest operands`, with room to spare. */
const OVERHEAD = 32;
/** Bytes that an operand takes in a body: a constant, a load with its offset, a use. */
const OPERAND_SIZE = 12;
/** Two of these fit the logical stack, and each is nearly as large as a body can be. */
const operandsMax = Math.min(Math.floor(BODY_SIZE_MAX / OPERAND_SIZE), STACK_HEIGHT_MAX / 2) - OVERHEAD;

export const shapes: readonly Shape[] = [
  recursion("bare call", [{ ...empty, isCounted: false }]),
  recursion("empty frame", [empty]),
  recursion("empty frame, indirect", [{ ...empty, isIndirect: true }]),
  recursion("empty frame, mutual", [empty, { ...empty, isIndirect: true }, empty]),
  recursion("empty frame, _initialize", [empty], { entry: "_initialize" }),
  recursion("8 locals", [{ ...empty, locals: 8 }]),
  recursion("64 locals", [{ ...empty, locals: 64 }]),
  recursion("widest locals", [{ ...empty, locals: LOCAL_COUNT_MAX }]),
  recursion("16 operands", [{ ...empty, operands: 16 }]),
  recursion("1000 operands", [{ ...empty, operands: 1_000 }]),
  recursion("deepest operands", [{ ...empty, operands: operandsMax }]),
  recursion("most params", [{ ...empty, params: PARAM_COUNT_MAX }]),
  recursion("most params, indirect", [{ ...empty, params: PARAM_COUNT_MAX, isIndirect: true }]),
  recursion("most results", [{ ...empty, results: RESULT_COUNT_MAX }]),
  recursion("most of all", [
    { ...empty, params: PARAM_COUNT_MAX, results: RESULT_COUNT_MAX, locals: 512, operands: 512, isIndirect: true },
    { ...empty, params: PARAM_COUNT_MAX, results: RESULT_COUNT_MAX },
  ]),
  recursion("16 values recomputed", [{ ...empty, params: 1, recomputed: 16 }]),
  // An optimizer computes each product once and keeps it over the call: slots and operands alone would not hold these.
  recursion("100 values recomputed", [{ ...empty, params: 1, recomputed: 100 }]),
  recursion("1000 values recomputed", [{ ...empty, params: 1, recomputed: 1_000 }]),
  recursion("7000 values recomputed", [{ ...empty, params: 1, recomputed: 7_000 }]),
  recursion("contracts, empty frame", [empty], { isNested: true }),
  recursion("contracts, indirect", [{ ...empty, isIndirect: true }], { isNested: true }),
  recursion("contracts, 64 locals", [{ ...empty, locals: 64 }], { isNested: true }),
  recursion("contracts, 100 recomputed", [{ ...empty, params: 1, recomputed: 100 }], { isNested: true }),
];

/** Frames of every kind, small ones more often. */
export function randomShape(seed: number): Shape {
  const random = createRandom(seed);
  const upTo = (max: number) => random(1 + random(1 + random(max + 1)));
  const frames = Array.from({ length: 1 + random(5) }, () => ({
    ...empty,
    params: upTo(PARAM_COUNT_MAX),
    results: upTo(RESULT_COUNT_MAX),
    locals: upTo(LOCAL_COUNT_MAX - PARAM_COUNT_MAX),
    operands: upTo(2_000),
    isIndirect: random(2) === 0,
  }));
  return recursion(`random ${seed}`, frames);
}
