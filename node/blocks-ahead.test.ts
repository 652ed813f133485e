import fc from "fast-check";
import { expect, test } from "vitest";
import { InputError } from "../vm/errors.ts";
import { blocksAhead } from "./blocks-ahead.ts";
import type { ClaimedBlock } from "./claimed-block.ts";

const MIB = 1024 * 1024;
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A block of this height; of its size, only the length of its bytes counts. */
function claimAt(height: number, size = 8): ClaimedBlock {
  const block = new Uint8Array(size);
  new DataView(block.buffer).setUint32(0, height);
  return { block, receipts: [] };
}
const heightIn = ({ block }: ClaimedBlock) => new DataView(block.buffer).getUint32(0);

test("every block comes once and in order, however the answers come", async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(5), fc.nat(80), fc.array(fc.nat(3), { minLength: 1 }), async (from, count, delays) => {
      const to = from + count - 1;
      let [inFlight, inFlightMax] = [0, 0];
      const ask = async (height: number): Promise<ClaimedBlock> => {
        inFlightMax = Math.max(inFlightMax, ++inFlight);
        for (let left = delays[height % delays.length]!; left > 0; left--) await turn();
        inFlight--;
        return claimAt(height);
      };
      const heights: number[] = [];
      for await (const { height, claims } of blocksAhead(ask, from, to)) {
        expect(claims.length).toBeGreaterThan(0);
        expect(heightIn(claims[0]!)).toBe(height);
        heights.push(...claims.map(heightIn));
      }
      expect(heights).toEqual(Array.from({ length: count }, (_, index) => from + index));
      expect(inFlightMax).toBeLessThanOrEqual(32);
    }),
    { numRuns: 40 },
  );
});

test("it ends at the first block that is not there, behind those that are", async () => {
  const ask = async (height: number) => (height === 7 ? null : claimAt(height));
  const seen: [number, number][] = [];
  for await (const { height, claims } of blocksAhead(ask, 0, 100)) seen.push([height, claims.length]);
  expect(seen.at(-1)).toEqual([7, 0]);
  expect(seen.slice(0, -1).reduce((sum, [, length]) => sum + length, 0)).toBe(7);
});

test("what one question throws is thrown in its turn", async () => {
  const ask = async (height: number) => {
    if (height === 5) throw new InputError("connection_lost", "gone");
    return claimAt(height);
  };
  const heights: number[] = [];
  const read = async () => {
    for await (const { claims } of blocksAhead(ask, 0, 100)) heights.push(...claims.map(heightIn));
  };
  await expect(read()).rejects.toMatchObject({ code: "connection_lost" });
  expect(heights).toEqual([0, 1, 2, 3, 4]);
});

test("when blocks become large all at once, no more of them wait than the window holds, and none is left out", async () => {
  const [calm, count] = [40, 48];
  const size = 5 * MIB;
  let asked = 0;
  const ask = async (height: number) => {
    asked++;
    await turn();
    return height < calm ? claimAt(height) : claimAt(height, size);
  };
  const heights: number[] = [];
  const sizes: number[] = [];
  for await (const { claims } of blocksAhead(ask, 0, calm + count - 1)) {
    heights.push(...claims.map(heightIn));
    sizes.push(claims.reduce((sum, { block }) => sum + block.length, 0));
    // Whoever executes takes longer than the network.
    for (let left = 0; left < 3; left++) await turn();
  }
  expect(heights).toEqual(Array.from({ length: calm + count }, (_, index) => index));
  expect(Math.max(...sizes)).toBeLessThanOrEqual(32 * MIB + size);
  // Those that found no room were asked for again, once.
  expect(asked).toBeGreaterThan(calm + count);
  expect(asked).toBeLessThanOrEqual(calm + count + 32);
});
