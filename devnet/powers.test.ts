/** The powers over a node in memory: each by what it says, then random sequences of them against a model that copies everything. */

import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toHex } from "../node/rpc/json.ts";
import type { EditChange } from "../node/transaction.ts";
import { developmentGenesis, unsigned } from "../test/support/edits.ts";
import { type PoweredNode, startPowered as start } from "../test/support/powered-node.ts";
import { codeOf, codeOfWork } from "../test/support/refusals.ts";
import { signed, testAccount, transfer } from "../test/support/signing.ts";
import { alice, bob, stranger } from "../test/support/test-chain.ts";
import { EDITOR } from "./edit-transactions.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const contract = new Uint8Array(32).fill(0x77);

const balanceOf = ({ node }: PoweredNode, address: Uint8Array) => node.account(address).balance;

describe("an edit", () => {
  test("is a block of its own under every sealing, of the zero address, and leaves what waits where it is", async () => {
    const devnet = await start();
    const { node, powers } = devnet;
    const waiting = signed(alice, [transfer(bob.address, 1n)]);
    await node.submit(waiting.encoded);
    const { header, hash, transactionHash } = await powers.edit([
      { kind: "balance", address: stranger.address, balance: 7n },
      { kind: "credit", address: stranger.address, amount: 5n },
    ]);
    expect([header.height, node.head().hash]).toEqual([1, hash]);
    const { transaction, receipt } = node.transaction(transactionHash)!;
    expect([transaction.body.sender, receipt.status]).toEqual([EDITOR, { kind: "success" }]);
    expect(node.block(1)!.block.transactions).toHaveLength(1);
    expect(balanceOf(devnet, stranger.address)).toBe(12n);
    expect(node.pool({ limit: 9 }).map(({ entry }) => entry.hash)).toEqual([waiting.hash]);
  });

  test("of more than a transaction holds is still one block", async () => {
    const { node, powers } = await start();
    const changes = Array.from({ length: 40 }, (_, number): EditChange => {
      return { kind: "credit", address: testAccount(100 + number).address, amount: 3n };
    });
    await powers.edit(changes);
    expect([node.head().header.height, node.block(1)!.block.transactions.length]).toEqual([1, 3]);
    expect(changes.map((_, number) => node.account(testAccount(100 + number).address).balance)).toEqual(
      changes.map(() => 3n),
    );
    await powers.edit(changes);
    expect(node.account(testAccount(139).address).balance).toBe(6n);
  });

  test.each<[string, readonly EditChange[]]>([
    ["balance_overflow", [{ kind: "credit", address: alice.address, amount: (1n << 128n) - 1n }]],
    ["not_a_contract", [{ kind: "storage", contract, key: utf8("k"), value: utf8("v") }]],
    ["malformed_magic", [{ kind: "code", address: contract, code: utf8("no module") }]],
    ["edit_actions", []],
    ["transaction_too_large", [{ kind: "code", address: contract, code: new Uint8Array(2 ** 21) }]],
    [
      "nonce_decreased",
      [
        { kind: "nonce", address: alice.address, nonce: 9 },
        { kind: "nonce", address: alice.address, nonce: 8 },
      ],
    ],
  ])("that cannot be done is refused as %s, and there is no block", async (code, changes) => {
    const { node, powers } = await start();
    const { hash } = node.head();
    const first: EditChange = { kind: "balance", address: stranger.address, balance: 1n };
    expect(await codeOfWork(powers.edit(changes.length === 0 ? [] : [first, ...changes]))).toBe(code);
    expect([node.head().hash, node.account(stranger.address).balance]).toEqual([hash, 0n]);
    await powers.edit([first]);
    expect(node.head().header.height).toBe(1);
  });
});

describe("impersonation", () => {
  const edited = () =>
    unsigned(EDITOR, [{ kind: "edit", change: { kind: "nonce", address: alice.address, nonce: 1 } }], {
      gasLimit: 0,
      gasPrice: 0n,
    });

  test("lets anybody send in the name of an account, or of all of them, until it ends", async () => {
    const devnet = await start();
    const { node, powers } = devnet;
    const byAlice = unsigned(alice.address, [transfer(stranger.address, 2n)]);
    const byBob = unsigned(bob.address, [transfer(stranger.address, 3n)]);
    expect(await codeOfWork(node.submit(byAlice.encoded))).toBe("bad_signature");
    powers.impersonate(alice.address);
    expect(powers.impersonation).toMatchObject({ everybody: false, addresses: [alice.address] });
    await node.submit(byAlice.encoded);
    expect(await codeOfWork(node.submit(byBob.encoded))).toBe("bad_signature");
    powers.impersonate(null);
    powers.stopImpersonating(alice.address);
    await node.submit(byBob.encoded);
    powers.stopImpersonating(null);
    expect([powers.isImpersonated(bob.address), powers.isImpersonated(alice.address)]).toEqual([false, false]);
    await powers.mine(1);
    expect(balanceOf(devnet, stranger.address)).toBe(5n);
  });

  test("makes nobody an editor", async () => {
    const { node, powers } = await start();
    powers.impersonate(null);
    powers.impersonate(EDITOR);
    expect(await codeOfWork(node.submit(edited().encoded))).toBe("sender_invalid");
  });

  test("is of 1,000 accounts at most, beside everybody", async () => {
    const { powers } = await start();
    const addressOf = (number: number) =>
      new Uint8Array(32)
        .fill(1)
        .with(0, number & 255)
        .with(1, number >> 8);
    for (let number = 0; number < 1_000; number++) powers.impersonate(addressOf(number));
    powers.impersonate(addressOf(7));
    expect(codeOf(() => powers.impersonate(addressOf(1_000)))).toBe("too_many_impersonated");
    powers.impersonate(null);
    powers.stopImpersonating(addressOf(0));
    powers.impersonate(addressOf(1_000));
    expect(powers.impersonation.addresses).toHaveLength(1_000);
  });
});

test("labels are short words of what any terminal shows, 1,000 of them, the one given last at the end", async () => {
  const { powers } = await start();
  for (const label of ["", " a", "a ", "a  b", "a\nb", "a\x1b[31m", "é", "a".repeat(65)]) {
    expect(
      codeOf(() => powers.setLabel(alice.address, label)),
      JSON.stringify(label),
    ).toBe("label_invalid");
  }
  powers.setLabel(alice.address, "Alice A. 1_2-3");
  powers.setLabel(bob.address, "b".repeat(64));
  powers.setLabel(alice.address, "alice");
  expect(powers.labels).toEqual([
    { address: bob.address, label: "b".repeat(64) },
    { address: alice.address, label: "alice" },
  ]);
  powers.setLabel(bob.address, null);
  powers.setLabel(stranger.address, null);
  const addressOf = (number: number) => new Uint8Array(32).with(0, number & 255).with(1, number >> 8);
  for (let number = 0; number < 999; number++) powers.setLabel(addressOf(number), "x");
  expect(codeOf(() => powers.setLabel(addressOf(999), "x"))).toBe("too_many_labels");
  powers.setLabel(alice.address, "still");
});

describe("time", () => {
  test("is moved with a block, so that views see it, or for the next block", async () => {
    const devnet = await start();
    const { node, powers } = devnet;
    expect(await powers.setTime(60_000, true)).toEqual({ next: 60_000, head: 60_000, stepMs: null });
    expect([node.head().header.height, node.head().header.time]).toEqual([1, 60_000]);
    devnet.now += 500;
    expect(await powers.advanceTime(1_000, false)).toEqual({ next: 61_500, head: 60_000, stepMs: null });
    expect(node.head().header.height).toBe(1);
    expect((await powers.setTimeStep(10)).next).toBe(60_010);
    await powers.mine(2);
    expect(node.head().header.time).toBe(60_020);
  });

  test("is moved by no call that is refused, nor by one whose block was not made", async () => {
    const { node, powers } = await start();
    const before = powers.time;
    expect(await codeOfWork(powers.setTime(999, true))).toBe("time_backwards");
    expect(await codeOfWork(powers.advanceTime(-1, true))).toBe("time_backwards");
    expect(await codeOfWork(powers.setTime(253_402_300_800_000, true))).toBe("time_invalid");
    expect(await codeOfWork(powers.advanceTime(253_402_300_799_999, true))).toBe("time_invalid");
    expect([powers.time, node.head().header.height]).toEqual([before, 0]);
  });

  test("goes on from the head's, where that is ahead of the machine's at the start", async () => {
    const devnet = await start({ genesis: { ...developmentGenesis, time: 1_000_000 } });
    expect(devnet.powers.time).toEqual({ next: 1_000_000, head: 1_000_000, stepMs: null });
    devnet.now += 40;
    expect(devnet.powers.time.next).toBe(1_000_040);
  });
});

describe("a deterministic chain", () => {
  test("gives the same calls the same blocks, whatever the machine's clock says", async () => {
    const run = async (now: number) => {
      const devnet = await start({ isDeterministic: true });
      const { node, powers } = devnet;
      devnet.now = now;
      await powers.mine(2);
      await powers.edit([{ kind: "credit", address: stranger.address, amount: 1n }]);
      devnet.now += 123_456;
      await powers.advanceTime(86_400_000, false);
      await node.submit(signed(alice, [transfer(bob.address, 1n)]).encoded);
      const { id } = await powers.snapshot();
      await powers.setTimeStep(5);
      await powers.mine(3);
      await powers.revert(id);
      await powers.mine(1);
      await powers.setTimeStep(null);
      await powers.mine(1);
      return node.head();
    };
    const [a, b] = [await run(5_000), await run(1_700_000_000_000)];
    expect(a.hash).toEqual(b.hash);
    // Three steps of a second from the genesis, a day and one more, then one more.
    expect(a.header.time).toBe(1_000 + 5_000 + 86_400_000);
  });

  test("takes no intervals", async () => {
    const { powers, node } = await start({ isDeterministic: true });
    for (const kind of ["interval", "mixed"] as const) {
      expect(codeOf(() => powers.setSealing({ kind, intervalMs: 100 }))).toBe("sealing_invalid");
      const sealing = { kind, intervalMs: 100 };
      expect(await codeOfWork(start({ isDeterministic: true, sealing }))).toBe("sealing_invalid");
    }
    expect(node.info().sealing).toEqual({ kind: "manual" });
  });
});

test("a nonce that is set readies what waited for it, and that is sealed by itself", async () => {
  const { node, powers } = await start({ sealing: { kind: "transaction" } });
  const receipt = node.submitAndWait(signed(alice, [transfer(bob.address, 1n)], { nonce: 2 }).encoded, 5_000);
  await powers.edit([{ kind: "nonce", address: alice.address, nonce: 2 }]);
  expect((await receipt).height).toBe(2);
});

describe("a revert", () => {
  test("to a snapshot that never was, or is no more, is refused, and nothing happens", async () => {
    const { node, powers } = await start();
    const { id } = await powers.snapshot();
    const later = await powers.snapshot();
    await powers.mine(1);
    for (const unknown of [0, id + 2, -1, Number.NaN]) {
      expect(await codeOfWork(powers.revert(unknown))).toBe("snapshot_unknown");
    }
    expect(node.head().header.height).toBe(1);
    await powers.revert(id);
    expect(await codeOfWork(powers.revert(later.id))).toBe("snapshot_unknown");
    expect((await powers.snapshot()).id).toBeGreaterThan(later.id);
    await powers.reset();
    expect(powers.snapshots).toEqual([]);
    expect(await codeOfWork(powers.revert(id))).toBe("snapshot_unknown");
  });

  test("is told to who waits for what is gone, and to who follows the heads", async () => {
    const { node, powers } = await start();
    const heights: number[] = [];
    const { id } = await powers.snapshot();
    const waiting = codeOfWork(node.submitAndWait(signed(alice, [transfer(bob.address, 1n)]).encoded, 10_000));
    await powers.edit([{ kind: "credit", address: bob.address, amount: 1n }]);
    node.onHead(({ header }) => heights.push(header.height));
    await powers.revert(id);
    expect([await waiting, heights, node.pool({ limit: 1 })]).toEqual(["chain_reverted", [0], []]);
  });

  test("that a call followed before it was done does not undo that call", async () => {
    const { powers } = await start();
    const { id } = await powers.snapshot();
    const reverted = powers.revert(id);
    const impersonated = powers.impersonate(alice.address);
    powers.setLabel(alice.address, "alice");
    powers.setSealing({ kind: "transaction" });
    await Promise.all([reverted, impersonated, powers.snapshot()]);
    expect([powers.isImpersonated(alice.address), powers.labels.length]).toEqual([true, 1]);
  });

  test("gives back what waited, and it is sealed at once where blocks are made for transactions", async () => {
    const devnet = await start();
    const { node, powers } = devnet;
    await node.submit(signed(alice, [transfer(stranger.address, 1n)]).encoded);
    const { id } = await powers.snapshot();
    await powers.mine(1);
    await powers.revert(id);
    expect([node.poolStatus().readyCount, balanceOf(devnet, stranger.address)]).toEqual([1, 0n]);
    powers.setSealing({ kind: "transaction" });
    const per = await powers.snapshot();
    while (node.poolStatus().count > 0) await turn();
    expect(node.head().header.height).toBe(1);
    await powers.revert(per.id);
    while (node.poolStatus().count > 0) await turn();
    expect([node.head().header.height, balanceOf(devnet, stranger.address)]).toEqual([1, 1n]);
  });
});

// Random sequences.

/** Everything there is to see, copied. The machine's clock is put back to where it was then, to see the same. */
function observe({ node, powers, now }: PoweredNode) {
  return {
    now,
    head: toHex(node.head().hash),
    height: node.head().header.height,
    accounts: [alice, bob, stranger, { address: EDITOR }].map(({ address }) => node.account(address)),
    pool: node.pool({ limit: 1_000 }).map(({ entry, ...rest }) => ({ hash: toHex(entry.hash), ...rest })),
    time: powers.time,
    sealing: node.info().sealing,
    everybody: powers.impersonation.everybody,
    impersonated: powers.impersonation.addresses.map(toHex),
    labels: powers.labels.map(({ address, label }) => [toHex(address), label]),
  };
}

const account = fc.constantFrom(alice, bob);
const step = fc.oneof(
  fc.record({ kind: fc.constant("submit" as const), account, ahead: fc.nat(2), isSigned: fc.boolean() }),
  fc.record({ kind: fc.constant("mine" as const), count: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ kind: fc.constant("credit" as const), account }),
  fc.record({ kind: fc.constant("nonce" as const), account }),
  fc.record({ kind: fc.constant("setTime" as const), ms: fc.integer({ min: -2_000, max: 5_000 }), mine: fc.boolean() }),
  fc.record({ kind: fc.constant("advance" as const), ms: fc.nat(5_000), mine: fc.boolean() }),
  fc.record({ kind: fc.constant("step" as const), ms: fc.option(fc.nat(3_000)) }),
  fc.record({ kind: fc.constant("pass" as const), ms: fc.nat(3_000) }),
  fc.record({ kind: fc.constant("impersonate" as const), account: fc.option(account), isOn: fc.boolean() }),
  fc.record({ kind: fc.constant("label" as const), account, label: fc.constantFrom("a", "b", null) }),
  fc.record({
    kind: fc.constant("sealing" as const),
    sealing: fc.constantFrom("manual" as const, "transaction" as const),
  }),
  fc.constant({ kind: "drop" as const }),
  fc.constant({ kind: "load" as const }),
  { weight: 4, arbitrary: fc.constant({ kind: "snapshot" as const }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("revert" as const), at: fc.nat(9) }) },
  fc.constant({ kind: "reset" as const }),
  fc.constant({ kind: "again" as const }),
);

test("whatever was done since, a revert shows everything as it was, and the same calls give the same blocks", async () => {
  const met = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25, size: "max" }), fc.boolean(), async (steps, isDeterministic) => {
      const devnet = await start({ isDeterministic, isOnePerBlock: isDeterministic });
      const { node, powers } = devnet;
      const taken: { id: number; seen: ReturnType<typeof observe> }[] = [];
      const beginning = observe(devnet);
      const { bytes } = await powers.dump();
      const settle = async () => {
        while (node.info().sealing.kind === "transaction" && node.poolStatus().readyCount > 0) await turn();
      };
      for (const step of steps) {
        const work = async (): Promise<unknown> => {
          switch (step.kind) {
            case "submit": {
              const nonce = node.nextNonce(step.account.address) + step.ahead;
              const actions = [transfer(stranger.address, 1n)];
              const entry = step.isSigned
                ? signed(step.account, actions, { nonce })
                : unsigned(step.account.address, actions, { nonce });
              return node.submit(entry.encoded);
            }
            case "mine":
              return powers.mine(step.count);
            case "credit":
              return powers.edit([{ kind: "credit", address: step.account.address, amount: 1n }]);
            case "nonce": {
              const { address } = step.account;
              return powers.edit([{ kind: "nonce", address, nonce: node.account(address).nonce + 1 }]);
            }
            case "setTime":
              return powers.setTime(powers.time.head + step.ms, step.mine);
            case "advance":
              return powers.advanceTime(step.ms, step.mine);
            case "step":
              return powers.setTimeStep(step.ms);
            case "pass":
              devnet.now += step.ms;
              return undefined;
            case "impersonate": {
              const address = step.account?.address ?? null;
              return step.isOn ? powers.impersonate(address) : powers.stopImpersonating(address);
            }
            case "label":
              return powers.setLabel(step.account.address, step.label);
            case "sealing":
              return powers.setSealing({ kind: step.sealing });
            case "drop":
              return powers.drop({});
            case "load":
              return powers.load(bytes);
            case "snapshot": {
              const seen = observe(devnet);
              const { id, height } = await powers.snapshot();
              expect(height).toBe(seen.height);
              taken.push({ id, seen });
              return undefined;
            }
            case "revert": {
              const back = taken[step.at];
              if (back === undefined) return powers.revert(-1);
              const head = await powers.revert(back.id);
              taken.length = step.at + 1;
              devnet.now = back.seen.now;
              expect(toHex(head.hash)).toBe(back.seen.head);
              expect(observe(devnet)).toEqual(back.seen);
              return undefined;
            }
            case "reset":
              await powers.reset();
              taken.length = 0;
              devnet.now = beginning.now;
              expect(observe(devnet)).toEqual(beginning);
              return undefined;
            case "again": {
              const { now } = devnet;
              const { id } = await powers.snapshot();
              const mine = async () => {
                await powers.edit([{ kind: "credit", address: bob.address, amount: 1n }]);
                return toHex((await powers.mine(2)).hash);
              };
              const first = await mine();
              devnet.now += 777;
              await powers.revert(id);
              devnet.now = now;
              expect(await mine()).toBe(first);
              await powers.revert(id);
              taken.push({ id, seen: observe(devnet) });
              return undefined;
            }
          }
        };
        const code = await codeOfWork(work());
        await settle();
        met.set(`${step.kind} ${code}`, (met.get(`${step.kind} ${code}`) ?? 0) + 1);
        expect(powers.snapshots).toEqual(taken.map(({ id, seen }) => ({ id, height: seen.height })));
      }
      await node.close();
    }),
    { numRuns: 120 },
  );
  const kinds = [
    "submit accepted",
    "submit bad_signature",
    "setTime time_backwards",
    "revert accepted",
    "load accepted",
  ];
  for (const kind of [...kinds, "again accepted", "reset accepted", "revert snapshot_unknown"]) {
    expect(met.get(kind) ?? 0, kind).toBeGreaterThan(3);
  }
}, 60_000);
