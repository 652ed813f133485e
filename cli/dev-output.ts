/**
 * What `lockstep dev` prints while its chain runs: lines for people on a terminal, or JSON, an object a line, for programs.
 *
 * Law: a line of JSON is one object with a `kind`; other kinds and fields may be added. Values stand as in the RPC: bytes as
 * `0x` hex, amounts as decimal strings, times as milliseconds since 1970. Printing never fails and never waits.
 *
 *     transaction  height, index, hash, blockHash, sender, nonce, chainId, gasLimit, gasPrice, expiryHeight, signature,
 *                  status {kind, ...}, error? {name, fields} where the ABI knows the revert, gasUsed, fee,
 *                  actions [{kind, ..., arguments?, returns?, entry?}], entry {name, value} of edited storage, with gasUsed,
 *                  returnData and created where the action ran,
 *                  created [address], logs [text], events [{contract, name, topics, data, fields}], fields null where no ABI
 *                  explains the data; leftOut? {actions?, created?, logs?, events?}: how many of each had no room
 *     block        behind its transactions: height, hash, parentHash, time, ..., transactionCount
 *     snapshot     id, height           revert  height, now the head's           time  time, of the next block
 *     lost         count: that many writes before this line had no room, because nobody read
 */
import { styleText } from "node:util";
import type { DevelopmentEvent } from "../devnet/powers.ts";
import { blockToJson } from "../node/rpc/json.ts";
import type { BlockRecord, TransactionRecord } from "../node/rpc/service.ts";
import { type AbiOf, createAbiLookup, memoised } from "./abi-lookup.ts";
import { EmptyBlocks } from "./empty-blocks.ts";
import { type LineStream, LineWriter } from "./line-writer.ts";
import { toJson } from "./output.ts";
import { transactionLine } from "./transaction-line.ts";
import { type Paint, transactionLines } from "./transaction-text.ts";

/** What is asked of the chain, at its head. */
export interface DevChain {
  /** A contract's module; undefined for an address that is none. */
  readonly code: (contract: Uint8Array) => Uint8Array | undefined;
  /** A name that people gave to an address. */
  readonly label: (address: Uint8Array) => string | undefined;
}

export interface DevOutput {
  /** A block with its transactions' debug text; after it, the chain answers for its state. */
  block(record: BlockRecord, logs: readonly (readonly string[])[]): void;
  /** One transaction alone. */
  transaction(record: TransactionRecord, logs: readonly string[]): void;
  event(event: DevelopmentEvent): void;
  /** Prints what is held back. */
  end(): void;
}

export interface DevStream extends LineStream {
  readonly isTTY?: boolean;
  /** Node's own heeds NO_COLOR, NODE_DISABLE_COLORS and FORCE_COLOR. */
  hasColors?(): boolean;
}

/** For people where `stream` is a terminal, unless `json`. */
export function createDevOutput(stream: DevStream, chain: DevChain, { json }: { readonly json: boolean }): DevOutput {
  if (json || stream.isTTY !== true) return new JsonOutput(stream, chain);
  return new TextOutput(stream, chain);
}

/** The transactions of a block, each as a record of its own. */
function* transactionsOf({ header, hash, block, receipts }: BlockRecord): Generator<TransactionRecord> {
  for (const [index, transaction] of block.transactions.entries()) {
    yield { transaction, receipt: receipts[index]!, height: header.height, blockHash: hash, index };
  }
}

class JsonOutput implements DevOutput {
  readonly #writer: LineWriter;
  readonly #abiOf: AbiOf;

  constructor(stream: LineStream, { code }: DevChain) {
    this.#writer = new LineWriter(stream, (count) => `${toJson({ kind: "lost", count })}\n`);
    this.#abiOf = createAbiLookup(code);
  }

  block(record: BlockRecord, logs: readonly (readonly string[])[]): void {
    const abiOf = memoised(this.#abiOf);
    for (const each of transactionsOf(record)) this.#write(transactionLine(each, logs[each.index] ?? [], abiOf));
    const { transactions, ...header } = blockToJson(record);
    this.#write({ kind: "block", ...header, transactionCount: transactions.length });
  }

  transaction(record: TransactionRecord, logs: readonly string[]): void {
    this.#write(transactionLine(record, logs, memoised(this.#abiOf)));
  }

  event(event: DevelopmentEvent): void {
    this.#write(event);
  }

  end(): void {}

  #write(line: object): void {
    this.#writer.write(`${toJson(line)}\n`);
  }
}

/** Of one block, for people. */
const TRANSACTIONS_SHOWN_MAX = 100;

class TextOutput implements DevOutput {
  readonly #writer: LineWriter;
  readonly #abiOf: AbiOf;
  readonly #label: DevChain["label"];
  readonly #paint: Paint;
  readonly #emptyBlocks = new EmptyBlocks((text) => this.#write([this.#paint("dim", text)]));

  constructor(stream: DevStream, { code, label }: DevChain) {
    this.#writer = new LineWriter(stream);
    this.#abiOf = createAbiLookup(code);
    this.#label = label;
    const hasColors = stream.hasColors?.() ?? false;
    this.#paint = (style, text) => (hasColors ? styleText(style, text, { validateStream: false }) : text);
  }

  block(record: BlockRecord, logs: readonly (readonly string[])[]): void {
    const { height } = record.header;
    const count = record.block.transactions.length;
    if (count === 0) return this.#emptyBlocks.add(height);
    this.#emptyBlocks.end();
    const abiOf = memoised(this.#abiOf);
    for (const each of transactionsOf(record)) {
      if (each.index === TRANSACTIONS_SHOWN_MAX) break;
      this.#transaction(each, logs[each.index] ?? [], abiOf);
    }
    const rest = count - TRANSACTIONS_SHOWN_MAX;
    if (rest > 0)
      this.#write([this.#paint("dim", `block ${height}  and ${rest} more transactions: lockstep block ${height}`)]);
  }

  transaction(record: TransactionRecord, logs: readonly string[]): void {
    this.#emptyBlocks.end();
    this.#transaction(record, logs, memoised(this.#abiOf));
  }

  event(event: DevelopmentEvent): void {
    this.#emptyBlocks.end();
    this.#write([this.#paint("magenta", eventText(event))]);
  }

  end(): void {
    this.#emptyBlocks.end();
  }

  #transaction(record: TransactionRecord, logs: readonly string[], abiOf: AbiOf): void {
    this.#write(transactionLines(record, logs, { abiOf, label: this.#label, paint: this.#paint }));
  }

  #write(lines: readonly string[]): void {
    this.#writer.write(lines.map((line) => `${line}\n`).join(""));
  }
}

function eventText(event: DevelopmentEvent): string {
  switch (event.kind) {
    case "snapshot":
      return `snapshot ${event.id} of block ${event.height}`;
    case "revert":
      return `back at block ${event.height}`;
    case "time":
      return `the next block's time is ${timeText(event.time)}`;
  }
}

/** Dates end in the year 275760, times in blocks do not. */
function timeText(time: number): string {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? `${time} ms after 1970` : date.toISOString();
}
