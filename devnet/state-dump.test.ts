/** Dumps of the state: the bytes by themselves, then what a load of them makes of another chain. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { NodeControl } from "../node/control.ts";
import { hash } from "../node/crypto.ts";
import { accountKey, codeKey, encodeAccount, storageKey } from "../node/state/account.ts";
import type { LeafNode } from "../node/state/tree-node.ts";
import { createLeaf, TreeBuilder } from "../node/state/tree-stream.ts";
import type { EditChange } from "../node/transaction.ts";
import { type PoweredNode, startPowered } from "../test/support/powered-node.ts";
import { codeOf, codeOfWork } from "../test/support/refusals.ts";
import { sampleContract } from "../test/support/sample-contracts.ts";
import { signed, testAccount, transfer } from "../test/support/signing.ts";
import { alice, bob } from "../test/support/test-chain.ts";
import { compareBytes } from "../vm/borsh.ts";
import { InputError } from "../vm/errors.ts";
import { EDITOR } from "./edit-transactions.ts";
import { decodeStateDump, encodeStateDump, type StateDumpFacts } from "./state-dump.ts";

type Entry = readonly [key: Uint8Array, value: Uint8Array];

const utf8 = (text: string) => new TextEncoder().encode(text);
const noCode = utf8("this is no module");
const contract = (number: number) => new Uint8Array(32).fill(number);

async function* each(leaves: readonly LeafNode[]): AsyncGenerator<LeafNode> {
  yield* leaves;
}

/** A dump of these entries that holds together, whether they are a state or not. */
async function dumpOf(entries: readonly Entry[], facts: Partial<StateDumpFacts> = {}): Promise<Uint8Array> {
  const leaves = entries.map(([key, value]) => createLeaf(key, value));
  leaves.sort((a, b) => compareBytes(a.keyHash, b.keyHash));
  const tree = new TreeBuilder(0, () => {});
  for (const leaf of leaves) tree.add(leaf);
  return encodeStateDump({ chainId: "test", height: 3, stateRoot: tree.finish(), ...facts }, each(leaves));
}

const accountEntry = (address: Uint8Array, codeHash: Uint8Array | null = null): Entry => [
  accountKey(address),
  encodeAccount({ nonce: 1, balance: 2n, codeHash }),
];

describe("a dump", () => {
  test("holds what it was made of, and the same makes the same bytes", async () => {
    const entries = [accountEntry(alice.address), accountEntry(bob.address)];
    const dump = await dumpOf(entries);
    expect(await dumpOf(entries.toReversed())).toEqual(dump);
    const { chainId, height, leaves } = decodeStateDump(dump);
    expect([chainId, height]).toEqual(["test", 3]);
    expect(new Map(leaves.map(({ key, value }) => [String(key), value]))).toEqual(
      new Map(entries.map(([key, value]) => [String(key), value])),
    );
    expect(decodeStateDump(await dumpOf([])).leaves).toEqual([]);
  });

  test("with a byte that changed, went or came is refused", async () => {
    const dump = await dumpOf([accountEntry(alice.address), [codeKey(hash("code", sampleContract)), sampleContract]]);
    const codes = new Set<string>();
    for (let at = 0; at < dump.length; at++) {
      // The chain's name and height are told alone.
      if (at >= 13 && at < 13 + 4 + 4 + 8) continue;
      codes.add(codeOf(() => decodeStateDump(dump.with(at, dump[at]! ^ 1))));
      codes.add(codeOf(() => decodeStateDump(dump.subarray(0, at))));
    }
    codes.add(codeOf(() => decodeStateDump(Uint8Array.of(...dump, 0))));
    expect([...codes].sort()).toEqual(["dump_invalid", "dump_version"]);
    expect(codeOf(() => decodeStateDump(dump.with(9, 2)))).toBe("dump_version");
  });

  test.each<[string, readonly Entry[]]>([
    ["an entry of no kind", [[utf8("x"), utf8("y")]]],
    ["an empty key", [[new Uint8Array(), utf8("y")]]],
    ["an account that is none", [[accountKey(alice.address), utf8("y")]]],
    ["an address that is none", [[utf8("a1"), encodeAccount({ nonce: 0, balance: 0n, codeHash: null })]]],
    ["a code of another hash", [[codeKey(new Uint8Array(32)), sampleContract]]],
    ["an entry without a key", [[storageKey(contract(1), new Uint8Array()), utf8("y")]]],
  ])("with %s is refused, though its root is right", async (_, entries) => {
    const dump = await dumpOf(entries);
    expect(codeOf(() => decodeStateDump(dump))).toBe("dump_invalid");
  });

  test("of more than 64 MiB is not made", async () => {
    const value = new Uint8Array(1024 * 1024);
    const leaves = Array.from({ length: 65 }, () => createLeaf(utf8("s"), value));
    const facts = { chainId: "test", height: 0, stateRoot: new Uint8Array(32) };
    expect(await codeOfWork(encodeStateDump(facts, each(leaves)))).toBe("dump_too_large");
  });
});

/** What a contract or a client can read. */
async function readable({ powers }: PoweredNode): Promise<Map<string, string>> {
  const { leaves } = decodeStateDump((await powers.dump()).bytes);
  const isNothing = ({ value }: LeafNode) => value.every((byte) => byte === 0);
  const kept = leaves.filter(
    (leaf) =>
      (leaf.key[0] === 0x61 && !isNothing(leaf) && compareBytes(leaf.key, accountKey(EDITOR)) !== 0) ||
      leaf.key[0] === 0x73,
  );
  return new Map(kept.map(({ key, value }) => [Buffer.from(key).toString("hex"), Buffer.from(value).toString("hex")]));
}

const account = fc.nat(5).map((number) => testAccount(number).address);
const change: fc.Arbitrary<EditChange> = fc.oneof(
  fc.record({ kind: fc.constant("balance" as const), address: account, balance: fc.bigInt(0n, 9n) }),
  fc.record({
    kind: fc.constant("code" as const),
    address: fc.nat(2).map(contract),
    code: fc.constantFrom(sampleContract, sampleContract, null),
  }),
  fc.record({
    kind: fc.constant("storage" as const),
    contract: fc.nat(2).map(contract),
    key: fc.nat(3).map((number) => utf8(`key ${number}`)),
    value: fc.option(fc.uint8Array({ maxLength: 40 })),
  }),
);

async function edited(changes: readonly EditChange[]): Promise<PoweredNode> {
  const devnet = await startPowered();
  for (const change of changes) await codeOfWork(devnet.powers.edit([change]));
  return devnet;
}

describe("a load", () => {
  test("makes any state read as any other did, also what was no contract any more and had its storage still", async () => {
    const changes = fc.array(change, { maxLength: 20, size: "max" });
    await fc.assert(
      fc.asyncProperty(changes, changes, async (there, here) => {
        const [source, target] = [await edited(there), await edited(here)];
        const { bytes, stateRoot, height } = await source.powers.dump();
        expect([stateRoot, height]).toEqual([source.node.head().header.stateRoot, there.length === 0 ? 0 : height]);
        const before = target.node.head().header.height;
        await target.powers.load(bytes);
        expect(await readable(target)).toEqual(await readable(source));
        expect(target.node.head().header.height).toBeLessThanOrEqual(before + 1);
        const again = await target.powers.load(bytes);
        expect(again.hash).toEqual(target.node.head().hash);
        await Promise.all([source.node.close(), target.node.close()]);
      }),
      { numRuns: 40 },
    );
  }, 30_000);

  test("of what the chain has already makes no block, and keeps what waits", async () => {
    const { node, powers } = await startPowered();
    const waiting = signed(alice, [transfer(bob.address, 1n)]);
    await node.submit(waiting.encoded);
    await powers.load((await powers.dump()).bytes);
    expect([node.head().header.height, node.pool({ limit: 2 }).length]).toEqual([0, 1]);
  });

  test("brings code that no account refers to, and gives the state the dump's root where nothing was before", async () => {
    const [source, target] = [await startPowered(), await startPowered()];
    await source.powers.edit([{ kind: "upload", code: sampleContract }]);
    const { bytes, stateRoot } = await source.powers.dump();
    await target.powers.load(bytes);
    expect(target.node.code(hash("code", sampleContract))).toEqual(sampleContract);
    expect(target.node.head().header.stateRoot).toEqual(stateRoot);
  });

  test("never lowers a nonce, which would let a transaction come twice", async () => {
    const { node, powers } = await startPowered();
    const { bytes } = await powers.dump();
    await powers.edit([
      { kind: "nonce", address: alice.address, nonce: 5 },
      { kind: "credit", address: alice.address, amount: 5n },
    ]);
    const { balance } = node.account(bob.address);
    await powers.load(bytes);
    expect(node.account(alice.address)).toEqual({ nonce: 5, balance, codeHash: null });
  });

  test("takes as many blocks as its size needs, and goes back to where it was if one of them fails", async () => {
    const source = await startPowered();
    const large = Array.from({ length: 96 }, (_, number): EditChange => {
      return {
        kind: "storage",
        contract: contract(1),
        key: utf8(`${number}`),
        value: new Uint8Array(64 * 1024).fill(7),
      };
    });
    await source.powers.edit([{ kind: "code", address: contract(1), code: sampleContract }]);
    await source.powers.edit(large);
    const { bytes } = await source.powers.dump();

    let left = Number.POSITIVE_INFINITY;
    const wrap = (control: NodeControl): NodeControl =>
      Object.create(control, {
        exclusively: {
          value: (work: Parameters<NodeControl["exclusively"]>[0]) =>
            control.exclusively((chain) =>
              work({
                ...chain,
                seal: async (transactions) => {
                  if (left-- === 0) throw new InputError("storage_full", "the disk is full");
                  return chain.seal(transactions);
                },
              }),
            ),
        },
      });
    const target = await startPowered({ wrap });
    await target.node.submit(signed(alice, [transfer(bob.address, 1n)]).encoded);
    await target.powers.setTime(9_000, false);
    const before = [target.node.head().hash, target.powers.time, target.node.pool({ limit: 9 })];
    left = 1;
    expect(await codeOfWork(target.powers.load(bytes))).toBe("storage_full");
    expect([target.node.head().hash, target.powers.time, target.node.pool({ limit: 9 })]).toEqual(before);
    left = Number.POSITIVE_INFINITY;
    expect((await target.powers.load(bytes)).header.height).toBe(2);
    expect(await readable(target)).toEqual(await readable(source));
  });

  test.each<[string, readonly Entry[]]>([
    ["an account whose code it lacks", [accountEntry(contract(1), new Uint8Array(32))]],
    ["storage where there never was code", [[storageKey(contract(1), utf8("k")), utf8("v")]]],
    [
      "a code that is no contract",
      [accountEntry(contract(1), hash("code", noCode)), [codeKey(hash("code", noCode)), noCode]],
    ],
  ])("of %s is refused, and nothing changes", async (_, entries) => {
    const { node, powers } = await startPowered();
    const { hash } = node.head();
    expect(await codeOfWork(powers.load(await dumpOf(entries)))).toMatch(/^(dump_invalid|malformed_magic)$/);
    expect(node.head().hash).toEqual(hash);
  });
});
