/**
 * The thread behind `scan-thread.ts`: has the folder open beside those who write to it, and reads it page by page.
 *
 * LevelDB walks over what was removed until it compacts, which nobody pays for: 50,000 removed entries cost each scan over
 * them 5 ms. So once pages have taken 50 ms too long, it names the range of the last to be compacted, and then they are gone.
 */
import { workerData } from "node:worker_threads";
import { Level } from "level";
import * as borsh from "../vm/borsh.ts";
import {
  type CompactionRange,
  type CompactionRequest,
  type PageAnswer,
  type PageRequest,
  pageCodec,
  type ScanWorkerData,
} from "./scan-thread.ts";

/** A page ends with the entry that brings it here. */
const PAGE_SIZE = 64 * 1024;
/** What a page takes that finds nothing removed, with room for other work of the machine. */
const PAGE_MS = 0.5;
const ENTRY_MS = 0.005;
const EXCESS_MS_MAX = 50;

type Page = borsh.Infer<typeof pageCodec>;

const { location, port, answered } = workerData as ScanWorkerData;

/** What `level` does not tell, because browsers have none of it. */
interface Compactable {
  compactRange(start: Uint8Array, end: Uint8Array): Promise<void>;
}

const database = new Level<Uint8Array, Uint8Array>(location, {
  keyEncoding: "view",
  valueEncoding: "view",
  createIfMissing: false,
  multithreading: true,
}) as Level<Uint8Array, Uint8Array> & Compactable;
const opened = database.open();
// Who asks for a page is told.
opened.catch(() => {});

let excessMs = 0;
let compaction: Promise<void> | undefined;

async function readPage({ from, to, reverse, limit }: PageRequest): Promise<Page> {
  await opened;
  const startMs = performance.now();
  const iterator = database.iterator({ gte: from, lt: to, reverse, highWaterMarkBytes: PAGE_SIZE });
  try {
    const entries: { key: Uint8Array; value: Uint8Array }[] = [];
    let isLast = false;
    for (let size = 0; entries.length < limit && size < PAGE_SIZE && !isLast; ) {
      const more = await iterator.nextv(limit - entries.length);
      for (const [key, value] of more) {
        entries.push({ key, value });
        size += key.length + value.length;
      }
      isLast = more.length === 0;
    }
    excessMs += Math.max(0, performance.now() - startMs - PAGE_MS - ENTRY_MS * entries.length);
    return { entries, isLast };
  } finally {
    await iterator.close();
  }
}

/** Longer than any key of a chain, so that there is never such an entry. */
const NO_KEY_SIZE = 4_096;

function noKeyAfter(key: Uint8Array): Uint8Array {
  const longer = new Uint8Array(key.length + NO_KEY_SIZE);
  longer.set(key);
  return longer;
}

/**
 * What a page walked over, and nothing else: its own range, as far as it got.
 *
 * LevelDB does not rewrite a lowest file that no other overlaps. Two removals of what was never there make one that does, so
 * these keys can be removed. Whoever writes to the folder does it: a write that fails must be known to all later ones.
 */
function walkedRange({ from, to, reverse }: PageRequest, { entries, isLast }: Page): CompactionRange {
  const last = isLast ? undefined : entries.at(-1)?.key;
  const [start, end] = reverse ? [last ?? from, to] : [from, last ?? to];
  return { start: noKeyAfter(start), end: noKeyAfter(end) };
}

async function compact({ start, end }: CompactionRange): Promise<void> {
  try {
    await opened;
    await database.compactRange(start, end);
  } catch {
    // Scans go on as slow as they are; a disk that is full is told to whoever writes.
  }
}

/** An error and its causes in words, for they cross threads as text. */
function wordsOf(error: unknown): string {
  const causes: string[] = [];
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    causes.push("code" in at ? `${at.code} ${at.message}` : at.message);
  }
  return causes.join(": ");
}

function wake(): void {
  Atomics.add(answered, 0, 1);
  Atomics.notify(answered, 0);
}

async function answer(request: PageRequest): Promise<void> {
  let message: PageAnswer;
  try {
    const page = await readPage(request);
    const isSlow = excessMs > EXCESS_MS_MAX;
    if (isSlow) excessMs = 0;
    message = {
      kind: "page",
      encoded: borsh.encode(pageCodec, page),
      slow: isSlow ? walkedRange(request, page) : null,
    };
  } catch (error) {
    message = { kind: "failed", cause: wordsOf(error) };
  }
  port.postMessage(message);
  wake();
}

// Who waits for an answer that will never come shall not wait for the time to run out.
process.on("exit", wake);

port.on("message", async (request: PageRequest | CompactionRequest | null) => {
  if (request !== null && "compact" in request) {
    compaction = compact(request.compact);
    return;
  }
  if (request !== null) return answer(request);
  port.close();
  await compaction;
  await database.close();
});
