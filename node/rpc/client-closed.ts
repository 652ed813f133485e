/** How calls of a client that was closed end. */
import { InputError } from "../../vm/errors.ts";

export function clientClosed(): InputError {
  return new InputError("client_closed", "the client was closed");
}
