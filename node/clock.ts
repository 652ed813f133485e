/**
 * Where block times come from. The clock is the node's one input beside transactions, so it is a value that is handed in: a
 * function from the parent's time to the next block's.
 */
export type Clock = (parentTime: number) => number;

/** Milliseconds of the machine's clock; never back behind the parent. */
export const systemClock: Clock = (parentTime) => Math.max(Date.now(), parentTime);

const LOGICAL_STEP_MS = 1_000;

/** One second a block, whatever the machine's clock says: the same blocks get the same times everywhere. */
export const logicalClock: Clock = (parentTime) => parentTime + LOGICAL_STEP_MS;
