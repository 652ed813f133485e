/**
 * The method table as an OpenRPC document (https://spec.open-rpc.org), for programs that make clients, pages or tests of it.
 *
 * Law: it says what `api.ts` says, and is valid by OpenRPC's meta-schema.
 */
import { api } from "./api.ts";
import { rpcCodes } from "./json-rpc.ts";
import type { JsonSchema, MethodSpec, Named } from "./schema.ts";
import * as schemas from "./schema.ts";
import * as types from "./types.ts";

const OPENRPC_VERSION = "1.3.2";

const exported: readonly unknown[] = [...Object.values(schemas), ...Object.values(types)];

/** Every schema that has a name, by its name: where a `$ref` leads. */
export const definitions: Readonly<Record<string, JsonSchema>> = Object.fromEntries(
  exported.filter(isNamed).map(({ name, definition }) => [name, definition]),
);

function isNamed(value: unknown): value is Named<unknown> {
  return typeof value === "object" && value !== null && Object.hasOwn(value, "definition");
}

let document: object | undefined;

/** `version` is of the node's software. */
export function openRpcDocument(version: string): object {
  document ??= {
    openrpc: OPENRPC_VERSION,
    info: {
      title: "Lockstep",
      version,
      description:
        "JSON-RPC 2.0 over WebSocket and HTTP POST on one port. Parameters go by name. An error's `data.code` is stable; the " +
        "number beside it is only the class.",
      license: { name: "Apache-2.0" },
    },
    methods: Object.entries(api).map(([name, spec]) => methodObject(name, spec)),
    components: { schemas: definitions },
  };
  return document;
}

function methodObject(name: string, { summary, description, params, result, errors = {} }: MethodSpec): object {
  return {
    name,
    tags: [{ name: name.split("_")[0] }],
    summary,
    ...(description !== undefined && { description }),
    paramStructure: "by-name",
    params: Object.entries(params).map(([name, { schema, isOptional, doc }]) => ({
      name,
      description: doc,
      required: !isOptional,
      schema: schema.json,
    })),
    result: { name: "result", schema: result.json },
    errors: Object.entries(errors).map(([code, message]) => ({ code: rpcCodes.input, message, data: { code } })),
  };
}
