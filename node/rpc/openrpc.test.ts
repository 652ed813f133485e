import * as metaSchemas from "@open-rpc/meta-schema";
import { Ajv } from "ajv";
import { expect, test } from "vitest";
import { api } from "./api.ts";
import { definitions, openRpcDocument } from "./openrpc.ts";
import { DEFINITIONS } from "./schema.ts";

/** OpenRPC's meta-schema leaves what a schema is to another address, which it spells in two ways: here it is draft 7. */
function validator() {
  const ajv = new Ajv({ strict: false, validateFormats: false });
  const draft7 = ajv.getSchema("http://json-schema.org/draft-07/schema")!.schema as { readonly definitions: object };
  const $id = "https://meta.json-schema.tools/draft-07";
  const definitions = { ...draft7.definitions, JSONSchemaObject: { properties: { $ref: { type: "string" } } } };
  ajv.addSchema({ ...draft7, $id, definitions });
  const { openrpcDocument } = metaSchemas as unknown as { readonly openrpcDocument: object };
  const text = JSON.stringify(openrpcDocument).replaceAll(/https:\/\/meta\.json-schema\.tools\/?/g, $id);
  const { $schema: _, ...metaSchema } = JSON.parse(text);
  const validate = ajv.compile(metaSchema);
  return (document: unknown) => (validate(document) ? null : validate.errors);
}

const copy = () => JSON.parse(JSON.stringify(openRpcDocument("1.2.3")));

test("the document is valid by OpenRPC's meta-schema, and one that is not is refused", () => {
  const errorsOf = validator();
  expect(errorsOf(copy())).toBeNull();
  const damages: ((document: ReturnType<typeof copy>) => void)[] = [
    (document) => delete document.info.version,
    (document) => delete document.methods[0].name,
    (document) => delete document.methods[1].params,
    (document) => {
      document.openrpc = "2.0";
    },
    (document) => {
      document.methods[2].paramStructure = "by name";
    },
    (document) => {
      document.methods[0].result = { schema: { type: "object" } };
    },
    (document) => {
      document.methods[0].result.schema.type = "objekt";
    },
    (document) => {
      document.methods.find(({ errors }: { errors: unknown[] }) => errors.length > 0).errors[0].code = "x";
    },
    (document) => {
      document.anything = 1;
    },
  ];
  for (const damage of damages) {
    const document = copy();
    damage(document);
    expect(errorsOf(document), String(damage)).not.toBeNull();
  }
});

test("it has every method once, names parameters as the table does, and every reference leads somewhere", () => {
  const document = copy();
  expect(document.info.version).toBe("1.2.3");
  expect(document.methods.map(({ name }: { name: string }) => name)).toEqual(Object.keys(api));
  for (const { name, params } of document.methods) {
    const spec = api[name as keyof typeof api];
    expect(params.map((param: { name: string }) => param.name)).toEqual(Object.keys(spec.params));
  }
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, to]) => to!);
  expect(references.length).toBeGreaterThan(100);
  for (const reference of references) {
    expect(reference.startsWith(DEFINITIONS), reference).toBe(true);
    expect(definitions, reference).toHaveProperty([reference.slice(DEFINITIONS.length)]);
  }
});
