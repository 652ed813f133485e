/**
 * What the chain holds, as a block proves it: nothing that these functions return was taken from the node without a check
 * against the roots in the header that came with it.
 *
 * So a node cannot make anything up about the block with this hash. That the block is the chain's remains the node's word,
 * for a command follows no chain; whoever knows the hash from elsewhere compares it with the one that is shown.
 */
import { blockHash, decodeHeader, decodeReceipt, type Header } from "../node/block.ts";
import { verifyItem } from "../node/merkle.ts";
import type { Hex, ProvenItemJson } from "../node/rpc/api.ts";
import { fromHex, toHex } from "../node/rpc/json.ts";
import type { TransactionRecord } from "../node/rpc/service.ts";
import { type Account, accountKey, decodeAccount, emptyAccount } from "../node/state/account.ts";
import { verifyKeys } from "../node/state/verify.ts";
import { decodeTransaction, transactionHash } from "../node/transaction.ts";
import { InputError } from "../vm/errors.ts";
import type { Chain } from "./chain.ts";
import { during, exitCodes } from "./exit-codes.ts";

/** The block that a proof is against. */
export interface ProvenBy {
  readonly height: number;
  readonly blockHash: Hex;
  readonly stateRoot: Hex;
}

export interface ProvenState {
  /** In the order of the keys; `null` where the state holds nothing. */
  readonly values: readonly (Uint8Array | null)[];
  readonly provenBy: ProvenBy;
}

/** Reads state keys at the head, or as the block at `height` left them. */
export async function provenState(chain: Chain, keys: readonly Uint8Array[], height?: number): Promise<ProvenState> {
  const answer = await chain.call("state_proof", {
    keys: keys.map(toHex),
    ...(height !== undefined && { height }),
  });
  return during(exitCodes.node, () => {
    const header = readHeader(answer.header);
    if (height !== undefined && header.height !== height) {
      throw otherAnswer(`block ${header.height} where block ${height} was asked for`);
    }
    if (answer.values.length !== keys.length) throw otherAnswer(`${answer.values.length} values of ${keys.length}`);
    const values = answer.values.map((value) => (value === null ? null : fromHex(value)));
    verifyKeys(
      header.stateRoot,
      keys.map((key, i) => ({ key, value: values[i]! })),
      fromHex(answer.proof),
    );
    return { values, provenBy: provenBy(header) };
  });
}

/** An account at the head, or as the block at `height` left it; one that nobody touched is all zeros. */
export async function provenAccount(
  chain: Chain,
  address: Uint8Array,
  height?: number,
): Promise<{ readonly account: Account; readonly provenBy: ProvenBy }> {
  const { values, provenBy } = await provenState(chain, [accountKey(address)], height);
  const encoded = values[0] ?? null;
  const account = encoded === null ? emptyAccount : await during(exitCodes.node, () => decodeAccount(encoded));
  return { account, provenBy };
}

/** The transaction with this hash, its receipt and its block; `null` when the node knows of none. */
export async function provenTransaction(chain: Chain, hash: Hex): Promise<TransactionRecord | null> {
  const answer = await chain.call("tx_proof", { hash });
  if (answer === null) return null;
  return during(exitCodes.node, () => {
    const header = readHeader(answer.header);
    const { index, count } = answer;
    const provenBytes = (root: Uint8Array, { bytes, path }: ProvenItemJson): Uint8Array => {
      const item = fromHex(bytes);
      verifyItem(root, item, { index, count }, path.map(fromHex));
      return item;
    };
    const encoded = provenBytes(header.transactionsRoot, answer.transaction);
    const receipt = decodeReceipt(provenBytes(header.receiptsRoot, answer.receipt));
    if (toHex(transactionHash(encoded)) !== hash) throw otherAnswer("another transaction");
    if (toHex(receipt.transactionHash) !== hash) throw otherAnswer("the receipt of another transaction");
    const transaction = decodeTransaction(encoded);
    return { transaction, receipt, height: header.height, blockHash: blockHash(header), index };
  });
}

/** One line of a report. */
export function provenRow({ height, blockHash }: ProvenBy): readonly [string, string] {
  return ["proven by", `block ${height} ${blockHash}`];
}

function provenBy(header: Header): ProvenBy {
  return { height: header.height, blockHash: toHex(blockHash(header)), stateRoot: toHex(header.stateRoot) };
}

function readHeader(encoded: Hex): Header {
  return decodeHeader(fromHex(encoded));
}

function otherAnswer(what: string): InputError {
  return new InputError("proof_other", `the node answered with ${what}`, {
    hint: "It does not answer as a node does: use another, or one of this version.",
  });
}
