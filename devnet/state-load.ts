/**
 * What has to be edited so that a state reads as a dump does.
 *
 * Law: after these changes every balance, code and storage entry is the dump's, and what the dump lacks is gone. Two things only
 * grow, in this as in any state: a nonce is never lower than it was, and code stays stored. The nonce of the zero address counts
 * the edits themselves.
 */
import { nameOf } from "../node/name-of.ts";
import { type Account, decodeAccount, emptyAccount } from "../node/state/account.ts";
import type { LeafNode } from "../node/state/tree-node.ts";
import type { EditChange } from "../node/transaction.ts";
import { compareBytes, equalBytes } from "../vm/borsh.ts";
import { EDITOR } from "./edit-transactions.ts";
import { invalid } from "./state-dump.ts";

const ADDRESS_SIZE = 32;

/** What a key has now and shall have. */
interface Difference {
  readonly key: Uint8Array;
  readonly before: Uint8Array | undefined;
  readonly after: Uint8Array | undefined;
}

/**
 * Both in the order of their paths, and both of whole states. Throws `InputError` `dump_invalid` where `wanted` holds together as
 * a tree and not as a state.
 */
export async function changesBetween(
  present: AsyncIterable<LeafNode>,
  wanted: readonly LeafNode[],
): Promise<EditChange[]> {
  const codes: Codes = { byHash: new Map(), contracts: new Set() };
  for (const { key, value } of wanted) if (isOfKind(key, "c")) codes.byHash.set(nameOf(key.subarray(1)), value);
  const differences = await differencesBetween(present, wanted, codes);
  return changesFor(differences, codes);
}

interface Codes {
  readonly byHash: Map<string, Uint8Array>;
  /** The accounts that have code at present. */
  readonly contracts: Set<string>;
}

/** What of the codes is only in the present state is added to them. */
async function differencesBetween(
  present: AsyncIterable<LeafNode>,
  wanted: readonly LeafNode[],
  { byHash, contracts }: Codes,
): Promise<Difference[]> {
  const differences: Difference[] = [];
  let next = 0;
  for await (const { key, keyHash, value } of present) {
    if (isOfKind(key, "c")) byHash.set(nameOf(key.subarray(1)), value);
    if (isOfKind(key, "a") && accountOf(value).codeHash !== null) contracts.add(nameOf(key.subarray(1)));
    for (; next < wanted.length && compareBytes(wanted[next]!.keyHash, keyHash) < 0; next++) {
      differences.push({ key: wanted[next]!.key, before: undefined, after: wanted[next]!.value });
    }
    const isWanted = next < wanted.length && equalBytes(wanted[next]!.keyHash, keyHash);
    const after = isWanted ? wanted[next++]!.value : undefined;
    if (after === undefined || !equalBytes(after, value)) differences.push({ key, before: value, after });
  }
  for (const { key, value } of wanted.slice(next)) differences.push({ key, before: undefined, after: value });
  return differences;
}

/**
 * In order: code that no account gets, what is plain, then whoever shall have code or storage gets code, then the storage, then
 * code is taken away.
 */
function changesFor(differences: readonly Difference[], { byHash, contracts }: Codes): EditChange[] {
  const uploads: EditChange[] = [];
  const plain: EditChange[] = [];
  const given: EditChange[] = [];
  const storage: EditChange[] = [];
  const taken: EditChange[] = [];
  const givenHashes = new Set<string>();
  for (const { key, before, after } of differences) {
    if (!isOfKind(key, "a")) continue;
    const address = key.subarray(1);
    const [{ codeHash: codeHashBefore, ...old }, { balance, nonce, codeHash }] = [accountOf(before), accountOf(after)];
    if (balance !== old.balance) plain.push({ kind: "balance", address, balance });
    if (nonce > old.nonce && !equalBytes(address, EDITOR)) plain.push({ kind: "nonce", address, nonce });
    if (codeHash === null) {
      if (codeHashBefore !== null) taken.push({ kind: "code", address, code: null });
    } else if (codeHashBefore === null || !equalBytes(codeHashBefore, codeHash)) {
      const code = byHash.get(nameOf(codeHash));
      if (code === undefined) throw invalid("an account refers to code that it lacks");
      given.push({ kind: "code", address, code });
      givenHashes.add(nameOf(codeHash));
      contracts.add(nameOf(address));
    }
  }
  for (const { key, after } of differences) {
    if (!isOfKind(key, "s")) continue;
    const contract = key.subarray(1, 1 + ADDRESS_SIZE);
    if (!contracts.has(nameOf(contract))) {
      // What is no contract any more may have its storage still. It is one while that changes.
      const [code] = byHash.values();
      if (code === undefined) throw invalid("there is storage and no code");
      given.push({ kind: "code", address: contract, code });
      taken.push({ kind: "code", address: contract, code: null });
      contracts.add(nameOf(contract));
    }
    storage.push({ kind: "storage", contract, key: key.subarray(1 + ADDRESS_SIZE), value: after ?? null });
  }
  for (const { key, before, after } of differences) {
    if (!isOfKind(key, "c") || before !== undefined || after === undefined) continue;
    if (!givenHashes.has(nameOf(key.subarray(1)))) uploads.push({ kind: "upload", code: after });
  }
  return [...uploads, ...plain, ...given, ...storage, ...taken];
}

function accountOf(encoded: Uint8Array | undefined): Account {
  return encoded === undefined ? emptyAccount : decodeAccount(encoded);
}

function isOfKind(key: Uint8Array, kind: string): boolean {
  return key[0] === kind.charCodeAt(0);
}
