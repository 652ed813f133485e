/** The `lockstep` program run in this process, which costs milliseconds where a process of its own costs a hundred. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, vi } from "vitest";
import { AnsweringNode, answers, STRANGER } from "./answering-node.ts";

interface Surroundings {
  /** Beside the node's address and a home without keys. */
  readonly environment?: NodeJS.ProcessEnv;
  /** Whether stdout is a terminal. */
  readonly isTTY?: boolean;
}

let runs = 0;

/** One at a time. */
async function run(args: readonly string[], { environment = {}, isTTY = false }: Surroundings = {}) {
  const ended = { stdout: "", stderr: "" };
  const collect = (stream: "stdout" | "stderr") =>
    vi.spyOn(process[stream], "write").mockImplementation((text) => {
      ended[stream] += text;
      return true;
    });
  const { argv, exitCode, env } = process;
  const wasTTY = process.stdout.isTTY;
  const listeners = process.stdout.listeners("error");
  const spies = [collect("stdout"), collect("stderr")];
  try {
    Object.assign(process, { argv: ["node", "lockstep", ...args], exitCode: 0, env: environment });
    process.stdout.isTTY = isTTY;
    // A module that is asked for by another name is run again; those that it imports are not.
    await import(/* @vite-ignore */ `../../cli/main.ts?run=${runs++}`);
    return { ...ended, code: process.exitCode };
  } finally {
    for (const spy of spies) spy.mockRestore();
    Object.assign(process, { argv, exitCode, env });
    process.stdout.isTTY = wasTTY;
    for (const listener of process.stdout.listeners("error")) {
      if (!listeners.includes(listener)) process.stdout.off("error", listener as () => void);
    }
  }
}

/**
 * For the tests of one file: a node, and the program in a folder of its own that holds the alias `token`, a module
 * `empty.wasm` and a dump `state.dump`.
 */
export function commandTests() {
  const node = new AnsweringNode();
  const folder = mkdtempSync(join(tmpdir(), "lockstep-commands-"));
  const home = process.cwd();
  beforeAll(async () => {
    await node.listen();
    process.chdir(folder);
    const aliases = { version: 1, chains: { [answers.chain_info.genesisHash]: { token: STRANGER } } };
    mkdirSync(".lockstep");
    writeFileSync(join(".lockstep", "contracts.json"), JSON.stringify(aliases));
    writeFileSync("empty.wasm", Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
    writeFileSync("state.dump", Uint8Array.of(1, 2, 3));
  });
  beforeEach(() => node.forget());
  afterAll(() => {
    node.close();
    process.chdir(home);
    rmSync(folder, { recursive: true });
  });

  const lockstep = (args: readonly string[], { environment, ...surroundings }: Surroundings = {}) =>
    run(args, {
      ...surroundings,
      environment: { LOCKSTEP_URL: node.url, LOCKSTEP_HOME: join(folder, "home"), ...environment },
    });
  /** With the one JSON object on stdout. */
  const lockstepJson = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await lockstep(["--json", ...args]);
    expect(stdout.trimEnd().split("\n")).toHaveLength(1);
    return { code, stderr, answer: JSON.parse(stdout) };
  };
  return { node, lockstep, lockstepJson };
}
