/** `lockstep dev` as a process of its own that can be killed, and transactions to keep it busy with. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { createClient } from "lockstep/client";
import { type DevAccount, devAccounts } from "lockstep/devnet";
import { onTestFinished } from "vitest";
import { contractAddress } from "../../node/address.ts";
import { hash } from "../../node/crypto.ts";
import type { Hex } from "../../node/rpc/api.ts";
import { toHex } from "../../node/rpc/json.ts";
import type { Action } from "../../node/transaction.ts";
import { sampleContract } from "../support/sample-contracts.ts";
import { signed, transfer } from "../support/signing.ts";

const lockstep = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
export const accounts = devAccounts();
export const [dev0, dev1] = accounts as [DevAccount, DevAccount];
const codeHash = hash("code", sampleContract);
const contract = contractAddress({
  creator: dev0.address,
  origin: { kind: "nonce", nonce: 0, action: 1 },
  codeHash,
});
export const deploy: readonly Action[] = [
  { kind: "upload", code: sampleContract },
  { kind: "create", codeHash, salt: null, args: new Uint8Array(), value: 0n },
];

/** Every third one pays, every third one writes, every third one fails. */
export function actionOf(number: number): Action {
  if (number % 3 === 0) return transfer(dev1.address, BigInt(number));
  const method = number % 3 === 1 ? "set" : "refuse";
  return { kind: "call", contract, method, args: Uint8Array.of(number), value: 0n };
}

export function transactionHex(
  sender: DevAccount,
  nonce: number,
  actions: readonly Action[],
  gasLimit = 10_000_000,
): Hex {
  return toHex(signed(sender, actions, { chainId: "lockstep-dev", nonce, gasLimit }).encoded);
}

/** Started, and perhaps not ready. */
export function spawnDev(folder: string, ...options: readonly string[]): ChildProcess {
  const args = [lockstep, "dev", "--data", folder, "--port", "0", "--json", ...options];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

export async function startDev(folder: string, ...options: readonly string[]) {
  const child = spawnDev(folder, ...options);
  const lines = createInterface({ input: child.stdout! });
  const [line] = (await once(lines, "line")) as [string];
  const { url, height } = JSON.parse(line) as { url: string; height: number };
  const client = createClient(url);
  onTestFinished(() => client.close());
  const end = async (signal: NodeJS.Signals) => {
    const exited = once(child, "exit");
    child.kill(signal);
    return exited;
  };
  return { client, height, end };
}

export function replay(folder: string) {
  const { status, stdout } = spawnSync(process.execPath, [lockstep, "replay", "--data", folder, "--json"], {
    encoding: "utf8",
  });
  return { status, answer: JSON.parse(stdout) };
}
