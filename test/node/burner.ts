/** A contract that does nothing but take time, and the load that tests of a node's patience put on it. */
import { contractAddress } from "../../node/address.ts";
import { hash } from "../../node/crypto.ts";
import type { Action } from "../../node/transaction.ts";
import { dev0, transactionHex } from "../crash/dev-process.ts";
import { sampleContract, withAbi } from "../support/sample-contracts.ts";
import { wat } from "../support/wat.ts";
import type { PlainClient } from "./plain-client.ts";

/** All the gas that a block may spend: an endless loop takes as long as anything can. */
export const BLOCK_GAS = 2_000_000_000;

const burner = withAbi(
  wat(`(module
    (func (export "burn") (loop $again (br $again)))
    (func (export "spin") (loop $again (br $again)))
    (func (export "rest")))`),
  [
    { name: "burn", mutability: "call" },
    { name: "spin", mutability: "view" },
    { name: "rest", mutability: "view" },
  ],
);

/** Deploys `code` with the given nonce of dev0; the contract's address. */
async function deploy(client: PlainClient, code: Uint8Array, nonce: number): Promise<Uint8Array> {
  const codeHash = hash("code", code);
  const actions: readonly Action[] = [
    { kind: "upload", code },
    { kind: "create", codeHash, salt: null, args: new Uint8Array(), value: 0n },
  ];
  const transaction = transactionHex(dev0, nonce, actions, 50_000_000);
  const { status } = await client.call("tx_submitAndWait", { transaction });
  if (status.kind !== "success") throw new Error(`the deployment failed: ${JSON.stringify(status)}`);
  return contractAddress({ creator: dev0.address, origin: { kind: "nonce", nonce, action: 1 }, codeHash });
}

export function deployBurner(client: PlainClient, nonce = 0): Promise<Uint8Array> {
  return deploy(client, burner, nonce);
}

export function deploySample(client: PlainClient, nonce = 0): Promise<Uint8Array> {
  return deploy(client, sampleContract, nonce);
}

export function callOf(contract: Uint8Array, method: string, args: Uint8Array = new Uint8Array()): Action {
  return { kind: "call", contract, method, args, value: 0n };
}
