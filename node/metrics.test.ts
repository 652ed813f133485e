/** The figures, read as Prometheus reads them: by a strict reader of its text format, written from the format's page. */
import { describe, expect, test } from "vitest";
import { Metrics, type MetricsSources } from "./metrics.ts";

interface Family {
  readonly type: string;
  readonly help: string;
  /** Value by series, as `name{label="value",...}` with the labels in order of their names. */
  readonly samples: Map<string, number>;
}

const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const LABEL = String.raw`[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"`;
const SAMPLE = new RegExp(String.raw`^(${NAME})(?:\{(${LABEL}(?:,${LABEL})*)\})? (\S+)$`);

/** Version 0.0.4 of the format, without what we do not use (timestamps, comments, spaces that may vary). */
function readText(text: string): Map<string, Family> {
  expect(text.endsWith("\n"), "the last line ends").toBe(true);
  const families = new Map<string, Family>();
  let current: { name: string; family: Family } | undefined;
  let help: { name: string; text: string } | undefined;
  for (const line of text.split("\n").filter((each) => each !== "")) {
    const comment = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
    if (comment?.[1] === "HELP") {
      help = { name: comment[2]!, text: comment[3]! };
      continue;
    }
    if (comment !== null) {
      const [, , name, type] = comment as unknown as [string, string, string, string];
      expect(help?.name, line).toBe(name);
      expect(families.has(name), `${name} comes once`).toBe(false);
      expect(["counter", "gauge", "histogram"], line).toContain(type);
      current = { name, family: { type, help: help!.text, samples: new Map() } };
      families.set(name, current.family);
      continue;
    }
    const [, name, labels = "", value] = SAMPLE.exec(line) ?? expect.fail(`no sample: ${line}`);
    const suffixes = current!.family.type === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
    expect(
      suffixes.map((suffix) => current!.name + suffix),
      line,
    ).toContain(name);
    const sorted = [...labels.matchAll(new RegExp(LABEL, "g"))].map(([label]) => label).sort();
    const series = sorted.length === 0 ? name! : `${name}{${sorted.join(",")}}`;
    expect(current!.family.samples.has(series), `${series} comes once`).toBe(false);
    expect(value, line).toMatch(/^([+-]?\d+(\.\d+)?(e[+-]?\d+)?|[+-]Inf|nan)$/i);
    current!.family.samples.set(series, Number(value!.replace("Inf", "Infinity")));
  }
  for (const [name, { type, samples }] of families) if (type === "histogram") checkHistogram(name, samples);
  return families;
}

/** Buckets never shrink, and the last of them counts everything. */
function checkHistogram(name: string, samples: ReadonlyMap<string, number>): void {
  const byLabels = new Map<string, number[]>();
  for (const [series, value] of samples) {
    if (!series.startsWith(`${name}_bucket{`)) continue;
    const labels = series
      .slice(name.length + 7)
      .replace(/,?le="[^"]*"/, "")
      .replace("{,", "{")
      .replace("{}", "");
    byLabels.set(labels, [...(byLabels.get(labels) ?? []), value]);
  }
  for (const [labels, counts] of byLabels) {
    expect(counts, name).toEqual([...counts].sort((a, b) => a - b));
    expect(counts.at(-1), name).toBe(samples.get(`${name}_count${labels}`));
    expect(samples.has(`${name}_sum${labels}`), name).toBe(true);
  }
}

const idle: MetricsSources = {
  headHeight: () => 0,
  mempool: () => ({ count: 0, bytes: 0 }),
  connections: () => 0,
  subscriptions: () => 0,
  waiting: () => ({ blocks: 0, views: 0 }),
  isStopped: () => false,
};

async function samplesOf(metrics: Metrics): Promise<ReadonlyMap<string, number>> {
  const families = readText(await metrics.text());
  return new Map([...families.values()].flatMap(({ samples }) => [...samples]));
}

const success = { status: { kind: "success" } } as const;
const revert = { status: { kind: "revert", code: 1, action: 0 } } as never;

test("the text is Prometheus' from the first moment on, with the node's figures and the process's", async () => {
  const metrics = new Metrics(idle);
  expect(metrics.contentType).toMatch(/^text\/plain; version=0\.0\.4/);
  const families = readText(await metrics.text());
  const own = [...families.keys()].filter((name) => name.startsWith("lockstep_")).sort();
  expect(own).toEqual([
    "lockstep_block_seconds",
    "lockstep_blocks_total",
    "lockstep_connections",
    "lockstep_executor_waiting",
    "lockstep_gas_used_total",
    "lockstep_head_height",
    "lockstep_mempool_bytes",
    "lockstep_mempool_dropped_total",
    "lockstep_mempool_transactions",
    "lockstep_production_stopped",
    "lockstep_rpc_calls_total",
    "lockstep_rpc_seconds",
    "lockstep_subscription_lagged_total",
    "lockstep_subscriptions",
    "lockstep_transactions_total",
  ]);
  for (const [name, { type, help }] of families) {
    if (name.startsWith("lockstep_")) expect(name.endsWith("_total"), name).toBe(type === "counter");
    expect(help).not.toBe("");
  }
  expect(families.get("process_resident_memory_bytes")!.samples.get("process_resident_memory_bytes")).toBeGreaterThan(
    0,
  );
  expect(families.has("nodejs_eventloop_lag_p99_seconds")).toBe(true);
});

test("what is counted adds up", async () => {
  const metrics = new Metrics(idle);
  metrics.onBlock({ receipts: [success, success, revert], gasUsed: 70, durationMs: 3 });
  metrics.onBlock({ receipts: [], gasUsed: 0, durationMs: 30 });
  metrics.onDropped("expired");
  metrics.onDropped("expired");
  metrics.onLagged(12);
  metrics.onCall({ method: "chain_info", transport: "websocket", durationMs: 0.3, code: null });
  metrics.onCall({ method: "chain_info", transport: "http", durationMs: 700, code: null });
  metrics.onCall({ method: "tx_submit", transport: "websocket", durationMs: 1, code: "bad_signature" });
  const samples = await samplesOf(metrics);
  const expected = {
    lockstep_blocks_total: 2,
    lockstep_gas_used_total: 70,
    'lockstep_transactions_total{status="success"}': 2,
    'lockstep_transactions_total{status="revert"}': 1,
    'lockstep_transactions_total{status="halt"}': 0,
    lockstep_block_seconds_count: 2,
    lockstep_block_seconds_sum: 0.033,
    'lockstep_block_seconds_bucket{le="0.0025"}': 0,
    'lockstep_block_seconds_bucket{le="0.005"}': 1,
    'lockstep_block_seconds_bucket{le="0.05"}': 2,
    'lockstep_mempool_dropped_total{code="expired"}': 2,
    lockstep_subscription_lagged_total: 12,
    'lockstep_rpc_calls_total{code="ok",method="chain_info",transport="websocket"}': 1,
    'lockstep_rpc_calls_total{code="ok",method="chain_info",transport="http"}': 1,
    'lockstep_rpc_calls_total{code="bad_signature",method="tx_submit",transport="websocket"}': 1,
    'lockstep_rpc_seconds_count{method="chain_info"}': 2,
    'lockstep_rpc_seconds_bucket{le="0.0005",method="chain_info"}': 1,
    'lockstep_rpc_seconds_bucket{le="1",method="chain_info"}': 2,
  };
  for (const [series, value] of Object.entries(expected))
    expect([series, samples.get(series)]).toEqual([series, value]);
});

test("what is measured is asked for when it is read", async () => {
  const now = {
    headHeight: 5,
    count: 3,
    bytes: 900,
    connections: 2,
    subscriptions: 4,
    blocks: 1,
    views: 7,
    stopped: true,
  };
  const metrics = new Metrics({
    headHeight: () => now.headHeight,
    mempool: () => now,
    connections: () => now.connections,
    subscriptions: () => now.subscriptions,
    waiting: () => now,
    isStopped: () => now.stopped,
  });
  const figures = async () => {
    const samples = await samplesOf(metrics);
    return [
      "head_height",
      "mempool_transactions",
      "mempool_bytes",
      "connections",
      "subscriptions",
      'executor_waiting{kind="blocks"}',
      'executor_waiting{kind="views"}',
      "production_stopped",
    ].map((name) => samples.get(`lockstep_${name}`));
  };
  expect(await figures()).toEqual([5, 3, 900, 2, 4, 1, 7, 1]);
  Object.assign(now, { headHeight: 6, count: 0, stopped: false });
  expect(await figures()).toEqual([6, 0, 900, 2, 4, 1, 7, 0]);
});

describe("the number of series is bounded", () => {
  test("and what is over counts as other", async () => {
    const metrics = new Metrics(idle);
    for (let index = 0; index < 1_000; index++) {
      metrics.onDropped(`code_${index}`);
      metrics.onCall({ method: `m${index}`, transport: "websocket", durationMs: 1, code: null });
    }
    const samples = await samplesOf(metrics);
    const of = (name: string) => [...samples].filter(([series]) => series.startsWith(`${name}{`));
    const dropped = of("lockstep_mempool_dropped_total");
    expect(dropped.length).toBeLessThanOrEqual(201);
    expect(samples.get('lockstep_mempool_dropped_total{code="other"}')).toBeGreaterThan(700);
    expect(dropped.reduce((sum, [, count]) => sum + count, 0)).toBe(1_000);
    expect(of("lockstep_rpc_calls_total").length).toBeLessThanOrEqual(201);
    expect(of("lockstep_rpc_seconds_count").length).toBeLessThanOrEqual(201);
  });

  test("and no label breaks the text", async () => {
    const metrics = new Metrics(idle);
    metrics.onDropped('a"b\\c\nd} 1');
    expect((await samplesOf(metrics)).get(String.raw`lockstep_mempool_dropped_total{code="a\"b\\c\nd} 1"}`)).toBe(1);
  });
});

test("two nodes of a process count apart", async () => {
  const [one, other] = [new Metrics(idle), new Metrics(idle)];
  one.onLagged(1);
  expect((await samplesOf(one)).get("lockstep_subscription_lagged_total")).toBe(1);
  expect((await samplesOf(other)).get("lockstep_subscription_lagged_total")).toBe(0);
});

test("a call is counted in a few microseconds", () => {
  const metrics = new Metrics(idle);
  const facts = { method: "chain_info", transport: "websocket", durationMs: 0.4, code: null } as const;
  const count = 100_000;
  const rounds = [0, 1, 2].map(() => {
    const began = performance.now();
    for (let index = 0; index < count; index++) metrics.onCall(facts);
    return ((performance.now() - began) * 1000) / count;
  });
  // Half a microsecond when nothing else runs here.
  expect(Math.min(...rounds)).toBeLessThan(5);
});
