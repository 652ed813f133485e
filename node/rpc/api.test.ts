/** The method table: each method's answer, errors and words are what it says. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { exampleAnswer, exampleNode, examples } from "../../test/support/rpc-examples.ts";
import { problemsOf } from "../../test/support/rpc-schema.ts";
import { api, type RpcMethod } from "./api.ts";
import { callMethod } from "./methods.ts";
import { definitions } from "./openrpc.ts";
import type { JsonSchema, MethodSpec } from "./schema.ts";

const names = Object.keys(api) as RpcMethod[];

describe("every method", () => {
  test("answers its example with what its result's schema says", async () => {
    for (const method of names) {
      expect(problemsOf(api[method].result.json, await exampleAnswer(method)), method).toBeNull();
    }
  });

  test("would be caught if it answered anything else", async () => {
    for (const method of names) {
      const answer = await exampleAnswer(method);
      const { json } = api[method].result;
      const damaged: unknown[] = [undefined, Array.isArray(answer) ? {} : [], 1.5];
      if (Array.isArray(answer)) damaged.push([{ ...answer[0], surplus: 1 }]);
      else if (method !== "rpc_discover" && typeof answer === "object" && answer !== null) {
        damaged.push({ ...answer, surplus: 1 }, Object.fromEntries(Object.entries(answer).slice(1)));
      }
      for (const value of damaged) expect(problemsOf(json, value), `${method} ${String(value)}`).not.toBeNull();
    }
  });

  test("says what it does, and what each parameter and each member of its result is", () => {
    const sentence = /^[\p{Lu}`\d].*\.\)?$/su;
    for (const [method, spec] of Object.entries(api) as [string, MethodSpec][]) {
      expect(spec.summary, method).toMatch(sentence);
      if (spec.description !== undefined) expect(spec.description, method).toMatch(sentence);
      for (const [name, { doc }] of Object.entries(spec.params)) expect(doc, `${method} ${name}`).toMatch(sentence);
      for (const [code, when] of Object.entries(spec.errors ?? {})) {
        expect(code).toMatch(/^[a-z_]+(_\*)?$/);
        expect(when, `${method} ${code}`).toMatch(sentence);
      }
      checkDocs(spec.result.json, method);
    }
    for (const [name, json] of Object.entries(definitions)) checkDocs(json, name);
  });

  test("names only error codes that there are", () => {
    const root = new URL("../../", import.meta.url);
    const sources = ["vm", "node", "devnet"].flatMap((folder) =>
      readdirSync(new URL(folder, root), { recursive: true, encoding: "utf8" })
        .filter((path) => path.endsWith(".ts") && !path.endsWith(".test.ts") && !path.startsWith("rpc/api"))
        .map((path) => readFileSync(new URL(`${folder}/${path}`, root), "utf8")),
    );
    const program = sources.join("\n");
    for (const [method, { errors = {} }] of Object.entries(api) as [string, MethodSpec][]) {
      for (const code of Object.keys(errors)) {
        expect(program.includes(`"${code.replace("*", "")}${code.endsWith("*") ? "" : '"'}`), `${method} ${code}`).toBe(
          true,
        );
      }
    }
  });

  function checkDocs(json: JsonSchema, where: string): void {
    for (const [name, member] of Object.entries(json.properties ?? {})) {
      if (member.const === undefined) expect(member.description, `${where}.${name}`).toMatch(/^[A-Z].*\.$/s);
      checkDocs(member, `${where}.${name}`);
    }
    for (const variant of json.oneOf ?? []) {
      if (variant.properties?.kind !== undefined) expect(variant.description, where).toMatch(/^[A-Z].*\.$/s);
      checkDocs(variant, where);
    }
    if (json.items !== undefined) checkDocs(json.items, where);
  }

  test("refuses what is no parameter of it, what is missing, and what is wrong, by name", async () => {
    const service = await exampleNode();
    const refusal = (method: RpcMethod, params: unknown) => {
      try {
        callMethod(method, params, { service, mayControl: true });
      } catch (error) {
        return error;
      }
      return undefined;
    };
    const wrong = [null, true, 1.5, -1, Number.NaN, {}, [], [1], "é", "0x0", "x".repeat(1000), 2 ** 53, "__proto__"];
    for (const method of names) {
      const good: Record<string, unknown> = { ...examples[method] };
      for (const params of [undefined, null, [], [good], "x", 1]) {
        expect(refusal(method, params), method).toMatchObject({ code: "invalid_params", rpcCode: -32602 });
      }
      const surplus = refusal(
        method,
        JSON.parse(JSON.stringify(good).replace("{", '{"__proto__":1,').replace(",}", "}")),
      );
      expect(surplus, method).toMatchObject({ code: "invalid_params", message: 'no parameter "__proto__"' });
      for (const [name, { isOptional, schema }] of Object.entries(api[method].params)) {
        const { [name]: _, ...rest } = good;
        if (!isOptional) {
          expect(refusal(method, rest)).toMatchObject({ code: "invalid_params", details: { parameter: name } });
        }
        for (const value of wrong) {
          // A name is any text.
          const { oneOf = [schema.json] }: JsonSchema = schema.json;
          const types = oneOf.filter((json) => json.enum === undefined).map(({ type }) => type);
          if (types.includes("boolean") && value === true) continue;
          if (types.includes("string") && typeof value === "string") continue;
          if (types.includes("null") && value === null) continue;
          expect(refusal(method, { ...good, [name]: value }), `${method} ${name} ${String(value)}`).toMatchObject({
            code: expect.stringMatching(/^(invalid_params|hex_invalid|address_invalid|cursor_invalid)$/),
            rpcCode: -32602,
            details: { parameter: name },
          });
        }
      }
    }
  });
});
