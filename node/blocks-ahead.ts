/**
 * Blocks of another chain, in order, several of them asked for ahead of those that are executed. Law: no more of them are on
 * their way or wait than the window holds, in number; and of those that wait, whatever the other node sends, no more than it
 * holds in bytes, with one that may be larger.
 */
import type { ClaimedBlock } from "./claimed-block.ts";

const WINDOW_COUNT = 32;
const WINDOW_BYTES = 32 * 1024 * 1024;

export interface FetchedBlocks {
  /** Of the first. */
  readonly height: number;
  readonly claims: readonly ClaimedBlock[];
}

/** One that was asked for. */
interface Asked {
  readonly answered: Promise<void>;
  /** Undefined until it is answered, and when there was no room for the answer. */
  claim?: ClaimedBlock | null;
}

/**
 * The blocks from `from` to `to` as they come in: each time those that are there, one at least; and none where `ask` has none, and
 * then it ends. How large they are shows with the first ones, so it begins with one at a time. Throws what `ask` throws.
 */
export async function* blocksAhead(
  ask: (height: number) => Promise<ClaimedBlock | null>,
  from: number,
  to: number,
): AsyncGenerator<FetchedBlocks> {
  const ahead: Asked[] = [];
  let waitingSize = 0;
  let largest = 0;

  const request = (at: number): Asked => {
    const answered = ask(at).then((claim) => {
      const size = claim === null ? 0 : sizeOf(claim);
      largest = Math.max(largest, size);
      // Blocks became larger all at once. This one is asked for again in its turn.
      if (entry !== ahead[0] && waitingSize + size > WINDOW_BYTES) return;
      waitingSize += size;
      entry.claim = claim;
    });
    // The first that fails is told in its turn; the others fail with it.
    answered.catch(() => {});
    const entry: Asked = { answered };
    return entry;
  };

  for (let height = from; height <= to; ) {
    const windowCount = Math.min(WINDOW_COUNT, 2 * (height - from) + 1, to - height + 1);
    while (ahead.length === 0 || (ahead.length < windowCount && ahead.length * largest < WINDOW_BYTES)) {
      ahead.push(request(height + ahead.length));
    }
    await ahead[0]!.answered;
    if (ahead[0]!.claim === undefined) {
      ahead[0] = request(height);
      await ahead[0].answered;
    }
    const claims: ClaimedBlock[] = [];
    for (let claim = ahead[0]?.claim; claim != null; claim = ahead[0]?.claim) {
      ahead.shift();
      claims.push(claim);
      waitingSize -= sizeOf(claim);
    }
    yield { height, claims };
    if (claims.length === 0) return;
    height += claims.length;
  }
}

function sizeOf({ block, receipts }: ClaimedBlock): number {
  return receipts.reduce((sum, { length }) => sum + length, block.length);
}
