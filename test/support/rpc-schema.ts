/** Whether JSON values are what the RPC's schemas say, in the judgement of another program. */
import { Ajv, type ValidateFunction } from "ajv";
import { definitions } from "../../node/rpc/openrpc.ts";
import { DEFINITIONS, type JsonSchema } from "../../node/rpc/schema.ts";

const ajv = new Ajv({ strict: false });
ajv.addSchema({ $id: "rpc", components: { schemas: rebased(definitions) } });
const validators = new Map<JsonSchema, ValidateFunction>();

/** References within a document, as references into it. */
function rebased(json: unknown): object {
  return JSON.parse(JSON.stringify(json).replaceAll(`"${DEFINITIONS}`, `"rpc${DEFINITIONS}`));
}

/** `null` when there are none. */
export function problemsOf(schema: JsonSchema, value: unknown): string | null {
  const validate = validators.get(schema) ?? ajv.compile(rebased(schema));
  validators.set(schema, validate);
  return validate(value) ? null : ajv.errorsText(validate.errors);
}
