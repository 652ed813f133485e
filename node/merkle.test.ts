import { sha256 } from "@noble/hashes/sha2.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { merkleRoot } from "./merkle.ts";

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
