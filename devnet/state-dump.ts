/**
 * The state of a chain as bytes: what a devnet hands out to be loaded into another, or into itself later.
 *
 *     "LOCKSTATE" version:4  then borsh: chain id, height, state root, and the entries in the order of the tree's paths
 *
 * Law: the same state gives the same bytes, and only bytes whose entries have the root that they name are taken.
 */

import { hash } from "../node/crypto.ts";
import { decodeAccount } from "../node/state/account.ts";
import type { LeafNode } from "../node/state/tree-node.ts";
import { createLeaf, TreeBuilder } from "../node/state/tree-stream.ts";
import * as borsh from "../vm/borsh.ts";
import { InputError } from "../vm/errors.ts";

/** What a process holds in memory without a thought. */
export const STATE_DUMP_SIZE_MAX = 64 * 1024 * 1024;

const MAGIC = new TextEncoder().encode("LOCKSTATE");
/** Changes with the encoding of a dump, and with that of what is in the state. */
const VERSION = 1;

const contentCodec = borsh.struct({
  chainId: borsh.string,
  height: borsh.safeU64,
  stateRoot: borsh.bytes32,
  entries: borsh.vec(borsh.struct({ key: borsh.bytes, value: borsh.bytes })),
});

const dumpCodec = borsh.struct({
  magic: borsh.fixedBytes(MAGIC.length),
  version: borsh.u32,
  content: contentCodec,
});

/** Where the entries come from, and what they add up to. */
export interface StateDumpFacts {
  readonly chainId: string;
  readonly height: number;
  readonly stateRoot: Uint8Array;
}

export interface StateDump extends StateDumpFacts {
  /** In the order of their paths. */
  readonly leaves: readonly LeafNode[];
}

/** Throws `InputError` `dump_too_large`. */
export async function encodeStateDump(
  { chainId, height, stateRoot }: StateDumpFacts,
  leaves: AsyncIterable<LeafNode>,
): Promise<Uint8Array> {
  const entries: { readonly key: Uint8Array; readonly value: Uint8Array }[] = [];
  let size = 0;
  for await (const { key, value } of leaves) {
    entries.push({ key, value });
    size += 8 + key.length + value.length;
    if (size > STATE_DUMP_SIZE_MAX) throw tooLarge(`more than ${STATE_DUMP_SIZE_MAX} bytes`);
  }
  const content = { chainId, height, stateRoot, entries };
  return borsh.encode(dumpCodec, { magic: MAGIC, version: VERSION, content });
}

/** Throws `InputError` `dump_invalid`, `dump_version`, `dump_too_large`. */
export function decodeStateDump(bytes: Uint8Array): StateDump {
  if (bytes.length > 2 * STATE_DUMP_SIZE_MAX) throw tooLarge(`${bytes.length} bytes`);
  checkVersion(bytes);
  const { content } = decoded(() => borsh.decode(dumpCodec, bytes), "it cannot be read");
  const { chainId, height, stateRoot } = content;
  const tree = new TreeBuilder(0, () => {});
  const leaves = content.entries.map(({ key, value }) => {
    const leaf = createLeaf(key, value);
    if (!tree.isNext(leaf)) throw invalid("its entries are not in their order");
    tree.add(leaf);
    return leaf;
  });
  if (!borsh.equalBytes(tree.finish(), stateRoot)) throw invalid("its entries have another root than it says");
  for (const leaf of leaves) checkLeaf(leaf);
  return { chainId, height, stateRoot, leaves };
}

function checkVersion(bytes: Uint8Array): void {
  if (bytes.length < MAGIC.length + 4 || !borsh.equalBytes(bytes.subarray(0, MAGIC.length), MAGIC)) {
    throw invalid("it does not begin like one");
  }
  const version = new DataView(bytes.buffer, bytes.byteOffset).getUint32(MAGIC.length, true);
  if (version === VERSION) return;
  throw new InputError("dump_version", `the dump is of version ${version}, this is ${VERSION}`, {
    hint: "Load it with the version of Lockstep that made it.",
  });
}

/** Whether an entry can be one of a state: `node/state/account.ts` says what there is. */
function checkLeaf({ key, value }: LeafNode): void {
  const [kind, name] = [String.fromCharCode(key[0] ?? 0), key.subarray(1)];
  switch (kind) {
    case "a":
      if (name.length !== 32) throw invalid("an account's address is not of 32 bytes");
      decoded(() => decodeAccount(value), "an account cannot be read");
      return;
    case "c":
      if (!borsh.equalBytes(hash("code", value), name)) throw invalid("a code has another hash than it says");
      return;
    case "i":
      // Follows from the code.
      return;
    case "s":
      if (name.length <= 32) throw invalid("a storage entry has no key");
      return;
    default:
      throw invalid("an entry is of no kind that there is");
  }
}

function decoded<T>(decode: () => T, problem: string): T {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw invalid(`${problem}: ${error.message}`);
  }
}

export function invalid(problem: string): InputError {
  return new InputError("dump_invalid", `this is no dump of a state: ${problem}`, {
    hint: "Hand in the bytes that a dump gave, all of them.",
  });
}

function tooLarge(size: string): InputError {
  return new InputError("dump_too_large", `the state is ${size}; a dump has at most ${STATE_DUMP_SIZE_MAX}`, {
    hint: "`lockstep db dump` writes a chain of any size into a file.",
  });
}
