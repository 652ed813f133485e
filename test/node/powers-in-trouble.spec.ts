/**
 * A devnet's powers where they meet something else at the same moment: a block in the making, a view that runs, the opening of
 * a thread, a disk that is full, a SIGKILL.
 */
import { join } from "node:path";
import { createClient } from "lockstep/client";
import { createDevnet, type DevnetOptions } from "lockstep/devnet";
import { describe, expect, onTestFinished, test } from "vitest";
import { addressToText, contractAddress } from "../../node/address.ts";
import { hash } from "../../node/crypto.ts";
import { openReplaySource, replayChain } from "../../node/replay.ts";
import { fromHex, toHex } from "../../node/rpc/json.ts";
import { checkDatabase } from "../../node/storage/check.ts";
import { accounts, replay, startDev, transactionHex } from "../crash/dev-process.ts";
import { canMount, fill, smallDisk } from "../support/full-disk.ts";
import { encodeScript, puppet, type Script } from "../support/puppet.ts";
import { signed, transfer } from "../support/signing.ts";
import { temporaryFolder } from "../support/test-chain.ts";

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function start(options: Partial<DevnetOptions> = {}) {
  const dataDir = temporaryFolder();
  const devnet = await createDevnet({ listen: 0, dataDir, ...options });
  onTestFinished(() => devnet.close());
  const client = createClient(devnet.url);
  onTestFinished(() => client.close());
  const [alice, bob] = devnet.accounts;
  return { devnet, client, dataDir: options.dataDir ?? dataDir, alice: alice!, bob: bob! };
}

async function expectWhole({ devnet, dataDir }: Awaited<ReturnType<typeof start>>): Promise<void> {
  const { hash: headHash } = devnet.head;
  await devnet.close();
  expect(await checkDatabase(dataDir)).toMatchObject({ headHash });
  const source = await openReplaySource({ dataDir });
  onTestFinished(() => source.close());
  expect(await replayChain(source)).toMatchObject({ difference: null, headHash });
}

test("who hears `dropped` has no receipt: what is being put into a block is not dropped any more", async () => {
  const { devnet, client, alice, bob } = await start();
  const other = createClient(devnet.url);
  onTestFinished(() => other.close());
  const met = new Set<string>();
  let nonce = 0;
  for (let turn = 0; turn < 150; turn++) {
    const transaction = signed(alice, [transfer(bob.address, 1n)], { chainId: "lockstep-dev", nonce });
    const [transactionHash, sender] = [toHex(transaction.hash), addressToText(alice.address)];
    const sent = client.call("tx_submitAndWait", { transaction: toHex(transaction.encoded) }).then(
      () => "included",
      ({ code }) => code as string,
    );
    await pause(turn % 4);
    const what = [{}, { hash: transactionHash }, { sender }][turn % 3]!;
    await other.call("dev_dropTransactions", what);
    // It may have come before the transaction.
    const outcome = await sent;
    met.add(outcome);
    const receipt = await client.call("tx_receipt", { hash: transactionHash });
    expect([outcome, receipt !== null]).toEqual([outcome, outcome === "included"]);
    if (receipt !== null) nonce++;
    expect((await client.call("chain_info", {})).pending).toBe(0);
  }
  expect([...met].sort()).toEqual(["dropped", "included"]);
});

test("a view at a height sees one state, also when that block is taken back and another made in its place", async () => {
  const { devnet, client, alice, bob } = await start();
  const codeHash = hash("code", puppet);
  const keys = Array.from({ length: 100 }, (_, index) => index + 1);
  const writeAll = (value: number): Script => keys.map((key) => ({ kind: "set", key, value }));
  await devnet.send(alice, [
    { kind: "upload", code: puppet },
    { kind: "create", codeHash, salt: null, args: encodeScript(writeAll(0)), value: 0n },
  ]);
  const origin = { kind: "nonce", nonce: 0, action: 1 } as const;
  const contract = contractAddress({ creator: alice.address, origin, codeHash });
  // What was read before is remembered, and only takes time.
  const reads = keys.flatMap((key) => [...new Array<number>(60).fill(1), key]);
  const args = toHex(encodeScript(reads.map((key) => ({ kind: "get", key }))));
  const view = (height: number) =>
    client.call("contract_view", { contract: addressToText(contract), method: "look", args, height }).then(
      ({ height: at, status, returnData }) => {
        expect([at, status.kind, new Set(fromHex(returnData)).size]).toEqual([height, "success", 1]);
        return "seen";
      },
      ({ code }) => code as string,
    );
  const snapshot = await devnet.snapshot();
  const met = new Map<string, number>();
  let value = 0;
  for (let turn = 0; turn < 60; turn++) {
    const write = encodeScript(writeAll(++value));
    await devnet.send(bob, [{ kind: "call", contract, method: "work", args: write, value: 0n }]);
    const views = [view(2), view(2), view(1)];
    await pause(turn % 8);
    await devnet.revert(snapshot);
    for (const outcome of await Promise.all([...views, view(2)])) met.set(outcome, (met.get(outcome) ?? 0) + 1);
    value %= 250;
  }
  expect([...met.keys()].sort()).toEqual(["height_unknown", "seen"]);
  expect(met.get("seen")).toBeGreaterThan(60);
});

test("reads, views and proofs while 3,000 blocks are taken back are of where the chain goes, and none is held up", async () => {
  const started = await start({ sealing: { kind: "manual" } });
  const { devnet, client, alice, bob } = started;
  await devnet.mine(2);
  const snapshot = await devnet.snapshot();
  const { encoded } = signed(alice, [transfer(bob.address, 1n)], { chainId: "lockstep-dev" });
  for (let count = 0; count < 3; count++) await devnet.mine(1_000);
  let isOver = false;
  const reverted = devnet.revert(snapshot).finally(() => {
    isOver = true;
  });
  const latencies: number[] = [];
  while (!isOver) {
    const asked = performance.now();
    const head = await client.call("chain_info", {});
    latencies.push(performance.now() - asked);
    if (isOver || head.height === 3_002) continue;
    // The first of these opens the thread for views, which leaves the chain alone.
    const simulated = await client.call("tx_simulate", { transaction: toHex(encoded) });
    const at = await client.call("state_account", { address: addressToText(alice.address), height: 2 });
    expect([head.height, simulated.height, at.nonce]).toEqual([2, 2, 0]);
    const above = { address: addressToText(alice.address), height: 3 };
    await expect(client.call("state_account", above)).rejects.toMatchObject({ code: "height_unknown" });
  }
  expect((await reverted).header.height).toBe(2);
  expect(latencies.length).toBeGreaterThan(3);
  // Generous, for a loaded machine.
  expect(Math.max(...latencies)).toBeLessThan(250);
  await devnet.mine(1);
  await expectWhole(started);
}, 30_000);

describe.skipIf(!canMount)("when the disk is full (a tmpfs, which takes the right to mount)", () => {
  const addressOf = (number: number) =>
    new Uint8Array(32)
      .fill(0xaa)
      .with(0, number & 255)
      .with(1, number >> 8);
  const credits = (count: number) =>
    Array.from({ length: count }, (_, number) => ({ kind: "credit", address: addressOf(number), amount: 5n }) as const);

  /** Thirty blocks behind a snapshot, with all that a revert brings back changed. */
  async function startOnSmallDisk() {
    const disk = smallDisk(24 * 1024 * 1024);
    const started = await start({ dataDir: join(disk, "data") });
    const { devnet, client } = started;
    await devnet.edit(credits(1_500));
    const dump = await devnet.dump();
    const snapshot = await devnet.snapshot();
    await devnet.setLabel(addressOf(1), "later");
    await devnet.impersonate(addressOf(1));
    await devnet.advanceTime(86_400_000);
    for (let count = 0; count < 30; count++) await devnet.edit(credits(100));
    const seen = async () => {
      const { height, headHash } = await client.call("chain_info", {});
      const { head, next } = await client.call("dev_time", {});
      const { balance } = await client.call("state_account", { address: addressToText(addressOf(1)) });
      const labels = (await client.call("dev_labels", {})).length;
      return { height, headHash, balance, labels, head, isAhead: next > Date.now() + 3_600_000 };
    };
    const goesOn = async (makeRoom: () => void) => {
      await expect(client.call("dev_mine", {})).rejects.toMatchObject({ code: "storage_full" });
      makeRoom();
      while (
        await devnet.mine().then(
          () => false,
          () => true,
        )
      )
        await pause(50);
    };
    return { ...started, disk, dump, snapshot, seen, goesOn };
  }

  test("a revert says so and holds: everybody sees it done, and with room again it is", async () => {
    const started = await startOnSmallDisk();
    const { devnet, client, disk, snapshot, seen, goesOn } = started;
    const heads: number[] = [];
    await client.subscribe(
      { topic: "heads" },
      (event) => void (event.kind === "head" && heads.push(event.head.height)),
    );
    const waiting = client.call("tx_submitAndWait", {
      transaction: transactionHex(started.alice, 1, [transfer(started.bob.address, 1n)]),
    });
    const outcome = waiting.catch(({ code }) => code as string);
    while ((await client.call("chain_info", {})).pending === 0) await pause(5);
    const makeRoom = fill(disk, 20 * 1024);
    await expect(client.call("dev_revert", { snapshot })).rejects.toMatchObject({ code: "storage_full" });
    expect(await outcome).toBe("chain_reverted");
    const back = { height: 1, balance: "5", labels: 0, isAhead: false };
    const during = await seen();
    expect(during).toMatchObject(back);
    expect(heads).toEqual([1]);
    await pause(1_200);
    expect(await seen()).toEqual(during);
    await goesOn(makeRoom);
    expect(await seen()).toMatchObject({ ...back, height: 2 });
    expect(heads).toEqual([1, 2]);
    await devnet.setLabel(addressOf(2), "again");
    expect((await devnet.revert(snapshot)).header.height).toBe(1);
    expect(await seen()).toMatchObject(back);
    await expectWhole(started);
  });

  test("a load is done or not done", async () => {
    const started = await startOnSmallDisk();
    const { devnet, disk, dump, seen, goesOn } = started;
    // A dump of several blocks, each of which takes more than the disk has in the end.
    const before = await seen();
    let [makeRoom, code] = [fill(disk, 40 * 1024), "accepted"];
    ({ code } = await devnet.load(dump).then(
      () => ({ code }),
      (error: { code: string }) => error,
    ));
    expect(code).toBe("storage_full");
    expect(await seen()).toEqual(before);
    await goesOn(makeRoom);
    expect(await seen()).toMatchObject({
      height: before.height + 1,
      balance: before.balance,
      labels: 1,
      isAhead: true,
    });
    makeRoom = () => {};
    await devnet.load(dump);
    expect((await seen()).balance).toBe("5");
    await expectWhole(started);
  });

  test("an edit or a moved clock says so, and time is not where no block is", async () => {
    const started = await startOnSmallDisk();
    const { devnet, disk, seen, goesOn } = started;
    const makeRoom = fill(disk, 60 * 1024);
    let before = await seen();
    for (let count = 0; ; count++) {
      const work = count % 2 === 0 ? devnet.edit(credits(200)) : devnet.advanceTime(3_600_000);
      const { code } = await work.then(
        () => ({ code: "accepted" }),
        (error: { code: string }) => error,
      );
      if (code !== "accepted") {
        expect(code).toBe("storage_full");
        break;
      }
      before = await seen();
    }
    expect(await seen()).toEqual(before);
    await goesOn(makeRoom);
    const after = await seen();
    expect(after.height).toBe(before.height + 1);
    expect(after.head - before.head).toBeLessThan(60_000);
    expect(after.head).toBeGreaterThan(before.head);
    await expectWhole(started);
  });
});

test("kill -9 while powers are used: the chain is whole, and time goes on from its head", async () => {
  const folder = temporaryFolder();
  for (const killAfterMs of [120, 260, 333, 471]) {
    const { client, end } = await startDev(folder);
    const settled: Promise<unknown>[] = [];
    const repeat = (work: (turn: number) => Promise<unknown>) => {
      const run = async (): Promise<never> => {
        for (let turn = 0; ; turn++) {
          await work(turn).catch((error: { code: string }) => {
            if (error.code === "connection_lost") throw error;
          });
        }
      };
      settled.push(expect(run()).rejects.toMatchObject({ code: "connection_lost" }));
    };
    const first = await client.call("dev_snapshot", {});
    const { dump } = await client.call("dev_dump", {});
    const address = addressToText(accounts[1]!.address);
    repeat(async (turn) => {
      await client.call("dev_mine", { count: 40 });
      if (turn % 3 === 2) await client.call("dev_revert", { snapshot: first.snapshot });
    });
    repeat((turn) => client.call("dev_advanceTime", { ms: 60_000, mine: turn % 2 === 0 }));
    repeat(() => client.call("dev_faucet", { address, amount: "7" }));
    repeat(() => client.call("dev_load", { dump }));
    repeat(async () => {
      const { nonce } = await client.call("state_account", { address: addressToText(accounts[2]!.address) });
      const transaction = transactionHex(accounts[2]!, nonce, [transfer(accounts[1]!.address, 1n)]);
      await client.call("tx_submitAndWait", { transaction, timeoutMs: 1_000 });
    });
    await pause(killAfterMs);
    await end("SIGKILL");
    await Promise.all(settled);
    await checkDatabase(folder);

    const next = await startDev(folder);
    const time = await next.client.call("dev_time", {});
    expect(time.next).toBeGreaterThanOrEqual(time.head);
    await next.client.call("dev_mine", {});
    await pause(20);
    await next.client.call("dev_mine", {});
    const later = await next.client.call("dev_time", {});
    expect(later.head).toBeGreaterThan(time.head);
    expect(later.head - time.head).toBeLessThan(60_000);
    const { height } = await next.client.call("dev_faucet", { address });
    const { snapshot } = await next.client.call("dev_snapshot", {});
    await next.client.call("dev_mine", { count: 3 });
    expect((await next.client.call("dev_revert", { snapshot })).height).toBe(height);
    expect(await next.end("SIGTERM")).toEqual([0, null]);
    await checkDatabase(folder);
  }
  expect(replay(folder)).toMatchObject({ status: 0, answer: { ok: true, equal: true } });
}, 60_000);
