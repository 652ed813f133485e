/**
 * Transactions in blocks, with real receipts, and what `lockstep dev` prints of them. The chain runs the sample contract; the ABI
 * by which it is read is another, with arguments, events and errors.
 */
import fc from "fast-check";
import { expect } from "vitest";
import { createDevOutput, type DevChain } from "../../cli/dev-output.ts";
import { addressFromText, addressToText } from "../../node/address.ts";
import { blockHash as hashOf } from "../../node/block.ts";
import { hash } from "../../node/crypto.ts";
import { toHex } from "../../node/rpc/json.ts";
import type { TransactionRecord } from "../../node/rpc/service.ts";
import type { Action } from "../../node/transaction.ts";
import { ABI_SECTION, ABI_VERSION, type Abi, encodeAbi } from "../../vm/abi.ts";
import * as borsh from "../../vm/borsh.ts";
import { sampleContract } from "./sample-contracts.ts";
import { alice, bob, TestChain } from "./test-chain.ts";

export const text = { kind: "scalar", name: "string" } as const;
export const u64 = { kind: "scalar", name: "u64" } as const;
export const address = { kind: "scalar", name: "address" } as const;
export const codeHash = hash("code", sampleContract);
export const addresses = { fromText: addressFromText, toText: addressToText };
export const utf8 = new TextEncoder();
export const string = (value: string) => borsh.encode(borsh.string, value);

export const abi: Abi = {
  version: ABI_VERSION,
  name: "Sample",
  types: [],
  methods: [
    {
      name: "init",
      mutability: "init",
      access: "public",
      params: [{ name: "owner", type: address }],
      returns: null,
      doc: "",
    },
    {
      name: "tell",
      mutability: "call",
      access: "public",
      params: [{ name: "what", type: text }],
      returns: null,
      doc: "",
    },
    { name: "get", mutability: "view", access: "public", params: [], returns: address, doc: "" },
    {
      name: "refuse",
      mutability: "payable",
      access: "public",
      params: [{ name: "limit", type: u64 }],
      returns: null,
      doc: "",
    },
    { name: "log", mutability: "call", access: "public", params: [], returns: null, doc: "" },
  ],
  events: [{ name: "E", fields: [{ name: "what", type: text }], doc: "" }],
  errors: [{ name: "TooMuch", code: 7, fields: [{ name: "limit", type: u64 }], doc: "" }],
  storage: [],
  doc: "",
};

/** A module with nothing but this section. */
export function moduleWith(section: Uint8Array): Uint8Array {
  const name = utf8.encode(ABI_SECTION);
  const size = 1 + name.length + section.length;
  const leb = [0, 7, 14, 21].map((shift, i) => ((size >>> shift) & 0x7f) | (i < 3 ? 0x80 : 0));
  const head = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0, ...leb, name.length, ...name];
  const module = new Uint8Array(head.length + section.length);
  module.set(head);
  module.set(section, head.length);
  return module;
}

export const sampleModule = moduleWith(encodeAbi(abi));
export const labels = new Map([
  [toHex(alice.address), "alice"],
  [toHex(bob.address), "bob"],
]);
export const chain: DevChain = { code: () => sampleModule, label: (each) => labels.get(toHex(each)) };
export const nobody: DevChain = { code: () => undefined, label: () => undefined };
export const short = (each: Uint8Array) => `${addressToText(each).slice(0, 11)}..${addressToText(each).slice(-4)}`;

export interface Sample {
  readonly test: TestChain;
  readonly contract: Uint8Array;
}

export async function deployed(): Promise<Sample> {
  const test = await TestChain.create();
  return { test, contract: await test.deploy(sampleContract, codeHash, alice.address.slice()) };
}

export const call = (
  contract: Uint8Array,
  method: string,
  args = new Uint8Array() as Uint8Array,
  value = 0n,
): Action => {
  return { kind: "call", contract, method, args, value };
};

/** A block of one transaction of alice's, and its debug text. */
export async function land(test: TestChain, actions: readonly Action[], options: { gasLimit?: number } = {}) {
  const signed = test.sign(alice, actions, options);
  const { block, receipts, logs, invalid } = await test.extend([signed]);
  expect(invalid).toEqual([]);
  const blockHash = hashOf(block.header);
  const record = {
    transaction: signed.transaction,
    receipt: receipts[0]!,
    height: block.header.height,
    blockHash,
    index: 0,
  };
  return { record, logs: logs[0]!, block: { header: block.header, hash: blockHash, block, receipts } };
}

/** What is printed on a terminal or, with `isTTY` false, into a pipe. */
export function opened(
  chain: DevChain,
  stream: { isTTY?: boolean; hasColors?: () => boolean; writableLength?: number } = {},
) {
  const written: string[] = [];
  const all = { writableLength: 0, isTTY: true, on: () => {}, write: (text: string) => written.push(text), ...stream };
  return { output: createDevOutput(all, chain, { json: false }), written, stream: all };
}

export function printed(record: TransactionRecord, logs: readonly string[] = [], of = chain): string[] {
  const { output, written } = opened(of);
  output.transaction(record, logs);
  expect(written.length).toBe(1);
  expect(written[0]!.endsWith("\n")).toBe(true);
  return written[0]!.slice(0, -1).split("\n");
}

export function piped(record: TransactionRecord, logs: readonly string[] = [], of = chain) {
  const { output, written } = opened(of, { isTTY: false });
  output.transaction(record, logs);
  expect(written.length).toBe(1);
  expect(written[0]!.indexOf("\n")).toBe(written[0]!.length - 1);
  return JSON.parse(written[0]!);
}

/** The receipt of `record`, changed. */
export function having(record: TransactionRecord, changes: Partial<TransactionRecord["receipt"]>): TransactionRecord {
  return { ...record, receipt: { ...record.receipt, ...changes } };
}

export function asking(record: TransactionRecord, actions: readonly Action[]): TransactionRecord {
  return { ...record, transaction: { ...record.transaction, body: { ...record.transaction.body, actions } } };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this is about
export const control = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;
export const hostile = fc
  .string({
    unit: fc.oneof(
      fc.constantFrom(
        "\u001b[2J",
        "\u009b31m",
        "\n",
        "\r",
        "\u0007",
        "\u202e",
        "\u2028",
        "(",
        ", gas 0",
        '"',
        "\\",
        "{",
        "é",
      ),
      fc.string({ maxLength: 3, unit: "binary" }),
    ),
    minLength: 1,
    maxLength: 8,
  })
  .map((each) => each.toWellFormed());
