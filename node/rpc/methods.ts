/**
 * Calls: looks a method up, reads its parameters as `api.ts` declares them, and runs it. What the methods do is in
 * `methods/`, typed by the same table: a method that is missing or answers differently is no program.
 */
import { InputError } from "../../vm/errors.ts";
import { api, isDevelopment, type RpcMethod } from "./api.ts";
import { isObject, ProtocolError, quote } from "./json-rpc.ts";
import { chain } from "./methods/chain.ts";
import { dev } from "./methods/dev.ts";
import { node } from "./methods/node.ts";
import { state } from "./methods/state.ts";
import { transactions } from "./methods/transactions.ts";
import type { JsonOf, MethodSpec, MethodSpecs, ParamFields, ValuesOf } from "./schema.ts";
import type { NodeService } from "./service.ts";
import type { Subscriptions } from "./subscriptions.ts";

/** What a call sees besides its parameters. */
export interface CallContext {
  readonly service: NodeService;
  /** Absent where nothing can be pushed: over HTTP. */
  readonly subscriptions?: Subscriptions;
  /** Whether the caller may use the development methods. */
  readonly mayControl: boolean;
}

/** A function for each method of a part of the table. */
export type Implementation<S extends MethodSpecs> = {
  readonly [M in keyof S]: (params: ValuesOf<S[M]["params"]>, context: CallContext) => Result<S[M]>;
};

type Result<M extends MethodSpec> = JsonOf<M["result"]> | Promise<JsonOf<M["result"]>>;

const implementation: Implementation<typeof api> = { ...chain, ...transactions, ...state, ...node, ...dev };

interface Method {
  readonly read: (params: unknown) => Readonly<Record<string, unknown>>;
  readonly run: (params: Readonly<Record<string, unknown>>, context: CallContext) => unknown;
  readonly isDevelopment: boolean;
}

const methods = new Map(
  (Object.keys(api) as RpcMethod[]).map((name): [string, Method] => {
    // `read` makes the values by the schemas that type `run`.
    const run = implementation[name] as Method["run"];
    return [name, { read: paramsReader(api[name].params), run, isDevelopment: isDevelopment(name) }];
  }),
);

/** Checks the parameters of a call and runs it. Throws before it returns a promise wherever it can. */
export function callMethod(name: string, params: unknown, context: CallContext): unknown {
  const method = methods.get(name);
  if (method === undefined) {
    throw new ProtocolError("methodUnknown", "method_unknown", `no method ${quote(name)}`, { hint: methodHint(name) });
  }
  if (method.isDevelopment && !context.mayControl) {
    throw new InputError("development_forbidden", `${name} is for the node's developer alone`, {
      hint: "Call it with the node's token, as `Authorization: Bearer TOKEN`.",
    });
  }
  return method.run(method.read(params), context);
}

function methodHint(unknown: string): string {
  const prefix = unknown.slice(0, unknown.indexOf("_") + 1);
  const near = prefix === "" ? [] : [...methods.keys()].filter((name) => name.startsWith(prefix));
  return near.length === 0 ? "`rpc_discover` lists the methods." : `There are ${near.join(", ")}.`;
}

/** Everything that does not depend on the call is made here, once. */
function paramsReader(fields: ParamFields): Method["read"] {
  const entries = Object.entries(fields).map(([name, { schema, isOptional }]) => ({ name, schema, isOptional }));
  const names = entries.map(({ name, isOptional }) => (isOptional ? `${name} (optional)` : name));
  const hint = names.length === 0 ? "The method has no parameters." : `The parameters are ${names.join(", ")}.`;
  const refuse = (message: string, parameter?: string): never => {
    const details = parameter === undefined ? {} : { details: { parameter } };
    throw new ProtocolError("invalidParams", "invalid_params", message, { hint, ...details });
  };
  return (params) => {
    if (!isObject(params)) return refuse("parameters go by name, in one object");
    for (const name of Object.keys(params)) if (!Object.hasOwn(fields, name)) refuse(`no parameter ${quote(name)}`);
    const values: Record<string, unknown> = {};
    for (const { name, schema, isOptional } of entries) {
      if (!Object.hasOwn(params, name)) {
        if (!isOptional) refuse(`parameter "${name}" is missing`, name);
        continue;
      }
      const value = readParam(name, params[name], schema.read);
      if (value === undefined) refuse(`parameter "${name}" must be ${schema.type}`, name);
      values[name] = value;
    }
    return values;
  };
}

/** What the reader of the value has to say becomes an error about the parameter. */
function readParam(name: string, value: unknown, read: (value: unknown) => unknown): unknown {
  try {
    return read(value);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    const { code, message, hint } = error;
    throw new ProtocolError("invalidParams", code, `parameter "${name}": ${message}`, {
      ...(hint !== undefined && { hint }),
      details: { parameter: name },
    });
  }
}
