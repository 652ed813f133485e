/**
 * What holds a block to its parent, its transactions and its receipts, as far as that can be said without executing it. Whoever
 * is given blocks checks this first; that the results are right is for a replay to say.
 */
import { equalBytes } from "../../vm/borsh.ts";
import {
  type Block,
  blockHash,
  encodeBlock,
  type Header,
  type Receipt,
  receiptsRoot,
  transactionsRoot,
} from "../block.ts";
import { hash } from "../crypto.ts";
import { encodeGenesis, type Genesis } from "../genesis.ts";
import { applyGenesis } from "../state-transition.ts";
import { encodeTransaction, transactionHash } from "../transaction.ts";

/** What is wrong with a chain's first block, which is block 0 or the base, or null. */
export function genesisFault(block: Block, genesis: Genesis): string | null {
  const { header } = block;
  if (genesis.base !== null) {
    const isNamed = header.height === genesis.base.height && equalBytes(blockHash(header), genesis.base.blockHash);
    if (!isNamed) return "is not the block that the genesis names";
    return transactionsFault(block);
  }
  const genesisHash = hash("genesis", encodeGenesis(genesis));
  const isRight = equalBytes(encodeBlock(block), encodeBlock(applyGenesis(genesis, genesisHash).block));
  return isRight ? null : "is not the block of the genesis";
}

/** What is wrong with a block above 0, or null. */
export function blockFault(parent: Header, block: Block): string | null {
  const { header } = block;
  if (header.height !== parent.height + 1) return `says that its height is ${header.height}`;
  if (!equalBytes(header.parentHash, blockHash(parent))) return "has another parent hash than its parent's hash";
  if (header.time < parent.time) return "is older than its parent";
  return transactionsFault(block);
}

function transactionsFault({ header, transactions }: Block): string | null {
  const isCovered = equalBytes(header.transactionsRoot, transactionsRoot(transactions));
  return isCovered ? null : "has another transactions root than its transactions";
}

/** What is wrong with a block's receipts, of which there is one for each transaction, or null. */
export function receiptsFault({ header, transactions }: Block, receipts: readonly Receipt[]): string | null {
  for (const [index, { transactionHash: named }] of receipts.entries()) {
    if (!equalBytes(named, transactionHash(encodeTransaction(transactions[index]!)))) {
      return `has receipt ${index} of another transaction`;
    }
  }
  if (!equalBytes(header.receiptsRoot, receiptsRoot(receipts))) return "has another receipts root than its receipts";
  const gasUsed = receipts.reduce((sum, receipt) => sum + receipt.gasUsed, 0);
  return gasUsed === header.gasUsed ? null : `says that it used ${header.gasUsed} gas; its receipts say ${gasUsed}`;
}
