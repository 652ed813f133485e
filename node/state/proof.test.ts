import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { keyPool } from "../../test/support/key-pool.ts";
import { compareBytes } from "../../vm/borsh.ts";
import { Fault, InputError } from "../../vm/errors.ts";
import { DEPTH_MAX, decodeProof, encodeProof, PROOF_KEYS_MAX, type Proof } from "./proof.ts";
import { createProof, proveKey, proveKeys } from "./prove.ts";
import { applyChanges, EMPTY_ROOT, type NodeReader } from "./tree.ts";
import { type Claim, verifyKey, verifyKeys } from "./verify.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const unhex = (text: string) => new Uint8Array(Buffer.from(text, "hex"));
const utf8 = (text: string) => new TextEncoder().encode(text);
const sha256 = (...parts: (string | Uint8Array)[]): Uint8Array => {
  const hasher = createHash("sha256");
  for (const part of parts) hasher.update(part);
  return new Uint8Array(hasher.digest());
};

interface Entry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** A stored tree of one version, and its root. */
class Tree implements NodeReader {
  readonly nodes = new Map<string, Uint8Array>();
  readonly root: Uint8Array;
  readCount = 0;

  constructor(entries: readonly Entry[]) {
    const update = applyChanges(this, null, 0, entries);
    for (const { key, bytes } of update.newNodes) this.nodes.set(hex(key), bytes);
    this.root = update.root;
  }

  getNode(key: Uint8Array): Uint8Array | undefined {
    this.readCount++;
    return this.nodes.get(hex(key));
  }
}

// The proof as its file defines it, by another hasher, over the list of entries and no tree.

function naiveProof(entries: readonly Entry[], keys: readonly Uint8Array[]): Proof {
  interface Leaf {
    readonly path: Uint8Array;
    readonly valueHash: Uint8Array;
  }
  const leaves = entries.map(({ key, value }): Leaf => ({ path: sha256(key), valueHash: sha256(value) }));
  const isRight = (path: Uint8Array, bit: number) => ((path[bit >> 3]! >> (7 - (bit & 7))) & 1) === 1;
  const hashOf = (below: readonly Leaf[], bit: number): Uint8Array => {
    if (below.length === 0) return utf8("SPARSE_MERKLE_PLACEHOLDER_HASH__");
    if (below.length === 1) return sha256("JMT::LeafNode", below[0]!.path, below[0]!.valueHash);
    const left = below.filter(({ path }) => !isRight(path, bit));
    const right = below.filter(({ path }) => isRight(path, bit));
    return sha256("JMT::IntrnalNode", hashOf(left, bit + 1), hashOf(right, bit + 1));
  };
  const proof: { ends: Proof["ends"][number][]; siblings: Uint8Array[] } = { ends: [], siblings: [] };
  const visit = (below: readonly Leaf[], paths: readonly Uint8Array[], depth: number): void => {
    const [leaf] = below;
    if (paths.length === 0) proof.siblings.push(hashOf(below, depth));
    else if (leaf === undefined) proof.ends.push({ kind: "empty", depth });
    else if (below.length === 1) {
      const isClaimed = paths.some((path) => hex(path) === hex(leaf.path));
      proof.ends.push(
        isClaimed
          ? { kind: "claimed", depth }
          : { kind: "other", depth, keyHash: leaf.path, valueHash: leaf.valueHash },
      );
    } else {
      for (const side of [false, true]) {
        visit(
          below.filter(({ path }) => isRight(path, depth) === side),
          paths.filter((path) => isRight(path, depth) === side),
          depth + 1,
        );
      }
    }
  };
  visit(
    leaves,
    keys.map((key) => sha256(key)),
    0,
  );
  return proof;
}

const valueArb = fc.oneof(fc.constantFrom(utf8(""), utf8("a")), fc.uint8Array({ maxLength: 40 }));
const stateArb = fc.uniqueArray(fc.record({ key: fc.constantFrom(...keyPool), value: valueArb }), {
  selector: ({ key }) => hex(key),
  maxLength: keyPool.length,
});
const keysArb = fc.uniqueArray(fc.constantFrom(...keyPool), { selector: hex, minLength: 1, maxLength: 12 });

const valueIn = (entries: readonly Entry[], key: Uint8Array) =>
  entries.find((entry) => hex(entry.key) === hex(key))?.value ?? null;

/** The code with which a check refuses. That it throws nothing else is part of every test below. */
function refusal(check: () => void): string {
  try {
    check();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    expect(error.code).toMatch(/^proof_/);
    expect(error.message.length).toBeGreaterThan(0);
    return error.code;
  }
  return "accepted";
}

const entry = (i: number): Entry => ({ key: utf8(`key ${i}`), value: utf8(`value ${i}`) });
const many = (count: number) => Array.from({ length: count }, (_, i) => entry(i));

describe("a proof", () => {
  test("is what the recursive definition says", () => {
    fc.assert(
      fc.property(stateArb, keysArb, (entries, keys) => {
        expect(createProof(new Tree(entries), 0, keys)).toEqual(naiveProof(entries, keys));
      }),
      { numRuns: 300 },
    );
  });

  test("of every key verifies its value, and of every absent key its absence, alone and together", () => {
    fc.assert(
      fc.property(stateArb, keysArb, (entries, keys) => {
        const tree = new Tree(entries);
        const claims = keys.map((key): Claim => ({ key, value: valueIn(entries, key) }));
        for (const { key, value } of claims) verifyKey(tree.root, key, value, proveKey(tree, 0, key));
        verifyKeys(tree.root, claims, proveKeys(tree, 0, keys));
      }),
      { numRuns: 300 },
    );
  });

  test("does not depend on the order of the keys, nor the check on the order of the claims", () => {
    fc.assert(
      fc.property(stateArb, keysArb, (entries, keys) => {
        const tree = new Tree(entries);
        const proof = proveKeys(tree, 0, keys);
        const reversed = keys.toReversed();
        expect(proveKeys(tree, 0, reversed)).toEqual(proof);
        verifyKeys(
          tree.root,
          reversed.map((key) => ({ key, value: valueIn(entries, key) })),
          proof,
        );
      }),
    );
  });

  test("of a key refuses every other claim about it", () => {
    fc.assert(
      fc.property(stateArb, fc.constantFrom(...keyPool), valueArb, (entries, key, other) => {
        const tree = new Tree(entries);
        const value = valueIn(entries, key);
        const proof = proveKey(tree, 0, key);
        if (value === null) {
          expect(refusal(() => verifyKey(tree.root, key, other, proof))).toBe("proof_claim");
          return;
        }
        expect(refusal(() => verifyKey(tree.root, key, null, proof))).toBe("proof_claim");
        if (hex(value) !== hex(other)) {
          expect(refusal(() => verifyKey(tree.root, key, other, proof))).toBe("proof_root");
        }
      }),
      { numRuns: 300 },
    );
  });

  test("of some keys refuses when one claim is wrong, one is missing or one is more", () => {
    fc.assert(
      fc.property(stateArb, keysArb, fc.nat(), (entries, keys, seed) => {
        const tree = new Tree(entries);
        const claims = keys.map((key): Claim => ({ key, value: valueIn(entries, key) }));
        const proof = proveKeys(tree, 0, keys);
        const at = seed % claims.length;
        const lie = { key: keys[at]!, value: claims[at]!.value === null ? utf8("lie") : null };
        expect(refusal(() => verifyKeys(tree.root, claims.with(at, lie), proof))).not.toBe("accepted");
        // Another absent key may end where a claimed one does: then the proof does show its absence.
        const stranger = keyPool.find((key) => !keys.includes(key))!;
        const falsely = { key: stranger, value: valueIn(entries, stranger) === null ? utf8("lie") : null };
        expect(refusal(() => verifyKeys(tree.root, [...claims, falsely], proof))).not.toBe("accepted");
        if (claims.length > 1 && claims[at]!.value !== null) {
          expect(refusal(() => verifyKeys(tree.root, claims.toSpliced(at, 1), proof))).not.toBe("accepted");
        }
      }),
      { numRuns: 300 },
    );
  });

  test("shows nothing about another state", () => {
    fc.assert(
      fc.property(stateArb, stateArb, fc.constantFrom(...keyPool), (entries, others, key) => {
        const tree = new Tree(entries);
        const other = new Tree(others);
        fc.pre(hex(tree.root) !== hex(other.root));
        expect(refusal(() => verifyKey(other.root, key, valueIn(entries, key), proveKey(tree, 0, key)))).toBe(
          "proof_root",
        );
      }),
    );
  });

  test("of the empty state shows that any key is absent", () => {
    const tree = new Tree([]);
    expect(tree.root).toEqual(EMPTY_ROOT);
    const proof = proveKeys(tree, 0, keyPool);
    verifyKeys(
      EMPTY_ROOT,
      keyPool.map((key) => ({ key, value: null })),
      proof,
    );
    expect(decodeProof(proof)).toEqual({ ends: [{ kind: "empty", depth: 0 }], siblings: [] });
  });

  test("is of the state that the jmt crate's vectors describe", () => {
    interface Vector {
      readonly expected_root: string;
      readonly data: readonly { readonly key: string; readonly value: string }[];
    }
    const vectorFile = new URL("../../test/vectors/jmt-sha256.json", import.meta.url);
    const { vectors } = JSON.parse(readFileSync(vectorFile, "utf8")) as { vectors: readonly Vector[] };
    expect(vectors.length).toBe(14);
    for (const { expected_root, data } of vectors) {
      const entries = data.map(({ key, value }) => ({ key: unhex(key), value: unhex(value) }));
      const tree = new Tree(entries);
      const root = unhex(expected_root);
      for (const { key, value } of entries) {
        verifyKey(root, key, value, proveKey(tree, 0, key));
        const absent = Uint8Array.of(...key, 0);
        verifyKey(root, absent, null, proveKey(tree, 0, absent));
      }
      verifyKeys(
        root,
        entries,
        proveKeys(
          tree,
          0,
          entries.map(({ key }) => key),
        ),
      );
    }
  });

  test("reads one record for each stored node on its path", () => {
    const tree = new Tree(many(2_000));
    tree.readCount = 0;
    for (let i = 0; i < 100; i++) proveKey(tree, 0, entry(i).key);
    // 2,000 keys are about three nibbles deep, and the leaf is one more.
    expect(tree.readCount / 100).toBeLessThan(5.5);
  });

  test("about several keys holds each shared sibling once", () => {
    const tree = new Tree(many(2_000));
    const keys = many(100).map(({ key }) => key);
    const together = proveKeys(tree, 0, keys).length;
    const apart = keys.reduce((sum, key) => sum + proveKey(tree, 0, key).length, 0);
    expect(together).toBeLessThan(apart * 0.6);
    const all = proveKeys(
      tree,
      0,
      many(1_000).map(({ key }) => key),
    );
    verifyKeys(tree.root, many(1_000), all);
    const whole = new Tree(many(50));
    expect(
      decodeProof(
        proveKeys(
          whole,
          0,
          many(50).map(({ key }) => key),
        ),
      ).siblings.length,
    ).toBeLessThan(50);
  });
});

describe("a tampered proof is refused:", () => {
  const entries = many(40);
  const tree = new Tree(entries);
  const absentKeys = Array.from({ length: 40 }, (_, i) => utf8(`absent ${i}`));
  const endOf = (key: Uint8Array) => createProof(tree, 0, [key]).ends[0]!.kind;
  const cases: readonly (readonly [string, readonly Claim[]])[] = [
    ["of a key", [entries[0]!]],
    ["of absence in an empty subtree", [{ key: absentKeys.find((key) => endOf(key) === "empty")!, value: null }]],
    ["of absence by another leaf", [{ key: absentKeys.find((key) => endOf(key) === "other")!, value: null }]],
    ["of several keys", [...entries.slice(0, 3), ...absentKeys.slice(0, 3).map((key) => ({ key, value: null }))]],
  ];

  describe.each(cases)("%s", (_, claims) => {
    const proof = proveKeys(
      tree,
      0,
      claims.map(({ key }) => key),
    );
    const check = (bytes: Uint8Array) => refusal(() => verifyKeys(tree.root, claims, bytes));

    test("accepted as it is", () => expect(check(proof)).toBe("accepted"));

    test("each bit flipped", () => {
      for (let at = 0; at < proof.length; at++) {
        for (let bit = 0; bit < 8; bit++) {
          expect(check(proof.with(at, proof[at]! ^ (1 << bit))), `byte ${at} bit ${bit}`).not.toBe("accepted");
        }
      }
    });

    test("cut off at each byte, or longer", () => {
      for (let length = 0; length < proof.length; length++) {
        expect(check(proof.subarray(0, length))).toBe("proof_malformed");
      }
      expect(check(Uint8Array.of(...proof, 0))).toBe("proof_malformed");
    });

    test("with siblings or ends exchanged, left out or given twice", () => {
      const { ends, siblings } = decodeProof(proof);
      const checkLists = (lists: Proof) => check(encodeProof(lists));
      for (let at = 0; at < siblings.length; at++) {
        expect(checkLists({ ends, siblings: siblings.toSpliced(at, 1) })).not.toBe("accepted");
        expect(checkLists({ ends, siblings: siblings.toSpliced(at, 0, siblings[at]!) })).not.toBe("accepted");
        for (let other = 0; other < at; other++) {
          if (compareBytes(siblings[at]!, siblings[other]!) === 0) continue;
          const swapped = siblings.with(at, siblings[other]!).with(other, siblings[at]!);
          expect(checkLists({ ends, siblings: swapped })).not.toBe("accepted");
        }
      }
      for (let at = 0; at < ends.length; at++) {
        expect(checkLists({ ends: ends.toSpliced(at, 1), siblings })).not.toBe("accepted");
        expect(checkLists({ ends: ends.toSpliced(at, 0, ends[at]!), siblings })).not.toBe("accepted");
      }
      expect(checkLists({ ends, siblings: siblings.toReversed() })).not.toBe("accepted");
    });

    test("with another root, and one of another length", () => {
      for (const root of [
        EMPTY_ROOT,
        tree.root.with(31, tree.root[31]! ^ 1),
        tree.root.subarray(1),
        new Uint8Array(),
      ]) {
        expect(refusal(() => verifyKeys(root, claims, proof))).toBe("proof_root");
      }
    });
  });

  test("another key, and a value that differs in its last bit", () => {
    const { key, value } = entries[0]!;
    const proof = proveKey(tree, 0, key);
    expect(refusal(() => verifyKey(tree.root, entries[1]!.key, value, proof))).not.toBe("accepted");
    expect(refusal(() => verifyKey(tree.root, key, value.with(-1, value.at(-1)! ^ 1), proof))).toBe("proof_root");
    expect(refusal(() => verifyKey(tree.root, key, utf8(""), proof))).toBe("proof_root");
  });

  test("a leaf taken for an inner node or an inner node for a leaf", () => {
    // The hash of the root's two children in place of a leaf's key and value, and one level more below a leaf.
    const { key, value } = entries[0]!;
    const path = sha256(key);
    const { ends, siblings } = createProof(tree, 0, [key]);
    const deeper = {
      ends: [{ kind: "claimed" as const, depth: ends[0]!.depth + 1 }],
      siblings: [sha256(value), ...siblings],
    };
    expect(refusal(() => verifyKey(tree.root, key, value, encodeProof(deeper)))).not.toBe("accepted");
    const asLeaf = {
      ends: [{ kind: "other" as const, depth: 0, keyHash: path, valueHash: siblings[0]! }],
      siblings: [],
    };
    expect(refusal(() => verifyKey(tree.root, absentKeys[0]!, null, encodeProof(asLeaf)))).toBe("proof_root");
  });

  test("a leaf that lies where its path does not lead, under a root that no state has", () => {
    const claim = { key: absentKeys[0]!, value: null };
    const side = sha256(claim.key)[0]! >> 7;
    const stray = entries.find(({ key }) => sha256(key)[0]! >> 7 !== side)!;
    const [keyHash, valueHash] = [sha256(stray.key), sha256(stray.value)];
    const sibling = tree.root;
    const leaf = sha256("JMT::LeafNode", keyHash, valueHash);
    const root = sha256("JMT::IntrnalNode", ...(side === 0 ? [leaf, sibling] : [sibling, leaf]));
    const forged = encodeProof({ ends: [{ kind: "other", depth: 1, keyHash, valueHash }], siblings: [sibling] });
    expect(refusal(() => verifyKeys(root, [claim], forged))).toBe("proof_path");
  });

  test("any bytes at all, with nothing thrown but a refusal", () => {
    const near = proveKeys(
      tree,
      0,
      entries.slice(0, 3).map(({ key }) => key),
    );
    const mutated = fc
      .array(fc.tuple(fc.nat(near.length - 1), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 6 })
      .map((edits) => edits.reduce((bytes, [at, byte]) => bytes.with(at, byte), near))
      .filter((bytes) => compareBytes(bytes, near) !== 0);
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), mutated), (bytes) => {
        expect(refusal(() => verifyKeys(tree.root, entries.slice(0, 3), bytes))).not.toBe("accepted");
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("a check is bounded:", () => {
  const { key, value } = entry(0);
  const refusalOf = (proof: Proof) => refusal(() => verifyKey(EMPTY_ROOT, key, value, encodeProof(proof)));

  test("a path ends at depth 256 at the latest", () => {
    const siblings = new Array<Uint8Array>(DEPTH_MAX + 1).fill(EMPTY_ROOT);
    expect(refusalOf({ ends: [{ kind: "claimed", depth: DEPTH_MAX }], siblings: siblings.slice(1) })).toBe(
      "proof_root",
    );
    expect(refusalOf({ ends: [{ kind: "claimed", depth: DEPTH_MAX + 1 }], siblings })).toBe("proof_path");
    expect(refusalOf({ ends: [{ kind: "claimed", depth: 0xffff }], siblings })).toBe("proof_path");
  });

  test("counts that the bytes do not hold cost nothing", () => {
    for (const head of ["ffffffff", "01040000", "0000000000000000ffffffff", "00000000ffffffff"]) {
      expect(refusal(() => verifyKey(EMPTY_ROOT, key, value, unhex(head)))).toBe("proof_malformed");
    }
  });

  test.each<[string, readonly Claim[]]>([
    ["no key", []],
    ["a key twice", [entry(0), entry(1), { key, value: null }]],
    ["more keys than a proof takes", many(PROOF_KEYS_MAX + 1)],
  ])("%s is refused on both sides", (_, claims) => {
    const tree = new Tree(many(3));
    expect(
      refusal(() =>
        proveKeys(
          tree,
          0,
          claims.map((claim) => claim.key),
        ),
      ),
    ).toBe("proof_keys");
    expect(refusal(() => verifyKeys(tree.root, claims, proveKey(tree, 0, key)))).toBe("proof_keys");
  });
});

test("a store without a node of the path is a fault, not a proof", () => {
  const tree = new Tree(many(40));
  for (const node of tree.nodes.keys()) {
    const broken = new Tree(many(40));
    broken.nodes.delete(node);
    expect(() =>
      proveKeys(
        broken,
        0,
        many(40).map(({ key }) => key),
      ),
    ).toThrow(Fault);
  }
  expect(() => proveKey(tree, 1, entry(0).key)).toThrow(Fault);
});

test("the check stands on nothing of Node's, and on no reader or writer of the tree", () => {
  const seen = new Set<string>();
  const visit = (file: URL): void => {
    if (seen.has(file.href)) return;
    seen.add(file.href);
    const imports = readFileSync(file, "utf8").matchAll(/^(?:import|export) (?!type )[^;=(]*? from "([^"]+)";$/gm);
    for (const [, specifier] of imports) {
      if (specifier!.startsWith(".")) visit(new URL(specifier!, file));
      else expect(specifier).toMatch(/^@noble\/hashes\//);
    }
  };
  visit(new URL("./verify.ts", import.meta.url));
  const names = [...seen].map((href) => href.split("/").at(-1)).sort();
  expect(names).toEqual(["borsh.ts", "errors.ts", "proof.ts", "tree-hash.ts", "verify.ts"]);
});
