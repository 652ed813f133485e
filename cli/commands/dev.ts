/**
 * `lockstep dev`: a devnet until Ctrl-C. Its state lies in a folder and is there again at the next start.
 *
 * Scripts wait for the last line of the banner, `Listening on ...`, or with --json for the first line, or for the ready file.
 * All are written when the port answers and signals are heeded. What happens on the chain follows (`dev-output.ts`). The log
 * goes to stderr.
 */
import { randomBytes } from "node:crypto";
import { closeSync, fstatSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import type { DevConfig } from "../../devnet/config.ts";
import { createDevnet, type Devnet, type DevnetOptions } from "../../devnet/devnet.ts";
import { parseForkUrl } from "../../node/fork/open-fork.ts";
import { isLoopback } from "../../node/rpc/access.ts";
import { withoutUser } from "../../node/without-user.ts";
import { InputError } from "../../vm/errors.ts";
import { bannerLines, type ReadyFacts, readyFacts, type StartedWith } from "../banner.ts";
import { findConfigFile, loadConfigFile } from "../config-file.ts";
import {
  checkConfig,
  combine,
  DEFAULT_PORT,
  defineFlags,
  readEnvironment,
  readFlags,
  sealingOf,
} from "../dev-config.ts";
import { createDevOutput, type DevChain, type DevOutput } from "../dev-output.ts";
import { during, exitCodes } from "../exit-codes.ts";
import { openLog } from "../log.ts";
import { printJson, printText, toJson } from "../output.ts";
import { clearReadyFile } from "../ready-file.ts";
import { readInteger } from "../scalars.ts";
import { serveUntilStopped } from "../serving.ts";
import { settingsOf } from "../settings.ts";

const helpTail = `
Config: lockstep.config.ts, .js, .mjs or .json in the working folder says the same under the
  flags' names, \`export default { dev: { blockTime: 2, accounts: 3, mining: false } }\`. A flag wins
  over the environment, and that over the file. \`--no-...\` switches off what the file switches on.
Output: behind the banner, each transaction as it lands, in colour unless NO_COLOR is set; into a
  pipe or file, or with --json, a line of JSON for each transaction and block. \`--quiet\` leaves
  them out.

Examples:
  lockstep dev --block-time 2                            a block every two seconds
  lockstep dev --fork ws://127.0.0.1:4600@1200 --port 4602
  lockstep dev --durability memory --port 0 --json       for a test: in memory, on a free port
`;

export function define(command: Command): void {
  command
    .description(
      "Run a devnet until Ctrl-C: a node with funded accounts that makes a block for every transaction.\n" +
        "Its state lies in --data and is there again at the next start.",
    )
    .option("--json", "nothing but JSON on stdout, an object a line; the first has the facts of the banner");
  defineFlags(command);
  command
    .option("--ready-fd <number>", "write the JSON line to this descriptor when ready, and close it")
    .option("--config <file>", "instead of lockstep.config.ts, .js, .mjs or .json in the working folder")
    .option("--no-config", "without a config file")
    .addHelpText("after", helpTail)
    .action(run);
}

interface OwnOptions {
  readonly readyFd?: string;
  /** `false` for `--no-config`. */
  readonly config?: string | false;
}

async function run(options: OwnOptions & Readonly<Record<string, unknown>>, command: Command): Promise<void> {
  const parent = process.ppid;
  const { json } = settingsOf(command);
  const readyFd = options.readyFd === undefined ? null : readDescriptor(options.readyFd);
  const configFile = configFileOf(options.config);
  const fromFile = configFile === null ? {} : checkConfig(await loadConfigFile(configFile), configFile);
  const config = combine(readFlags(options), readEnvironment(process.env), fromFile);
  const { readyFile } = config;
  if (readyFile !== undefined) clearReadyFile(readyFile);

  const log = await openLog({ level: config.logLevel ?? "info", format: config.logFormat ?? "auto" });
  const started = startedWith(config, configFile);
  // A devnet outlives the reader of its output.
  const stdout = process.stdout.removeAllListeners("error").on("error", () => {});
  // Made once the devnet is announced: what it does before is part of its beginning.
  let output = null as DevOutput | null;
  const devnet = await during(startExitCode, () =>
    createDevnet({
      ...devnetOptions(config, started),
      log,
      onBlock: (record, logs) => output?.block(record, logs),
      onEvent: (event) => output?.event(event),
    }).catch(explainStart),
  );

  const facts = readyFacts(devnet, started);
  const serving = { log, parent: config.exitWithParent ? parent : null, readyFile: readyFile ?? null };
  try {
    await serveUntilStopped(devnet, serving, facts, () => {
      announce(facts, { json, readyFd });
      if (!config.quiet) output = createDevOutput(stdout, chainOf(devnet), { json });
    });
  } finally {
    output?.end();
  }
}

function configFileOf(option: string | false | undefined): string | null {
  if (option === false) return null;
  return option ?? findConfigFile();
}

function startedWith(config: DevConfig, configFile: string | null): StartedWith {
  const { host = "127.0.0.1", token, fork } = config;
  return {
    dataDir: config.durability === "memory" ? null : (config.data ?? join(".lockstep", "devnet")),
    durability: config.durability ?? "os",
    sealing: sealingOf(config),
    configFile,
    forkUrl: fork === undefined ? null : withoutUser(parseForkUrl(fork).url),
    madeToken: token === undefined && !isLoopback(host) ? randomBytes(16).toString("base64url") : null,
  };
}

function devnetOptions(config: DevConfig, { dataDir, durability, sealing, madeToken }: StartedWith) {
  const {
    port: listen = DEFAULT_PORT,
    accounts,
    host,
    prune,
    mnemonic,
    chainId,
    order,
    allowHost,
    allowOrigin,
    fork,
  } = config;
  const token = config.token ?? madeToken;
  return {
    ...(dataDir !== null && { dataDir }),
    ...(durability !== "memory" && { durability }),
    ...(fork !== undefined && { fork: { url: fork } }),
    listen,
    sealing,
    deterministic: config.deterministic === true,
    access: {
      ...(token !== null && { token }),
      ...(allowHost !== undefined && { allowedHosts: [...allowHost] }),
      ...(allowOrigin !== undefined && { allowedOrigins: [...allowOrigin] }),
    },
    ...(order !== undefined && { mempool: { order } }),
    ...(host !== undefined && { host }),
    ...(accounts !== undefined && { accountCount: accounts }),
    ...(prune !== undefined && { prune }),
    ...(mnemonic !== undefined && { mnemonic }),
    ...(chainId !== undefined && { chainId }),
  } satisfies DevnetOptions;
}

function announce(facts: ReadyFacts, { json, readyFd }: { readonly json: boolean; readonly readyFd: number | null }) {
  if (json) printJson(facts);
  else printText(bannerLines(facts));
  if (readyFd !== null) {
    writeSync(readyFd, `${toJson(facts)}\n`);
    closeSync(readyFd);
  }
}

/** A node that is forked is spoken of as one that was there; at the start it may never have been. */
function explainStart(error: unknown): never {
  if (!(error instanceof InputError) || error.code !== "fork_unreachable") throw error;
  throw new InputError(error.code, `no node answers at ${error.details?.url}, which --fork names`, {
    hint: "Start it, or give another address: ws://HOST:PORT, or ws://HOST:PORT@HEIGHT.",
    ...(error.details !== undefined && { details: error.details }),
  });
}

function startExitCode({ code }: InputError) {
  if (/^(data|genesis|storage)_/.test(code)) return exitCodes.file;
  return /^fork_(?!url)/.test(code) ? exitCodes.node : exitCodes.usage;
}

function readDescriptor(text: string): number {
  const descriptor = readInteger(text, "file descriptor", { min: 1, max: 65_535 });
  try {
    fstatSync(descriptor);
    return descriptor;
  } catch {
    throw new InputError("ready_fd_invalid", `the file descriptor ${descriptor} is not open`);
  }
}

function chainOf(devnet: Devnet): DevChain {
  return { code: (contract) => devnet.codeAtHand(contract), label: (address) => devnet.label(address) };
}
