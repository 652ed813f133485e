/**
 * What there is to know about a devnet that has just started: as facts for programs, which are the JSON line and the ready
 * file, and as the banner for people. Scripts wait for the banner's last line, `Listening on ...`.
 */
import { DEFAULT_MNEMONIC } from "../devnet/accounts.ts";
import type { Devnet } from "../devnet/devnet.ts";
import { addressToText } from "../node/address.ts";
import { toHex } from "../node/rpc/json.ts";
import type { Sealing } from "../node/rpc/service.ts";
import type { Durability } from "../node/store.ts";
import { rows } from "./output.ts";
import { packageVersion } from "./package-root.ts";
import { READY_SCHEMA_VERSION } from "./ready-file.ts";

export interface StartedWith {
  /** Null for a chain in memory. */
  readonly dataDir: string | null;
  readonly durability: Durability | "memory";
  readonly sealing: Sealing;
  readonly configFile: string | null;
  /** One that was made for this run. One that was given is known to who gave it, and is not repeated. */
  readonly madeToken: string | null;
}

export type ReadyFacts = ReturnType<typeof readyFacts>;

const derivationPath = "m/44'/1'/i'";

export function readyFacts(devnet: Devnet, { dataDir, durability, sealing, configFile, madeToken }: StartedWith) {
  const { url, port, chainId, genesis, genesisHash, height, mnemonic, accounts } = devnet;
  return {
    ok: true,
    event: "listening",
    schemaVersion: READY_SCHEMA_VERSION,
    version: packageVersion,
    pid: process.pid,
    url,
    port,
    chainId,
    genesisHash: toHex(genesisHash),
    genesisTime: genesis.time,
    height,
    blockGasLimit: genesis.params.blockGasLimit,
    gasPriceMin: genesis.params.gasPriceMin,
    sealing,
    durability,
    dataDir,
    fork: genesis.base && { height: genesis.base.height, blockHash: toHex(genesis.base.blockHash) },
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

function sealingText(sealing: Sealing): string {
  switch (sealing.kind) {
    case "transaction":
      return "a block for every transaction";
    case "interval":
      return `a block every ${sealing.intervalMs / 1000} s`;
    case "mixed":
      return `a block every ${sealing.intervalMs / 1000} s, and for every transaction`;
    case "manual":
      return "blocks when asked for only (dev_mine)";
  }
}

export function bannerLines(facts: ReadyFacts): string[] {
  const { accounts, mnemonic, height, durability, configFile, token } = facts;
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
      ["chain id", facts.chainId],
      ["genesis", `${facts.genesisHash}  ${new Date(facts.genesisTime).toISOString()}`],
      ["height", height === 0 ? "0 (new)" : `${height} (resumed)`],
      ["gas of a block", `at most ${facts.blockGasLimit}`],
      ["gas price", `at least ${facts.gasPriceMin}`],
      ["blocks", sealingText(facts.sealing)],
      ["durability", `${durability}: ${survival[durability]}`],
      ...(facts.dataDir === null ? [] : [["data", facts.dataDir] as const]),
      ...(facts.fork === null ? [] : [["forked", `at height ${facts.fork.height}, ${facts.fork.blockHash}`] as const]),
      ...(configFile === null ? [] : [["config", configFile] as const]),
    ]),
    ...(token === null ? [] : ["", "Token, for development methods; made for this run", `  ${token}`]),
    "",
    `Listening on ${facts.url}`,
  ];
}
