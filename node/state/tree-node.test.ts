import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareBytes } from "../../vm/borsh.ts";
import { Fault } from "../../vm/errors.ts";
import {
  CHILDREN,
  type Child,
  decodeNode,
  EMPTY_NODE,
  encodeNode,
  hash,
  nibbleAt,
  nodeKey,
  type TreeNode,
  withNibble,
} from "./tree-node.ts";

const bytes = fc.uint8Array({ maxLength: 80 });
const hash32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
const child: fc.Arbitrary<Child> = fc.record({ version: fc.maxSafeNat(), hash: hash32, isLeaf: fc.boolean() });
const leafNode = fc
  .tuple(bytes, bytes)
  .map(([key, value]): TreeNode => ({ kind: "leaf", keyHash: hash(key), key, value }));
const innerNode = fc
  .array(fc.option(child, { nil: undefined }), { minLength: CHILDREN, maxLength: CHILDREN })
  .filter((children) => {
    const present = children.filter((slot) => slot !== undefined);
    return present.length > 1 || present[0]?.isLeaf === false;
  })
  .map((children): TreeNode => ({ kind: "inner", children }));
const treeNode = fc.oneof(fc.constant<TreeNode>(EMPTY_NODE), leafNode, innerNode);

describe("record", () => {
  test("a node is what its record decodes to", () => {
    fc.assert(
      fc.property(treeNode, (node) => {
        expect(decodeNode(encodeNode(node))).toEqual(node);
      }),
    );
  });

  test("a record may lie anywhere in a larger buffer", () => {
    fc.assert(
      fc.property(treeNode, bytes, (node, before) => {
        const record = encodeNode(node);
        const buffer = new Uint8Array(before.length + record.length + 7);
        buffer.set(record, before.length);
        expect(decodeNode(buffer.subarray(before.length, before.length + record.length))).toEqual(node);
      }),
    );
  });

  test("a truncated record is refused wherever it ends", () => {
    fc.assert(
      fc.property(treeNode, (node) => {
        const record = encodeNode(node);
        for (let length = 0; length < record.length; length++) {
          expect(() => decodeNode(record.subarray(0, length))).toThrow(Fault);
        }
      }),
      { numRuns: 30 },
    );
  });

  test("a record with bytes behind it is refused", () => {
    fc.assert(
      fc.property(treeNode, fc.uint8Array({ minLength: 1, maxLength: 41 }), (node, tail) => {
        expect(() => decodeNode(Uint8Array.of(...encodeNode(node), ...tail))).toThrow(Fault);
      }),
    );
  });

  test("bytes that decode are the one encoding of what they decode to", () => {
    let decodedCount = 0;
    fc.assert(
      fc.property(treeNode, fc.nat(), fc.nat(255), (node, position, byte) => {
        const record = encodeNode(node);
        record[position % Math.min(record.length, 16)] = byte;
        let decoded: TreeNode;
        try {
          decoded = decodeNode(record);
        } catch (error) {
          expect(error).toBeInstanceOf(Fault);
          return;
        }
        decodedCount++;
        expect(encodeNode(decoded)).toEqual(record);
      }),
      { numRuns: 1000 },
    );
    expect(decodedCount).toBeGreaterThan(100);
  });

  const leaf: Child = { version: 1, hash: new Uint8Array(32), isLeaf: true };
  const slots = (...children: Child[]) => Array.from({ length: CHILDREN }, (_, nibble) => children[nibble]);
  const twoLeaves = encodeNode({ kind: "inner", children: slots(leaf, leaf) });
  const patched = (offset: number, ...patch: number[]) => {
    const record = twoLeaves.slice();
    record.set(patch, offset);
    return record;
  };

  test.each<[string, Uint8Array]>([
    ["no bytes at all", new Uint8Array(0)],
    ["an unknown tag", Uint8Array.of(3)],
    ["an inner node without children", Uint8Array.of(2, 0, 0, 0, 0)],
    ["an inner node whose only child is a leaf", encodeNode({ kind: "inner", children: slots(leaf) })],
    ["a leaf bit where no child is", patched(3, 0, 7)],
    ["more children in the map than in the record", patched(1, 0, 7)],
    ["fewer children in the map than in the record", patched(1, 0, 1)],
    ["a version of 2^53", patched(5, 0, 0x20, 0, 0, 0, 0, 0, 0)],
    ["a key longer than the record", Uint8Array.of(1, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 1)],
    ["lengths that only add up modulo 2^32", Uint8Array.of(1, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 2, 1)],
  ])("%s is refused", (_, record) => {
    expect(() => decodeNode(record)).toThrow(Fault);
  });
});

describe("node key", () => {
  const place = fc.record({ version: fc.maxSafeNat(), path: hash32, length: fc.nat(64) });
  const nibbles = (path: Uint8Array, length: number) => Array.from({ length }, (_, depth) => nibbleAt(path, depth));

  test("equal keys are equal places", () => {
    // Short paths over few bytes, so that equal and nearly equal places are common.
    const byte = fc.constantFrom(0x00, 0x01, 0x10, 0x11);
    const near = fc.record({ version: fc.nat(1), path: fc.tuple(byte, byte), length: fc.nat(4) });
    fc.assert(
      fc.property(near, near, (a, b) => {
        const key = ({ version, path, length }: typeof a) => nodeKey(version, Uint8Array.of(...path), length);
        const isSamePlace =
          a.version === b.version &&
          nibbles(Uint8Array.of(...a.path), a.length).join() === nibbles(Uint8Array.of(...b.path), b.length).join();
        expect(compareBytes(key(a), key(b)) === 0).toBe(isSamePlace);
      }),
      { numRuns: 2000 },
    );
  });

  test("node keys sort by version first", () => {
    fc.assert(
      fc.property(place, place, (a, b) => {
        const order = compareBytes(nodeKey(a.version, a.path, a.length), nodeKey(b.version, b.path, b.length));
        if (a.version !== b.version) expect(Math.sign(order)).toBe(Math.sign(a.version - b.version));
      }),
    );
  });

  test("the version is eight bytes, big endian", () => {
    expect(nodeKey(0x01_0203_0405_0607, new Uint8Array(0), 0)).toEqual(Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7, 0));
    expect(nodeKey(Number.MAX_SAFE_INTEGER, Uint8Array.of(0xab), 1)).toEqual(
      Uint8Array.of(0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0xa0),
    );
  });

  test("a sibling's path differs in the one nibble", () => {
    fc.assert(
      fc.property(hash32, fc.nat(63), fc.nat(15), (path, depth, nibble) => {
        const expected = nibbles(path, 64);
        expected[depth] = nibble;
        expect(nibbles(withNibble(path, depth, nibble), 64)).toEqual(expected);
      }),
    );
  });

  test.each<[string, () => unknown]>([
    ["a negative version", () => nodeKey(-1, new Uint8Array(32), 0)],
    ["a version of 2^53", () => nodeKey(2 ** 53, new Uint8Array(32), 0)],
    ["half a version", () => nodeKey(0.5, new Uint8Array(32), 0)],
    ["65 nibbles", () => nodeKey(0, new Uint8Array(40), 65)],
    ["more nibbles than the path has", () => nodeKey(0, new Uint8Array(1), 3)],
    ["a nibble below the deepest leaf", () => nibbleAt(new Uint8Array(32), 64)],
  ])("%s is a fault", (_, act) => {
    expect(act).toThrow(Fault);
  });
});
