/**
 * The check of a proof: no database, nothing of Node's, any bytes.
 *
 * Law: if `verifyKeys` returns, then every tree with that root holds exactly the claimed values under the claimed keys, and
 * nothing under those claimed absent. It rests on SHA-256 alone: leaves and inner nodes hash under different tags, and a leaf
 * hashes its whole path, so a path can stop nowhere else and at nothing else than where it does.
 */
import { equalBytes } from "../../vm/borsh.ts";
import { InputError } from "../../vm/errors.ts";
import { DEPTH_MAX, decodeProof, forkAt, type OnPath, type Proof, type ProofEnd, sortByPath } from "./proof.ts";
import { bitAt, EMPTY_HASH, hash, innerHash, leafHash } from "./tree-hash.ts";

export interface Claim {
  readonly key: Uint8Array;
  /** `null` claims that there is none. */
  readonly value: Uint8Array | null;
}

/** Throws `InputError` `proof_*` unless `proof` shows what `root` says about `key`. */
export function verifyKey(root: Uint8Array, key: Uint8Array, value: Uint8Array | null, proof: Uint8Array): void {
  verifyKeys(root, [{ key, value }], proof);
}

/** Throws `InputError` `proof_*` unless `proof` shows all that is claimed. The order of the claims is free. */
export function verifyKeys(root: Uint8Array, claims: readonly Claim[], proof: Uint8Array): void {
  const check = new Check(decodeProof(proof));
  const computed = check.rootOf(sortByPath(claims));
  if (equalBytes(computed, root)) return;
  throw new InputError("proof_root", "the proof leads to another state root", {
    hint: "The key, the value or the root is not the one that was proven, or the proof was altered.",
  });
}

type PathClaim = OnPath<Claim>;

/** One walk through a proof; both lists are read once, from the left. */
class Check {
  readonly #proof: Proof;
  #endCount = 0;
  #siblingCount = 0;

  constructor(proof: Proof) {
    this.#proof = proof;
  }

  rootOf(claims: readonly PathClaim[]): Uint8Array {
    const root = this.#hashOf(0, claims);
    const { ends, siblings } = this.#proof;
    if (this.#endCount < ends.length) throw misshapen("paths", ends.length, this.#endCount);
    if (this.#siblingCount < siblings.length) throw misshapen("siblings", siblings.length, this.#siblingCount);
    return root;
  }

  /** The hash of the subtree at `depth` to which all of `claims` lead. Each level below an end costs a sibling or a fork. */
  #hashOf(depth: number, claims: readonly PathClaim[]): Uint8Array {
    if (claims.length === 0) return this.#nextSibling();
    const end = this.#proof.ends[this.#endCount];
    if (end === undefined) throw misshapen("paths", this.#endCount, this.#endCount + 1);
    if (end.depth === depth) {
      this.#endCount++;
      return hashOfEnd(end, claims);
    }
    if (end.depth < depth || end.depth > DEPTH_MAX) {
      throw new InputError("proof_path", `a path of the proof stops at depth ${end.depth}, where none can`);
    }
    const [left, right] = forkAt(claims, depth);
    const leftHash = this.#hashOf(depth + 1, left);
    return innerHash(leftHash, this.#hashOf(depth + 1, right));
  }

  #nextSibling(): Uint8Array {
    const sibling = this.#proof.siblings[this.#siblingCount];
    if (sibling === undefined) throw misshapen("siblings", this.#siblingCount, this.#siblingCount + 1);
    this.#siblingCount++;
    return sibling;
  }
}

/** `claims` are not empty, and all lead here. */
function hashOfEnd(end: ProofEnd, claims: readonly PathClaim[]): Uint8Array {
  const present = claims.filter(({ value }) => value !== null);
  if (end.kind === "claimed") {
    const [claim] = present;
    if (claim === undefined || claim.value === null) {
      throw new InputError("proof_claim", "the proof shows a value where none is claimed");
    }
    if (present.length > 1) throw new InputError("proof_claim", "the proof shows one value where several are claimed");
    return leafHash(claim.path, hash(claim.value));
  }
  if (present.length > 0) throw new InputError("proof_claim", "the proof shows no value where one is claimed");
  if (end.kind === "empty") return EMPTY_HASH;
  checkOther(end, claims);
  return leafHash(end.keyHash, end.valueHash);
}

/** Another key's leaf has the whole subtree to itself, so it lies in the subtree and is none of the claimed keys' own. */
function checkOther({ keyHash, depth }: { keyHash: Uint8Array; depth: number }, claims: readonly PathClaim[]): void {
  for (let at = 0; at < depth; at++) {
    if (bitAt(keyHash, at) !== bitAt(claims[0]!.path, at)) {
      throw new InputError("proof_path", `a leaf of the proof leaves the path at depth ${at}, above its own ${depth}`);
    }
  }
  if (claims.some(({ path }) => equalBytes(path, keyHash))) {
    throw new InputError("proof_claim", "the proof shows a value where none is claimed");
  }
}

function misshapen(what: string, given: number, needed: number): InputError {
  const count = given < needed ? `only ${given}` : `${given} where ${needed} belong`;
  return new InputError("proof_shape", `the proof has ${count} ${what}`, {
    hint: "A proof is about exactly the keys that it was made for.",
  });
}
