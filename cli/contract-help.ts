/**
 * Help that comes from a contract: its methods with their types and docs, and one method with its flags.
 */
import { type Abi, type AbiMethod, INIT_METHOD, MIGRATE_METHOD, typeToText } from "../vm/abi.ts";
import { typeForm } from "../vm/abi-values.ts";
import { InputError } from "../vm/errors.ts";
import { flagOf } from "./arguments.ts";
import { rows } from "./output.ts";

/** Methods that somebody can call: the chain alone runs the others. */
export function callableMethods(abi: Abi): AbiMethod[] {
  return abi.methods.filter(({ name }) => name !== INIT_METHOD && name !== MIGRATE_METHOD);
}

/** `transfer(to: address, amount: u128) -> bool` */
export function signatureOf(abi: Abi, { name, params, returns }: AbiMethod): string {
  const list = params.map((param) => `${param.name}: ${typeToText(param.type, abi)}`).join(", ");
  return `${name}(${list})${returns === null ? "" : ` -> ${typeToText(returns, abi)}`}`;
}

export function contractHelp(abi: Abi): string[] {
  const lines = [abi.name, ...indented(abi.doc)];
  for (const [title, kinds] of [
    ["Views (`lockstep view`):", ["view"]],
    ["Calls (`lockstep call`):", ["call", "payable"]],
    ["At creation (`lockstep deploy`):", ["init"]],
    ["At an upgrade to this code:", ["migrate"]],
  ] as const) {
    const methods = abi.methods.filter(({ mutability }) => kinds.some((kind) => kind === mutability));
    if (methods.length === 0) continue;
    lines.push("", title);
    for (const method of methods) {
      lines.push(`  ${signatureOf(abi, method)}${notesOf(method)}`);
      lines.push(...indented(method.doc, 6));
    }
  }
  return lines;
}

export function methodHelp(abi: Abi, method: AbiMethod): string[] {
  const lines = [signatureOf(abi, method), ...indented(method.doc)];
  if (method.params.length > 0) {
    lines.push("", "Arguments, by flag or in this order:");
    lines.push(...rows(method.params.map(({ name, type }) => [`${flagOf(name)} <${name}>`, typeForm(type, abi)])));
  }
  if (method.mutability === "payable") lines.push("", "It takes value: --value <amount>.");
  if (method.access === "private") lines.push("", "It is private: only the contract itself may call it.");
  if (method.access === "reentrant")
    lines.push("", "It is reentrant: it may run while the contract waits for another.");
  return lines;
}

/** What is worth a word behind a signature. */
function notesOf({ mutability, access }: AbiMethod): string {
  const notes: string[] = mutability === "payable" ? ["takes --value"] : [];
  if (access !== "public") notes.push(access);
  return notes.length === 0 ? "" : `  (${notes.join(", ")})`;
}

/** A method as `--help --json` shows it. */
export function methodJson(abi: Abi, method: AbiMethod) {
  const { name, mutability, access, doc, params, returns } = method;
  return {
    name,
    mutability,
    access,
    doc,
    params: params.map((param) => ({
      name: param.name,
      type: typeToText(param.type, abi),
      flag: flagOf(param.name),
    })),
    returns: returns === null ? null : typeToText(returns, abi),
  };
}

/** Throws `InputError` `method_unknown`. */
export function methodOf(abi: Abi, name: string): AbiMethod {
  const method = abi.methods.find((candidate) => candidate.name === name);
  if (method !== undefined) return method;
  const names = callableMethods(abi).map((candidate) => candidate.name);
  throw new InputError("method_unknown", `${abi.name} has no method ${JSON.stringify(name)}`, {
    hint: names.length === 0 ? "It has no methods at all." : `Its methods are ${names.join(", ")}.`,
    details: { methods: names },
  });
}

function indented(doc: string, spaces = 2): string[] {
  return doc === "" ? [] : doc.split("\n").map((line) => " ".repeat(spaces) + line);
}
