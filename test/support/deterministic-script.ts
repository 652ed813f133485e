/**
 * A list of 2,000 transactions with a devnet's powers between them: what a deterministic devnet is given to show that it is one.
 * The same calls in the same order, however long each takes; waiting for blocks or not.
 */
import { type Client, createClient } from "lockstep/client";
import type { DevAccount, Devnet } from "lockstep/devnet";
import { addressFromText, addressToText } from "../../node/address.ts";
import { toHex } from "../../node/rpc/json.ts";
import { type Action, encodeTransaction, signTransaction } from "../../node/transaction.ts";
import { sampleContract } from "./sample-contracts.ts";

const TRANSACTION_COUNT = 2_000;
const HOUR_MS = 3_600_000;

class Script {
  readonly #client: Client;
  readonly #accounts: readonly DevAccount[];
  #sentCount = 0;
  #contract: Uint8Array | undefined;

  constructor(client: Client, accounts: readonly DevAccount[]) {
    this.#client = client;
    this.#accounts = accounts;
  }

  async run(): Promise<{ readonly height: number; readonly hash: string }> {
    await this.#deploy();
    for (let step = 0; this.#sentCount < TRANSACTION_COUNT; step++) {
      const { address } = this.#account(step);
      if (step % 97 === 50) await this.#client.call("dev_advanceTime", { ms: HOUR_MS, mine: step % 2 === 0 });
      if (step % 89 === 40) await this.#client.call("dev_faucet", { address: addressToText(address), amount: "12345" });
      if (step % 113 === 60) await this.#client.call("dev_mine", { count: 3 });
      if (step % 131 === 70) await this.#inVain();
      if (step % 10 === 7) await this.#burst(step);
      else await this.#send(step, [this.#action(step)]);
    }
    const { height, headHash } = await this.#client.call("chain_info", {});
    return { height, hash: headHash };
  }

  #account(step: number): DevAccount {
    return this.#accounts[step % this.#accounts.length]!;
  }

  async #deploy(): Promise<void> {
    const { actions } = await this.#send(0, [{ kind: "upload", code: sampleContract }]);
    const codeHash = Buffer.from(actions[0]!.returnData.slice(2), "hex");
    const args = Uint8Array.of(1, 2, 3);
    const created = await this.#send(1, [{ kind: "create", codeHash, salt: null, args, value: 0n }]);
    this.#contract = addressFromText(created.actions[0]!.created[0]!);
  }

  #action(step: number): Action {
    const contract = this.#contract!;
    const args = Uint8Array.of(step & 0xff, step >> 8);
    switch (step % 5) {
      case 0:
        return { kind: "call", contract, method: "set", args, value: 0n };
      case 1:
        return { kind: "call", contract, method: "tell", args, value: 0n };
      case 2:
        return { kind: "call", contract, method: step % 2 === 0 ? "refuse" : "trap", args, value: 1n };
      default:
        return { kind: "transfer", to: this.#account(step + 3).address, amount: BigInt(step) };
    }
  }

  /** What a revert undoes leaves no trace, the clock's included. */
  async #inVain(): Promise<void> {
    const { snapshot } = await this.#client.call("dev_snapshot", {});
    const sentCount = this.#sentCount;
    await this.#client.call("dev_advanceTime", { ms: 5 * HOUR_MS });
    await this.#send(3, [this.#action(3)]);
    await this.#client.call("dev_revert", { snapshot });
    this.#sentCount = sentCount;
  }

  /** One sender's, without waiting for blocks: how they fall into blocks must not depend on how fast they are made. */
  async #burst(step: number): Promise<void> {
    for (let count = 0; count < 7; count++) {
      await this.#client.call("tx_submit", { transaction: await this.#signed(step, [this.#action(step + count)]) });
      this.#sentCount++;
    }
    await this.#send(step, [this.#action(step)]);
  }

  async #send(step: number, actions: readonly Action[]) {
    this.#sentCount++;
    return this.#client.call("tx_submitAndWait", { transaction: await this.#signed(step, actions) });
  }

  async #signed(step: number, actions: readonly Action[]) {
    const { address: sender, secretKey } = this.#account(step);
    const { nextNonce: nonce } = await this.#client.call("state_account", { address: addressToText(sender) });
    const body = {
      chainId: "lockstep-dev",
      sender,
      nonce,
      gasLimit: 50_000_000,
      gasPrice: 1n,
      expiryHeight: Number.MAX_SAFE_INTEGER,
      actions: [...actions],
    };
    return toHex(encodeTransaction(signTransaction(body, secretKey)));
  }
}

/** Over its port where it has one. The head afterwards. */
export async function runScript(devnet: Devnet): Promise<{ readonly height: number; readonly hash: string }> {
  const client = devnet.url === null ? devnet.client : createClient(devnet.url);
  try {
    return await new Script(client, devnet.accounts).run();
  } finally {
    await client.close();
  }
}
