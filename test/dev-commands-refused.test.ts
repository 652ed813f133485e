/**
 * What the commands of a devnet's developer refuse, where they notice, and how they end.
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { isDevelopment } from "../node/rpc/api.ts";
import { InputError } from "../vm/errors.ts";
import { ALICE, answers, HASH } from "./support/answering-node.ts";
import { commandTests } from "./support/command.ts";

const { node, lockstep, lockstepJson } = commandTests();

describe("refused before any node is asked", () => {
  test.each([
    ["faucet", "usage"],
    ["faucet dev1 -5", "amount_invalid"],
    ["faucet dev1 1.5", "amount_invalid"],
    ["faucet dev1 1e18", "amount_invalid"],
    ["faucet dev1 340282366920938463463374607431768211456", "amount_invalid"],
    ["faucet dev1 5 6", "usage"],
    ["dev-set owner dev1", "usage"],
    ["dev-set balance dev1", "usage"],
    ["dev-set balance dev1 x", "amount_invalid"],
    ["dev-set nonce dev1 x", "number_invalid"],
    ["dev-set nonce dev1 9007199254740992", "number_invalid"],
    ["dev-set code token", "usage"],
    ["dev-set storage token 0x01", "usage"],
    ["dev-set storage token 0x1 0x01", "hex_invalid"],
    ["dev-set storage token 0x01 1", "hex_invalid"],
    ["dev-set storage token 0x01 None", "hex_invalid"],
    ["impersonate", "usage"],
    ["impersonate --stop", "usage"],
    ["impersonate dev1 --all", "usage"],
    ["impersonate dev1 dev2", "usage"],
    ["mine 0", "number_invalid"],
    ["mine 1.5", "number_invalid"],
    ["mine x", "number_invalid"],
    ["dev-time noon", "usage"],
    ["dev-time set", "usage"],
    ["dev-time set 1893456000", "time_invalid"],
    ["dev-time set 2030-01-01T12:00", "time_invalid"],
    ["dev-time set 10000-01-01", "time_invalid"],
    ["dev-time advance", "usage"],
    ["dev-time advance 1.5d", "duration_invalid"],
    ["dev-time advance -1d", "usage"],
    ["dev-time advance 1x", "duration_invalid"],
    ["dev-time advance 9000000d", "duration_invalid"],
    ["dev-time step 5", "duration_invalid"],
    ["dev-time step 5s --no-mine", "usage"],
    ["dev-time off 1s", "usage"],
    ["dev-sealing auto", "usage"],
    ["dev-sealing interval", "usage"],
    ["dev-sealing mixed", "usage"],
    ["dev-sealing manual 5", "usage"],
    ["dev-sealing transaction 5", "usage"],
    ["dev-sealing interval 0", "number_invalid"],
    ["dev-sealing interval 1x", "duration_invalid"],
    ["snapshot 3", "usage"],
    ["revert x", "number_invalid"],
    ["revert -1", "number_invalid"],
    ["revert 1 2", "usage"],
    ["reset 3", "usage"],
    ["dump", "usage"],
    ["load", "usage"],
    ["drop", "usage"],
    ["drop 0x12", "hash_invalid"],
    ["drop dev1", "hash_invalid"],
    [`drop ${HASH} --all`, "usage"],
    ["drop --all --sender dev1", "usage"],
    ["label --remove", "usage"],
    ["label dev1", "usage"],
    ["label dev1 Till --remove", "usage"],
    ["label dev1 Till more", "usage"],
    ["mine 1001", "number_invalid"],
    ["mine --token", "usage"],
    ["mine --from dev1", "usage"],
    ["transfer dev1 5 --impersonate", "usage"],
  ])("%s: %s ends with 2", async (args, code) => {
    const { code: exitCode, answer } = await lockstepJson(...args.split(" "));
    expect([exitCode, answer.error.code]).toEqual([2, code]);
    expect(node.requests).toEqual([]);
  });

  test.each([
    ["dev-set code token missing.wasm", "file_missing"],
    ["dev-set code token state.dump", "unexpected_end"],
    ["load missing.dump", "file_missing"],
    ["load .lockstep", "file_unreadable"],
  ])("%s ends with 3", async (args, code) => {
    const { code: exitCode, answer } = await lockstepJson(...args.split(" "));
    expect([exitCode, answer.error.code]).toEqual([3, code]);
    expect(node.requests).toEqual([]);
  });
});

describe("refused by what this machine or the node knows", () => {
  test.each([
    [["faucet", "nobody"], "name_unknown"],
    [["faucet", `${ALICE}x`], "address_invalid"],
    [["dev-set", "balance", "nobody", "5"], "name_unknown"],
    [["impersonate", "nobody"], "name_unknown"],
    [["drop", "--sender", "nobody"], "name_unknown"],
    [["label", "nobody", "X"], "name_unknown"],
    [["dev-set", "storage", "token", "owner", "1"], "field_unknown"],
    [["dev-set", "storage", "token", "balances", "1"], "field_key"],
    [["dev-set", "storage", "token", "supply[1]", "1"], "field_key"],
    [["dev-set", "storage", "token", "balances[dev1", "1"], "field_unknown"],
    [["dev-set", "storage", "token", "[dev1]", "1"], "field_unknown"],
    [["dev-set", "storage", "token", "", "1"], "field_unknown"],
    [["dev-set", "storage", "token", "supply", "x"], "argument_type"],
    [["dev-set", "storage", "token", "supply", "4294967296"], "argument_type"],
    [["dev-set", "storage", "token", "balances[]", "1"], "argument_type"],
  ])("%j ends with 2 and changes nothing", async (args, code) => {
    const { code: exitCode, answer } = await lockstepJson(...args);
    expect([exitCode, answer.error.code]).toEqual([2, code]);
    expect(node.requests.filter(({ method }) => isDevelopment(method))).toEqual([]);
  });

  test("a field of a contract without an ABI has no type", async () => {
    node.special = { contract_abi: { ...answers.contract_abi, abi: null } };
    const { code, answer } = await lockstepJson("dev-set", "storage", "token", "supply", "1");
    expect([code, answer.error.code]).toEqual([2, "contract_untyped"]);
    expect(answer.error.hint).toContain("hexadecimal");
  });

  test("without a snapshot there is nothing to revert to", async () => {
    node.special = { dev_snapshots: [] };
    const { code, answer } = await lockstepJson("revert");
    expect([code, answer.error.code]).toEqual([4, "snapshot_unknown"]);
    expect(node.asked).toEqual([["dev_snapshots", {}]]);
  });

  test.each([
    [["revert", "9"], "dev_revert", "snapshot_unknown"],
    [["dev-time", "set", "0s"], "dev_setTime", "time_backwards"],
    [["dev-sealing", "interval", "5"], "dev_setSealing", "sealing_invalid"],
    [["faucet", "dev1"], "dev_faucet", "balance_overflow"],
  ] as const)("%j: what the node refuses ends with 4", async (args, method, code) => {
    node.special = { [method]: new InputError(code, "no", { hint: "the node's hint" }) };
    const { code: exitCode, answer } = await lockstepJson(...args);
    expect([exitCode, answer.error]).toEqual([4, { code, message: "no", hint: "the node's hint" }]);
  });

  test.each(["dump_invalid", "dump_version"])("a file that the node finds to be %s ends with 3", async (code) => {
    node.special = { dev_load: new InputError(code, "no", { hint: "the node's hint" }) };
    const { code: exitCode, answer } = await lockstepJson("load", "state.dump");
    expect([exitCode, answer.error]).toEqual([3, { code, message: "no", hint: "the node's hint" }]);
  });

  test("a dump that cannot be had leaves no file", async () => {
    node.special = { dev_dump: new InputError("dump_too_large", "too large") };
    expect((await lockstep(["dump", "absent.dump"])).code).toBe(4);
    node.special = { dev_dump: { ...answers.dev_dump, dump: "0xnonsense" } };
    expect((await lockstep(["dump", "absent.dump"])).code).toBe(4);
    expect(existsSync("absent.dump")).toBe(false);
    node.special = {};
    expect((await lockstepJson("dump", join("state.dump", "x"))).answer.error.code).toBe("file_unwritable");
    expect(readdirSync(".").filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  test.each(["mine", "dev-accounts", "faucet dev1", "dev-time", "dump absent.dump"])(
    "%s without a node ends with 4",
    async (args) => {
      const environment = { LOCKSTEP_URL: "ws://127.0.0.1:1" };
      const { code, stdout, stderr } = await lockstep(args.split(" "), { environment });
      expect([code, stdout]).toEqual([4, ""]);
      expect(stderr).toMatch(/^error\[node_unreachable\]: .+\nhint: .+\n$/);
    },
  );
});
