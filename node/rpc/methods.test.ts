import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import {
  call,
  codeHash,
  contract,
  FakeNode,
  noHash,
  sender,
  transaction,
  upload,
} from "../../test/support/fake-node.ts";
import {
  another,
  answerOf,
  contractText,
  exampleNode,
  examples,
  includedHash,
  senderText,
  waitingHash,
} from "../../test/support/rpc-examples.ts";
import { problemsOf } from "../../test/support/rpc-schema.ts";
import { Fault } from "../../vm/errors.ts";
import { addressToText } from "../address.ts";
import { accountKey, codeInfoKey, codeKey, emptyAccount, encodeAccount, storageKey } from "../state/account.ts";
import { decodeTransaction, type EditChange, type Transaction } from "../transaction.ts";
import { api, type EventJson, type RpcMethod, type RpcMethods, type SealingJson } from "./api.ts";
import { fromHex, toHex } from "./json.ts";
import { callMethod } from "./methods.ts";
import type { StateDifference } from "./service.ts";
import type { SubscriptionRequest } from "./subscriptions.ts";

const names = Object.keys(api) as RpcMethod[];
const failing = (code: string) => expect.objectContaining({ code });

describe("the development methods", () => {
  const development = names.filter((name) => name.startsWith("dev_"));

  test("are refused to whoever may not control the node, before their parameters are looked at", async () => {
    expect(development).toHaveLength(23);
    const service = await exampleNode();
    const before = await answerOf("node_info", {}, { service });
    for (const method of development) {
      for (const params of [examples[method], { nonsense: 1 }, null]) {
        expect(() => callMethod(method, params, { service, mayControl: false })).toThrow(
          expect.objectContaining({ code: "development_forbidden", hint: expect.stringContaining("token") }),
        );
      }
    }
    expect(await answerOf("node_info", {}, { service })).toEqual(before);
  });

  test("are refused by a node that is no devnet, and change nothing", async () => {
    for (const method of development) {
      const service = await exampleNode();
      delete service.development;
      const before = service.head();
      await expect((async () => callMethod(method, examples[method], { service, mayControl: true }))()).rejects.toThrow(
        expect.objectContaining({ code: "development_disabled", hint: expect.stringContaining("lockstep dev") }),
      );
      expect(service.head()).toBe(before);
    }
  });

  test("that edit hand on what they were told, one change a block", async () => {
    const service = new FakeNode();
    const at = { address: senderText };
    const bytes = Uint8Array.of(1, 0xff);
    const cases: [string, object, EditChange][] = [
      ["dev_faucet", at, { kind: "credit", address: sender, amount: 10n ** 18n }],
      ["dev_faucet", { ...at, amount: "7" }, { kind: "credit", address: sender, amount: 7n }],
      ["dev_setBalance", { ...at, balance: "0" }, { kind: "balance", address: sender, balance: 0n }],
      ["dev_setNonce", { ...at, nonce: 3 }, { kind: "nonce", address: sender, nonce: 3 }],
      ["dev_setCode", { ...at, code: "0x01ff" }, { kind: "code", address: sender, code: bytes }],
      ["dev_setCode", { ...at, code: null }, { kind: "code", address: sender, code: null }],
      [
        "dev_setStorage",
        { contract: contractText, key: "0x", value: "0x01ff" },
        { kind: "storage", contract, key: new Uint8Array(), value: bytes },
      ],
      [
        "dev_setStorage",
        { contract: contractText, key: "0x01ff", value: null },
        { kind: "storage", contract, key: bytes, value: null },
      ],
    ];
    for (const [method, params] of cases) {
      expect(await answerOf(method, params, { service })).toEqual({
        height: service.head().header.height,
        hash: toHex(service.head().hash),
        transactionHash: `0x${"09".repeat(32)}`,
      });
    }
    expect(service.development?.edits).toEqual(cases.map(([, , change]) => change));
    expect(service.head().header.height).toBe(cases.length);
  });

  test("mean everybody when they name nobody, and a block at once unless told otherwise", async () => {
    const service = new FakeNode();
    const ask = (method: string, params: object) => answerOf(method, params, { service });
    expect(await ask("dev_impersonate", {})).toEqual({ everybody: true, addresses: [] });
    expect(await ask("dev_impersonate", { address: senderText })).toEqual({ everybody: true, addresses: [senderText] });
    expect(await ask("dev_stopImpersonating", {})).toEqual({ everybody: false, addresses: [senderText] });
    await ask("dev_advanceTime", { ms: 5, mine: false });
    expect(service.head().header.height).toBe(0);
    await ask("dev_advanceTime", { ms: 5 });
    await ask("dev_setTime", { time: 50_000 });
    expect(service.head().header.height).toBe(2);
  });

  test("refuse a dump that no answer holds, and hand on what is to be loaded", async () => {
    const service = new FakeNode();
    const { development } = service;
    development!.dumped = new Uint8Array(2 * 1024 * 1024);
    await expect(answerOf("dev_dump", {}, { service })).rejects.toThrow(failing("dump_too_large"));
    development!.dumped = Uint8Array.of(7, 8);
    const { dump } = (await answerOf("dev_dump", {}, { service })) as { dump: string };
    await answerOf("dev_load", { dump }, { service });
    expect(development!.loaded).toEqual(Uint8Array.of(7, 8));
  });

  test("alone are", async () => {
    const subscriptions = { add: () => "1", remove: () => true };
    for (const method of names.filter((name) => !development.includes(name))) {
      await callMethod(method, examples[method], { service: await exampleNode(), subscriptions, mayControl: false });
    }
  });

  test("make blocks, the first of what is ready", async () => {
    const service = await exampleNode();
    expect(await answerOf("dev_mine", {}, { service })).toMatchObject({ height: 2 });
    expect(await answerOf("tx_status", { hash: waitingHash }, { service })).toMatchObject({ kind: "included" });
    expect(await answerOf("dev_mine", { count: 1000 }, { service })).toEqual({
      height: 1002,
      hash: toHex(service.head().hash),
    });
    for (const count of [0, 1001]) {
      expect(() => callMethod("dev_mine", { count }, { service, mayControl: true })).toThrow(failing("invalid_params"));
    }
  });

  test("change the sealing to a whole one only", async () => {
    const service = new FakeNode();
    const sealings: SealingJson[] = [
      { kind: "interval", intervalMs: 1 },
      { kind: "mixed", intervalMs: 86_400_000 },
      { kind: "manual" },
      { kind: "transaction" },
    ];
    for (const sealing of sealings) {
      expect(await answerOf("dev_setSealing", sealing, { service })).toEqual(sealing);
      expect(service.sealing).toEqual(sealing);
      expect(await answerOf("node_info", {}, { service })).toMatchObject({ sealing });
    }
    const bad = [
      {},
      { kind: "interval" },
      { kind: "mixed" },
      { kind: "manual", intervalMs: 1 },
      { kind: "transaction", intervalMs: 1 },
      { kind: "interval", intervalMs: 0 },
      { kind: "interval", intervalMs: 86_400_001 },
      { kind: "Interval", intervalMs: 1 },
    ];
    for (const params of bad) {
      const attempt = () => callMethod("dev_setSealing", params, { service, mayControl: true });
      expect(attempt, JSON.stringify(params)).toThrow(failing("invalid_params"));
    }
    expect(service.sealing).toEqual({ kind: "transaction" });
  });

  test("drop one, a sender's, all, and not by two rules at once", async () => {
    const drop = async (params: object) => {
      const service = await exampleNode();
      const { dropped } = (await answerOf("dev_dropTransactions", params, { service })) as { dropped: number };
      return [dropped, service.poolStatus().count];
    };
    expect(await drop({})).toEqual([1, 0]);
    expect(await drop({ hash: waitingHash })).toEqual([1, 0]);
    expect(await drop({ hash: includedHash })).toEqual([0, 1]);
    expect(await drop({ sender: senderText })).toEqual([1, 0]);
    expect(await drop({ sender: contractText })).toEqual([0, 1]);
    await expect(drop({ hash: waitingHash, sender: senderText })).rejects.toThrow(failing("invalid_params"));
  });
});

describe("a subscription", () => {
  const hash = includedHash;
  const asked: SubscriptionRequest[] = [];
  const subscriptions = {
    add: (request: SubscriptionRequest) => {
      asked.push(request);
      return "7";
    },
    remove: (subscription: string) => subscription === "7",
  };
  const context = { service: new FakeNode(), subscriptions, mayControl: false };
  const subscribe = (params: object) => callMethod("chain_subscribe", params, context);
  beforeEach(() => {
    asked.length = 0;
  });

  test("is asked for as its topic has it", () => {
    const end = { height: 12, transactionIndex: 0xffff_ffff, eventIndex: 0xffff_ffff };
    const cases: [object, SubscriptionRequest][] = [
      [{ topic: "heads" }, { topic: "heads" }],
      [
        { topic: "heads", after: "12" },
        { topic: "heads", after: 12 },
      ],
      [{ topic: "events" }, { topic: "events", filter: {} }],
      [
        { topic: "events", after: "12" },
        { topic: "events", filter: {}, after: end },
      ],
      [
        { topic: "events", after: "3-1-2", contract: contractText, name: "é" },
        {
          topic: "events",
          filter: { contract, name: Uint8Array.of(0xc3, 0xa9) },
          after: { height: 3, transactionIndex: 1, eventIndex: 2 },
        },
      ],
      [
        { topic: "transaction", hash },
        { topic: "transaction", hash: fromHex(hash) },
      ],
      [{ topic: "pending" }, { topic: "pending" }],
    ];
    for (const [params] of cases) expect(subscribe(params)).toEqual({ subscription: "7" });
    expect(asked).toEqual(cases.map(([, request]) => request));
  });

  test("takes only the parameters of its topic", () => {
    const values = { after: "1", contract: contractText, name: "Moved", hash };
    const known: Record<string, readonly string[]> = {
      heads: ["after"],
      events: ["after", "contract", "name"],
      transaction: ["hash"],
      pending: [],
    };
    for (const [topic, own] of Object.entries(known)) {
      for (const [name, value] of Object.entries(values)) {
        if (own.includes(name)) continue;
        const params = { topic, ...(topic === "transaction" && { hash }), [name]: value };
        expect(() => subscribe(params)).toThrow(
          expect.objectContaining({
            code: "invalid_params",
            message: `parameter "${name}" does not belong to topic "${topic}"`,
          }),
        );
      }
    }
    for (const params of [{ topic: "transaction" }, { topic: "heads", after: "1-0-0" }, { topic: "logs" }, {}]) {
      expect(() => subscribe(params), JSON.stringify(params)).toThrow(failing("invalid_params"));
    }
    expect(() => subscribe({ topic: "heads", after: "1-0" })).toThrow(failing("cursor_invalid"));
    expect(asked).toEqual([]);
  });

  test("ends when asked to, and needs a WebSocket", () => {
    expect(callMethod("chain_unsubscribe", { subscription: "7" }, context)).toBe(true);
    expect(callMethod("chain_unsubscribe", { subscription: "8" }, context)).toBe(false);
    const http = { service: context.service, mayControl: false };
    for (const [method, params] of [
      ["chain_subscribe", { topic: "heads" }],
      ["chain_unsubscribe", { subscription: "7" }],
    ] as const) {
      expect(() => callMethod(method, params, http)).toThrow(failing("websocket_only"));
    }
  });
});

test("following the pages of events gives each event once, in order", async () => {
  const service = new FakeNode();
  const [mine] = [decodeTransaction(transaction(call))];
  for (const count of [2, 0, 5, 1, 0, 0, 3]) service.seal(Array(count).fill(mine));
  type Page = RpcMethods["chain_events"]["result"];
  const follow = async (params: RpcMethods["chain_events"]["params"]): Promise<EventJson[]> => {
    const all: EventJson[] = [];
    let after: string | null = params.after ?? null;
    do {
      const page = (await answerOf(
        "chain_events",
        { ...params, ...(after !== null && { after }) },
        { service },
      )) as Page;
      expect(page.events.length).toBeLessThanOrEqual(params.limit ?? 100);
      all.push(...page.events);
      after = page.next;
    } while (after !== null);
    return all;
  };
  const cursors = [...[2, 0, 5, 1, 0, 0, 3].entries()].flatMap(([i, count]) =>
    Array.from({ length: count }, (_, at) => `${i + 1}-${at}-0`),
  );
  for (const limit of [1, 2, 3, 4, 11, 1000]) {
    const events = await follow({ limit });
    expect(events.map(({ cursor }) => cursor)).toEqual(cursors);
    expect(events.map((e) => `${e.height}-${e.transactionIndex}-${e.eventIndex}`)).toEqual(cursors);
  }
  const cursorsOf = async (params: RpcMethods["chain_events"]["params"]) =>
    (await follow(params)).map(({ cursor }) => cursor);
  expect(await cursorsOf({ after: "3-2-0" })).toEqual(cursors.slice(5));
  expect(await cursorsOf({ after: "3" })).toEqual(cursors.slice(7));
  expect(await cursorsOf({ fromHeight: 2, toHeight: 4 })).toEqual(cursors.slice(2, 8));
  expect(await cursorsOf({ contract: senderText })).toEqual([]);
  expect(await cursorsOf({ name: "Moved", contract: contractText })).toEqual(cursors);
  expect(await cursorsOf({ name: "moved" })).toEqual([]);
  await expect(follow({ fromHeight: 2, toHeight: 1 })).rejects.toThrow(failing("range_invalid"));
});

test("a transaction is unknown, then pending, then included", async () => {
  const service = new FakeNode();
  const encoded = transaction(call);
  const ask = (hash: string) => answerOf("tx_status", { hash }, { service });
  const hash = toHex(service.admit(encoded, false));
  expect(await ask(toHex(noHash))).toEqual({ kind: "unknown" });
  expect(await ask(hash)).toEqual({
    kind: "pending",
    hash,
    sender: senderText,
    nonce: 4,
    gasLimit: 100,
    gasPrice: "1",
    expiryHeight: 1_000_000,
    actions: ["call"],
    size: encoded.length,
    isReady: false,
    admittedAt: 1_000,
  });
  service.seal([decodeTransaction(encoded)]);
  expect(await ask(hash)).toEqual({ kind: "included", receipt: await answerOf("tx_receipt", { hash }, { service }) });
});

describe("the fees are those of the newest transactions in the last 20 blocks", () => {
  const { body, signature } = decodeTransaction(transaction(call));
  const paying = (gasPrice: bigint): Transaction => ({ body: { ...body, gasPrice }, signature });
  type Fees = RpcMethods["tx_fees"]["result"];
  const feesOf = async (service: FakeNode) => (await answerOf("tx_fees", {}, { service })) as Fees;

  /** Written down as it is said. */
  function naiveFees(blocks: readonly (readonly bigint[])[]): Fees["recent"] {
    const prices = blocks.slice(-20).flat().slice(-1_000);
    const sorted = prices.sort((a, b) => Number(a - b)).map(String);
    if (sorted.length === 0) return null;
    const median = sorted[Math.ceil(sorted.length / 2) - 1]!;
    return { low: sorted[0]!, median, high: sorted.at(-1)!, transactions: sorted.length };
  }

  test("also after the chain was taken back", async () => {
    const step = fc.record({
      back: fc.oneof(fc.constant(0), fc.nat(5)),
      prices: fc.array(fc.bigInt(1n, 1n << 20n), { maxLength: 4 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 25, maxLength: 60 }), async (steps) => {
        const service = new FakeNode();
        const blocks: (readonly bigint[])[] = [[]];
        for (const { back, prices } of steps) {
          blocks.splice(Math.max(1, blocks.length - back));
          service.rollBack(blocks.length - 1);
          service.seal(prices.map(paying));
          blocks.push(prices);
          expect(await feesOf(service)).toEqual({ gasPriceMin: "1", recent: naiveFees(blocks) });
        }
      }),
      { numRuns: 10 },
    );
  });

  test("of 1,000 of them at most, and each block is read once", async () => {
    const service = new FakeNode();
    expect(await feesOf(service)).toEqual({ gasPriceMin: "1", recent: null });
    const many = Array.from({ length: 700 }, (_, i) => BigInt(i + 1));
    for (let i = 0; i < 2; i++) service.seal(many.map(paying));
    expect((await feesOf(service)).recent).toEqual(naiveFees([[], many, many]));
    let reads = 0;
    const block = service.block.bind(service);
    service.block = (height) => {
      reads++;
      return block(height);
    };
    await feesOf(service);
    expect(reads).toBe(0);
    service.seal([]);
    await feesOf(service);
    expect(reads).toBe(1);
  });

  test("as far as they are known, when the chain is taken back while they are read", async () => {
    const service = new FakeNode();
    for (const price of [1n, 2n, 3n, 4n]) service.seal([paying(price)]);
    const asked = feesOf(service);
    service.rollBack(1);
    for (const price of [7n, 8n, 9n]) service.seal([paying(price)]);
    expect((await asked).recent).toEqual({ low: "4", median: "4", high: "4", transactions: 1 });
    expect((await feesOf(service)).recent).toEqual(naiveFees([[], [1n], [7n], [8n], [9n]]));
  });
});

describe("what a simulation would change", () => {
  const differencesOf = async (...differences: StateDifference[]) => {
    const service = new FakeNode();
    const simulate = service.simulate.bind(service);
    service.simulate = async (encoded) => ({ ...(await simulate(encoded)), differences });
    const params = { transaction: another };
    const answer = (await answerOf("tx_simulate", params, { service })) as RpcMethods["tx_simulate"]["result"];
    expect(problemsOf(api.tx_simulate.result.json, answer)).toBeNull();
    return answer.changes;
  };

  test("is told in accounts, entries and code", async () => {
    const account = { nonce: 3, balance: 1n << 100n, codeHash };
    const changes = await differencesOf(
      { key: accountKey(sender), before: encodeAccount(emptyAccount), after: encodeAccount(account) },
      { key: accountKey(contract), before: null, after: encodeAccount(emptyAccount) },
      { key: codeKey(codeHash), before: null, after: new Uint8Array(5) },
      { key: codeInfoKey(codeHash), before: null, after: new Uint8Array(8) },
      { key: storageKey(contract, new Uint8Array()), before: new Uint8Array(), after: Uint8Array.of(1) },
      { key: storageKey(contract, Uint8Array.of(0x61, 0xff)), before: Uint8Array.of(2), after: null },
    );
    const empty = { nonce: 0, balance: "0", codeHash: null };
    expect(changes).toEqual({
      accounts: [
        {
          address: senderText,
          before: empty,
          after: { nonce: 3, balance: String(1n << 100n), codeHash: toHex(codeHash) },
        },
        { address: addressToText(contract), before: null, after: empty },
      ],
      storage: [
        { contract: contractText, key: "0x", before: "0x", after: "0x01" },
        { contract: contractText, key: "0x61ff", before: "0x02", after: null },
      ],
      code: [{ codeHash: toHex(codeHash), codeSize: 5 }],
    });
    expect(await differencesOf()).toEqual({ accounts: [], storage: [], code: [] });
  });

  test("cannot be a key of no kind: that is our fault", async () => {
    const key = Uint8Array.of(0x7a, ...noHash);
    await expect(differencesOf({ key, before: null, after: noHash })).rejects.toThrow(Fault);
    await expect(differencesOf({ key: codeKey(codeHash), before: noHash, after: null })).rejects.toThrow(Fault);
  });
});

test("state is asked for at the height that is named, and at the head by default", async () => {
  const service = await exampleNode();
  const heights: (number | undefined)[] = [];
  const { account, storage } = service;
  service.account = (address, height) => {
    heights.push(height);
    return account.call(service, address, height);
  };
  service.storage = (contract, key, height) => {
    heights.push(height);
    return storage.call(service, contract, key, height);
  };
  service.nextNonce = () => 9;
  await answerOf("state_account", { address: senderText, height: 1 }, { service });
  await answerOf("state_account", { address: senderText }, { service });
  await answerOf("state_storage", { contract: contractText, key: "0x01", height: 0 }, { service });
  await answerOf("state_storage", { contract: contractText, key: "0x01" }, { service });
  expect(heights).toEqual([1, undefined, 0, undefined]);
  const view = { contract: contractText, method: "get" };
  expect(await answerOf("contract_view", { ...view, height: 0 }, { service })).toMatchObject({ height: 0 });
  expect(await answerOf("contract_view", view, { service })).toMatchObject({ height: 1 });
  for (const [method, params] of [
    ["state_account", { address: senderText }],
    ["state_storage", { contract: contractText, key: "0x" }],
    ["contract_view", view],
  ] as const) {
    await expect(answerOf(method, { ...params, height: 2 }, { service })).rejects.toThrow(failing("height_unknown"));
  }
});

test("the pool is told page by page, in order of arrival", async () => {
  const service = new FakeNode();
  const hashes = [1, 2, 3, 4, 5].map((size) => toHex(service.admit(transaction(upload(size)))));
  type Pool = RpcMethods["tx_pool"]["result"];
  const seen: string[] = [];
  for (;;) {
    const params = { limit: 2, ...(seen.length > 0 && { after: seen.at(-1) }) };
    const { pool, transactions } = (await answerOf("tx_pool", params, { service })) as Pool;
    expect(pool).toEqual(service.poolStatus());
    if (transactions.length === 0) break;
    seen.push(...transactions.map(({ hash }) => hash));
  }
  expect(seen).toEqual(hashes);
  expect(await answerOf("tx_pool", { sender: contractText }, { service })).toMatchObject({ transactions: [] });
});

test("an unknown method is told of its neighbours", () => {
  const hintOf = (method: string) => {
    try {
      callMethod(method, {}, { service: new FakeNode(), mayControl: true });
    } catch (error) {
      return (error as { hint?: string }).hint;
    }
    return undefined;
  };
  expect(hintOf("dev_seal")).toContain(", dev_mine, dev_setSealing, dev_dropTransactions, ");
  for (const method of ["", "_", "eth_chainId", "chain", "__proto__", "x".repeat(1_000_000), "toString"]) {
    expect(hintOf(method)).toBe("`rpc_discover` lists the methods.");
  }
});
