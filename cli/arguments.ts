/**
 * The words behind a contract's name on the command line: some are the method's arguments, some are options of ours.
 *
 *     lockstep call [options] token transferFrom --from dev1 --to dev2 5 --gas-limit 900000
 *                                                └ parameters of the method ┘ └ an option ┘
 *
 * Law: behind the method's name the contract's names come first, so a parameter may have any name; options that must
 * reach us stand before the contract. Only --url, --json and --help are ours everywhere; such a parameter goes by position.
 */
import type { Abi, AbiField } from "../vm/abi.ts";
import {
  type AbiValue,
  type AddressText,
  encodeArgs,
  parameterHint,
  parseValue,
  unknownArgument,
} from "../vm/abi-values.ts";
import { InputError } from "../vm/errors.ts";

/** An option as commander describes it. */
export interface OptionSpec {
  readonly long?: string | undefined;
  readonly short?: string | undefined;
  /** Whether a value follows. */
  readonly required: boolean;
  attributeName(): string;
}

/** Takes the known options out of `tokens`; the rest keeps its order. Behind `--` nothing is an option. */
export function takeOptions(
  tokens: readonly string[],
  specs: readonly OptionSpec[],
): { readonly options: ReadonlyMap<string, string | true>; readonly rest: readonly string[] } {
  const options = new Map<string, string | true>();
  const rest: string[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!;
    if (token === "--") {
      rest.push(...tokens.slice(i));
      break;
    }
    const { flag, value } = splitFlag(token);
    const spec = specs.find(({ long, short }) => flag !== undefined && (flag === long || flag === short));
    if (spec === undefined) {
      rest.push(token);
    } else if (!spec.required) {
      if (value !== undefined) throw new InputError("usage", `${flag} takes no value`);
      options.set(spec.attributeName(), true);
    } else {
      const given = value ?? tokens[++i];
      if (given === undefined) throw new InputError("usage", `${flag} needs a value`);
      options.set(spec.attributeName(), given);
    }
  }
  return { options, rest };
}

/** The flag of a parameter: `tokenId` and `token_id` are `--token-id`. */
export function flagOf(parameter: string): string {
  return `--${parameter
    .replace(/([a-z0-9])([A-Z])/g, "$1-$2")
    .replaceAll("_", "-")
    .toLowerCase()}`;
}

/** Which parameter a flag means: its own name first, then the kebab-case form if only one parameter has it. */
export function parameterOf(flag: string, params: readonly AbiField[]): AbiField | undefined {
  const exact = params.find(({ name }) => flag === `--${name}`);
  if (exact !== undefined) return exact;
  const [match, second] = params.filter(({ name }) => flag === flagOf(name));
  return second === undefined ? match : undefined;
}

/** The text given for each parameter: by flag, or by position for those without one. */
export function bindArguments(
  abi: Abi,
  params: readonly AbiField[],
  tokens: readonly string[],
): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  const positional: string[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!;
    if (token === "--") {
      positional.push(...tokens.slice(i + 1));
      break;
    }
    const { flag, value } = splitFlag(token);
    if (flag === undefined || !flag.startsWith("--")) {
      positional.push(token);
      continue;
    }
    const param = parameterOf(flag, params);
    if (param === undefined) throw unknownArgument(abi, params, flag.slice(2));
    if (texts.has(param.name)) throw new InputError("argument_duplicate", `${flagOf(param.name)} is given twice`);
    const text = value ?? tokens[++i];
    if (text === undefined) throw new InputError("argument_missing", `${flag} needs a value behind it`);
    texts.set(param.name, text);
  }
  for (const { name } of params) {
    if (positional.length === 0) break;
    if (!texts.has(name)) texts.set(name, positional.shift()!);
  }
  if (positional.length > 0) {
    throw new InputError("argument_unknown", `${JSON.stringify(positional[0])} is one argument too many`, {
      hint: parameterHint(abi, params),
    });
  }
  return texts;
}

/** The method's arguments in borsh, from the words that are left for it. Throws `InputError` `argument_*`. */
export function readArguments(
  abi: Abi,
  params: readonly AbiField[],
  tokens: readonly string[],
  addresses: AddressText,
): Uint8Array {
  const texts = bindArguments(abi, params, tokens);
  const values: Record<string, AbiValue> = Object.create(null);
  for (const { name, type } of params) {
    const text = texts.get(name);
    if (text !== undefined) values[name] = parseValue(type, abi, text, { addresses, name });
  }
  return encodeArgs(abi, params, values, addresses);
}

/** `--amount=5` is the flag `--amount` and the value `5`; `-5` is a number, not a flag. */
function splitFlag(token: string): { readonly flag?: string; readonly value?: string } {
  if (!token.startsWith("-") || token === "-" || /^-[0-9]/.test(token)) return {};
  const at = token.startsWith("--") ? token.indexOf("=") : -1;
  return at < 0 ? { flag: token } : { flag: token.slice(0, at), value: token.slice(at + 1) };
}
