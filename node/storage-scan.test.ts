/** Scans of a contract's storage on a chain: what a block's own writes do to them, and what they cost. */
import { describe, expect, test } from "vitest";
import { alice, bob, TestChain } from "../test/support/test-chain.ts";
import { wat } from "../test/support/wat.ts";
import * as borsh from "../vm/borsh.ts";
import { hostPrices } from "../vm/metering/schedule.ts";
import { hash } from "./crypto.ts";

/** `run` takes a list of steps of two bytes and does them: set or remove the key that is the second byte, or scan. */
const code = wat(`(module
  (import "lockstep" "input" (func $input (param i32 i32) (result i32)))
  (import "lockstep" "storage_set" (func $set (param i32 i32 i32 i32)))
  (import "lockstep" "storage_remove" (func $remove (param i32 i32)))
  (import "lockstep" "storage_scan" (func $scan (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "lockstep" "return_data" (func $return_data (param i32 i32)))
  (memory 4)
  (func (export "run") (local $at i32) (local $end i32) (local $out i32)
    (local.set $out (i32.const 65536))
    (local.set $end (call $input (i32.const 0) (i32.const 65536)))
    (block $done (loop $next
      (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
      (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 0x2b))
        (then (call $set (i32.add (local.get $at) (i32.const 1)) (i32.const 1) (i32.const 0) (i32.const 0))))
      (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 0x2d))
        (then (call $remove (i32.add (local.get $at) (i32.const 1)) (i32.const 1))))
      (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 0x3f))
        (then (local.set $out (i32.add (local.get $out) (call $scan
          (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1024)
          ;; "?<" goes from the end down.
          (i32.eq (i32.load8_u (i32.add (local.get $at) (i32.const 1))) (i32.const 0x3c))
          (local.get $out) (i32.const 65536))))))
      (local.set $at (i32.add (local.get $at) (i32.const 2)))
      (br $next)))
    (call $return_data (i32.const 65536) (i32.sub (local.get $out) (i32.const 65536)))))`);

const utf8 = (text: string) => new TextEncoder().encode(text);
const page = borsh.vec(borsh.struct({ key: borsh.bytes, value: borsh.bytes }));

async function deploy() {
  const chain = await TestChain.create();
  const contract = await chain.deploy(code, hash("code", code));
  const call = (steps: string) => ({ kind: "call", contract, method: "run", args: utf8(steps), value: 0n }) as const;
  const readPages = (returned: Uint8Array) => {
    const reader = new borsh.Reader(returned);
    const pages: string[] = [];
    while (reader.remaining > 0) {
      pages.push(
        page
          .read(reader)
          .map(({ key }) => String.fromCharCode(...key))
          .join(""),
      );
    }
    return pages;
  };
  return {
    chain,
    contract,
    call,
    /** One transaction of one call in a block of its own: the pages it returns, and its gas. */
    async run(steps: string) {
      const { status, actions } = await chain.run([call(steps)]);
      expect(status).toEqual({ kind: "success" });
      return { pages: readPages(actions[0]!.returnData), gasUsed: actions[0]!.gasUsed };
    },
    readPages,
  };
}

describe("a scan on a chain", () => {
  test("holds what the call has written so far, and a page does not change after", async () => {
    const { run } = await deploy();
    expect((await run("+b+d+f")).pages).toEqual([]);
    const { pages } = await run("?>+c-d?>?<+d+a-f?>-a-b-c-d?>");
    expect(pages).toEqual(["bdf", "bcf", "fcb", "abcd", ""]);
    expect((await run("?>")).pages).toEqual([""]);
  });

  test("holds what earlier transactions of the block wrote, and nothing of those that failed", async () => {
    const { chain, call, readPages } = await deploy();
    await chain.run([call("+a+c")]);
    const { receipts } = await chain.extend(
      ["+b-a", "?>"].map((steps, index) => chain.sign(index === 0 ? alice : bob, [call(steps)])),
    );
    expect(receipts.map(({ actions }) => readPages(actions[0]!.returnData))).toEqual([[], ["bc"]]);
    const failing = [call("-b+z"), { ...call(""), method: "missing" }];
    const failed = await chain.extend([chain.sign(alice, failing), chain.sign(bob, [call("?>")])]);
    expect(failed.receipts[0]!.status).toEqual({ kind: "refused", reason: "NoSuchMethod" });
    expect(readPages(failed.receipts[1]!.actions[0]!.returnData)).toEqual(["bc"]);
  });

  test("pays for a key that the block removed, and not for one that came and went in it", async () => {
    const { run } = await deploy();
    const gasOfScan = async (before: string, steps: string) => {
      const scanned = await run(`${before}?>${steps}`);
      return scanned.gasUsed;
    };
    await run("+a+b");
    // The same steps before and behind the scan: only what it meets makes a difference.
    const removedAfter = await gasOfScan("", "-a");
    await run("+a");
    const removedBefore = await gasOfScan("-a", "");
    expect(removedAfter - removedBefore).toBe(
      // The entry's byte, and its 9 bytes in the page that is returned.
      hostPrices.storage_scan.perByte + 9 * hostPrices.return_data.perByte,
    );
    const goneAfter = await gasOfScan("", "+x-x");
    const goneBefore = await gasOfScan("+x-x", "");
    expect(goneBefore).toBe(goneAfter);
  });

  test("of a view sees the head", async () => {
    const { chain, contract, run, readPages } = await deploy();
    for (const steps of ["+a", "+b-a", "+c"]) {
      await run(steps);
      const view = { contract, method: "run", args: utf8("?>?<") };
      const { outcome } = chain.chain.view(view);
      const expected = { "+a": ["a", "a"], "+b-a": ["b", "b"], "+c": ["bc", "cb"] }[steps];
      expect(outcome.kind === "success" && readPages(outcome.data)).toEqual(expected);
    }
  });
});
