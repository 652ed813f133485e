import fc from "fast-check";
import { expect, test } from "vitest";
import { Gate } from "./gate.ts";

const wait = async (turns: number) => {
  for (let turn = 0; turn < turns; turn++) await undefined;
};

test("as much passes at once as may, in the order in which it came, whatever fails", async () => {
  const work = fc.record({ comesAfter: fc.nat(12), turns: fc.integer({ min: 1, max: 5 }), fails: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.array(work, { maxLength: 20 }), async (countMax, works) => {
      const gate = new Gate(countMax);
      const [came, begun]: [number[], number[]] = [[], []];
      let running = 0;
      const results = works.map(async ({ comesAfter, turns, fails }, index) => {
        await wait(comesAfter);
        came.push(index);
        return gate.run(async () => {
          begun.push(index);
          expect(++running).toBeLessThanOrEqual(countMax);
          await wait(turns);
          running--;
          if (fails) throw new Error(String(index));
          return index;
        });
      });
      const settled = await Promise.allSettled(results);
      expect(begun).toEqual(came);
      for (const [index, result] of settled.entries()) {
        if (works[index]!.fails) expect(result).toMatchObject({ reason: new Error(String(index)) });
        else expect(result).toEqual({ status: "fulfilled", value: index });
      }
    }),
  );
});

test("what there is room for begins at once, and places come free again", async () => {
  const gate = new Gate(2);
  for (let round = 0; round < 3; round++) {
    const begun: number[] = [];
    const all = [0, 1, 2].map((index) => gate.run(async () => void begun.push(index)));
    expect(begun).toEqual([0, 1]);
    await Promise.all(all);
    expect(begun).toEqual([0, 1, 2]);
  }
});
