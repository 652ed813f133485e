/**
 * `lockstep dev-set`: the state of a devnet by decree: balances, nonces, code and storage. Each makes a block of its own.
 */
import type { Command } from "commander";
import { addressToText } from "../../../node/address.ts";
import { toHex } from "../../../node/rpc/json.ts";
import { checkModule } from "../../../vm/contract.ts";
import { printEdit, withDevelopment, withDevnet } from "../../development.ts";
import { during, exitCodes } from "../../exit-codes.ts";
import { readInputFile } from "../../files.ts";
import { readAmount, readInteger } from "../../scalars.ts";
import { settingsOf } from "../../settings.ts";
import { isHexKey, NONE, readHexEntry, readTypedEntry } from "../../storage-entry.ts";

const storageExamples = `
  lockstep dev-set storage token totalSupply 1000
  lockstep dev-set storage token 'balances[dev1]' 1000
  lockstep dev-set storage token 0x0b746f74616c537570706c79 none`;

const examples = `
Examples:
  lockstep dev-set balance alice 5000000
  lockstep dev-set nonce dev1 7
  lockstep dev-set code token build/token.wasm${storageExamples}`;

export function define(command: Command): void {
  command
    .description("Set a balance, nonce, code or storage entry, in a block of its own. Piped, the transaction's hash.")
    .addHelpText("after", examples);
  withDevelopment(command.command("balance"))
    .description("Set what an account or contract has.")
    .argument("<address>", "address, account or alias")
    .argument("<amount>", "in the smallest unit")
    .action((name: string, amount: string, _: unknown, self: Command) => setBalance(self, name, readAmount(amount)));
  withDevelopment(command.command("nonce"))
    .description("Set how many transactions an account has sent.")
    .argument("<address>", "address, account or alias")
    .argument("<nonce>", "what its next transaction carries then")
    .action((name: string, nonce: string, _: unknown, self: Command) =>
      setNonce(self, name, readInteger(nonce, "nonce")),
    );
  withDevelopment(command.command("code"))
    .description("Give other code; neither init nor migrate runs.")
    .argument("<address>", "address, account or alias")
    .argument("<file.wasm>", "the module, or none to take the code away")
    .action((name: string, file: string, _: unknown, self: Command) => setCode(self, name, file));
  withDevelopment(command.command("storage"))
    .description("Set an entry of a contract's storage.")
    .argument("<contract>", "alias or address")
    .argument("<key>", "a field of the contract, such as totalSupply or 'balances[dev1]'; or 0x and hexadecimal digits")
    .argument("<value>", "by the field's type, or in hexadecimal where the key is; none removes the entry")
    .addHelpText("after", `\nExamples:${storageExamples}`)
    .action((name: string, key: string, value: string, _: unknown, self: Command) =>
      setStorage(self, name, key, value),
    );
}

async function setBalance(command: Command, name: string, amount: bigint): Promise<void> {
  const settings = settingsOf(command);
  await withDevnet(settings, async (chain, addresses) => {
    const facts = { address: addressToText(addresses.fromText(name)), balance: amount.toString() };
    const edited = await chain.call("dev_setBalance", facts);
    printEdit(settings, { title: `The balance of ${facts.address} is ${facts.balance}`, facts, edited });
  });
}

async function setNonce(command: Command, name: string, nonce: number): Promise<void> {
  const settings = settingsOf(command);
  await withDevnet(settings, async (chain, addresses) => {
    const facts = { address: addressToText(addresses.fromText(name)), nonce };
    const edited = await chain.call("dev_setNonce", facts);
    printEdit(settings, { title: `The nonce of ${facts.address} is ${nonce}`, facts, edited });
  });
}

async function setCode(command: Command, name: string, file: string): Promise<void> {
  const settings = settingsOf(command);
  const code = file === NONE ? null : readInputFile(file, "`lockstep build` writes modules to build/.");
  // Judged here first, where the error can speak of the file.
  if (code !== null) await during(exitCodes.file, () => checkModule(code));
  await withDevnet(settings, async (chain, addresses) => {
    const address = addressToText(addresses.fromText(name));
    const edited = await chain.call("dev_setCode", { address, code: code === null ? null : toHex(code) });
    printEdit(settings, {
      title: code === null ? `${address} has no code` : `The code of ${address} is ${file}`,
      facts: { address, codeSize: code === null ? null : code.length },
      edited,
    });
  });
}

async function setStorage(command: Command, name: string, keyText: string, valueText: string): Promise<void> {
  const settings = settingsOf(command);
  const hexEntry = isHexKey(keyText) ? readHexEntry(keyText, valueText) : null;
  await withDevnet(settings, async (chain, addresses) => {
    const contract = addressToText(addresses.fromText(name));
    const entry = hexEntry ?? readTypedEntry(keyText, valueText, { abi: await chain.abiOf(contract), addresses });
    const key = toHex(entry.key);
    const value = entry.value === null ? null : toHex(entry.value);
    const facts = { contract, key, value };
    const edited = await chain.call("dev_setStorage", facts);
    printEdit(settings, { title: `${contract} holds ${value ?? "nothing"} at ${key}`, facts, edited });
  });
}
