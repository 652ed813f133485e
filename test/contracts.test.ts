/**
 * The host functions as an author of contracts meets them: each group has a contract in `test/contracts`, compiled here with
 * the SDK and run on a chain, on either engine. Whatever a test does must give the same block hash on both.
 */
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type BuildResult, buildContract } from "../contracts-sdk/build.ts";
import { addressFromText, addressToText, contractAddress } from "../node/address.ts";
import { blockHash, type Event, type Receipt } from "../node/block.ts";
import { hash } from "../node/crypto.ts";
import type { Action } from "../node/transaction.ts";
import { type Abi, typeToText } from "../vm/abi.ts";
import { type AbiRecord, type AbiValue, decodeArgs, decodeValue, encodeArgs } from "../vm/abi-values.ts";
import { checkModule, type Engine } from "../vm/contract.ts";
import type { Outcome, Refusal } from "../vm/outcome.ts";
import { sampleContract } from "./support/sample-contracts.ts";
import { alice, bob, stranger, TestChain, temporaryFolder, testGenesis } from "./support/test-chain.ts";
import { wat } from "./support/wat.ts";

const engines: readonly Engine[] = ["jit", "interpreter"];
const GAS_LIMIT = 90_000_000;
/** One for both engines, so that their blocks can be compared. */
const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const addresses = { fromText: addressFromText, toText: addressToText };
const noBytes = new Uint8Array();
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const unhex = (text: string) => Uint8Array.from(Buffer.from(text, "hex"));
const utf8 = (text: string) => new TextEncoder().encode(text);
const text = (bytes: Uint8Array) => new TextDecoder("utf-8", { fatal: true }).decode(bytes);
const sha256 = (bytes: Uint8Array) => Uint8Array.from(createHash("sha256").update(bytes).digest());
const concat = (...parts: Uint8Array[]) => Uint8Array.from(Buffer.concat(parts));

const sources = {
  facts: "contracts/facts.ts",
  ledger: "contracts/ledger.ts",
  escrow: "contracts/escrow.ts",
  troublemaker: "contracts/troublemaker.ts",
  factory: "contracts/factory.ts",
  purse1: "contracts/purse-v1.ts",
  purse2: "contracts/purse-v2.ts",
  crypto: "contracts/crypto.ts",
  token: "../contracts-sdk/examples/token.ts",
} as const;
type SourceName = keyof typeof sources;

interface Code extends BuildResult {
  readonly hash: Uint8Array;
}
const codes = {} as Record<SourceName, Code>;
beforeAll(async () => {
  for (const [name, file] of Object.entries(sources)) {
    const built = await buildContract({ entry: fileURLToPath(new URL(file, import.meta.url)) });
    codes[name as SourceName] = { ...built, hash: hash("code", built.wasm) };
  }
});

test("what the SDK makes is a contract, and its methods are accessible as the author marked them", () => {
  for (const [name, { wasm, warnings }] of Object.entries(codes)) {
    expect(() => checkModule(wasm), name).not.toThrow();
    expect(warnings, name).toEqual([]);
  }
  const special = Object.values(codes).flatMap(({ abi }) =>
    abi.methods.filter(({ access, mutability }) => access !== "public" || mutability === "migrate"),
  );
  expect(special.map(({ name, mutability, access }) => `${access} ${mutability} ${name}`)).toEqual([
    "reentrant view tries",
    "private call secret",
    "reentrant call again",
    "public migrate migrate",
  ]);
  const { storage } = codes.ledger.abi;
  expect(storage.map(({ key }) => key && typeToText(key, codes.ledger.abi))).toEqual([
    "u8",
    "[u8; 8]",
    "address",
    null,
  ]);
});

function endOf(status: Outcome | Refusal | Receipt["status"]): string {
  switch (status.kind) {
    case "success":
      return "success";
    case "revert":
      return status.code === 0 ? `revert: ${text(status.data)}` : `revert ${status.code}: ${hex(status.data)}`;
    default:
      return `${status.kind}: ${status.reason}`;
  }
}

interface Sent {
  readonly end: string;
  readonly gasUsed: number;
  readonly value: AbiValue;
  readonly events: readonly Event[];
  readonly created: readonly Uint8Array[];
}

/** A contract on the chain, its arguments in the order of the ABI. */
class Contract {
  readonly address: Uint8Array;
  readonly #chain: TestChain;
  readonly #abi: Abi;

  constructor(chain: TestChain, address: Uint8Array, abi: Abi) {
    this.#chain = chain;
    this.address = address;
    this.#abi = abi;
  }

  action(method: string, args: readonly unknown[], value = 0n): Action {
    return { kind: "call", contract: this.address, method, args: this.#encode(method, args), value };
  }

  async send(method: string, args: readonly unknown[] = [], { value = 0n, from = alice } = {}): Promise<Sent> {
    const receipt = await this.#chain.run([this.action(method, args, value)], { gasLimit: GAS_LIMIT }, from);
    const { returnData, created, gasUsed } = receipt.actions[0]!;
    const isSuccess = receipt.status.kind === "success";
    const end = endOf(receipt.status);
    return {
      end,
      gasUsed,
      value: isSuccess ? this.#decode(method, returnData) : null,
      events: receipt.events,
      created,
    };
  }

  /** What a call returns that must succeed. */
  async get(method: string, ...args: readonly unknown[]): Promise<AbiValue> {
    const { end, value } = await this.send(method, args);
    expect(end, method).toBe("success");
    return value;
  }

  view(method: string, ...args: readonly unknown[]): AbiValue {
    const { outcome } = this.look(method, ...args);
    if (outcome.kind !== "success") throw new Error(endOf(outcome));
    return this.#decode(method, outcome.data);
  }

  look(method: string, ...args: readonly unknown[]) {
    return this.#chain.chain.view({ contract: this.address, method, args: this.#encode(method, args) });
  }

  event({ topics, data }: Event): [string, AbiRecord] {
    const name = text(topics[0]!);
    return [name, decodeArgs(this.#abi, this.#abi.events.find((event) => event.name === name)!.fields, data)];
  }

  #method(name: string) {
    return this.#abi.methods.find((method) => method.name === name)!;
  }

  #encode(method: string, args: readonly unknown[]): Uint8Array {
    const { params } = this.#method(method);
    const named = params.map(({ name }, position) => [name, args[position]] as const);
    return encodeArgs(this.#abi, params, Object.fromEntries(named), addresses);
  }

  #decode(method: string, data: Uint8Array): AbiValue {
    const { returns } = this.#method(method);
    if (returns === null) expect(data).toEqual(noBytes);
    return returns === null ? null : decodeValue(this.#abi, returns, data);
  }
}

/** The hash of the last block of each test on the engine that ran first. */
const lastBlocks = new Map<string, string>();

describe.each(engines)("on the engine %s", (engine) => {
  let chain: TestChain;
  beforeEach(async () => {
    chain = await TestChain.create(testGenesis, temporaryFolder(), engine);
  });
  afterEach(({ task }) => {
    const last = hex(blockHash(chain.chain.head));
    expect(lastBlocks.get(task.name) ?? last).toBe(last);
    lastBlocks.set(task.name, last);
  });

  async function deploy(name: SourceName, args: AbiRecord = {}): Promise<Contract> {
    const { wasm, abi, hash: codeHash } = codes[name];
    const init = abi.methods.find((method) => method.name === "init");
    const receipt = await chain.run(
      [
        { kind: "upload", code: wasm },
        { kind: "create", codeHash, salt: null, args: encodeArgs(abi, init?.params ?? [], args, addresses), value: 0n },
      ],
      { gasLimit: GAS_LIMIT },
    );
    expect(endOf(receipt.status), name).toBe("success");
    return new Contract(chain, receipt.actions[1]!.created[0]!, abi);
  }
  const upload = (name: SourceName) => chain.run([{ kind: "upload", code: codes[name].wasm }], { gasLimit: GAS_LIMIT });
  const deployToken = (supply = 1_000n) => deploy("token", { name: "Gold", symbol: "GLD", supply });
  const balanceOf = (address: Uint8Array) => chain.account(address).balance;

  describe("surroundings", () => {
    test("a contract knows its call", async () => {
      const facts = await deploy("facts");
      const { value } = await facts.send("facts", [], { value: 5n, from: bob });
      const { height, time } = chain.chain.head;
      expect(value).toEqual({
        self: facts.address,
        caller: bob.address,
        signer: bob.address,
        value: 5n,
        height: BigInt(height),
        time: BigInt(time),
        chainId: testGenesis.chainId,
      });
    });

    test("a contract sees gas go down, and random bytes that never repeat", async () => {
      const facts = await deploy("facts");
      const [before, after] = (await facts.get("gas")) as [bigint, bigint];
      expect(after).toBeLessThan(before);
      expect(before).toBeLessThan(BigInt(GAS_LIMIT));
      const drawn = [await facts.get("random"), await facts.get("random")] as [Uint8Array[], Uint8Array[]];
      for (const bytes of drawn.flat()) expect(bytes).toHaveLength(32);
      expect(new Set(drawn.flat().map(hex)).size).toBe(4);
    });

    test("a contract sees balances and code of anybody", async () => {
      const facts = await deploy("facts");
      await facts.send("facts", [], { value: 2n ** 35n });
      expect(facts.view("balance", facts.address)).toBe(2n ** 35n);
      expect(facts.view("balance", stranger.address)).toBe(0n);
      expect(facts.view("code", facts.address)).toEqual(codes.facts.hash);
      expect(facts.view("code", alice.address)).toBeNull();
    });

    test("a contract pays what it has, to an account, and not from a view", async () => {
      const facts = await deploy("facts");
      const other = await deploy("facts");
      await facts.send("facts", [], { value: 10n });
      expect(await facts.get("pay", stranger.address, 4n)).toBe(true);
      expect(await facts.get("pay", stranger.address, 7n)).toBe(false);
      expect(await facts.get("pay", other.address, 1n)).toBe(false);
      expect([facts, other, stranger].map(({ address }) => balanceOf(address))).toEqual([6n, 0n, 4n]);
      expect(() => facts.view("peek", stranger.address)).toThrow("halt: ReadOnlyViolation");
    });

    test("events carry name and fields, and go with a revert; lines for the developer are shown", async () => {
      const facts = await deploy("facts");
      const { events } = await facts.send("tell", [["a", "ñ"]]);
      expect(events.map((event) => facts.event(event))).toEqual([
        ["Heard", { who: alice.address, words: ["a", "ñ"] }],
        ["Silence", {}],
      ]);
      for (const { contract } of events) expect(contract).toEqual(facts.address);
      expect(await facts.send("tell", [["a", "b", "c"]])).toMatchObject({ end: "revert: too many words", events: [] });
      expect(facts.look("say", "good day ☀")).toMatchObject({ logs: ["said: good day ☀"] });
    });
  });

  describe("an ordered map", () => {
    const keysOf = (lines: AbiValue) => (lines as unknown as { key: bigint }[]).map(({ key }) => key);
    const most = 2n ** 64n - 1n;

    test("is read in the order of numbers, from either end and from any key, whether or not it is there", async () => {
      const ledger = await deploy("ledger");
      const keys = [300n, 1n, most, 256n, 65_536n, 0n];
      await chain.run(
        keys.map((key) => ledger.action("write", [key, `note ${key}`])),
        { gasLimit: GAS_LIMIT },
      );
      const read = (method: string, ...args: unknown[]) => keysOf(ledger.view(method, ...args));
      expect(ledger.view("first", 2)).toEqual([
        { key: 0n, text: "note 0" },
        { key: 1n, text: "note 1" },
      ]);
      expect(read("first", 99)).toEqual([0n, 1n, 256n, 300n, 65_536n, most]);
      expect(read("last", 99)).toEqual([most, 65_536n, 300n, 256n, 1n, 0n]);
      expect(read("last", 1)).toEqual([most]);
      expect(read("after", 1, 2)).toEqual([256n, 300n]);
      expect(read("after", 2, 1)).toEqual([256n]);
      expect(read("after", most, 9)).toEqual([]);
      expect(read("before", 256, 9)).toEqual([1n, 0n]);
      expect(read("before", 257, 1)).toEqual([256n]);
      expect(read("before", 0, 9)).toEqual([]);
      expect(read("first", 0)).toEqual([]);
      await ledger.get("erase", 256);
      expect(read("after", 1, 2)).toEqual([300n, 65_536n]);
      expect(ledger.view("count")).toBe(5);
    });

    test("does not meet the entries of fields whose names are next to its own", async () => {
      const ledger = await deploy("ledger");
      expect(keysOf(ledger.view("first", 9))).toEqual([]);
      expect(keysOf(ledger.view("last", 9))).toEqual([]);
      expect(ledger.view("neighbours")).toEqual([1n, 1n, 2n ** 128n - 1n]);
    });

    test("gives all that was asked for, whatever number of pages the host takes for it", async () => {
      const ledger = await deploy("ledger");
      for (let i = 0; i < 3; i++) await ledger.get("fill", 40, 4_000);
      for (const pageSize of [1, 7, 39, 40, 5_000]) {
        for (const reverse of [false, true]) expect(ledger.view("total", pageSize, reverse)).toEqual([40n, 780n]);
      }
    });

    test("reads as a sorted list does", async () => {
      const ledger = await deploy("ledger");
      // Around a carry, where keys meet, and anywhere.
      const key = fc.oneof(fc.bigInt({ min: 250n, max: 262n }), fc.bigInt({ min: 0n, max: most }));
      const present = new Set<bigint>();
      await fc.assert(
        fc.asyncProperty(
          fc.uniqueArray(key, { maxLength: 8 }),
          key,
          fc.integer({ min: 0, max: 9 }),
          async (keys, at, limit) => {
            const actions = keys.map((key) => {
              if (present.delete(key)) return ledger.action("erase", [key]);
              present.add(key);
              return ledger.action("write", [key, ""]);
            });
            if (actions.length > 0) await chain.run(actions, { gasLimit: GAS_LIMIT });
            const sorted = [...present].sort((a, b) => (a < b ? -1 : 1));
            const reversed = sorted.toReversed();
            expect(keysOf(ledger.view("first", limit))).toEqual(sorted.slice(0, limit));
            expect(keysOf(ledger.view("last", limit))).toEqual(reversed.slice(0, limit));
            expect(keysOf(ledger.view("after", at, limit))).toEqual(sorted.filter((key) => key > at).slice(0, limit));
            expect(keysOf(ledger.view("before", at, limit))).toEqual(
              reversed.filter((key) => key < at).slice(0, limit),
            );
          },
        ),
        { numRuns: 15, seed: SEED },
      );
    });
  });

  describe("a contract that calls another", () => {
    test("moves tokens by a typed client", async () => {
      const [token, escrow] = [await deployToken(), await deploy("escrow")];
      await token.get("approve", escrow.address, 400n);
      const opened = await escrow.send("open", [token.address, bob.address, 300n]);
      expect(opened).toMatchObject({ end: "success", value: 0 });
      expect(opened.events.map((event) => [hex(event.contract), token.event(event)])).toEqual([
        [hex(token.address), ["Transfer", { from: alice.address, to: escrow.address, amount: 300n }]],
      ]);
      expect(escrow.view("held", token.address)).toBe(300n);
      expect((await escrow.send("release", [0], { from: bob })).end).toBe("revert: no such deal of yours");
      await escrow.get("release", 0);
      expect([alice, bob].map(({ address }) => token.view("balanceOf", address))).toEqual([700n, 300n]);
      expect((await escrow.send("release", [0])).end).toBe("revert: no such deal of yours");
    });

    test("fails as the callee did, and then nothing is left of either", async () => {
      const [token, escrow] = [await deployToken(), await deploy("escrow")];
      await token.get("approve", escrow.address, 400n);
      expect(await escrow.send("open", [token.address, bob.address, 401n])).toMatchObject({
        end: "revert: allowance too low",
        events: [],
      });
      expect(escrow.view("count")).toBe(0);
      expect(token.view("allowance", alice.address, escrow.address)).toBe(400n);
    });

    test("goes on where its author wants to look at the failure", async () => {
      const [token, escrow] = [await deployToken(), await deploy("escrow")];
      expect(await escrow.get("tryTransfer", token.address, bob.address, 5n)).toEqual({
        status: 1,
        code: 0,
        reason: "balance too low",
        data: utf8("balance too low"),
      });
      await token.get("transfer", escrow.address, 5n);
      const moved = { status: 0, code: 0, reason: "", data: noBytes };
      expect(await escrow.get("tryTransfer", token.address, bob.address, 5n)).toEqual(moved);
      expect(token.view("balanceOf", bob.address)).toBe(5n);
    });

    const argument = (text: string) => concat(Uint8Array.of(text.length, 0, 0, 0), utf8(text));
    const amount = concat(Uint8Array.of(9), new Uint8Array(15));

    test("learns why a call failed, and nothing is left of it", async () => {
      const [escrow, trouble] = [await deploy("escrow"), await deploy("troublemaker")];
      const failures = [
        ["fail", argument("because"), 0n, 1, "because"],
        ["fail", argument(""), 1n, 1, ""],
        ["fail", noBytes, 0n, 1, "malformed data"],
        ["halt", noBytes, 1n, 2, "Unreachable"],
        ["spin", noBytes, 0n, 2, "OutOfGas"],
        ["onlyOnce", noBytes, 0n, 1, "call halted: Reentrancy"],
        ["succeed", amount, 1n, 3, "NotPayable"],
        ["succeed", amount, 1_000n, 3, "NotPayable"],
        ["keep", noBytes, 1_000n, 3, "InsufficientBalance"],
        ["secret", noBytes, 0n, 3, "PrivateMethod"],
        ["nothing", noBytes, 0n, 3, "NoSuchMethod"],
        ["", noBytes, 0n, 3, "NoSuchMethod"],
        ["keep", new Uint8Array(2 ** 16 - 200), 0n, 1, "malformed data"],
      ] as const;
      for (const [index, [method, args, value, status, reason]] of failures.entries()) {
        const attempt = [trouble.address, method, args, value, 3_000_000n];
        const sent = await escrow.send("attempt", attempt, { value: 1n });
        const data = status === 1 ? utf8(reason) : noBytes;
        expect(sent.value, method).toEqual({ status, reason, code: 0, data });
        expect(sent.events).toEqual([]);
        // Also one that takes all it gets gets no more than that.
        expect(sent.gasUsed).toBeLessThan(12_000_000);
        expect([escrow.view("count"), trouble.view("tries")]).toEqual([index + 1, 0]);
        expect([escrow, trouble].map(({ address }) => balanceOf(address))).toEqual([BigInt(index) + 1n, 0n]);
      }
    });

    test("learns of codes and of messages that are no text, from contracts in any language", async () => {
      const escrow = await deploy("escrow");
      const rude = wat(`(module (import "lockstep" "revert" (func $revert (param i32 i32 i32))) (memory 1)
        (data (i32.const 0) "a\\ff") (func (export "grunt") (call $revert (i32.const 0) (i32.const 0) (i32.const 2))))`);
      const [sample, grunter] = [
        await chain.deploy(sampleContract, hash("code", sampleContract)),
        await chain.deploy(rude, hash("code", rude)),
      ];
      const attempt = (contract: Uint8Array, method: string, args: Uint8Array) =>
        escrow.get("attempt", contract, method, args, 0n, 10n ** 7n);
      const data = Uint8Array.of(1, 2, 3);
      expect(await attempt(sample, "refuse", data)).toEqual({ status: 1, code: 7, reason: "", data });
      expect((await escrow.send("insist", [sample, "refuse", data])).end).toBe("revert 7: 010203");
      expect(await attempt(grunter, "grunt", noBytes)).toMatchObject({
        reason: "",
        data: Uint8Array.of(97, 0xff),
      });
      expect(await attempt(bob.address, "grunt", noBytes)).toMatchObject({ status: 3, reason: "NotAContract" });
      expect(await attempt(sample, "init", data)).toMatchObject({ status: 3, reason: "NoSuchMethod" });
      expect(escrow.view("count")).toBe(4);
    });

    test("reads without letting anybody write", async () => {
      const [escrow, trouble] = [await deploy("escrow"), await deploy("troublemaker")];
      const look = (method: string, args = noBytes) => escrow.get("attemptView", trouble.address, method, args);
      expect(await look("babble")).toMatchObject({ status: 0, data: argument("not a number at all") });
      expect(await look("tries")).toMatchObject({ status: 0, data: new Uint8Array(4) });
      expect(trouble.view("tries")).toBe(0);
      // Last, for it costs most of the gas.
      expect(await look("succeed", amount)).toMatchObject({ status: 2, reason: "ReadOnlyViolation" });
      expect(trouble.view("tries")).toBe(0);
    });

    test("adds up what two ways of calling return, and hands value on", async () => {
      const [escrow, trouble] = [await deploy("escrow"), await deploy("troublemaker")];
      expect(await escrow.get("double", trouble.address, 2n ** 100n)).toBe(2n ** 101n);
      expect(trouble.view("tries")).toBe(2);
      const { value, end } = await escrow.send("forward", [trouble.address, 7n], { value: 8n });
      expect([end, value]).toEqual(["success", 7n]);
      expect([escrow, trouble].map(({ address }) => balanceOf(address))).toEqual([1n, 7n]);
    });

    test("hands on the reason of a failure, and nothing is left of the caller either", async () => {
      const [escrow, trouble] = [await deploy("escrow"), await deploy("troublemaker")];
      const messages = [
        "as I said: ñ",
        "call halted: Unreachable",
        "call refused: NoSuchMethod",
        "malformed data",
        "call refused: PrivateMethod",
        "malformed data",
      ];
      for (const [way, message] of messages.entries()) {
        const { end, events, gasUsed } = await escrow.send("bubble", [trouble.address, way]);
        expect([end, events]).toEqual([`revert: ${message}`, []]);
        // The client gives each call 5,000,000.
        expect(gasUsed).toBeLessThan(12_000_000);
        expect([escrow.view("count"), trouble.view("tries")]).toEqual([0, 0]);
      }
    });

    test("calls itself where the method allows it", async () => {
      const trouble = await deploy("troublemaker");
      expect((await trouble.send("secret")).end).toBe("refused: PrivateMethod");
      expect(await trouble.get("askSecret")).toBe(7);
      expect(await trouble.get("again", 3)).toBe(3);
      expect((await trouble.send("onlyOnce")).end).toBe("revert: call halted: Reentrancy");
      expect(await trouble.get("twice")).toBe("Reentrancy");
    });
  });

  describe("a factory", () => {
    test("makes contracts where salt and code say, and none twice", async () => {
      const factory = await deploy("factory");
      await upload("token");
      const salt = sha256(concat(Uint8Array.of(4, 0, 0, 0), utf8("Gold")));
      const expected = contractAddress({
        creator: factory.address,
        origin: { kind: "salt", salt },
        codeHash: codes.token.hash,
      });
      const made = await factory.send("makeToken", [codes.token.hash, "Gold", 50n]);
      expect(made).toMatchObject({ end: "success", value: expected, created: [expected] });
      expect(factory.view("at", salt)).toEqual(expected);
      const token = new Contract(chain, expected, codes.token.abi);
      expect(token.view("name")).toBe("Gold");
      expect(token.view("balanceOf", factory.address)).toBe(50n);
      const again = await factory.send("makeToken", [codes.token.hash, "Gold", 50n]);
      expect(again).toMatchObject({ end: "revert: call refused: AddressTaken", created: [] });
      const unknown = await factory.send("makeToken", [new Uint8Array(32), "Gold", 50n]);
      expect(unknown.end).toBe("revert: call refused: UnknownCode");
    });

    test("learns why nothing was made", async () => {
      const factory = await deploy("factory");
      await upload("token");
      await upload("facts");
      const salt = new Uint8Array(32).fill(1);
      const make = (code: Uint8Array, args: Uint8Array, value: bigint) => factory.get("make", code, salt, args, value);
      expect(await make(codes.token.hash, Uint8Array.of(1), 0n)).toBe("malformed data");
      expect(await make(codes.facts.hash, Uint8Array.of(1), 0n)).toBe("NoSuchMethod");
      expect(await make(codes.facts.hash, noBytes, 1n)).toBe("InsufficientBalance");
      expect(factory.view("at", salt)).toEqual(new Uint8Array(32));
      expect((await factory.send("make", [codes.facts.hash, salt, noBytes, 9n], { value: 9n })).value).toBe("");
      const facts = new Contract(chain, factory.view("at", salt) as Uint8Array, codes.facts.abi);
      expect(facts.view("balance", facts.address)).toBe(9n);
    });
  });

  describe("a contract that takes other code", () => {
    const motto = (text: string) => concat(Uint8Array.of(text.length, 0, 0, 0), utf8(text));

    test("keeps its address and storage, which migrate turns into what the new code wants", async () => {
      const purse = await deploy("purse1");
      await upload("purse2");
      await purse.get("add", 5);
      // The old code returns once more.
      expect(await purse.get("upgradeTo", codes.purse2.hash, motto("onward"))).toBe(6);
      const renewed = new Contract(chain, purse.address, codes.purse2.abi);
      expect(renewed.view("motto")).toBe("onward");
      expect(renewed.view("bigTotal")).toBe(5n * 10n ** 12n);
      expect(renewed.view("oldTotal")).toBe(6);
      expect(await renewed.get("add", 2n ** 100n)).toBe(5n * 10n ** 12n + 2n ** 100n);
      expect((await purse.send("upgradeTo", [codes.purse1.hash, noBytes])).end).toBe("refused: NoSuchMethod");
      expect((await renewed.send("migrate", ["again"])).end).toBe("refused: NoSuchMethod");
    });

    test("stays as it is when its code says no, when there is no such code, or when migrate fails", async () => {
      const purse = await deploy("purse1");
      await upload("purse2");
      const { end } = await purse.send("upgradeTo", [codes.purse2.hash, motto("mine")], { from: bob });
      expect(end).toBe("revert: not the owner");
      const failed = await purse.send("upgradeTo", [codes.purse2.hash, motto("")]);
      expect(failed.end).toBe("revert: a motto is needed");
      expect(await purse.get("tryUpgradeTo", codes.purse2.hash, motto(""))).toBe("a motto is needed");
      expect(await purse.get("tryUpgradeTo", codes.purse2.hash, noBytes)).toBe("malformed data");
      expect(await purse.get("tryUpgradeTo", new Uint8Array(32), motto("x"))).toBe("UnknownCode");
      expect(await purse.get("add", 1)).toBe(1);
      expect(chain.account(purse.address).codeHash).toEqual(codes.purse1.hash);
    });
  });

  describe("cryptography", () => {
    let crypto: Contract;
    beforeEach(async () => {
      crypto = await deploy("crypto");
    });
    const message = utf8("a message to be signed");
    const isTrue = (method: string, ...args: unknown[]) => crypto.view(method, ...args) as boolean;
    const flipped = (bytes: Uint8Array) => bytes.map((byte, i) => (i === 5 ? byte ^ 1 : byte));

    test("hashes are those of other implementations", () => {
      const [sha, keccak, blake, ripemd] = (crypto.view("hashes", noBytes) as Uint8Array[]).map(hex);
      expect(sha).toBe(hex(sha256(noBytes)));
      expect(keccak).toBe("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
      expect(blake).toBe("af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
      expect(ripemd).toBe("9c1185a5c5e9fc54612808977ee8f548b2258d31");
    });

    test("an ed25519 signature holds for its message and key alone", () => {
      const { privateKey, publicKey } = generateKeyPairSync("ed25519");
      const key = Uint8Array.from(Buffer.from(publicKey.export({ format: "jwk" }).x!, "base64url"));
      const signature = Uint8Array.from(sign(null, message, privateKey));
      expect(isTrue("ed25519", message, signature, key)).toBe(true);
      expect(isTrue("ed25519", flipped(message), signature, key)).toBe(false);
      expect(isTrue("ed25519", message, flipped(signature), key)).toBe(false);
      expect(isTrue("ed25519", message, signature, flipped(key))).toBe(false);
      expect(isTrue("ed25519", message, signature.slice(1), key)).toBe(false);
      expect(isTrue("ed25519", message, signature, concat(key, key))).toBe(false);
    });

    test.each([
      ["secp256k1", "secp256k1"],
      ["p256", "prime256v1"],
    ])("a signature on %s holds for its hash and key alone, in both forms of the key", (method, namedCurve) => {
      const { signature, key } = ecdsa(namedCurve, message);
      const digest = sha256(message);
      const compressed = concat(Uint8Array.of(2 + (key[64]! & 1)), key.slice(1, 33));
      for (const form of [key, compressed]) expect(isTrue(method, digest, signature, form)).toBe(true);
      expect(isTrue(method, flipped(digest), signature, key)).toBe(false);
      expect(isTrue(method, digest, flipped(signature), key)).toBe(false);
      expect(isTrue(method, digest, signature, ecdsa(namedCurve, message).key)).toBe(false);
      for (const form of [noBytes, key.slice(0, 64), key.slice(1)])
        expect(isTrue(method, digest, signature, form)).toBe(false);
      for (const cut of [noBytes, signature.slice(1)]) expect(isTrue(method, digest, cut, key)).toBe(false);
    });

    test("a secp256k1 signature and a bit give back the key", () => {
      const { signature, key } = ecdsa("secp256k1", message);
      const digest = sha256(message);
      const recovered = [0, 1].map((id) => crypto.view("recover", digest, signature, id) as Uint8Array);
      expect(recovered.map(hex)).toContain(hex(key));
      expect(hex(recovered[0]!)).not.toBe(hex(recovered[1]!));
      expect(crypto.view("recover", digest, signature, 4)).toBeNull();
      expect(crypto.view("recover", digest, signature.slice(1), 0)).toBeNull();
    });

    describe("BLS12-381", () => {
      const vectors = JSON.parse(readFileSync(new URL("vectors/crypto/bls12-381.json", import.meta.url), "utf8"));
      const join = (list: readonly string[]) => unhex(list.join(""));
      const two = unhex("02".padStart(64, "0"));

      test.each(["g1", "g2"])("sums and products in %s are those of other implementations", (group) => {
        const { a, b, sum } = vectors[`${group}Add`][0];
        const doubled = vectors[`${group}Mul`][0];
        expect(doubled.scalar).toBe(hex(two));
        const [added, multiplied] = crypto.view(group, unhex(a), unhex(b), two) as Uint8Array[];
        expect(hex(added!)).toBe(sum);
        const twice = crypto.view(group, unhex(doubled.point), unhex(doubled.point), two) as Uint8Array[];
        expect(twice.slice(0, 2).map(hex)).toEqual([doubled.product, doubled.product]);
        // 2a + 2b, by way of a sum of products and by that of a product of a sum.
        const [, , summed] = crypto.view(group, unhex(a), unhex(b), two) as Uint8Array[];
        const [, product] = crypto.view(group, added, added, two) as Uint8Array[];
        expect(hex(summed!)).toBe(hex(product!));
        expect(multiplied).not.toEqual(added);
        for (const wrong of [noBytes, unhex(a).slice(1), flipped(unhex(a))]) {
          expect(crypto.view(group, wrong, unhex(b), two)).toEqual([null, null, null]);
        }
        const [stillAdded, ...others] = crypto.view(group, unhex(a), unhex(b), two.slice(1)) as (Uint8Array | null)[];
        expect([stillAdded, ...others]).toEqual([added, null, null]);
      });

      test("hashes to the points that RFC 9380 lists", () => {
        const [g1, g2] = [vectors.hashToG1[1], vectors.hashToG2[1]];
        const points = (tag: string) => (crypto.view("hashToCurve", utf8("abc"), utf8(tag)) as Uint8Array[]).map(hex);
        expect([g1.message, g2.message]).toEqual(["abc", "abc"]);
        expect(points(g1.tag)[0]).toBe(g1.point);
        expect(points(g2.tag)[1]).toBe(g2.point);
      });

      test("pairings hold where they should", () => {
        for (const holds of [true, false]) {
          const { g1, g2 } = vectors.pairing.find((vector: { holds: boolean }) => vector.holds === holds);
          expect(isTrue("pairing", join(g1), join(g2))).toBe(holds);
        }
        expect(isTrue("pairing", noBytes, noBytes)).toBe(true);
        const { g1, g2 } = vectors.pairing[0];
        expect(isTrue("pairing", join(g1), noBytes)).toBe(false);
        expect(isTrue("pairing", join(g1).slice(1), join(g2))).toBe(false);
      });

      test("aggregates of signatures hold for all their keys and messages alone", () => {
        const { publicKeys, messages, signature } = vectors.aggregateVerify[0];
        const verify = (list: readonly string[], seal: string) =>
          isTrue("aggregate", join(publicKeys), list.map(unhex), unhex(seal));
        expect(verify(messages, signature)).toBe(true);
        expect(verify(messages.toReversed(), signature)).toBe(false);
        expect(verify(messages.slice(1), signature)).toBe(false);
        expect(verify(messages, signature.slice(2))).toBe(false);
        for (const holds of [true, false]) {
          const vector = vectors.fastAggregateVerify.find((other: { valid: boolean }) => other.valid === holds);
          const args = [join(vector.publicKeys), unhex(vector.message), unhex(vector.signature)];
          expect(isTrue("fastAggregate", ...args)).toBe(holds);
        }
      });
    });
  });
});

/** A fresh key in 65 bytes, and its signature of the message's SHA-256 with the lower s. */
function ecdsa(namedCurve: string, message: Uint8Array) {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve });
  const { x, y } = publicKey.export({ format: "jwk" });
  const key = concat(Uint8Array.of(4), ...[x!, y!].map((part) => Buffer.from(part, "base64url")));
  const signature = Uint8Array.from(sign("sha256", message, { key: privateKey, dsaEncoding: "ieee-p1363" }));
  const s = BigInt(`0x${hex(signature.subarray(32))}`);
  const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
  if (namedCurve === "secp256k1" && s > order / 2n) {
    signature.set(unhex((order - s).toString(16).padStart(64, "0")), 32);
  }
  return { signature, key };
}
