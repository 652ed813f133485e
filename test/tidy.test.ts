/** Tests of the source text itself: which room may import which, and what may not enter the pure ones. */
import { readdirSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

function sourcesIn(folder: string): string[] {
  return (
    readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
      .map((entry) => relative(root, join(entry.parentPath, entry.name)))
      // Written in AssemblyScript: not this program's.
      .filter((path) => !/^(contracts-sdk\/(assembly|examples)|test\/contracts)\//.test(path))
      // The bench's peers.
      .filter((path) => !path.includes("node_modules"))
  );
}

function textOf(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/** The text without comments and strings, for rules about code. */
function codeOf(path: string): string {
  return textOf(path)
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/(^|\s)\/\/.*$/gm, "")
    .replace(/"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/g, '""');
}

function importsOf(path: string): string[] {
  const code = textOf(path).replace(/\/\*[\s\S]*?\*\//g, "");
  const found = code.matchAll(/^(?:import|export)\b[^"';]*?\bfrom "([^"]+)"|^import "([^"]+)"|\bimport\("([^"]+)"\)/gm);
  return [...found].map(([, from, bare, dynamic]) => (from ?? bare ?? dynamic)!);
}

const rooms = ["vm", "node", "devnet", "cli", "contracts-sdk"] as const;
type Room = (typeof rooms)[number];

/** `a <- b` means that b may import a. */
const mayImport: Record<Room, readonly Room[]> = {
  vm: ["vm"],
  node: ["vm", "node"],
  devnet: ["vm", "node", "devnet"],
  "contracts-sdk": ["vm", "contracts-sdk"],
  cli: ["vm", "node", "devnet", "contracts-sdk", "cli"],
};

const isTest = (path: string) => path.endsWith(".test.ts");
const programFiles = rooms.flatMap((room) => sourcesIn(room).filter((path) => !isTest(path)));

test("there are sources to look at", () => {
  expect(programFiles.length).toBeGreaterThan(70);
});

test("imports point the way the house is built: vm <- node <- devnet <- cli", () => {
  for (const room of rooms) {
    for (const path of sourcesIn(room).filter((file) => !isTest(file))) {
      for (const specifier of importsOf(path).filter((name) => name.startsWith("."))) {
        const [target] = relative(root, resolve(root, dirname(path), specifier)).split("/");
        expect(mayImport[room], `${path} imports ${specifier}`).toContain(target);
      }
    }
  }
});

test("no import is circular", () => {
  const graph = new Map<string, string[]>();
  for (const path of programFiles) {
    // Types vanish, so only imports of values make a circle.
    const code = textOf(path)
      .replace(/\/\*[\s\S]*?\*\//g, "")
      .replace(/(import|export) type [^;]*;/g, "");
    const targets = [...code.matchAll(/\bfrom\s*"(\.[^"]+)"/g)].map(([, to]) =>
      relative(root, resolve(root, dirname(path), to!)),
    );
    graph.set(path, targets);
  }
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    expect(trail, `${[...trail, path].join(" -> ")}`).not.toContain(path);
    if (done.has(path)) return;
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
});

test("packages are imported only where they belong", () => {
  const allowed: Record<Room, RegExp> = {
    vm: /^@noble\/(curves|hashes)\//,
    node: /^(node:|@noble\/|@scure\/base$|level$|sorted-btree$|ws$|prom-client$)/,
    devnet: /^(node:|@noble\/hashes\/|@scure\/bip39)/,
    "contracts-sdk": /^(node:|assemblyscript)/,
    cli: /^(node:|commander$|jiti$|pino$|pino-pretty$)/,
  };
  for (const room of rooms) {
    for (const path of sourcesIn(room).filter((file) => !isTest(file))) {
      for (const specifier of importsOf(path).filter((name) => !name.startsWith("."))) {
        const isOwn = specifier.startsWith("lockstep/");
        expect(isOwn || allowed[room].test(specifier), `${path} imports ${specifier}`).toBe(true);
        expect(builtinModules, `${path}: write node:${specifier}`).not.toContain(specifier);
      }
    }
  }
});

describe("what decides a result is a function of its arguments", () => {
  const pure = [
    ...sourcesIn("vm"),
    ...sourcesIn("node/state"),
    "node/state-transition.ts",
    "node/message-call.ts",
    "node/transaction.ts",
    "node/block.ts",
    "node/genesis.ts",
    "node/params.ts",
    "node/edits.ts",
    "node/stored-code.ts",
    "node/merkle.ts",
    "node/address.ts",
  ].filter((path) => !isTest(path));
  const forbidden: [string, RegExp][] = [
    ["a clock", /\bDate\b|\bperformance\b|\bsetTimeout\b|\bsetInterval\b|\bsetImmediate\b/],
    ["randomness", /\bMath\.random\b|getRandomValues|random(Bytes|UUID|Int)/],
    ["the environment", /\bprocess\.|\bglobalThis\b|\bnavigator\b/],
    ["a locale", /\btoLocale|\bIntl\b|localeCompare|\.normalize\(/],
    ["waiting", /\bawait\b|\basync\b|\bPromise\b/],
    ["output", /\bconsole\b/],
    ["floating point by way of Math", /\bMath\.(sin|cos|tan|exp|log|pow|sqrt|cbrt|hypot)\b/],
  ];
  for (const [name, pattern] of forbidden) {
    test(`so it has no ${name}`, () => {
      for (const path of pure) expect(codeOf(path).match(pattern)?.[0], path).toBeUndefined();
    });
  }

  test("and vm/ imports nothing of Node", () => {
    for (const path of sourcesIn("vm").filter((file) => !isTest(file))) {
      for (const specifier of importsOf(path))
        expect(specifier.startsWith("node:"), `${path}: ${specifier}`).toBe(false);
      expect(codeOf(path).match(/\bBuffer\b/)?.[0], path).toBeUndefined();
    }
  });
});

test("every file opens with what it is", () => {
  for (const path of programFiles) {
    expect(
      textOf(path)
        .replace(/^#!.*\n/, "")
        .startsWith("/**"),
      path,
    ).toBe(true);
  }
});

test("no file is called after nothing in particular", () => {
  for (const path of [...programFiles, ...sourcesIn("test")])
    expect(path).not.toMatch(/(util|helper|common|misc|index)s?\.ts$/);
});

test("nothing is put off in the program text", () => {
  for (const path of programFiles) expect(textOf(path).match(/\b(TODO|FIXME|XXX|HACK)\b/)?.[0], path).toBeUndefined();
});

test("every program file is reached from an entry", () => {
  const manifest = JSON.parse(textOf("package.json")) as {
    bin: Record<string, string>;
    exports: Record<string, { default?: string } | string>;
  };
  const exported = Object.values(manifest.exports).flatMap((entry) =>
    typeof entry === "string" ? [] : [entry.default!],
  );
  const entries = [...Object.values(manifest.bin), ...exported].map((path) =>
    path.replace(/^(\.\/)?dist\//, "").replace(/\.js$/, ".ts"),
  );
  const reached = new Set<string>();
  const visit = (path: string): void => {
    if (reached.has(path)) return;
    reached.add(path);
    const started = [...textOf(path).matchAll(/new URL\(\s*"(\.\/[^"]+)\.js"/g)].map(([, to]) => `${to}.ts`);
    for (const specifier of [...importsOf(path).filter((name) => name.startsWith(".")), ...started]) {
      visit(relative(root, resolve(root, dirname(path), specifier)));
    }
  };
  for (const entry of [...entries, "cli/demo.ts"]) visit(entry);
  const dead = programFiles.filter((path) => !reached.has(path) && !path.endsWith(".d.ts"));
  expect(dead).toEqual([]);
});

test("the SDK declares exactly the host functions, with their types", async () => {
  const { hostFunctions } = await import("../vm/host-fns/table.ts");
  const declared = [
    ...textOf("contracts-sdk/assembly/lockstep.ts").matchAll(/export declare function (\w+)\(([^)]*)\): (\w+)/g),
  ];
  const seen = declared.map(([, name, params, result]) => {
    const types = params!.trim() === "" ? [] : params!.split(",").map((param) => param.split(":")[1]!.trim());
    const wasm = (type: string) => (/^[iu]64$/.test(type) ? "i64" : "i32");
    return [name, types.map(wasm), result === "void" || result === "never" ? null : wasm(result!)];
  });
  const expected = [...hostFunctions.values()].map(({ name, params, result }) => [name, [...params], result]);
  const byName = (a: unknown[], b: unknown[]) => String(a[0]).localeCompare(String(b[0]));
  expect(seen.sort(byName)).toEqual(expected.sort(byName));
});
