/** What everybody is told who still waits for something when the node stops. */
import { InputError } from "../vm/errors.ts";

export function nodeStopping(): InputError {
  return new InputError("node_stopping", "the node is stopping");
}
