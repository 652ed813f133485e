/**
 * The commands of a devnet's developer: what each asks of the node, and what it says to people, to scripts and as JSON.
 */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { api, isDevelopment, type RpcMethod } from "../node/rpc/api.ts";
import { toHex } from "../node/rpc/json.ts";
import { InputError } from "../vm/errors.ts";
import {
  ALICE,
  answers,
  BLOCK,
  BOB,
  dev0,
  dev1,
  HASH,
  NEXT,
  type Results,
  ROOT,
  STRANGER,
  time,
} from "./support/answering-node.ts";
import { commandTests } from "./support/command.ts";

const { node, lockstep, lockstepJson } = commandTests();

interface Case {
  readonly args: readonly string[];
  readonly asks: readonly (readonly [RpcMethod, object])[];
  readonly json: object;
  /** Its lines when piped. */
  readonly bare: readonly string[];
  /** Words that a person reads. */
  readonly text: readonly string[];
}

/** What the command is about. */
const methodOf = (asks: Case["asks"]) => asks.at(-1)![0];

const block = { height: 7, blockHash: BLOCK };
const edit = { transactionHash: HASH, ...block };
const clock = {
  json: time,
  bare: ["2030-01-01T00:00:00.000Z"],
  text: ["2029-12-31T23:59:58.500Z", "none: time goes by"],
};
const paced = { ...clock, json: { ...time, stepMs: 90_000 }, text: ["1m30s"] };
const labelled = {
  json: { labels: answers.dev_labels },
  bare: [`${STRANGER} Cold wallet`],
  text: [`  ${STRANGER}  Cold wallet`],
};
const SUPPLY = "0x0173";
const BALANCE_OF_BOB = `0x0162${Buffer.from(dev1.address).toString("hex")}` as const;

const edits: readonly (readonly [args: string, method: RpcMethod, params: object, text: string, json?: object])[] = [
  ["faucet dev1", "dev_faucet", { address: BOB }, `Gave 10^18 to ${BOB}`],
  ["faucet token 5", "dev_faucet", { address: STRANGER, amount: "5" }, `Gave 5 to ${STRANGER}`],
  [`faucet ${STRANGER} 007`, "dev_faucet", { address: STRANGER, amount: "7" }, "Gave 7"],
  ["dev-set balance dev1 0", "dev_setBalance", { address: BOB, balance: "0" }, `The balance of ${BOB} is 0`],
  ["dev-set nonce dev1 12", "dev_setNonce", { address: BOB, nonce: 12 }, `The nonce of ${BOB} is 12`],
  [
    "dev-set code token empty.wasm",
    "dev_setCode",
    { address: STRANGER, code: "0x0061736d01000000" },
    `The code of ${STRANGER} is empty.wasm`,
    { address: STRANGER, codeSize: 8 },
  ],
  [
    "dev-set code token none",
    "dev_setCode",
    { address: STRANGER, code: null },
    `${STRANGER} has no code`,
    { address: STRANGER, codeSize: null },
  ],
  [
    "dev-set storage token 0x0Aff 0x01",
    "dev_setStorage",
    { contract: STRANGER, key: "0x0aff", value: "0x01" },
    `${STRANGER} holds 0x01 at 0x0aff`,
  ],
  [
    "dev-set storage token 0x none",
    "dev_setStorage",
    { contract: STRANGER, key: "0x", value: null },
    `${STRANGER} holds nothing at 0x`,
  ],
];

const cases: readonly Case[] = [
  ...edits.map(([args, method, params, text, facts = params]) => ({
    args: args.split(" "),
    asks: [[method, params]] as const,
    json: { ...facts, ...edit },
    bare: [HASH],
    text: [text, `transaction  ${HASH}`, `block        7 ${BLOCK}`],
  })),
  ...(
    [
      ["supply", "1000", SUPPLY, "0xe8030000"],
      ["supply", "none", SUPPLY, null],
      ["balances[dev1]", "1", BALANCE_OF_BOB, `0x01${"00".repeat(15)}`],
      [`balances[${BOB}]`, "none", BALANCE_OF_BOB, null],
    ] as const
  ).map(([field, text, key, value]) => ({
    args: ["dev-set", "storage", "token", field, text],
    asks: [
      ["contract_abi", { contract: STRANGER }],
      ["dev_setStorage", { contract: STRANGER, key, value }],
    ] as const,
    json: { contract: STRANGER, key, value, ...edit },
    bare: [HASH],
    text: [`holds ${value ?? "nothing"} at ${key}`],
  })),
  {
    args: ["dev-accounts"],
    asks: [["dev_accounts", {}]],
    json: {
      accounts: [
        { name: "dev0", address: ALICE, balance: "1000", label: "Till" },
        { name: "dev1", address: BOB, balance: "7", label: null },
      ],
    },
    bare: [`${ALICE} 1000`, `${BOB} 7`],
    text: [`  dev0  ${ALICE}  1000  Till\n`, `  dev1  ${BOB}     7\n`],
  },
  {
    args: ["dev-accounts", "--keys"],
    asks: [["dev_accounts", {}]],
    json: {
      accounts: answers.dev_accounts.map((account, i) => ({ name: `dev${i}`, ...account })),
    },
    bare: [`${ALICE} 1000 ${toHex(dev0.secretKey)}`, `${BOB} 7 ${toHex(dev1.secretKey)}`],
    text: [`${toHex(dev1.secretKey)}  m/44'/1'/1'`],
  },
  {
    args: ["impersonate", "token"],
    asks: [["dev_impersonate", { address: STRANGER }]],
    json: { everybody: false, addresses: [STRANGER] },
    bare: [STRANGER],
    text: ["Unsigned transactions are taken of one account", STRANGER],
  },
  {
    args: ["impersonate", "--all"],
    asks: [["dev_impersonate", {}]],
    json: { everybody: false, addresses: [STRANGER] },
    bare: [STRANGER],
    text: [],
  },
  {
    args: ["impersonate", "token", "--stop"],
    asks: [["dev_stopImpersonating", { address: STRANGER }]],
    json: { everybody: false, addresses: [] },
    bare: [],
    text: ["Unsigned transactions are taken of nobody"],
  },
  {
    args: ["impersonate", "--all", "--stop"],
    asks: [["dev_stopImpersonating", {}]],
    json: { everybody: false, addresses: [] },
    bare: [],
    text: [],
  },
  {
    args: ["mine"],
    asks: [["dev_mine", { count: 1 }]],
    json: { count: 1, ...block },
    bare: ["7"],
    text: ["Made 1 block\n", `head  7 ${BLOCK}`],
  },
  {
    args: ["mine", "50"],
    asks: [["dev_mine", { count: 50 }]],
    json: { count: 50, ...block },
    bare: ["7"],
    text: ["Made 50 blocks\n"],
  },
  { args: ["dev-time"], asks: [["dev_time", {}]], ...clock },
  { args: ["dev-time", "show"], asks: [["dev_time", {}]], ...clock },
  { args: ["dev-time", "set", "2030-01-01"], asks: [["dev_setTime", { time: NEXT }]], ...clock },
  { args: ["dev-time", "set", "5s", "--no-mine"], asks: [["dev_setTime", { time: 5_000, mine: false }]], ...clock },
  { args: ["dev-time", "advance", "1d12h"], asks: [["dev_advanceTime", { ms: 129_600_000 }]], ...clock },
  {
    args: ["dev-time", "advance", "--no-mine", "1s"],
    asks: [["dev_advanceTime", { ms: 1_000, mine: false }]],
    ...clock,
  },
  { args: ["dev-time", "step", "1m30s"], asks: [["dev_setTimeStep", { stepMs: 90_000 }]], ...paced },
  { args: ["dev-time", "off"], asks: [["dev_setTimeStep", { stepMs: null }]], ...paced },
  {
    args: ["dev-sealing"],
    asks: [["node_info", {}]],
    json: { sealing: { kind: "mixed", intervalMs: 1_500 } },
    bare: ["mixed 1500"],
    text: ["a block every 1s500ms, and for every transaction"],
  },
  ...(
    [
      ["transaction", { kind: "transaction" }],
      ["manual", { kind: "manual" }],
      ["interval 500", { kind: "interval", intervalMs: 500 }],
      ["mixed 2s", { kind: "mixed", intervalMs: 2_000 }],
    ] as const
  ).map(([args, params]) => ({
    args: ["dev-sealing", ...args.split(" ")],
    asks: [["dev_setSealing", params]] as const,
    json: { sealing: { kind: "interval", intervalMs: 500 } },
    bare: ["interval 500"],
    text: ["  blocks  a block every 500ms\n"],
  })),
  {
    args: ["snapshot"],
    asks: [["dev_snapshot", {}]],
    json: { snapshot: 3, height: 7 },
    bare: ["3"],
    text: ["Snapshot 3 is of height 7; `lockstep revert 3` goes back to it"],
  },
  {
    args: ["snapshot", "--list"],
    asks: [["dev_snapshots", {}]],
    json: { snapshots: answers.dev_snapshots },
    bare: ["1 2", "3 7"],
    text: ["  1  at height 2\n  3  at height 7\n"],
  },
  {
    args: ["revert", "1"],
    asks: [["dev_revert", { snapshot: 1 }]],
    json: { snapshot: 1, ...block },
    bare: ["7"],
    text: ["The chain is as snapshot 1 was", `head  7 ${BLOCK}`],
  },
  {
    args: ["revert"],
    asks: [
      ["dev_snapshots", {}],
      ["dev_revert", { snapshot: 3 }],
    ],
    json: { snapshot: 3, ...block },
    bare: ["7"],
    text: ["snapshot 3"],
  },
  {
    args: ["reset"],
    asks: [["dev_reset", {}]],
    json: { height: 0, blockHash: BLOCK },
    bare: ["0"],
    text: ["The chain is as it began", `head  0 ${BLOCK}`],
  },
  {
    args: ["dump", "new.dump"],
    asks: [["dev_dump", {}]],
    json: { file: "new.dump", size: 3, height: 7, stateRoot: ROOT },
    bare: [ROOT],
    text: ["The state is in new.dump", "3 bytes", ROOT],
  },
  {
    args: ["load", "state.dump"],
    asks: [["dev_load", { dump: "0x010203" }]],
    json: { file: "state.dump", ...block },
    bare: ["7"],
    text: ["The state is that of state.dump"],
  },
  {
    args: ["drop", HASH],
    asks: [["dev_dropTransactions", { hash: HASH }]],
    json: { hash: HASH, dropped: 3 },
    bare: ["3"],
    text: ["Dropped 3 transactions"],
  },
  {
    args: ["drop", "--sender", "dev1"],
    asks: [["dev_dropTransactions", { sender: BOB }]],
    json: { sender: BOB, dropped: 3 },
    bare: ["3"],
    text: [],
  },
  {
    args: ["drop", "--all"],
    asks: [["dev_dropTransactions", {}]],
    json: { dropped: 3 },
    bare: ["3"],
    text: [],
  },
  {
    args: ["label", "token", "Cold wallet"],
    asks: [["dev_setLabel", { address: STRANGER, label: "Cold wallet" }]],
    ...labelled,
  },
  { args: ["label", "token", "--remove"], asks: [["dev_setLabel", { address: STRANGER, label: null }]], ...labelled },
  { args: ["label"], asks: [["dev_labels", {}]], ...labelled },
];

test.each(cases)("$args asks the node for it and tells what it answered", async ({ args, asks, json, bare, text }) => {
  expect(await lockstepJson(...args)).toEqual({ code: 0, stderr: "", answer: { ok: true, ...json } });
  expect(node.asked).toEqual(asks);
  expect(await lockstep(args)).toEqual({ code: 0, stderr: "", stdout: bare.map((line) => `${line}\n`).join("") });
  const shown = await lockstep(args, { isTTY: true });
  expect([shown.code, shown.stderr]).toEqual([0, ""]);
  expect(shown.stdout).not.toBe("");
  for (const words of text) expect(shown.stdout).toContain(words);
});

test("every development method has a command", () => {
  const used = new Set(cases.flatMap(({ asks }) => asks.map(([method]) => method)));
  expect((Object.keys(api) as RpcMethod[]).filter((method) => isDevelopment(method) && !used.has(method))).toEqual([]);
});

const commands = [...new Set(cases.map(({ args }) => args[0]!))];

test("help lists every command, and each has its own", async () => {
  const { stdout } = await lockstep(["--help"]);
  for (const name of commands) expect(stdout).toMatch(new RegExp(`^  ${name}\\b`, "m"));
  for (const name of commands) {
    const help = await lockstep([name, "--help"]);
    expect([help.code, help.stderr]).toEqual([0, ""]);
    expect(help.stdout).toContain(`Usage: lockstep ${name}`);
  }
  expect(node.requests).toEqual([]);
});

test("where nothing is to list, people are told so and programs get nothing", async () => {
  node.special = { dev_snapshots: [], dev_labels: [] };
  for (const [args, text] of [
    [["snapshot", "--list"], "There is no snapshot\n"],
    [["label"], "There is no label\n"],
  ] as const) {
    expect((await lockstep(args, { isTTY: true })).stdout).toBe(text);
    expect((await lockstep(args)).stdout).toBe("");
  }
});

test("everybody's impersonation is told", async () => {
  node.special = { dev_impersonate: { everybody: true, addresses: [STRANGER] } };
  expect((await lockstep(["impersonate", "--all"])).stdout).toBe(`all\n${STRANGER}\n`);
  expect((await lockstep(["impersonate", "--all"], { isTTY: true })).stdout).toContain("taken of everybody");
});

test.each([
  ["transaction", "  blocks  a block for every transaction\n"],
  ["manual", "  blocks  blocks when asked for only (`lockstep mine`)\n"],
] as const)("sealing %s is said in words", async (kind, text) => {
  node.special = { node_info: { sealing: { kind } } as Results["node_info"] };
  expect((await lockstep(["dev-sealing"], { isTTY: true })).stdout).toBe(text);
  expect((await lockstep(["dev-sealing"])).stdout).toBe(`${kind}\n`);
});

test("a dump is in the file, and what is loaded is what was dumped", async () => {
  await lockstep(["dump", "round.dump"]);
  expect([...readFileSync("round.dump")]).toEqual([1, 2, 3]);
  await lockstep(["load", "round.dump"]);
  expect(node.asked.at(-1)).toEqual(["dev_load", { dump: answers.dev_dump.dump }]);
});

test("accounts of other words go without the names that mean others here", async () => {
  const mnemonic = "legal winner thank year wave sausage worth useful legal winner thank yellow";
  const environment = { LOCKSTEP_MNEMONIC: mnemonic };
  const { stdout, stderr } = await lockstep(["dev-accounts"], { environment, isTTY: true });
  expect(stdout).toContain(`  0  ${ALICE}`);
  expect(stdout).not.toContain("dev0");
  expect(stderr).toContain("LOCKSTEP_MNEMONIC");
  const { stdout: json, stderr: silent } = await lockstep(["dev-accounts", "--json"], { environment });
  expect([Object.keys(JSON.parse(json).accounts[0]), silent]).toEqual([["address", "balance", "label"], ""]);
});

describe("the node's token", () => {
  test("goes with every call, by option before the environment, and not at all without one", async () => {
    for (const [args, environment, expected] of [
      [["mine"], {}, undefined],
      [["mine", "--token", "of-the-option"], {}, "Bearer of-the-option"],
      [["mine"], { LOCKSTEP_TOKEN: "of-the-environment" }, "Bearer of-the-environment"],
      [["mine", "--token", "of-the-option"], { LOCKSTEP_TOKEN: "of-the-environment" }, "Bearer of-the-option"],
      [["mine"], { LOCKSTEP_TOKEN: "" }, undefined],
      [["dev-set", "nonce", "dev1", "2", "--token", "of-the-option"], {}, "Bearer of-the-option"],
      [["rpc", "dev_mine", "--token", "of-the-option"], {}, "Bearer of-the-option"],
      [["rpc", "dev_mine"], { LOCKSTEP_TOKEN: "of-the-environment" }, "Bearer of-the-environment"],
    ] as const) {
      node.authorizations = [];
      expect((await lockstep(args, { environment })).code).toBe(0);
      expect(new Set(node.authorizations)).toEqual(new Set([expected]));
    }
  });

  /** One case for each method. */
  const controlling = cases.filter(
    ({ asks }, i) =>
      isDevelopment(methodOf(asks)) && i === cases.findIndex((it) => methodOf(it.asks) === methodOf(asks)),
  );
  const tokenHint = "Give the node's token as --token TOKEN, or in LOCKSTEP_TOKEN.";
  test.each(controlling)("$args without the right to it ends with 4 and says how to get it", async ({ args, asks }) => {
    const hint = "Call it with the node's token, in some header.";
    node.special = { [methodOf(asks)]: new InputError("development_forbidden", "for the developer alone", { hint }) };
    const { code, stderr } = await lockstep(args);
    expect(code).toBe(4);
    expect(stderr).toBe(`error[development_forbidden]: for the developer alone\nhint: ${tokenHint}\n`);
    node.special = { [methodOf(asks)]: new InputError("development_disabled", "no devnet", { hint: "Start one." }) };
    const refused = await lockstepJson(...args);
    expect(refused).toMatchObject({ code: 4, answer: { ok: false, error: { hint: "Start one." } } });
    expect(refused.answer.error.code).toBe("development_disabled");
  });
});
