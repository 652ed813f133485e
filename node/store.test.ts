import { type ChildProcess, spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join, relative } from "node:path";
import fc from "fast-check";
import { Level } from "level";
import { describe, expect, onTestFinished, test } from "vitest";
import { canMount, fill, smallDisk } from "../test/support/full-disk.ts";
import { recordsOf, tamper } from "../test/support/made-blocks.ts";
import { sampleContract } from "../test/support/sample-contracts.ts";
import { transfer } from "../test/support/signing.ts";
import { alice, bob, TestChain, temporaryFolder, testGenesis } from "../test/support/test-chain.ts";
import { InputError } from "../vm/errors.ts";
import { blockHash, encodeBlock, encodeReceipt } from "./block.ts";
import { hash } from "./crypto.ts";
import { encodeGenesis, type Genesis } from "./genesis.ts";
import { accountKey, scanStorage, storageKey } from "./state/account.ts";
import { Journal } from "./state/journal.ts";
import { readRoot, readValue } from "./state/tree.ts";
import type { AppliedBlock } from "./state-transition.ts";
import { checkDatabase } from "./storage/check.ts";
import { FORMAT, keys } from "./storage/layout.ts";
import { Store } from "./store.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const codeHash = hash("code", sampleContract);

/** The code with which a folder is refused; a store that opens is closed again. */
async function refusalOf(directory: string, genesis?: Genesis): Promise<string> {
  try {
    const store = await Store.open(directory, genesis === undefined ? {} : { genesis });
    await store.close();
    return "accepted";
  } catch (error) {
    if (error instanceof InputError) return error.code;
    throw error;
  }
}

/** Some blocks with everything in them: uploads, creations, events, failures, removals. */
async function fillWithBlocks(
  chain: TestChain,
  onBlock: (applied: AppliedBlock) => void = () => {},
): Promise<AppliedBlock[]> {
  const blocks: AppliedBlock[] = [];
  const extend = async (...transactions: Parameters<TestChain["extend"]>[0]) => {
    blocks.push(await chain.extend(transactions));
    onBlock(blocks.at(-1)!);
  };
  await extend(
    chain.sign(alice, [
      { kind: "upload", code: sampleContract },
      { kind: "create", codeHash, salt: null, args: utf8("a"), value: 0n },
    ]),
    chain.sign(bob, [transfer(alice.address, 5n)]),
  );
  const contract = blocks[0]!.receipts[0]!.actions[1]!.created[0]!;
  for (const method of ["tell", "refuse", "remove", "set", "trap", "set"]) {
    const action = { kind: "call", contract, method, args: utf8(method), value: 0n } as const;
    await extend(chain.sign(alice, [action]), chain.sign(bob, [action]));
  }
  return blocks;
}

function expectBlock(store: Store, { block, receipts, transactionHashes }: AppliedBlock): void {
  const { height } = block.header;
  expect(encodeBlock(store.requireBlock(height))).toEqual(encodeBlock(block));
  expect(store.receipts(height, block).map(encodeReceipt)).toEqual(receipts.map(encodeReceipt));
  expect(store.rawBlock(height)).toEqual({ block: encodeBlock(block), receipts: receipts.map(encodeReceipt) });
  expect(store.heightOf(blockHash(block.header))).toBe(height);
  for (const [index, name] of transactionHashes.entries()) {
    expect(store.transactionPosition(name)).toEqual({ height, index });
  }
  expect(readRoot(store.nodes, height)).toEqual(block.header.stateRoot);
}

function expectNoTraceOf(store: Store, { block, transactionHashes }: AppliedBlock): void {
  const { height } = block.header;
  expect(store.block(height)).toBeUndefined();
  expect(store.rawBlock(height)).toBeUndefined();
  expect(store.heightOf(blockHash(block.header))).toBeUndefined();
  for (const [index, name] of transactionHashes.entries()) {
    expect(store.transactionPosition(name)).toBeUndefined();
    expect(store.receipt(height, index)).toBeUndefined();
  }
}

describe("a folder", () => {
  test("holds what was committed when it is opened again", async () => {
    const folder = temporaryFolder();
    const chain = await TestChain.create(testGenesis, folder);
    const blocks = await fillWithBlocks(chain);
    for (const block of blocks) expectBlock(chain.store, block);
    await chain.store.close();
    const store = await Store.open(folder);
    onTestFinished(() => store.close());
    expect(store.headHeight).toBe(blocks.length);
    expect(encodeGenesis(store.genesis)).toEqual(encodeGenesis(testGenesis));
    for (const block of blocks) expectBlock(store, block);
    for (const { changes } of blocks) {
      for (const { key } of changes) {
        expect(store.flat.get(key)).toEqual(readValue(store.nodes, blocks.length, key));
      }
    }
  });

  test("gives plain bytes that are nobody else's", async () => {
    const chain = await TestChain.create();
    await fillWithBlocks(chain);
    const raw = chain.store.rawBlock(1)!;
    const account = chain.store.flat.get(accountKey(alice.address))!;
    for (const bytes of [raw.block, ...raw.receipts, account, chain.store.requireBlock(1).header.stateRoot]) {
      expect(Object.getPrototypeOf(bytes)).toBe(Uint8Array.prototype);
    }
    raw.block.fill(0);
    account.fill(0);
    expect(chain.store.rawBlock(1)!.block).not.toEqual(raw.block);
    expect(chain.store.flat.get(accountKey(alice.address))).not.toEqual(account);
  });

  test("holds whole blocks only, wherever its log breaks off", async () => {
    const folder = temporaryFolder();
    const chain = await TestChain.create(testGenesis, folder);
    const blocks = await fillWithBlocks(chain);
    await chain.store.close();
    const [log, ...otherLogs] = readdirSync(folder).filter((name) => name.endsWith(".log"));
    expect(otherLogs).toEqual([]);
    const size = readFileSync(join(folder, log!)).length;
    const heights = new Set<number>();
    const copy = join(temporaryFolder(), "copy");
    for (let cut = 0; cut <= 40; cut++) {
      rmSync(copy, { recursive: true, force: true });
      cpSync(folder, copy, { recursive: true });
      truncateSync(join(copy, log!), Math.floor((size * cut) / 40));
      let store: Store;
      try {
        store = await Store.open(copy);
      } catch (error) {
        // The genesis itself was cut.
        expect((error as InputError).code).toBe("data_empty");
        heights.add(-1);
        continue;
      }
      const height = store.headHeight;
      heights.add(height);
      for (const block of blocks.slice(0, height)) expectBlock(store, block);
      for (const block of blocks.slice(height)) expectNoTraceOf(store, block);
      await store.close();
    }
    expect([...heights].sort((a, b) => a - b)).toEqual([-1, 0, 1, 2, 3, 4, 5, 6, 7]);
  });

  test("keeps its own genesis, whatever it is opened with", async () => {
    const folder = temporaryFolder();
    const store = await Store.open(folder, { genesis: testGenesis });
    await store.close();
    const again = await Store.open(folder, { genesis: { ...testGenesis, chainId: "other" } });
    onTestFinished(() => again.close());
    expect(again.genesis.chainId).toBe(testGenesis.chainId);
    expect(again.genesisHash).toEqual(store.genesisHash);
  });

  test("is one database under all its names", async () => {
    const folder = temporaryFolder();
    const link = join(temporaryFolder(), "link");
    symlinkSync(folder, link);
    const chain = await TestChain.create(testGenesis, folder);
    for (const name of [`${folder}/`, `${folder}/.`, relative(process.cwd(), folder), link]) {
      const other = await Store.open(name);
      await chain.extend([]);
      expect(other.headHeight).toBe(chain.chain.head.height);
      await other.close();
      // A second lock on one file, given up, would have given up the first.
      expect(await opensElsewhere(folder)).toBe("LEVEL_LOCKED");
    }
  });
});

/** What another process is told that opens the folder. */
async function opensElsewhere(folder: string): Promise<string> {
  const child = spawnScript(
    `
    try { await new Level(folder).open(); console.log("opened"); } catch (error) { console.log(error.cause.code); }
    process.exit();`,
    folder,
  );
  return firstLine(child);
}

function spawnScript(script: string, folder: string): ChildProcess {
  const source = `import { Level } from "level"; const folder = ${JSON.stringify(folder)}; ${script}`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", source], { stdio: ["pipe", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

async function firstLine(child: ChildProcess): Promise<string> {
  let text = "";
  for await (const chunk of child.stdout!) {
    text += chunk;
    if (text.includes("\n")) return text.trimEnd();
  }
  throw new Error("the process ended without a word");
}

describe("a folder is refused", () => {
  test("while another process has it: data_locked", async () => {
    const folder = temporaryFolder();
    const store = await Store.open(folder, { genesis: testGenesis });
    await store.close();
    const child = spawnScript(`await new Level(folder).open(); console.log("open"); process.stdin.resume();`, folder);
    expect(await firstLine(child)).toBe("open");
    expect(await refusalOf(folder)).toBe("data_locked");
    expect(await refusalOf(folder, testGenesis)).toBe("data_locked");
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
    expect(await refusalOf(folder)).toBe("accepted");
  });

  test("when there is no chain and none shall begin: data_empty, and nothing is left there", async () => {
    const folder = temporaryFolder();
    expect(await refusalOf(folder)).toBe("data_empty");
    expect(readdirSync(folder)).toEqual([]);
    expect(await refusalOf(join(folder, "missing"))).toBe("data_empty");
    expect(existsSync(join(folder, "missing"))).toBe(false);
  });

  test("when its database is empty and none shall begin: data_empty", async () => {
    const folder = temporaryFolder();
    const database = new Level(folder);
    await database.open();
    await database.close();
    expect(await refusalOf(folder)).toBe("data_empty");
    expect(await refusalOf(folder, testGenesis)).toBe("accepted");
    expect(await refusalOf(folder)).toBe("accepted");
  });

  test("whatever its format is called but ours: data_format, and it stays as it was", async () => {
    const folder = temporaryFolder();
    const store = await Store.open(folder, { genesis: testGenesis });
    await store.close();
    const own = [...utf8(FORMAT)];
    const format = fc.oneof(
      fc
        .constantFrom("lockstep-0", "lockstep-1", "lockstep-3", "lockstep-5", "lockstep-44", "", "Lockstep-4")
        .map(utf8),
      fc.nat(own.length - 1).map((length) => Uint8Array.from(own.slice(0, length))),
      fc.nat(255).map((byte) => Uint8Array.of(...own, byte)),
      fc
        .tuple(fc.nat(own.length - 1), fc.integer({ min: 1, max: 255 }))
        .map(([at, flip]) => Uint8Array.from(own.with(at, own[at]! ^ flip))),
      fc.uint8Array({ maxLength: 100 }),
    );
    await fc.assert(
      fc.asyncProperty(format, async (other) => {
        fc.pre(hex(other) !== hex(utf8(FORMAT)));
        await tamper(folder, (database) => database.put(keys.meta("format"), other));
        const records = await recordsOf(folder);
        expect(await refusalOf(folder)).toBe("data_format");
        expect(await refusalOf(folder, testGenesis)).toBe("data_format");
        await expect(checkDatabase(folder)).rejects.toMatchObject({ code: "data_format" });
        expect(await recordsOf(folder)).toEqual(records);
      }),
      { numRuns: 60 },
    );
  });

  test.each([
    ["lockstep-1", "lockstep-1", /Lockstep 0\.1 wrote it: open it with that version/],
    ["lockstep-2", "lockstep-2", /Lockstep 0\.2 wrote it: open it with that version/],
    ["lockstep-3", "lockstep-3", /Lockstep 0\.3 wrote it: open it with that version/],
    ["lockstep-5", "lockstep-5", /the version of Lockstep that wrote it/],
    [`\n${"x".repeat(1_000)}`, `\n${"x".repeat(39)}`, /the version of Lockstep that wrote it/],
  ])("whose format is %j, with what it is, what this version writes and the way out", async (format, shown, hint) => {
    const folder = temporaryFolder();
    const store = await Store.open(folder, { genesis: testGenesis });
    await store.close();
    await tamper(folder, (database) => database.put(keys.meta("format"), utf8(format)));
    const message = `${folder} has the format ${JSON.stringify(shown)}; this version writes "${FORMAT}"`;
    const details = { format: shown, supported: FORMAT };
    const refusal = expect.objectContaining({ message, details, hint: expect.stringMatching(hint) });
    await expect(Store.open(folder)).rejects.toEqual(refusal);
  });

  test("when another program's database is in it: data_format, and that database is untouched", async () => {
    const folder = temporaryFolder();
    const database = new Level(folder);
    await database.put("mine", "precious");
    await database.close();
    expect(await refusalOf(folder)).toBe("data_format");
    expect(await refusalOf(folder, testGenesis)).toBe("data_format");
    await database.open();
    expect(await database.iterator().all()).toEqual([["mine", "precious"]]);
    await database.close();
  });

  test("when it is a file, whatever it is called: storage_failed", async () => {
    const folder = temporaryFolder();
    for (const name of ["plain", "no space left lock LEVEL_LOCKED ENOSPC"]) {
      writeFileSync(join(folder, name), "");
      expect(await refusalOf(join(folder, name), testGenesis)).toBe("storage_failed");
    }
  });

  test("when its genesis asks for rules that this version does not know: genesis_unsupported", async () => {
    const params = { ...testGenesis.params, protocolVersion: 1 };
    expect(await refusalOf(temporaryFolder(), { ...testGenesis, params })).toBe("genesis_unsupported");
  });
});

describe("a scan of the flat view", () => {
  const behindAll = new Uint8Array(2_000).fill(0xff);
  const stateOf = (store: Store, reverse = false) => [...store.flat.scan(new Uint8Array(), behindAll, reverse)];

  test("gives the state at the head, in both directions, after every block", async () => {
    const chain = await TestChain.create();
    const state = new Map(stateOf(chain.store).map((entry) => [hex(entry.key), entry]));
    expect([...state.keys()].sort()).toEqual([alice, bob].map(({ address }) => hex(accountKey(address))).sort());
    await fillWithBlocks(chain, ({ changes }) => {
      for (const { key, value } of changes) {
        if (value === null) state.delete(hex(key));
        else state.set(hex(key), { key, value });
      }
      const expected = [...state].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
      expect(stateOf(chain.store)).toEqual(expected);
      expect(stateOf(chain.store, true)).toEqual(expected.reverse());
    });
    expect(state.size).toBeGreaterThan(4);
  });

  test("goes on after the store was closed and opened again, and in between is refused: storage_failed", async () => {
    const chain = await TestChain.create();
    const before = stateOf(chain.store);
    for (let times = 0; times < 3; times++) {
      await chain.store.close();
      expect(() => stateOf(chain.store)).toThrow(expect.objectContaining({ code: "storage_failed" }));
      await chain.store.reopen();
      expect(stateOf(chain.store)).toEqual(before);
    }
    await chain.store.close();
    // Without multithreading it opens only what nobody has open, the scan thread included.
    const alone = new Level(chain.store.location);
    await alone.open();
    await alone.close();
  });

  test("is not slowed by what is outside of its range, be it 50,000 entries", async () => {
    const chain = await TestChain.create();
    const [before, own, behind] = [1, 2, 3].map((byte) => new Uint8Array(32).fill(byte));
    const database = new Level<Uint8Array, Uint8Array>(chain.store.location, {
      keyEncoding: "view",
      valueEncoding: "view",
      multithreading: true,
    });
    await database.open();
    onTestFinished(() => database.close());
    const put = (contract: Uint8Array, number: number) => {
      const stateKey = storageKey(contract, Uint8Array.of(number >> 8, number));
      return { type: "put", key: Uint8Array.of(0x12, ...stateKey), value: new Uint8Array(8) } as const;
    };
    for (const contract of [before!, behind!]) {
      await database.batch(Array.from({ length: 25_000 }, (_, number) => put(contract, number)));
    }
    await database.batch([put(own!, 7)]);
    const journal = new Journal(chain.store.flat);
    const started = performance.now();
    for (let i = 0; i < 500; i++) {
      const scan = scanStorage(journal, own!, { start: new Uint8Array(), end: null, reverse: i % 2 === 1 });
      expect([...scan]).toEqual([{ key: Uint8Array.of(0, 7), value: new Uint8Array(8) }]);
    }
    // Over 50,000 entries each takes 20 ms at least.
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});

describe.skipIf(!canMount)("a full disk (a tmpfs, which takes the right to mount)", () => {
  test("takes no block, keeps every one it took, and takes blocks again when there is room", async () => {
    const disk = smallDisk(3 * 1024 * 1024);
    const folder = join(disk, "data");
    mkdirSync(folder);
    const chain = await TestChain.create(testGenesis, folder);
    const blocks: AppliedBlock[] = [];
    const makeRoom = fill(disk, 64 * 1024);
    const step = () => chain.extend([chain.sign(alice, [transfer(bob.address, 1n)])]);
    const failure = await (async () => {
      for (;;) blocks.push(await step());
    })().catch((error) => error);
    expect(failure).toMatchObject({ name: "InputError", code: "storage_full" });
    expect(blocks.length).toBeGreaterThan(3);

    // It can be read still, and opening it again would take room that is not there.
    expect(chain.chain.head).toEqual(blocks.at(-1)!.block.header);
    for (const block of blocks) expectBlock(chain.store, block);
    expect(chain.store.hasRoom()).toBe(false);

    makeRoom();
    expect(chain.store.hasRoom()).toBe(true);
    expect(readdirSync(folder)).not.toContain("room-probe");
    await chain.store.close();
    await chain.store.reopen();
    chain.chain.reload();
    expect(chain.chain.head).toEqual(blocks.at(-1)!.block.header);
    for (let more = 0; more < 3; more++) blocks.push(await step());
    for (const block of blocks) expectBlock(chain.store, block);
    await chain.store.close();
    await chain.store.reopen();
    expect(chain.store.headHeight).toBe(blocks.length);
    for (const block of blocks) expectBlock(chain.store, block);
  });

  test("is told at the start", async () => {
    const disk = smallDisk(1024 * 1024);
    fill(disk, 0);
    expect(await refusalOf(join(disk, "data"), testGenesis)).toBe("storage_full");
  });
});
