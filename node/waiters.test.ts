import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { codeOfWork } from "../test/support/refusals.ts";
import { InputError } from "../vm/errors.ts";
import type { TransactionRecord } from "./rpc/service.ts";
import { Waiters } from "./waiters.ts";

const hash = new Uint8Array(32).fill(1);
const other = new Uint8Array(32).fill(2);
const record = { height: 7 } as TransactionRecord;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("all who wait for a transaction are told the same, and nobody else", async () => {
  const waiters = new Waiters();
  const waits = [waiters.wait(hash, 100), waiters.wait(hash, 200)];
  const elsewhere = waiters.wait(other, 300);
  waiters.resolve(hash, () => record);
  expect(await Promise.all(waits)).toEqual([record, record]);
  const refused = codeOfWork(elsewhere);
  waiters.reject(other, new InputError("replaced", "another pays more"));
  expect(await refused).toBe("replaced");
});

test("no record is made for a transaction that nobody waits for", () => {
  const make = vi.fn(() => record);
  new Waiters().resolve(hash, make);
  expect(make).not.toHaveBeenCalled();
});

test("each waits as long as it said, and the others go on", async () => {
  const waiters = new Waiters();
  const short = codeOfWork(waiters.wait(hash, 100));
  const long = waiters.wait(hash, 200);
  await vi.advanceTimersByTimeAsync(100);
  expect(await short).toBe("wait_timeout");
  waiters.resolve(hash, () => record);
  expect(await long).toBe(record);
  expect(vi.getTimerCount()).toBe(0);
});

test("at the end everybody is told, and no timer is left", async () => {
  const waiters = new Waiters();
  const waits = [hash, other].map((name) => codeOfWork(waiters.wait(name, 1_000)));
  waiters.rejectAll(new InputError("node_stopping", "the node is stopping"));
  expect(await Promise.all(waits)).toEqual(["node_stopping", "node_stopping"]);
  expect(vi.getTimerCount()).toBe(0);
});
