import { sha256 } from "@noble/hashes/sha2.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InputError } from "../vm/errors.ts";
import { merkleRoot, proveItem, verifyItem } from "./merkle.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const fromHex = (text: string) => new Uint8Array(Buffer.from(text, "hex"));

// The inputs and roots of the Certificate Transparency reference implementation (merkle_tree_test.cc).
const inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"].map(
  fromHex,
);

const roots = [
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/** RFC 6962 section 2.1, word for word. */
function definition(items: readonly Uint8Array[]): Uint8Array {
  if (items.length === 0) return sha256(new Uint8Array());
  if (items.length === 1) return sha256(Uint8Array.of(0, ...items[0]!));
  let k = 1;
  while (k * 2 < items.length) k *= 2;
  return sha256(Uint8Array.of(1, ...definition(items.slice(0, k)), ...definition(items.slice(k))));
}

const itemsArb = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 40 });

describe("the Merkle root", () => {
  test("of nothing is the hash of nothing", () => {
    expect(hex(merkleRoot([]))).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  });

  test.each(roots.map((root, index) => [index + 1, root] as const))(
    "of %i reference inputs is known",
    (count, root) => {
      expect(hex(merkleRoot(inputs.slice(0, count)))).toBe(root);
    },
  );

  test("is the RFC's for any list", () => {
    fc.assert(
      fc.property(itemsArb, (items) => {
        expect(merkleRoot(items)).toEqual(definition(items));
      }),
    );
  });

  test("is the RFC's around every power of two up to 64", () => {
    for (let count = 0; count <= 65; count++) {
      const items = Array.from({ length: count }, (_, index) => Uint8Array.of(index));
      expect(merkleRoot(items)).toEqual(definition(items));
    }
  });

  test("changes with every item, with their order and with their number", () => {
    const changed = fc
      .tuple(
        fc.uniqueArray(fc.uint8Array({ minLength: 1, maxLength: 8 }), { minLength: 2, maxLength: 20, selector: hex }),
        fc.nat(),
      )
      .map(([items, at]) => ({ items, at: at % items.length }));
    fc.assert(
      fc.property(changed, ({ items, at }) => {
        const root = hex(merkleRoot(items));
        const flipped = items.with(
          at,
          Uint8Array.from(items[at]!, (byte) => byte ^ 1),
        );
        const swapped = items.with(at, items[(at + 1) % items.length]!).with((at + 1) % items.length, items[at]!);
        const without = items.filter((_, index) => index !== at);
        const twice = [...items, items.at(-1)!];
        for (const other of [flipped, swapped, without, twice]) expect(hex(merkleRoot(other))).not.toBe(root);
      }),
    );
  });

  test("of a node's two halves is not that node's root", () => {
    // The second preimage that CVE-2012-2459 and trees without leaf tags admit.
    const [a, b] = [sha256(Uint8Array.of(0, 1)), sha256(Uint8Array.of(0, 2))];
    const root = merkleRoot([Uint8Array.of(1), Uint8Array.of(2)]);
    expect(merkleRoot([Uint8Array.of(...a, ...b)])).not.toEqual(root);
    expect(merkleRoot([a, b])).not.toEqual(root);
  });
});

/** RFC 6962 section 2.1.1, word for word. */
function pathDefinition(index: number, items: readonly Uint8Array[]): Uint8Array[] {
  if (items.length === 1) return [];
  let k = 1;
  while (k * 2 < items.length) k *= 2;
  return index < k
    ? [...pathDefinition(index, items.slice(0, k)), definition(items.slice(k))]
    : [...pathDefinition(index - k, items.slice(k)), definition(items.slice(0, k))];
}

describe("an audit path", () => {
  // Counted from 1, as in the same reference tests: which leaf, of how many, and the known path.
  const known: readonly (readonly [number, number, readonly string[]])[] = [
    [1, 1, []],
    [
      1,
      8,
      [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
      ],
    ],
    [
      6,
      8,
      [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
      ],
    ],
    [3, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]],
    [
      2,
      5,
      [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
      ],
    ],
  ];

  test.each(known)("of leaf %i among %i reference inputs is known", (leaf, count, path) => {
    const items = inputs.slice(0, count);
    expect(proveItem(items, leaf - 1).map(hex)).toEqual(path);
    verifyItem(fromHex(roots[count - 1]!), items[leaf - 1]!, { index: leaf - 1, count }, path.map(fromHex));
  });

  test("is the RFC's for every item of every list up to 65, and verifies", () => {
    for (let count = 1; count <= 65; count++) {
      const items = Array.from({ length: count }, (_, index) => Uint8Array.of(index));
      const root = merkleRoot(items);
      for (const [index, item] of items.entries()) {
        const path = proveItem(items, index);
        expect(path).toEqual(pathDefinition(index, items));
        verifyItem(root, item, { index, count }, path);
      }
    }
  });

  function refusal(check: () => void): string {
    try {
      check();
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return error.code;
    }
    return "accepted";
  }

  test("is refused for another item, root or place, and when it is altered, longer or shorter", () => {
    const listArb = fc
      .tuple(fc.uniqueArray(fc.uint8Array({ maxLength: 8 }), { minLength: 1, maxLength: 40, selector: hex }), fc.nat())
      .map(([items, at]) => ({ items, index: at % items.length }));
    fc.assert(
      fc.property(listArb, fc.nat(), ({ items, index }, seed) => {
        const count = items.length;
        const root = merkleRoot(items);
        const item = items[index]!;
        const path = proveItem(items, index);
        const place = { index, count };
        expect(refusal(() => verifyItem(root, item, place, path))).toBe("accepted");
        expect(refusal(() => verifyItem(root, Uint8Array.of(...item, 0), place, path))).toBe("proof_root");
        expect(refusal(() => verifyItem(merkleRoot([...items, item]), item, place, path))).toBe("proof_root");
        expect(refusal(() => verifyItem(root, item, place, [...path, root]))).toBe("proof_shape");
        for (let other = 0; other < count; other++) {
          if (other !== index) {
            expect(refusal(() => verifyItem(root, item, { index: other, count }, path))).not.toBe("accepted");
          }
        }
        if (path.length === 0) return;
        const at = seed % path.length;
        const flipped = path[at]!.with(seed % 32, path[at]![seed % 32]! ^ (1 << (seed % 8)));
        expect(refusal(() => verifyItem(root, item, place, path.with(at, flipped)))).toBe("proof_root");
        expect(refusal(() => verifyItem(root, item, place, path.with(at, path[at]!.subarray(1))))).toBe("proof_shape");
        expect(refusal(() => verifyItem(root, item, place, path.toSpliced(at, 1)))).toBe("proof_shape");
      }),
    );
  });

  test.each([
    [-1, 3],
    [3, 3],
    [0, 0],
    [0.5, 3],
    [0, Number.NaN],
    [Number.NaN, 3],
    [0, Number.POSITIVE_INFINITY],
    [2 ** 53, 2 ** 54],
  ])("of item %d among %d does not exist", (index, count) => {
    expect(refusal(() => verifyItem(merkleRoot(inputs), inputs[0]!, { index, count }, []))).toBe("proof_index");
  });

  test("of the largest place there is ends after 53 steps", () => {
    const place = { index: 0, count: Number.MAX_SAFE_INTEGER };
    const path = new Array<Uint8Array>(53).fill(sha256(new Uint8Array()));
    expect(refusal(() => verifyItem(merkleRoot(inputs), inputs[0]!, place, path))).toBe("proof_root");
  });

  test("of an inner node's halves is no proof of an item", () => {
    const [a, b] = [sha256(Uint8Array.of(0, 1)), sha256(Uint8Array.of(0, 2))];
    const items = [1, 2, 3].map((byte) => Uint8Array.of(byte));
    const path = proveItem(items, 0).slice(1);
    expect(refusal(() => verifyItem(merkleRoot(items), Uint8Array.of(...a, ...b), { index: 0, count: 2 }, path))).toBe(
      "proof_root",
    );
  });
});
