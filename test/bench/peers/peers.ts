/**
 * The nodes and chains that ours are compared with, from a package of their own, which is installed the first time they are wanted: the
 * project itself needs none of it. A peer that cannot be had is left out, with the reason, and so are its figures.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { DEFAULT_MNEMONIC } from "../../../devnet/accounts.ts";
import { fromHex, toHex } from "../../../node/rpc/json.ts";
import type { Report } from "../main.ts";
import type { RpcSocket } from "../node/socket.ts";
import type { System } from "../node/system.ts";
import { ethereumAccounts, ethereumTransactionHash, signEthereumTransaction } from "./ethereum.ts";

export interface Peers {
  readonly anvil?: System;
  /** With no limit to what a block holds but the processor. */
  readonly anvilUnlimited?: System;
  readonly ganache?: System;
  /** Makes a chain of LiteSVM's in this process. */
  readonly litesvm?: () => unknown;
}

/** The source folder, seen from `dist/test/bench/peers`. */
const folder = fileURLToPath(new URL("../../../../test/bench/peers/", import.meta.url));
const INSTALL_TIMEOUT_MS = 300_000;

export async function installPeers(report: Report): Promise<Peers> {
  if (!isInstalled()) {
    report("installing the peers");
    try {
      // Their install scripts fetch what the packages bring already.
      const args = ["ci", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund"];
      execFileSync("npm", args, { stdio: "pipe", timeout: INSTALL_TIMEOUT_MS, shell: process.platform === "win32" });
    } catch (error) {
      report(`no peers, for they cannot be installed: ${(error as Error).message}`);
      return {};
    }
  }
  const anvil = anvilBinary();
  const ganache = `${folder}node_modules/ganache/dist/node/cli.js`;
  if (!existsSync(anvil)) report(`no anvil: there is none for ${process.platform} on ${process.arch}`);
  if (!existsSync(ganache)) report("no ganache: it is not in its package");
  const litesvm = await loadLiteSvm(report);
  return {
    ...(litesvm !== undefined && { litesvm }),
    ...(existsSync(anvil) && {
      anvil: createAnvil("anvil", anvil, []),
      anvilUnlimited: createAnvil("anvil, unlimited blocks", anvil, ["--disable-block-gas-limit"]),
    }),
    ...(existsSync(ganache) && { ganache: createGanache(ganache) }),
  };
}

/** Whether all of them are there in their versions. npm writes its own list of what is installed last. */
function isInstalled(): boolean {
  const installed = `${folder}node_modules/.package-lock.json`;
  if (!existsSync(installed)) return false;
  const { dependencies } = JSON.parse(readFileSync(`${folder}package.json`, "utf8")) as Manifest;
  const { packages } = JSON.parse(readFileSync(installed, "utf8")) as Installed;
  return Object.entries(dependencies).every(([name, version]) => packages[`node_modules/${name}`]?.version === version);
}

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
}

interface Installed {
  readonly packages: Readonly<Record<string, { readonly version?: string }>>;
}

/** It is native code, of which there is none for some platforms. */
async function loadLiteSvm(report: Report): Promise<(() => unknown) | undefined> {
  try {
    const { LiteSVM } = (await import(`${folder}node_modules/litesvm/dist/index.js`)) as {
      LiteSVM: new () => unknown;
    };
    return () => new LiteSVM();
  } catch (error) {
    report(`no litesvm: ${(error as Error).message}`);
    return undefined;
  }
}

/** The program itself: the script in front of it would be in the way of signals. */
function anvilBinary(): string {
  const architecture = process.arch === "x64" ? "amd64" : process.arch;
  const program = process.platform === "win32" ? "anvil.exe" : "anvil";
  return `${folder}node_modules/@foundry-rs/anvil-${process.platform}-${architecture}/bin/${program}`;
}

const CHAIN_ID = 31337n;
const GWEI = 10n ** 9n;

/** Many times what anvil takes with as many in flight as there are here. */
const PATIENCE_MS = 500;
const POLL_INTERVAL_MS = 100;

interface EthereumReceipt {
  readonly status: string;
}

function createAnvil(name: string, file: string, options: readonly string[]): System {
  return {
    ...ethereum,
    name,
    command({ port, intervalS }) {
      const interval = intervalS === undefined ? [] : ["--block-time", String(intervalS)];
      return { file, args: ["--port", String(port), "--silent", ...options, ...interval] };
    },
    // One call for both; asking for the receipt afterwards is slower. But when several of a sender overtake each other, anvil may
    // leave the last ones lying until something else comes, so whoever waits for long has a block made.
    async send(socket, transaction) {
      let isAnswered = false;
      const answer = async (): Promise<void> => {
        checkSuccess((await socket.call("eth_sendRawTransactionSync", [transaction])) as EthereumReceipt);
        isAnswered = true;
      };
      const receipt = async (): Promise<void> => {
        await sleep(PATIENCE_MS);
        if (isAnswered) return;
        const hash = toHex(ethereumTransactionHash(fromHex(transaction)!));
        while (!isAnswered && !(await ethereum.isIncluded(socket, hash))) {
          await socket.call("evm_mine", []);
          await sleep(POLL_INTERVAL_MS);
        }
      };
      await Promise.race([answer(), receipt()]);
    },
  };
}

function createGanache(script: string): System {
  return {
    ...ethereum,
    name: "ganache",
    command({ port }) {
      const chain = ["--chain.chainId", String(CHAIN_ID), "--mnemonic", DEFAULT_MNEMONIC];
      return { file: process.execPath, args: [script, "--port", String(port), "--quiet", ...chain] };
    },
    // It answers once the block is made.
    async send(socket, transaction) {
      const hash = await ethereum.submit(socket, transaction);
      while (!(await ethereum.isIncluded(socket, hash)));
    },
  };
}

/** What both have in common. */
const ethereum = {
  async height(socket: RpcSocket): Promise<number> {
    return Number(await socket.call("eth_blockNumber", []));
  },

  transfers(count: number, senderCount: number): readonly string[] {
    const known = signed.get(senderCount) ?? [];
    if (known.length < count) signed.set(senderCount, signTransfers(count, senderCount));
    return signed.get(senderCount)!.slice(0, count);
  },

  async submit(socket: RpcSocket, transaction: string): Promise<string> {
    return (await socket.call("eth_sendRawTransaction", [transaction])) as string;
  },

  async isIncluded(socket: RpcSocket, hash: string): Promise<boolean> {
    const receipt = (await socket.call("eth_getTransactionReceipt", [hash])) as EthereumReceipt | null;
    if (receipt !== null) checkSuccess(receipt);
    return receipt !== null;
  },
};

/** Transfers by the number of their senders: every chain begins with the same. */
const signed = new Map<number, readonly string[]>();

function signTransfers(count: number, senderCount: number): readonly string[] {
  const accounts = ethereumAccounts(DEFAULT_MNEMONIC, senderCount);
  // As many as ours has; which they are makes no difference, as long as no program lies there.
  const receivers = Array.from({ length: 20 }, (_, index) => new Uint8Array(20).fill(0x71 + index));
  return Array.from({ length: count }, (_, index) => {
    const transaction = {
      chainId: CHAIN_ID,
      nonce: BigInt(Math.floor(index / senderCount)),
      maxPriorityFeePerGas: GWEI,
      // The base fee rises while blocks are full.
      maxFeePerGas: 1_000n * GWEI,
      gasLimit: 21_000n,
      to: receivers[index % receivers.length]!,
      value: 1n,
    };
    return toHex(signEthereumTransaction(transaction, accounts[index % senderCount]!.secretKey));
  });
}

function checkSuccess({ status }: EthereumReceipt): void {
  if (status !== "0x1") throw new Error("a transaction failed");
}
