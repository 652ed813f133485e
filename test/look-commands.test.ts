/** `lockstep events`, `lockstep view --height` and `lockstep rpc` against a node, as a script meets them. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { createClient } from "lockstep/client";
import { createDevnet, type ListeningDevnet } from "lockstep/devnet";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { addressToText, contractAddress } from "../node/address.ts";
import { hash } from "../node/crypto.ts";
import { toHex } from "../node/rpc/json.ts";
import type { Action } from "../node/transaction.ts";
import { sampleContract } from "./support/sample-contracts.ts";
import { signed } from "./support/signing.ts";

const main = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
const codeHash = hash("code", sampleContract);
const utf8 = (word: string) => new TextEncoder().encode(word);
const TOKEN = "the-token-of-this-node";
const WORDS = ["one", "two", "three", "four", "five"];

const folder = mkdtempSync(join(tmpdir(), "lockstep-events-"));
let devnet: ListeningDevnet;
let contract: string;
let nonce = 0;

async function send(...actions: readonly Action[]): Promise<void> {
  const client = createClient(devnet.url);
  const transaction = signed(devnet.accounts[0]!, actions, { chainId: devnet.chainId, nonce: nonce++ });
  const { status } = await client.call("tx_submitAndWait", { transaction: toHex(transaction.encoded) });
  await client.close();
  expect(status.kind).toBe("success");
}

const act = (method: string, word: string): Action => {
  const address = contractAddress({ creator: devnet.accounts[0]!.address, origin, codeHash });
  return { kind: "call", contract: address, method, args: utf8(word), value: 0n };
};
const origin = { kind: "nonce", nonce: 0, action: 1 } as const;

/** Two events in the first block behind the contract's, one in each that follows. */
beforeAll(async () => {
  devnet = await createDevnet({ listen: 0, dataDir: folder, access: { token: TOKEN } });
  contract = addressToText(contractAddress({ creator: devnet.accounts[0]!.address, origin, codeHash }));
  await send(
    { kind: "upload", code: sampleContract },
    { kind: "create", codeHash, salt: null, args: utf8("0"), value: 0n },
  );
  await send(act("tell", WORDS[0]!), act("tell", WORDS[1]!), act("set", "a"));
  for (const word of WORDS.slice(2)) await send(act("tell", word), act("set", word));
});
afterAll(async () => {
  await devnet.close();
  rmSync(folder, { recursive: true });
});

function run(...args: readonly string[]): ChildProcess {
  const env = { PATH: process.env.PATH, LOCKSTEP_URL: devnet.url, LOCKSTEP_HOME: folder };
  return spawn(process.execPath, [main, "--json", ...args], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
}

async function answerOf(...args: readonly string[]) {
  const child = run(...args);
  const [answer, [code]] = await Promise.all([text(child.stdout!), once(child, "exit")]);
  return { code, ...JSON.parse(answer) };
}

const wordsOf = (events: readonly { data: string }[]) => {
  return events.map(({ data }) => Buffer.from(data.slice(2), "hex").toString("utf8"));
};

test("page by page, whatever the size of the pages, all events come once and in order", async () => {
  for (const limit of [1, 2, 3, 100]) {
    const seen: string[] = [];
    let after: string[] = [];
    for (;;) {
      const { code, events, next } = await answerOf("events", contract, "--limit", String(limit), ...after);
      expect(code).toBe(0);
      expect(events.length).toBeLessThanOrEqual(limit);
      seen.push(...wordsOf(events));
      if (next === null) break;
      after = ["--after", next];
    }
    expect(seen).toEqual(WORDS);
  }
});

test.each([
  [["--name", "E"], WORDS],
  [["--name", "F"], []],
  [["--from", "3"], WORDS.slice(2)],
  [["--to", "2"], WORDS.slice(0, 2)],
  [
    ["--from", "3", "--to", "4"],
    ["three", "four"],
  ],
  [["--after", "2"], WORDS.slice(2)],
  [["--after", "2-0-0"], WORDS.slice(1)],
  [["dev0"], []],
])("of events, %j gives %j", async (options, words) => {
  expect(wordsOf((await answerOf("events", ...options)).events)).toEqual(words);
});

test.each([
  [["events", "--after", "12-0"], 4, "cursor_invalid"],
  [["events", "--from", "4", "--to", "3"], 4, "range_invalid"],
  [["events", "--limit", "0"], 2, "number_invalid"],
  [["events", "--follow", "--to", "3"], 2, "usage"],
  [["events", "nobody"], 2, "name_unknown"],
  [["view", "CONTRACT", "get", "--height", "99"], 4, "height_unknown"],
  [["view", "CONTRACT", "get", "--height", "-1"], 2, "number_invalid"],
  [["rpc", "chain_nothing"], 4, "method_unknown"],
  [["rpc", "chain_block", "height=x"], 4, "invalid_params"],
  [["rpc", "chain_block", "3"], 2, "usage"],
  [["rpc", "dev_mine"], 4, "development_forbidden"],
  [["rpc", "dev_mine", "--token", "of-another-node-altogether"], 4, "token_wrong"],
])("%j is refused", async (args, code, error) => {
  const answer = await answerOf(...args.map((arg) => (arg === "CONTRACT" ? contract : arg)));
  expect([answer.code, answer.error.code]).toEqual([code, error]);
});

test("a view at a height sees what the contract held then", async () => {
  for (const [height, word] of [
    ["1", "0"],
    ["2", "a"],
    ["3", "three"],
    ["5", "five"],
  ] as const) {
    const { returnData } = await answerOf("view", contract, "get", "--height", height);
    expect(wordsOf([{ data: returnData }])).toEqual([word]);
  }
});

test("any method can be called, and answers what it answers", async () => {
  const { code, result } = await answerOf("rpc", "chain_block", "height=2");
  expect([code, result.height, result.transactions.length]).toEqual([0, 2, 1]);
  const { height } = (await answerOf("rpc", "chain_info")).result;
  expect((await answerOf("rpc", "dev_mine", '{"count":3}', "--token", TOKEN)).result.height).toBe(height + 3);
});

test("who follows is told each event as it comes, and where to go on when the node is gone", async () => {
  const child = run("events", contract, "--follow", "--after", "4");
  let output = "";
  child.stdout!.on("data", (chunk) => {
    output += chunk;
  });
  const printed = (count: number) => vi.waitUntil(() => output.split("\n").length > count, { timeout: 10_000 });
  await printed(1);
  await send(act("tell", "six"));
  await printed(2);
  const ended = once(child, "close");
  await devnet.close();
  expect((await ended)[0]).toBe(4);
  const answers = output
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(wordsOf(answers.slice(0, -1).map(({ event }) => event))).toEqual(["five", "six"]);
  expect(answers.at(-1)).toMatchObject({
    ok: false,
    error: { code: "connection_lost", hint: "Go on with --after 9-0-0." },
  });
});
