/**
 * `lockstep dev` as a process to be measured: what it holds of memory and descriptors, what it logged, how it ended.
 *
 * Law: nothing here looks into the node; all is seen from outside, by its port, its folder and the system.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { WebSocket } from "ws";

const lockstep = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

/** How long a start may take before it counts as hanging. */
const START_TIMEOUT_MS = 30_000;

export interface NodeProcess {
  readonly pid: number;
  /** For WebSocket clients. */
  readonly url: string;
  readonly port: number;
  readonly height: number;
  /** The exit code, or the signal that ended the process. */
  readonly exited: Promise<number | NodeJS.Signals>;
  isRunning(): boolean;
  /** All that was written so far, but for the line that said it is ready. */
  log(): string;
  /** Sends the signal; how the process ended, and how many milliseconds later. */
  end(signal: NodeJS.Signals): Promise<{ readonly status: number | NodeJS.Signals; readonly ms: number }>;
}

/** On a free port, ended with the test. Rejects when the process ends before it is ready. */
export async function startNode(folder: string, ...options: readonly string[]): Promise<NodeProcess> {
  // The port is for `collectGarbage`, and opened by it.
  const args = ["--inspect-port=0", lockstep, "dev", "--data", folder, "--port", "0", "--json", ...options];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    log += text;
  });
  const exited = once(child, "exit").then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals);
  const lines = createInterface({ input: child.stdout });
  lines.on("line", (line) => {
    if (!line.includes('"listening"')) log += `${line}\n`;
  });
  const ready = once(lines, "line").then(([line]) => JSON.parse(line as string) as { url: string; height: number });
  const failed = exited.then((status): never => {
    throw new Error(`the node ended with ${status} before it was ready: ${log}`);
  });
  const late = sleep(START_TIMEOUT_MS, undefined, { ref: false }).then((): never => {
    throw new Error(`the node was not ready in ${START_TIMEOUT_MS} ms: ${log}`);
  });
  failed.catch(() => {});
  late.catch(() => {});
  const { url, height } = await Promise.race([ready, failed, late]);
  return {
    pid: child.pid!,
    url,
    port: Number(new URL(url).port),
    height,
    exited,
    isRunning: () => child.exitCode === null && child.signalCode === null,
    log: () => log,
    async end(signal) {
      const at = performance.now();
      child.kill(signal);
      return { status: await exited, ms: performance.now() - at };
    },
  };
}

/** Throws unless every record of the folder agrees with every other. */
export function checkFolder(folder: string): { readonly height: number } {
  const args = [lockstep, "db", "check", "--data", folder, "--json"];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`db check ended with ${status}: ${stdout}${stderr}`);
  return JSON.parse(stdout) as { height: number };
}

/** Megabytes of memory that the process has resident now. */
export function rssMb(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) / 1024;
}

/** What stays when garbage has been collected, which is what a leak would make grow. */
export async function settledRssMb(node: NodeProcess): Promise<number> {
  await collectGarbage(node);
  let least = Number.POSITIVE_INFINITY;
  for (let count = 0; count < 10; count++) {
    await sleep(200);
    least = Math.min(least, rssMb(node.pid));
  }
  return least;
}

/** Through the engine's debugger, which SIGUSR1 opens and which stays open. */
async function collectGarbage(node: NodeProcess): Promise<void> {
  const findUrl = () => /Debugger listening on (ws:\S+)/.exec(node.log())?.[1];
  if (findUrl() === undefined) process.kill(node.pid, "SIGUSR1");
  while (findUrl() === undefined && node.isRunning()) await sleep(20);
  const socket = new WebSocket(findUrl()!);
  await once(socket, "open");
  // What the first one finds may hold what only the second can let go of.
  for (const id of [1, 2]) {
    socket.send(JSON.stringify({ id, method: "HeapProfiler.collectGarbage" }));
    await once(socket, "message");
  }
  socket.terminate();
}

/** Milliseconds of processor time that the process has used; the system counts in hundredths of a second. */
export function cpuMs(pid: number): number {
  // Behind the name, which may hold anything but ends with the last bracket.
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(")").at(-1)!.trim().split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

export function descriptorCount(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** The lines of a log that tell of a fault of the node itself, whatever form the log has. */
export function faultsIn(log: string): string[] {
  return log.split("\n").filter((line) => {
    const level = /"level":"?(\d+|\w+)/.exec(line)?.[1];
    return level === "50" || level === "60" || level === "error" || level === "fatal" || faultText.test(line);
  });
}

const faultText =
  /\b(fault|Unhandled|uncaught|FATAL|MaxListenersExceeded|(Type|Range|Reference|Syntax|Assertion)Error)\b|^\s+at \S+ \(/i;
