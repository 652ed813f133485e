/** A node's data folder as its operator meets it: pruned while it runs, checked, dumped and loaded by the command. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createClient } from "lockstep/client";
import { createDevnet, type DevnetOptions } from "lockstep/devnet";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { toHex } from "../node/rpc/json.ts";
import { checkDatabase } from "../node/storage/check.ts";
import { keys } from "../node/storage/layout.ts";
import { Store } from "../node/store.ts";
import { tamper } from "./support/made-blocks.ts";
import { signed, transfer } from "./support/signing.ts";
import { temporaryFolder } from "./support/test-chain.ts";

const main = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));

function lockstep(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args, "--json"], { encoding: "utf8" });
  expect(stderr).toBe("");
  return { status, answer: JSON.parse(stdout) };
}

/** A devnet that makes `count` blocks of a transfer each, from `nonce` on, and stops. */
async function makeBlocks(options: DevnetOptions, nonce: number, count: number): Promise<void> {
  const devnet = await createDevnet({ listen: 0, ...options });
  onTestFinished(() => devnet.close());
  const client = createClient(devnet.url);
  const [sender, receiver] = devnet.accounts;
  for (let number = nonce; number < nonce + count; number++) {
    const body = { chainId: devnet.chainId, nonce: number };
    const { encoded } = signed(sender!, [transfer(receiver!.address, 1n)], body);
    await client.call("tx_submitAndWait", { transaction: toHex(encoded) });
  }
  await client.close();
  await devnet.close();
}

describe("a devnet with --prune", () => {
  async function lowestIn(folder: string): Promise<number> {
    const store = await Store.open(folder);
    try {
      return store.lowestHeight;
    } finally {
      await store.close();
    }
  }

  test("keeps the last roots while it makes blocks, and goes on where it stopped", async () => {
    const dataDir = temporaryFolder();
    await makeBlocks({ dataDir }, 0, 20);
    expect(await lowestIn(dataDir)).toBe(0);
    await makeBlocks({ dataDir, prune: 5 }, 20, 10);
    expect(await lowestIn(dataDir)).toBe(26);
    await checkDatabase(dataDir);
    // Without a block it forgets what it finds at the start.
    await makeBlocks({ dataDir, prune: 2 }, 30, 0);
    const { nodeCount, entryCount, lowestHeight } = await checkDatabase(dataDir);
    expect(lowestHeight).toBeGreaterThanOrEqual(26);
    expect(nodeCount).toBeGreaterThanOrEqual(entryCount);
    await makeBlocks({ dataDir }, 30, 3);
    await checkDatabase(dataDir);
  });

  test.each([0, -1, 1.5, Number.NaN])("of %s blocks does not start: prune_invalid", async (prune) => {
    const dataDir = join(temporaryFolder(), "data");
    await expect(createDevnet({ listen: 0, dataDir, prune })).rejects.toMatchObject({ code: "prune_invalid" });
    expect(existsSync(dataDir)).toBe(false);
  });

  test.each(["0", "-1", "all", "1.5"])("`lockstep dev --prune=%s` is wrong usage", (count) => {
    const { status, answer } = lockstep("dev", `--prune=${count}`, "--data", join(temporaryFolder(), "data"));
    expect([status, answer.error.code]).toEqual([2, "number_invalid"]);
  });
});

describe("`lockstep db`", () => {
  let folder: string;
  let dataDir: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "lockstep-db-"));
    dataDir = join(folder, "data");
    const devnet = await createDevnet({ listen: 0, dataDir, deterministic: true });
    const client = createClient(devnet.url);
    for (let nonce = 0; nonce < 3; nonce++) {
      const body = { chainId: devnet.chainId, nonce };
      const { encoded } = signed(devnet.accounts[0]!, [transfer(devnet.accounts[1]!.address, 1n)], body);
      await client.call("tx_submitAndWait", { transaction: toHex(encoded) });
    }
    await client.close();
    await devnet.close();
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test("check finds a chain whole, dump and load carry it, and the replay of what was loaded agrees", () => {
    const [file, copy] = [join(folder, "chain.dump"), join(folder, "copy")];
    const checked = lockstep("db", "check", "--data", dataDir);
    expect(checked).toMatchObject({ status: 0, answer: { ok: true, height: 3, lowestHeight: 0, transactionCount: 3 } });
    const { headHash, stateRoot, entryCount } = checked.answer;
    const facts = {
      ok: true,
      chainId: "lockstep-dev",
      height: 3,
      headHash,
      stateRoot,
      transactionCount: 3,
      entryCount,
    };
    expect(lockstep("db", "dump", file, "--data", dataDir)).toEqual({ status: 0, answer: facts });
    expect(lockstep("db", "load", file, "--data", copy)).toEqual({ status: 0, answer: facts });
    expect(lockstep("db", "check", "--data", copy).answer).toMatchObject({ ok: true, lowestHeight: 3, stateRoot });
    expect(lockstep("replay", "--data", copy).answer).toMatchObject({ equal: true, blocks: 3, stateRoot });
    expect(lockstep("db", "load", file, "--data", copy)).toMatchObject({
      status: 3,
      answer: { ok: false, error: { code: "data_exists" } },
    });
    expect(readdirSync(folder).sort()).toEqual(["chain.dump", "copy", "data"]);
  });

  test("check names the record at fault", async () => {
    const copy = join(temporaryFolder(), "copy");
    const file = join(temporaryFolder(), "chain.dump");
    lockstep("db", "dump", file, "--data", dataDir);
    lockstep("db", "load", file, "--data", copy);
    await tamper(copy, (database) => database.del(keys.receipt(2, 0)));
    const { status, answer } = lockstep("db", "check", "--data", copy);
    expect(status).toBe(3);
    expect(answer.error).toMatchObject({
      code: "data_damaged",
      details: { space: "receipt", key: toHex(keys.receipt(2, 0)), height: 2, problem: "is missing" },
    });
  });

  test("refuses a dump that was altered, and folders and files that are not there", () => {
    const file = join(temporaryFolder(), "chain.dump");
    lockstep("db", "dump", file, "--data", dataDir);
    const bytes = readFileSync(file);
    bytes[bytes.length - 50]! ^= 1;
    writeFileSync(file, bytes);
    const target = join(temporaryFolder(), "target");
    const refusal = (...args: readonly string[]) => {
      const { status, answer } = lockstep("db", ...args);
      return [status, answer.error.code];
    };
    expect(refusal("load", file, "--data", target)).toEqual([3, "dump_altered"]);
    expect(existsSync(target)).toBe(false);
    expect(refusal("load", `${file}.none`, "--data", target)).toEqual([3, "dump_missing"]);
    expect(refusal("check", "--data", target)).toEqual([3, "data_empty"]);
    expect(refusal("dump", file, "--data", target)).toEqual([3, "data_empty"]);
    expect(refusal("check")).toEqual([2, "usage"]);
    expect(refusal("load", "--data", target)).toEqual([2, "usage"]);
    expect(existsSync(target)).toBe(false);
    expect(readFileSync(file)).toEqual(bytes);
  });
});
