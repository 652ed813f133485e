/**
 * Cursors: a position in the chain's events as short text, to go on behind it.
 *
 * Law: one position has one spelling. "HEIGHT-TRANSACTION-EVENT" is an event; "HEIGHT" is the end of that block, behind
 * all its events, and so the cursor of the head itself.
 */
import { InputError } from "../../vm/errors.ts";
import { endOfBlock, INDEX_END, isEndOfBlock } from "../events.ts";
import type { EventPosition } from "./service.ts";

const LENGTH_MAX = `${Number.MAX_SAFE_INTEGER}-${INDEX_END}-${INDEX_END}`.length;
const NUMBER = "(0|[1-9][0-9]*)";
const pattern = new RegExp(`^${NUMBER}(?:-${NUMBER}-${NUMBER})?$`);

/** As a JSON Schema has it. */
export const CURSOR_PATTERN = pattern.source;

export function encodeCursor(position: EventPosition): string {
  const { height, transactionIndex, eventIndex } = position;
  return isEndOfBlock(position) ? String(height) : `${height}-${transactionIndex}-${eventIndex}`;
}

/** Throws `InputError` `cursor_invalid`. */
export function decodeCursor(text: string): EventPosition {
  const match = text.length <= LENGTH_MAX ? pattern.exec(text) : null;
  const [height, transactionIndex, eventIndex] = (match ?? []).slice(1).map(Number) as [number, number, number];
  const isWhole = match !== null && match[2] !== undefined;
  const isValid =
    match !== null &&
    height <= Number.MAX_SAFE_INTEGER &&
    (!isWhole || (transactionIndex < INDEX_END && eventIndex < INDEX_END));
  if (!isValid) {
    throw new InputError("cursor_invalid", "not a cursor", {
      hint: 'A cursor is "HEIGHT" or "HEIGHT-TRANSACTION-EVENT", as events and heads carry it.',
    });
  }
  return isWhole ? { height, transactionIndex, eventIndex } : endOfBlock(height);
}
