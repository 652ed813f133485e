/**
 * What `call` and `view` have in common: which contract, which method, which arguments, or which help.
 */
import type { Command } from "commander";
import { addressToText } from "../node/address.ts";
import { fromHex } from "../node/rpc/json.ts";
import type { Abi, AbiMethod } from "../vm/abi.ts";
import type { Json } from "../vm/abi-values.ts";
import { InputError } from "../vm/errors.ts";
import { AddressBook } from "./accounts.ts";
import { type OptionSpec, parameterOf, readArguments, takeOptions } from "./arguments.ts";
import { type Chain, withChain } from "./chain.ts";
import { callableMethods, contractHelp, methodHelp, methodJson, methodOf } from "./contract-help.ts";
import { print, type Report } from "./output.ts";
import { decodeReturn } from "./receipt-view.ts";
import { optionsOf, type Settings, settingsOf } from "./settings.ts";

const helpOption: OptionSpec = { long: "--help", short: "-h", required: false, attributeName: () => "help" };

/** Options that are ours wherever they stand, because they are needed before the contract is known. */
const everywhere = ["--url", "--json"];

/**
 * Takes the options that are ours everywhere out of the words behind the first argument, and sets them on `command`.
 * To be called before `settingsOf`.
 */
export function takeCommonOptions(command: Command): { readonly tokens: readonly string[]; readonly isHelp: boolean } {
  const specs = command.options.filter(({ long }) => everywhere.includes(long ?? ""));
  const { options, rest } = takeOptions(command.args.slice(1), [...specs, helpOption]);
  for (const [name, value] of options) if (name !== "help") command.setOptionValue(name, value);
  return { tokens: rest, isHelp: options.has("help") };
}

/** Takes those of the command's own options out of `tokens` that no parameter's name covers. */
export function takeOwnOptions(command: Command, tokens: readonly string[], params: AbiMethod["params"]) {
  const specs = command.options.filter(({ long }) => parameterOf(long ?? "", params) === undefined);
  const { options, rest } = takeOptions(tokens, specs);
  for (const [name, value] of options) command.setOptionValue(name, value);
  return rest;
}

/** The arguments for `method`; `null` stands for a contract without an ABI, which takes `--args` only. */
export function argumentsFor(
  command: Command,
  tokens: readonly string[],
  { abi, params, addresses }: { abi: Abi | null; params: AbiMethod["params"]; addresses: AddressBook },
): Uint8Array {
  const rest = takeOwnOptions(command, tokens, params);
  const { args } = optionsOf<{ args: string }>(command);
  if (args !== undefined) {
    if (rest.length > 0) throw new InputError("usage", `--args holds all arguments, but there is also "${rest[0]}"`);
    return fromHex(args);
  }
  if (abi !== null) return readArguments(abi, params, rest, addresses);
  if (rest.length === 0) return new Uint8Array();
  throw new InputError("contract_untyped", "the contract carries no ABI, so its arguments have no names or types", {
    hint: "Give all of them in borsh, as --args 0x...",
  });
}

/** A method of a contract that the node knows, as the words of a command name it. */
export interface ChosenMethod {
  readonly settings: Settings;
  readonly chain: Chain;
  readonly contract: Contract;
  readonly name: string;
  /** `null` without an ABI. */
  readonly method: AbiMethod | null;
  /** The words behind it. */
  readonly tokens: readonly string[];
}

/** Runs `work` for the method that stands behind the contract, or prints the help that was asked for in its place. */
export async function withMethod(
  command: Command,
  contractText: string,
  work: (chosen: ChosenMethod) => Promise<Report>,
): Promise<void> {
  const { tokens, isHelp } = takeCommonOptions(command);
  const settings = settingsOf(command);
  await withChain(settings.url, async (chain) => {
    const contract = await Contract.open(chain, settings, contractText);
    if (isHelp) return print(settings, contract.help(tokens[0]));
    const { name, method, rest } = contract.method(tokens);
    print(settings, await work({ settings, chain, contract, name, method, tokens: rest }));
  });
}

/** A contract that the node knows. */
class Contract {
  readonly address: string;
  readonly bytes: Uint8Array;
  readonly abi: Abi | null;
  readonly addresses: AddressBook;

  private constructor(bytes: Uint8Array, abi: Abi | null, addresses: AddressBook) {
    this.bytes = bytes;
    this.address = addressToText(bytes);
    this.abi = abi;
    this.addresses = addresses;
  }

  static async open(chain: Chain, settings: Settings, text: string): Promise<Contract> {
    const addresses = new AddressBook(settings, chain);
    const bytes = addresses.fromText(text);
    return new Contract(bytes, await chain.abiOf(addressToText(bytes)), addresses);
  }

  /** Of the contract, or of one method when `name` is one. */
  help(name: string | undefined): Report {
    const { abi, address } = this;
    if (abi === null) return { json: { contract: address, methods: null }, text: ["The contract carries no ABI."] };
    if (name === undefined || name.startsWith("-")) {
      const methods = abi.methods.map((method) => methodJson(abi, method));
      return { json: { contract: address, name: abi.name, doc: abi.doc, methods }, text: contractHelp(abi) };
    }
    const method = methodOf(abi, name);
    return { json: { contract: address, method: methodJson(abi, method) }, text: methodHelp(abi, method) };
  }

  /** `undefined` for what the ABI does not explain. */
  decodeReturn(method: AbiMethod | null, returnData: string): Json | undefined {
    if (this.abi === null || method === null || method.returns === null) return undefined;
    return decodeReturn(this.abi, method.returns, returnData, this.addresses);
  }

  /** The method named by the first of `tokens`, and the words behind it. Throws `InputError`. */
  method(tokens: readonly string[]): {
    readonly name: string;
    /** `null` without an ABI. */
    readonly method: AbiMethod | null;
    readonly rest: readonly string[];
  } {
    const [name, ...rest] = tokens;
    if (name === undefined || name.startsWith("-")) {
      const names = this.abi === null ? null : callableMethods(this.abi).map((method) => method.name);
      throw new InputError("method_missing", "the method's name must follow the contract", {
        hint: names === null ? "The contract carries no ABI." : `Its methods are ${names.join(", ")}.`,
      });
    }
    return { name, method: this.abi === null ? null : methodOf(this.abi, name), rest };
  }
}
