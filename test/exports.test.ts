/** The public surface is a list, and growing it is a choice: this test shows every change of it. */
import { expect, test } from "vitest";

test("lockstep/vm", async () => {
  expect(Object.keys(await import("lockstep/vm")).sort()).toEqual([
    "ABI_SECTION",
    "Fault",
    "INITIALIZE_EXPORT",
    "INIT_METHOD",
    "InputError",
    "MIGRATE_METHOD",
    "ModuleError",
    "callContract",
    "checkModule",
    "decodeAbi",
    "encodeAbi",
    "haltReasons",
    "hostFunctions",
    "prepareContract",
    "refusalReasons",
  ]);
});

test("lockstep/node", async () => {
  expect(Object.keys(await import("lockstep/node")).sort()).toEqual(["Node", "logicalClock", "systemClock"]);
});

test("lockstep/follower", async () => {
  expect(Object.keys(await import("lockstep/follower")).sort()).toEqual(["startFollower"]);
});

test("lockstep/devnet", async () => {
  expect(Object.keys(await import("lockstep/devnet")).sort()).toEqual([
    "DEFAULT_CHAIN_ID",
    "DEV_BALANCE",
    "createDevnet",
    "devAccounts",
  ]);
});

test("lockstep/client", async () => {
  expect(Object.keys(await import("lockstep/client")).sort()).toEqual(["RpcError", "createClient"]);
});

test("lockstep/proof", async () => {
  expect(Object.keys(await import("lockstep/proof")).sort()).toEqual(["verifyKey", "verifyKeys"]);
});

test("nothing else can be imported", async () => {
  const inner: string[] = ["lockstep", "lockstep/vm/jit", "lockstep/dist/vm/jit.js", "lockstep/node/store"];
  for (const path of inner) {
    await expect(import(/* @vite-ignore */ path), path).rejects.toThrow();
  }
});
