/**
 * What there is to know about a node that has just started: as facts for programs, which are the JSON line and the ready
 * file, and as the banner for people. Scripts wait for the banner's last line, `Listening on ...`. Most of it is a devnet's;
 * what every node has to say is in `nodeFacts` and `nodeRows`.
 */
import { DEFAULT_MNEMONIC } from "../devnet/accounts.ts";
import type { ListeningDevnet } from "../devnet/devnet.ts";
import { addressToText } from "../node/address.ts";
import type { Genesis } from "../node/genesis.ts";
import { toHex } from "../node/rpc/json.ts";
import type { Sealing } from "../node/rpc/service.ts";
import type { Durability } from "../node/store.ts";
import { durationText } from "./durations.ts";
import { rows } from "./output.ts";
import { packageVersion } from "./package-root.ts";
import { READY_SCHEMA_VERSION } from "./ready-file.ts";

export interface StartedWith {
  /** Null for a chain in memory. */
  readonly dataDir: string | null;
  readonly durability: Durability | "memory";
  readonly sealing: Sealing;
  readonly configFile: string | null;
  /** The address of the node that is forked; null for a chain of its own. */
  readonly forkUrl: string | null;
  /** One that was made for this run. One that was given is known to who gave it, and is not repeated. */
  readonly madeToken: string | null;
}

export type ReadyFacts = ReturnType<typeof readyFacts>;

const derivationPath = "m/44'/1'/i'";

interface ServedNode {
  readonly url: string;
  readonly port: number;
  readonly genesis: Genesis;
  readonly genesisHash: Uint8Array;
}

/** `height` is that of the start. */
export function nodeFacts({ url, port, genesis, genesisHash }: ServedNode, height: number) {
  return {
    ok: true,
    event: "listening",
    schemaVersion: READY_SCHEMA_VERSION,
    version: packageVersion,
    pid: process.pid,
    url,
    port,
    chainId: genesis.chainId,
    genesisHash: toHex(genesisHash),
    genesisTime: genesis.time,
    height,
  };
}

/** `firstHeight` is that of a chain that has just begun. */
export function nodeRows(
  { chainId, genesisHash, genesisTime, height }: ReturnType<typeof nodeFacts>,
  firstHeight = 0,
): (readonly [string, string])[] {
  return [
    ["chain id", chainId],
    ["genesis", `${genesisHash}  ${new Date(genesisTime).toISOString()}`],
    ["height", `${height} (${height === firstHeight ? "new" : "resumed"})`],
  ];
}

export function readyFacts(devnet: ListeningDevnet, started: StartedWith) {
  const { dataDir, durability, sealing, configFile, forkUrl, madeToken } = started;
  const { genesis, height, mnemonic, accounts } = devnet;
  const { base } = genesis;
  return {
    ...nodeFacts(devnet, height),
    blockGasLimit: genesis.params.blockGasLimit,
    gasPriceMin: genesis.params.gasPriceMin,
    sealing,
    durability,
    dataDir,
    fork: base && { url: forkUrl, height: base.height, blockHash: toHex(base.blockHash) },
    configFile,
    token: madeToken,
    mnemonic,
    derivationPath,
    accounts: accounts.map(({ name, address, secretKey, balance }) => ({
      name,
      address: addressToText(address),
      secretKey: toHex(secretKey),
      balance,
    })),
  };
}

const survival: Readonly<Record<Durability | "memory", string>> = {
  os: "a block survives the end of this process, but not of the machine (`--durability sync` does)",
  sync: "a block survives a power cut",
  memory: "nothing survives the end of this process",
};

export function sealingText(sealing: Sealing): string {
  switch (sealing.kind) {
    case "transaction":
      return "a block for every transaction";
    case "interval":
      return `a block every ${durationText(sealing.intervalMs)}`;
    case "mixed":
      return `a block every ${durationText(sealing.intervalMs)}, and for every transaction`;
    case "manual":
      return "blocks when asked for only (`lockstep mine`)";
  }
}

function forkRows({ url, height, blockHash }: NonNullable<ReadyFacts["fork"]>): (readonly [string, string])[] {
  const from = ["fork of", `block ${height}  ${blockHash}`] as const;
  return url === null ? [from] : [from, ["forked node", url]];
}

export function bannerLines(facts: ReadyFacts): string[] {
  const { accounts, mnemonic, durability, dataDir, fork, configFile, token } = facts;
  return [
    `Lockstep devnet ${facts.version}`,
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
    ...rows([
      ["words", mnemonic],
      ["path", `${facts.derivationPath}  for account i (SLIP-0010, ed25519)`],
    ]),
    "",
    "Chain",
    ...rows([
      // A fork begins with the block that funds the accounts.
      ...nodeRows(facts, fork === null ? 0 : fork.height + 1),
      ["gas of a block", `at most ${facts.blockGasLimit}`],
      ["gas price", `at least ${facts.gasPriceMin}`],
      ["blocks", sealingText(facts.sealing)],
      ["durability", `${durability}: ${survival[durability]}`],
      ...(dataDir === null ? [] : [["data", dataDir] as const]),
      ...(fork === null ? [] : forkRows(fork)),
      ...(configFile === null ? [] : [["config", configFile] as const]),
    ]),
    ...(token === null ? [] : ["", "Token, for development methods; made for this run", `  ${token}`]),
    "",
    `Listening on ${facts.url}`,
  ];
}
