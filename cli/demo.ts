/**
 * `npm run demo`: the whole main job in front of one's eyes, on real parts. A devnet on a free port with a LevelDB folder, the
 * example contracts compiled, deployed and called through the command line, and then the proof: a second, fresh process
 * executes the chain again and compares every root, receipt and gas figure.
 *
 * Every step is a `lockstep` command in a process of its own, printed as one would type it. With `--deterministic` two runs
 * print the same block hashes. Whatever happens, no process and no file stays behind.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { BlockJson } from "../node/rpc/api.ts";
import { createClient } from "../node/rpc/client.ts";
import { exitCodes } from "./exit-codes.ts";
import { packageRoot } from "./package-root.ts";

const lockstep = fileURLToPath(new URL("./main.js", import.meta.url));
const deterministic = process.argv.includes("--deterministic");

interface Settings {
  /** Where commands run: aliases and modules lie here. */
  readonly folder: string;
  readonly environment: NodeJS.ProcessEnv;
}

/** Runs a command and shows it with what it says. Throws unless it ends as expected. */
async function show({ folder, environment }: Settings, args: readonly string[], exitCode: number = exitCodes.ok) {
  const shown = args.map((arg) => arg.replaceAll(`${folder}/`, "").replaceAll(`${packageRoot}/`, ""));
  process.stdout.write(`\n$ lockstep ${shown.join(" ")}\n`);
  const child = spawn(process.execPath, [lockstep, ...args], {
    cwd: folder,
    env: environment,
    stdio: ["ignore", "inherit", "inherit"],
  });
  const [code] = await once(child, "exit");
  if (code !== exitCode) throw new Error(`lockstep ${shown[0]} ended with ${code}, not with ${exitCode}`);
}

/** Starts `lockstep dev` and waits until it serves. */
async function startDevnet(
  { folder, environment }: Settings,
  data: string,
): Promise<{ child: ChildProcess; url: string }> {
  const args = ["dev", "--json", "--port", "0", "--data", data, ...(deterministic ? ["--deterministic"] : [])];
  const child = spawn(process.execPath, [lockstep, ...args], {
    cwd: folder,
    env: environment,
    stdio: ["ignore", "pipe", "inherit"],
  });
  for await (const line of createInterface({ input: child.stdout! })) {
    return { child, url: JSON.parse(line).url };
  }
  throw new Error("the devnet ended before it served");
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  await once(child, "exit");
}

async function showChain(url: string): Promise<void> {
  const client = createClient(url);
  try {
    const { height } = await client.call("chain_info", {});
    process.stdout.write("\nThe chain\n");
    for (let at = 0; at <= height; at++) {
      const { hash, stateRoot, gasUsed } = (await client.call("chain_block", { height: at })) as BlockJson;
      process.stdout.write(
        `  block ${at}\n    hash        ${hash}\n    state root  ${stateRoot}\n    gas used    ${gasUsed}\n`,
      );
    }
  } finally {
    await client.close();
  }
}

async function demo(folder: string): Promise<void> {
  const data = join(folder, "chain");
  const { LOCKSTEP_FROM: _from, LOCKSTEP_MNEMONIC: _mnemonic, ...inherited } = process.env;
  const environment = { ...inherited, LOCKSTEP_HOME: join(folder, "home") };
  const { child, url } = await startDevnet({ folder, environment }, data);
  try {
    process.stdout.write(`A devnet listens on ${url} and keeps its chain in LevelDB at ${data}\n`);
    const settings = { folder, environment: { ...environment, LOCKSTEP_URL: url } };
    const run = (command: string, exitCode?: number) => show(settings, command.split(" "), exitCode);
    for (const name of ["counter", "token"]) {
      const source = join(packageRoot, "contracts-sdk", "examples", `${name}.ts`);
      await show(settings, ["build", source, "--out", join(folder, `${name}.wasm`)]);
    }
    await run("deploy counter.wasm");
    await run("call counter increment");
    await run("call counter increment --from dev1");
    await run("view counter count");
    await run("deploy --name gold token.wasm --name Gold --symbol AU --supply 1000000");
    await run("call gold transfer --to dev1 --amount 250");
    await run("view gold balanceOf --owner dev1");
    process.stdout.write("\nA transfer of more than there is reverts. Sent all the same, its receipt says so:\n");
    await run("call --from dev2 --gas-limit 1000000 gold transfer --to dev1 --amount 1", exitCodes.transaction);
    await run("transfer dev3 1000");
    await showChain(url);
  } finally {
    await stop(child);
  }
  process.stdout.write("\nThe devnet has stopped. A fresh process executes its chain again:\n");
  await show({ folder, environment }, ["replay", "--data", data]);
}

const folder = await mkdtemp(join(tmpdir(), "lockstep-demo-"));
try {
  await demo(folder);
} finally {
  await rm(folder, { recursive: true, force: true });
}
