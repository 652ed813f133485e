/**
 * From actions to a receipt: simulate to learn the gas, sign, submit, wait for the block.
 *
 * Law: what fails in the simulation is not sent, unless the sender named a gas limit; then nothing is simulated at all.
 */
import type { Command } from "commander";
import { addressToText } from "../node/address.ts";
import type { IncludedReceiptJson, ReceiptJson, StatusJson } from "../node/rpc/api.ts";
import { toHex } from "../node/rpc/json.ts";
import {
  type Action,
  encodeTransaction,
  signTransaction,
  type TransactionBody,
  transactionHash,
  unsignedTransaction,
} from "../node/transaction.ts";
import type { Abi } from "../vm/abi.ts";
import type { AddressText } from "../vm/abi-values.ts";
import { type Signer, signerOf } from "./accounts.ts";
import type { Chain } from "./chain.ts";
import { CommandError, exitCodes } from "./exit-codes.ts";
import { statusView } from "./receipt-view.ts";
import { readAmount, readInteger } from "./scalars.ts";
import { optionsOf, settingsOf, withShared } from "./settings.ts";

/** Blocks a transaction may wait for, so that one that was forgotten cannot surprise anybody later. */
const EXPIRY_BLOCKS = 100;
const WAIT_TIMEOUT_MS = 60_000;

/** Who signs, or in whose name a devnet takes what nobody signed: address or name. */
export type Sender = Signer | { readonly impersonated: string };

export interface SendRequest {
  readonly actions: readonly Action[];
  readonly sender: Sender;
  /** Default: half as much again as the simulation used. */
  readonly gasLimit?: number;
  /** Default: the least the chain takes. */
  readonly gasPrice?: bigint;
  /** Of the contract that may revert. */
  readonly abi: Abi | null;
  readonly addresses: AddressText;
}

export interface Sent {
  readonly sender: string;
  readonly receipt: IncludedReceiptJson;
  readonly gasLimit: number;
  /** The state root of its block. */
  readonly stateRoot: string;
  /** What the contract logged, if it was simulated. */
  readonly logs: readonly string[];
}

/** Throws `CommandError`: `call_reverted`, `call_halted`, `call_refused` with the exit code of a failed transaction. */
export async function send(chain: Chain, request: SendRequest): Promise<Sent> {
  const { sender, actions, gasPrice = BigInt(chain.info.gasPriceMin) } = request;
  const bytes = "impersonated" in sender ? request.addresses.fromText(sender.impersonated) : sender.address;
  const address = addressToText(bytes);
  const { nextNonce, balance } = await chain.call("state_account", { address });
  const body: Omit<TransactionBody, "gasLimit"> = {
    chainId: chain.info.chainId,
    sender: bytes,
    nonce: nextNonce,
    gasPrice,
    expiryHeight: chain.info.height + EXPIRY_BLOCKS,
    actions,
  };
  const estimate =
    request.gasLimit === undefined
      ? await estimateGas(chain, { ...body, gasLimit: chain.info.blockGasLimit }, { request, balance: BigInt(balance) })
      : { gasLimit: request.gasLimit, logs: [] };
  const { gasLimit, logs } = estimate;
  const receipt = await submit(chain, { ...body, gasLimit }, sender);
  checkStatus(receipt, request, { wasSent: true, logs });
  const block = await chain.call("chain_block", { hash: receipt.blockHash });
  return { sender: address, receipt, gasLimit, stateRoot: block!.stateRoot, logs };
}

/**
 * Half as much again as a simulation with all the gas the sender can pay for uses. What the contract reads may have changed
 * by the time the transaction runs, and what is not used is given back.
 */
async function estimateGas(
  chain: Chain,
  body: TransactionBody,
  { request, balance }: { readonly request: SendRequest; readonly balance: bigint },
): Promise<{ readonly gasLimit: number; readonly logs: readonly string[] }> {
  const outlay = body.actions.reduce((sum, action) => sum + outlayOf(action), 0n);
  const rest = balance - outlay;
  const payable = body.gasPrice === 0n ? BigInt(body.gasLimit) : rest / body.gasPrice;
  if (rest < 0n || payable === 0n) throw unfunded(request, { body, balance, outlay });
  const isShort = payable < body.gasLimit;
  const gasMax = isShort ? Number(payable) : body.gasLimit;
  const encoded = encodeTransaction(unsignedTransaction({ ...body, gasLimit: gasMax }));
  try {
    const { receipt, logs } = await chain.call("tx_simulate", { transaction: toHex(encoded) });
    const { status } = receipt;
    if (isShort && status.kind === "halt" && status.reason === "OutOfGas") {
      throw unfunded(request, { body, balance, outlay });
    }
    checkStatus(receipt, request, { wasSent: false, logs });
    return { gasLimit: Math.min(gasMax, Math.ceil(receipt.gasUsed * 1.5)), logs };
  } catch (error) {
    const costsMore = error instanceof CommandError && error.code === "gas_limit_too_low";
    throw isShort && costsMore ? unfunded(request, { body, balance, outlay }) : error;
  }
}

function unfunded(
  { sender }: SendRequest,
  { body, balance, outlay }: { readonly body: TransactionBody; readonly balance: bigint; readonly outlay: bigint },
): CommandError {
  const name = "impersonated" in sender ? sender.impersonated : sender.name;
  const given = outlay === 0n ? "" : ` and the ${outlay} it gives away`;
  return new CommandError(
    exitCodes.node,
    "insufficient_balance",
    `${name} has ${balance}, which does not pay for the gas${given}`,
    {
      hint: `Fund the account, on a devnet with \`lockstep faucet ${name}\`.`,
      details: { address: addressToText(body.sender), balance: String(balance), outlay: String(outlay) },
    },
  );
}

async function submit(chain: Chain, body: TransactionBody, sender: Sender): Promise<IncludedReceiptJson> {
  const isSigned = "secretKey" in sender;
  const encoded = encodeTransaction(isSigned ? signTransaction(body, sender.secretKey) : unsignedTransaction(body));
  try {
    return await chain.call("tx_submitAndWait", { transaction: toHex(encoded), timeoutMs: WAIT_TIMEOUT_MS });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const { code, message } = error;
    if (code === "bad_signature" && !isSigned) {
      throw new CommandError(exitCodes.node, code, message, {
        hint: `Run \`lockstep impersonate ${addressToText(body.sender)}\` first; only a devnet can do that.`,
      });
    }
    if (code !== "wait_timeout") throw error;
    const hash = toHex(transactionHash(encoded));
    throw new CommandError(exitCodes.node, code, message, {
      hint: `It may still enter a block. Ask with \`lockstep tx ${hash}\`.`,
      details: { transactionHash: hash },
    });
  }
}

/** What leaves the balance beside the fee. */
function outlayOf(action: Action): bigint {
  switch (action.kind) {
    case "transfer":
      return action.amount;
    case "upload":
    case "edit":
      return 0n;
    case "create":
    case "call":
      return action.value;
  }
}

const failureCodes = { revert: "call_reverted", halt: "call_halted", refused: "call_refused" } as const;

/** What a failed call of any kind says. */
export function callFailure(
  status: Exclude<StatusJson, { kind: "success" }>,
  { abi, addresses }: { readonly abi: Abi | null; readonly addresses: AddressText },
  more: { readonly subject: string; readonly hint?: string; readonly details: Readonly<Record<string, unknown>> },
): CommandError {
  const { text, error } = statusView(status, abi, addresses);
  return new CommandError(exitCodes.transaction, failureCodes[status.kind], `${more.subject} ${text}`, {
    ...(more.hint !== undefined && { hint: more.hint }),
    details: { status, ...(error !== undefined && { error }), ...more.details },
  });
}

function checkStatus(
  receipt: ReceiptJson | IncludedReceiptJson,
  request: SendRequest,
  { wasSent, logs }: { readonly wasSent: boolean; readonly logs: readonly string[] },
): void {
  if (receipt.status.kind === "success") return;
  throw callFailure(receipt.status, request, {
    subject: wasSent ? "the transaction" : "in the simulation the transaction",
    hint: wasSent
      ? `It is in the chain and its fee of ${receipt.fee} is paid: \`lockstep tx ${receipt.transactionHash}\`.`
      : "Nothing was sent and nothing is paid. Give --gas-limit to send it all the same.",
    details: wasSent ? { wasSent, receipt } : { wasSent, gasUsed: receipt.gasUsed, logs },
  });
}

/** The options of every command that sends. */
export function withSending(command: Command): Command {
  return withShared(command, "url", "from", "json")
    .option(
      "--impersonate <address>",
      "send in its name without a signature, on a devnet: `lockstep impersonate --help`",
    )
    .option("--gas-limit <gas>", "default: simulate first, and half as much again")
    .option("--gas-price <price>", "for one gas; default: the chain's least");
}

/** What they say. Throws as `signerOf`, and `InputError`: `number_invalid`, `amount_invalid`. */
export function sendingOptions(command: Command): Pick<SendRequest, "sender" | "gasLimit" | "gasPrice"> {
  const options = optionsOf<{ impersonate: string; gasLimit: string; gasPrice: string }>(command);
  const { impersonate, gasLimit, gasPrice } = options;
  return {
    sender: impersonate === undefined ? signerOf(settingsOf(command)) : { impersonated: impersonate },
    ...(gasLimit !== undefined && { gasLimit: readInteger(gasLimit, "gas limit") }),
    ...(gasPrice !== undefined && { gasPrice: readAmount(gasPrice, "gas price") }),
  };
}
