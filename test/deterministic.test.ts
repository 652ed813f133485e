/**
 * `--deterministic`: the same commands give the same blocks, whatever runs them. One list of 2,000 transactions with a devnet's
 * powers between them, on a chain in memory, on one in a folder with threads and a port, and against the hash of old.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDevnet } from "lockstep/devnet";
import { expect, test } from "vitest";
import { runScript } from "./support/deterministic-script.ts";

/** Changes with what a block is, what things cost, or how state is hashed; then it says so, and nothing else may change it. */
const FINAL_HASH = "0x2b2608b405a46bd7bef7786de345d737d736c2d8e9999e5a130ef517c1f4f7e9";
const FINAL_HEIGHT = 2_055;

test("2,000 transactions and the powers between them give the hash they always gave", async () => {
  await using devnet = await createDevnet({ deterministic: true });
  expect(await runScript(devnet)).toEqual({ height: FINAL_HEIGHT, hash: FINAL_HASH });
});

test("so they do in a folder, with threads, over a port, and a second time", async () => {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-"));
  try {
    const dataDir = join(folder, "chain");
    await using devnet = await createDevnet({ deterministic: true, dataDir, listen: 0 });
    expect(await runScript(devnet)).toEqual({ height: FINAL_HEIGHT, hash: FINAL_HASH });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
