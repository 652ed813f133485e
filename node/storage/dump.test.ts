import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { canMount, fill, smallDisk } from "../../test/support/full-disk.ts";
import { arbitraryBlock, createBlock, type MadeBlock, recordsOf, tamper } from "../../test/support/made-blocks.ts";
import { codeOfWork } from "../../test/support/refusals.ts";
import { sampleContract } from "../../test/support/sample-contracts.ts";
import { TestChain, temporaryFolder, testGenesis } from "../../test/support/test-chain.ts";
import { hash } from "../crypto.ts";
import { encodeGenesis } from "../genesis.ts";
import { openReplaySource, replayChain } from "../replay.ts";
import { nodeKey } from "../state/tree-node.ts";
import { Store } from "../store.ts";
import { checkDatabase } from "./check.ts";
import { dumpChain, loadChain } from "./dump.ts";
import { type DumpRecord, readDump, writeDump } from "./dump-file.ts";
import { keys } from "./layout.ts";

async function chainOf(blocks: readonly MadeBlock[]): Promise<Store> {
  const store = await Store.open(temporaryFolder(), { genesis: testGenesis });
  onTestFinished(() => store.close());
  for (const block of blocks) await store.commit(createBlock(store, block));
  return store;
}

async function openLoaded(path: string): Promise<Store> {
  const folder = join(temporaryFolder(), "loaded");
  await loadChain(path, folder);
  const store = await Store.open(folder);
  onTestFinished(() => store.close());
  return store;
}

const sampleBlocks = fc.sample(arbitraryBlock, { numRuns: 4, seed: 21 });

async function sampleDump(): Promise<string> {
  const path = join(temporaryFolder(), "chain.dump");
  await dumpChain(await chainOf(sampleBlocks), path);
  return path;
}

describe("a chain that was dumped and loaded", () => {
  test("is whole, has every block and the state of the head, dumps to the same bytes, and goes on alike", async () => {
    const scenario = fc.record({
      before: fc.array(arbitraryBlock, { maxLength: 6 }),
      after: fc.array(arbitraryBlock, { maxLength: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(scenario, async ({ before, after }) => {
        const original = await chainOf(before);
        const path = join(temporaryFolder(), "chain.dump");
        const facts = await dumpChain(original, path);
        const loaded = await openLoaded(path);
        const { headHash, stateRoot, transactionCount, entryCount } = await checkDatabase(loaded.location);
        expect(facts).toEqual({
          ...{ chainId: testGenesis.chainId, height: before.length },
          ...{ headHash, stateRoot, transactionCount, entryCount },
        });
        const again = join(temporaryFolder(), "again.dump");
        await dumpChain(loaded, again);
        expect(readFileSync(again)).toEqual(readFileSync(path));
        for (const block of after) {
          await original.commit(createBlock(original, block));
          await loaded.commit(createBlock(loaded, block));
        }
        await checkDatabase(loaded.location);
        while (!(await original.prune(after.length + 1, 100)));
        // Nodes lie under other versions there; all else is alike.
        const own = (records: Map<string, string>) => [...records].filter(([key]) => !/^1[01]/.test(key));
        expect(own(await recordsOf(loaded.location))).toEqual(own(await recordsOf(original.location)));
      }),
      { numRuns: 25 },
    );
  });

  test("is executed again from its genesis by a replay, and keeps no state below its head", async () => {
    const chain = await TestChain.create();
    const contract = await chain.deploy(sampleContract, hash("code", sampleContract));
    for (const method of ["set", "tell", "remove", "refuse"]) {
      await chain.run([{ kind: "call", contract, method, args: new Uint8Array(), value: 0n }]);
    }
    const path = join(temporaryFolder(), "chain.dump");
    await dumpChain(chain.store, path);
    const loaded = await openLoaded(path);
    expect(() => loaded.stateAt(4)).toThrow(expect.objectContaining({ code: "height_pruned" }));
    await loaded.close();
    const source = await openReplaySource({ dataDir: loaded.location });
    onTestFinished(() => source.close());
    expect(await replayChain(source)).toMatchObject({
      blocks: 5,
      difference: null,
      stateRoot: chain.chain.head.stateRoot,
    });
  });

  test("may be larger than a chunk", async () => {
    const values = [3, 5, 7, 11].map((factor) => new Uint8Array(350_000).map((_, index) => (index * factor) >> 3));
    const changes = values.map((value, index) => ({ key: Uint8Array.of(0x73, index), value }));
    const path = join(temporaryFolder(), "chain.dump");
    const store = await chainOf([{ changes, transactionCount: 1 }]);
    await dumpChain(store, path);
    expect(readFileSync(path).length).toBeGreaterThan(1_200_000);
    const loaded = await openLoaded(path);
    for (const { key, value } of changes) expect(Buffer.compare(loaded.flat.get(key)!, value)).toBe(0);
  });
});

describe("a dump is refused and leaves nothing behind", () => {
  async function expectRefused(bytes: Uint8Array, codes: RegExp): Promise<void> {
    const folder = temporaryFolder();
    const [path, target] = [join(folder, "chain.dump"), join(folder, "target")];
    writeFileSync(path, bytes);
    expect(await codeOfWork(loadChain(path, target))).toMatch(codes);
    expect(readdirSync(folder)).toEqual(["chain.dump"]);
  }

  test("when any byte of it is another", async () => {
    const bytes = readFileSync(await sampleDump());
    for (let at = 0; at < bytes.length; at++) {
      const altered = bytes.slice();
      altered[at]! ^= 1 << (at % 8);
      await expectRefused(altered, /^dump_(format|version|altered|truncated)$/);
    }
  });

  test("when it ends anywhere before its end", async () => {
    const bytes = readFileSync(await sampleDump());
    for (let length = 0; length < bytes.length; length++) {
      await expectRefused(bytes.subarray(0, length), /^dump_truncated$/);
    }
  });

  test("when it goes on behind its end, or its chunks are others", async () => {
    const bytes = readFileSync(await sampleDump());
    const chunk = bytes.subarray(12, -36);
    await expectRefused(Buffer.concat([bytes, Buffer.of(0)]), /^dump_overlong$/);
    await expectRefused(Buffer.concat([bytes, bytes]), /^dump_overlong$/);
    await expectRefused(Buffer.concat([bytes.subarray(0, 12), chunk, bytes.subarray(12)]), /^dump_altered$/);
    await expectRefused(Buffer.concat([bytes.subarray(0, 12), bytes.subarray(-36)]), /^dump_altered$/);
  });

  test("when it is of another version, or no dump, or not there", async () => {
    const bytes = readFileSync(await sampleDump());
    for (const version of [0, 1, 3]) {
      bytes[11] = version;
      await expectRefused(bytes, /^dump_version$/);
    }
    await expectRefused(new TextEncoder().encode("something else entirely"), /^dump_format$/);
    const folder = temporaryFolder();
    expect(await codeOfWork(loadChain(join(folder, "none"), join(folder, "target")))).toBe("dump_missing");
    expect(await codeOfWork(loadChain(folder, join(folder, "target")))).toBe("dump_unreadable");
    expect(readdirSync(folder)).toEqual([]);
  });

  test("when its hashes are right and its chain is not: dump_invalid", async () => {
    const good: DumpRecord[] = [];
    for await (const record of readDump(await sampleDump())) good.push(record);
    const count = (kind: DumpRecord["kind"]) => good.filter((record) => record.kind === kind).length;
    expect([count("genesis"), count("block")]).toEqual([1, 5]);
    expect(count("receipt")).toBeGreaterThan(0);
    expect(count("entry")).toBeGreaterThan(4);

    const wrong: (readonly [string, readonly DumpRecord[]])[] = [
      ["nothing", []],
      ["only a genesis", good.slice(0, 1)],
      ["another genesis", [{ kind: "genesis", genesis: encodeGenesis({ ...testGenesis, time: 5 }) }, ...good.slice(1)]],
    ];
    for (const [index, record] of good.entries()) {
      wrong.push([`without record ${index}`, good.toSpliced(index, 1)]);
      wrong.push([`with record ${index} twice`, good.toSpliced(index, 0, record)]);
      if (index > 0)
        wrong.push([`with record ${index} earlier`, good.toSpliced(index - 1, 2, record, good[index - 1]!)]);
      if (record.kind === "genesis") continue;
      for (const [name, bytes] of Object.entries(record)) {
        if (!(bytes instanceof Uint8Array)) continue;
        const altered =
          bytes.length === 0 ? Uint8Array.of(0) : Uint8Array.of(...bytes.subarray(0, -1), bytes.at(-1)! ^ 1);
        wrong.push([`with another ${name} ${index}`, good.with(index, { ...record, [name]: altered } as DumpRecord)]);
      }
    }
    const path = join(temporaryFolder(), "wrong.dump");
    for (const [what, records] of wrong) {
      await writeDump(path, records);
      const folder = temporaryFolder();
      expect(await codeOfWork(loadChain(path, join(folder, "target"))), what).toBe("dump_invalid");
      expect(readdirSync(folder), what).toEqual([]);
    }
    await writeDump(path, good);
    expect(await codeOfWork(loadChain(path, join(temporaryFolder(), "target")))).toBe("accepted");
  });

  test("when the folder is in use: data_exists, and what is there stays", async () => {
    const path = await sampleDump();
    const folder = temporaryFolder();
    writeFileSync(join(folder, "mine"), "precious");
    expect(await codeOfWork(loadChain(path, folder))).toBe("data_exists");
    expect(await codeOfWork(loadChain(path, join(folder, "mine")))).toBe("data_exists");
    expect(readFileSync(join(folder, "mine"), "utf8")).toBe("precious");
    mkdirSync(join(folder, "empty"));
    expect(await codeOfWork(loadChain(path, join(folder, "empty")))).toBe("accepted");
    expect(await codeOfWork(loadChain(path, join(folder, "empty")))).toBe("data_exists");
  });
});

describe("no dump is made", () => {
  test("of a chain that is damaged: data_damaged, and an older dump stays", async () => {
    const path = await sampleDump();
    const before = readFileSync(path);
    const root = keys.node(nodeKey(sampleBlocks.length, new Uint8Array(32), 0));
    for (const key of [keys.block(0), keys.block(2), root]) {
      const store = await chainOf(sampleBlocks);
      await tamper(store.location, (database) => database.del(key));
      expect(await codeOfWork(dumpChain(store, path))).toBe("data_damaged");
      expect(readFileSync(path)).toEqual(before);
    }
  });

  test("where there is no folder: storage_failed", async () => {
    const store = await chainOf([]);
    const path = join(temporaryFolder(), "none", "chain.dump");
    expect(await codeOfWork(dumpChain(store, path))).toBe("storage_failed");
    expect(existsSync(path)).toBe(false);
  });

  test.skipIf(!canMount)("on a full disk: storage_full, and nothing of it stays; nor is one loaded there", async () => {
    const disk = smallDisk(1024 * 1024);
    const path = join(disk, "chain.dump");
    const value = new Uint8Array(500_000);
    const store = await chainOf([{ changes: [{ key: Uint8Array.of(0x73), value }], transactionCount: 0 }]);
    const good = join(temporaryFolder(), "good.dump");
    await dumpChain(store, good);
    const makeRoom = fill(disk, 20_000);
    expect(await codeOfWork(dumpChain(store, path))).toBe("storage_full");
    expect(readdirSync(disk)).toEqual(["filler"]);
    expect(await codeOfWork(loadChain(good, join(disk, "target")))).toBe("storage_full");
    expect(readdirSync(disk)).toEqual(["filler"]);
    makeRoom();
    expect(await codeOfWork(dumpChain(store, path))).toBe("accepted");
  });
});
