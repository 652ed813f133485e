import fc from "fast-check";
import { expect, test } from "vitest";
import { call, FakeNode, noHash, transaction, transactionWith, upload } from "../../test/support/fake-node.ts";
import { problemsOf } from "../../test/support/rpc-schema.ts";
import { InputError } from "../../vm/errors.ts";
import { addressToText } from "../address.ts";
import { hash } from "../crypto.ts";
import type { EditChange } from "../transaction.ts";
import type { EditChangeJson, SubscriptionEvent } from "./api.ts";
import {
  blockToJson,
  droppedToJson,
  eventToJson,
  fromHex,
  includedReceiptToJson,
  includedToJson,
  pendingToJson,
  pooledToJson,
  receiptToJson,
  statusToJson,
  toHex,
  transactionToJson,
} from "./json.ts";
import { subscriptionEvent, transaction as transactionSchema } from "./types.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);

test("hex comes back as the bytes it was made from, in memory of its own", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const decoded = fromHex(toHex(bytes));
      expect(decoded).toEqual(bytes);
      expect(decoded.buffer.byteLength).toBe(bytes.length);
      expect(fromHex(`0x${toHex(bytes).slice(2).toUpperCase()}`)).toEqual(bytes);
    }),
  );
  expect(toHex(Uint8Array.of(1, 2, 255).subarray(1))).toBe("0x02ff");
});

test.each([
  "",
  "0",
  "x",
  "00",
  "0X00",
  "0x0",
  "0x000",
  "0x0g",
  "0xg0",
  "0x 0",
  "0x00 ",
  " 0x00",
  "0x0000zz00",
  "0x-1",
  "0xé0",
])("%j is not hex", (text) => {
  expect(() => fromHex(text)).toThrow(expect.objectContaining({ code: "hex_invalid" }));
});

test("a revert has a message exactly when its code is 0 and its data is text", () => {
  const message = (code: number, data: Uint8Array) =>
    (statusToJson({ kind: "revert", code, data }) as { message?: string }).message;
  expect(message(0, utf8("not enough"))).toBe("not enough");
  expect(message(0, utf8("\ufeffé😀"))).toBe("\ufeffé😀");
  expect(message(1, utf8("not enough"))).toBeUndefined();
  expect(message(0, Uint8Array.of(0xff))).toBeUndefined();
  expect(message(0, Uint8Array.of(0xed, 0xa0, 0x80))).toBeUndefined();
  expect(message(0, new Uint8Array())).toBeUndefined();
});

test("amounts above 2^53 keep every digit, and an event without a topic or with an odd one has a name", () => {
  const contract = new Uint8Array(32);
  const event = (...topics: Uint8Array[]) => ({ contract, topics, data: new Uint8Array() });
  const json = receiptToJson({
    transactionHash: new Uint8Array(32),
    status: { kind: "halt", reason: "OutOfGas" },
    gasUsed: 5,
    fee: (1n << 128n) - 1n,
    actions: [{ gasUsed: 5, returnData: Uint8Array.of(1), created: [contract] }],
    events: [event(), event(utf8("Transfer"), Uint8Array.of(7)), event(Uint8Array.of(0xff))],
  });
  expect(json.fee).toBe("340282366920938463463374607431768211455");
  expect(json.events.map(({ name }) => name)).toEqual(["", "Transfer", "\ufffd"]);
  expect(json.actions[0]!.created[0]).toMatch(/^lock1/);
  expect(JSON.parse(JSON.stringify(json))).toEqual(json);
});

test("an event stands as in its receipt, with where it is", () => {
  const contract = new Uint8Array(32).fill(3);
  const event = { contract, topics: [utf8("Moved"), Uint8Array.of(7)], data: Uint8Array.of(1) };
  const position = { height: 5, transactionIndex: 2, eventIndex: 1 };
  const json = eventToJson({ event, position, transactionHash: noHash, blockHash: noHash });
  const receipt = { transactionHash: noHash, status: { kind: "success" }, gasUsed: 0, fee: 0n, actions: [] } as const;
  expect(json).toEqual({
    ...receiptToJson({ ...receipt, events: [event] }).events[0],
    ...position,
    transactionHash: toHex(noHash),
    blockHash: toHex(noHash),
    cursor: "5-2-1",
  });
});

test("an edit is told with all that it sets, code as hash and size", async () => {
  const node = new FakeNode();
  const address = new Uint8Array(32).fill(7);
  const text = addressToText(address);
  const code = Uint8Array.of(1, 2, 3);
  const codeJson = { codeHash: toHex(hash("code", code)), codeSize: 3 };
  const told: [EditChange, EditChangeJson][] = [
    [
      { kind: "balance", address, balance: (1n << 128n) - 1n },
      { kind: "balance", address: text, balance: "340282366920938463463374607431768211455" },
    ],
    [
      { kind: "credit", address, amount: 5n },
      { kind: "credit", address: text, amount: "5" },
    ],
    [
      { kind: "nonce", address, nonce: 9 },
      { kind: "nonce", address: text, nonce: 9 },
    ],
    [
      { kind: "code", address, code },
      { kind: "code", address: text, code: codeJson },
    ],
    [
      { kind: "code", address, code: null },
      { kind: "code", address: text, code: null },
    ],
    [
      { kind: "storage", contract: address, key: Uint8Array.of(1), value: Uint8Array.of(2) },
      { kind: "storage", contract: text, key: "0x01", value: "0x02" },
    ],
    [
      { kind: "storage", contract: address, key: Uint8Array.of(1), value: null },
      { kind: "storage", contract: text, key: "0x01", value: null },
    ],
  ];
  const actions = told.map(([change]) => ({ kind: "edit", change }) as const);
  const json = transactionToJson(await node.submitAndWait(transactionWith({ nonce: 1 }, ...actions)));
  expect(json.actions).toEqual(told.map(([, change]) => ({ kind: "edit", change })));
  expect(problemsOf(transactionSchema.json, JSON.parse(JSON.stringify(json)))).toBeNull();
  const lost = { ...json, actions: [{ kind: "edit", change: { kind: "balance", address: text } }] };
  expect(problemsOf(transactionSchema.json, lost)).not.toBeNull();
});

test("a waiting transaction is told without its arguments and its code", () => {
  const node = new FakeNode();
  const encoded = transactionWith({ nonce: 9, expiryHeight: 77 }, upload(100_000), call, call);
  const pooled = node.pooled(node.admit(encoded, false))!;
  const { body } = pooled.entry.transaction;
  const json = pooledToJson(pooled);
  expect(json).toEqual({
    hash: toHex(pooled.entry.hash),
    sender: addressToText(body.sender),
    nonce: 9,
    gasLimit: body.gasLimit,
    gasPrice: String(body.gasPrice),
    expiryHeight: 77,
    actions: ["upload", "call", "call"],
    size: encoded.length,
    isReady: false,
    admittedAt: pooled.admittedAt,
  });
  expect(pendingToJson(pooled)).toEqual({ kind: "pending", ...json });
  expect(JSON.stringify(json).length).toBeLessThan(500);
});

test("each kind of notification is what its schema says, and is no other kind", async () => {
  const node = new FakeNode();
  const record = await node.submitAndWait(transaction(call));
  const pooled = node.pooled(node.admit(transactionWith({ nonce: 5 }, call)))!;
  const { events } = await node.events({ filter: {}, fromHeight: 0, toHeight: 9, limit: 1 });
  const refusal = new InputError("expired", "too late", { hint: "Again.", details: { height: 1 } });
  expect(includedToJson(record)).toEqual({ kind: "included", receipt: includedReceiptToJson(record) });
  const of = { subscription: "1", sequence: 0 };
  const notifications: SubscriptionEvent[] = [
    { ...of, kind: "head", cursor: "1", head: blockToJson(node.head()) },
    { ...of, kind: "event", cursor: "1-0-0", event: eventToJson(events[0]!) },
    { ...of, kind: "status", status: { kind: "unknown" } },
    { ...of, kind: "status", status: pendingToJson(pooled) },
    { ...of, kind: "status", status: includedToJson(record) },
    { ...of, kind: "status", status: droppedToJson(refusal) },
    { ...of, kind: "pending", transaction: pooledToJson(pooled) },
    { ...of, kind: "dropped", hash: toHex(noHash), code: "expired", message: "too late" },
    { ...of, kind: "lagged", missed: 3 },
  ];
  const kinds = new Set(notifications.map(({ kind }) => kind));
  for (const notification of notifications) {
    const text = JSON.parse(JSON.stringify(notification));
    expect(problemsOf(subscriptionEvent.json, text)).toBeNull();
    for (const kind of kinds) {
      if (kind !== notification.kind) expect(problemsOf(subscriptionEvent.json, { ...text, kind })).not.toBeNull();
    }
    for (const name of Object.keys(text)) {
      const { [name]: _, ...rest } = text;
      expect(problemsOf(subscriptionEvent.json, rest), name).not.toBeNull();
    }
  }
});
