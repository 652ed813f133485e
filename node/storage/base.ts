/**
 * A chain that goes on from a block of another's: how it begins, and what it needs of that block's state.
 *
 * The base's tree is the lower part of the chain's own: a node of a version up to the base's height is the base's, is stored
 * under its own key, and may be missing until it is fetched. The flat view holds what blocks have changed, and in the end all.
 */
import { assert, InputError } from "../../vm/errors.ts";
import { decodeBlock, decodeReceipt } from "../block.ts";
import type { ClaimedBlock } from "../claimed-block.ts";
import type { Genesis } from "../genesis.ts";
import { type NodeReader, readWritten, type StoredNode } from "../state/tree.ts";
import { StateMissing } from "../state-missing.ts";
import { genesisFault, receiptsFault } from "./block-links.ts";
import type { Entry } from "./database.ts";
import { heightBytes, keys, type Operation, put, readHeight, recordOperations } from "./layout.ts";

export type Leaves = AsyncIterable<Entry> | Iterable<Entry>;

/** The first records of the chain. Throws `InputError` `fork_block_invalid`, and `borsh_*` for what is no block at all. */
export function baseOperations(genesis: Genesis, claimed: ClaimedBlock): Operation[] {
  const block = decodeBlock(claimed.block);
  const receipts = claimed.receipts.map(decodeReceipt);
  const isComplete = receipts.length === block.transactions.length;
  const fault = genesisFault(block, genesis) ?? (isComplete ? receiptsFault(block, receipts) : "lacks receipts");
  if (fault !== null) {
    throw new InputError("fork_block_invalid", `block ${block.header.height} of the other chain ${fault}`, {
      hint: "Fork from a node that has the chain as it is.",
    });
  }
  const height = heightBytes(block.header.height);
  return [...recordOperations(block, receipts), put(keys.meta("lowest"), height), put(keys.meta("head"), height)];
}

/** Where a node's record is missing: throws `StateMissing` for one of the base's tree. */
export function missingNode({ base }: Genesis, key: Uint8Array, path: Uint8Array | undefined): undefined {
  if (base === null || readHeight(key) > base.height) return undefined;
  throw new StateMissing({ kind: "node", key, path: path?.length === PATH_SIZE ? path : ownPath(key) });
}

const PATH_SIZE = 32;
/** A node key's version and length, before its path. */
const HEAD_SIZE = 9;

function ownPath(key: Uint8Array): Uint8Array {
  const path = new Uint8Array(PATH_SIZE);
  path.set(key.subarray(HEAD_SIZE));
  return path;
}

export function assertOfBase({ base }: Genesis, nodes: readonly StoredNode[]): void {
  const isOfBase = base !== null && nodes.every(({ key }) => readHeight(key) <= base.height);
  assert(isOfBase, "only nodes of the base are fetched");
}

/** Bytes of one write. */
const BATCH_SIZE = 256 * 1024;

/**
 * What completes the flat view of the head, in batches. `leaves` are those of the base's tree. Where blocks wrote the place of
 * a key, the tree says what stands there, if anything; elsewhere it is what the base has.
 */
export async function* flatBatches(
  { base }: Genesis,
  nodes: NodeReader,
  head: number,
  leaves: Leaves,
): AsyncGenerator<Operation[], void, undefined> {
  assert(base !== null, "the flat view of a chain without a base is whole");
  let operations: Operation[] = [];
  let size = 0;
  for await (const { key, value } of leaves) {
    const written = readWritten(nodes, base.height, head, key);
    const current = written === undefined ? value : written;
    if (current === null) continue;
    operations.push(put(keys.flat(key), current));
    size += key.length + current.length;
    if (size < BATCH_SIZE) continue;
    yield operations;
    operations = [];
    size = 0;
  }
  yield operations;
}
