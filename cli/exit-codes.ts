/**
 * How the command ends, as a number that scripts can rely on. The table is what `lockstep --help` prints.
 *
 * Law: an `InputError` ends with the code of the step it came out of (`during`), and with `usage` outside of every step;
 * everything else that is thrown is our own fault.
 */
import { InputError } from "../vm/errors.ts";

export const exitCodes = {
  ok: 0,
  fault: 1,
  usage: 2,
  file: 3,
  node: 4,
  transaction: 5,
  difference: 6,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export const exitCodeMeanings: readonly (readonly [ExitCode, string])[] = [
  [exitCodes.ok, "done"],
  [exitCodes.fault, "a fault of lockstep itself; please report it"],
  [exitCodes.usage, "wrong usage or a wrong argument"],
  [exitCodes.file, "a wrong input file: source, module, ABI, key or data folder"],
  [exitCodes.node, "the node is unreachable or refused the request"],
  [exitCodes.transaction, "the call or transaction ran and failed: revert, halt or refusal"],
  [exitCodes.difference, "a replay or a follower computed something else than the chain recorded"],
];

/** An `InputError` that knows how the command ends. */
export class CommandError extends InputError {
  override readonly name = "CommandError";
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, ...rest: ConstructorParameters<typeof InputError>) {
    super(...rest);
    this.exitCode = exitCode;
  }
}

/** Runs one step of a command. Bad input met in it ends the command with `exitCode`. */
export async function during<T>(
  exitCode: ExitCode | ((error: InputError) => ExitCode),
  step: () => T | Promise<T>,
): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (!(error instanceof InputError) || error instanceof CommandError) throw error;
    const { code, message, hint, details } = error;
    const more = { ...(hint !== undefined && { hint }), ...(details !== undefined && { details }) };
    throw new CommandError(typeof exitCode === "number" ? exitCode : exitCode(error), code, message, more);
  }
}

export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CommandError) return error.exitCode;
  return error instanceof InputError ? exitCodes.usage : exitCodes.fault;
}
