/** Proofs from a devnet over its port, checked by what the package ships for that: without a node, and by the command. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { createClient } from "lockstep/client";
import { createDevnet } from "lockstep/devnet";
import { verifyKeys } from "lockstep/proof";
import { expect, onTestFinished, test } from "vitest";
import { addressToText } from "../node/address.ts";
import { blockHash, decodeHeader } from "../node/block.ts";
import { fromHex, toHex } from "../node/rpc/json.ts";
import { accountKey, decodeAccount, storageKey } from "../node/state/account.ts";
import { signed, transfer } from "./support/signing.ts";
import { temporaryFolder } from "./support/test-chain.ts";

const main = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));

/** A devnet with three blocks, each a transfer of the first account's to the second. */
async function start() {
  const devnet = await createDevnet({ listen: 0, dataDir: temporaryFolder() });
  const client = createClient(devnet.url);
  onTestFinished(async () => {
    await client.close();
    await devnet.close();
  });
  const [sender, receiver] = devnet.accounts as [(typeof devnet.accounts)[0], (typeof devnet.accounts)[0]];
  const receipts = [];
  for (const nonce of [0, 1, 2]) {
    const { encoded } = signed(sender, [transfer(receiver.address, 5n)], { chainId: "lockstep-dev", nonce });
    receipts.push(await client.call("tx_submitAndWait", { transaction: toHex(encoded) }));
  }
  return { devnet, client, sender, receiver, receipts };
}

/** The JSON that a command prints. */
async function lockstepJson(url: string, ...args: readonly string[]) {
  const command = spawn(process.execPath, [main, "--json", "--url", url, ...args], {
    env: { PATH: process.env.PATH, LOCKSTEP_HOME: temporaryFolder() },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  command.stdout.on("data", (chunk) => {
    text += chunk;
  });
  await once(command, "close");
  return JSON.parse(text);
}

test("state at every height is proven by the header of that height's block", async () => {
  const { client, sender, receiver } = await start();
  const absent = storageKey(receiver.address, Uint8Array.of(1));
  const keys = [accountKey(sender.address), accountKey(receiver.address), absent];
  for (const height of [0, 1, 2, 3]) {
    const { header, values, proof } = await client.call("state_proof", { keys: keys.map(toHex), height });
    const { stateRoot, ...rest } = decodeHeader(fromHex(header));
    const block = await client.call("chain_block", { height });
    expect(block).toMatchObject({ stateRoot: toHex(stateRoot), hash: toHex(blockHash({ stateRoot, ...rest })) });
    const claims = keys.map((key, i) => ({ key, value: values[i]! === null ? null : fromHex(values[i]!) }));
    verifyKeys(stateRoot, claims, fromHex(proof));
    expect(decodeAccount(claims[0]!.value!).nonce).toBe(height);
    expect(decodeAccount(claims[1]!.value!).balance - decodeAccount(claims[0]!.value!).balance).toBeGreaterThanOrEqual(
      10n * BigInt(height),
    );
    expect(values[2]).toBeNull();
  }
  const unknown = client.call("state_proof", { keys: [toHex(keys[0]!)], height: 4 });
  await expect(unknown).rejects.toMatchObject({ code: "height_unknown" });
});

test("the commands show what is proven, and by which block", async () => {
  const { devnet, client, sender, receipts } = await start();
  const name = addressToText(sender.address);
  const head = await client.call("chain_block", {});
  const provenBy = { height: 3, blockHash: head!.hash, stateRoot: head!.stateRoot };
  const account = await client.call("state_account", { address: name });
  expect(await lockstepJson(devnet.url, "account", "show", "dev0")).toEqual({ ok: true, ...account, provenBy });
  const earlier = await lockstepJson(devnet.url, "account", "show", "dev0", "--height", "1");
  expect(earlier).toMatchObject({ ok: true, nonce: 1, provenBy: { height: 1 } });
  expect(Object.keys(earlier)).not.toContain("nextNonce");
  expect(await lockstepJson(devnet.url, "state", name, "field")).toEqual({
    ok: true,
    contract: name,
    key: "0x056669656c64",
    value: null,
    provenBy,
  });
  const { transactionHash } = receipts[1]!;
  const shown = await lockstepJson(devnet.url, "tx", transactionHash);
  expect(shown.transaction).toMatchObject({ hash: transactionHash, height: 2, nonce: 1 });
  expect(shown.receipt).toMatchObject({ transactionHash, blockHash: receipts[1]!.blockHash });
});
