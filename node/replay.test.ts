import { join } from "node:path";
import { Level } from "level";
import { describe, expect, onTestFinished, test } from "vitest";
import { signed, transfer } from "../test/support/signing.ts";
import { alice, bob, TestChain, temporaryFolder, testGenesis } from "../test/support/test-chain.ts";
import { extendByVaried } from "../test/support/varied-blocks.ts";
import { InputError } from "../vm/errors.ts";
import {
  type Block,
  blockHash,
  decodeBlock,
  decodeReceipt,
  encodeBlock,
  encodeReceipt,
  type Header,
  type Receipt,
} from "./block.ts";
import type { ClaimedBlock } from "./claimed-block.ts";
import { hash } from "./crypto.ts";
import { decodeGenesis, encodeGenesis, type Genesis } from "./genesis.ts";
import { openReplaySource, type ReplayResult, type ReplaySource, replayChain } from "./replay.ts";
import { applyGenesis } from "./state-transition.ts";
import type { Transaction } from "./transaction.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);

/** Four blocks: a creation and a transfer, a success and a revert, a halt and a transfer, two of one sender. */
async function honestChain(folder: string): Promise<TestChain> {
  const chain = await TestChain.create(testGenesis, folder);
  const contract = await extendByVaried(chain);
  const set = { kind: "call", contract, method: "set", args: utf8("set"), value: 0n } as const;
  const { nonce } = chain.account(bob.address);
  await chain.extend([signed(bob, [set], { nonce }), signed(bob, [], { nonce: nonce + 1 })]);
  return chain;
}

interface Claims {
  genesis: Genesis;
  readonly blocks: { block: Block; receipts: Receipt[] }[];
}

async function claimsOf(chain: TestChain): Promise<Claims> {
  const blocks = [];
  for (let height = 0; height <= chain.chain.head.height; height++) {
    const { block, receipts } = chain.store.rawBlock(height)!;
    blocks.push({ block: decodeBlock(block), receipts: receipts.map(decodeReceipt) });
  }
  return { genesis: decodeGenesis(encodeGenesis(chain.store.genesis)), blocks };
}

/** A chain as somebody tells it. */
function sourceOf(claims: Claims, raw: (height: number, claim: ClaimedBlock) => ClaimedBlock = (_, claim) => claim) {
  const source: ReplaySource = {
    genesis: claims.genesis,
    height: claims.blocks.length - 1,
    async block(height) {
      const { block, receipts } = claims.blocks[height]!;
      return raw(height, { block: encodeBlock(block), receipts: receipts.map(encodeReceipt) });
    },
    async close() {},
  };
  return source;
}

async function honestClaims(): Promise<Claims> {
  return claimsOf(await honestChain(temporaryFolder()));
}

function setHeader(claims: Claims, height: number, part: Partial<Header>): void {
  const claim = claims.blocks[height]!;
  claim.block = { ...claim.block, header: { ...claim.block.header, ...part } };
}

function setTransactions(claims: Claims, height: number, change: (list: Transaction[]) => Transaction[]): void {
  const claim = claims.blocks[height]!;
  claim.block = { ...claim.block, transactions: change([...claim.block.transactions]) };
}

function setReceipt(claims: Claims, height: number, index: number, change: (receipt: Receipt) => Partial<Receipt>) {
  const { receipts } = claims.blocks[height]!;
  receipts[index] = { ...receipts[index]!, ...change(receipts[index]!) };
}

/** Height, transaction and field of the difference; null when everything is equal. */
function placeOf({ difference }: ReplayResult) {
  return difference && [difference.height, difference.transactionIndex, difference.field];
}

const other = new Uint8Array(32).fill(0xee);

describe("a replay", () => {
  test("of an honest chain finds everything equal, from a folder and from what it claims", async () => {
    const folder = temporaryFolder();
    const chain = await honestChain(folder);
    const { head } = chain.chain;
    const claims = await claimsOf(chain);
    await chain.store.close();
    const source = await openReplaySource({ dataDir: folder });
    onTestFinished(() => source.close());
    const heights: number[] = [];
    const result = await replayChain(source, (height, total) => heights.push(height, total));
    const gasUsed = claims.blocks.reduce((sum, { block }) => sum + BigInt(block.header.gasUsed), 0n);
    expect(result).toEqual({
      blocks: 4,
      transactions: 8,
      gasUsed,
      headHash: blockHash(head),
      stateRoot: head.stateRoot,
      difference: null,
    });
    expect(heights).toEqual([1, 4, 2, 4, 3, 4, 4, 4]);
    expect(await replayChain(sourceOf(claims))).toEqual(result);
  });

  test.each<[keyof Header, Partial<Header>]>([
    ["height", { height: 7 }],
    ["parentHash", { parentHash: other }],
    ["protocolVersion", { protocolVersion: 1 }],
    ["proposer", { proposer: other }],
    ["gasUsed", { gasUsed: 1 }],
    ["gasLimit", { gasLimit: 1 }],
    ["stateRoot", { stateRoot: other }],
    ["transactionsRoot", { transactionsRoot: other }],
    ["receiptsRoot", { receiptsRoot: other }],
    ["time", { time: 1_001 }],
  ])("finds another %s in a header", async (field, part) => {
    for (const height of [2, 4]) {
      const claims = await honestClaims();
      setHeader(claims, height, part);
      const result = await replayChain(sourceOf(claims));
      expect(placeOf(result)).toEqual([height, null, field]);
      expect(result.blocks).toBe(height - 1);
    }
  });

  test("finds another time in the next block's parent hash", async () => {
    const claims = await honestClaims();
    setHeader(claims, 2, { time: claims.blocks[2]!.block.header.time + 1 });
    expect(placeOf(await replayChain(sourceOf(claims)))).toEqual([3, null, "parentHash"]);
  });

  test.each<[keyof Receipt, number, number, (receipt: Receipt) => Partial<Receipt>]>([
    ["status", 2, 1, () => ({ status: { kind: "success" } })],
    ["status", 3, 0, () => ({ status: { kind: "halt", reason: "OutOfGas" } })],
    ["status", 2, 1, () => ({ status: { kind: "revert", code: 8, data: utf8("refuse") } })],
    ["gasUsed", 1, 1, ({ gasUsed }) => ({ gasUsed: gasUsed + 1 })],
    ["fee", 3, 1, ({ fee }) => ({ fee: fee - 1n })],
    ["events", 2, 0, () => ({ events: [] })],
    ["events", 2, 0, ({ events }) => ({ events: [...events, ...events] })],
    ["events", 2, 0, ({ events }) => ({ events: [{ ...events[0]!, data: utf8("other") }] })],
    ["events", 2, 0, ({ events }) => ({ events: [{ ...events[0]!, contract: other }] })],
    ["actions", 1, 0, ({ actions }) => ({ actions: actions.slice(1) })],
    ["actions", 1, 0, ({ actions }) => ({ actions: actions.map((action) => ({ ...action, created: [] })) })],
    ["actions", 4, 0, ({ actions }) => ({ actions: [{ ...actions[0]!, returnData: utf8("x") }] })],
    ["transactionHash", 4, 1, () => ({ transactionHash: other })],
  ])("finds another %s in the receipt of block %i, transaction %i", async (field, height, index, change) => {
    const claims = await honestClaims();
    setReceipt(claims, height, index, change);
    expect(placeOf(await replayChain(sourceOf(claims)))).toEqual([height, index, `receipt.${field}`]);
  });

  test("finds any other bit of a transaction", async () => {
    const claims = await honestClaims();
    const { body, signature } = claims.blocks[4]!.block.transactions[1]!;
    for (const changed of [
      { body, signature: signature.with(0, signature[0]! ^ 1) },
      { body, signature: signature.with(63, signature[63]! ^ 0x10) },
      { body: { ...body, nonce: body.nonce + 1 }, signature },
      { body: { ...body, gasPrice: body.gasPrice + 1n }, signature },
      { body: { ...body, sender: alice.address }, signature },
      { body: { ...body, actions: [transfer(alice.address, 1n)] }, signature },
    ]) {
      setTransactions(claims, 4, (list) => list.with(1, changed));
      const result = await replayChain(sourceOf(claims));
      expect(placeOf(result)).toEqual([4, 1, "transaction"]);
      expect(result.difference).toMatchObject({ expected: "valid", actual: "bad_signature" });
    }
  });

  test("finds a transaction that may not be there, and which", async () => {
    const cases: [(list: Transaction[]) => Transaction[], number, string][] = [
      [(list) => [...list, list[0]!], 2, "nonce_too_low"],
      [(list) => [list[0]!, list[0]!, list[1]!], 1, "nonce_too_low"],
      [(list) => list.toReversed(), 0, "nonce_too_high"],
      [(list) => list.slice(1), 0, "nonce_too_high"],
      [(list) => [signed(bob, [], { nonce: 3, chainId: "other" }).transaction, ...list], 0, "wrong_chain"],
    ];
    for (const [change, index, code] of cases) {
      const claims = await honestClaims();
      setTransactions(claims, 4, change);
      const result = await replayChain(sourceOf(claims));
      expect(placeOf(result)).toEqual([4, index, "transaction"]);
      expect(result.difference!.actual).toBe(code);
    }
  });

  test("finds a transaction that was left out, with its receipt or without", async () => {
    const claims = await honestClaims();
    setTransactions(claims, 2, (list) => list.slice(0, 1));
    expect(placeOf(await replayChain(sourceOf(claims)))).toEqual([2, null, "receipts"]);
    claims.blocks[2]!.receipts.pop();
    expect(placeOf(await replayChain(sourceOf(claims)))).toEqual([2, null, "gasUsed"]);
  });

  test("finds a receipt that was left out, added or swapped", async () => {
    for (const [change, place] of [
      [(list: Receipt[]) => list.slice(0, 1), [2, null, "receipts"]],
      [(list: Receipt[]) => [...list, list[0]!], [2, null, "receipts"]],
      [(list: Receipt[]) => list.toReversed(), [2, 0, "receipt.status"]],
    ] as const) {
      const claims = await honestClaims();
      claims.blocks[2]!.receipts = change(claims.blocks[2]!.receipts);
      expect(placeOf(await replayChain(sourceOf(claims)))).toEqual(place);
    }
  });

  test("finds bytes that are no block and no receipt", async () => {
    const claims = await honestClaims();
    const breaks: ((claim: ClaimedBlock) => ClaimedBlock)[] = [
      (claim) => ({ ...claim, block: claim.block.slice(0, -1) }),
      (claim) => ({ ...claim, block: Uint8Array.of(...claim.block, 0) }),
      (claim) => ({ ...claim, block: new Uint8Array() }),
      (claim) => ({ ...claim, receipts: claim.receipts.with(1, claim.receipts[1]!.slice(0, -1)) }),
    ];
    for (const change of breaks) {
      const source = sourceOf(claims, (height, claim) => (height === 2 ? change(claim) : claim));
      expect(placeOf(await replayChain(source))).toEqual([2, null, "encoding"]);
    }
    const genesisBlock = sourceOf(claims, (height, claim) => (height === 0 ? breaks[0]!(claim) : claim));
    expect(placeOf(await replayChain(genesisBlock))).toEqual([0, null, "encoding"]);
  });

  test("finds transactions and receipts in block 0, which has none", async () => {
    const claims = await honestClaims();
    const [genesisBlock, first] = claims.blocks as [Claims["blocks"][number], Claims["blocks"][number]];
    genesisBlock.receipts = first.receipts;
    expect(placeOf(await replayChain(sourceOf(claims)))).toEqual([0, null, "receipts"]);
    setTransactions(claims, 0, () => [...first.block.transactions]);
    expect(placeOf(await replayChain(sourceOf(claims)))).toEqual([0, null, "transactions"]);
  });

  test("finds a genesis that is not the chain's", async () => {
    const lies: Partial<Genesis>[] = [
      { balances: testGenesis.balances.slice(1) },
      { balances: testGenesis.balances.map(({ address }) => ({ address, balance: 1n })) },
      { proposer: other },
      { time: 1_001 },
      { params: { ...testGenesis.params, callGas: 1 } },
    ];
    for (const lie of lies) {
      const claims = await honestClaims();
      claims.genesis = { ...claims.genesis, ...lie };
      expect(placeOf(await replayChain(sourceOf(claims)))).toEqual([0, null, "parentHash"]);
      // With a block 0 that fits the lie, block 1 does not fit.
      claims.blocks[0]!.block = applyGenesis(claims.genesis, hash("genesis", encodeGenesis(claims.genesis))).block;
      const place = placeOf(await replayChain(sourceOf(claims)));
      expect(place?.[0]).toBe(1);
    }
  });

  test.each([
    ["genesis_unsupported", { params: { ...testGenesis.params, schedule: 2 } }],
    ["genesis_chain_id", { chainId: "" }],
    ["genesis_supply", { balances: [alice, bob].map(({ address }) => ({ address, balance: 1n << 127n })) }],
  ])("refuses a genesis that cannot be: %s", async (code, part) => {
    const claims = await honestClaims();
    claims.genesis = { ...claims.genesis, ...part };
    await expect(replayChain(sourceOf(claims))).rejects.toMatchObject({ name: "InputError", code });
  });
});

describe("a replay of a folder that somebody wrote in", () => {
  const key = (prefix: number, height: number, ...rest: number[]) =>
    Uint8Array.of(prefix, 0, 0, 0, 0, 0, 0, 0, height, ...rest);
  type Database = Level<Uint8Array, Uint8Array>;

  async function replayAfter(change: (database: Database) => Promise<void>): Promise<ReplayResult> {
    const folder = join(temporaryFolder(), "data");
    const chain = await honestChain(folder);
    await chain.store.close();
    const database: Database = new Level(folder, { keyEncoding: "view", valueEncoding: "view" });
    await database.open();
    await change(database);
    await database.close();
    const source = await openReplaySource({ dataDir: folder });
    onTestFinished(() => source.close());
    return replayChain(source);
  }

  test("finds the change, or has a code for it", async () => {
    const receipt = key(0x04, 3, 0, 0, 0, 1);
    const changed = await replayAfter(async (database) => {
      const bytes = (await database.get(receipt))!;
      await database.put(receipt, encodeReceipt({ ...decodeReceipt(bytes), fee: 0n }));
    });
    expect(placeOf(changed)).toEqual([3, 1, "receipt.fee"]);
    expect(placeOf(await replayAfter((database) => database.del(receipt)))).toEqual([3, null, "receipts"]);
    const torn = (database: Database) => database.put(key(0x01, 2), Uint8Array.of(1, 2, 3));
    expect(placeOf(await replayAfter(torn))).toEqual([2, null, "encoding"]);
    const gone = replayAfter((database) => database.del(key(0x01, 2)));
    await expect(gone).rejects.toMatchObject({ code: "block_missing" });
    await expect(gone).rejects.toBeInstanceOf(InputError);
  });

  test("is not led astray by the state that the folder keeps", async () => {
    const result = await replayAfter(async (database) => {
      for await (const name of database.keys({ gte: Uint8Array.of(0x10), lt: Uint8Array.of(0x13) })) {
        await database.del(name);
      }
    });
    expect(result.difference).toBeNull();
    expect(result.blocks).toBe(4);
  });
});
