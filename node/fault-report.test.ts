import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { canMount, fill, smallDisk } from "../test/support/full-disk.ts";
import { transfer } from "../test/support/signing.ts";
import { alice, bob, TestChain, temporaryFolder, testGenesis } from "../test/support/test-chain.ts";
import { Fault } from "../vm/errors.ts";
import { type FaultFacts, writeFaultReport } from "./fault-report.ts";
import { openReplaySource, replayChain } from "./replay.ts";
import { checkDatabase } from "./storage/check.ts";
import { Store } from "./store.ts";

const facts: FaultFacts = {
  chainId: "test",
  genesisHash: new Uint8Array(32).fill(1),
  head: { height: 7, hash: new Uint8Array(32).fill(2) },
  work: { method: "produce", blockTime: 5_000, transactions: [Uint8Array.of(1, 2), Uint8Array.of()] },
  error: new Fault("two engines disagree", { cause: new Error("deeper") }),
};

/** As whoever is sent the file reads it. */
function written(given: FaultFacts) {
  const path = writeFaultReport(temporaryFolder(), given);
  expect(path).toBeDefined();
  return JSON.parse(readFileSync(path!, "utf8"));
}

describe("a fault report", () => {
  test("says what ran, where the chain stood, what was being done and what went wrong", () => {
    const folder = temporaryFolder();
    const before = Date.now();
    expect(writeFaultReport(folder, facts)).toBe(join(folder, "fault-report-7.json"));
    expect(readdirSync(folder)).toEqual(["fault-report-7.json"]);
    const report = JSON.parse(readFileSync(join(folder, "fault-report-7.json"), "utf8"));
    const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
    expect(report).toEqual({
      reportedAt: expect.any(String),
      versions: {
        ...{ lockstep: version, node: process.version, v8: process.versions.v8 },
        ...{ platform: process.platform, arch: process.arch },
      },
      chainId: "test",
      genesisHash: `0x${"01".repeat(32)}`,
      head: { height: 7, hash: `0x${"02".repeat(32)}` },
      work: { method: "produce", blockTime: 5_000, transactions: ["0x0102", "0x"] },
      errors: [
        { name: "Fault", message: "two engines disagree", stack: expect.stringContaining("fault-report.test.ts") },
        { name: "Error", message: "deeper", stack: expect.stringContaining("deeper") },
      ],
    });
    expect(Date.parse(report.reportedAt)).toBeGreaterThanOrEqual(before);
  });

  test("of anything that was thrown is one", () => {
    const circular = new Error("circular");
    circular.cause = circular;
    const nameless = new Error("nameless");
    delete nameless.stack;
    for (const error of ["text", null, 5n, Symbol("s"), { some: "thing" }, circular, nameless]) {
      const report = written({ ...facts, work: null, error });
      expect(report.work).toBeNull();
      expect(report.errors[0]).toMatchObject({ name: "Error", message: expect.any(String) });
    }
    expect(written({ ...facts, error: circular }).errors.length).toBe(8);
    expect(written({ ...facts, error: "text" }).errors[0].message).toBe("text");
  });

  test("holds the transactions that fit into 4 MiB, and says that there were more", () => {
    const large = new Uint8Array(1024 * 1024);
    const of = (count: number) =>
      written({ ...facts, work: { method: "produce", transactions: Array(count).fill(large) } });
    expect(of(4).work).toEqual({ method: "produce", transactions: Array(4).fill(`0x${"00".repeat(large.length)}`) });
    const { note, transactions } = of(6).work;
    expect(transactions.length).toBe(4);
    expect(note).toBe("of 6 transactions, those that fit into 4194304 bytes");
  });

  test("does not grow with a message that quotes its input", () => {
    const path = writeFaultReport(temporaryFolder(), { ...facts, error: new Fault("x".repeat(10_000_000)) });
    expect(statSync(path!).size).toBeLessThan(300_000);
  });

  test("takes the place of an earlier one at the same height, and stands beside others", () => {
    const folder = temporaryFolder();
    writeFaultReport(folder, facts);
    writeFaultReport(folder, { ...facts, chainId: "again" });
    writeFaultReport(folder, { ...facts, head: { ...facts.head, height: 8 } });
    expect(readdirSync(folder).sort()).toEqual(["fault-report-7.json", "fault-report-8.json"]);
    expect(JSON.parse(readFileSync(join(folder, "fault-report-7.json"), "utf8")).chainId).toBe("again");
  });
});

describe("where a report cannot be written there is none, and nothing is thrown", () => {
  test("because there is no folder, it is a file, or something else has the name", () => {
    const folder = temporaryFolder();
    expect(writeFaultReport(join(folder, "none"), facts)).toBeUndefined();
    writeFileSync(join(folder, "file"), "");
    expect(writeFaultReport(join(folder, "file"), facts)).toBeUndefined();
    mkdirSync(join(folder, "fault-report-7.json", "taken"), { recursive: true });
    expect(writeFaultReport(folder, facts)).toBeUndefined();
    expect(readdirSync(folder).sort()).toEqual(["fault-report-7.json", "file"]);
  });

  test("because the error cannot even be told", () => {
    const error = {
      toString() {
        throw new Error("no");
      },
    };
    expect(writeFaultReport(temporaryFolder(), { ...facts, error })).toBeUndefined();
  });

  test.skipIf(!canMount)("because the disk is full, and an earlier one stays whole", () => {
    const disk = smallDisk(1024 * 1024);
    const path = writeFaultReport(disk, facts)!;
    const before = readFileSync(path, "utf8");
    fill(disk, 10_000);
    const work = { method: "produce", transactions: [new Uint8Array(100_000)] };
    expect(writeFaultReport(disk, { ...facts, work })).toBeUndefined();
    expect(readFileSync(path, "utf8")).toBe(before);
    expect(readdirSync(disk).sort()).toEqual(["fault-report-7.json", "filler"]);
  });
});

test("a folder with a chain and a report opens again, goes on, is whole and is replayed", async () => {
  const folder = temporaryFolder();
  const chain = await TestChain.create(testGenesis, folder);
  const pay = () => chain.run([transfer(bob.address, 1n)], {}, alice);
  await pay();
  expect(writeFaultReport(folder, facts)).toBeDefined();
  await pay();
  await chain.store.close();
  expect(await checkDatabase(folder)).toMatchObject({ height: 2 });
  const store = await Store.open(folder);
  expect(store.headHeight).toBe(2);
  await store.close();
  const source = await openReplaySource({ dataDir: folder });
  expect(await replayChain(source)).toMatchObject({ blocks: 2, difference: null });
  await source.close();
  expect(readdirSync(folder)).toContain("fault-report-7.json");
});
