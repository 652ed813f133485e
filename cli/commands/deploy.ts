/**
 * `lockstep deploy`: uploads a module and creates a contract from it, in one transaction, so that either both happen or
 * neither. The module is judged here first, by the very code the node uses.
 */
import { basename } from "node:path";
import type { Command } from "commander";
import { addressFromText, addressToText } from "../../node/address.ts";
import { HASH_SIZE, hash } from "../../node/crypto.ts";
import { fromHex, toHex } from "../../node/rpc/json.ts";
import { type AbiMethod, INIT_METHOD } from "../../vm/abi.ts";
import { checkModule } from "../../vm/contract.ts";
import { assert, InputError } from "../../vm/errors.ts";
import { AddressBook } from "../accounts.ts";
import { withChain } from "../chain.ts";
import { argumentsFor, takeCommonOptions } from "../contract-call.ts";
import { methodHelp, methodJson } from "../contract-help.ts";
import { during, exitCodes } from "../exit-codes.ts";
import { readInputFile } from "../files.ts";
import { checkName } from "../names.ts";
import { print, type Report, rows } from "../output.ts";
import { decodeEvents } from "../receipt-view.ts";
import { readAmount } from "../scalars.ts";
import { send, sendingOptions, withSending } from "../send.ts";
import { eventRows, sentJson, sentRows } from "../sent-view.ts";
import { optionsOf, settingsOf } from "../settings.ts";

const examples = `
Behind the file the contract's names come first: an option that shares its name with a parameter of
init stands before the file.

Examples:
  lockstep deploy build/counter.wasm
  lockstep deploy build/token.wasm --help      the arguments of its init
  lockstep deploy --name gold build/token.wasm --name Gold --symbol AU --supply 1000`;

export function define(command: Command): void {
  withSending(command)
    .description("Create a contract from a Wasm file and wait for its block.")
    .argument("<file.wasm>", "the module")
    .argument("[arguments...]", "the arguments of the contract's init, as --name value or in order")
    .option("--name <alias>", "what to call the contract in this folder; default: the file's name")
    .option("--value <amount>", "balance to give to the contract")
    .option("--salt <hex>", "32 bytes that make the address known beforehand")
    .option("--args <hex>", "all arguments in borsh, for a contract without an ABI")
    .addHelpText("after", examples)
    .passThroughOptions()
    .action(run);
}

interface DeployOptions {
  readonly name: string;
  readonly value: string;
  readonly salt: string;
}

async function run(file: string, ...ignored: unknown[]): Promise<void> {
  const command = ignored.at(-1) as Command;
  const { tokens, isHelp } = takeCommonOptions(command);
  const settings = settingsOf(command);
  const code = readInputFile(file, "`lockstep build` writes modules to build/.");
  const { abi } = await during(exitCodes.file, () => checkModule(code));
  const init = abi?.methods.find(({ name }) => name === INIT_METHOD) ?? null;
  if (isHelp) return print(settings, initHelp(abi, init));
  await withChain(settings.url, async (chain) => {
    const addresses = new AddressBook(settings, chain);
    const args = argumentsFor(command, tokens, { abi, params: init?.params ?? [], addresses });
    const { name, value, salt } = optionsOf<DeployOptions>(command);
    const alias = name ?? aliasOf(file);
    if (alias !== null) checkName(alias);
    const codeHash = hash("code", code);
    const sent = await send(chain, {
      actions: [
        { kind: "upload", code },
        {
          kind: "create",
          codeHash,
          salt: salt === undefined ? null : readSalt(salt),
          args,
          value: value === undefined ? 0n : readAmount(value, "value"),
        },
      ],
      ...sendingOptions(command),
      abi,
      addresses,
    });
    const address = sent.receipt.actions[1]?.created[0];
    assert(address !== undefined, "a creation that succeeded has an address");
    const before = alias === null ? null : addresses.aliases.set(alias, addressFromText(address));
    const events = await decodeEvents(sent.receipt.events, chain, addresses);
    print(settings, {
      json: { address, alias, codeHash: toHex(codeHash), codeSize: code.length, ...sentJson(sent, events) },
      text: [
        `Deployed ${file}`,
        ...rows([
          ["address", address],
          ...(alias === null ? [] : [["alias", alias + (before === null ? "" : movedFrom(before, address))] as const]),
          ["code", `${code.length} bytes ${toHex(codeHash)}`],
          ...eventRows(events),
          ...sentRows(sent),
        ]),
      ],
    });
  });
}

function movedFrom(before: Uint8Array, now: string): string {
  const text = addressToText(before);
  return text === now ? "" : ` (was ${text})`;
}

/** The file's name as an alias; `null` where it is no name for one. */
function aliasOf(file: string): string | null {
  const alias = basename(file, ".wasm").toLowerCase();
  try {
    checkName(alias);
    return alias;
  } catch {
    return null;
  }
}

function readSalt(text: string): Uint8Array {
  const salt = fromHex(text);
  if (salt.length !== HASH_SIZE) {
    throw new InputError("salt_invalid", `a salt of ${salt.length} bytes; it has ${HASH_SIZE}`);
  }
  return salt;
}

function initHelp(abi: Parameters<typeof methodHelp>[0] | null, init: AbiMethod | null): Report {
  if (abi === null) return { json: { init: null }, text: ["The module carries no ABI."] };
  if (init === null) return { json: { init: null }, text: [`${abi.name} takes no arguments at its creation.`] };
  return { json: { init: methodJson(abi, init) }, text: methodHelp(abi, init) };
}
