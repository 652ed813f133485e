/**
 * What an operator can hand on after an internal fault: what ran, where the chain stood, what was being done and what went
 * wrong, so that others can do it again.
 */
import { writeReportFile } from "./report-file.ts";

export interface FaultFacts {
  readonly chainId: string;
  readonly genesisHash: Uint8Array;
  readonly head: { readonly height: number; readonly hash: Uint8Array };
  /** What was being done; null when nobody knows. */
  readonly work: FaultWork | null;
  /** What was thrown. */
  readonly error: unknown;
}

export interface FaultWork {
  /** The execution thread's, such as "produce". */
  readonly method: string;
  /** The time of the block in the making, in milliseconds since 1970. */
  readonly blockTime?: number;
  /** Of the block in the making, encoded, in order. */
  readonly transactions?: readonly Uint8Array[];
}

/** Bytes of transactions in a report; a block of the node's own has no more. */
const TRANSACTION_BYTES_MAX = 4 * 1024 * 1024;
/** Characters of a message and of a stack: one that quotes its input must not fill the disk. */
const TEXT_LENGTH_MAX = 64 * 1024;
/** Of errors that caused each other. */
const CAUSE_COUNT_MAX = 8;

/** Writes `fault-report-HEIGHT.json`, over one of the same height; its path, or undefined when it cannot be written. */
export function writeFaultReport(
  directory: string,
  { chainId, genesisHash, head, work, error }: FaultFacts,
): string | undefined {
  try {
    return writeReportFile(directory, `fault-report-${head.height}`, {
      chainId,
      genesisHash: hex(genesisHash),
      head: { height: head.height, hash: hex(head.hash) },
      work: work && {
        method: work.method,
        ...(work.blockTime !== undefined && { blockTime: work.blockTime }),
        ...(work.transactions !== undefined && transactionsOf(work.transactions)),
      },
      errors: errorsOf(error),
    });
  } catch {
    // Whatever was thrown need not be an error, nor tell anything of itself.
    return undefined;
  }
}

/** As many from the first on as there is room for. */
function transactionsOf(transactions: readonly Uint8Array[]) {
  let room = TRANSACTION_BYTES_MAX;
  const end = transactions.findIndex(({ length }) => {
    room -= length;
    return room < 0;
  });
  const shown = end === -1 ? transactions : transactions.slice(0, end);
  const note = `of ${transactions.length} transactions, those that fit into ${TRANSACTION_BYTES_MAX} bytes`;
  return { ...(end !== -1 && { note }), transactions: shown.map(hex) };
}

/** What was thrown, what caused that, and so on. */
function errorsOf(error: unknown): unknown[] {
  const errors: unknown[] = [];
  for (let at = error; at !== undefined && errors.length < CAUSE_COUNT_MAX; ) {
    const { name, message, stack, cause } = at instanceof Error ? at : new Error(String(at));
    errors.push({ name: clip(name), message: clip(message), ...(stack !== undefined && { stack: clip(stack) }) });
    at = cause;
  }
  return errors;
}

function clip(text: string): string {
  return text.slice(0, TEXT_LENGTH_MAX);
}

function hex(bytes: Uint8Array): string {
  return `0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex")}`;
}
