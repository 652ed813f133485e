/** A parent's end, with the operating system's answer handed in; `test/operation.test.ts` has real ones. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { onParentGone } from "./parent.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("is told once, and soon", () => {
  let parent = 50;
  const listener = vi.fn();
  onParentGone(50, listener, () => parent);
  vi.advanceTimersByTime(60_000);
  expect(listener).not.toHaveBeenCalled();
  parent = 1;
  vi.advanceTimersByTime(250);
  expect(listener).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(60_000);
  expect(listener).toHaveBeenCalledTimes(1);
  expect(vi.getTimerCount()).toBe(0);
});

test("is told when it came before anybody looked", () => {
  const listener = vi.fn();
  onParentGone(50, listener, () => 1);
  vi.advanceTimersByTime(250);
  expect(listener).toHaveBeenCalledTimes(1);
});

test("process 1 may be a parent as well as any, as it is in containers", () => {
  const listener = vi.fn();
  onParentGone(1, listener, () => 1);
  vi.advanceTimersByTime(60_000);
  expect(listener).not.toHaveBeenCalled();
});
