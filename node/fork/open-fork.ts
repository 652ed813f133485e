/**
 * Where a fork begins: a block of another node's chain, checked as far as that can be done without executing it, and the
 * genesis of the chain that goes on from it.
 */
import { equalBytes } from "../../vm/borsh.ts";
import { InputError } from "../../vm/errors.ts";
import {
  type Block,
  blockHash,
  decodeBlock,
  decodeReceipt,
  encodeHeader,
  type Header,
  transactionsRoot,
} from "../block.ts";
import type { ClaimedBlock } from "../claimed-block.ts";
import { hash } from "../crypto.ts";
import { checkGenesis, decodeGenesis, type Genesis } from "../genesis.ts";
import { PROTOCOL_VERSION } from "../params.ts";
import { verifyNode } from "../state/witnessed-node.ts";
import { receiptsFault } from "../storage/block-links.ts";
import { checkForkUrl, forkUrlInvalid, type RemoteInfo, RemoteNode } from "./remote-node.ts";

export interface ForkUrl {
  readonly url: string;
  readonly height?: number;
}

export interface OpenedFork {
  /** Of the fork: the remote's, with powers of development and a base in place of balances. */
  readonly genesis: Genesis;
  /** The base's block, as the remote stores it. */
  readonly base: ClaimedBlock;
  readonly header: Header;
}

/** `ws://host:4600`, or `ws://host:4600@1200` with a height. Throws `InputError` `fork_url_invalid`. */
export function parseForkUrl(text: string): ForkUrl {
  const [, front, digits] = /^(.*)@(\d+)$/s.exec(text) ?? [];
  const url = front ?? text;
  const height = digits === undefined ? undefined : Number(digits);
  checkForkUrl(url);
  // In `ws://127.0.0.1:4600@latest`, a URL has a user and a password before its host.
  const { username, password } = new URL(url);
  if (/^(localhost|.*\..*)$/.test(username) && /^\d+$/.test(password)) throw forkUrlInvalid(text);
  if (height === undefined) return { url };
  if (!Number.isSafeInteger(height)) throw forkUrlInvalid(text);
  return { url, height };
}

/**
 * Asks the node at `url` for its block at `height`, by default its head. The fork's chain id is the remote's unless another is
 * given. Throws `InputError`: `fork_unreachable`, `fork_interrupted`, `fork_not_a_node`, `fork_refused`, `fork_lied`, `fork_pruned`,
 * `fork_height_unknown`, `fork_unsupported`, `fork_url_invalid`, `genesis_chain_id`.
 */
export async function openFork(
  url: string,
  height?: number,
  { chainId }: { readonly chainId?: string } = {},
): Promise<OpenedFork> {
  const remote = new RemoteNode(url);
  try {
    const info = await remote.info();
    const at = height ?? info.height;
    if (at > info.height) {
      throw new InputError(
        "fork_height_unknown",
        `the node at ${remote.name} has no block ${at}; its head is ${info.height}`,
        {
          hint: `Fork at a height from 0 to ${info.height}.`,
        },
      );
    }
    const genesis = await readGenesis(remote, info);
    const { base, header } = await readBase(remote, at);
    if (at === info.height && !equalBytes(blockHash(header), info.headHash)) {
      throw lie(remote, at, "its block is not the head that it names");
    }
    await checkState(remote, header);
    const forked = {
      ...genesis,
      chainId: chainId ?? genesis.chainId,
      params: { ...genesis.params, development: true },
      balances: [],
      base: { height: at, blockHash: blockHash(header) },
    };
    checkGenesis(forked);
    return { genesis: forked, base, header };
  } finally {
    await remote.close();
  }
}

async function readGenesis(remote: RemoteNode, { protocolVersion, genesisHash }: RemoteInfo): Promise<Genesis> {
  if (protocolVersion !== PROTOCOL_VERSION) {
    throw unsupported(remote, `its rules are of version ${protocolVersion}, ours of ${PROTOCOL_VERSION}`);
  }
  const bytes = await remote.genesis();
  if (!equalBytes(hash("genesis", bytes), genesisHash))
    throw lie(remote, 0, "its genesis has another hash than it says");
  const genesis = decoded(remote, 0, "genesis", () => decodeGenesis(bytes));
  try {
    checkGenesis(genesis);
  } catch (error) {
    if (error instanceof InputError && error.code === "genesis_unsupported") throw unsupported(remote, error.message);
    throw error;
  }
  return genesis;
}

async function readBase(remote: RemoteNode, height: number): Promise<{ base: ClaimedBlock; header: Header }> {
  const base = await remote.rawBlock(height);
  if (base === null) throw lie(remote, height, "it has no such block, and a head above it");
  const block = decoded(remote, height, "block", () => decodeBlock(base.block));
  if (block.header.height !== height) throw lie(remote, height, `its block is of height ${block.header.height}`);
  const receipts = decoded(remote, height, "receipt", () => base.receipts.map(decodeReceipt));
  const fault = receipts.length === block.transactions.length ? receiptsFault(block, receipts) : "lacks receipts";
  if (fault !== null) throw lie(remote, height, `its block ${fault}`);
  if (!hasItsTransactions(block))
    throw lie(remote, height, "its block has another transactions root than transactions");
  return { base, header: block.header };
}

function hasItsTransactions({ header, transactions }: Block): boolean {
  return equalBytes(header.transactionsRoot, transactionsRoot(transactions));
}

/** Sees to it that the remote has the state it says it has: a fork without one is of no use. */
async function checkState(remote: RemoteNode, header: Header): Promise<void> {
  const { height, stateRoot } = header;
  const answer = await remote.nodes(height, [""]);
  const [root] = answer.nodes;
  if (!equalBytes(answer.header, encodeHeader(header))) throw lie(remote, height, "its state is of another block");
  if (root === undefined || root === null) throw lie(remote, height, "its state has no root");
  try {
    verifyNode(root, { hash: stateRoot }, "", height);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw lie(remote, height, `the root of its state is none: ${error.message}`);
  }
}

function decoded<T>(remote: RemoteNode, height: number, what: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw lie(remote, height, `a ${what} cannot be read: ${error.message}`);
  }
}

function lie({ name }: RemoteNode, height: number, problem: string): InputError {
  return new InputError("fork_lied", `the node at ${name} does not tell the truth of block ${height}: ${problem}`, {
    hint: "Fork a node that you trust, or find out who alters its answers.",
    details: { url: name, height },
  });
}

function unsupported({ name }: RemoteNode, problem: string): InputError {
  return new InputError("fork_unsupported", `the chain of ${name} cannot be run here: ${problem}`, {
    hint: "Use the version of Lockstep that the node runs.",
    details: { url: name },
  });
}
