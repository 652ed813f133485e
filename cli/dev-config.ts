/**
 * The settings of `lockstep dev`, some of which are those of other nodes too, in one table: each name with its flag, what it
 * may be, and how it is read. A flag wins over the environment, that over the file, and the file over the default.
 *
 * Law: whatever is not understood is refused, from a file as from the command line, and the refusal names it.
 */
import { dirname, isAbsolute, join, relative } from "node:path";
import type { Command } from "commander";
import { ACCOUNT_COUNT_MAX, DEFAULT_ACCOUNT_COUNT } from "../devnet/accounts.ts";
import type { Config, DevConfig } from "../devnet/config.ts";
import type { Sealing } from "../node/rpc/service.ts";
import { InputError } from "../vm/errors.ts";
import { CommandError, exitCodes } from "./exit-codes.ts";
import { readInteger } from "./scalars.ts";

export const DEFAULT_PORT = 4600;
const BLOCK_SECONDS_MIN = 0.01;
const BLOCK_SECONDS_MAX = 86_400;

interface Kind<T> {
  /** The end of "must be ...". */
  readonly type: string;
  /** The value as a file has it; undefined when it is none. */
  readonly check: (value: unknown) => T | undefined;
  /** The value as a flag has it. Throws `InputError`. */
  readonly parse: (text: string) => T;
}

interface Setting<T> {
  readonly flags: string;
  readonly description: string;
  readonly kind: Kind<T>;
}

function setting<T>(flags: string, description: string, kind: Kind<T>): Setting<T> {
  return { flags, description, kind };
}

function integer(what: string, min: number, max = Number.MAX_SAFE_INTEGER): Kind<number> {
  return {
    type: `a whole number from ${min} to ${max}`,
    check: (value) =>
      Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max
        ? (value as number)
        : undefined,
    parse: (text) => readInteger(text, what, { min, max }),
  };
}

function choice<const T extends string>(what: string, ...names: readonly T[]): Kind<T> {
  const type = `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;
  const check = (value: unknown) => names.find((name) => name === value);
  return {
    type,
    check,
    parse: (text) => {
      const name = check(text);
      if (name !== undefined) return name;
      const code = `${what.replaceAll(" ", "_")}_invalid`;
      throw new InputError(code, `${JSON.stringify(text)} is no ${what}`, { hint: `It is ${type}.` });
    },
  };
}

function isBlockTime(seconds: unknown): seconds is number {
  return typeof seconds === "number" && seconds >= BLOCK_SECONDS_MIN && seconds <= BLOCK_SECONDS_MAX;
}

const seconds: Kind<number> = {
  type: `a number of seconds from ${BLOCK_SECONDS_MIN} to ${BLOCK_SECONDS_MAX}`,
  check: (value) => (isBlockTime(value) ? value : undefined),
  parse: (text) => {
    const value = /^[0-9]{1,5}(\.[0-9]{1,6})?$/.test(text) ? Number(text) : Number.NaN;
    if (isBlockTime(value)) return value;
    throw new InputError("number_invalid", `${JSON.stringify(text)} is no time between blocks`, {
      hint: `Write seconds from ${BLOCK_SECONDS_MIN} to ${BLOCK_SECONDS_MAX}, such as 2 or 0.5.`,
    });
  },
};

/** Its meaning is checked where it is used. */
const anyText: Kind<string> = {
  type: "text",
  check: (value) => (typeof value === "string" ? value : undefined),
  parse: (text) => text,
};

const path: Kind<string> = {
  type: "a path",
  check: (value) => (typeof value === "string" && value !== "" && !value.includes("\0") ? value : undefined),
  parse: (text) => {
    if (text !== "") return text;
    throw new InputError("path_invalid", "the path is empty");
  },
};

/** A flag names one, and may be repeated. */
function list(what: string, pattern: RegExp, hint: string): Kind<readonly string[]> {
  const isOne = (value: unknown) => typeof value === "string" && value.length <= 255 && pattern.test(value);
  return {
    type: `a list of ${what}s. ${hint}`,
    check: (value) => (Array.isArray(value) && value.every(isOne) ? value : undefined),
    parse: (text) => {
      if (isOne(text)) return [text];
      throw new InputError(`${what}_invalid`, `${JSON.stringify(text)} is no ${what}`, { hint });
    },
  };
}

const hosts = list(
  "host",
  /^([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])$/i,
  "Write a name or an address, without a port.",
);
const origins = list(
  "origin",
  /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#]+$/i,
  "Write scheme, name and port only: https://wallet.example.",
);

const flag: Kind<boolean> = {
  type: "true or false",
  check: (value) => (typeof value === "boolean" ? value : undefined),
  parse: () => true,
};

type Settings = { readonly [K in keyof DevConfig]-?: Setting<Required<DevConfig>[K]> };

const settings: Settings = {
  port: setting("--port <port>", `default ${DEFAULT_PORT}; 0 takes a free one`, integer("port", 0, 65_535)),
  host: setting("--host <host>", "default 127.0.0.1: this machine only", anyText),
  data: setting("--data <folder>", "default .lockstep/devnet in the working folder", path),
  accounts: setting(
    "--accounts <count>",
    `funded at genesis; default ${DEFAULT_ACCOUNT_COUNT}`,
    integer("number of accounts", 1, ACCOUNT_COUNT_MAX),
  ),
  mnemonic: setting("--mnemonic <words>", "the accounts' BIP-39 words (env LOCKSTEP_MNEMONIC)", anyText),
  chainId: setting("--chain-id <id>", "the chain's name", anyText),
  deterministic: setting("--deterministic", "a logical clock: the same commands give the same block hashes", flag),
  durability: setting(
    "--durability <mode>",
    "os (default): blocks survive this process; sync: a power cut too; memory: neither, and there is no folder",
    choice("durability", "os", "sync", "memory"),
  ),
  fork: setting("--fork <url>", "go on from another node's block: ws://host:port, or ws://host:port@height", anyText),
  prune: setting(
    "--prune <count>",
    "keep the state of the last <count> blocks only; default: of every block",
    integer("number of blocks", 1),
  ),
  blockTime: setting("-b, --block-time <seconds>", "a block every so often instead of for every transaction", seconds),
  mixedMining: setting("--mixed-mining", "with --block-time: a block for every transaction as well", flag),
  mining: setting("--no-mining", "blocks are made when asked for only (`lockstep mine`)", flag),
  order: setting(
    "--order <order>",
    "what goes first into a block: fees, the dearest gas (default), or fifo, the oldest (with --deterministic always)",
    choice("order", "fees", "fifo"),
  ),
  token: setting("--token <token>", "what development methods ask of a client (env LOCKSTEP_TOKEN)", anyText),
  allowHost: setting("--allow-host <host>", "answer under this name too; may be repeated", hosts),
  allowOrigin: setting("--allow-origin <origin>", "answer pages of this origin too; may be repeated", origins),
  logLevel: setting(
    "--log-level <level>",
    "debug (every request), info (default), warn, error or silent",
    choice("log level", "debug", "info", "warn", "error", "silent"),
  ),
  logFormat: setting(
    "--log-format <format>",
    "auto (default): pretty on a terminal, or else json: a line each",
    choice("log format", "auto", "pretty", "json"),
  ),
  readyFile: setting("--ready-file <path>", "write the JSON line to this file when ready; removed at the end", path),
  exitWithParent: setting("--exit-with-parent", "stop when the process that started this one is gone", flag),
  quiet: setting("--quiet", "say nothing about transactions", flag),
};

const names = Object.keys(settings) as (keyof DevConfig)[];

/**
 * Gives the command its flags, or some of them, which may be described in its own way. What a file switches on a flag can
 * switch off, and the other way round.
 */
export function defineFlags(
  command: Command,
  chosen: readonly (keyof DevConfig)[] = names,
  descriptions: { readonly [K in keyof DevConfig]?: string } = {},
): void {
  for (const name of chosen) {
    const { flags, kind } = settings[name];
    const description = descriptions[name] ?? settings[name].description;
    const add = (text: string, more: string) => command.option(text, more);
    const hide = (text: string) => command.addOption(command.createOption(text).hideHelp());
    if (flags.startsWith("--no-")) {
      // First, for otherwise commander takes the setting as true when neither is given.
      hide(flags.replace("--no-", "--"));
      add(flags, description);
    } else if (!flags.includes("<")) {
      add(flags, description);
      hide(flags.replace("--", "--no-"));
    } else if (Array.isArray(kind.check([]))) {
      command.option(flags, description, (value: string, before: string[] = []) => [...before, value]);
    } else {
      add(flags, description);
    }
  }
}

/** What commander read. Throws `InputError`. */
export function readFlags(options: Readonly<Record<string, unknown>>): DevConfig {
  const entries = names.flatMap((name): [string, unknown][] => {
    const given = options[name];
    const { parse } = settings[name].kind as Kind<unknown>;
    if (given === undefined) return [];
    if (Array.isArray(given)) return [[name, given.flatMap(parse)]];
    return [[name, typeof given === "string" ? parse(given) : given]];
  });
  return Object.fromEntries(entries);
}

/** An empty variable is no variable. */
export function readEnvironment({ LOCKSTEP_MNEMONIC, LOCKSTEP_TOKEN }: NodeJS.ProcessEnv): DevConfig {
  return {
    ...(LOCKSTEP_MNEMONIC && { mnemonic: LOCKSTEP_MNEMONIC }),
    ...(LOCKSTEP_TOKEN && { token: LOCKSTEP_TOKEN }),
  };
}

/** What a file says, with its paths as they are seen from the working folder. Throws `CommandError` `config_invalid`. */
export function checkConfig(value: unknown, file: string, workingFolder = process.cwd()): DevConfig {
  const invalid = (message: string, key: string, hint?: string): never => {
    const more = { ...(hint !== undefined && { hint }), details: { file, key } };
    throw new CommandError(exitCodes.file, "config_invalid", `${file}: ${message}`, more);
  };
  const fieldsOf = (object: unknown, key: string, known: readonly string[]): [string, unknown][] => {
    if (typeof object !== "object" || object === null || Array.isArray(object)) {
      return invalid(`${key === "" ? "what it exports" : key} must be an object`, key);
    }
    const fields = Object.entries(object).filter(([, field]) => field !== undefined);
    for (const [name] of fields) {
      if (known.includes(name)) continue;
      const full = key === "" ? name : `${key}.${name}`;
      const near = nearest(name, known);
      const all = `The names are ${known.join(", ")}.`;
      invalid(`nothing is called ${full}`, full, near === undefined ? all : `Is ${near} meant? ${all}`);
    }
    return fields;
  };
  const { dev = {} } = Object.fromEntries(fieldsOf(value, "", ["dev"])) as Config;
  const from = relative(workingFolder, dirname(file));
  const entries = fieldsOf(dev, "dev", names).map(([name, given]) => {
    const { kind } = settings[name as keyof DevConfig];
    const checked = kind.check(given);
    if (checked === undefined) return invalid(`dev.${name} must be ${kind.type}`, `dev.${name}`);
    return [name, kind === path && !isAbsolute(checked as string) ? join(from, checked as string) : checked];
  });
  return Object.fromEntries(entries);
}

/** The settings as a whole. Throws `InputError` `usage` for those that cannot be had together. */
export function combine(flags: DevConfig, environment: DevConfig, file: DevConfig): DevConfig {
  const { blockTime, mixedMining, mining, ...others } = file;
  // How blocks are made is one choice under three names: a flag for it stands against what the file chose.
  const chosen = flags.mining === false ? {} : { blockTime, mixedMining };
  const isTimed = flags.blockTime !== undefined || flags.mixedMining === true;
  const kept = Object.entries({ ...chosen, mining: isTimed ? undefined : mining }).filter(
    ([, one]) => one !== undefined,
  );
  const config: DevConfig = { ...others, ...Object.fromEntries(kept), ...environment, ...flags };
  const refuse = (message: string, hint: string) => {
    throw new InputError("usage", message, { hint });
  };
  if (config.mining === false && (config.blockTime !== undefined || config.mixedMining)) {
    refuse("--no-mining makes no block by itself, --block-time and --mixed-mining do", "Leave one of them out.");
  }
  if (config.mixedMining && config.blockTime === undefined) {
    refuse("--mixed-mining needs --block-time", "Without both, a block is made for every transaction.");
  }
  if (config.deterministic && config.blockTime !== undefined) {
    refuse(
      "--deterministic and --block-time exclude each other: how many blocks there are would depend on the machine's clock",
      "Use --no-mining to decide about every block, or leave one of them out.",
    );
  }
  if (config.deterministic && config.order === "fees") {
    refuse(
      "--deterministic and --order fees exclude each other: what is in a block would depend on how fast transactions come",
      "A deterministic devnet takes them as they come, --order fifo: leave one of them out.",
    );
  }
  return config;
}

/** Of what `combine` gave. */
export function sealingOf({ blockTime, mixedMining = false, mining = true }: DevConfig): Sealing {
  if (!mining) return { kind: "manual" };
  if (blockTime === undefined) return { kind: "transaction" };
  return { kind: mixedMining ? "mixed" : "interval", intervalMs: Math.round(blockTime * 1000) };
}

/** The name that was perhaps meant. */
function nearest(word: string, known: readonly string[]): string | undefined {
  const lower = word.toLowerCase();
  const [best] = known
    .map((name) => ({ name, distance: editDistance(lower, name.toLowerCase()) }))
    .sort((one, other) => one.distance - other.distance);
  return best !== undefined && best.distance <= Math.max(2, word.length / 3) ? best.name : undefined;
}

/** Letters to insert, remove or change. */
function editDistance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [index, letter] of [...one.slice(0, 64)].entries()) {
    const next = [index + 1];
    for (let at = 0; at < other.length; at++) {
      const changed = row[at]! + (letter === other[at] ? 0 : 1);
      next.push(Math.min(changed, row[at + 1]! + 1, next[at]! + 1));
    }
    row = next;
  }
  return row.at(-1)!;
}
