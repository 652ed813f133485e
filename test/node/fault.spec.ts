/**
 * Execution that meets what cannot be: a node of the state tree is missing.
 *
 * Law: the process ends with a report and a status other than 0, no receipt was given, and what was in the folder is there.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ranges, space } from "../../node/storage/layout.ts";
import { dev0, dev1, transactionHex } from "../crash/dev-process.ts";
import { tamper } from "../support/made-blocks.ts";
import { transfer } from "../support/signing.ts";
import { temporaryFolder } from "../support/test-chain.ts";
import { checkFolder, startNode } from "./node-process.ts";
import { PlainClient } from "./plain-client.ts";

test("a fault while executing stops the node with a report, gives no receipt and harms nothing", async () => {
  const folder = join(temporaryFolder(), "data");
  const pay = (nonce: number) => ({ transaction: transactionHex(dev0, nonce, [transfer(dev1.address, 5n)]) });
  const first = await startNode(folder);
  const client = await PlainClient.connect(first.url);
  for (const nonce of [0, 1, 2]) await client.call("tx_submitAndWait", pay(nonce));
  expect((await first.end("SIGTERM")).status).toBe(0);
  const whole = checkFolder(folder);

  // The leaf that the next transfer rewrites: the deepest node that the head's block made.
  let leaf: readonly [Uint8Array, Uint8Array] | undefined;
  await tamper(folder, async (database) => {
    const made = await database.iterator(ranges.heights(space.node, whole.height, whole.height + 1)).all();
    leaf = made.toSorted(([a], [b]) => b.length - a.length)[0];
    await database.del(leaf![0]);
  });

  const second = await startNode(folder);
  const other = await PlainClient.connect(second.url);
  const outcome = await other.call("tx_submitAndWait", pay(3)).catch((error) => error);
  const status = await second.exited;
  console.log(`the call ended with ${outcome.code ?? JSON.stringify(outcome)}, the process with ${status}`);
  const reports = readdirSync(folder).filter((name) => /^fault-report-.*\.json$/.test(name));

  await tamper(folder, async (database) => database.put(leaf![0], leaf![1]));
  expect(checkFolder(folder)).toEqual(whole);
  expect(outcome).toBeInstanceOf(Error);
  expect(["connection_lost", "node_stopping", "node_failed"]).toContain(outcome.code);
  expect(status).toBeTypeOf("number");
  expect(status).not.toBe(0);
  expect(reports.length).toBe(1);
  const path = join(folder, reports[0]!);
  expect(second.log()).toContain(reports[0]!);
  expect(second.log()).toMatch(/fault/);
  expect(existsSync(path)).toBe(true);
  const report = JSON.parse(readFileSync(path, "utf8"));
  console.log(`the report has ${Object.keys(report).join(", ")}`);
  expect(JSON.stringify(report)).toContain(String(whole.height));

  // With the cause gone, the node starts, and takes the transaction that it could not take.
  const third = await startNode(folder);
  const { height, status: paid } = await (await PlainClient.connect(third.url)).call("tx_submitAndWait", pay(3));
  expect([height, paid.kind]).toEqual([whole.height + 1, "success"]);
  expect((await third.end("SIGTERM")).status).toBe(0);
});
