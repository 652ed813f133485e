/** What the bench makes of its samples. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { median } from "../statistics.ts";
import { residentMb, slopeOf } from "./memory.ts";

const integer = fc.integer({ min: -1000, max: 1000 });

test("the slope of a line is the line's, wherever its points are", () => {
  const points = fc.uniqueArray(integer, { minLength: 2, maxLength: 20 });
  fc.assert(
    fc.property(points, integer, integer, (xs, slope, offset) => {
      expect(slopeOf(xs.map((x) => ({ x, y: slope * x + offset })))).toBeCloseTo(slope, 6);
    }),
  );
});

test("no other line is closer to the points", () => {
  const points = fc.uniqueArray(fc.record({ x: integer, y: integer }), {
    minLength: 2,
    maxLength: 20,
    selector: ({ x }) => x,
  });
  const steps = fc.constantFrom(-1, -0.1, 0.1, 1);
  fc.assert(
    fc.property(points, steps, steps, (samples, turn, shift) => {
      const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
      const [x, y] = [mean(samples.map((sample) => sample.x)), mean(samples.map((sample) => sample.y))];
      const distance = (slope: number, height: number) =>
        samples.reduce((sum, sample) => sum + (sample.y - height - slope * (sample.x - x)) ** 2, 0);
      const slope = slopeOf(samples);
      expect(distance(slope + turn, y + shift)).toBeGreaterThan(distance(slope, y));
    }),
  );
});

test("a series that goes up and down evenly has no slope", () => {
  expect(slopeOf([1, 5, 5, 1].map((y, x) => ({ x, y })))).toBe(0);
});

test("the median is the middle one, or between the two in the middle", () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([10, 9, 1, 2])).toBe(5.5);
  expect(median([1e9, 2, 3])).toBe(3);
});

test("this process has more memory than its heap and less than the machine", () => {
  const resident = residentMb(process.pid);
  expect(resident).toBeGreaterThan(process.memoryUsage().heapUsed / 1e6);
  expect(resident).toBeLessThan(100_000);
});
