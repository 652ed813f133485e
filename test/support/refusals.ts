/** Which stable code a refusal carries: what tests of bad input compare. */
import { InputError } from "../../vm/errors.ts";

/** `accepted` when nothing is thrown. What is no `InputError` is a bug, and passes through. */
export function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof InputError) return error.code;
    throw error;
  }
  return "accepted";
}

/** The same of work that takes its time. */
export async function codeOfWork(work: Promise<unknown>): Promise<string> {
  const settled = await work.then(
    () => () => {},
    (error) => () => {
      throw error;
    },
  );
  return codeOf(settled);
}

/** What a refusal says. Throws when there is none. */
export function refusalOf(run: () => unknown): InputError {
  try {
    run();
  } catch (error) {
    if (error instanceof InputError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}
