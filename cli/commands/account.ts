/**
 * `lockstep account`: keys on this machine, and what the chain knows about their accounts.
 */
import type { Command } from "commander";
import { DEFAULT_MNEMONIC, devAccounts } from "../../devnet/accounts.ts";
import { addressToText } from "../../node/address.ts";
import { KEY_SIZE } from "../../node/crypto.ts";
import { fromHex, toHex } from "../../node/rpc/json.ts";
import { InputError } from "../../vm/errors.ts";
import { AddressBook } from "../accounts.ts";
import { type Chain, withChain } from "../chain.ts";
import { CommandError, exitCodes } from "../exit-codes.ts";
import { readInputFile } from "../files.ts";
import { Keystore } from "../keystore.ts";
import { print, rows } from "../output.ts";
import { provenAccount, provenRow } from "../proven.ts";
import { readInteger } from "../scalars.ts";
import { optionsOf, type Settings, settingsOf, withShared } from "../settings.ts";

export function define(command: Command): void {
  command.description(
    "Accounts: dev0 to dev9 of every devnet, and your own in $LOCKSTEP_HOME/keys (default ~/.lockstep/keys).\n" +
      "Keys are encrypted when LOCKSTEP_PASSWORD is set, and lie there in plain otherwise.",
  );
  const passwordOption = ["--password-env <variable>", "the variable that holds the password"] as const;
  withShared(command.command("new"), "json")
    .description("Make an account with a new random key.")
    .argument("<name>", "what to call it")
    .option(...passwordOption)
    .action((name: string, _options, self: Command) => createAccount(self, name, randomKey()));
  withShared(command.command("import"), "json")
    .description("Add an account by its secret key.")
    .argument("<name>", "what to call it")
    .requiredOption("--secret-key-file <file>", "32 bytes, as 0x and 64 hexadecimal digits")
    .option(...passwordOption)
    .action((name: string, { secretKeyFile }: { secretKeyFile: string }, self: Command) =>
      createAccount(self, name, readSecretKey(secretKeyFile)),
    );
  withShared(command.command("list"), "json")
    .description("List the accounts of this machine. Needs no node.")
    .action((_options, self: Command) => listAccounts(settingsOf(self)));
  withShared(command.command("show"), "url", "json")
    .description("Show an account's balance and nonce, with proof; without --height, on the newest state.")
    .argument("<account>", "name, alias or address")
    .option("--height <height>", "as this block left it, if the node keeps that state")
    .action((account: string, { height }: { height?: string }, self: Command) =>
      showAccount(settingsOf(self), account, height === undefined ? undefined : readInteger(height, "height")),
    );
}

function randomKey(): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(KEY_SIZE));
}

function readSecretKey(file: string): Uint8Array {
  const text = Buffer.from(readInputFile(file)).toString("utf8").trim();
  if (!/^(0x)?[0-9a-fA-F]{64}$/.test(text)) {
    throw new CommandError(exitCodes.file, "secret_key_invalid", `${file} holds no secret key`, {
      hint: "It holds the 32 bytes of an RFC 8032 key as 0x and 64 hexadecimal digits.",
    });
  }
  return fromHex(text.startsWith("0x") ? text : `0x${text}`);
}

function createAccount(command: Command, name: string, secretKey: Uint8Array): void {
  const settings = settingsOf(command);
  const { passwordEnv } = optionsOf<{ passwordEnv: string }>(command);
  const password = passwordEnv === undefined ? settings.password : readVariable(passwordEnv);
  const { address, path, isEncrypted } = new Keystore(settings.home).add(name, secretKey, password);
  const addressText = addressToText(address);
  print(settings, {
    json: { name, address: addressText, path, encrypted: isEncrypted },
    text: [
      `Account ${name}`,
      ...rows([
        ["address", addressText],
        ["key", `${path} (${isEncrypted ? "encrypted" : "in plain"})`],
      ]),
      ...(isEncrypted ? [] : ["Who reads that file owns the account. Set LOCKSTEP_PASSWORD to encrypt keys."]),
    ],
  });
}

function readVariable(name: string): string {
  const value = process.env[name];
  if (value === undefined) {
    throw new InputError("password_missing", `the environment variable ${name} is not set`);
  }
  return value;
}

function listAccounts(settings: Settings): void {
  const accounts = [
    ...devAccounts(settings.mnemonic ?? DEFAULT_MNEMONIC).map(({ name, address }) => ({
      name,
      address: addressToText(address),
      key: "public",
    })),
    ...new Keystore(settings.home).list().map(({ name, address, isEncrypted }) => ({
      name,
      address: addressToText(address),
      key: isEncrypted ? "encrypted" : "plain",
    })),
  ];
  print(settings, {
    json: { accounts },
    text: rows(accounts.map(({ name, address, key }) => [name, `${address}  ${key}`])),
  });
}

async function showAccount(settings: Settings, text: string, height: number | undefined): Promise<void> {
  await withChain(settings.url, async (chain) => {
    const address = new AddressBook(settings, chain).fromText(text);
    const proven = await provenAccount(chain, address, height);
    const { balance, nonce, codeHash } = proven.account;
    const account = {
      address: addressToText(address),
      nonce,
      // What waits at the node is in no block, and no part of an earlier state.
      ...(height === undefined && (await nextNonceOf(chain, address))),
      balance,
      codeHash: codeHash === null ? null : toHex(codeHash),
    };
    const { nextNonce = nonce } = account;
    print(settings, {
      json: { ...account, provenBy: proven.provenBy },
      text: [
        account.address,
        ...rows([
          ["balance", `${balance}`],
          ["nonce", `${nonce}${nextNonce === nonce ? "" : ` (next ${nextNonce})`}`],
          ...(account.codeHash === null ? [] : [["code", account.codeHash] as const]),
          provenRow(proven.provenBy),
        ]),
      ],
    });
  });
}

async function nextNonceOf(chain: Chain, address: Uint8Array): Promise<{ readonly nextNonce: number }> {
  const { nextNonce } = await chain.call("state_account", { address: addressToText(address) });
  return { nextNonce };
}
