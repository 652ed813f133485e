/**
 * `lockstep new`: a folder with a contract that builds. The contracts are the package's own examples, which its tests
 * build, so a project never begins with code that does not compile.
 */
import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, join, relative, resolve, sep } from "node:path";
import type { Command } from "commander";
import { InputError } from "../../vm/errors.ts";
import { readInputFile, writeFileAtomically } from "../files.ts";
import { print } from "../output.ts";
import { isInstalled, packageRoot, packageVersion } from "../package-root.ts";
import { settingsOf, withShared } from "../settings.ts";

/** For each template what one does with it first. */
const templates = {
  counter: {
    deploy: "npx lockstep deploy build/counter.wasm",
    use: ["npx lockstep call counter increment", "npx lockstep view counter count"],
  },
  token: {
    deploy: "npx lockstep deploy build/token.wasm --name Gold --symbol AU --supply 1000000",
    use: ["npx lockstep call token transfer --to dev1 --amount 5", "npx lockstep view token --help"],
  },
} as const;

type Template = keyof typeof templates;

export function define(command: Command): void {
  withShared(command, "json")
    .description("Begin a contract project in a new or empty folder. Needs no node.")
    .argument("<folder>", "the project's folder; its last part is the project's name")
    .option("--template <name>", `${Object.keys(templates).join(" or ")}; default counter`)
    .action(run);
}

async function run(folder: string, options: { template?: string }, command: Command): Promise<void> {
  const template = readTemplate(options.template ?? "counter");
  checkFolder(folder);
  const files = projectFiles(resolve(folder), template);
  for (const [path, content] of files) writeFileAtomically(join(folder, path), content);
  const { deploy, use } = templates[template];
  const paths = files.map(([path]) => path);
  print(settingsOf(command), {
    json: { folder, template, files: paths },
    text: [
      `Made ${folder} with ${paths.length} files; the contract is ${join("contracts", `${template}.ts`)}.`,
      "",
      "Next:",
      `  cd ${folder}`,
      "  npm install",
      "  npx lockstep build",
      "  npx lockstep dev        # in another terminal",
      ...[deploy, ...use].map((line) => `  ${line}`),
    ],
  });
}

function readTemplate(name: string): Template {
  if (Object.hasOwn(templates, name)) return name as Template;
  throw new InputError("template_unknown", `there is no template ${JSON.stringify(name)}`, {
    hint: `The templates are ${Object.keys(templates).join(", ")}.`,
  });
}

function checkFolder(folder: string): void {
  if (!existsSync(folder)) return;
  if (!statSync(folder).isDirectory()) throw new InputError("not_a_folder", `${folder} is a file`);
  const count = readdirSync(folder).length;
  if (count > 0) {
    throw new InputError("folder_not_empty", `${folder} is not empty: it holds ${count} entries`, {
      hint: "Name a folder that is empty or does not exist. Nothing was changed.",
    });
  }
}

type ProjectFile = readonly [path: string, content: string | Uint8Array];

function projectFiles(folder: string, template: Template): readonly ProjectFile[] {
  const name = projectName(folder);
  const packageJson = {
    name,
    version: "0.1.0",
    private: true,
    type: "module",
    scripts: { build: "lockstep build", dev: "lockstep dev" },
    devDependencies: { lockstep: dependencyFrom(folder) },
  };
  const sdk = "../node_modules/lockstep/contracts-sdk/assembly";
  const editorConfig = { extends: `${sdk}/tsconfig.json`, include: ["./*.ts"] };
  return [
    ["package.json", `${JSON.stringify(packageJson, null, 2)}\n`],
    [`contracts/${template}.ts`, readInputFile(join(packageRoot, "contracts-sdk", "examples", `${template}.ts`))],
    // For editors only: the compiler reads no configuration.
    ["contracts/tsconfig.json", `${JSON.stringify(editorConfig, null, 2)}\n`],
    [".gitignore", "node_modules/\nbuild/\n.lockstep/\n"],
    ["README.md", readme(name, template)],
  ];
}

/** The folder's name as npm takes names. */
function projectName(folder: string): string {
  const name = basename(folder)
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/^[._-]+|-+$/g, "");
  return name === "" ? "contracts" : name.slice(0, 214);
}

/** This version; from a checkout the checkout itself, since a version of that number may not be published. */
function dependencyFrom(folder: string): string {
  if (isInstalled) return packageVersion;
  return `file:${relative(folder, packageRoot).split(sep).join("/")}`;
}

function readme(name: string, template: Template): string {
  const { deploy, use } = templates[template];
  return `# ${name}

A smart contract for Lockstep, in \`contracts/${template}.ts\`.

\`\`\`sh
npm install
npx lockstep build            # contracts/*.ts -> build/*.wasm
npx lockstep dev              # a devnet with funded accounts; leave it running in another terminal
${deploy}
${use.join("\n")}
npx lockstep replay --url ws://127.0.0.1:4600   # execute the chain again and compare everything
\`\`\`

\`npx lockstep call ${template} --help\` lists the contract's methods. Every command takes \`--json\`.
`;
}
