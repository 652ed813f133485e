/**
 * The RPC surface, said once: every method with its parameters, its result and its errors, a paragraph each in `api/`.
 * `methods.ts` implements this table, `client.ts` calls it, `openrpc.ts` and `REFERENCE.md` publish it, so none can drift.
 *
 * Parameters go by name in one object. At run time only the node needs what is in here; everyone else imports types.
 */
import { chainMethods } from "./api/chain.ts";
import { devMethods } from "./api/dev.ts";
import { nodeMethods } from "./api/node.ts";
import { stateMethods } from "./api/state.ts";
import { transactionMethods } from "./api/transactions.ts";
import type { Fields, JsonOf, ObjectOf } from "./schema.ts";

export type { Hex } from "./schema.ts";
export type * from "./types.ts";

export const api = { ...chainMethods, ...transactionMethods, ...stateMethods, ...nodeMethods, ...devMethods };

type Api = typeof api;

export type RpcMethod = keyof Api;

type ParamsOf<F extends Fields> = keyof F extends never ? Record<string, never> : ObjectOf<F>;

/** Every method's parameters and result, as they stand in JSON. */
export type RpcMethods = {
  [M in RpcMethod]: { params: ParamsOf<Api[M]["params"]>; result: JsonOf<Api[M]["result"]> };
};

/** Whether only the node's developer may call it. */
export function isDevelopment(method: RpcMethod): boolean {
  return method.startsWith("dev_");
}
