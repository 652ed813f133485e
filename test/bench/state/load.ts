/** A process of its own that loads a dump: `node load.js DUMP FOLDER`. Its output is its peak of resident memory, in bytes. */
import { readFileSync } from "node:fs";
import { loadChain } from "../../../node/storage/dump.ts";

const [dump, folder] = process.argv.slice(2);
await loadChain(dump!, folder!);
process.stdout.write(String(peakMemory()));

function peakMemory(): number {
  if (process.platform !== "linux") return process.resourceUsage().maxRSS * 1024;
  // There `maxRSS` begins with the memory of the process that started this one.
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"));
  return Number(peak![1]) * 1024;
}
