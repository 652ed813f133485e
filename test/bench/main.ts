/**
 * `npm run bench -- NAME [--json]`: measures one part of the house. Every figure is taken within one run on one machine, and
 * ratios matter more than times. With `--json`, stdout has `{"figures": {name: number}}` and nothing else.
 */
import { parseArgs } from "node:util";

export type Figures = Readonly<Record<string, number>>;

/** Gives a line of the report for people; beside JSON it goes to stderr. */
export type Report = (line: string) => void;

export interface Bench {
  measure(report: Report): Promise<Figures>;
}

const benches: Readonly<Record<string, () => Promise<Bench>>> = {
  vm: () => import("./vm.ts"),
  gas: () => import("./gas.ts"),
  state: () => import("./state.ts"),
  node: () => import("./node.ts"),
  start: () => import("./start.ts"),
  devnet: () => import("./devnet.ts"),
};

const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: "boolean" } } });
const [name, ...rest] = positionals;
const load = name === undefined || !Object.hasOwn(benches, name) ? undefined : benches[name];
if (load === undefined || rest.length > 0) {
  process.stderr.write(`usage: npm run bench -- ${Object.keys(benches).join("|")} [--json]\n`);
  process.exit(2);
}
const { measure } = await load();
const figures = await measure((line) => {
  if (values.json) console.error(line);
  else console.log(line);
});
if (values.json) {
  console.log(JSON.stringify({ figures }));
} else {
  console.log();
  const width = Math.max(24, ...Object.keys(figures).map((figure) => figure.length + 2));
  for (const [figure, value] of Object.entries(figures)) console.log(`${figure.padEnd(width)}${round(value)}`);
}

/** Three significant digits are more than a measurement has. */
function round(value: number): string {
  return String(Number(value.toPrecision(3)));
}
