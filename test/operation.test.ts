/** `lockstep dev` as whoever operates it meets it: how it begins, what it says, how it ends. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Level } from "level";
import { type DevAccount, devAccounts } from "lockstep/devnet";
import { describe, expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { addressToText, contractAddress } from "../node/address.ts";
import { hash } from "../node/crypto.ts";
import { toHex } from "../node/rpc/json.ts";
import type { Action } from "../node/transaction.ts";
import { sampleContract } from "./support/sample-contracts.ts";
import { signed } from "./support/signing.ts";
import { temporaryFolder } from "./support/test-chain.ts";

const lockstep = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
const [dev0, dev1] = devAccounts() as [DevAccount, DevAccount];
const codeHash = hash("code", sampleContract);
const contract = contractAddress({ creator: dev0.address, origin: { kind: "nonce", nonce: 0, action: 1 }, codeHash });

interface Run {
  readonly child: ChildProcess;
  readonly folder: string;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly ended: Promise<readonly [code: number | null, signal: NodeJS.Signals | null]>;
}

/** `lockstep dev` in a folder of its own. Nothing of the tester's environment reaches it. */
function begin(args: readonly string[], { folder = temporaryFolder(), environment = {}, files = {} } = {}): Run {
  for (const [name, text] of Object.entries<string>(files)) writeFileSync(join(folder, name), text);
  const child = spawn(process.execPath, [lockstep, "dev", ...args], {
    cwd: folder,
    env: { PATH: process.env.PATH, LOCKSTEP_HOME: join(folder, "home"), ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name]!.on("data", (chunk) => {
      texts[name] += chunk;
    });
  }
  const ended = once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>;
  return { child, folder, stdout: () => texts.stdout, stderr: () => texts.stderr, ended };
}

async function waitUntil(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!(await condition())) {
    expect(performance.now(), what).toBeLessThan(deadline);
    await sleep(10);
  }
}

async function firstLine({ child, stdout, stderr }: Run): Promise<string> {
  await waitUntil(() => {
    expect([child.exitCode, child.signalCode], stderr()).toEqual([null, null]);
    return stdout().includes("\n");
  }, "a first line");
  return stdout().split("\n")[0]!;
}

/** With `--json` and a free port, and the facts of its line. */
async function start(args: readonly string[] = [], options: Parameters<typeof begin>[1] = {}) {
  const run = begin(["--port", "0", "--json", ...args], options);
  const facts = JSON.parse(await firstLine(run));
  const stop = async () => {
    run.child.kill("SIGTERM");
    return run.ended;
  };
  return { ...run, facts, stop, call: (method: string, params: object = {}) => call(facts.port, method, params) };
}

async function call(port: number, method: string, params: object = {}) {
  const response = await fetch(`http://127.0.0.1:${port}/`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  });
  const { result, error } = (await response.json()) as { result?: unknown; error?: { data?: { code?: string } } };
  // biome-ignore lint/suspicious/noExplicitAny: whatever the method answers
  return { result: result as any, error: error?.data?.code };
}

function transaction(sender: DevAccount, nonce: number, actions: readonly Action[], gasLimit = 20_000_000) {
  return toHex(signed(sender, actions, { chainId: "lockstep-dev", nonce, gasLimit }).encoded);
}

const deploy: readonly Action[] = [
  { kind: "upload", code: sampleContract },
  { kind: "create", codeHash, salt: null, args: new Uint8Array(), value: 0n },
];
const burn: Action = { kind: "call", contract, method: "burn", args: new Uint8Array(), value: 0n };

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function readyFactsIn(path: string) {
  return JSON.parse(readFileSync(path, "utf8"));
}

describe("the banner", () => {
  test("tells everything there is to know, ends with Listening, and then the node answers", async () => {
    const run = begin(["--port", "0", "--accounts", "2"]);
    await waitUntil(() => /^Listening on .*\n/m.test(run.stdout()), "the last line");
    const text = run.stdout();
    const url = /^Listening on ws:\/\/127\.0\.0\.1:(\d+)\n$/m.exec(text)!;
    expect(text.endsWith(url[0])).toBe(true);
    const { result } = await call(Number(url[1]), "chain_info");
    for (const fact of [
      JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")).version,
      ...[dev0, dev1].flatMap(({ address, secretKey }) => [addressToText(address), toHex(secretKey)]),
      "1000000000000000000",
      "test test test test test test test test test test test junk",
      "m/44'/1'/i'",
      "lockstep-dev",
      result.genesisHash,
      new Date().toISOString().slice(0, 10),
      `at most ${result.blockGasLimit}`,
      `at least ${result.gasPriceMin}`,
      "a block for every transaction",
      "os: a block survives the end of this process",
      join(".lockstep", "devnet"),
    ]) {
      expect(text).toContain(fact);
    }
    expect(text).not.toMatch(/token|config/i);
    expect(existsSync(join(run.folder, ".lockstep", "devnet"))).toBe(true);
  });
});

describe("ready", () => {
  test("is told by a line, a descriptor and a file, with the same facts, when the port answers", async () => {
    const folder = temporaryFolder();
    const path = join(folder, "run", "ready.json");
    const script = `exec "$0" "$@" 3>"${join(folder, "fd.json")}"`;
    const args = ["--port", "0", "--json", "--ready-fd", "3", "--ready-file", join("run", "ready.json")];
    const child = spawn("sh", ["-c", script, process.execPath, lockstep, "dev", ...args], { cwd: folder });
    onTestFinished(() => void child.kill("SIGKILL"));
    let stdout = "";
    child.stdout.on("data", (chunk) => {
      stdout += chunk;
    });
    await waitUntil(() => existsSync(path), "the file");
    const facts = readyFactsIn(path);
    // At once, with no second try.
    const health = await fetch(`http://127.0.0.1:${facts.port}/ready`);
    expect(health.status).toBe(200);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(facts).toMatchObject({
      ok: true,
      event: "listening",
      schemaVersion: 1,
      pid: child.pid,
      url: `ws://127.0.0.1:${facts.port}`,
      chainId: "lockstep-dev",
      height: 0,
      durability: "os",
      sealing: { kind: "transaction" },
      configFile: null,
      token: null,
      derivationPath: "m/44'/1'/i'",
    });
    expect(facts.accounts.length).toBe(10);
    await waitUntil(() => stdout.endsWith("\n"), "the line");
    expect(JSON.parse(stdout)).toEqual(facts);
    expect(readyFactsIn(join(folder, "fd.json"))).toEqual(facts);
    child.kill("SIGTERM");
    expect(await once(child, "exit")).toEqual([0, null]);
    expect(existsSync(path)).toBe(false);
    expect(stdout.split("\n").length).toBe(2);
  });

  test("is told by no file while a node starts, even if one was killed before", async () => {
    const folder = temporaryFolder();
    const path = join(folder, "ready.json");
    const first = await start(["--ready-file", path], { folder });
    first.child.kill("SIGKILL");
    await first.ended;
    expect(readyFactsIn(path).pid).toBe(first.facts.pid);
    const second = begin(["--port", "0", "--ready-file", path], { folder });
    await waitUntil(() => existsSync(path) && readyFactsIn(path).pid === second.child.pid, "a file of the second");
    expect((await fetch(`http://127.0.0.1:${readyFactsIn(path).port}/ready`)).status).toBe(200);
  });

  test("never replaces a file of somebody else's, and never comes when the start failed", async () => {
    const folder = temporaryFolder();
    const path = join(folder, "package.json");
    const refused = begin(["--port", "0", "--json", "--ready-file", path], { folder, files: { "package.json": "{}" } });
    expect(await refused.ended).toEqual([3, null]);
    expect(JSON.parse(refused.stdout()).error.code).toBe("ready_file_foreign");
    expect(readFileSync(path, "utf8")).toBe("{}");
    const unwritable = begin(["--port", "0", "--json", "--ready-file", "/proc/ready.json"]);
    expect(await unwritable.ended).toEqual([3, null]);
    expect(JSON.parse(unwritable.stdout()).error.code).toBe("file_unwritable");
    const { facts } = await start();
    const taken = begin(["--port", String(facts.port), "--json", "--ready-file", "ready.json"]);
    expect(await taken.ended).toEqual([2, null]);
    expect(JSON.parse(taken.stdout()).error.code).toBe("port_in_use");
    expect(existsSync(join(taken.folder, "ready.json"))).toBe(false);
  });

  test("two nodes on port 0 take two ports", async () => {
    const [one, other] = await Promise.all([start(), start()]);
    expect(one.facts.port).not.toBe(other.facts.port);
    expect((await one.call("chain_info")).result.genesisHash).not.toBe(
      (await other.call("chain_info")).result.genesisHash,
    );
  });
});

/** Twenty clients with subscriptions and open calls, a block that burns all its gas, and a simulation that does. */
async function makeBusy({ facts, call: ask }: Awaited<ReturnType<typeof start>>): Promise<void> {
  expect((await ask("tx_submitAndWait", { transaction: transaction(dev0, 0, deploy) })).error).toBeUndefined();
  const sockets = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const socket = new WebSocket(facts.url);
      socket.on("error", () => {});
      onTestFinished(() => socket.terminate());
      await once(socket, "open");
      return socket;
    }),
  );
  const send = (socket: WebSocket, method: string, params: object) =>
    socket.send(JSON.stringify({ jsonrpc: "2.0", id: method, method, params }));
  for (const [index, socket] of sockets.entries()) {
    send(socket, "chain_subscribe", { topic: "heads" });
    // Behind a gap, so that it waits.
    const waiting = { transaction: transaction(dev1, 1 + index, []), timeoutMs: 60_000 };
    send(socket, "tx_submitAndWait", waiting);
  }
  // One never reads, and one asks without an end.
  sockets[0]!.pause();
  const asking = sockets[1]!;
  asking.on("message", () => asking.readyState === WebSocket.OPEN && send(asking, "chain_block", { height: 1 }));
  send(sockets[2]!, "tx_simulate", { transaction: transaction(dev0, 1, [burn], 1_900_000_000) });
  send(sockets[3]!, "tx_submitAndWait", { transaction: transaction(dev0, 1, [burn], 1_900_000_000) });
  // Kept alive, and silent.
  const idle = fetch(`http://127.0.0.1:${facts.port}/health`);
  await (await idle).text();
  await sleep(200);
}

describe("a stop", () => {
  test("with clients at work takes less than 2 seconds, ends with 0 and leaves a whole chain", async () => {
    const folder = temporaryFolder();
    const run = await start(["--data", "chain", "--ready-file", "ready.json"], { folder });
    await makeBusy(run);
    const began = performance.now();
    expect(await run.stop()).toEqual([0, null]);
    expect(performance.now() - began).toBeLessThan(2_000);
    expect(existsSync(join(folder, "ready.json"))).toBe(false);
    const lines = run.stderr().trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line).msg)).toEqual(["listening", "stopping", "stopped"]);
    const told = run.stdout().trimEnd().split("\n");
    const kinds = told.map((line): unknown => JSON.parse(line).kind);
    expect(kinds[0]).toBeUndefined();
    expect(["block", "transaction"]).toEqual(expect.arrayContaining(kinds.slice(1)));
    const check = spawnSync(process.execPath, [lockstep, "db", "check", "--data", "chain"], { cwd: folder });
    expect(check.status).toBe(0);
  });

  test.each(["SIGINT", "SIGHUP"] as const)("comes by %s too", async (signal) => {
    const run = await start();
    run.child.kill(signal);
    expect(await run.ended).toEqual([0, null]);
    expect(run.stderr()).toContain(signal);
  });

  test("by a second signal is at once, and loses nothing that was acknowledged", async () => {
    const folder = temporaryFolder();
    const run = await start(["--ready-file", "ready.json"], { folder });
    await makeBusy(run);
    const { height } = (await run.call("chain_info")).result;
    run.child.kill("SIGTERM");
    await waitUntil(() => run.stderr().includes('"stopping"'), "the first to be heard");
    const began = performance.now();
    run.child.kill("SIGINT");
    const [code] = await run.ended;
    // It may have been over already.
    expect([0, 130]).toContain(code);
    expect(performance.now() - began).toBeLessThan(500);
    expect(existsSync(join(folder, "ready.json"))).toBe(false);
    const again = await start([], { folder });
    expect(again.facts.height).toBeGreaterThanOrEqual(height);
  });

  test("by a fault of ours ends with 1, says what happened, and takes the ready file away", async () => {
    const folder = temporaryFolder();
    const first = await start(["--data", "chain"], { folder });
    await first.call("tx_submitAndWait", { transaction: transaction(dev0, 0, []) });
    await first.stop();
    // Nothing but a bug or a broken disk makes a tree lose its nodes.
    const database = new Level<Uint8Array, Uint8Array>(join(folder, "chain"), {
      keyEncoding: "view",
      valueEncoding: "view",
    });
    await database.open();
    for await (const key of database.keys({ gte: Uint8Array.of(0x10), lt: Uint8Array.of(0x11) })) {
      await database.del(key);
    }
    await database.close();
    const second = await start(["--data", "chain", "--ready-file", "ready.json"], { folder });
    await second.call("tx_submitAndWait", { transaction: transaction(dev0, 1, []) });
    expect(await second.ended).toEqual([1, null]);
    expect(JSON.parse(second.stdout().trimEnd().split("\n").at(-1)!).error.code).toBe("fault");
    expect(existsSync(join(folder, "ready.json"))).toBe(false);
  });

  test("does not come because nobody reads what it says", async () => {
    const run = begin(["--port", "0", "--ready-file", "ready.json"]);
    run.child.stdout!.destroy();
    run.child.stderr!.destroy();
    const path = join(run.folder, "ready.json");
    await waitUntil(() => existsSync(path), "the file");
    const { port } = readyFactsIn(path);
    for (let nonce = 0; nonce < 5; nonce++) {
      const sent = await call(port, "tx_submitAndWait", { transaction: transaction(dev0, nonce, []) });
      expect(sent.result.height).toBe(nonce + 1);
    }
    run.child.kill("SIGTERM");
    expect(await run.ended).toEqual([0, null]);
  });
});

describe("a parent that is killed", () => {
  /** A process that starts a node, and is killed. */
  async function orphan(...args: readonly string[]) {
    const folder = temporaryFolder();
    const path = join(folder, "ready.json");
    const command = [lockstep, "dev", "--port", "0", "--ready-file", path, ...args];
    const script = `require("node:child_process").spawn(process.execPath, ${JSON.stringify(command)}, { stdio: "ignore" });`;
    const parent = spawn(process.execPath, ["-e", script], { cwd: folder, stdio: "ignore" });
    await waitUntil(() => existsSync(path), "the node");
    const { pid } = readyFactsIn(path) as { pid: number };
    onTestFinished(() => {
      if (isAlive(pid)) process.kill(pid, "SIGKILL");
    });
    const exited = once(parent, "exit");
    parent.kill("SIGKILL");
    await exited;
    return { pid, path, folder };
  }

  test("takes a node with --exit-with-parent along, in order", async () => {
    const { pid, path, folder } = await orphan("--exit-with-parent");
    const began = performance.now();
    // A SIGKILL would leave the file; and an orphan that has ended may be seen until the system looks after it.
    await waitUntil(() => !existsSync(path), "the end of its ready file");
    expect(performance.now() - began).toBeLessThan(2_000);
    await waitUntil(() => !isAlive(pid), "its end");
    expect((await start([], { folder })).facts.height).toBe(0);
  });

  test("leaves any other node running", async () => {
    const { pid, path } = await orphan();
    await sleep(1_000);
    expect(isAlive(pid)).toBe(true);
    expect((await call(readyFactsIn(path).port, "chain_info")).result.height).toBe(0);
  });
});

describe("a config file", () => {
  test("of the working folder is heeded, and told of; flags and environment win over it", async () => {
    const text = `import type { Config } from "lockstep/devnet";
      export default { dev: { accounts: 3, chainId: "mine", mining: false, data: "chain", order: "fifo" } } satisfies Config;`;
    const files = { "lockstep.config.ts": text };
    const plain = await start([], { files });
    expect(plain.facts).toMatchObject({ chainId: "mine", sealing: { kind: "manual" }, dataDir: "chain" });
    expect(plain.facts.accounts.length).toBe(3);
    expect(plain.facts.configFile).toBe(join(plain.folder, "lockstep.config.ts"));
    expect(existsSync(join(plain.folder, "chain"))).toBe(true);
    await plain.stop();
    const mnemonic = `${"abandon ".repeat(11)}about`;
    const over = await start(["--accounts", "1", "--mining"], { files, environment: { LOCKSTEP_MNEMONIC: mnemonic } });
    expect(over.facts).toMatchObject({ chainId: "mine", sealing: { kind: "transaction" }, mnemonic });
    expect(over.facts.accounts.length).toBe(1);
    await over.stop();
    const without = await start(["--no-config"], { files });
    expect(without.facts).toMatchObject({ chainId: "lockstep-dev", configFile: null });
  });

  test("can be named, and its paths are seen from its folder", async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, "here"));
    const json = JSON.stringify({ dev: { data: "chain", readyFile: "ready.json", quiet: true } });
    const files = { "here/net.json": json, "lockstep.config.json": '{"dev":{"accounts":1}}' };
    const { facts } = await start(["--config", join("here", "net.json")], { folder, files });
    expect(facts.accounts.length).toBe(10);
    expect(readyFactsIn(join(folder, "here", "ready.json"))).toEqual(facts);
    expect(existsSync(join(folder, "here", "chain"))).toBe(true);
  });

  test.each([
    [{ "lockstep.config.json": '{"dev":{"blocktime":1}}' }, "config_invalid", "blockTime"],
    [{ "lockstep.config.ts": "export default {" }, "config_unreadable", "lockstep.config.ts"],
  ])("%j is refused: %s", async (files, code, told) => {
    const run = begin(["--port", "0", "--json"], { files });
    expect(await run.ended).toEqual([3, null]);
    const { error } = JSON.parse(run.stdout());
    expect(error.code).toBe(code);
    expect(error.message + error.hint).toContain(told);
    expect(existsSync(join(run.folder, ".lockstep"))).toBe(false);
  });

  test("whose settings a flag excludes is overruled, and flags that exclude each other are refused", async () => {
    const files = { "lockstep.config.json": '{"dev":{"blockTime":1}}' };
    expect((await start(["--no-mining"], { files })).facts.sealing).toEqual({ kind: "manual" });
    const refused = begin(["--no-mining", "--block-time", "1", "--port", "0", "--json"]);
    expect(await refused.ended).toEqual([2, null]);
    expect(JSON.parse(refused.stdout()).error.code).toBe("usage");
  });
});

describe("the log", () => {
  test("goes to stderr, a JSON line for each event, and stdout has nothing but transactions", async () => {
    const run = begin(["--port", "0", "--no-config"]);
    await waitUntil(() => run.stdout().includes("Listening"), "the banner");
    const port = Number(/:(\d+)\n$/.exec(run.stdout())![1]);
    const banner = run.stdout();
    expect((await call(port, "tx_submitAndWait", { transaction: transaction(dev0, 0, []) })).result.height).toBe(1);
    run.child.kill("SIGTERM");
    expect(await run.ended).toEqual([0, null]);
    const told = run.stdout().slice(banner.length).trimEnd().split("\n");
    expect(told.map((line): unknown => JSON.parse(line))).toMatchObject([
      { kind: "transaction", height: 1, status: { kind: "success" } },
      { kind: "block", height: 1, transactionCount: 1 },
    ]);
    for (const line of run.stderr().trimEnd().split("\n")) {
      expect(JSON.parse(line)).toMatchObject({
        level: "info",
        time: expect.stringMatching(/Z$/),
        msg: expect.any(String),
      });
    }
  });

  test("says nothing when silent, and is pretty when told so", async () => {
    const silent = await start(["--log-level", "silent"]);
    await silent.stop();
    expect(silent.stderr()).toBe("");
    const pretty = await start(["--log-format", "pretty"]);
    await pretty.stop();
    expect(pretty.stderr()).toMatch(
      /^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: listening .*\n.* INFO: stopping .*\n.* INFO: stopped\n$/,
    );
  });

  test("has every request at debug, also when the process is killed right after it", async () => {
    const run = await start(["--log-level", "debug"]);
    await run.call("chain_info");
    await run.call("no_such_method");
    await run.call("tx_submit", { transaction: "0x00" });
    run.child.kill("SIGKILL");
    await run.ended;
    const lines = run
      .stderr()
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    const debug = lines.filter(({ level }) => level === "debug").map((line) => JSON.stringify(line));
    expect(debug.some((line) => line.includes("chain_info"))).toBe(true);
    expect(debug.some((line) => line.includes("method_unknown"))).toBe(true);
    expect(debug.some((line) => line.includes("tx_submit"))).toBe(true);
  });
});

describe("beyond loopback", () => {
  const mine = "dev_mine";
  async function control(port: number, token?: string) {
    const response = await fetch(`http://127.0.0.1:${port}/`, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...(token !== undefined && { Authorization: `Bearer ${token}` }) },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: mine, params: {} }),
    });
    return "result" in ((await response.json()) as object);
  }

  test("a token is made, told, and another at each start; without it nobody controls the node", async () => {
    const first = await start(["--host", "0.0.0.0"]);
    const second = begin(["--host", "0.0.0.0", "--port", "0"]);
    await waitUntil(() => second.stdout().includes("Listening"), "the banner");
    const token = /^Token, .*\n {2}(\S+)$/m.exec(second.stdout())![1]!;
    expect(token).toMatch(/^[\w-]{22}$/);
    expect(first.facts.token).toMatch(/^[\w-]{22}$/);
    expect(token).not.toBe(first.facts.token);
    expect(await control(first.facts.port)).toBe(false);
    expect(await control(first.facts.port, token)).toBe(false);
    expect(await control(first.facts.port, first.facts.token)).toBe(true);
  });

  test("a token that was given is heeded and not repeated", async () => {
    const environment = { LOCKSTEP_TOKEN: "given-by-somebody-1" };
    const run = await start(["--host", "0.0.0.0"], { environment });
    expect(run.facts.token).toBeNull();
    expect(await control(run.facts.port)).toBe(false);
    expect(await control(run.facts.port, "given-by-somebody-1")).toBe(true);
    await run.stop();
    expect(run.stdout() + run.stderr()).not.toContain("given-by-somebody");
  });

  test("a token that is none is refused: token_invalid", async () => {
    const run = begin(["--port", "0", "--json", "--token", "short"]);
    expect(await run.ended).toEqual([2, null]);
    expect(JSON.parse(run.stdout()).error.code).toBe("token_invalid");
  });
});

describe("blocks are made", () => {
  test("every so often with --block-time, also of nothing", async () => {
    const run = await start(["--block-time", "0.05"]);
    expect(run.facts.sealing).toEqual({ kind: "interval", intervalMs: 50 });
    await waitUntil(async () => (await run.call("chain_info")).result.height >= 3, "empty blocks");
  });

  test("when asked for only with --no-mining", async () => {
    const run = await start(["--no-mining"]);
    await run.call("tx_submit", { transaction: transaction(dev0, 0, []) });
    await sleep(200);
    expect((await run.call("chain_info")).result).toMatchObject({ height: 0, pending: 1 });
    expect((await run.call("dev_mine")).result.height).toBe(1);
    expect((await run.call("chain_info")).result).toMatchObject({ height: 1, pending: 0 });
  });

  test("both ways with --mixed-mining", async () => {
    const run = await start(["--block-time", "0.5", "--mixed-mining"]);
    const { result } = await run.call("tx_submitAndWait", { transaction: transaction(dev0, 0, []) });
    expect(result.height).toBeGreaterThanOrEqual(1);
    await waitUntil(async () => (await run.call("chain_info")).result.height > result.height, "an empty block");
  });
});

test("/metrics tells true figures", async () => {
  const run = await start();
  for (let nonce = 0; nonce < 3; nonce++) {
    await run.call("tx_submitAndWait", { transaction: transaction(dev0, nonce, []) });
  }
  await run.call("no_such_method");
  const response = await fetch(`http://127.0.0.1:${run.facts.port}/metrics`);
  expect([response.status, response.headers.get("content-type")]).toEqual([
    200,
    expect.stringContaining("text/plain; version=0.0.4"),
  ]);
  const text = await response.text();
  expect(text).toMatch(/^lockstep_head_height 3$/m);
  expect(text).toMatch(/^lockstep_blocks_total 3$/m);
  expect(text).toMatch(/^lockstep_transactions_total\{status="success"\} 3$/m);
  expect(text).toMatch(/^lockstep_block_seconds_count 3$/m);
  expect(text).toMatch(/^lockstep_rpc_calls_total\{.*method="tx_submitAndWait".*\} 3$/m);
  expect(text).toMatch(/^lockstep_rpc_calls_total\{.*method="unknown".*code="method_unknown".*\} 1$/m);
  expect(text).not.toContain("no_such_method");
  expect(text).toMatch(/^process_resident_memory_bytes \d+$/m);
});
