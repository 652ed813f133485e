/**
 * `lockstep dev`: a devnet until Ctrl-C. Its state lies in a folder and is there again at the next start.
 *
 * Scripts wait for the last line of the banner, `Listening on ...`, or with --json for the one line there is. Both are
 * written when the port answers and signals are heeded.
 */
import { closeSync, fstatSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { ACCOUNT_COUNT_MAX, DEFAULT_ACCOUNT_COUNT, DEFAULT_MNEMONIC } from "../../devnet/accounts.ts";
import { type Devnet, startDevnet } from "../../devnet/devnet.ts";
import { addressToText } from "../../node/address.ts";
import { statusToJson, toHex } from "../../node/rpc/json.ts";
import type { TransactionRecord } from "../../node/rpc/service.ts";
import { InputError } from "../../vm/errors.ts";
import { during, exitCodes } from "../exit-codes.ts";
import { printJson, printNote, printText, rows, toJson } from "../output.ts";
import { packageVersion } from "../package-root.ts";
import { statusView } from "../receipt-view.ts";
import { readInteger } from "../scalars.ts";
import { settingsOf, withShared } from "../settings.ts";

const DEFAULT_PORT = 4600;

export function define(command: Command): void {
  withShared(command, "json")
    .description(
      "Run a devnet until Ctrl-C: a node with funded accounts that makes a block for every transaction.\n" +
        "Its state lies in --data and is there again at the next start.",
    )
    .option("--port <port>", `default ${DEFAULT_PORT}; 0 takes a free one`)
    .option("--host <host>", "default 127.0.0.1: this machine only")
    .option("--data <folder>", "default .lockstep/devnet in the working folder")
    .option("--accounts <count>", `funded at genesis; default ${DEFAULT_ACCOUNT_COUNT}`)
    .option("--mnemonic <words>", "the accounts' BIP-39 words (env LOCKSTEP_MNEMONIC)")
    .option("--chain-id <id>", "the chain's name")
    .option("--deterministic", "a logical clock: the same commands give the same block hashes")
    .option("--durability <mode>", "os (default): blocks survive this process; sync: they survive a power cut")
    .option("--prune <count>", "keep the state of the last <count> blocks only; default: of every block")
    .option("--ready-fd <number>", "write the JSON line to this descriptor when ready, and close it")
    .option("--quiet", "say nothing about transactions")
    .action(run);
}

interface DevOptions {
  readonly port?: string;
  readonly host?: string;
  readonly data?: string;
  readonly accounts?: string;
  readonly mnemonic?: string;
  readonly chainId?: string;
  readonly deterministic?: true;
  readonly durability?: string;
  readonly prune?: string;
  readonly readyFd?: string;
  readonly quiet?: true;
}

async function run(options: DevOptions, command: Command): Promise<void> {
  const settings = settingsOf(command);
  const durability = readDurability(options.durability ?? "os");
  const readyFd = options.readyFd === undefined ? null : readDescriptor(options.readyFd);
  const { port, host, accounts, chainId, prune } = options;
  const dataDir = options.data ?? join(".lockstep", "devnet");
  const mnemonic = options.mnemonic ?? settings.mnemonic;
  const isSilent = settings.json || options.quiet === true;
  // A devnet outlives the reader of its output.
  process.stdout.removeAllListeners("error").on("error", () => {});
  const devnet = await during(startExitCode, () =>
    startDevnet({
      dataDir,
      port: port === undefined ? DEFAULT_PORT : readInteger(port, "port", { max: 65_535 }),
      durability,
      deterministic: options.deterministic === true,
      ...(host !== undefined && { host }),
      ...(accounts !== undefined && {
        accountCount: readInteger(accounts, "number of accounts", { min: 1, max: ACCOUNT_COUNT_MAX }),
      }),
      ...(mnemonic !== undefined && { mnemonic }),
      ...(chainId !== undefined && { chainId }),
      ...(prune !== undefined && { prune: readInteger(prune, "number of blocks", { min: 1 }) }),
      onNotice: printNote,
      ...(!isSilent && { onTransaction: (record, logs) => printText(transactionLines(record, logs)) }),
    }),
  );
  stopOnSignals(devnet);
  const ready = { ok: true, event: "listening", ...devnetFacts(devnet), dataDir, durability, version: packageVersion };
  if (settings.json) printJson(ready);
  else printText(banner(devnet, { dataDir, durability }));
  if (readyFd !== null) {
    writeSync(readyFd, `${toJson(ready)}\n`);
    closeSync(readyFd);
  }
  await devnet.closed;
}

/** The first signal closes in order; the second ends at once, and costs nothing that was acknowledged. */
function stopOnSignals(devnet: Devnet): void {
  let isStopping = false;
  const stop = (): void => {
    if (isStopping) process.exit(130);
    isStopping = true;
    // What goes wrong while closing rejects `closed`, which `run` waits for.
    devnet.close().catch(() => {});
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop);
}

function startExitCode({ code }: InputError) {
  return /^(data|genesis|storage)_/.test(code) ? exitCodes.file : exitCodes.usage;
}

const survival = {
  os: "a block survives the end of this process, but not of the machine (`--durability sync` does)",
  sync: "a block survives a power cut",
} as const;

type Durability = keyof typeof survival;

function readDurability(text: string): Durability {
  if (text === "os" || text === "sync") return text;
  throw new InputError("durability_invalid", `${JSON.stringify(text)} is no durability`, { hint: "It is os or sync." });
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

function devnetFacts({ url, port, chainId, genesisHash, height, mnemonic, accounts }: Devnet) {
  return {
    url,
    port,
    chainId,
    genesisHash: toHex(genesisHash),
    height,
    mnemonic,
    accounts: accounts.map(({ name, address, secretKey, balance }) => ({
      name,
      address: addressToText(address),
      secretKey: toHex(secretKey),
      balance,
    })),
  };
}

function banner(devnet: Devnet, { dataDir, durability }: { dataDir: string; durability: Durability }): string[] {
  const { accounts, mnemonic, chainId, genesisHash, height, url } = devnetFacts(devnet);
  return [
    `Lockstep devnet ${packageVersion}`,
    "",
    "Accounts",
    ...rows(accounts.map(({ name, address, balance }) => [name, `${address}  ${balance}`])),
    "",
    "Secret keys",
    ...rows(accounts.map(({ name, secretKey }) => [name, secretKey])),
    mnemonic === DEFAULT_MNEMONIC
      ? "  Everybody knows these keys. Whatever is sent to them on another network is lost."
      : "  These keys have been printed. Use them for nothing but development.",
    "",
    "Mnemonic",
    `  ${mnemonic}`,
    "",
    "Chain",
    ...rows([
      ["chain id", chainId],
      ["genesis", genesisHash],
      ["height", height === 0 ? "0 (new)" : `${height} (resumed)`],
      ["data", dataDir],
      ["durability", `${durability}: ${survival[durability]}`],
    ]),
    "",
    `Listening on ${url}`,
  ];
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
