/** A transaction as people read it on a terminal. */
import { describe, expect, test } from "vitest";
import { addressToText } from "../node/address.ts";
import type { Status } from "../node/block.ts";
import { hash } from "../node/crypto.ts";
import { toHex, transactionToJson } from "../node/rpc/json.ts";
import { type Action, type EditChange, unsignedTransaction } from "../node/transaction.ts";
import {
  abi,
  address,
  addresses,
  asking,
  call,
  chain,
  codeHash,
  deployed,
  having,
  land,
  moduleWith,
  nobody,
  piped,
  printed,
  sampleModule,
  short,
  string,
  u64,
  utf8,
} from "../test/support/landed.ts";
import { sampleContract } from "../test/support/sample-contracts.ts";
import { transfer } from "../test/support/signing.ts";
import { alice, bob, stranger, TestChain } from "../test/support/test-chain.ts";
import { encodeAbi } from "../vm/abi.ts";
import { encodeArgs } from "../vm/abi-values.ts";
import { transactionLine } from "./transaction-line.ts";
import { transactionLines } from "./transaction-text.ts";

describe("on a terminal", () => {
  test("a transaction is who, what, how it ended, what it created, what was logged and what was told", async () => {
    const test = await TestChain.create();
    const upload: Action = { kind: "upload", code: sampleContract };
    const create: Action = { kind: "create", codeHash, salt: null, args: bob.address, value: 3n };
    const { record } = await land(test, [upload, create]);
    const contract = record.receipt.actions[1]!.created[0]!;
    const hashText = toHex(record.receipt.transactionHash);
    expect(printed(record)).toEqual([
      `block 1  ${hashText.slice(0, 10)}  alice  ok, gas ${record.receipt.gasUsed}`,
      `  upload ${sampleContract.length} bytes ${toHex(codeHash).slice(0, 10)}`,
      "  create Sample(owner: bob) with 3",
      `  created: ${addressToText(contract)}`,
    ]);
    const told = await land(test, [
      call(contract, "tell", string("hello, world")),
      call(contract, "get"),
      call(contract, "log", utf8.encode("seen")),
      transfer(stranger.address, 5n),
    ]);
    expect(printed(told.record, told.logs).slice(1)).toEqual([
      `  Sample@${short(contract)}.tell(what: "hello, world")`,
      `  Sample@${short(contract)}.get() -> bob`,
      `  Sample@${short(contract)}.log(0x7365656e)`,
      `  transfer 5 to ${short(stranger.address)}`,
      "  log: seen",
      '  event: E(what: "hello, world")',
    ]);
  });

  test("an event of another contract than the one called says whose it is", async () => {
    const { test, contract } = await deployed();
    const { record } = await land(test, [call(contract, "tell", string("a"))]);
    expect(printed(record).at(-1)).toBe("  event: E(what: a)");
    const other = having(record, { events: [{ ...record.receipt.events[0]!, contract: stranger.address }] });
    expect(printed(other).at(-1)).toBe(`  event: E(what: a) by Sample@${short(stranger.address)}`);
    const named = { ...chain, label: () => "the shop" };
    expect(printed(other, [], named).at(-1)).toBe('  event: E(what: a) by "the shop"');
  });

  test("a revert is the ABI's error, or its code and bytes", async () => {
    const { test, contract } = await deployed();
    const limit = encodeArgs(abi, [{ name: "limit", type: u64 }], { limit: 9n }, addresses);
    const { record } = await land(test, [call(contract, "refuse", limit), call(contract, "get")]);
    const gas = record.receipt.gasUsed;
    const [head, ...rest] = printed(record);
    expect(head).toMatch(new RegExp(`  alice  reverted: TooMuch\\(limit: 9\\), gas ${gas}$`));
    expect(rest).toEqual([
      `  Sample@${short(contract)}.refuse(limit: 9)`,
      `  Sample@${short(contract)}.get() (did not run)`,
      `  lockstep tx ${toHex(record.receipt.transactionHash)}`,
    ]);
    const short7 = await land(test, [call(contract, "refuse", Uint8Array.of(1))]);
    expect(printed(short7.record)[0]).toContain("  reverted: TooMuch 0x01, gas");
    expect(printed(record, [], nobody)[0]).toContain(`  reverted with code 7 and data ${toHex(limit)}, gas`);
    expect(printed(record, [], nobody)[1]).toBe(`  ${short(contract)}.refuse(${toHex(limit)})`);
  });

  const ends: [Status, string][] = [
    [{ kind: "revert", code: 8, data: Uint8Array.of(1) }, "reverted with code 8 and data 0x01"],
    [{ kind: "revert", code: 0, data: utf8.encode("not enough") }, "reverted: not enough"],
    [{ kind: "revert", code: 0, data: utf8.encode("a\nblock 9  ok\u001b[2J") }, "reverted: a\\nblock 9  ok\\u{1b}[2J"],
    [{ kind: "refused", reason: "InsufficientBalance" }, "was refused: InsufficientBalance"],
  ];
  test.each(ends)("%j reads: %s", async (status, expected) => {
    const { test, contract } = await deployed();
    const { record } = await land(test, [call(contract, "get")]);
    expect(printed(having(record, { status }))[0]).toContain(`  alice  ${expected}, gas `);
  });

  test("what used up its gas says how much it had", async () => {
    const { test, contract } = await deployed();
    const { record } = await land(test, [call(contract, "burn")], { gasLimit: 1_000_000 });
    expect(printed(record)[0]).toMatch(/ {2}halted: OutOfGas, gas 1000000 of 1000000$/);
    const trapped = await land(test, [call(contract, "trap")]);
    expect(printed(trapped.record)[0]).toMatch(/ {2}halted: Unreachable, gas \d+ of 20000000$/);
  });

  test("a creation that failed is read by the code that came with it", async () => {
    const { test, contract } = await deployed();
    const { record } = await land(test, [call(contract, "refuse", new Uint8Array(8))]);
    const create: Action = {
      kind: "create",
      codeHash: hash("code", sampleModule),
      salt: null,
      args: bob.address,
      value: 0n,
    };
    const [first] = record.receipt.actions;
    const failed = having(asking(record, [{ kind: "upload", code: sampleModule }, create]), {
      actions: [first!, first!],
    });
    const lines = printed(failed, [], { ...chain, code: () => undefined });
    expect(lines[0]).toContain("reverted: TooMuch(limit: 0)");
    expect(lines[2]).toBe("  create Sample(owner: bob)");
    const alone = having(asking(failed, [create]), { actions: [first!] });
    expect(printed(alone, [], nobody)[1]).toBe(
      `  create from ${toHex(create.codeHash).slice(0, 10)}(${toHex(bob.address)})`,
    );
  });

  const edits: [EditChange, string][] = [
    [{ kind: "balance", address: alice.address, balance: 5n }, "balance of alice to 5"],
    [{ kind: "credit", address: alice.address, amount: 5n }, "balance of alice by 5 more"],
    [{ kind: "nonce", address: stranger.address, nonce: 5 }, `nonce of ${short(stranger.address)} to 5`],
    [{ kind: "code", address: alice.address, code: null }, "code of alice to none"],
    [
      { kind: "code", address: alice.address, code: sampleContract },
      `code of alice to ${sampleContract.length} bytes ${toHex(codeHash)}`,
    ],
    [{ kind: "storage", contract: bob.address, key: Uint8Array.of(1), value: null }, "storage of bob at 0x01 to none"],
    [
      { kind: "storage", contract: bob.address, key: Uint8Array.of(1), value: Uint8Array.of(2) },
      "storage of bob at 0x01 to 0x02",
    ],
  ];
  test.each(edits.map(([change, expected]) => [expected, change] as const))(
    "an edit reads: %s",
    async (expected, change) => {
      const { record, unsigned } = await edited(change);
      expect(printed(unsigned)).toEqual([expect.stringMatching(/^block 1 {2}0x[0-9a-f]{8} {2}edit$/), `  ${expected}`]);
      expect(piped(unsigned).actions[0]).toEqual({
        ...transactionToJson(unsigned).actions[0],
        gasUsed: 0,
        returnData: "0x",
        created: [],
      });
      // The same change by somebody: no such thing is in a block, but it must not pass for an edit of the devnet's.
      expect(printed(asking(record, [{ kind: "edit", change }, transfer(bob.address, 1n)]))[0]).toContain(
        "  alice  ok",
      );
    },
  );

  test("an edit of storage that the ABI explains reads as the field it is", async () => {
    const seats = { name: "seats", prefix: Uint8Array.of(0x73), key: address, value: u64 };
    const code = moduleWith(encodeAbi({ ...abi, storage: [seats] }));
    const key = Uint8Array.of(0x73, ...bob.address);
    const seven = Uint8Array.of(7, 0, 0, 0, 0, 0, 0, 0);
    for (const [value, shown, entry] of [
      [seven, "7", "7"],
      [null, "none", null],
    ] as const) {
      const { unsigned } = await edited({ kind: "storage", contract: stranger.address, key, value });
      const place = `Sample@${short(stranger.address)} at seats[bob]`;
      expect(printed(unsigned, [], { ...chain, code: () => code })[1]).toBe(`  storage of ${place} to ${shown}`);
      const name = `seats[${addressToText(bob.address)}]`;
      expect(piped(unsigned, [], { ...chain, code: () => code }).actions[0].entry).toEqual({ name, value: entry });
    }
  });

  test("who was impersonated did not sign", async () => {
    const test = await TestChain.create();
    const { record } = await land(test, [transfer(bob.address, 1n)]);
    const unsigned = { ...record, transaction: unsignedTransaction(record.transaction.body) };
    expect(printed(unsigned)[0]).toContain("  alice (unsigned)  ok");
  });
});

async function edited(change: EditChange) {
  const test = await TestChain.create();
  const { record } = await land(test, [transfer(bob.address, 1n)]);
  const body = { ...record.transaction.body, sender: new Uint8Array(32), actions: [{ kind: "edit", change } as const] };
  const actions = [{ gasUsed: 0, returnData: new Uint8Array(), created: [] }];
  const unsigned = having({ ...record, transaction: unsignedTransaction(body) }, { gasUsed: 0, fee: 0n, actions });
  return { record, unsigned };
}

test("painting and decoding are asked of what is given alone", async () => {
  const { test, contract } = await deployed();
  const { record } = await land(test, [call(contract, "tell", string("hi"))]);
  const look = {
    abiOf: () => abi,
    label: () => undefined,
    paint: (style: string, text: string) => `<${style}>${text}</>`,
  };
  expect(transactionLines(record, [], look)[1]).toBe(`  Sample@${short(contract)}.<bold>tell</>(what: hi)`);
  expect(transactionLine(record, [], () => abi).events[0]).toMatchObject({ fields: { what: "hi" } });
});
