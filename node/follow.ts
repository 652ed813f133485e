/**
 * A node that follows another one: it makes no blocks and takes no transactions, serves reads and subscriptions, and has a
 * follower that keeps it in step. A new folder takes the other node's genesis, which is all that is taken without being
 * computed here; its hash names the chain. A fork is followed from its base on, whose state the followed node tells, with
 * what shows that it is true.
 */
import { equalBytes } from "../vm/borsh.ts";
import { InputError } from "../vm/errors.ts";
import type { ClaimedBlock } from "./claimed-block.ts";
import { systemClock } from "./clock.ts";
import { hash } from "./crypto.ts";
import { Follower, otherChain } from "./follower.ts";
import { checkGenesis, decodeGenesis, type Genesis } from "./genesis.ts";
import { type Log, silentLog } from "./log.ts";
import { Node, type NodeOptions } from "./node.ts";
import { openRemoteChain, type RemoteChain } from "./remote-chain.ts";
import { toHex } from "./rpc/json.ts";
import { Store } from "./store.ts";

/** Those of `Node.start` that a follower leaves open, with the same defaults. */
type ChosenOptions = Pick<
  NodeOptions,
  "host" | "port" | "durability" | "prune" | "access" | "log" | "metrics" | "onBlock"
>;

export interface FollowOptions extends ChosenOptions {
  /** The followed node's address; over `http:` news are asked for instead of told. */
  readonly url: string;
  /** A folder of its own; without one the chain is in memory, and begins anew at each start. */
  readonly directory?: string;
}

export interface FollowingNode {
  readonly node: Node;
  /** The height at the start: above 0 when the folder held a chain already. */
  readonly height: number;
  /** Resolves after `close`; rejects with the `FollowerError` that ended the following, or the fault that stopped the node. */
  readonly closed: Promise<void>;
  close(): Promise<void>;
}

/**
 * Throws what `Node.start` throws, `url_invalid`, `other_chain`, and for a new folder what asking the followed node throws; a
 * folder that holds a chain is served whether that one answers or not. A refusal changes no folder.
 */
export async function startFollower({ url, directory, ...chosen }: FollowOptions): Promise<FollowingNode> {
  const { log = silentLog } = chosen;
  const beginning = await beginningOf(url, directory, log);
  const node = await Node.start({
    ...chosen,
    ...(directory !== undefined && { directory }),
    ...beginning,
    forkUrl: url,
    followed: url,
    clock: systemClock,
    sealing: { kind: "manual" },
  });
  const height = node.head().header.height;
  const follower = new Follower({
    node: {
      chainId: node.genesis.chainId,
      genesisHash: node.genesisHash,
      get lowestHeight() {
        return node.info().lowestStateHeight;
      },
      head: () => node.head(),
      hashAt: (at) => node.block(at)?.hash,
      importBlocks: (claims) => node.importBlocks(claims),
      rollBack: (to) => node.rollBack(to),
    },
    url,
    connect: () => openRemoteChain(url),
    reportDirectory: directory ?? null,
    log,
  });
  const closed = follower.ended.then(
    () => node.closed,
    async (error: unknown) => {
      log.error({ err: error }, "following ended, and the node stops");
      await node.close().catch(() => {});
      throw error;
    },
  );
  // Whoever does not look at `closed` must not bring the process down through it.
  closed.catch(() => {});
  const close = async (): Promise<void> => {
    // Both at once: the node gives a block that is being executed its time, and no more.
    await Promise.all([follower.stop(), node.close()]);
  };
  node.closed.catch(() => {}).then(() => follower.stop());
  return { node, height, closed, close };
}

/** What a new chain begins with; nothing for a folder that holds one. */
async function beginningOf(
  url: string,
  directory: string | undefined,
  log: Log,
): Promise<Pick<NodeOptions, "genesis" | "base">> {
  const known = directory === undefined ? null : await genesisIn(directory);
  const remote = openRemoteChain(url);
  try {
    if (known !== null) {
      await checkSameChain(remote, url, known, log);
      return {};
    }
    const [{ genesisHash }, encoded] = await Promise.all([remote.tip(), remote.genesis()]);
    const genesis = readGenesis(encoded, genesisHash, url);
    if (genesis.base === null) return { genesis };
    return { genesis, base: await readBase(remote, genesis, genesis.base.height, url) };
  } finally {
    await remote.close();
  }
}

interface KnownGenesis {
  readonly chainId: string;
  readonly genesisHash: Uint8Array;
}

async function genesisIn(directory: string): Promise<KnownGenesis | null> {
  try {
    const store = await Store.open(directory);
    const { genesis, genesisHash } = store;
    await store.close();
    return { chainId: genesis.chainId, genesisHash };
  } catch (error) {
    if (error instanceof InputError && error.code === "data_empty") return null;
    throw error;
  }
}

/** One that is away is the follower's to wait for. */
async function checkSameChain(remote: RemoteChain, url: string, known: KnownGenesis, log: Log): Promise<void> {
  let theirs: Uint8Array;
  try {
    theirs = (await remote.tip()).genesisHash;
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    log.debug({ url, code: error.code }, `the followed node is not asked which chain it has: ${error.message}`);
    return;
  }
  if (!equalBytes(theirs, known.genesisHash)) throw otherChain(url, known.chainId, theirs, known.genesisHash);
}

function readGenesis(encoded: Uint8Array, genesisHash: Uint8Array, url: string): Genesis {
  const computed = hash("genesis", encoded);
  if (!equalBytes(computed, genesisHash)) {
    throw answerInvalid(url, "a genesis with another hash than it says", {
      claimed: toHex(genesisHash),
      computed: toHex(computed),
    });
  }
  let genesis: Genesis;
  try {
    genesis = decodeGenesis(encoded);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw answerInvalid(url, `a genesis that cannot be read: ${error.message}`);
  }
  checkGenesis(genesis);
  return genesis;
}

/** The block that a fork goes on from. */
async function readBase(remote: RemoteChain, genesis: Genesis, height: number, url: string): Promise<ClaimedBlock> {
  const base = await remote.block(height);
  if (base === null) throw answerInvalid(url, `no block ${height}, which its chain goes on from`);
  try {
    // As the folder's store will, and no folder is made for one that is false.
    await Store.inMemory(genesis, base).close();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw answerInvalid(url, `a block ${height} that its chain cannot go on from: ${error.message}`);
  }
  return base;
}

function answerInvalid(url: string, what: string, details = {}): InputError {
  return new InputError("answer_invalid", `${url} has ${what}`, {
    hint: "See that the address is a node's, and that the node's version is this one's.",
    details,
  });
}
