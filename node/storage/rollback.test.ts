import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { arbitraryBlock, createBlock, recordsOf, tamper } from "../../test/support/made-blocks.ts";
import { codeOfWork } from "../../test/support/refusals.ts";
import { transfer } from "../../test/support/signing.ts";
import { alice, bob, TestChain, temporaryFolder, testGenesis } from "../../test/support/test-chain.ts";
import { Store } from "../store.ts";
import { heightBytes, keys } from "./layout.ts";

async function newStore(): Promise<Store> {
  const store = await Store.open(temporaryFolder(), { genesis: testGenesis });
  onTestFinished(() => store.close());
  return store;
}

describe("a rollback", () => {
  test("leaves the folder of a chain that never went further, record for record, and the chain goes on alike", async () => {
    const scenario = fc.record({
      kept: fc.array(arbitraryBlock, { maxLength: 5 }),
      undone: fc.array(arbitraryBlock, { minLength: 1, maxLength: 5 }),
      after: fc.array(arbitraryBlock, { maxLength: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(scenario, async ({ kept, undone, after }) => {
        const [back, never] = [await newStore(), await newStore()];
        for (const block of kept) {
          await back.commit(createBlock(back, block));
          await never.commit(createBlock(never, block));
        }
        for (const block of undone) await back.commit(createBlock(back, block, 1));
        await back.rollback(kept.length);
        expect(await recordsOf(back.location)).toEqual(await recordsOf(never.location));
        for (const block of after) {
          await back.commit(createBlock(back, block));
          await never.commit(createBlock(never, block));
        }
        expect(await recordsOf(back.location)).toEqual(await recordsOf(never.location));
      }),
      { numRuns: 60 },
    );
  });

  test("undoes real transactions: balances, nonces and receipts are those of then", async () => {
    const chain = await TestChain.create();
    const pay = () => chain.run([transfer(bob.address, 5n)]);
    await pay();
    const [records, balance] = [await recordsOf(chain.store.location), chain.account(bob.address).balance];
    for (let more = 0; more < 3; more++) await pay();
    await chain.chain.rollback(1);
    expect(chain.chain.head.height).toBe(1);
    expect(chain.account(bob.address).balance).toBe(balance);
    expect(await recordsOf(chain.store.location)).toEqual(records);
    await pay();
    expect(chain.account(bob.address).balance).toBe(balance + 5n);
    expect(chain.account(alice.address).nonce).toBe(2);
  });

  test("that was interrupted is finished when the folder is opened, and when it is opened again", async () => {
    for (const again of [false, true]) {
      const store = await newStore();
      const blocks = fc.sample(arbitraryBlock, { numRuns: 6, seed: 5 });
      await store.commit(createBlock(store, blocks[0]!));
      const records = await recordsOf(store.location);
      for (const block of blocks.slice(1)) await store.commit(createBlock(store, block));
      // As the batches before the kill left it: a few blocks are gone, and the target stands there.
      await store.rollback(4);
      await tamper(store.location, (database) => database.put(keys.meta("rollback"), heightBytes(1)));
      await store.close();
      if (again) await store.reopen();
      else await (await Store.open(store.location)).close();
      expect(await recordsOf(store.location)).toEqual(records);
    }
  });

  test("to where the chain stands changes nothing", async () => {
    const store = await newStore();
    const before = await recordsOf(store.location);
    await store.rollback(0);
    expect(await recordsOf(store.location)).toEqual(before);
  });

  test("is refused above the head, below 0 and below what is kept, and changes nothing", async () => {
    const store = await newStore();
    for (const block of fc.sample(arbitraryBlock, { numRuns: 5, seed: 1 }))
      await store.commit(createBlock(store, block));
    await store.prune(2, 1_000);
    const before = await recordsOf(store.location);
    for (const height of [6, 2 ** 53, -1, 0.5, Number.NaN]) {
      expect(await codeOfWork(store.rollback(height)), `${height}`).toBe("height_unknown");
    }
    for (const height of [0, 1, 3]) expect(await codeOfWork(store.rollback(height)), `${height}`).toBe("height_pruned");
    expect(await recordsOf(store.location)).toEqual(before);
  });
});
