/** Our node as the bench starts it, `lockstep dev` of the build with its folder on disk, and signed transactions for it. */
import { createPrivateKey, type KeyObject, sign } from "node:crypto";
import { fileURLToPath } from "node:url";
import { type DevAccount, devAccounts } from "../../../devnet/accounts.ts";
import { DEFAULT_CHAIN_ID } from "../../../devnet/devnet.ts";
import type { IncludedReceiptJson, RpcMethods } from "../../../node/rpc/api.ts";
import { toHex } from "../../../node/rpc/json.ts";
import { type Action, encodeTransaction, signingHash, type TransactionBody } from "../../../node/transaction.ts";
import type { RpcSocket } from "./socket.ts";
import type { System } from "./system.ts";

/** Relative to `dist/test/bench/node`. */
const cli = fileURLToPath(new URL("../../../cli/main.js", import.meta.url));

/** Receivers of transfers: few, so that the state stays small, and no more than once in a block of ten accounts. */
const receivers = Array.from({ length: 20 }, (_, index) => new Uint8Array(32).fill(index + 3));
/** What a transfer uses, so that as many as possible go into a block; a transfer out of gas would show. */
const TRANSFER_GAS_LIMIT = 1_005_000;

export const lockstep: System = {
  name: "lockstep",

  command({ port, folder, intervalS }) {
    const interval = intervalS === undefined ? [] : ["--block-time", String(intervalS)];
    const options = ["--port", String(port), "--data", folder, "--durability", "os", "--quiet"];
    return { file: process.execPath, args: [cli, "dev", ...options, ...interval] };
  },

  async height(socket) {
    const { height } = (await socket.call("chain_info", {})) as RpcMethods["chain_info"]["result"];
    return height;
  },

  transfers(count, senderCount) {
    const wallet = new Wallet();
    return Array.from({ length: count }, (_, index) => wallet.transfer(index % senderCount, index));
  },

  async send(socket, transaction) {
    await sendTransaction(socket, transaction);
  },

  async submit(socket, transaction) {
    const { hash } = (await socket.call("tx_submit", { transaction })) as { hash: string };
    return hash;
  },

  async isIncluded(socket, hash) {
    const receipt = (await socket.call("tx_receipt", { hash })) as IncludedReceiptJson | null;
    if (receipt !== null) checkSuccess(receipt);
    return receipt !== null;
  },
};

export async function sendTransaction(socket: RpcSocket, transaction: string): Promise<IncludedReceiptJson> {
  const receipt = (await socket.call("tx_submitAndWait", { transaction })) as IncludedReceiptJson;
  checkSuccess(receipt);
  return receipt;
}

function checkSuccess({ status }: IncludedReceiptJson): void {
  if (status.kind !== "success") throw new Error(`a transaction failed: ${JSON.stringify(status)}`);
}

/** The devnet's accounts, and the nonces they are at on a chain that this wallet alone sends to. */
export class Wallet {
  readonly accounts: readonly DevAccount[] = devAccounts();
  readonly #keys = this.accounts.map(privateKeyOf);
  readonly #nonces = this.accounts.map(() => 0);

  /** A transfer of one unit to one of the receivers. */
  transfer(sender: number, receiver: number): string {
    return toHex(this.encodeTransfer(sender, receiver));
  }

  encodeTransfer(sender: number, receiver: number): Uint8Array {
    return this.#encode(sender, [{ kind: "transfer", to: receiverOf(receiver), amount: 1n }], TRANSFER_GAS_LIMIT);
  }

  /** The sender's next transaction, as `tx_submit` takes it. */
  sign(sender: number, actions: readonly Action[], gasLimit: number): string {
    return toHex(this.#encode(sender, actions, gasLimit));
  }

  #encode(sender: number, actions: readonly Action[], gasLimit: number): Uint8Array {
    const body: TransactionBody = {
      chainId: DEFAULT_CHAIN_ID,
      sender: this.accounts[sender]!.address,
      nonce: this.#nonces[sender]!++,
      gasLimit,
      gasPrice: 1n,
      expiryHeight: Number.MAX_SAFE_INTEGER,
      actions,
    };
    // `signTransaction` reads the key and derives the public one each time, which takes ten times as long as this.
    return encodeTransaction({ body, signature: sign(null, signingHash(body), this.#keys[sender]!) });
  }
}

function privateKeyOf({ address, secretKey }: DevAccount): KeyObject {
  const [x, d] = [address, secretKey].map((bytes) => Buffer.from(bytes).toString("base64url")) as [string, string];
  return createPrivateKey({ key: { kty: "OKP", crv: "Ed25519", x, d }, format: "jwk" });
}

export function receiverOf(index: number): Uint8Array {
  return receivers[index % receivers.length]!;
}
