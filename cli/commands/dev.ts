/**
 * `lockstep dev`: a devnet until Ctrl-C. Its state lies in a folder and is there again at the next start.
 *
 * Scripts wait for the last line of the banner, `Listening on ...`, or with --json for the one line there is, or for the ready
 * file. All are written when the port answers and signals are heeded. The log goes to stderr.
 */
import { randomBytes } from "node:crypto";
import { closeSync, fstatSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import type { DevConfig } from "../../devnet/config.ts";
import { type DevnetOptions, startDevnet } from "../../devnet/devnet.ts";
import { addressToText } from "../../node/address.ts";
import { isLoopback } from "../../node/rpc/access.ts";
import { statusToJson, toHex } from "../../node/rpc/json.ts";
import type { TransactionRecord } from "../../node/rpc/service.ts";
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
import { during, exitCodes } from "../exit-codes.ts";
import { LineWriter } from "../line-writer.ts";
import { openLog } from "../log.ts";
import { printable, printJson, printText, toJson } from "../output.ts";
import { onParentGone } from "../parent.ts";
import { clearReadyFile, removeReadyFile, writeReadyFile } from "../ready-file.ts";
import { statusView } from "../receipt-view.ts";
import { readInteger } from "../scalars.ts";
import { settingsOf, withShared } from "../settings.ts";

const helpTail = `
Config: lockstep.config.ts, .js, .mjs or .json in the working folder says the same under the flags' names,
  \`export default { dev: { blockTime: 2, accounts: 3, mining: false } }\`. A flag wins over the environment, and that over
  the file. \`--no-...\` switches off what the file switches on.
`;

export function define(command: Command): void {
  withShared(command, "json").description(
    "Run a devnet until Ctrl-C: a node with funded accounts that makes a block for every transaction.\n" +
      "Its state lies in --data and is there again at the next start.",
  );
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
  const output = new LineWriter(process.stdout.removeAllListeners("error"));
  const onTransaction = (record: TransactionRecord, logs: readonly string[]) =>
    output.write(
      transactionLines(record, logs)
        .map((line) => `${printable(line)}\n`)
        .join(""),
    );
  const devnet = await during(startExitCode, () =>
    startDevnet({ ...devnetOptions(config, started), log, ...(!json && !config.quiet && { onTransaction }) }),
  );

  let isStopping = false;
  const stop = (reason: string): void => {
    if (isStopping) return;
    isStopping = true;
    log.info({ reason }, "stopping");
    // What goes wrong while closing rejects `closed`, which is waited for below.
    devnet.close().catch(() => {});
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      // The second one ends at once, and costs nothing that was acknowledged.
      if (isStopping) process.exit(130);
      stop(signal);
    });
  }
  if (config.exitWithParent) onParentGone(parent, () => stop("the parent process is gone"));
  if (readyFile !== undefined) process.on("exit", () => removeReadyFile(readyFile, process.pid));

  const { url, chainId, height } = devnet;
  // A person has the banner.
  if (process.stdout.isTTY !== true) log.info({ url, chainId, height }, "listening");
  try {
    announce(readyFacts(devnet, started), { json, readyFd, ...(readyFile !== undefined && { readyFile }) });
  } catch (error) {
    await devnet.close();
    throw error;
  }
  await devnet.closed;
  log.info({}, "stopped");
}

function configFileOf(option: string | false | undefined): string | null {
  if (option === false) return null;
  return option ?? findConfigFile();
}

function startedWith(config: DevConfig, configFile: string | null): StartedWith {
  const { host = "127.0.0.1", token } = config;
  return {
    dataDir: config.data ?? join(".lockstep", "devnet"),
    durability: config.durability ?? "os",
    sealing: sealingOf(config),
    configFile,
    madeToken: token === undefined && !isLoopback(host) ? randomBytes(16).toString("base64url") : null,
  };
}

function devnetOptions(config: DevConfig, { dataDir, durability, sealing, madeToken }: StartedWith): DevnetOptions {
  const { port = DEFAULT_PORT, accounts, host, prune, mnemonic, chainId, order, allowHost, allowOrigin } = config;
  const token = config.token ?? madeToken;
  return {
    dataDir,
    port,
    durability,
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
  };
}

interface Announcement {
  readonly json: boolean;
  readonly readyFd: number | null;
  readonly readyFile?: string;
}

/** The file first: whoever has seen the line finds it. */
function announce(facts: ReadyFacts, { json, readyFd, readyFile }: Announcement): void {
  if (readyFile !== undefined) writeReadyFile(readyFile, facts);
  if (json) printJson(facts);
  else printText(bannerLines(facts));
  if (readyFd !== null) {
    writeSync(readyFd, `${toJson(facts)}\n`);
    closeSync(readyFd);
  }
}

function startExitCode({ code }: InputError) {
  return /^(data|genesis|storage)_/.test(code) ? exitCodes.file : exitCodes.usage;
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

function transactionLines({ transaction, receipt, height }: TransactionRecord, logs: readonly string[]): string[] {
  const { sender, actions } = transaction.body;
  const kinds = actions.map((action) => (action.kind === "call" ? `call ${action.method}` : action.kind)).join(", ");
  const { text } = statusView(statusToJson(receipt.status), null, { fromText: noAddress, toText: addressToText });
  return [
    `block ${height}  ${toHex(receipt.transactionHash)}  ${addressToText(sender)}  ${kinds} ${text}, gas ${receipt.gasUsed}`,
    ...logs.map((log) => `  log: ${log}`),
  ];
}

function noAddress(text: string): never {
  throw new InputError("address_invalid", `${text} stands where no address belongs`);
}
