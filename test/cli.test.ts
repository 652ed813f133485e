/**
 * The command as a script meets it: exit codes, streams, and what it leaves on disk. No node runs here.
 */
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const main = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lockstep-cli-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function lockstep(args: readonly string[], environment: NodeJS.ProcessEnv = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    cwd: folder,
    encoding: "utf8",
    // Nothing of the tester's own environment reaches the command.
    env: { PATH: process.env.PATH, LOCKSTEP_HOME: join(folder, "home"), ...environment },
    timeout: 30_000,
  });
  return { status, stdout, stderr };
}

/** The one JSON object on stdout. */
function lockstepJson(args: readonly string[], environment?: NodeJS.ProcessEnv) {
  const { status, stdout, stderr } = lockstep(["--json", ...args], environment);
  expect(stdout.trimEnd().split("\n")).toHaveLength(1);
  return { status, stderr, answer: JSON.parse(stdout) };
}

/** Characters of a terminal. */
const HELP_WIDTH_MAX = 100;

describe("usage", () => {
  const commands = [
    "new",
    "build",
    "check",
    "dev",
    "node",
    "replay",
    "dev-accounts",
    "faucet",
    "dev-set",
    "impersonate",
    "mine",
    "dev-time",
    "dev-sealing",
    "snapshot",
    "revert",
    "reset",
    "dump",
    "load",
    "drop",
    "label",
    "db",
    "account",
    "transfer",
    "deploy",
    "call",
    "view",
    "state",
    "events",
    "tx",
    "block",
    "rpc",
  ];

  test("help lists every command and every exit code", () => {
    const { status, stdout, stderr } = lockstep(["--help"]);
    expect([status, stderr]).toEqual([0, ""]);
    for (const name of commands) expect(stdout).toMatch(new RegExp(`^  ${name}\\b`, "m"));
    expect(stdout.split("\n").filter((line) => line.length > HELP_WIDTH_MAX)).toEqual([]);
    for (let code = 0; code <= 6; code++) expect(stdout).toMatch(new RegExp(`^  ${code}  `, "m"));
  });

  test.each(commands)("%s has help", (name) => {
    const { status, stdout, stderr } = lockstep([name, "--help"]);
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toContain(`Usage: lockstep ${name}`);
    expect(stdout.split("\n").filter((line) => line.length > HELP_WIDTH_MAX)).toEqual([]);
  });

  test("help and --help are the same", () => {
    expect(lockstep(["help", "deploy"])).toEqual(lockstep(["deploy", "--help"]));
  });

  test("the version is the package's", () => {
    const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
    expect(lockstep(["--version"])).toEqual({ status: 0, stdout: `${version}\n`, stderr: "" });
  });

  test.each([
    ["an unknown command", ["deplay"], "usage"],
    ["an unknown option", ["tx", "--frob"], "usage"],
    ["an option of another command", ["transfer", "dev1", "5", "--value", "5"], "usage"],
    ["an option without its value", ["block", "--url"], "usage"],
    ["a missing argument", ["transfer", "dev1"], "usage"],
    ["one argument too many", ["tx", `0x${"00".repeat(32)}`, "x"], "usage"],
    ["an unknown subcommand", ["account", "delete"], "usage"],
    ["an amount that is none", ["transfer", "dev1", "1.5"], "amount_invalid"],
    ["a hash that is none", ["tx", "0x12"], "hash_invalid"],
    ["a key that is no hex", ["state", "token", "0x1"], "hex_invalid"],
    ["a height that is none", ["state", "token", "key", "--height", "-1"], "number_invalid"],
    ["an account's height that is none", ["account", "show", "dev0", "--height", "x"], "number_invalid"],
    ["a height that is none", ["block", "-1"], "number_invalid"],
    ["a port that is none", ["dev", "--port", "70000"], "number_invalid"],
    ["no account at all", ["dev", "--accounts", "0"], "number_invalid"],
    ["a durability that is none", ["dev", "--durability", "maybe"], "durability_invalid"],
    ["a descriptor that is not open", ["dev", "--ready-fd", "99"], "ready_fd_invalid"],
    ["words that are no mnemonic", ["dev", "--mnemonic", "one two three"], "mnemonic_invalid"],
    ["an unknown template", ["new", "x", "--template", "nft"], "template_unknown"],
    ["two sources to replay", ["replay", "--data", "x", "--url", "ws://127.0.0.1:1"], "usage"],
    ["a URL that is none", ["block", "--url", "localhost"], "url_invalid"],
    ["a signer nobody knows", ["transfer", "dev1", "5", "--from", "nobody"], "account_unknown"],
  ])("%s ends with 2", (_, args, code) => {
    const { status, answer } = lockstepJson(args);
    expect(status).toBe(2);
    expect(answer).toMatchObject({ ok: false, error: { code } });
  });

  test("errors for people go to stderr, with the next step", () => {
    const { status, stdout, stderr } = lockstep(["transfer", "dev1", "1.5"]);
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/^error\[amount_invalid\]: "1.5" is no amount\nhint: .+\n$/);
  });

  test("a wrong usage says where help is", () => {
    expect(lockstep(["tx", "--frob"]).stderr).toContain("hint: Run `lockstep tx --help`.");
    expect(lockstep(["blok"]).stderr).toContain("Did you mean block?");
  });

  test("without arguments it prints help", () => {
    expect(lockstep([])).toMatchObject({ status: 0, stderr: "" });
  });
});

describe("files", () => {
  const header = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

  test.each([
    ["no bytes", []],
    ["another header", [1, 2, 3, 4, 5, 6, 7, 8]],
    ["half a header", header.slice(0, 5)],
    // (type (func (result f32)))
    ["a float in a type", [...header, 0x01, 0x05, 0x01, 0x60, 0x00, 0x01, 0x7d]],
    ["a section that breaks off", [...header, 0x01, 0x7f, 0x01]],
    // (import "env" "f" (func))
    [
      "an unknown import",
      [...header, 0x01, 0x04, 0x01, 0x60, 0x00, 0x00, 0x02, 0x09, 0x01, 3, 101, 110, 118, 1, 102, 0, 0],
    ],
  ])("a module with %s ends check and deploy with 3", (_, bytes) => {
    writeFileSync(join(folder, "bad.wasm"), Uint8Array.from(bytes));
    const { status, answer } = lockstepJson(["check", "bad.wasm"]);
    expect(status).toBe(3);
    expect(answer.error.details.offset).toEqual(expect.any(Number));
    // Judged before any node is asked.
    expect(lockstep(["deploy", "bad.wasm"])).toEqual({
      status: 3,
      stdout: "",
      stderr: expect.stringMatching(
        new RegExp(`^error\\[${answer.error.code}\\]: .+ \\[byte ${answer.error.details.offset}`),
      ),
    });
  });

  test("an empty module is a contract that can do nothing", () => {
    writeFileSync(join(folder, "empty.wasm"), Uint8Array.from(header));
    expect(lockstepJson(["check", "empty.wasm"])).toMatchObject({
      status: 0,
      answer: { ok: true, codeSize: 8, methods: [], hasAbi: false },
    });
  });

  test.each([
    ["check of a file that is not there", ["check", "none.wasm"], "file_missing"],
    ["check of a folder", ["check", "."], "file_unreadable"],
    ["deploy of a file that is not there", ["deploy", "none.wasm"], "file_missing"],
    ["build without contracts", ["build"], "no_contracts"],
    ["build of a file that is not there", ["build", "none.ts"], "file_not_found"],
    ["import of a key that is not there", ["account", "import", "a", "--secret-key-file", "none"], "file_missing"],
    ["replay of a folder that is not there", ["replay", "--data", "none"], "data_empty"],
  ])("%s ends with 3", (_, args, code) => {
    const { status, answer } = lockstepJson(args);
    expect([status, answer.error.code]).toEqual([3, code]);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("a node that is not there", () => {
  test.each([
    ["block", ["block"]],
    ["tx", ["tx", `0x${"00".repeat(32)}`]],
    ["view", ["view", "token", "balanceOf", "--owner", "dev0"]],
    ["call", ["call", "token", "transfer", "--to", "dev0"]],
    ["transfer", ["transfer", "dev1", "5"]],
    ["account show", ["account", "show", "dev0"]],
    ["state", ["state", "token", "0x00"]],
    ["replay", ["replay"]],
  ])("ends %s with 4", (_, args) => {
    // Nothing listens on port 1.
    const { status, answer } = lockstepJson(args, { LOCKSTEP_URL: "ws://127.0.0.1:1" });
    expect([status, answer.error.code]).toEqual([4, "node_unreachable"]);
    expect(answer.error.hint).toContain("lockstep dev");
  });

  test("the option wins over the environment", () => {
    const { stderr } = lockstep(["block", "--url", "ws://127.0.0.1:2"], { LOCKSTEP_URL: "ws://127.0.0.1:1" });
    expect(stderr).toContain("ws://127.0.0.1:2");
  });

  test("--url and --json are ours behind the method too", () => {
    const { status, stdout } = lockstep(["call", "token", "send", "--url", "ws://127.0.0.1:2", "--json"]);
    expect(status).toBe(4);
    expect(JSON.parse(stdout).error.message).toContain("ws://127.0.0.1:2");
  });
});

describe("accounts", () => {
  test("a new one is listed, and its key is the owner's only", () => {
    const made = lockstepJson(["account", "new", "alice"]);
    expect(made).toMatchObject({ status: 0, answer: { ok: true, name: "alice", encrypted: false } });
    expect(statSync(join(folder, "home/keys/alice.json")).mode & 0o777).toBe(0o600);
    const { answer } = lockstepJson(["account", "list"]);
    expect(answer.accounts.map(({ name }: { name: string }) => name)).toEqual([
      ...Array.from({ length: 10 }, (_, i) => `dev${i}`),
      "alice",
    ]);
    expect(answer.accounts.at(-1).address).toBe(made.answer.address);
  });

  test("none is overwritten", () => {
    lockstep(["account", "new", "alice"]);
    const before = readFileSync(join(folder, "home/keys/alice.json"), "utf8");
    expect(lockstepJson(["account", "new", "alice"]).answer.error.code).toBe("account_exists");
    expect(readFileSync(join(folder, "home/keys/alice.json"), "utf8")).toBe(before);
  });

  test("a password from either variable encrypts the key", () => {
    const variables = { LOCKSTEP_PASSWORD: "p", OTHER: "q" };
    expect(lockstepJson(["account", "new", "a"], variables).answer.encrypted).toBe(true);
    expect(lockstepJson(["account", "new", "b", "--password-env", "OTHER"], variables).answer.encrypted).toBe(true);
    expect(lockstepJson(["account", "new", "c", "--password-env", "NONE"], variables).answer.error.code).toBe(
      "password_missing",
    );
  });

  test("an imported key has the address of its key", () => {
    // The key of dev0, so its address is dev0's.
    writeFileSync(join(folder, "key"), "0x99a953439861639f9519f43b1697063bc40900eb5b307cd6d1168a6cd2d97ce7\n");
    const imported = lockstepJson(["account", "import", "again", "--secret-key-file", "key"]);
    const { answer } = lockstepJson(["account", "list"]);
    expect(imported.answer.address).toBe(answer.accounts[0].address);
  });

  test.each(["", "0x12", "not a key", "99".repeat(33)])("a file with %j holds no key", (text) => {
    writeFileSync(join(folder, "key"), text);
    const { status, answer } = lockstepJson(["account", "import", "a", "--secret-key-file", "key"]);
    expect([status, answer.error.code]).toEqual([3, "secret_key_invalid"]);
    expect(existsSync(join(folder, "home"))).toBe(false);
  });

  test("other words are other accounts", () => {
    const words = `${"abandon ".repeat(11)}about`;
    const [one, two] = [
      lockstepJson(["account", "list"]),
      lockstepJson(["account", "list"], { LOCKSTEP_MNEMONIC: words }),
    ];
    expect(one.answer.accounts[0].address).not.toBe(two.answer.accounts[0].address);
  });
});

describe("a new project", () => {
  test.each(["counter", "token"])("from the template %s builds", (template) => {
    expect(lockstep(["new", "My Project", "--template", template])).toMatchObject({ status: 0, stderr: "" });
    const project = join(folder, "My Project");
    expect(JSON.parse(readFileSync(join(project, "package.json"), "utf8"))).toMatchObject({ name: "my-project" });
    expect(readdirSync(project).sort()).toEqual([".gitignore", "README.md", "contracts", "package.json"]);
    const source = readFileSync(new URL(`../contracts-sdk/examples/${template}.ts`, import.meta.url), "utf8");
    expect(readFileSync(join(project, "contracts", `${template}.ts`), "utf8")).toBe(source);
    const out = join(folder, "out.wasm");
    const built = lockstepJson(["build", join(project, "contracts", `${template}.ts`), "--out", out]);
    expect(built).toMatchObject({ status: 0, stderr: "" });
    expect(built.answer.contracts[0]).toMatchObject({ hasAbi: true, codeSize: statSync(out).size });
    expect(lockstepJson(["check", out]).answer.codeHash).toBe(built.answer.contracts[0].codeHash);
  });

  test("goes into an empty folder", () => {
    mkdirSync(join(folder, "p"));
    expect(lockstep(["new", "p"]).status).toBe(0);
  });

  test("never goes into a folder that holds something", () => {
    mkdirSync(join(folder, "p"));
    writeFileSync(join(folder, "p", "mine"), "");
    const { status, answer } = lockstepJson(["new", "p"]);
    expect([status, answer.error.code]).toEqual([2, "folder_not_empty"]);
    expect(readdirSync(join(folder, "p"))).toEqual(["mine"]);
  });

  test("is no file", () => {
    writeFileSync(join(folder, "p"), "");
    expect(lockstepJson(["new", "p"]).answer.error.code).toBe("not_a_folder");
  });

  test("a contract that does not compile ends build with 3 and leaves nothing", () => {
    mkdirSync(join(folder, "contracts"));
    writeFileSync(
      join(folder, "contracts", "bad.ts"),
      "@contract\nexport class Bad {\n  @call f(): u64 { return x; }\n}\n",
    );
    const { status, answer } = lockstepJson(["build"]);
    expect([status, answer.error.code]).toEqual([3, "build_failed"]);
    expect(answer.error.message).toContain(`${join("contracts", "bad.ts")}:3:`);
    expect(existsSync(join(folder, "build"))).toBe(false);
  });
});
