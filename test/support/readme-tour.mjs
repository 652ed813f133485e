// Runs the README's "Five minutes" as it is printed: every `sh` block in order, `lockstep dev` in the background, in a
// copy of the checkout, so that this one stays as it is. Fails at the first command that fails.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
const readme = readFileSync(join(root, "README.md"), "utf8");
const tour = readme.slice(readme.indexOf("## Five minutes"), readme.indexOf("## As a library"));
const lines = [...tour.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block]) => block.trim().split("\n"));
if (lines.length < 10) throw new Error("the README has no tour");

const folder = mkdtempSync(join(tmpdir(), "lockstep-tour-"));
// Hard links where the file system allows them: nothing the tour does writes into an existing file.
if (spawnSync("cp", ["-al", root, join(folder, "lockstep")], { stdio: "ignore" }).status !== 0) {
  rmSync(join(folder, "lockstep"), { recursive: true, force: true });
  spawnSync("cp", ["-a", root, join(folder, "lockstep")], { stdio: "inherit" });
}
const env = { ...process.env, LOCKSTEP_HOME: join(folder, "home") };
let directory = join(folder, "lockstep");
let devnet;
try {
  for (const line of lines) {
    console.log(`$ ${line}`);
    if (line.startsWith("cd ")) {
      directory = join(directory, line.slice(3));
    } else if (line === "npx lockstep dev") {
      devnet = spawn("npx", ["lockstep", "dev"], {
        cwd: directory,
        env,
        detached: true,
        stdio: ["ignore", "pipe", "inherit"],
      });
      await listening(devnet);
    } else {
      const { status } = spawnSync("bash", ["-c", line], { cwd: directory, env: env, stdio: "inherit" });
      if (status !== 0) throw new Error(`"${line}" ended with ${status}`);
    }
  }
  console.log("the tour works as printed");
} finally {
  if (devnet !== undefined) await stop(devnet);
  rmSync(folder, { recursive: true, force: true });
}

async function listening(child) {
  let text = "";
  for await (const chunk of child.stdout) {
    text += chunk;
    if (/^Listening on ws:/m.test(text)) break;
  }
  if (!text.includes("Listening on")) throw new Error(`the devnet ended before it served:\n${text}`);
  child.stdout.resume();
}

async function stop(child) {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  process.kill(-child.pid, "SIGTERM");
  await ended;
}
