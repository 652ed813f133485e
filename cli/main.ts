#!/usr/bin/env node
/**
 * The `lockstep` command: the table of its commands, and how it ends.
 *
 * Only the module of the command that was asked for is loaded, so that help costs nothing of the compiler, the database
 * and the node. `exit-codes.ts` says what the numbers mean.
 */
import { Command, CommanderError } from "commander";
import { InputError } from "../vm/errors.ts";
import { exitCodeMeanings, exitCodeOf, exitCodes } from "./exit-codes.ts";
import { printError } from "./output.ts";
import { packageVersion } from "./package-root.ts";
import { withShared } from "./settings.ts";

interface CommandModule {
  /** Gives the command its arguments, options and action. */
  readonly define: (command: Command) => void;
}

interface Entry {
  readonly name: string;
  readonly group: string;
  readonly summary: string;
  readonly load: () => Promise<CommandModule>;
}

const table: readonly Entry[] = [
  {
    name: "new",
    group: "Write:",
    summary: "begin a contract project in a new folder",
    load: () => import("./commands/new.ts"),
  },
  {
    name: "build",
    group: "Write:",
    summary: "compile contracts to Wasm with their ABI inside",
    load: () => import("./commands/build.ts"),
  },
  {
    name: "check",
    group: "Write:",
    summary: "say whether a Wasm module is a contract, and why not",
    load: () => import("./commands/check.ts"),
  },
  {
    name: "dev",
    group: "Run:",
    summary: "run a devnet until Ctrl-C",
    load: () => import("./commands/dev.ts"),
  },
  {
    name: "node",
    group: "Run:",
    summary: "follow another node and check every block",
    load: () => import("./commands/node.ts"),
  },
  {
    name: "replay",
    group: "Run:",
    summary: "execute a chain again from genesis and compare everything",
    load: () => import("./commands/replay.ts"),
  },
  {
    name: "db",
    group: "Run:",
    summary: "check a data folder, dump it to a file, load a dump",
    load: () => import("./commands/db.ts"),
  },
  {
    name: "account",
    group: "Use:",
    summary: "make, import, list and show accounts",
    load: () => import("./commands/account.ts"),
  },
  {
    name: "transfer",
    group: "Use:",
    summary: "move balance to an account or contract",
    load: () => import("./commands/transfer.ts"),
  },
  {
    name: "deploy",
    group: "Use:",
    summary: "create a contract from a Wasm file",
    load: () => import("./commands/deploy.ts"),
  },
  {
    name: "call",
    group: "Use:",
    summary: "send a call to a contract; arguments by its ABI",
    load: () => import("./commands/call.ts"),
  },
  {
    name: "view",
    group: "Use:",
    summary: "read from a contract; sends nothing",
    load: () => import("./commands/view.ts"),
  },
  {
    name: "state",
    group: "Look:",
    summary: "show a storage entry of a contract, with proof",
    load: () => import("./commands/state.ts"),
  },
  {
    name: "events",
    group: "Look:",
    summary: "list what contracts told, or follow it",
    load: () => import("./commands/events.ts"),
  },
  {
    name: "tx",
    group: "Look:",
    summary: "show a transaction and its receipt",
    load: () => import("./commands/tx.ts"),
  },
  {
    name: "block",
    group: "Look:",
    summary: "show a block; without an argument the head",
    load: () => import("./commands/block.ts"),
  },
  {
    name: "rpc",
    group: "Look:",
    summary: "call any method of the node",
    load: () => import("./commands/rpc.ts"),
  },
  {
    name: "dev-accounts",
    group: "Control a devnet:",
    summary: "list the funded accounts and their keys",
    load: () => import("./commands/devnet/dev-accounts.ts"),
  },
  {
    name: "faucet",
    group: "Control a devnet:",
    summary: "give an account new money",
    load: () => import("./commands/devnet/faucet.ts"),
  },
  {
    name: "dev-set",
    group: "Control a devnet:",
    summary: "set a balance, nonce, code or storage entry",
    load: () => import("./commands/devnet/dev-set.ts"),
  },
  {
    name: "impersonate",
    group: "Control a devnet:",
    summary: "take an account's transactions without its signature",
    load: () => import("./commands/devnet/impersonate.ts"),
  },
  {
    name: "mine",
    group: "Control a devnet:",
    summary: "make blocks",
    load: () => import("./commands/devnet/mine.ts"),
  },
  {
    name: "dev-time",
    group: "Control a devnet:",
    summary: "show, set or advance the clock",
    load: () => import("./commands/devnet/dev-time.ts"),
  },
  {
    name: "dev-sealing",
    group: "Control a devnet:",
    summary: "show or change when blocks are made",
    load: () => import("./commands/devnet/dev-sealing.ts"),
  },
  {
    name: "snapshot",
    group: "Control a devnet:",
    summary: "remember everything as it is, or list what is remembered",
    load: () => import("./commands/devnet/snapshot.ts"),
  },
  {
    name: "revert",
    group: "Control a devnet:",
    summary: "go back to a snapshot",
    load: () => import("./commands/devnet/revert.ts"),
  },
  {
    name: "reset",
    group: "Control a devnet:",
    summary: "go back to the beginning of the chain",
    load: () => import("./commands/devnet/reset.ts"),
  },
  {
    name: "dump",
    group: "Control a devnet:",
    summary: "write the state to a file",
    load: () => import("./commands/devnet/dump.ts"),
  },
  {
    name: "load",
    group: "Control a devnet:",
    summary: "take the state from a file",
    load: () => import("./commands/devnet/load.ts"),
  },
  {
    name: "drop",
    group: "Control a devnet:",
    summary: "take waiting transactions out of the pool",
    load: () => import("./commands/devnet/drop.ts"),
  },
  {
    name: "label",
    group: "Control a devnet:",
    summary: "give an address a name in the devnet's output, or list them",
    load: () => import("./commands/devnet/label.ts"),
  },
];

const helpTail = `
Names: wherever an address stands, dev0 to dev9, an account of the keystore or a contract's alias
  may stand.
Environment: LOCKSTEP_URL, LOCKSTEP_FROM, LOCKSTEP_HOME (keys; default ~/.lockstep),
  LOCKSTEP_PASSWORD (of encrypted keys), LOCKSTEP_MNEMONIC (of the devnet whose accounts dev0,
  dev1, ... are), LOCKSTEP_TOKEN (of a node that has one).
Output: text for people on stdout and errors on stderr, or with --json exactly one JSON object on
  stdout: {"ok":true,...} or {"ok":false,"error":{"code","message","hint","details"}}. Error codes
  are stable. What runs on, dev and events --follow, prints an object a line.
Exit codes:
${exitCodeMeanings.map(([code, meaning]) => `  ${code}  ${meaning}`).join("\n")}
`;

async function run(argv: readonly string[]): Promise<void> {
  const program = new Command("lockstep")
    .description("Write, run and prove deterministic WebAssembly contracts.")
    .version(packageVersion, "--version", "print the version")
    .helpOption("-h, --help", "print help; also `lockstep COMMAND --help`")
    .enablePositionalOptions()
    .exitOverride()
    // Errors are printed in one place, below; what commander still writes is help.
    .configureOutput({ outputError: () => {}, writeErr: (text) => process.stdout.write(text) })
    .addHelpText("after", helpTail);
  withShared(program, "url", "from", "json");
  for (const { name, group, summary } of table) program.command(name).summary(summary).helpGroup(group);
  const { operands } = program.parseOptions([...argv]);
  const chosen = table.find(({ name }) => name === (operands[0] === "help" ? operands[1] : operands[0]));
  if (chosen !== undefined) {
    const { define } = await chosen.load();
    define(program.commands.find((command) => command.name() === chosen.name)!);
  }
  if (operands.length === 0 && argv.length === 0) program.outputHelp();
  else await program.parseAsync([...argv], { from: "user" });
}

/** Commander's refusals are usage errors; its ways to end after help or version are none. */
function asInputError(error: CommanderError, argv: readonly string[]): InputError | null {
  if (error.exitCode === 0 || error.code === "commander.help") return null;
  const [message, suggestion] = error.message.replace(/^error: /, "").split("\n");
  // The first, for a name may be an argument too: `lockstep db load`.
  const name = argv.find((word) => table.some((entry) => entry.name === word));
  const help = `Run \`lockstep ${name === undefined ? "" : `${name} `}--help\`.`;
  return new InputError("usage", message!, {
    hint: suggestion === undefined ? help : `${suggestion.replace(/^\(|\)$/g, "")} ${help}`,
  });
}

const argv = process.argv.slice(2);
// A reader that stops reading, such as `head`, ends us quietly.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(process.exitCode ?? exitCodes.ok);
  throw error;
});
try {
  await run(argv);
} catch (thrown) {
  const error = thrown instanceof CommanderError ? asInputError(thrown, argv) : thrown;
  if (error !== null) {
    printError({ json: argv.includes("--json") }, error);
    process.exitCode = exitCodeOf(error);
  }
}
