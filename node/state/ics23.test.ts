import { createHash } from "node:crypto";
import { ics23, verifyMembership, verifyNonMembership } from "@confio/ics23";
import { describe, expect, test } from "vitest";
import { compareBytes } from "../../vm/borsh.ts";
import { InputError } from "../../vm/errors.ts";
import { type CommitmentProof, type ExistenceProof, jmtProofSpec, toIcs23 } from "./ics23.ts";
import { createProof, proveKey } from "./prove.ts";
import { applyChanges, EMPTY_ROOT, type NodeReader } from "./tree.ts";
import { verifyKey } from "./verify.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const utf8 = (text: string) => new TextEncoder().encode(text);
const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash("sha256").update(bytes).digest());

interface Entry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

class Tree implements NodeReader {
  readonly nodes = new Map<string, Uint8Array>();
  readonly root: Uint8Array;

  constructor(entries: readonly Entry[]) {
    const update = applyChanges(this, null, 0, entries);
    for (const { key, bytes } of update.newNodes) this.nodes.set(hex(key), bytes);
    this.root = update.root;
  }

  getNode(key: Uint8Array): Uint8Array | undefined {
    return this.nodes.get(hex(key));
  }
}

/** As a stranger gets it: through the stock library's own protobuf. */
function received(proof: CommitmentProof): ics23.CommitmentProof {
  return ics23.CommitmentProof.decode(ics23.CommitmentProof.encode(ics23.CommitmentProof.create(proof)).finish());
}

/** What the stock verifier says; it throws at some malformed proofs, which is a refusal too. */
function accepts(proof: ics23.ICommitmentProof, root: Uint8Array, key: Uint8Array, value: Uint8Array | null): boolean {
  try {
    return value === null
      ? verifyNonMembership(proof, jmtProofSpec, root, sha256(key))
      : verifyMembership(proof, jmtProofSpec, root, sha256(key), sha256(value));
  } catch {
    return false;
  }
}

/** What the bytes of a proof say, whichever way they say it. */
function meaningOf(proof: ics23.CommitmentProof): string {
  return JSON.stringify(ics23.CommitmentProof.toObject(proof, { defaults: true, bytes: String, enums: String }));
}

const innerTag = utf8("JMT::IntrnalNode");
const isEmpty = (sibling: Uint8Array) => compareBytes(sibling, EMPTY_ROOT) === 0;

/** What a neighbour's path passes on the side of the absent key, below where the two neighbours' paths part. */
function siblingsBetween({ left, right }: Absence): readonly Uint8Array[] {
  const [leftSteps, rightSteps] = [left, right].map((neighbour) => neighbour?.path.toReversed() ?? []);
  const isShared = (at: number) =>
    compareBytes(leftSteps![at]!.prefix, rightSteps![at]!.prefix) === 0 &&
    compareBytes(leftSteps![at]!.suffix, rightSteps![at]!.suffix) === 0;
  let top = 0;
  if (left !== null && right !== null) {
    while (isShared(top)) top++;
    top++;
  }
  return [
    ...leftSteps!.slice(top).flatMap(({ suffix }) => (suffix.length > 0 ? [suffix] : [])),
    ...rightSteps!.slice(top).flatMap(({ prefix }) => (prefix.length > innerTag.length ? [prefix.subarray(16)] : [])),
  ];
}

type Absence = Extract<CommitmentProof, { readonly nonexist: object }>["nonexist"];

function absenceOf(tree: Tree, key: Uint8Array): Absence {
  const proof = toIcs23(tree, 0, key);
  if (!("nonexist" in proof)) throw new Error("the key is in the tree");
  return proof.nonexist;
}

const entry = (i: number): Entry => ({ key: utf8(`key ${i}`), value: utf8(i % 7 === 0 ? "" : `value ${i}`) });
const many = (count: number) => Array.from({ length: count }, (_, i) => entry(i));
const strangers = (count: number) => Array.from({ length: count }, (_, i) => utf8(`stranger ${i}`));
const sizes = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 17, 33, 100, 300, 2_000];

describe("the stock verifier", () => {
  test.each(sizes)("accepts every key of %i, and no other value of it", (size) => {
    const entries = many(size);
    const tree = new Tree(entries);
    for (const { key, value } of entries.slice(0, 200)) {
      const proof = received(toIcs23(tree, 0, key));
      expect(accepts(proof, tree.root, key, value)).toBe(true);
      expect(accepts(proof, tree.root, key, utf8("another"))).toBe(false);
      expect(accepts(proof, tree.root, key, null)).toBe(false);
      expect(accepts(proof, EMPTY_ROOT, key, value)).toBe(false);
      expect(accepts(proof, tree.root, utf8("another"), value)).toBe(false);
    }
  });

  test.each(sizes)("accepts absence among %i keys where no empty subtree lies beside a neighbour's path", (size) => {
    const tree = new Tree(many(size));
    for (const key of strangers(100)) {
      const nonexist = absenceOf(tree, key);
      const between = siblingsBetween(nonexist);
      // ICS-23 asks that nothing but empty subtrees lie between the neighbours. The stock verifier knows of no empty ones.
      expect(between.every(isEmpty)).toBe(true);
      expect(accepts(received({ nonexist }), tree.root, key, null)).toBe(between.length === 0);
      expect(accepts(received({ nonexist }), tree.root, key, utf8(""))).toBe(false);
      const { left, right } = nonexist;
      for (const exist of [left, right].filter((neighbour) => neighbour !== null)) {
        expect(verifyMembership(received({ exist }), jmtProofSpec, tree.root, exist.key, exist.value)).toBe(true);
      }
      if (left !== null) expect(compareBytes(left.key, sha256(key))).toBeLessThan(0);
      if (right !== null) expect(compareBytes(sha256(key), right.key)).toBeLessThan(0);
    }
  });

  test("accepts absence before all keys, behind all and between, and none in an empty subtree", () => {
    const seen = new Map<string, number>();
    for (const size of sizes) {
      const tree = new Tree(many(size));
      for (const key of strangers(200)) {
        const { left, right } = absenceOf(tree, key);
        if (!accepts(received({ nonexist: { key: sha256(key), left, right } }), tree.root, key, null)) continue;
        const [end] = createProof(tree, 0, [key]).ends;
        const place = left === null ? "before all" : right === null ? "behind all" : "between";
        for (const kind of [place, end!.kind]) seen.set(kind, (seen.get(kind) ?? 0) + 1);
      }
    }
    for (const kind of ["before all", "behind all", "between", "other"]) {
      expect(seen.get(kind) ?? 0, kind).toBeGreaterThan(20);
    }
    // The empty subtree itself lies between the neighbours.
    expect(seen.has("empty")).toBe(false);
  });

  test("takes no proof about a key for one about the opposite, nor about a key beyond the neighbours", () => {
    const entries = many(100);
    const tree = new Tree(entries);
    const stranger = strangers(1)[0]!;
    const nonexist = absenceOf(tree, stranger);
    for (const { key, value } of entries) {
      expect(accepts(received({ nonexist }), tree.root, key, null)).toBe(false);
      expect(accepts(received({ nonexist }), tree.root, key, value)).toBe(false);
    }
  });
});

describe("a tampered proof is refused:", () => {
  interface Case {
    readonly tree: Tree;
    readonly key: Uint8Array;
    readonly value: Uint8Array | null;
    readonly proof: ics23.ICommitmentProof;
  }
  /** An absence among `size` keys that the stock verifier accepts. */
  function findAbsence(size: number, isWanted: (nonexist: Absence) => boolean): Case & { readonly nonexist: Absence } {
    const tree = new Tree(many(size));
    for (const key of strangers(1_000)) {
      const nonexist = absenceOf(tree, key);
      // ICS-23 gives the key in a proof of absence no meaning, so it is left out.
      const proof = { nonexist: { left: nonexist.left, right: nonexist.right } };
      if (isWanted(nonexist) && accepts(proof, tree.root, key, null))
        return { tree, key, value: null, proof, nonexist };
    }
    throw new Error("no such absence");
  }
  const between = findAbsence(12, ({ left, right }) => left !== null && right !== null);
  const tree = between.tree;
  const cases: Record<string, Case> = {
    existence: { tree, ...entry(1), proof: toIcs23(tree, 0, entry(1).key) },
    "absence between": between,
    "absence before all": findAbsence(100, ({ left }) => left === null),
    "absence behind all": findAbsence(6, ({ right }) => right === null),
  };

  describe.each(Object.entries(cases))("%s", (_, { tree, key, value, proof }) => {
    // A copy, because the library gives a Buffer, whose `slice` is none.
    const bytes = Uint8Array.from(ics23.CommitmentProof.encode(ics23.CommitmentProof.create(proof)).finish());
    const decode = (altered: Uint8Array) => {
      try {
        return ics23.CommitmentProof.decode(altered);
      } catch {
        return null;
      }
    };
    const acceptsBytes = (altered: Uint8Array) => {
      const decoded = decode(altered);
      return decoded !== null && accepts(decoded, tree.root, key, value);
    };

    test("accepted as it is", () => expect(acceptsBytes(bytes)).toBe(true));

    test("each bit flipped", () => {
      let unread = 0;
      for (let at = 0; at < bytes.length; at++) {
        for (let bit = 0; bit < 8; bit++) {
          const altered = bytes.slice();
          altered[at]! ^= 1 << bit;
          const decoded = decode(altered);
          // The library does not read the type of a field that it knows, and NO_HASH is what an absent field means: a few
          // flips leave the proof as it was.
          const isSame = decoded !== null && meaningOf(decoded) === meaningOf(decode(bytes)!);
          if (isSame) unread++;
          expect(acceptsBytes(altered), `byte ${at} bit ${bit}`).toBe(isSame);
        }
      }
      expect(unread).toBeLessThan(bytes.length);
    });

    test("cut off at each byte", () => {
      for (let length = 0; length < bytes.length; length++) expect(acceptsBytes(bytes.slice(0, length))).toBe(false);
    });
  });

  test("key and value cut apart at another place", () => {
    const { key, proof } = cases.existence!;
    const { exist } = proof;
    const both = Uint8Array.of(...exist!.key!, ...exist!.value!);
    for (const length of [1, 31, 33, 63]) {
      const [head, tail] = [both.slice(0, length), both.slice(length)];
      const altered = { exist: { ...exist, key: head, value: tail } };
      expect(verifyMembership(altered, jmtProofSpec, tree.root, head, tail)).toBe(false);
    }
    expect(accepts(proof, tree.root, key, entry(1).value)).toBe(true);
  });

  test("the neighbours exchanged, one left out, or a step moved to the other side", () => {
    const { key, nonexist } = between;
    const { left, right } = nonexist;
    const swapSides = (path: ExistenceProof["path"]) =>
      path.map((step) => ({
        ...step,
        prefix: Uint8Array.of(...innerTag, ...step.suffix),
        suffix: step.prefix.subarray(innerTag.length),
      }));
    const altered = [
      { left: right, right: left },
      { left, right: null },
      { left: null, right },
      { left: null, right: null },
      { left: { ...left!, path: swapSides(left!.path) }, right },
      { left, right: { ...right!, path: swapSides(right!.path) } },
      { left: { ...left!, path: left!.path.slice(1) }, right },
      { left: { ...left!, path: left!.path.slice(0, -1) }, right },
    ];
    for (const sides of altered) {
      expect(accepts(received({ nonexist: { key, ...sides } }), tree.root, key, null)).toBe(false);
    }
  });

  test("neighbours that are none: with a key between them", () => {
    const sorted = many(12).sort((a, b) => compareBytes(sha256(a.key), sha256(b.key)));
    for (let at = 1; at + 1 < sorted.length; at++) {
      const [left, right] = [sorted[at - 1]!, sorted[at + 1]!].map(({ key }) => {
        const proof = toIcs23(tree, 0, key);
        return "exist" in proof ? proof.exist : null;
      });
      const nonexist = { key: sorted[at]!.key, left: left!, right: right! };
      expect(accepts(received({ nonexist }), tree.root, sorted[at]!.key, null)).toBe(false);
    }
  });
});

test("the empty state has no neighbours, and is refused in words", () => {
  const tree = new Tree([]);
  expect(() => toIcs23(tree, 0, utf8("key"))).toThrow(expect.objectContaining({ code: "proof_inexpressible" }));
  expect(() => toIcs23(tree, 0, utf8("key"))).toThrow(InputError);
  verifyKey(tree.root, utf8("key"), null, proveKey(tree, 0, utf8("key")));
});
