import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { arbitraryBlock, createBlock, type MadeBlock, recordsOf } from "../../test/support/made-blocks.ts";
import { temporaryFolder, testGenesis } from "../../test/support/test-chain.ts";
import { InputError } from "../../vm/errors.ts";
import { type NodeReader, readRoot, readValue } from "../state/tree.ts";
import { CHILDREN, decodeNode, nodeKey, withNibble } from "../state/tree-node.ts";
import { Store } from "../store.ts";
import { keys, space } from "./layout.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

async function chainOf(blocks: readonly MadeBlock[]): Promise<Store> {
  const store = await Store.open(temporaryFolder(), { genesis: testGenesis });
  onTestFinished(() => store.close());
  for (const block of blocks) await store.commit(createBlock(store, block));
  return store;
}

/** Every node that the root of `height` reaches, by walking down from it. */
function reachedFrom(nodes: NodeReader, height: number): Set<string> {
  const reached = new Set<string>();
  const visit = (version: number, path: Uint8Array, depth: number): void => {
    const key = nodeKey(version, path, depth);
    const record = nodes.getNode(key);
    if (record === undefined) throw new Error(`node ${hex(key)} is missing`);
    reached.add(hex(keys.node(key)));
    const node = decodeNode(record);
    if (node.kind !== "inner") return;
    for (let nibble = 0; nibble < CHILDREN; nibble++) {
      const child = node.children[nibble];
      if (child !== undefined) visit(child.version, withNibble(path, depth, nibble), depth + 1);
    }
  };
  visit(height, new Uint8Array(32), 0);
  return reached;
}

async function recordsIn(store: Store, first: number): Promise<string[]> {
  const prefix = hex(Uint8Array.of(first));
  return [...(await recordsOf(store.location)).keys()].filter((key) => key.startsWith(prefix));
}

const chain = (minLength: number) => fc.array(arbitraryBlock, { minLength, maxLength: 12 });

describe("pruning to the last N roots", () => {
  test("leaves exactly the nodes that kept roots reach, and every kept root and value as it was", async () => {
    const scenario = fc.record({
      blocks: chain(1),
      rootCount: fc.integer({ min: 1, max: 14 }),
      limit: fc.integer({ min: 1, max: 9 }),
    });
    await fc.assert(
      fc.asyncProperty(scenario, async ({ blocks, rootCount, limit }) => {
        const store = await chainOf(blocks);
        const archive = await chainOf(blocks);
        while (!(await store.prune(rootCount, limit)));
        const lowest = Math.max(0, blocks.length - rootCount + 1);
        expect(store.lowestHeight).toBe(lowest);
        const reached = new Set<string>();
        for (let height = lowest; height <= blocks.length; height++) {
          expect(readRoot(store.nodes, height)).toEqual(store.requireBlock(height).header.stateRoot);
          for (const key of reachedFrom(store.nodes, height)) reached.add(key);
          for (let number = 0; number < 40; number++) {
            const key = Uint8Array.of(0x73, number);
            expect(store.stateAt(height).get(key)).toEqual(readValue(archive.nodes, height, key));
          }
        }
        expect(await recordsIn(store, space.node)).toEqual([...reached].sort());
        const untouched = [space.eventContract, space.eventName, space.eventBlock, space.flat];
        for (const first of [space.block, space.blockHash, space.transaction, space.receipt, ...untouched]) {
          expect(await recordsIn(store, first)).toEqual(await recordsIn(archive, first));
        }
      }),
      { numRuns: 40 },
    );
  });

  test("between the blocks, given up at any time and gone back behind, ends where pruning at the end does", async () => {
    const scenario = fc.record({
      blocks: chain(2),
      rootCount: fc.integer({ min: 1, max: 4 }),
      limits: fc.array(fc.nat(6), { minLength: 1 }),
    });
    await fc.assert(
      fc.asyncProperty(scenario, async ({ blocks, rootCount, limits }) => {
        const store = await chainOf([]);
        for (const [index, block] of blocks.entries()) {
          await store.commit(createBlock(store, block));
          const limit = limits[index % limits.length]!;
          if (limit > 0) await store.prune(rootCount, limit);
          else if (index % 2 === 0) {
            await store.close();
            await store.reopen();
          } else if (store.lowestHeight < store.headHeight) {
            await store.rollback(store.headHeight - 1);
            await store.commit(createBlock(store, block));
          }
        }
        while (!(await store.prune(rootCount, 5)));
        const atEnd = await chainOf(blocks);
        while (!(await atEnd.prune(rootCount, 1_000)));
        expect(await recordsOf(store.location)).toEqual(await recordsOf(atEnd.location));
      }),
      { numRuns: 40 },
    );
  });

  test("does no more than it is told to in a step", async () => {
    const store = await chainOf(fc.sample(arbitraryBlock, { numRuns: 10, seed: 3 }));
    let before = (await recordsIn(store, space.node)).length;
    for (let isDone = false; !isDone; ) {
      isDone = await store.prune(1, 3);
      const now = (await recordsIn(store, space.node)).length;
      expect(before - now).toBeLessThanOrEqual(3);
      before = now;
    }
    expect(before).toBe(reachedFrom(store.nodes, 10).size);
  });

  test("of fewer blocks than N forgets nothing, and what is forgotten does not come back with a larger N", async () => {
    const store = await chainOf(fc.sample(arbitraryBlock, { numRuns: 6, seed: 4 }));
    const before = await recordsOf(store.location);
    expect(await store.prune(7, 100)).toBe(true);
    expect(await recordsOf(store.location)).toEqual(before);
    expect(await store.prune(3, 100)).toBe(true);
    expect(await store.prune(6, 100)).toBe(true);
    expect(store.lowestHeight).toBe(4);
  });
});

describe("the state at a height", () => {
  function codeOf(run: () => unknown): string {
    try {
      run();
      return "accepted";
    } catch (error) {
      if (error instanceof InputError) return error.code;
      throw error;
    }
  }

  test("is what the blocks up to it made of it, whatever came later", async () => {
    await fc.assert(
      fc.asyncProperty(chain(1), async (blocks) => {
        const store = await chainOf(blocks);
        const state = new Map<string, Uint8Array>();
        for (const [index, { changes }] of blocks.entries()) {
          for (const { key, value } of changes) {
            if (value === null) state.delete(hex(key));
            else state.set(hex(key), value);
          }
          const then = store.stateAt(index + 1);
          for (let number = 0; number < 40; number++) {
            const key = Uint8Array.of(0x73, number);
            expect(then.get(key)).toEqual(state.get(hex(key)));
          }
        }
      }),
      { numRuns: 30 },
    );
  });

  test("is refused where there is none: height_unknown, height_pruned", async () => {
    const store = await chainOf(fc.sample(arbitraryBlock, { numRuns: 6, seed: 4 }));
    await store.prune(2, 100);
    for (const height of [7, 1e9, -1, 1.5, Number.NaN])
      expect(codeOf(() => store.stateAt(height))).toBe("height_unknown");
    for (const height of [0, 1, 4]) expect(codeOf(() => store.stateAt(height))).toBe("height_pruned");
    for (const height of [5, 6]) expect(codeOf(() => store.stateAt(height))).toBe("accepted");
  });

  test("that goes while it is read is refused, and is no fault of ours", async () => {
    const store = await chainOf(fc.sample(arbitraryBlock, { numRuns: 6, seed: 4 }));
    const [early, late] = [store.stateAt(1), store.stateAt(6)];
    await store.prune(2, 1_000);
    await store.rollback(5);
    expect(codeOf(() => early.get(Uint8Array.of(0x73, 1)))).toBe("height_pruned");
    expect(codeOf(() => late.get(Uint8Array.of(0x73, 1)))).toBe("height_unknown");
  });

  test("can be listed at the head only: scan_of_history", async () => {
    const store = await chainOf(fc.sample(arbitraryBlock, { numRuns: 3, seed: 4 }));
    const [from, to] = [Uint8Array.of(0), Uint8Array.of(255)];
    expect([...store.stateAt(3).scan(from, to, false)]).toEqual([...store.flat.scan(from, to, false)]);
    expect(codeOf(() => store.stateAt(2).scan(from, to, false))).toBe("scan_of_history");
  });
});
