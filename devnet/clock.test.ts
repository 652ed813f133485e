import fc from "fast-check";
import { expect, test } from "vitest";
import { codeOf } from "../test/support/refusals.ts";
import { type ClockSetting, DevelopmentClock } from "./clock.ts";

const TIME_MAX = 253_402_300_799_999;

function systemClock(now: number) {
  const machine = { now };
  return { machine, clock: new DevelopmentClock({ isLogical: false, now: () => machine.now }) };
}

test("follows the machine's clock, and never goes back behind the parent", () => {
  const { machine, clock } = systemClock(5_000);
  expect([clock.timeAfter(4_000), clock.timeAfter(5_001)]).toEqual([5_000, 5_001]);
  machine.now = 4_500;
  expect(clock.timeAfter(5_000)).toBe(5_000);
});

test("gives the next block the time asked for, however late that block is, and goes on from there", () => {
  const { machine, clock } = systemClock(5_000);
  clock.setNext(9_000, 4_000);
  machine.now = 5_700;
  expect([clock.timeAfter(4_000), clock.timeAfter(4_000)]).toEqual([9_000, 9_000]);
  clock.onBlock(9_000);
  machine.now = 5_750;
  expect(clock.timeAfter(9_000)).toBe(9_050);
  // Behind the machine's clock as well.
  clock.setNext(9_060, 9_000);
  clock.onBlock(9_060);
  machine.now += 1_000;
  expect(clock.timeAfter(9_060)).toBe(10_060);
});

test("goes on from a block that is ahead of it, as one is that a failing store took after all", () => {
  const { machine, clock } = systemClock(5_000);
  const before = clock.setting;
  clock.setNext(9_000, 4_000);
  clock.setting = before;
  clock.onBlock(9_000);
  machine.now += 50;
  expect(clock.timeAfter(9_000)).toBe(9_050);
  // One that is behind moves nothing.
  clock.onBlock(8_000);
  expect(clock.timeAfter(9_000)).toBe(9_050);
});

test("moved forward, goes on at its pace; by steps, the next step alone is longer", () => {
  const { machine, clock } = systemClock(5_000);
  clock.advance(100, 4_000);
  machine.now += 10;
  expect(clock.timeAfter(4_000)).toBe(5_110);
  clock.advance(100, 4_000);
  expect(clock.timeAfter(4_000)).toBe(5_210);
  const logical = new DevelopmentClock({ isLogical: true, now: () => Number.NaN });
  logical.advance(500, 2_000);
  logical.advance(30, 2_000);
  expect(logical.timeAfter(2_000)).toBe(3_530);
  logical.onBlock(3_530);
  expect(logical.timeAfter(3_530)).toBe(4_530);
});

test("goes by steps when asked to, and by what it went before when asked no more", () => {
  const { machine, clock } = systemClock(5_000);
  clock.setStep(0, 4_000);
  machine.now = 6_000;
  expect([clock.timeAfter(4_000), clock.stepMs]).toEqual([4_000, 0]);
  clock.setStep(null, 4_000);
  expect([clock.timeAfter(4_000), clock.stepMs]).toEqual([6_000, null]);
  clock.setStep(86_400_000, 4_000);
  clock.setStep(null, 86_404_000);
  machine.now += 7;
  expect(clock.timeAfter(86_404_000)).toBe(86_404_007);
  const logical = new DevelopmentClock({ isLogical: true });
  logical.setStep(5, 0);
  logical.setStep(null, 0);
  expect([logical.timeAfter(0), logical.stepMs]).toEqual([1_000, 1_000]);
});

test("refuses times that no block can have, and then is as it was", () => {
  const { clock } = systemClock(5_000);
  clock.setNext(6_000, 4_000);
  const { setting } = clock;
  for (const time of [3_999, 0]) expect(codeOf(() => clock.setNext(time, 4_000))).toBe("time_backwards");
  for (const time of [-1, 0.5, TIME_MAX + 1, Number.NaN]) {
    expect(codeOf(() => clock.setNext(time, 4_000))).toBe("time_invalid");
    expect(codeOf(() => clock.setStep(time, 4_000))).toBe("time_invalid");
  }
  for (const ms of [0.5, TIME_MAX, Number.NaN]) expect(codeOf(() => clock.advance(ms, 4_000))).toBe("time_invalid");
  expect(codeOf(() => clock.advance(-1, 4_000))).toBe("time_backwards");
  expect(clock.setting).toBe(setting);
  clock.setNext(4_000, 4_000);
  clock.setNext(TIME_MAX, 4_000);
  expect(clock.timeAfter(4_000)).toBe(TIME_MAX);
});

test("stands still at the end of the year 9999", () => {
  const { clock } = systemClock(5_000);
  clock.setStep(TIME_MAX, 4_000);
  expect([clock.timeAfter(4_000), clock.timeAfter(TIME_MAX)]).toEqual([TIME_MAX, TIME_MAX]);
});

test("set to what it was set to once, it says what it said then, whatever was done since", () => {
  const time = fc.nat(20_000);
  const step = fc.oneof(
    fc.record({ kind: fc.constant("next" as const), time }),
    fc.record({ kind: fc.constant("advance" as const), time }),
    fc.record({ kind: fc.constant("step" as const), time: fc.option(time) }),
    fc.record({ kind: fc.constant("block" as const), time }),
    fc.record({ kind: fc.constant("keep" as const) }),
  );
  fc.assert(
    fc.property(fc.boolean(), fc.array(step), (isLogical, steps) => {
      const machine = { now: 5_000 };
      const clock = new DevelopmentClock({ isLogical, now: () => machine.now });
      const kept: { setting: ClockSetting; now: number; head: number; said: number }[] = [];
      let head = 1_000;
      for (const step of steps) {
        if (step.kind === "next") codeOf(() => clock.setNext(step.time, head));
        else if (step.kind === "advance") clock.advance(step.time, head);
        else if (step.kind === "step") clock.setStep(step.time, head);
        else if (step.kind === "keep") {
          kept.push({ setting: clock.setting, now: machine.now, head, said: clock.timeAfter(head) });
        } else {
          machine.now += step.time;
          const before = head;
          head = clock.timeAfter(head);
          expect(head).toBeGreaterThanOrEqual(before);
          clock.onBlock(head);
        }
      }
      for (const { setting, now, head, said } of kept) {
        machine.now = now;
        clock.setting = setting;
        expect(clock.timeAfter(head)).toBe(said);
      }
    }),
  );
});
