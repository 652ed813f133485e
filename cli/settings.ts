/**
 * What every command can be told: which node, which account, and how to speak. An option wins over its environment
 * variable, and an option behind the command's name over one before it.
 */
import { homedir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";

export const DEFAULT_URL = "ws://127.0.0.1:4600";
export const DEFAULT_FROM = "dev0";

export interface Settings {
  readonly url: string;
  /** The name of the account that signs. */
  readonly from: string;
  readonly json: boolean;
  /** Where keys lie: `$LOCKSTEP_HOME`. */
  readonly home: string;
  /** Of the devnet whose accounts dev0, dev1, ... are; the default one when absent. */
  readonly mnemonic?: string;
  /** Opens encrypted keys. */
  readonly password?: string;
  /** The node's, for its development methods. */
  readonly token?: string;
}

const sharedOptions = {
  url: ["--url <url>", `the node's address (env LOCKSTEP_URL; default ${DEFAULT_URL})`],
  from: ["--from <name>", `the account that signs (env LOCKSTEP_FROM; default ${DEFAULT_FROM})`],
  token: ["--token <token>", "the node's token, where it has one (env LOCKSTEP_TOKEN)"],
  json: ["--json", "exactly one JSON object on stdout"],
} as const;

/** Adds some of the options that mean the same everywhere. */
export function withShared(command: Command, ...names: readonly (keyof typeof sharedOptions)[]): Command {
  for (const name of names) {
    const [flags, description] = sharedOptions[name];
    command.option(flags, description);
  }
  return command;
}

/** The options of `command`, and beneath them those given before its name. */
export function optionsOf<T extends object>(command: Command): Partial<T> {
  const inherited = command.parent === null ? {} : optionsOf(command.parent);
  return { ...inherited, ...command.opts() };
}

export function settingsOf(command: Command, environment: NodeJS.ProcessEnv = process.env): Settings {
  const options = optionsOf<{ url: string; from: string; json: boolean; token: string }>(command);
  const { LOCKSTEP_URL, LOCKSTEP_FROM, LOCKSTEP_HOME, LOCKSTEP_MNEMONIC, LOCKSTEP_PASSWORD } = environment;
  const token = options.token ?? environment.LOCKSTEP_TOKEN;
  return {
    url: options.url ?? (LOCKSTEP_URL || DEFAULT_URL),
    from: options.from ?? (LOCKSTEP_FROM || DEFAULT_FROM),
    json: options.json ?? false,
    home: LOCKSTEP_HOME || join(homedir(), ".lockstep"),
    ...(LOCKSTEP_MNEMONIC && { mnemonic: LOCKSTEP_MNEMONIC }),
    ...(LOCKSTEP_PASSWORD && { password: LOCKSTEP_PASSWORD }),
    ...(token && { token }),
  };
}
