/**
 * The node's figures for Prometheus: counted as things happen, written out when somebody asks.
 *
 * Law: the number of series is bounded, whatever strangers send. Figures count from the node's start; those of the process
 * (memory, CPU, garbage collection, the event loop) are there once for all nodes in it, from the first time one is asked.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Receipt } from "./block.ts";
import type { CallFacts } from "./rpc/server.ts";

/** Values of one label; what comes later counts as "other". */
const LABEL_VALUES_MAX = 200;

/** What is read at the moment somebody asks. */
export interface MetricsSources {
  headHeight(): number;
  mempool(): { readonly count: number; readonly bytes: number };
  connections(): number;
  subscriptions(): number;
  /** Requests to the execution thread that have not begun. */
  waiting(): { readonly blocks: number; readonly views: number };
  /** Whether no block can be made at present. */
  isStopped(): boolean;
}

export interface ProducedFacts {
  readonly receipts: readonly Pick<Receipt, "status">[];
  readonly gasUsed: number;
  /** From the choice of transactions to the block in the store. */
  readonly durationMs: number;
}

const blockBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** A wait for a receipt may take a minute. */
const callBounds = [0.00025, 0.0005, ...blockBounds, 30, 60];

export class Metrics {
  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;
  readonly #registry = new Registry();
  readonly #codes = new LabelValues();
  readonly #methods = new LabelValues();

  readonly #blocks = this.#counter("lockstep_blocks_total", "Blocks made since the node started.");
  readonly #transactions = this.#counter("lockstep_transactions_total", "Transactions in those blocks.", "status");
  readonly #gasUsed = this.#counter("lockstep_gas_used_total", "Gas used by those blocks.");
  readonly #blockSeconds = new Histogram({
    name: "lockstep_block_seconds",
    help: "Time to make a block and store it.",
    buckets: blockBounds,
    registers: [this.#registry],
  });
  readonly #dropped = this.#counter(
    "lockstep_mempool_dropped_total",
    "Transactions that left the mempool without a block, by the reason.",
    "code",
  );
  readonly #calls = this.#counter("lockstep_rpc_calls_total", "RPC calls answered.", "method", "transport", "code");
  readonly #callSeconds = new Histogram({
    name: "lockstep_rpc_seconds",
    help: "Time from a call to its answer; waiting for a receipt is part of it.",
    buckets: callBounds,
    labelNames: ["method"] as const,
    registers: [this.#registry],
  });
  readonly #missed = this.#counter(
    "lockstep_subscription_lagged_total",
    "Events left out because their subscriber did not keep up.",
  );

  constructor(sources: MetricsSources) {
    this.#gauge("lockstep_head_height", "Height of the head.", () => sources.headHeight());
    this.#gauge("lockstep_mempool_transactions", "Transactions that wait.", () => sources.mempool().count);
    this.#gauge("lockstep_mempool_bytes", "Bytes of the transactions that wait.", () => sources.mempool().bytes);
    this.#gauge("lockstep_connections", "Open WebSocket connections.", () => sources.connections());
    this.#gauge("lockstep_subscriptions", "Open subscriptions.", () => sources.subscriptions());
    this.#gauge("lockstep_production_stopped", "1 while no block can be made, or else 0.", () =>
      sources.isStopped() ? 1 : 0,
    );
    new Gauge({
      name: "lockstep_executor_waiting",
      help: "Requests to the execution thread that have not begun.",
      labelNames: ["kind"] as const,
      registers: [this.#registry],
      collect() {
        const { blocks, views } = sources.waiting();
        this.set({ kind: "blocks" }, blocks);
        this.set({ kind: "views" }, views);
      },
    });
    // So that a rate is known from the first of each on.
    for (const status of ["success", "revert", "halt", "refused"]) this.#transactions.inc({ status }, 0);
  }

  onBlock({ receipts, gasUsed, durationMs }: ProducedFacts): void {
    this.#blocks.inc();
    this.#gasUsed.inc(gasUsed);
    this.#blockSeconds.observe(durationMs / 1000);
    for (const { status } of receipts) this.#transactions.inc({ status: status.kind });
  }

  onDropped(code: string): void {
    this.#dropped.inc({ code: this.#codes.bounded(code) });
  }

  onCall({ method, transport, durationMs, code }: CallFacts): void {
    const known = this.#methods.bounded(method);
    this.#calls.inc({ method: known, transport, code: code === null ? "ok" : this.#codes.bounded(code) });
    this.#callSeconds.observe({ method: known }, durationMs / 1000);
  }

  onLagged(missed: number): void {
    this.#missed.inc(missed);
  }

  /** Everything in Prometheus' text format, of which `contentType` is the type. */
  async text(): Promise<string> {
    processRegistry ??= startProcessRegistry();
    const texts = await Promise.all([this.#registry.metrics(), processRegistry.metrics()]);
    return texts.join("\n");
  }

  #counter<L extends string>(name: string, help: string, ...labelNames: readonly L[]): Counter<L> {
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }

  #gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.#registry],
      collect() {
        this.set(read());
      },
    });
  }
}

/** The first so many values that a label was given. */
class LabelValues {
  readonly #known = new Set<string>();

  bounded(value: string): string {
    if (this.#known.has(value)) return value;
    if (this.#known.size >= LABEL_VALUES_MAX) return "other";
    this.#known.add(value);
    return value;
  }
}

/** What observes the process cannot be taken down again, so it is set up once and late. */
let processRegistry: Registry | undefined;

function startProcessRegistry(): Registry {
  const register = new Registry();
  collectDefaultMetrics({ register });
  return register;
}
