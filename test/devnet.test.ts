/** A devnet as the package ships it, end to end over its port: start, load, trouble, end. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { Level } from "level";
import { createClient, type EventOfTopic, type Client as RpcClient } from "lockstep/client";
import { createDevnet, type DevnetOptions } from "lockstep/devnet";
import { logicalClock, Node } from "lockstep/node";
import { describe, expect, onTestFinished, test } from "vitest";
import { addressToText, contractAddress } from "../node/address.ts";
import { hash } from "../node/crypto.ts";
import { silentLog } from "../node/log.ts";
import { openReplaySource, replayChain } from "../node/replay.ts";
import { api, type IncludedReceiptJson } from "../node/rpc/api.ts";
import { toHex } from "../node/rpc/json.ts";
import type { Action, EncodedTransaction } from "../node/transaction.ts";
import { canMount, fill, smallDisk } from "./support/full-disk.ts";
import { problemsOf } from "./support/rpc-schema.ts";
import { sampleContract, variantOf } from "./support/sample-contracts.ts";
import { type BodyOptions, signed, type TestAccount, transfer } from "./support/signing.ts";
import { alice, bob, temporaryFolder, testGenesis } from "./support/test-chain.ts";

const codeHash = hash("code", sampleContract);
const noBytes = new Uint8Array();

/** A devnet and a client of it; both end with the test. */
async function start(options: Partial<DevnetOptions> = {}) {
  const devnet = await createDevnet({ listen: 0, dataDir: temporaryFolder(), ...options });
  const client = checked(createClient(devnet.url));
  const stop = async () => {
    await client.close();
    await devnet.close();
  };
  onTestFinished(stop);
  const [first, second, ...others] = devnet.accounts;
  return { devnet, client, stop, accounts: [first!, second!, ...others] as const };
}

/** A client that sees to it that every answer of the node is what its method's schema says. */
function checked(client: RpcClient): RpcClient {
  const call: RpcClient["call"] = async (method, params) => {
    const result = await client.call(method, params);
    expect(problemsOf(api[method].result.json, result), method).toBeNull();
    return result;
  };
  return {
    call,
    subscribe: (params, listener, onEnd) => client.subscribe(params, listener, onEnd),
    close: () => client.close(),
  };
}

type Client = Awaited<ReturnType<typeof start>>["client"];

function sign(sender: TestAccount, nonce: number, actions: readonly Action[], options: BodyOptions = {}) {
  return signed(sender, actions, { chainId: "lockstep-dev", nonce, ...options });
}

function send(client: Client, { encoded }: EncodedTransaction, timeoutMs?: number): Promise<IncludedReceiptJson> {
  const wait = timeoutMs === undefined ? {} : { timeoutMs };
  return client.call("tx_submitAndWait", { transaction: toHex(encoded), ...wait });
}

function submit(client: Client, { encoded }: EncodedTransaction) {
  return client.call("tx_submit", { transaction: toHex(encoded) });
}

function receiptOf(client: Client, transaction: EncodedTransaction) {
  return client.call("tx_receipt", { hash: toHex(transaction.hash) });
}

async function heightOf(client: Client): Promise<number> {
  return (await client.call("chain_info", {})).height;
}

async function blockHashes(client: Client): Promise<string[]> {
  const hashes = [];
  for (let height = 0; height <= (await heightOf(client)); height++) {
    hashes.push((await client.call("chain_block", { height }))!.hash);
  }
  return hashes;
}

async function waitUntil(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let waited = 0; !(await condition()); waited += 20) {
    expect(waited, "what was waited for came in time").toBeLessThan(10_000);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function deploy(sender: TestAccount, nonce: number, code = sampleContract): EncodedTransaction {
  return sign(sender, nonce, [
    { kind: "upload", code },
    { kind: "create", codeHash: hash("code", code), salt: null, args: noBytes, value: 0n },
  ]);
}

async function deployed(client: Client, sender: TestAccount, nonce: number): Promise<Uint8Array> {
  const { status } = await send(client, deploy(sender, nonce));
  expect(status.kind).toBe("success");
  return contractAddress({ creator: sender.address, origin: { kind: "nonce", nonce, action: 1 }, codeHash });
}

describe("a restart", () => {
  test("goes on with the same chain: genesis, blocks, receipts, accounts", async () => {
    const dataDir = temporaryFolder();
    const first = await start({ dataDir });
    expect(first.devnet.height).toBe(0);
    const [dev0, dev1] = first.accounts;
    const transactions = [0, 1, 2].map((nonce) => sign(dev0, nonce, [transfer(dev1.address, 7n)]));
    const receipts = [];
    for (const transaction of transactions) receipts.push(await send(first.client, transaction));
    const hashes = await blockHashes(first.client);
    const info = await first.client.call("chain_info", {});
    await first.stop();

    const second = await start({ dataDir });
    expect(second.devnet.height).toBe(3);
    expect(second.devnet.genesisHash).toEqual(first.devnet.genesisHash);
    expect(await second.client.call("chain_info", {})).toEqual(info);
    expect(await blockHashes(second.client)).toEqual(hashes);
    for (const [index, transaction] of transactions.entries()) {
      expect(await receiptOf(second.client, transaction)).toEqual(receipts[index]);
    }
    expect(second.devnet.accounts[1]!.balance).toBe(first.devnet.accounts[1]!.balance + 21n);
    expect((await send(second.client, sign(dev0, 3, []))).height).toBe(4);
    await expect(submit(second.client, transactions[0]!)).rejects.toMatchObject({ code: "already_included" });
  });

  test.each<[string, Partial<DevnetOptions>]>([
    ["other words", { mnemonic: `${"abandon ".repeat(11)}about` }],
    ["another number of accounts", { accountCount: 3 }],
    ["another chain id", { chainId: "other" }],
    ["another clock", { deterministic: true }],
  ])("with %s is refused: genesis_mismatch", async (_, options) => {
    const dataDir = temporaryFolder();
    await (await start({ dataDir })).stop();
    await expect(start({ dataDir, ...options })).rejects.toMatchObject({ code: "genesis_mismatch" });
  });
});

describe("a start is refused", () => {
  test("when the port is in use, and then nothing is held", async () => {
    const { devnet } = await start();
    const dataDir = temporaryFolder();
    await expect(start({ dataDir, listen: devnet.port })).rejects.toMatchObject({ code: "port_in_use" });
    await (await start({ dataDir })).stop();
  });

  test("when a devnet of this process has the folder, under any of its names", async () => {
    const dataDir = temporaryFolder();
    const { client, accounts, stop } = await start({ dataDir });
    for (const name of [dataDir, `${dataDir}/`, join(dataDir, "..", dataDir.split("/").at(-1)!)]) {
      await expect(start({ dataDir: name })).rejects.toMatchObject({ code: "data_locked" });
    }
    expect((await send(client, sign(accounts[0], 0, []))).height).toBe(1);
    await stop();
    expect((await start({ dataDir })).devnet.height).toBe(1);
  });

  test("when a devnet of another process has the folder", async () => {
    const dataDir = temporaryFolder();
    await start({ dataDir });
    const script = `import { createDevnet } from "lockstep/devnet";
      await createDevnet({ listen: 0, dataDir: ${JSON.stringify(dataDir)} }).catch((error) => console.log(error.code));`;
    const { stdout, status } = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
    expect([stdout, status]).toEqual(["data_locked\n", 0]);
  });

  test.each<[string, Partial<DevnetOptions>, string]>([
    ["a chain id is empty", { chainId: "" }, "genesis_chain_id"],
    ["a chain id is too long", { chainId: "é".repeat(17) }, "genesis_chain_id"],
    ["words are no mnemonic", { mnemonic: "one two three" }, "mnemonic_invalid"],
    ["there are no accounts", { accountCount: 0 }, "account_count"],
    ["the host is none of ours", { host: "192.0.2.1" }, "host_unavailable"],
  ])("when %s", async (_, options, code) => {
    await expect(start(options)).rejects.toMatchObject({ code });
  });
});

test("what is the node's to choose is handed on to it", async () => {
  const messages: string[] = [];
  const debug = (_: object, message: string) => void messages.push(message);
  const { devnet, client, accounts } = await start({
    sealing: { kind: "manual" },
    mempool: { countMax: 2 },
    access: { token: "sixteen-letters-or-more" },
    log: { ...silentLog, debug },
    metrics: false,
  });
  expect((await client.call("node_info", {})).sealing).toEqual({ kind: "manual" });
  for (const nonce of [0, 1]) await submit(client, sign(accounts[0], nonce, []));
  await expect(submit(client, sign(accounts[0], 2, []))).rejects.toMatchObject({ code: "mempool_full" });
  await expect(client.call("dev_mine", {})).rejects.toMatchObject({ code: "development_forbidden" });
  const owner = createClient(devnet.url, { token: "sixteen-letters-or-more" });
  onTestFinished(() => owner.close());
  expect((await owner.call("dev_mine", {})).height).toBe(1);
  expect(messages).not.toEqual([]);
  expect((await fetch(`${devnet.url.replace("ws:", "http:")}/metrics`)).status).toBe(404);
});

describe("a deterministic devnet", () => {
  test("has the same block hashes in every folder, and across a restart", async () => {
    const hashes: string[][] = [];
    for (const restarts of [false, true]) {
      const dataDir = temporaryFolder();
      let { client, accounts, stop } = await start({ dataDir, deterministic: true });
      const [dev0] = accounts;
      const contract = await deployed(client, dev0, 0);
      const methods = ["set", "tell", "refuse", "when", "burn", "trap"];
      for (const [index, method] of methods.entries()) {
        if (restarts && index === 3) {
          await stop();
          ({ client, stop } = await start({ dataDir, deterministic: true }));
        }
        const action = { kind: "call", contract, method, args: noBytes, value: 0n } as const;
        await send(client, sign(dev0, 1 + index, [action], { gasLimit: 3_000_000 }));
      }
      hashes.push(await blockHashes(client));
    }
    expect(hashes[0]!.length).toBe(8);
    expect(hashes[1]).toEqual(hashes[0]);
  });
});

describe("submission", () => {
  test("in any order of nonces ends in their order", async () => {
    const { client, accounts } = await start();
    const transactions = [5, 2, 4, 1, 3].map((nonce) => sign(accounts[0], nonce, []));
    for (const transaction of transactions) await submit(client, transaction);
    expect(await client.call("chain_info", {})).toMatchObject({ height: 0, pending: 5 });
    expect(await client.call("state_account", { address: addressToText(accounts[0].address) })).toMatchObject({
      nonce: 0,
      nextNonce: 0,
    });
    await send(client, sign(accounts[0], 0, []));
    await waitUntil(async () => (await client.call("chain_info", {})).pending === 0);
    const places = await Promise.all(transactions.map((transaction) => receiptOf(client, transaction)));
    const order = places
      .map((place, index) => ({ at: place!.height * 1000 + place!.index, nonce: [5, 2, 4, 1, 3][index]! }))
      .sort((a, b) => a.at - b.at);
    expect(order.map(({ nonce }) => nonce)).toEqual([1, 2, 3, 4, 5]);
  });

  test("that waits behind a gap times out, stays, and lands when the gap is filled", async () => {
    const { client, accounts } = await start();
    const late = sign(accounts[0], 1, []);
    await expect(send(client, late, 50)).rejects.toMatchObject({ code: "wait_timeout" });
    expect(await receiptOf(client, late)).toBeNull();
    await expect(submit(client, late)).rejects.toMatchObject({ code: "already_known" });
    await expect(submit(client, sign(accounts[0], 1, [], { expiryHeight: 1_000 }))).rejects.toMatchObject({
      code: "replacement_underpriced",
    });
    await send(client, sign(accounts[0], 0, []));
    await waitUntil(async () => (await receiptOf(client, late)) !== null);
  });

  test("of what can be in no block is refused at once, and makes no block", async () => {
    const { client, accounts } = await start();
    const [dev0] = accounts;
    const good = sign(dev0, 0, []);
    const upload = { kind: "upload", code: new TextEncoder().encode("no module") } as const;
    for (const [transaction, code] of [
      [signed(dev0, [], { chainId: "other" }), "wrong_chain"],
      [sign(dev0, 0, [], { expiryHeight: 0 }), "expired"],
      [sign(dev0, 0, [], { gasPrice: 0n }), "gas_price_too_low"],
      [sign(dev0, 0, [], { gasLimit: 1 }), "gas_limit_too_low"],
      [sign(dev0, 0, [], { gasLimit: 2_000_000_001 }), "gas_limit_too_high"],
      [sign(alice, 0, []), "insufficient_balance"],
      [sign(dev0, 10_000, []), "nonce_too_high"],
      [sign(dev0, 0, [upload]), "malformed_magic"],
      [{ ...good, encoded: good.encoded.with(-1, good.encoded.at(-1)! ^ 1) }, "bad_signature"],
      [{ ...good, encoded: good.encoded.slice(1) }, /^borsh_/],
    ] as [EncodedTransaction, string | RegExp][]) {
      const error = await submit(client, transaction).then(
        () => ({ code: "accepted" }),
        (refusal) => refusal,
      );
      expect(error.code).toMatch(code);
    }
    expect(await client.call("chain_info", {})).toMatchObject({ height: 0, pending: 0 });
  });

  test("by many accounts at once lands whole, each account's in order, and every head is told once, in order", async () => {
    const { devnet, client, accounts } = await start();
    const supply = devnet.accounts.reduce((sum, { balance }) => sum + balance, 0n);
    const events: Extract<EventOfTopic<"heads">, { kind: "head" }>[] = [];
    const subscription = await client.subscribe({ topic: "heads" }, (event) => {
      if (event.kind === "head") events.push(event);
    });
    const clients = accounts.map(() => createClient(devnet.url));
    const perAccount = 12;
    const receipts = await Promise.all(
      accounts.map(async (account, index) => {
        const target = accounts[(index + 1) % accounts.length]!.address;
        const list = Array.from({ length: perAccount }, (_, nonce) => sign(account, nonce, [transfer(target, 1n)]));
        return Promise.all(list.map((transaction) => send(clients[index]!, transaction)));
      }),
    );
    for (const list of receipts) {
      const places = list.map(({ height, index }) => height * 10_000 + index);
      expect(places).toEqual(places.toSorted((a, b) => a - b));
      for (const { status } of list) expect(status).toEqual({ kind: "success" });
    }
    const height = await heightOf(client);
    await waitUntil(() => events.length === height);
    expect(events.map(({ sequence, head }) => [sequence, head.height])).toEqual(
      Array.from({ length: height }, (_, index) => [index, index + 1]),
    );
    for (const [index, { head }] of events.entries()) {
      if (index > 0) expect(head.parentHash).toBe(events[index - 1]!.head.hash);
    }
    expect(events.flatMap(({ head }) => head.transactions).length).toBe(accounts.length * perAccount);
    const { proposer } = events[0]!.head;
    const balances = await Promise.all(
      [...accounts.map(({ address }) => addressToText(address)), proposer].map(
        async (address) => (await client.call("state_account", { address })).balance,
      ),
    );
    expect(balances.reduce((sum, balance) => sum + BigInt(balance), 0n)).toBe(supply);
    await subscription.unsubscribe();
    await Promise.all(clients.map((other) => other.close()));
  });

  test("of one transaction many times at once takes it once and leaves nothing waiting", async () => {
    const { client, accounts } = await start();
    const outcomes: string[] = [];
    for (let nonce = 0; nonce < 8; nonce++) {
      // An upload is judged in the execution thread, behind the block that takes the first copy.
      const transaction = deploy(accounts[0], nonce, variantOf(sampleContract, nonce));
      await submit(client, transaction);
      const copies = await Promise.allSettled(Array.from({ length: 3 }, () => submit(client, transaction)));
      outcomes.push(...copies.map((copy) => (copy.status === "rejected" ? copy.reason.code : "accepted")));
      await waitUntil(async () => (await receiptOf(client, transaction)) !== null);
      expect(await client.call("chain_info", {})).toMatchObject({ height: nonce + 1, pending: 0 });
    }
    for (const outcome of outcomes) expect(outcome).toMatch(/^already_(known|included)$/);
  });

  test("of what an earlier one made impossible is refused then, and makes no empty block", async () => {
    const { client, accounts } = await start();
    const [dev0, dev1] = accounts;
    const { balance } = await client.call("state_account", { address: addressToText(dev0.address) });
    // Each asks for a block of its own.
    const options = { gasLimit: 1_000_000_000 };
    const poor = send(client, sign(dev0, 1, [], options));
    const behind = send(client, sign(dev0, 2, []), 200);
    const expectations = [
      expect(poor).rejects.toMatchObject({ code: "insufficient_balance" }),
      expect(behind).rejects.toMatchObject({ code: "wait_timeout" }),
    ];
    await waitUntil(async () => (await client.call("chain_info", {})).pending === 2);
    const drain = sign(dev0, 0, [transfer(dev1.address, BigInt(balance) - 1_000_000_000n)], options);
    expect(await send(client, drain)).toMatchObject({ status: { kind: "success" }, height: 1 });
    await Promise.all(expectations);
    expect(await client.call("chain_info", {})).toMatchObject({ height: 1, pending: 1 });
  });
});

describe("a node used without its port", () => {
  test("seals what is submitted in the same turn as a receipt comes", async () => {
    const node = await Node.start({ directory: temporaryFolder(), genesis: testGenesis, clock: logicalClock, port: 0 });
    onTestFinished(() => node.close());
    for (let nonce = 0; nonce < 20; nonce += 2) {
      const [one, two] = [nonce, nonce + 1].map((each) => signed(alice, [], { nonce: each }).encoded);
      await node.submitAndWait(one!, 5_000);
      const name = await node.submit(two!);
      await waitUntil(() => node.transaction(name) !== undefined);
    }
    expect(node.head().header.height).toBe(20);
  });

  test("takes a transaction that a listener submits for each head", async () => {
    const node = await Node.start({ directory: temporaryFolder(), genesis: testGenesis, clock: logicalClock, port: 0 });
    onTestFinished(() => node.close());
    let nonce = 0;
    node.onHead(() => {
      if (++nonce < 10) void node.submit(signed(bob, [], { nonce }).encoded);
    });
    await node.submit(signed(bob, [], { nonce }).encoded);
    await waitUntil(() => node.head().header.height === 10);
  });
});

describe("a contract that burns the gas of a whole block", () => {
  test("delays no answer that needs no execution", async () => {
    const { client, accounts } = await start();
    const contract = await deployed(client, accounts[0], 0);
    const action = { kind: "call", contract, method: "burn", args: noBytes, value: 0n } as const;
    const began = performance.now();
    let isOver = false;
    const burnt = send(client, sign(accounts[0], 1, [action], { gasLimit: 1_000_000_000 })).finally(() => {
      isOver = true;
    });
    const latencies: number[] = [];
    while (!isOver) {
      const asked = performance.now();
      await client.call("chain_info", {});
      latencies.push(performance.now() - asked);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const burnMs = performance.now() - began;
    expect((await burnt).status).toEqual({ kind: "halt", reason: "OutOfGas" });
    const worst = Math.max(...latencies);
    expect(latencies.length).toBeGreaterThan(10);
    // Generous, for a loaded machine; while execution blocked the port it would be all of the burn.
    expect(worst).toBeLessThan(burnMs / 2);
  });
});

describe("a replay from a running node", () => {
  test("finds everything equal", async () => {
    const { client, accounts, devnet } = await start();
    const contract = await deployed(client, accounts[0], 0);
    for (const [index, method] of ["set", "tell", "refuse", "trap"].entries()) {
      const action = { kind: "call", contract, method, args: codeHash, value: 0n } as const;
      await send(client, sign(accounts[0], 1 + index, [action], { gasLimit: 3_000_000 }));
    }
    const { headHash, stateRoot } = await client.call("chain_info", {});
    for (const url of [devnet.url, devnet.url.replace("ws:", "http:")]) {
      const source = await openReplaySource({ url });
      const result = await replayChain(source);
      await source.close();
      expect(result).toMatchObject({ blocks: 5, transactions: 5, difference: null });
      expect([toHex(result.headHash), toHex(result.stateRoot)]).toEqual([headHash, stateRoot]);
    }
  });

  test("is refused where no node is: node_unreachable", async () => {
    await expect(openReplaySource({ url: "ws://127.0.0.1:1" })).rejects.toMatchObject({ code: "node_unreachable" });
  });
});

describe("a fault of ours", () => {
  test("stops the node where it is, becomes no receipt, and lets go of the folder", async () => {
    const dataDir = temporaryFolder();
    const first = await start({ dataDir });
    await send(first.client, sign(first.accounts[0], 0, []));
    await first.stop();
    // Nothing but a bug or a broken disk makes a tree lose its nodes.
    const database = new Level<Uint8Array, Uint8Array>(dataDir, { keyEncoding: "view", valueEncoding: "view" });
    await database.open();
    for await (const key of database.keys({ gte: Uint8Array.of(0x10), lt: Uint8Array.of(0x11) })) {
      await database.del(key);
    }
    await database.close();

    const devnet = await createDevnet({ listen: 0, dataDir });
    const client = createClient(devnet.url);
    const transaction = sign(first.accounts[0], 1, []);
    await expect(send(client, transaction)).rejects.toMatchObject({ code: "node_stopping" });
    await expect(devnet.closed).rejects.toMatchObject({ name: "Fault" });
    await expect(devnet.close()).rejects.toMatchObject({ name: "Fault" });
    await client.close();

    const again = await start({ dataDir });
    expect(again.devnet.height).toBe(1);
    expect(await receiptOf(again.client, transaction)).toBeNull();
  });
});

describe("closing", () => {
  test("ends open calls, lets go of folder and port, and may be asked for twice", async () => {
    const dataDir = temporaryFolder();
    const { devnet, client, accounts } = await start({ dataDir });
    const waiting = send(client, sign(accounts[0], 1, []), 60_000);
    const ended = expect(waiting).rejects.toMatchObject({ code: "node_stopping" });
    await waitUntil(async () => (await client.call("chain_info", {})).pending === 1);
    await Promise.all([devnet.close(), devnet.close(), devnet.closed]);
    await ended;
    const again = await start({ dataDir, listen: devnet.port });
    expect(again.devnet.height).toBe(0);
  });

  test("leaves no handle: the process ends by itself, whatever was going on", async () => {
    const script = `
      import { createDevnet } from "lockstep/devnet";
      import { createClient } from "lockstep/client";
      const devnet = await createDevnet({ listen: 0, dataDir: process.env.FOLDER });
      const client = createClient(devnet.url);
      const transactions = process.env.TRANSACTIONS.split(",");
      await client.call("tx_submitAndWait", { transaction: transactions[0] });
      // A wait behind a gap, an upload in the judge's hands, a subscription.
      const open = transactions.slice(1).map((transaction) =>
        client.call("tx_submitAndWait", { transaction, timeoutMs: 60_000 }).catch((error) => error.code));
      await client.subscribe({ topic: "heads" }, () => {});
      await devnet.close();
      console.log((await Promise.all(open)).every((code) => code === "node_stopping" || code.status || code === "connection_lost"));
      await client.close();`;
    const { accounts, stop } = await start();
    await stop();
    const [dev0, dev1] = accounts;
    const large = variantOf(sampleContract, 1);
    const transactions = [
      sign(dev0, 0, []),
      sign(dev0, 2, []),
      ...[0, 1, 2].map((nonce) => deploy(dev1, nonce, large)),
    ];
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      env: {
        ...process.env,
        FOLDER: temporaryFolder(),
        TRANSACTIONS: transactions.map(({ encoded }) => toHex(encoded)).join(","),
      },
      stdio: ["ignore", "pipe", "inherit"],
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    let text = "";
    child.stdout.on("data", (chunk) => {
      text += chunk;
    });
    const began = performance.now();
    const [code] = await once(child, "exit");
    expect([text, code]).toEqual(["true\n", 0]);
    expect(performance.now() - began).toBeLessThan(8_000);
  });
});

describe.skipIf(!canMount)("a full disk (a tmpfs, which takes the right to mount)", () => {
  test("stops blocks and nothing else; with room again the node goes on by itself, and nothing acknowledged is lost", async () => {
    const disk = smallDisk(6 * 1024 * 1024);
    const notices: string[] = [];
    let onFirstNotice = () => {};
    const stopped = new Promise<void>((resolve) => {
      onFirstNotice = resolve;
    });
    const onNotice = (_: object, text: string) => {
      if (!text.startsWith("block production")) return;
      notices.push(text);
      onFirstNotice();
    };
    const log = { ...silentLog, info: onNotice, warn: onNotice, error: onNotice };
    const dataDir = join(disk, "data");
    const { client, accounts, stop } = await start({ dataDir, log });
    const [dev0, dev1] = accounts;
    const makeRoom = fill(disk, 100 * 1024);
    const acknowledged: IncludedReceiptJson[] = [];
    let stuck: Promise<IncludedReceiptJson>;
    for (let nonce = 0; ; nonce++) {
      stuck = send(client, sign(dev0, nonce, [transfer(dev1.address, 1n)]), 60_000);
      const receipt = await Promise.race([stuck, stopped]);
      if (receipt === undefined) break;
      acknowledged.push(receipt);
    }
    expect(acknowledged.length).toBeGreaterThan(3);
    expect(notices).toEqual([expect.stringMatching(/^block production stopped: no space is left/)]);

    // More than one try later it still says so, once, and still answers.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(notices.length).toBe(1);
    await expect(submit(client, sign(dev1, 0, []))).rejects.toMatchObject({ code: "storage_full" });
    expect(await heightOf(client)).toBe(acknowledged.length);
    for (const receipt of acknowledged) {
      expect(await client.call("tx_receipt", { hash: receipt.transactionHash })).toEqual(receipt);
    }

    makeRoom();
    // Who waited all the time is answered.
    expect(await stuck).toMatchObject({ status: { kind: "success" }, height: acknowledged.length + 1 });
    expect(notices).toEqual([notices[0], "block production goes on"]);
    expect((await send(client, sign(dev1, 0, []))).status).toEqual({ kind: "success" });
    for (const receipt of acknowledged) {
      expect(await client.call("tx_receipt", { hash: receipt.transactionHash })).toEqual(receipt);
    }
    await stop();
    const source = await openReplaySource({ dataDir });
    onTestFinished(() => source.close());
    expect(await replayChain(source)).toMatchObject({ transactions: acknowledged.length + 2, difference: null });
  });

  test("does not hold up closing", async () => {
    const disk = smallDisk(6 * 1024 * 1024);
    const { devnet, client, accounts } = await start({ dataDir: join(disk, "data") });
    fill(disk, 0);
    const action = { kind: "upload", code: variantOf(sampleContract, 2) } as const;
    for (let nonce = 0; nonce < 10; nonce++) {
      const transaction = sign(accounts[0], nonce, [{ ...action, code: variantOf(sampleContract, nonce) }]);
      if ((await submit(client, transaction).catch((error) => error)).code === "storage_full") break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await expect(submit(client, sign(accounts[1], 0, []))).rejects.toMatchObject({ code: "storage_full" });
    const began = performance.now();
    await devnet.close();
    expect(performance.now() - began).toBeLessThan(5_000);
  });
});

// Ports are free again once a server is closed; this one would show a leak of ours.
test("the port of a closed devnet can be taken by anybody", async () => {
  const { devnet, stop } = await start();
  await stop();
  const server = createServer().listen(devnet.port, "127.0.0.1");
  await once(server, "listening");
  server.close();
});
