/**
 * How a call ends, when it ends as a contract's call can end. Nothing of the engine's own text is in here.
 *
 * `success` and `revert` are the guest's choice and cost the gas used. `halt` is the guest's failure and costs the whole
 * limit of the call. Whatever else goes wrong is bad input (`InputError`) or our fault (`Fault`), and no outcome.
 */

/** The closed list of halt reasons. The order is consensus: reasons are appended, never moved. */
export const haltReasons = [
  "OutOfGas",
  "StackOverflow",
  "Unreachable",
  "IntegerDivideByZero",
  "IntegerOverflow",
  "MemoryOutOfBounds",
  "TableOutOfBounds",
  /** Through a table slot that is empty or holds a function of another type. */
  "IndirectCallMismatch",
  /** A host call with a pointer, length or list that its rules refuse. */
  "BadHostArgument",
  /** A write, an event or a value transfer inside a view. */
  "ReadOnlyViolation",
  /** More or larger events, or more return data, than a call may give. */
  "OutputLimit",
  /** More contracts on the stack than may be. */
  "CallDepth",
  /** A call of a contract that is on the stack already and does not allow it. */
  "Reentrancy",
] as const;

export type HaltReason = (typeof haltReasons)[number];

export type Outcome =
  | { readonly kind: "success"; readonly data: Uint8Array }
  | { readonly kind: "revert"; readonly code: number; readonly data: Uint8Array }
  | { readonly kind: "halt"; readonly reason: HaltReason };

/**
 * Why the chain declined before any guest ran: no outcome of a guest, and the gas that was given to it comes back. The order
 * is consensus: reasons are appended, never moved.
 */
export const refusalReasons = [
  "InsufficientBalance",
  "BalanceOverflow",
  "UnknownCode",
  "InvalidCode",
  "AddressTaken",
  "NotAContract",
  "NoSuchMethod",
  "NotPayable",
  "InputTooLarge",
  /** The method is for the contract's own calls. */
  "PrivateMethod",
] as const;

export type RefusalReason = (typeof refusalReasons)[number];

export interface Refusal {
  readonly kind: "refused";
  readonly reason: RefusalReason;
}

/** An outcome and what the call cost. A halt always costs `gasLimit`. */
export interface CallResult {
  readonly outcome: Outcome;
  readonly gasUsed: number;
}
