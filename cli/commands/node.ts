/**
 * `lockstep node --follow URL`: a node that executes another one's blocks again and serves what it computed, until Ctrl-C or
 * until the two differ.
 *
 * Scripts wait for the last line of the banner, `Listening on ...`, or with --json for the one line there is, or for the ready
 * file. The log goes to stderr.
 */
import { join } from "node:path";
import type { Command } from "commander";
import type { DevConfig } from "../../devnet/config.ts";
import { startFollower } from "../../node/follow.ts";
import { withoutUser } from "../../node/without-user.ts";
import type { InputError } from "../../vm/errors.ts";
import { nodeFacts, nodeRows } from "../banner.ts";
import { DEFAULT_PORT, defineFlags, readFlags } from "../dev-config.ts";
import { during, type ExitCode, exitCodes } from "../exit-codes.ts";
import { openLog } from "../log.ts";
import { printJson, printText, rows } from "../output.ts";
import { clearReadyFile } from "../ready-file.ts";
import { serveUntilStopped } from "../serving.ts";
import { settingsOf, withShared } from "../settings.ts";

/** Beside the port of a devnet, which is often what is followed. */
const DEFAULT_FOLLOWER_PORT = DEFAULT_PORT + 1;
const DEFAULT_DATA = join(".lockstep", "follower");

const flagNames = [
  "port",
  "host",
  "data",
  "durability",
  "prune",
  "allowHost",
  "allowOrigin",
  "logLevel",
  "logFormat",
  "readyFile",
  "exitWithParent",
] as const satisfies readonly (keyof DevConfig)[];

const helpTail = `
Following: each block is executed again, and every receipt and header field compared. On a
  difference nothing of the block is kept, difference-report-HEIGHT.json is written into the folder,
  and the command ends with exit code ${exitCodes.difference}. While the other node is away, this one serves what it has,
  and goes on when it is back.

Examples:
  lockstep node --follow ws://127.0.0.1:4600
  lockstep node --follow ws://10.0.0.5:4600 --data /srv/chain --prune 1000 --host 0.0.0.0`;

export function define(command: Command): void {
  withShared(command, "json")
    .description(
      "Follow another node: execute its blocks again, compare everything, and serve reads and subscriptions.",
    )
    .requiredOption("--follow <url>", "the node to follow, ws://HOST:PORT");
  defineFlags(command, flagNames, {
    port: `default ${DEFAULT_FOLLOWER_PORT}; 0 takes a free one`,
    data: `default ${DEFAULT_DATA} in the working folder; a new one begins with the followed node's genesis`,
  });
  command.addHelpText("after", helpTail).action(run);
}

async function run(options: Readonly<Record<string, unknown>> & { readonly follow: string }, command: Command) {
  const parent = process.ppid;
  const { json } = settingsOf(command);
  const config = readFlags(options);
  const { readyFile, host, durability = "os", prune, allowHost, allowOrigin } = config;
  const dataDir = durability === "memory" ? null : (config.data ?? DEFAULT_DATA);
  if (readyFile !== undefined) clearReadyFile(readyFile);
  const log = await openLog({ level: config.logLevel ?? "info", format: config.logFormat ?? "auto" });
  await during(exitCodeFor, async () => {
    const following = await startFollower({
      url: options.follow,
      port: config.port ?? DEFAULT_FOLLOWER_PORT,
      log,
      ...(dataDir !== null && { directory: dataDir }),
      ...(durability !== "memory" && { durability }),
      access: {
        ...(allowHost !== undefined && { allowedHosts: [...allowHost] }),
        ...(allowOrigin !== undefined && { allowedOrigins: [...allowOrigin] }),
      },
      ...(host !== undefined && { host }),
      ...(prune !== undefined && { prune }),
    });
    const { node, height } = following;
    const facts = { ...nodeFacts(node, height), followed: withoutUser(options.follow), durability, dataDir };
    const serving = { log, parent: config.exitWithParent ? parent : null, readyFile: readyFile ?? null };
    await serveUntilStopped(following, serving, facts, () => {
      if (json) printJson(facts);
      else printText(bannerLines(facts));
    });
  });
}

/** Also of what ends the following later. */
function exitCodeFor({ code }: InputError): ExitCode {
  if (code === "block_differs") return exitCodes.difference;
  if (/^(data|genesis|storage|ready_file|file)_|^(other_chain|follower_pruned)$/.test(code)) return exitCodes.file;
  if (/^(node_unreachable|connection_lost|request_timeout|answer_invalid|block_missing|answer_too_large)$/.test(code)) {
    return exitCodes.node;
  }
  return exitCodes.usage;
}

interface FollowerFacts extends ReturnType<typeof nodeFacts> {
  readonly followed: string;
  readonly durability: string;
  /** Null in memory. */
  readonly dataDir: string | null;
}

function bannerLines(facts: FollowerFacts): string[] {
  return [
    `Lockstep follower ${facts.version}`,
    "",
    ...rows([
      ["follows", facts.followed],
      ...nodeRows(facts),
      ["durability", facts.durability],
      ["data", facts.dataDir ?? "none: the chain is in memory"],
    ]),
    "",
    `Listening on ${facts.url}`,
  ];
}
