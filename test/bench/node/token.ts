/** The SDK's token on our node: deployed, shared out to the accounts, and transfers of it beside plain ones. */
import { fileURLToPath } from "node:url";
import { buildContract } from "../../../contracts-sdk/build.ts";
import { addressFromText } from "../../../node/address.ts";
import { hash } from "../../../node/crypto.ts";
import * as borsh from "../../../vm/borsh.ts";
import { receiverOf, sendTransaction, type Wallet } from "./lockstep.ts";
import type { RpcSocket } from "./socket.ts";

/** Relative to `dist/test/bench/node`. */
const source = fileURLToPath(new URL("../../../../contracts-sdk/examples/token.ts", import.meta.url));

const initCodec = borsh.struct({ name: borsh.string, symbol: borsh.string, supply: borsh.u128 });
const transferCodec = borsh.struct({ to: borsh.bytes32, amount: borsh.u128 });

const SUPPLY = 10n ** 18n;
const SHARE = 10n ** 12n;
const DEPLOY_GAS_LIMIT = 100_000_000;
/** Several times what a transfer uses. */
const TRANSFER_GAS_LIMIT = 10_000_000;

export class Token {
  readonly #wallet: Wallet;
  readonly #address: Uint8Array;

  private constructor(wallet: Wallet, address: Uint8Array) {
    this.#wallet = wallet;
    this.#address = address;
  }

  /** Deploys it; each of the wallet's accounts has some afterwards. */
  static async deploy(wallet: Wallet, socket: RpcSocket): Promise<Token> {
    const { wasm: code } = await buildContract({ entry: source });
    const args = borsh.encode(initCodec, { name: "Bench", symbol: "BNCH", supply: SUPPLY });
    const create = { kind: "create", codeHash: hash("code", code), salt: null, args, value: 0n } as const;
    const deployment = wallet.sign(0, [{ kind: "upload", code }, create], DEPLOY_GAS_LIMIT);
    const { actions } = await sendTransaction(socket, deployment);
    const token = new Token(wallet, addressFromText(actions[1]!.created[0]!));
    for (const { address } of wallet.accounts.slice(1)) await sendTransaction(socket, token.#sign(0, address, SHARE));
    return token;
  }

  /** A transfer of one unit to one of the receivers. */
  transfer(sender: number, receiver: number): string {
    return this.#sign(sender, receiverOf(receiver), 1n);
  }

  #sign(sender: number, to: Uint8Array, amount: bigint): string {
    const args = borsh.encode(transferCodec, { to, amount });
    const call = { kind: "call", contract: this.#address, method: "transfer", args, value: 0n } as const;
    return this.#wallet.sign(sender, [call], TRANSFER_GAS_LIMIT);
  }
}
