/**
 * `lockstep rpc`: any method of the node, with what it answers as it came. For what no other command wraps, and for a look at
 * what others send.
 */
import type { Command } from "commander";
import { createClient } from "../../node/rpc/client.ts";
import { isObject } from "../../node/rpc/json-rpc.ts";
import { InputError } from "../../vm/errors.ts";
import { withTokenHint } from "../development.ts";
import { during, exitCodes } from "../exit-codes.ts";
import { print } from "../output.ts";
import { settingsOf, withShared } from "../settings.ts";

const notes = `
Parameters are name=value, or one JSON object. A value that is JSON (a number, true, null, a list)
is taken as that, anything else as text. The dev_ methods of a node that has a token need it.

Examples:
  lockstep rpc rpc_discover
  lockstep rpc chain_block height=3
  lockstep rpc state_proof '{"keys":["0x61"]}'
  lockstep rpc dev_mine count=5 --token TOKEN`;

export function define(command: Command): void {
  withShared(command, "url", "token", "json")
    .description("Call a method of the node's RPC and print its result as JSON.")
    .argument("<method>", "such as chain_info; node/rpc/REFERENCE.md and rpc_discover list them")
    .argument("[parameters...]", "name=value, or one JSON object")
    .addHelpText("after", notes)
    .action(run);
}

async function run(method: string, parameters: readonly string[], _: unknown, command: Command): Promise<void> {
  const settings = settingsOf(command);
  const params = readParameters(parameters);
  const client = createClient(settings.url, settings);
  try {
    // The node knows its methods, and says what is wrong with a call.
    const result: unknown = await withTokenHint(() =>
      during(exitCodes.node, () => client.call(method as "chain_info", params as never)),
    );
    print(settings, { json: { result }, text: JSON.stringify(result, null, 2).split("\n") });
  } finally {
    await client.close();
  }
}

/** Throws `InputError` `usage`. */
export function readParameters(parameters: readonly string[]): Readonly<Record<string, unknown>> {
  const [first = "", ...others] = parameters;
  if (first.startsWith("{")) {
    const object = asJson(first);
    if (isObject(object) && others.length === 0) return object;
    throw new InputError("usage", "the parameters are not one JSON object", {
      hint: "Quote it for the shell, or write name=value for each parameter.",
    });
  }
  const entries = parameters.map((parameter): [string, unknown] => {
    const at = parameter.indexOf("=");
    if (at < 1) {
      throw new InputError("usage", `${JSON.stringify(parameter)} is no parameter`, {
        hint: "Write name=value, such as height=3.",
      });
    }
    const [name, value] = [parameter.slice(0, at), parameter.slice(at + 1)];
    const json = asJson(value);
    return [name, json === undefined ? value : json];
  });
  const repeated = entries.find(([name], index) => entries.findIndex(([other]) => other === name) !== index);
  if (repeated !== undefined) {
    throw new InputError("usage", `the parameter ${JSON.stringify(repeated[0])} is there twice`);
  }
  return Object.fromEntries(entries);
}

/** `undefined` for what is no JSON, and for a number that is more than one: amounts are text. */
function asJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "number" && !Number.isSafeInteger(value) ? undefined : value;
  } catch {
    return undefined;
  }
}
